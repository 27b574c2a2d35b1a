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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::change::Verb;
    use crate::state::history::{Begun, FileRef, Wanted};

    fn run(ended: Option<Ended>) -> Run {
        let begun = Begun {
            format: 1,
            id: "0123456789abcdef".into(),
            at: 1_790_000_000_000,
            who: "ann on laptop, process 7".into(),
            command: "up shop".into(),
            version: "0.1.0".into(),
            seq: 0,
            file: Some(FileRef::of("stacks/shop.toml".into(), "abc")),
            changes: vec![Wanted { address: Address::new("cluster", "edge"), verb: Verb::Create }],
        };
        Run { number: 3, begun, ended }
    }

    fn partly() -> Ended {
        let step = |name: &str, end, took_ms, error: Option<&str>| Trodden {
            address: Address::new("cluster", name),
            action: Action::Create,
            end,
            took_ms,
            error: error.map(str::to_owned),
        };
        let steps = vec![
            step("edge", StepEnd::Done, Some(552_000), None),
            step("apps", StepEnd::Failed, Some(3_000), Some("EKS.CreateCluster: LimitExceeded: no more")),
            step("more", StepEnd::Skipped, None, None),
        ];
        let (at, ending) = (1_790_000_600_000, Ending::Partly);
        Ended { format: 1, at, ending, error: None, took_ms: 600_000, seq: 9, steps }
    }

    fn shown(view: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        view(&mut out).expect("a vector takes all");
        String::from_utf8(out.into_inner()).expect("is UTF-8")
    }

    #[test]
    fn a_run_that_did_a_part_tells_which() {
        let run = run(Some(partly()));
        insta::assert_snapshot!(shown(|out| line(out, &run, false, 80)), @r"
           3  2026-09-21T14:13:20Z  partly done  up shop
              1 created, 1 failed, 1 not begun in 10m; by ann on laptop, process 7
        ");
        insta::assert_snapshot!(shown(|out| whole(out, &run, false, "shop", 80)), @r"
        Run 3 of shop: up shop
          begun  2026-09-21T14:13:20Z by ann on laptop, process 7
          ended  2026-09-21T14:23:20Z after 10m: partly done
          file   stacks/shop.toml, sha256 ba7816bf8f01…
          with   stack 0.1.0, id 0123456789abcdef

          + cluster.edge  created (9m12s)
          ! cluster.apps  failed (3s)
              EKS.CreateCluster: LimitExceeded: no more
          . cluster.more  not begun

        1 created, 1 failed, 1 not begun.
        ");
    }

    #[test]
    fn a_run_whose_end_nobody_saw_tells_what_it_was_to_do() {
        let run = run(None);
        insta::assert_snapshot!(shown(|out| line(out, &run, false, 80)), @r"
           3  2026-09-21T14:13:20Z  crashed      up shop
              1 to change; by ann on laptop, process 7
        ");
        assert!(shown(|out| whole(out, &run, false, "shop", 80)).contains("nobody saw its end"));
        assert!(shown(|out| line(out, &run, true, 80)).contains("goes on"));
        assert_eq!(json(&run, false, false)["ending"], "crashed");
        assert_eq!(json(&run, true, false)["ending"], "goes_on");
    }

    #[test]
    fn as_json_it_counts_and_tells_the_steps_if_they_are_wanted() {
        let run = run(Some(partly()));
        let told = json(&run, false, true);
        assert_eq!(
            (&told["created"], &told["failed"], &told["ending"]),
            (&json!(1), &json!(1), &json!("partly"))
        );
        assert_eq!(told["begun"], "2026-09-21T14:13:20Z");
        assert_eq!(told["steps"][1]["error"], "EKS.CreateCluster: LimitExceeded: no more");
        assert!(json(&run, false, false).get("steps").is_none());
    }
}
