//! The journal: what a run did, entry by entry, before and after each call. `apply` folds an entry into the state.
//!
//! A call that changes the cloud never leaves before its `Begun` is on disk. What has no end is looked up by the
//! next run. How entries reach the disk is in `store`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::trace::{Trace, Traced};
use super::{Object, Open, Record, State};
use crate::address::Address;
use crate::change::Action;
use crate::graph::{Edge, Place};
use crate::live::Child;

/// One fact of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// A run began.
    Run {
        /// In milliseconds since 1970.
        at: i64,
        /// User, host and process.
        who: String,
        /// Such as `up shop`.
        command: String,
    },
    /// A step is about to send its first call.
    Begun {
        /// Of which resource.
        address: Address,
        /// Its kind.
        kind: String,
        /// Where it lives.
        place: Place,
        /// What it needs.
        edges: Vec<Edge>,
        /// What is to be done.
        action: Action,
        /// The idempotency token of the call.
        token: String,
        /// What is to be.
        spec: Json,
        /// In milliseconds since 1970.
        at: i64,
    },
    /// The cloud gave it an id; it may not be ready.
    Made {
        /// Of which resource.
        address: Address,
        /// The id.
        id: String,
    },
    /// It is as it should be.
    Done {
        /// Which resource.
        address: Address,
        /// As it is now.
        object: Object,
    },
    /// What a controller made of it, as it is now.
    Children {
        /// Of which resource.
        address: Address,
        /// All of it.
        made: Vec<Child>,
    },
    /// It is gone from the cloud, or no longer looked after.
    Gone {
        /// Which resource.
        address: Address,
        /// The id of an earlier object; the current one if none.
        deposed: Option<String>,
    },
    /// The step failed for good; nothing is in flight.
    Failed {
        /// Which resource.
        address: Address,
        /// In the cloud's words.
        error: String,
    },
    /// The current object makes room for a new one and is to be deleted later.
    Deposed {
        /// Of which resource.
        address: Address,
    },
    /// It is known by another address from now on; nothing changed in the cloud.
    Moved {
        /// The old address.
        from: Address,
        /// The new one.
        to: Address,
    },
    /// What a resource needs changed; nothing else did.
    Edges {
        /// Which resource.
        address: Address,
        /// What it needs now.
        edges: Vec<Edge>,
    },
    /// The outputs of the stack.
    Outputs {
        /// All of them.
        outputs: BTreeMap<String, Json>,
    },
    /// Things are about to go: what an audit has to know to look for what they leave behind.
    Traces {
        /// Beside those that are known.
        traces: BTreeSet<Trace>,
    },
    /// An audit saw that nothing is left of all that was traced.
    Audited,
}

/// A history that cannot have happened: the journal was edited, or this program is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("journal entry {seq} cannot follow what is before it: {why}")]
pub struct Illegal {
    /// The number of the entry.
    pub seq: u64,
    /// What is wrong.
    pub why: String,
}

/// Folds one entry into the state.
pub fn apply(state: &mut State, seq: u64, entry: &Entry) -> Result<(), Illegal> {
    let illegal = |why: String| Illegal { seq, why };
    if seq != state.seq + 1 {
        return Err(illegal(format!("entry {} is missing", state.seq + 1)));
    }
    state.seq = seq;
    match entry {
        Entry::Run { .. } => {}
        Entry::Begun { address, kind, place, edges, action, token, spec, at } => {
            let record = state.records.entry(address.clone()).or_insert_with(|| Record {
                kind: kind.clone(),
                place: place.clone(),
                edges: edges.clone(),
                current: None,
                deposed: Vec::new(),
                open: None,
            });
            if *action != Action::Delete {
                (record.kind, record.place) = (kind.clone(), place.clone());
                // Until it is done, what it needed and what it needs may both be so.
                record.edges.extend(edges.iter().cloned());
                record.edges.sort();
                record.edges.dedup();
            }
            tried(record);
            let (action, token, spec, edges) = (*action, token.clone(), spec.clone(), edges.clone());
            record.open = Some(Open { seq, action, token, spec, edges, at: *at });
        }
        Entry::Made { address, id } => {
            let record = known(state, address).map_err(illegal)?;
            let Some(open) = &record.open else {
                return Err(illegal(format!("{address} was made but never begun")));
            };
            record.current = Some(Object {
                id: id.clone(),
                applied: open.spec.clone(),
                seen: Json::Null,
                outputs: Json::Null,
                finished: false,
                made: Vec::new(),
            });
        }
        Entry::Done { address, object } => {
            let record = known(state, address).map_err(illegal)?;
            let before = record.current.take().filter(|before| before.id == object.id);
            record.current = Some(object.clone());
            if let (Some(before), Some(object)) = (before, &mut record.current)
                && object.made.is_empty()
            {
                object.made = before.made;
            }
            if let Some(open) = record.open.take() {
                record.edges = open.edges;
            }
        }
        Entry::Children { address, made } => {
            let record = known(state, address).map_err(illegal)?;
            if let Some(object) = &mut record.current {
                object.made.clone_from(made);
            }
        }
        Entry::Gone { address, deposed } => {
            let record = known(state, address).map_err(illegal)?;
            match deposed {
                Some(id) => record.deposed.retain(|object| object.id != *id),
                None => record.current = None,
            }
            record.open = None;
            tidy(state, address);
        }
        Entry::Failed { address, .. } => {
            let record = known(state, address).map_err(illegal)?;
            tried(record);
            let created = record.open.take().is_some_and(|open| open.action == Action::Create);
            // The new one failed: the old one stays current.
            if created && record.current.is_none() {
                record.current = record.deposed.pop();
            }
            tidy(state, address);
        }
        Entry::Deposed { address } => {
            let record = known(state, address).map_err(illegal)?;
            record.deposed.extend(record.current.take());
        }
        Entry::Moved { from, to } => {
            let moves = [(from.clone(), to.clone())].into();
            state.rename(&moves).map_err(|clash| illegal(clash.to_string()))?;
        }
        Entry::Edges { address, edges } => known(state, address).map_err(illegal)?.edges.clone_from(edges),
        Entry::Outputs { outputs } => state.outputs.clone_from(outputs),
        Entry::Traces { traces } => state.traces.extend(traces.iter().cloned()),
        // What was left in place on purpose is never a leftover.
        Entry::Audited => state.traces.retain(|trace| matches!(trace.what, Traced::Kept { .. })),
    }
    Ok(())
}

fn known<'a>(state: &'a mut State, address: &Address) -> Result<&'a mut Record, String> {
    state.records.get_mut(address).ok_or_else(|| format!("{address} is not known"))
}

/// An update that did not end may have set what it wanted: should the file want it no more, it is to be reset.
fn tried(record: &mut Record) {
    let open = record.open.as_ref().filter(|open| open.action == Action::Update);
    if let (Some(open), Some(object)) = (open, &mut record.current) {
        add_missing(&mut object.applied, &open.spec);
    }
}

fn add_missing(to: &mut Json, from: &Json) {
    if let (Json::Object(to), Json::Object(from)) = (to, from) {
        for (key, value) in from {
            match to.get_mut(key) {
                Some(inner) => add_missing(inner, value),
                None => drop(to.insert(key.clone(), value.clone())),
            }
        }
    }
}

/// A record that holds nothing is none.
fn tidy(state: &mut State, address: &Address) {
    let empty =
        |record: &Record| record.current.is_none() && record.deposed.is_empty() && record.open.is_none();
    if state.records.get(address).is_some_and(empty) {
        state.records.remove(address);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn begun(action: Action) -> Entry {
        Entry::Begun {
            address: Address::new("network", "edge"),
            kind: "vpc".into(),
            place: Place { account: None, region: "us-west-2".into() },
            edges: Vec::new(),
            action,
            token: "0".repeat(32),
            spec: json!({"cidr": "10.0.0.0/16"}),
            at: 0,
        }
    }

    fn fold(entries: &[Entry]) -> State {
        let mut state = State::new("shop", "sandbox", "lineage");
        for (at, entry) in entries.iter().enumerate() {
            apply(&mut state, at as u64 + 1, entry).expect("a legal history");
        }
        state
    }

    fn address() -> Address {
        Address::new("network", "edge")
    }

    #[test]
    fn b01_a_create_that_fails_after_the_object_exists_keeps_it_unfinished() {
        let made = Entry::Made { address: address(), id: "vpc-1".into() };
        let failed = Entry::Failed { address: address(), error: "timed out".into() };
        let state = fold(&[begun(Action::Create), made, failed]);
        let object = state.records[&address()].current.as_ref().expect("kept");
        assert!(!object.finished);
        assert_eq!(object.id, "vpc-1");
    }

    #[test]
    fn b02_a_create_that_fails_before_there_is_an_object_leaves_nothing() {
        let state = fold(&[begun(Action::Create), Entry::Failed { address: address(), error: "no".into() }]);
        assert!(state.is_empty());
    }

    #[test]
    fn b04_a_failed_delete_keeps_the_object() {
        let made = Entry::Made { address: address(), id: "vpc-1".into() };
        let failed = Entry::Failed { address: address(), error: "in use".into() };
        let state = fold(&[begun(Action::Create), made, begun(Action::Delete), failed]);
        assert!(state.records[&address()].current.is_some());
    }

    #[test]
    fn b11_earlier_objects_accumulate_and_none_is_lost() {
        let made = |id: &str| Entry::Made { address: address(), id: id.into() };
        let depose = Entry::Deposed { address: address() };
        let state = fold(&[
            begun(Action::Create),
            made("a"),
            depose.clone(),
            begun(Action::Create),
            made("b"),
            depose,
            begun(Action::Create),
            made("c"),
            Entry::Gone { address: address(), deposed: Some("a".into()) },
        ]);
        let record = &state.records[&address()];
        assert_eq!(record.deposed.iter().map(|o| o.id.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(record.current.as_ref().map(|o| o.id.as_str()), Some("c"));
    }

    #[test]
    fn traces_add_up_until_an_audit_is_clean() {
        let trace = |id: &str| Trace {
            place: Place { account: None, region: "us-west-2".into() },
            what: Traced::Vpc { id: id.into() },
        };
        let left = |ids: &[&str]| Entry::Traces { traces: ids.iter().map(|id| trace(id)).collect() };
        let state = fold(&[left(&["a"]), left(&["a", "b"])]);
        assert_eq!(state.traces, BTreeSet::from([trace("a"), trace("b")]));
        assert!(fold(&[left(&["a"]), Entry::Audited]).traces.is_empty());
    }

    #[test]
    fn b19_a_moved_record_is_the_same_and_is_needed_under_its_new_address() {
        let subnet = Address::new("network", "edge").part("subnet");
        let mut inside = begun(Action::Create);
        if let Entry::Begun { address: at, edges, .. } = &mut inside {
            *at = subnet.clone();
            edges.push(Edge { to: address(), sort: crate::graph::Sort::Inside });
        }
        let made = Entry::Made { address: address(), id: "vpc-1".into() };
        let before = fold(&[begun(Action::Create), made.clone(), inside.clone()]);
        let new = Address::new("network", "front");
        let moved = |from: &Address| Entry::Moved { from: from.clone(), to: new.clone() };
        let state = fold(&[begun(Action::Create), made, inside, moved(&address())]);
        assert_eq!(state.records[&new].current, before.records[&address()].current);
        assert_eq!(state.records[&subnet].edges[0].to, new);
        assert!(!state.records.contains_key(&address()));
        let mut state = state;
        let seq = state.seq + 1;
        assert!(apply(&mut state, seq, &moved(&address())).is_err(), "it is there no more");
        let seq = state.seq + 1;
        assert!(apply(&mut state, seq, &moved(&subnet)).is_err(), "there is one already");
    }

    #[test]
    fn what_cannot_have_happened_is_refused() {
        let mut state = State::new("shop", "sandbox", "lineage");
        assert!(apply(&mut state, 2, &begun(Action::Create)).is_err());
        let made = Entry::Made { address: address(), id: "vpc-1".into() };
        assert!(apply(&mut state, 1, &made).is_err());
    }
}
