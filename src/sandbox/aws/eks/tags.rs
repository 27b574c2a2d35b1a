//! Tags of everything in EKS, by ARN.

use serde_json::{Value as Json, json};

use super::{ACCESS_ENTRY, ADDON, CLUSTER, NODE_GROUP, POD_IDENTITY};
use crate::sandbox::aws::wire::listed;
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Here, Key};

const TABLES: &[(&str, &str)] = &[
    (CLUSTER, "arn"),
    (NODE_GROUP, "nodegroupArn"),
    (ADDON, "addonArn"),
    (ACCESS_ENTRY, "accessEntryArn"),
    (POD_IDENTITY, "associationArn"),
];

/// How many a thing may have.
const MOST: usize = 50;

fn asked(here: &Here<'_>, input: &Json) -> Result<(Key, Json), Refusal> {
    let arn = &input["resourceArn"];
    for (table, field) in TABLES {
        let key = here.key(table, "");
        let mut all = here.world.table(&key.account, &key.region, table);
        if let Some((key, doc)) = all.find(|(_, doc)| doc[*field] == *arn) {
            return Ok((key.clone(), doc["tags"].clone()));
        }
    }
    let arn = arn.as_str().unwrap_or_default();
    Err(Refusal::new(404, "NotFoundException", format!("No resource found for ARN: {arn}")))
}

pub(super) fn tag(here: &mut Here<'_>, input: &Json) -> Answer {
    let (key, mut tags) = asked(here, input)?;
    for (name, value) in input["tags"].as_object().into_iter().flatten() {
        if name.starts_with("aws:") {
            return Err(Refusal::bad("BadRequestException", "Tag keys beginning with aws: are reserved"));
        }
        tags[name] = value.clone();
    }
    if tags.as_object().is_some_and(|tags| tags.len() > MOST) {
        return Err(Refusal::bad("BadRequestException", format!("No more than {MOST} tags are allowed")));
    }
    here.world.change(&key, |doc| doc["tags"] = tags);
    Ok(json!({}))
}

pub(super) fn untag(here: &mut Here<'_>, input: &Json) -> Answer {
    let (key, mut tags) = asked(here, input)?;
    if let Some(tags) = tags.as_object_mut() {
        let gone = listed(&input["tagKeys"]);
        tags.retain(|name, _| !gone.iter().any(|one| one == name.as_str()));
    }
    here.world.change(&key, |doc| doc["tags"] = tags);
    Ok(json!({}))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, tags) = asked(here, input)?;
    Ok(json!({ "tags": tags }))
}
