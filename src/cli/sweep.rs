//! `stack sweep`: what was left behind; and what a cluster that is gone has left, removed. How a destroy ends, too.

use std::time::Duration;

use super::args::{Global, OfStack, Sweep as Args};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::file;
use super::reach::cloud_at;
use super::run::{Run, block_on};
use super::screen::Screen;
use super::signals;
use super::view;
use super::view::words::count;
use crate::cloud::{Access, Cloud, Settings};
use crate::compose::compose;
use crate::graph::Place;
use crate::state::State;
use crate::sweep::remove::Step;
use crate::sweep::{Leftover, Report, Scope, Whose, audit, left_alone, lives, remove};

/// Between two looks at what is on its way out, and how many there are at most.
const AGAIN: (Duration, u32) = (Duration::from_secs(15), 20);

/// Looks, and removes if told to.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    match args.of() {
        Some(of) => check(screen, global, environment, &of, args.json),
        None => of_cluster(screen, global, environment, args),
    }
}

/// Lists what a cluster that is gone has left, and removes it if told to.
fn of_cluster(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    let (Some(name), Some(region)) = (&args.cluster, &args.region) else {
        return Err(Failure::refused("a sweep needs the name of a cluster and its region"));
    };
    block_on(global.sandbox, async {
        let mut signals = signals::listen()?;
        let access = if args.yes { Access::Write } else { Access::Read };
        let (settings, place) =
            cloud_at(global, environment, region, args.role_arn.as_deref(), access).await?;
        let cloud = Cloud::new(settings.clone());
        let reader = Cloud::new(Settings { access: Access::Read, ..settings });
        if args.json {
            screen.answer(|out| view::json::version(out))?;
        }
        let swept = async {
            if lives(&reader, name, &place).await? {
                return Err(Failure::refused(format!("the cluster {name} lives in {region}"))
                    .because(
                        "what its controllers made belongs to its Gateways, routes, Ingresses and Services",
                    )
                    .hint("delete those, then the cluster; or `stack destroy` if a stack made it"));
            }
            let scope = Scope::of_cluster(name, &place, args.vpc.as_deref());
            let report = audit(&reader, &scope).await;
            if !args.yes || report.leftovers.iter().all(|one| left_alone(one).is_some()) {
                tell_sweep(screen, &report, reader.calls().total(), args)?;
                return Ok(exit_of(&report));
            }
            remove(&cloud, &report.leftovers, &mut |one, step| tell_step(screen, args.json, one, step)).await;
            screen.status(|out| writeln!(out));
            let report = settled(&reader, &scope).await;
            let calls = reader.calls().total() + cloud.calls().total();
            tell(screen, &report, calls, args.json)?;
            tell_alone(screen, &report);
            Ok(exit_of(&report))
        };
        signals::unless_told(&mut signals, swept).await
    })?
}

/// What would be removed, and what would be left alone and why.
fn tell_sweep(screen: &Screen, report: &Report, calls: u64, args: &Args) -> Result<(), Failure> {
    tell(screen, report, calls, args.json)?;
    tell_alone(screen, report);
    let goes = report.leftovers.iter().filter(|one| left_alone(one).is_none()).count();
    if goes > 0 {
        screen
            .status(|out| writeln!(out, "Nothing was removed: `--yes` removes {goes} of it, in this order"));
    }
    Ok(())
}

/// What is left alone, and why.
fn tell_alone(screen: &Screen, report: &Report) {
    for (one, why) in report.leftovers.iter().filter_map(|one| Some((one, left_alone(one)?))) {
        let what = format!("{} {}", one.thing.sort.title(), one.thing.name);
        screen.status(|out| writeln!(out, "Note: a sweep leaves the {what} alone: {why}"));
    }
}

fn tell_step(screen: &Screen, json: bool, one: &Leftover, step: &Step) {
    if json {
        // A sweep goes on if nobody can hear it.
        drop(screen.answer(|out| view::sweep::json_step(out, one, step)));
    } else {
        screen.status(|out| view::sweep::step(out, one, step));
    }
}

/// Looks for everything that a stack could have left.
fn check(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    of: &OfStack,
    json: bool,
) -> Result<Exit, Failure> {
    let stack = file::read(of, environment, true)?;
    // A file that is wrong somewhere still names the stack: the state tells the rest.
    let graph = compose(&stack).unwrap_or_default();
    let looked = async {
        let run = Run::begin(stack, graph, global, environment, Access::Read).await?;
        screen.status(|out| writeln!(out, "Stack {} in {}\n", run.stack.head.name, run.whereabouts()));
        let state = run.state().await?;
        let cloud = run.cloud(Access::Read);
        let report = audit(&cloud, &scope(&run, &state)).await;
        Ok((report, run.calls + cloud.calls().total(), state.records.len()))
    };
    let told = async { signals::unless_told(&mut signals::listen()?, looked).await };
    let (report, calls, recorded) = block_on(global.sandbox, told)??;
    if json {
        screen.answer(|out| view::json::version(out))?;
    }
    tell(screen, &report, calls, json)?;
    if recorded > 0 {
        screen.status(|out| {
            writeln!(
                out,
                "Note: {} of the stack are recorded and do not count as left",
                count(recorded, "resource")
            )
        });
    }
    hint(screen, &report);
    Ok(exit_of(&report))
}

/// All that the state remembers, and the places that the stack file names.
fn scope(run: &Run, state: &State) -> Scope {
    let mut scope = Scope::of_state(state);
    scope.add_file(&run.graph);
    let head = Place { account: None, region: run.stack.head.region.clone() };
    scope.places.insert(head);
    scope
}

/// The audit that a destroy ends with.
pub(super) async fn after_destroy(run: &Run, state: &State) -> (Report, u64) {
    let cloud = run.cloud(Access::Read);
    let report = settled(&cloud, &scope(run, state)).await;
    (report, cloud.calls().total())
}

/// Looks until nothing is on its way out any more, for some minutes at most.
async fn settled(cloud: &Cloud, scope: &Scope) -> Report {
    let mut report = audit(cloud, scope).await;
    for _ in 0..AGAIN.1 {
        if !report.is_going() {
            break;
        }
        cloud.clock().sleep(AGAIN.0).await;
        report = audit(cloud, scope).await;
    }
    report
}

/// Tells what was seen.
pub(super) fn tell(screen: &Screen, report: &Report, calls: u64, json: bool) -> Result<(), Failure> {
    if json {
        return screen.answer(|out| view::sweep::json(out, report, calls));
    }
    screen.answer(|out| view::sweep::write(out, report, calls))
}

/// What to do about what clusters and their controllers left.
pub(super) fn hint(screen: &Screen, report: &Report) {
    for (cluster, region) in &report.gone {
        let of_it = |one: &Leftover| {
            let named = match &one.whose {
                Whose::Controller { cluster: named } | Whose::Cluster { cluster: named } => named == cluster,
                _ => false,
            };
            let here = one.thing.sort.is_global() || one.thing.place.region == *region;
            named && here && left_alone(one).is_none()
        };
        if report.leftovers.iter().any(of_it) {
            screen.status(|out| {
                writeln!(
                    out,
                    "Hint: `stack sweep --cluster {cluster} --region {region}` removes what it left"
                )
            });
        }
    }
}

/// What could not be read is neither left nor clean.
pub(super) fn exit_of(report: &Report) -> Exit {
    match (report.leftovers.is_empty(), report.unread.is_empty()) {
        (false, _) => Exit::Leftovers,
        (true, false) => Exit::Failed,
        (true, true) => Exit::Done,
    }
}
