//! The stack file: its sections as types, how it is read, and what may be wrong with it.
//!
//! `read` gives a `Stack` or everything that is wrong, at once. What the sections become is in `compose`.

pub mod diagnostic;
pub mod duration;
pub mod model;
pub mod source;

pub use diagnostic::Diagnostic;
pub use model::Stack;
pub use source::{Source, Spans};
