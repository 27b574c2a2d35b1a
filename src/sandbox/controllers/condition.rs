//! Conditions of a status, as Kubernetes keeps them: the time changes only with the status.

use serde_json::{Value as Json, json};

use super::cluster::list;
use crate::sandbox::world::Doc;

/// What a condition says.
pub(super) struct Condition<'a> {
    /// `Accepted`.
    pub kind: &'a str,
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// One word.
    pub reason: &'a str,
    /// For people.
    pub message: &'a str,
}

/// A condition that is `True`, with its kind as reason.
pub(super) fn good(kind: &str) -> Condition<'_> {
    Condition { kind, status: "True", reason: kind, message: "" }
}

/// Sets a condition in a list of them.
pub(super) fn set(conditions: &mut Json, said: &Condition<'_>, generation: &Json, now: &str) {
    let mut all = list(conditions).to_vec();
    let old = all.iter().position(|one| one["type"] == said.kind);
    let since = old.map(|at| &all[at]).filter(|one| one["status"] == said.status);
    let since = since.map_or(json!(now), |one| one["lastTransitionTime"].clone());
    let new = json!({
        "type": said.kind,
        "status": said.status,
        "reason": said.reason,
        "message": said.message,
        "observedGeneration": generation,
        "lastTransitionTime": since,
    });
    match old {
        Some(at) => all[at] = new,
        None => all.push(new),
    }
    *conditions = Json::Array(all);
}

/// Sets a condition in the status of an object.
pub(super) fn set_in(object: &mut Doc, said: &Condition<'_>, now: &str) {
    let generation = object["metadata"]["generation"].clone();
    set(&mut object["status"]["conditions"], said, &generation, now);
}

/// Whether an object has a condition that is `True`.
pub(super) fn holds(object: &Doc, kind: &str) -> bool {
    let said = |one: &Json| one["type"] == kind && one["status"] == "True";
    list(&object["status"]["conditions"]).iter().any(said)
}
