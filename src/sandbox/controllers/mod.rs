//! The two controllers of the embedded cloud: they reconcile Gateways and routes into load balancers and Lattice.
//!
//! A pass looks at the documents of a cluster and does the next step of everything; what takes time is looked at
//! again when it may be done. All that a controller would keep in memory is a document of its process, and is lost
//! with it. The API server is not here: objects are read and written as it stores them.

mod attachment;
mod cluster;
mod condition;
mod lattice;
mod lbc;
mod names;
mod process;
#[cfg(test)]
mod tests;

use super::world::{Doc, Event, Key, World};
use cluster::Cluster;

/// The hook that lets the controllers of a cluster look at everything again.
pub const HOOK: &str = "controllers";
/// The hook by which they look again at what they wait for.
pub const LATER: &str = "controllers-later";

/// The table of what the sandbox keeps for the controllers of a cluster.
const TABLE: &str = "controllers/cluster";
/// How often a pass is repeated while it changes something.
const ROUNDS: usize = 10;

/// Something changed in a cluster: its controllers look again after a moment. `cluster` is its key in `eks/cluster`.
pub fn notice(world: &mut World, cluster: &Key) {
    if !world.awaits(cluster, HOOK) {
        world.after(1_000, cluster, Event::Hook(HOOK.to_owned()));
    }
}

/// Looks at everything in a cluster and does what is to be done next.
pub fn reconcile(world: &mut World, key: &Key) {
    let later = Key { table: TABLE.to_owned(), ..key.clone() };
    world.call_off(&later);
    let mut wake = Wake::default();
    for _ in 0..ROUNDS {
        let before = world.revision;
        wake = Wake::default();
        let Some(mut cluster) = Cluster::open(world, key) else { return };
        lbc::pass(&mut cluster, &mut wake);
        lattice::pass(&mut cluster, &mut wake);
        if world.revision == before {
            break;
        }
    }
    if let Some(millis) = wake.0 {
        world.after(millis, &later, Event::Hook(LATER.to_owned()));
    }
}

/// The same for the key that waiting is noted under.
pub fn reconcile_later(world: &mut World, later: &Key) {
    reconcile(world, &Key { table: "eks/cluster".to_owned(), ..later.clone() });
}

/// Whether the pods of a Deployment crash: those of a controller that does not start without its CRDs.
pub fn crashes(world: &World, cluster: &Key, deployment: &Doc) -> bool {
    let of = [lbc::CONTROLLER, lattice::CONTROLLER];
    let own = of.iter().find(|of| of.deployed(deployment));
    own.is_some_and(|of| process::lacks(world, cluster, of))
}

/// When to look again.
#[derive(Default)]
struct Wake(Option<i64>);

impl Wake {
    /// Not later than in so many milliseconds.
    fn within(&mut self, millis: i64) {
        let millis = millis.max(1);
        self.0 = Some(self.0.map_or(millis, |other| other.min(millis)));
    }
}
