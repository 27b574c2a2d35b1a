//! Listeners of a service and their rules. Every listener has a default rule, which tells its default action.

use serde_json::{Value as Json, json};

use super::thing::{
    LISTENER, RULE, SERVICE, TARGET_GROUP, amend, conflict, created, fresh, id_of, invalid, listing, lookup,
    name, nothing, replayed, text, write,
};
use crate::sandbox::aws::wire::number;
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Doc, Here};

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(doc) = replayed(here, &LISTENER, input)? {
        return Ok(created(doc));
    }
    let service = lookup(here, &SERVICE, text(input, "serviceIdentifier"))?;
    let protocol = text(input, "protocol");
    let port = match (number(&input["port"]), protocol) {
        (Some(port), "HTTP" | "HTTPS" | "TLS_PASSTHROUGH") => port,
        (None, "HTTP") => 80,
        (None, "HTTPS" | "TLS_PASSTHROUGH") => 443,
        _ => return Err(invalid(format!("protocol {protocol} is none of HTTP, HTTPS, TLS_PASSTHROUGH"))),
    };
    let name = name(input, 63)?;
    for other in of_service(here, &service) {
        if text(&other, "name") == name || number(&other["port"]) == Some(port) {
            return Err(conflict(format!("a listener with the name {name} or port {port} already exists")));
        }
    }
    let action = action(here, &input["defaultAction"])?;
    let fields = json!({
        "name": name, "protocol": protocol, "port": port, "defaultAction": action,
        "serviceId": service["id"], "serviceArn": service["arn"],
    });
    let mut doc = fresh(here, &LISTENER, input, fields);
    doc["arn"] = json!(format!("{}/listener/{}", text(&service, "arn"), text(&doc, "id")));
    let first = json!({ "isDefault": true, "name": "default", "action": action });
    let mut default = fresh(here, &RULE, &Json::Null, first);
    below(&doc, &mut default);
    write(here, &RULE, default)?;
    write(here, &LISTENER, doc)
}

/// Makes a rule one of a listener.
fn below(listener: &Doc, rule: &mut Doc) {
    rule["arn"] = json!(format!("{}/rule/{}", text(listener, "arn"), text(rule, "id")));
    rule["_listener"] = listener["id"].clone();
    rule["_service"] = listener["serviceId"].clone();
}

/// An action as it is told: target groups by id, each one that exists.
fn action(here: &Here<'_>, action: &Json) -> Result<Json, Refusal> {
    let mut action = action.clone();
    if action.get("fixedResponse").is_some() {
        return Ok(action);
    }
    let groups = action.pointer_mut("/forward/targetGroups").and_then(Json::as_array_mut);
    let groups = groups.ok_or_else(|| invalid("an action forwards or gives a fixed response"))?;
    for group in groups {
        let doc = lookup(here, &TARGET_GROUP, text(group, "targetGroupIdentifier"))?;
        if text(&doc, "status").starts_with("DELETE") {
            return Err(conflict(format!("TargetGroup {} is being deleted", text(&doc, "id"))));
        }
        group["targetGroupIdentifier"] = doc["id"].clone();
    }
    Ok(action)
}

fn of_service(here: &Here<'_>, service: &Doc) -> Vec<Doc> {
    let mut docs = here.list(LISTENER.table);
    docs.retain(|doc| doc["serviceId"] == service["id"]);
    docs
}

fn of_listener(here: &Here<'_>, listener: &Doc) -> Vec<Doc> {
    let mut docs = here.list(RULE.table);
    docs.retain(|doc| doc["_listener"] == listener["id"]);
    docs
}

fn the_listener(here: &Here<'_>, input: &Json) -> Result<Doc, Refusal> {
    let service = lookup(here, &SERVICE, text(input, "serviceIdentifier"))?;
    let id = text(input, "listenerIdentifier");
    let doc = lookup(here, &LISTENER, id)?;
    if doc["serviceId"] == service["id"] { Ok(doc) } else { Err(super::thing::absent(&LISTENER, id)) }
}

fn the_rule(here: &Here<'_>, input: &Json) -> Result<Doc, Refusal> {
    let listener = the_listener(here, input)?;
    let id = text(input, "ruleIdentifier");
    let doc = lookup(here, &RULE, id)?;
    if doc["_listener"] == listener["id"] { Ok(doc) } else { Err(super::thing::absent(&RULE, id)) }
}

pub(super) fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    the_listener(here, input)
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let service = lookup(here, &SERVICE, text(input, "serviceIdentifier"))?;
    listing(&LISTENER, of_service(here, &service), input)
}

pub(super) fn update(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = the_listener(here, input)?;
    let action = action(here, &input["defaultAction"])?;
    for rule in of_listener(here, &doc).iter().filter(|rule| rule["isDefault"] == json!(true)) {
        here.change(RULE.table, text(rule, "id"), |rule| rule["action"] = action.clone());
    }
    here.change(LISTENER.table, text(&doc, "id"), |doc| doc["defaultAction"] = action.clone());
    amend(here, &LISTENER, &doc, &json!({}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = the_listener(here, input)?;
    for rule in of_listener(here, &doc) {
        here.remove(RULE.table, text(&rule, "id"));
    }
    here.remove(LISTENER.table, text(&doc, "id"));
    nothing()
}

pub(super) fn create_rule(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(doc) = replayed(here, &RULE, input)? {
        return Ok(created(doc));
    }
    let listener = the_listener(here, input)?;
    let name = name(input, 63)?;
    if of_listener(here, &listener).iter().any(|rule| text(rule, "name") == name) {
        return Err(conflict(format!("a rule with the name {name} already exists")));
    }
    free_priority(here, &listener, &input["priority"], "")?;
    let fields = json!({
        "name": name, "isDefault": false, "priority": input["priority"], "match": input["match"],
        "action": action(here, &input["action"])?,
    });
    let mut doc = fresh(here, &RULE, input, fields);
    below(&listener, &mut doc);
    write(here, &RULE, doc)
}

/// A priority is from 1 to 100 and no other rule's.
fn free_priority(here: &Here<'_>, listener: &Doc, wanted: &Json, own: &str) -> Result<(), Refusal> {
    if !number(wanted).is_some_and(|n| (1..=100).contains(&n)) {
        return Err(invalid("a priority is from 1 to 100"));
    }
    let taken = of_listener(here, listener)
        .into_iter()
        .find(|rule| number(&rule["priority"]) == number(wanted) && text(rule, "id") != own);
    match taken {
        Some(rule) => Err(conflict(format!("rule {} has the priority {wanted} already", text(&rule, "id")))),
        None => Ok(()),
    }
}

pub(super) fn get_rule(here: &mut Here<'_>, input: &Json) -> Answer {
    the_rule(here, input)
}

pub(super) fn list_rules(here: &mut Here<'_>, input: &Json) -> Answer {
    let listener = the_listener(here, input)?;
    listing(&RULE, of_listener(here, &listener), input)
}

pub(super) fn update_rule(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = the_rule(here, input)?;
    if let Some(priority) = input.get("priority") {
        let listener = the_listener(here, input)?;
        free_priority(here, &listener, priority, text(&doc, "id"))?;
    }
    put_rule(here, &doc, input)
}

/// Match and action are replaced as wholes, not merged.
fn put_rule(here: &mut Here<'_>, doc: &Doc, input: &Json) -> Answer {
    let action = input.get("action").map(|wanted| action(here, wanted)).transpose()?;
    here.change(RULE.table, text(doc, "id"), |rule| {
        for field in ["match", "priority"] {
            if let Some(value) = input.get(field) {
                rule[field] = value.clone();
            }
        }
        if let Some(action) = action {
            rule["action"] = action;
        }
    });
    amend(here, &RULE, doc, &json!({}))
}

/// Several rules at once: priorities may change places.
pub(super) fn batch_update_rule(here: &mut Here<'_>, input: &Json) -> Answer {
    let listener = the_listener(here, input)?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for wanted in input["rules"].as_array().cloned().unwrap_or_default() {
        let id = id_of(text(&wanted, "ruleIdentifier"));
        let rule = of_listener(here, &listener).into_iter().find(|rule| text(rule, "id") == id);
        let answer = match rule {
            Some(rule) => put_rule(here, &rule, &wanted),
            None => Err(super::thing::absent(&RULE, id)),
        };
        match answer {
            Ok(rule) => done.push(rule),
            Err(refusal) => failed.push(json!({
                "ruleIdentifier": id, "failureCode": refusal.code, "failureMessage": refusal.message,
            })),
        }
    }
    Ok(json!({ "successful": done, "unsuccessful": failed }))
}

pub(super) fn delete_rule(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = the_rule(here, input)?;
    if doc["isDefault"] == json!(true) {
        return Err(invalid("the default rule of a listener cannot be deleted"));
    }
    here.remove(RULE.table, text(&doc, "id"));
    nothing()
}
