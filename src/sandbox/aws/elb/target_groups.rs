//! Target groups and what is registered with them: healthy half a minute after they are used by a listener.

use serde_json::{Value as Json, json};

use super::super::wire::{listed, number};
use super::super::{Answer, Refusal};
use super::{
    TARGET_GROUP, absent, attribute_list, check_name, first, found, paged, take_attributes, text, texts,
};
use crate::sandbox::world::{Doc, Here};

/// How long a target is `initial`, in milliseconds.
const INITIAL: i64 = 30_000;

/// `CreateTargetGroup`. The same name with the same settings gives what is there.
pub fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "Name").to_owned();
    check_name(&name)?;
    let doc = document(input, &name);
    if let Some(there) = first(here, TARGET_GROUP, |doc| doc["TargetGroupName"] == name.as_str()) {
        let same = ["Protocol", "Port", "VpcId", "TargetType", "ProtocolVersion"]
            .iter()
            .all(|field| there[field] == doc[field]);
        return match same {
            true => Ok(json!({ "TargetGroups": [there] })),
            false => Err(Refusal::bad(
                "DuplicateTargetGroupName",
                format!("A target group with the same name '{name}' exists, but with different settings"),
            )),
        };
    }
    let vpc = text(input, "VpcId");
    if doc["TargetType"] != "lambda" && vpc.is_empty() {
        return Err(Refusal::bad("ValidationError", "A VPC ID must be specified"));
    }
    let id = here.world.draw("", 16);
    let arn =
        format!("arn:aws:elasticloadbalancing:{}:{}:targetgroup/{name}/{id}", here.region, here.account);
    let mut doc = doc;
    doc["TargetGroupArn"] = json!(arn);
    here.put(TARGET_GROUP, &arn, doc.clone());
    Ok(json!({ "TargetGroups": [doc] }))
}

fn document(input: &Json, name: &str) -> Doc {
    let protocol = input["Protocol"].as_str().unwrap_or("HTTP");
    let application = matches!(protocol, "HTTP" | "HTTPS");
    let mut doc = json!({
        "TargetGroupName": name,
        "Protocol": protocol,
        "Port": number(&input["Port"]).unwrap_or(80),
        "VpcId": input["VpcId"],
        "TargetType": input["TargetType"].as_str().unwrap_or("instance"),
        "IpAddressType": input["IpAddressType"].as_str().unwrap_or("ipv4"),
        "LoadBalancerArns": [],
        "HealthCheckEnabled": true,
        "HealthCheckProtocol": input["HealthCheckProtocol"].as_str().unwrap_or(if application { "HTTP" } else { "TCP" }),
        "HealthCheckPort": input["HealthCheckPort"].as_str().unwrap_or("traffic-port"),
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "_tags": listed(&input["Tags"]),
        "_attributes": {
            "deregistration_delay.timeout_seconds": "300",
            "stickiness.enabled": "false",
        },
        "_targets": [],
    });
    if application {
        doc["ProtocolVersion"] = json!(input["ProtocolVersion"].as_str().unwrap_or("HTTP1"));
        doc["HealthCheckPath"] = json!(input["HealthCheckPath"].as_str().unwrap_or("/"));
        doc["Matcher"] = match input.get("Matcher") {
            Some(matcher) => matcher.clone(),
            None => json!({ "HttpCode": "200" }),
        };
        doc["_attributes"]["load_balancing.algorithm.type"] = json!("round_robin");
    }
    health(&mut doc, input);
    doc
}

/// The numbers of the health check that an input gives.
fn health(doc: &mut Doc, input: &Json) {
    let fields = [
        "HealthCheckIntervalSeconds",
        "HealthCheckTimeoutSeconds",
        "HealthyThresholdCount",
        "UnhealthyThresholdCount",
    ];
    for field in fields {
        if let Some(value) = number(&input[field]) {
            doc[field] = json!(value);
        }
    }
}

/// `DescribeTargetGroups`: by load balancer, ARNs, names, or all.
pub fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let arns = texts(&input["TargetGroupArns"]);
    let names = texts(&input["Names"]);
    let of = text(input, "LoadBalancerArn");
    let all = here.list(TARGET_GROUP);
    if let Some(arn) = arns.iter().find(|arn| here.get(TARGET_GROUP, arn).is_none()) {
        return Err(absent(TARGET_GROUP, arn));
    }
    if let Some(name) = names.iter().find(|name| !all.iter().any(|doc| doc["TargetGroupName"] == ***name)) {
        return Err(absent(TARGET_GROUP, name));
    }
    let wanted = |doc: &Doc| {
        (arns.is_empty() || arns.iter().any(|arn| doc["TargetGroupArn"] == arn.as_str()))
            && (names.is_empty() || names.iter().any(|name| doc["TargetGroupName"] == name.as_str()))
            && (of.is_empty() || texts(&doc["LoadBalancerArns"]).iter().any(|arn| arn == of))
    };
    Ok(paged(all.into_iter().filter(wanted).collect(), input, "TargetGroups"))
}

/// `ModifyTargetGroup`: the health check.
pub fn modify(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, TARGET_GROUP, input, "TargetGroupArn")?;
    health(&mut doc, input);
    for field in ["HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath", "Matcher"] {
        if let Some(value) = input.get(field) {
            doc[field] = value.clone();
        }
    }
    here.put(TARGET_GROUP, text(input, "TargetGroupArn"), doc.clone());
    Ok(json!({ "TargetGroups": [doc] }))
}

/// `DeleteTargetGroup`: refused while a listener or rule uses it. What is gone is gone.
pub fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let arn = text(input, "TargetGroupArn");
    let Some(doc) = here.get(TARGET_GROUP, arn) else { return Ok(json!({})) };
    if !listed(&doc["LoadBalancerArns"]).is_empty() {
        return Err(Refusal::bad(
            "ResourceInUse",
            format!("Target group '{arn}' is currently in use by a listener or a rule"),
        ));
    }
    here.remove(TARGET_GROUP, arn);
    Ok(json!({}))
}

/// `DescribeTargetGroupAttributes`.
pub fn describe_attributes(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = found(here, TARGET_GROUP, input, "TargetGroupArn")?;
    Ok(json!({ "Attributes": attribute_list(&doc) }))
}

/// `ModifyTargetGroupAttributes`.
pub fn modify_attributes(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, TARGET_GROUP, input, "TargetGroupArn")?;
    take_attributes(&mut doc, input);
    here.put(TARGET_GROUP, text(input, "TargetGroupArn"), doc.clone());
    Ok(json!({ "Attributes": attribute_list(&doc) }))
}

/// The targets of an input, each with its port.
fn targets(doc: &Doc, input: &Json) -> Vec<Json> {
    let port = |one: &Json| number(&one["Port"]).map_or(doc["Port"].clone(), Json::from);
    listed(&input["Targets"]).iter().map(|one| json!({ "Id": one["Id"], "Port": port(one) })).collect()
}

fn same(one: &Json, other: &Json) -> bool {
    one["Id"] == other["Id"] && one["Port"] == other["Port"]
}

/// `RegisterTargets`.
pub fn register(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, TARGET_GROUP, input, "TargetGroupArn")?;
    let mut there = listed(&doc["_targets"]);
    for mut target in targets(&doc, input) {
        if !there.iter().any(|one| same(one, &target)) {
            target["_since"] = json!(here.world.now());
            there.push(target);
        }
    }
    doc["_targets"] = Json::Array(there);
    here.put(TARGET_GROUP, text(input, "TargetGroupArn"), doc);
    Ok(json!({}))
}

/// `DeregisterTargets`.
pub fn deregister(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, TARGET_GROUP, input, "TargetGroupArn")?;
    let gone = targets(&doc, input);
    let there = listed(&doc["_targets"]).into_iter();
    doc["_targets"] = there.filter(|one| !gone.iter().any(|other| same(one, other))).collect();
    here.put(TARGET_GROUP, text(input, "TargetGroupArn"), doc);
    Ok(json!({}))
}

/// `DescribeTargetHealth`.
pub fn describe_health(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = found(here, TARGET_GROUP, input, "TargetGroupArn")?;
    let used = !listed(&doc["LoadBalancerArns"]).is_empty();
    let health = |target: &Json| {
        let since = target["_since"].as_i64().unwrap_or_default();
        let state = match here.world.now() - since {
            _ if !used => json!({
                "State": "unused",
                "Reason": "Target.NotInUse",
                "Description": "Target group is not configured to receive traffic from the load balancer",
            }),
            age if age < INITIAL => json!({
                "State": "initial",
                "Reason": "Elb.RegistrationInProgress",
                "Description": "Target registration is in progress",
            }),
            _ => json!({ "State": "healthy" }),
        };
        json!({ "Target": { "Id": target["Id"], "Port": target["Port"] }, "TargetHealth": state })
    };
    Ok(json!({ "TargetHealthDescriptions": listed(&doc["_targets"]).iter().map(health).collect::<Json>() }))
}
