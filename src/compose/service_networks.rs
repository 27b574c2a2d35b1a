//! `[service_networks.*]`: Lattice service networks, one association a VPC, and the way in for Lattice's traffic.

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::draft::Draft;
use super::networks::Vpc;
use super::site::Site;
use super::spec::{spec, table};
use crate::address::Address;
use crate::graph::{Place, Resource};
use crate::stack::model::{Auth, Policy, ServiceNetwork};
use crate::value::Value;

pub(super) fn compose(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (key, network) in &stack.service_networks {
        let at = Address::new("service_network", key);
        let place = draft.place(network.account.as_ref(), network.region.as_ref());
        let made = json!({
            "name": lattice_name(key, network),
            "auth": match network.auth.unwrap_or(Auth::None) {
                Auth::None => "NONE",
                Auth::Iam => "AWS_IAM",
            },
            "policy": policy(draft, key, network),
            "access_logs": network.access_logs,
            "tags": draft.tags(),
        });
        draft.add(Resource::new(at.clone(), "lattice_service_network", &place, spec(made)));
        associations(draft, key, network, &at);
        ways_in(draft, key, network, &at);
    }
}

/// The Lattice name of a service network: Gateways find it by this name.
pub(super) fn lattice_name<'a>(key: &'a str, network: &'a ServiceNetwork) -> &'a str {
    network.name.as_deref().unwrap_or(key)
}

fn policy(draft: &mut Draft<'_>, key: &str, network: &ServiceNetwork) -> Option<Json> {
    match network.policy.as_ref()? {
        Policy::Table(document) => Some(table(document)),
        Policy::File(file) => {
            let path = format!("service_networks.{key}.policy");
            draft.fail(&path, format!("the policy file `{file}` was not read"), "it must be a JSON document");
            None
        }
    }
}

/// The address of the association of a VPC.
pub(super) fn association(service_network: &str, vpc: &str) -> Address {
    Address::new("service_network", service_network).part(&format!("vpc.{vpc}"))
}

fn associations(draft: &mut Draft<'_>, key: &str, network: &ServiceNetwork, at: &Address) {
    let mut vpcs: IndexMap<String, (Vpc, Vec<Value>)> = IndexMap::new();
    for (index, cluster) in network.clusters.iter().enumerate() {
        let path = format!("service_networks.{key}.clusters.{index}");
        if draft.site_named(cluster, &path).is_none() {
            continue;
        }
        let Some(vpc) = draft.vpc_of_cluster(cluster) else {
            let message = format!("the VPC of cluster `{cluster}` is not known");
            draft.fail(&path, message, "say `vpc_id` in its `existing`");
            continue;
        };
        let groups = security_groups(draft, key, network, cluster);
        let (_, all) = vpcs.entry(vpc.key.clone()).or_insert_with(|| (vpc, Vec::new()));
        for group in groups {
            if !all.contains(&group) {
                all.push(group);
            }
        }
    }
    for cluster in network.associations.keys().filter(|cluster| !network.clusters.contains(cluster)) {
        let path = format!("service_networks.{key}.associations.{cluster}");
        draft.fail(&path, format!("`{cluster}` is not one of the clusters of this service network"), "");
    }
    for (name, (vpc, groups)) in vpcs {
        let made = json!({
            "service_network_id": Value::reference(at, "id"),
            "vpc_id": vpc.id,
            "security_group_ids": groups,
            "tags": draft.tags(),
        });
        let made = Resource::new(association(key, &name), "lattice_vpc_association", &vpc.place, spec(made));
        draft.add(vpc.address.iter().fold(made.inside(at), Resource::inside));
    }
}

fn security_groups(draft: &mut Draft<'_>, key: &str, network: &ServiceNetwork, cluster: &str) -> Vec<Value> {
    let Some(association) = network.associations.get(cluster) else { return Vec::new() };
    let own = draft.stack.clusters.get(cluster).and_then(|cluster| cluster.network.as_ref());
    let mut ids = Vec::new();
    for (index, group) in association.security_groups.iter().enumerate() {
        let declared = own.and_then(|name| Some((name, draft.stack.networks.get(name)?)));
        let declared = declared.filter(|(_, network)| network.security_groups.contains_key(group));
        match declared {
            Some((name, _)) => {
                let at = Address::new("network", name).part(&format!("security-group.{group}"));
                ids.push(Value::reference(&at, "security_group_id"));
            }
            None if group.starts_with("sg-") => ids.push(group.as_str().into()),
            None => {
                let path = format!("service_networks.{key}.associations.{cluster}.security_groups.{index}");
                let message = format!("the network of cluster `{cluster}` has no security group `{group}`");
                draft.fail(&path, message, "name one under its `security_groups`, or give an id, sg-…");
            }
        }
    }
    ids
}

/// Rules on the clusters' own security groups: traffic of Lattice comes from addresses of its own.
fn ways_in(draft: &mut Draft<'_>, key: &str, network: &ServiceNetwork, at: &Address) {
    let home = draft.place(network.account.as_ref(), network.region.as_ref());
    for cluster in &network.clusters {
        let Some(site) = draft.site(cluster) else { continue };
        let Some(eks) = site.cluster else { continue };
        for (family, infix) in [("ipv4", ""), ("ipv6", "ipv6.")] {
            let list = prefix_list(at, &home, &site.place, family);
            let name = format!("com.amazonaws.{}.{infix}vpc-lattice", site.place.region);
            let lookup = spec(json!({ "name": name }));
            draft.add_once(Resource::new(list.clone(), "prefix_list_lookup", &site.place, lookup));
            let rule = json!({
                "security_group_id": Value::reference(&eks, "cluster_security_group_id"),
                "direction": "ingress",
                "protocol": "-1",
                "prefix_list_id": Value::reference(&list, "prefix_list_id"),
                "description": format!("VPC Lattice of service network {key}"),
                "tags": draft.tags(),
            });
            let address = way_in(key, cluster, family);
            draft.add(Resource::new(address, "security_group_rule", &site.place, spec(rule)).inside(&eks));
        }
    }
}

/// The rules that let Lattice's traffic into a cluster: before they are there its routes lead nowhere.
pub(super) fn ways_into(draft: &Draft<'_>, service_network: &str, site: &Site) -> Vec<Address> {
    let network = draft.stack.service_networks.get(service_network);
    let joined =
        network.is_some_and(|network| network.clusters.contains(&site.key)) && site.cluster.is_some();
    let families = ["ipv4", "ipv6"].into_iter().filter(|_| joined);
    families.map(|family| way_in(service_network, &site.key, family)).collect()
}

fn way_in(service_network: &str, cluster: &str, family: &str) -> Address {
    Address::new("service_network", service_network).part(&format!("ingress.{cluster}-{family}"))
}

/// Prefix lists have an id of their own in every region.
fn prefix_list(at: &Address, home: &Place, place: &Place, family: &str) -> Address {
    if home == place {
        return at.part(&format!("prefix-list.{family}"));
    }
    let account = place.account.as_deref().unwrap_or("stack");
    at.part(&format!("prefix-list.{family}.{account}.{}", place.region))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::compose::testing::{addresses, edge, graph, refers, spec};
    use crate::graph::Sort;

    const TWO_IN_ONE: &str = r#"
        [networks.n]
        cidr = "10.0.0.0/16"
        security_groups.a = {}
        security_groups.b = {}
        [clusters.x]
        version = "1.35"
        network = "n"
        [clusters.y]
        version = "1.35"
        network = "n"
        [service_networks.net]
        auth = "iam"
        policy = { Version = "2012-10-17", Statement = [] }
        clusters = ["x", "y"]
        associations.x = { security_groups = ["a", "sg-0123"] }
    "#;

    #[test]
    fn clusters_of_one_vpc_share_an_association() {
        let made = graph(TWO_IN_ONE);
        assert_eq!(addresses(&made, "service_network.net/vpc."), ["service_network.net/vpc.n"]);
        let groups = &spec(&made, "service_network.net/vpc.n")["security_group_ids"];
        assert!(refers(&groups[0], "network.n/security-group.a", "security_group_id"));
        assert_eq!(groups[1], "sg-0123");
        for outer in ["service_network.net", "network.n/vpc"] {
            assert!(edge(&made, "service_network.net/vpc.n", outer, Sort::Inside), "{outer}");
        }
    }

    #[test]
    fn the_policy_is_part_of_it() {
        let made = spec(&graph(TWO_IN_ONE), "service_network.net");
        assert_eq!(made["auth"], "AWS_IAM");
        assert_eq!(made["policy"], json!({ "Version": "2012-10-17", "Statement": [] }));
    }

    #[test]
    fn lattice_is_let_in_by_both_prefix_lists_at_every_cluster() {
        let made = graph(TWO_IN_ONE);
        assert_eq!(addresses(&made, "service_network.net/ingress.").len(), 4);
        let rule = spec(&made, "service_network.net/ingress.y-ipv6");
        assert!(refers(&rule["security_group_id"], "cluster.y", "cluster_security_group_id"));
        assert_eq!((&rule["protocol"], &rule["direction"]), (&json!("-1"), &json!("ingress")));
        let list = spec(&made, "service_network.net/prefix-list.ipv6");
        assert_eq!(list["name"], "com.amazonaws.us-west-2.ipv6.vpc-lattice");
        assert!(edge(&made, "service_network.net/ingress.y-ipv6", "cluster.y", Sort::Inside));
    }

    #[test]
    fn existing_clusters_of_one_vpc_share_an_association_too() {
        let made = graph(
            "[networks.old]\nvpc_id = \"vpc-0abc\"\n\
             [clusters.x]\nexisting = { eks = \"x\", vpc_id = \"vpc-0abc\" }\n\
             [clusters.y]\nexisting = { eks = \"y\", vpc_id = \"vpc-0def\" }\n\
             [clusters.z]\nexisting = { eks = \"z\", vpc_id = \"vpc-0def\" }\n\
             [service_networks.net]\nclusters = [\"x\", \"y\", \"z\"]",
        );
        assert_eq!(
            addresses(&made, "service_network.net/vpc."),
            ["service_network.net/vpc.old", "service_network.net/vpc.y"]
        );
        assert_eq!(spec(&made, "service_network.net/vpc.y")["vpc_id"], "vpc-0def");
    }
}
