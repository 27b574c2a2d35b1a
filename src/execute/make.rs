//! Create, bring to the spec, wait until ready.
//!
//! What an earlier run sent is found or sent again, never made twice.

use serde_json::Value as Json;

use super::step::{SETTLE, Work, passes};
use crate::change::{Action, FieldChange};
use crate::cloud::{ADDRESS, CloudError, CloudResult, ErrorSort};
use crate::diff;
use crate::kind::AnyKind;
use crate::live::{FoundAny, Readiness};
use crate::plan::Step;
use crate::secret::has_marks;
use crate::shape::Recovery;
use crate::state::{Object, Open};
use crate::value::Value;

pub(super) fn diff_of(
    kind: &dyn AnyKind,
    wanted: &Json,
    applied: Option<&Json>,
    live: &Json,
) -> Vec<FieldChange> {
    diff::by_opinion(kind.shape(), &Value::from(wanted.clone()), applied, live)
}

/// What an earlier run sent and is sent again as it was, by its token. A token is only good for the very same
/// parameters: where a secret in them is not known any more, it is looked up like anything else.
pub(super) fn sent_again<'s>(step: &'s Step, kind: &dyn AnyKind) -> Option<&'s Open> {
    let by_token = step.action == Action::Create && kind.shape().recovery == Recovery::Token;
    step.resume.as_ref().filter(|open| by_token && !has_marks(&open.spec))
}

/// Makes it, or finds what an earlier attempt made. The id.
pub(super) async fn create(work: &Work<'_>) -> CloudResult<String> {
    let again = sent_again(work.step, work.kind);
    if again.is_none()
        && let Some(open) = &work.step.resume
        && let Some(found) = made_before(work, &open.spec).await?
    {
        return Ok(found.id);
    }
    let spec = again.map_or(&work.spec, |open| &open.spec);
    if work.step.unseen
        && let Some(found) = work.find(spec, None).await?
    {
        return if work.is_ours(&found) { Ok(found.id) } else { Err(anothers(work, &found.id)) };
    }
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
pub(super) async fn made_before(work: &Work<'_>, spec: &Json) -> CloudResult<Option<FoundAny>> {
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

/// Somebody else has it.
fn anothers(work: &Work<'_>, id: &str) -> CloudError {
    let words = format!("{id} exists and was not made by this stack");
    CloudError::new(ErrorSort::Exists, format!("making {}", work.step.address), words)
}

/// "Exists" counts as made if it is ours.
async fn adopt(work: &Work<'_>, spec: &Json, exists: CloudError) -> CloudResult<String> {
    let began = work.elapsed();
    loop {
        match work.find(spec, None).await? {
            Some(found) if work.is_ours(&found) => return Ok(found.id),
            Some(found) => return Err(CloudError { message: anothers(work, &found.id).message, ..exists }),
            None if work.elapsed() - began > SETTLE => return Err(exists),
            None => work.wait("what the cloud says exists").await?,
        }
    }
}

/// Updates until `find` says what is wanted, and waits until it is ready.
pub(super) async fn settle(work: &Work<'_>, id: &str) -> CloudResult<Object> {
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
    differs: &[FieldChange],
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
