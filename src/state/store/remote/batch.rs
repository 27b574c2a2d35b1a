//! An object as bytes: a head in plain JSON, a line break, and what it carries, sealed or not.
//!
//! The head is what the fence needs: which run wrote it, a nonce of that write alone, and whether the run took the
//! state with it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::state::FORMAT;
use crate::state::store::{Holder, StoreError};

/// The head of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The format of the object.
    pub(super) format: u32,
    /// Its number in the journal; of a snapshot, the last one that is folded in.
    pub(super) number: u64,
    /// The run that wrote it.
    pub(super) run: String,
    /// Of this write alone.
    pub(super) nonce: String,
    /// The taking of the state: by this object; of a snapshot, the last one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) took: Option<Took>,
}

/// That a run took the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Took {
    /// The number of the object that did it.
    pub(super) number: u64,
    /// The run.
    pub(super) holder: Holder,
    /// How long others must see no heartbeat before they may take it over, in milliseconds.
    pub(super) lease: u64,
    /// The run from which it was taken over; none if it was free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) over: Option<String>,
}

impl Took {
    /// How long others must see no heartbeat.
    pub(super) fn lease(&self) -> Duration {
        Duration::from_millis(self.lease)
    }
}

/// A head and what follows it.
pub(super) fn write(head: &Head, body: &[u8]) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(head).expect("a head is plain text");
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    bytes
}

/// The head and what follows it.
pub(super) fn read(place: &str, bytes: &[u8]) -> Result<(Head, Vec<u8>), StoreError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let damaged = || StoreError::Line { place: place.to_owned(), line: 1 };
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let (head, body) = (&bytes[..end], &bytes[end + 1..]);
    match serde_json::from_slice::<Format>(head) {
        Ok(found) if found.format > FORMAT => Err(StoreError::Newer { place: place.to_owned(), line: 1 }),
        _ => Ok((serde_json::from_slice(head).map_err(|_| damaged())?, body.to_vec())),
    }
}

/// A heartbeat: of which run, and how often it has beaten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beat {
    /// The run.
    pub(super) run: String,
    /// One more with each.
    pub(super) beat: u64,
    /// Whether the run has given the state back.
    pub(super) over: bool,
}
