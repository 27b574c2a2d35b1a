//! What holds of a store whose states are in objects: one run goes on, whatever the timing, and nothing is lost.
//!
//! Time is simulated; what goes wrong is by a seed.

mod races;
mod rough;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::time::{Instant, sleep};

use crate::address::Address;
use crate::state::State;
use crate::state::journal::Entry;
use crate::state::store::{Holder, Locked, Store, StoreError, Wait};
use rough::Rough;

const LEASE: Duration = Duration::from_secs(60);

fn store_of(store: impl ObjectStore) -> Store {
    Store::remote(Arc::new(store), "s3://bucket/prefix", "prefix", LEASE, "shop", "sandbox")
}

fn plain(inner: &Arc<InMemory>) -> Store {
    store_of(Rough::new(inner, 1, 5..6, 0))
}

fn run(who: &str) -> Holder {
    Holder::new(who, "up shop", 1_000)
}

fn entry(name: &str) -> Entry {
    Entry::Begun {
        address: Address::new("value", name),
        kind: "value".into(),
        place: crate::graph::Place::default(),
        edges: Vec::new(),
        action: crate::change::Action::Create,
        token: "0".repeat(32),
        spec: serde_json::json!({}),
        at: 0,
    }
}

async fn lock(store: &Store, who: &str) -> Locked {
    store.lock(&run(who), "lineage").await.expect("locks")
}

async fn append(locked: &mut Locked, name: &str) -> Result<(), StoreError> {
    locked.append(&[entry(name)]).expect("is legal");
    locked.flush().await
}

fn names(state: &State) -> Vec<String> {
    state.records.keys().map(|address| address.name().to_owned()).collect()
}

async fn read(store: &Store) -> State {
    store.read().await.expect("reads").expect("a state")
}

#[tokio::test(start_paused = true)]
async fn what_was_committed_is_there_and_the_next_run_goes_on() {
    let inner = Arc::new(InMemory::new());
    let store = plain(&inner);
    assert_eq!(store.read().await.expect("reads"), None);
    let mut first = lock(&store, "ann").await;
    append(&mut first, "a").await.expect("writes");
    append(&mut first, "b").await.expect("writes");
    assert_eq!(&read(&store).await, first.state());
    first.snapshot().await.expect("snapshots");
    first.release().await;
    let mut second = lock(&store, "bob").await;
    append(&mut second, "c").await.expect("writes");
    let state = read(&store).await;
    assert_eq!(
        (names(&state), state.serial, state.lineage.as_str()),
        (vec!["a".into(), "b".into(), "c".into()], 1, "lineage")
    );
}

#[tokio::test(start_paused = true)]
async fn b29_a_run_that_lives_is_named_and_one_that_has_ended_is_not_waited_for() {
    let inner = Arc::new(InMemory::new());
    let store = plain(&inner);
    let mut first = lock(&store, "ann on laptop, process 7").await;
    let began = Instant::now();
    let bob = Holder::new("bob", "destroy shop", 61_000);
    match store.lock(&bob, "lineage").await.map(drop) {
        Err(StoreError::Locked { holder, age, .. }) => {
            assert_eq!((holder.who.as_str(), age.as_secs()), ("ann on laptop, process 7", 60));
        }
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() < LEASE / 3, "a sign of life is enough: {:?}", began.elapsed());
    first.release().await;
    let began = Instant::now();
    lock(&store, "bob").await;
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_died_is_followed_after_a_whole_lease_and_its_open_steps_are_kept() {
    let inner = Arc::new(InMemory::new());
    let store = plain(&inner);
    let mut first = lock(&store, "ann").await;
    append(&mut first, "a").await.expect("writes");
    drop(first);
    let began = Instant::now();
    let second = lock(&store, "bob").await;
    assert!(began.elapsed() >= LEASE, "{:?}", began.elapsed());
    assert!(second.state().records[&Address::new("value", "a")].open.is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_told_for_whom_and_gets_it() {
    let inner = Arc::new(InMemory::new());
    let store = plain(&inner);
    let mut first = lock(&store, "ann").await;
    let ends = async {
        sleep(Duration::from_secs(300)).await;
        first.release().await;
    };
    let mut told = Vec::new();
    let mut tell = |holder: &Holder, _| told.push(holder.who.clone());
    let mut wait = Wait { within: Duration::from_secs(900), tell: &mut tell };
    let bob = run("bob");
    let (second, ()) = futures::join!(store.lock_within(&bob, "lineage", &mut wait), ends);
    second.expect("locks");
    assert!(told.iter().all(|who| who == "ann") && !told.is_empty());
}

#[tokio::test(start_paused = true)]
async fn b34_a_late_write_of_a_run_that_lost_its_fence_is_refused() {
    let inner = Arc::new(InMemory::new());
    let rough = Rough::new(&inner, 7, 5..6, 0);
    let mut first = lock(&store_of(rough.clone()), "ann").await;
    append(&mut first, "a").await.expect("writes");
    rough.still.send_replace(true);
    let mut second = lock(&plain(&inner), "bob").await;
    append(&mut second, "b").await.expect("writes");
    rough.still.send_replace(false);
    let lease = first.lease();
    assert!(!lease.holds(), "whoever slept for a lease asks before anything else");
    match append(&mut first, "late").await {
        Err(StoreError::Lost { by: Some(by), .. }) => assert_eq!(by.who, "bob"),
        other => panic!("{other:?}"),
    }
    assert!(lease.is_lost() && !lease.held().await);
    assert!(matches!(first.snapshot().await, Err(StoreError::Broken)));
    first.release().await;
    append(&mut second, "c").await.expect("writes");
    assert_eq!(names(&read(&plain(&inner)).await), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_slept_and_was_not_followed_goes_on() {
    let inner = Arc::new(InMemory::new());
    let rough = Rough::new(&inner, 7, 5..6, 0);
    let mut first = lock(&store_of(rough.clone()), "ann").await;
    rough.still.send_replace(true);
    sleep(LEASE * 3).await;
    assert!(!first.lease().holds());
    rough.still.send_replace(false);
    assert!(first.lease().held().await, "the fence is still its own");
    append(&mut first, "a").await.expect("writes");
}

#[tokio::test(start_paused = true)]
async fn unlocking_needs_the_id_and_stops_the_run_that_had_it() {
    let inner = Arc::new(InMemory::new());
    let store = plain(&inner);
    let ann = run("ann");
    let mut first = store.lock(&ann, "lineage").await.expect("locks");
    append(&mut first, "a").await.expect("writes");
    let bob = run("bob");
    match store.unlock(&bob, "0123", "lineage").await {
        Err(StoreError::OtherHolder { holder }) => assert_eq!(*holder, ann),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.unlock(&bob, &ann.id, "lineage").await.expect("unlocks"), Some(ann.clone()));
    assert_eq!(store.unlock(&bob, &ann.id, "lineage").await.expect("is free"), None);
    assert!(matches!(append(&mut first, "late").await, Err(StoreError::Lost { .. })));
    let began = Instant::now();
    assert_eq!(names(lock(&store, "carl").await.state()), ["a"]);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_missing_number_is_an_error_and_not_a_shorter_history() {
    let inner = Arc::new(InMemory::new());
    let store = plain(&inner);
    let mut first = lock(&store, "ann").await;
    for name in ["a", "b", "c"] {
        append(&mut first, name).await.expect("writes");
    }
    first.release().await;
    let lost = Path::from("prefix/shop/journal/00000000000000000003");
    inner.delete(&lost).await.expect("deletes");
    match store.read().await {
        Err(StoreError::Gap { place }) => assert!(place.ends_with("journal/00000000000000000003"), "{place}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn one_write_is_on_its_way_at_most_and_what_comes_meanwhile_goes_together() {
    let inner = Arc::new(InMemory::new());
    let rough = Rough::new(&inner, 3, 25..26, 0);
    let mut locked = lock(&store_of(rough.clone()), "ann").await;
    let before = rough.puts.load(Ordering::Relaxed);
    let began = Instant::now();
    for number in 0..1_000 {
        locked.append(&[entry(&format!("v{number}"))]).expect("is legal");
        let step = sleep(Duration::from_millis(2));
        tokio::pin!(step);
        loop {
            tokio::select! {
                biased;
                written = locked.commit(), if locked.is_behind() => written.expect("writes"),
                () = &mut step => break,
            }
        }
    }
    locked.flush().await.expect("writes");
    let (puts, took) = (rough.puts.load(Ordering::Relaxed) - before, began.elapsed());
    let trips = took.as_millis() / 50;
    assert!(u128::from(puts) <= trips + 1, "{puts} writes in {trips} round trips");
    assert_eq!(rough.most_at_once(), 1);
    assert_eq!(read(&plain(&inner)).await.records.len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn young_objects_are_kept_below_the_snapshot() {
    let inner = Arc::new(InMemory::new());
    let store = plain(&inner);
    for who in ["ann", "bob", "carl"] {
        let mut locked = lock(&store, who).await;
        append(&mut locked, who).await.expect("writes");
        locked.snapshot().await.expect("snapshots");
        locked.release().await;
    }
    let journal = Path::from("prefix/shop/journal/00000000000000000001");
    inner.head(&journal).await.expect("it is still there");
    assert_eq!(read(&store).await.serial, 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_objects_is_encrypted_too_and_its_keys_are_changed() {
    use crate::secret::Secrets;
    use crate::state::keys::Keys;
    use crate::state::seal::{Seal, SealError};
    use futures::TryStreamExt;
    let inner = Arc::new(InMemory::new());
    let keys = |text: &str| Keys::Passphrase(text.to_owned().into());
    let by = |seal: Seal| plain(&inner).keeping(seal, Secrets::default());
    let (one, other) = (by(Seal::by(keys("one"))), by(Seal::by(keys("other"))));
    let mut locked = lock(&one, "ann").await;
    append(&mut locked, "unmistakable").await.expect("writes");
    locked.release().await;
    let closed = |error: StoreError| matches!(error, StoreError::Sealed { source: SealError::Key(_), .. });
    assert!(closed(other.read().await.expect_err("another key")));
    let taken = other.lock(&run("bob"), "lineage").await.err().expect("another key");
    assert!(closed(taken), "and nothing is taken by it");
    let mut locked = lock(&one, "ann").await;
    locked.snapshot().await.expect("writes");
    locked.release().await;
    let both = by(Seal::by(keys("other")).and_old(keys("one")));
    let mut locked = lock(&both, "ann").await;
    locked.seal_anew(&both).await.expect("writes");
    locked.release().await;
    assert_eq!(names(&other.read().await.expect("reads").expect("a state")), ["unmistakable"]);
    let paths: Vec<_> = inner.list(None).try_collect::<Vec<_>>().await.expect("lists");
    assert!(paths.len() > 3);
    for meta in paths {
        let bytes = inner.get(&meta.location).await.expect("is there").bytes().await.expect("reads");
        assert!(!String::from_utf8_lossy(&bytes).contains("unmistakable"), "{}", meta.location);
    }
}
