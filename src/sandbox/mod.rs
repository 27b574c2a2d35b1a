//! The embedded cloud: AWS, Kubernetes API servers and the two controllers, as a cloud that any client can use.
//!
//! It knows nothing of plans, states, kinds or the command line. All content is in one `World`; every request is
//! handled at one instant of its clock, after everything that was due by then has happened. Nothing runs in the
//! background: states that take time, controllers included, are due dates in the world.

pub mod aws;
pub mod controllers;
mod door;
mod faults;
pub mod kube;
mod log;
pub mod releases;
pub mod seed;
pub mod serve;
mod times;
pub mod world;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use faults::{Effect, Fault, Faults};
pub use log::{OpenError, reset};
pub use world::{Doc, Here, Key, World};

use crate::clock::Clock;
use log::Log;

/// Requests that are held up on the way in.
#[derive(Default)]
struct Late {
    /// Each with the instant at which it arrives, in that order.
    waiting: Vec<(i64, http::Request<bytes::Bytes>)>,
    /// The instant of the one that is handled just now: nobody may have looked for long since.
    instant: Option<i64>,
}

/// A running cloud. Clones share their content.
#[derive(Clone)]
pub struct Sandbox {
    world: Arc<Mutex<World>>,
    clock: Clock,
    log: Arc<Mutex<Option<Log>>>,
    late: Arc<Mutex<Late>>,
}

impl Sandbox {
    /// A fresh cloud: account 111122223333 with what every account has.
    pub fn fresh(clock: Clock) -> Self {
        let mut world = World::new(clock.cloud_millis());
        aws::furnish(&mut world);
        Self::with(world, clock)
    }

    /// A cloud with this content.
    pub fn with(world: World, clock: Clock) -> Self {
        Self { world: Arc::new(Mutex::new(world)), clock, log: Arc::default(), late: Arc::default() }
    }

    /// The cloud that is kept in a folder, a fresh one if there is none. One process at a time holds it. Its time
    /// stands still while nobody does: everything is moved so that it goes on now.
    ///
    /// # Errors
    /// Another process holds it, its log is damaged, or the disk refuses.
    pub fn open(folder: &Path, clock: Clock) -> Result<Self, OpenError> {
        let (log, world) = Log::open(folder, clock.cloud_millis())?;
        let sandbox = world.map_or_else(|| Self::fresh(clock), |world| Self::with(world, clock));
        *sandbox.log() = Some(log);
        sandbox.settle().map_err(|source| OpenError::Disk { folder: folder.to_owned(), source })?;
        Ok(sandbox)
    }

    /// Writes to the log what has changed, if there is a log. Comes before the answer to the request that did it.
    ///
    /// # Errors
    /// The disk refuses; what was to be written is written with the next change.
    pub fn settle(&self) -> std::io::Result<()> {
        // The log is held first, so that nobody answers while another still writes what they both changed.
        let mut log = self.log();
        let mut world = self.world();
        let changes = world.take_changes();
        let (now, revision) = (world.now(), world.revision);
        drop(world);
        match log.as_mut() {
            Some(log) if !changes.is_empty() => log.append(now, revision, changes),
            _ => Ok(()),
        }
    }

    fn log(&self) -> MutexGuard<'_, Option<Log>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn late(&self) -> MutexGuard<'_, Late> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another cloud with the same content, which goes its own way from here.
    pub fn fork(&self) -> Self {
        let world = self.world().clone();
        Self::with(world, self.clock)
    }

    /// The content, with everything done that is due by now.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let instant = self.late().instant;
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.set_wall(self.clock.millis());
        world.advance(instant.unwrap_or_else(|| self.clock.cloud_millis()));
        world
    }

    /// The clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }
}
