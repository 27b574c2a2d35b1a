//! Where a state is kept: a snapshot, an append-only journal, and a lock; in a folder (`local`).
//!
//! Entries are folded into the state at once and queued as bytes (`line`, `seal`); `commit` makes what is queued
//! durable in one write, and one write is in flight at most: what is appended meanwhile is the next batch. Whoever
//! depends on an entry waits until `durable` has reached its number. Entries become durable in their order. History and
//! repair are in `past`.

mod error;
mod holder;
mod line;
mod load;
mod local;
mod past;
mod seal;

#[cfg(test)]
mod tests;

use std::path::Path;

use futures::future::BoxFuture;

pub use error::StoreError;
pub use holder::Holder;
pub use seal::Seal;

use line::Line;
use load::Loaded;

use super::journal::{self, Entry};
use super::{State, file};

/// Where one stack's state is.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    seal: Seal,
    stack: String,
    cloud: String,
}

#[derive(Clone, Debug)]
enum Backend {
    Local(local::Folder),
}

impl Store {
    /// The state of `stack` in `cloud`, in a folder of its own under `folder`. Nothing is touched yet.
    pub fn open(folder: &Path, stack: &str, cloud: &str) -> Self {
        let backend = Backend::Local(local::Folder(folder.join(stack)));
        Self { backend, seal: Seal, stack: stack.to_owned(), cloud: cloud.to_owned() }
    }

    /// The folder that it is in, if it is in one.
    pub fn folder(&self) -> Option<&Path> {
        match &self.backend {
            Backend::Local(folder) => Some(&folder.0),
        }
    }

    /// The state as it is, without the lock; none if nothing was ever made.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or is of another cloud.
    pub async fn read(&self) -> Result<Option<State>, StoreError> {
        let kept = match &self.backend {
            Backend::Local(folder) => folder.read()?,
        };
        Ok(self.load(kept)?.state)
    }

    /// Takes the lock and the state, for a run that writes. `lineage` is for a new state.
    ///
    /// # Errors
    /// Another run has it, or it cannot be read.
    pub async fn lock(&self, holder: &Holder, lineage: &str) -> Result<Locked, StoreError> {
        let (keeper, loaded) = match &self.backend {
            Backend::Local(folder) => {
                let held = folder.lock(&self.stack, holder)?;
                let loaded = self.load(folder.read()?)?;
                if loaded.torn {
                    held.cut(loaded.length)?;
                }
                (Keeper::Local(held), loaded)
            }
        };
        let state = loaded.state.unwrap_or_else(|| State::new(&self.stack, &self.cloud, lineage));
        Ok(self.locked(keeper, state, loaded.torn))
    }

    fn locked(&self, keeper: Keeper, state: State, torn: bool) -> Locked {
        Locked {
            durable: state.seq,
            state,
            torn,
            keeper,
            seal: self.seal.clone(),
            queue: Vec::new(),
            in_flight: None,
            broken: false,
        }
    }

    fn load(&self, kept: load::Kept) -> Result<Loaded, StoreError> {
        load::load(kept, &self.seal, &self.stack, &self.cloud)
    }
}

/// A backend with its lock.
enum Keeper {
    Local(local::Held),
}

impl Keeper {
    fn write(&self, bytes: Vec<u8>) -> BoxFuture<'static, Result<(), StoreError>> {
        match self {
            Self::Local(held) => held.write(bytes),
        }
    }

    async fn snapshot(&mut self, bytes: Vec<u8>) -> Result<(), StoreError> {
        match self {
            Self::Local(held) => held.snapshot(&bytes),
        }
    }
}

/// A state with its lock: the only one who may write it.
pub struct Locked {
    state: State,
    torn: bool,
    keeper: Keeper,
    seal: Seal,
    /// Lines that are not on their way yet.
    queue: Vec<u8>,
    /// What is on its way: up to which entry.
    in_flight: Option<(u64, BoxFuture<'static, Result<(), StoreError>>)>,
    /// Up to which entry everything is kept.
    durable: u64,
    /// Whether a write failed: nothing is written after it.
    broken: bool,
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

    /// The number of the last entry that is durable, and all before it.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Whether something was appended that is not durable, and may still become so.
    pub fn is_behind(&self) -> bool {
        !self.broken && (self.in_flight.is_some() || !self.queue.is_empty())
    }

    /// Folds entries into the state and queues them. Its number is then `state().seq`.
    ///
    /// # Errors
    /// They cannot have happened: a mistake in this program.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        if !entries.is_empty() && self.state.serial == 0 && self.state.seq == 0 {
            line::add(&mut self.queue, &Line::head(self.state.clone()), &self.seal);
        }
        for entry in entries {
            let seq = self.state.seq + 1;
            let folded = journal::apply(&mut self.state, seq, entry);
            folded.map_err(|source| StoreError::History { place: "the journal".to_owned(), source })?;
            line::add(&mut self.queue, &Line::entry(seq, entry.clone()), &self.seal);
        }
        Ok(())
    }

    /// Makes one batch durable: the one in flight, or else all that is queued. It may be dropped and called again:
    /// what is in flight stays so.
    ///
    /// # Errors
    /// It could not be written. Then nothing can be written any more, but entries are still folded into the state.
    pub async fn commit(&mut self) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Broken);
        }
        if self.in_flight.is_none() && !self.queue.is_empty() {
            let batch = std::mem::take(&mut self.queue);
            self.in_flight = Some((self.state.seq, self.keeper.write(batch)));
        }
        let Some((seq, writing)) = &mut self.in_flight else { return Ok(()) };
        let (seq, written) = (*seq, writing.await);
        self.in_flight = None;
        match written {
            Ok(()) => self.durable = seq,
            Err(_) => self.broken = true,
        }
        written
    }

    /// Makes everything that was appended durable.
    ///
    /// # Errors
    /// As of `commit`.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        while self.broken || self.is_behind() {
            self.commit().await?;
        }
        Ok(())
    }

    /// Writes a snapshot, after which the journal begins anew.
    ///
    /// # Errors
    /// The state is not sound, or it cannot be written.
    pub async fn snapshot(&mut self) -> Result<(), StoreError> {
        self.flush().await?;
        self.state.check().map_err(StoreError::Unsound)?;
        self.state.serial += 1;
        let place = "the new snapshot".to_owned();
        let bytes = file::write(&self.state).map_err(|source| StoreError::Snapshot { place, source })?;
        self.keeper.snapshot(self.seal.file(bytes)).await
    }
}
