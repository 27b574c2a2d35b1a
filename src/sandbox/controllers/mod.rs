//! The two controllers of the embedded cloud: they reconcile Gateways and routes into load balancers and Lattice.

use super::world::{Event, Key, World};

/// The hook that lets the controllers of a cluster look at everything again.
pub const HOOK: &str = "controllers";

/// Something changed in a cluster: its controllers look again after a moment. `cluster` is its key in `eks/cluster`.
pub fn notice(world: &mut World, cluster: &Key) {
    if !world.awaits(cluster, HOOK) {
        world.after(1_000, cluster, Event::Hook(HOOK.to_owned()));
    }
}

/// Looks at everything in a cluster and does what is to be done next.
pub fn reconcile(_world: &mut World, _cluster: &Key) {}
