//! What others have where this plan takes something away: it is refused, or deleted first, in order.
//!
//! What was found is in `Live`. What of the stack it stands on is told from the records of its cluster.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::decide::{Decided, Decision, Given};
use super::{Old, Refusal, Step};
use crate::address::Address;
use crate::change::{Action, Reason, Verb};
use crate::compose::OWN_ACCESS;
use crate::graph::{Edge, Place, Sort};
use crate::live::{Guest, Readiness, Seen};
use crate::recipe::{self, annotations::GROUP};
use crate::state::{Record, State};

/// A guest that is deleted by a step of its own.
#[derive(Clone, Debug)]
pub(super) struct Included {
    pub(super) kind: &'static str,
    place: Place,
    edges: Vec<Edge>,
}

impl Included {
    /// What it cannot do without.
    pub(super) fn edges(&self) -> &[Edge] {
        &self.edges
    }

    pub(super) fn step(&self, address: &Address, decision: &Decision) -> Step {
        Step {
            address: address.clone(),
            kind: self.kind.to_owned(),
            place: self.place.clone(),
            action: Action::Delete,
            reason: decision.reason.clone(),
            spec: decision.spec.clone(),
            applied: None,
            id: decision.id.clone(),
            old: Old::None,
            resume: None,
            others: Vec::new(),
            edges: self.edges.clone(),
            needs: BTreeSet::new(),
            timeout: None,
            deposed: false,
            unseen: false,
            sweeps: false,
            forces: None,
            made: Vec::new(),
        }
    }
}

/// The clusters that lose something that others may stand on.
pub(super) fn shaken(given: &Given<'_>, decided: &Decided) -> Vec<(Json, Place)> {
    let mut clusters: Vec<(Json, Place)> = Vec::new();
    for (address, decision) in &decided.by_address {
        let Some(record) = given.state.records.get(address).filter(|_| goes(decision.verb)) else { continue };
        if let Some(cluster) = ground(record)
            && !is_lost(given, decided, &cluster)
            && !clusters.iter().any(|(known, _)| *known == cluster)
        {
            clusters.push((cluster, record.place.clone()));
        }
    }
    clusters
}

/// Whether nobody can be asked in a cluster any more.
fn is_lost(given: &Given<'_>, decided: &Decided, cluster: &Json) -> bool {
    decided.by_address.iter().any(|(address, decision)| {
        let record = given.state.records.get(address);
        matches!(decision.reason, Reason::Lost { .. })
            && record.and_then(spec).is_some_and(|spec| spec["cluster"] == *cluster)
    })
}

fn goes(verb: Verb) -> bool {
    matches!(verb, Verb::Delete | Verb::Replace | Verb::ReplaceCreateFirst)
}

/// What was applied of a record, or was to be.
pub(super) fn spec(record: &Record) -> Option<&Json> {
    let made = record.current.as_ref().map(|object| &object.applied);
    made.or_else(|| record.open.as_ref().map(|open| &open.spec))
}

/// The cluster of something that others may stand on.
fn ground(record: &Record) -> Option<Json> {
    let spec = spec(record)?;
    if record.kind == "eks_cluster" {
        return Some(reference(record, spec));
    }
    let manifest = &spec["manifest"];
    let counts = match manifest["kind"].as_str() {
        Some("GatewayClass" | "Namespace" | "Gateway" | "IngressClass") => true,
        Some("Deployment") => manifest["metadata"]["name"].as_str().is_some_and(recipe::is_controller),
        _ => record.kind == "crd_release",
    };
    counts.then(|| spec["cluster"].clone())
}

/// A cluster made here, as the specs of its objects name it.
pub(super) fn reference(record: &Record, spec: &Json) -> Json {
    let mut reference = json!({ "eks": spec["name"], "region": record.place.region });
    if let Some(account) = &record.place.account {
        reference["account"] = json!(account);
    }
    reference
}

/// Decides about all guests: those that stand on something that goes are in the way.
pub(super) fn decide(given: &Given<'_>, decided: &mut Decided) {
    let all = given.live.unsearched.iter().filter(|it| !is_shut(given, &it.cluster));
    decided
        .refusals
        .extend(all.map(|it| Refusal::Unsearched { cluster: it.called.clone(), error: it.error.clone() }));
    // What others stand on first: what hangs on it goes with it.
    let rank = |guest: &&Guest| match guest.sort[1].as_str() {
        _ if configures(guest) => 0,
        "Gateway" => 1,
        _ => 2,
    };
    let mut guests: Vec<&Guest> = given.live.guests.iter().collect();
    guests.sort_by_key(rank);
    for guest in guests {
        let key = key(given.state, &guest.cluster);
        let edges = stands_on(given, guest, &key);
        let Some(on) = edges.iter().find(|edge| is_taken_away(decided, edge)).map(|edge| edge.to.clone())
        else {
            continue;
        };
        if guest.lineage.is_some() || !given.leave.include_foreign {
            let (what, anothers) = (words(guest, &key), guest.lineage.is_some());
            decided.refusals.push(Refusal::Guest { what, anothers });
            // What hangs on it is in the way with it.
        }
        if guest.lineage.is_none() && given.leave.include_foreign && guest.protects {
            let what =
                "it keeps load balancers from being deleted: take `deletion_protection.enabled` out of it"
                    .to_owned();
            let (address, title) = (address(guest, &key), "object of others");
            decided.refusals.push(Refusal::Held { address, title, what, left_by: None });
        }
        // It goes while this stack is let in.
        let mut edges = edges;
        edges.extend(way_in(given, guest));
        include(decided, guest, &key, edges, on);
    }
}

/// The access of this stack to the cluster of a guest, as far as it is recorded.
fn way_in(given: &Given<'_>, guest: &Guest) -> Option<Edge> {
    let made = |record: &Record| {
        record.kind == "eks_cluster"
            && spec(record).is_some_and(|spec| reference(record, spec) == guest.cluster)
    };
    let (cluster, _) = given.state.records.iter().find(|(_, record)| made(record))?;
    let to = cluster.part(OWN_ACCESS);
    given.state.records.contains_key(&to).then_some(Edge { to, sort: Sort::Uses })
}

fn include(decided: &mut Decided, guest: &Guest, key: &str, edges: BTreeSet<Edge>, on: Address) {
    let address = address(guest, key);
    let [api_version, kind] = &guest.sort;
    let mut metadata = json!({ "name": guest.name, "uid": guest.uid });
    if !guest.namespace.is_empty() {
        metadata["namespace"] = json!(guest.namespace);
    }
    if let Some(group) = &guest.group {
        metadata["annotations"][GROUP] = json!(group);
    }
    let spec = json!({
        "cluster": guest.cluster,
        "manifest": { "apiVersion": api_version, "kind": kind, "metadata": metadata },
    });
    let id = Some(format!("{kind}/{}", full(guest)));
    let mut notes: Vec<String> =
        Some(&guest.owner).filter(|owner| !owner.is_empty()).cloned().into_iter().collect();
    notes.extend(guest.holds.iter().map(|held| format!("deletes {held} with it")));
    let decision = Decision {
        verb: Verb::Delete,
        reason: Reason::Foreign { on },
        fields: Vec::new(),
        spec: spec.into(),
        id,
        notes,
    };
    let kind = match kind.as_str() {
        "Gateway" => "gateway",
        "Ingress" | "Service" => "balanced_object",
        _ if kind.ends_with("Route") => "route",
        _ => "kube_object",
    };
    let edges = edges.into_iter().collect();
    decided.guests.insert(address.clone(), Included { kind, place: guest.place.clone(), edges });
    decided.by_address.insert(address, decision);
}

/// Whether it is in the nature of things that a cluster made here lets nobody of this stack in: it goes already, an
/// earlier run was about to take its own access away, after all that needed it, or never came to have one. Nothing
/// of this stack serves anybody there.
fn is_shut(given: &Given<'_>, cluster: &Json) -> bool {
    let clusters = given.state.records.iter().filter(|(_, record)| record.kind == "eks_cluster");
    let mut this = clusters.filter(|(_, it)| spec(it).is_some_and(|spec| reference(it, spec) == *cluster));
    this.any(|(address, _)| {
        let goes = matches!(given.live.found.get(address),
            Some(Seen::Found(found)) if matches!(found.readiness, Readiness::Leaving(_)));
        goes || !has_access(given.state, address)
    })
}

fn has_access(state: &State, cluster: &Address) -> bool {
    state.records.get(&cluster.part(OWN_ACCESS)).is_some_and(|record| {
        let goes = record.open.as_ref().is_some_and(|open| open.action == Action::Delete);
        !goes && record.current.as_ref().is_some_and(|object| object.finished)
    })
}

/// The key of a cluster in the stack file, by what is recorded of it.
fn key(state: &State, cluster: &Json) -> String {
    let made = |record: &Record| {
        record.kind == "eks_cluster" && spec(record).is_some_and(|spec| reference(record, spec) == *cluster)
    };
    let within = |record: &Record| spec(record).is_some_and(|spec| spec["cluster"] == *cluster);
    let made = state.records.iter().find(|(_, record)| made(record)).map(|(address, _)| address.name());
    let mut inner = state.records.iter().filter(|(_, record)| within(record));
    let key = made.or_else(|| inner.find_map(|(address, _)| address.cluster()));
    key.or(cluster["eks"].as_str()).or(cluster["context"].as_str()).unwrap_or("cluster").to_owned()
}

/// `foreign.ingress@edge/team-a/web`.
fn address(guest: &Guest, key: &str) -> Address {
    named(&guest.sort[1], key, &guest.namespace, &guest.name)
}

fn named(kind: &str, key: &str, namespace: &str, name: &str) -> Address {
    let of_kind = Address::new("foreign", &kind.to_lowercase()).at(key);
    if namespace.is_empty() { of_kind.part(name) } else { of_kind.part(namespace).part(name) }
}

/// `team-a/web`; without a namespace the name alone.
fn full(guest: &Guest) -> String {
    if guest.namespace.is_empty() {
        return guest.name.clone();
    }
    format!("{}/{}", guest.namespace, guest.name)
}

/// Which it is, whose, and what it holds.
fn words(guest: &Guest, key: &str) -> String {
    let mut words = format!("{} {} in cluster {key}", guest.sort[1], full(guest));
    if !guest.owner.is_empty() {
        words.push_str(&format!(" ({})", guest.owner));
    }
    match guest.holds.as_slice() {
        [] => words,
        held => format!("{words}: {}", held.join(", ")),
    }
}

/// Whether a plan takes it away from those who need it in this sense. What keeps something alive may be replaced.
fn is_taken_away(decided: &Decided, edge: &Edge) -> bool {
    decided.by_address.get(&edge.to).is_some_and(|decision| match edge.sort {
        Sort::Inside => goes(decision.verb),
        Sort::KeepsAlive | Sort::Uses => decision.verb == Verb::Delete,
    })
}

/// All of the stack, and all other guests, that a guest cannot do without.
fn stands_on(given: &Given<'_>, guest: &Guest, key: &str) -> BTreeSet<Edge> {
    let mut edges = BTreeSet::new();
    for (address, record) in &given.state.records {
        let Some(spec) = spec(record) else { continue };
        if let Some(sort) = need(guest, record, spec) {
            edges.insert(Edge { to: address.clone(), sort });
            if spec["manifest"]["kind"] == "Deployment" {
                let lifelines = record.edges.iter().filter(|edge| edge.sort == Sort::KeepsAlive);
                edges.extend(lifelines.cloned());
            }
        }
    }
    let others = &given.live.guests;
    let parents = others.iter().filter(|other| other.cluster == guest.cluster && hangs_on(guest, other));
    edges.extend(parents.map(|other| Edge { to: address(other, key), sort: Sort::Inside }));
    if !configures(guest) {
        let configured = others.iter().filter(|other| other.cluster == guest.cluster && configures(other));
        edges.extend(configured.map(|other| Edge { to: address(other, key), sort: Sort::Uses }));
    }
    edges
}

/// Whether it says how Gateways and routes are served: it goes after them.
fn configures(guest: &Guest) -> bool {
    let kind = guest.sort[1].as_str();
    guest.sort[0].starts_with("gateway.k8s.aws/")
        || kind.ends_with("Policy")
        || matches!(kind, "GatewayClass" | "IngressClassParams" | "ReferenceGrant" | "ServiceImport")
}

fn hangs_on(route: &Guest, gateway: &Guest) -> bool {
    let mut parents = route.parents.iter();
    gateway.sort[1] == "Gateway"
        && parents.any(|[namespace, name]| *namespace == gateway.namespace && *name == gateway.name)
}

/// In which sense a guest needs what is recorded, if it does.
fn need(guest: &Guest, record: &Record, spec: &Json) -> Option<Sort> {
    match record.kind.as_str() {
        "eks_cluster" => (reference(record, spec) == guest.cluster).then_some(Sort::Inside),
        "lattice_service_network" => {
            let named = |name: &str| spec["name"] == name;
            let on_it = guest.parents.iter().any(|[_, name]| named(name))
                || (guest.sort[1] == "Gateway" && named(&guest.name));
            (is_lattice(guest) && on_it).then_some(Sort::Inside)
        }
        _ if spec["cluster"] != guest.cluster => None,
        "crd_release" => {
            let defines = recipe::release_of_group(guest.sort[0].split('/').next().unwrap_or_default());
            let serves = recipe::answering(&guest.controller).is_some_and(|recipe| {
                guest.sort[1] == "Gateway"
                    && recipe.crds.iter().any(|(release, _)| spec["release"] == *release)
            });
            (serves || defines.is_some_and(|release| spec["release"] == release)).then_some(Sort::Inside)
        }
        _ => need_of_object(guest, &spec["manifest"]),
    }
}

fn need_of_object(guest: &Guest, manifest: &Json) -> Option<Sort> {
    let name = manifest["metadata"]["name"].as_str()?;
    let namespace = manifest["metadata"]["namespace"].as_str().unwrap_or("default");
    match manifest["kind"].as_str()? {
        "Namespace" if name == guest.namespace => Some(Sort::Inside),
        "GatewayClass" if name == guest.class => Some(Sort::Inside),
        "IngressClass" if manifest["spec"]["controller"] == guest.controller.as_str() => {
            Some(Sort::KeepsAlive)
        }
        "Deployment" => recipe::answering(&guest.controller)
            .is_some_and(|recipe| recipe.name == name && recipe.namespace == namespace)
            .then_some(Sort::KeepsAlive),
        "Gateway" if guest.parents.iter().any(|[space, parent]| space == namespace && parent == name) => {
            // A Lattice Gateway does not go while it has routes; a load balancer leaves its routes behind.
            Some(if is_lattice(guest) { Sort::Inside } else { Sort::KeepsAlive })
        }
        _ => None,
    }
}

fn is_lattice(guest: &Guest) -> bool {
    guest.controller.starts_with("application-networking.k8s.aws/")
}
