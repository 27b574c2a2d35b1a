//! A state in an object store: journal entries as numbered objects, snapshots, heartbeats. What the bytes mean is
//! not known here.
//!
//! `journal/N` are numbered without gaps and created only if absent: that is the fence. A run takes the state by
//! creating the next number with a `took` in its head; whoever wrote before finds that number taken, and writes no
//! more. `snapshot/N` holds everything up to N. `heartbeat/N` is rewritten by the run that took the state with N; it
//! alone writes it.

mod batch;
mod heart;
mod journal;
mod lease;
mod objects;
mod refusal;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;

pub use lease::Lease;
pub use refusal::{Refusal, RefusalSort};

use batch::{Head, Took};
use objects::{Objects, Sort};

use super::holder::random;
use super::load::Kept;
use super::{Holder, StoreError};
pub(super) use journal::Held;

/// How many objects are read at once.
const AT_ONCE: usize = 16;

/// One stack's state in an object store.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    objects: Objects,
    lease: Duration,
}

/// What is there.
pub(super) struct Survey {
    /// The newest snapshot.
    snapshot: Option<(Head, Vec<u8>)>,
    /// The objects of the journal since, in their order.
    batches: Vec<(Head, Vec<u8>)>,
    /// The last number that is taken.
    end: u64,
}

impl Survey {
    /// Who took the state last.
    fn took(&self) -> Option<&Took> {
        let heads = self.batches.iter().rev().chain(&self.snapshot).map(|(head, _)| head);
        heads.filter_map(|head| head.took.as_ref()).next()
    }
}

impl Remote {
    /// What `store` has under `prefix`; people know the place as `url`.
    pub(super) fn new(store: Arc<dyn ObjectStore>, url: &str, prefix: &str, lease: Duration) -> Self {
        Self { objects: Objects::new(store, url, prefix), lease }
    }

    /// What people call it.
    pub(super) fn url(&self) -> &str {
        self.objects.url()
    }

    /// What was kept under a name; none if nothing was.
    pub(super) async fn named(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.objects.named(name).await?.map(Vec::from))
    }

    /// The names under a folder.
    pub(super) async fn names(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.objects.names(folder).await
    }

    /// The run that has the state, unless it has ended. It may be dead: only its heartbeat tells.
    pub(super) async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        let survey = self.survey().await?;
        Ok(self.another(&survey).await?.map(|(took, _)| took.holder.clone()))
    }

    /// Looks at everything since the newest snapshot.
    pub(super) async fn survey(&self) -> Result<Survey, StoreError> {
        let snapshots = self.objects.list(Sort::Snapshot, 0).await?;
        let snapshot = match snapshots.last() {
            Some((number, _)) => Some(self.fetch(Sort::Snapshot, *number).await?),
            None => None,
        };
        let begin = snapshot.as_ref().map_or(0, |(head, _)| head.number);
        let numbers = self.objects.list(Sort::Journal, begin).await?;
        for (at, (number, _)) in numbers.iter().enumerate() {
            let wanted = begin + 1 + at as u64;
            if *number != wanted {
                return Err(StoreError::Gap { place: self.objects.place(Sort::Journal, wanted) });
            }
        }
        let fetched = numbers.iter().map(|(number, _)| self.fetch(Sort::Journal, *number));
        let batches: Vec<_> = futures::stream::iter(fetched).buffered(AT_ONCE).try_collect().await?;
        Ok(Survey { snapshot, end: begin + batches.len() as u64, batches })
    }

    async fn fetch(&self, sort: Sort, number: u64) -> Result<(Head, Vec<u8>), StoreError> {
        let place = self.objects.place(sort, number);
        match self.objects.get(sort, number).await? {
            Some(bytes) => batch::read(&place, &bytes),
            None => Err(StoreError::Gap { place }),
        }
    }

    /// What a survey found, as bytes to be made a state of.
    pub(super) fn kept(&self, survey: &Survey) -> Kept {
        let place =
            |sort, (head, bytes): &(Head, Vec<u8>)| (self.objects.place(sort, head.number), bytes.clone());
        Kept {
            snapshot: survey.snapshot.as_ref().map(|object| place(Sort::Snapshot, object)),
            journal: survey.batches.iter().map(|object| place(Sort::Journal, object)).collect(),
        }
    }

    /// Takes the state by creating the next number, which carries `body`. None: somebody else created it.
    async fn take(
        &self,
        survey: &Survey,
        holder: &Holder,
        over: Option<String>,
        body: &[u8],
    ) -> Result<Option<Held>, StoreError> {
        let number = survey.end + 1;
        let lease = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX);
        let took = Took { number, holder: holder.clone(), lease, over };
        let sent = lease::Moment::now();
        let journal =
            journal::Journal::new(self.objects.clone(), survey.end, took, Lease::taken(self.lease, sent));
        Ok(journal.open(body).await?.then(|| Held::new(journal)))
    }
}
