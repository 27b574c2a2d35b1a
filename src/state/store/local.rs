//! A state in a folder: a snapshot, an append-only journal and a lock. What the bytes mean is not known here.
//!
//! `state.json` is written by temp file, fsync, rename and fsync of the folder. `journal.jsonl` gets one write and
//! one fsync a batch. The lock on `lock` is the file lock itself; the text in it is for people.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use tokio::time::{Instant, sleep};

use super::error::disk;
use super::load::Kept;
use super::{Holder, StoreError, Wait, Waiting};

const SNAPSHOT: &str = "state.json";
const JOURNAL: &str = "journal.jsonl";
const LOCK: &str = "lock";
/// Between two tries to get the lock.
const PAUSE: Duration = Duration::from_millis(200);

/// The folder of one stack's state.
#[derive(Clone, Debug)]
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    /// What is there, without the lock.
    pub(super) fn read(&self) -> Result<Kept, StoreError> {
        let snapshot = self.0.join(SNAPSHOT);
        let journal = self.0.join(JOURNAL);
        Ok(Kept {
            snapshot: read_if_there(&snapshot)?.map(|bytes| (snapshot.display().to_string(), bytes)),
            journal: read_if_there(&journal)?
                .map(|bytes| (journal.display().to_string(), bytes))
                .into_iter()
                .collect(),
        })
    }

    /// Takes the lock, or waits for it as long as is wanted. The folder is made if need be.
    pub(super) async fn lock(
        &self,
        stack: &str,
        holder: &Holder,
        wait: &mut Wait<'_>,
    ) -> Result<Held, StoreError> {
        let began = Instant::now();
        loop {
            match self.try_lock(stack, holder) {
                Err(StoreError::Locked { holder, .. }) if began.elapsed() < wait.within => {
                    (wait.tell)(&holder, Waiting::ForItsEnd);
                    sleep(PAUSE).await;
                }
                taken => return taken,
            }
        }
    }

    fn try_lock(&self, stack: &str, holder: &Holder) -> Result<Held, StoreError> {
        std::fs::create_dir_all(&self.0).map_err(disk("cannot make", &self.0))?;
        let lock = self.take_lock(stack, holder)?;
        let path = self.0.join(JOURNAL);
        let journal = private().append(true).open(&path).map_err(disk("cannot open", &path))?;
        let folder = File::open(&self.0).and_then(|folder| folder.sync_all());
        folder.map_err(disk("cannot write", &self.0))?;
        Ok(Held { folder: self.clone(), journal: Arc::new(journal), lock: Arc::new(lock) })
    }

    /// Takes the lock away from the run with this id and gives it back. That run finds it gone and writes no more; what
    /// it was just writing goes to a file that nobody reads.
    pub(super) fn unlock(&self, holder: &Holder, id: &str) -> Result<Option<Holder>, StoreError> {
        let path = self.0.join(LOCK);
        if !path.exists() {
            return Ok(None);
        }
        let other = match self.take_lock("", holder) {
            Ok(lock) => {
                drop(lock);
                return Ok(None);
            }
            Err(StoreError::Locked { holder, .. }) => *holder,
            Err(error) => return Err(error),
        };
        if other.id.is_empty() || other.id != id {
            return Err(StoreError::OtherHolder { holder: Box::new(other) });
        }
        let fresh = tempfile::NamedTempFile::new_in(&self.0).map_err(disk("cannot write in", &self.0))?;
        // Nobody gets in before the journal is a file that only the next run has.
        fresh.as_file().lock().map_err(disk("cannot lock", &path))?;
        let fresh = fresh.persist(&path).map_err(|error| disk("cannot write", &path)(error.error))?;
        let journal = self.0.join(JOURNAL);
        if let Some(bytes) = read_if_there(&journal)? {
            replace(&self.0, &journal, &bytes).map_err(disk("cannot write", &journal))?;
        }
        drop(fresh);
        Ok(Some(other))
    }

    fn take_lock(&self, stack: &str, holder: &Holder) -> Result<File, StoreError> {
        let path = self.0.join(LOCK);
        let mut lock =
            private().truncate(false).read(true).open(&path).map_err(disk("cannot open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let other = Self::read_holder(&path);
                let (stack, age) = (stack.to_owned(), other.older_than(holder));
                return Err(StoreError::Locked { stack, holder: Box::new(other), age });
            }
            Err(TryLockError::Error(source)) => return Err(disk("cannot lock", &path)(source)),
        }
        let text = serde_json::to_string(holder).expect("a holder is plain text");
        let written = lock.set_len(0).and_then(|()| writeln!(lock, "{text}"));
        written.map_err(disk("cannot write", &path))?;
        Ok(lock)
    }

    /// Keeps a file that is never written again. One that is there already stays.
    pub(super) fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.0.join(name);
        if path.exists() {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.0);
        std::fs::create_dir_all(folder).map_err(disk("cannot make", folder))?;
        replace(folder, &path, bytes).map_err(disk("cannot write", &path))
    }

    /// Copies the snapshot and the journal to names that nothing has yet.
    pub(super) fn set_aside(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for name in [SNAPSHOT, JOURNAL] {
            let Some(bytes) = read_if_there(&self.0.join(name))?.filter(|bytes| !bytes.is_empty()) else {
                continue;
            };
            let mut numbers = (1..).map(|number| self.0.join(format!("{name}.{number}")));
            let free = numbers.find(|path| !path.exists()).expect("numbers do not end");
            replace(&self.0, &free, &bytes).map_err(disk("cannot write", &free))?;
            names.push(free.display().to_string());
        }
        Ok(names)
    }

    /// What was kept; none if there is no such file.
    pub(super) fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read_if_there(&self.0.join(name))
    }

    /// The names of the files in a folder; none if there is no such folder.
    pub(super) fn names(&self, under: &str) -> Result<Vec<String>, StoreError> {
        let path = self.0.join(under);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(disk("cannot read", &path)(error)),
        };
        let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.map(|entry| entry.map(name).map_err(disk("cannot read", &path))).collect()
    }

    /// Who has the lock now, if anybody.
    pub(super) fn holder(&self) -> Result<Option<Holder>, StoreError> {
        let path = self.0.join(LOCK);
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(disk("cannot open", &path)(error)),
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(Self::read_holder(&path))),
            Err(TryLockError::Error(source)) => Err(disk("cannot look at", &path)(source)),
        }
    }

    /// Whether the lock is still this one: somebody may have taken it away.
    fn still_has(&self, lock: &File) -> Result<(), StoreError> {
        let path = self.0.join(LOCK);
        let ours = match (lock.metadata(), std::fs::metadata(&path)) {
            (Ok(ours), Ok(there)) => is_same(&ours, &there),
            // A folder that cannot be read is told by whoever writes.
            (_, Err(error)) => error.kind() != io::ErrorKind::NotFound,
            (Err(_), Ok(_)) => true,
        };
        if ours {
            return Ok(());
        }
        let by = Some(Self::read_holder(&path)).filter(|by| !by.id.is_empty()).map(Box::new);
        Err(StoreError::Lost { place: self.0.display().to_string(), by })
    }

    /// Who has the lock, as far as they have written it yet.
    fn read_holder(lock: &Path) -> Holder {
        let text = std::fs::read_to_string(lock).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_else(|_| Holder::unknown(text.trim()))
    }
}

/// A folder with its lock.
pub(super) struct Held {
    folder: Folder,
    journal: Arc<File>,
    lock: Arc<File>,
}

impl Drop for Held {
    /// Closing the file is not enough: a process that is just being started may hold a copy of it for a moment.
    fn drop(&mut self) {
        self.release();
    }
}

impl Held {
    /// Gives the lock back.
    pub(super) fn release(&self) {
        // A lock that cannot be given back goes with the process.
        let _ = self.lock.unlock();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Writes again what was kept.
    pub(super) fn keep_anew(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.folder.still_has(&self.lock)?;
        let path = self.path(name);
        replace(path.parent().unwrap_or(&self.folder.0), &path, bytes).map_err(disk("cannot write", &path))
    }

    /// Cuts the journal to this length.
    pub(super) fn cut(&self, length: u64) -> Result<(), StoreError> {
        self.journal.set_len(length).map_err(disk("cannot mend", &self.path(JOURNAL)))
    }

    /// Writes at the end of the journal; done when it is on disk.
    pub(super) fn write(&self, bytes: Vec<u8>) -> BoxFuture<'static, Result<(), StoreError>> {
        let (journal, lock) = (self.journal.clone(), self.lock.clone());
        let (folder, path) = (self.folder.clone(), self.path(JOURNAL));
        async move {
            folder.still_has(&lock)?;
            let written = (&*journal).write_all(&bytes).and_then(|()| journal.sync_data());
            written.map_err(disk("cannot write", &path))
        }
        .boxed()
    }

    /// Writes a snapshot and empties the journal.
    pub(super) fn snapshot(&self, bytes: &[u8]) -> Result<(), StoreError> {
        self.folder.still_has(&self.lock)?;
        let path = self.path(SNAPSHOT);
        replace(&self.folder.0, &path, bytes).map_err(disk("cannot write", &path))?;
        let emptied = self.journal.set_len(0).and_then(|()| self.journal.sync_data());
        emptied.map_err(disk("cannot empty the journal beside", &path))
    }
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

#[cfg(unix)]
fn is_same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &std::fs::Metadata, _: &std::fs::Metadata) -> bool {
    true
}

/// Files of a state are for their owner only.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
