//! The face: arguments, environment, standard output and error, signals and exit codes are here and nowhere else.
//!
//! One file a verb. What verbs share: `file` (which stack file), `environment`, `screen` (where to write), `error` (how
//! to fail) and `view` (how things look). A runtime and SDK clients are made only by the verbs that need them.

mod args;
mod completions;
mod environment;
mod error;
mod file;
mod reach;
mod run;
mod screen;
mod signals;
mod validate;
mod view;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Verb};
use environment::Environment;
use error::{Exit, Failure};
use screen::Screen;

/// Runs the process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(said) => {
            // Help and version are answers; all else is a mistake of the command line.
            let _ = said.print();
            return ExitCode::from(u8::try_from(said.exit_code()).unwrap_or(2));
        }
    };
    let environment = Environment::of_process();
    let screen = Screen::new(&cli.global, &environment);
    match run(&cli, &environment, &screen) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            screen.error(|out| failure.write(out));
            failure.exit.into()
        }
    }
}

fn run(cli: &Cli, environment: &Environment, screen: &Screen) -> Result<Exit, Failure> {
    match &cli.verb {
        Verb::Validate(of) => validate::run(screen, environment, of),
        Verb::Completions { shell } => completions::run(screen, *shell),
        _ => Err(Failure::refused("not yet")),
    }
}
