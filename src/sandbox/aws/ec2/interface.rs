//! Network interfaces: made by other services (NAT gateways, load balancers, clusters), never by a call of ours.

use serde_json::{Value as Json, json};

use super::super::{Answer, Refusal};
use super::describe::{Sort, as_it_is, describe as describe_any};
use super::{done, draw, group, subnet, want};
use crate::sandbox::world::{Doc, Here};

pub(super) const SORT: Sort = Sort {
    table: "ec2/network-interface",
    id: "networkInterfaceId",
    ids: "NetworkInterfaceId",
    set: "networkInterfaceSet",
    missing: ("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '{}' does not exist"),
    filters: &[
        ("network-interface-id", "networkInterfaceId"),
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
        ("group-id", "groupSet/groupId"),
        ("group-name", "groupSet/groupName"),
        ("availability-zone", "availabilityZone"),
        ("status", "status"),
        ("description", "description"),
        ("interface-type", "interfaceType"),
        ("mac-address", "macAddress"),
        ("owner-id", "ownerId"),
        ("private-ip-address", "privateIpAddress"),
        ("addresses.private-ip-address", "privateIpAddressesSet/privateIpAddress"),
        ("requester-id", "requesterId"),
        ("requester-managed", "requesterManaged"),
        ("attachment.attachment-id", "attachment/attachmentId"),
        ("attachment.instance-id", "attachment/instanceId"),
        ("attachment.instance-owner-id", "attachment/instanceOwnerId"),
        ("attachment.status", "attachment/status"),
        ("association.allocation-id", "association/allocationId"),
        ("association.association-id", "association/associationId"),
        ("association.public-ip", "association/publicIp"),
    ],
};

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &SORT, as_it_is)
}

/// The interfaces in a subnet.
pub(super) fn of_subnet(here: &Here<'_>, subnet_id: &str) -> Vec<Doc> {
    here.list(SORT.table).into_iter().filter(|doc| doc["subnetId"] == subnet_id).collect()
}

/// Puts an attached interface into a subnet, as another service does: `kind` is `nat_gateway`, `interface`,
/// `network_load_balancer` …; `requester` is the service, `amazon-elb`. It is removed by removing its document.
/// Gives its id; refuses an unknown subnet or group, or a subnet that is full.
pub fn make(
    here: &mut Here<'_>,
    subnet_id: &str,
    groups: &[String],
    kind: &str,
    requester: &str,
    description: &str,
) -> Result<String, Refusal> {
    let subnet = subnet::SORT.must(here, subnet_id)?;
    let named = |id: &String| {
        let doc = group::SORT.must(here, id)?;
        Ok(json!({ "groupId": id, "groupName": doc["groupName"] }))
    };
    let groups = groups.iter().map(named).collect::<Result<Vec<Json>, Refusal>>()?;
    let address = free_address(here, &subnet)?;
    let id = draw(here, "eni");
    let attachment = draw(here, "eni-attach");
    let mac: Vec<&str> = (0..5).filter_map(|at| id.get(6 + at * 2..8 + at * 2)).collect();
    let doc = json!({
        "networkInterfaceId": id,
        "subnetId": subnet_id,
        "vpcId": subnet["vpcId"],
        "availabilityZone": subnet["availabilityZone"],
        "description": description,
        "ownerId": here.account,
        "requesterId": requester,
        "requesterManaged": true,
        "status": "in-use",
        "macAddress": format!("02:{}", mac.join(":")),
        "privateIpAddress": address,
        "privateIpAddressesSet": [{ "privateIpAddress": address, "primary": true }],
        "ipv6AddressesSet": [],
        "sourceDestCheck": kind != "nat_gateway",
        "interfaceType": kind,
        "groupSet": groups,
        "attachment": {
            "attachmentId": attachment,
            "instanceOwnerId": requester,
            "deviceIndex": 1,
            "status": "attached",
            "deleteOnTermination": false,
        },
        "tagSet": [],
    });
    here.put(SORT.table, &id, doc);
    Ok(id)
}

/// The first address that is not taken; AWS keeps the first four and the last of a subnet.
fn free_address(here: &Here<'_>, subnet: &Doc) -> Result<String, Refusal> {
    let id = subnet["subnetId"].as_str().unwrap_or_default();
    let taken = of_subnet(here, id);
    let hosts = subnet::range(subnet).into_iter().flat_map(|net| net.hosts().skip(3));
    let mut free = hosts
        .map(|host| host.to_string())
        .filter(|host| !taken.iter().any(|doc| doc["privateIpAddress"] == host.as_str()));
    let full = || {
        let words = format!("There are not enough free addresses in subnet '{id}' to satisfy the request.");
        Refusal::bad("InsufficientFreeAddressesInSubnet", words)
    };
    free.next().ok_or_else(full)
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = want(input, "NetworkInterfaceId")?;
    if SORT.must(here, id)?["status"] == "in-use" {
        let words = format!("Network interface '{id}' is currently in use.");
        return Err(Refusal::bad("InvalidParameterValue", words));
    }
    here.remove(SORT.table, id);
    done()
}
