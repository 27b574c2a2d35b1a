//! How things look: pure functions from data to text, with colours that a stream may take out again.

pub mod drift;
pub mod fields;
pub mod plan;
pub mod words;
