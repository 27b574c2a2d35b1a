//! `stack output`: the outputs of the last complete `up`, from the state.

use serde_json::json;

use super::args::{Global, Output as Args};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::run::recorded;
use super::screen::Screen;
use super::view::summary::plain;

/// Prints all of them, or one as plain text.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    let state = recorded(&args.of, global, environment)?;
    let Some(name) = &args.name else {
        screen.answer(|out| {
            if args.json {
                return writeln!(out, "{:#}", json!(state.outputs));
            }
            state.outputs.iter().try_for_each(|(name, value)| writeln!(out, "{name} = {}", plain(value)))
        })?;
        return Ok(Exit::Done);
    };
    let Some(value) = state.outputs.get(name) else {
        return Err(unknown("output", name, state.outputs.keys().map(String::as_str)));
    };
    screen
        .answer(|out| if args.json { writeln!(out, "{value}") } else { writeln!(out, "{}", plain(value)) })?;
    Ok(Exit::Done)
}

/// There is no such thing; what there is instead, the nearest first.
pub(super) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let mut known: Vec<_> = known.map(|word| (strsim::damerau_levenshtein(name, word), word)).collect();
    known.sort_unstable();
    let failure = Failure::refused(format!("there is no {what} `{name}`"));
    match known.first() {
        None => failure.hint(format!("there is no {what} at all")),
        Some((distance, near)) if *distance <= (name.chars().count() / 3).max(1) => {
            failure.hint(format!("did you mean `{near}`?"))
        }
        Some(_) => {
            let some: Vec<String> = known.iter().take(8).map(|(_, word)| format!("`{word}`")).collect();
            let more = if known.len() > 8 { ", …" } else { "" };
            failure.hint(format!("there are: {}{more}", some.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_meant_or_all_are_told() {
        let hint = |name: &str| unknown("output", name, ["url", "arn"].into_iter()).hints.join("");
        assert_eq!(hint("urll"), "did you mean `url`?");
        assert_eq!(hint("zebra"), "there are: `arn`, `url`");
    }
}
