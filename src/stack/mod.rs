//! The stack file: its sections as types, how it is read, and what may be wrong with it.
//!
//! `read` opens a file, `parse` takes its text; both give a `Stack` or everything that is wrong, at once, and `render`
//! draws that. On the way: `syntax` (text to tree), `variables` and `template` (`${…}` filled in), `decode` and
//! `sections` (tree to types), `check` (rules between them). What the sections become is in `compose`.

pub mod backend;
mod check;
mod decode;
pub mod diagnostic;
pub mod duration;
mod encryption;
mod manifests;
pub mod model;
mod names;
mod node;
mod parse;
mod read;
mod render;
mod sections;
pub mod source;
mod suggest;
mod syntax;
mod template;
#[cfg(test)]
mod tests;
mod variables;

pub use backend::{Cloud as ObjectCloud, Place as BackendPlace};
pub use diagnostic::Diagnostic;
pub use model::{Keeping, Stack};
pub use parse::parse;
pub use read::{open, read};
pub use render::render;
pub use source::{Source, Spans};
pub use variables::Variables;
