//! `StoreError`: why a state cannot be had or kept. What to do about it is for `cli` to say.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Holder;
use super::remote::Refusal;
use crate::state::check::Unsound;
use crate::state::file::FileError;
use crate::state::journal::Illegal;
use crate::state::seal::SealError;

/// Why a state cannot be had or kept. A place is a path or a URL.
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
    #[error("{place} cannot be used")]
    Snapshot {
        /// The file.
        place: String,
        /// Why.
        source: FileError,
    },
    /// A line of the journal that is not the last is damaged.
    #[error("line {line} of {place} is damaged")]
    Line {
        /// The file.
        place: String,
        /// From 1.
        line: usize,
    },
    /// It is encrypted and cannot be opened, or cannot be encrypted.
    #[error("{place} cannot be used")]
    Sealed {
        /// The file.
        place: String,
        /// Why.
        source: SealError,
    },
    /// The journal goes on from a snapshot that is not there.
    #[error("{place} goes on from a snapshot that is not beside it")]
    Headless {
        /// The journal.
        place: String,
    },
    /// The journal was written by a newer program.
    #[error("line {line} of {place} was written by a newer version of stack")]
    Newer {
        /// The file.
        place: String,
        /// From 1.
        line: usize,
    },
    /// The journal tells what cannot have happened.
    #[error("{place} cannot be used")]
    History {
        /// The file.
        place: String,
        /// Why.
        source: Illegal,
    },
    /// The state is not sound.
    #[error("the state is not sound")]
    Unsound(#[source] Unsound),
    /// Another run has it.
    #[error("the state of {stack} is locked by {who}", who = holder.who)]
    Locked {
        /// Of which stack.
        stack: String,
        /// Who has it.
        holder: Box<Holder>,
        /// For how long, by their clock and ours.
        age: Duration,
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
    /// The object store did not do as asked.
    #[error("{what} {place}")]
    Remote {
        /// What was to be done: `cannot read`.
        what: &'static str,
        /// The object.
        place: String,
        /// Why.
        source: Refusal,
    },
    /// An object that must be there is not.
    #[error("{place} is missing")]
    Gap {
        /// Which.
        place: String,
    },
    /// Another run took the state over.
    #[error("{place} was taken over by {who}", who = by.as_ref().map_or("another run", |by| by.who.as_str()))]
    Lost {
        /// Of which state.
        place: String,
        /// Who did, as far as it is known.
        by: Option<Box<Holder>>,
    },
    /// The run that has it is not the one that was named.
    #[error("the id of its lock is {id}, of {who}", id = holder.id, who = holder.who)]
    OtherHolder {
        /// Who has it.
        holder: Box<Holder>,
    },
    /// It was moved somewhere else.
    #[error("the state of {stack} was moved from {from} to {to}")]
    Moved {
        /// Of which stack.
        stack: String,
        /// From where.
        from: String,
        /// Where it is now.
        to: String,
    },
    /// What came before could not be written: nothing can be written after it.
    #[error("the state cannot be kept any more: an earlier write failed")]
    Broken,
}

/// Names what was to be done with which file.
pub(super) fn disk(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Disk { what, path, source }
}
