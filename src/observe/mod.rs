//! `observe`: what is live of everything known, read concurrently. Sends reads only.
//!
//! What the state knows is found by id, many at once where a kind can. What is new in the file is looked for by
//! name, so that a thing of somebody else is never touched. What would change is tried out where a cloud can tell
//! what would come of it: a dry run of Kubernetes. What it means is decided in `plan` and `drift`.
//!
//! A cluster may be known by another kubeconfig than before: its objects are looked for by both, in `reroute`.
//!
//! What others have in the clusters of the stack is only looked for, in `guests`, when a plan would take the ground
//! from under it. What goes with that which is taken away, and what stands against it, is looked for in `held`.

mod guests;
mod held;
mod reroute;

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use serde_json::Value as Json;

use crate::address::Address;
use crate::cloud::{Access, Cloud, CloudResult, Cx, ErrorSort};
use crate::diff::{as_it_is, by_opinion};
use crate::graph::{Graph, Place, Resource, Sort};
use crate::kind::{AnyKind, Registry};
use crate::live::{FoundAny, Live, Seen, Trial, Tried};
use crate::plan::moves::settle;
use crate::plan::{self, Intent};
use crate::shape::{Recovery, Role};
use crate::state::{Record, State};
use crate::value::{Value, walk};

/// How many are read at the same time.
const AT_ONCE: usize = 48;

/// One question to the cloud.
#[derive(Clone)]
struct Question {
    address: Address,
    kind: &'static dyn AnyKind,
    place: Place,
    spec: Json,
    id: Option<String>,
}

/// Reads everything in the state, and everything of `graph` that may exist already.
pub async fn observe(cloud: &Cloud, registry: Registry, graph: Option<&Graph>, state: &State) -> Live {
    let mut live = Live::default();
    let empty = Graph::default();
    let graph = graph.unwrap_or(&empty);
    // What is moved is known by its new address from here on, as it is to the plan. Moves that cannot be, it tells.
    let settled = settle(graph, state, &registry.shapes()).ok();
    let state = settled.as_ref().map_or(state, |settled| &*settled.state);
    let recorded = state.records.iter().filter_map(|(address, record)| of_record(registry, address, record));
    ask(cloud, state, recorded.collect(), &mut live).await;
    let rerouted = reroute::questions(registry, graph, state);
    if !rerouted.is_empty() {
        let mut other = Live::default();
        ask(cloud, state, rerouted, &mut other).await;
        reroute::note(state, other, &mut live);
    }
    // Look-ups may refer to what others gave, so they are asked for as long as that brings new ones to be known.
    let mut asked = BTreeSet::new();
    loop {
        let of_new = |resource: &Resource| of_resource(registry, resource, graph, state, &live);
        let unasked = graph.resources.values().filter(|resource| !asked.contains(&resource.address));
        let questions: Vec<Question> = unasked.filter_map(of_new).collect();
        if questions.is_empty() {
            try_changes(cloud, registry, graph, state, &mut live).await;
            return live;
        }
        asked.extend(questions.iter().map(|question| question.address.clone()));
        ask(cloud, state, questions, &mut live).await;
    }
}

/// Reads what a plan for `intent` is made from: what `observe` reads, what others have in the clusters where the
/// plan would take away something that it may stand on, what controllers made of that which would go, and what stands
/// against that.
pub async fn observe_for(
    cloud: &Cloud,
    registry: Registry,
    graph: Option<&Graph>,
    state: &State,
    intent: &Intent,
) -> Live {
    let mut live = observe(cloud, registry, graph, state).await;
    let empty = Graph::default();
    let shaken = plan::shaken(graph.unwrap_or(&empty), state, &live, &registry.shapes(), intent);
    guests::search(cloud, state, shaken.clusters, &mut live).await;
    held::look(cloud, registry, state, &shaken.going, &mut live).boxed().await;
    live
}

fn of_record(registry: Registry, address: &Address, record: &Record) -> Option<Question> {
    let kind = registry.get(&record.kind).filter(|kind| kind.shape().role == Role::Managed)?;
    let (spec, id) = match (&record.current, &record.open) {
        (Some(object), _) => (object.applied.clone(), Some(object.id.clone())),
        (None, Some(open)) => (open.spec.clone(), None),
        (None, None) => return None,
    };
    Some(Question { address: address.clone(), kind, place: record.place.clone(), spec, id })
}

/// Look-ups, and what is new and would be found by its name.
fn of_resource(
    registry: Registry,
    resource: &Resource,
    graph: &Graph,
    state: &State,
    live: &Live,
) -> Option<Question> {
    let kind = registry.get(resource.kind)?;
    let shape = kind.shape();
    let by_name = shape.role == Role::Managed && shape.recovery == Recovery::Name;
    let known = state.records.contains_key(&resource.address);
    if shape.role != Role::Lookup && (!by_name || known || in_something_new(registry, resource, state, graph))
    {
        return None;
    }
    let spec = resolved(resource, state, live).known().ok()?;
    Some(Question { address: resource.address.clone(), kind, place: resource.place.clone(), spec, id: None })
}

/// What the file says, with the outputs of what is there filled in.
fn resolved(resource: &Resource, state: &State, live: &Live) -> Value {
    resource.spec.resolve(&|reference| match live.found.get(&reference.address) {
        Some(Seen::Found(found)) => walk(&found.outputs, &reference.output).cloned(),
        Some(Seen::Absent | Seen::Unreadable(_) | Seen::Denied(_)) => None,
        None => state.output(reference),
    })
}

/// Tries out what would change, where the cloud can tell what would come of it. What stays as it is, is not tried.
async fn try_changes(cloud: &Cloud, registry: Registry, graph: &Graph, state: &State, live: &mut Live) {
    if cloud.access() == Access::Read {
        return;
    }
    let changes = graph.resources.values().filter_map(|resource| change(registry, resource, state, live));
    let changes: Vec<Question> = changes.collect();
    let tried = futures::stream::iter(changes).map(|change| async move {
        let cx = cloud.cx(&change.place, &state.lineage, &change.address, "");
        let trial = match change.kind.try_out(&cx, &change.spec).await {
            Ok(trial) => trial,
            Err(error) => Trial::Untried(error.to_string()),
        };
        (change.address, Tried { spec: change.spec, trial })
    });
    live.tried = tried.buffer_unordered(AT_ONCE).collect().await;
}

/// A change in place that can be tried out.
fn change(registry: Registry, resource: &Resource, state: &State, live: &Live) -> Option<Question> {
    let kind = registry.get(resource.kind).filter(|kind| kind.shape().tries)?;
    let object = state.records.get(&resource.address)?.current.as_ref()?;
    let Some(Seen::Found(found)) = live.found.get(&resource.address) else { return None };
    let ignored = &resource.lifecycle.ignore_changes;
    let spec = as_it_is(resolved(resource, state, live), ignored, &found.spec).known().ok()?;
    let fields = by_opinion(kind.shape(), &Value::from(spec.clone()), Some(&object.applied), &found.spec);
    let in_place = !fields.is_empty() && fields.iter().all(|field| !field.fixed);
    let (address, place) = (resource.address.clone(), resource.place.clone());
    in_place.then_some(Question { address, kind, place, spec, id: None })
}

/// What lives in something that was never made cannot exist.
fn in_something_new(registry: Registry, resource: &Resource, state: &State, graph: &Graph) -> bool {
    resource.edges.iter().filter(|edge| edge.sort == Sort::Inside).any(|edge| {
        let outer = graph.resources.get(&edge.to).and_then(|outer| registry.get(outer.kind));
        outer.is_some_and(|kind| kind.shape().role == Role::Managed) && !state.records.contains_key(&edge.to)
    })
}

async fn ask(cloud: &Cloud, state: &State, questions: Vec<Question>, live: &mut Live) {
    let mut groups: BTreeMap<(&str, Place, bool), Vec<Question>> = BTreeMap::new();
    for question in questions {
        let key = (question.kind.shape().kind, question.place.clone(), question.id.is_some());
        groups.entry(key).or_default().push(question);
    }
    let mut running = FuturesUnordered::new();
    let mut waiting = groups.into_values();
    loop {
        while running.len() < AT_ONCE
            && let Some(group) = waiting.next()
        {
            running.push(ask_group(cloud, state, group));
        }
        let Some(answers) = running.next().await else { return };
        live.found.extend(answers);
    }
}

async fn ask_group(cloud: &Cloud, state: &State, group: Vec<Question>) -> Vec<(Address, Seen)> {
    let cx = |question: &Question| cloud.cx(&question.place, &state.lineage, &question.address, "");
    let pairs: Vec<(Json, String)> =
        group.iter().filter_map(|question| Some((question.spec.clone(), question.id.clone()?))).collect();
    if pairs.len() == group.len() && group.len() > 1 {
        let contexts: Vec<Cx> = group.iter().map(cx).collect();
        if let Ok(Some(found)) = group[0].kind.find_many(&contexts, &pairs).await
            && found.len() == group.len()
        {
            return group
                .into_iter()
                .zip(found)
                .map(|(question, found)| (question.address, seen(Ok(found))))
                .collect();
        }
    }
    let one = |question: Question| async move {
        let cx = cx(&question);
        let found = question.kind.find(&cx, &question.spec, question.id.as_deref()).await;
        (question.address, seen(found))
    };
    futures::stream::iter(group).map(one).buffer_unordered(AT_ONCE).collect().await
}

/// What a thing lives in may be gone: then so is the thing.
fn seen(found: CloudResult<Option<FoundAny>>) -> Seen {
    match found {
        Ok(Some(found)) => Seen::Found(found),
        Ok(None) => Seen::Absent,
        Err(error) if matches!(error.sort, ErrorSort::NotFound | ErrorSort::NotYet) => Seen::Absent,
        Err(error) if error.sort == ErrorSort::Denied => Seen::Denied(error.to_string()),
        Err(error) => Seen::Unreadable(error.to_string()),
    }
}
