//! From what is kept, as bytes, to the state: the snapshot, and the entries since.

use super::line::Line;
use super::{StoreError, line};
use crate::state::seal::{Opening, Seal, Sealing};
use crate::state::{State, file, journal};

/// What a backend keeps of a stack. A place is what errors call it.
pub(super) struct Kept {
    /// The snapshot: its place and bytes.
    pub(super) snapshot: Option<(String, Vec<u8>)>,
    /// The lines of the journal, in pieces: their places and bytes.
    pub(super) journal: Vec<(String, Vec<u8>)>,
}

/// What is made of it.
pub(super) struct Loaded {
    /// None if nothing was ever made.
    pub(super) state: Option<State>,
    /// Whether the journal ends in what is no whole line.
    pub(super) torn: bool,
    /// In how many pieces the journal is.
    pub(super) pieces: usize,
    /// How many bytes the whole lines of the last piece are.
    pub(super) length: u64,
    /// By which key what is kept was sealed.
    pub(super) opening: Opening,
    /// What seals the rest, if something was sealed already.
    pub(super) sealing: Option<Sealing>,
}

/// Folds what is kept into a state of `stack` in `cloud`.
pub(super) fn load(kept: Kept, seal: &Seal, stack: &str, cloud: &str) -> Result<Loaded, StoreError> {
    let mut opening = seal.opening();
    let snapshot = kept.snapshot.map(|(place, bytes)| snapshot(place, &bytes, &mut opening)).transpose()?;
    let (mut torn, mut length, pieces) = (false, 0, kept.journal.len());
    let mut state = snapshot;
    for (place, bytes) in &kept.journal {
        let lines = line::read(place, bytes, &mut opening)?;
        if torn {
            return Err(StoreError::Line { place: place.clone(), line: 1 });
        }
        (torn, length) = (lines.torn, lines.length);
        for line in lines.whole {
            fold(&mut state, line, place)?;
        }
    }
    let Some(state) = state else {
        return Ok(Loaded { state: None, torn, pieces, length, opening, sealing: None });
    };
    if state.cloud != cloud {
        let (stack, wanted) = (stack.to_owned(), cloud.to_owned());
        return Err(StoreError::OtherCloud { stack, found: state.cloud, wanted });
    }
    state.check().map_err(StoreError::Unsound)?;
    Ok(Loaded { state: Some(state), torn, pieces, length, opening, sealing: None })
}

/// A snapshot is written before the journal is emptied: what it has folded in already is passed over.
fn fold(state: &mut Option<State>, line: Line, place: &str) -> Result<(), StoreError> {
    match (state, line) {
        (state @ None, Line { head: Some(head), .. }) => *state = Some(head),
        (None, Line { entry: Some(_), .. }) => return Err(StoreError::Headless { place: place.to_owned() }),
        (Some(state), Line { seq, entry: Some(entry), .. }) if seq > state.seq => {
            let folded = journal::apply(state, seq, &entry);
            folded.map_err(|source| StoreError::History { place: place.to_owned(), source })?;
        }
        _ => {}
    }
    Ok(())
}

fn snapshot(place: String, kept: &[u8], opening: &mut Opening) -> Result<State, StoreError> {
    match opening.file(kept) {
        Ok(bytes) => file::read(&bytes).map_err(|source| StoreError::Snapshot { place, source }),
        Err(source) => Err(StoreError::Sealed { place, source }),
    }
}
