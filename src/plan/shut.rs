//! What becomes of the objects of a cluster that lets nobody of this stack in, for its own access is not there: the
//! access is made first, and they are looked at then. What was never seen is looked for before it is made.

use super::Refusal;
use super::decide::{Decided, Decision, create};
use super::given::Given;
use crate::address::Address;
use crate::change::{Reason, Verb};
use crate::compose::OWN_ACCESS;
use crate::diff;
use crate::graph::{Edge, Resource};
use crate::live::Seen;
use crate::shape::Shape;
use crate::value::Value;

fn entries(edges: &[Edge]) -> impl Iterator<Item = &Address> {
    edges.iter().map(|edge| &edge.to).filter(|to| to.parts().eq([OWN_ACCESS]))
}

/// The access that this plan makes, of those that something needs.
pub(super) fn opened_by(decided: &Decided, edges: &[Edge]) -> Option<Address> {
    let made = |to: &&Address| decided.by_address.get(to).is_some_and(|entry| entry.verb == Verb::Create);
    entries(edges).find(made).cloned()
}

/// Why there is no plan for what cannot be read.
pub(super) fn refusal(given: &Given<'_>, address: &Address, edges: &[Edge], error: &str) -> Refusal {
    let gone = |to: &&Address| matches!(given.live.found.get(to), Some(Seen::Absent));
    let (address, error) = (address.clone(), error.to_owned());
    match entries(edges).find(gone) {
        Some(entry) => Refusal::Shut { address, entry: entry.clone(), error },
        None => Refusal::Unreadable { address, error },
    }
}

/// What is wanted: what is recorded is compared by its step, what is not is made by it, if nobody else has it.
pub(super) fn wanted(
    given: &Given<'_>,
    decided: &mut Decided,
    resource: &Resource,
    shape: &Shape,
    spec: Value,
    before: Address,
) {
    let record = given.state.records.get(&resource.address);
    let Some(object) = record.and_then(|record| record.current.as_ref()) else {
        let reason = record.map_or(Reason::New, |_| Reason::Unfinished);
        return decided.note(&resource.address, create(given, shape, resource, spec, reason));
    };
    let applied = &object.applied;
    let spec = diff::as_it_is(spec, &resource.lifecycle.ignore_changes, applied);
    let fields = diff::by_opinion(shape, &given.mask.value(&spec), Some(applied), applied);
    if object.finished {
        decided.known.insert(resource.address.clone(), object.outputs.clone());
    }
    let (verb, id) = (Verb::Update, Some(object.id.clone()));
    let reason = Reason::Unseen { before };
    decided.note(&resource.address, Decision { verb, reason, fields, spec, id, notes: Vec::new() });
}
