//! What the execution tells while it goes on: facts, in the past tense. How they look is in `cli::view`.

use std::time::Duration;

use serde::Serialize;

use crate::address::Address;
use crate::change::Action;
use crate::cloud::CloudError;

/// Something happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The run began.
    RunStarted {
        /// How many steps there are.
        steps: usize,
    },
    /// A step of an earlier run was found without an end; it is gone on with.
    Recovered {
        /// Which resource.
        address: Address,
        /// What was found and what is done about it, in words.
        what: String,
    },
    /// A step began.
    StepStarted {
        /// The number of the step.
        step: usize,
        /// Of which resource.
        address: Address,
        /// Its kind, for people.
        title: &'static str,
        /// What it does.
        action: Action,
        /// How long it usually takes.
        usual: Duration,
    },
    /// A step waits for something.
    StepWaited {
        /// The number of the step.
        step: usize,
        /// Of which resource.
        address: Address,
        /// For what, in words.
        what: String,
        /// Since its beginning.
        elapsed: Duration,
    },
    /// A step went on by force: what no controller did any more, it did itself.
    StepForced {
        /// The number of the step.
        step: usize,
        /// Of which resource.
        address: Address,
        /// What it did, in words.
        what: String,
    },
    /// A step is done.
    StepDone {
        /// The number of the step.
        step: usize,
        /// Of which resource.
        address: Address,
        /// What it did.
        action: Action,
        /// How long it took.
        took: Duration,
    },
    /// A step failed; what depends on it is skipped.
    StepFailed {
        /// The number of the step.
        step: usize,
        /// Of which resource.
        address: Address,
        /// What it was to do.
        action: Action,
        /// Why.
        error: CloudError,
        /// How long it took.
        took: Duration,
    },
    /// A step was not begun.
    StepSkipped {
        /// The number of the step.
        step: usize,
        /// Of which resource.
        address: Address,
        /// What it was to do.
        action: Action,
        /// Which resource failed; none if the run was interrupted.
        because: Option<Address>,
    },
}

/// How a run ended.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// Steps done, by action.
    pub created: usize,
    /// Steps done, by action.
    pub updated: usize,
    /// Steps done, by action.
    pub deleted: usize,
    /// Steps done, by action.
    pub forgotten: usize,
    /// Records that go on under another address.
    pub moved: usize,
    /// What failed, and why.
    pub failed: Vec<(Address, CloudError)>,
    /// What was forced, and what was done for that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forced: Vec<(Address, String)>,
    /// What was not begun.
    pub skipped: Vec<Address>,
    /// Whether it was told to stop.
    pub interrupted: bool,
    /// How long it took, in the cloud's time.
    pub took: Duration,
}

impl Outcome {
    /// Whether everything was done.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && !self.interrupted
    }
}
