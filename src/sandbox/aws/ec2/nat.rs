//! NAT gateways: they take a while to come and to go, hold an interface and an address, and are told of for an hour
//! after they are deleted.

use serde_json::{Value as Json, json};

use super::super::wire::listed;
use super::super::{Answer, Refusal};
use super::describe::{Sort, as_it_is, describe as describe_any};
use super::{NAT_HOOK, address, at, by_token, draw, gateway, interface, quota, subnet, tags, want};
use crate::sandbox::world::{Doc, Event, Here, Key, World};

/// Until a new one is available.
const PENDING_S: i64 = 90;
/// Until a deleted one is deleted.
const DELETING_S: i64 = 30;
/// Until a deleted or failed one is told of no more.
const FORGOTTEN_S: i64 = 3600;

pub(super) const SORT: Sort = Sort {
    table: "ec2/nat-gateway",
    id: "natGatewayId",
    ids: "NatGatewayId",
    set: "natGatewaySet",
    missing: ("NatGatewayNotFound", "NatGateway {} was not found"),
    filters: &[
        ("nat-gateway-id", "natGatewayId"),
        ("subnet-id", "subnetId"),
        ("vpc-id", "vpcId"),
        ("state", "state"),
    ],
};

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &SORT, as_it_is)
}

/// Whether one that is not deleted is in this subnet.
pub(super) fn of_subnet(here: &Here<'_>, subnet_id: &str) -> bool {
    let alive = |doc: &Doc| doc["state"] != "deleted" && doc["state"] != "failed";
    here.list(SORT.table).iter().any(|doc| doc["subnetId"] == subnet_id && alive(doc))
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = by_token(here, SORT.table, input)? {
        return Ok(json!({ "clientToken": input["ClientToken"], "natGateway": made }));
    }
    let subnet_id = want(input, "SubnetId")?;
    let subnet = subnet::SORT.must(here, subnet_id)?;
    let tags = tags::asked(input, "natgateway")?;
    let allocation = address::SORT.must(here, want(input, "AllocationId")?)?;
    if allocation["associationId"].is_string() {
        let words = format!("Elastic IP address [{}] is already associated", allocation["allocationId"]);
        return Err(Refusal::bad("Resource.AlreadyAssociated", words.replace('"', "")));
    }
    room(here, &subnet)?;
    let id = draw(here, "nat");
    let eni = interface::make(
        here,
        subnet_id,
        &[],
        "nat_gateway",
        "amazon-nat-gateway",
        &format!("Interface for NAT Gateway {id}"),
    )?;
    let eni = interface::SORT.must(here, &eni)?;
    let association = address::associate(here, &allocation, &eni);
    let doc = json!({
        "natGatewayId": id,
        "subnetId": subnet_id,
        "vpcId": subnet["vpcId"],
        "state": "pending",
        "connectivityType": "public",
        "createTime": here.world.timestamp(),
        "natGatewayAddressSet": [{
            "allocationId": allocation["allocationId"],
            "associationId": association,
            "networkInterfaceId": eni["networkInterfaceId"],
            "privateIp": eni["privateIpAddress"],
            "publicIp": allocation["publicIp"],
            "isPrimary": true,
            "status": "succeeded",
        }],
        "tagSet": tags,
        "_token": input["ClientToken"],
        "_request": input,
    });
    here.put(SORT.table, &id, doc.clone());
    here.after(PENDING_S, SORT.table, &id, Event::Hook(NAT_HOOK.to_owned()));
    Ok(json!({ "clientToken": input["ClientToken"], "natGateway": doc }))
}

/// Refuses one too many in the zone of a subnet.
fn room(here: &Here<'_>, subnet: &Doc) -> Result<(), Refusal> {
    let zone = |doc: &Doc| {
        here.get(subnet::SORT.table, doc["subnetId"].as_str()?).map(|s| s["availabilityZone"].clone())
    };
    let alive = |doc: &&Doc| doc["state"] == "pending" || doc["state"] == "available";
    let all = here.list(SORT.table);
    let same = all
        .iter()
        .filter(alive)
        .filter(|doc| zone(doc).as_ref() == Some(&subnet["availabilityZone"]))
        .count();
    if same < quota(here, "nat-gateways", super::NAT_GATEWAYS) {
        return Ok(());
    }
    let words = "Performing this operation would exceed the limit of NAT gateways in this zone";
    Err(Refusal::bad("NatGatewayLimitExceeded", words))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = want(input, "NatGatewayId")?;
    let doc = SORT.must(here, id)?;
    if doc["state"] == "deleted" {
        let (code, words) = SORT.missing;
        return Err(Refusal::bad(code, words.replace("{}", id)));
    }
    if doc["state"] != "deleting" {
        let key = here.key(SORT.table, id);
        here.world.call_off(&key);
        here.change(SORT.table, id, |doc| doc["state"] = json!("deleting"));
        here.after(DELETING_S, SORT.table, id, Event::Hook(NAT_HOOK.to_owned()));
    }
    Ok(json!({ "natGatewayId": id }))
}

/// Takes a NAT gateway to its next state.
pub fn due(world: &mut World, key: &Key) {
    let here = &mut at(world, key);
    let Some(doc) = here.get(SORT.table, &key.id).cloned() else { return };
    if doc["state"] == "deleting" {
        free(here, &doc);
        let at = here.world.timestamp();
        end(here, &key.id, &json!({ "state": "deleted", "deleteTime": at }));
        return;
    }
    let vpc_id = doc["vpcId"].as_str().unwrap_or_default();
    if here.list(gateway::SORT.table).iter().any(|gateway| gateway::attached_to(gateway, vpc_id)) {
        here.change(SORT.table, &key.id, |doc| doc["state"] = json!("available"));
        return;
    }
    free(here, &doc);
    let words = format!("Network {vpc_id} has no Internet gateway attached");
    let patch = json!({ "state": "failed", "failureCode": "Gateway.NotAttached", "failureMessage": words });
    end(here, &key.id, &patch);
}

fn end(here: &mut Here<'_>, id: &str, patch: &Json) {
    here.change(SORT.table, id, |doc| crate::sandbox::world::merge(doc, patch));
    here.after(FORGOTTEN_S, SORT.table, id, Event::Remove);
}

/// Gives back interface and address.
fn free(here: &mut Here<'_>, doc: &Doc) {
    for held in listed(&doc["natGatewayAddressSet"]) {
        here.remove(interface::SORT.table, held["networkInterfaceId"].as_str().unwrap_or_default());
        let allocation = held["allocationId"].as_str().unwrap_or_default();
        let ours = |address: &Doc| address["associationId"] == held["associationId"];
        if here.get(address::SORT.table, allocation).is_some_and(ours) {
            address::disassociate(here, allocation);
        }
    }
}
