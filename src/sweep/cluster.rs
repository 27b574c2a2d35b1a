//! What the controllers of one cluster made, by its tags: for those who take the cluster away, whoever it was made for.
//!
//! Only the sorts that what the cluster stood on cannot go before: a service network, subnets, the VPC. What this stack
//! itself made is looked after by its state.

use std::collections::BTreeSet;

use super::judge::{self, Leftover, Whose};
use super::look::{self, Ground};
use super::object::object;
use super::remove::{left_alone, once};
use super::scope::Scope;
use super::sort::Sort;
use super::thing::Thing;
use crate::cloud::{Absent, Cloud, CloudResult, ErrorSort, LINEAGE};
use crate::graph::Place;
use crate::live::{Child, Leak};

/// By which the things of a cluster are told from those of one of the same name.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// Account and region.
    pub place: &'a Place,
    /// The number of the account.
    pub account: &'a str,
    /// The EKS name.
    pub name: &'a str,
    /// The VPC.
    pub vpc: &'a str,
}

/// All that its controllers made and that is there now, in the order of removal. A service is left out that this run may
/// not ask: an audit tells of it.
pub async fn made_in(cloud: &Cloud, of: Of<'_>) -> CloudResult<Vec<Leftover>> {
    let scope = Scope::of_cluster(of.name, of.place, Some(of.vpc));
    let clients = cloud.clients(of.place);
    let ground = Ground { scope: &scope, cloud, clients: &clients, place: of.place, account: of.account };
    let mut things = Vec::new();
    for seen in look::of_controllers(ground).await {
        match seen.result {
            Ok(some) => things.extend(some.into_iter().filter(|thing| thing.tag(LINEAGE).is_none())),
            Err(error) if error.sort == ErrorSort::Denied => {}
            Err(error) => return Err(error),
        }
    }
    let mut found = judge::leftovers(&scope, &things);
    found.retain(|one| {
        let waits = left_alone(one).is_none() || one.thing.held.is_some();
        waits && one.thing.sort != Sort::LatticeNetwork
    });
    let own: BTreeSet<String> =
        found.iter().filter(|one| is_controllers(one)).map(|one| one.thing.id.clone()).collect();
    found.retain(|one| match &one.whose {
        Whose::With { leftover } => own.contains(leftover),
        _ => own.contains(&one.thing.id),
    });
    Ok(found)
}

/// Whether a controller made it, in AWS or in the cluster itself. EKS takes its own groups away.
fn is_controllers(one: &Leftover) -> bool {
    match (&one.whose, one.thing.sort) {
        (Whose::Controller { .. }, _) | (Whose::Cluster { .. }, Sort::ClassicLoadBalancer) => true,
        (Whose::Cluster { .. }, Sort::SecurityGroup) => one.thing.tag("aws:eks:cluster-name").is_none(),
        _ => false,
    }
}

/// Takes it away as far as that can be done now, each for itself. Why the first one is still there.
pub async fn remove_now(cloud: &Cloud, place: &Place, found: &[Leftover]) -> CloudResult<()> {
    let clients = cloud.clients(place);
    let mut why = Ok(());
    for one in found.iter().filter(|one| one.thing.held.is_none()) {
        let answer = once(&clients, &one.thing).await.or_absent().map(drop);
        why = why.and(answer);
    }
    why
}

/// One in words, and what keeps it, if it is more than a part of another.
pub fn words(one: &Leftover) -> Option<String> {
    let words = || {
        let (sort, name) = (one.thing.sort.title(), &one.thing.name);
        one.thing
            .held
            .as_ref()
            .map_or_else(|| format!("{sort} {name}"), |held| format!("{sort} {name} ({held})"))
    };
    (!matches!(one.whose, Whose::With { .. })).then(words)
}

/// Those that count for people, each by its sort and with the object that it was made for.
pub fn leaks(found: &[Leftover]) -> Vec<Leak> {
    let ids: BTreeSet<&str> = found.iter().map(|one| one.thing.id.as_str()).collect();
    let counts = |one: &&Leftover| match (&one.whose, one.thing.sort) {
        (Whose::With { .. }, _) => false,
        // It goes with its service.
        (_, Sort::LatticeServiceAssociation) => {
            !one.thing.of.first().is_some_and(|of| ids.contains(of.as_str()))
        }
        _ => true,
    };
    let leak = |one: &Leftover| {
        let (sort, id) = (title(&one.thing).to_owned(), one.thing.id.clone());
        Leak { child: Child { sort, id }, of: object(&one.thing) }
    };
    found.iter().filter(counts).map(leak).collect()
}

fn title(thing: &Thing) -> &'static str {
    match thing.sort {
        Sort::LoadBalancer if thing.id.contains(":loadbalancer/net/") => "NLB",
        Sort::LoadBalancer => "ALB",
        sort => sort.title(),
    }
}
