//! `[clusters]`: made here or existing, names, versions, node groups, access.

use std::collections::HashMap;

use super::super::model::{Cluster, Existing, Iam, Nodes};
use super::networks::is_id;
use super::{Rules, name};

/// Kubernetes versions that both controllers run on.
const VERSIONS: [&str; 5] = ["1.31", "1.32", "1.33", "1.34", "1.35"];

/// Checks all clusters.
pub(super) fn check(rules: &mut Rules<'_>) {
    for (name, cluster) in &rules.stack.clusters {
        let path = format!("clusters.{name}");
        match &cluster.existing {
            Some(known) => existing(&path, cluster, known, rules),
            None => made(&path, name, cluster, rules),
        }
        for (group, nodes) in &cluster.nodes {
            nodes_of(&format!("{path}.nodes.{group}"), group, nodes, rules);
        }
        for (who, access) in &cluster.access {
            access_of(&format!("{path}.access.{who}"), &access.principal_arn, &access.policy, rules);
        }
    }
    twice(rules);
}

fn existing(path: &str, cluster: &Cluster, existing: &Existing, rules: &mut Rules<'_>) {
    let at = format!("{path}.existing");
    match (&existing.eks, &existing.kubeconfig) {
        (Some(_), Some(_)) => {
            let hint = "say how it is reached: by its EKS name or by a kubeconfig";
            rules.pair(
                &format!("{at}.eks"),
                &format!("{at}.kubeconfig"),
                "`eks` and `kubeconfig` exclude each other",
                hint,
            );
        }
        (None, None) => {
            rules.value(&at, "this names no cluster", "write `eks = \"…\"` or `kubeconfig = \"…\"`");
        }
        (Some(_), None) => {
            rules.without(
                &at,
                &[("context", existing.context.is_some())],
                "`eks`",
                "a context is for a kubeconfig",
            );
        }
        (None, Some(_)) if existing.iam == Some(Iam::PodIdentity) => {
            let hint = "Pod Identity is of EKS: name the cluster by `eks`, or write `iam = \"none\"`";
            rules.value(&format!("{at}.iam"), "a cluster known by kubeconfig has no Pod Identity", hint);
        }
        (None, Some(_)) => {}
    }
    if let Some(id) = existing.vpc_id.as_ref().filter(|id| !is_id(id, "vpc-")) {
        rules.value(&format!("{at}.vpc_id"), format!("`{id}` is not the id of a VPC"), "as in `vpc-0def`");
    }
    let keys = [
        ("name", cluster.name.is_some()),
        ("version", cluster.version.is_some()),
        ("network", cluster.network.is_some()),
        ("nodes", !cluster.nodes.is_empty()),
        ("public_endpoint", cluster.public_endpoint.is_some()),
    ];
    rules.without(path, &keys, "`existing`", "a cluster that exists is taken as it is");
}

fn made(path: &str, key: &str, cluster: &Cluster, rules: &mut Rules<'_>) {
    for (field, missing) in [("version", cluster.version.is_none()), ("network", cluster.network.is_none())] {
        if missing {
            let hint =
                format!("add `{field} = \"…\"`, or `existing = {{ eks = \"…\" }}` for a cluster that exists");
            rules.key(path, format!("the cluster `{key}` has no `{field}`"), hint);
        }
    }
    if let Some(version) = &cluster.version {
        rules.one_of(&format!("{path}.version"), "a Kubernetes version known here", version, &VERSIONS);
    }
    let name = eks_name(key, cluster, rules);
    // Without a head the name is not known.
    let known = cluster.name.is_some() || !rules.stack.head.name.is_empty();
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let right =
        name.len() <= 100 && name.chars().all(legal) && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if known && !right {
        let at = format!("{path}.name");
        let hint = "100 characters at most: letters, digits, `-` and `_`, the first a letter or a digit";
        rules.value(&at, format!("`{name}` is no name for an EKS cluster"), hint);
    }
    if let Some(network) = cluster.network.as_ref().and_then(|network| rules.stack.networks.get(network)) {
        let there = rules.place(network.account.as_deref(), network.region.as_deref());
        let here = rules.cluster_place(cluster);
        if here != there {
            let hint = "a cluster lives in the account and the region of its network";
            rules.value(&format!("{path}.network"), "the network is in another account or region", hint);
        }
    }
}

/// The EKS name of a cluster, if it is in EKS at all.
fn eks_name(key: &str, cluster: &Cluster, rules: &Rules<'_>) -> String {
    cluster.name.clone().unwrap_or_else(|| format!("{}-{key}", rules.stack.head.name))
}

fn twice(rules: &mut Rules<'_>) {
    let mut seen: HashMap<_, String> = HashMap::new();
    for (key, cluster) in &rules.stack.clusters {
        let name = match &cluster.existing {
            Some(existing) => existing.eks.clone(),
            None => Some(eks_name(key, cluster, rules)),
        };
        let Some(name) = name else { continue };
        let at = if cluster.existing.is_some() { "existing.eks" } else { "name" };
        let path = format!("clusters.{key}.{at}");
        match seen.get(&(rules.cluster_place(cluster), name.clone())) {
            Some(first) => {
                let first = first.clone();
                rules.pair(
                    &first,
                    &path,
                    format!("two clusters are called `{name}` in EKS"),
                    "names are unique in a region",
                );
            }
            None => {
                seen.insert((rules.cluster_place(cluster), name), path);
            }
        }
    }
}

fn nodes_of(path: &str, group: &str, nodes: &Nodes, rules: &mut Rules<'_>) {
    // The one that replaces another gets a number behind its name, of which 63 characters are allowed.
    if !name::is_label(group) || group.len() > 60 {
        rules.key(
            path,
            format!("`{group}` is no name for a node group"),
            format!("60 characters at most: {}", name::LABEL),
        );
    }
    let types = format!("{path}.instance_types");
    if nodes.instance_types.is_empty() {
        rules.value(&types, "a node group needs an instance type", "as in `[\"m7g.large\"]`");
    }
    for (i, instance) in nodes.instance_types.iter().enumerate() {
        let at = format!("{types}.{i}");
        if !is_instance_type(instance) {
            rules.value(&at, format!("`{instance}` is no instance type"), "as in `m7g.large`");
        } else if is_arm(instance) != is_arm(&nodes.instance_types[0]) {
            let message = "the instance types of a node group are of two architectures";
            let hint = "families with `g` behind the digit are Graviton (arm64), all others x86_64: make two node groups";
            rules.pair(&format!("{types}.0"), &at, message, hint);
        }
    }
    let size = &nodes.size;
    if size.max == 0 {
        rules.value(&format!("{path}.size.max"), "a node group of at most 0 nodes", "`max` is 1 at least");
    } else if size.min > size.max {
        let hint = format!("`min` ({}) is not above `max` ({})", size.min, size.max);
        rules.value(&format!("{path}.size"), "the smallest size is above the largest", hint);
    } else if let Some(desired) = size.desired.filter(|desired| !(size.min..=size.max).contains(desired)) {
        let hint = format!("between `min` ({}) and `max` ({})", size.min, size.max);
        rules.value(
            &format!("{path}.size.desired"),
            format!("{desired} nodes are outside of the size"),
            hint,
        );
    }
    if nodes.disk.is_some_and(|disk| !(8..=16_384).contains(&disk)) {
        rules.value(&format!("{path}.disk"), "a disk of this size cannot be made", "8 to 16384 GiB");
    }
}

fn is_instance_type(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.split_once('.').is_some_and(|(family, size)| {
        word(family)
            && word(size)
            && family.starts_with(|c: char| c.is_ascii_lowercase())
            && family.contains(|c: char| c.is_ascii_digit())
    })
}

/// Whether an instance type is Graviton: the number of its family is followed by `g`; `a1` was the first.
fn is_arm(instance: &str) -> bool {
    let family = instance.split('.').next().unwrap_or_default();
    let behind = family
        .trim_start_matches(|c: char| c.is_ascii_lowercase())
        .trim_start_matches(|c: char| c.is_ascii_digit());
    family == "a1" || behind.starts_with('g')
}

fn access_of(path: &str, principal: &str, policy: &str, rules: &mut Rules<'_>) {
    let parts: Vec<&str> = principal.split(':').collect();
    let right = matches!(parts.as_slice(), ["arn", _, "iam", "", _, who] if who.starts_with("role/") || who.starts_with("user/"));
    if !right {
        let message = format!("`{principal}` is not the ARN of a role or a user");
        let hint = "as in `arn:aws:iam::111122223333:role/admin`; for a session write its role";
        rules.value(&format!("{path}.principal_arn"), message, hint);
    }
    if !policy.starts_with("arn:") {
        rules.one_of(
            &format!("{path}.policy"),
            "an access policy or its ARN",
            policy,
            &["admin", "edit", "view"],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graviton_is_told_by_the_letter_behind_the_digit() {
        for arm in [
            "m7g.large",
            "c7gn.xlarge",
            "t4g.small",
            "im4gn.large",
            "x2gd.medium",
            "a1.large",
            "hpc7g.4xlarge",
        ] {
            assert!(is_arm(arm), "{arm}");
        }
        for x86 in ["m7i.large", "g5.xlarge", "m7i-flex.large", "p4d.24xlarge", "c7a.large"] {
            assert!(!is_arm(x86), "{x86}");
        }
        assert!(is_instance_type("u-6tb1.metal") && !is_instance_type("large") && !is_instance_type("m7g."));
    }
}
