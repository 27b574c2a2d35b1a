//! How things look: pure functions from data to text, with colours that a stream may take out again.

pub mod bars;
pub mod drift;
pub mod fields;
pub mod history;
pub mod json;
pub mod plan;
pub mod progress;
pub mod summary;
pub mod sweep;
pub mod words;
