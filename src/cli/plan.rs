//! `stack plan`: what `up` or `destroy` would do. Sends reads and dry runs only.

use super::args::{Global, Plan as Args, Scope};
use super::destroy::what_is_protected;
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::run::{Run, block_on, composed};
use super::saved::{self, Given, Opened};
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
    if let Some(opened) = saved::open(&args.of.stack, environment)? {
        return show_saved(screen, args, &opened);
    }
    let Scope { targets, replace } = args.scope.clone();
    let (intent, (stack, graph)) = if args.destroy {
        (Intent::Destroy { targets }, what_is_protected(&args.of, environment)?)
    } else {
        (Intent::Up { targets, replace }, composed(&args.of, environment)?)
    };
    let (secrets, encryption) = (stack.secrets.clone(), stack.encryption.clone());
    let origin = saved::origin(&args.of, environment, &graph, &stack);
    let looked = async {
        let run = Run::begin(stack, graph, global, environment, Access::Plan).await?;
        screen.status(|out| writeln!(out, "Stack {} in {}\n", run.stack.head.name, run.whereabouts()));
        let cloud = run.cloud(Access::Plan);
        let state = run.state().await?;
        // What is to go is known by its records: the file does not matter.
        let graph = matches!(intent, Intent::Up { .. }).then_some(&run.graph);
        let live = observe_for(&cloud, run.registry, graph, &state, &intent).await;
        let shapes = run.registry.shapes();
        let mut plan = plan_with(&run.graph, &state, &live, &shapes, &intent, args.leave.into())?;
        run.lock.judge(&cloud, &mut plan, false).await?;
        Ok((plan, run.calls + cloud.calls().total(), run.store.seal().clone()))
    };
    let told = async { signals::unless_told(&mut signals::listen()?, looked).await };
    let (plan, calls, seal) = block_on(global.sandbox, told)??;
    if let Some(path) = &args.output {
        saved::save(path, origin, &plan.kept(&secrets), (&seal, encryption.as_ref()))?;
    }
    show(screen, &plan, calls, args.json, args.verbose)?;
    if let Some(path) = &args.output {
        let verb = if args.destroy { "destroy" } else { "up" };
        let sandbox = if global.sandbox { " --sandbox" } else { "" };
        let file = path.display();
        screen.status(|out| writeln!(out, "Saved as {file}: `stack {verb} {file}{sandbox}` carries it out."));
    }
    Ok(if args.exit_code && !plan.is_empty() { Exit::Changes } else { Exit::Done })
}

/// Shows a plan that was saved; nothing is asked of any cloud.
fn show_saved(screen: &Screen, args: &Args, opened: &Opened) -> Result<Exit, Failure> {
    if let Some(path) = &args.output {
        return Err(Failure::refused(format!("{} is a saved plan already", opened.name()))
            .hint(format!("plan the stack to save {}", path.display())));
    }
    let Scope { targets, replace } = &args.scope;
    let (of, leave) = (&args.of, args.leave);
    opened.takes_no_options(&Given { of, targets, replace, leave, destroy: args.destroy })?;
    let plan = opened.plan();
    screen.status(|out| writeln!(out, "{}: a plan for the stack {}\n", opened.name(), plan.stack));
    show(screen, plan, 0, args.json, args.verbose)?;
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
