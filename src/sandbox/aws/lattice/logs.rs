//! Auth policies, access log subscriptions and tags: what networks and services carry.

use serde_json::{Value as Json, json};

use super::thing::{
    LOGS, NETWORK, SERVICE, Sort, absent, amend, conflict, created, fresh, invalid, listing, lookup, nothing,
    replayed, sort_of, text, write,
};
use crate::sandbox::aws::wire::listed;
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Doc, Here};

/// The network or service that an input names.
fn carrier(here: &Here<'_>, input: &Json) -> Result<(&'static Sort, Doc), Refusal> {
    let identifier = text(input, "resourceIdentifier");
    let sort = if sort_of(identifier).is_some_and(|sort| sort.prefix == SERVICE.prefix) {
        &SERVICE
    } else {
        &NETWORK
    };
    Ok((sort, lookup(here, sort, identifier)?))
}

pub(super) fn put_policy(here: &mut Here<'_>, input: &Json) -> Answer {
    let (sort, doc) = carrier(here, input)?;
    let policy = text(input, "policy");
    if policy.contains('\n') || !serde_json::from_str::<Json>(policy).is_ok_and(|json| json.is_object()) {
        return Err(invalid("the policy is not a JSON object on one line"));
    }
    let now = here.world.timestamp();
    here.change(sort.table, text(&doc, "id"), |doc| {
        let since = doc["_policy"]["createdAt"].as_str().unwrap_or(&now).to_owned();
        doc["_policy"] = json!({ "policy": policy, "createdAt": since, "lastUpdatedAt": now });
    });
    get_policy(here, input)
}

pub(super) fn get_policy(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, doc) = carrier(here, input)?;
    let mut policy = doc.get("_policy").cloned().ok_or_else(|| {
        let words = format!("{} has no auth policy", text(&doc, "id"));
        Refusal::new(404, "ResourceNotFoundException", words)
    })?;
    let active = text(&doc, "authType") == "AWS_IAM";
    policy["state"] = json!(if active { "Active" } else { "Inactive" });
    Ok(policy)
}

pub(super) fn delete_policy(here: &mut Here<'_>, input: &Json) -> Answer {
    let (sort, doc) = carrier(here, input)?;
    here.change(sort.table, text(&doc, "id"), |doc| {
        if let Some(map) = doc.as_object_mut() {
            map.remove("_policy");
        }
    });
    nothing()
}

/// CloudWatch tells log groups with `:*` at the end, however they were given.
fn destination(input: &Json) -> Result<String, Refusal> {
    let arn = text(input, "destinationArn");
    match arn.split(':').nth(2) {
        Some("logs") => Ok(format!("{}:*", arn.trim_end_matches(":*"))),
        Some("s3" | "firehose") => Ok(arn.to_owned()),
        _ => Err(invalid(format!("{arn} is no log group, bucket or delivery stream"))),
    }
}

pub(super) fn subscribe(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(doc) = replayed(here, &LOGS, input)? {
        return Ok(created(doc));
    }
    let (_, carrier) = carrier(here, input)?;
    let destination = destination(input)?;
    let twice = |doc: &Doc| doc["resourceId"] == carrier["id"] && text(doc, "destinationArn") == destination;
    if here.list(LOGS.table).iter().any(twice) {
        return Err(conflict(format!("an access log subscription to {destination} already exists")));
    }
    let fields = json!({
        "resourceId": carrier["id"], "resourceArn": carrier["arn"], "destinationArn": destination,
        "serviceNetworkLogType": input["serviceNetworkLogType"],
    });
    let doc = fresh(here, &LOGS, input, fields);
    write(here, &LOGS, doc)
}

pub(super) fn get_logs(here: &mut Here<'_>, input: &Json) -> Answer {
    lookup(here, &LOGS, text(input, "accessLogSubscriptionIdentifier"))
}

pub(super) fn list_logs(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, carrier) = carrier(here, input)?;
    let mut docs = here.list(LOGS.table);
    docs.retain(|doc| doc["resourceId"] == carrier["id"]);
    listing(&LOGS, docs, input)
}

pub(super) fn update_logs(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &LOGS, text(input, "accessLogSubscriptionIdentifier"))?;
    let destination = destination(input)?;
    amend(here, &LOGS, &doc, &json!({ "destinationArn": destination }))
}

pub(super) fn unsubscribe(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &LOGS, text(input, "accessLogSubscriptionIdentifier"))?;
    here.remove(LOGS.table, text(&doc, "id"));
    nothing()
}

/// Takes away the subscriptions of what goes.
pub(super) fn forget_logs(here: &mut Here<'_>, carrier: &str) {
    for doc in here.list(LOGS.table) {
        if text(&doc, "resourceId") == carrier {
            here.remove(LOGS.table, text(&doc, "id"));
        }
    }
}

fn tagged(here: &Here<'_>, input: &Json) -> Result<(&'static Sort, Doc), Refusal> {
    let arn = text(input, "resourceArn");
    let sort = sort_of(arn).ok_or_else(|| absent(&NETWORK, arn))?;
    Ok((sort, lookup(here, sort, arn)?))
}

pub(super) fn tag(here: &mut Here<'_>, input: &Json) -> Answer {
    let (sort, doc) = tagged(here, input)?;
    let tags = input["tags"].as_object().cloned().unwrap_or_default();
    here.change(sort.table, text(&doc, "id"), |doc| {
        if let Some(all) = doc["_tags"].as_object_mut() {
            all.extend(tags);
        }
    });
    Ok(json!({}))
}

pub(super) fn untag(here: &mut Here<'_>, input: &Json) -> Answer {
    let (sort, doc) = tagged(here, input)?;
    let keys = listed(&input["tagKeys"]);
    here.change(sort.table, text(&doc, "id"), |doc| {
        if let Some(all) = doc["_tags"].as_object_mut() {
            all.retain(|key, _| !keys.iter().any(|gone| gone.as_str() == Some(key)));
        }
    });
    Ok(json!({}))
}

pub(super) fn list_tags(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, doc) = tagged(here, input)?;
    Ok(json!({ "tags": doc["_tags"] }))
}
