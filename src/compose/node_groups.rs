//! `[clusters.*.nodes.*]`: managed node groups, and the AMI type that fits their instance types.

use serde_json::json;

use super::clusters::before_nodes;
use super::draft::Draft;
use super::networks::Homes;
use super::site::Site;
use super::spec::spec;
use crate::address::Address;
use crate::graph::Resource;
use crate::stack::model::{Capacity, Cluster, Nodes};
use crate::value::Value;

pub(super) fn compose(draft: &mut Draft<'_>, site: &Site, at: &Address, cluster: &Cluster, homes: &Homes) {
    for (name, nodes) in &cluster.nodes {
        let Some(ami_type) = ami_type(&nodes.instance_types) else {
            let path = format!("clusters.{}.nodes.{name}.instance_types", site.key);
            let message = "the instance types of a node group must be of one architecture";
            draft.fail(
                &path,
                message,
                "Graviton types such as m7g and Intel or AMD types need a node group each",
            );
            continue;
        };
        let mut group = group(draft, site, name, nodes, ami_type, homes, &at.part("node-role"));
        if let (Value::Map(spec), Some(version)) = (&mut group, &cluster.version) {
            // Nodes follow their cluster.
            spec.insert("version".to_owned(), version.as_str().into());
        }
        let address = at.part(&format!("nodes.{name}"));
        let mut group = Resource::new(address, "eks_node_group", &site.place, group).inside(at);
        // Nodes join only when their network works, and must reach AWS to do so.
        group = before_nodes(at).iter().chain(&homes.routes).fold(group, Resource::uses);
        draft.add(group);
    }
}

fn group(
    draft: &Draft<'_>,
    site: &Site,
    name: &str,
    nodes: &Nodes,
    ami_type: &str,
    homes: &Homes,
    role: &Address,
) -> Value {
    let size = json!({ "min": nodes.size.min, "max": nodes.size.max, "desired": nodes.size.desired });
    spec(json!({
        "cluster": site.name,
        "name": name,
        "role_arn": Value::reference(role, "arn"),
        "subnet_ids": homes.ids,
        "instance_types": nodes.instance_types,
        "ami_type": ami_type,
        "capacity_type": match nodes.capacity.unwrap_or(Capacity::OnDemand) {
            Capacity::OnDemand => "ON_DEMAND",
            Capacity::Spot => "SPOT",
        },
        "disk_size": nodes.disk.unwrap_or(20),
        "size": size,
        "labels": nodes.labels,
        "tags": draft.tags(),
    }))
}

/// The AMI type that all these instance types can run, if there is one.
fn ami_type(instance_types: &[String]) -> Option<&'static str> {
    let arm = instance_types.iter().filter(|name| is_arm(name)).count();
    match arm {
        0 => Some("AL2023_x86_64_STANDARD"),
        all if all == instance_types.len() => Some("AL2023_ARM_64_STANDARD"),
        _ => None,
    }
}

/// Graviton families carry a `g` right after the generation: `m7g`, `c7gn`, `t4g`; `a1` is older than that rule.
fn is_arm(instance_type: &str) -> bool {
    let family = instance_type.split('.').next().unwrap_or_default();
    let after_class = family.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let attributes = after_class.trim_start_matches(|c: char| c.is_ascii_digit());
    family == "a1" || (attributes.len() < after_class.len() && attributes.starts_with('g'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_architecture_is_read_from_the_family() {
        for arm in
            ["m7g.large", "c7gn.xlarge", "t4g.small", "r8gd.metal", "im4gn.large", "a1.medium", "x2gd.large"]
        {
            assert!(is_arm(arm), "{arm}");
        }
        for intel in ["m7i.large", "g4dn.xlarge", "g6.xlarge", "c7a.large", "t3.small", "u-6tb1.metal", "m5"]
        {
            assert!(!is_arm(intel), "{intel}");
        }
    }

    #[test]
    fn a_group_of_two_architectures_has_no_ami_type() {
        assert_eq!(ami_type(&["m7g.large".into(), "m7i.large".into()]), None);
        assert_eq!(ami_type(&["m7g.large".into(), "c7g.large".into()]), Some("AL2023_ARM_64_STANDARD"));
    }
}
