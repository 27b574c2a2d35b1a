//! What controllers made of that which is about to go, and what stands against its deletion.

use futures::StreamExt;
use serde_json::Value as Json;

use super::AT_ONCE;
use crate::address::Address;
use crate::cloud::Cloud;
use crate::graph::Sort;
use crate::kind::Registry;
use crate::live::{Child, Effect, Hold, Live, Seen};
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
        let (made, held) = of_one(cloud, registry, state, &address, outputs).await.unwrap_or_default();
        (address, made, held)
    };
    let mut all = futures::stream::iter(going).map(one).buffer_unordered(AT_ONCE);
    while let Some((address, made, held)) = all.next().await {
        if !made.is_empty() {
            live.made.insert(address.clone(), made);
        }
        if !held.is_empty() {
            live.held.insert(address, held);
        }
    }
}

async fn of_one(
    cloud: &Cloud,
    registry: Registry,
    state: &State,
    address: &Address,
    outputs: Option<Json>,
) -> Option<(Vec<Child>, Vec<Hold>)> {
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
    Some((made, held.unwrap_or_else(unknown)))
}
