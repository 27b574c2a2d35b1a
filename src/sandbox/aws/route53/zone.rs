//! Hosted zones and the VPCs of private ones.

use std::cmp::Ordering;

use serde_json::{Value as Json, json};

use super::record::{beginning, by_labels, normal, put};
use super::{RECORDS, ZONES, change_info, invalid, most, text};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Doc, Here};

/// The id of the zone `api.example.com` of a fresh account.
pub const EXAMPLE: &str = "Z0APIEXAMPLECOM01";

/// The id in a zone's document.
pub(super) fn id_of(zone: &Doc) -> &str {
    text(zone, "Id").trim_start_matches("/hostedzone/")
}

/// A zone by its id.
pub(super) fn lookup(here: &Here<'_>, id: &str) -> Result<Doc, Refusal> {
    let id = id.trim_start_matches("/hostedzone/");
    here.get(ZONES, id)
        .cloned()
        .ok_or_else(|| Refusal::new(404, "NoSuchHostedZone", format!("No hosted zone found with ID: {id}")))
}

fn is_private(zone: &Doc) -> bool {
    zone["Config"]["PrivateZone"] == json!(true)
}

/// As it is told, with the count of its records.
fn told(here: &Here<'_>, mut zone: Doc) -> Doc {
    let first = here.key(RECORDS, &format!("{}/", id_of(&zone)));
    zone["ResourceRecordSetCount"] = json!(here.world.beginning(&first).count());
    zone
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, reference) = (normal(text(input, "Name")), text(input, "CallerReference"));
    if name.len() < 2 || name.contains("..") || name.len() > 255 {
        let words = format!("{} is not a valid domain name", text(input, "Name"));
        return Err(Refusal::bad("InvalidDomainName", words));
    }
    if reference.is_empty() || reference.len() > 128 {
        return Err(invalid("a CallerReference has 1 to 128 characters"));
    }
    if here.list(ZONES).iter().any(|zone| text(zone, "CallerReference") == reference) {
        let words = "A hosted zone has already been created with the specified caller reference.";
        return Err(Refusal::new(409, "HostedZoneAlreadyExists", words));
    }
    let vpcs: Vec<Json> = input.get("VPC").cloned().into_iter().collect();
    for vpc in &vpcs {
        can_join(here, &name, vpc)?;
    }
    let id = here.world.draw("Z", 20).to_uppercase();
    write(here, &id, &name, reference, text(&input["HostedZoneConfig"], "Comment"), &vpcs);
    let zone = lookup(here, &id)?;
    let mut answer = answer(here, &zone, "VPC");
    answer["ChangeInfo"] = change_info(here, "");
    answer["_status"] = json!(201);
    Ok(answer)
}

/// Writes a zone with its NS and SOA records. It is private if it has VPCs.
pub(super) fn write(
    here: &mut Here<'_>,
    id: &str,
    name: &str,
    reference: &str,
    comment: &str,
    vpcs: &[Json],
) {
    let private = !vpcs.is_empty();
    let servers: Vec<String> = match private {
        true => vec!["ns-0.awsdns-00.com".into(), "ns-512.awsdns-00.net".into()],
        false => ["com", "net", "org", "co.uk"]
            .iter()
            .enumerate()
            .map(|(n, tld)| format!("ns-{}.awsdns-{n:02}.{tld}", 512 * n + 7))
            .collect(),
    };
    let mut config = json!({ "PrivateZone": private });
    if !comment.is_empty() {
        config["Comment"] = json!(comment);
    }
    let zone = json!({
        "Id": format!("/hostedzone/{id}"), "Name": name, "CallerReference": reference, "Config": config,
        "_vpcs": vpcs, "_servers": servers, "_tags": [],
    });
    here.put(ZONES, id, zone);
    let values: Vec<Json> = servers.iter().map(|server| json!({ "Value": format!("{server}.") })).collect();
    let soa = format!("{}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", servers[0]);
    put(here, id, json!({ "Name": name, "Type": "NS", "TTL": 172_800, "ResourceRecords": values }));
    put(here, id, json!({ "Name": name, "Type": "SOA", "TTL": 900, "ResourceRecords": [{ "Value": soa }] }));
}

/// A zone with what is told beside it: name servers of a public one, VPCs of a private one under `field`.
fn answer(here: &Here<'_>, zone: &Doc, field: &str) -> Json {
    let mut answer = json!({ "HostedZone": told(here, zone.clone()) });
    if is_private(zone) {
        answer[field] = if field == "VPC" { zone["_vpcs"][0].clone() } else { zone["_vpcs"].clone() };
    } else {
        answer["DelegationSet"] = json!({ "NameServers": zone["_servers"] });
    }
    answer
}

pub(super) fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    let zone = lookup(here, text(input, "Id"))?;
    Ok(answer(here, &zone, "VPCs"))
}

pub(super) fn update_comment(here: &mut Here<'_>, input: &Json) -> Answer {
    let zone = lookup(here, text(input, "Id"))?;
    let comment = text(input, "Comment");
    here.change(ZONES, id_of(&zone), |zone| {
        zone["Config"] = json!({ "PrivateZone": is_private(zone) });
        if !comment.is_empty() {
            zone["Config"]["Comment"] = json!(comment);
        }
    });
    let zone = lookup(here, id_of(&zone))?;
    Ok(json!({ "HostedZone": told(here, zone) }))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let zone = lookup(here, text(input, "Id"))?;
    let id = id_of(&zone);
    let own = |record: &Doc| record["Name"] == zone["Name"] && matches!(text(record, "Type"), "NS" | "SOA");
    let records = beginning(here, &format!("{id}/"));
    if !records.iter().all(|(_, record)| own(record)) {
        let words =
            "The specified hosted zone contains non-required resource record sets and so cannot be deleted.";
        return Err(Refusal::bad("HostedZoneNotEmpty", words));
    }
    for (key, _) in records {
        here.remove(RECORDS, &key);
    }
    here.remove(ZONES, id);
    Ok(json!({ "ChangeInfo": change_info(here, "") }))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let most = most(input, 100);
    let marker = text(input, "marker");
    let mut zones = here.list(ZONES);
    if text(input, "hostedzonetype") == "PrivateHostedZone" {
        zones.retain(is_private);
    }
    zones.retain(|zone| id_of(zone) >= marker);
    let next = zones.get(most).map(|zone| id_of(zone).to_owned());
    let page: Vec<Json> = zones.into_iter().take(most).map(|zone| told(here, zone)).collect();
    Ok(json!({
        "HostedZones": page, "Marker": marker, "IsTruncated": next.is_some(), "NextMarker": next,
        "MaxItems": most.to_string(),
    }))
}

/// By name, then by id.
fn order(zone: &Doc, (name, id): (&str, &str)) -> Ordering {
    by_labels(text(zone, "Name"), name).then_with(|| id_of(zone).cmp(id))
}

pub(super) fn list_by_name(here: &mut Here<'_>, input: &Json) -> Answer {
    let most = most(input, 100);
    let mut zones = here.list(ZONES);
    zones.sort_by(|one, other| order(one, (text(other, "Name"), id_of(other))));
    if let Some(name) = input["dnsname"].as_str() {
        let from = (normal(name), text(input, "hostedzoneid"));
        zones.retain(|zone| order(zone, (&from.0, from.1)).is_ge());
    }
    let next = zones.get(most).cloned().unwrap_or_default();
    let page: Vec<Json> = zones.into_iter().take(most).map(|zone| told(here, zone)).collect();
    let next_id = (!next.is_null()).then(|| id_of(&next).to_owned());
    Ok(json!({
        "HostedZones": page, "DNSName": input["dnsname"], "HostedZoneId": input["hostedzoneid"],
        "IsTruncated": next_id.is_some(), "NextDNSName": next["Name"], "NextHostedZoneId": next_id,
        "MaxItems": most.to_string(),
    }))
}

pub(super) fn list_by_vpc(here: &mut Here<'_>, input: &Json) -> Answer {
    let vpc = json!({ "VPCRegion": input["vpcregion"], "VPCId": input["vpcid"] });
    let zones = here.list(ZONES).into_iter().filter(|zone| has(zone, &vpc));
    let owner = json!({ "OwningAccount": here.account });
    let told = |zone: Doc| json!({ "HostedZoneId": id_of(&zone), "Name": zone["Name"], "Owner": owner });
    Ok(json!({ "HostedZoneSummaries": zones.map(told).collect::<Vec<_>>(), "MaxItems": "100" }))
}

fn has(zone: &Doc, vpc: &Json) -> bool {
    zone["_vpcs"].as_array().is_some_and(|vpcs| vpcs.iter().any(|one| same_vpc(one, vpc)))
}

fn same_vpc(one: &Json, other: &Json) -> bool {
    one["VPCId"] == other["VPCId"] && one["VPCRegion"] == other["VPCRegion"]
}

/// A VPC exists, and is with one zone of a name only.
fn can_join(here: &Here<'_>, name: &str, vpc: &Json) -> Result<(), Refusal> {
    let (id, region) = (text(vpc, "VPCId"), text(vpc, "VPCRegion"));
    let key = crate::sandbox::Key { region: region.to_owned(), ..here.key("ec2/vpc", id) };
    if here.world.get(&key).is_none() {
        return Err(Refusal::bad(
            "InvalidVPCId",
            format!("The VPC: {id} in region {region} does not exist."),
        ));
    }
    let zones = here.list(ZONES);
    match zones.iter().find(|zone| text(zone, "Name") == name && has(zone, vpc)) {
        Some(zone) => Err(Refusal::bad(
            "ConflictingDomainExists",
            format!(
                "The VPC {id} in region {region} has already been associated with the hosted zone {} with the same domain name.",
                id_of(zone)
            ),
        )),
        None => Ok(()),
    }
}

pub(super) fn associate(here: &mut Here<'_>, input: &Json) -> Answer {
    let zone = lookup(here, text(input, "Id"))?;
    let vpc = json!({ "VPCRegion": text(&input["VPC"], "VPCRegion"), "VPCId": text(&input["VPC"], "VPCId") });
    if !is_private(&zone) {
        let words = "a public hosted zone cannot be associated with a VPC";
        return Err(Refusal::bad("PublicZoneVPCAssociation", words));
    }
    can_join(here, text(&zone, "Name"), &vpc)?;
    here.change(ZONES, id_of(&zone), |zone| {
        if let Some(vpcs) = zone["_vpcs"].as_array_mut() {
            vpcs.push(vpc);
        }
    });
    Ok(json!({ "ChangeInfo": change_info(here, text(input, "Comment")) }))
}

pub(super) fn dissociate(here: &mut Here<'_>, input: &Json) -> Answer {
    let zone = lookup(here, text(input, "Id"))?;
    let vpc = &input["VPC"];
    if !has(&zone, vpc) {
        let words = format!("The VPC {} is not associated with the hosted zone.", text(vpc, "VPCId"));
        return Err(Refusal::new(404, "VPCAssociationNotFound", words));
    }
    if zone["_vpcs"].as_array().is_some_and(|vpcs| vpcs.len() == 1) {
        let words = "The last VPC of a private hosted zone cannot be disassociated.";
        return Err(Refusal::bad("LastVPCAssociation", words));
    }
    here.change(ZONES, id_of(&zone), |zone| {
        if let Some(vpcs) = zone["_vpcs"].as_array_mut() {
            vpcs.retain(|one| !same_vpc(one, vpc));
        }
    });
    Ok(json!({ "ChangeInfo": change_info(here, text(input, "Comment")) }))
}
