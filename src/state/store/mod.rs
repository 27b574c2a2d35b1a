//! Where a state is kept: a snapshot, an append-only journal, and a lock; in a folder (`local`) or an object store
//! (`remote`).
//!
//! Entries lose what is sensitive (`masked`), are folded into the state at once, and queued as bytes (`line`,
//! `super::seal`); `commit` makes what is queued durable in one write, and one write is in flight at most: what is
//! appended meanwhile is the next batch. Whoever depends on an entry waits until `durable` has reached its number.
//! Entries become durable in their order. History and repair are in `past`.

mod error;
mod holder;
mod line;
mod load;
mod local;
mod past;
mod remote;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use object_store::ObjectStore;

pub use error::StoreError;
pub use holder::{Holder, Wait, Waiting};
pub use remote::{Lease, Refusal, RefusalSort};

use line::Line;
use load::Loaded;

use super::journal::{self, Entry};
use super::seal::{Seal, SealError, Sealing};
use super::{State, file, masked};
use crate::secret::{Mask, Secrets};

/// More pieces of a journal than this are made one snapshot.
const MANY: usize = 32;

/// Where one stack's state is.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    seal: Seal,
    secrets: Secrets,
    stack: String,
    cloud: String,
    /// Whether a state that was moved away is read all the same.
    even_moved: bool,
}

#[derive(Clone, Debug)]
enum Backend {
    Local(local::Folder),
    Remote(remote::Remote),
}

impl Store {
    /// The state of `stack` in `cloud`, in a folder of its own under `folder`. Nothing is touched yet.
    pub fn open(folder: &Path, stack: &str, cloud: &str) -> Self {
        let backend = Backend::Local(local::Folder(folder.join(stack)));
        let (seal, secrets) = (Seal::none(), Secrets::default());
        let (stack, cloud) = (stack.to_owned(), cloud.to_owned());
        Self { backend, seal, secrets, stack, cloud, even_moved: false }
    }

    /// The same, encrypted as `seal` says, and with marks in the place of secrets.
    #[must_use]
    pub fn keeping(self, seal: Seal, secrets: Secrets) -> Self {
        Self { seal, secrets, ..self }
    }

    /// How it is encrypted.
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// The folder that it is in, if it is in one.
    pub fn folder(&self) -> Option<&Path> {
        match &self.backend {
            Backend::Local(folder) => Some(&folder.0),
            Backend::Remote(_) => None,
        }
    }

    /// The state of `stack` in `cloud`, in objects of `store` under `prefix` and the name of the stack; people know
    /// that place as `url`. A run that shows no life for `lease` loses it. Nothing is touched yet.
    pub fn remote(
        store: Arc<dyn ObjectStore>,
        url: &str,
        prefix: &str,
        lease: Duration,
        stack: &str,
        cloud: &str,
    ) -> Self {
        let (url, prefix) = (format!("{}/{stack}", url.trim_end_matches('/')), format!("{prefix}/{stack}"));
        let backend = Backend::Remote(remote::Remote::new(store, &url, &prefix, lease));
        let (seal, secrets) = (Seal::none(), Secrets::default());
        let (stack, cloud) = (stack.to_owned(), cloud.to_owned());
        Self { backend, seal, secrets, stack, cloud, even_moved: false }
    }

    /// The same place, for another cloud.
    #[must_use]
    pub fn of_cloud(&self, cloud: &str) -> Self {
        Self { cloud: cloud.to_owned(), ..self.clone() }
    }

    /// The same place, read even if its state was moved away: to move it back.
    #[must_use]
    pub fn even_moved(&self) -> Self {
        Self { even_moved: true, ..self.clone() }
    }

    /// What people call the place.
    pub fn place(&self) -> String {
        match &self.backend {
            Backend::Local(folder) => folder.0.display().to_string(),
            Backend::Remote(remote) => remote.url().to_owned(),
        }
    }

    /// The state as it is, without the lock; none if nothing was ever made.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or is of another cloud.
    pub async fn read(&self) -> Result<Option<State>, StoreError> {
        let kept = match &self.backend {
            Backend::Local(folder) => folder.read()?,
            Backend::Remote(remote) => remote.kept(&remote.survey().await?),
        };
        Ok(self.load(kept)?.state)
    }

    /// Takes the lock and the state, for a run that writes. `lineage` is for a new state.
    ///
    /// # Errors
    /// Another run has it, or it cannot be read.
    pub async fn lock(&self, holder: &Holder, lineage: &str) -> Result<Locked, StoreError> {
        let mut wait = Wait { within: Duration::ZERO, tell: &mut |_, _| {} };
        self.lock_within(holder, lineage, &mut wait).await
    }

    /// The same, and waits for another run as long as is wanted.
    ///
    /// # Errors
    /// Another run has it, or it cannot be read.
    pub async fn lock_within(
        &self,
        holder: &Holder,
        lineage: &str,
        wait: &mut Wait<'_>,
    ) -> Result<Locked, StoreError> {
        let new = State::new(&self.stack, &self.cloud, lineage);
        let (keeper, loaded) = match &self.backend {
            Backend::Local(folder) => {
                let held = folder.lock(&self.stack, holder, wait).await?;
                let loaded = self.load(folder.read()?)?;
                if loaded.torn {
                    held.cut(loaded.length)?;
                }
                (Keeper::Local(held), loaded)
            }
            Backend::Remote(remote) => {
                let read = |kept| self.load_or_begin(kept, &new);
                let (held, loaded) = remote.lock(&self.stack, holder, wait, read).await?;
                (Keeper::Remote(held), loaded)
            }
        };
        let is_long = loaded.state.is_some() && loaded.pieces > MANY;
        Ok(Locked { is_long, ..self.locked(keeper, new, loaded)? })
    }

    /// With what was read, or with `new` if there was nothing.
    fn locked(&self, keeper: Keeper, new: State, loaded: Loaded) -> Result<Locked, StoreError> {
        let mut state = loaded.state.unwrap_or(new);
        let exposed = masked::state(&Mask::new(&self.secrets, &state.lineage), &mut state);
        let was_plain = loaded.opening.was_plain();
        let sealing = loaded.sealing.map_or_else(|| loaded.opening.sealing(), Ok).map_err(unsealed)?;
        Ok(Locked {
            durable: state.seq,
            state,
            torn: loaded.torn,
            exposed,
            was_plain,
            keeper,
            seal: self.seal.clone(),
            sealing,
            secrets: self.secrets.clone(),
            queue: Vec::new(),
            in_flight: None,
            broken: false,
            is_long: false,
        })
    }

    /// Takes the lock from the run with this id, which may then write no more, and gives it back. Who had it; none if
    /// nobody did.
    ///
    /// # Errors
    /// Another run has it, or it cannot be taken.
    pub async fn unlock(
        &self,
        holder: &Holder,
        id: &str,
        lineage: &str,
    ) -> Result<Option<Holder>, StoreError> {
        match &self.backend {
            Backend::Local(folder) => folder.unlock(holder, id),
            Backend::Remote(remote) => {
                let new = State::new(&self.stack, &self.cloud, lineage);
                remote.unlock(holder, id, |kept| self.load_or_begin(kept, &new)).await
            }
        }
    }

    /// What is kept as a state, and the bytes with which the journal of a new one begins.
    fn load_or_begin(&self, kept: load::Kept, new: &State) -> Result<(Loaded, Vec<u8>), StoreError> {
        let mut loaded = self.load(kept)?;
        let mut head = Vec::new();
        if loaded.state.is_none() {
            let mut sealing = loaded.opening.sealing().map_err(unsealed)?;
            line::add(&mut head, &Line::head(new.clone()), &mut sealing);
            loaded.sealing = Some(sealing);
        }
        Ok((loaded, head))
    }

    fn load(&self, kept: load::Kept) -> Result<Loaded, StoreError> {
        let loaded = load::load(kept, &self.seal, &self.stack, &self.cloud)?;
        match loaded.state.as_ref().and_then(|state| state.moved.clone()) {
            Some(to) if !self.even_moved => {
                Err(StoreError::Moved { stack: self.stack.clone(), from: self.place(), to })
            }
            _ => Ok(loaded),
        }
    }
}

fn unsealed(source: SealError) -> StoreError {
    StoreError::Sealed { place: "the state".to_owned(), source }
}

/// A backend with its lock.
enum Keeper {
    Local(local::Held),
    Remote(remote::Held),
}

impl Keeper {
    fn write(&self, bytes: Vec<u8>) -> BoxFuture<'static, Result<(), StoreError>> {
        match self {
            Self::Local(held) => held.write(bytes),
            Self::Remote(held) => held.write(bytes),
        }
    }

    async fn snapshot(&mut self, bytes: Vec<u8>) -> Result<(), StoreError> {
        match self {
            Self::Local(held) => held.snapshot(&bytes),
            Self::Remote(held) => held.snapshot(&bytes).await,
        }
    }
}

/// A state with its lock: the only one who may write it.
pub struct Locked {
    state: State,
    torn: bool,
    exposed: bool,
    was_plain: bool,
    keeper: Keeper,
    seal: Seal,
    sealing: Sealing,
    secrets: Secrets,
    /// Lines that are not on their way yet.
    queue: Vec<u8>,
    /// What is on its way: up to which entry.
    in_flight: Option<(u64, BoxFuture<'static, Result<(), StoreError>>)>,
    /// Up to which entry everything is kept.
    durable: u64,
    /// Whether a write failed: nothing is written after it.
    broken: bool,
    /// Whether the journal is in many pieces, of runs that had nothing to do.
    is_long: bool,
}

impl Locked {
    /// The state, with every appended entry folded in.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether calls that change the cloud may leave.
    pub fn lease(&self) -> Lease {
        match &self.keeper {
            Keeper::Local(_) => Lease::endless(),
            Keeper::Remote(held) => held.lease().clone(),
        }
    }

    /// Gives the state back; nothing can be written any more. A lock that is only dropped goes with the process, or when its lease has passed.
    pub async fn release(&mut self) {
        if self.is_long && !self.broken {
            // Without it the next run reads as much as this one did.
            let _ = self.snapshot().await;
        }
        self.broken = true;
        match &mut self.keeper {
            Keeper::Local(held) => held.release(),
            Keeper::Remote(held) => held.release().await,
        }
    }

    /// Whether the last line of the journal was torn and has been dropped.
    pub fn was_torn(&self) -> bool {
        self.torn
    }

    /// Whether the state was kept with what is sensitive in plain: the next snapshot is without.
    pub fn was_exposed(&self) -> bool {
        self.exposed
    }

    /// Whether the state was kept without the encryption that it is to have: from the next write on it has it.
    pub fn was_plain(&self) -> bool {
        self.was_plain
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
        let is_new = self.state.serial == 0 && self.state.seq == 0;
        // The object that took the state holds it already.
        if is_new && !entries.is_empty() && matches!(self.keeper, Keeper::Local(_)) {
            line::add(&mut self.queue, &Line::head(self.state.clone()), &mut self.sealing);
        }
        let secrets = self.secrets.clone();
        let mask = Mask::new(&secrets, &self.state.lineage);
        for entry in entries {
            let (seq, entry) = (self.state.seq + 1, masked::entry(&mask, entry));
            let folded = journal::apply(&mut self.state, seq, &entry);
            folded.map_err(|source| StoreError::History { place: "the journal".to_owned(), source })?;
            line::add(&mut self.queue, &Line::entry(seq, entry), &mut self.sealing);
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

    /// Writes everything by a new data key, as the seal of `store` says: the past first, so that whoever is killed
    /// in between finds the old key needed still, and does it again.
    ///
    /// # Errors
    /// Something cannot be opened or written; or there is no key to wrap the new one by.
    pub async fn seal_anew(&mut self, store: &Store) -> Result<(), StoreError> {
        self.sealing = self.seal.sealing().map_err(unsealed)?;
        self.seal_past(store).await?;
        self.snapshot().await
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
        self.is_long = false;
        self.keeper.snapshot(self.sealing.file(bytes)).await
    }
}
