//! What goes with a cluster beside its objects: what its controllers left behind earlier, and, of one that is lost, what
//! they made for objects of others. It is told before the cluster goes.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::decide::{Decided, Given};
use super::{Refusal, guests, held, lost};
use crate::address::Address;
use crate::change::{Reason, Verb};
use crate::live::{Child, Leak, Readiness, Seen};
use crate::state::State;

/// The kinds of objects that have load balancers.
const BALANCED: &[&str] = &["Gateway", "Ingress", "Service"];

/// Tells it with the clusters that go.
pub(super) fn decide(given: &Given<'_>, decided: &mut Decided) {
    for (address, leaks) in &given.live.leaks {
        let Some(record) = given.state.records.get(address) else { continue };
        let Some(cluster) = guests::spec(record).map(|spec| guests::reference(record, spec)) else {
            continue;
        };
        let lost = is_lost(given, decided, address);
        let Some(decision) = decided.by_address.get_mut(address).filter(|one| goes(one.verb)) else {
            continue;
        };
        let made: BTreeSet<&str> = made(given, address).collect();
        let lives = |leak: &Leak| {
            made.contains(leak.child.id.as_str())
                || (!lost && leak.of.as_ref().is_some_and(|of| is_there(given, &cluster, of)))
        };
        // What all load balancers of a cluster share is there for those that live.
        let balances =
            |leak: &&Leak| leak.of.as_ref().is_some_and(|[of, ..]| BALANCED.contains(&of.as_str()));
        let balanced = !lost && leaks.iter().filter(balances).any(lives);
        let left = leaks.iter().filter(|leak| !lives(leak) && (!balanced || leak.of.is_some()));
        let left: Vec<&Leak> = left.collect();
        // Who cannot look cannot list what others have there: it goes only if that is wanted.
        let theirs = left.iter().filter(|leak| is_anothers(given.state, &cluster, leak));
        let theirs = held::counted(&theirs.map(|leak| leak.child.clone()).collect::<Vec<_>>());
        let there = matches!(given.live.found.get(address),
            Some(Seen::Found(found)) if !matches!(found.readiness, Readiness::Leaving(_)));
        if let Some(told) = theirs.filter(|_| lost && there && !given.leave.include_foreign) {
            let what = format!("{told} of others in {address}, which cannot be reached to tell whose");
            decided.refusals.push(Refusal::Guest { what, anothers: false });
        }
        let left: Vec<Child> = left.into_iter().map(|leak| leak.child.clone()).collect();
        let whose = if lost { "made for others" } else { "left behind" };
        let told = held::counted(&left).map(|told| format!("deletes {told} that its controllers {whose}"));
        decision.notes.extend(told);
    }
}

fn goes(verb: Verb) -> bool {
    matches!(verb, Verb::Delete | Verb::Replace | Verb::ReplaceCreateFirst)
}

/// Whether nobody can be asked any more what lives in a cluster.
fn is_lost(given: &Given<'_>, decided: &Decided, cluster: &Address) -> bool {
    let is_in = |address: &Address| {
        let record = given.state.records.get(address);
        record.and_then(|record| lost::cluster_of(given, record)).as_ref() == Some(cluster)
    };
    matches!(given.live.found.get(cluster), Some(Seen::Absent))
        || decided
            .by_address
            .iter()
            .any(|(address, decision)| matches!(decision.reason, Reason::Lost { .. }) && is_in(address))
}

/// The ids of what is told with other resources.
fn made<'a>(given: &'a Given<'_>, cluster: &'a Address) -> impl Iterator<Item = &'a str> {
    let live = given.live.made.iter().filter(move |(address, _)| *address != cluster);
    let recorded = given.state.records.iter();
    let recorded = recorded.filter(|(address, _)| !given.live.made.contains_key(*address));
    let recorded = recorded.filter_map(|(_, record)| record.current.as_ref());
    let recorded = recorded.flat_map(|object| &object.made);
    let ids = live.flat_map(|(_, made)| made).chain(recorded).map(|child| child.id.as_str());
    // Some are known by their ARN and found by the id in it.
    ids.flat_map(|id| [id, id.rsplit('/').next().unwrap_or(id)])
}

/// Whether something was made for an object that this stack does not have.
fn is_anothers(state: &State, cluster: &Json, leak: &Leak) -> bool {
    let Some(of) = &leak.of else { return false };
    !own(state, cluster).any(|(_, manifest)| is_of(of, manifest))
}

/// Whether it is this object that something was made for.
fn is_of(of: &[String; 3], manifest: &Json) -> bool {
    let text = |json: &Json, other: &str| json.as_str().unwrap_or(other).to_owned();
    let metadata = &manifest["metadata"];
    let (namespace, name) = (text(&metadata["namespace"], "default"), text(&metadata["name"], ""));
    is_it(of, manifest["kind"].as_str().unwrap_or_default(), &namespace, &name)
}

/// Whether the object that something was made for is there: somebody else's, or this stack's.
fn is_there(given: &Given<'_>, cluster: &Json, of: &[String; 3]) -> bool {
    let mut others = given.live.guests.iter().filter(|guest| guest.cluster == *cluster);
    others.any(|guest| is_it(of, &guest.sort[1], &guest.namespace, &guest.name))
        || own(given.state, cluster).any(|(address, manifest)| {
            is_of(of, manifest) && matches!(given.live.found.get(address), Some(Seen::Found(_)))
        })
}

/// The objects of this stack in a cluster.
fn own<'a>(state: &'a State, cluster: &'a Json) -> impl Iterator<Item = (&'a Address, &'a Json)> {
    state.records.iter().filter_map(move |(address, record)| {
        let spec = guests::spec(record).filter(|spec| spec["cluster"] == *cluster)?;
        Some((address, &spec["manifest"]))
    })
}

fn is_it([of, within, called]: &[String; 3], kind: &str, namespace: &str, name: &str) -> bool {
    let same = of == kind || (of == "Route" && kind.ends_with("Route"));
    same && (within.is_empty() || (within == namespace && called == name))
}
