//! `[routes]`: their Gateway, listeners and hostnames, rules, and the names that Lattice makes of theirs.

use std::collections::HashMap;

use super::super::model::{Class, Gateway, Route, Rule};
use super::{Rules, hostname, indexed, name};

/// The methods of HTTP that a rule can ask for.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// Checks all routes.
pub(super) fn check(rules: &mut Rules<'_>) {
    for (key, route) in &rules.stack.routes {
        let path = format!("routes.{key}");
        for (i, host) in indexed(&route.hostnames) {
            hostname::check(&format!("{path}.hostnames.{i}"), host, rules);
        }
        if let Some(namespace) = &route.namespace {
            name::label(&format!("{path}.namespace"), "a namespace", namespace, rules);
        }
        if route.rules.is_empty() {
            rules.value(
                &format!("{path}.rules"),
                format!("the route `{key}` goes nowhere"),
                "1 rule at least",
            );
        }
        if let Some(gateway) = rules.stack.gateways.get(&route.gateway) {
            cluster(&path, route, gateway, rules);
            listeners(&path, route, gateway, rules);
            if gateway.class == Class::Lattice && route.hostnames.len() > 1 {
                let hint = "a Lattice service has one name of its own: make a route for each";
                rules.value(&format!("{path}.hostnames.1"), "a route on Lattice has one hostname", hint);
            }
        }
        let class = rules.stack.gateways.get(&route.gateway).map(|gateway| gateway.class);
        for (i, rule) in route.rules.iter().enumerate() {
            rule_of(&format!("{path}.rules.{i}"), rule, class, rules);
        }
    }
    collisions(rules);
}

fn cluster(path: &str, route: &Route, gateway: &Gateway, rules: &mut Rules<'_>) {
    let known: Vec<&str> = gateway.cluster.iter().chain(&gateway.clusters).map(String::as_str).collect();
    match &route.cluster {
        None if known.len() > 1 => {
            let hint = format!("add `cluster = \"…\"`: {}", super::suggest::quoted(&known));
            rules.key(path, format!("the Gateway `{}` is in several clusters", route.gateway), hint);
        }
        Some(cluster) if rules.names.has("clusters", cluster) => {
            let what = format!("a cluster of the Gateway `{}`", route.gateway);
            rules.one_of(&format!("{path}.cluster"), &what, cluster, &known);
        }
        _ => {}
    }
}

fn listeners(path: &str, route: &Route, gateway: &Gateway, rules: &mut Rules<'_>) {
    let known: Vec<&str> = gateway.listeners.iter().map(|listener| listener.name.as_str()).collect();
    for (i, name) in indexed(&route.listeners) {
        let what = format!("a listener of the Gateway `{}`", route.gateway);
        rules.one_of(&format!("{path}.listeners.{i}"), &what, name, &known);
    }
    let chosen = |name: &String| route.listeners.is_empty() || route.listeners.contains(name);
    let hosts: Vec<Option<&str>> = gateway
        .listeners
        .iter()
        .filter(|listener| chosen(&listener.name))
        .map(|listener| listener.hostname.as_deref())
        .collect();
    if hosts.is_empty() || hosts.contains(&None) {
        return;
    }
    let hosts: Vec<&str> = hosts.into_iter().flatten().collect();
    for (i, host) in
        indexed(&route.hostnames).filter(|(_, host)| !hosts.iter().any(|known| hostname::meet(host, known)))
    {
        let hint = match super::suggest::nearest(host, hosts.iter().copied()) {
            Some(near) => {
                format!("did you mean `{near}`? the listeners have {}", super::suggest::quoted(&hosts))
            }
            None => format!("the listeners have {}", super::suggest::quoted(&hosts)),
        };
        let message = format!("`{host}` matches no listener of the Gateway `{}`", route.gateway);
        rules.value(&format!("{path}.hostnames.{i}"), message, hint);
    }
}

fn rule_of(path: &str, rule: &Rule, class: Option<Class>, rules: &mut Rules<'_>) {
    if let Some(prefix) = rule.path.as_ref().filter(|prefix| !prefix.starts_with('/')) {
        rules.value(&format!("{path}.path"), format!("`{prefix}` is no path"), "a path begins with `/`");
    }
    if let Some(method) = &rule.method {
        rules.one_of(&format!("{path}.method"), "a method of HTTP", method, &METHODS);
    }
    if class == Some(Class::Lattice) && rule.headers.len() > 5 {
        rules.value(&format!("{path}.headers"), "Lattice matches 5 headers at most", "leave some out");
    }
    if class == Some(Class::Nlb) {
        let keys = [
            ("path", rule.path.is_some()),
            ("method", rule.method.is_some()),
            ("headers", !rule.headers.is_empty()),
        ];
        rules.without(
            path,
            &keys,
            "an NLB",
            "it forwards connections and reads no requests: use an ALB, or leave it out",
        );
    }
    if rule.backends.is_empty() {
        rules.value(
            &format!("{path}.backends"),
            "a rule without backends goes nowhere",
            "1 backend at least",
        );
    }
    for (i, backend) in rule.backends.iter().enumerate() {
        let at = format!("{path}.backends.{i}");
        name::label(&format!("{at}.service"), "a Service", &backend.service, rules);
        if let Some(namespace) = &backend.namespace {
            name::label(&format!("{at}.namespace"), "a namespace", namespace, rules);
        }
        if let Some(weight) = backend.weight.filter(|weight| *weight > 999) {
            rules.value(
                &format!("{at}.weight"),
                format!("the weight {weight} is out of range"),
                "allowed: 0 to 999",
            );
        }
    }
}

/// Lattice shortens the names of routes; two that become one fight over one service.
fn collisions(rules: &mut Rules<'_>) {
    let mut seen: HashMap<_, (String, &str)> = HashMap::new();
    for (key, route) in &rules.stack.routes {
        let Some(gateway) =
            rules.stack.gateways.get(&route.gateway).filter(|gateway| gateway.class == Class::Lattice)
        else {
            continue;
        };
        let place = route
            .cluster
            .as_ref()
            .or(gateway.cluster.as_ref())
            .and_then(|cluster| rules.stack.clusters.get(cluster));
        let namespace = route.namespace.as_deref().or(gateway.namespace.as_deref()).unwrap_or("default");
        let service = format!("{}-{}", shortened(key, 20), shortened(namespace, 18));
        let path = format!("routes.{key}");
        if service.starts_with("svc-") {
            let message =
                format!("Lattice would call this route `{service}`, and does not take `svc-` there");
            rules.key(&path, message, "give the route another name");
        }
        let identity = (place.map(|cluster| rules.cluster_place(cluster)), service.clone());
        if let Some((first, other)) = seen.insert(identity, (path.clone(), key)) {
            let spans = &rules.stack.spans;
            let message = format!("Lattice would call the routes `{other}` and `{key}` both `{service}`");
            let diagnostic = super::Diagnostic::new(message, spans.key(&path)).label("this one");
            let hint = "it takes 20 characters of the name and 18 of the namespace: make them differ earlier";
            rules.found.push(diagnostic.other(spans.key(&first), "and this one").hint(hint));
        }
    }
}

fn shortened(name: &str, length: usize) -> &str {
    name.get(..length).unwrap_or(name).trim_end_matches('-')
}
