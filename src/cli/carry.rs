//! What `up` and `destroy` share: lock, observe, plan, show, ask, carry out, tell.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::sync::watch;

use super::args::How;
use super::chronicle::Chronicle;
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::file::word_of;
use super::plan::show;
use super::rescue::rescue;
use super::run::{Run, lineage, who};
use super::screen::Screen;
use super::signals;
use super::teller::Teller;
use super::view;
use super::view::summary::Took;
use super::view::words::duration;
use crate::clock::Stopwatch;
use crate::cloud::Access;
use crate::execute::event::{Event, Outcome};
use crate::execute::{Cancel, Options, execute};
use crate::observe::observe_for;
use crate::plan::{Intent, Leave, Plan, plan_with};
use crate::state::State;
use crate::state::store::{Holder, Locked, Wait, Waiting};

/// What is to be done, and how.
pub(super) struct Order<'a> {
    pub(super) intent: Intent,
    pub(super) how: &'a How,
    pub(super) leave: Leave,
    /// For the journal.
    pub(super) command: String,
    /// What is asked before it is done, without the question mark.
    pub(super) question: &'static str,
}

/// Does it. The state is locked from before it is read until it is written. A signal before the first step ends it
/// there.
pub(super) async fn carry(
    screen: &Screen,
    environment: &Environment,
    run: &Run,
    order: Order<'_>,
    mut signals: watch::Receiver<Cancel>,
) -> Result<Exit, Failure> {
    let how = order.how;
    let name = &run.stack.head.name;
    screen.status(|out| writeln!(out, "Stack {name} in {}\n", run.whereabouts()));
    let watch = Stopwatch::start();
    let holder = Holder::new(who(environment), &order.command, run.clock().millis());
    let mut waiter = Waiter { screen, told: None };
    let mut tell = |holder: &Holder, what| waiter.tell(holder, what, run.clock().millis());
    let mut wait = Wait { within: how.lock_timeout, tell: &mut tell };
    let lineage = lineage();
    let locking = async { Ok(run.store.lock_within(&holder, &lineage, &mut wait).await?) };
    let mut locked = signals::unless_told(&mut signals, locking).await?;
    let done = carry_locked(screen, run, order, signals, (&holder, &mut locked), watch).await;
    locked.release().await;
    done
}

/// Tells whom a run waits for, once each.
struct Waiter<'a> {
    screen: &'a Screen,
    told: Option<(String, Waiting)>,
}

impl Waiter<'_> {
    fn tell(&mut self, holder: &Holder, what: Waiting, now: i64) {
        let seen = (holder.id.clone(), what);
        if self.told.as_ref() == Some(&seen) {
            return;
        }
        let since = u64::try_from(now - holder.at).unwrap_or_default();
        let since = duration(std::time::Duration::from_millis(since));
        let Holder { id, who, command, .. } = holder;
        self.screen.status(|out| match what {
            Waiting::ForSignsOfLife => {
                writeln!(out, "The state is locked by {who}: looking for signs of life …")
            }
            Waiting::ForItsEnd => {
                writeln!(out, "Waiting for {who}: `{command}`, for {since} (lock {id}) …")
            }
        });
        self.told = Some(seen);
    }
}

/// The same, with the state locked.
async fn carry_locked(
    screen: &Screen,
    run: &Run,
    order: Order<'_>,
    mut signals: watch::Receiver<Cancel>,
    (holder, locked): (&Holder, &mut Locked),
    watch: Stopwatch,
) -> Result<Exit, Failure> {
    let how = order.how;
    if locked.was_torn() {
        screen.status(|out| {
            writeln!(
                out,
                "The journal ended in half a line, of a run that was killed while it wrote: dropped."
            )
        });
    }

    let cloud = run.cloud(Access::Plan);
    // What is to go is known by its records: the file does not matter.
    let graph = matches!(order.intent, Intent::Up { .. }).then_some(&run.graph);
    let state = locked.state();
    let observed = async { Ok(observe_for(&cloud, run.registry, graph, state, &order.intent).await) };
    let live = signals::unless_told(&mut signals, observed).await?;
    let shapes = run.registry.shapes();
    let mut plan = plan_with(&run.graph, state, &live, &shapes, &order.intent, order.leave)?;
    let judged = async { run.lock.judge(&cloud, &mut plan, true).await };
    let new = signals::unless_told(&mut signals, judged).await?;
    show(screen, &plan, run.calls + cloud.calls().total(), how.json, how.verbose)?;
    if plan.is_empty() && !changes_the_record(&plan, locked.state()) {
        return Ok(Exit::Done);
    }
    if !plan.is_empty() && !how.yes {
        let question = format!("{} in {}?", order.question, run.whereabouts());
        signals::unless_told(&mut signals, screen.ask(&question)).await.inspect_err(|failure| {
            // The line of the question was not ended by an answer.
            if failure.exit == Exit::Interrupted {
                screen.error(|out| writeln!(out));
            }
        })?;
    }

    run.lock.write(new)?;
    let parallel = Some(usize::from(how.parallel));
    let options = Options { parallel, cancel: signals, who: holder.who.clone(), command: order.command };
    let cloud = run.cloud_under(locked.lease());
    let began = run.clock().elapsed();
    let source = &run.stack.source;
    let mut chronicle = Chronicle::begin(locked, holder, &plan, source, run.clock()).await?;
    let mut teller = Teller::new(*screen, how.json);
    let mut steps = Vec::new();
    let mut heard = |event: Event| {
        if let Event::StepDone { address, took, .. } = &event {
            steps.push((address.clone(), *took));
        }
        chronicle.hear(&event);
        teller.tell(&event, run.clock().elapsed().saturating_sub(began), watch.elapsed());
    };
    let outcome = execute(&cloud, run.registry, locked, &plan, options, &mut heard).await;
    teller.end(run.clock().elapsed().saturating_sub(began));
    let outcome = outcome.map_err(|error| {
        let sandbox = if run.sandbox { " --sandbox" } else { "" };
        let pushed_by = format!("stack state push {}{sandbox}", word_of(&source.path));
        rescue(error, locked, &run.store, &pushed_by)
    });
    let noted = chronicle.end(locked, outcome.as_ref().map(exit_of)).await;
    let outcome = outcome?;
    if let Err(error) = noted {
        let why = Failure::from(error).in_a_line();
        screen.status(|out| writeln!(out, "The end of this run is not in the history: {why}"));
    }

    let machine = run.sandbox.then(|| watch.elapsed());
    tell_end(screen, run, how, &outcome, &Took { steps: &steps, machine }, locked.state())?;
    Ok(exit_of(&outcome))
}

/// Whether a plan without steps changes what is recorded: edges, or the outputs of the stack.
fn changes_the_record(plan: &Plan, state: &State) -> bool {
    if matches!(plan.intent, Intent::Destroy { .. }) {
        return false;
    }
    let known = |reference: &crate::value::Reference| state.output(reference);
    let outputs = plan.outputs.iter();
    let outputs =
        outputs.filter_map(|(name, value)| Some((name.clone(), value.resolve(&known).known().ok()?)));
    !plan.edges.is_empty() || outputs.collect::<BTreeMap<_, _>>() != state.outputs
}

fn tell_end(
    screen: &Screen,
    run: &Run,
    how: &How,
    outcome: &Outcome,
    took: &Took<'_>,
    state: &State,
) -> Result<(), Failure> {
    if how.json {
        let outputs = json!(state.outputs);
        return screen.answer(|out| view::json::outcome(out, outcome, &outputs, run.sandbox));
    }
    screen.status(|out| writeln!(out));
    screen.answer(|out| view::summary::write(out, outcome, took, &state.outputs))
}

fn exit_of(outcome: &Outcome) -> Exit {
    let done = outcome.created + outcome.updated + outcome.deleted + outcome.forgotten;
    match (outcome.interrupted, outcome.is_complete(), done) {
        (true, _, _) => Exit::Interrupted,
        (false, true, _) => Exit::Done,
        (false, false, 0) => Exit::Failed,
        (false, false, _) => Exit::Partly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::cloud::{CloudError, ErrorSort};

    #[test]
    fn how_a_run_ended_is_told_by_the_exit_code() {
        let failed = vec![(Address::new("a", "b"), CloudError::new(ErrorSort::Other, "x", "y"))];
        let nothing = Outcome { failed, ..Outcome::default() };
        assert_eq!(exit_of(&Outcome::default()), Exit::Done);
        assert_eq!(exit_of(&nothing), Exit::Failed);
        assert_eq!(exit_of(&Outcome { created: 1, ..nothing.clone() }), Exit::Partly);
        assert_eq!(exit_of(&Outcome { interrupted: true, ..nothing }), Exit::Interrupted);
    }
}
