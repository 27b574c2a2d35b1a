//! How a run looks while it goes on, where nothing may move: a line a fact, with the time since its beginning.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use super::words::{BOLD, DIM, RED, YELLOW, action_now, action_words, duration, stamp};
use crate::address::Address;
use crate::change::Action;
use crate::execute::event::Event;

/// A step that usually takes longer than this is told when it begins.
const LONG: Duration = Duration::from_secs(60);
/// How often a long wait is told, by the clock of the machine: so that nobody takes a run for dead.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// What was told of the steps that go on.
#[derive(Debug, Default)]
pub struct Lines {
    running: BTreeMap<usize, Running>,
    skipped: Vec<(Option<Address>, Address)>,
}

#[derive(Debug)]
struct Running {
    action: Action,
    usual: Duration,
    told: Duration,
}

impl Lines {
    /// Writes what happened, if it is worth a line. `at` is the cloud's time since the beginning of the run, `machine`
    /// the machine's.
    pub fn write(
        &mut self,
        out: &mut dyn Write,
        event: &Event,
        at: Duration,
        machine: Duration,
    ) -> io::Result<()> {
        if let Event::StepSkipped { address, because, .. } = event {
            self.skipped.push((because.clone(), address.clone()));
            return Ok(());
        }
        self.write_skipped(out, at)?;
        let at = format!("{DIM}[{}]{DIM:#}", stamp(at));
        match event {
            Event::RunStarted { .. } => Ok(()),
            Event::Recovered { address, what } => {
                writeln!(out, "{at}   found {BOLD}{address}{BOLD:#}: {what}")
            }
            Event::StepStarted { step, address, title, action, usual } => {
                self.running.insert(*step, Running { action: *action, usual: *usual, told: machine });
                if *action != Action::Create || *usual < LONG {
                    return Ok(());
                }
                let (now, usual) = (action_now(*action), duration(*usual));
                writeln!(out, "{at}   {BOLD}{address}{BOLD:#}  {now} {title}, which usually takes {usual}")
            }
            Event::StepWaited { step, address, what, elapsed } => {
                let Some(running) = self.running.get_mut(step) else { return Ok(()) };
                if machine.saturating_sub(running.told) < HEARTBEAT {
                    return Ok(());
                }
                running.told = machine;
                let now = action_now(running.action);
                let usual = match running.action {
                    Action::Create if running.usual >= LONG => {
                        format!(" of usually {}", duration(running.usual))
                    }
                    _ => String::new(),
                };
                let elapsed = duration(*elapsed);
                writeln!(out, "{at}   {BOLD}{address}{BOLD:#}  still {now}: {what} ({elapsed}{usual})")
            }
            Event::StepForced { address, what, .. } => {
                writeln!(out, "{at} {YELLOW}!{YELLOW:#} {BOLD}{address}{BOLD:#}  forced: {what}")
            }
            Event::StepDone { step, address, action, took } => {
                self.running.remove(step);
                let (sign, style, done) = action_words(*action);
                let took = duration(*took);
                writeln!(out, "{at} {style}{sign}{style:#} {BOLD}{address}{BOLD:#}  {done} ({took})")
            }
            Event::StepFailed { step, address, action, error, took } => {
                self.running.remove(step);
                let (now, took) = (action_now(*action), duration(*took));
                writeln!(out, "{at} {RED}!{RED:#} {BOLD}{address}{BOLD:#}  failed {now} it ({took}): {error}")
            }
            Event::StepSkipped { .. } => Ok(()),
        }
    }

    /// Writes what was skipped since the last line, a line a cause. Comes last in a run too.
    pub fn write_skipped(&mut self, out: &mut dyn Write, at: Duration) -> io::Result<()> {
        let mut by_cause: BTreeMap<Option<Address>, Vec<Address>> = BTreeMap::new();
        for (because, address) in std::mem::take(&mut self.skipped) {
            by_cause.entry(because).or_default().push(address);
        }
        for (because, skipped) in by_cause {
            let what = match skipped.as_slice() {
                [only] => only.to_string(),
                [first, rest @ ..] => format!("{first} and {} more", rest.len()),
                [] => continue,
            };
            let why = match because {
                Some(failed) => format!("skipped, because {failed} failed"),
                None => "not begun".to_owned(),
            };
            writeln!(out, "{DIM}[{}] . {what}  {why}{DIM:#}", stamp(at))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{CloudError, ErrorSort};

    #[test]
    fn a_run_is_a_line_a_fact() {
        let edge = Address::new("cluster", "edge");
        let seconds = Duration::from_secs;
        let waited = |elapsed| Event::StepWaited {
            step: 0,
            address: edge.clone(),
            what: "status CREATING".into(),
            elapsed: seconds(elapsed),
        };
        let skipped = |name| Event::StepSkipped {
            step: 2,
            address: Address::new("gateway", name),
            action: Action::Create,
            because: Some(edge.part("addon.vpc-cni")),
        };
        let error = CloudError::new(ErrorSort::Other, "EKS.CreateAddon", "no luck");
        let events = [
            (0, 0, Event::RunStarted { steps: 3 }),
            (
                0,
                0,
                Event::Recovered {
                    address: edge.clone(),
                    what: "an earlier run began it; polling on".into(),
                },
            ),
            (
                0,
                0,
                Event::StepStarted {
                    step: 0,
                    address: edge.clone(),
                    title: "EKS cluster",
                    action: Action::Create,
                    usual: seconds(600),
                },
            ),
            (10, 10, waited(10)),
            (40, 40, waited(40)),
            (50, 50, waited(50)),
            (
                552,
                61,
                Event::StepDone {
                    step: 0,
                    address: edge.clone(),
                    action: Action::Create,
                    took: seconds(552),
                },
            ),
            (
                554,
                61,
                Event::StepFailed {
                    step: 1,
                    address: edge.part("addon.vpc-cni"),
                    action: Action::Create,
                    error,
                    took: seconds(2),
                },
            ),
            (554, 61, skipped("shop")),
            (554, 61, skipped("core")),
        ];
        let mut lines = Lines::default();
        let mut out = anstream::StripStream::new(Vec::new());
        for (at, machine, event) in events {
            lines.write(&mut out, &event, seconds(at), seconds(machine)).expect("a vector takes all");
        }
        lines.write_skipped(&mut out, seconds(554)).expect("a vector takes all");
        insta::assert_snapshot!(String::from_utf8(out.into_inner()).expect("is UTF-8"), @r"
        [00:00]   found cluster.edge: an earlier run began it; polling on
        [00:00]   cluster.edge  creating EKS cluster, which usually takes 10m
        [00:40]   cluster.edge  still creating: status CREATING (40s of usually 10m)
        [09:12] + cluster.edge  created (9m12s)
        [09:14] ! cluster.edge/addon.vpc-cni  failed creating it (2s): EKS.CreateAddon: no luck
        [09:14] . gateway.shop and 1 more  skipped, because cluster.edge/addon.vpc-cni failed
        ");
    }
}
