//! Endpoint services: what load balancers offer to other VPCs. `_connections` counts the endpoints that are connected.

use serde_json::{Value as Json, json};

use super::super::wire::{listed, truth};
use super::super::{Answer, Refusal};
use super::describe::{Sort, as_it_is, describe as describe_any};
use super::{draw, tags};
use crate::sandbox::world::Here;

pub(super) const SORT: Sort = Sort {
    table: "ec2/vpc-endpoint-service",
    id: "serviceId",
    ids: "ServiceId",
    set: "serviceConfigurationSet",
    missing: ("InvalidVpcEndpointServiceId.NotFound", "The VpcEndpointService Id '{}' does not exist"),
    filters: &[
        ("service-id", "serviceId"),
        ("service-name", "serviceName"),
        ("service-state", "serviceState"),
    ],
};

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &SORT, as_it_is)
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let balancers = listed(&input["NetworkLoadBalancerArn"]);
    let absent = |arn: &&Json| arn.as_str().is_none_or(|arn| here.get("elb/load-balancer", arn).is_none());
    if balancers.is_empty() {
        let words = "The request must contain the parameter NetworkLoadBalancerArn";
        return Err(Refusal::bad("MissingParameter", words));
    }
    if let Some(arn) = balancers.iter().find(absent) {
        let words = format!("The load balancer {arn} does not exist");
        return Err(Refusal::bad("InvalidParameter", words.replace('"', "")));
    }
    let tags = tags::asked(input, "vpc-endpoint-service")?;
    let id = draw(here, "vpce-svc");
    let doc = json!({
        "serviceId": id,
        "serviceName": format!("com.amazonaws.vpce.{}.{id}", here.region),
        "serviceState": "Available",
        "serviceType": [{ "serviceType": "Interface" }],
        "acceptanceRequired": truth(&input["AcceptanceRequired"]).unwrap_or(true),
        "networkLoadBalancerArnSet": balancers,
        "tagSet": tags,
    });
    here.put(SORT.table, &id, doc.clone());
    Ok(json!({ "serviceConfiguration": doc }))
}

/// What cannot go is told in the answer, which is a success nevertheless.
pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut unsuccessful = Vec::new();
    for id in listed(&input[SORT.ids]) {
        let id = id.as_str().unwrap_or_default();
        let refused = match here.get(SORT.table, id) {
            None => {
                let words = SORT.missing.1.replace("{}", id);
                Some((SORT.missing.0, words))
            }
            Some(doc) if doc["_connections"].as_u64().unwrap_or(0) > 0 => {
                let words = format!("Service {id} has existing active VPC Endpoint connections!");
                Some(("ExistingVpcEndpointConnections", words))
            }
            Some(_) => None,
        };
        match refused {
            Some((code, words)) => {
                let error = json!({ "code": code, "message": words });
                unsuccessful.push(json!({ "resourceId": id, "error": error }));
            }
            None => drop(here.remove(SORT.table, id)),
        }
    }
    Ok(json!({ "unsuccessful": unsuccessful }))
}
