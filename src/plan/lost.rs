//! What becomes of the objects of a cluster that is gone, or that goes and cannot be reached: they are forgotten, and
//! what they made is removed by its tags.

use std::collections::{BTreeMap, BTreeSet};

use super::Intent;
use super::decide::Given;
use crate::address::Address;
use crate::graph::Sort;
use crate::live::Seen;
use crate::state::Record;

/// Why nobody looks after what is recorded any more, if that is so.
pub(super) fn why(given: &Given<'_>, record: &Record, seen: Option<&Seen>) -> Option<String> {
    let cluster = cluster_of(given, record)?;
    if !is_object(given, record) {
        return None;
    }
    match given.live.found.get(&cluster) {
        Some(Seen::Absent) => Some(format!("{cluster} is gone, and with it what looked after this")),
        Some(Seen::Found(_)) if goes(given, &cluster) => match seen {
            Some(Seen::Unreadable(error) | Seen::Denied(error)) if is_out_of_reach(given, &cluster) => {
                Some(format!("{cluster} cannot be reached, and goes: {error}"))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The cluster made here that something lives in.
pub(super) fn cluster_of(given: &Given<'_>, record: &Record) -> Option<Address> {
    let inside = record.edges.iter().filter(|edge| edge.sort == Sort::Inside).map(|edge| &edge.to);
    let records = &given.state.records;
    let is_cluster = |to: &Address| records.get(to).is_some_and(|outer| outer.kind == "eks_cluster");
    let mut open: Vec<&Address> = inside.collect();
    let mut seen = BTreeSet::new();
    while let Some(to) = open.pop() {
        if is_cluster(to) {
            return Some(to.clone());
        }
        if let Some(outer) = records.get(to).filter(|_| seen.insert(to)) {
            open.extend(outer.edges.iter().filter(|edge| edge.sort == Sort::Inside).map(|edge| &edge.to));
        }
    }
    None
}

/// Whether it is an object of a cluster, and not a part of one that AWS knows.
fn is_object(given: &Given<'_>, record: &Record) -> bool {
    given.shapes.get(record.kind.as_str()).is_some_and(|shape| shape.service == "kubernetes")
}

fn goes(given: &Given<'_>, cluster: &Address) -> bool {
    let unwanted = match given.intent {
        Intent::Destroy { .. } => true,
        Intent::Up { .. } => !given.graph.resources.contains_key(cluster),
    };
    unwanted && given.may_touch(cluster)
}

/// Whether nothing at all could be read in a cluster.
fn is_out_of_reach(given: &Given<'_>, cluster: &Address) -> bool {
    let mut inner = given.state.records.iter().filter(|(_, record)| {
        is_object(given, record) && cluster_of(given, record).as_ref() == Some(cluster)
    });
    inner.all(|(address, _)| !matches!(given.live.found.get(address), Some(Seen::Found(_))))
}

/// The kinds that what controllers leave behind holds.
const HELD: &[&str] =
    &["acm_certificate", "internet_gateway", "lattice_service_network", "security_group", "subnet", "vpc"];

/// What a cluster and everything that needs it stood on: it goes after the cluster, with which goes what its
/// controllers left.
pub(super) fn stood_on(given: &Given<'_>, cluster: &Address) -> BTreeSet<Address> {
    let records = &given.state.records;
    let mut users: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
    for (address, record) in records {
        for edge in &record.edges {
            users.entry(&edge.to).or_default().push(address);
        }
    }
    let (mut inner, mut open) = (BTreeSet::from([cluster]), vec![cluster]);
    while let Some(address) = open.pop() {
        open.extend(users.get(address).into_iter().flatten().filter(|user| inner.insert(user)));
    }
    let edges = inner.iter().filter_map(|address| records.get(*address)).flat_map(|record| &record.edges);
    let is_held = |to: &&Address| {
        !inner.contains(to) && records.get(*to).is_some_and(|record| HELD.contains(&record.kind.as_str()))
    };
    edges.map(|edge| &edge.to).filter(is_held).cloned().collect()
}

/// What is around something that is swept.
pub(super) enum Around {
    /// It goes before: the cluster and all in it.
    Inner(Address),
    /// It goes after: what the cluster, and what is swept, stood on.
    Outer(Address),
}

/// What goes before and after something of a cluster that is lost.
pub(super) fn around(given: &Given<'_>, swept: &Address) -> Vec<Around> {
    let records = &given.state.records;
    let Some(record) = records.get(swept) else { return Vec::new() };
    let Some(cluster) = cluster_of(given, record) else { return Vec::new() };
    let is_inner = |to: &Address| {
        *to == cluster
            || records.get(to).is_some_and(|record| cluster_of(given, record).as_ref() == Some(&cluster))
    };
    let outer = records.get(&cluster).into_iter().flat_map(|record| &record.edges);
    let mut all = vec![Around::Inner(cluster.clone())];
    for edge in record.edges.iter().chain(outer).filter(|edge| !is_inner(&edge.to)) {
        all.push(Around::Outer(edge.to.clone()));
    }
    all
}
