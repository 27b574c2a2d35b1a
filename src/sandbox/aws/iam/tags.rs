//! Tags of roles.

use serde_json::{Value as Json, json};

use super::{ROLE, paged, role_asked};
use crate::sandbox::aws::wire::{listed, tag_map};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::Here;

/// How many a role may have.
const MOST: usize = 50;

pub(super) fn tag(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, role) = role_asked(here, input)?;
    let mut tags = tag_map(&role["Tags"]);
    tags.extend(tag_map(&input["Tags"]));
    if tags.len() > MOST {
        let message = format!("The number of tags has reached the maximum limit of {MOST}.");
        return Err(Refusal::new(409, "LimitExceeded", message));
    }
    let list: Vec<Json> =
        tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    here.change(ROLE, name, |role| role["Tags"] = Json::from(list));
    Ok(json!({}))
}

pub(super) fn untag(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, role) = role_asked(here, input)?;
    let gone = listed(&input["TagKeys"]);
    let kept: Vec<Json> =
        listed(&role["Tags"]).into_iter().filter(|tag| !gone.contains(&tag["Key"])).collect();
    here.change(ROLE, name, |role| role["Tags"] = Json::from(kept));
    Ok(json!({}))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, role) = role_asked(here, input)?;
    let tags = listed(&role["Tags"]);
    paged(input, "Tags", tags)
}
