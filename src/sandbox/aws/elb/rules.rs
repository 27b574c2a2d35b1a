//! Rules of listeners, by priority. The default rule is not a document: it is told from the listener.

use serde_json::{Value as Json, json};

use super::super::wire::{listed, number};
use super::super::{Answer, Refusal};
use super::listeners::actions;
use super::load_balancers::relate;
use super::{LISTENER, RULE, absent, found, paged, text, texts};
use crate::sandbox::world::{Doc, Here};

/// `CreateRule`.
pub fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let listener = found(here, LISTENER, input, "ListenerArn")?;
    let arn = text(&listener, "ListenerArn").to_owned();
    let priority = number(&input["Priority"]).unwrap_or_default();
    if !(1..=50_000).contains(&priority) {
        return Err(Refusal::bad("ValidationError", "Priority must be between 1 and 50000"));
    }
    check_free(here, &arn, priority)?;
    let rule = format!("{}/{}", arn.replacen(":listener/", ":listener-rule/", 1), here.world.draw("", 16));
    let doc = json!({
        "RuleArn": rule,
        "Priority": priority.to_string(),
        "Conditions": listed(&input["Conditions"]),
        "Actions": actions(here, &input["Actions"])?,
        "Transforms": listed(&input["Transforms"]),
        "IsDefault": false,
        "_listener": arn,
        "_tags": listed(&input["Tags"]),
    });
    here.put(RULE, &rule, doc.clone());
    relate(here);
    Ok(json!({ "Rules": [doc] }))
}

fn check_free(here: &Here<'_>, listener: &str, priority: i64) -> Result<(), Refusal> {
    let taken = |doc: &Doc| doc["_listener"] == listener && number(&doc["Priority"]) == Some(priority);
    match here.list(RULE).iter().any(taken) {
        true => Err(Refusal::bad("PriorityInUse", format!("Priority '{priority}' is currently in use"))),
        false => Ok(()),
    }
}

/// `DescribeRules`: of a listener with its default rule last, or by ARNs.
pub fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let arns = texts(&input["RuleArns"]);
    if !arns.is_empty() {
        if let Some(arn) = arns.iter().find(|arn| here.get(RULE, arn).is_none()) {
            return Err(absent(RULE, arn));
        }
        let rules = arns.iter().filter_map(|arn| here.get(RULE, arn).cloned()).collect();
        return Ok(paged(rules, input, "Rules"));
    }
    let listener = found(here, LISTENER, input, "ListenerArn")?;
    let arn = text(&listener, "ListenerArn");
    let mut rules: Vec<Doc> = here.list(RULE).into_iter().filter(|doc| doc["_listener"] == arn).collect();
    rules.sort_by_key(|doc| number(&doc["Priority"]));
    rules.push(json!({
        "RuleArn": format!("{}/default", arn.replacen(":listener/", ":listener-rule/", 1)),
        "Priority": "default",
        "Conditions": [],
        "Actions": listener["DefaultActions"],
        "IsDefault": true,
    }));
    Ok(paged(rules, input, "Rules"))
}

/// `ModifyRule`: conditions and actions, in place.
pub fn modify(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, RULE, input, "RuleArn")?;
    if input.get("Conditions").is_some() {
        doc["Conditions"] = Json::Array(listed(&input["Conditions"]));
    }
    if input.get("Actions").is_some() {
        doc["Actions"] = actions(here, &input["Actions"])?;
    }
    if input.get("Transforms").is_some() {
        doc["Transforms"] = Json::Array(listed(&input["Transforms"]));
    }
    here.put(RULE, text(input, "RuleArn"), doc.clone());
    relate(here);
    Ok(json!({ "Rules": [doc] }))
}

/// `DeleteRule`.
pub fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    found(here, RULE, input, "RuleArn")?;
    here.remove(RULE, text(input, "RuleArn"));
    relate(here);
    Ok(json!({}))
}

/// `SetRulePriorities`.
pub fn set_priorities(here: &mut Here<'_>, input: &Json) -> Answer {
    let wanted = listed(&input["RulePriorities"]);
    for one in &wanted {
        found(here, RULE, one, "RuleArn")?;
    }
    let mut rules = Vec::new();
    for one in &wanted {
        let priority = number(&one["Priority"]).unwrap_or_default().to_string();
        here.change(RULE, text(one, "RuleArn"), |doc| doc["Priority"] = json!(priority));
        rules.extend(here.get(RULE, text(one, "RuleArn")).cloned());
    }
    Ok(json!({ "Rules": rules }))
}
