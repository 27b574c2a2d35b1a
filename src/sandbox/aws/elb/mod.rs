//! Elastic Load Balancing: load balancers, target groups, listeners, rules, tags.
//!
//! All four kinds of things are documents by ARN. Their tags are `_tags`, a list of `{Key, Value}`. What controllers
//! do with load balancers is in `sandbox::controllers`; they call the handlers here like any client.

pub mod listeners;
pub mod load_balancers;
pub mod rules;
mod tags;
pub mod target_groups;
#[cfg(test)]
mod tests;
mod zones;

use serde_json::Value as Json;

use super::wire::{listed, number, page};
use super::{Operation, Protocol, Refusal, Service};
use crate::sandbox::world::{Doc, Here};

pub(super) const LOAD_BALANCER: &str = "elb/load-balancer";
pub(super) const TARGET_GROUP: &str = "elb/target-group";
pub(super) const LISTENER: &str = "elb/listener";
pub(super) const RULE: &str = "elb/rule";

/// The service.
pub const SERVICE: Service = Service {
    scope: "elasticloadbalancing",
    protocol: Protocol::Query { namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/" },
    operations: &[
        Operation { name: "CreateLoadBalancer", path: "", handle: load_balancers::create },
        Operation { name: "DescribeLoadBalancers", path: "", handle: load_balancers::describe },
        Operation { name: "DeleteLoadBalancer", path: "", handle: load_balancers::delete },
        Operation {
            name: "DescribeLoadBalancerAttributes",
            path: "",
            handle: load_balancers::describe_attributes,
        },
        Operation {
            name: "ModifyLoadBalancerAttributes",
            path: "",
            handle: load_balancers::modify_attributes,
        },
        Operation { name: "SetSecurityGroups", path: "", handle: load_balancers::set_security_groups },
        Operation { name: "SetSubnets", path: "", handle: load_balancers::set_subnets },
        Operation { name: "SetIpAddressType", path: "", handle: load_balancers::set_ip_address_type },
        Operation { name: "CreateTargetGroup", path: "", handle: target_groups::create },
        Operation { name: "DescribeTargetGroups", path: "", handle: target_groups::describe },
        Operation { name: "ModifyTargetGroup", path: "", handle: target_groups::modify },
        Operation { name: "DeleteTargetGroup", path: "", handle: target_groups::delete },
        Operation {
            name: "DescribeTargetGroupAttributes",
            path: "",
            handle: target_groups::describe_attributes,
        },
        Operation { name: "ModifyTargetGroupAttributes", path: "", handle: target_groups::modify_attributes },
        Operation { name: "RegisterTargets", path: "", handle: target_groups::register },
        Operation { name: "DeregisterTargets", path: "", handle: target_groups::deregister },
        Operation { name: "DescribeTargetHealth", path: "", handle: target_groups::describe_health },
        Operation { name: "CreateListener", path: "", handle: listeners::create },
        Operation { name: "DescribeListeners", path: "", handle: listeners::describe },
        Operation { name: "ModifyListener", path: "", handle: listeners::modify },
        Operation { name: "DeleteListener", path: "", handle: listeners::delete },
        Operation {
            name: "DescribeListenerCertificates",
            path: "",
            handle: listeners::describe_certificates,
        },
        Operation { name: "AddListenerCertificates", path: "", handle: listeners::add_certificates },
        Operation { name: "RemoveListenerCertificates", path: "", handle: listeners::remove_certificates },
        Operation { name: "DescribeListenerAttributes", path: "", handle: listeners::describe_attributes },
        Operation { name: "ModifyListenerAttributes", path: "", handle: listeners::modify_attributes },
        Operation { name: "CreateRule", path: "", handle: rules::create },
        Operation { name: "DescribeRules", path: "", handle: rules::describe },
        Operation { name: "ModifyRule", path: "", handle: rules::modify },
        Operation { name: "DeleteRule", path: "", handle: rules::delete },
        Operation { name: "SetRulePriorities", path: "", handle: rules::set_priorities },
        Operation { name: "AddTags", path: "", handle: tags::add },
        Operation { name: "RemoveTags", path: "", handle: tags::remove },
        Operation { name: "DescribeTags", path: "", handle: tags::describe },
    ],
};

/// A text of an input, empty if it is not there.
fn text<'a>(input: &'a Json, field: &str) -> &'a str {
    input[field].as_str().unwrap_or_default()
}

/// The texts of a list.
fn texts(input: &Json) -> Vec<String> {
    listed(input).iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// The refusal for a thing that is not there, in the words of its table.
fn absent(table: &str, id: &str) -> Refusal {
    let (code, noun) = match table {
        LOAD_BALANCER => ("LoadBalancerNotFound", "Load balancer"),
        TARGET_GROUP => ("TargetGroupNotFound", "Target groups"),
        LISTENER => ("ListenerNotFound", "Listener"),
        _ => ("RuleNotFound", "Rule"),
    };
    Refusal::bad(code, format!("{noun} '{id}' not found"))
}

/// A copy of the document that `input[field]` names.
fn found(here: &Here<'_>, table: &str, input: &Json, field: &str) -> Result<Doc, Refusal> {
    let arn = text(input, field);
    here.get(table, arn).cloned().ok_or_else(|| absent(table, arn))
}

/// The page that `Marker` and `PageSize` ask for, as the answer's list and its `NextMarker`.
fn paged(items: Vec<Json>, input: &Json, list: &str) -> Json {
    let most = number(&input["PageSize"]).and_then(|size| usize::try_from(size).ok()).unwrap_or(400);
    let (items, next) = page(items, input["Marker"].as_str(), Some(most.min(400)));
    let mut answer = serde_json::json!({ list: items });
    if let Some(next) = next {
        answer["NextMarker"] = Json::String(next);
    }
    answer
}

/// `[{Key, Value}]` of a map of attributes.
fn attribute_list(doc: &Doc) -> Json {
    let map = doc["_attributes"].as_object().cloned().unwrap_or_default();
    map.into_iter().map(|(key, value)| serde_json::json!({ "Key": key, "Value": value })).collect()
}

/// Takes `[{Key, Value}]` into the attributes of a document.
fn take_attributes(doc: &mut Doc, input: &Json) {
    for one in listed(&input["Attributes"]) {
        if let Some(key) = one["Key"].as_str() {
            doc["_attributes"][key] = one["Value"].clone();
        }
    }
}

/// The first of a kind in a table that `fits`.
fn first(here: &Here<'_>, table: &str, fits: impl Fn(&Doc) -> bool) -> Option<Doc> {
    here.list(table).into_iter().find(|doc| fits(doc))
}

/// The refusal for a name that does not hold to the rules.
fn check_name(name: &str) -> Result<(), Refusal> {
    let lawful = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if name.is_empty() || name.len() > 32 || !lawful || name.starts_with('-') || name.ends_with('-') {
        return Err(Refusal::bad("ValidationError", format!("The name '{name}' is not valid")));
    }
    Ok(())
}
