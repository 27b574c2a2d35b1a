//! Associations of a service network with a VPC: one a VPC, at most five security groups, which cannot be cleared.

use serde_json::{Value as Json, json};

use super::thing::{
    NETWORK, VPC_ASSOCIATION, accepted, amend, conflict, fresh, id_of, invalid, leave, listing, lookup,
    replayed, text, write_slowly,
};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Event, Here};

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(doc) = replayed(here, &VPC_ASSOCIATION, input)? {
        return Ok(doc);
    }
    let network = lookup(here, &NETWORK, text(input, "serviceNetworkIdentifier"))?;
    let vpc = text(input, "vpcIdentifier");
    if here.get("ec2/vpc", vpc).is_none() {
        return Err(Refusal::new(404, "ResourceNotFoundException", format!("VPC {vpc} not found")));
    }
    if here.list(VPC_ASSOCIATION.table).iter().any(|doc| text(doc, "vpcId") == vpc) {
        return Err(conflict(format!("{vpc} has already been associated to a service network")));
    }
    let groups = groups(here, input, vpc)?;
    let fields = json!({
        "status": "CREATE_IN_PROGRESS", "createdBy": here.account, "vpcId": vpc, "securityGroupIds": groups,
        "serviceNetworkId": network["id"], "serviceNetworkArn": network["arn"],
        "serviceNetworkName": network["name"], "privateDnsEnabled": input["privateDnsEnabled"],
        "dnsOptions": input["dnsOptions"],
    });
    let doc = fresh(here, &VPC_ASSOCIATION, input, fields);
    write_slowly(here, &VPC_ASSOCIATION, doc, 30).map(accepted)
}

/// The security groups of the input, each one of the VPC.
fn groups(here: &Here<'_>, input: &Json, vpc: &str) -> Result<Vec<String>, Refusal> {
    let groups: Vec<String> = input["securityGroupIds"]
        .as_array()
        .map(|ids| ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    if groups.len() > 5 {
        return Err(invalid("an association has at most 5 security groups"));
    }
    for id in &groups {
        match here.get("ec2/security-group", id) {
            Some(group) if text(group, "vpcId") == vpc => {}
            Some(_) => return Err(invalid(format!("security group {id} is not of {vpc}"))),
            None => return Err(invalid(format!("security group {id} does not exist"))),
        }
    }
    Ok(groups)
}

pub(super) fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    lookup(here, &VPC_ASSOCIATION, text(input, "serviceNetworkVpcAssociationIdentifier"))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let (network, vpc) = (input["serviceNetworkIdentifier"].as_str(), input["vpcIdentifier"].as_str());
    if network.is_none() && vpc.is_none() {
        return Err(invalid("one of serviceNetworkIdentifier and vpcIdentifier is needed"));
    }
    let mut docs = here.list(VPC_ASSOCIATION.table);
    docs.retain(|doc| network.is_none_or(|network| text(doc, "serviceNetworkId") == id_of(network)));
    docs.retain(|doc| vpc.is_none_or(|vpc| text(doc, "vpcId") == vpc));
    listing(&VPC_ASSOCIATION, docs, input)
}

pub(super) fn update(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &VPC_ASSOCIATION, text(input, "serviceNetworkVpcAssociationIdentifier"))?;
    let status = text(&doc, "status");
    if status != "ACTIVE" {
        return Err(conflict(format!("{} is {status} and cannot be changed now", text(&doc, "id"))));
    }
    let groups = groups(here, input, text(&doc, "vpcId"))?;
    if groups.is_empty() {
        return Err(invalid("the security groups of an association cannot all be removed"));
    }
    let fields = json!({ "securityGroupIds": groups, "status": "UPDATE_IN_PROGRESS" });
    let active = Event::Merge(json!({ "status": "ACTIVE" }));
    here.after(10, VPC_ASSOCIATION.table, text(&doc, "id"), active);
    amend(here, &VPC_ASSOCIATION, &doc, &fields)
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &VPC_ASSOCIATION, text(input, "serviceNetworkVpcAssociationIdentifier"))?;
    leave(here, &VPC_ASSOCIATION, &doc, 60)
}
