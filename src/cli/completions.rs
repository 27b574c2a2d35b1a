//! `stack completions`: a script for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Cli;
use super::error::{Exit, Failure};
use super::screen::Screen;

/// Prints it.
pub(super) fn run(screen: &Screen, shell: Shell) -> Result<Exit, Failure> {
    screen.answer(|out| {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "stack", &mut script);
        out.write_all(&script)
    })?;
    Ok(Exit::Done)
}
