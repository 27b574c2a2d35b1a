//! Routes of Lattice: told how they go with their Gateway, then deployed, or taken away in order.

use serde_json::Value as Json;

use super::super::Wake;
use super::super::attachment::{Attachment, Unresolved, attach, parents, service};
use super::super::cluster::{Cluster, GATEWAY, Sort, deleting, held, list, text};
use super::super::condition::{Condition, good};
use super::super::lbc::tell_parent;
use super::{NAME, Owner, RETRY, controls, deploy, model, tag, teardown};
use crate::sandbox::world::Doc;

/// How long until a certificate is looked for again.
const CERTIFICATE_RETRY: i64 = 60_000;

/// Why a route is not deployed.
pub(super) enum Stop {
    /// Something is on its way.
    Wait,
    /// A service of this name belongs to somebody else.
    Conflict(String),
    /// There is no certificate for a hostname.
    Certificate(String),
}

/// The Gateway of a route: the first of its parents that is there and of this controller.
fn gateway_of(cluster: &Cluster<'_>, route: &Doc) -> Option<Doc> {
    let gateways = cluster.objects(GATEWAY);
    list(&route["spec"]["parentRefs"]).iter().find_map(|parent| {
        let named = |gateway: &&Doc| parents(route, gateway).contains(parent);
        gateways.iter().find(named).filter(|gateway| controls(cluster, gateway)).cloned()
    })
}

/// Does the next step of a route. Without a Gateway and its class a route is none of this controller, even when it is being deleted.
pub(super) fn reconcile(
    cluster: &mut Cluster<'_>,
    owner: &Owner,
    sort: Sort,
    finalizer: &str,
    route: &Doc,
    wake: &mut Wake,
) {
    let Some(gateway) = gateway_of(cluster, route) else { return };
    if deleting(route) {
        if held(route, finalizer) {
            match teardown::teardown(cluster, owner, sort, route) {
                Ok(()) => cluster.release(sort, route, finalizer),
                Err(()) => wake.within(RETRY),
            }
        }
        return;
    }
    let Some(route) = cluster.hold(sort, route, finalizer) else { return };
    let attached: Vec<Attachment> = parents(&route, &gateway)
        .into_iter()
        .map(|parent| attach(cluster, &gateway, sort, &route, parent))
        .collect();
    let Some(route) = validate(cluster, sort, &route, &attached) else { return };
    if attached.iter().all(|one| one.refused.is_some()) {
        return;
    }
    let made = model::build(cluster, &gateway, sort, &route, &attached)
        .and_then(|model| deploy::deploy(cluster, owner, &model));
    match made {
        Ok(service) => annotate(cluster, sort, &route, &service),
        Err(Stop::Wait) => wake.within(RETRY),
        Err(Stop::Conflict(message)) => {
            refuse(cluster, sort, &route, &attached, "Conflicted", &message);
        }
        Err(Stop::Certificate(message)) => {
            refuse(cluster, sort, &route, &attached, "CertificateNotFound", &message);
            wake.within(CERTIFICATE_RETRY);
        }
    }
}

/// Tells a route whether its parents accept it and its backends are there; `Conflicted` and the like stay as they are.
fn validate(cluster: &mut Cluster<'_>, sort: Sort, route: &Doc, attached: &[Attachment]) -> Option<Doc> {
    let now = cluster.here.world.timestamp();
    let missing = unresolved(cluster, sort, route);
    cluster.change(sort, route, |route| {
        for one in attached {
            let refs = match &missing {
                None => good("ResolvedRefs"),
                Some((reason, message)) => {
                    Condition { kind: "ResolvedRefs", status: "False", reason, message }
                }
            };
            let mut said = vec![refs];
            if let Some((reason, _)) = one.refused {
                let message = words(reason);
                said.push(Condition { kind: "Accepted", status: "False", reason, message });
            } else if !is_stopped(route, &one.parent) {
                said.push(good("Accepted"));
            }
            tell_parent(route, NAME, &one.parent, &said, &now);
        }
    })
}

/// How this controller words why a route hangs on no listener.
fn words(reason: &str) -> &'static str {
    match reason {
        "NoMatchingListenerHostname" => "No matching listener hostname for this route",
        "NotAllowedByListeners" => {
            "No matching listeners allow this route. Check Gateway listener allowedRoutes policies"
        }
        _ => "",
    }
}

/// Whether the deployment of a route was stopped with a reason that only a deployment takes back.
fn is_stopped(route: &Doc, parent: &Json) -> bool {
    let own = |one: &&Json| one["parentRef"] == *parent && one["controllerName"] == NAME;
    let stopped = |one: &Json| {
        one["type"] == "Accepted" && matches!(text(one, "reason"), "Conflicted" | "CertificateNotFound")
    };
    let status = list(&route["status"]["parents"]).iter().find(own);
    status.is_some_and(|status| list(&status["conditions"]).iter().any(stopped))
}

/// The first backend that is not there or of no use.
fn unresolved(cluster: &Cluster<'_>, sort: Sort, route: &Doc) -> Option<(&'static str, String)> {
    let rules = list(&route["spec"]["rules"]).iter();
    rules.flat_map(|rule| list(&rule["backendRefs"])).find_map(|backend| {
        let called = || format!("backendRef name: {}", text(backend, "name"));
        match service(cluster, sort, route, backend) {
            Ok(_) => None,
            Err(Unresolved::Kind(kind)) if kind == "ServiceImport" => {
                let home = backend["namespace"].as_str().unwrap_or(super::super::cluster::namespace(route));
                let there = cluster.object(model::IMPORT, home, text(backend, "name"));
                there.is_none().then(|| ("BackendNotFound", called()))
            }
            Err(Unresolved::Kind(kind)) => Some(("InvalidKind", kind)),
            // This controller does not ask for grants.
            Err(Unresolved::NotGranted) => None,
            Err(Unresolved::Absent(..)) => Some(("BackendNotFound", called())),
        }
    })
}

fn refuse(
    cluster: &mut Cluster<'_>,
    sort: Sort,
    route: &Doc,
    attached: &[Attachment],
    reason: &str,
    message: &str,
) {
    let now = cluster.here.world.timestamp();
    let said = Condition { kind: "Accepted", status: "False", reason, message };
    cluster.change(sort, route, |route| {
        for one in attached {
            tell_parent(route, NAME, &one.parent, std::slice::from_ref(&said), &now);
        }
    });
}

/// Tells a route where its service is, and that all is well.
fn annotate(cluster: &mut Cluster<'_>, sort: Sort, route: &Doc, service: &Doc) {
    let now = cluster.here.world.timestamp();
    cluster.change(sort, route, |route| {
        let annotations = &mut route["metadata"]["annotations"];
        annotations[tag("lattice-service-arn")] = service["arn"].clone();
        annotations[tag("lattice-assigned-domain-name")] = service["dnsEntry"]["domainName"].clone();
        let told = list(&route["status"]["parents"]).to_vec();
        for one in told
            .iter()
            .filter(|one| one["controllerName"] == NAME && is_stopped(route, &one["parentRef"]))
            .cloned()
            .collect::<Vec<_>>()
        {
            tell_parent(route, NAME, &one["parentRef"], &[good("Accepted")], &now);
        }
    });
}
