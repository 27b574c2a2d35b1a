//! Which subnets a load balancer goes into: those named, those with the asked tags, or those with the role's tag.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::super::cluster::{Cluster, list, text};
use super::stack::tag;
use crate::sandbox::world::Doc;

/// The ids, one a zone, sorted.
pub(super) fn choose(
    cluster: &Cluster<'_>,
    name: &str,
    config: &Json,
    scheme: &str,
    network: bool,
) -> Result<Vec<String>, String> {
    let of_vpc = |subnet: &Doc| text(subnet, "vpcId") == cluster.vpc;
    let all: Vec<Doc> = cluster.here.list("ec2/subnet").into_iter().filter(of_vpc).collect();
    let named = list(&config["loadBalancerSubnets"]);
    let wanted = config["loadBalancerSubnetsSelector"].as_object();
    let chosen = if !named.is_empty() {
        let is_named = |subnet: &Doc| {
            named.iter().any(|one| {
                one["identifier"] == subnet["subnetId"]
                    || one["identifier"].as_str() == tag(&subnet["tagSet"], "Name")
            })
        };
        all.into_iter().filter(is_named).collect()
    } else if let Some(wanted) = wanted {
        let fits = |subnet: &Doc| {
            wanted.iter().all(|(key, values)| {
                let value = tag(&subnet["tagSet"], key);
                value.is_some_and(|value| list(values).iter().any(|one| one == value))
            })
        };
        one_a_zone(all.into_iter().filter(fits).collect(), name)
    } else {
        discover(cluster, all, name, scheme == "internet-facing")
    };
    if chosen.len() < if network { 1 } else { 2 } {
        return Err("unable to resolve at least two subnets in two availability zones".to_owned());
    }
    let mut ids: Vec<String> = chosen.iter().map(|one| text(one, "subnetId").to_owned()).collect();
    ids.sort();
    Ok(ids)
}

/// By the tag of the role, else by whether an internet gateway is within reach.
fn discover(cluster: &Cluster<'_>, all: Vec<Doc>, name: &str, public: bool) -> Vec<Doc> {
    let role = if public { "kubernetes.io/role/elb" } else { "kubernetes.io/role/internal-elb" };
    let open: Vec<Doc> = all.into_iter().filter(|subnet| !is_of_others(subnet, name)).collect();
    let tagged = |subnet: &&Doc| matches!(tag(&subnet["tagSet"], role), Some("1" | ""));
    let by_tag: Vec<Doc> = open.iter().filter(tagged).cloned().collect();
    if !by_tag.is_empty() {
        return one_a_zone(by_tag, name);
    }
    one_a_zone(open.into_iter().filter(|subnet| is_public(cluster, subnet) == public).collect(), name)
}

/// Whether the tags name other clusters and not this one.
fn is_of_others(subnet: &Doc, name: &str) -> bool {
    let prefix = "kubernetes.io/cluster/";
    let mut clusters =
        list(&subnet["tagSet"]).iter().filter_map(|one| text(one, "key").strip_prefix(prefix)).peekable();
    clusters.peek().is_some() && !clusters.any(|cluster| cluster == name)
}

/// Whether the route table of a subnet leads to an internet gateway.
fn is_public(cluster: &Cluster<'_>, subnet: &Doc) -> bool {
    let tables = cluster.here.list("ec2/route-table");
    let own =
        |table: &&Doc| list(&table["associationSet"]).iter().any(|one| one["subnetId"] == subnet["subnetId"]);
    let main = |table: &&Doc| {
        table["vpcId"] == subnet["vpcId"]
            && list(&table["associationSet"]).iter().any(|one| one["main"] == true)
    };
    let table = tables.iter().find(own).or_else(|| tables.iter().find(main));
    table.is_some_and(|table| {
        list(&table["routeSet"]).iter().any(|route| text(route, "gatewayId").starts_with("igw-"))
    })
}

/// One subnet of each zone: one that is tagged with the cluster first, then the first by id.
fn one_a_zone(mut subnets: Vec<Doc>, name: &str) -> Vec<Doc> {
    let key = format!("kubernetes.io/cluster/{name}");
    subnets.sort_by_key(|one| (tag(&one["tagSet"], &key).is_none(), text(one, "subnetId").to_owned()));
    let mut zones = BTreeMap::new();
    for subnet in subnets {
        zones.entry(text(&subnet, "availabilityZone").to_owned()).or_insert(subnet);
    }
    zones.into_values().collect()
}
