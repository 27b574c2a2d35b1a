//! The way to AWS and to clusters: clients by account and region, counted, guarded and with one clock.
//!
//! `Cloud` is shared by a run; `Cx` is what a kind gets for one resource. What is said to a cloud is in `kind`.

pub mod accelerators;
pub mod access;
mod awsjson;
mod calls;
pub mod classic;
mod clients;
pub mod cloudfront;
mod cluster;
pub mod door;
mod downloads;
pub mod ec2;
pub mod eks;
mod error;
mod forms;
mod kube;
mod line;
pub mod logs;
mod objects;
mod owner;
mod partition;
pub mod policy;
mod settings;
mod sorts;
pub mod tagged;
mod tags;
mod thin;
mod token;
mod watchman;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use crate::address::Address;
use crate::clock::Clock;
use crate::door::Door;
use crate::graph::Place;
use crate::secret::Secrets;

pub use crate::live::Ownership;
pub use access::{Access, Gate};
pub use calls::Calls;
pub use clients::Clients;
pub use cluster::ClusterRef;
pub use downloads::{Downloads, OTHER_DIGEST, sha256};
pub use error::{Absent, CloudError, CloudResult, ErrorSort, Named, Wrong};
pub use objects::{MANAGER, NOT_SERVED, ObjectRef, Objects, from_kube};
pub use owner::{ADDRESS, LINEAGE, TOKEN, split_tags};
pub use partition::{accelerated, home};
pub use settings::{Settings, retry, timeouts};
pub use tags::{Tags, lattice_tags, retag_lattice, tag_changes};
pub use token::Token;

/// The clouds of a run. Cheap to clone.
#[derive(Clone)]
pub struct Cloud(Arc<Shared>);

struct Shared {
    settings: Settings,
    calls: Calls,
    clients: Mutex<BTreeMap<Place, Clients>>,
    clusters: Mutex<BTreeMap<ClusterRef, Arc<tokio::sync::OnceCell<Objects>>>>,
    answers: Mutex<BTreeMap<String, Arc<tokio::sync::OnceCell<CloudResult<Json>>>>>,
    unreached: Mutex<BTreeMap<ClusterRef, (std::time::Duration, CloudError)>>,
}

impl Cloud {
    /// Nothing is sent yet.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(Shared {
            settings,
            calls: Calls::default(),
            clients: Mutex::default(),
            clusters: Mutex::default(),
            answers: Mutex::default(),
            unreached: Mutex::default(),
        }))
    }

    /// What was sent so far.
    pub fn calls(&self) -> &Calls {
        &self.0.calls
    }

    /// The clock of the run.
    pub fn clock(&self) -> Clock {
        self.0.settings.clock
    }

    /// What may be sent.
    pub fn access(&self) -> Access {
        self.0.settings.access
    }

    /// Whether what changes something may be sent now.
    fn gate(&self) -> &Gate {
        &self.0.settings.gate
    }

    /// What no error may repeat.
    pub fn secrets(&self) -> &Secrets {
        &self.0.settings.secrets
    }

    /// The door in the place of the network, if there is one.
    pub fn door(&self) -> Option<&Door> {
        self.0.settings.door.as_ref()
    }

    /// Where official files come from.
    fn downloads(&self) -> &Downloads {
        &self.0.settings.downloads
    }

    /// The clients of an account and region; made at first use.
    pub fn clients(&self, place: &Place) -> Clients {
        let mut clients = self.0.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        clients
            .entry(place.clone())
            .or_insert_with(|| Clients::new(&self.0.settings, place, &self.0.calls))
            .clone()
    }

    /// Asks something once in a run, however many want to know it and whatever comes of it.
    pub async fn once<A>(&self, question: &str, ask: impl FnOnce() -> A) -> CloudResult<Json>
    where
        A: Future<Output = CloudResult<Json>>,
    {
        let cell = {
            let mut answers = self.0.answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            answers.entry(question.to_owned()).or_default().clone()
        };
        cell.get_or_init(ask).await.clone()
    }

    /// What a kind gets to work on one resource. `token` is that of the open journal entry, or empty for reads.
    pub fn cx(&self, place: &Place, lineage: &str, address: &Address, token: &str) -> Cx {
        Cx {
            cloud: self.clone(),
            place: place.clone(),
            lineage: lineage.into(),
            address: address.clone(),
            token: token.into(),
        }
    }
}

/// What a kind gets to work on one resource.
#[derive(Clone)]
pub struct Cx {
    cloud: Cloud,
    place: Place,
    lineage: Arc<str>,
    address: Address,
    token: Arc<str>,
}

impl Cx {
    /// The clouds of the run.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.place.region
    }

    /// Account and region.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The lineage of the state.
    pub fn lineage(&self) -> &str {
        &self.lineage
    }

    /// The resource.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The idempotency token of the open journal entry: 32 lower-case hexadecimal characters.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The clients of the place.
    pub fn clients(&self) -> Clients {
        self.cloud.clients(&self.place)
    }

    /// The user's tags with those that say whose it is.
    pub fn tags(&self, user: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut tags = user.clone();
        tags.insert(LINEAGE.to_owned(), self.lineage.to_string());
        tags.insert(ADDRESS.to_owned(), self.address.to_string());
        tags
    }
}
