//! `stack plan`: what `up` would do. Sends reads and dry runs only.

use std::io::Write as _;
use std::path::Path;

use super::args::{Global, Plan as Args};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::run::{Run, block_on, composed};
use super::screen::Screen;
use super::signals;
use super::view;
use super::view::fields::Measure;
use crate::cloud::Access;
use crate::observe::observe_for;
use crate::plan::{Intent, Plan, plan_with};

/// Shows it, and saves it if that is wanted.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    let (stack, graph) = composed(&args.of, environment)?;
    let looked = async {
        let run = Run::begin(stack, graph, global, environment, Access::Plan).await?;
        screen.status(|out| writeln!(out, "Stack {} in {}\n", run.stack.head.name, run.whereabouts()));
        let cloud = run.cloud(Access::Plan);
        let state = run.state().await?;
        let targets = args.scope.targets.clone();
        let intent = Intent::Up { targets, replace: args.scope.replace.clone() };
        let live = observe_for(&cloud, run.registry, Some(&run.graph), &state, &intent).await;
        let shapes = run.registry.shapes();
        let mut plan = plan_with(&run.graph, &state, &live, &shapes, &intent, args.leave.into())?;
        run.lock.judge(&cloud, &mut plan, false).await?;
        Ok((plan, run.calls + cloud.calls().total()))
    };
    let told = async { signals::unless_told(&mut signals::listen()?, looked).await };
    let (plan, calls) = block_on(global.sandbox, told)??;
    if let Some(path) = &args.output {
        save(path, &plan)?;
    }
    show(screen, &plan, calls, args.json, args.verbose)?;
    if let Some(path) = &args.output {
        screen.status(|out| writeln!(out, "Saved as {}.", path.display()));
    }
    Ok(if args.exit_code && !plan.is_empty() { Exit::Changes } else { Exit::Done })
}

/// Shows a plan, for people or as JSON lines.
pub(super) fn show(
    screen: &Screen,
    plan: &Plan,
    calls: u64,
    json: bool,
    verbose: bool,
) -> Result<(), Failure> {
    let measure = Measure { width: screen.width, verbose };
    screen.answer(|out| {
        if json {
            view::json::version(out)?;
            view::json::plan(out, plan, calls)
        } else {
            view::plan::write(out, plan, calls, measure)
        }
    })
}

/// A plan holds all values, sensitive ones too: the file is for its owner only.
fn save(path: &Path, plan: &Plan) -> Result<(), Failure> {
    let fail = |error: std::io::Error| {
        Failure::of(Exit::Failed, &error).because(format!("the plan was to be saved as {}", path.display()))
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let text = serde_json::to_string_pretty(plan).map_err(|error| fail(error.into()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    writeln!(file, "{text}").map_err(fail)?;
    file.persist(path).map(drop).map_err(|error| fail(error.error))
}
