//! `[service_networks]`: names, policies, one association a VPC, security groups.

use std::collections::HashMap;

use super::super::model::{Auth, ServiceNetwork};
use super::networks::is_id;
use super::{Rules, indexed};

/// Checks all service networks.
pub(super) fn check(rules: &mut Rules<'_>) {
    let mut associated: HashMap<String, (String, String)> = HashMap::new();
    let mut named: HashMap<_, String> = HashMap::new();
    for (key, network) in &rules.stack.service_networks {
        let path = format!("service_networks.{key}");
        name(key, &path, network, rules);
        let full =
            (rules.place(network.account.as_deref(), network.region.as_deref()), lattice_name(key, network));
        if let Some(first) = named.insert(full, path.clone()) {
            let message = format!("two service networks are called `{}`", lattice_name(key, network));
            rules.pair(
                &format!("{first}.name"),
                &format!("{path}.name"),
                message,
                "names are unique in a region",
            );
        }
        policy(&path, network, rules);
        associations(&path, network, rules);
        clusters(key, &path, network, &mut associated, rules);
    }
}

/// The name of a service network in Lattice: its key if it has no other.
pub(super) fn lattice_name<'a>(key: &'a str, network: &'a ServiceNetwork) -> &'a str {
    network.name.as_deref().unwrap_or(key)
}

fn name(key: &str, path: &str, network: &ServiceNetwork, rules: &mut Rules<'_>) {
    let name = lattice_name(key, network);
    let legal = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let hyphens = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    let reserved = ["servicenetwork-", "sn-", "svc-"].iter().any(|prefix| name.starts_with(prefix));
    if !(3..=63).contains(&name.len()) || !legal || hyphens || reserved {
        let at = if network.name.is_some() { format!("{path}.name") } else { path.to_owned() };
        let hint = "3 to 63 lower-case letters, digits and single hyphens inside; not beginning with `sn-`, `svc-` or `servicenetwork-`";
        let message = format!("`{name}` is no name for a service network");
        if network.name.is_some() { rules.value(&at, message, hint) } else { rules.key(&at, message, hint) }
    }
}

fn policy(path: &str, network: &ServiceNetwork, rules: &mut Rules<'_>) {
    let iam = network.auth == Some(Auth::Iam);
    if iam && network.policy.is_none() {
        let hint = "add `policy = \"file.json\"` or a table";
        rules.value(&format!("{path}.auth"), "with `auth = \"iam\"` and no policy nobody gets in", hint);
    }
    rules.without(
        path,
        &[("policy", !iam && network.policy.is_some())],
        "`auth = \"none\"`",
        "write `auth = \"iam\"`",
    );
    for (i, log) in indexed(&network.access_logs) {
        if !log.starts_with("arn:") {
            let hint = "a log group, a bucket or a delivery stream, as in `arn:aws:logs:…`";
            rules.value(&format!("{path}.access_logs.{i}"), format!("`{log}` is no ARN"), hint);
        }
    }
}

fn associations(path: &str, network: &ServiceNetwork, rules: &mut Rules<'_>) {
    let clusters: Vec<&str> = network.clusters.iter().map(String::as_str).collect();
    let mut by_vpc: HashMap<String, String> = HashMap::new();
    for (cluster, association) in &network.associations {
        let path = format!("{path}.associations.{cluster}");
        if !clusters.contains(&cluster.as_str()) {
            let hint = super::suggest::hint(cluster, &clusters);
            rules.key(
                &path,
                format!("`{cluster}` is not among the `clusters` of this service network"),
                hint,
            );
        }
        if let Some(first) = rules.vpc(cluster).and_then(|vpc| by_vpc.insert(vpc, path.clone())) {
            rules.pair(
                &first,
                &path,
                "two associations are of one VPC",
                "clusters of one VPC share its association: keep one",
            );
        }
        for (i, group) in indexed(&association.security_groups) {
            security_group(&format!("{path}.security_groups.{i}"), cluster, group, rules);
        }
    }
}

fn security_group(path: &str, cluster: &str, group: &str, rules: &mut Rules<'_>) {
    if is_id(group, "sg-") {
        return;
    }
    let Some(cluster) = rules.stack.clusters.get(cluster) else { return };
    let Some(name) = &cluster.network else {
        let hint = "an existing cluster has no network in this file: write the id, `sg-…`";
        return rules.value(path, format!("there is no security group `{group}`"), hint);
    };
    if let Some(network) = rules.stack.networks.get(name) {
        let known: Vec<&str> = network.security_groups.keys().map(String::as_str).collect();
        if known.is_empty() {
            let hint = format!("declare `[networks.{name}.security_groups.{group}]`, or write an id, `sg-…`");
            rules.value(path, format!("there is no security group `{group}`"), hint);
        } else {
            rules.one_of(path, &format!("a security group of the network `{name}`"), group, &known);
        }
    }
}

fn clusters(
    key: &str,
    path: &str,
    network: &ServiceNetwork,
    associated: &mut HashMap<String, (String, String)>,
    rules: &mut Rules<'_>,
) {
    for (i, name) in indexed(&network.clusters) {
        let path = format!("{path}.clusters.{i}");
        if network.clusters[..i].iter().any(|before| before == name) {
            rules.value(&path, format!("`{name}` is there twice"), "name each cluster once");
            continue;
        }
        let Some(cluster) = rules.stack.clusters.get(name) else { continue };
        if cluster
            .existing
            .as_ref()
            .is_some_and(|existing| existing.kubeconfig.is_some() && existing.vpc_id.is_none())
        {
            let hint = format!("add `vpc_id` to `existing` of `[clusters.{name}]`");
            rules.value(&path, format!("the VPC of the cluster `{name}` is not known"), hint);
        }
        let Some(vpc) = rules.vpc(name) else { continue };
        match associated.get(&vpc) {
            Some((first, place)) if first != key => {
                let message = "one VPC cannot be in two service networks";
                let place = place.clone();
                rules.pair(
                    &place,
                    &path,
                    message,
                    "a VPC has one association at most: move the cluster to one of them",
                );
            }
            Some(_) => {}
            None => {
                associated.insert(vpc, (key.to_owned(), path));
            }
        }
    }
}
