//! What happens to what is in the state and no longer wanted: deleted, swept, or forgotten where it is gone.

use serde_json::Value as Json;

use super::decide::{Decided, Decision, forget};
use super::given::Given;
use super::managed::{is_deposed, is_ours};
use super::{held, lost, shut};
use crate::address::Address;
use crate::change::{Reason, Verb};
use crate::live::Seen;
use crate::shape::{Role, Shapes};
use crate::state::Record;

/// What is in the state and no longer wanted.
pub(super) fn unwanted(
    given: &Given<'_>,
    decided: &mut Decided,
    address: &Address,
    record: &Record,
    reason: Reason,
) {
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
        Some(Seen::Denied(_)) if shut::opened_by(decided, &record.edges).is_some() => {
            // Then it is deleted by its name; should it be gone, that is seen too.
            decided.first.extend(shut::opened_by(decided, &record.edges));
            decision.id = record.current.as_ref().map(|object| object.id.clone());
        }
        Some(Seen::Unreadable(error) | Seen::Denied(error)) if role == Role::Managed => {
            return decided.refusals.push(shut::refusal(given, address, &record.edges, error));
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
        Some(Seen::Absent | Seen::Unreadable(_) | Seen::Denied(_)) | None => {
            decision.id = record.current.as_ref().map(|object| object.id.clone());
        }
    }
    decision.notes = goes_with_it(given, address, record, seen);
    decided.note(address, decision);
}

/// What a controller made of it, and what goes with it.
fn goes_with_it(given: &Given<'_>, address: &Address, record: &Record, seen: Option<&Seen>) -> Vec<String> {
    let made = held::made(given, address, record);
    if let Some(told) = held::words(&made) {
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
pub(super) fn leaves(shapes: &Shapes, record: &Record) -> bool {
    let shape = shapes.get(record.kind.as_str());
    record.current.as_ref().is_some_and(|object| shape.is_some_and(|shape| shape.leaves_of(&object.applied)))
}
