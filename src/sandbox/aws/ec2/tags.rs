//! Tags: of a create, later, and described by themselves.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::super::wire::listed;
use super::super::{Answer, Refusal};
use super::describe::{Sort, as_it_is, select};
use super::{address, done, endpoint_service, gateway, group, instance, interface, launch_template, nat};
use super::{others, region, route, rule, subnet, vpc};
use crate::sandbox::world::{Doc, Here};

/// How many tags a thing takes.
const MOST: usize = 50;

/// Resource types, the prefixes of their ids and how they are described.
const SORTS: &[(&str, &str, &Sort)] = &[
    ("vpc", "vpc-", &vpc::SORT),
    ("subnet", "subnet-", &subnet::SORT),
    ("internet-gateway", "igw-", &gateway::SORT),
    ("elastic-ip", "eipalloc-", &address::SORT),
    ("natgateway", "nat-", &nat::SORT),
    ("route-table", "rtb-", &route::SORT),
    ("security-group", "sg-", &group::SORT),
    ("security-group-rule", "sgr-", &rule::SORT),
    ("network-interface", "eni-", &interface::SORT),
    ("vpc-endpoint-service", "vpce-svc-", &endpoint_service::SORT),
    ("vpc-endpoint", "vpce-", &others::ENDPOINT),
    ("instance", "i-", &instance::SORT),
    ("launch-template", "lt-", &launch_template::SORT),
    ("volume", "vol-", &others::VOLUME),
    ("prefix-list", "pl-", &region::PREFIX_LISTS),
];

/// The tag set that a create asks for.
pub(super) fn asked(input: &Json, resource_type: &str) -> Result<Json, Refusal> {
    let mut tags = BTreeMap::new();
    for specification in listed(&input["TagSpecification"]) {
        let named = specification["ResourceType"].as_str().unwrap_or_default();
        if named != resource_type {
            let words = format!("'{named}' is not a valid taggable resource type for this operation.");
            return Err(Refusal::bad("InvalidParameterValue", words));
        }
        for (key, value) in pairs(&specification["Tag"])? {
            if tags.insert(key.clone(), value).is_some() {
                let words = format!("Duplicate tag key '{key}' specified.");
                return Err(Refusal::bad("InvalidParameterValue", words));
            }
        }
    }
    set(&tags)
}

/// `[{Key, Value}]` as pairs, each valid.
fn pairs(tags: &Json) -> Result<Vec<(String, String)>, Refusal> {
    let mut pairs = Vec::new();
    for tag in listed(tags) {
        let text = |name: &str| tag[name].as_str().unwrap_or_default().to_owned();
        let (key, value) = (text("Key"), text("Value"));
        if key.is_empty() || key.chars().count() > 127 || value.chars().count() > 255 {
            let words = format!("Tag key or value of '{key}' is empty or exceeds the maximum length");
            return Err(Refusal::bad("InvalidParameterValue", words));
        }
        if key.starts_with("aws:") {
            let words = "Tag keys starting with 'aws:' are reserved for internal use";
            return Err(Refusal::bad("InvalidParameterValue", words));
        }
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn set(tags: &BTreeMap<String, String>) -> Result<Json, Refusal> {
    if tags.len() > MOST {
        let words = format!("The maximum number of {MOST} tags has been reached");
        return Err(Refusal::bad("TagLimitExceeded", words));
    }
    Ok(tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect())
}

fn of(doc: &Doc) -> BTreeMap<String, String> {
    let tags = doc["tagSet"].as_array().into_iter().flatten();
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    tags.map(|tag| (text(&tag["key"]), text(&tag["value"]))).collect()
}

/// Changes the tags of all resources of a call, or of none.
fn change(
    here: &mut Here<'_>,
    input: &Json,
    how: impl Fn(&mut BTreeMap<String, String>) -> Result<(), Refusal>,
) -> Answer {
    let mut changed = Vec::new();
    for id in listed(&input["ResourceId"]) {
        let id = id.as_str().unwrap_or_default().to_owned();
        let sort = SORTS.iter().find(|(_, prefix, _)| id.starts_with(prefix)).map(|(.., sort)| *sort);
        let unknown = || Refusal::bad("InvalidID", format!("The ID '{id}' is not valid"));
        let sort = sort.ok_or_else(unknown)?;
        let mut tags = of(&sort.must(here, &id)?);
        how(&mut tags)?;
        changed.push((sort.table, id, set(&tags)?));
    }
    for (table, id, tags) in changed {
        here.change(table, &id, |doc| doc["tagSet"] = tags);
    }
    done()
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let new = pairs(&input["Tag"])?;
    change(here, input, |tags| {
        tags.extend(new.iter().cloned());
        Ok(())
    })
}

/// A tag with a value goes only if it has that value; no tags at all means all of them.
pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let gone = listed(&input["Tag"]);
    change(here, input, |tags| {
        if gone.is_empty() {
            tags.retain(|key, _| key.starts_with("aws:"));
        }
        for tag in &gone {
            let key = tag["Key"].as_str().unwrap_or_default();
            if tag["Value"].is_null() || tags.get(key).is_some_and(|value| tag["Value"] == value.as_str()) {
                tags.remove(key);
            }
        }
        Ok(())
    })
}

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut all = Vec::new();
    for (resource_type, _, sort) in SORTS {
        for mut doc in here.list(sort.table) {
            as_it_is(here, &mut doc);
            let row = |(key, value)| json!({ "resourceId": doc[sort.id], "resourceType": resource_type, "key": key, "value": value });
            all.extend(of(&doc).into_iter().map(row));
        }
    }
    // Here `tag:KEY` looks at the row itself.
    all.iter_mut().for_each(|row| row["tagSet"] = json!([{ "key": row["key"], "value": row["value"] }]));
    let known = &[
        ("resource-id", "resourceId"),
        ("resource-type", "resourceType"),
        ("key", "key"),
        ("value", "value"),
    ];
    let mut found = select(all, input, known)?;
    found.iter_mut().filter_map(Json::as_object_mut).for_each(|row| drop(row.remove("tagSet")));
    Ok(json!({ "tagSet": found }))
}
