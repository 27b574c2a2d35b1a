//! `execute`: carries a plan out, concurrently, journal first. Chooses nothing.
//!
//! One loop owns the truth: it begins what is ready, writes what happens to the journal and tells it. Steps are
//! futures that report by channel (`step`, `make`, `delete`); which may begin is in `schedule`; calls are bounded by `limits`.

mod delete;
pub mod event;
mod force;
mod limits;
mod make;
mod recovered;
mod schedule;
mod step;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value as Json;
use tokio::sync::{mpsc, watch};

use crate::address::Address;
use crate::change::Action;
use crate::cloud::{Cloud, CloudError, CloudResult, ErrorSort};
use crate::kind::Registry;
use crate::plan::{Intent, Old, Plan, Step};
use crate::secret::{Mask, has_marks};
use crate::shape::Recovery;
use crate::state::journal::Entry;
use crate::state::store::{Locked, StoreError};
use crate::state::{Object, Open};
use crate::value::{Reference, Value, walk};

use event::{Event, Outcome};
use limits::Limits;
use schedule::Schedule;
use step::{Note, Work, carry_out};

/// How long calls in flight may take to finish once the run was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// What a run was told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// Go on.
    No,
    /// Start nothing, finish the calls in flight, abandon waits.
    Stop,
    /// Stop now.
    Now,
}

/// How a plan is carried out.
pub struct Options {
    /// At most so many steps at once; none: as many as are ready.
    pub parallel: Option<usize>,
    /// What the run is told from outside.
    pub cancel: watch::Receiver<Cancel>,
    /// User, host and process, for the journal.
    pub who: String,
    /// Such as `up shop`, for the journal.
    pub command: String,
}

/// Carries the plan out, telling what happens. What failed is in the outcome; an error means that the state could
/// not be kept, and that nothing more was begun.
pub async fn execute(
    cloud: &Cloud,
    registry: Registry,
    locked: &mut Locked,
    plan: &Plan,
    options: Options,
    emit: &mut dyn FnMut(Event),
) -> Result<Outcome, StoreError> {
    let limits = Limits::default();
    let (notes_in, notes) = mpsc::unbounded_channel();
    let run = Run {
        cloud,
        registry,
        plan,
        limits: &limits,
        notes: notes_in,
        schedule: Schedule::new(plan.steps.iter().map(|step| &step.needs)),
        outputs: BTreeMap::new(),
        outcome: Outcome::default(),
        begun: VecDeque::new(),
        started: BTreeMap::new(),
        cancel: options.cancel.clone(),
        begun_at: cloud.clock().elapsed(),
    };
    run.go(locked, notes, options, emit).await
}

type Running<'a> = FuturesUnordered<BoxFuture<'a, (usize, CloudResult<Option<Object>>)>>;

struct Run<'a> {
    cloud: &'a Cloud,
    registry: Registry,
    plan: &'a Plan,
    limits: &'a Limits,
    notes: mpsc::UnboundedSender<(usize, Note)>,
    schedule: Schedule,
    outputs: BTreeMap<&'a Address, Json>,
    outcome: Outcome,
    /// What was begun in the journal and waits until that is durable: the number of its last entry.
    begun: VecDeque<(u64, Work<'a>)>,
    started: BTreeMap<usize, Duration>,
    cancel: watch::Receiver<Cancel>,
    begun_at: Duration,
}

impl<'a> Run<'a> {
    async fn go(
        mut self,
        locked: &mut Locked,
        mut notes: mpsc::UnboundedReceiver<(usize, Note)>,
        mut options: Options,
        emit: &mut dyn FnMut(Event),
    ) -> Result<Outcome, StoreError> {
        emit(Event::RunStarted { steps: self.plan.steps.len() });
        for (address, what) in recovered::recovered(self.plan, locked.state(), self.registry) {
            emit(Event::Recovered { address, what });
        }
        locked.append(&self.opening(&options))?;
        self.outcome.moved = self.plan.moved.len();
        let mut running: Running<'a> = FuturesUnordered::new();
        let driven = self.drive(locked, &mut notes, &mut running, &mut options, emit).await;
        if driven.is_err() || *options.cancel.borrow() != Cancel::No {
            self.wind_down(locked, &mut notes, &mut running, &mut options.cancel, emit).await?;
        }
        driven?;
        self.close(locked).await
    }

    /// Begins what is ready and heeds what happens, until nothing is left or the run is told to stop.
    async fn drive(
        &mut self,
        locked: &mut Locked,
        notes: &mut mpsc::UnboundedReceiver<(usize, Note)>,
        running: &mut Running<'a>,
        options: &mut Options,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), StoreError> {
        let most = options.parallel.unwrap_or(usize::MAX);
        while *options.cancel.borrow() == Cancel::No {
            self.begin_ready(locked, running.len(), most, emit)?;
            self.send_off(locked, running, emit);
            if running.is_empty() && self.begun.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                written = locked.commit(), if locked.is_behind() => written?,
                Some(first) = running.next() => {
                    let mut ended = vec![first];
                    while let Some(Some(next)) = running.next().now_or_never() {
                        ended.push(next);
                    }
                    self.drain(locked, notes, emit)?;
                    self.end(locked, ended, emit)?;
                }
                Some(note) = notes.recv() => self.heed(locked, vec![note], emit)?,
                Ok(()) = options.cancel.changed() => {}
            }
        }
        Ok(())
    }

    /// Who runs, and what is only written to the state.
    fn opening(&self, options: &Options) -> Vec<Entry> {
        let (who, command) = (options.who.clone(), options.command.clone());
        let edges = self.plan.edges.iter();
        let edges =
            edges.map(|(address, edges)| Entry::Edges { address: address.clone(), edges: edges.clone() });
        let moved = self.plan.moved.iter();
        let moved = moved.map(|(from, to)| Entry::Moved { from: from.clone(), to: to.clone() });
        let run = Entry::Run { at: self.cloud.clock().millis(), who, command };
        std::iter::once(run).chain(moved).chain(edges).collect()
    }

    /// Writes that everything that is ready begins. Nothing is sent yet.
    fn begin_ready(
        &mut self,
        locked: &mut Locked,
        running: usize,
        most: usize,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), StoreError> {
        loop {
            let mut failed = Vec::new();
            while running + self.begun.len() < most
                && let Some(number) = self.schedule.next()
            {
                match self.prepare(number, locked) {
                    Ok((work, before)) => {
                        locked.append(&before)?;
                        self.begun.push_back((locked.state().seq, work));
                    }
                    Err(error) => failed.push((number, Err(error))),
                }
            }
            if failed.is_empty() {
                return Ok(());
            }
            self.end(locked, failed, emit)?;
        }
    }

    /// Lets the first calls leave of what is durably begun; so is then all that it needs.
    fn send_off(&mut self, locked: &Locked, running: &mut Running<'a>, emit: &mut dyn FnMut(Event)) {
        while let Some((_, mut work)) = self.begun.pop_front_if(|(seq, _)| *seq <= locked.durable()) {
            work.started = self.cloud.clock().elapsed();
            self.announce(&work, emit);
            running.push(async move { (work.number, carry_out(&work).await) }.boxed());
        }
    }

    fn announce(&mut self, work: &Work<'_>, emit: &mut dyn FnMut(Event)) {
        self.started.insert(work.number, work.started);
        let shape = work.kind.shape();
        let (address, action) = (work.step.address.clone(), work.step.action);
        let usual = shape.timing.usual;
        emit(Event::StepStarted { step: work.number, address, title: shape.title, action, usual });
    }

    fn prepare(&self, number: usize, locked: &Locked) -> CloudResult<(Work<'a>, Vec<Entry>)> {
        let step = &self.plan.steps[number];
        let missing =
            |what: String| CloudError::new(ErrorSort::Bug, format!("beginning {}", step.address), what);
        let kind = self
            .registry
            .get(&step.kind)
            .ok_or_else(|| missing(format!("there is no kind {}", step.kind)))?;
        let spec = step.spec.resolve(&|reference| self.given(reference)).known();
        let spec = spec.map_err(|reference| missing(format!("{reference} was not given by any step")))?;
        // A token is not used again where a secret among its parameters is not known any more.
        let is_lost = |open: &Open| kind.shape().recovery == Recovery::Token && has_marks(&open.spec);
        let resumed = step.resume.as_ref().filter(|open| step.action == Action::Create && !is_lost(open));
        let token = resumed.map_or_else(token, |open| open.token.clone());
        let clock = self.cloud.clock();
        let timing = kind.shape().timing;
        let limit = match step.action {
            Action::Create => timing.create,
            Action::Update | Action::Forget | Action::Move => timing.update,
            Action::Delete => timing.delete,
        };
        let resumed = make::sent_again(step, kind);
        let entries = before(step, locked, &spec, &token, clock.millis(), resumed);
        let work = Work {
            number,
            step,
            kind,
            cx: self.cloud.cx(&step.place, &self.plan.lineage, &step.address, &token),
            spec,
            limits: self.limits,
            notes: self.notes.clone(),
            limit: step.timeout.unwrap_or(limit),
            started: clock.elapsed(),
            cancel: self.cancel.clone(),
            lease: locked.lease(),
        };
        Ok((work, entries))
    }

    /// Writes and tells what steps noted.
    fn heed(
        &mut self,
        locked: &mut Locked,
        notes: Vec<(usize, Note)>,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), StoreError> {
        let mut entries = Vec::new();
        for (number, note) in notes {
            let address = self.plan.steps[number].address.clone();
            match note {
                Note::Made(id) => entries.push(Entry::Made { address, id }),
                Note::Waits(what) => {
                    let elapsed = self.took(number);
                    emit(Event::StepWaited { step: number, address, what, elapsed });
                }
                Note::Forced(what) => {
                    self.outcome.forced.push((address.clone(), what.clone()));
                    emit(Event::StepForced { step: number, address, what });
                }
            }
        }
        locked.append(&entries)
    }

    fn drain(
        &mut self,
        locked: &mut Locked,
        notes: &mut mpsc::UnboundedReceiver<(usize, Note)>,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), StoreError> {
        let mut all = Vec::new();
        while let Ok(note) = notes.try_recv() {
            all.push(note);
        }
        self.heed(locked, all, emit)
    }

    /// Writes how steps ended, then lets go on what waited for them.
    fn end(
        &mut self,
        locked: &mut Locked,
        ended: Vec<(usize, CloudResult<Option<Object>>)>,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), StoreError> {
        let steps = &self.plan.steps;
        let entries: Vec<Entry> =
            ended.iter().filter_map(|(number, result)| after(&steps[*number], result, locked)).collect();
        locked.append(&entries)?;
        for (number, result) in ended {
            let step = &steps[number];
            let (address, action, took) = (step.address.clone(), step.action, self.took(number));
            match result {
                Ok(object) => {
                    self.count(action);
                    if let Some(object) = object {
                        self.outputs.insert(&step.address, object.outputs);
                    }
                    self.schedule.done(number);
                    emit(Event::StepDone { step: number, address, action, took });
                }
                // It goes on in the next run.
                Err(error) if error.sort == ErrorSort::Interrupted => self.skip(vec![number], None, emit),
                Err(error) => {
                    self.outcome.failed.push((address.clone(), error.clone()));
                    emit(Event::StepFailed { step: number, address: address.clone(), action, error, took });
                    let skipped = self.schedule.failed(number);
                    self.skip(skipped, Some(&address), emit);
                }
            }
        }
        Ok(())
    }

    fn skip(&mut self, steps: Vec<usize>, because: Option<&Address>, emit: &mut dyn FnMut(Event)) {
        for number in steps {
            let step = &self.plan.steps[number];
            self.outcome.skipped.push(step.address.clone());
            let (address, because) = (step.address.clone(), because.cloned());
            emit(Event::StepSkipped { step: number, address, action: step.action, because });
        }
    }

    fn count(&mut self, action: Action) {
        match action {
            Action::Create => self.outcome.created += 1,
            Action::Update => self.outcome.updated += 1,
            Action::Delete => self.outcome.deleted += 1,
            Action::Forget => self.outcome.forgotten += 1,
            // Told by the plan's moves, with tags or without.
            Action::Move => {}
        }
    }

    fn took(&self, number: usize) -> Duration {
        let now = self.cloud.clock().elapsed();
        self.started.get(&number).map_or(Duration::ZERO, |started| now.saturating_sub(*started))
    }

    /// Starts nothing more; what is in flight has a moment to end. The journal knows what has no end.
    async fn wind_down(
        &mut self,
        locked: &mut Locked,
        notes: &mut mpsc::UnboundedReceiver<(usize, Note)>,
        running: &mut Running<'a>,
        cancel: &mut watch::Receiver<Cancel>,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), StoreError> {
        self.outcome.interrupted = true;
        self.take_back(locked, emit)?;
        let grace = tokio::time::sleep(GRACE);
        tokio::pin!(grace);
        while !running.is_empty() && *cancel.borrow() != Cancel::Now {
            tokio::select! {
                biased;
                Some(ended) = running.next() => {
                    self.drain(locked, notes, emit)?;
                    self.end(locked, vec![ended], emit)?;
                }
                Some(note) = notes.recv() => self.heed(locked, vec![note], emit)?,
                () = &mut grace => break,
                changed = cancel.changed() => if changed.is_err() { break },
            }
        }
        self.drain(locked, notes, emit)?;
        let rest = self.schedule.stop();
        self.skip(rest, None, emit);
        Ok(())
    }

    /// What was begun and has not left yet does not leave: nothing of it is in flight, unless an earlier run sent it.
    fn take_back(&mut self, locked: &mut Locked, emit: &mut dyn FnMut(Event)) -> Result<(), StoreError> {
        let numbers: Vec<usize> = self.begun.drain(..).map(|(_, work)| work.number).collect();
        let steps = numbers.iter().map(|number| &self.plan.steps[*number]);
        let unsent = steps.filter(|step| step.resume.is_none() && step.action != Action::Forget);
        let error = "the run ended before its first call was sent";
        let entries: Vec<Entry> = unsent
            .map(|step| Entry::Failed { address: step.address.clone(), error: error.to_owned() })
            .collect();
        locked.append(&entries)?;
        self.skip(numbers, None, emit);
        Ok(())
    }

    /// The outputs of the stack, if all went well, and the snapshot.
    async fn close(mut self, locked: &mut Locked) -> Result<Outcome, StoreError> {
        self.outcome.took = self.cloud.clock().elapsed().saturating_sub(self.begun_at);
        if self.outcome.is_complete() {
            self.outcome.failed = self.missing_outputs();
            self.note_children(locked).await?;
            let outputs = match &self.plan.intent {
                Intent::Up { .. } => self.stack_outputs(),
                Intent::Destroy { targets } if targets.is_empty() => BTreeMap::new(),
                Intent::Destroy { .. } => locked.state().outputs.clone(),
            };
            let mask = Mask::new(self.cloud.secrets(), &self.plan.lineage);
            let mut outputs = outputs;
            for value in outputs.values_mut() {
                mask.json(value);
            }
            if outputs != locked.state().outputs {
                locked.append(&[Entry::Outputs { outputs }])?;
            }
        }
        self.save(locked).await?;
        Ok(self.outcome)
    }

    /// What controllers made of that which this run touched, and of what that hangs on, is recorded while it lives.
    async fn note_children(&self, locked: &mut Locked) -> Result<(), StoreError> {
        let state = locked.state();
        let made = |step: &&Step| matches!(step.action, Action::Create | Action::Update);
        let touched: Vec<&Step> = self.plan.steps.iter().filter(made).collect();
        let hangs_on = touched.iter().flat_map(|step| step.edges.iter().map(|edge| &edge.to));
        let all: BTreeSet<&Address> = touched.iter().map(|step| &step.address).chain(hangs_on).collect();
        let records = all.into_iter().filter_map(|address| Some((address, state.records.get(address)?)));
        let asked = records.filter_map(|(address, record)| {
            let object = record.current.as_ref()?;
            let kind = self.registry.get(&record.kind);
            let kind = kind.filter(|kind| kind.shape().leaves_of(&object.applied))?;
            Some((address, record, kind, object))
        });
        let look = asked.map(|(address, record, kind, object)| async move {
            let cx = self.cloud.cx(&record.place, &self.plan.lineage, address, "");
            // What cannot be told is found by its tags later on.
            let made = kind.children(&cx, &object.applied).await.ok()?;
            (made != object.made).then(|| Entry::Children { address: address.clone(), made })
        });
        let entries: Vec<Entry> = join_all(look).await.into_iter().flatten().collect();
        locked.append(&entries)
    }

    /// The snapshot. A run that is told to stop now has a moment left for it.
    async fn save(&mut self, locked: &mut Locked) -> Result<(), StoreError> {
        let mut cancel = self.cancel.clone();
        let hurried = async {
            if cancel.wait_for(|told| *told == Cancel::Now).await.is_ok() {
                tokio::time::sleep(GRACE).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            saved = locked.snapshot() => saved,
            () = hurried => Err(StoreError::Broken),
        }
    }

    /// Outputs that refer to what no resource gave.
    fn missing_outputs(&self) -> Vec<(Address, CloudError)> {
        let missing = |(name, value): (&String, &Value)| {
            let reference = value.resolve(&|reference| self.given(reference)).known().err()?;
            // A targeted run does not know what it left alone.
            let done = self.outputs.contains_key(&reference.address);
            let words = format!("{} gave no `{}`", reference.address, reference.output);
            let error = CloudError::new(ErrorSort::Invalid, format!("output `{name}`"), words);
            done.then_some((reference.address, error))
        };
        self.plan.outputs.iter().filter_map(missing).collect()
    }

    fn given(&self, reference: &Reference) -> Option<Json> {
        walk(self.outputs.get(&reference.address)?, &reference.output).cloned()
    }

    fn stack_outputs(&self) -> BTreeMap<String, Json> {
        let known = |value: &Value| value.resolve(&|reference| self.given(reference)).known().ok();
        self.plan.outputs.iter().filter_map(|(name, value)| Some((name.clone(), known(value)?))).collect()
    }
}

/// What is written before a step sends its first call.
fn before(
    step: &Step,
    locked: &Locked,
    spec: &Json,
    token: &str,
    at: i64,
    resumed: Option<&Open>,
) -> Vec<Entry> {
    let address = step.address.clone();
    let mut entries = Vec::new();
    if step.action == Action::Forget {
        return entries;
    }
    let recorded = locked.state().records.get(&address).is_some_and(|record| record.current.is_some());
    match step.old {
        Old::Gone if recorded => entries.push(Entry::Gone { address: address.clone(), deposed: None }),
        Old::Deposed if recorded => entries.push(Entry::Deposed { address: address.clone() }),
        Old::None | Old::Gone | Old::Deposed => {}
    }
    // What is sent again by its token is sent as it was.
    entries.push(Entry::Begun {
        address,
        kind: step.kind.clone(),
        place: step.place.clone(),
        edges: step.edges.clone(),
        action: step.action,
        token: token.to_owned(),
        spec: resumed.map_or_else(|| spec.clone(), |open| open.spec.clone()),
        at: resumed.map_or(at, |open| open.at),
    });
    entries
}

/// What is written when a step has ended. Nothing where it is not known how it ended: the next run looks.
fn after(step: &Step, result: &CloudResult<Option<Object>>, locked: &Locked) -> Option<Entry> {
    let address = step.address.clone();
    match result {
        Ok(Some(object)) => Some(Entry::Done { address, object: object.clone() }),
        Ok(None) => Some(Entry::Gone { address, deposed: step.id.clone().filter(|_| step.deposed) }),
        Err(error) if matches!(error.sort, ErrorSort::Unreachable | ErrorSort::Interrupted) => None,
        // What an earlier run sent may still have been done.
        Err(error) if step.resume.is_some() && !is_an_answer(error) => None,
        Err(error) => {
            locked.state().records.get(&address)?;
            Some(Entry::Failed { address, error: error.to_string() })
        }
    }
}

/// Whether an error says what became of the call: nothing.
fn is_an_answer(error: &CloudError) -> bool {
    matches!(error.sort, ErrorSort::Invalid | ErrorSort::Exists | ErrorSort::Quota)
}

/// A new idempotency token.
fn token() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
