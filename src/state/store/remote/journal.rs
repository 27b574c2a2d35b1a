//! The writing side: one object at a time, each with the next number. And what a run that has the state holds.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use object_store::ObjectMeta;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::batch::{self, Beat, Head, Took};
use super::heart;
use super::lease::Moment;
use super::objects::{Created, Objects, Sort};
use super::{Lease, random};
use crate::state::FORMAT;
use crate::state::store::{Holder, StoreError};

/// How long an object below the snapshot is kept: a run that was paused for so long still finds its number taken.
const KEPT_FOR: u64 = 30 * 24 * 60 * 60;
/// How long giving the state back may take.
const LAST: Duration = Duration::from_secs(10);
/// How many objects of a sort are deleted at once, at most.
const PRUNED_AT_ONCE: usize = 1000;

/// The journal, as the run that took the state writes it.
#[derive(Debug)]
pub(super) struct Journal {
    objects: Objects,
    took: Took,
    lease: Lease,
    tail: Mutex<Tail>,
}

/// The end of the journal.
#[derive(Debug)]
struct Tail {
    /// The last number that is written.
    last: u64,
    /// Who took the state over, once it is lost.
    by: Option<Box<Holder>>,
}

impl Journal {
    /// One that goes on after `last`.
    pub(super) fn new(objects: Objects, last: u64, took: Took, lease: Lease) -> Self {
        Self { objects, took, lease, tail: Mutex::new(Tail { last, by: None }) }
    }

    /// Whether the state may be written.
    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// What took the state.
    pub(super) fn took(&self) -> &Took {
        &self.took
    }

    /// The objects.
    pub(super) fn objects(&self) -> &Objects {
        &self.objects
    }

    fn head(&self, number: u64, took: bool) -> Head {
        let took = took.then(|| self.took.clone());
        Head { format: FORMAT, number, run: self.took.holder.id.clone(), nonce: random(), took }
    }

    /// Takes the state by writing the first object. False: another run took it.
    pub(super) async fn open(&self, body: &[u8]) -> Result<bool, StoreError> {
        match self.write(body, true).await {
            Ok(()) => Ok(true),
            Err(StoreError::Lost { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the next object; when it is there no other run had taken the state before it was sent.
    pub(super) async fn append(&self, body: &[u8]) -> Result<(), StoreError> {
        self.write(body, false).await
    }

    async fn write(&self, body: &[u8], takes: bool) -> Result<(), StoreError> {
        let mut tail = self.tail.lock().await;
        if self.lease.is_lost() {
            return Err(self.lost(&tail));
        }
        let head = self.head(tail.last + 1, takes);
        let sent = Moment::now();
        let created = self.objects.create(head.number, batch::write(&head, body)).await?;
        if let Created::Existed(bytes) = created {
            let place = self.objects.place(Sort::Journal, head.number);
            let (found, _) = batch::read(&place, &bytes)?;
            // Ours, of a write whose answer was lost, or another run's.
            if (&found.run, &found.nonce) != (&head.run, &head.nonce) {
                self.lease.lose();
                tail.by = found.took.map(|took| Box::new(took.holder));
                return Err(self.lost(&tail));
            }
        }
        tail.last = head.number;
        self.lease.renew(sent);
        Ok(())
    }

    fn lost(&self, tail: &Tail) -> StoreError {
        StoreError::Lost { place: self.objects.url().to_owned(), by: tail.by.clone() }
    }

    async fn snapshot(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let tail = self.tail.lock().await;
        if self.lease.is_lost() {
            return Err(self.lost(&tail));
        }
        let head = self.head(tail.last, true);
        self.objects.put(Sort::Snapshot, head.number, batch::write(&head, bytes)).await
    }

    /// Deletes what the newest snapshot makes needless and is older than any run that could be asleep.
    async fn prune(&self) -> Result<(), StoreError> {
        let Some((newest, now)) = self.objects.list(Sort::Snapshot, self.took.number - 1).await?.pop() else {
            return Ok(());
        };
        let is_old = |meta: &ObjectMeta| {
            let age = (now.last_modified - meta.last_modified).num_seconds();
            u64::try_from(age).is_ok_and(|age| age > KEPT_FOR)
        };
        for (sort, below) in
            [(Sort::Journal, newest), (Sort::Snapshot, newest), (Sort::Heartbeat, self.took.number)]
        {
            let old = self.objects.first(sort, PRUNED_AT_ONCE, |number, meta| number < below && is_old(meta));
            self.objects.delete(sort, &old.await?).await;
        }
        Ok(())
    }
}

/// The state of a stack, held by this run.
pub(in crate::state::store) struct Held {
    journal: Arc<Journal>,
    heart: JoinHandle<()>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.heart.abort();
    }
}

impl Held {
    /// From now on its heart beats.
    pub(super) fn new(journal: Journal) -> Self {
        let journal = Arc::new(journal);
        let heart = tokio::spawn(heart::beat(journal.clone()));
        Self { journal, heart }
    }

    /// Whether calls that change the cloud may leave.
    pub(in crate::state::store) fn lease(&self) -> &Lease {
        self.journal.lease()
    }

    /// Writes the next object of the journal.
    pub(in crate::state::store) fn write(
        &self,
        bytes: Vec<u8>,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let journal = self.journal.clone();
        async move { journal.append(&bytes).await }.boxed()
    }

    /// Writes a snapshot of everything up to the last object.
    pub(in crate::state::store) async fn snapshot(&self, bytes: &[u8]) -> Result<(), StoreError> {
        self.journal.snapshot(bytes).await
    }

    /// Keeps bytes under a name, which are the same each time.
    pub(in crate::state::store) async fn keep(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.journal.objects().put_named(name, bytes).await
    }

    /// Gives the state back: the next run need not wait for the lease to pass.
    pub(in crate::state::store) async fn release(&self) {
        self.heart.abort();
        let took = self.journal.took();
        let last = Beat { run: took.holder.id.clone(), beat: 0, over: true };
        let bytes = serde_json::to_vec(&last).expect("a beat is plain text");
        // Neither is needed: without the one the next run waits a lease, the other is done by the next.
        let ended = self.journal.objects().put(Sort::Heartbeat, took.number, bytes);
        let both = async { futures::join!(ended, self.journal.prune()) };
        let _ = timeout(LAST, both).await;
    }
}
