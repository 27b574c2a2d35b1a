//! What happens to a resource of the file that lives in the cloud: made, changed in place, replaced, or left as it is.

use serde_json::Value as Json;

use super::decide::{Decided, Decision, create, unchanged};
use super::given::Given;
use super::{Refusal, shut, twin};
use crate::address::Address;
use crate::change::{Action, FieldChange, Reason, Verb};
use crate::diff;
use crate::graph::{Edge, Resource, Sort};
use crate::live::{FoundAny, Ownership, Readiness, Seen, Trial};
use crate::shape::Shape;
use crate::state::{Object, Record, State};
use crate::value::Value;

pub(super) fn managed(
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
        Some(Seen::Denied(_)) if let Some(entry) = shut::opened_by(decided, &resource.all_edges()) => {
            return shut::wanted(given, decided, resource, shape, spec, entry);
        }
        Some(Seen::Unreadable(error) | Seen::Denied(error)) => {
            return decided.refusals.push(shut::refusal(given, address, &resource.all_edges(), error));
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
            if given.live.rerouted.contains(address) {
                return reroute(decided, address, applied, object, found);
            }
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

/// It is as it should be, and the state is to know the way to it.
fn reroute(decided: &mut Decided, address: &Address, spec: Value, object: Option<&Object>, found: &FoundAny) {
    let way = |spec: Option<&Json>| spec.and_then(|spec| spec.get("cluster")).cloned().map(Value::from);
    let (before, after) = (way(object.map(|object| &object.applied)), way(Some(&found.spec)));
    let path = "cluster".to_owned();
    let fields = vec![FieldChange { path, before, after, sensitive: false, fixed: false }];
    decided.known.insert(address.clone(), found.outputs.clone());
    let (verb, reason, id) = (Verb::Update, Reason::Rerouted, Some(found.id.clone()));
    decided.note(address, Decision { verb, reason, fields, spec, id, notes: Vec::new() });
}

/// One field of a spec.
fn only(field: &str, spec: &Value) -> Value {
    Value::map([(field, spec.get(field).cloned().unwrap_or(Value::Null))])
}

pub(super) fn is_deposed(record: Option<&Record>, found: &FoundAny) -> bool {
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
pub(super) fn is_ours(state: &State, address: &Address, record: Option<&Record>, found: &FoundAny) -> bool {
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
