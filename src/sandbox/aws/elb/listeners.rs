//! Listeners: one a port, a certificate that exists and is issued for TLS, a rule for everything else.

use serde_json::{Value as Json, json};

use super::super::wire::{listed, number};
use super::super::{Answer, Refusal};
use super::load_balancers::relate;
use super::{
    LISTENER, LOAD_BALANCER, RULE, TARGET_GROUP, absent, attribute_list, found, paged, take_attributes, text,
    texts,
};
use crate::sandbox::world::{Doc, Here};

/// Whether actions send requests to this target group.
pub(super) fn forwards(actions: &Json, group: &str) -> bool {
    listed(actions).iter().any(|action| {
        let several = listed(&action["ForwardConfig"]["TargetGroups"]);
        action["TargetGroupArn"] == group || several.iter().any(|one| one["TargetGroupArn"] == group)
    })
}

/// Actions as they are told: numbers as numbers, a lone target group in both places, target groups that exist.
pub fn actions(here: &Here<'_>, input: &Json) -> Result<Json, Refusal> {
    let mut actions = listed(input);
    for action in &mut actions {
        if let Some(order) = number(&action["Order"]) {
            action["Order"] = json!(order);
        }
        if action["Type"] != "forward" {
            continue;
        }
        let mut groups = listed(&action["ForwardConfig"]["TargetGroups"]);
        if groups.is_empty() {
            groups = vec![json!({ "TargetGroupArn": action["TargetGroupArn"], "Weight": 1 })];
        }
        for group in &mut groups {
            group["Weight"] = json!(number(&group["Weight"]).unwrap_or(1));
            let arn = text(group, "TargetGroupArn");
            if here.get(TARGET_GROUP, arn).is_none() {
                return Err(absent(TARGET_GROUP, arn));
            }
        }
        if let [only] = groups.as_slice() {
            action["TargetGroupArn"] = only["TargetGroupArn"].clone();
        }
        action["ForwardConfig"]["TargetGroups"] = Json::Array(groups);
    }
    Ok(Json::Array(actions))
}

/// The certificates of an input, all of which exist and are issued.
fn certificates(here: &Here<'_>, input: &Json) -> Result<Json, Refusal> {
    let certificates = listed(&input["Certificates"]);
    for one in &certificates {
        let arn = text(one, "CertificateArn");
        let there = arn.contains(":server-certificate/") || here.get("acm/certificate", arn).is_some();
        if !there {
            return Err(Refusal::bad("CertificateNotFound", format!("Certificate '{arn}' not found")));
        }
        if here.get("acm/certificate", arn).is_some_and(|doc| doc["Status"] != "ISSUED") {
            return Err(Refusal::bad(
                "UnsupportedCertificate",
                format!(
                    "The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a supported key size."
                ),
            ));
        }
    }
    Ok(certificates.iter().map(|one| json!({ "CertificateArn": one["CertificateArn"] })).collect())
}

fn secure(protocol: &str) -> bool {
    matches!(protocol, "HTTPS" | "TLS")
}

/// `CreateListener`. The same port with the same settings gives what is there.
pub fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let balancer = found(here, LOAD_BALANCER, input, "LoadBalancerArn")?;
    let port = number(&input["Port"]).unwrap_or(80);
    let protocol = input["Protocol"].as_str().unwrap_or("HTTP").to_owned();
    let fits = match protocol.as_str() {
        "HTTP" | "HTTPS" => balancer["Type"] == "application",
        _ => balancer["Type"] == "network",
    };
    if !fits {
        let message = format!("The protocol '{protocol}' is not supported by this load balancer");
        return Err(Refusal::bad("UnsupportedProtocol", message));
    }
    let actions = actions(here, &input["DefaultActions"])?;
    let certificates = certificates(here, input)?;
    if secure(&protocol) && listed(&certificates).is_empty() {
        return Err(Refusal::bad("ValidationError", "A certificate must be specified for secure listeners"));
    }
    let arn = text(input, "LoadBalancerArn").to_owned();
    let taken = |doc: &&Doc| doc["LoadBalancerArn"] == arn.as_str() && doc["Port"] == port;
    if let Some(there) = here.list(LISTENER).iter().find(taken) {
        let same = there["Protocol"] == protocol.as_str() && there["DefaultActions"] == actions;
        return match same {
            true => Ok(json!({ "Listeners": [there] })),
            false => Err(Refusal::bad("DuplicateListener", "A listener already exists on this port")),
        };
    }
    let listener = format!("{}/{}", arn.replacen(":loadbalancer/", ":listener/", 1), here.world.draw("", 16));
    let mut doc = json!({
        "ListenerArn": listener,
        "LoadBalancerArn": arn,
        "Port": port,
        "Protocol": protocol,
        "DefaultActions": actions,
        "_tags": listed(&input["Tags"]),
        "_attributes": {},
        "_more": [],
    });
    if secure(&protocol) {
        doc["Certificates"] = certificates;
        doc["SslPolicy"] = json!(input["SslPolicy"].as_str().unwrap_or("ELBSecurityPolicy-2016-08"));
    }
    for field in ["AlpnPolicy", "MutualAuthentication"] {
        if let Some(value) = input.get(field) {
            doc[field] = value.clone();
        }
    }
    here.put(LISTENER, &listener, doc.clone());
    relate(here);
    Ok(json!({ "Listeners": [doc] }))
}

/// `DescribeListeners`: of a load balancer, or by ARNs.
pub fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let arns = texts(&input["ListenerArns"]);
    if let Some(arn) = arns.iter().find(|arn| here.get(LISTENER, arn).is_none()) {
        return Err(absent(LISTENER, arn));
    }
    let of = text(input, "LoadBalancerArn");
    if arns.is_empty() {
        found(here, LOAD_BALANCER, input, "LoadBalancerArn")?;
    }
    let wanted = |doc: &Doc| match arns.is_empty() {
        true => doc["LoadBalancerArn"] == of,
        false => arns.iter().any(|arn| doc["ListenerArn"] == arn.as_str()),
    };
    Ok(paged(here.list(LISTENER).into_iter().filter(wanted).collect(), input, "Listeners"))
}

/// `ModifyListener`: what is given replaces what is there.
pub fn modify(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, LISTENER, input, "ListenerArn")?;
    if input.get("DefaultActions").is_some() {
        doc["DefaultActions"] = actions(here, &input["DefaultActions"])?;
    }
    if input.get("Certificates").is_some() {
        doc["Certificates"] = certificates(here, input)?;
    }
    if let Some(port) = number(&input["Port"]) {
        doc["Port"] = json!(port);
    }
    for field in ["Protocol", "SslPolicy", "AlpnPolicy", "MutualAuthentication"] {
        if let Some(value) = input.get(field) {
            doc[field] = value.clone();
        }
    }
    here.put(LISTENER, text(input, "ListenerArn"), doc.clone());
    relate(here);
    Ok(json!({ "Listeners": [doc] }))
}

/// `DeleteListener`.
pub fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    found(here, LISTENER, input, "ListenerArn")?;
    discard(here, text(input, "ListenerArn"));
    Ok(json!({}))
}

/// Removes a listener with its rules.
pub(super) fn discard(here: &mut Here<'_>, listener: &str) {
    for rule in here.list(RULE).iter().filter(|rule| rule["_listener"] == listener) {
        here.remove(RULE, text(rule, "RuleArn"));
    }
    here.remove(LISTENER, listener);
    relate(here);
}

/// `DescribeListenerCertificates`: the default one first.
pub fn describe_certificates(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = found(here, LISTENER, input, "ListenerArn")?;
    let told =
        |one: &Json, default: bool| json!({ "CertificateArn": one["CertificateArn"], "IsDefault": default });
    let first = listed(&doc["Certificates"]).into_iter().map(|one| told(&one, true));
    let more = listed(&doc["_more"]).into_iter().map(|one| told(&one, false));
    Ok(paged(first.chain(more).collect(), input, "Certificates"))
}

/// `AddListenerCertificates`.
pub fn add_certificates(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, LISTENER, input, "ListenerArn")?;
    let mut more = listed(&doc["_more"]);
    for one in listed(&certificates(here, input)?) {
        if !more.contains(&one) {
            more.push(one);
        }
    }
    doc["_more"] = Json::Array(more);
    here.put(LISTENER, text(input, "ListenerArn"), doc);
    Ok(json!({ "Certificates": input["Certificates"] }))
}

/// `RemoveListenerCertificates`.
pub fn remove_certificates(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, LISTENER, input, "ListenerArn")?;
    let gone = listed(&input["Certificates"]);
    let is_gone = |one: &Json| gone.iter().any(|other| other["CertificateArn"] == one["CertificateArn"]);
    doc["_more"] = listed(&doc["_more"]).into_iter().filter(|one| !is_gone(one)).collect();
    here.put(LISTENER, text(input, "ListenerArn"), doc);
    Ok(json!({}))
}

/// `DescribeListenerAttributes`.
pub fn describe_attributes(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = found(here, LISTENER, input, "ListenerArn")?;
    Ok(json!({ "Attributes": attribute_list(&doc) }))
}

/// `ModifyListenerAttributes`.
pub fn modify_attributes(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, LISTENER, input, "ListenerArn")?;
    take_attributes(&mut doc, input);
    here.put(LISTENER, text(input, "ListenerArn"), doc.clone());
    Ok(json!({ "Attributes": attribute_list(&doc) }))
}
