//! Tags of load balancers, target groups, listeners and rules: at most twenty things a call.

use serde_json::{Value as Json, json};

use super::super::wire::listed;
use super::super::{Answer, Refusal};
use super::{LISTENER, LOAD_BALANCER, RULE, TARGET_GROUP, absent, texts};
use crate::sandbox::world::Here;

/// The table that a thing with this ARN is in.
fn table(arn: &str) -> &'static str {
    match arn.split(':').nth(5).and_then(|rest| rest.split('/').next()) {
        Some("targetgroup") => TARGET_GROUP,
        Some("listener") => LISTENER,
        Some("listener-rule") => RULE,
        _ => LOAD_BALANCER,
    }
}

/// The ARNs of a call, all of which are there.
fn named(here: &Here<'_>, input: &Json) -> Result<Vec<String>, Refusal> {
    let arns = texts(&input["ResourceArns"]);
    if arns.is_empty() || arns.len() > 20 {
        return Err(Refusal::bad("ValidationError", "ResourceArns must hold 1 to 20 ARNs"));
    }
    match arns.iter().find(|arn| here.get(table(arn), arn).is_none()) {
        Some(arn) => Err(absent(table(arn), arn)),
        None => Ok(arns),
    }
}

pub(super) fn add(here: &mut Here<'_>, input: &Json) -> Answer {
    let tags = listed(&input["Tags"]);
    for arn in named(here, input)? {
        here.change(table(&arn), &arn, |doc| doc["_tags"] = merged(&doc["_tags"], &tags));
    }
    Ok(json!({}))
}

/// The old tags with the new ones over them.
fn merged(old: &Json, new: &[Json]) -> Json {
    let kept = listed(old).into_iter().filter(|tag| !new.iter().any(|other| other["Key"] == tag["Key"]));
    kept.chain(new.iter().cloned()).collect()
}

pub(super) fn remove(here: &mut Here<'_>, input: &Json) -> Answer {
    let keys = texts(&input["TagKeys"]);
    for arn in named(here, input)? {
        let gone = |tag: &Json| keys.iter().any(|key| tag["Key"] == key.as_str());
        here.change(table(&arn), &arn, |doc| {
            doc["_tags"] = listed(&doc["_tags"]).into_iter().filter(|tag| !gone(tag)).collect();
        });
    }
    Ok(json!({}))
}

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let arns = named(here, input)?;
    let tags = |arn: &str| here.get(table(arn), arn).map_or(json!([]), |doc| doc["_tags"].clone());
    let all: Json = arns.iter().map(|arn| json!({ "ResourceArn": arn, "Tags": tags(arn) })).collect();
    Ok(json!({ "TagDescriptions": all }))
}
