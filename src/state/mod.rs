//! `State`: what is known of everything the stack made. Data and bytes; where they are kept is in `store`.
//!
//! A snapshot (`file`) and the journal entries since (`journal`) give the state: `journal::apply` folds them. What runs
//! there were is in `history`, how a state is mended by hand in `repair`.
//!
//! # Formats
//!
//! Every file and line tells its format. One of a newer format is refused and left as it is; older ones are read for
//! ever (`tests/formats`). A state and a plan are read, changed and written again, or carried out: whoever passed over a
//! field would lose it or do the wrong thing. So they know every field, and **a field more is a format more**, with a
//! value for those who do not have it. History is only shown: there a field more is passed over by older programs.

pub mod check;
pub mod file;
pub mod history;
pub mod journal;
pub mod keys;
pub mod masked;
pub mod repair;
pub mod seal;
pub mod store;
pub mod trace;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::address::Address;
use crate::change::Action;
use crate::graph::{Edge, Place};
use crate::live::Child;

/// The format of state, journal and plan that this program writes.
pub const FORMAT: u32 = 1;

/// What is known of everything the stack made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The format of the file.
    pub format: u32,
    /// Of which stack.
    pub stack: String,
    /// `sandbox`, or partition and account: `aws/111122223333`.
    pub cloud: String,
    /// Given once, when the state begins; in the ownership tags of everything made.
    pub lineage: String,
    /// One more with each snapshot.
    pub serial: u64,
    /// The number of the last journal entry that is folded in.
    pub seq: u64,
    /// By address.
    pub records: BTreeMap<Address, Record>,
    /// The outputs of the last complete `up`.
    pub outputs: BTreeMap<String, Json>,
    /// What once existed, until an audit was clean.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub traces: BTreeSet<trace::Trace>,
    /// Where the state is now, if it was moved away from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<String>,
}

/// What is known of one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its kind.
    pub kind: String,
    /// Where it lives.
    pub place: Place,
    /// What it needs; kept so that the order holds when its section is gone from the file.
    pub edges: Vec<Edge>,
    /// The thing itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Object>,
    /// Earlier ones that a replacement has still to delete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deposed: Vec<Object>,
    /// What was begun and has no end in the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
}

/// One thing in the cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// By which it is found.
    pub id: String,
    /// What the file said when it was last applied.
    pub applied: Json,
    /// All that `find` told after the apply.
    pub seen: Json,
    /// What the cloud gave it.
    pub outputs: Json,
    /// Whether it was ever ready and as wanted.
    pub finished: bool,
    /// What a controller made of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<Child>,
}

/// A step that was begun and has no end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// The number of its entry.
    pub seq: u64,
    /// What was to be done.
    pub action: Action,
    /// The idempotency token of the call.
    pub token: String,
    /// What was to be.
    pub spec: Json,
    /// What it needs then.
    pub edges: Vec<Edge>,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// Why records cannot go on under other addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Clash {
    /// There is no such record.
    #[error("`{0}` is not recorded and cannot be moved")]
    Missing(Address),
    /// There is a record already.
    #[error("nothing can be moved to `{0}`: it is recorded already")]
    Taken(Address),
}

impl State {
    /// The state of a stack that made nothing yet.
    pub fn new(stack: &str, cloud: &str, lineage: &str) -> Self {
        Self {
            format: FORMAT,
            stack: stack.to_owned(),
            cloud: cloud.to_owned(),
            lineage: lineage.to_owned(),
            serial: 0,
            seq: 0,
            records: BTreeMap::new(),
            outputs: BTreeMap::new(),
            traces: BTreeSet::new(),
            moved: None,
        }
    }

    /// Whether nothing is known of anything.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Lets records go on under other addresses, old to new; whatever needs them needs them there.
    pub fn rename(&mut self, moves: &BTreeMap<Address, Address>) -> Result<(), Clash> {
        let mut moving = Vec::new();
        for (old, new) in moves {
            let record = self.records.remove(old).ok_or_else(|| Clash::Missing(old.clone()))?;
            moving.push((new.clone(), record));
        }
        for (new, record) in moving {
            if self.records.insert(new.clone(), record).is_some() {
                return Err(Clash::Taken(new));
            }
        }
        for record in self.records.values_mut() {
            let open = record.open.iter_mut().map(|open| &mut open.edges);
            for edges in open.chain([&mut record.edges]) {
                for edge in edges.iter_mut() {
                    if let Some(new) = moves.get(&edge.to) {
                        edge.to = new.clone();
                    }
                }
                edges.sort();
            }
        }
        Ok(())
    }

    /// An output of a resource that is there.
    pub fn output(&self, reference: &crate::value::Reference) -> Option<Json> {
        let object = self.records.get(&reference.address)?.current.as_ref()?;
        crate::value::walk(&object.outputs, &reference.output).cloned()
    }
}
