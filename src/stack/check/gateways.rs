//! `[gateways]`: where they live, what their class needs and excludes, the controller that serves them.

use std::collections::HashMap;

use super::super::model::{Class, ControllerKind, Gateway};
use super::{Rules, hostname, indexed, listeners, manifests, name, service_networks};

/// Checks all Gateways.
pub(super) fn check(rules: &mut Rules<'_>) {
    let mut objects: HashMap<(&str, &str, &str), String> = HashMap::new();
    for (key, gateway) in &rules.stack.gateways {
        let path = format!("gateways.{key}");
        manifests::target(&path, key, gateway.cluster.is_some(), !gateway.clusters.is_empty(), rules);
        class(&path, key, gateway, rules);
        controller(&path, gateway, rules);
        listeners::check(&path, gateway, rules);
        dns(&path, gateway, rules);
        if let Some(namespace) = &gateway.namespace {
            name::label(&format!("{path}.namespace"), "a namespace", namespace, rules);
        }
        for (at, cluster) in clusters(&path, gateway) {
            let object = (
                cluster,
                gateway.namespace.as_deref().unwrap_or("default"),
                object_name(key, gateway, rules),
            );
            let Some(first) = objects.insert(object, at.clone()) else { continue };
            let (_, namespace, name) = object;
            let message = format!(
                "two Gateways are called `{name}` in the namespace `{namespace}` of the cluster `{cluster}`"
            );
            rules.pair(
                &first,
                &at,
                message,
                "a Lattice Gateway is called like its service network: use another namespace, or one Gateway",
            );
        }
    }
}

/// The clusters of a Gateway, each with the path at which the file names it.
pub(super) fn clusters<'a>(path: &str, gateway: &'a Gateway) -> Vec<(String, &'a str)> {
    let one = gateway.cluster.iter().map(|cluster| (format!("{path}.cluster"), cluster.as_str()));
    one.chain(indexed(&gateway.clusters).map(|(i, cluster)| (format!("{path}.clusters.{i}"), cluster)))
        .collect()
}

/// The name of the object in Kubernetes. Lattice finds its service network by it.
fn object_name<'a>(key: &'a str, gateway: &'a Gateway, rules: &Rules<'a>) -> &'a str {
    let network = gateway.service_network.as_ref().filter(|_| gateway.class == Class::Lattice);
    let found = network.and_then(|network| rules.stack.service_networks.get_key_value(network));
    found.map_or(key, |(key, network)| service_networks::lattice_name(key, network))
}

fn class(path: &str, key: &str, gateway: &Gateway, rules: &mut Rules<'_>) {
    if gateway.class == Class::Lattice {
        let keys = [("scheme", gateway.scheme.is_some()), ("attributes", !gateway.attributes.is_empty())];
        return lattice(path, key, gateway, &keys, rules);
    }
    if gateway.scheme.is_none() {
        let hint = "add `scheme = \"internet-facing\"` or `scheme = \"internal\"`: left out, nobody outside of the VPC would reach it";
        rules.key(path, format!("the Gateway `{key}` does not say who reaches it"), hint);
    }
    let keys = [("service_network", gateway.service_network.is_some())];
    rules.without(path, &keys, "a load balancer", "write `class = \"lattice\"`, or leave it out");
    if !gateway.clusters.is_empty() {
        let hint = "write `cluster = \"…\"`, and one Gateway for each cluster";
        rules.key(&format!("{path}.clusters"), "a load balancer serves one cluster", hint);
    }
}

fn lattice(path: &str, key: &str, gateway: &Gateway, excluded: &[(&str, bool)], rules: &mut Rules<'_>) {
    rules.without(path, excluded, "`class = \"lattice\"`", "it belongs to a load balancer: leave it out");
    let Some(name) = &gateway.service_network else {
        let hint = format!("add `service_network = \"…\"`{}", one_of_networks(rules));
        return rules.key(path, format!("the Gateway `{key}` has no service network"), hint);
    };
    let Some(network) = rules.stack.service_networks.get(name) else { return };
    // A name that is wrong there may be meant for one that is missed here.
    if network.clusters.iter().any(|member| !rules.names.has("clusters", member)) {
        return;
    }
    for (at, cluster) in clusters(path, gateway) {
        if !network.clusters.iter().any(|member| member == cluster) && rules.names.has("clusters", cluster) {
            let hint = format!("add `\"{cluster}\"` to `clusters` of `[service_networks.{name}]`");
            rules.value(&at, format!("the cluster `{cluster}` is not in the service network `{name}`"), hint);
        }
    }
}

fn one_of_networks(rules: &Rules<'_>) -> String {
    let names = rules.names.in_section("service_networks");
    if names.is_empty() { String::new() } else { format!(": {}", super::suggest::quoted(&names)) }
}

fn controller(path: &str, gateway: &Gateway, rules: &mut Rules<'_>) {
    let (kind, word) = match gateway.class {
        Class::Alb | Class::Nlb => (ControllerKind::LoadBalancer, "aws-load-balancer-controller"),
        Class::Lattice => (ControllerKind::Lattice, "aws-gateway-api-controller"),
    };
    let readable = rules.stack.controllers.len() == rules.names.in_section("controllers").len();
    for (at, cluster) in clusters(path, gateway) {
        let mut of_kind = rules.stack.controllers.values().filter(|controller| controller.kind == kind);
        let served = of_kind.any(|controller| controller.clusters.iter().any(|at| at == cluster));
        if !served && readable && rules.names.has("clusters", cluster) {
            let hint = format!("add the cluster to the `clusters` of a controller with `kind = \"{word}\"`");
            rules.value(&at, format!("the cluster `{cluster}` has no controller for this Gateway"), hint);
        }
    }
}

fn dns(path: &str, gateway: &Gateway, rules: &mut Rules<'_>) {
    let path = format!("{path}.dns");
    match gateway.dns.as_ref().map(|dns| (&dns.zone, &dns.private_zone)) {
        None => {}
        Some((Some(_), Some(_))) => {
            let message = "`zone` and `private_zone` exclude each other";
            rules.pair(&format!("{path}.zone"), &format!("{path}.private_zone"), message, "keep one of them");
        }
        Some((None, None)) => {
            rules.value(
                &path,
                "this names no zone",
                "write `zone` for one that exists, `private_zone` for one to make",
            );
        }
        Some((Some(zone), None)) => hostname::check(&format!("{path}.zone"), zone, rules),
        Some((None, Some(zone))) => hostname::check(&format!("{path}.private_zone"), zone, rules),
    }
}
