//! Nodes: what a node group has in EC2 and in its cluster, and what becomes of the group in time.

use serde_json::{Value as Json, json};

use super::life::at;
use super::network::{self, Of};
use super::{ADDON, CLUSTER, NODE_GROUP, access, addon, check, update};
use crate::sandbox::aws::iam;
use crate::sandbox::aws::wire::{listed, number};
use crate::sandbox::world::{Event, Here, Key, World, merge};
use crate::sandbox::{controllers, kube};

/// A node group can be used.
pub(in crate::sandbox::aws) const ACTIVE: &str = "eks.nodegroup.active";
/// A change of a node group is done.
pub(in crate::sandbox::aws) const UPDATED: &str = "eks.nodegroup.updated";
/// A node group is gone.
pub(in crate::sandbox::aws) const GONE: &str = "eks.nodegroup.gone";

/// With none of these a node cannot join.
const JOINS: &[&str] =
    &["AdministratorAccess", "AmazonEKSWorkerNodeMinimalPolicy", "AmazonEKSWorkerNodePolicy"];

pub(in crate::sandbox::aws) fn active(world: &mut World, key: &Key) {
    let mut here = at(world, key);
    let Some(group) = here.get(NODE_GROUP, &key.id).cloned() else { return };
    if !may_join(&here, group["nodeRole"].as_str().unwrap_or_default()) {
        let issue = json!({ "code": "NodeCreationFailure", "message": "Instances failed to join the kubernetes cluster" });
        here.change(NODE_GROUP, &key.id, |group| {
            group["status"] = Json::from("CREATE_FAILED");
            group["health"] = json!({ "issues": [issue] });
        });
        return;
    }
    here.change(NODE_GROUP, &key.id, |group| group["status"] = Json::from("ACTIVE"));
    fit(&mut here, &key.id);
}

fn may_join(here: &Here<'_>, role: &str) -> bool {
    let Some(role) = iam::role_of_arn(here, role) else { return false };
    let own = role["_inline"].as_object().is_some_and(|inline| !inline.is_empty());
    let named =
        |arn: &Json| arn.as_str().and_then(|arn| arn.rsplit('/').next()).is_some_and(|n| JOINS.contains(&n));
    own || listed(&role["_managed"]).iter().any(named)
}

pub(in crate::sandbox::aws) fn updated(world: &mut World, key: &Key) {
    let mut here = at(world, key);
    let Some(group) = here.get(NODE_GROUP, &key.id).cloned() else { return };
    let version = group["_change"].get("version").is_some();
    let now = here.world.timestamp();
    here.change(NODE_GROUP, &key.id, |group| {
        if let Some(change) = group.get("_change").cloned() {
            merge(group, &change);
        }
        group["status"] = Json::from("ACTIVE");
        group["modifiedAt"] = Json::from(now);
        group["_change"] = json!({});
    });
    if version {
        let old = listed(&group["_nodes"]);
        here.change(NODE_GROUP, &key.id, |group| group["_nodes"] = json!([]));
        fit(&mut here, &key.id);
        old.iter().for_each(|node| leave(&mut here, &key.id, node));
    } else {
        fit(&mut here, &key.id);
    }
    relabel(&mut here, &key.id);
    let (cluster, name) = key.id.split_once('/').unwrap_or_default();
    update::succeeded(&mut here, cluster, name);
    look(&mut here, cluster);
}

pub(in crate::sandbox::aws) fn gone(world: &mut World, key: &Key) {
    let mut here = at(world, key);
    let Some(group) = here.remove(NODE_GROUP, &key.id) else { return };
    for node in listed(&group["_nodes"]) {
        leave(&mut here, &key.id, &node);
    }
    let cluster = group["clusterName"].as_str().unwrap_or_default();
    let role = &group["nodeRole"];
    if !check::inside(&here, NODE_GROUP, cluster).iter().any(|other| other["nodeRole"] == *role) {
        access::without_nodes(&mut here, cluster, role.as_str().unwrap_or_default());
    }
    look(&mut here, cluster);
}

/// Makes as many nodes of a group as are desired.
fn fit(here: &mut Here<'_>, id: &str) {
    let Some(group) = here.get(NODE_GROUP, id).cloned() else { return };
    let desired =
        number(&group["scalingConfig"]["desiredSize"]).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let mut nodes = listed(&group["_nodes"]);
    while nodes.len() > desired {
        let Some(node) = nodes.pop() else { break };
        leave(here, id, &node);
    }
    let subnets = listed(&group["subnets"]);
    while nodes.len() < desired && !subnets.is_empty() {
        let subnet = subnets[nodes.len() % subnets.len()].as_str().unwrap_or_default();
        let Some(subnet) = here.get("ec2/subnet", subnet).cloned() else { break };
        let Some(node) = join(here, id, &group, &subnet) else { break };
        nodes.push(Json::from(node));
    }
    here.change(NODE_GROUP, id, |group| group["_nodes"] = Json::from(nodes));
    look(here, group["clusterName"].as_str().unwrap_or_default());
}

/// A node starts in a subnet and joins its cluster; gives its name. `None` where the subnet has no address left.
fn join(here: &mut Here<'_>, id: &str, group: &Json, subnet: &Json) -> Option<String> {
    let cluster = group["clusterName"].as_str().unwrap_or_default();
    let instance = here.world.draw("i-", 17);
    let security =
        here.get(CLUSTER, cluster).map(|c| c["resourcesVpcConfig"]["clusterSecurityGroupId"].clone());
    let groups: Vec<Json> = security.into_iter().collect();
    let tags = json!([
        { "key": "cluster.k8s.amazonaws.com/name", "value": cluster },
        { "key": "node.k8s.amazonaws.com/instance_id", "value": instance },
    ]);
    let of = Of { owner: "", instance: Some((&instance, tags)) };
    let subnet_id = subnet["subnetId"].as_str().unwrap_or_default();
    let interface = network::interface(here, subnet_id, &groups, "", of)?;
    let address = here.get(network::INTERFACE, &interface)?["privateIpAddress"].as_str()?.replace('.', "-");
    let name = format!("ip-{address}.{}.compute.internal", here.region);
    here.change(network::INTERFACE, &interface, |doc| doc["_owner"] = Json::from(format!("{id}/{name}")));
    let doc = node(here, group, subnet, &name, &instance);
    let cluster = here.key(CLUSTER, cluster);
    kube::write(here.world, &cluster, &nodes(&cluster, &name), doc);
    Some(name)
}

/// The key of a node of a cluster.
fn nodes(cluster: &Key, name: &str) -> Key {
    kube::key(cluster, "", "nodes", "", name)
}

fn node(here: &mut Here<'_>, group: &Json, subnet: &Json, name: &str, instance: &str) -> Json {
    let zone = subnet["availabilityZone"].as_str().unwrap_or_default();
    let uid = here.world.draw("", 32);
    let uid = format!("{}-{}-4{}-8{}-{}", &uid[..8], &uid[8..12], &uid[13..16], &uid[17..20], &uid[20..]);
    let version = group["version"].as_str().unwrap_or_default();
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "KubeletReady",
        "message": "kubelet is posting ready status", "lastTransitionTime": here.world.timestamp(),
    });
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": uid,
            "creationTimestamp": here.world.timestamp(),
            "labels": labels(group, zone, &here.region, name),
        },
        "spec": { "providerID": format!("aws:///{zone}/{instance}") },
        "status": {
            "conditions": [ready],
            "addresses": [{ "type": "InternalIP", "address": address(name) }, { "type": "Hostname", "address": name }],
            "nodeInfo": { "kubeletVersion": format!("v{version}.2-eks-0000000") },
        },
    })
}

/// The address in the name of a node.
fn address(name: &str) -> String {
    name.trim_start_matches("ip-").split('.').next().unwrap_or_default().replace('-', ".")
}

fn labels(group: &Json, zone: &str, region: &str, name: &str) -> Json {
    let architecture =
        if group["amiType"].as_str().is_some_and(|ami| ami.contains("ARM")) { "arm64" } else { "amd64" };
    let mut labels = json!({
        "eks.amazonaws.com/nodegroup": group["nodegroupName"],
        "eks.amazonaws.com/capacityType": group["capacityType"],
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": group["instanceTypes"][0],
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
    });
    merge(&mut labels, &group["labels"]);
    labels
}

/// Nodes carry the labels of their group.
fn relabel(here: &mut Here<'_>, id: &str) {
    let Some(group) = here.get(NODE_GROUP, id).cloned() else { return };
    let cluster = here.key(CLUSTER, group["clusterName"].as_str().unwrap_or_default());
    for name in listed(&group["_nodes"]) {
        let name = name.as_str().unwrap_or_default();
        kube::change(here.world, &cluster, &nodes(&cluster, name), |node| {
            let zone = &node["metadata"]["labels"]["topology.kubernetes.io/zone"];
            let zone = zone.as_str().unwrap_or_default().to_owned();
            node["metadata"]["labels"] = labels(&group, &zone, &cluster.region, name);
        });
    }
}

/// A node stops: it leaves its cluster and its interface goes.
fn leave(here: &mut Here<'_>, id: &str, node: &Json) {
    let (cluster, _) = id.split_once('/').unwrap_or_default();
    let name = node.as_str().unwrap_or_default();
    let cluster = here.key(CLUSTER, cluster);
    kube::leave_node(here.world, &cluster, name);
    network::remove_interfaces(here, &format!("{id}/{name}"));
}

/// What depends on nodes looks again.
fn look(here: &mut Here<'_>, cluster: &str) {
    let key = here.key(CLUSTER, cluster);
    controllers::notice(here.world, &key);
    kube::workloads::wake(here.world, &key);
    for one in check::inside(here, ADDON, cluster) {
        let id = format!("{cluster}/{}", one["addonName"].as_str().unwrap_or_default());
        let settled = matches!(one["status"].as_str(), Some("ACTIVE" | "DEGRADED"));
        if settled && !here.world.awaits(&here.key(ADDON, &id), addon::REVIEW) {
            here.after(30, ADDON, &id, Event::Hook(addon::REVIEW.to_owned()));
        }
    }
}
