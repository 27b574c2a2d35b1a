//! The objects of one stack in a store: names, reading, writing; each tried again while its failure may pass.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::time::{Instant, sleep, timeout};

use super::refusal::Refusal;
use crate::state::store::StoreError;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(20);
/// How long a failure that may pass is tried against.
const PATIENCE: Duration = Duration::from_secs(120);
/// The first and the longest pause between tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The objects of one stack.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    /// What errors call the place: `s3://bucket/prefix`.
    url: String,
    prefix: Path,
}

/// What objects are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Journal,
    Snapshot,
    Heartbeat,
}

impl Sort {
    fn folder(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Snapshot => "snapshot",
            Self::Heartbeat => "heartbeat",
        }
    }
}

/// What became of a create-only write.
pub(super) enum Created {
    /// It was not there, and is now.
    Written,
    /// Something was there: this. It may be our own, of a write whose answer was lost.
    Existed(Bytes),
}

impl Objects {
    /// Those under `prefix` of a store that people know as `url`.
    pub(super) fn new(store: Arc<dyn ObjectStore>, url: &str, prefix: &str) -> Self {
        Self { store, url: url.trim_end_matches('/').to_owned(), prefix: Path::from(prefix) }
    }

    /// What people call an object.
    pub(super) fn place(&self, sort: Sort, number: u64) -> String {
        format!("{}/{}/{number:020}", self.url, sort.folder())
    }

    /// What people call all of it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn folder(&self, sort: Sort) -> Path {
        self.prefix.clone().join(sort.folder())
    }

    fn path(&self, sort: Sort, number: u64) -> Path {
        self.folder(sort).join(format!("{number:020}"))
    }

    /// An object; none if it is not there.
    pub(super) async fn get(&self, sort: Sort, number: u64) -> Result<Option<Bytes>, StoreError> {
        self.named(&format!("{}/{number:020}", sort.folder())).await
    }

    /// The numbers of the objects after `after`, in their order, and when each was written.
    pub(super) async fn list(&self, sort: Sort, after: u64) -> Result<Vec<(u64, ObjectMeta)>, StoreError> {
        let (folder, offset) = (self.folder(sort), self.path(sort, after));
        let answer =
            patiently(|| self.store.list_with_offset(Some(&folder), &offset).try_collect::<Vec<_>>().boxed());
        let metas = answer.await.map_err(|error| self.failed("cannot list", sort, None, &error))?;
        let mut found: Vec<_> = metas.into_iter().filter_map(|meta| Some((number(&meta)?, meta))).collect();
        found.sort_by_key(|(number, _)| *number);
        Ok(found)
    }

    /// The numbers of the first objects, at most so many, while `wanted` says so.
    pub(super) async fn first(
        &self,
        sort: Sort,
        most: usize,
        wanted: impl Fn(u64, &ObjectMeta) -> bool,
    ) -> Result<Vec<u64>, StoreError> {
        let folder = self.folder(sort);
        let wanted = |meta: ObjectMeta| number(&meta).filter(|number| wanted(*number, &meta));
        let found = self.store.list(Some(&folder)).map_ok(wanted);
        let found = found.take(most).try_take_while(|number| futures::future::ok(number.is_some()));
        let found = timeout(ANSWER, found.try_collect::<Vec<_>>()).await.unwrap_or_else(|_| Err(no_answer()));
        let found = found.map_err(|error| self.failed("cannot list", sort, None, &error))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Writes an object, whatever is there.
    pub(super) async fn put(&self, sort: Sort, number: u64, bytes: Vec<u8>) -> Result<(), StoreError> {
        let (path, payload) = (self.path(sort, number), PutPayload::from(bytes));
        let answer = patiently(|| self.store.put(&path, payload.clone()).boxed()).await;
        answer.map(drop).map_err(|error| self.failed("cannot write", sort, Some(number), &error))
    }

    /// Writes an object within a time, without trying again. Whether it is known to be written.
    pub(super) async fn put_once(&self, sort: Sort, number: u64, bytes: Vec<u8>, within: Duration) -> bool {
        let (path, payload) = (self.path(sort, number), PutPayload::from(bytes));
        matches!(timeout(within, self.store.put(&path, payload)).await, Ok(Ok(_)))
    }

    /// Writes an object of the journal that must not be there.
    pub(super) async fn create(&self, number: u64, bytes: Vec<u8>) -> Result<Created, StoreError> {
        let (path, payload) = (self.path(Sort::Journal, number), PutPayload::from(bytes));
        let began = Instant::now();
        let mut pauses = Pauses::default();
        loop {
            let options = PutOptions::from(PutMode::Create);
            let put = timeout(ANSWER, self.store.put_opts(&path, payload.clone(), options)).await;
            let error = match put {
                Ok(Ok(_)) => return Ok(Created::Written),
                // A conflict with another write at the same time says the same, and may leave nothing behind.
                Ok(Err(Error::AlreadyExists { .. } | Error::Precondition { .. })) => {
                    match self.get(Sort::Journal, number).await? {
                        Some(bytes) => return Ok(Created::Existed(bytes)),
                        None => None,
                    }
                }
                Ok(Err(error)) => Some(error),
                Err(_) => None,
            };
            let passes = error.as_ref().is_none_or(|error| Refusal::of(error).passes());
            if !passes || began.elapsed() > PATIENCE {
                let error = error.unwrap_or_else(no_answer);
                return Err(self.failed("cannot write", Sort::Journal, Some(number), &error));
            }
            pauses.rest().await;
        }
    }

    /// An object by its name under the prefix; none if it is not there.
    pub(super) async fn named(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let path = self.under(name);
        match patiently(|| async { self.store.get(&path).await?.bytes().await }.boxed()).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if Refusal::is_absence(&error) => Ok(None),
            Err(error) => Err(self.refused("cannot read", name, &error)),
        }
    }

    /// Writes an object by its name under the prefix.
    pub(super) async fn put_named(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let (path, payload) = (self.under(name), PutPayload::from(bytes));
        let put = patiently(|| self.store.put(&path, payload.clone()).boxed()).await;
        put.map(drop).map_err(|error| self.refused("cannot write", name, &error))
    }

    /// The names of the objects right under a folder.
    pub(super) async fn names(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let path = self.under(folder);
        let listed = patiently(|| self.store.list(Some(&path)).try_collect::<Vec<_>>().boxed()).await;
        let metas = listed.map_err(|error| self.refused("cannot list", folder, &error))?;
        let name = |meta: ObjectMeta| {
            let rest = meta.location.as_ref().strip_prefix(path.as_ref())?.strip_prefix('/')?;
            (!rest.contains('/')).then(|| rest.to_owned())
        };
        Ok(metas.into_iter().filter_map(name).collect())
    }

    fn under(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Deletes objects. What cannot be deleted stays: nothing depends on it.
    pub(super) async fn delete(&self, sort: Sort, numbers: &[u64]) {
        let paths: Vec<_> = numbers.iter().map(|number| Ok(self.path(sort, *number))).collect();
        let deleted = self.store.delete_stream(Box::pin(futures::stream::iter(paths)));
        drop(timeout(ANSWER, deleted.try_collect::<Vec<_>>()).await);
    }

    fn failed(&self, what: &'static str, sort: Sort, number: Option<u64>, error: &Error) -> StoreError {
        match number {
            Some(number) => self.refused(what, &format!("{}/{number:020}", sort.folder()), error),
            None => self.refused(what, sort.folder(), error),
        }
    }

    fn refused(&self, what: &'static str, name: &str, error: &Error) -> StoreError {
        StoreError::Remote { what, place: format!("{}/{name}", self.url), source: Refusal::of(error) }
    }
}

/// The number of an object.
fn number(meta: &ObjectMeta) -> Option<u64> {
    meta.location.filename()?.parse().ok()
}

/// Asks again while the failure may pass and patience lasts.
async fn patiently<'a, T>(mut ask: impl FnMut() -> BoxFuture<'a, Result<T, Error>>) -> Result<T, Error> {
    let began = Instant::now();
    let mut pauses = Pauses::default();
    loop {
        let error = match timeout(ANSWER, ask()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if !Refusal::of(&error).passes() => return Err(error),
            Ok(Err(error)) => error,
            Err(_) => no_answer(),
        };
        if began.elapsed() > PATIENCE {
            return Err(error);
        }
        pauses.rest().await;
    }
}

fn no_answer() -> Error {
    Error::Generic { store: "store", source: "there was no answer in time".into() }
}

/// Ever longer pauses, of which a random part is left out.
#[derive(Default)]
struct Pauses(u32);

impl Pauses {
    async fn rest(&mut self) {
        let full = (PAUSES.0 * 2_u32.pow(self.0.min(6))).min(PAUSES.1);
        self.0 += 1;
        let mut byte = [0_u8];
        // Without randomness the pause is whole.
        let _ = getrandom::fill(&mut byte);
        sleep(full - full * u32::from(byte[0]) / 512).await;
    }
}
