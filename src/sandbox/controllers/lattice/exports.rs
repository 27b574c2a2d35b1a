//! Services that are exported to other clusters: a target group each, that routes elsewhere send to.

use serde_json::Value as Json;

use super::super::Wake;
use super::super::attachment::endpoints;
use super::super::cluster::{
    Cluster, SERVICE, Sort, annotation, deleting, held, list, name, namespace, text,
};
use super::model::Targets;
use super::{Owner, RETRY, groups, tag};
use crate::sandbox::world::Doc;

const EXPORT: Sort = Sort("application-networking.k8s.aws", "serviceexports");
const FINALIZER: &str = "serviceexport.k8s.aws/resources";

/// Reconciles all exports that ask for Lattice.
pub(super) fn pass(cluster: &mut Cluster<'_>, owner: &Owner, wake: &mut Wake) {
    for export in cluster.objects(EXPORT) {
        if annotation(&export, &tag("federation")) != Some("amazon-vpc-lattice") {
            continue;
        }
        let done = match deleting(&export) {
            true => withdraw(cluster, owner, &export),
            false => offer(cluster, owner, &export),
        };
        if !done {
            wake.within(RETRY);
        }
    }
}

/// Makes the target groups of an export; says whether they are there.
fn offer(cluster: &mut Cluster<'_>, owner: &Owner, export: &Doc) -> bool {
    let Some(export) = cluster.hold(EXPORT, export, FINALIZER) else { return true };
    let Some(service) = cluster.object(SERVICE, namespace(&export), name(&export)) else { return true };
    let mut all = true;
    for targets in asked(cluster, &export, &service) {
        all &= groups::ensure_exported(cluster, owner, &targets).is_ok();
    }
    all
}

/// The ports that an export names, or that of its annotation, or the first of the Service.
fn asked(cluster: &Cluster<'_>, export: &Doc, service: &Doc) -> Vec<Targets> {
    let ports = list(&service["spec"]["ports"]);
    let mut wanted: Vec<(Json, &str)> = list(&export["spec"]["exportedPorts"])
        .iter()
        .map(|one| (one["port"].clone(), text(one, "routeType")))
        .collect();
    if wanted.is_empty() {
        let asked = annotation(export, &tag("port")).and_then(|port| port.parse::<i64>().ok());
        let first = || ports.first().map(|port| port["port"].clone());
        wanted.extend(asked.map(Json::from).or_else(first).map(|port| (port, "HTTP")));
    }
    let targets = |(port, kind): (Json, &str)| {
        let port = ports.iter().find(|one| one["port"] == port)?;
        let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
        let (protocol, version) = match kind {
            "GRPC" => ("HTTP", Some("GRPC")),
            "TLS" => ("TCP", None),
            _ => ("HTTP", Some("HTTP1")),
        };
        Some(Targets {
            service: (namespace(service).to_owned(), name(service).to_owned()),
            port: target.as_i64().unwrap_or(80),
            protocol,
            version,
            endpoints: endpoints(cluster, service, target),
        })
    };
    wanted.into_iter().filter_map(targets).collect()
}

/// Takes the target groups of an export away, which is refused while a route of any cluster sends to them.
fn withdraw(cluster: &mut Cluster<'_>, owner: &Owner, export: &Doc) -> bool {
    if !held(export, FINALIZER) {
        return true;
    }
    let mut gone = true;
    for group in groups::exported(cluster, owner, namespace(export), name(export)) {
        gone &= groups::remove(cluster, &group).is_ok();
    }
    if gone {
        cluster.release(EXPORT, export, FINALIZER);
    }
    gone
}
