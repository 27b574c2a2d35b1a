//! Internet gateways: attached to one VPC at most, and not to be detached while public addresses go through them.

use serde_json::{Value as Json, json};

use super::super::{Answer, Refusal};
use super::describe::{Sort, as_it_is, describe as describe_any};
use super::{done, draw, interface, quota, tags, vpc, want};
use crate::sandbox::world::{Doc, Here};

pub(super) const SORT: Sort = Sort {
    table: "ec2/internet-gateway",
    id: "internetGatewayId",
    ids: "InternetGatewayId",
    set: "internetGatewaySet",
    missing: ("InvalidInternetGatewayID.NotFound", "The internetGateway ID '{}' does not exist"),
    filters: &[
        ("internet-gateway-id", "internetGatewayId"),
        ("attachment.vpc-id", "attachmentSet/vpcId"),
        ("attachment.state", "attachmentSet/state"),
        ("owner-id", "ownerId"),
    ],
};

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &SORT, as_it_is)
}

/// Whether a gateway is attached to this VPC.
pub(super) fn attached_to(doc: &Doc, vpc_id: &str) -> bool {
    doc["attachmentSet"].as_array().is_some_and(|all| all.iter().any(|one| one["vpcId"] == vpc_id))
}

fn attachments(vpc_id: Option<&str>) -> Json {
    vpc_id.map(|vpc_id| json!({ "vpcId": vpc_id, "state": "available" })).into_iter().collect()
}

pub(super) fn put(here: &mut Here<'_>, id: &str, vpc_id: Option<&str>, tags: Json) -> Doc {
    let doc = json!({
        "internetGatewayId": id,
        "ownerId": here.account,
        "attachmentSet": attachments(vpc_id),
        "tagSet": tags,
    });
    here.put(SORT.table, id, doc.clone());
    doc
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let tags = tags::asked(input, "internet-gateway")?;
    if here.list(SORT.table).len() >= quota(here, "internet-gateways", super::INTERNET_GATEWAYS) {
        let words = "The maximum number of internet gateways has been reached.";
        return Err(Refusal::bad("InternetGatewayLimitExceeded", words));
    }
    let id = draw(here, "igw");
    Ok(json!({ "internetGateway": put(here, &id, None, tags) }))
}

pub(super) fn attach(here: &mut Here<'_>, input: &Json) -> Answer {
    let (id, vpc_id) = (want(input, "InternetGatewayId")?, want(input, "VpcId")?);
    let doc = SORT.must(here, id)?;
    vpc::SORT.must(here, vpc_id)?;
    if let Some(other) = doc["attachmentSet"][0]["vpcId"].as_str() {
        let words = format!("resource {id} is already attached to network {other}");
        return Err(Refusal::bad("Resource.AlreadyAssociated", words));
    }
    if here.list(SORT.table).iter().any(|doc| attached_to(doc, vpc_id)) {
        let words = format!("Network {vpc_id} already has an internet gateway attached");
        return Err(Refusal::bad("InvalidParameterValue", words));
    }
    here.change(SORT.table, id, |doc| doc["attachmentSet"] = attachments(Some(vpc_id)));
    done()
}

pub(super) fn detach(here: &mut Here<'_>, input: &Json) -> Answer {
    let (id, vpc_id) = (want(input, "InternetGatewayId")?, want(input, "VpcId")?);
    if !attached_to(&SORT.must(here, id)?, vpc_id) {
        let words = format!("resource {id} is not attached to network {vpc_id}");
        return Err(Refusal::bad("Gateway.NotAttached", words));
    }
    let mapped = |doc: &Doc| doc["vpcId"] == vpc_id && doc["association"]["publicIp"].is_string();
    if here.list(interface::SORT.table).iter().any(mapped) {
        let words = format!(
            "Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before \
             detaching the gateway."
        );
        return Err(Refusal::bad("DependencyViolation", words));
    }
    here.change(SORT.table, id, |doc| doc["attachmentSet"] = json!([]));
    done()
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = want(input, "InternetGatewayId")?;
    if !SORT.must(here, id)?["attachmentSet"][0].is_null() {
        let words = format!("The internetGateway '{id}' has dependencies and cannot be deleted.");
        return Err(Refusal::bad("DependencyViolation", words));
    }
    here.remove(SORT.table, id);
    done()
}
