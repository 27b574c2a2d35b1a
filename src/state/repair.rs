//! Repair by hand, as journal entries: forgetting what was made, moving it to another address, taking another state
//! in the place of this one. Pure; the commands are `stack state rm`, `mv` and `push`.

use super::State;
use super::journal::Entry;
use crate::address::{Address, AddressError};
use crate::graph::Edge;

/// Why a state is not repaired so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing is recorded under the address.
    #[error("nothing is recorded of {0}")]
    Unknown(Address),
    /// Something is recorded there already.
    #[error("{0} is recorded already")]
    Taken(Address),
    /// A thing does not become another one by its name.
    #[error("{from} cannot become {to}: they are of different sections")]
    Section {
        /// What there is.
        from: Address,
        /// What it was to be.
        to: Address,
    },
    /// What comes out is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The state that is to be taken is of something else.
    #[error("it has {what} {theirs}, and the state that is kept has {ours}")]
    Other {
        /// Of what: `the lineage`.
        what: &'static str,
        /// In the state that is to be taken.
        theirs: String,
        /// In the state that is kept.
        ours: String,
    },
    /// The state that is to be taken lacks what is kept.
    #[error("it is older (serial {theirs}) than what is kept (serial {ours})")]
    Older {
        /// Of the state that is to be taken: serial, and number of the last journal entry.
        theirs: Age,
        /// Of the state that is kept.
        ours: Age,
    },
}

/// How much a state has seen: its serial, and the number of its last journal entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(u64, u64);

impl std::fmt::Display for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, entry {}", self.0, self.1)
    }
}

/// Forgets everything that an address covers; nothing needs it any more then. What there is in the cloud stays there.
///
/// # Errors
/// Nothing is recorded there.
pub fn forget(state: &State, address: &Address) -> Result<Vec<Entry>, Refused> {
    let mut entries = Vec::new();
    let gone = |address: &Address, deposed| Entry::Gone { address: address.clone(), deposed };
    let covered = |known: &Address| address.covers(known);
    for (known, record) in state.records.iter().filter(|(known, _)| covered(known)) {
        if record.current.is_some() || record.open.is_some() {
            entries.push(gone(known, None));
        }
        entries.extend(record.deposed.iter().map(|object| gone(known, Some(object.id.clone()))));
    }
    if entries.is_empty() {
        return Err(Refused::Unknown(address.clone()));
    }
    for (known, record) in state.records.iter().filter(|(known, _)| !covered(known)) {
        let kept: Vec<Edge> = record.edges.iter().filter(|edge| !covered(&edge.to)).cloned().collect();
        if kept.len() < record.edges.len() {
            entries.push(Entry::Edges { address: known.clone(), edges: kept });
        }
    }
    Ok(entries)
}

/// Moves everything that an address covers to another one. Nothing changes in the cloud.
///
/// # Errors
/// Nothing is recorded there, or something is where it should go.
pub fn rename(state: &State, from: &Address, to: &Address) -> Result<Vec<Entry>, Refused> {
    if from.section() != to.section() {
        return Err(Refused::Section { from: from.clone(), to: to.clone() });
    }
    let mut entries = Vec::new();
    for known in state.records.keys().filter(|known| from.covers(known)) {
        let rest = known.as_str().strip_prefix(from.as_str()).unwrap_or_default();
        let to = Address::parse(&format!("{to}{rest}"))?;
        if state.records.contains_key(&to) {
            return Err(Refused::Taken(to));
        }
        entries.push(Entry::Moved { from: known.clone(), to });
    }
    if entries.is_empty() { Err(Refused::Unknown(from.clone())) } else { Ok(entries) }
}

/// Whether a state may take the place of the one that is kept: it is of the same stack, cloud and lineage, and knows
/// all that is known here.
///
/// # Errors
/// It is of something else, or older.
pub fn may_replace(kept: &State, taken: &State) -> Result<(), Refused> {
    let pairs = [
        ("the stack", &taken.stack, &kept.stack),
        ("the cloud", &taken.cloud, &kept.cloud),
        ("the lineage", &taken.lineage, &kept.lineage),
    ];
    for (what, theirs, ours) in pairs {
        if theirs != ours {
            return Err(Refused::Other { what, theirs: theirs.clone(), ours: ours.clone() });
        }
    }
    let age = |state: &State| Age(state.serial, state.seq);
    let (theirs, ours) = (age(taken), age(kept));
    if theirs < ours { Err(Refused::Older { theirs, ours }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graph::{Place, Sort};
    use crate::state::{Object, Record, journal};

    fn address(text: &str) -> Address {
        Address::parse(text).expect("is an address")
    }

    fn object(id: &str) -> Object {
        let (applied, seen, outputs) = (json!({}), json!({}), json!({}));
        Object { id: id.into(), applied, seen, outputs, finished: true, made: Vec::new() }
    }

    fn state() -> State {
        let mut state = State::new("shop", "sandbox", "lineage");
        for (name, needs) in [("cluster.edge", ""), ("cluster.edge/role", ""), ("route.cart", "cluster.edge")]
        {
            let edge = |to| Edge { to: address(to), sort: Sort::Inside };
            let edges = Some(needs).filter(|to| !to.is_empty()).map(edge).into_iter().collect();
            let (kind, place) = ("kind".to_owned(), Place::default());
            let (current, deposed) = (Some(object(name)), Vec::new());
            let record = Record { kind, place, edges, current, deposed, open: None };
            state.records.insert(address(name), record);
        }
        state
    }

    fn after(state: &State, entries: &[Entry]) -> State {
        let mut state = state.clone();
        for entry in entries {
            let seq = state.seq + 1;
            journal::apply(&mut state, seq, entry).expect("a legal history");
        }
        state.check().expect("it is sound");
        state
    }

    fn names(state: &State) -> Vec<&str> {
        state.records.keys().map(Address::as_str).collect()
    }

    #[test]
    fn what_is_forgotten_is_needed_by_nothing() {
        let mut state = state();
        state.records.get_mut(&address("cluster.edge")).expect("is there").deposed = vec![object("old")];
        let forgotten = after(&state, &forget(&state, &address("cluster.edge")).expect("is known"));
        assert_eq!(names(&forgotten), ["route.cart"]);
        assert!(forgotten.records[&address("route.cart")].edges.is_empty());
        let unknown = forget(&state, &address("cluster.other"));
        assert_eq!(unknown, Err(Refused::Unknown(address("cluster.other"))));
    }

    #[test]
    fn b19_a_move_takes_the_parts_along_and_who_needs_it_follows() {
        let state = state();
        let to = address("cluster.main");
        let moved = after(&state, &rename(&state, &address("cluster.edge"), &to).expect("moves"));
        assert_eq!(names(&moved), ["cluster.main", "cluster.main/role", "route.cart"]);
        assert_eq!(moved.records[&address("route.cart")].edges[0].to, to);
    }

    #[test]
    fn b19_a_move_to_what_is_there_is_refused() {
        let mut state = state();
        let record = state.records[&address("route.cart")].clone();
        state.records.insert(address("cluster.main/role"), record);
        let taken = rename(&state, &address("cluster.edge"), &address("cluster.main"));
        assert_eq!(taken, Err(Refused::Taken(address("cluster.main/role"))));
        let sections = rename(&state, &address("cluster.edge"), &address("route.edge"));
        assert!(matches!(sections, Err(Refused::Section { .. })));
    }

    #[test]
    fn another_or_older_state_is_refused() {
        let kept = State { serial: 3, seq: 9, ..state() };
        assert_eq!(may_replace(&kept, &kept), Ok(()));
        assert_eq!(may_replace(&kept, &State { seq: 10, ..kept.clone() }), Ok(()));
        let older = may_replace(&kept, &State { serial: 2, seq: 50, ..kept.clone() });
        assert!(matches!(older, Err(Refused::Older { .. })));
        let behind = may_replace(&kept, &State { seq: 8, ..kept.clone() });
        assert!(matches!(behind, Err(Refused::Older { .. })));
        for other in [
            State { lineage: "x".into(), ..kept.clone() },
            State { cloud: "x".into(), ..kept.clone() },
            State { stack: "x".into(), ..kept.clone() },
        ] {
            assert!(matches!(may_replace(&kept, &other), Err(Refused::Other { .. })));
        }
    }
}
