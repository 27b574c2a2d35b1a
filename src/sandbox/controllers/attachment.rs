//! Which routes hang on which listeners of a Gateway, and what their backends are: the rules of Gateway API.

use serde_json::{Value as Json, json};

use super::cluster::{Cluster, GRANT, NAMESPACE, SERVICE, Sort, list, namespace, route_kind, selects, text};
use crate::sandbox::world::Doc;

/// One parent reference of a route that names a Gateway.
pub(super) struct Attachment {
    /// The route.
    pub route: Doc,
    /// Its sort.
    pub sort: Sort,
    /// The reference.
    pub parent: Json,
    /// The listeners it hangs on, by their place in the Gateway, with the hostnames that both serve.
    pub listeners: Vec<(usize, Vec<String>)>,
    /// Reason and message, if it hangs on none.
    pub refused: Option<(&'static str, &'static str)>,
}

/// Whether a parent reference of something in `from` names this Gateway.
fn names(parent: &Json, from: &str, gateway: &Doc) -> bool {
    let home = parent["namespace"].as_str().unwrap_or(from);
    parent["name"] == gateway["metadata"]["name"]
        && home == namespace(gateway)
        && parent["kind"].as_str().unwrap_or("Gateway") == "Gateway"
}

/// The parent references of a route that name this Gateway.
pub(super) fn parents(route: &Doc, gateway: &Doc) -> Vec<Json> {
    let all = list(&route["spec"]["parentRefs"]).iter();
    all.filter(|parent| names(parent, namespace(route), gateway)).cloned().collect()
}

/// All attachments of routes of these sorts to a Gateway; routes that are being deleted are not attached.
pub(super) fn attachments(cluster: &Cluster<'_>, gateway: &Doc, sorts: &[Sort]) -> Vec<Attachment> {
    let mut all = Vec::new();
    for sort in sorts {
        for route in cluster.objects(*sort) {
            if super::cluster::deleting(&route) {
                continue;
            }
            for parent in parents(&route, gateway) {
                all.push(attach(cluster, gateway, *sort, &route, parent));
            }
        }
    }
    all
}

/// How one parent reference of a route goes with the listeners of its Gateway.
pub(super) fn attach(
    cluster: &Cluster<'_>,
    gateway: &Doc,
    sort: Sort,
    route: &Doc,
    parent: Json,
) -> Attachment {
    let mut listeners = Vec::new();
    let mut refused = Some(("NoMatchingParent", "Route parentRef does not match listener"));
    for (at, listener) in list(&gateway["spec"]["listeners"]).iter().enumerate() {
        let section = parent["sectionName"].as_str();
        let port = parent["port"].as_i64();
        if section.is_some_and(|section| listener["name"] != section)
            || port.is_some_and(|port| listener["port"] != port)
        {
            continue;
        }
        if !admits_namespace(cluster, gateway, listener, namespace(route)) {
            refused = Some((
                "NotAllowedByListeners",
                "Listener does not allow route attachment, namespace does not match between listener and route",
            ));
        } else if !admits_kind(listener, sort) {
            refused = Some((
                "NotAllowedByListeners",
                "Listener does not allow route attachment, kind does not match between listener and route",
            ));
        } else {
            match hostnames(listener["hostname"].as_str(), &hosts(route)) {
                Some(common) => listeners.push((at, common)),
                None => {
                    refused = Some((
                        "NoMatchingListenerHostname",
                        "Listener does not allow route attachment, no matching hostname",
                    ));
                }
            }
        }
    }
    if !listeners.is_empty() {
        refused = None;
    }
    Attachment { route: route.clone(), sort, parent, listeners, refused }
}

fn hosts(route: &Doc) -> Vec<String> {
    list(&route["spec"]["hostnames"]).iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

fn admits_namespace(cluster: &Cluster<'_>, gateway: &Doc, listener: &Json, from: &str) -> bool {
    let rule = &listener["allowedRoutes"]["namespaces"];
    match rule["from"].as_str().unwrap_or("Same") {
        "All" => true,
        "Selector" => cluster
            .object(NAMESPACE, "", from)
            .is_some_and(|space| selects(&rule["selector"]["matchLabels"], &space["metadata"]["labels"])),
        _ => namespace(gateway) == from,
    }
}

fn admits_kind(listener: &Json, sort: Sort) -> bool {
    let kind = route_kind(sort);
    let named = list(&listener["allowedRoutes"]["kinds"]);
    if !named.is_empty() {
        return named.iter().any(|one| one["kind"] == kind);
    }
    match text(listener, "protocol") {
        "HTTP" | "HTTPS" => matches!(kind, "HTTPRoute" | "GRPCRoute"),
        "TLS" => matches!(kind, "TLSRoute" | "TCPRoute"),
        "TCP" => kind == "TCPRoute",
        "UDP" => kind == "UDPRoute",
        _ => false,
    }
}

/// The hostnames that a listener and a route both serve; none if there are hostnames and no common ones.
fn hostnames(listener: Option<&str>, route: &[String]) -> Option<Vec<String>> {
    let Some(listener) = listener else { return Some(route.to_vec()) };
    if route.is_empty() {
        return Some(vec![listener.to_owned()]);
    }
    let common: Vec<String> = route
        .iter()
        .filter_map(|host| match (covers(listener, host), covers(host, listener)) {
            (true, _) => Some(host.clone()),
            (_, true) => Some(listener.to_owned()),
            _ => None,
        })
        .collect();
    (!common.is_empty()).then_some(common)
}

/// Whether a hostname, perhaps with `*.` in front, covers another.
pub(super) fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(rest) => host.len() > rest.len() && host.ends_with(rest),
        None => pattern == host,
    }
}

/// Why a backend cannot be used.
pub(super) enum Unresolved {
    /// It is of a kind that nothing can be sent to.
    Kind(String),
    /// It is in another namespace that does not grant it.
    NotGranted,
    /// Namespace and name of a Service that is not there.
    Absent(String, String),
}

/// The Service of a backend reference.
pub(super) fn service(
    cluster: &Cluster<'_>,
    sort: Sort,
    route: &Doc,
    backend: &Json,
) -> Result<Doc, Unresolved> {
    let kind = backend["kind"].as_str().unwrap_or("Service");
    if kind != "Service" {
        return Err(Unresolved::Kind(kind.to_owned()));
    }
    let home = backend["namespace"].as_str().unwrap_or(namespace(route));
    if home != namespace(route) && !granted(cluster, sort, route, home) {
        return Err(Unresolved::NotGranted);
    }
    let wanted = text(backend, "name");
    let absent = || Unresolved::Absent(home.to_owned(), wanted.to_owned());
    cluster.object(SERVICE, home, wanted).ok_or_else(absent)
}

fn granted(cluster: &Cluster<'_>, sort: Sort, route: &Doc, home: &str) -> bool {
    let from = |grant: &Doc| {
        list(&grant["spec"]["from"])
            .iter()
            .any(|one| one["kind"] == route_kind(sort) && one["namespace"] == namespace(route))
    };
    let to = |grant: &Doc| list(&grant["spec"]["to"]).iter().any(|one| one["kind"] == "Service");
    cluster.objects(GRANT).iter().any(|grant| namespace(grant) == home && from(grant) && to(grant))
}

/// The pods that a Service sends to, as address and number of the port that `target` names.
pub(super) fn endpoints(cluster: &Cluster<'_>, service: &Doc, target: &Json) -> Vec<(String, i64)> {
    let selector = &service["spec"]["selector"];
    let pods = cluster.objects(super::cluster::POD).into_iter();
    pods.filter(|pod| {
        namespace(pod) == namespace(service)
            && selects(selector, &pod["metadata"]["labels"])
            && super::condition::holds(pod, "Ready")
    })
    .filter_map(|pod| Some((pod["status"]["podIP"].as_str()?.to_owned(), port_of(&pod, target)?)))
    .collect()
}

fn port_of(pod: &Doc, target: &Json) -> Option<i64> {
    let Some(wanted) = target.as_str() else { return target.as_i64() };
    let containers = list(&pod["spec"]["containers"]).iter();
    let ports = containers.flat_map(|container| list(&container["ports"]));
    ports.filter(|port| port["name"] == wanted).find_map(|port| port["containerPort"].as_i64())
}

/// The port of a Service that a backend reference names, with its `targetPort` filled in.
pub(super) fn service_port(service: &Doc, backend: &Json) -> Option<Json> {
    let port = list(&service["spec"]["ports"]).iter().find(|port| port["port"] == backend["port"])?;
    let mut port = port.clone();
    if port.get("targetPort").is_none_or(Json::is_null) {
        port["targetPort"] = json!(port["port"]);
    }
    Some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostnames_meet_where_one_covers_the_other() {
        let route = vec!["shop.example.com".to_owned()];
        assert_eq!(hostnames(Some("*.example.com"), &route), Some(route.clone()));
        assert_eq!(hostnames(Some("ahop.example.com"), &route), None);
        assert_eq!(hostnames(None, &route), Some(route.clone()));
        assert_eq!(hostnames(Some("a.b"), &[]), Some(vec!["a.b".to_owned()]));
    }
}
