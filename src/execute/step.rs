//! One step, carried out: create, bring to the spec, wait until ready; or delete, wait until gone.
//!
//! A step tells what it does by channel and never touches the state. What fails for want of time or of something
//! else is tried again until the step's limit.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::Cancel;
use super::force::force;
use super::limits::Limits;
use crate::change::Action;
use crate::cloud::{ADDRESS, CloudError, CloudResult, Cx, ErrorSort};
use crate::diff;
use crate::kind::AnyKind;
use crate::live::{FoundAny, Ownership, Readiness};
use crate::plan::Step;
use crate::recipe::finalizers::TAKES_OFF;
use crate::secret::has_marks;
use crate::shape::{Recovery, Role};
use crate::state::store::Lease;
use crate::state::{Object, Open};
use crate::value::Value;

/// How long the cloud may take to show what it just made, or what an earlier run made.
const SETTLE: Duration = Duration::from_secs(60);

/// What a step tells while it goes on.
pub(super) enum Note {
    /// The cloud gave it an id.
    Made(String),
    /// What it waits for.
    Waits(String),
    /// What it did by force.
    Forced(String),
}

/// What a step needs to be carried out.
pub(super) struct Work<'a> {
    pub(super) number: usize,
    pub(super) step: &'a Step,
    pub(super) kind: &'static dyn AnyKind,
    pub(super) cx: Cx,
    /// What it should be, all known.
    pub(super) spec: Json,
    pub(super) limits: &'a Limits,
    pub(super) notes: UnboundedSender<(usize, Note)>,
    pub(super) limit: Duration,
    pub(super) started: Duration,
    pub(super) cancel: watch::Receiver<Cancel>,
    pub(super) lease: Lease,
}

/// Carries it out. The object that is there then; none after a delete.
pub(super) async fn carry_out(work: &Work<'_>) -> CloudResult<Option<Object>> {
    match work.step.action {
        Action::Forget => Ok(None),
        Action::Delete => delete(work).await.map(|()| None),
        Action::Update | Action::Move => {
            let id = work.step.id.clone().ok_or_else(|| work.bug("an update has no id"))?;
            settle(work, &id).await.map(Some)
        }
        Action::Create => {
            let id = create(work).await?;
            work.tell(Note::Made(id.clone()));
            settle(work, &id).await.map(Some)
        }
    }
}

impl Work<'_> {
    pub(super) fn tell(&self, note: Note) {
        // Nobody listens any more only when the run is over.
        drop(self.notes.send((self.number, note)));
    }

    fn bug(&self, what: &str) -> CloudError {
        CloudError::broken_contract(self.kind.shape().kind, what)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.cx.cloud().clock().elapsed().saturating_sub(self.started)
    }

    /// Says what is waited for and waits a moment; an error once the limit is reached.
    async fn wait(&self, what: &str) -> CloudResult<()> {
        self.pause(what, self.kind.shape().timing.poll, self.limit).await
    }

    /// The same for what may still arrive from an earlier run and mostly does not: looks less and less often.
    async fn wait_for_late(&self, what: &str) -> CloudResult<()> {
        self.pause(what, self.kind.shape().timing.poll.max(self.elapsed() / 2), self.limit).await
    }

    /// The same with another limit.
    pub(super) async fn wait_until(&self, what: &str, limit: Duration) -> CloudResult<()> {
        self.pause(what, self.kind.shape().timing.poll, limit).await
    }

    async fn pause(&self, what: &str, pause: Duration, limit: Duration) -> CloudResult<()> {
        self.tell(Note::Waits(what.to_owned()));
        if self.elapsed() >= limit {
            let minutes = limit.as_secs().div_ceil(60);
            let words = format!("gave up after {minutes} min; it was still waiting for: {what}");
            let operation = format!("waiting for {} {}", self.kind.shape().title, self.step.address);
            return Err(CloudError::new(ErrorSort::Other, operation, words));
        }
        let mut cancel = self.cancel.clone();
        let stopped = cancel.wait_for(|told| *told != Cancel::No);
        let clock = self.cx.cloud().clock();
        tokio::select! {
            () = clock.sleep(pause) => Ok(()),
            Ok(_) = stopped => Err(CloudError::new(ErrorSort::Interrupted, "waiting", what)),
        }
    }

    /// Waits until this run may change the cloud. It never may again once another run has its state.
    pub(super) async fn may_change(&self) -> CloudResult<()> {
        let mut cancel = self.cancel.clone();
        let stopped = cancel.wait_for(|told| *told != Cancel::No);
        let held = tokio::select! {
            biased;
            held = self.lease.held() => held,
            Ok(_) = stopped => false,
        };
        let error = || CloudError::new(ErrorSort::Interrupted, "changing it", "the run has ended before");
        if held { Ok(()) } else { Err(error()) }
    }

    /// Whether whatever an earlier run sent has arrived, and whatever it made is seen.
    fn may_not_arrive(&self) -> bool {
        self.elapsed() > SETTLE
    }

    async fn find(&self, spec: &Json, id: Option<&str>) -> CloudResult<Option<FoundAny>> {
        loop {
            let place = self.limits.place(self.kind.shape().service).await;
            let answer = self.kind.find(&self.cx, spec, id).await;
            drop(place);
            match answer {
                Err(error) if passes(&error) => self.wait(&error.to_string()).await?,
                answer => return answer,
            }
        }
    }

    fn is_ours(&self, found: &FoundAny) -> bool {
        match &found.owner {
            Ownership::Tagged { lineage, address } => {
                lineage == self.cx.lineage() && address == self.cx.address().as_str()
            }
            Ownership::Untagged => false,
            // Nobody else made the very thing we were about to make, or else the plan had seen it.
            Ownership::Untaggable => {
                self.step.resume.is_some() || diff_of(self.kind, &self.spec, None, &found.spec).is_empty()
            }
        }
    }
}

impl Work<'_> {
    /// Whether its tags tell an address that it had before it was moved.
    fn tells_another_address(&self, found: &FoundAny) -> bool {
        matches!(&found.owner, Ownership::Tagged { lineage, address }
            if lineage == self.cx.lineage() && address != self.cx.address().as_str())
    }
}

/// Whether an error passes with time.
pub(super) fn passes(error: &CloudError) -> bool {
    matches!(error.sort, ErrorSort::InUse | ErrorSort::NotYet | ErrorSort::Throttled | ErrorSort::Unreachable)
}

fn diff_of(
    kind: &dyn AnyKind,
    wanted: &Json,
    applied: Option<&Json>,
    live: &Json,
) -> Vec<crate::change::FieldChange> {
    diff::by_opinion(kind.shape(), &Value::from(wanted.clone()), applied, live)
}

/// What an earlier run sent and is sent again as it was, by its token. A token is only good for the very same
/// parameters: where a secret in them is not known any more, it is looked up like anything else.
pub(super) fn sent_again<'s>(step: &'s Step, kind: &dyn AnyKind) -> Option<&'s Open> {
    let by_token = step.action == Action::Create && kind.shape().recovery == Recovery::Token;
    step.resume.as_ref().filter(|open| by_token && !has_marks(&open.spec))
}

/// Makes it, or finds what an earlier attempt made. The id.
async fn create(work: &Work<'_>) -> CloudResult<String> {
    let again = sent_again(work.step, work.kind);
    if again.is_none()
        && let Some(open) = &work.step.resume
        && let Some(found) = made_before(work, &open.spec).await?
    {
        return Ok(found.id);
    }
    let spec = again.map_or(&work.spec, |open| &open.spec);
    loop {
        let place = work.limits.place(work.kind.shape().service).await;
        work.may_change().await?;
        let answer = work.kind.create(&work.cx, spec).await;
        drop(place);
        match answer {
            Ok(id) => return Ok(id),
            Err(error) if error.sort == ErrorSort::Exists => return adopt(work, spec, error).await,
            // Whether a lost create was done is for its recovery to find out, not for another call.
            Err(error) if passes(&error) && error.sort != ErrorSort::Unreachable => {
                work.wait(&error.to_string()).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Looks for what an earlier run may have made, until it would be seen: a call of that run may still arrive.
async fn made_before(work: &Work<'_>, spec: &Json) -> CloudResult<Option<FoundAny>> {
    loop {
        match work.find(spec, None).await? {
            Some(found) if work.step.others.contains(&found.id) => {}
            Some(found) if work.is_ours(&found) => return Ok(Some(found)),
            Some(_) => return Ok(None),
            None => {}
        }
        if work.may_not_arrive() {
            return Ok(None);
        }
        work.wait_for_late("what an earlier run may have made").await?;
    }
}

/// "Exists" counts as made if it is ours.
async fn adopt(work: &Work<'_>, spec: &Json, exists: CloudError) -> CloudResult<String> {
    let began = work.elapsed();
    loop {
        match work.find(spec, None).await? {
            Some(found) if work.is_ours(&found) => return Ok(found.id),
            Some(found) => {
                let words = format!("{} exists and was not made by this stack", found.id);
                return Err(CloudError { message: words, ..exists });
            }
            None if work.elapsed() - began > SETTLE => return Err(exists),
            None => work.wait("what the cloud says exists").await?,
        }
    }
}

/// Updates until `find` says what is wanted, and waits until it is ready.
async fn settle(work: &Work<'_>, id: &str) -> CloudResult<Object> {
    let mut updates = 0;
    let mut looks_since = 0;
    let mut unseen_since = None;
    // What an earlier run sent for another goal may still arrive: its end, or other values.
    let sent = work.step.resume.as_ref().filter(|_| work.step.action == Action::Update);
    let deleted = sent.is_some_and(|open| open.action == Action::Delete);
    loop {
        let Some(found) = work.find(&work.spec, Some(id)).await? else {
            if deleted {
                return Err(overtaken(id));
            }
            if work.elapsed() - *unseen_since.get_or_insert(work.elapsed()) > SETTLE {
                return Err(CloudError::new(
                    ErrorSort::NotFound,
                    format!("finding {id}"),
                    "it was made and is not there",
                ));
            }
            work.wait("the cloud to show it").await?;
            continue;
        };
        unseen_since = None;
        if deleted && matches!(found.readiness, Readiness::Leaving(_)) {
            return Err(overtaken(id));
        }
        if let Readiness::Broken(why) = &found.readiness {
            return Err(CloudError::new(ErrorSort::Other, format!("waiting for {id}"), why.clone()));
        }
        let applied = work.step.applied.as_ref();
        let differs = diff_of(work.kind, &work.spec, applied, &found.spec);
        let moved = work.tells_another_address(&found);
        if differs.is_empty() && !moved {
            match &found.readiness {
                Readiness::Pending(what) | Readiness::Leaving(what) => work.wait(what).await?,
                Readiness::Ready if sent.is_some() && !work.may_not_arrive() => {
                    work.wait_for_late("what an earlier run may have sent for another goal").await?;
                }
                Readiness::Ready | Readiness::Broken(_) => return Ok(object(work, found)),
            }
            continue;
        }
        looks_since += 1;
        if updates == 0 || looks_since > 4 {
            if updates > 6 {
                let tags = moved.then_some("its ownership tags");
                let fields: Vec<&str> = differs.iter().map(|field| field.path.as_str()).chain(tags).collect();
                return Err(work.bug(&format!("after its update {} still differs", fields.join(", "))));
            }
            match update(work, id, &found.spec, &differs, moved).await {
                Ok(()) => (updates, looks_since) = (updates + 1, 0),
                Err(error) if passes(&error) => work.wait(&error.to_string()).await?,
                Err(error) => return Err(error),
            }
        } else {
            let what = differs.first().map_or("its ownership tags", |field| field.path.as_str());
            work.wait(&format!("{what} to change")).await?;
        }
    }
}

/// What was to stay goes.
fn overtaken(id: &str) -> CloudError {
    let words = "the delete that an earlier run sent has arrived: it goes; the next run makes it anew";
    CloudError::new(ErrorSort::NotFound, format!("keeping {id}"), words)
}

async fn update(
    work: &Work<'_>,
    id: &str,
    live: &Json,
    differs: &[crate::change::FieldChange],
    moved: bool,
) -> CloudResult<()> {
    let mut to = live.clone();
    overlay(&mut to, &work.spec);
    // Objects of a cluster are told whose they are with every update; what has tags takes this for one of them.
    if moved && let Some(tags) = to.get_mut("tags").and_then(Json::as_object_mut) {
        tags.insert(ADDRESS.to_owned(), Json::from(work.cx.address().as_str()));
    }
    for field in differs.iter().filter(|field| field.after.is_none()) {
        remove(&mut to, &field.path);
    }
    let _place = work.limits.place(work.kind.shape().service).await;
    work.may_change().await?;
    work.kind.update(&work.cx, id, live, &to).await
}

/// What is wanted, over what is there: fields without opinion stay as they are.
fn overlay(live: &mut Json, wanted: &Json) {
    match (live, wanted) {
        (Json::Object(live), Json::Object(wanted)) => {
            for (key, value) in wanted {
                overlay(live.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        (live, wanted) => *live = wanted.clone(),
    }
}

fn remove(json: &mut Json, path: &str) {
    match (path.split_once('.'), json) {
        (None, Json::Object(map)) => drop(map.remove(path)),
        (Some((head, rest)), Json::Object(map)) => {
            if let Some(inner) = map.get_mut(head) {
                remove(inner, rest);
            }
        }
        (Some((head, rest)), Json::Array(items)) => {
            if let Some(inner) = head.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                remove(inner, rest);
            }
        }
        _ => {}
    }
}

fn object(work: &Work<'_>, found: FoundAny) -> Object {
    Object {
        id: found.id,
        applied: work.spec.clone(),
        seen: found.spec,
        outputs: found.outputs,
        finished: true,
        made: Vec::new(),
    }
}

/// Deletes it and waits until it and all it made is gone.
async fn delete(work: &Work<'_>) -> CloudResult<()> {
    if work.kind.shape().role == Role::Local {
        return Ok(());
    }
    if work.step.sweeps {
        return sweep(work, None).await;
    }
    let id = match (&work.step.id, &work.step.resume) {
        (Some(id), _) => id.clone(),
        (None, Some(open)) => match made_before(work, &open.spec).await? {
            Some(found) => found.id,
            None => return Ok(()),
        },
        // What was put back in this run is found by its name or tags.
        (None, None) => match work.find(&work.spec, None).await? {
            Some(found) if work.is_ours(&found) => found.id,
            Some(_) | None => return Ok(()),
        },
    };
    let mut outputs = None;
    let mut leaving = false;
    // What was made a moment ago may not be seen yet: that it is not found does not mean that it is gone.
    let mut unsure = work.step.id.is_some() && work.step.resume.is_some();
    let (mut forced, mut limit) = (false, work.limit);
    loop {
        if !leaving {
            let place = work.limits.place(work.kind.shape().service).await;
            work.may_change().await?;
            let answer = work.kind.delete(&work.cx, &id, &work.spec).await;
            drop(place);
            match answer {
                Ok(()) => {}
                // It, or what it lived in, is gone.
                Err(error) if error.sort == ErrorSort::NotFound && (!unsure || work.may_not_arrive()) => {
                    break;
                }
                Err(error) if error.sort == ErrorSort::NotFound => {
                    work.wait_for_late("the cloud to show it").await?;
                    continue;
                }
                Err(error) if passes(&error) => {
                    work.wait(&error.to_string()).await?;
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        match work.find(&work.spec, Some(&id)).await {
            Ok(Some(found)) => {
                unsure = false;
                leaving = matches!(found.readiness, Readiness::Leaving(_));
                let what = match found.readiness {
                    Readiness::Leaving(what) => what,
                    _ => "it to go".to_owned(),
                };
                outputs = Some(found.outputs);
                if leaving && work.step.forces && !forced && work.elapsed() >= work.limit {
                    force(work, outputs.as_ref()).await?;
                    (forced, limit) = (true, work.elapsed() + SETTLE);
                }
                work.wait_until(&what, limit).await.map_err(|error| held(work, error, leaving))?;
            }
            Ok(None) if unsure && !work.may_not_arrive() => {
                work.wait_for_late("the cloud to show it").await?;
            }
            Ok(None) => break,
            // What it lived in is gone.
            Err(error) if error.sort == ErrorSort::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    sweep(work, outputs.as_ref()).await?;
    outlast(work).await
}

/// Waits until a delete that an earlier run sent has arrived: what has only a name is deleted by its name, and what is
/// made next has the same one.
async fn outlast(work: &Work<'_>) -> CloudResult<()> {
    let sent = work.step.resume.as_ref().is_some_and(|open| open.action == Action::Delete);
    while sent && work.kind.shape().recovery == Recovery::Name && !work.may_not_arrive() {
        work.wait_for_late("the delete that an earlier run sent to arrive").await?;
    }
    Ok(())
}

/// What may be done about an object that its finalizers hold.
fn held(work: &Work<'_>, mut error: CloudError, leaving: bool) -> CloudError {
    let is_kept = error.message.contains(TAKES_OFF);
    if leaving && is_kept && error.sort == ErrorSort::Other && !work.step.forces {
        error.message.push_str(
            "; `--force-finalizers` would remove what it made by its tags, see that nothing is left, and take them off",
        );
    }
    error
}

/// Waits until nothing is left of what it made, and takes away by its tags what nobody else takes away: of a step that
/// sweeps at once, else what is still there a while after it went itself.
async fn sweep(work: &Work<'_>, outputs: Option<&Json>) -> CloudResult<()> {
    let began = work.elapsed();
    loop {
        let left = match work.kind.remains(&work.cx, &work.spec, outputs).await {
            Err(error) if passes(&error) => vec![error.to_string()],
            answer => answer?,
        };
        // Whatever became of its tags: what is recorded is seen to be gone, one by one.
        let left = match left.is_empty() {
            true => match work.kind.outlive(&work.cx, &work.spec, &work.step.made).await {
                Err(error) if passes(&error) => vec![error.to_string()],
                answer => answer?,
            },
            false => left,
        };
        if left.is_empty() {
            return Ok(());
        }
        if work.step.sweeps || work.elapsed() - began > SETTLE {
            let place = work.limits.place(work.kind.shape().service).await;
            let answer = work.kind.sweep(&work.cx, &work.spec).await;
            drop(place);
            match answer {
                Ok(()) => {}
                Err(error) if passes(&error) || error.sort == ErrorSort::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        work.wait(&format!("{} to go", left.join(", "))).await?;
    }
}
