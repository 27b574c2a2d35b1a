//! Elastic addresses: few to an account, and not to be released while something uses them.

use serde_json::{Value as Json, json};

use super::super::{Answer, Refusal};
use super::describe::{Sort, as_it_is, describe as describe_any};
use super::{done, draw, interface, quota, tags, want};
use crate::sandbox::world::{Doc, Here};

pub(super) const SORT: Sort = Sort {
    table: "ec2/address",
    id: "allocationId",
    ids: "AllocationId",
    set: "addressesSet",
    missing: ("InvalidAllocationID.NotFound", "The allocation ID '{}' does not exist"),
    filters: &[
        ("allocation-id", "allocationId"),
        ("association-id", "associationId"),
        ("domain", "domain"),
        ("instance-id", "instanceId"),
        ("network-interface-id", "networkInterfaceId"),
        ("network-interface-owner-id", "networkInterfaceOwnerId"),
        ("private-ip-address", "privateIpAddress"),
        ("public-ip", "publicIp"),
    ],
};

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &SORT, as_it_is)
}

pub(super) fn allocate(here: &mut Here<'_>, input: &Json) -> Answer {
    let tags = tags::asked(input, "elastic-ip")?;
    if here.list(SORT.table).len() >= quota(here, "addresses", super::ADDRESSES) {
        let words = "The maximum number of addresses has been reached.";
        return Err(Refusal::bad("AddressLimitExceeded", words));
    }
    let id = draw(here, "eipalloc");
    let doc = json!({
        "publicIp": free(here),
        "allocationId": id,
        "publicIpv4Pool": "amazon",
        "networkBorderGroup": here.region,
        "domain": "vpc",
        "tagSet": tags,
    });
    here.put(SORT.table, &id, doc.clone());
    Ok(doc)
}

/// An address that no other has, of the ranges that are kept for documentation.
fn free(here: &Here<'_>) -> String {
    let taken: Vec<Json> = here.list(SORT.table).into_iter().map(|mut doc| doc["publicIp"].take()).collect();
    let nets = ["198.51.100", "203.0.113", "192.0.2"];
    let mut all = nets.iter().flat_map(|net| (1..255).map(move |host| format!("{net}.{host}")));
    all.find(|address| !taken.iter().any(|taken| taken == address))
        .unwrap_or_else(|| "192.0.2.255".to_owned())
}

pub(super) fn release(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = want(input, "AllocationId")?;
    let doc = SORT.must(here, id)?;
    if doc["associationId"].is_string() {
        let address = doc["publicIp"].as_str().unwrap_or_default();
        return Err(Refusal::bad("InvalidIPAddress.InUse", format!("Address {address} is in use.")));
    }
    here.remove(SORT.table, id);
    done()
}

/// Maps an address to an interface; gives the id of the association.
pub(super) fn associate(here: &mut Here<'_>, address: &Doc, interface: &Doc) -> String {
    let id = draw(here, "eipassoc");
    let text = |doc: &Doc, field: &str| doc[field].as_str().unwrap_or_default().to_owned();
    here.change(SORT.table, &text(address, "allocationId"), |doc| {
        doc["associationId"] = json!(id);
        doc["networkInterfaceId"] = interface["networkInterfaceId"].clone();
        doc["networkInterfaceOwnerId"] = interface["ownerId"].clone();
        doc["privateIpAddress"] = interface["privateIpAddress"].clone();
    });
    here.change(interface::SORT.table, &text(interface, "networkInterfaceId"), |doc| {
        doc["association"] = json!({
            "publicIp": address["publicIp"],
            "allocationId": address["allocationId"],
            "associationId": id,
            "ipOwnerId": interface["ownerId"],
        });
    });
    id
}

/// Frees an address again.
pub(super) fn disassociate(here: &mut Here<'_>, allocation_id: &str) {
    here.change(SORT.table, allocation_id, |doc| {
        if let Some(map) = doc.as_object_mut() {
            for field in
                ["associationId", "networkInterfaceId", "networkInterfaceOwnerId", "privateIpAddress"]
            {
                map.remove(field);
            }
        }
    });
}
