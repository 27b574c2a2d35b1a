//! `Holder`: the run that has a state: who, what, since when. In the lock, for people, and at the head of history.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The run that has a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Of this run alone: 16 hexadecimal digits.
    pub id: String,
    /// User, host and process.
    pub who: String,
    /// Such as `up shop`.
    pub command: String,
    /// Since when, in milliseconds since 1970.
    pub at: i64,
}

impl Holder {
    /// A run that begins now, with an id of its own.
    pub fn new(who: impl Into<String>, command: impl Into<String>, at: i64) -> Self {
        Self { id: random(), who: who.into(), command: command.into(), at }
    }

    /// One of whom only a text is known.
    pub(super) fn unknown(text: &str) -> Self {
        let who = if text.is_empty() { "another run" } else { text };
        Self { id: String::new(), who: who.to_owned(), command: String::new(), at: 0 }
    }

    /// How long before `other` it began.
    pub(super) fn older_than(&self, other: &Self) -> Duration {
        let since = if self.at == 0 { 0 } else { other.at.saturating_sub(self.at) };
        Duration::from_millis(u64::try_from(since).unwrap_or_default())
    }
}

/// 16 hexadecimal digits that nobody else has.
pub(super) fn random() -> String {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How long to wait for a state that another run has, and whom to tell.
pub struct Wait<'a> {
    /// So long at most.
    pub within: Duration,
    /// Is told who has it, whenever something is waited for.
    pub tell: &'a mut (dyn FnMut(&Holder, Waiting) + Send),
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Whether the other run still lives.
    ForSignsOfLife,
    /// That the other run, which lives, ends.
    ForItsEnd,
}
