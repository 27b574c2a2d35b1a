//! What holds of every state: checked when it is loaded, before it is written, and in every property test.
//!
//! Not checked: that what a record needs is recorded. It may be looked up only, or be on its way to be made anew; and
//! edges may form a cycle while a change of them is half done, which a plan names.

use super::{Record, State};
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
    /// One thing is recorded twice: to be kept, and to be deleted.
    #[error("{0} has {1} twice")]
    Twice(Address, String),
    /// A record that needs itself.
    #[error("{0} needs itself")]
    NeedsItself(Address),
    /// A step was begun after all that the state knows.
    #[error("{0} was begun by entry {1}, and the state ends before that")]
    Ahead(Address, u64),
}

impl State {
    /// Checks every record. Addresses are unique by construction.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(&self) -> Result<(), Unsound> {
        self.records.iter().try_for_each(|(address, record)| self.check_record(address, record))
    }

    fn check_record(&self, address: &Address, record: &Record) -> Result<(), Unsound> {
        let ids: Vec<&String> =
            record.current.iter().chain(&record.deposed).map(|object| &object.id).collect();
        if ids.iter().any(|id| id.is_empty()) {
            return Err(Unsound::NoId(address.clone()));
        }
        if ids.is_empty() && record.open.is_none() {
            return Err(Unsound::Empty(address.clone()));
        }
        if let Some((_, twice)) = ids.iter().enumerate().find(|(at, id)| ids[..*at].contains(id)) {
            return Err(Unsound::Twice(address.clone(), (*twice).clone()));
        }
        if record.edges.iter().any(|edge| edge.to == *address) {
            return Err(Unsound::NeedsItself(address.clone()));
        }
        match &record.open {
            Some(open) if open.seq > self.seq => Err(Unsound::Ahead(address.clone(), open.seq)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;
    use crate::graph::{Edge, Place, Sort};
    use crate::state::Object;

    fn object(id: &str) -> Object {
        let (applied, seen, outputs) = (Json::Null, Json::Null, Json::Null);
        Object { id: id.to_owned(), applied, seen, outputs, finished: true, made: Vec::new() }
    }

    fn checked(change: impl FnOnce(&mut Record)) -> Result<(), Unsound> {
        let mut record = Record {
            kind: "vpc".into(),
            place: Place::default(),
            edges: Vec::new(),
            current: Some(object("a")),
            deposed: vec![object("b")],
            open: None,
        };
        change(&mut record);
        let mut state = State::new("shop", "sandbox", "lineage");
        state.records.insert(Address::new("network", "edge"), record);
        state.check()
    }

    #[test]
    fn b40_what_cannot_be_is_not_sound() {
        let edge = || Address::new("network", "edge");
        assert_eq!(checked(|_| {}), Ok(()));
        assert_eq!(checked(|record| record.current = Some(object(""))), Err(Unsound::NoId(edge())));
        let twice = checked(|record| record.current = Some(object("b")));
        assert_eq!(twice, Err(Unsound::Twice(edge(), "b".into())));
        let itself = checked(|record| record.edges.push(Edge { to: edge(), sort: Sort::Uses }));
        assert_eq!(itself, Err(Unsound::NeedsItself(edge())));
        let empty = checked(|record| (record.current, record.deposed) = (None, Vec::new()));
        assert_eq!(empty, Err(Unsound::Empty(edge())));
    }
}
