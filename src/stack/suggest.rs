//! "Did you mean": the nearest of some known words, and hints made of it.

/// Among so many words the nearest is looked for.
const MOST_CANDIDATES: usize = 200;

/// So many words are listed.
const MOST_LISTED: usize = 24;

/// The known word nearest to what was written, if it is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .take(MOST_CANDIDATES)
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= far || (word.len() > 2 && candidate.starts_with(word)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?" where something is near, and all that is allowed.
pub(super) fn hint(word: &str, allowed: &[&str]) -> String {
    let list = format!("allowed: {}", quoted(allowed));
    match nearest(word, allowed.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    }
}

/// Words in backquotes, with commas; not all of very many.
pub(super) fn quoted(words: &[&str]) -> String {
    let listed = words.iter().take(MOST_LISTED).map(|word| format!("`{word}`"));
    let more =
        words.len().checked_sub(MOST_LISTED).filter(|more| *more > 0).map(|more| format!("{more} more"));
    listed.chain(more).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_slip_of_the_finger_and_nothing_far() {
        assert_eq!(nearest("regoin", ["name", "region", "account"]), Some("region"));
        assert_eq!(nearest("cluster", ["clusters", "class"]), Some("clusters"));
        assert_eq!(nearest("zebra", ["name", "region"]), None);
        assert_eq!(nearest("", ["name"]), None);
    }
}
