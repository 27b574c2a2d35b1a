//! Records: how they are named and kept, in which order they are told, page by page.

use serde_json::{Value as Json, json};

use super::{RECORDS, most, text, zone};
use crate::sandbox::aws::Answer;
use crate::sandbox::world::{Doc, Here, World};

/// A name as Route 53 tells it: lower case, with a dot at the end, `*` as `\052`.
pub fn normal(name: &str) -> String {
    let name = name.trim_end_matches('.').to_lowercase().replace('*', "\\052");
    format!("{name}.")
}

/// The labels of a name, the last first: the order of names.
pub(super) fn labels(name: &str) -> Vec<String> {
    name.trim_end_matches('.').rsplit('.').map(str::to_owned).collect()
}

/// The id of a record in its table.
pub(super) fn key(zone: &str, record: &Doc) -> String {
    let key = format!("{zone}/{}/{}", text(record, "Name"), text(record, "Type"));
    match record["SetIdentifier"].as_str() {
        Some(set) => format!("{key}/{set}"),
        None => key,
    }
}

/// Writes a record.
pub(super) fn put(here: &mut Here<'_>, zone: &str, record: Doc) {
    let key = key(zone, &record);
    here.put(RECORDS, &key, record);
}

/// The records of a zone with their ids.
pub(super) fn of_zone(here: &Here<'_>, zone: &str) -> Vec<(String, Doc)> {
    let prefix = format!("{zone}/");
    let first = here.key(RECORDS, "");
    let all = here.world.table(&first.account, &first.region, RECORDS);
    let own = all.filter(|(key, _)| key.id.starts_with(&prefix));
    own.map(|(key, doc)| (key.id.clone(), doc.clone())).collect()
}

/// By name with the labels reversed, then type, then set identifier.
fn order(record: &Doc) -> (Vec<String>, String, String) {
    let set = text(record, "SetIdentifier").to_owned();
    (labels(text(record, "Name")), text(record, "Type").to_owned(), set)
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let zone = zone::lookup(here, text(input, "Id"))?;
    let most = most(input, 300);
    let mut records: Vec<Doc> = of_zone(here, zone::id_of(&zone)).into_iter().map(|(_, doc)| doc).collect();
    records.sort_by_key(order);
    if let Some(name) = input["name"].as_str() {
        let kind = text(input, "type").to_owned();
        let first = (labels(&normal(name)), kind, text(input, "identifier").to_owned());
        records.retain(|record| order(record) >= first);
    } else if input.get("type").is_some() {
        return Err(super::invalid("a type without a name"));
    }
    let next = records.get(most).cloned().unwrap_or_default();
    let page: Vec<Json> = records.into_iter().take(most).collect();
    Ok(json!({
        "ResourceRecordSets": page, "IsTruncated": !next.is_null(), "MaxItems": most.to_string(),
        "NextRecordName": next["Name"], "NextRecordType": next["Type"],
        "NextRecordIdentifier": next["SetIdentifier"],
    }))
}

/// Whether any public zone of any account has this record with this value: what resolvers see.
pub fn resolves(world: &World, name: &str, kind: &str, value: &str) -> bool {
    let name = normal(name);
    let same = |record: &Doc| {
        let values = record["ResourceRecords"].as_array();
        text(record, "Type") == kind
            && text(record, "Name") == name
            && values.is_some_and(|all| all.iter().any(|one| normal(text(one, "Value")) == normal(value)))
    };
    world.all().filter(|(key, doc)| key.table == RECORDS && same(doc)).any(|(key, _)| {
        let zone = key.id.split('/').next().unwrap_or_default().to_owned();
        let zone = crate::sandbox::Key { table: super::ZONES.to_owned(), id: zone, ..key.clone() };
        world.get(&zone).is_some_and(|zone| zone["Config"]["PrivateZone"] == json!(false))
    })
}
