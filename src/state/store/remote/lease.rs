//! `Lease`: whether this run may still send calls that change the cloud.
//!
//! The fence keeps the state right, the lease keeps the cloud right: a run sends such calls only while its last
//! renewal is younger than half its lease; whoever takes the state over has waited for a whole one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::clock::Clock;

/// Whether a run may send calls that change the cloud. Cheap to copy; all copies agree.
#[derive(Clone, Debug, Default)]
pub struct Lease(Option<Arc<Term>>);

#[derive(Debug)]
struct Term {
    length: Duration,
    standing: watch::Sender<Standing>,
}

/// When something was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    at: Instant,
    wall: SystemTime,
}

impl Moment {
    /// Now.
    pub(super) fn now() -> Self {
        Self { at: Instant::now(), wall: Clock::system(1).now() }
    }

    /// How long ago. The clock of a machine that slept may not have counted that, but then the time of day has jumped.
    fn age(&self) -> Duration {
        let wall = Clock::system(1).now().duration_since(self.wall).unwrap_or_default();
        self.at.elapsed().max(wall)
    }
}

/// How it stands.
#[derive(Clone, Copy, Debug)]
enum Standing {
    /// Renewed by what was sent then.
    Renewed(Moment),
    /// Another run took the state over.
    Lost,
}

impl Lease {
    /// One that never ends: of a lock that goes with its process.
    pub(in crate::state::store) fn endless() -> Self {
        Self::default()
    }

    /// One that was taken by what was sent at `sent`.
    pub(super) fn taken(length: Duration, sent: Moment) -> Self {
        let (standing, _) = watch::channel(Standing::Renewed(sent));
        Self(Some(Arc::new(Term { length, standing })))
    }

    /// Whether a call that changes the cloud may leave now.
    pub fn holds(&self) -> bool {
        let Some(term) = &self.0 else { return true };
        match *term.standing.borrow() {
            Standing::Renewed(sent) => sent.age() < term.length / 2,
            Standing::Lost => false,
        }
    }

    /// Waits until a call that changes the cloud may leave. False: it never may again.
    pub async fn held(&self) -> bool {
        let Some(term) = &self.0 else { return true };
        let mut standing = term.standing.subscribe();
        loop {
            if self.is_lost() {
                return false;
            }
            if self.holds() {
                return true;
            }
            if standing.changed().await.is_err() {
                return false;
            }
        }
    }

    /// Whether another run took the state over.
    pub fn is_lost(&self) -> bool {
        self.0.as_ref().is_some_and(|term| matches!(*term.standing.borrow(), Standing::Lost))
    }

    /// It counts from `sent`, unless it is lost or was renewed later already.
    pub(super) fn renew(&self, sent: Moment) {
        let Some(term) = &self.0 else { return };
        term.standing.send_if_modified(|standing| match standing {
            Standing::Renewed(before) if before.at < sent.at => {
                *standing = Standing::Renewed(sent);
                true
            }
            _ => false,
        });
    }

    /// Another run took the state over.
    pub(super) fn lose(&self) {
        if let Some(term) = &self.0 {
            term.standing.send_replace(Standing::Lost);
        }
    }

    /// Waits until it is lost, or for `pause`.
    pub(super) async fn rest(&self, pause: Duration) {
        let Some(term) = &self.0 else { return };
        let mut standing = term.standing.subscribe();
        let lost = standing.wait_for(|standing| matches!(standing, Standing::Lost));
        drop(timeout(pause, lost).await);
    }
}
