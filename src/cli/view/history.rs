//! How history looks: a few lines a run, all of one run, or JSON.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::words::{BOLD, DIM, GREEN, RED, YELLOW, action_words, duration, fit, style_of};
use crate::change::Action;
use crate::state::history::{Ended, Ending, Run, StepEnd, Trodden};

/// One run in two lines. `goes_on`: whether it is one without an end that still has the lock.
pub fn line(out: &mut dyn Write, run: &Run, goes_on: bool, width: usize) -> io::Result<()> {
    let (word, style) = word_of(run, goes_on);
    let when = time(run.begun.at);
    let command = fit(&run.begun.command, width.saturating_sub(41));
    writeln!(out, "{:>4}  {when}  {style}{word:<11}{style:#}  {BOLD}{command}{BOLD:#}", run.number)?;
    let took = run.ended.as_ref().map(|ended| format!(" in {}", duration(took(ended)))).unwrap_or_default();
    let what = format!("{}{took}; by {}", counts(run), run.begun.who);
    writeln!(out, "      {DIM}{}{DIM:#}", fit(&what, width.saturating_sub(6)))
}

/// Everything about one run.
pub fn whole(out: &mut dyn Write, run: &Run, goes_on: bool, stack: &str, width: usize) -> io::Result<()> {
    let begun = &run.begun;
    let (word, style) = word_of(run, goes_on);
    writeln!(out, "{BOLD}Run {} of {stack}: {}{BOLD:#}", run.number, begun.command)?;
    writeln!(out, "  begun  {} by {}", time(begun.at), begun.who)?;
    match &run.ended {
        Some(ended) => {
            let after = duration(took(ended));
            writeln!(out, "  ended  {} after {after}: {style}{word}{style:#}", time(ended.at))?;
        }
        None if goes_on => writeln!(out, "  ended  not yet")?,
        None => writeln!(
            out,
            "  ended  {style}nobody saw its end{style:#}; the next run looked up what had none"
        )?,
    }
    if let Some(file) = &begun.file {
        writeln!(out, "  file   {}, sha256 {}", file.path, fit(&file.sha256, 13))?;
    }
    writeln!(out, "  with   stack {}, id {}", begun.version, begun.id)?;
    if let Some(error) = run.ended.as_ref().and_then(|ended| ended.error.as_ref()) {
        writeln!(out, "  {RED}{error}{RED:#}")?;
    }
    writeln!(out)?;
    match &run.ended {
        Some(ended) => {
            ended.steps.iter().try_for_each(|step| write_step(out, step, width))?;
            writeln!(out, "{}{}.", if ended.steps.is_empty() { "" } else { "\n" }, counts(run))
        }
        None => {
            for change in &begun.changes {
                let style = style_of(change.verb);
                writeln!(out, "  {style}{}{style:#} {}", change.verb.sign(), change.address)?;
            }
            writeln!(out, "\nThat is what it was to do.")
        }
    }
}

fn write_step(out: &mut dyn Write, step: &Trodden, width: usize) -> io::Result<()> {
    let (sign, style, done) = action_words(step.action);
    let took =
        step.took_ms.map(|ms| format!(" ({})", duration(Duration::from_millis(ms)))).unwrap_or_default();
    match step.end {
        StepEnd::Done => writeln!(out, "  {style}{sign} {}{style:#}  {done}{took}", step.address),
        StepEnd::Failed => {
            writeln!(out, "  {RED}! {}  failed{took}{RED:#}", step.address)?;
            let error = step.error.as_deref().unwrap_or_default();
            writeln!(out, "      {}", fit(error, width.max(60) * 3))
        }
        StepEnd::Skipped => writeln!(out, "  {DIM}. {}  not begun{DIM:#}", step.address),
    }
}

fn word_of(run: &Run, goes_on: bool) -> (&'static str, Style) {
    match run.ended.as_ref().map(|ended| ended.ending) {
        Some(Ending::Done) => ("done", GREEN),
        Some(Ending::Partly) => ("partly done", RED),
        Some(Ending::Failed) => ("failed", RED),
        Some(Ending::Interrupted) => ("interrupted", YELLOW),
        None if goes_on => ("goes on", YELLOW),
        None => ("crashed", RED),
    }
}

fn counts(run: &Run) -> String {
    let Some(ended) = &run.ended else { return format!("{} to change", run.begun.changes.len()) };
    let all = [
        (ended.done(Action::Create), "created"),
        (ended.done(Action::Update), "changed"),
        (ended.done(Action::Delete), "deleted"),
        (ended.done(Action::Forget), "forgotten"),
        (ended.count(StepEnd::Failed), "failed"),
        (ended.count(StepEnd::Skipped), "not begun"),
    ];
    let some = all.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let some: Vec<String> = some.collect();
    if some.is_empty() { "no resource changed".to_owned() } else { some.join(", ") }
}

fn took(ended: &Ended) -> Duration {
    Duration::from_millis(ended.took_ms)
}

/// RFC 3339, in UTC, to the second.
fn time(millis: i64) -> String {
    let seconds = Timestamp::from_second(millis.div_euclid(1000));
    seconds.map_or_else(|_| "-".to_owned(), |at| at.to_string())
}

/// A run as an object; its steps too if they are wanted.
pub fn json(run: &Run, goes_on: bool, steps: bool) -> Json {
    let begun = &run.begun;
    let mut told = json!({
        "type": "run",
        "run": run.number,
        "id": begun.id,
        "begun": time(begun.at),
        "who": begun.who,
        "command": begun.command,
        "stack_version": begun.version,
        "file": begun.file,
        "ending": if goes_on { json!("goes_on") } else { json!("crashed") },
    });
    if let Some(ended) = &run.ended {
        told["ending"] = json!(ended.ending);
        told["ended"] = json!(time(ended.at));
        told["took_ms"] = json!(ended.took_ms);
        told["error"] = json!(ended.error);
        told["created"] = json!(ended.done(Action::Create));
        told["updated"] = json!(ended.done(Action::Update));
        told["deleted"] = json!(ended.done(Action::Delete));
        told["forgotten"] = json!(ended.done(Action::Forget));
        told["failed"] = json!(ended.count(StepEnd::Failed));
        told["skipped"] = json!(ended.count(StepEnd::Skipped));
    }
    if steps {
        told["changes"] = json!(begun.changes);
        told["steps"] = json!(run.ended.as_ref().map(|ended| &ended.steps));
    }
    told
}
