//! What EKS makes in EC2: the security group of a cluster, and network interfaces.

use std::net::Ipv4Addr;

use serde_json::{Value as Json, json};

use super::CLUSTER;
use crate::sandbox::aws::wire::listed;
use crate::sandbox::world::Here;

const INTERFACE: &str = "ec2/network-interface";
const GROUP: &str = "ec2/security-group";
const RULE: &str = "ec2/security-group-rule";

/// Makes the security group of a cluster; gives its id.
pub(super) fn cluster_group(here: &mut Here<'_>, cluster: &str, vpc: &Json) -> String {
    let id = here.world.draw("sg-", 17);
    let number = u64::from_str_radix(&here.world.draw("", 8), 16).unwrap_or_default();
    let name = format!("eks-cluster-sg-{cluster}-{number}");
    let doc = json!({
        "groupId": id,
        "groupName": name,
        "groupDescription": "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.",
        "vpcId": vpc,
        "ownerId": here.account,
        "tagSet": [
            { "key": "Name", "value": name },
            { "key": "aws:eks:cluster-name", "value": cluster },
            { "key": format!("kubernetes.io/cluster/{cluster}"), "value": "owned" },
        ],
    });
    here.put(GROUP, &id, doc);
    let within =
        json!({ "isEgress": false, "referencedGroupInfo": { "groupId": id, "userId": here.account } });
    rule(here, &id, within);
    rule(here, &id, json!({ "isEgress": true, "cidrIpv4": "0.0.0.0/0" }));
    id
}

fn rule(here: &mut Here<'_>, group: &str, mut doc: Json) {
    let id = here.world.draw("sgr-", 17);
    doc["securityGroupRuleId"] = Json::from(id.as_str());
    doc["groupId"] = Json::from(group);
    doc["groupOwnerId"] = Json::from(here.account.as_str());
    doc["ipProtocol"] = Json::from("-1");
    doc["fromPort"] = Json::from(-1);
    doc["toPort"] = Json::from(-1);
    doc["tagSet"] = json!([]);
    here.put(RULE, &id, doc);
}

/// Removes a group with its rules. While something else uses it, it stays behind.
pub(super) fn remove_group(here: &mut Here<'_>, id: &str) {
    let names = |group: &Json| group["groupId"] == id;
    let worn = here.list(INTERFACE).iter().any(|one| listed(&one["groupSet"]).iter().any(names));
    let rules = here.list(RULE);
    let named = rules.iter().any(|rule| rule["groupId"] != id && names(&rule["referencedGroupInfo"]));
    if worn || named {
        return;
    }
    for rule in rules.iter().filter(|rule| rule["groupId"] == id) {
        here.remove(RULE, rule["securityGroupRuleId"].as_str().unwrap_or_default());
    }
    here.remove(GROUP, id);
}

/// An interface to be made.
pub(super) struct Interface<'a> {
    /// The cluster or node group that it goes with.
    pub(super) owner: &'a str,
    /// What EC2 shows of it.
    pub(super) description: String,
    /// The ids of its groups.
    pub(super) groups: Vec<Json>,
    /// Its tags.
    pub(super) tags: Json,
    /// The instance it is attached to, if it is one of the account's.
    pub(super) instance: Option<&'a str>,
}

/// Puts an interface into a subnet; gives its address.
pub(super) fn interface(here: &mut Here<'_>, subnet: &Json, wanted: Interface<'_>) -> Ipv4Addr {
    let address = free_address(here, subnet);
    let id = here.world.draw("eni-", 17);
    let group = |id: &Json| {
        let doc = here.get(GROUP, id.as_str().unwrap_or_default());
        json!({ "groupId": id, "groupName": doc.map(|doc| doc["groupName"].clone()) })
    };
    let groups: Vec<Json> = wanted.groups.iter().map(group).collect();
    let owner = wanted.instance.map_or("amazon-eks", |_| here.account.as_str()).to_owned();
    let doc = json!({
        "networkInterfaceId": id,
        "subnetId": subnet["subnetId"],
        "vpcId": subnet["vpcId"],
        "availabilityZone": subnet["availabilityZone"],
        "description": wanted.description,
        "ownerId": here.account,
        "requesterManaged": wanted.instance.is_none(),
        "status": "in-use",
        "interfaceType": "interface",
        "sourceDestCheck": true,
        "privateIpAddress": address.to_string(),
        "privateIpAddressesSet": [{ "privateIpAddress": address.to_string(), "primary": true }],
        "groupSet": groups,
        "attachment": {
            "attachmentId": here.world.draw("eni-attach-", 17),
            "deviceIndex": if wanted.instance.is_some() { 0 } else { 1 },
            "instanceId": wanted.instance,
            "instanceOwnerId": owner,
            "deleteOnTermination": true,
            "status": "attached",
        },
        "tagSet": wanted.tags,
        "_owner": wanted.owner,
    });
    here.put(INTERFACE, &id, doc);
    address
}

/// The first address of a subnet that nobody has; the first four are the network's.
fn free_address(here: &Here<'_>, subnet: &Json) -> Ipv4Addr {
    let net: Option<ipnet::Ipv4Net> = subnet["cidrBlock"].as_str().and_then(|cidr| cidr.parse().ok());
    let taken: Vec<Json> = here
        .list(INTERFACE)
        .iter()
        .filter(|one| one["subnetId"] == subnet["subnetId"])
        .map(|one| one["privateIpAddress"].clone())
        .collect();
    let free = |address: &Ipv4Addr| !taken.contains(&Json::from(address.to_string()));
    net.and_then(|net| net.hosts().skip(3).find(free)).unwrap_or(Ipv4Addr::UNSPECIFIED)
}

/// Puts the interfaces of a cluster where its subnets are now: one a subnet, four at most.
pub(super) fn cluster_interfaces(here: &mut Here<'_>, cluster: &str) {
    let Some(doc) = here.get(CLUSTER, cluster).cloned() else { return };
    let vpc = &doc["resourcesVpcConfig"];
    let wanted: Vec<Json> = listed(&vpc["subnetIds"]).into_iter().take(4).collect();
    let there: Vec<Json> = here.list(INTERFACE).into_iter().filter(|one| one["_owner"] == cluster).collect();
    for one in there.iter().filter(|one| !wanted.contains(&one["subnetId"])) {
        here.remove(INTERFACE, one["networkInterfaceId"].as_str().unwrap_or_default());
    }
    for subnet in wanted.iter().filter(|id| !there.iter().any(|one| one["subnetId"] == **id)) {
        let Some(subnet) = here.get("ec2/subnet", subnet.as_str().unwrap_or_default()).cloned() else {
            continue;
        };
        let mut groups = vec![vpc["clusterSecurityGroupId"].clone()];
        groups.extend(listed(&vpc["securityGroupIds"]));
        let description = format!("Amazon EKS {cluster}");
        let tags = json!([]);
        interface(here, &subnet, Interface { owner: cluster, description, groups, tags, instance: None });
    }
}

/// Removes the interfaces of a cluster, node group or node.
pub(super) fn remove_interfaces(here: &mut Here<'_>, owner: &str) {
    for one in here.list(INTERFACE).iter().filter(|one| one["_owner"] == owner) {
        here.remove(INTERFACE, one["networkInterfaceId"].as_str().unwrap_or_default());
    }
}
