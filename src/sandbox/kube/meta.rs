//! Metadata: what the server itself says of an object, and what clients may not.

use serde_json::{Value as Json, json};

use super::fields::Fields;
use super::merge::Place;
use super::resource::Resource;
use crate::sandbox::world::{Doc, World};

/// A new uid.
pub(super) fn uid(world: &mut World) -> String {
    let hex = world.draw("", 32);
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// Gives a new object what the server gives. It has a name already.
pub(super) fn begin(world: &mut World, resource: &Resource, doc: &mut Doc, namespace: &str) {
    let uid = uid(world);
    let now = world.timestamp();
    doc["apiVersion"] = Json::from(resource.api_version());
    doc["kind"] = Json::from(resource.kind.clone());
    if let Some(metadata) = doc["metadata"].as_object_mut() {
        metadata
            .retain(|name, _| !["deletionTimestamp", "selfLink", "resourceVersion"].contains(&name.as_str()));
        metadata.insert("uid".to_owned(), Json::from(uid));
        metadata.insert("creationTimestamp".to_owned(), Json::from(now));
        if resource.namespaced {
            metadata.insert("namespace".to_owned(), Json::from(namespace));
        } else {
            metadata.remove("namespace");
        }
        if counts_generations(resource) {
            metadata.insert("generation".to_owned(), Json::from(1));
        }
    }
}

fn counts_generations(resource: &Resource) -> bool {
    resource.schema.is_some() || resource.status || resource.group == "networking.k8s.io"
}

/// Keeps what clients may not change, and counts the generation on if more than metadata and status changed.
pub(super) fn keep(resource: &Resource, old: &Doc, new: &mut Doc) {
    new["apiVersion"] = Json::from(resource.api_version());
    new["kind"] = Json::from(resource.kind.clone());
    if !new["metadata"].is_object() {
        new["metadata"] = json!({});
    }
    for name in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
    ] {
        match old["metadata"].get(name) {
            Some(value) => new["metadata"][name] = value.clone(),
            None => drop(new["metadata"].as_object_mut().and_then(|metadata| metadata.remove(name))),
        }
    }
    if counts_generations(resource) && content(old) != content(new) {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or(1) + 1;
        new["metadata"]["generation"] = Json::from(generation);
    }
}

/// The object without metadata and status.
fn content(doc: &Doc) -> Json {
    let mut content = doc.clone();
    if let Some(map) = content.as_object_mut() {
        map.retain(|name, _| !["metadata", "status", "apiVersion", "kind"].contains(&name.as_str()));
    }
    content
}

/// Who writes, and how: the first fields of an entry of `managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manager {
    pub(super) name: String,
    pub(super) operation: &'static str,
    pub(super) subresource: Option<&'static str>,
}

impl Manager {
    fn fits(&self, entry: &Json) -> bool {
        entry["manager"] == self.name.as_str()
            && entry["operation"] == self.operation
            && entry["subresource"].as_str() == self.subresource
    }

    /// What this manager owns so far.
    pub(super) fn owned(&self, doc: &Doc) -> Fields {
        entries(doc)
            .iter()
            .find(|entry| self.fits(entry))
            .map(|e| Fields::read(&e["fieldsV1"]))
            .unwrap_or_default()
    }

    /// What all others own, each with its name.
    pub(super) fn others(&self, doc: &Doc) -> Vec<(String, Fields)> {
        let others = entries(doc).into_iter().filter(|entry| !self.fits(entry));
        others
            .map(|entry| {
                let name = entry["manager"].as_str().unwrap_or_default().to_owned();
                (name, Fields::read(&entry["fieldsV1"]))
            })
            .collect()
    }
}

fn entries(doc: &Doc) -> Vec<Json> {
    doc["metadata"]["managedFields"].as_array().cloned().unwrap_or_default()
}

/// The object without the fields that nobody owns.
pub(super) fn ownable(doc: &Doc) -> Json {
    let mut doc = doc.clone();
    if let Some(map) = doc.as_object_mut() {
        map.retain(|name, _| name != "apiVersion" && name != "kind");
    }
    if let Some(metadata) = doc["metadata"].as_object_mut() {
        metadata.retain(|name, _| {
            ["labels", "annotations", "finalizers", "ownerReferences", "generateName"]
                .contains(&name.as_str())
        });
    }
    if doc["metadata"].as_object().is_some_and(serde_json::Map::is_empty) {
        doc.as_object_mut().and_then(|map| map.remove("metadata"));
    }
    doc
}

/// Writes down who owns what: `mine` is all that `manager` owns now; what it `took` is no longer others'.
pub(super) fn record(
    world: &World,
    doc: &mut Doc,
    manager: &Manager,
    mine: &Fields,
    took: &Fields,
    place: &Place<'_>,
) {
    let api_version = doc["apiVersion"].clone();
    let value = ownable(doc);
    let mut all = entries(doc);
    for entry in &mut all {
        let is_mine = manager.fits(entry);
        let before = Fields::read(&entry["fieldsV1"]);
        let mut fields = if is_mine { mine.clone() } else { before.clone() };
        if !is_mine {
            fields.take(took);
        }
        fields.keep_within(&value, place);
        if fields != before {
            entry["time"] = Json::from(world.timestamp());
        }
        entry["fieldsV1"] = fields.write();
    }
    if !all.iter().any(|entry| manager.fits(entry)) && !mine.is_empty() {
        let mut mine = mine.clone();
        mine.keep_within(&value, place);
        let mut entry = json!({
            "manager": manager.name, "operation": manager.operation, "apiVersion": api_version,
            "time": world.timestamp(), "fieldsType": "FieldsV1", "fieldsV1": mine.write(),
        });
        if let Some(subresource) = manager.subresource {
            entry["subresource"] = Json::from(subresource);
        }
        all.push(entry);
    }
    all.retain(|entry| entry["fieldsV1"].as_object().is_some_and(|map| !map.is_empty()));
    doc["metadata"]["managedFields"] = Json::Array(all);
}

/// Writes down an update: what changed is the manager's now.
pub(super) fn record_update(
    world: &World,
    old: Option<&Doc>,
    doc: &mut Doc,
    manager: &Manager,
    place: &Place<'_>,
) {
    let kept = old.map(|old| old["metadata"]["managedFields"].clone()).unwrap_or_default();
    doc["metadata"]["managedFields"] = kept;
    let changed = Fields::changed(old.map(ownable).as_ref(), &ownable(doc), place);
    let mut mine = manager.owned(doc);
    mine.add(&changed);
    record(world, doc, manager, &mine, &changed, place);
}
