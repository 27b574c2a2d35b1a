//! `Seal`: what a snapshot and the lines of a journal go through on their way to and from where they are kept.
//!
//! All that leaves the process for a store passes here as bytes, and all that comes back: the place of encryption.

/// How bytes are kept: as they are.
#[derive(Clone, Debug, Default)]
pub struct Seal;

impl Seal {
    /// The JSON of a journal line, as it is kept. It must hold no line break.
    pub(super) fn line(&self, json: Vec<u8>) -> Vec<u8> {
        json
    }

    /// The JSON of a journal line that was kept; none if it cannot be opened.
    pub(super) fn open_line(&self, kept: &[u8]) -> Option<Vec<u8>> {
        Some(kept.to_vec())
    }

    /// A snapshot, as it is kept.
    pub(super) fn file(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    /// A snapshot that was kept; none if it cannot be opened.
    pub(super) fn open_file(&self, kept: Vec<u8>) -> Option<Vec<u8>> {
        Some(kept)
    }
}
