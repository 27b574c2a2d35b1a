//! What became of the copied things since they were made: what is gone in the cloud goes in the copy too, what is on its
//! way out is so there, objects say what they say in the cloud, and clusters whose nodes are gone have none.

use std::time::Duration;

use serde_json::Value as Json;

use super::Piece;
use crate::address::Address;
use crate::cloud::{Cloud, CloudError, CloudResult, ClusterRef, Cx, ErrorSort, ObjectRef};
use crate::diff::by_opinion;
use crate::kind::{AnyKind, Registry};
use crate::live::{Readiness, Seen};
use crate::secret::has_marks;
use crate::state::{Object, Record, State};
use crate::value::Value;

/// How long things may take to go in the copy.
const PATIENCE: Duration = Duration::from_secs(45 * 60);
/// After this the copy has seen what was done to it.
const SETTLE: Duration = Duration::from_secs(60);

/// The copy, as it was made.
pub(super) struct Copy<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) registry: Registry,
    pub(super) state: &'a State,
}

/// One thing of the copy.
struct Thing<'a> {
    address: &'a Address,
    record: &'a Record,
    object: &'a Object,
    kind: &'static dyn AnyKind,
    cx: Cx,
}

impl Copy<'_> {
    /// Brings the copy to where the cloud is. What could not be, in words.
    pub(super) async fn catch_up(&self, piece: &Piece<'_>) -> Vec<String> {
        let mut missing = Vec::new();
        let changed = self.rewrite(piece, &mut missing).await;
        let emptied = self.empty(piece.without_nodes, &mut missing).await;
        let gone = self.take_away(piece, &mut missing).await;
        if changed || emptied || gone {
            self.cloud.clock().sleep(SETTLE).await;
        }
        missing
    }

    fn things(&self) -> impl Iterator<Item = Thing<'_>> {
        self.state.records.iter().filter_map(|(address, record)| {
            let (object, kind) = (record.current.as_ref()?, self.registry.get(&record.kind)?);
            let cx = self.cloud.cx(&record.place, &self.state.lineage, address, "");
            Some(Thing { address, record, object, kind, cx })
        })
    }

    /// Lets objects say what they say in the cloud. Whether any had to.
    async fn rewrite(&self, piece: &Piece<'_>, missing: &mut Vec<String>) -> bool {
        let mut any = false;
        for thing in self.things().filter(Thing::is_in_a_cluster) {
            let Some(spec) = as_it_is(piece, &thing) else { continue };
            any = true;
            let (from, id) = (&thing.object.applied, &thing.object.id);
            if let Err(error) = thing.kind.update(&thing.cx, id, from, &spec).await {
                missing.push(format!("what others changed of {}: {error}", thing.address));
            }
        }
        any
    }

    /// Takes the nodes away.
    async fn empty(&self, clusters: &[ClusterRef], missing: &mut Vec<String>) -> bool {
        for cluster in clusters {
            if let Err(error) = self.take_nodes(cluster).await {
                missing.push(format!("that {cluster} has no nodes: {error}"));
            }
        }
        !clusters.is_empty()
    }

    async fn take_nodes(&self, cluster: &ClusterRef) -> CloudResult<()> {
        let objects = self.cloud.objects(cluster).await?;
        for node in objects.everywhere("v1", "Node").await? {
            let name = node["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let (api_version, kind) = ("v1".to_owned(), "Node".to_owned());
            objects.delete(&ObjectRef { api_version, kind, namespace: String::new(), name }, None).await?;
        }
        Ok(())
    }

    /// Deletes what is gone in the cloud, what needs another of it first; and what is on its way out, last.
    async fn take_away(&self, piece: &Piece<'_>, missing: &mut Vec<String>) -> bool {
        let seen = |thing: &Thing<'_>| piece.live.found.get(thing.address);
        let mut gone: Vec<Thing<'_>> = self.things().filter(|it| seen(it) == Some(&Seen::Absent)).collect();
        let clusters: Vec<Address> = gone.iter().map(|it| it.address.clone()).collect();
        gone.retain(|it| !it.is_in_a_cluster() || !it.needs_any(&clusters, "eks_cluster", self.state));
        let any = !gone.is_empty();
        let clock = self.cloud.clock();
        let until = clock.elapsed() + PATIENCE;
        while !gone.is_empty() && clock.elapsed() < until {
            let needed: Vec<Address> =
                gone.iter().flat_map(|it| it.record.edges.iter().map(|edge| edge.to.clone())).collect();
            let mut left = Vec::new();
            for thing in gone {
                if needed.contains(thing.address) || !thing.goes(missing).await {
                    left.push(thing);
                }
            }
            gone = left;
            if !gone.is_empty() {
                clock.sleep(Duration::from_secs(10)).await;
            }
        }
        missing.extend(gone.iter().map(|it| format!("that {} is gone", it.address)));
        let leaves = |it: &Thing<'_>| matches!(seen(it), Some(Seen::Found(found)) if matches!(found.readiness, Readiness::Leaving(_)));
        let mut leaving = false;
        for thing in self.things().filter(leaves) {
            leaving = true;
            if let Err(error) = thing.delete().await {
                missing.push(format!("that {} is being deleted: {error}", thing.address));
            }
        }
        any || leaving
    }
}

impl Thing<'_> {
    fn is_in_a_cluster(&self) -> bool {
        self.kind.shape().service == "kubernetes"
    }

    /// Whether it needs one of these that is of a kind.
    fn needs_any(&self, all: &[Address], kind: &str, state: &State) -> bool {
        let is_it = |to: &Address| state.records.get(to).is_some_and(|record| record.kind == kind);
        self.record.edges.iter().any(|edge| all.contains(&edge.to) && is_it(&edge.to))
    }

    async fn delete(&self) -> CloudResult<()> {
        self.kind.delete(&self.cx, &self.object.id, &self.object.applied).await
    }

    /// Whether it is gone now; what holds it is taken off, as somebody did in the cloud.
    async fn goes(&self, missing: &mut Vec<String>) -> bool {
        match self.try_to_go().await {
            Ok(gone) => gone,
            Err(error) if error.sort == ErrorSort::NotFound => true,
            Err(error) if passes(&error) => false,
            Err(error) => {
                missing.push(format!("that {} is gone: {error}", self.address));
                true
            }
        }
    }

    async fn try_to_go(&self) -> CloudResult<bool> {
        let (cx, spec) = (&self.cx, &self.object.applied);
        self.delete().await?;
        let Some(found) = self.kind.find(cx, spec, Some(&self.object.id)).await? else { return Ok(true) };
        if matches!(found.readiness, Readiness::Leaving(_)) && self.is_in_a_cluster() {
            self.kind.release(cx, spec).await?;
        }
        Ok(false)
    }
}

fn passes(error: &CloudError) -> bool {
    matches!(error.sort, ErrorSort::InUse | ErrorSort::NotYet | ErrorSort::Throttled | ErrorSort::Unreachable)
}

/// What an object of the copy is to say, if it says something else in the cloud. What is sensitive stays as it is.
fn as_it_is(piece: &Piece<'_>, thing: &Thing<'_>) -> Option<Json> {
    let Some(Seen::Found(found)) = piece.live.found.get(thing.address) else { return None };
    let applied = &piece.state.records.get(thing.address)?.current.as_ref()?.applied;
    let shape = thing.kind.shape();
    let fields = by_opinion(shape, &Value::from(applied.clone()), Some(applied), &found.spec);
    let told = fields.iter().filter(|field| {
        !field.after.as_ref().is_some_and(|after| has_marks(&Json::from(after))) && field.path != "cluster"
    });
    let mut spec = thing.object.applied.clone();
    let mut any = false;
    for field in told {
        let live = field.before.as_ref().map(Json::from);
        any |= put(&mut spec, &field.path, live);
    }
    any.then_some(spec)
}

/// Puts a value where a dotted path leads, or takes away what is there. Whether the path leads anywhere.
fn put(json: &mut Json, path: &str, value: Option<Json>) -> bool {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    match (json, rest) {
        (Json::Object(map), None) => {
            match value {
                Some(value) => drop(map.insert(head.to_owned(), value)),
                None => drop(map.remove(head)),
            }
            true
        }
        (Json::Object(map), Some(rest)) => map.get_mut(head).is_some_and(|inner| put(inner, rest, value)),
        (Json::Array(items), rest) => {
            let Some(inner) = head.parse::<usize>().ok().and_then(|at| items.get_mut(at)) else {
                return false;
            };
            match (rest, value) {
                (Some(rest), value) => put(inner, rest, value),
                (None, Some(value)) => {
                    *inner = value;
                    true
                }
                (None, None) => false,
            }
        }
        _ => false,
    }
}

/// The clusters in which no node is ready.
///
/// # Errors
/// A cluster cannot be read.
pub async fn without_nodes(cloud: &Cloud, state: &State) -> CloudResult<Vec<ClusterRef>> {
    let objects = state.records.values().filter_map(|record| record.current.as_ref());
    let mut clusters: Vec<ClusterRef> = Vec::new();
    for cluster in objects.filter_map(|object| serde_json::from_value(object.applied["cluster"].clone()).ok())
    {
        if !clusters.contains(&cluster) {
            clusters.push(cluster);
        }
    }
    let mut without = Vec::new();
    for cluster in clusters {
        let nodes = async { cloud.objects(&cluster).await?.everywhere("v1", "Node").await };
        match nodes.await {
            Ok(nodes) if nodes.iter().any(is_ready) => {}
            Ok(_) => without.push(cluster),
            // What cannot be read has no say in the plan either.
            Err(error)
                if matches!(error.sort, ErrorSort::NotFound | ErrorSort::NotYet | ErrorSort::Denied) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(without)
}

fn is_ready(node: &Json) -> bool {
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    conditions.clone().any(|one| one["type"] == "Ready" && one["status"] == "True")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_put_where_a_path_leads() {
        let mut spec = json!({ "a": { "b": [{ "c": 1 }, 2] } });
        assert!(put(&mut spec, "a.b.0.c", Some(json!(3))) && put(&mut spec, "a.b.1", Some(json!(4))));
        assert!(put(&mut spec, "a.d", Some(json!(5))) && !put(&mut spec, "x.y", Some(json!(6))));
        assert_eq!(spec, json!({ "a": { "b": [{ "c": 3 }, 4], "d": 5 } }));
        assert!(put(&mut spec, "a.b", None));
        assert_eq!(spec, json!({ "a": { "d": 5 } }));
    }
}
