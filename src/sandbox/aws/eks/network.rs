//! What EKS makes in EC2: the security group of a cluster, and network interfaces.

use serde_json::{Value as Json, json};

use super::CLUSTER;
use crate::sandbox::aws::ec2;
use crate::sandbox::aws::wire::listed;
use crate::sandbox::world::{Here, merge};

/// What EKS writes of the group it makes.
const DESCRIPTION: &str = "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.";

pub(super) const INTERFACE: &str = "ec2/network-interface";
const GROUP: &str = "ec2/security-group";
const RULE: &str = "ec2/security-group-rule";

/// Makes the security group of a cluster; gives its id.
pub(super) fn cluster_group(here: &mut Here<'_>, cluster: &str, vpc: &Json) -> Option<String> {
    let number = u64::from_str_radix(&here.world.draw("", 8), 16).unwrap_or_default();
    let name = format!("eks-cluster-sg-{cluster}-{number}");
    let tags = json!([
        { "key": "Name", "value": name },
        { "key": "aws:eks:cluster-name", "value": cluster },
        { "key": format!("kubernetes.io/cluster/{cluster}"), "value": "owned" },
    ]);
    let id = ec2::make_group(here, vpc.as_str().unwrap_or_default(), &name, DESCRIPTION, tags).ok()?;
    let itself = json!({ "groupId": id, "userId": here.account });
    let terms = json!({ "ipProtocol": "-1", "fromPort": -1, "toPort": -1, "referencedGroupInfo": itself });
    ec2::make_rule(here, &id, false, terms);
    Some(id)
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

/// Whose an interface is.
pub(super) struct Of<'a> {
    /// The cluster or node that it goes with.
    pub(super) owner: &'a str,
    /// The instance it is attached to, and its tags, if it is one of the account's.
    pub(super) instance: Option<(&'a str, Json)>,
}

/// Puts an interface into a subnet; gives its id. `None` where the subnet is full or gone.
pub(super) fn interface(
    here: &mut Here<'_>,
    subnet: &str,
    groups: &[Json],
    description: &str,
    of: Of<'_>,
) -> Option<String> {
    let groups: Vec<String> = groups.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    let id = ec2::make_interface(here, subnet, &groups, "interface", "amazon-eks", description).ok()?;
    let account = here.account.clone();
    here.change(INTERFACE, &id, |doc| {
        doc["_owner"] = Json::from(of.owner);
        if let Some((instance, tags)) = of.instance {
            let attachment = json!({ "instanceId": instance, "instanceOwnerId": account, "deviceIndex": 0, "deleteOnTermination": true });
            merge(&mut doc["attachment"], &attachment);
            merge(doc, &json!({ "requesterManaged": false, "requesterId": null, "tagSet": tags }));
        }
    });
    Some(id)
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
    let mut groups = vec![vpc["clusterSecurityGroupId"].clone()];
    groups.extend(listed(&vpc["securityGroupIds"]));
    let description = format!("Amazon EKS {cluster}");
    for subnet in wanted.iter().filter(|id| !there.iter().any(|one| one["subnetId"] == **id)) {
        let of = Of { owner: cluster, instance: None };
        interface(here, subnet.as_str().unwrap_or_default(), &groups, &description, of);
    }
}

/// Removes the interfaces of a cluster, node group or node.
pub(super) fn remove_interfaces(here: &mut Here<'_>, owner: &str) {
    for one in here.list(INTERFACE).iter().filter(|one| one["_owner"] == owner) {
        here.remove(INTERFACE, one["networkInterfaceId"].as_str().unwrap_or_default());
    }
}
