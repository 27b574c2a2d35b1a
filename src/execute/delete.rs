//! Delete, and wait until it and all that was made of it is gone. What no controller lets go is in `force`.

use std::time::Duration;

use serde_json::Value as Json;

use super::force::force;
use super::make::made_before;
use super::step::{SETTLE, Work, passes};
use crate::change::Action;
use crate::cloud::{CloudError, CloudResult, ErrorSort};
use crate::live::Readiness;
use crate::plan::Force;
use crate::recipe::finalizers::TAKES_OFF;
use crate::shape::{Recovery, Role};

/// Deletes it and waits until it and all it made is gone.
pub(super) async fn delete(work: &Work<'_>) -> CloudResult<()> {
    if work.kind.shape().role == Role::Local {
        return Ok(());
    }
    if work.step.sweeps {
        return sweep(work, None, false).await;
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
                if leaving && !forced && forces_after(work).is_some_and(|after| work.elapsed() >= after) {
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
    sweep(work, outputs.as_ref(), forced).await?;
    outlast(work).await
}

/// From when on it is forced, if at all.
fn forces_after(work: &Work<'_>) -> Option<Duration> {
    Some(match work.step.forces? {
        Force::InTheEnd => work.limit,
        Force::Soon => work.limit.min(SETTLE),
    })
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
    if leaving && is_kept && error.sort == ErrorSort::Other && work.step.forces.is_none() {
        error.message.push_str(
            "; `--force-finalizers` would remove what it made by its tags, see that nothing is left, and take them off",
        );
    }
    error
}

/// Waits until nothing is left of what it made, and takes away by its tags what nobody else takes away: of a step that
/// sweeps or was forced at once, else what is still there a while after it went itself. What it shared with others is
/// left with the last of them: one that was forced has as long again for that.
async fn sweep(work: &Work<'_>, outputs: Option<&Json>, forced: bool) -> CloudResult<()> {
    let began = work.elapsed();
    let limit = if forced { began + work.limit } else { work.limit };
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
        if work.step.sweeps || forced || work.elapsed() - began > SETTLE {
            let place = work.limits.place(work.kind.shape().service).await;
            let answer = work.kind.sweep(&work.cx, &work.spec).await;
            drop(place);
            match answer {
                Ok(()) => {}
                Err(error) if passes(&error) || error.sort == ErrorSort::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        work.wait_until(&format!("{} to go", left.join(", ")), limit).await?;
    }
}
