//! What holds of a store whose states are in a folder.

use std::io::Write;

use futures::FutureExt;

use super::*;
use crate::address::Address;

fn store(folder: &Path) -> Store {
    Store::open(folder, "shop", "sandbox")
}

fn me() -> Holder {
    Holder::new("me", "up shop", 1_000)
}

/// Nothing is waited for where states are in a folder.
fn now<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("it does not wait")
}

fn lock(folder: &Path) -> Locked {
    now(store(folder).lock(&me(), "lineage")).expect("locks")
}

fn read(folder: &Path) -> Result<Option<State>, StoreError> {
    now(store(folder).read())
}

fn append(locked: &mut Locked, names: &[&str]) {
    let entries: Vec<Entry> = names.iter().copied().map(entry).collect();
    locked.append(&entries).expect("appends");
    now(locked.flush()).expect("writes");
}

/// Writes past everybody, as a program that is killed or wrong does.
fn scribble(folder: &Path, bytes: &[u8]) {
    let journal = std::fs::OpenOptions::new().append(true).open(folder.join("shop/journal.jsonl"));
    journal.expect("opens").write_all(bytes).expect("writes");
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

#[test]
fn what_was_appended_is_there_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut locked = lock(folder.path());
    append(&mut locked, &["a", "b"]);
    let before = locked.state().clone();
    drop(locked);
    assert_eq!(read(folder.path()).expect("reads"), Some(before));
}

#[test]
fn a_torn_tail_is_dropped_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut locked = lock(folder.path());
    append(&mut locked, &["a"]);
    scribble(folder.path(), b"0000abcd {\"format\":1,");
    drop(locked);
    let mut again = now(store(folder.path()).lock(&me(), "other")).expect("locks");
    assert!(again.was_torn());
    assert_eq!(again.state().lineage, "lineage");
    append(&mut again, &["b"]);
    drop(again);
    assert_eq!(read(folder.path()).expect("reads").expect("a state").records.len(), 2);
}

#[test]
fn a_first_line_that_was_torn_is_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("shop")).expect("makes");
    std::fs::write(folder.path().join("shop/journal.jsonl"), b"1234abcd {\"for").expect("writes");
    let mut locked = lock(folder.path());
    append(&mut locked, &["a"]);
    drop(locked);
    assert_eq!(read(folder.path()).expect("reads").expect("a state").records.len(), 1);
}

#[test]
fn a_journal_without_its_snapshot_is_an_error_and_not_a_new_stack() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut locked = lock(folder.path());
    append(&mut locked, &["a"]);
    now(locked.snapshot()).expect("snapshots");
    append(&mut locked, &["b"]);
    drop(locked);
    std::fs::remove_file(folder.path().join("shop/state.json")).expect("removes");
    assert!(matches!(read(folder.path()), Err(StoreError::Headless { .. })));
}

#[test]
fn a_line_of_a_newer_program_is_refused_and_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut locked = lock(folder.path());
    append(&mut locked, &["a"]);
    let json = br#"{"format":2,"news":true}"#;
    let line = format!("{:08x} {}\n", crc32fast::hash(json), String::from_utf8_lossy(json));
    scribble(folder.path(), line.as_bytes());
    drop(locked);
    assert!(matches!(read(folder.path()), Err(StoreError::Newer { line: 3, .. })));
}

#[test]
fn a_damaged_line_in_the_middle_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut locked = lock(folder.path());
    append(&mut locked, &["a"]);
    scribble(folder.path(), b"garbage\n");
    append(&mut locked, &["b"]);
    drop(locked);
    assert!(matches!(read(folder.path()), Err(StoreError::Line { line: 3, .. })));
}

#[test]
fn a_snapshot_survives_and_the_journal_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut locked = lock(folder.path());
    append(&mut locked, &["a"]);
    now(locked.snapshot()).expect("snapshots");
    append(&mut locked, &["b"]);
    drop(locked);
    let state = read(folder.path()).expect("reads").expect("a state");
    assert_eq!((state.records.len(), state.serial, state.seq), (2, 1, 2));
}

#[test]
fn b29_a_held_lock_names_its_holder() {
    let folder = tempfile::tempdir().expect("a folder");
    let ann = Holder::new("ann on laptop, process 7", "up shop", 1_000);
    let _held = now(store(folder.path()).lock(&ann, "lineage")).expect("locks");
    let bob = Holder::new("bob", "destroy shop", 61_000);
    match now(store(folder.path()).lock(&bob, "lineage")) {
        Err(StoreError::Locked { holder, age, .. }) => assert_eq!((*holder, age.as_secs()), (ann, 60)),
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[test]
fn what_is_appended_is_folded_at_once_and_durable_when_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut locked = lock(folder.path());
    locked.append(&[entry("a")]).expect("appends");
    locked.append(&[entry("b")]).expect("appends");
    assert_eq!((locked.state().seq, locked.durable(), locked.is_behind()), (2, 0, true));
    assert_eq!(read(folder.path()).expect("reads"), None);
    now(locked.commit()).expect("writes both together");
    assert_eq!((locked.durable(), locked.is_behind()), (2, false));
    assert_eq!(read(folder.path()).expect("reads").expect("a state").records.len(), 2);
}

#[test]
fn a_state_of_another_cloud_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut locked = lock(folder.path());
    append(&mut locked, &["a"]);
    drop(locked);
    let other = now(Store::open(folder.path(), "shop", "aws/111122223333").read());
    assert!(matches!(other, Err(StoreError::OtherCloud { .. })));
}

#[test]
fn b29_a_lock_is_taken_away_by_its_id_and_the_run_that_had_it_writes_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ann, bob) = (Holder::new("ann", "up shop", 1_000), Holder::new("bob", "unlock shop", 2_000));
    let unlock = |id: &str| now(store(folder.path()).unlock(&bob, id, "lineage"));
    assert_eq!(unlock(&ann.id).expect("nothing is there"), None);
    let mut first = now(store(folder.path()).lock(&ann, "lineage")).expect("locks");
    append(&mut first, &["a"]);
    match unlock("0123456789abcdef") {
        Err(StoreError::OtherHolder { holder }) => assert_eq!(*holder, ann),
        other => panic!("{other:?}"),
    }
    assert_eq!(unlock(&ann.id).expect("unlocks"), Some(ann.clone()));
    assert_eq!(unlock(&ann.id).expect("is free"), None);
    let mut second = lock(folder.path());
    append(&mut second, &["b"]);
    first.append(&[entry("late")]).expect("is folded");
    assert!(matches!(now(first.flush()), Err(StoreError::Lost { .. })));
    drop(first);
    match now(store(folder.path()).lock(&bob, "lineage")) {
        Err(StoreError::Locked { holder, .. }) => assert_eq!(holder.who, "me"),
        other => panic!("{:?}", other.map(|_| ())),
    }
    let state = read(folder.path()).expect("reads").expect("a state");
    assert_eq!(state.records.keys().map(Address::name).collect::<Vec<_>>(), ["a", "b"]);
}

fn keys(passphrase: &str) -> crate::state::keys::Keys {
    crate::state::keys::Keys::Passphrase(passphrase.to_owned().into())
}

fn begun() -> crate::state::history::Begun {
    crate::state::history::Begun {
        format: crate::state::FORMAT,
        id: "0123456789abcdef".into(),
        at: 0,
        who: "me".into(),
        command: "up shop".into(),
        version: "0".into(),
        seq: 0,
        file: None,
        changes: Vec::new(),
    }
}

#[test]
fn a_change_of_keys_is_one_of_the_past_too_and_there_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let by = |seal: Seal| store(folder.path()).keeping(seal, Secrets::default());
    let mut locked = lock(folder.path());
    append(&mut locked, &["a"]);
    now(locked.begin_history(&begun(), None)).expect("is noted");
    drop(locked);
    let rekey = |seal: Seal| {
        let store = by(seal);
        let mut locked = now(store.lock(&me(), "lineage")).expect("locks");
        now(locked.seal_anew(&store)).expect("is written by another key");
    };
    let opens = |seal: Seal| {
        let store = by(seal);
        (now(store.read()).is_ok(), now(store.runs(9)).map(|runs| runs.len()).ok())
    };
    rekey(Seal::by(keys("one for all")));
    assert_eq!(opens(Seal::by(keys("one for all"))), (true, Some(1)));
    assert_eq!(opens(Seal::none()), (false, None));
    rekey(Seal::by(keys("another")).and_old(keys("one for all")));
    assert_eq!(opens(Seal::by(keys("another"))), (true, Some(1)));
    assert_eq!(opens(Seal::by(keys("one for all"))), (false, None));
    rekey(Seal::none().and_old(keys("another")));
    assert_eq!(opens(Seal::none()), (true, Some(1)));
}

#[test]
fn b28_a_rescue_file_is_encrypted_as_the_state_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path()).keeping(Seal::by(keys("one for all")), Secrets::default());
    let mut locked = now(store.lock(&me(), "lineage")).expect("locks");
    append(&mut locked, &["a"]);
    let rescued = locked.rescued().expect("is made");
    assert!(rescued.starts_with(b"stack-sealed-1\n"));
    assert_eq!(store.open_snapshot("a file", rescued).expect("opens"), *locked.state());
}

#[test]
fn what_was_moved_away_says_where_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut locked = lock(folder.path());
    append(&mut locked, &["a"]);
    now(locked.mark_moved("s3://bucket/prefix/shop")).expect("writes");
    drop(locked);
    match read(folder.path()) {
        Err(StoreError::Moved { to, .. }) => assert_eq!(to, "s3://bucket/prefix/shop"),
        other => panic!("{other:?}"),
    }
    let kept = now(store(folder.path()).even_moved().read()).expect("reads");
    assert_eq!(kept.expect("a state").records.len(), 1);
}
