//! What happens to each resource, and why. Dependencies are decided first, because what happens to them matters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

pub(super) use super::given::Given;
use super::{Intent, Refusal, guests, held, lost, repair, twin};
use crate::address::Address;
use crate::change::{Action, FieldChange, Reason, Verb};
use crate::diff;
use crate::graph::{Edge, Graph, Resource, Sort};
use crate::live::{FoundAny, Ownership, Readiness, Seen, Trial};
use crate::shape::{Role, Shape, Shapes};
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
    /// Webhooks that nobody answers for: they would block what is put back, and go before it.
    pub(super) deaf: BTreeSet<Address>,
    /// Outputs that are known now and stay as they are.
    known: BTreeMap<Address, Json>,
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

    fn note(&mut self, address: &Address, decision: Decision) {
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
        Some(Seen::Unreadable(error)) => {
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

fn managed(
    given: &Given<'_>,
    decided: &mut Decided,
    resource: &Resource,
    shape: &Shape,
    spec: Value,
    requested: bool,
) {
    let address = &resource.address;
    let record = given.state.records.get(address);
    let seen = given.live.found.get(address);
    let seen = seen.filter(|seen| record.is_some() || !is_anothers(shape, &spec, seen));
    let found = match seen {
        Some(Seen::Unreadable(error)) => {
            let (address, error) = (address.clone(), error.clone());
            return decided.refusals.push(Refusal::Unreadable { address, error });
        }
        // The old one of an unfinished replacement carries the same tags.
        Some(Seen::Found(found)) if !is_deposed(record, found) => found,
        Some(Seen::Found(_) | Seen::Absent) | None => {
            let begun = record.and_then(|record| record.open.as_ref()).map(|open| &open.spec);
            let half = record.and_then(|record| record.current.as_ref()).map(|object| &object.applied);
            if let Some(decision) = not_seen_yet(record, &twin::as_it_goes(shape, spec.clone(), half)) {
                return decided.note(address, decision);
            }
            let spec = match begun {
                Some(begun) => twin::as_it_goes(shape, spec, Some(begun)),
                None => twin::anew(given, address, shape, spec, false),
            };
            if let Some(decision) = begun_otherwise(record, resource, shape, &spec) {
                return decided.note(address, decision);
            }
            let gone = record.is_some_and(|record| record.current.is_some());
            let begun = record.is_some_and(|record| record.open.is_some());
            let reason = if gone {
                Reason::Gone
            } else if begun {
                Reason::Unfinished
            } else {
                Reason::New
            };
            return decided.note(address, create(given, shape, resource, spec, reason));
        }
    };
    if !is_ours(given.state, address, record, found) {
        let (address, id) = (address.clone(), found.id.clone());
        return decided.refusals.push(Refusal::Foreign { address, title: shape.title, id });
    }
    let object = record.and_then(|record| record.current.as_ref());
    let spec = twin::as_it_goes(shape, spec, Some(&found.spec));
    let applied = diff::as_it_is(spec.clone(), &resource.lifecycle.ignore_changes, &found.spec);
    let trial = tried(given, address, &applied);
    let (mut fields, fixed) = differences(given, shape, resource, &spec, object, found, trial);
    let finished = object.is_some_and(|object| object.finished) && record.is_none_or(|r| r.open.is_none());
    let stuck = climb(shape, address, &fields);
    match verdict(decided, resource, record, shape, found, (&fields, fixed), finished, requested) {
        None => {
            unchanged(given, decided, resource, found.outputs.clone());
            if tells_another_address(found, address) {
                let spec = diff::as_it_is(spec, &resource.lifecycle.ignore_changes, &found.spec);
                let (verb, reason, id) = (Verb::Move, Reason::Moved, Some(found.id.clone()));
                decided.note(
                    address,
                    Decision { verb, reason, fields: Vec::new(), spec, id, notes: Vec::new() },
                );
            }
        }
        Some((Verb::Update, _)) if stuck.is_some() => {
            decided.refusals.extend(stuck.map(Refusal::Version));
        }
        Some((verb, reason)) => {
            let usable = object.is_some_and(|object| object.finished) || found.readiness == Readiness::Ready;
            if verb == Verb::Update && usable {
                decided.known.insert(address.clone(), found.outputs.clone());
            }
            let spec = match verb {
                Verb::Update => applied,
                _ => twin::anew(given, address, shape, spec, verb == Verb::ReplaceCreateFirst),
            };
            if let Some(field) = shape.twin.filter(|_| verb != Verb::Update) {
                fields.extend(diff::by_opinion(
                    shape,
                    &given.mask.value(&only(field, &spec)),
                    None,
                    &found.spec,
                ));
            }
            let notes = if verb == Verb::Update { untried(shape, &fields, trial) } else { Vec::new() };
            decided.note(address, Decision { verb, reason, fields, spec, id: Some(found.id.clone()), notes });
        }
    }
}

/// One field of a spec.
fn only(field: &str, spec: &Value) -> Value {
    Value::map([(field, spec.get(field).cloned().unwrap_or(Value::Null))])
}

fn is_deposed(record: Option<&Record>, found: &FoundAny) -> bool {
    record.is_some_and(|record| {
        record.current.is_none() && record.deposed.iter().any(|object| object.id == found.id)
    })
}

/// What was made a moment ago may not be seen yet: the step looks again until it would be.
fn not_seen_yet(record: Option<&Record>, spec: &Value) -> Option<Decision> {
    let record = record.filter(|record| record.open.is_some())?;
    let object = record.current.as_ref().filter(|object| !object.finished)?;
    let (fields, id) = (Vec::new(), Some(object.id.clone()));
    let (verb, reason, spec, notes) = (Verb::Update, Reason::Unfinished, spec.clone(), Vec::new());
    Some(Decision { verb, reason, fields, spec, id, notes })
}

/// What an earlier run began to make and may have made is not what is wanted now, and cannot become it.
fn begun_otherwise(
    record: Option<&Record>,
    resource: &Resource,
    shape: &Shape,
    spec: &Value,
) -> Option<Decision> {
    let record = record.filter(|record| record.current.is_none())?;
    let open = record.open.as_ref().filter(|open| open.action == Action::Create)?;
    let fields = diff::by_opinion(shape, spec, Some(&open.spec), &open.spec);
    let mut fixed: Vec<String> = fields.iter().filter(|f| f.fixed).map(|f| f.path.clone()).collect();
    if record.kind != resource.kind || record.place != resource.place {
        fixed.push("account, region or kind".to_owned());
    }
    let reason = Reason::Fixed { fields: fixed.clone() };
    let (verb, spec, notes) = (Verb::Replace, spec.clone(), Vec::new());
    let decision = Decision { verb, reason, fields, spec, id: None, notes };
    (!fixed.is_empty()).then_some(decision)
}

/// Found by the id we recorded, or carrying our tags, or what an open create of ours left.
fn is_ours(state: &State, address: &Address, record: Option<&Record>, found: &FoundAny) -> bool {
    let recorded =
        record.and_then(|record| record.current.as_ref()).is_some_and(|object| object.id == found.id);
    let begun = record.is_some_and(|record| record.open.is_some());
    match &found.owner {
        Ownership::Tagged { lineage, address: tagged } => {
            *lineage == state.lineage && (recorded || tagged == address.as_str())
        }
        Ownership::Untagged => recorded,
        Ownership::Untaggable => recorded || begun,
    }
}

/// Whether its tags tell an address that it had before it was moved.
fn tells_another_address(found: &FoundAny, address: &Address) -> bool {
    matches!(&found.owner, Ownership::Tagged { address: told, .. } if told != address.as_str())
}

/// Whether what was found by values that are about to change is some other thing, of which nobody can tell whose it is.
fn is_anothers(shape: &Shape, spec: &Value, seen: &Seen) -> bool {
    let unknown = |field: &&str| spec.get(field).is_some_and(|value| value.known().is_err());
    matches!(seen, Seen::Found(found) if found.owner == Ownership::Untaggable)
        && shape.fixed.iter().any(unknown)
}

/// Why a version cannot change as it is wanted to: it would go back, or skip one.
fn climb(shape: &Shape, address: &Address, fields: &[FieldChange]) -> Option<String> {
    let version = |value: &Option<Value>| {
        let (major, minor) = value.as_ref()?.as_str()?.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    fields.iter().filter(|field| shape.climbs.contains(&field.path.as_str())).find_map(|field| {
        let (before, after) = (version(&field.before)?, version(&field.after)?);
        let [told, wanted] = [before, after].map(|(major, minor)| format!("{major}.{minor}"));
        let next = format!("{}.{}", before.0, before.1 + 1);
        match () {
            () if after < before => {
                Some(format!("{address} is at version {told} and cannot go back to {wanted}"))
            }
            () if after.0 == before.0 && after.1 > before.1 + 1 => Some(format!(
                "{address} cannot go from version {told} to {wanted} at once: go to {next} first"
            )),
            () => None,
        }
    })
}

/// What came of trying out this very change.
fn tried<'a>(given: &Given<'a>, address: &Address, spec: &Value) -> Option<&'a Trial> {
    let tried = given.live.tried.get(address)?;
    spec.known().is_ok_and(|spec| spec == tried.spec).then_some(&tried.trial)
}

/// The fields that differ, and those that cannot change in place. What the cloud said of them holds; else what is
/// known of the kind does.
fn differences(
    given: &Given<'_>,
    shape: &Shape,
    resource: &Resource,
    spec: &Value,
    object: Option<&Object>,
    found: &FoundAny,
    trial: Option<&Trial>,
) -> (Vec<FieldChange>, Vec<String>) {
    let mut fields = match trial {
        Some(Trial::Becomes { before, after }) => {
            let after = Value::from(after.clone());
            let after = given.mask.value(&after);
            let before = given.masked_live(before, spec, Some(&Json::from(&*after)));
            diff::by_opinion(shape, &given.like_the_file(&after, spec), Some(&before), &before)
        }
        Some(Trial::Fixed(_) | Trial::Untried(_)) | None => {
            let applied = object.map(|object| &object.applied);
            let (wanted, live) = (given.mask.value(spec), given.masked_live(&found.spec, spec, applied));
            diff::by_opinion(shape, &wanted, applied, &live)
        }
    };
    fields.retain(|field| !diff::is_in(&resource.lifecycle.ignore_changes, &field.path));
    let told: Vec<String> = match trial {
        Some(Trial::Becomes { .. }) => Vec::new(),
        Some(Trial::Fixed(told)) => told.clone(),
        Some(Trial::Untried(_)) | None => known_as_fixed(shape, spec),
    };
    let about = |told: &str, field: &FieldChange| {
        diff::is_in(&[told], &field.path) || diff::is_in(&[&field.path], told)
    };
    for field in &mut fields {
        field.fixed |= told.iter().any(|told| about(told, field));
    }
    let mut fixed: Vec<String> =
        fields.iter().filter(|field| field.fixed).map(|field| field.path.clone()).collect();
    if matches!(trial, Some(Trial::Fixed(_))) {
        let unseen = told.into_iter().filter(|told| !fields.iter().any(|field| about(told, field)));
        fixed.extend(unseen);
    }
    (fields, fixed)
}

/// The fields that are fixed in things of the sort that the spec says.
fn known_as_fixed(shape: &Shape, spec: &Value) -> Vec<String> {
    let says = |field: &str, what: &str| {
        let value = field.split('.').try_fold(spec, |value, name| value.get(name));
        value == Some(&Value::from(what))
    };
    let of_sort = shape.fixed_where.iter().filter(|(field, what, _)| says(field, what));
    of_sort.flat_map(|(_, _, fixed)| fixed.iter().map(|field| (*field).to_owned())).collect()
}

/// That a change of what can be tried out was not, and why.
fn untried(shape: &Shape, fields: &[FieldChange], trial: Option<&Trial>) -> Vec<String> {
    let why = match trial {
        _ if !shape.tries || fields.is_empty() => return Vec::new(),
        Some(Trial::Becomes { .. } | Trial::Fixed(_)) => return Vec::new(),
        Some(Trial::Untried(why)) => why.as_str(),
        None => "some of its values are not known yet",
    };
    vec![format!("compared without a dry run: {why}")]
}

#[expect(clippy::too_many_arguments, reason = "all of these decide, and nothing else does")]
fn verdict(
    decided: &Decided,
    resource: &Resource,
    record: Option<&Record>,
    shape: &Shape,
    found: &FoundAny,
    (fields, fixed): (&[FieldChange], Vec<String>),
    finished: bool,
    requested: bool,
) -> Option<(Verb, Reason)> {
    let create_first = shape.create_first && !needs_what_goes_first(decided, resource, record);
    let anew = if create_first { Verb::ReplaceCreateFirst } else { Verb::Replace };
    if let Some(of) = outer_remade(decided, resource, record) {
        return Some((Verb::Replace, Reason::Inside { of }));
    }
    if record.is_some_and(|record| record.kind != resource.kind || record.place != resource.place) {
        return Some((Verb::Replace, Reason::Fixed { fields: vec!["account, region or kind".to_owned()] }));
    }
    if let Readiness::Broken(why) | Readiness::Leaving(why) = &found.readiness {
        return Some((Verb::Replace, Reason::Broken { why: why.clone() }));
    }
    if !fixed.is_empty() {
        return Some((anew, Reason::Fixed { fields: fixed }));
    }
    if requested {
        return Some((anew, Reason::Requested));
    }
    if !finished {
        return Some((Verb::Update, Reason::Unfinished));
    }
    (!fields.is_empty()).then_some((Verb::Update, Reason::Differs))
}

/// Whether it needs something whose old one must go before the new one comes: then its own old one goes first too.
fn needs_what_goes_first(decided: &Decided, resource: &Resource, record: Option<&Record>) -> bool {
    let old = record.map(|record| record.edges.as_slice()).unwrap_or_default();
    let goes_first = |edge: &Edge| decided.by_address.get(&edge.to).is_some_and(|d| d.verb == Verb::Replace);
    resource.all_edges().iter().chain(old).any(goes_first)
}

/// What it lives in, if that is replaced, or made again after it was lost.
fn outer_remade(decided: &Decided, resource: &Resource, record: Option<&Record>) -> Option<Address> {
    let was_inside =
        |to: &Address| record.is_some_and(|record| record.edges.iter().any(|edge| edge.to == *to));
    let remade = |edge: &Edge| match decided.by_address.get(&edge.to)?.verb {
        Verb::Replace | Verb::ReplaceCreateFirst => Some(edge.to.clone()),
        Verb::Create if was_inside(&edge.to) => Some(edge.to.clone()),
        Verb::Create | Verb::Update | Verb::Delete | Verb::Forget | Verb::Move => None,
    };
    resource.all_edges().iter().filter(|edge| edge.sort == Sort::Inside).find_map(remade)
}

fn unchanged(given: &Given<'_>, decided: &mut Decided, resource: &Resource, outputs: Json) {
    decided.known.insert(resource.address.clone(), outputs);
    decided.unchanged += 1;
    let edges = resource.all_edges();
    if given.state.records.get(&resource.address).is_some_and(|record| record.edges != edges) {
        decided.edges.insert(resource.address.clone(), edges);
    }
}

fn create(given: &Given<'_>, shape: &Shape, resource: &Resource, spec: Value, reason: Reason) -> Decision {
    let fields = diff::by_opinion(shape, &given.mask.value(&spec), None, &Json::Null);
    debug_assert_eq!(shape.kind, resource.kind);
    Decision { verb: Verb::Create, reason, fields, spec, id: None, notes: Vec::new() }
}

/// What is no longer looked after, whatever becomes of it.
fn forget(record: &Record, reason: Reason) -> Decision {
    let spec = record.current.as_ref().map(|object| &object.applied);
    let spec = spec.or(record.open.as_ref().map(|open| &open.spec)).cloned().unwrap_or_default();
    let (fields, notes) = (Vec::new(), Vec::new());
    Decision { verb: Verb::Forget, reason, fields, spec: spec.into(), id: None, notes }
}

/// What is in the state and no longer wanted.
fn unwanted(given: &Given<'_>, decided: &mut Decided, address: &Address, record: &Record, reason: Reason) {
    let role = given.shapes.get(record.kind.as_str()).map_or(Role::Managed, |shape| shape.role);
    let seen = given.live.found.get(address);
    let mut decision = Decision { verb: Verb::Delete, ..forget(record, reason) };
    if let Some(why) = lost::why(given, record, seen) {
        decision.reason = Reason::Lost { why };
        if leaves(given.shapes, record) {
            decision.notes = goes_with_it(given, address, record, seen);
            decided.sweeps.insert(address.clone());
        } else {
            decision.verb = Verb::Forget;
        }
        return decided.note(address, decision);
    }
    match seen {
        Some(Seen::Unreadable(error)) if role == Role::Managed => {
            let (address, error) = (address.clone(), error.clone());
            return decided.refusals.push(Refusal::Unreadable { address, error });
        }
        // The old one of an unfinished replacement has a step of its own.
        Some(Seen::Found(found)) if is_deposed(Some(record), found) => {}
        Some(Seen::Found(found)) if !is_ours(given.state, address, Some(record), found) => {
            // A thing of the same name that is somebody else's: ours is gone.
            (decision.verb, decision.reason) = (Verb::Forget, Reason::Gone);
        }
        Some(Seen::Found(found)) => decision.id = Some(found.id.clone()),
        // Nothing of it is open: what is not found will not turn up later.
        Some(Seen::Absent) if record.open.is_none() && !leaves(given.shapes, record) => {
            (decision.verb, decision.reason) = (Verb::Forget, Reason::Gone);
        }
        Some(Seen::Absent | Seen::Unreadable(_)) | None => {
            decision.id = record.current.as_ref().map(|object| object.id.clone());
        }
    }
    decision.notes = goes_with_it(given, address, record, seen);
    decided.note(address, decision);
}

/// What a controller made of it, and what goes with it.
fn goes_with_it(given: &Given<'_>, address: &Address, record: &Record, seen: Option<&Seen>) -> Vec<String> {
    let made = given.live.made.get(address).or_else(|| Some(&record.current.as_ref()?.made));
    if let Some(told) = made.and_then(|made| held::words(made)) {
        return vec![told];
    }
    let live = match seen {
        Some(Seen::Found(found)) => Some(&found.outputs),
        _ => None,
    };
    let recorded = record.current.as_ref().map(|object| &object.outputs);
    let told = |field: &str| {
        let text = |outputs: &Json| outputs[field].as_str().map(str::to_owned);
        live.and_then(text).or_else(|| recorded.and_then(text))
    };
    let name = |arn: &str, after: &str| arn.rsplit_once(after).map_or(arn, |(_, name)| name).to_owned();
    let balancer = told("load_balancer_arn").map(|arn| {
        let name = name(&arn, ":loadbalancer/");
        format!("deletes load balancer {name} with its target groups and security groups")
    });
    let service = told("service_arn").map(|arn| {
        format!("deletes Lattice service {} with its listeners and target groups", name(&arn, "/"))
    });
    balancer.into_iter().chain(service).collect()
}

/// Whether what a controller made of it may be there still.
fn leaves(shapes: &Shapes, record: &Record) -> bool {
    record.current.is_some() && shapes.get(record.kind.as_str()).is_some_and(|shape| shape.leaves)
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
