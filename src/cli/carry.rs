//! What `up` and `destroy` share: lock, observe, plan, show, ask, carry out, tell.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::sync::watch;

use super::args::How;
use super::chronicle::Chronicle;
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::file::word_of;
use super::lock::New;
use super::plan::show;
use super::rescue::rescue;
use super::run::{Run, lineage, who};
use super::saved::Opened;
use super::screen::Screen;
use super::signals;
use super::sweep;
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
use crate::secret::{Mask, Secrets, shown};
use crate::state::State;
use crate::state::journal::Entry;
use crate::state::store::{Holder, Locked, Wait, Waiting};
use crate::state::trace::{Trace, Traced};

/// What is to be done, and how.
pub(super) struct Order<'a> {
    pub(super) what: What,
    pub(super) how: &'a How,
    pub(super) leave: Leave,
    /// For the journal.
    pub(super) command: String,
    /// What is asked before it is done, without the question mark.
    pub(super) question: &'static str,
}

/// What is to be done.
pub(super) enum What {
    /// What is wanted; it is decided when the state is locked.
    Wanted(Intent),
    /// What was decided before, and nothing else.
    Saved(Box<Opened>),
}

impl What {
    /// The lineage of a state that begins with this run.
    fn lineage(&self) -> String {
        match self {
            Self::Wanted(_) => lineage(),
            Self::Saved(opened) => opened.plan().lineage.clone(),
        }
    }
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
    let lineage = order.what.lineage();
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
    let decided = decided(run, &order.what, locked.state(), order.leave);
    let (plan, new, calls) = signals::unless_told(&mut signals, decided).await?;
    show(screen, &plan, calls, how.json, how.verbose)?;
    let otherwise = kept_otherwise(locked, screen);
    if plan.is_empty() && !otherwise && !changes_the_record(&plan, locked.state(), &run.stack.secrets) {
        return audit_if_due(screen, run, &mut signals, locked, &plan, how.json).await;
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

    if locked.was_plain() {
        locked.seal_past(&run.store).await?;
    }
    run.lock.write(new)?;
    crate::sweep::remember(locked, &plan).await?;
    let mut listening = signals.clone();
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
    match exit_of(&outcome) {
        Exit::Done => audit_if_due(screen, run, &mut listening, locked, &plan, how.json).await,
        other => Ok(other),
    }
}

/// How the destroy of a whole stack ends: nothing is recorded any more, and what once was is looked for. Once that
/// was clean there is nothing to look for any more.
async fn audit_if_due(
    screen: &Screen,
    run: &Run,
    signals: &mut watch::Receiver<Cancel>,
    locked: &mut Locked,
    plan: &Plan,
    json: bool,
) -> Result<Exit, Failure> {
    let whole = matches!(&plan.intent, Intent::Destroy { targets } if targets.is_empty());
    let kept = |trace: &Trace| matches!(trace.what, Traced::Kept { .. });
    if !whole || !locked.state().is_empty() || locked.state().traces.iter().all(kept) {
        return Ok(Exit::Done);
    }
    if !json {
        screen.status(|out| writeln!(out, "\nLooking for leftovers"));
    }
    let looked = async { Ok(sweep::after_destroy(run, locked.state()).await) };
    let (report, calls) = signals::unless_told(signals, looked).await?;
    sweep::tell(screen, &report, calls, json)?;
    sweep::hint(screen, &report);
    if report.is_clean() {
        locked.append(&[Entry::Audited])?;
        locked.snapshot().await?;
    }
    Ok(sweep::exit_of(&report))
}

/// The plan, what it installs that is not pinned yet, and how many API calls it took to have it.
async fn decided(run: &Run, what: &What, state: &State, leave: Leave) -> Result<(Plan, New, u64), Failure> {
    let cloud = run.cloud(Access::Plan);
    let mut plan = match what {
        What::Wanted(intent) => {
            // What is to go is known by its records: the file does not matter.
            let graph = matches!(intent, Intent::Up { .. }).then_some(&run.graph);
            let live = observe_for(&cloud, run.registry, graph, state, intent).await;
            plan_with(&run.graph, state, &live, &run.registry.shapes(), intent, leave)?
        }
        What::Saved(opened) => {
            opened.is_fresh(state)?;
            opened.told_again(&run.graph, state)?
        }
    };
    let noted = plan.notes.clone();
    let new = run.lock.judge(&cloud, &mut plan, true).await?;
    if matches!(what, What::Saved(_)) {
        // It was noted when it was saved.
        plan.notes = noted;
    }
    Ok((plan, new, run.calls + cloud.calls().total()))
}

/// Whether the state has to be written anew because of how it was kept; and says so.
fn kept_otherwise(locked: &Locked, screen: &Screen) -> bool {
    let notes = [
        (
            locked.was_exposed(),
            "sensitive values are taken out of the state now; older copies still hold them",
        ),
        (locked.was_plain(), "the state was plain, and is encrypted from now on; older copies are not"),
    ];
    for (_, note) in notes.iter().filter(|(so, _)| *so) {
        screen.status(|out| writeln!(out, "note: {note}"));
    }
    notes.iter().any(|(so, _)| *so)
}

/// Whether a plan without steps changes what is recorded: edges, or the outputs of the stack.
fn changes_the_record(plan: &Plan, state: &State, secrets: &Secrets) -> bool {
    if matches!(plan.intent, Intent::Destroy { .. }) {
        return false;
    }
    let known = |reference: &crate::value::Reference| state.output(reference);
    let outputs = plan.outputs.iter();
    let mask = Mask::new(secrets, &state.lineage);
    let outputs = outputs.filter_map(|(name, value)| {
        Some((name.clone(), mask.masked(&value.resolve(&known).known().ok()?).into_owned()))
    });
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
        let outputs = shown(&json!(state.outputs));
        return screen.answer(|out| view::json::outcome(out, outcome, &outputs, run.sandbox));
    }
    screen.status(|out| writeln!(out));
    screen.answer(|out| view::summary::write(out, outcome, took, &state.outputs))
}

pub(super) fn exit_of(outcome: &Outcome) -> Exit {
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
