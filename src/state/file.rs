//! The snapshot file: a state as bytes, and back. A newer format is refused, never misread.

use serde::Deserialize;

use super::{FORMAT, State};

/// Why bytes are no state.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Written by a newer program.
    #[error("its format is {found}; this version of stack reads up to {FORMAT}")]
    Newer {
        /// The format of the file.
        found: u32,
    },
    /// Damaged or edited.
    #[error("it is damaged")]
    Damaged(#[source] serde_json::Error),
}

#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// A state as it is written: for people too.
pub fn write(state: &State) -> Result<Vec<u8>, FileError> {
    let mut bytes = serde_json::to_vec_pretty(state).map_err(FileError::Damaged)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads a state of this format or an older one.
pub fn read(bytes: &[u8]) -> Result<State, FileError> {
    known_format(bytes)?;
    serde_json::from_slice(bytes).map_err(FileError::Damaged)
}

/// Whether this program knows the format of a file. Its other fields may be whatever they are.
pub(super) fn known_format(bytes: &[u8]) -> Result<(), FileError> {
    let head: Head = serde_json::from_slice(bytes).map_err(FileError::Damaged)?;
    if head.format > FORMAT { Err(FileError::Newer { found: head.format }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_round_trip() {
        let state = State::new("shop", "sandbox", "lineage");
        assert_eq!(read(&write(&state).expect("writes")).expect("reads"), state);
    }

    #[test]
    fn a_newer_format_is_refused() {
        let text = br#"{"format": 99, "unheard_of": true}"#;
        assert!(matches!(read(text), Err(FileError::Newer { found: 99 })));
    }
}
