//! GET and LIST.

use serde_json::{Value as Json, json};

use super::refusal::{Answer, Refusal};
use super::request::Ask;
use super::resource::Resource;
use super::select::{fields_fit, labels_fit};
use crate::sandbox::world::{Doc, World};

/// One object.
pub(super) fn get(world: &World, ask: &Ask) -> Answer {
    let found = world.get(&ask.key()).ok_or_else(|| Refusal::not_found(&ask.resource, &ask.name))?;
    Ok((200, told(&ask.resource, found)))
}

/// An object in the version asked for.
pub(super) fn told(resource: &Resource, doc: &Doc) -> Json {
    let mut doc = doc.clone();
    doc["apiVersion"] = Json::from(resource.api_version());
    doc
}

/// The objects that a request selects, by key order.
pub(super) fn selected(world: &World, ask: &Ask) -> Vec<Json> {
    let table = ask.resource.table(&ask.cluster);
    let prefix = format!("{}/", ask.namespace);
    let inside = |id: &str| ask.namespace.is_empty() || id.starts_with(&prefix);
    let rows = world.table(&ask.cluster.account, &ask.cluster.region, &table);
    let fits = |doc: &Doc| {
        labels_fit(doc, ask.query("labelSelector")) && fields_fit(doc, ask.query("fieldSelector"))
    };
    rows.filter(|(key, doc)| inside(&key.id) && fits(doc)).map(|(_, doc)| told(&ask.resource, doc)).collect()
}

/// A page of objects. The token of the next page is the number of those before it.
pub(super) fn list(world: &World, ask: &Ask) -> Answer {
    let items = selected(world, ask);
    let start: usize = ask.query("continue").parse().unwrap_or(0);
    let most: usize = ask.query("limit").parse().ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
    let end = start.saturating_add(most).min(items.len());
    let mut metadata = json!({ "resourceVersion": world.revision.to_string() });
    if end < items.len() {
        metadata["continue"] = Json::from(end.to_string());
        metadata["remainingItemCount"] = Json::from(items.len() - end);
    }
    let items: Vec<Json> = items.into_iter().skip(start).take(end.saturating_sub(start)).collect();
    let kind = format!("{}List", ask.resource.kind);
    let api_version = ask.resource.api_version();
    Ok((200, json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items })))
}
