//! `stack validate`: reads and composes a stack file.

use super::args::OfStack;
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::run::composed;
use super::screen::Screen;
use super::view::words::count;

/// Checks it.
pub(super) fn run(screen: &Screen, environment: &Environment, of: &OfStack) -> Result<Exit, Failure> {
    let (stack, graph) = composed(of, environment)?;
    screen.answer(|out| {
        graph.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))?;
        writeln!(
            out,
            "{} is sound: {}.",
            stack.source.path.display(),
            count(graph.resources.len(), "resource")
        )
    })?;
    Ok(Exit::Done)
}
