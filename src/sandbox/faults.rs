//! `Faults`: what goes wrong on purpose, call by call.

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Refused as one too many.
    Throttle,
    /// Answered with an internal error; nothing was done.
    Broken,
    /// Refused, for the credentials may not do it.
    Denied,
    /// Lost on the way in: nothing was done, no answer comes.
    LostBefore,
    /// Lost on the way out: it was done, no answer comes.
    LostAfter,
    /// Held up on the way in: no answer comes, and it is done so many milliseconds later.
    Late(i64),
}

/// One thing to go wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// `eks.CreateCluster`; every call if empty.
    pub operation: String,
    /// How many matching calls pass before it.
    pub skip: u32,
    /// How many it hits.
    pub times: u32,
    /// What happens to them.
    pub effect: Effect,
}

/// Everything that is to go wrong, and the count of calls.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// In the order of their say.
    pub list: Vec<Fault>,
    /// Calls so far, by any client.
    pub calls: u64,
    /// Eventual consistency: for so many milliseconds EC2 and IAM do not tell of what was just made.
    pub unseen: i64,
}

/// The tables of the services that tell of a change only after a while.
pub(super) const EVENTUAL: &[&str] = &["ec2/", "iam/"];

impl Faults {
    /// Counts a call and says what happens to it.
    pub fn meet(&mut self, operation: &str) -> Option<Effect> {
        self.calls += 1;
        for fault in &mut self.list {
            if fault.times == 0 || !(fault.operation.is_empty() || fault.operation == operation) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            fault.times -= 1;
            return Some(fault.effect);
        }
        None
    }
}
