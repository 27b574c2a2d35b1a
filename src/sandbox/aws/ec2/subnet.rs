//! Subnets: parts of a VPC's range, in one zone each.

use ipnet::Ipv4Net;
use serde_json::{Value as Json, json};

use super::super::wire::truth;
use super::super::{Answer, Refusal};
use super::describe::{Sort, describe as describe_any};
use super::{done, draw, interface, nat, region, route, tags, vpc, want};
use crate::sandbox::world::{Doc, Event, Here};

pub(super) const SORT: Sort = Sort {
    table: "ec2/subnet",
    id: "subnetId",
    ids: "SubnetId",
    set: "subnetSet",
    missing: ("InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"),
    filters: &[
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
        ("availability-zone", "availabilityZone"),
        ("availabilityZone", "availabilityZone"),
        ("availability-zone-id", "availabilityZoneId"),
        ("cidr-block", "cidrBlock"),
        ("cidr", "cidrBlock"),
        ("state", "state"),
        ("default-for-az", "defaultForAz"),
        ("map-public-ip-on-launch", "mapPublicIpOnLaunch"),
        ("owner-id", "ownerId"),
    ],
};

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &SORT, |here, doc| {
        let used = interface::of_subnet(here, doc["subnetId"].as_str().unwrap_or_default()).len();
        let size = range(doc).map_or(0, |net| net.hosts().count() + 2);
        doc["availableIpAddressCount"] = json!(size.saturating_sub(5 + used));
    })
}

pub(super) fn range(doc: &Doc) -> Option<Ipv4Net> {
    doc["cidrBlock"].as_str()?.parse().ok()
}

pub(super) fn document(
    here: &mut Here<'_>,
    id: &str,
    vpc_id: &str,
    cidr: &str,
    zone: &str,
    tags: Json,
) -> Doc {
    json!({
        "subnetId": id,
        "subnetArn": format!("arn:aws:ec2:{}:{}:subnet/{id}", here.region, here.account),
        "state": "pending",
        "vpcId": vpc_id,
        "ownerId": here.account,
        "cidrBlock": cidr,
        "ipv6CidrBlockAssociationSet": [],
        "availabilityZone": zone,
        "availabilityZoneId": region::zone_id(&here.region, zone),
        "defaultForAz": false,
        "mapPublicIpOnLaunch": false,
        "assignIpv6AddressOnCreation": false,
        "tagSet": tags,
    })
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let vpc_id = want(input, "VpcId")?;
    let vpc = vpc::SORT.must(here, vpc_id)?;
    let net = free_range(here, &vpc, want(input, "CidrBlock")?)?;
    let zones = region::zones(&here.region);
    let zone = input["AvailabilityZone"].as_str().unwrap_or(&zones[0]);
    if !zones.iter().any(|known| known == zone) {
        let words = format!(
            "Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in \
             the following availability zones: {}.",
            zones.join(", ")
        );
        return Err(Refusal::bad("InvalidParameterValue", words));
    }
    let tags = tags::asked(input, "subnet")?;
    let id = draw(here, "subnet");
    let doc = document(here, &id, vpc_id, &net.to_string(), zone, tags);
    here.put(SORT.table, &id, doc.clone());
    here.after(1, SORT.table, &id, Event::Merge(json!({ "state": "available" })));
    Ok(json!({ "subnet": doc }))
}

/// The range asked for, if it is a part of the VPC's that no other subnet has.
fn free_range(here: &Here<'_>, vpc: &Doc, cidr: &str) -> Result<Ipv4Net, Refusal> {
    let invalid = || Refusal::bad("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid."));
    let net: Ipv4Net = cidr.parse().map_err(|_| invalid())?;
    let net = net.trunc();
    if !(16..=28).contains(&net.prefix_len()) || !range(vpc).is_some_and(|all| all.contains(&net)) {
        return Err(invalid());
    }
    let others = here.list(SORT.table).into_iter().filter(|doc| doc["vpcId"] == vpc["vpcId"]);
    let overlaps = |other: Ipv4Net| other.contains(&net) || net.contains(&other);
    if others.filter_map(|doc| range(&doc)).any(overlaps) {
        let words = format!("The CIDR '{cidr}' conflicts with another subnet");
        return Err(Refusal::bad("InvalidSubnet.Conflict", words));
    }
    Ok(net)
}

pub(super) fn modify(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = want(input, "SubnetId")?;
    SORT.must(here, id)?;
    let Some(public) = truth(&input["MapPublicIpOnLaunch"]["Value"]) else {
        return Err(Refusal::bad("InvalidParameterCombination", "No attributes specified."));
    };
    here.change(SORT.table, id, |doc| doc["mapPublicIpOnLaunch"] = json!(public));
    done()
}

/// Refused while anything is in it; its association with a route table goes with it.
pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = want(input, "SubnetId")?;
    SORT.must(here, id)?;
    let balanced = here.list("elb/load-balancer").into_iter().any(|doc| {
        doc["AvailabilityZones"]
            .as_array()
            .is_some_and(|zones| zones.iter().any(|zone| zone["SubnetId"] == id))
    });
    if balanced || !interface::of_subnet(here, id).is_empty() || nat::of_subnet(here, id) {
        let words = format!("The subnet '{id}' has dependencies and cannot be deleted.");
        return Err(Refusal::bad("DependencyViolation", words));
    }
    route::forget_subnet(here, id);
    here.remove(SORT.table, id);
    done()
}
