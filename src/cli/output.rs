//! `stack output`: the outputs of the last complete `up`, from the state. Sensitive ones are told only by name.

use serde_json::{Value as Json, json};

use super::args::{Global, Output as Args};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::run::{composed, recorded};
use super::screen::Screen;
use super::view::summary::plain;
use crate::plan::known::Told;
use crate::secret::{Mask, has_marks, shown};
use crate::state::State;

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
                return writeln!(out, "{:#}", shown(&json!(state.outputs)));
            }
            let mut outputs = state.outputs.iter();
            outputs.try_for_each(|(name, value)| writeln!(out, "{name} = {}", plain(&shown(value))))
        })?;
        return Ok(Exit::Done);
    };
    let Some(value) = state.outputs.get(name) else {
        return Err(unknown("output", name, state.outputs.keys().map(String::as_str)));
    };
    let told =
        if has_marks(value) { Some(told_again(name, value, &state, args, environment)?) } else { None };
    let value = told.as_ref().unwrap_or(value);
    screen
        .answer(|out| if args.json { writeln!(out, "{value}") } else { writeln!(out, "{}", plain(value)) })?;
    Ok(Exit::Done)
}

/// A sensitive output is not kept: it is what the stack file and its variables say now, if that is what it was.
fn told_again(
    name: &str,
    kept: &Json,
    state: &State,
    args: &Args,
    environment: &Environment,
) -> Result<Json, Failure> {
    let refused =
        || Failure::refused(format!("the output `{name}` is sensitive, and is not kept in the state"));
    let (_, graph) = composed(&args.of, environment).map_err(|wrong| Failure {
        drawn: wrong.drawn.clone(),
        ..refused().because(wrong.error).hint("it is told from the stack file and its variables")
    })?;
    let told = Told::of(&graph, state);
    let value = graph.outputs.get(name).and_then(|value| told.resolved(value).known().ok());
    let mask = Mask::new(&graph.secrets, &state.lineage);
    value.filter(|value| !has_marks(value) && *mask.masked(value) == *kept).ok_or_else(|| {
        refused()
            .because("the stack file and its variables do not say the value that it had after the last `up`")
            .hint("give the variables the values that they had then, or run `stack up` with those of now")
    })
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
