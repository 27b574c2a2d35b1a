//! Target groups and their targets. A target is healthy some seconds after a service uses its group, and drains
//! before it is gone; a group that is in use or has targets cannot be deleted.

use serde_json::{Value as Json, json};

use super::thing::{
    LISTENER, RULE, SERVICE, TARGET_GROUP, amend, arn, conflict, created, fresh, invalid, leave, lookup,
    name, replayed, text, write_slowly,
};
use crate::sandbox::aws::wire::{number, page};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Doc, Event, Here, Key, World};

/// The hook that takes away targets that have drained.
pub const DRAINED: &str = "lattice.drained";
/// How long a target is looked at before it is healthy.
const CHECKED_MS: i64 = 20_000;
/// How long a target drains.
const DRAIN_S: i64 = 30;

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(doc) = replayed(here, &TARGET_GROUP, input)? {
        return Ok(created(doc));
    }
    let name = name(input, 128)?;
    if here.list(TARGET_GROUP.table).iter().any(|doc| text(doc, "name") == name) {
        return Err(conflict(format!("a target group with the name {name} already exists")));
    }
    let sort = text(input, "type");
    let fields = json!({
        "name": name, "type": sort, "status": "CREATE_IN_PROGRESS", "config": config(here, sort, input)?,
        "_targets": [],
    });
    let doc = fresh(here, &TARGET_GROUP, input, fields);
    write_slowly(here, &TARGET_GROUP, doc, 5)
}

/// The configuration with what Lattice fills in.
fn config(here: &Here<'_>, sort: &str, input: &Json) -> Result<Json, Refusal> {
    let mut config = input.get("config").cloned().unwrap_or_else(|| json!({}));
    match sort {
        "LAMBDA" => return Ok(config),
        "IP" | "INSTANCE" | "ALB" => {}
        _ => return Err(invalid(format!("type {sort} is none of IP, INSTANCE, ALB, LAMBDA"))),
    }
    let vpc = text(&config, "vpcIdentifier").to_owned();
    if here.get("ec2/vpc", &vpc).is_none() {
        return Err(Refusal::new(404, "ResourceNotFoundException", format!("VPC {vpc} not found")));
    }
    if text(&config, "protocol").is_empty() {
        return Err(invalid("config.protocol is missing"));
    }
    if config.get("port").is_none() {
        config["port"] = json!(if text(&config, "protocol") == "HTTP" { 80 } else { 443 });
    }
    if text(&config, "protocol") != "TCP" && config.get("protocolVersion").is_none() {
        config["protocolVersion"] = json!("HTTP1");
    }
    if sort == "IP" && config.get("ipAddressType").is_none() {
        config["ipAddressType"] = json!("IPV4");
    }
    config["healthCheck"] = health_check(config.get("healthCheck"));
    Ok(config)
}

fn health_check(wanted: Option<&Json>) -> Json {
    let mut check = json!({
        "enabled": true, "protocol": "HTTP", "protocolVersion": "HTTP1", "path": "/",
        "healthCheckIntervalSeconds": 30, "healthCheckTimeoutSeconds": 5, "healthyThresholdCount": 5,
        "unhealthyThresholdCount": 2, "matcher": { "httpCode": "200" },
    });
    crate::sandbox::world::merge(&mut check, wanted.unwrap_or(&json!({})));
    check
}

/// The ARNs of the services that forward to a target group.
fn services(here: &Here<'_>, group: &str) -> Vec<String> {
    let forwards = |action: &Json| {
        let groups = action.pointer("/forward/targetGroups").and_then(Json::as_array);
        groups.is_some_and(|groups| groups.iter().any(|one| text(one, "targetGroupIdentifier") == group))
    };
    let rules = here.list(RULE.table).into_iter().filter(|rule| forwards(&rule["action"]));
    let listeners = here.list(LISTENER.table).into_iter().filter(|one| forwards(&one["defaultAction"]));
    let ids = rules.map(|rule| text(&rule, "_service").to_owned());
    let ids = ids.chain(listeners.map(|one| text(&one, "serviceId").to_owned()));
    let mut arns: Vec<String> = ids.map(|id| arn(here, SERVICE.path, &id)).collect();
    arns.sort();
    arns.dedup();
    arns
}

fn with_services(here: &Here<'_>, mut doc: Doc) -> Doc {
    doc["serviceArns"] = json!(services(here, text(&doc, "id")));
    doc
}

pub(super) fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &TARGET_GROUP, text(input, "targetGroupIdentifier"))?;
    Ok(with_services(here, doc))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut docs = here.list(TARGET_GROUP.table);
    if let Some(vpc) = input["vpcIdentifier"].as_str() {
        docs.retain(|doc| text(&doc["config"], "vpcIdentifier") == vpc);
    }
    if let Some(sort) = input["targetGroupType"].as_str() {
        docs.retain(|doc| text(doc, "type") == sort);
    }
    let flat = docs.into_iter().map(|doc| {
        let mut doc = with_services(here, doc);
        for field in ["port", "protocol", "ipAddressType", "vpcIdentifier"] {
            if let Some(value) = doc["config"].get(field).cloned() {
                doc[field] = value;
            }
        }
        doc
    });
    super::thing::listing(&TARGET_GROUP, flat.collect(), input)
}

pub(super) fn update(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &TARGET_GROUP, text(input, "targetGroupIdentifier"))?;
    amend(here, &TARGET_GROUP, &doc, &json!({ "config": { "healthCheck": input["healthCheck"] } }))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &TARGET_GROUP, text(input, "targetGroupIdentifier"))?;
    let id = text(&doc, "id");
    if !services(here, id).is_empty() {
        return Err(conflict(format!("TargetGroup {id} is in use by a service")));
    }
    if doc["_targets"].as_array().is_some_and(|targets| !targets.is_empty()) {
        return Err(conflict(format!("TargetGroup {id} has targets that are registered or draining")));
    }
    leave(here, &TARGET_GROUP, &doc, 10)
}

/// The targets of an input, with the group's port where they name none.
fn wanted(doc: &Doc, input: &Json) -> Vec<(String, Option<i64>)> {
    let targets = input["targets"].as_array().cloned().unwrap_or_default();
    let port = number(&doc["config"]["port"]);
    targets.iter().map(|one| (text(one, "id").to_owned(), number(&one["port"]).or(port))).collect()
}

fn is_target(target: &Json, (id, port): &(String, Option<i64>)) -> bool {
    text(target, "id") == id && number(&target["port"]) == *port
}

pub(super) fn register(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &TARGET_GROUP, text(input, "targetGroupIdentifier"))?;
    if text(&doc, "status") != "ACTIVE" {
        let (id, status) = (text(&doc, "id"), text(&doc, "status"));
        return Err(conflict(format!("TargetGroup {id} is {status}")));
    }
    let since = here.world.now();
    let (wanted, mut done) = (wanted(&doc, input), Vec::new());
    here.change(TARGET_GROUP.table, text(&doc, "id"), |doc| {
        let Some(targets) = doc["_targets"].as_array_mut() else { return };
        for one in wanted {
            done.push(json!({ "id": one.0, "port": one.1 }));
            targets.retain(|target| !(is_target(target, &one) && target.get("leaving").is_some()));
            if !targets.iter().any(|target| is_target(target, &one)) {
                targets.push(json!({ "id": one.0, "port": one.1, "since": since }));
            }
        }
    });
    Ok(json!({ "successful": done, "unsuccessful": [] }))
}

pub(super) fn deregister(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &TARGET_GROUP, text(input, "targetGroupIdentifier"))?;
    let id = text(&doc, "id");
    let until = here.world.now() + DRAIN_S * 1000;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    let wanted = wanted(&doc, input);
    here.change(TARGET_GROUP.table, id, |doc| {
        let Some(targets) = doc["_targets"].as_array_mut() else { return };
        for one in wanted {
            let told = json!({ "id": one.0, "port": one.1 });
            match targets.iter_mut().find(|target| is_target(target, &one)) {
                Some(target) => {
                    if target.get("leaving").is_none() {
                        target["leaving"] = json!(until);
                    }
                    done.push(told);
                }
                None => failed.push(json!({
                    "id": one.0, "port": one.1, "failureCode": "TargetNotFound",
                    "failureMessage": "the target is not registered",
                })),
            }
        }
    });
    here.after(DRAIN_S, TARGET_GROUP.table, id, Event::Hook(DRAINED.to_owned()));
    Ok(json!({ "successful": done, "unsuccessful": failed }))
}

/// Takes away the targets of a group that have drained by now.
pub fn drained(world: &mut World, key: &Key) {
    let now = world.now();
    world.change(key, |doc| {
        if let Some(targets) = doc["_targets"].as_array_mut() {
            targets.retain(|target| target["leaving"].as_i64().is_none_or(|until| until > now));
        }
    });
}

pub(super) fn list_targets(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &TARGET_GROUP, text(input, "targetGroupIdentifier"))?;
    let used = !services(here, text(&doc, "id")).is_empty();
    let checked = doc["config"]["healthCheck"]["enabled"] != json!(false);
    let now = here.world.now();
    let state = |target: &Json| match target["since"].as_i64() {
        _ if target.get("leaving").is_some() => ("DRAINING", "TARGET_DEREGISTRATION_IN_PROGRESS"),
        _ if !used => ("UNUSED", "TARGET_GROUP_NOT_IN_USE"),
        _ if !checked => ("UNAVAILABLE", "HEALTH_CHECK_DISABLED"),
        Some(since) if now < since + CHECKED_MS => ("INITIAL", "TARGET_HEALTH_CHECK_IN_PROGRESS"),
        _ => ("HEALTHY", ""),
    };
    let filter = wanted(&doc, input);
    let targets = doc["_targets"].as_array().cloned().unwrap_or_default().into_iter();
    let asked = targets.filter(|target| filter.is_empty() || filter.iter().any(|one| is_target(target, one)));
    let items = asked.map(|target| {
        let (status, reason) = state(&target);
        let mut item = json!({ "id": target["id"], "port": target["port"], "status": status });
        if !reason.is_empty() {
            item["reasonCode"] = json!(reason);
        }
        item
    });
    let most = number(&input["maxResults"]).and_then(|n| usize::try_from(n).ok());
    let (items, next) = page(items.collect(), input["nextToken"].as_str(), most);
    Ok(json!({ "items": items, "nextToken": next }))
}
