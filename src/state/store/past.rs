//! What was, kept beside the state: history, the stack files that were applied, and what is to be taken as the state
//! instead. What it means is in `history` and `repair`.

use std::borrow::Cow;
use std::time::Duration;

use super::load::Loaded;
use super::{Backend, Holder, Keeper, Locked, Store, StoreError, Wait};
use crate::secret::Mask;
use crate::state::history::{self, Begun, Ended, Run};
use crate::state::{State, file, masked};

/// The folder of history.
const RUNS: &str = "history";
/// The folder of stack files.
const FILES: &str = "history/files";
/// How a run began, and how it ended.
const BEGUN: &str = "begun.json";
const ENDED: &str = "ended.json";

impl Locked {
    /// Keeps how a run begins, and the stack file that it is about.
    ///
    /// # Errors
    /// They cannot be written.
    pub async fn begin_history(&self, begun: &Begun, text: Option<&str>) -> Result<(), StoreError> {
        if let (Some(file), Some(text)) = (&begun.file, text) {
            let name = format!("{FILES}/{}.toml", file.sha256);
            self.keep(&name, text.as_bytes().to_vec()).await?;
        }
        self.keep(&format!("{RUNS}/{}.{BEGUN}", begun.name()), history::write(begun)).await
    }

    /// Keeps how a run ended.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn end_history(&self, begun: &Begun, ended: &Ended) -> Result<(), StoreError> {
        self.keep(&format!("{RUNS}/{}.{ENDED}", begun.name()), history::write(ended)).await
    }

    /// Keeps what is never written again but by another key: what is there already under the name is the same.
    async fn keep(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let bytes = self.sealed(&bytes);
        match &self.keeper {
            Keeper::Local(held) => held.folder().keep(name, &bytes),
            Keeper::Remote(held) => held.keep(name, bytes).await,
        }
    }

    fn sealed(&self, bytes: &[u8]) -> Vec<u8> {
        // The text of a stack file may say the default of a sensitive variable.
        let text = String::from_utf8_lossy(bytes);
        self.sealing.beside(self.secrets.hide(&text).into_owned().into_bytes())
    }

    /// Writes everything of the past again, by the data key of now.
    ///
    /// # Errors
    /// Something cannot be opened or written.
    pub async fn seal_past(&self, store: &Store) -> Result<(), StoreError> {
        for (name, bytes) in store.whole_past().await? {
            let bytes = self.sealed(&bytes);
            match &self.keeper {
                Keeper::Local(held) => held.keep_anew(&name, &bytes)?,
                Keeper::Remote(held) => held.keep(&name, bytes).await?,
            }
        }
        Ok(())
    }

    /// The whole state as a snapshot would be, for a file elsewhere.
    ///
    /// # Errors
    /// It cannot be made into bytes.
    pub fn rescued(&self) -> Result<Vec<u8>, StoreError> {
        let place = "the rescue file".to_owned();
        let bytes = file::write(&self.state).map_err(|source| StoreError::Snapshot { place, source })?;
        Ok(self.sealing.beside(bytes))
    }

    /// Keeps what is there as it is under another name, before it is replaced. The names.
    ///
    /// # Errors
    /// It cannot be copied.
    pub async fn set_aside(&self) -> Result<Vec<String>, StoreError> {
        match &self.keeper {
            Keeper::Local(held) => held.folder().set_aside(),
            // Snapshots and entries there are not written over.
            Keeper::Remote(_) => Ok(Vec::new()),
        }
    }

    /// Takes over what another store keeps of the past. How many runs that are.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub async fn take_past(&self, from: &Store) -> Result<usize, StoreError> {
        for (name, bytes) in from.whole_past().await? {
            self.keep(&name, bytes).await?;
        }
        from.count_runs().await
    }

    /// Says in the state that it is somewhere else now. Nobody takes it from here any more.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn mark_moved(&mut self, to: &str) -> Result<(), StoreError> {
        self.state.moved = Some(to.to_owned());
        self.snapshot().await
    }

    /// Takes another state in the place of this one, as the newest that there is.
    ///
    /// # Errors
    /// It is not sound, or cannot be written.
    pub async fn replace(&mut self, taken: State) -> Result<(), StoreError> {
        self.flush().await?;
        let (serial, seq) = (taken.serial.max(self.state.serial), taken.seq.max(self.state.seq));
        self.state = State { serial, seq, ..taken };
        masked::state(&Mask::new(&self.secrets, &self.state.lineage), &mut self.state);
        self.durable = seq;
        self.snapshot().await
    }
}

impl Store {
    /// Takes the lock for a state that takes the place of what is there, whatever that is. Nothing is read.
    ///
    /// # Errors
    /// Another run has it.
    pub async fn lock_unread(&self, holder: &Holder, state: State) -> Result<Locked, StoreError> {
        let mut wait = Wait { within: Duration::ZERO, tell: &mut |_, _| {} };
        let keeper = match &self.backend {
            Backend::Local(folder) => Keeper::Local(folder.lock(&self.stack, holder, &mut wait).await?),
            Backend::Remote(remote) => {
                let unread = |_| Ok((self.unread(), Vec::new()));
                Keeper::Remote(remote.lock(&self.stack, holder, &mut wait, unread).await?.0)
            }
        };
        self.locked(keeper, state, self.unread())
    }

    fn unread(&self) -> Loaded {
        let opening = self.seal.opening();
        Loaded { state: None, torn: false, pieces: 0, length: 0, opening, sealing: None }
    }

    /// A snapshot that is kept elsewhere: what `rescued` gave, or the plain state.
    ///
    /// # Errors
    /// It is no state, or a newer one.
    pub fn open_snapshot(&self, place: &str, bytes: Vec<u8>) -> Result<State, StoreError> {
        let sealed = |source| StoreError::Sealed { place: place.to_owned(), source };
        let opened = self.seal.opening().file(&bytes).map_err(sealed)?.into_owned();
        file::read(&opened).map_err(|source| StoreError::Snapshot { place: place.to_owned(), source })
    }

    /// How many runs there were.
    ///
    /// # Errors
    /// They cannot be listed.
    pub async fn count_runs(&self) -> Result<usize, StoreError> {
        Ok(self.run_names().await?.len())
    }

    /// The newest runs, the newest first.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn runs(&self, most: usize) -> Result<Vec<Run>, StoreError> {
        let names = self.run_names().await?;
        let mut runs = Vec::new();
        for (at, name) in names.iter().enumerate().rev().take(most) {
            runs.push(self.run_of(at + 1, name).await?);
        }
        Ok(runs)
    }

    /// A run by its number; none if there were not so many.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn run(&self, number: usize) -> Result<Option<Run>, StoreError> {
        let names = self.run_names().await?;
        match number.checked_sub(1).and_then(|at| names.get(at)) {
            Some(name) => self.run_of(number, name).await.map(Some),
            None => Ok(None),
        }
    }

    /// The text of a stack file by its digest.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn stack_file(&self, sha256: &str) -> Result<Option<String>, StoreError> {
        let kept = self.kept(&format!("{FILES}/{sha256}.toml")).await?;
        Ok(kept.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// All that is kept of the past, opened, by its names.
    async fn whole_past(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut past = Vec::new();
        for folder in [RUNS, FILES] {
            let names = self.names(folder).await?;
            // A folder has no ending.
            for name in names.iter().filter(|name| name.contains('.')) {
                let name = format!("{folder}/{name}");
                past.extend(self.kept(&name).await?.map(|bytes| (name, bytes)));
            }
        }
        Ok(past)
    }

    /// The names of all runs, the oldest first.
    async fn run_names(&self) -> Result<Vec<String>, StoreError> {
        let all = self.names(RUNS).await?;
        let suffix = format!(".{BEGUN}");
        let mut names: Vec<String> =
            all.iter().filter_map(|name| Some(name.strip_suffix(suffix.as_str())?.to_owned())).collect();
        names.sort_unstable();
        Ok(names)
    }

    async fn names(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        match &self.backend {
            Backend::Local(here) => here.names(folder),
            Backend::Remote(remote) => remote.names(folder).await,
        }
    }

    async fn run_of(&self, number: usize, name: &str) -> Result<Run, StoreError> {
        let read = async |part: &str| {
            let place = format!("{RUNS}/{name}.{part}");
            Ok((self.kept(&place).await?, place))
        };
        let unusable = |(place, source)| StoreError::Snapshot { place, source };
        let (begun, place) = read(BEGUN).await?;
        let begun = begun.unwrap_or_default();
        let begun: Begun = history::read(&begun).map_err(|source| unusable((place, source)))?;
        let (ended, place) = read(ENDED).await?;
        let ended = ended.map(|bytes| history::read::<Ended>(&bytes)).transpose();
        Ok(Run { number, begun, ended: ended.map_err(|source| unusable((place, source)))? })
    }

    async fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let kept = match &self.backend {
            Backend::Local(folder) => folder.kept(name)?,
            Backend::Remote(remote) => remote.named(name).await?,
        };
        let open = |bytes: Vec<u8>| {
            let opened = self.seal.opening().file(&bytes).map(Cow::into_owned);
            opened.map_err(|source| StoreError::Sealed { place: name.to_owned(), source })
        };
        kept.map(open).transpose()
    }

    /// The run that has the lock now, as far as it can be told.
    ///
    /// # Errors
    /// The lock cannot be looked at.
    pub async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        match &self.backend {
            Backend::Local(folder) => folder.holder(),
            Backend::Remote(remote) => remote.holder().await,
        }
    }
}
