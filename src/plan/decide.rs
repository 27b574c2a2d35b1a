//! What happens to each resource, and why. Dependencies are decided first, because what happens to them matters.
//!
//! What the file wants of the cloud is in `managed`, what it wants no more in `unwanted`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

pub(super) use super::given::Given;
use super::managed::managed;
use super::unwanted::unwanted;
use super::{Intent, Refusal, guests, held, leaks, repair};
use crate::address::Address;
use crate::change::{FieldChange, Reason, Verb};
use crate::diff;
use crate::graph::{Edge, Graph, Resource};
use crate::live::Seen;
use crate::shape::{Role, Shape};
use crate::state::{Object, Record, State};
use crate::value::{Value, walk};

/// What happens to one resource.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) verb: Verb,
    pub(super) reason: Reason,
    pub(super) fields: Vec<FieldChange>,
    /// What it should be, with everything known filled in; what it was, for a delete.
    pub(super) spec: Value,
    /// The id of what is there.
    pub(super) id: Option<String>,
    /// What else people should know.
    pub(super) notes: Vec<String>,
}

/// All decisions.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub(super) by_address: BTreeMap<Address, Decision>,
    pub(super) unchanged: usize,
    pub(super) edges: BTreeMap<Address, Vec<Edge>>,
    pub(super) outputs: BTreeMap<String, Value>,
    /// What is deleted though it is somebody else's.
    pub(super) guests: BTreeMap<Address, guests::Included>,
    /// What is put back, or changed once more, before it goes.
    pub(super) repairs: BTreeMap<Address, repair::Repair>,
    /// What nobody looks after any more: what it made is removed by its tags.
    pub(super) sweeps: BTreeSet<Address>,
    /// What is put right before what it serves goes.
    pub(super) first: BTreeSet<Address>,
    /// What needs something that is broken and is not put back.
    pub(super) unserved: BTreeSet<Address>,
    /// Webhooks that nobody answers for: they would block what is put back, and go before it.
    pub(super) deaf: BTreeSet<Address>,
    /// Outputs that are known now and stay as they are.
    pub(super) known: BTreeMap<Address, Json>,
    pub(super) refusals: Vec<Refusal>,
}

/// Decides about everything in scope, or tells all that stands against it.
pub(super) fn decide(given: &Given<'_>) -> Result<Decided, Vec<Refusal>> {
    let mut decided = Decided::default();
    let in_scope = |address: &Address| given.may_touch(address);
    if let Intent::Up { replace, .. } = given.intent {
        let is_there = |address: &&Address| given.graph.resources.keys().any(|key| address.covers(key));
        let nowhere = replace.iter().filter(|address| !is_there(address));
        decided.refusals.extend(nowhere.cloned().map(Refusal::Unknown));
        let touched = |address: &&Address| {
            let mut covered = given.graph.resources.keys().filter(|key| address.covers(key)).peekable();
            covered.peek().is_none() || covered.any(in_scope)
        };
        let outside = replace.iter().filter(|address| !touched(address));
        decided.refusals.extend(outside.cloned().map(Refusal::OutOfScope));
        for resource in given.graph.in_order() {
            if in_scope(&resource.address) {
                wanted(given, &mut decided, resource, replace);
            } else if let Some(object) = current(given.state, &resource.address) {
                decided.known.insert(resource.address.clone(), object.outputs.clone());
            }
        }
        let outputs = given.graph.outputs.iter();
        decided.outputs = outputs.map(|(name, value)| (name.clone(), decided.resolve(value))).collect();
    }
    for (address, record) in given.state.records.iter().filter(|(address, _)| in_scope(address)) {
        let is_removed = removed(given.graph, address);
        let reason = match given.intent {
            Intent::Up { .. } if given.graph.resources.contains_key(address) => continue,
            _ if is_removed.is_some() => Reason::Removed,
            Intent::Up { .. } => Reason::LeftFile,
            Intent::Destroy { targets } if !targets.is_empty() => Reason::Target,
            Intent::Destroy { .. } => Reason::Destroy,
        };
        match is_removed {
            // Earlier objects have steps of their own.
            _ if record.current.is_none() && record.open.is_none() => {}
            Some(false) => decided.note(address, forget(record, reason)),
            Some(true) | None => unwanted(given, &mut decided, address, record, reason),
        }
    }
    protect(given, &mut decided);
    held::decide(given, &mut decided);
    guests::decide(given, &mut decided);
    leaks::decide(given, &mut decided);
    repair::decide(given, &mut decided);
    if decided.refusals.is_empty() { Ok(decided) } else { Err(decided.refusals) }
}

/// What the file says under `[removed]` of a record: whether the thing is deleted.
fn removed(graph: &Graph, address: &Address) -> Option<bool> {
    let covering = graph.removed.iter().filter(|(removed, _)| removed.covers(address));
    covering.max_by_key(|(removed, _)| removed.as_str().len()).map(|(_, destroy)| *destroy)
}

impl Decided {
    pub(super) fn resolve(&self, value: &Value) -> Value {
        value.resolve(&|reference| walk(self.known.get(&reference.address)?, &reference.output).cloned())
    }

    pub(super) fn note(&mut self, address: &Address, decision: Decision) {
        self.by_address.insert(address.clone(), decision);
    }
}

fn current<'a>(state: &'a State, address: &Address) -> Option<&'a Object> {
    state.records.get(address)?.current.as_ref()
}

fn wanted(given: &Given<'_>, decided: &mut Decided, resource: &Resource, replace: &[Address]) {
    let Some(shape) = given.shapes.get(resource.kind) else {
        decided.refusals.push(Refusal::Unknown(resource.address.clone()));
        return;
    };
    let spec = decided.resolve(&resource.spec);
    if shape.role != Role::Lookup {
        decided.refusals.extend(given.known_by_a_secret(resource, shape, &spec));
    }
    let requested = replace.iter().any(|address| address.covers(&resource.address));
    match shape.role {
        Role::Lookup => looked_up(given, decided, resource, shape),
        Role::Local => local(given, decided, resource, shape, spec, requested),
        Role::Managed => managed(given, decided, resource, shape, spec, requested),
    }
}

fn looked_up(given: &Given<'_>, decided: &mut Decided, resource: &Resource, shape: &Shape) {
    let address = resource.address.clone();
    if given.state.records.contains_key(&address) {
        let title = shape.title;
        let words = format!(
            "{address} was made by this stack and is now only looked up, as {title}: give it another name"
        );
        return decided.refusals.push(Refusal::Move(words));
    }
    match given.live.found.get(&address) {
        Some(Seen::Found(found)) => drop(decided.known.insert(address, found.outputs.clone())),
        Some(Seen::Absent) => decided.refusals.push(Refusal::Missing { address, title: shape.title }),
        Some(Seen::Unreadable(error) | Seen::Denied(error)) => {
            decided.refusals.push(Refusal::Unreadable { address, error: error.clone() });
        }
        // What it is looked up by is not known yet: it is looked up when it is.
        None => {}
    }
}

/// What lives in the state alone: the record is what is there.
fn local(
    given: &Given<'_>,
    decided: &mut Decided,
    resource: &Resource,
    shape: &Shape,
    spec: Value,
    requested: bool,
) {
    let Some(object) = current(given.state, &resource.address) else {
        return decided.note(&resource.address, create(given, shape, resource, spec, Reason::New));
    };
    let ignored = &resource.lifecycle.ignore_changes;
    let masked = given.mask.value(&spec);
    let mut fields = diff::by_opinion(shape, &masked, Some(&object.applied), &object.applied);
    fields.retain(|field| !diff::is_in(ignored, &field.path));
    let spec = diff::as_it_is(spec.clone(), ignored, &given.revealed(object.applied.clone(), &spec));
    let open = given.state.records.get(&resource.address).is_some_and(|record| record.open.is_some());
    let finished = object.finished && !open;
    let (verb, reason) = match (requested, finished, fields.is_empty()) {
        (true, _, _) => (Verb::Replace, Reason::Requested),
        (false, false, _) => (Verb::Update, Reason::Unfinished),
        (false, true, false) => (Verb::Update, Reason::Differs),
        (false, true, true) => {
            let outputs = given.revealed(object.outputs.clone(), &spec);
            return unchanged(given, decided, resource, outputs);
        }
    };
    let id = Some(object.id.clone());
    decided.note(&resource.address, Decision { verb, reason, fields, spec, id, notes: Vec::new() });
}

pub(super) fn unchanged(given: &Given<'_>, decided: &mut Decided, resource: &Resource, outputs: Json) {
    decided.known.insert(resource.address.clone(), outputs);
    decided.unchanged += 1;
    let edges = resource.all_edges();
    if given.state.records.get(&resource.address).is_some_and(|record| record.edges != edges) {
        decided.edges.insert(resource.address.clone(), edges);
    }
}

pub(super) fn create(
    given: &Given<'_>,
    shape: &Shape,
    resource: &Resource,
    spec: Value,
    reason: Reason,
) -> Decision {
    let fields = diff::by_opinion(shape, &given.mask.value(&spec), None, &Json::Null);
    debug_assert_eq!(shape.kind, resource.kind);
    Decision { verb: Verb::Create, reason, fields, spec, id: None, notes: Vec::new() }
}

/// What is no longer looked after, whatever becomes of it.
pub(super) fn forget(record: &Record, reason: Reason) -> Decision {
    let spec = record.current.as_ref().map(|object| &object.applied);
    let spec = spec.or(record.open.as_ref().map(|open| &open.spec)).cloned().unwrap_or_default();
    let (fields, notes) = (Vec::new(), Vec::new());
    Decision { verb: Verb::Forget, reason, fields, spec: spec.into(), id: None, notes }
}

fn protect(given: &Given<'_>, decided: &mut Decided) {
    for (address, decision) in &decided.by_address {
        let verb = match decision.verb {
            Verb::Delete => "delete",
            Verb::Replace | Verb::ReplaceCreateFirst => "replace",
            Verb::Create | Verb::Update | Verb::Forget | Verb::Move => continue,
        };
        let now = given.protected.get(address).unwrap_or(address);
        if given.graph.resources.get(now).is_some_and(|resource| resource.lifecycle.prevent_destroy) {
            decided.refusals.push(Refusal::Protected { address: address.clone(), verb });
        }
    }
}
