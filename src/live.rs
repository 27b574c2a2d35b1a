//! What was found in the cloud, as data: for plans and for drift. How it is looked for is in `observe` and `kind`.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::address::Address;

/// What was found in the cloud.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// By address; what is not here was not looked for.
    pub found: BTreeMap<Address, Seen>,
    /// Changes that were tried out, where a cloud can do that; what is not here was not tried.
    pub tried: BTreeMap<Address, Tried>,
}

/// A change that was tried out and not carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// What it was tried with.
    pub spec: Json,
    /// What came of it.
    pub trial: Trial,
}

/// What comes of a change, in the cloud's own judgement.
#[derive(Clone, Debug, PartialEq)]
pub enum Trial<S = Json> {
    /// It would become `after`; `before` is what it is now, in the same words.
    Becomes {
        /// What it is.
        before: S,
        /// What it would be.
        after: S,
    },
    /// These fields of the spec, as dotted paths, cannot be changed in place.
    Fixed(Vec<String>),
    /// Nobody knows; why.
    Untried(String),
}

/// What was found of one resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// Nothing.
    Absent,
    /// This.
    Found(FoundAny),
    /// It could not be read; why.
    Unreadable(String),
}

/// A thing that is there, without the types of its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundAny {
    /// By which it is found again.
    pub id: String,
    /// What it is now.
    pub spec: Json,
    /// What the cloud gives it.
    pub outputs: Json,
    /// Whether it can be used.
    pub readiness: Readiness,
    /// Whose it is.
    pub owner: Ownership,
}

/// Whether a thing can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// Not yet; what is waited for, in words.
    Pending(String),
    /// It never will; why, in words.
    Broken(String),
    /// It is being deleted.
    Leaving(String),
}

/// Whose a thing is, by its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// It carries `stack:lineage` and `stack:address`.
    Tagged {
        /// The lineage of the state that made it.
        lineage: String,
        /// Its address in that state.
        address: String,
    },
    /// It could carry tags and carries none of ours.
    Untagged,
    /// It cannot carry tags: it belongs by its parent or by the state.
    Untaggable,
}
