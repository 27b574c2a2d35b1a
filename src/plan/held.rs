//! What stands against deletions: it is told before the first of them. What blocks one for good is refused, what others
//! still use stays for them, and what only delays is told.
//!
//! What was found is in `Live`; what the state knows goes in its own order and stands against nothing.

use std::collections::BTreeSet;

use super::decide::{Decided, Given};
use super::{Intent, Refusal};
use crate::address::Address;
use crate::change::{Reason, Verb};
use crate::live::{Child, Effect, Hold, Seen};
use crate::state::{Record, State};

/// What goes and is there.
pub(super) fn going(given: &Given<'_>, decided: &Decided) -> Vec<Address> {
    let goes = decided.by_address.iter().filter(|(_, decision)| goes(decision.verb));
    let there = goes.filter(|(address, _)| matches!(given.live.found.get(address), Some(Seen::Found(_))));
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
    let known = known(given.state);
    for (address, holds) in &given.live.held {
        let Some(decision) = decided.by_address.get_mut(address).filter(|one| goes(one.verb)) else {
            continue;
        };
        let of_others = || holds.iter().filter(|hold| !hold.of.iter().any(|id| known.contains(id.as_str())));
        let with = |effect| of_others().filter(move |hold: &&Hold| hold.effect == effect);
        decision.notes.extend(with(Effect::Delays).map(|hold| hold.what.clone()));
        let keeps: Vec<&str> = with(Effect::Keeps).map(|hold| hold.what.as_str()).collect();
        let mut blocks: Vec<String> = with(Effect::Blocks).map(|hold| hold.what.clone()).collect();
        match (keeps.as_slice(), decision.verb) {
            ([], _) => {}
            (some, Verb::Delete) => {
                decision.verb = Verb::Forget;
                decision.reason = Reason::Shared { with: some.join(", ") };
            }
            (some, _) => blocks.extend(some.iter().map(|what| (*what).to_owned())),
        }
        let title =
            given.state.records.get(address).and_then(|record| given.shapes.get(record.kind.as_str()));
        let title = title.map_or("resource", |shape| shape.title);
        let refused = blocks.into_iter().map(|what| Refusal::Held { address: address.clone(), title, what });
        decided.refusals.extend(refused);
    }
}

/// The outputs that are ids of what goes with a thing.
const GIVEN: &[&str] = &["service_arn", "load_balancer_arn", "cluster_security_group_id"];

/// All ids that the state knows, of things and of what goes with them.
fn known(state: &State) -> BTreeSet<&str> {
    let objects = state.records.values().flat_map(|record| record.current.iter().chain(&record.deposed));
    let mut known = BTreeSet::new();
    for object in objects {
        known.insert(object.id.as_str());
        known.extend(object.made.iter().map(|child| child.id.as_str()));
        known.extend(GIVEN.iter().filter_map(|given| object.outputs[*given].as_str()));
    }
    known.remove("");
    known
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

/// What goes with something, counted by its sort: `deletes 1 ALB, 2 target groups with it`.
pub(super) fn words(made: &[Child]) -> Option<String> {
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
    (!all.is_empty()).then(|| format!("deletes {} with it", all.join(", ")))
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
