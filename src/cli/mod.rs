//! The face: arguments, environment, standard output and error, signals and exit codes are here and nowhere else.
//!
//! One file a verb. What verbs share: `file` (which stack file), `environment`, `screen` (where to write), `error` (how
//! to fail) and `view` (how things look). A runtime and SDK clients are made only by the verbs that need them.

mod args;
mod carry;
mod chronicle;
mod completions;
mod destroy;
mod drift;
mod environment;
mod error;
mod file;
mod graph;
mod history;
mod home;
mod kept;
mod kubeconfig;
mod lock;
mod output;
mod plan;
mod reach;
mod rehearse;
mod rekey;
mod relocate;
mod repair;
mod rescue;
mod run;
mod sandbox;
mod saved;
mod screen;
mod sealing;
mod signals;
mod state;
mod sweep;
mod teller;
mod token;
mod unlock;
mod up;
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
    let global = &cli.global;
    match &cli.verb {
        Verb::Validate(of) => validate::run(screen, environment, of),
        Verb::Plan(args) => plan::run(screen, global, environment, args),
        Verb::Up(args) => up::run(screen, global, environment, args),
        Verb::Destroy(args) => destroy::run(screen, global, environment, args),
        Verb::Rehearse(args) => rehearse::run(screen, global, environment, args),
        Verb::Drift(args) => drift::run(screen, global, environment, args),
        Verb::Sweep(args) => sweep::run(screen, global, environment, args),
        Verb::Output(args) => output::run(screen, global, environment, args),
        Verb::History(args) => history::run(screen, global, environment, args),
        Verb::State(args) => state::run(screen, global, environment, args),
        Verb::Unlock { of, id } => unlock::run(screen, global, environment, of, id),
        Verb::Kubeconfig(args) => kubeconfig::run(screen, global, environment, args),
        Verb::Token(args) => token::run(screen, global, environment, args),
        Verb::Graph(args) => graph::run(screen, environment, args),
        Verb::Sandbox(args) => sandbox::run(screen, args),
        Verb::Completions { shell } => completions::run(screen, *shell),
    }
}
