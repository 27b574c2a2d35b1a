//! What somebody else has that keeps a leftover from being removed: it is marked, named and left.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::{Leftover, Whose, goes_with_its_group};
use super::sort::Sort;
use super::thing::Thing;

/// What an endpoint service of others offers to other VPCs cannot go, and nothing that it works with should.
pub(super) fn by_services(found: &mut [Leftover], things: &[Thing]) {
    let left: BTreeSet<String> = found.iter().map(|one| one.thing.id.clone()).collect();
    let services = things.iter().filter(|thing| thing.sort == Sort::EndpointService);
    for service in services.filter(|service| !left.contains(&service.id)) {
        let words = format!("the endpoint service {} offers it to other VPCs", service.id);
        let offered = |one: &&mut Leftover| service.of.contains(&one.thing.id);
        let mut groups = BTreeSet::new();
        for one in found.iter_mut().filter(offered) {
            one.why.push_str(&format!("; {words}"));
            one.thing.held = Some(words.clone());
            groups.extend(one.thing.of.clone());
        }
        for one in found.iter_mut() {
            let of = &one.thing.of;
            let works_with_it = match one.thing.sort {
                Sort::Listener | Sort::TargetGroup => of.iter().any(|id| service.of.contains(id)),
                Sort::SecurityGroup => groups.contains(&one.thing.id),
                Sort::SecurityGroupRule => of.iter().any(|id| groups.contains(id)),
                _ => false,
            };
            if works_with_it {
                one.thing.held = Some(format!("a load balancer that {} offers needs it", service.id));
            }
        }
    }
}

/// Marks the rules that somebody else made in a group of theirs, and what these rules name.
pub(super) fn by_rules(found: &mut [Leftover], ids: &BTreeSet<String>) {
    let is_theirs = |one: &Leftover| {
        let thing = &one.thing;
        thing.sort == Sort::SecurityGroupRule
            && matches!(one.whose, Whose::With { .. })
            && !thing.opened
            && !goes_with_its_group(thing, ids)
    };
    let mut holders: BTreeMap<String, String> = BTreeMap::new();
    for one in found.iter_mut().filter(|one| is_theirs(one)) {
        let (group, named) = (one.thing.of[0].clone(), one.thing.of[1].clone());
        one.thing.held = Some("somebody else made it".to_owned());
        one.why.push_str("; somebody else made it");
        holders.insert(named, format!("rule {} of security group {group} names it", one.thing.id));
    }
    for one in found.iter_mut().filter(|one| one.thing.sort == Sort::SecurityGroup) {
        if let Some(held) = holders.remove(&one.thing.id) {
            one.why.push_str(&format!("; {held}"));
            one.thing.held = Some(held);
        }
    }
}
