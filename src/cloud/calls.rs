//! `Calls`: what was sent, by service and operation. A plan tells its number; tests bound it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The count of a run. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<BTreeMap<String, u64>>>);

impl Calls {
    /// One more attempt of an operation, `EKS.DescribeCluster`. Retries count too.
    pub fn sent(&self, operation: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(operation.to_owned()).or_default() += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_operation().values().sum()
    }

    /// Each operation with its count.
    pub fn by_operation(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
