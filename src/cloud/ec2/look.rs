//! What the EC2 kinds ask in common: describe by id, by tags or many at once, and tags in and out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::cloud::{ADDRESS, CloudResult, Cx, LINEAGE, Ownership, TOKEN, split_tags, tag_changes};

/// How one sort of thing is described.
#[derive(Clone, Copy, Debug)]
pub struct Sort {
    /// `DescribeVpcs`.
    pub action: &'static str,
    /// The list in the answer: `vpcSet`.
    pub set: &'static str,
    /// The filter that takes ids: `vpc-id`.
    pub filter: &'static str,
    /// The field with the id: `vpcId`.
    pub id: &'static str,
}

/// The most values that a filter takes.
const FILTER_VALUES: usize = 200;

/// One filter.
pub fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Json {
    json!({ "Name": name, "Value": values.into_iter().collect::<Vec<_>>() })
}

/// Looks for things of a sort: the one with this id, else all whose tags say that they are of this address. Asks by
/// filter, for which an id that is not there is no error. What carries the token of the open entry comes first.
pub async fn look(cx: &Cx, sort: &Sort, id: Option<&str>) -> CloudResult<Vec<Json>> {
    let filters = match id {
        Some(id) => vec![filter(sort.filter, [id])],
        None => vec![
            filter(&format!("tag:{LINEAGE}"), [cx.lineage()]),
            filter(&format!("tag:{ADDRESS}"), [cx.address().as_str()]),
        ],
    };
    let mut found = look_by(cx, sort, filters).await?;
    let other = |doc: &Json| !tags(doc).any(|(key, value)| key == TOKEN && value == cx.token());
    found.sort_by_key(|doc| (other(doc), text(doc, sort.id)));
    Ok(found)
}

/// Looks for things of a sort by filters.
pub async fn look_by(cx: &Cx, sort: &Sort, filters: Vec<Json>) -> CloudResult<Vec<Json>> {
    cx.clients().ec2.pages(sort.action, json!({ "Filter": filters }), sort.set).await
}

/// Looks for many things by `filter` with few calls; `values` are asked for once each. No values, no call.
pub async fn look_many<'a>(
    cx: &Cx,
    sort: &Sort,
    name: &str,
    values: impl IntoIterator<Item = &'a str>,
) -> CloudResult<Vec<Json>> {
    let values: Vec<&str> = values.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut all = Vec::new();
    for some in values.chunks(FILTER_VALUES) {
        all.extend(look_by(cx, sort, vec![filter(name, some.iter().copied())]).await?);
    }
    Ok(all)
}

/// The things with these ids, in their order, with few calls.
pub async fn look_ids(cx: &Cx, sort: &Sort, ids: &[&str]) -> CloudResult<Vec<Option<Json>>> {
    let docs = look_many(cx, sort, sort.filter, ids.iter().copied()).await?;
    let docs: BTreeMap<String, Json> = docs.into_iter().map(|doc| (text(&doc, sort.id), doc)).collect();
    Ok(ids.iter().map(|id| docs.get(*id).cloned()).collect())
}

/// A range as the file writes it where it is the same: EC2 clears the bits that are not of the network.
pub fn as_written(wanted: &str, told: &str) -> String {
    let network = |text: &str| text.parse::<ipnet::IpNet>().map(|net| net.trunc()).ok();
    let same = network(wanted).is_some() && network(wanted) == network(told);
    if same { wanted.to_owned() } else { told.to_owned() }
}

/// The `TagSpecification` of a create: the user's tags, ownership, and the token of the open entry.
pub fn specification(cx: &Cx, resource_type: &str, user: &BTreeMap<String, String>) -> Json {
    let mut tags = cx.tags(user);
    if !cx.token().is_empty() {
        tags.insert(TOKEN.to_owned(), cx.token().to_owned());
    }
    let tags: Vec<Json> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    json!([{ "ResourceType": resource_type, "Tag": tags }])
}

/// The user's tags of a thing, and whose it is.
pub fn found_tags(doc: &Json) -> (BTreeMap<String, String>, Ownership) {
    split_tags(tags(doc).map(|(key, value)| (key.to_owned(), value.to_owned())))
}

fn tags(doc: &Json) -> impl Iterator<Item = (&str, &str)> {
    let tags = doc["tagSet"].as_array().into_iter().flatten();
    tags.filter_map(|tag| Some((tag["key"].as_str()?, tag["value"].as_str().unwrap_or_default())))
}

/// Takes the user's tags of a thing from what was found to what they should be; nothing is sent if they are.
pub async fn retag(
    cx: &Cx,
    id: &str,
    from: &BTreeMap<String, String>,
    to: &BTreeMap<String, String>,
) -> CloudResult<()> {
    let (set, gone) = tag_changes(from, to);
    let set: Vec<Json> = set.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    let gone: Vec<Json> = gone.iter().map(|key| json!({ "Key": key })).collect();
    let ec2 = cx.clients().ec2;
    if !set.is_empty() {
        ec2.call("CreateTags", json!({ "ResourceId": [id], "Tag": set })).await?;
    }
    if !gone.is_empty() {
        ec2.call("DeleteTags", json!({ "ResourceId": [id], "Tag": gone })).await?;
    }
    Ok(())
}

/// A text of an answer; empty if it is not there.
pub fn text(doc: &Json, field: &str) -> String {
    doc[field].as_str().unwrap_or_default().to_owned()
}

/// A truth value of an answer.
pub fn truth(doc: &Json, field: &str) -> bool {
    doc[field].as_str() == Some("true")
}

/// The things of a list of an answer.
pub fn items<'a>(doc: &'a Json, field: &str) -> impl Iterator<Item = &'a Json> {
    doc[field].as_array().into_iter().flatten()
}
