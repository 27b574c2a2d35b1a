//! `Chronicle`: notes a run for the history, how it begins and how it ends. How history looks is in `view::history`.

use std::time::Duration;

use super::error::{Exit, Failure};
use crate::clock::Clock;
use crate::execute::event::Event;
use crate::plan::Plan;
use crate::stack::Source;
use crate::state::FORMAT;
use crate::state::history::{Begun, Ended, Ending, FileRef, StepEnd, Trodden, Wanted};
use crate::state::store::{Holder, Locked, StoreError};

/// The note of a run that goes on.
pub(super) struct Chronicle {
    begun: Begun,
    steps: Vec<Trodden>,
    clock: Clock,
    since: Duration,
}

impl Chronicle {
    /// Notes that a plan is about to be carried out, and the stack file as it is.
    pub(super) async fn begin(
        locked: &Locked,
        holder: &Holder,
        plan: &Plan,
        source: &Source,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let file = FileRef::of(source.path.display().to_string(), &source.text);
        let wanted =
            |change: &crate::change::Change| Wanted { address: change.address.clone(), verb: change.verb };
        let changes = plan.changes.iter().map(wanted).collect();
        let begun = Begun { file: Some(file), changes, ..begun(locked, holder, clock) };
        locked.begin_history(&begun, Some(&source.text)).await?;
        Ok(Self { begun, steps: Vec::new(), clock, since: clock.elapsed() })
    }

    /// Notes that something is about to be done by hand.
    pub(super) async fn by_hand(locked: &Locked, holder: &Holder, clock: Clock) -> Result<Self, StoreError> {
        let begun = begun(locked, holder, clock);
        locked.begin_history(&begun, None).await?;
        Ok(Self { begun, steps: Vec::new(), clock, since: clock.elapsed() })
    }

    /// Notes the end of a step.
    pub(super) fn hear(&mut self, event: &Event) {
        let millis = |took: &Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (address, action, end, took, error) = match event {
            Event::StepDone { address, action, took, .. } => {
                (address, action, StepEnd::Done, Some(took), None)
            }
            Event::StepFailed { address, action, took, error, .. } => {
                (address, action, StepEnd::Failed, Some(took), Some(error.to_string()))
            }
            Event::StepSkipped { address, action, .. } => (address, action, StepEnd::Skipped, None, None),
            _ => return,
        };
        let (address, action, took_ms) = (address.clone(), *action, took.map(millis));
        self.steps.push(Trodden { address, action, end, took_ms, error });
    }

    /// Notes something that was done by hand.
    pub(super) fn note(&mut self, step: Trodden) {
        self.steps.push(step);
    }

    /// Notes the end of the run.
    pub(super) async fn end(self, locked: &Locked, ended: Result<Exit, &Failure>) -> Result<(), StoreError> {
        let took = self.clock.elapsed().saturating_sub(self.since);
        let ended = Ended {
            format: FORMAT,
            at: self.clock.cloud_millis(),
            ending: ending(&ended, &self.steps),
            error: ended.err().map(Failure::in_a_line),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            seq: locked.state().seq,
            steps: self.steps,
        };
        locked.end_history(&self.begun, &ended).await
    }
}

fn begun(locked: &Locked, holder: &Holder, clock: Clock) -> Begun {
    Begun {
        format: FORMAT,
        id: holder.id.clone(),
        at: clock.cloud_millis(),
        who: holder.who.clone(),
        command: holder.command.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seq: locked.state().seq,
        file: None,
        changes: Vec::new(),
    }
}

fn ending(ended: &Result<Exit, &Failure>, steps: &[Trodden]) -> Ending {
    let did_something = steps.iter().any(|step| step.end == StepEnd::Done);
    match ended {
        Ok(Exit::Interrupted) => Ending::Interrupted,
        Ok(Exit::Done) => Ending::Done,
        _ if did_something => Ending::Partly,
        _ => Ending::Failed,
    }
}
