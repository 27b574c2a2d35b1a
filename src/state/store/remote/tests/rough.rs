//! `Rough`: an object store of this process that is slow, fails, conflicts, loses answers and stands still, by a seed.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::watch;
use tokio::time::sleep;

/// Numbers by a seed.
#[derive(Debug)]
pub struct Dice(Mutex<u64>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }

    /// A number below `end`.
    pub fn below(&self, end: u64) -> u64 {
        let mut state = self.0.lock().expect("nobody panics with it");
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) % end
    }

    pub fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(range.start + self.below(range.end - range.start))
    }
}

/// One run's way to the store.
#[derive(Clone, Debug)]
pub struct Rough {
    pub inner: Arc<InMemory>,
    dice: Arc<Dice>,
    /// How long a request, and its answer, travels.
    travel: Range<u64>,
    /// How many of a hundred requests go wrong.
    wrong: u64,
    /// While this is true nothing of this run goes on: neither requests nor answers.
    pub still: watch::Sender<bool>,
    /// How many objects were written, or tried to.
    pub puts: Arc<AtomicU64>,
    /// How many writes are on their way, and how many were at most.
    flying: Arc<Mutex<(u64, u64)>>,
}

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rough")
    }
}

enum Wrong {
    Before,
    After,
    Conflict,
    Slow,
}

impl Rough {
    pub fn new(inner: &Arc<InMemory>, seed: u64, travel: Range<u64>, wrong: u64) -> Self {
        let (inner, dice, still) = (inner.clone(), Arc::new(Dice::new(seed)), watch::channel(false).0);
        Self { inner, dice, travel, wrong, still, puts: Arc::default(), flying: Arc::default() }
    }

    /// How many writes of journal objects were on their way at once, at most.
    pub fn most_at_once(&self) -> u64 {
        self.flying.lock().expect("nobody panics with it").1
    }

    async fn go_on(&self) {
        let mut still = self.still.subscribe();
        still.wait_for(|still| !still).await.expect("the store lives");
    }

    async fn travel(&self) {
        self.go_on().await;
        sleep(self.dice.millis(self.travel.clone())).await;
    }

    fn fate(&self) -> Option<Wrong> {
        if self.dice.below(100) >= self.wrong {
            return None;
        }
        Some(match self.dice.below(4) {
            0 => Wrong::Before,
            1 => Wrong::After,
            2 => Wrong::Conflict,
            _ => Wrong::Slow,
        })
    }

    async fn through<T>(&self, path: &str, ask: impl Future<Output = Result<T>>) -> Result<T> {
        self.travel().await;
        let broken = || Error::Generic { store: "rough", source: "503 Slow Down".into() };
        let answer = match self.fate() {
            Some(Wrong::Before) => return Err(broken()),
            Some(Wrong::Conflict) => {
                return Err(Error::AlreadyExists { path: path.to_owned(), source: "409 Conflict".into() });
            }
            Some(Wrong::After) => {
                let _ = ask.await;
                return Err(broken());
            }
            Some(Wrong::Slow) => {
                sleep(self.dice.millis(1_000..25_000)).await;
                ask.await
            }
            None => ask.await,
        };
        self.travel().await;
        // An answer that came while nothing went on is read when it does again.
        self.go_on().await;
        answer
    }
}

#[async_trait]
impl ObjectStore for Rough {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let is_journal = location.as_ref().contains("/journal/");
        if is_journal {
            self.puts.fetch_add(1, Ordering::Relaxed);
            let mut flying = self.flying.lock().expect("nobody panics with it");
            flying.0 += 1;
            flying.1 = flying.1.max(flying.0);
        }
        let _landed = Landing(is_journal.then(|| self.flying.clone()));
        let creates = opts.mode == PutMode::Create;
        let put = self.inner.put_opts(location, payload, opts);
        let put = self.through(location.as_ref(), put).await;
        match put {
            // Only what creates can conflict.
            Err(Error::AlreadyExists { .. }) if !creates => {
                Err(Error::Generic { store: "rough", source: "500".into() })
            }
            put => put,
        }
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        unreachable!("objects are written whole")
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let get = self.through(location.as_ref(), self.inner.get_opts(location, options)).await;
        match get {
            Err(Error::AlreadyExists { .. }) => Err(Error::Generic { store: "rough", source: "500".into() }),
            get => get,
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (rough, listed) = (self.clone(), self.inner.list(prefix));
        futures::stream::once(async move { rough.travel().await })
            .flat_map(move |()| futures::stream::empty())
            .chain(listed)
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unreachable!("nothing is copied")
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }
}

/// Takes a write off the count, however it ended.
struct Landing(Option<Arc<Mutex<(u64, u64)>>>);

impl Drop for Landing {
    fn drop(&mut self) {
        if let Some(flying) = &self.0 {
            flying.lock().expect("nobody panics with it").0 -= 1;
        }
    }
}
