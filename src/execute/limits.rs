//! How many calls of a service are in flight at once. Waiting between two looks holds no place.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of each service.
#[derive(Default)]
pub(super) struct Limits(Mutex<BTreeMap<&'static str, Arc<Semaphore>>>);

/// Calls in flight that a service takes without throttling, by what its API documents or peers found.
fn places(service: &str) -> usize {
    match service {
        "route53" => 3,
        "acm" => 5,
        "iam" | "eks" => 12,
        "kubernetes" => 64,
        _ => 24,
    }
}

impl Limits {
    /// A place for one call; given back when dropped.
    pub(super) async fn place(&self, service: &'static str) -> Option<OwnedSemaphorePermit> {
        let semaphore = {
            let mut services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            services.entry(service).or_insert_with(|| Arc::new(Semaphore::new(places(service)))).clone()
        };
        // A semaphore that is never closed always gives.
        semaphore.acquire_owned().await.ok()
    }
}
