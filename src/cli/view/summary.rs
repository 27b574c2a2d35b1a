//! How the end of a run looks: what was done, what took longest, what failed, the outputs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::Value as Json;

use super::words::{BOLD, DIM, GREEN, RED, YELLOW, duration};
use crate::address::Address;
use crate::execute::event::Outcome;

/// How many of the slowest steps are shown.
const SLOWEST: usize = 5;
/// Steps faster than this are not worth a word.
const SLOW: Duration = Duration::from_secs(30);

/// What a run took.
pub struct Took<'a> {
    /// Each step done, with its duration.
    pub steps: &'a [(Address, Duration)],
    /// By the clock of the machine, where the cloud's is another.
    pub machine: Option<Duration>,
}

/// Writes what was done.
pub fn write(
    out: &mut dyn Write,
    outcome: &Outcome,
    took: &Took<'_>,
    outputs: &BTreeMap<String, Json>,
) -> io::Result<()> {
    write_slowest(out, took.steps)?;
    write_forced(out, outcome)?;
    write_failed(out, outcome)?;
    let (word, style) = match (outcome.interrupted, outcome.is_complete()) {
        (true, _) => ("Interrupted", YELLOW),
        (false, true) => ("Done", GREEN),
        (false, false) => ("Partly done", RED),
    };
    let machine = took.machine.map(|time| format!(" of simulated time, in {:.1}s", time.as_secs_f64()));
    let machine = machine.unwrap_or_default();
    let style = style.bold();
    writeln!(out, "{style}{word}{style:#} in {}{machine}: {}.", duration(outcome.took), counts(outcome))?;
    if outcome.interrupted {
        writeln!(out, "The state is saved; the next run goes on from here.")?;
    }
    if outcome.is_complete() { write_outputs(out, outputs) } else { Ok(()) }
}

fn counts(outcome: &Outcome) -> String {
    let all = [
        (outcome.created, "created"),
        (outcome.updated, "changed"),
        (outcome.deleted, "deleted"),
        (outcome.forgotten, "forgotten"),
        (outcome.moved, "moved"),
        (outcome.failed.len(), "failed"),
        (outcome.skipped.len(), "not begun"),
    ];
    let some = all.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    let some: Vec<String> = some.collect();
    if some.is_empty() { "nothing changed".to_owned() } else { some.join(", ") }
}

fn write_slowest(out: &mut dyn Write, steps: &[(Address, Duration)]) -> io::Result<()> {
    let mut slow: Vec<_> = steps.iter().filter(|(_, took)| *took >= SLOW).collect();
    if slow.is_empty() {
        return Ok(());
    }
    slow.sort_by_key(|(address, took)| (std::cmp::Reverse(*took), address.clone()));
    writeln!(out, "{DIM}Slowest:{DIM:#}")?;
    for (address, took) in slow.into_iter().take(SLOWEST) {
        writeln!(out, "  {:>7}  {address}", duration(*took))?;
    }
    writeln!(out)
}

fn write_forced(out: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    if outcome.forced.is_empty() {
        return Ok(());
    }
    writeln!(out, "{YELLOW}Forced:{YELLOW:#}")?;
    for (address, what) in &outcome.forced {
        writeln!(out, "  {BOLD}{address}{BOLD:#}  {what}")?;
    }
    writeln!(out)
}

fn write_failed(out: &mut dyn Write, outcome: &Outcome) -> io::Result<()> {
    if outcome.failed.is_empty() {
        return Ok(());
    }
    writeln!(out, "{RED}Failed:{RED:#}")?;
    for (address, error) in &outcome.failed {
        writeln!(out, "  {BOLD}{address}{BOLD:#}  {error}")?;
    }
    writeln!(out)
}

/// Writes outputs, a line each.
pub fn write_outputs(out: &mut dyn Write, outputs: &BTreeMap<String, Json>) -> io::Result<()> {
    if outputs.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{BOLD}Outputs:{BOLD:#}")?;
    for (name, value) in outputs {
        writeln!(out, "  {name} = {}", plain(&crate::secret::shown(value)))?;
    }
    Ok(())
}

/// A value as a shell wants it: texts without quotes.
pub fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{CloudError, ErrorSort};

    fn shown(outcome: &Outcome, machine: Option<Duration>) -> String {
        let seconds = Duration::from_secs;
        let steps: Vec<_> =
            (0..7).map(|n| (Address::new("cluster", &format!("c{n}")), seconds(n * 15))).collect();
        let outputs =
            BTreeMap::from([("url".to_owned(), Json::from("https://shop")), ("n".to_owned(), Json::from(3))]);
        let mut out = anstream::StripStream::new(Vec::new());
        write(&mut out, outcome, &Took { steps: &steps, machine }, &outputs).expect("a vector takes all");
        String::from_utf8(out.into_inner()).expect("is UTF-8")
    }

    #[test]
    fn a_complete_run_ends_with_its_outputs() {
        let outcome =
            Outcome { created: 112, updated: 3, took: Duration::from_secs(1421), ..Outcome::default() };
        insta::assert_snapshot!(shown(&outcome, Some(Duration::from_millis(1240))), @r"
        Slowest:
            1m30s  cluster.c6
            1m15s  cluster.c5
               1m  cluster.c4
              45s  cluster.c3
              30s  cluster.c2

        Done in 23m41s of simulated time, in 1.2s: 112 created, 3 changed.

        Outputs:
          n = 3
          url = https://shop
        ");
    }

    #[test]
    fn a_partly_done_run_ends_with_what_failed() {
        let error =
            CloudError::answered("EKS.CreateAddon", "InvalidParameterException", "no such version", None);
        let outcome = Outcome {
            created: 4,
            failed: vec![(Address::new("cluster", "edge"), error)],
            skipped: vec![Address::new("gateway", "shop")],
            took: Duration::from_secs(61),
            ..Outcome::default()
        };
        insta::assert_snapshot!(shown(&outcome, None), @r"
        Slowest:
            1m30s  cluster.c6
            1m15s  cluster.c5
               1m  cluster.c4
              45s  cluster.c3
              30s  cluster.c2

        Failed:
          cluster.edge  EKS.CreateAddon: InvalidParameterException: no such version

        Partly done in 1m01s: 4 created, 1 failed, 1 not begun.
        ");
    }

    #[test]
    fn an_interrupted_run_says_that_the_state_is_saved() {
        let outcome = Outcome { interrupted: true, ..Outcome::default() };
        assert!(shown(&outcome, None).contains("The state is saved"));
        let unreachable = CloudError::new(ErrorSort::Unreachable, "a", "b");
        assert_eq!(
            counts(&Outcome { failed: vec![(Address::new("a", "b"), unreachable)], ..outcome }),
            "1 failed"
        );
    }
}
