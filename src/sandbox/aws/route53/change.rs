//! Changes of records: a batch is carried out as a whole or not at all, and every reason against it is told.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::record::{beginning, key, normal};
use super::{RECORDS, change_info, invalid, text, zone};
use crate::sandbox::aws::wire::{listed, number};
use crate::sandbox::aws::{Answer, Refusal, acm};
use crate::sandbox::world::{Doc, Here};

pub(super) fn change(here: &mut Here<'_>, input: &Json) -> Answer {
    let zone = zone::lookup(here, text(input, "Id"))?;
    let id = zone::id_of(&zone).to_owned();
    let changes = listed(&input["ChangeBatch"]["Changes"]["Change"]);
    if changes.is_empty() {
        return Err(invalid("1 validation error detected: the list of changes is empty"));
    }
    let wanted = changes.iter().map(record).collect::<Result<Vec<_>, _>>()?;
    // Records of other names have no say.
    let near = wanted.iter().flat_map(|one| beginning(here, &format!("{id}/{}/", text(one, "Name"))));
    let before: BTreeMap<String, Doc> = near.collect();
    let (mut after, mut wrong) = (before.clone(), Vec::new());
    for (change, record) in changes.iter().zip(wanted) {
        if let Err(reason) = apply(&mut after, &zone, text(change, "Action"), record) {
            wrong.push(reason);
        }
    }
    if !wrong.is_empty() {
        return Err(Refusal::bad("InvalidChangeBatch", format!("[{}]", wrong.join(", "))));
    }
    commit(here, &before, after);
    acm::dns_changed(here.world);
    Ok(json!({ "ChangeInfo": change_info(here, text(&input["ChangeBatch"], "Comment")) }))
}

fn commit(here: &mut Here<'_>, before: &BTreeMap<String, Doc>, after: BTreeMap<String, Doc>) {
    for gone in before.keys().filter(|key| !after.contains_key(*key)) {
        here.remove(RECORDS, gone);
    }
    for (key, record) in after {
        if before.get(&key) != Some(&record) {
            here.put(RECORDS, &key, record);
        }
    }
}

/// The record of a change as it is kept, which is also how it is told.
fn record(change: &Json) -> Result<Doc, Refusal> {
    let given = &change["ResourceRecordSet"];
    let (name, kind) = (text(given, "Name"), text(given, "Type"));
    if name.is_empty() || kind.is_empty() {
        return Err(invalid("a record has a name and a type"));
    }
    let mut record = json!({ "Name": normal(name), "Type": kind });
    for field in ["SetIdentifier", "Weight", "Region", "Failover", "MultiValueAnswer", "HealthCheckId"] {
        if let Some(value) = given.get(field) {
            record[field] = value.clone();
        }
    }
    let values = listed(&given["ResourceRecords"]["ResourceRecord"]);
    let ttl = number(&given["TTL"]);
    match (given.get("AliasTarget"), ttl, values.is_empty()) {
        (Some(alias), None, true) => {
            record["AliasTarget"] = json!({
                "HostedZoneId": alias["HostedZoneId"], "DNSName": normal(text(alias, "DNSName")),
                "EvaluateTargetHealth": text(alias, "EvaluateTargetHealth") == "true",
            });
        }
        (None, Some(ttl), false) => {
            record["TTL"] = json!(ttl);
            record["ResourceRecords"] = Json::Array(values);
        }
        (alias, ..) => {
            let found = if alias.is_some() { "more than one" } else { "none" };
            let action = text(change, "Action");
            return Err(invalid(format!(
                "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or \
                 TrafficPolicyInstanceId], but found {found} in Change with [Action={action}, Name={name}, Type={kind}]"
            )));
        }
    }
    Ok(record)
}

/// Carries out one change on the records of a zone, by id; `Err` is the reason against it.
fn apply(records: &mut BTreeMap<String, Doc>, zone: &Doc, action: &str, record: Doc) -> Result<(), String> {
    let (name, kind) = (text(&record, "Name").to_owned(), text(&record, "Type").to_owned());
    let apex = text(zone, "Name");
    let key = key(zone::id_of(zone), &record);
    let what = format!("resource record set [name='{name}', type='{kind}'");
    let what = match record["SetIdentifier"].as_str() {
        Some(set) => format!("{what}, set identifier='{set}']"),
        None => format!("{what}]"),
    };
    let current = records.get(&key);
    match (action, current) {
        ("CREATE", Some(_)) => return Err(format!("Tried to create {what} but it already exists")),
        ("DELETE", None) => return Err(format!("Tried to delete {what} but it was not found")),
        ("DELETE", Some(current)) if !alike(current, &record) => {
            return Err(format!(
                "Tried to delete {what} but the values provided do not match the current values"
            ));
        }
        ("DELETE", _) if name == apex && kind == "SOA" => {
            return Err("A HostedZone must contain exactly one SOA record.".to_owned());
        }
        ("DELETE", _) if name == apex && kind == "NS" => {
            return Err("A HostedZone must contain at least one NS record for the zone itself.".to_owned());
        }
        ("DELETE", _) => {
            records.remove(&key);
            return Ok(());
        }
        ("CREATE" | "UPSERT", _) => {}
        _ => return Err(format!("'{action}' is none of CREATE, DELETE, UPSERT")),
    }
    permitted(records, zone, &record)?;
    records.insert(key, record);
    Ok(())
}

/// What a zone does not take.
fn permitted(records: &BTreeMap<String, Doc>, zone: &Doc, record: &Doc) -> Result<(), String> {
    let (name, kind, apex) = (text(record, "Name"), text(record, "Type"), text(zone, "Name"));
    if name != apex && !name.ends_with(&format!(".{apex}")) {
        return Err(format!("RRSet with DNS name {name} is not permitted in zone {apex}"));
    }
    if kind == "CNAME" && name == apex {
        return Err(format!(
            "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {apex}"
        ));
    }
    let others = records.values().filter(|other| text(other, "Name") == name && text(other, "Type") != kind);
    for other in others {
        if kind == "CNAME" {
            return Err(format!(
                "RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the same DNS name in zone {apex}"
            ));
        }
        if text(other, "Type") == "CNAME" {
            return Err(format!(
                "RRSet of type {kind} with DNS name {name} is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone {apex}"
            ));
        }
    }
    values(record)
}

/// Addresses must be addresses.
fn values(record: &Doc) -> Result<(), String> {
    let values = record["ResourceRecords"].as_array().cloned().unwrap_or_default();
    for value in values.iter().map(|value| text(value, "Value")) {
        let (good, family) = match text(record, "Type") {
            "A" => (value.parse::<std::net::Ipv4Addr>().is_ok(), "IPv4"),
            "AAAA" => (value.parse::<std::net::Ipv6Addr>().is_ok(), "IPv6"),
            _ => (!value.is_empty(), "value"),
        };
        if !good {
            return Err(format!(
                "Invalid Resource Record: 'FATAL problem: {}RRDATAIllegal{family}Address (Value is not a valid {family} address) encountered with '{value}''",
                text(record, "Type")
            ));
        }
    }
    Ok(())
}

/// Whether two records are the same, with values in any order.
fn alike(one: &Doc, other: &Doc) -> bool {
    let sorted = |record: &Doc| {
        let mut record = record.clone();
        if let Some(values) = record["ResourceRecords"].as_array_mut() {
            values.sort_by_key(Json::to_string);
        }
        record
    };
    sorted(one) == sorted(other)
}
