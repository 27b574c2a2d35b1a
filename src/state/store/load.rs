//! From what is kept, as bytes, to the state: the snapshot, and the entries since.

use super::seal::Seal;
use super::{StoreError, line};
use crate::state::file::{self, FileError};
use crate::state::{State, journal};

/// What a backend keeps of a stack. A place is what errors call it.
pub(super) struct Kept {
    /// The snapshot: its place and bytes.
    pub(super) snapshot: Option<(String, Vec<u8>)>,
    /// The place of the journal.
    pub(super) place: String,
    /// The lines of the journal.
    pub(super) journal: Vec<u8>,
}

/// What is made of it.
pub(super) struct Loaded {
    /// None if nothing was ever made.
    pub(super) state: Option<State>,
    /// Whether the journal ends in what is no whole line.
    pub(super) torn: bool,
    /// How many bytes the whole lines are.
    pub(super) length: u64,
}

/// Folds what is kept into a state of `stack` in `cloud`.
pub(super) fn load(kept: Kept, seal: &Seal, stack: &str, cloud: &str) -> Result<Loaded, StoreError> {
    let snapshot = kept.snapshot.map(|(place, bytes)| snapshot(place, bytes, seal)).transpose()?;
    let lines = line::read(&kept.place, &kept.journal, seal)?;
    let (torn, length) = (lines.torn, lines.length);
    let head = lines.whole.first().and_then(|line| line.head.clone());
    let Some(mut state) = snapshot.or(head) else {
        if lines.whole.is_empty() {
            return Ok(Loaded { state: None, torn, length });
        }
        return Err(StoreError::Headless { place: kept.place });
    };
    if state.cloud != cloud {
        let (stack, wanted) = (stack.to_owned(), cloud.to_owned());
        return Err(StoreError::OtherCloud { stack, found: state.cloud, wanted });
    }
    for line in lines.whole {
        // A snapshot is written before the journal is emptied: what it has folded in already is passed over.
        if let Some(entry) = line.entry.filter(|_| line.seq > state.seq) {
            let folded = journal::apply(&mut state, line.seq, &entry);
            folded.map_err(|source| StoreError::History { place: kept.place.clone(), source })?;
        }
    }
    state.check().map_err(StoreError::Unsound)?;
    Ok(Loaded { state: Some(state), torn, length })
}

fn snapshot(place: String, kept: Vec<u8>, seal: &Seal) -> Result<State, StoreError> {
    let read = seal.open_file(kept).ok_or(FileError::Sealed).and_then(|bytes| file::read(&bytes));
    read.map_err(|source| StoreError::Snapshot { place, source })
}
