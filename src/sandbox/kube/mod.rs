//! The Kubernetes API servers of the embedded cloud: one for each EKS cluster, over documents of the world.
//!
//! An object is in the table `kube/<cluster name>/<group, or core>/<plural>` of the cluster's account and region,
//! by `<namespace>/<name>`, or `<name>` where it has no namespace.

use super::world::{Key, World};

/// Puts into a new cluster what every cluster has. `cluster` is its key in `eks/cluster`.
pub fn furnish(_world: &mut World, _cluster: &Key) {}

/// Removes everything of a cluster that is deleted. Nothing finalizes: what its controllers made stays behind.
pub fn dissolve(world: &mut World, cluster: &Key) {
    let prefix = format!("kube/{}/", cluster.id);
    let inside = |key: &Key| {
        key.account == cluster.account && key.region == cluster.region && key.table.starts_with(&prefix)
    };
    let gone: Vec<Key> = world.all().map(|(key, _)| key).filter(|key| inside(key)).cloned().collect();
    for key in &gone {
        world.remove(key);
    }
}
