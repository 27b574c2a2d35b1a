//! `stack rehearse`: what `up` or `destroy` would do, done to a copy. The real cloud is only read, and before the copy
//! is made.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::args::{Global, Rehearse as Args, RehearseVerb, Scope, Telling};
use super::carry::exit_of;
use super::destroy::what_is_protected;
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::plan::show;
use super::reach::roles;
use super::run::{Run, block_on, composed};
use super::screen::Screen;
use super::signals;
use super::sweep;
use super::teller::Teller;
use super::view;
use super::view::summary::Took;
use crate::clock::{Clock, Stopwatch};
use crate::cloud::{Access, ClusterRef, Settings};
use crate::execute::event::Event;
use crate::graph::Graph;
use crate::live::Live;
use crate::observe::observe_for;
use crate::plan::{Intent, Leave, Plan, plan_with};
use crate::rehearse::{Error, InCluster, Piece, Played, Stage, differences, whole, without_nodes};
use crate::sandbox::Sandbox;
use crate::stack::Stack;
use crate::stack::model::Cluster;
use crate::state::State;

/// What was read of the real cloud.
struct Read {
    run: Run,
    state: State,
    live: Live,
    guests: Vec<InCluster>,
    without_nodes: Vec<ClusterRef>,
    plan: Plan,
    calls: u64,
}

/// Reads, makes the copy, carries the plan out on it and tells.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    let ((stack, graph), intent, leave, telling) = match &args.verb {
        RehearseVerb::Up { of, scope, telling } => {
            let Scope { targets, replace } = scope.clone();
            (composed(of, environment)?, Intent::Up { targets, replace }, Leave::default(), telling)
        }
        RehearseVerb::Destroy { of, targets, leave, telling } => {
            let intent = Intent::Destroy { targets: targets.clone() };
            (what_is_protected(of, environment)?, intent, (*leave).into(), telling)
        }
    };
    copyable(&stack)?;
    let read = block_on(global.sandbox, async {
        let read = read(screen, (stack, graph), global, environment, (&intent, leave));
        signals::unless_told(&mut signals::listen()?, read).await
    })??;
    show(screen, &read.plan, read.calls, telling.json, telling.verbose)?;
    if read.plan.is_empty() {
        return Ok(Exit::Done);
    }
    block_on(true, rehearse(screen, &read, (&intent, leave), telling))?
}

/// A cluster that only a kubeconfig tells of may be anything: there is no copy of it.
fn copyable(stack: &Stack) -> Result<(), Failure> {
    let only_named =
        |cluster: &&Cluster| cluster.existing.as_ref().is_some_and(|one| one.kubeconfig.is_some());
    let Some((name, _)) = stack.clusters.iter().find(|(_, cluster)| only_named(cluster)) else {
        return Ok(());
    };
    Err(Failure::refused(format!("the cluster `{name}` is known by a kubeconfig only: it cannot be copied"))
        .hint("rehearse a stack whose clusters are of EKS"))
}

/// Reads all that the copy is made from, and decides what would be done.
async fn read(
    screen: &Screen,
    (stack, graph): (Stack, Graph),
    global: &Global,
    environment: &Environment,
    (intent, leave): (&Intent, Leave),
) -> Result<Read, Failure> {
    let run = Run::begin(stack, graph, global, environment, Access::Plan).await?;
    screen.status(|out| writeln!(out, "Stack {} in {}\n", run.stack.head.name, run.whereabouts()));
    let cloud = run.cloud(Access::Plan);
    let state = run.state().await?;
    // With the file, for what it looks up.
    let live = observe_for(&cloud, run.registry, Some(&run.graph), &state, intent).await;
    let plan = plan_with(&run.graph, &state, &live, &run.registry.shapes(), intent, leave)?;
    let guests = whole(&cloud, &live.guests).await?;
    let without_nodes = without_nodes(&cloud, &state).await?;
    let calls = run.calls + cloud.calls().total();
    Ok(Read { run, state, live, guests, without_nodes, plan, calls })
}

/// Makes the copy and plays on it, in simulated time.
async fn rehearse(
    screen: &Screen,
    read: &Read,
    (intent, leave): (&Intent, Leave),
    telling: &Telling,
) -> Result<Exit, Failure> {
    let watch = Stopwatch::start();
    let mut signals = signals::listen()?;
    let (run, head) = (&read.run, &read.run.stack.head);
    let accounts = accounts(&run.stack);
    let piece = Piece {
        graph: &run.graph,
        state: &read.state,
        live: &read.live,
        account: &run.identity.account,
        accounts: &accounts,
        guests: &read.guests,
        without_nodes: &read.without_nodes,
        intent,
        leave,
    };
    let count = read.state.records.len();
    screen.status(|out| writeln!(out, "\nMaking a copy of {count} resources in an embedded cloud …"));
    let sandbox = Sandbox::fresh(Clock::system(1));
    let mut settings = Settings::through(sandbox.door(), sandbox.clock(), &head.region, Access::Write);
    settings.accounts = roles(&run.stack, &settings.sdk).await;
    let clock = settings.clock;
    let set = async { Ok(Stage::set(&sandbox, settings, &piece).await?) };
    let mut stage = signals::unless_told(&mut signals, set).await?;
    let plan = stage.plan(&piece).await?;
    let apart = differences(&read.plan, &plan);
    tell_differences(screen, &stage.missing, &apart, telling.json)?;

    screen.status(|out| writeln!(out, "Rehearsing on the copy; the cloud itself is not changed\n"));
    let began = clock.elapsed();
    let mut teller = Teller::new(*screen, telling.json);
    let mut steps = Vec::new();
    let mut heard = |event: Event| {
        if let Event::StepDone { address, took, .. } = &event {
            steps.push((address.clone(), *took));
        }
        teller.tell(&event, clock.elapsed().saturating_sub(began), watch.elapsed());
    };
    let played = stage.play(&plan, signals, &mut heard).await;
    teller.end(clock.elapsed().saturating_sub(began));
    let took = Took { steps: &steps, machine: Some(watch.elapsed()) };
    let exit = tell_end(screen, &played?, &took, telling.json)?;
    match (exit, apart.len()) {
        (Exit::Done, 1..) => {
            Err(Failure::new(Exit::Failed, "the plan for the copy is another one: see the notes"))
        }
        (exit, _) => Ok(exit),
    }
}

/// The numbers of other accounts, by their names in the file.
fn accounts(stack: &Stack) -> BTreeMap<String, String> {
    let number = |arn: &str| arn.split(':').nth(4).unwrap_or_default().to_owned();
    stack.accounts.iter().map(|(name, account)| (name.clone(), number(&account.role_arn))).collect()
}

/// Tells in what the copy is not what it stands for.
fn tell_differences(
    screen: &Screen,
    missing: &[String],
    others: &[String],
    json: bool,
) -> Result<(), Failure> {
    let missing = missing.iter().map(|what| format!("not in the copy: {what}"));
    let all: Vec<String> = missing.chain(others.iter().cloned()).collect();
    if json {
        let line = |what: &String| json!({ "type": "difference", "what": what });
        return screen.answer(|out| all.iter().try_for_each(|what| view::json::line(out, &line(what))));
    }
    for what in &all {
        screen.status(|out| writeln!(out, "Note: {what}"));
    }
    Ok(())
}

fn tell_end(screen: &Screen, played: &Played, took: &Took<'_>, json: bool) -> Result<Exit, Failure> {
    let outcome = &played.outcome;
    if json {
        screen.answer(|out| view::json::outcome(out, outcome, &Json::Null, true))?;
    } else {
        screen.status(|out| writeln!(out));
        screen.answer(|out| {
            writeln!(out, "On the copy:")?;
            view::summary::write(out, outcome, took, &BTreeMap::new())
        })?;
    }
    let Some((left, calls)) = &played.left else { return Ok(exit_of(outcome)) };
    sweep::tell(screen, left, *calls, json)?;
    Ok(sweep::exit_of(left))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusals) => Self::from(refusals).because("so it would be in the copy"),
            Error::Store(error) => Self::from(error),
            Error::Disk(error) => Self::from(error),
            Error::Uncopied(_) => Self::refused(format!("this cannot be rehearsed: {error}")),
            Error::Unmade(_) => Self::new(Exit::Failed, error.to_string())
                .hint("the embedded cloud may be stricter than the cloud, or may not know it: see README"),
        }
    }
}
