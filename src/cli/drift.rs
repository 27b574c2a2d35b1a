//! `stack drift`: where the live cloud differs from what the last apply left. Reads only.

use super::args::{Drift as Args, Global};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::file;
use super::run::{Run, block_on, never_made};
use super::screen::Screen;
use super::signals;
use super::view;
use super::view::fields::Measure;
use crate::cloud::Access;
use crate::drift::drift;
use crate::graph::Graph;
use crate::observe::observe;

/// Compares and tells.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    let stack = file::read(&args.of, environment, true)?;
    let looked = async {
        let run = Run::begin(stack, Graph::default(), global, environment, Access::Read).await?;
        screen.status(|out| writeln!(out, "Stack {} in {}\n", run.stack.head.name, run.whereabouts()));
        let cloud = run.cloud(Access::Read);
        let name = &run.stack.head.name;
        let state = run.store.read().await?.ok_or_else(|| never_made(name, &args.of, global.sandbox))?;
        let live = observe(&cloud, run.registry, None, &state).await;
        Ok((
            drift(&state, &live, &run.registry.shapes(), &run.stack.secrets),
            run.calls + cloud.calls().total(),
        ))
    };
    let told = async { signals::unless_told(&mut signals::listen()?, looked).await };
    let (report, calls) = block_on(global.sandbox, told)??;
    let measure = Measure { width: screen.width, verbose: false };
    screen.answer(|out| {
        if args.json {
            view::json::version(out)?;
            view::json::drift(out, &report, calls)
        } else {
            view::drift::write(out, &report, calls, measure)
        }
    })?;
    Ok(match (report.drifted.is_empty(), report.unreadable.is_empty()) {
        (false, _) => Exit::Drifted,
        // What could not be read is neither drift nor its absence.
        (true, false) => Exit::Failed,
        (true, true) => Exit::Done,
    })
}
