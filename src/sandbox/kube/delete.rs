//! Deletes, and what follows from them: finalizers, owners, namespaces and CRDs that go with all that is in them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::read::{selected, told};
use super::refusal::{Answer, Refusal};
use super::request::{Ask, success};
use super::resource::{definitions, namespaces};
use super::webhooks;
use super::write::body;
use crate::sandbox::world::{Doc, Key, World};

/// The finalizer of an object that waits for those it owns.
const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an object that leaves those it owns behind.
const ORPHAN: &str = "orphan";
/// The finalizer of a CRD that waits for its objects.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Deletes one object.
pub(super) fn delete(world: &mut World, ask: &Ask) -> Answer {
    let key = ask.key();
    let Some(doc) = world.get(&key).cloned() else {
        return Err(Refusal::not_found(&ask.resource, &ask.name));
    };
    let options = if ask.body.is_empty() { json!({}) } else { body(ask)? };
    webhooks::ask(world, ask, &doc, "DELETE")?;
    let metadata = &doc["metadata"];
    for name in ["uid", "resourceVersion"] {
        let wanted = &options["preconditions"][name];
        if !wanted.is_null() && *wanted != metadata[name] {
            return Err(Refusal::modified(&ask.resource, &ask.name));
        }
    }
    if ask.dry() || options["dryRun"][0] == "All" {
        return Ok((200, told(&ask.resource, &doc)));
    }
    let policy = options["propagationPolicy"].as_str().unwrap_or(ask.query("propagationPolicy")).to_owned();
    mark(world, &ask.cluster, &key, &policy);
    settle(world, &ask.cluster);
    match world.get(&key) {
        Some(left) => Ok((200, told(&ask.resource, left))),
        None => Ok((200, success(&ask.resource, &ask.name, &metadata["uid"]))),
    }
}

/// Deletes all that a request selects.
pub(super) fn delete_all(world: &mut World, ask: &Ask) -> Answer {
    let items = selected(world, ask);
    for item in items.iter().filter(|_| !ask.dry()) {
        let text = |name: &str| item["metadata"][name].as_str().unwrap_or_default();
        let key = ask.resource.key(&ask.cluster, text("namespace"), text("name"));
        mark(world, &ask.cluster, &key, "Background");
    }
    settle(world, &ask.cluster);
    let kind = format!("{}List", ask.resource.kind);
    Ok((
        200,
        json!({ "kind": kind, "apiVersion": ask.resource.api_version(), "metadata": {}, "items": items }),
    ))
}

/// Marks an object as being deleted; `settle` does the rest.
fn mark(world: &mut World, cluster: &Key, key: &Key, policy: &str) {
    let now = world.timestamp();
    let Some(mut doc) = world.get(key).cloned() else { return };
    if !doc["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    doc["metadata"]["deletionTimestamp"] = Json::from(now);
    doc["metadata"]["deletionGracePeriodSeconds"] = Json::from(0);
    let finalizer = match policy {
        "Foreground" => Some(FOREGROUND),
        "Orphan" => Some(ORPHAN),
        _ => None,
    };
    if let Some(finalizer) = finalizer {
        let mut all = doc["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        all.push(Json::from(finalizer));
        doc["metadata"]["finalizers"] = Json::Array(all);
    }
    if doc["kind"] == "Namespace" {
        doc["status"]["phase"] = Json::from("Terminating");
    }
    super::write(world, cluster, key, doc);
}

/// Carries on whatever is being deleted, until nothing more can be done now.
pub fn settle(world: &mut World, cluster: &Key) {
    // Every round removes an object or a finalizer, or tells of what it removed, so this ends.
    while let Some((key, step)) = next(world, cluster) {
        take(world, cluster, &key, step);
    }
}

/// What is to be done next with an object that is being deleted.
enum Step {
    /// It is gone.
    Remove,
    /// These go first.
    First(Vec<Key>),
    /// These lose it as their owner.
    Release(Vec<Key>),
    /// What this finalizer waited for is done.
    Done(&'static str),
    /// It waits, and says so in these conditions.
    Tell(Json),
}

fn next(world: &World, cluster: &Key) -> Option<(Key, Step)> {
    let leaving = inside(world, cluster).filter(|(_, doc)| is_leaving(doc));
    leaving.into_iter().find_map(|(key, doc)| Some((key.clone(), step(world, cluster, key, doc)?)))
}

fn is_leaving(doc: &Doc) -> bool {
    !doc["metadata"]["deletionTimestamp"].is_null()
}

/// All objects of a cluster.
fn inside<'a>(world: &'a World, cluster: &'a Key) -> impl Iterator<Item = (&'a Key, &'a Doc)> {
    world.under(&cluster.account, &cluster.region, format!("kube/{}/", cluster.id))
}

fn step(world: &World, cluster: &Key, key: &Key, doc: &Doc) -> Option<Step> {
    let has = |name: &str| {
        doc["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
    };
    let uid = &doc["metadata"]["uid"];
    let unmarked = |keys: Vec<(Key, bool)>| -> Vec<Key> {
        keys.into_iter().filter(|(_, leaving)| !leaving).map(|(key, _)| key).collect()
    };
    let wait = |keys: Vec<(Key, bool)>, finalizer: &'static str| {
        if keys.is_empty() {
            return Some(Step::Done(finalizer));
        }
        let first = unmarked(keys);
        (!first.is_empty()).then_some(Step::First(first))
    };
    if has(ORPHAN) {
        let owned = keys(world, cluster, |_, doc| is_owned(doc, uid));
        return if owned.is_empty() {
            Some(Step::Done(ORPHAN))
        } else {
            Some(Step::Release(owned.into_iter().map(|(key, _)| key).collect()))
        };
    }
    if has(FOREGROUND) {
        return wait(keys(world, cluster, |_, doc| is_owned(doc, uid)), FOREGROUND);
    }
    if key.table == definitions().table(cluster) && has(CLEANUP) {
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        let table =
            super::table(cluster, &text(&doc["spec"]["group"]), &text(&doc["spec"]["names"]["plural"]));
        return wait(keys(world, cluster, |key, _| key.table == table), CLEANUP);
    }
    if doc["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty()) {
        return None;
    }
    if key.table == namespaces().table(cluster) {
        let content = keys(world, cluster, |_, doc| doc["metadata"]["namespace"] == key.id.as_str());
        if !content.is_empty() {
            let told = remaining(world, cluster, &content);
            let first = unmarked(content);
            if !first.is_empty() {
                return Some(Step::First(first));
            }
            return (doc["status"]["conditions"] != told).then_some(Step::Tell(told));
        }
    }
    Some(Step::Remove)
}

/// What a namespace says of that which is still in it: how many of each sort, and which finalizers hold them.
fn remaining(world: &World, cluster: &Key, content: &[(Key, bool)]) -> Json {
    let (mut sorts, mut holders) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for (key, _) in content {
        let table = key.table.strip_prefix(&format!("kube/{}/", cluster.id)).unwrap_or(&key.table);
        let (group, plural) = table.split_once('/').unwrap_or(("core", table));
        let group = if group == "core" { "" } else { group };
        *sorts.entry(format!("{plural}.{group}")).or_default() += 1;
        let finalizers = world.get(key).and_then(|doc| doc["metadata"]["finalizers"].as_array().cloned());
        for finalizer in finalizers.iter().flatten().filter_map(Json::as_str) {
            *holders.entry(finalizer.to_owned()).or_default() += 1;
        }
    }
    let all = |counts: &BTreeMap<String, usize>, word: &str| {
        let each = counts.iter().map(|(what, count)| format!("{what} {word} {count} resource instances"));
        each.collect::<Vec<_>>().join(", ")
    };
    json!([
        {
            "type": "NamespaceContentRemaining", "status": "True", "reason": "SomeResourcesRemain",
            "message": format!("Some resources are remaining: {}", all(&sorts, "has")),
        },
        {
            "type": "NamespaceFinalizersRemaining", "status": "True", "reason": "SomeFinalizersRemain",
            "message": format!("Some content in the namespace has finalizers remaining: {}", all(&holders, "in")),
        },
    ])
}

/// The objects of a cluster that fit, each with whether it is being deleted.
fn keys(world: &World, cluster: &Key, fits: impl Fn(&Key, &Doc) -> bool) -> Vec<(Key, bool)> {
    inside(world, cluster)
        .filter(|(key, doc)| fits(key, doc))
        .map(|(key, doc)| (key.clone(), is_leaving(doc)))
        .collect()
}

fn is_owned(doc: &Doc, uid: &Json) -> bool {
    doc["metadata"]["ownerReferences"]
        .as_array()
        .is_some_and(|all| all.iter().any(|owner| owner["uid"] == *uid))
}

fn take(world: &mut World, cluster: &Key, key: &Key, step: Step) {
    match step {
        Step::First(keys) => keys.iter().for_each(|key| mark(world, cluster, key, "Background")),
        Step::Done(finalizer) => edit(world, cluster, key, "finalizers", |one| one != finalizer),
        Step::Release(keys) => {
            let uid = world.get(key).map(|doc| doc["metadata"]["uid"].clone()).unwrap_or_default();
            for key in &keys {
                edit(world, cluster, key, "ownerReferences", |owner| owner["uid"] != uid);
            }
        }
        Step::Tell(conditions) => {
            let Some(mut doc) = world.get(key).cloned() else { return };
            doc["status"]["conditions"] = conditions;
            super::write(world, cluster, key, doc);
        }
        Step::Remove => remove(world, cluster, key),
    }
}

/// Keeps those of a list in the metadata that fit.
fn edit(world: &mut World, cluster: &Key, key: &Key, list: &str, keep: impl Fn(&Json) -> bool) {
    let Some(mut doc) = world.get(key).cloned() else { return };
    if let Some(all) = doc["metadata"][list].as_array_mut() {
        all.retain(keep);
    }
    super::write(world, cluster, key, doc);
}

/// Removes an object; those that it alone owned go with it.
fn remove(world: &mut World, cluster: &Key, key: &Key) {
    let Some(doc) = world.remove(key) else { return };
    crate::sandbox::controllers::notice(world, cluster);
    super::workloads::notice(world, cluster, key);
    let uid = &doc["metadata"]["uid"];
    let owned = keys(world, cluster, |_, doc| is_owned(doc, uid));
    for (key, _) in owned {
        let others = |owner: &&Json| owner["uid"] != *uid && alive(world, cluster, &owner["uid"]);
        let owners =
            world.get(&key).map(|doc| doc["metadata"]["ownerReferences"].clone()).unwrap_or_default();
        if owners.as_array().into_iter().flatten().any(|owner| others(&owner)) {
            edit(world, cluster, &key, "ownerReferences", |owner| owner["uid"] != *uid);
        } else {
            mark(world, cluster, &key, "Background");
        }
    }
}

fn alive(world: &World, cluster: &Key, uid: &Json) -> bool {
    inside(world, cluster).any(|(_, doc)| doc["metadata"]["uid"] == *uid)
}
