//! Create, update and patch.

use serde_json::Value as Json;

use super::apply::apply;
use super::merge::Place;
use super::meta::{self, Manager};
use super::read::told;
use super::refusal::{Answer, Cause, Refusal};
use super::request::Ask;
use super::{defaults, immutable, resource, schema, webhooks};
use crate::sandbox::world::{Doc, Key, World, merge};

/// Creates an object.
pub(super) fn create(world: &mut World, ask: &Ask) -> Answer {
    let doc = body(ask)?;
    let name = new_name(world, &doc).ok_or_else(|| {
        let cause = Cause {
            reason: "FieldValueRequired",
            field: "metadata.name".into(),
            text: "name or generateName is required".into(),
        };
        Refusal::invalid(&ask.resource, "", vec![cause])
    })?;
    create_as(world, ask, doc, &name, &manager(ask, "Update"), true)
}

fn new_name(world: &mut World, doc: &Doc) -> Option<String> {
    let text = |name: &str| doc["metadata"][name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    text("name").or_else(|| Some(world.draw(&text("generateName")?, 5)))
}

/// Creates an object of this name. With `all`, the manager owns all of it: else `managedFields` is there already.
pub(super) fn create_as(
    world: &mut World,
    ask: &Ask,
    mut doc: Doc,
    name: &str,
    manager: &Manager,
    all: bool,
) -> Answer {
    let key = ask.resource.key(&ask.cluster, &ask.namespace, name);
    same_sort(ask, &doc)?;
    if world.get(&key).is_some() {
        return Err(Refusal::exists(&ask.resource, name));
    }
    if ask.resource.namespaced {
        admit(world, ask, name)?;
    }
    doc["metadata"]["name"] = Json::from(name);
    if ask.resource.status
        && let Some(map) = doc.as_object_mut()
    {
        map.remove("status");
    }
    meta::begin(world, &ask.resource, &mut doc, &ask.namespace);
    schema::admit(ask, &mut doc, None)?;
    defaults::created(world, &ask.cluster, &ask.resource, &mut doc);
    if all {
        let place = Place::root(ask.resource.schema.as_ref());
        meta::record_update(world, None, &mut doc, manager, &place);
    }
    let answer = keep(world, ask, &key, doc, 201);
    if !ask.dry() {
        defaults::follow(world, &ask.resource, &key);
    }
    answer
}

/// The namespace must be there and stay.
fn admit(world: &World, ask: &Ask, name: &str) -> Result<(), Refusal> {
    let namespaces = resource::namespaces();
    let key = namespaces.key(&ask.cluster, "", &ask.namespace);
    let Some(namespace) = world.get(&key) else {
        return Err(Refusal::not_found(&namespaces, &ask.namespace));
    };
    if namespace["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let inside = &ask.namespace;
    let message = format!(
        "{} \"{name}\" is forbidden: unable to create new content in namespace {inside} because it is being terminated",
        ask.resource.full()
    );
    let cause = Cause {
        reason: "NamespaceTerminating",
        field: "metadata.namespace".into(),
        text: format!("namespace {inside} is being terminated"),
    };
    Err(Refusal::of(&ask.resource, name, 403, "Forbidden", message).with_causes(vec![cause]))
}

fn same_sort(ask: &Ask, doc: &Doc) -> Result<(), Refusal> {
    let bad = |what: String| Err(Refusal::new(400, "BadRequest", what));
    let (kind, version) =
        (doc["kind"].as_str().unwrap_or_default(), doc["apiVersion"].as_str().unwrap_or_default());
    if !kind.is_empty() && (kind != ask.resource.kind || version != ask.resource.api_version()) {
        return bad(format!("{version}, Kind={kind} does not match {}", ask.resource.full_kind()));
    }
    match doc["metadata"]["namespace"].as_str() {
        Some(named) if ask.resource.namespaced && named != ask.namespace => bad(format!(
            "the namespace of the provided object does not match the namespace sent on the request: {named}"
        )),
        _ => Ok(()),
    }
}

/// Replaces an object.
pub(super) fn update(world: &mut World, ask: &Ask) -> Answer {
    let new = body(ask)?;
    same_sort(ask, &new)?;
    replace(world, ask, new, &manager(ask, "Update"))
}

/// Patches an object.
pub(super) fn patch(world: &mut World, ask: &Ask) -> Answer {
    if ask.content_type.starts_with("application/apply-patch") {
        return apply(world, ask, body(ask)?, &manager(ask, "Apply"));
    }
    let Some(mut doc) = world.get(&ask.key()).cloned() else {
        return Err(Refusal::not_found(&ask.resource, &ask.name));
    };
    let patch = body(ask)?;
    match ask.content_type.as_str() {
        "application/json-patch+json" => json_patch(&mut doc, &patch)?,
        "application/merge-patch+json" | "application/strategic-merge-patch+json" => merge(&mut doc, &patch),
        other => {
            return Err(Refusal::new(415, "UnsupportedMediaType", format!("unknown patch type {other}")));
        }
    }
    replace(world, ask, doc, &manager(ask, "Update"))
}

fn replace(world: &mut World, ask: &Ask, mut new: Doc, manager: &Manager) -> Answer {
    let key = ask.key();
    let Some(old) = world.get(&key).cloned() else {
        return Err(Refusal::not_found(&ask.resource, &ask.name));
    };
    let place = Place::root(ask.resource.schema.as_ref());
    new = settled(ask, &old, new)?;
    meta::record_update(world, Some(&old), &mut new, manager, &place);
    keep(world, ask, &key, new, 200)
}

/// The new object with what it may not change, checked.
pub(super) fn settled(ask: &Ask, old: &Doc, mut new: Doc) -> Result<Doc, Refusal> {
    let version = &new["metadata"]["resourceVersion"];
    if version
        .as_str()
        .is_some_and(|version| !version.is_empty() && old["metadata"]["resourceVersion"] != version)
    {
        return Err(Refusal::modified(&ask.resource, &ask.name));
    }
    match ask.subresource.as_str() {
        "status" => {
            let status = new["status"].take();
            new = old.clone();
            new["status"] = status;
        }
        _ if ask.resource.status => match old.get("status") {
            Some(status) => new["status"] = status.clone(),
            None => drop(new.as_object_mut().and_then(|map| map.remove("status"))),
        },
        _ => {}
    }
    meta::keep(&ask.resource, old, &mut new);
    schema::admit(ask, &mut new, Some(old))?;
    defaults::fill(&ask.resource, &mut new);
    immutable::stays(&ask.resource, old, &mut new)?;
    meta::keep(&ask.resource, old, &mut new);
    Ok(new)
}

/// Writes an object unless it is a dry run, and tells it.
pub(super) fn keep(world: &mut World, ask: &Ask, key: &Key, doc: Doc, code: u16) -> Answer {
    let operation = if world.get(key).is_some() { "UPDATE" } else { "CREATE" };
    webhooks::ask(world, ask, &doc, operation)?;
    if ask.dry() {
        return Ok((code, told(&ask.resource, &doc)));
    }
    let doc = super::write(world, &ask.cluster, key, doc);
    Ok((code, told(&ask.resource, &doc)))
}

/// The body, JSON or YAML.
pub(super) fn body(ask: &Ask) -> Result<Json, Refusal> {
    let bad = |error: String| Refusal::new(400, "BadRequest", format!("error decoding the body: {error}"));
    if let Ok(json) = serde_json::from_slice::<Json>(&ask.body) {
        return Ok(json);
    }
    let text = std::str::from_utf8(&ask.body).map_err(|error| bad(error.to_string()))?;
    serde_saphyr::from_str(text).map_err(|error| bad(error.to_string()))
}

fn manager(ask: &Ask, operation: &'static str) -> Manager {
    let named = ask.query("fieldManager");
    let name = if named.is_empty() { ask.agent.as_str() } else { named };
    let subresource = (ask.subresource == "status").then_some("status");
    Manager {
        name: if name.is_empty() { "unknown".to_owned() } else { name.to_owned() },
        operation,
        subresource,
    }
}

/// JSON patch (RFC 6902) with `add`, `replace`, `remove` and `test`.
fn json_patch(doc: &mut Doc, patch: &Json) -> Result<(), Refusal> {
    for step in patch.as_array().into_iter().flatten() {
        let (path, value) = (step["path"].as_str().unwrap_or_default(), step["value"].clone());
        let failed = || Refusal::new(422, "Invalid", format!("the patch cannot be carried out at {path}"));
        let (parent, last) = path.rsplit_once('/').ok_or_else(failed)?;
        let last = last.replace("~1", "/").replace("~0", "~");
        let operation = step["op"].as_str().unwrap_or_default();
        match (operation, doc.pointer_mut(parent).ok_or_else(failed)?) {
            ("test", parent) => {
                let found = parent.get(&last).or_else(|| parent.get(last.parse::<usize>().ok()?));
                found.filter(|found| **found == value).map(drop).ok_or_else(failed)?;
            }
            ("remove", Json::Object(map)) => map.remove(&last).map(drop).ok_or_else(failed)?,
            ("replace", Json::Object(map)) if !map.contains_key(&last) => return Err(failed()),
            ("add" | "replace", Json::Object(map)) => drop(map.insert(last, value)),
            ("add", Json::Array(items)) if last == "-" => items.push(value),
            (operation, Json::Array(items)) => {
                let at = last.parse::<usize>().ok().filter(|at| *at < items.len()).ok_or_else(failed)?;
                match operation {
                    "remove" => drop(items.remove(at)),
                    "replace" => items[at] = value,
                    _ => items.insert(at, value),
                }
            }
            _ => return Err(failed()),
        }
    }
    Ok(())
}
