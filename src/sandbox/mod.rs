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
pub mod releases;
pub mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use faults::{Effect, Fault, Faults};
pub use world::{Doc, Here, Key, World};

use crate::clock::Clock;

/// A running cloud. Clones share their content.
#[derive(Clone)]
pub struct Sandbox {
    world: Arc<Mutex<World>>,
    clock: Clock,
}

impl Sandbox {
    /// A fresh cloud: account 111122223333 with what every account has.
    pub fn fresh(clock: Clock) -> Self {
        let mut world = World::new(clock.millis());
        aws::furnish(&mut world);
        Self::with(world, clock)
    }

    /// A cloud with this content.
    pub fn with(world: World, clock: Clock) -> Self {
        Self { world: Arc::new(Mutex::new(world)), clock }
    }

    /// Another cloud with the same content, which goes its own way from here.
    pub fn fork(&self) -> Self {
        let world = self.world().clone();
        Self::with(world, self.clock)
    }

    /// The content, with everything done that is due by now.
    pub fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(self.clock.millis());
        world
    }

    /// The clock.
    pub fn clock(&self) -> Clock {
        self.clock
    }
}
