//! Gateways of Lattice: each stands for the service network of its name, which is looked up once an event.

use serde_json::{Value as Json, json};

use super::super::Wake;
use super::super::attachment::{attachments, parents};
use super::super::cluster::{CLASS, Cluster, GATEWAY, annotation, deleting, held, id_of, list, name, text};
use super::super::condition::{Condition, set, set_in};
use super::super::process::{Process, recall, remember};
use super::{NAME, ROUTES, controls, tag};
use crate::sandbox::world::Doc;

const FINALIZER: &str = "gateway.k8s.aws/resources";
/// How long the first wait is until a Gateway that could not be deleted is tried again; each next is twice that.
const FIRST_WAIT: i64 = 1_000;
/// The longest such wait.
const LONGEST_WAIT: i64 = 1_000_000;

/// Reconciles all Gateways of the controller.
pub(super) fn pass(cluster: &mut Cluster<'_>, process: &Process, wake: &mut Wake) {
    for gateway in cluster.objects(GATEWAY) {
        if !controls(cluster, &gateway) {
            continue;
        }
        match deleting(&gateway) {
            true => delete(cluster, process, &gateway, wake),
            false => program(cluster, process, &gateway),
        }
    }
}

/// A Gateway goes once no route names it. It is not told when routes go: it tries again, ever more rarely.
fn delete(cluster: &mut Cluster<'_>, process: &Process, gateway: &Doc, wake: &mut Wake) {
    if !held(gateway, FINALIZER) {
        return;
    }
    let memory = format!("delete {}", id_of(gateway));
    let before = recall(&cluster.here, process, &memory);
    let now = cluster.here.world.now();
    let at = before["at"].as_i64().unwrap_or(now);
    if now < at {
        wake.within(at - now);
        return;
    }
    let named = ROUTES
        .iter()
        .any(|(sort, _)| cluster.objects(*sort).iter().any(|route| !parents(route, gateway).is_empty()));
    if !named {
        remember(&mut cluster.here, process, &memory, Json::Null);
        cluster.release(GATEWAY, gateway, FINALIZER);
        return;
    }
    let failures = before["failures"].as_u64().unwrap_or(0);
    let wait = FIRST_WAIT.saturating_mul(1 << failures.min(20)).min(LONGEST_WAIT);
    remember(&mut cluster.here, process, &memory, json!({ "failures": failures + 1, "at": now + wait }));
    wake.within(wait);
}

/// Accepts a Gateway, tells of its listeners, and looks its service network up when the Gateway or its class is new
/// or changed.
fn program(cluster: &mut Cluster<'_>, process: &Process, gateway: &Doc) {
    let Some(gateway) = cluster.hold(GATEWAY, gateway, FINALIZER) else { return };
    tell(cluster, &gateway);
    let class = cluster.object(CLASS, "", text(&gateway["spec"], "gatewayClassName")).unwrap_or_default();
    let event =
        json!([gateway["metadata"]["uid"], gateway["metadata"]["generation"], class["metadata"]["uid"]]);
    let memory = format!("seen {}", id_of(&gateway));
    if recall(&cluster.here, process, &memory) == event {
        return;
    }
    remember(&mut cluster.here, process, &memory, event);
    let now = cluster.here.world.timestamp();
    let found = service_network(cluster, name(&gateway));
    let message = match &found {
        Some((_, arn)) => format!("aws-service-network-arn: {arn}"),
        None => "VPC Lattice Service Network not found".to_owned(),
    };
    let (status, reason) = if found.is_some() { ("True", "Programmed") } else { ("False", "Pending") };
    let said = Condition { kind: "Programmed", status, reason, message: &message };
    cluster.change(GATEWAY, &gateway, |gateway| set_in(gateway, &said, &now));
}

/// Id and ARN of the service network that a Gateway name or id means: one of this account, or one that is shared and
/// associated with the VPC.
pub(super) fn service_network(cluster: &Cluster<'_>, wanted: &str) -> Option<(String, String)> {
    let both = |doc: &Doc, id: &str, arn: &str| (text(doc, id).to_owned(), text(doc, arn).to_owned());
    let own = cluster.here.list("lattice/service-network");
    if let Some(doc) = own.iter().find(|doc| doc["name"] == wanted || doc["id"] == wanted) {
        return Some(both(doc, "id", "arn"));
    }
    let shared = |doc: &&Doc| {
        (doc["serviceNetworkName"] == wanted || doc["serviceNetworkId"] == wanted)
            && text(doc, "vpcId") == cluster.vpc
            && doc["status"] == "ACTIVE"
    };
    let associations = cluster.here.list("lattice/vpc-association");
    associations.iter().find(shared).map(|doc| both(doc, "serviceNetworkId", "serviceNetworkArn"))
}

/// Tells of acceptance, listeners and the address of one of the services.
fn tell(cluster: &mut Cluster<'_>, gateway: &Doc) {
    let sorts = ROUTES.map(|(sort, _)| sort);
    let attached = attachments(cluster, gateway, &sorts);
    let now = cluster.here.world.timestamp();
    let domain = attached.iter().find_map(|one| annotation(&one.route, &tag("lattice-assigned-domain-name")));
    let addresses: Json =
        domain.iter().map(|domain| json!({ "type": "Hostname", "value": domain })).collect();
    let hanging =
        |at: usize| attached.iter().filter(|one| one.listeners.iter().any(|(place, _)| *place == at)).count();
    let accepted = Condition { kind: "Accepted", status: "True", reason: "Accepted", message: NAME };
    cluster.change(GATEWAY, gateway, |gateway| {
        gateway["status"]["addresses"] = addresses;
        let all = list(&gateway["spec"]["listeners"]).to_vec();
        let told = all.iter().enumerate().map(|(at, one)| listener(gateway, one, hanging(at), &now));
        gateway["status"]["listeners"] = told.collect();
        set_in(gateway, &accepted, &now);
    });
}

fn listener(gateway: &Doc, listener: &Json, hanging: usize, now: &str) -> Json {
    let kinds: &[&str] = match text(listener, "protocol") {
        "TLS" => &["TLSRoute"],
        "HTTPS" => &["HTTPRoute", "GRPCRoute"],
        _ => &["HTTPRoute"],
    };
    let old = list(&gateway["status"]["listeners"]).iter().find(|one| one["name"] == listener["name"]);
    let mut conditions = old.map_or(json!([]), |old| old["conditions"].clone());
    for kind in ["Accepted", "ResolvedRefs", "Programmed"] {
        let said = Condition { kind, status: "True", reason: kind, message: "" };
        set(&mut conditions, &said, &gateway["metadata"]["generation"], now);
    }
    json!({
        "name": listener["name"],
        "supportedKinds": kinds.iter().map(|kind| json!({ "kind": kind })).collect::<Json>(),
        "attachedRoutes": hanging,
        "conditions": conditions,
    })
}
