//! What stands against deletions: it is told before the first of them. What blocks one for good is refused, what others
//! still use stays for them, and what only delays is told.
//!
//! What was found is in `Live`; what the state knows goes in its own order and stands against nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::decide::{Decided, Given};
use super::{Intent, Refusal, unwanted};
use crate::address::Address;
use crate::change::{Reason, Verb};
use crate::live::{Child, Effect, Hold, Seen};
use crate::state::trace::Traced;
use crate::state::{Record, State};

/// What goes and is there, or may have left something there.
pub(super) fn going(given: &Given<'_>, decided: &Decided) -> Vec<Address> {
    let goes = decided.by_address.iter().filter(|(_, decision)| goes(decision.verb));
    // Of what is gone itself, what was made of it may be there.
    let may_leave = |address: &Address| {
        let record = given.state.records.get(address);
        record.is_some_and(|record| unwanted::leaves(given.shapes, record))
    };
    let there = goes.filter(|(address, _)| match given.live.found.get(address) {
        Some(Seen::Found(_)) => true,
        Some(Seen::Absent | Seen::Unreadable(_) | Seen::Denied(_)) => may_leave(address),
        None => false,
    });
    there.map(|(address, _)| address.clone()).collect()
}

fn goes(verb: Verb) -> bool {
    matches!(verb, Verb::Delete | Verb::Replace | Verb::ReplaceCreateFirst)
}

/// Decides what becomes of that which something stands against.
pub(super) fn decide(given: &Given<'_>, decided: &mut Decided) {
    if given.live.held.is_empty() {
        return;
    }
    let (known, former) = (known(given.state), former(given.state));
    let left_by = |hold: &Hold| hold.of.iter().find_map(|id| former.get(id.as_str())).cloned();
    for (address, holds) in &given.live.held {
        let Some(decision) = decided.by_address.get_mut(address).filter(|one| goes(one.verb)) else {
            continue;
        };
        let of_others = || holds.iter().filter(|hold| !hold.of.iter().any(|id| known.contains(id.as_str())));
        let with = |effect| of_others().filter(move |hold: &&Hold| hold.effect == effect);
        decision.notes.extend(with(Effect::Delays).map(|hold| hold.what.clone()));
        // What a cluster of this stack left, nobody uses.
        let keeps = with(Effect::Keeps).filter(|hold| left_by(hold).is_none());
        let keeps: Vec<&str> = keeps.map(|hold| hold.what.as_str()).collect();
        let left = with(Effect::Keeps).filter(|hold| left_by(hold).is_some());
        let mut blocks: Vec<(String, Option<[String; 2]>)> =
            with(Effect::Blocks).chain(left).map(|hold| (hold.what.clone(), left_by(hold))).collect();
        match (keeps.as_slice(), decision.verb) {
            ([], _) => {}
            (some, Verb::Delete) => {
                decision.verb = Verb::Forget;
                decision.reason = Reason::Shared { with: some.join(", ") };
            }
            (some, _) => blocks.extend(some.iter().map(|what| ((*what).to_owned(), None))),
        }
        let title =
            given.state.records.get(address).and_then(|record| given.shapes.get(record.kind.as_str()));
        let title = title.map_or("resource", |shape| shape.title);
        let refused = |(what, left_by)| Refusal::Held { address: address.clone(), title, what, left_by };
        let refused = blocks.into_iter().map(refused);
        decided.refusals.extend(refused);
    }
}

/// The outputs that are ids of what goes with a thing.
const GIVEN: &[&str] = &["service_arn", "load_balancer_arn", "cluster_security_group_id"];

/// All ids that the state knows, of things and of what goes with them.
fn known(state: &State) -> BTreeSet<Cow<'_, str>> {
    let objects = state.records.values().flat_map(|record| record.current.iter().chain(&record.deposed));
    let mut known: BTreeSet<Cow<'_, str>> = BTreeSet::new();
    for object in objects {
        known.insert(object.id.as_str().into());
        known.extend(object.made.iter().map(|child| child.id.as_str().into()));
        known.extend(GIVEN.iter().filter_map(|given| object.outputs[*given].as_str().map(Cow::from)));
    }
    // Controllers name their cluster with its VPC: there may be others of the same name.
    let clusters = state.records.values().filter(|record| record.kind == "eks_cluster");
    known.extend(clusters.filter_map(|record| record.current.as_ref()).filter_map(|cluster| {
        Some(format!("{}/{}", cluster.id, cluster.outputs["vpc_id"].as_str()?).into())
    }));
    known.remove("");
    known
}

/// The clusters that this state once had, by name and with their VPC: name and region.
fn former(state: &State) -> BTreeMap<String, [String; 2]> {
    let mut former = BTreeMap::new();
    for trace in &state.traces {
        if let Traced::Cluster { name, vpc, .. } = &trace.what {
            let told = [name.clone(), trace.place.region.clone()];
            former.extend(vpc.as_ref().map(|vpc| (format!("{name}/{vpc}"), told.clone())));
            former.insert(name.clone(), told);
        }
    }
    former
}

/// What begins the sort of what others need too.
const SHARED: &str = "shared ";

/// What a controller made of something and what goes with it. What several share goes with the last of them, and is told
/// once: with the first.
pub(super) fn made(given: &Given<'_>, address: &Address, record: &Record) -> Vec<Child> {
    let recorded = record.current.as_ref().map(|object| &object.made);
    let Some(made) = given.live.made.get(address).or(recorded) else { return Vec::new() };
    let holds = |child: &Child, other: &Address, record: &Record| {
        let recorded = record.current.as_ref().map(|object| &object.made);
        let made = given.live.made.get(other).or(recorded);
        other != address && made.is_some_and(|made| made.iter().any(|one| one.id == child.id))
    };
    let stays = |other: &Address| {
        !given.may_touch(other)
            || (matches!(given.intent, Intent::Up { .. }) && given.graph.resources.contains_key(other))
    };
    let goes_here = |child: &&Child| {
        let mut holders = given.state.records.iter().filter(|(other, record)| holds(child, other, record));
        !child.sort.starts_with(SHARED) || holders.all(|(other, _)| !stays(other) && address < other)
    };
    made.iter().filter(goes_here).cloned().collect()
}

/// What goes with something: `deletes 1 ALB, 2 target groups with it`.
pub(super) fn words(made: &[Child]) -> Option<String> {
    counted(made).map(|told| format!("deletes {told} with it"))
}

/// Each sort with how many there are of it.
pub(super) fn counted(made: &[Child]) -> Option<String> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for child in made {
        let sort = child.sort.trim_start_matches(SHARED);
        match counts.iter_mut().find(|(known, _)| *known == sort) {
            Some((_, count)) => *count += 1,
            None => counts.push((sort, 1)),
        }
    }
    let counted = |(sort, count): &(&str, usize)| match count {
        1 => format!("1 {sort}"),
        more => format!("{more} {sort}s"),
    };
    let all: Vec<String> = counts.iter().map(counted).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_with_it_is_counted_by_sort() {
        let child = |sort: &str| Child { sort: sort.into(), id: String::new() };
        let all =
            ["ALB", "target group", "target group", "security group", "shared security group"].map(child);
        let told = words(&all).expect("there is something");
        assert_eq!(told, "deletes 1 ALB, 2 target groups, 2 security groups with it");
        assert_eq!(words(&[]), None);
    }
}
