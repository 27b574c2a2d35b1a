//! What holds of every state: checked when it is loaded, before it is written, and in every property test.

use super::State;
use crate::address::Address;

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Something that exists has no id.
    #[error("{0} exists and has no id")]
    NoId(Address),
    /// A record that holds nothing.
    #[error("{0} is recorded and is nothing")]
    Empty(Address),
}

impl State {
    /// Checks that whatever exists has an id and that no record is empty. Addresses are unique by construction.
    /// Edges may form a cycle while a change of them is half done; a plan names it.
    pub fn check(&self) -> Result<(), Unsound> {
        for (address, record) in &self.records {
            if record.current.iter().chain(&record.deposed).any(|object| object.id.is_empty()) {
                return Err(Unsound::NoId(address.clone()));
            }
            if record.current.is_none() && record.deposed.is_empty() && record.open.is_none() {
                return Err(Unsound::Empty(address.clone()));
            }
        }
        Ok(())
    }
}
