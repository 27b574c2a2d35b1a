//! Server-side apply: every manager owns the fields it applied; what it no longer applies goes, unless others own it.

use serde_json::{Value as Json, json};

use super::fields::Fields;
use super::merge::{Place, merge, remove};
use super::meta::{self, Manager};
use super::refusal::{Answer, Cause, Refusal};
use super::request::Ask;
use super::write::{create_as, keep, settled};
use crate::sandbox::world::{Doc, World};

/// Applies a configuration.
pub(super) fn apply(world: &mut World, ask: &Ask, applied: Json, manager: &Manager) -> Answer {
    if ask.query("fieldManager").is_empty() {
        return Err(Refusal::new(
            400,
            "BadRequest",
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        ));
    }
    if !applied["metadata"]["managedFields"].is_null() {
        return Err(Refusal::new(400, "BadRequest", "metadata.managedFields must be nil"));
    }
    let named = applied["metadata"]["name"].as_str();
    if applied["kind"].is_null() || named.is_some_and(|named| named != ask.name) {
        return Err(Refusal::new(400, "BadRequest", "the object does not match the request: kind, name"));
    }
    match world.get(&ask.key()).cloned() {
        None if ask.subresource.is_empty() => first(world, ask, applied, manager),
        None => Err(Refusal::not_found(&ask.resource, &ask.name)),
        Some(live) => again(world, ask, &live, applied, manager),
    }
}

fn first(world: &mut World, ask: &Ask, mut applied: Json, manager: &Manager) -> Answer {
    let place = Place::root(ask.resource.schema.as_ref());
    let mine = Fields::of(&ownable(ask, &applied), &place);
    applied["metadata"]["managedFields"] = json!([]);
    meta::record(world, &mut applied, manager, &mine, &Fields::default(), &place);
    create_as(world, ask, applied, &ask.name, manager, false)
}

/// What of a configuration can be owned through this path.
fn ownable(ask: &Ask, applied: &Json) -> Json {
    let mut value = meta::ownable(applied);
    if let Some(map) = value.as_object_mut() {
        match ask.subresource.as_str() {
            "status" => map.retain(|name, _| name == "status"),
            _ if ask.resource.status => drop(map.remove("status")),
            _ => {}
        }
    }
    value
}

fn again(world: &mut World, ask: &Ask, live: &Doc, applied: Json, manager: &Manager) -> Answer {
    let place = Place::root(ask.resource.schema.as_ref());
    let value = ownable(ask, &applied);
    let (before, now) = (manager.owned(live), Fields::of(&value, &place));
    let mut merged = live.clone();
    merge(&mut merged, &value, &place);
    let changed = Fields::changed(Some(&meta::ownable(live)), &meta::ownable(&merged), &place);
    let took = conflicts(ask, live, &changed, &now, manager)?;
    let mut others = Fields::default();
    for (_, fields) in manager.others(live) {
        others.add(&fields);
    }
    remove(&mut merged, &before, &now, &others, &place);
    if let Some(version) = applied["metadata"].get("resourceVersion") {
        merged["metadata"]["resourceVersion"] = version.clone();
    }
    let mut new = settled(ask, live, merged)?;
    meta::record(world, &mut new, manager, &now, &took, &place);
    keep(world, ask, &ask.key(), new, 200)
}

/// What is taken from others: an error unless it is forced.
fn conflicts(
    ask: &Ask,
    live: &Doc,
    changed: &Fields,
    now: &Fields,
    manager: &Manager,
) -> Result<Fields, Refusal> {
    let mine = changed.both(now);
    let mut took = Fields::default();
    let mut causes = Vec::new();
    for (other, fields) in manager.others(live) {
        let taken = fields.both(&mine);
        took.add(&taken);
        for path in taken.paths() {
            causes.push(Cause {
                reason: "FieldManagerConflict",
                field: path,
                text: format!("conflict with \"{other}\""),
            });
        }
    }
    if causes.is_empty() || ask.query("force") == "true" {
        return Ok(took);
    }
    let fields: Vec<&str> = causes.iter().map(|cause| cause.field.as_str()).collect();
    let number = causes.len();
    let (s, words) = (if number == 1 { "" } else { "s" }, fields.join(", "));
    let message = format!(
        "Apply failed with {number} conflict{s}: {}: {words}",
        causes[0].text.replace("conflict ", "conflicts ")
    );
    Err(Refusal::of(&ask.resource, &ask.name, 409, "Conflict", message).with_causes(causes))
}
