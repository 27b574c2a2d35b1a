//! Records: how they are named and kept, in which order they are told, page by page.

use std::cmp::Ordering;

use serde_json::{Value as Json, json};

use super::{RECORDS, most, text, zone};
use crate::sandbox::aws::Answer;
use crate::sandbox::world::{Doc, Here, Key, World};

/// A name as Route 53 tells it: lower case, with a dot at the end, `*` as `\052`.
pub fn normal(name: &str) -> String {
    let name = name.trim_end_matches('.').to_lowercase().replace('*', "\\052");
    format!("{name}.")
}

/// The order of names: by labels, the last first.
pub(super) fn by_labels(one: &str, other: &str) -> Ordering {
    one.trim_end_matches('.').rsplit('.').cmp(other.trim_end_matches('.').rsplit('.'))
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

/// The records whose ids begin so: `<zone>/`, or `<zone>/<name>/`.
pub(super) fn beginning(here: &Here<'_>, id: &str) -> Vec<(String, Doc)> {
    let first = here.key(RECORDS, id);
    here.world.beginning(&first).map(|(key, doc)| (key.id.clone(), doc.clone())).collect()
}

/// By name, then type, then set identifier.
fn order(record: &Doc, (name, kind, set): (&str, &str, &str)) -> Ordering {
    by_labels(text(record, "Name"), name)
        .then_with(|| text(record, "Type").cmp(kind))
        .then_with(|| text(record, "SetIdentifier").cmp(set))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let zone = zone::lookup(here, text(input, "Id"))?;
    let most = most(input, 300);
    let first = here.key(RECORDS, &format!("{}/", zone::id_of(&zone)));
    let mut records: Vec<&Doc> = here.world.beginning(&first).map(|(_, doc)| doc).collect();
    if let Some(name) = input["name"].as_str() {
        let name = normal(name);
        let from = (name.as_str(), text(input, "type"), text(input, "identifier"));
        records.retain(|record| order(record, from).is_ge());
    } else if input.get("type").is_some() {
        return Err(super::invalid("a type without a name"));
    }
    records.sort_by(|one, other| {
        order(one, (text(other, "Name"), text(other, "Type"), text(other, "SetIdentifier")))
    });
    let next = records.get(most).map_or(Json::Null, |next| (*next).clone());
    let page: Vec<Json> = records.into_iter().take(most).cloned().collect();
    Ok(json!({
        "ResourceRecordSets": page, "IsTruncated": !next.is_null(), "MaxItems": most.to_string(),
        "NextRecordName": next["Name"], "NextRecordType": next["Type"],
        "NextRecordIdentifier": next["SetIdentifier"],
    }))
}

/// Whether any public zone of any account has this record with this value: what resolvers see.
pub fn resolves(world: &World, name: &str, kind: &str, value: &str) -> bool {
    let has = |record: &Doc| {
        let values = record["ResourceRecords"].as_array();
        values.is_some_and(|all| all.iter().any(|one| normal(text(one, "Value")) == normal(value)))
    };
    let public =
        world.everywhere(super::ZONES).filter(|(_, zone)| zone["Config"]["PrivateZone"] == json!(false));
    public.into_iter().any(|(zone, _)| {
        let id = format!("{}/{}/{kind}", zone.id, normal(name));
        world.get(&Key { table: RECORDS.to_owned(), id, ..zone.clone() }).is_some_and(has)
    })
}
