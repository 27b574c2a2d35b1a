//! Clusters to which the file tells another way than the state: another kubeconfig, or another context in it. What is
//! found there and is the very thing that is recorded, is in the same cluster.

use serde_json::Value as Json;

use super::{Question, of_record};
use crate::graph::Graph;
use crate::kind::Registry;
use crate::live::{FoundAny, Live, Ownership, Seen};
use crate::state::{Object, Record, State};

/// What is asked by the new way.
pub(super) fn questions(registry: Registry, graph: &Graph, state: &State) -> Vec<Question> {
    let of = |resource: &crate::graph::Resource| {
        let record = state.records.get(&resource.address)?;
        let new = resource.spec.get("cluster")?.known().ok()?;
        let old = &record.current.as_ref()?.applied["cluster"];
        let another = new["kubeconfig"].is_string() && old["kubeconfig"].is_string() && new != *old;
        let mut question = of_record(registry, &resource.address, record).filter(|_| another)?;
        question.spec["cluster"] = new;
        Some(question)
    };
    graph.resources.values().filter_map(of).collect()
}

/// Keeps what is the very thing that is recorded.
pub(super) fn note(state: &State, by_new_way: Live, live: &mut Live) {
    for (address, seen) in by_new_way.found {
        let record = state.records.get(&address);
        if let (Seen::Found(found), Some(record)) = (seen, record)
            && is_the_same(state, record, &found)
        {
            live.found.insert(address.clone(), Seen::Found(found));
            live.rerouted.insert(address);
        }
    }
}

/// An object has an id that no other ever has; what consists of several carries our marks.
fn is_the_same(state: &State, record: &Record, found: &FoundAny) -> bool {
    let uid = |outputs: &Json| outputs["uid"].as_str().filter(|uid| !uid.is_empty()).map(str::to_owned);
    let recorded = record.current.as_ref().and_then(|object: &Object| uid(&object.outputs));
    match (recorded, uid(&found.outputs)) {
        (Some(recorded), Some(found)) => recorded == found,
        (None, None) => {
            matches!(&found.owner, Ownership::Tagged { lineage, .. } if *lineage == state.lineage)
        }
        _ => false,
    }
}
