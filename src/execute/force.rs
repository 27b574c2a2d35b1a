//! What no controller lets go: what it made is removed by its tags, seen to be gone, and its finalizers are taken off.
//!
//! Nothing is taken off while anything of it is left: then nobody could tell any more whose that is.

use std::time::Duration;

use serde_json::Value as Json;

use super::step::{Note, Work, passes};
use crate::cloud::{CloudError, CloudResult, ErrorSort};

/// Does it, within as long again as the deletion had.
pub(super) async fn force(work: &Work<'_>, outputs: Option<&Json>) -> CloudResult<()> {
    let until = work.elapsed() + work.limit;
    let found = remove(work, outputs, until).await?;
    let taken = release(work, until).await?;
    if taken.is_empty() {
        let words = "what holds it are finalizers of neither controller: whoever put them on takes them off";
        return Err(CloudError::new(ErrorSort::Other, format!("forcing {}", work.step.address), words));
    }
    let removed = match found.as_slice() {
        [] => "nothing of it was left in AWS".to_owned(),
        some => format!("removed {} by their tags, all are gone", some.join(", ")),
    };
    work.tell(Note::Forced(format!("{removed}; took off its finalizers {}", taken.join(", "))));
    Ok(())
}

/// Removes what it made until nothing of it is left. What there was, in words.
async fn remove(work: &Work<'_>, outputs: Option<&Json>, until: Duration) -> CloudResult<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    loop {
        let left = match work.kind.remains(&work.cx, &work.spec, outputs).await {
            Err(error) if passes(&error) => {
                work.wait_until(&error.to_string(), until).await?;
                continue;
            }
            answer => answer?,
        };
        if left.is_empty() {
            return Ok(found);
        }
        found.extend(left.iter().filter(|one| !found.contains(one)).cloned().collect::<Vec<_>>());
        work.may_change().await?;
        match work.kind.sweep(&work.cx, &work.spec).await {
            Ok(()) => {}
            Err(error) if passes(&error) || error.sort == ErrorSort::NotFound => {}
            Err(error) => return Err(error),
        }
        work.wait_until(&format!("{} to go", left.join(", ")), until).await?;
    }
}

/// Takes the finalizers of the controllers off. Which.
async fn release(work: &Work<'_>, until: Duration) -> CloudResult<Vec<String>> {
    loop {
        work.may_change().await?;
        match work.kind.release(&work.cx, &work.spec).await {
            Err(error) if passes(&error) => work.wait_until(&error.to_string(), until).await?,
            answer => return answer,
        }
    }
}
