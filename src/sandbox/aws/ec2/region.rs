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
pub fn furnish(here: &mut Here<'_>) {
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
    let subnets: Vec<String> =
        zones(&here.region).into_iter().take(3).map(|zone| known_id(here, "subnet", &zone)).collect();
    lay_vpc(here, &vpc_id, "172.31.0.0/16", &subnets, &[]);
    here.change(vpc::SORT.table, &vpc_id, |doc| doc["isDefault"] = json!(true));
    for id in &subnets {
        here.change(subnet::SORT.table, id, |doc| doc["defaultForAz"] = json!(true));
    }
}

/// Puts in a VPC that is there already, with its internet gateway, and with subnets: one a zone, over and over, those
/// that reach the internet first.
pub fn lay_vpc(here: &mut Here<'_>, id: &str, range: &str, public: &[String], private: &[String]) {
    let [main, association, default_group, gateway] =
        ["rtb", "rtbassoc", "sg", "igw"].map(|prefix| known_id(here, prefix, id));
    let mut doc = vpc::document(here, id, range, json!([]));
    doc["state"] = json!("available");
    doc["_enableDnsHostnames"] = json!(true);
    here.put(vpc::SORT.table, id, doc);
    group::put_default(here, &default_group, id);
    gateway::put(here, &gateway, Some(id), json!([]));
    route::put_main(here, &main, &association, id, range);
    let out = json!({
        "destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway, "state": "active", "origin": "CreateRoute",
    });
    here.change(route::SORT.table, &main, |doc| {
        if let Some(routes) = doc["routeSet"].as_array_mut() {
            routes.push(out);
        }
    });
    let zones = zones(&here.region);
    let blocks = |net: ipnet::Ipv4Net| net.subnets((net.prefix_len() + 4).min(28)).into_iter().flatten();
    let mut blocks = range.parse().into_iter().flat_map(blocks);
    for (at, subnet) in public.iter().chain(private).enumerate() {
        let block = blocks.next().map(|block| block.to_string()).unwrap_or_default();
        let mut doc = subnet::document(here, subnet, id, &block, &zones[at % zones.len()], json!([]));
        doc["state"] = json!("available");
        doc["mapPublicIpOnLaunch"] = json!(at < public.len());
        here.put(subnet::SORT.table, subnet, doc);
    }
    if !private.is_empty() {
        let closed = known_id(here, "rtb", &format!("{id}/private"));
        route::put_closed(here, &closed, id, range, private);
    }
}

/// An id that follows from account, region and name.
pub(super) fn known_id(here: &Here<'_>, prefix: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{}/{}/{prefix}/{name}", here.account, here.region));
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}-0{digits}")
}
