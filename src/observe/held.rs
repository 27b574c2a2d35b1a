//! What controllers made of that which is about to go, and what stands against its deletion.

use std::collections::BTreeMap;

use futures::StreamExt;
use serde_json::Value as Json;

use super::AT_ONCE;
use crate::address::Address;
use crate::cloud::Cloud;
use crate::graph::{Place, Sort};
use crate::kind::{Registry, naming};
use crate::live::{Child, Effect, Hold, Leak, Live, Seen};
use crate::state::State;

/// Looks for it and notes what is found. What cannot be told is noted too.
pub(super) async fn look(
    cloud: &Cloud,
    registry: Registry,
    state: &State,
    going: &[Address],
    live: &mut Live,
) {
    let outputs = |address: &Address| match live.found.get(address) {
        Some(Seen::Found(found)) => Some(found.outputs.clone()),
        _ => None,
    };
    // What is in a part of a network is told with all of it, once.
    let is_part = |address: &&Address| {
        let record = state.records.get(*address).filter(|record| record.kind == "subnet");
        let mut outer = record.into_iter().flat_map(|record| &record.edges);
        outer.any(|edge| edge.sort == Sort::Inside && going.contains(&edge.to))
    };
    let whole = going.iter().filter(|address| !is_part(address));
    let going: Vec<_> = whole.map(|address| (address.clone(), outputs(address))).collect();
    let one = |(address, outputs): (Address, Option<Json>)| async move {
        let found = of_one(cloud, registry, state, &address, outputs).await.unwrap_or_default();
        (address, found)
    };
    let mut all = futures::stream::iter(going).map(one).buffer_unordered(AT_ONCE);
    while let Some((address, Found { made, leaks, held })) = all.next().await {
        if !made.is_empty() {
            live.made.insert(address.clone(), made);
        }
        if !leaks.is_empty() {
            live.leaks.insert(address.clone(), leaks);
        }
        if !held.is_empty() {
            live.held.insert(address, held);
        }
    }
    look_at_groups(cloud, state, live).await;
}

/// Notes what names the security groups that controllers made: they cannot go before that does.
async fn look_at_groups(cloud: &Cloud, state: &State, live: &mut Live) {
    let made = live.made.iter().flat_map(|(address, made)| made.iter().map(move |child| (address, child)));
    // What is told with an object of this stack is not told with the cluster.
    let of_clusters = live.leaks.iter();
    let of_clusters =
        of_clusters.flat_map(|(address, leaks)| leaks.iter().map(move |leak| (address, &leak.child)));
    let mut groups: BTreeMap<&Place, BTreeMap<&str, &Address>> = BTreeMap::new();
    for (address, child) in made.chain(of_clusters).filter(|(_, child)| child.is_group()) {
        if let Some(record) = state.records.get(address) {
            groups.entry(&record.place).or_default().entry(child.id.as_str()).or_insert(address);
        }
    }
    let mut found: Vec<(Address, Hold)> = Vec::new();
    for (place, of) in groups {
        let named: Vec<&str> = of.keys().copied().collect();
        // What cannot be told is named when it is in the way.
        let rules = naming(&cloud.clients(place), &named).await.unwrap_or_default();
        found.extend(rules.into_iter().map(|(group, hold)| (of[group.as_str()].clone(), hold)));
    }
    for (address, hold) in found {
        live.held.entry(address).or_default().push(hold);
    }
}

/// What was found of one of them.
#[derive(Default)]
struct Found {
    made: Vec<Child>,
    leaks: Vec<Leak>,
    held: Vec<Hold>,
}

async fn of_one(
    cloud: &Cloud,
    registry: Registry,
    state: &State,
    address: &Address,
    outputs: Option<Json>,
) -> Option<Found> {
    let record = state.records.get(address)?;
    let object = record.current.as_ref()?;
    let kind = registry.get(&record.kind)?;
    let cx = cloud.cx(&record.place, &state.lineage, address, "");
    // What is recorded is told where the cloud does not tell.
    let made = match kind.shape().leaves_of(&object.applied) {
        true => kind.children(&cx, &object.applied).await.unwrap_or_else(|_| object.made.clone()),
        false => Vec::new(),
    };
    let held = kind.held(&cx, &object.applied, &object.id, outputs.as_ref().unwrap_or(&object.outputs)).await;
    let unknown = |error: crate::cloud::CloudError| {
        let what = format!("whether something stands against it is not known: {error}");
        vec![Hold { what, of: Vec::new(), effect: Effect::Delays }]
    };
    // What cannot be told is found when the cluster is gone.
    let leaks = kind.leaks(&cx, &object.applied).await.unwrap_or_default();
    Some(Found { made, leaks, held: held.unwrap_or_else(unknown) })
}
