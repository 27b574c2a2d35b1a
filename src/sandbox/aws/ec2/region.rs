//! What every region has: zones, AWS's prefix lists, and the default VPC with its subnets.
//!
//! It is put in before the first call to a region is handled. Its ids follow from account and region.

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::super::Answer;
use super::describe::{Sort, as_it_is, describe, select};
use super::{gateway, group, route, subnet, vpc};
use crate::sandbox::world::{ACCOUNT, Here};

/// The default VPC of a fresh sandbox in us-west-2.
pub(super) const DEFAULT_VPC: &str = "vpc-0a1b2c3d4e5f60718";

pub(super) const PREFIX_LISTS: Sort = Sort {
    table: "ec2/prefix-list",
    id: "prefixListId",
    ids: "PrefixListId",
    set: "prefixListSet",
    missing: ("InvalidPrefixListID.NotFound", "The prefix list ID '{}' does not exist"),
    filters: &[
        ("prefix-list-id", "prefixListId"),
        ("prefix-list-name", "prefixListName"),
        ("owner-id", "ownerId"),
    ],
};

/// The standard zones of a region by letter.
fn letters(region: &str) -> &'static [char] {
    match region {
        "us-east-1" => &['a', 'b', 'c', 'd', 'e', 'f'],
        "us-west-2" | "ap-northeast-2" => &['a', 'b', 'c', 'd'],
        "us-west-1" => &['a', 'b'],
        _ => &['a', 'b', 'c'],
    }
}

/// The names of the standard zones.
pub(super) fn zones(region: &str) -> Vec<String> {
    letters(region).iter().map(|letter| format!("{region}{letter}")).collect()
}

/// `usw2-az1` for `us-west-2a`.
pub(super) fn zone_id(region: &str, zone: &str) -> String {
    let at = zones(region).iter().position(|name| name == zone).unwrap_or_default();
    let mut parts = region.split('-');
    let continent = parts.next().unwrap_or_default();
    let short = |direction: &str| match direction {
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        "southeast" => "se".to_owned(),
        "southwest" => "sw".to_owned(),
        other => other.chars().take(1).collect(),
    };
    let rest: String =
        parts.map(|part| if part.parse::<u8>().is_ok() { part.to_owned() } else { short(part) }).collect();
    format!("{continent}{rest}-az{}", at + 1)
}

pub(super) fn describe_zones(here: &mut Here<'_>, input: &Json) -> Answer {
    let region = &here.region;
    let zone = |name: String| {
        json!({
            "zoneName": name,
            "zoneId": zone_id(region, &name),
            "zoneState": "available",
            "zoneType": "availability-zone",
            "regionName": region,
            "groupName": region,
            "networkBorderGroup": region,
            "optInStatus": "opt-in-not-required",
            "messageSet": [],
        })
    };
    let known = &[
        ("zone-name", "zoneName"),
        ("zone-id", "zoneId"),
        ("zone-type", "zoneType"),
        ("state", "zoneState"),
        ("region-name", "regionName"),
        ("group-name", "groupName"),
        ("opt-in-status", "optInStatus"),
    ];
    let zones = select(zones(region).into_iter().map(zone).collect(), input, known)?;
    Ok(json!({ "availabilityZoneInfo": zones }))
}

pub(super) fn describe_prefix_lists(here: &mut Here<'_>, input: &Json) -> Answer {
    describe(here, input, &PREFIX_LISTS, as_it_is)
}

/// Puts in what every region has, once.
pub(super) fn furnish(here: &mut Here<'_>) {
    if here.list(PREFIX_LISTS.table).is_empty() {
        prefix_lists(here);
        default_vpc(here);
    }
}

fn prefix_lists(here: &mut Here<'_>) {
    for (middle, family) in [("", "IPv4"), ("ipv6.", "IPv6")] {
        let name = format!("com.amazonaws.{}.{middle}vpc-lattice", here.region);
        let id = known_id(here, "pl", &name);
        let doc = json!({
            "prefixListId": id,
            "prefixListName": name,
            "prefixListArn": format!("arn:aws:ec2:{}:aws:prefix-list/{id}", here.region),
            "addressFamily": family,
            "state": "create-complete",
            "maxEntries": 10,
            "version": 1,
            "ownerId": "AWS",
            "tagSet": [],
        });
        here.put(PREFIX_LISTS.table, &id, doc);
    }
}

fn default_vpc(here: &mut Here<'_>) {
    let ours = here.account == ACCOUNT && here.region == "us-west-2";
    let vpc_id = if ours { DEFAULT_VPC.to_owned() } else { known_id(here, "vpc", "vpc") };
    let mut doc = vpc::document(here, &vpc_id, "172.31.0.0/16", json!([]));
    doc["isDefault"] = json!(true);
    doc["state"] = json!("available");
    doc["_enableDnsHostnames"] = json!(true);
    here.put(vpc::SORT.table, &vpc_id, doc);
    let (table, default_group) = (known_id(here, "rtb", "main"), known_id(here, "sg", "default"));
    group::put_default(here, &default_group, &vpc_id);
    let gateway = known_id(here, "igw", "igw");
    gateway::put(here, &gateway, Some(&vpc_id), json!([]));
    let association = known_id(here, "rtbassoc", "main");
    route::put_main(here, &table, &association, &vpc_id, "172.31.0.0/16");
    let out = json!({
        "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway, "state": "active", "origin": "CreateRoute",
    });
    here.change(route::SORT.table, &table, |doc| {
        if let Some(routes) = doc["routeSet"].as_array_mut() {
            routes.push(out);
        }
    });
    for (at, zone) in zones(&here.region).into_iter().take(3).enumerate() {
        let id = known_id(here, "subnet", &zone);
        let mut doc =
            subnet::document(here, &id, &vpc_id, &format!("172.31.{}.0/20", at * 16), &zone, json!([]));
        doc["state"] = json!("available");
        doc["defaultForAz"] = json!(true);
        doc["mapPublicIpOnLaunch"] = json!(true);
        here.put(subnet::SORT.table, &id, doc);
    }
}

/// An id that follows from account, region and name.
pub(super) fn known_id(here: &Here<'_>, prefix: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{}/{}/{prefix}/{name}", here.account, here.region));
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}-0{digits}")
}
