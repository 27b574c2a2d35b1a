//! Service networks. One cannot go while VPCs or services are associated with it.

use serde_json::{Value as Json, json};

use super::logs::forget_logs;
use super::thing::{
    NETWORK, SERVICE_ASSOCIATION, VPC_ASSOCIATION, amend, conflict, created, fresh, id_of, invalid, listing,
    lookup, name, nothing, replayed, text, write,
};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Doc, Here};

/// Associations that are only told of here: nobody makes them by a call.
const RESOURCES: &str = "lattice/resource-association";
const ENDPOINTS: &str = "lattice/endpoint-association";

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(doc) = replayed(here, &NETWORK, input)? {
        return Ok(created(doc));
    }
    let name = name(input, 63)?;
    if here.list(NETWORK.table).iter().any(|doc| text(doc, "name") == name) {
        return Err(conflict(format!("a service network with the name {name} already exists")));
    }
    let auth = auth_type(input)?.unwrap_or("NONE");
    let sharing = input.get("sharingConfig").cloned().unwrap_or_else(|| json!({ "enabled": true }));
    let doc =
        fresh(here, &NETWORK, input, json!({ "name": name, "authType": auth, "sharingConfig": sharing }));
    write(here, &NETWORK, doc)
}

/// `NONE` or `AWS_IAM`, if the input says so.
pub(super) fn auth_type(input: &Json) -> Result<Option<&str>, Refusal> {
    match input["authType"].as_str() {
        Some(other) if other != "NONE" && other != "AWS_IAM" => {
            Err(invalid(format!("authType {other} is none of NONE, AWS_IAM")))
        }
        known => Ok(known),
    }
}

pub(super) fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &NETWORK, text(input, "serviceNetworkIdentifier"))?;
    Ok(counted(here, doc))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let docs = here.list(NETWORK.table).into_iter().map(|doc| counted(here, doc)).collect();
    listing(&NETWORK, docs, input)
}

pub(super) fn update(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &NETWORK, text(input, "serviceNetworkIdentifier"))?;
    let auth = auth_type(input)?.ok_or_else(|| invalid("authType is missing"))?;
    amend(here, &NETWORK, &doc, &json!({ "authType": auth }))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &NETWORK, text(input, "serviceNetworkIdentifier"))?;
    let id = text(&doc, "id");
    if associated(here, VPC_ASSOCIATION.table, id) > 0 {
        return Err(conflict(format!("ServiceNetwork {id} has VPC(s) associated")));
    }
    if associated(here, SERVICE_ASSOCIATION.table, id) > 0 {
        return Err(conflict(format!("ServiceNetwork {id} has service(s) associated")));
    }
    if associated(here, RESOURCES, id) > 0 {
        return Err(conflict(format!("ServiceNetwork {id} has resource(s) associated")));
    }
    if associated(here, ENDPOINTS, id) > 0 {
        return Err(conflict(format!("ServiceNetwork {id} has endpoint(s) associated")));
    }
    forget_logs(here, id);
    here.remove(NETWORK.table, id);
    nothing()
}

pub(super) fn list_resources(here: &mut Here<'_>, input: &Json) -> Answer {
    of_network(here, RESOURCES, input)
}

pub(super) fn list_endpoints(here: &mut Here<'_>, input: &Json) -> Answer {
    of_network(here, ENDPOINTS, input)
}

fn of_network(here: &Here<'_>, table: &str, input: &Json) -> Answer {
    let network = id_of(text(input, "serviceNetworkIdentifier"));
    let mut items = here.list(table);
    items.retain(|doc| text(doc, "serviceNetworkId") == network);
    Ok(json!({ "items": items }))
}

fn counted(here: &Here<'_>, mut doc: Doc) -> Doc {
    let id = text(&doc, "id").to_owned();
    doc["numberOfAssociatedVPCs"] = json!(associated(here, VPC_ASSOCIATION.table, &id));
    doc["numberOfAssociatedServices"] = json!(associated(here, SERVICE_ASSOCIATION.table, &id));
    doc
}

fn associated(here: &Here<'_>, table: &str, network: &str) -> usize {
    here.list(table).iter().filter(|doc| text(doc, "serviceNetworkId") == network).count()
}
