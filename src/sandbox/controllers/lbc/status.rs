//! What the controller tells of classes, Gateways, routes, Ingresses and Services.

use serde_json::{Value as Json, json};

use super::super::attachment::{Attachment, Unresolved, service};
use super::super::cluster::{CLASS, Cluster, EVENT, GATEWAY, Sort, list, name, namespace, text};
use super::super::condition::{Condition, good, set, set_in};
use super::config::Refused;
use crate::sandbox::world::{Doc, Event as Removal};

/// What a Gateway says of an error that is told in events.
const SEE_EVENTS: &str = "Check Gateway Events for more information.";
/// How long an event is kept, in seconds.
const EVENT_LIFE: i64 = 3_600;
const PENDING: &str = "Waiting for load balancer to be active.";

/// A class is accepted, or why it is not; and which version of its configuration was read.
pub(super) fn class(cluster: &mut Cluster<'_>, class: &Doc, verdict: &Result<Option<Doc>, Refused>) {
    let now = cluster.here.world.timestamp();
    let said = match verdict {
        Ok(_) => Condition { kind: "Accepted", status: "True", reason: "Accepted", message: "Accepted" },
        Err((reason, message)) => Condition { kind: "Accepted", status: "False", reason, message },
    };
    cluster.change(CLASS, class, |class| {
        if let Ok(config) = verdict {
            let version = config.as_ref().map_or("", |config| text(&config["metadata"], "resourceVersion"));
            class["metadata"]["annotations"]["elbv2.k8s.aws/last-processed-config"] = json!(version);
        }
        set_in(class, &said, &now);
    });
}

/// A Gateway cannot be reconciled.
pub(super) fn refuse(cluster: &mut Cluster<'_>, gateway: &Doc, message: &str) {
    let now = cluster.here.world.timestamp();
    let said = Condition { kind: "Accepted", status: "False", reason: "Invalid", message };
    cluster.change(GATEWAY, gateway, |gateway| set_in(gateway, &said, &now));
}

/// A Gateway cannot be reconciled for a reason that is told in an event, once.
pub(super) fn fail(cluster: &mut Cluster<'_>, gateway: &Doc, reason: &str, what: &str, why: &str) {
    refuse(cluster, gateway, SEE_EVENTS);
    warn(cluster, gateway, reason, what, why);
}

/// Tells in an event, once, that a model could not be built or brought about.
pub(super) fn warn(cluster: &mut Cluster<'_>, object: &Doc, reason: &str, what: &str, why: &str) {
    let message = format!("Failed {what} model due to {why}");
    let uid = &object["metadata"]["uid"];
    let told = |event: &Doc| event["involvedObject"]["uid"] == *uid && event["message"] == message.as_str();
    if cluster.objects(EVENT).iter().any(told) {
        return;
    }
    let called = cluster.here.world.draw(&format!("{}.", name(object)), 16);
    let now = cluster.here.world.timestamp();
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": called, "namespace": namespace(object) },
        "involvedObject": {
            "apiVersion": object["apiVersion"],
            "kind": object["kind"],
            "name": name(object),
            "namespace": namespace(object),
            "uid": uid,
        },
        "reason": reason,
        "message": message,
        "type": "Warning",
        "source": { "component": "aws-load-balancer-controller" },
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    });
    let id = format!("{}/{called}", namespace(object));
    cluster.create(EVENT, event);
    let table = cluster.table(EVENT);
    cluster.here.after(EVENT_LIFE, &table, &id, Removal::Remove);
}

/// A Gateway has its load balancer, which may be active already.
pub(super) fn gateway(cluster: &mut Cluster<'_>, gateway: &Doc, balancer: &Json, attached: &[Attachment]) {
    let now = cluster.here.world.timestamp();
    let active = balancer["State"]["Code"] == "active";
    let programmed = match active {
        true => Condition {
            kind: "Programmed",
            status: "True",
            reason: "Programmed",
            message: text(balancer, "LoadBalancerArn"),
        },
        false => Condition { kind: "Programmed", status: "Unknown", reason: "Pending", message: PENDING },
    };
    let address = text(balancer, "DNSName").to_lowercase();
    cluster.change(GATEWAY, gateway, |gateway| {
        set_in(gateway, &programmed, &now);
        set_in(gateway, &good("Accepted"), &now);
        gateway["status"]["addresses"] = json!([{ "type": "Hostname", "value": address }]);
        let all = list(&gateway["spec"]["listeners"]).to_vec();
        let told = all.iter().enumerate().map(|(at, one)| listener(gateway, one, at, attached, active, &now));
        gateway["status"]["listeners"] = told.collect();
    });
}

/// An Ingress or a Service has its load balancer; of an Ingress the ports have no protocol.
pub(super) fn balanced(cluster: &mut Cluster<'_>, sort: Sort, object: &Doc, balancer: &Json, ports: &Json) {
    let address = text(balancer, "DNSName").to_lowercase();
    let told = json!([{ "hostname": address, "ports": ports }]);
    cluster.change(sort, object, |object| object["status"]["loadBalancer"]["ingress"] = told);
}

fn listener(
    gateway: &Doc,
    listener: &Json,
    at: usize,
    attached: &[Attachment],
    active: bool,
    now: &str,
) -> Json {
    let hanging = attached.iter().filter(|one| one.listeners.iter().any(|(place, _)| *place == at)).count();
    let kinds: &[&str] = match text(listener, "protocol") {
        "HTTP" | "HTTPS" => &["HTTPRoute", "GRPCRoute"],
        "TLS" => &["TLSRoute", "TCPRoute"],
        "UDP" => &["UDPRoute"],
        _ => &["TCPRoute"],
    };
    let group = "gateway.networking.k8s.io";
    let kinds: Json = kinds.iter().map(|kind| json!({ "group": group, "kind": kind })).collect();
    let old = list(&gateway["status"]["listeners"]).iter().find(|one| one["name"] == listener["name"]);
    let mut conditions = old.map_or(json!([]), |old| old["conditions"].clone());
    let programmed = match active {
        true => ("True", "Programmed", "Listener is programmed."),
        false => ("False", "Pending", "Listener is pending to be programmed."),
    };
    let said = [
        ("Conflicted", "False", "NoConflicts", "Listener has no conflict."),
        ("Accepted", "True", "Accepted", "Listener is accepted."),
        ("ResolvedRefs", "True", "ResolvedRefs", "Listener has all refs resolved."),
        ("Programmed", programmed.0, programmed.1, programmed.2),
    ];
    for (kind, status, reason, message) in said {
        let said = Condition { kind, status, reason, message };
        set(&mut conditions, &said, &gateway["metadata"]["generation"], now);
    }
    json!({
        "name": listener["name"],
        "supportedKinds": kinds,
        "attachedRoutes": hanging,
        "conditions": conditions,
    })
}

/// Tells each route how it goes with this controller's Gateways.
pub(super) fn routes(cluster: &mut Cluster<'_>, controller: &str, attached: &[Attachment]) {
    for one in attached {
        let now = cluster.here.world.timestamp();
        let resolved = resolved(cluster, one);
        let accepted = match one.refused {
            None => good("Accepted"),
            Some((reason, message)) => Condition { kind: "Accepted", status: "False", reason, message },
        };
        let refs = match &resolved {
            Ok(()) => good("ResolvedRefs"),
            Err((reason, message)) => Condition { kind: "ResolvedRefs", status: "False", reason, message },
        };
        cluster.change(one.sort, &one.route, |route| {
            parent(route, controller, &one.parent, &[refs, accepted], &now);
        });
    }
}

/// Sets conditions for one parent in the status of a route.
pub(in super::super) fn parent(
    route: &mut Doc,
    controller: &str,
    reference: &Json,
    said: &[Condition<'_>],
    now: &str,
) {
    let mut parents = list(&route["status"]["parents"]).to_vec();
    let own = |one: &Json| one["parentRef"] == *reference && one["controllerName"] == controller;
    let at = parents.iter().position(own).unwrap_or_else(|| {
        parents.push(json!({ "parentRef": reference, "controllerName": controller, "conditions": [] }));
        parents.len() - 1
    });
    for one in said {
        set(&mut parents[at]["conditions"], one, &route["metadata"]["generation"], now);
    }
    route["status"]["parents"] = Json::Array(parents);
}

/// Whether all backends of a route can be used, or the first reason why not.
fn resolved(cluster: &Cluster<'_>, one: &Attachment) -> Result<(), Refused> {
    let rules = list(&one.route["spec"]["rules"]).iter();
    for backend in rules.flat_map(|rule| list(&rule["backendRefs"])) {
        if matches!(backend["kind"].as_str(), Some("TargetGroupName" | "Gateway")) {
            continue;
        }
        match service(cluster, one.sort, &one.route, backend) {
            Ok(_) => {}
            Err(Unresolved::Kind(kind)) => {
                return Err(("InvalidKind", format!("backend kind {kind} is not supported")));
            }
            Err(Unresolved::NotGranted) => {
                let (home, called) = (namespace(&one.route), name(&one.route));
                return Err((
                    "RefNotPermitted",
                    format!("No explicit ReferenceGrant exists for {home}/{called}"),
                ));
            }
            Err(Unresolved::Absent(home, called)) => {
                return Err(("BackendNotFound", format!("Service ({home}:{called}) not found)")));
            }
        }
    }
    Ok(())
}
