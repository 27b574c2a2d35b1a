//! Managed policies and their attachment to roles.

use serde_json::{Value as Json, json};

use super::{POLICY, ROLE, managed, paged, role_asked, text};
use crate::sandbox::aws::wire::listed;
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::Here;

/// How many a role may have.
const MOST: usize = 10;

fn absent(arn: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("Policy {arn} does not exist or is not attachable."))
}

pub(super) fn attach(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, role) = role_asked(here, input)?;
    let arn = text(input, "PolicyArn")?;
    if here.get(POLICY, arn).is_none() && managed::find(arn).is_none() {
        return Err(absent(arn));
    }
    let mut all = listed(&role["_managed"]);
    if !all.iter().any(|one| one == arn) {
        all.push(Json::from(arn));
    }
    if all.len() > MOST {
        let message = format!("Cannot exceed quota for PoliciesPerRole: {MOST}");
        return Err(Refusal::new(409, "LimitExceeded", message));
    }
    here.change(ROLE, name, |role| role["_managed"] = Json::from(all));
    Ok(json!({}))
}

pub(super) fn detach(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, role) = role_asked(here, input)?;
    let arn = text(input, "PolicyArn")?;
    let (gone, kept): (Vec<_>, Vec<_>) = listed(&role["_managed"]).into_iter().partition(|one| one == arn);
    if gone.is_empty() {
        return Err(Refusal::new(404, "NoSuchEntity", format!("Policy {arn} was not found.")));
    }
    here.change(ROLE, name, |role| role["_managed"] = Json::from(kept));
    Ok(json!({}))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, role) = role_asked(here, input)?;
    let attached = listed(&role["_managed"]).into_iter().map(|arn| {
        let name = arn.as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default().to_owned();
        json!({ "PolicyName": name, "PolicyArn": arn })
    });
    paged(input, "AttachedPolicies", attached.collect())
}
