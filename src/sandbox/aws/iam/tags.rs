//! Tags of roles, policies and instance profiles.

use serde_json::{Value as Json, json};

use super::{POLICY, PROFILE, ROLE, paged, role_asked, text};
use crate::sandbox::aws::wire::{listed, tag_map};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::Here;

/// How many a thing may have.
const MOST: usize = 50;

/// Puts tags on something, over those that it has.
fn put(here: &mut Here<'_>, table: &str, id: &str, input: &Json, absent: Refusal) -> Answer {
    let doc = here.get(table, id).ok_or(absent)?;
    let mut tags = tag_map(&doc["Tags"]);
    tags.extend(tag_map(&input["Tags"]));
    if tags.len() > MOST {
        let message = format!("The number of tags has reached the maximum limit of {MOST}.");
        return Err(Refusal::new(409, "LimitExceeded", message));
    }
    let list: Vec<Json> =
        tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    here.change(table, id, |doc| doc["Tags"] = Json::from(list));
    Ok(json!({}))
}

/// Takes tags off something.
fn take(here: &mut Here<'_>, table: &str, id: &str, input: &Json, absent: Refusal) -> Answer {
    let doc = here.get(table, id).ok_or(absent)?;
    let gone = listed(&input["TagKeys"]);
    let kept: Vec<Json> =
        listed(&doc["Tags"]).into_iter().filter(|tag| !gone.contains(&tag["Key"])).collect();
    here.change(table, id, |doc| doc["Tags"] = Json::from(kept));
    Ok(json!({}))
}

fn no(what: &str, id: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("{what} {id} cannot be found."))
}

pub(super) fn tag(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "RoleName")?;
    put(here, ROLE, name, input, no("The role with name", name))
}

pub(super) fn untag(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "RoleName")?;
    take(here, ROLE, name, input, no("The role with name", name))
}

pub(super) fn tag_policy(here: &mut Here<'_>, input: &Json) -> Answer {
    let arn = text(input, "PolicyArn")?;
    put(here, POLICY, arn, input, no("Policy", arn))
}

pub(super) fn untag_policy(here: &mut Here<'_>, input: &Json) -> Answer {
    let arn = text(input, "PolicyArn")?;
    take(here, POLICY, arn, input, no("Policy", arn))
}

pub(super) fn tag_profile(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "InstanceProfileName")?;
    put(here, PROFILE, name, input, no("Instance Profile", name))
}

pub(super) fn untag_profile(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "InstanceProfileName")?;
    take(here, PROFILE, name, input, no("Instance Profile", name))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, role) = role_asked(here, input)?;
    let tags = listed(&role["Tags"]);
    paged(input, "Tags", tags)
}
