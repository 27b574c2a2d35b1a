//! How a run looks while it goes on, where nothing may move: a line a fact, with the time since its beginning.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use super::words::{BOLD, DIM, RED, action_now, action_words, duration, stamp};
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
        let at = format!("{DIM}[{}]{DIM:#}", stamp(at));
        match event {
            Event::RunStarted { .. } => Ok(()),
            Event::Recovered { address, what } => writeln!(out, "{at}   {BOLD}{address}{BOLD:#}  {what}"),
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
            Event::StepSkipped { address, because, .. } => {
                let why = match because {
                    Some(failed) => format!("skipped, because {failed} failed"),
                    None => "not begun".to_owned(),
                };
                writeln!(out, "{at} {DIM}. {address}  {why}{DIM:#}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
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
        let error = CloudError::new(ErrorSort::Other, "EKS.CreateAddon", "no luck");
        let events = [
            (0, 0, Event::RunStarted { steps: 3 }),
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
            (
                554,
                61,
                Event::StepSkipped {
                    step: 2,
                    address: Address::new("gateway", "shop"),
                    action: Action::Create,
                    because: Some(edge.part("addon.vpc-cni")),
                },
            ),
        ];
        let mut lines = Lines::default();
        let mut out = anstream::StripStream::new(Vec::new());
        for (at, machine, event) in events {
            lines.write(&mut out, &event, seconds(at), seconds(machine)).expect("a vector takes all");
        }
        insta::assert_snapshot!(String::from_utf8(out.into_inner()).expect("is UTF-8"), @r"");
    }
}
