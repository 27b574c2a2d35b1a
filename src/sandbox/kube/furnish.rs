//! What every cluster has, and its nodes.

use serde_json::{Value as Json, json};

use super::resource::{Resource, builtin, namespaces};
use super::{defaults, meta};
use crate::sandbox::world::{Doc, Key, World};

/// Puts into a new cluster what every cluster has. `cluster` is its key in `eks/cluster`.
pub fn furnish(world: &mut World, cluster: &Key) {
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        make(world, cluster, &namespaces(), "", json!({ "metadata": { "name": name } }));
    }
    let service = json!({
        "metadata": { "name": "kubernetes", "labels": { "component": "apiserver", "provider": "kubernetes" } },
        "spec": {
            "clusterIP": "172.20.0.1",
            "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 443 }],
        },
    });
    if let Some(services) = builtin("", "services") {
        make(world, cluster, &services, "default", service);
    }
    for namespace in ["default", "kube-system"] {
        if let Some(accounts) = builtin("", "serviceaccounts") {
            make(world, cluster, &accounts, namespace, json!({ "metadata": { "name": "default" } }));
        }
    }
}

/// Makes an object as the server itself does, unless it is there.
pub(super) fn make(
    world: &mut World,
    cluster: &Key,
    resource: &Resource,
    namespace: &str,
    mut doc: Doc,
) -> Key {
    let name = doc["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let key = resource.key(cluster, namespace, &name);
    if world.get(&key).is_none() {
        meta::begin(world, resource, &mut doc, namespace);
        defaults::created(world, cluster, resource, &mut doc);
        super::write(world, cluster, &key, doc);
    }
    key
}

/// A node joins a cluster and is ready. `name` is as EC2 names it, `ip-10-0-1-7.us-west-2.compute.internal`.
pub fn join_node(world: &mut World, cluster: &Key, name: &str, zone: &str, labels: &Json) {
    let Some(nodes) = builtin("", "nodes") else { return };
    let mut all = json!({
        "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": zone,
        "topology.kubernetes.io/region": cluster.region,
    });
    crate::sandbox::world::merge(&mut all, labels);
    let instance = world.draw("i-", 17);
    let doc = json!({
        "metadata": { "name": name, "labels": all },
        "spec": { "providerID": format!("aws:///{zone}/{instance}") },
        "status": { "conditions": [{ "type": "Ready", "status": "True", "reason": "KubeletReady" }] },
    });
    make(world, cluster, &nodes, "", doc);
}

/// A node leaves a cluster: what ran on it runs no more.
pub fn leave_node(world: &mut World, cluster: &Key, name: &str) {
    let Some(nodes) = builtin("", "nodes") else { return };
    let key = nodes.key(cluster, "", name);
    if world.remove(&key).is_some() {
        super::workloads::notice(world, cluster, &key);
        crate::sandbox::controllers::notice(world, cluster);
    }
}

/// Removes everything of a cluster that is deleted. Nothing finalizes: what its controllers made stays behind.
pub fn dissolve(world: &mut World, cluster: &Key) {
    let prefix = format!("kube/{}/", cluster.id);
    let inside = world.under(&cluster.account, &cluster.region, prefix);
    let gone: Vec<Key> = inside.map(|(key, _)| key.clone()).collect();
    for key in &gone {
        world.remove(key);
    }
}
