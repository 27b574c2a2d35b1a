//! Journal lines as bytes: `<crc32> <json>`, one an entry. Where they are kept is in `local` and `remote`.

use serde::{Deserialize, Serialize};

use super::{StoreError, error};
use crate::state::journal::Entry;
use crate::state::seal::{Opening, Sealing};
use crate::state::{FORMAT, State};

/// A line of the journal: the state a journal without snapshot begins with, or an entry.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    format: u32,
    /// The number of the entry.
    pub(super) seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) head: Option<State>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<Entry>,
}

impl Line {
    /// What a journal without snapshot begins with.
    pub(super) fn head(state: State) -> Self {
        Self { format: FORMAT, seq: 0, head: Some(state), entry: None }
    }

    /// An entry.
    pub(super) fn entry(seq: u64, entry: Entry) -> Self {
        Self { format: FORMAT, seq, head: None, entry: Some(entry) }
    }
}

/// The lines of a journal.
pub(super) struct Lines {
    /// The whole ones.
    pub(super) whole: Vec<Line>,
    /// How many bytes they are.
    pub(super) length: u64,
    /// Whether something follows that is no whole line: what a killed run leaves.
    pub(super) torn: bool,
}

/// Adds a line to the bytes of a journal.
pub(super) fn add(bytes: &mut Vec<u8>, line: &Line, sealing: &mut Sealing) {
    let json = serde_json::to_vec(line).expect("lines hold nothing that JSON cannot");
    let kept = sealing.line(json);
    bytes.extend_from_slice(format!("{:08x} ", crc32fast::hash(&kept)).as_bytes());
    bytes.extend_from_slice(&kept);
    bytes.push(b'\n');
}

/// Reads the bytes of a journal. Only what follows the last whole line may be damaged.
pub(super) fn read(place: &str, bytes: &[u8], opening: &mut Opening) -> Result<Lines, error::StoreError> {
    let mut lines = Lines { whole: Vec::new(), length: 0, torn: false };
    for (at, raw) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let is_last = lines.length as usize + raw.len() == bytes.len();
        match raw.strip_suffix(b"\n").and_then(summed) {
            Some(kept) => lines.whole.push(parse(place, at + 1, kept, opening)?),
            None if is_last => {
                lines.torn = true;
                return Ok(lines);
            }
            None => return Err(StoreError::Line { place: place.to_owned(), line: at + 1 }),
        }
        lines.length += raw.len() as u64;
    }
    Ok(lines)
}

fn parse(place: &str, line: usize, kept: &[u8], opening: &mut Opening) -> Result<Line, StoreError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let damaged = || StoreError::Line { place: place.to_owned(), line };
    let sealed = |source| StoreError::Sealed { place: place.to_owned(), source };
    let json = opening.line(kept).map_err(sealed)?;
    match serde_json::from_slice::<Format>(&json) {
        Ok(head) if head.format > FORMAT => Err(StoreError::Newer { place: place.to_owned(), line }),
        _ => serde_json::from_slice(&json).map_err(|_| damaged()),
    }
}

/// What a line keeps, if its sum is right.
fn summed(raw: &[u8]) -> Option<&[u8]> {
    let (sum, kept) = (raw.get(..8)?, raw.get(9..)?);
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (crc32fast::hash(kept) == sum).then_some(kept)
}
