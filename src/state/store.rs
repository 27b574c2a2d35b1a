//! Where a state is kept: a folder with a snapshot, an append-only journal and a lock. Remote stores are not here.
//!
//! `state.json` is written by temp file, fsync, rename and fsync of the folder. `journal.jsonl` gets one line an
//! entry, `<crc32> <json>`, with one fsync a batch; a torn last line is what a killed run leaves and is dropped.
//! The lock on `lock` is the file lock itself; the text in it is for people.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::check::Unsound;
use super::file::{self, FileError};
use super::journal::{self, Entry, Illegal};
use super::{FORMAT, State};

/// The folder of one stack's state.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    stack: String,
    cloud: String,
}

/// Why a state cannot be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk did not do as asked.
    #[error("{what} {path}", path = path.display())]
    Disk {
        /// What was to be done: `cannot read`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The snapshot is no state.
    #[error("{path} cannot be used", path = path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// Why.
        source: FileError,
    },
    /// A line of the journal that is not the last is damaged.
    #[error("line {line} of {path} is damaged", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// The journal goes on from a snapshot that is not there.
    #[error("{path} goes on from a state.json that is not beside it", path = path.display())]
    Headless {
        /// The journal.
        path: PathBuf,
    },
    /// The journal was written by a newer program.
    #[error("line {line} of {path} was written by a newer version of stack", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// The journal tells what cannot have happened.
    #[error("{path} cannot be used", path = path.display())]
    History {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Illegal,
    },
    /// The state is not sound.
    #[error("the state is not sound")]
    Unsound(#[source] Unsound),
    /// Another run has it.
    #[error("the state of {stack} is locked by {holder}")]
    Locked {
        /// Of which stack.
        stack: String,
        /// Who, as they wrote it.
        holder: String,
    },
    /// It was made in another cloud.
    #[error("the state of {stack} belongs to {found}, and this run is for {wanted}")]
    OtherCloud {
        /// Of which stack.
        stack: String,
        /// The cloud of the state.
        found: String,
        /// The cloud of the run.
        wanted: String,
    },
}

impl Store {
    /// The state of `stack` in `cloud`, in a folder of its own under `folder`. Nothing is touched yet.
    pub fn open(folder: &Path, stack: &str, cloud: &str) -> Self {
        Self { folder: folder.join(stack), stack: stack.to_owned(), cloud: cloud.to_owned() }
    }

    /// The state as it is, without the lock; none if nothing was ever made.
    pub fn read(&self) -> Result<Option<State>, StoreError> {
        Ok(self.load()?.map(|loaded| loaded.state))
    }

    /// Takes the lock and the state, for a run that writes. `who` is for people; `lineage` is for a new state.
    pub fn lock(&self, who: &str, lineage: &str) -> Result<Locked, StoreError> {
        std::fs::create_dir_all(&self.folder).map_err(disk("cannot make", &self.folder))?;
        let lock = self.take_lock(who)?;
        let loaded = self.load()?;
        let path = self.folder.join("journal.jsonl");
        let (state, torn, length) = match loaded {
            Some(loaded) => (loaded.state, loaded.torn, loaded.journal_length),
            // All there may be is a first line that was torn.
            None => (State::new(&self.stack, &self.cloud, lineage), path.exists(), 0),
        };
        let journal = private().append(true).open(&path).map_err(disk("cannot open", &path))?;
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(disk("cannot write", &self.folder))?;
        if torn {
            journal.set_len(length).map_err(disk("cannot mend", &path))?;
        }
        Ok(Locked { store: self.clone(), state, journal, lock, torn })
    }

    fn take_lock(&self, who: &str) -> Result<File, StoreError> {
        let path = self.folder.join("lock");
        let mut lock =
            private().truncate(false).read(true).open(&path).map_err(disk("cannot open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path).unwrap_or_default();
                return Err(StoreError::Locked {
                    stack: self.stack.clone(),
                    holder: holder.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(disk("cannot lock", &path)(source)),
        }
        let written = lock.set_len(0).and_then(|()| writeln!(lock, "{who}"));
        written.map_err(disk("cannot write", &path))?;
        Ok(lock)
    }

    fn load(&self) -> Result<Option<Loaded>, StoreError> {
        let path = self.folder.join("state.json");
        let snapshot = read_if_there(&path)?
            .map(|bytes| {
                file::read(&bytes).map_err(|source| StoreError::Snapshot { path: path.clone(), source })
            })
            .transpose()?;
        let journal = self.folder.join("journal.jsonl");
        let bytes = read_if_there(&journal)?.unwrap_or_default();
        let (lines, torn, journal_length) = lines(&journal, &bytes)?;
        let head = lines.first().and_then(|line| line.head.clone());
        let Some(mut state) = snapshot.or(head) else {
            return if lines.is_empty() { Ok(None) } else { Err(StoreError::Headless { path: journal }) };
        };
        if state.cloud != self.cloud {
            let (stack, wanted) = (self.stack.clone(), self.cloud.clone());
            return Err(StoreError::OtherCloud { stack, found: state.cloud, wanted });
        }
        for line in lines {
            // A snapshot is written before the journal is emptied: what it has folded in already is passed over.
            if let Some(entry) = line.entry.filter(|_| line.seq > state.seq) {
                let folded = journal::apply(&mut state, line.seq, &entry);
                folded.map_err(|source| StoreError::History { path: journal.clone(), source })?;
            }
        }
        state.check().map_err(StoreError::Unsound)?;
        Ok(Some(Loaded { state, torn, journal_length }))
    }
}

struct Loaded {
    state: State,
    torn: bool,
    journal_length: u64,
}

/// A line of the journal: the state a journal without snapshot begins with, or an entry.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    format: u32,
    seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<State>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<Entry>,
}

/// The whole lines, whether the last one is torn, and how long the whole ones are.
fn lines(path: &Path, bytes: &[u8]) -> Result<(Vec<Line>, bool, u64), StoreError> {
    let mut found = Vec::new();
    let mut length = 0;
    for (at, raw) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let is_last = length as usize + raw.len() == bytes.len();
        let (path, line) = (path.to_owned(), at + 1);
        match raw.strip_suffix(b"\n").and_then(summed) {
            Some(json) => match serde_json::from_slice::<Format>(json) {
                Ok(head) if head.format > FORMAT => return Err(StoreError::Newer { path, line }),
                _ => {
                    let parsed = serde_json::from_slice(json);
                    found.push(parsed.map_err(|_| StoreError::Line { path, line })?);
                }
            },
            None if is_last => return Ok((found, true, length)),
            None => return Err(StoreError::Line { path, line }),
        }
        length += raw.len() as u64;
    }
    Ok((found, false, length))
}

#[derive(serde::Deserialize)]
struct Format {
    format: u32,
}

/// The JSON of a line, if its sum is right.
fn summed(raw: &[u8]) -> Option<&[u8]> {
    let (sum, json) = (raw.get(..8)?, raw.get(9..)?);
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (crc32fast::hash(json) == sum).then_some(json)
}

/// A state with its lock: the only one who may write it.
pub struct Locked {
    store: Store,
    state: State,
    journal: File,
    lock: File,
    torn: bool,
}

impl Drop for Locked {
    /// Closing the file is not enough: a process that is just being started may hold a copy of it for a moment.
    fn drop(&mut self) {
        // A lock that cannot be given back goes with the process.
        let _ = self.lock.unlock();
    }
}

impl Locked {
    /// The state, with every appended entry folded in.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether the last line of the journal was torn and has been dropped.
    pub fn was_torn(&self) -> bool {
        self.torn
    }

    /// Folds entries into the state and puts them on disk together; returns when they are durable.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let path = self.store.folder.join("journal.jsonl");
        let mut bytes = Vec::new();
        if self.state.serial == 0 && self.state.seq == 0 {
            add_line(
                &mut bytes,
                &Line { format: FORMAT, seq: 0, head: Some(self.state.clone()), entry: None },
            );
        }
        for entry in entries {
            let seq = self.state.seq + 1;
            let folded = journal::apply(&mut self.state, seq, entry);
            folded.map_err(|source| StoreError::History { path: path.clone(), source })?;
            add_line(&mut bytes, &Line { format: FORMAT, seq, head: None, entry: Some(entry.clone()) });
        }
        let written = self.journal.write_all(&bytes).and_then(|()| self.journal.sync_data());
        written.map_err(disk("cannot write", &path))
    }

    /// Writes a snapshot and empties the journal.
    pub fn snapshot(&mut self) -> Result<(), StoreError> {
        self.state.check().map_err(StoreError::Unsound)?;
        self.state.serial += 1;
        let path = self.store.folder.join("state.json");
        let bytes =
            file::write(&self.state).map_err(|source| StoreError::Snapshot { path: path.clone(), source })?;
        replace(&self.store.folder, &path, &bytes).map_err(disk("cannot write", &path))?;
        let emptied = self.journal.set_len(0).and_then(|()| self.journal.sync_data());
        emptied.map_err(disk("cannot empty the journal beside", &path))
    }
}

fn add_line(bytes: &mut Vec<u8>, line: &Line) {
    let json = serde_json::to_vec(line).expect("lines hold nothing that JSON cannot");
    bytes.extend_from_slice(format!("{:08x} ", crc32fast::hash(&json)).as_bytes());
    bytes.extend_from_slice(&json);
    bytes.push(b'\n');
}

/// Temp file, fsync, rename, fsync of the folder.
fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temp = tempfile::NamedTempFile::new_in(folder)?;
    temp.write_all(bytes)?;
    temp.as_file().sync_all()?;
    temp.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk("cannot read", path)(error)),
    }
}

fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Disk { what, path, source }
}

/// Files of a state are for their owner only.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    fn store(folder: &Path) -> Store {
        Store::open(folder, "shop", "sandbox")
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
        let mut locked = store(folder.path()).lock("me", "lineage").expect("locks");
        locked.append(&[entry("a"), entry("b")]).expect("appends");
        let before = locked.state().clone();
        drop(locked);
        assert_eq!(store(folder.path()).read().expect("reads"), Some(before));
    }

    #[test]
    fn a_torn_tail_is_dropped_and_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut locked = store(folder.path()).lock("me", "lineage").expect("locks");
        locked.append(&[entry("a")]).expect("appends");
        locked.journal.write_all(b"0000abcd {\"format\":1,").expect("writes");
        drop(locked);
        let mut again = store(folder.path()).lock("me", "other").expect("locks");
        assert!(again.was_torn());
        assert_eq!(again.state().lineage, "lineage");
        again.append(&[entry("b")]).expect("appends after the whole lines");
        drop(again);
        assert_eq!(store(folder.path()).read().expect("reads").expect("a state").records.len(), 2);
    }

    #[test]
    fn a_first_line_that_was_torn_is_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("shop")).expect("makes");
        std::fs::write(folder.path().join("shop/journal.jsonl"), b"1234abcd {\"for").expect("writes");
        let mut locked = store(folder.path()).lock("me", "lineage").expect("locks");
        locked.append(&[entry("a")]).expect("appends");
        drop(locked);
        assert_eq!(store(folder.path()).read().expect("reads").expect("a state").records.len(), 1);
    }

    #[test]
    fn a_journal_without_its_snapshot_is_an_error_and_not_a_new_stack() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut locked = store(folder.path()).lock("me", "lineage").expect("locks");
        locked.append(&[entry("a")]).expect("appends");
        locked.snapshot().expect("snapshots");
        locked.append(&[entry("b")]).expect("appends");
        drop(locked);
        std::fs::remove_file(folder.path().join("shop/state.json")).expect("removes");
        assert!(matches!(store(folder.path()).read(), Err(StoreError::Headless { .. })));
    }

    #[test]
    fn a_line_of_a_newer_program_is_refused_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut locked = store(folder.path()).lock("me", "lineage").expect("locks");
        locked.append(&[entry("a")]).expect("appends");
        let json = br#"{"format":2,"news":true}"#;
        let line = format!("{:08x} {}\n", crc32fast::hash(json), String::from_utf8_lossy(json));
        locked.journal.write_all(line.as_bytes()).expect("writes");
        drop(locked);
        assert!(matches!(store(folder.path()).read(), Err(StoreError::Newer { line: 3, .. })));
    }

    #[test]
    fn a_damaged_line_in_the_middle_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut locked = store(folder.path()).lock("me", "lineage").expect("locks");
        locked.append(&[entry("a")]).expect("appends");
        locked.journal.write_all(b"garbage\n").expect("writes");
        locked.append(&[entry("b")]).expect("appends");
        drop(locked);
        assert!(matches!(store(folder.path()).read(), Err(StoreError::Line { line: 3, .. })));
    }

    #[test]
    fn a_snapshot_survives_and_the_journal_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut locked = store(folder.path()).lock("me", "lineage").expect("locks");
        locked.append(&[entry("a")]).expect("appends");
        locked.snapshot().expect("snapshots");
        locked.append(&[entry("b")]).expect("appends");
        drop(locked);
        let state = store(folder.path()).read().expect("reads").expect("a state");
        assert_eq!((state.records.len(), state.serial, state.seq), (2, 1, 2));
    }

    #[test]
    fn b29_a_held_lock_names_its_holder() {
        let folder = tempfile::tempdir().expect("a folder");
        let _held = store(folder.path()).lock("ann@laptop, process 7", "lineage").expect("locks");
        match store(folder.path()).lock("bob", "lineage") {
            Err(StoreError::Locked { holder, .. }) => assert_eq!(holder, "ann@laptop, process 7"),
            other => panic!("{:?}", other.map(|_| ())),
        }
    }

    #[test]
    fn a_state_of_another_cloud_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut locked = store(folder.path()).lock("me", "lineage").expect("locks");
        locked.append(&[entry("a")]).expect("appends");
        drop(locked);
        let other = Store::open(folder.path(), "shop", "aws/111122223333").read();
        assert!(matches!(other, Err(StoreError::OtherCloud { .. })));
    }
}
