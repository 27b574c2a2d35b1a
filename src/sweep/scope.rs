//! `Scope`: what an audit is about: whose things it looks for, where, and what is rightly there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::change::Verb;
use crate::cloud::ClusterRef;
use crate::graph::{Graph, Place};
use crate::plan::Plan;
use crate::state::trace::{Trace, Traced};
use crate::state::{Object, State};

/// What an audit is about.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The mark of the stack's state in the tags of everything it made; none for a cluster of nobody's.
    pub lineage: Option<String>,
    /// The name of the stack, with which the names of its roles begin.
    pub stack: String,
    /// What the state knows, by address: the ids, and whether something is still open.
    pub recorded: BTreeMap<String, Recorded>,
    /// The clusters whose controllers may have left something.
    pub clusters: Vec<Cluster>,
    /// VPCs that were made and are not in the state.
    pub vpcs: BTreeSet<(Place, String)>,
    /// Ids of things that are no longer looked after and stay.
    pub kept: BTreeSet<String>,
    /// Names of roles that were made.
    pub roles: BTreeSet<(Option<String>, String)>,
    /// Zone, name and type of DNS records that were made and are not in the state.
    pub records: BTreeSet<(Place, [String; 3])>,
    /// Where to look.
    pub places: BTreeSet<Place>,
}

/// What the state knows of an address.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The ids of the current object and of earlier ones.
    pub ids: BTreeSet<String>,
    /// Whether a step has no end.
    pub open: bool,
}

/// A cluster whose controllers may have left something.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Its EKS name.
    pub name: String,
    /// Where it is, or was.
    pub place: Place,
    /// The VPCs it is known to have been in; any if none is known.
    pub vpcs: BTreeSet<String>,
    /// Its OpenID Connect issuers.
    pub issuers: BTreeSet<String>,
    /// Whether the state knows it.
    pub recorded: bool,
    /// Whether it is there. Then only what is of objects that are gone is left over.
    pub lives: bool,
    /// Objects that are gone and of which controllers make more: kind, namespace and name.
    pub gone: BTreeSet<[String; 3]>,
}

/// What is to be remembered of everything that a state knows.
pub fn traces(state: &State) -> BTreeSet<Trace> {
    let mut traces = BTreeSet::new();
    // A value lives in the state alone: there is no cloud to look at.
    for record in state.records.values().filter(|record| record.kind != "value") {
        let add = |what: Traced, place: &Place| Trace { place: place.clone(), what };
        traces.insert(add(Traced::Something, &record.place));
        let open = record.open.as_ref().map(|open| Object {
            id: String::new(),
            applied: open.spec.clone(),
            seen: Json::Null,
            outputs: Json::Null,
            finished: false,
            made: Vec::new(),
        });
        for object in record.current.iter().chain(&record.deposed).chain(&open) {
            traces.extend(traced(&record.kind, object).map(|what| add(what, &record.place)));
            if let Some((cluster, place)) = cluster_of(object) {
                let vpc = None;
                traces.insert(add(Traced::Cluster { name: cluster.clone(), vpc, issuer: None }, &place));
                if is_served(&object.applied["manifest"]) {
                    traces.insert(add(object_of(object, cluster), &place));
                }
            }
        }
    }
    traces
}

/// What is to be remembered of a plan that is about to be carried out: all that there is, and what of it is let go.
pub fn traces_before(state: &State, plan: &Plan) -> BTreeSet<Trace> {
    let mut traces = traces(state);
    let forgotten = plan.changes.iter().filter(|change| change.verb == Verb::Forget);
    for record in forgotten.filter_map(|change| state.records.get(&change.address)) {
        traces.extend(record.current.iter().map(|object| Trace {
            place: record.place.clone(),
            what: Traced::Kept { id: object.id.clone() },
        }));
    }
    traces.retain(|trace| !state.traces.contains(trace));
    traces
}

fn text(json: &Json, path: &str) -> Option<String> {
    json.pointer(path).and_then(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// What is remembered of an object in AWS.
fn traced(kind: &str, object: &Object) -> Option<Traced> {
    let id = Some(object.id.clone()).filter(|id| !id.is_empty());
    Some(match kind {
        "eks_cluster" => Traced::Cluster {
            name: text(&object.applied, "/name").or(id)?,
            vpc: text(&object.outputs, "/vpc_id"),
            issuer: text(&object.outputs, "/oidc_issuer"),
        },
        "vpc" => Traced::Vpc { id: id? },
        "iam_role" => Traced::Role { name: text(&object.applied, "/name").or(id)? },
        "route53_record" => Traced::Record {
            zone: text(&object.applied, "/zone_id")?,
            name: text(&object.applied, "/name")?,
            sort: text(&object.applied, "/type")?,
        },
        _ => return None,
    })
}

/// The EKS cluster that an object is in.
fn cluster_of(object: &Object) -> Option<(String, Place)> {
    let cluster: ClusterRef = serde_json::from_value(object.applied.get("cluster")?.clone()).ok()?;
    match &cluster {
        ClusterRef::Eks { eks, .. } => Some((eks.clone(), cluster.place()?)),
        ClusterRef::Kubeconfig { .. } => None,
    }
}

/// Whether a controller makes more of an object, and names it in the tags of that.
fn is_served(manifest: &Json) -> bool {
    match manifest["kind"].as_str().unwrap_or_default() {
        "Service" => manifest["spec"]["type"] == "LoadBalancer",
        kind => matches!(kind, "Gateway" | "Ingress" | "ServiceExport") || kind.ends_with("Route"),
    }
}

fn object_of(object: &Object, cluster: String) -> Traced {
    let of = |path: &str, other: &str| text(&object.applied, path).unwrap_or_else(|| other.to_owned());
    Traced::Object {
        cluster,
        kind: of("/manifest/kind", ""),
        namespace: of("/manifest/metadata/namespace", "default"),
        name: of("/manifest/metadata/name", ""),
    }
}

impl Scope {
    /// All that a stack ever made: what its state remembers, less what it has now.
    pub fn of_state(state: &State) -> Self {
        let now = traces(state);
        let mut scope =
            Self { lineage: Some(state.lineage.clone()), stack: state.stack.clone(), ..Self::default() };
        for (address, record) in &state.records {
            let objects = record.current.iter().chain(&record.deposed);
            let ids = objects.map(|object| object.id.clone()).collect();
            let recorded = Recorded { ids, open: record.open.is_some() };
            scope.recorded.insert(address.to_string(), recorded);
        }
        for trace in now.iter().chain(&state.traces) {
            scope.add(trace, now.contains(trace));
        }
        let made: BTreeSet<(String, Place)> = state
            .records
            .values()
            .filter(|record| record.kind == "eks_cluster")
            .flat_map(|record| record.current.iter().map(|object| (object.id.clone(), record.place.clone())))
            .collect();
        scope.vpcs.retain(|(_, id)| !scope.kept.contains(id));
        for cluster in &mut scope.clusters {
            cluster.recorded = made.contains(&(cluster.name.clone(), cluster.place.clone()));
        }
        scope
    }

    /// The places that a stack file names, and the clusters that it makes: whatever the state remembers of them.
    pub fn add_file(&mut self, graph: &Graph) {
        for resource in graph.resources.values() {
            if !resource.place.region.is_empty() {
                self.places.insert(resource.place.clone());
            }
            let name = resource.spec.get("name").and_then(|name| name.known().ok());
            if resource.kind == "eks_cluster"
                && let Some(name) = name.as_ref().and_then(Json::as_str)
            {
                self.cluster(name, &resource.place);
            }
        }
    }

    /// What the controllers of one cluster left that is gone.
    pub fn of_cluster(name: &str, place: &Place, vpc: Option<&str>) -> Self {
        let cluster = Cluster {
            name: name.to_owned(),
            place: place.clone(),
            vpcs: vpc.map(str::to_owned).into_iter().collect(),
            ..Cluster::default()
        };
        Self { clusters: vec![cluster], places: BTreeSet::from([place.clone()]), ..Self::default() }
    }

    fn add(&mut self, trace: &Trace, is_there: bool) {
        let place = &trace.place;
        // Things that live in no region are not looked for in one called so.
        if !place.region.is_empty() {
            self.places.insert(place.clone());
        }
        match &trace.what {
            Traced::Something => {}
            Traced::Cluster { name, vpc, issuer } => {
                let cluster = self.cluster(name, place);
                cluster.vpcs.extend(vpc.clone());
                cluster.issuers.extend(issuer.clone());
            }
            Traced::Object { cluster, kind, namespace, name } if !is_there => {
                let gone = [kind, namespace, name].map(Clone::clone);
                self.cluster(cluster, place).gone.insert(gone);
            }
            Traced::Vpc { id } if !is_there => drop(self.vpcs.insert((place.clone(), id.clone()))),
            Traced::Record { zone, name, sort } if !is_there => {
                let record = [zone, name, sort].map(Clone::clone);
                self.records.insert((place.clone(), record));
            }
            Traced::Kept { id } => drop(self.kept.insert(id.clone())),
            Traced::Role { name } => drop(self.roles.insert((place.account.clone(), name.clone()))),
            Traced::Object { .. } | Traced::Vpc { .. } | Traced::Record { .. } => {}
        }
    }

    fn cluster(&mut self, name: &str, place: &Place) -> &mut Cluster {
        let same = |one: &Cluster| one.name == name && one.place == *place;
        let at = self.clusters.iter().position(same).unwrap_or_else(|| {
            let new = Cluster { name: name.to_owned(), place: place.clone(), ..Cluster::default() };
            self.clusters.push(new);
            self.clusters.len() - 1
        });
        &mut self.clusters[at]
    }
}
