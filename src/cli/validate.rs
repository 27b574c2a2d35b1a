//! `stack validate`: reads and composes a stack file.

use super::args::OfStack;
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::file;
use super::screen::Screen;

/// Checks it.
pub(super) fn run(screen: &Screen, environment: &Environment, of: &OfStack) -> Result<Exit, Failure> {
    let stack = file::read(of, environment, false)?;
    screen.answer(|out| writeln!(out, "{} is sound.", stack.source.path.display()))?;
    Ok(Exit::Done)
}
