//! One step, carried out, and what all steps have in common: waiting with a limit, looking, telling. How something is
//! made is in `make`, how it goes in `delete`.
//!
//! A step tells what it does by channel and never touches the state. What fails for want of time or of something
//! else is tried again until the step's limit.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::Cancel;
use super::delete::delete;
use super::limits::Limits;
use super::make::{create, diff_of, settle};
use crate::change::{Action, Reason};
use crate::cloud::{CloudError, CloudResult, Cx, ErrorSort};
use crate::kind::{AnyKind, naming};
use crate::live::{FoundAny, Ownership};
use crate::plan::Step;
use crate::state::Object;
use crate::state::store::Lease;

/// How long the cloud may take to show what it just made, or what an earlier run made.
pub(super) const SETTLE: Duration = Duration::from_secs(60);

/// What a step tells while it goes on.
pub(super) enum Note {
    /// The cloud gave it an id.
    Made(String),
    /// What it waits for.
    Waits(String),
    /// What it did by force.
    Forced(String),
}

/// What a step needs to be carried out.
pub(super) struct Work<'a> {
    pub(super) number: usize,
    pub(super) step: &'a Step,
    pub(super) kind: &'static dyn AnyKind,
    pub(super) cx: Cx,
    /// What it should be, all known.
    pub(super) spec: Json,
    pub(super) limits: &'a Limits,
    pub(super) notes: UnboundedSender<(usize, Note)>,
    pub(super) limit: Duration,
    pub(super) started: Duration,
    pub(super) cancel: watch::Receiver<Cancel>,
    pub(super) lease: Lease,
}

/// Carries it out. The object that is there then; none after a delete.
pub(super) async fn carry_out(work: &Work<'_>) -> CloudResult<Option<Object>> {
    match work.step.action {
        Action::Forget => Ok(None),
        Action::Delete => delete(work).await.map(|()| None),
        Action::Update | Action::Move => {
            let id = work.step.id.clone().ok_or_else(|| work.bug("an update has no id"))?;
            settle(work, &id).await.map(Some)
        }
        Action::Create => {
            let id = create(work).await?;
            work.tell(Note::Made(id.clone()));
            settle(work, &id).await.map(Some)
        }
    }
}

impl Work<'_> {
    pub(super) fn tell(&self, note: Note) {
        // Nobody listens any more only when the run is over.
        drop(self.notes.send((self.number, note)));
    }

    pub(super) fn bug(&self, what: &str) -> CloudError {
        CloudError::broken_contract(self.kind.shape().kind, what)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.cx.cloud().clock().elapsed().saturating_sub(self.started)
    }

    /// Says what is waited for and waits a moment; an error once the limit is reached.
    pub(super) async fn wait(&self, what: &str) -> CloudResult<()> {
        self.pause(what, self.kind.shape().timing.poll, self.limit).await
    }

    /// The same for what may still arrive from an earlier run and mostly does not: looks less and less often.
    pub(super) async fn wait_for_late(&self, what: &str) -> CloudResult<()> {
        self.pause(what, self.kind.shape().timing.poll.max(self.elapsed() / 2), self.limit).await
    }

    /// The same with another limit.
    pub(super) async fn wait_until(&self, what: &str, limit: Duration) -> CloudResult<()> {
        self.pause(what, self.kind.shape().timing.poll, limit).await
    }

    async fn pause(&self, what: &str, pause: Duration, limit: Duration) -> CloudResult<()> {
        self.tell(Note::Waits(what.to_owned()));
        if self.elapsed() >= limit {
            return Err(self.given_up(what, limit).await);
        }
        let mut cancel = self.cancel.clone();
        let stopped = cancel.wait_for(|told| *told != Cancel::No);
        let clock = self.cx.cloud().clock();
        tokio::select! {
            () = clock.sleep(pause) => Ok(()),
            Ok(_) = stopped => Err(CloudError::new(ErrorSort::Interrupted, "waiting", what)),
        }
    }

    /// Why it was given up: what it waited for, and what the cloud last warned of.
    async fn given_up(&self, what: &str, limit: Duration) -> CloudError {
        let minutes = limit.as_secs().div_ceil(60);
        let mut words = format!("gave up after {minutes} min; it was still waiting for: {what}");
        match self.kind.warned(&self.cx, &self.spec).await {
            Ok(Some(warning)) if !what.contains(&warning) => {
                words.push_str(&format!("; its last event warns: {warning}"));
            }
            Ok(_) => {}
            Err(error) => words.push_str(&format!("; its events cannot be read: {}", error.message)),
        }
        if matches!(self.step.reason, Reason::Down { .. }) {
            words.push_str("; `--no-repair --force-finalizers` goes on without it");
        }
        if self.step.action == Action::Delete {
            words.extend(self.naming().await.iter().map(|what| format!("; {what}")));
        }
        let operation = format!("waiting for {} {}", self.kind.shape().title, self.step.address);
        CloudError::new(ErrorSort::Other, operation, words)
    }

    /// What of somebody else names the security groups that a controller made: they cannot go before that does.
    async fn naming(&self) -> Vec<String> {
        let groups = self.step.made.iter().filter(|child| child.is_group()).map(|child| child.id.as_str());
        let groups: Vec<&str> = groups.collect();
        match naming(&self.cx.clients(), &groups).await {
            Ok(rules) => rules.into_iter().map(|(_, hold)| hold.what).collect(),
            Err(error) => vec![format!("what names its security groups cannot be told: {}", error.message)],
        }
    }

    /// Waits until this run may change the cloud. It never may again once another run has its state.
    pub(super) async fn may_change(&self) -> CloudResult<()> {
        let mut cancel = self.cancel.clone();
        let stopped = cancel.wait_for(|told| *told != Cancel::No);
        let held = tokio::select! {
            biased;
            held = self.lease.held() => held,
            Ok(_) = stopped => false,
        };
        let error = || CloudError::new(ErrorSort::Interrupted, "changing it", "the run has ended before");
        if held { Ok(()) } else { Err(error()) }
    }

    /// Whether whatever an earlier run sent has arrived, and whatever it made is seen.
    pub(super) fn may_not_arrive(&self) -> bool {
        self.elapsed() > SETTLE
    }

    pub(super) async fn find(&self, spec: &Json, id: Option<&str>) -> CloudResult<Option<FoundAny>> {
        loop {
            let place = self.limits.place(self.kind.shape().service).await;
            let answer = self.kind.find(&self.cx, spec, id).await;
            drop(place);
            match answer {
                Err(error) if passes(&error) => self.wait(&error.to_string()).await?,
                answer => return answer,
            }
        }
    }

    pub(super) fn is_ours(&self, found: &FoundAny) -> bool {
        match &found.owner {
            Ownership::Tagged { lineage, address } => {
                lineage == self.cx.lineage() && address == self.cx.address().as_str()
            }
            Ownership::Untagged => false,
            // Nobody else made the very thing we were about to make, or else the plan had seen it.
            Ownership::Untaggable => {
                self.step.resume.is_some() || diff_of(self.kind, &self.spec, None, &found.spec).is_empty()
            }
        }
    }

    /// Whether its tags tell an address that it had before it was moved.
    pub(super) fn tells_another_address(&self, found: &FoundAny) -> bool {
        matches!(&found.owner, Ownership::Tagged { lineage, address }
            if lineage == self.cx.lineage() && address != self.cx.address().as_str())
    }
}

/// Whether an error passes with time.
pub(super) fn passes(error: &CloudError) -> bool {
    matches!(error.sort, ErrorSort::InUse | ErrorSort::NotYet | ErrorSort::Throttled | ErrorSort::Unreachable)
}
