//! What is there: each sort of thing of an account and region, listed with few calls. Sends reads only.
//!
//! A list that cannot be read is told as such and never counts as empty. What the things mean is in `judge`.

mod accelerators;
mod balancing;
mod certificates;
mod clusters;
mod dns;
mod identity;
mod lattice;
mod logs;
mod network;

use std::future::Future;
use std::pin::Pin;

use futures::stream::{FuturesUnordered, StreamExt};

use super::judge;
use super::scope::Scope;
use super::sort::Sort;
use super::thing::Thing;
use crate::cloud::{Absent, Clients, Cloud, CloudError, CloudResult};
use crate::graph::Place;

/// How many things of one sort are asked about at the same time, where there is no call for many.
const AT_ONCE: usize = 16;

/// Where it is looked, and what for.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) scope: &'a Scope,
    pub(super) clients: &'a Clients,
    pub(super) place: &'a Place,
    pub(super) account: &'a str,
}

impl Ground<'_> {
    /// The clients of the same account in another region.
    fn clients_in(&self, region: &str) -> Clients {
        self.cloud.clients(&Place { account: self.place.account.clone(), region: region.to_owned() })
    }

    fn thing(&self, sort: Sort, id: &str) -> Thing {
        Thing::new(sort, id, self.place, self.account)
    }

    /// Whether a thing is left over by what it carries itself: then it is asked what goes with it.
    fn is_left(&self, thing: &Thing) -> bool {
        judge::own(self.scope, thing).is_some()
    }
}

/// What was seen of some sorts, or why nothing was.
pub(super) struct Seen {
    pub(super) sorts: Vec<Sort>,
    pub(super) result: CloudResult<Vec<Thing>>,
}

type Reading<'a> = Pin<Box<dyn Future<Output = Vec<Seen>> + Send + 'a>>;

fn one<'a>(sort: Sort, reading: impl Future<Output = CloudResult<Vec<Thing>>> + Send + 'a) -> Reading<'a> {
    Box::pin(async move { vec![Seen { sorts: vec![sort], result: reading.await }] })
}

/// Everything in a region that may be left over.
pub(super) async fn region(ground: Ground<'_>) -> Vec<Seen> {
    let mut readings: Vec<Reading<'_>> = Vec::new();
    readings.extend(network::SORTS.iter().map(|row| one(row.sort, network::read(ground, row))));
    readings.push(one(Sort::TargetGroup, balancing::target_groups(ground)));
    readings.push(Box::pin(balancing::load_balancers(ground)));
    readings.push(one(Sort::ClassicLoadBalancer, balancing::classic(ground)));
    readings.push(Box::pin(lattice::networks(ground)));
    readings.push(Box::pin(lattice::services(ground)));
    readings.push(one(Sort::LatticeTargetGroup, lattice::target_groups(ground)));
    readings.push(one(Sort::Certificate, certificates::read(ground)));
    readings.push(Box::pin(clusters::read(ground)));
    readings.push(one(Sort::LogGroup, logs::read(ground)));
    all(readings).await
}

/// What the controllers of a cluster make and that holds what the cluster stands on.
pub(super) async fn of_controllers(ground: Ground<'_>) -> Vec<Seen> {
    let row = |sort: Sort| network::SORTS.iter().find(|row| row.sort == sort).expect("it is one of them");
    let readings: Vec<Reading<'_>> = vec![
        one(Sort::SecurityGroup, network::read(ground, row(Sort::SecurityGroup))),
        one(Sort::TargetGroup, balancing::target_groups(ground)),
        Box::pin(balancing::load_balancers(ground)),
        one(Sort::ClassicLoadBalancer, balancing::classic(ground)),
        Box::pin(lattice::networks(ground)),
        Box::pin(lattice::services(ground)),
        one(Sort::LatticeTargetGroup, lattice::target_groups(ground)),
    ];
    let mut seen = all(readings).await;
    let is_left = |sort: Sort| {
        let mut things = seen.iter().filter_map(|seen| seen.result.as_ref().ok()).flatten();
        things.any(|thing| thing.sort == sort && ground.is_left(thing))
    };
    // What names it, or offers it to others, goes before what is left over, or keeps it.
    let holders =
        [(Sort::SecurityGroup, Sort::SecurityGroupRule), (Sort::LoadBalancer, Sort::EndpointService)];
    let held = holders.into_iter().filter(|(of, _)| is_left(*of));
    let more: Vec<Reading<'_>> = held.map(|(_, sort)| one(sort, network::read(ground, row(sort)))).collect();
    seen.extend(all(more).await);
    seen
}

/// Everything in an account that lives in no region.
pub(super) async fn account(ground: Ground<'_>) -> Vec<Seen> {
    let readings: Vec<Reading<'_>> = vec![
        one(Sort::Role, identity::roles(ground)),
        one(Sort::OidcProvider, identity::providers(ground)),
        Box::pin(identity::tagged(ground)),
        one(Sort::Accelerator, accelerators::read(ground)),
        one(Sort::HostedZone, dns::zones(ground)),
        one(Sort::Record, dns::records(ground)),
    ];
    all(readings).await
}

async fn all(readings: Vec<Reading<'_>>) -> Vec<Seen> {
    let mut running: FuturesUnordered<_> = readings.into_iter().collect();
    let mut seen = Vec::new();
    while let Some(some) = running.next().await {
        seen.extend(some);
    }
    seen
}

/// Asks about each of some things, several at a time; those that are gone by then are left out.
async fn each<'a, T, F>(items: Vec<T>, ask: impl Fn(T) -> F) -> CloudResult<Vec<Thing>>
where
    F: Future<Output = CloudResult<Thing>> + Send + 'a,
{
    let answers: Vec<CloudResult<Thing>> =
        futures::stream::iter(items.into_iter().map(ask)).buffered(AT_ONCE).collect().await;
    let kept = answers.into_iter().map(Absent::or_absent).collect::<Result<Vec<_>, CloudError>>()?;
    Ok(kept.into_iter().flatten().collect())
}
