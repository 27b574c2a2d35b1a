//! The Kubernetes API servers of the embedded cloud: one for each EKS cluster, over documents of the world.
//!
//! An object is in the table `kube/<cluster name>/<group, or core>/<plural>` of the cluster's account and region,
//! by `<namespace>/<name>`, or `<name>` where it has no namespace. It is kept whole, as it is answered; its
//! `apiVersion` is that of the version asked for.
//!
//! What reads and writes for the sandbox itself (controllers, nodes) is here: `get`, `list`, `write`, `change_status`,
//! `add_finalizer`, `drop_finalizer`, `join_node`. How requests are read is in `request`.

mod apply;
mod auth;
mod defaults;
mod delete;
mod discovery;
mod fields;
mod furnish;
mod immutable;
mod merge;
mod meta;
mod read;
mod refusal;
mod request;
mod resource;
mod schema;
mod select;
mod watch;
mod webhooks;
pub mod workloads;
mod write;

#[cfg(test)]
mod tests;

use serde_json::{Value as Json, json};

use super::controllers;
use super::world::{Doc, Key, World};

pub use auth::STATIC_TOKEN;
pub use delete::settle;
pub use furnish::{dissolve, furnish, join_node, leave_node};
pub use request::{answer, cluster_of};
pub use resource::table;

/// The key of an object. `group` is empty for core, `namespace` is empty where there is none.
pub fn key(cluster: &Key, group: &str, plural: &str, namespace: &str, name: &str) -> Key {
    let id = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
    Key { table: table(cluster, group, plural), id, ..cluster.clone() }
}

/// Copies of all objects of a sort, in all namespaces.
pub fn list(world: &World, cluster: &Key, group: &str, plural: &str) -> Vec<Doc> {
    let table = table(cluster, group, plural);
    world.table(&cluster.account, &cluster.region, &table).map(|(_, doc)| doc.clone()).collect()
}

/// Writes an object with a new resource version, and lets the controllers and workloads of its cluster know.
/// A write that changes nothing is none.
pub fn write(world: &mut World, cluster: &Key, key: &Key, mut doc: Doc) -> Doc {
    if let Some(before) = world.get(key) {
        doc["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        if *before == doc {
            return doc;
        }
    }
    doc["metadata"]["resourceVersion"] = Json::from((world.revision + 1).to_string());
    world.put(key.clone(), doc.clone());
    controllers::notice(world, cluster);
    workloads::notice(world, cluster, key);
    doc
}

/// Changes an object in place, as a controller does; says whether it is there. What its finalizers held goes on.
pub fn change(world: &mut World, cluster: &Key, key: &Key, how: impl FnOnce(&mut Doc)) -> bool {
    let Some(mut doc) = world.get(key).cloned() else { return false };
    how(&mut doc);
    write(world, cluster, key, doc);
    settle(world, cluster);
    true
}

/// Replaces the status of an object.
pub fn change_status(world: &mut World, cluster: &Key, key: &Key, status: Json) -> bool {
    change(world, cluster, key, |doc| doc["status"] = status)
}

/// Adds a finalizer, unless it is there or the object is being deleted.
pub fn add_finalizer(world: &mut World, cluster: &Key, key: &Key, finalizer: &str) -> bool {
    change(world, cluster, key, |doc| {
        let leaving = !doc["metadata"]["deletionTimestamp"].is_null();
        if let Json::Null = doc["metadata"]["finalizers"] {
            doc["metadata"]["finalizers"] = json!([]);
        }
        if let Some(all) = doc["metadata"]["finalizers"].as_array_mut()
            && !leaving
            && !all.iter().any(|one| one == finalizer)
        {
            all.push(Json::from(finalizer));
        }
    })
}

/// Takes a finalizer away; the object goes if it was deleted and this was the last.
pub fn drop_finalizer(world: &mut World, cluster: &Key, key: &Key, finalizer: &str) -> bool {
    change(world, cluster, key, |doc| {
        if let Some(all) = doc["metadata"]["finalizers"].as_array_mut() {
            all.retain(|one| one != finalizer);
        }
    })
}
