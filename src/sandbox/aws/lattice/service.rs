//! Services, and their associations with service networks. A service takes its listeners and rules with it, but
//! cannot go while a network holds it.

use serde_json::{Value as Json, json};

use super::logs::forget_logs;
use super::network::auth_type;
use super::thing::{
    LISTENER, NETWORK, RULE, SERVICE, SERVICE_ASSOCIATION, accepted, amend, conflict, created, fresh, id_of,
    invalid, leave, listing, lookup, name, replayed, text, write_slowly,
};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Doc, Here};

/// The hosted zone of the names that Lattice gives to services.
pub const HOSTED_ZONE: &str = "Z09127221KTH2CFUOHIZH";

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(doc) = replayed(here, &SERVICE, input)? {
        return Ok(created(doc));
    }
    let name = name(input, 40)?;
    if here.list(SERVICE.table).iter().any(|doc| text(doc, "name") == name) {
        return Err(conflict(format!("a service with the name {name} already exists")));
    }
    certificate(here, input)?;
    let fields = json!({
        "name": name, "status": "CREATE_IN_PROGRESS", "authType": auth_type(input)?.unwrap_or("NONE"),
        "customDomainName": input["customDomainName"], "certificateArn": input["certificateArn"],
        "idleTimeoutSeconds": input["idleTimeoutSeconds"],
    });
    let mut doc = fresh(here, &SERVICE, input, fields);
    let id = text(&doc, "id").to_owned();
    let zone = here.world.draw("", 7);
    let domain =
        format!("{name}-{}.{zone}.vpc-lattice-svcs.{}.on.aws", id.replacen("svc-", "", 1), here.region);
    doc["dnsEntry"] = json!({ "domainName": domain, "hostedZoneId": HOSTED_ZONE });
    write_slowly(here, &SERVICE, doc, 5)
}

/// A certificate must be issued before a service can use it.
fn certificate(here: &Here<'_>, input: &Json) -> Result<(), Refusal> {
    let Some(arn) = input["certificateArn"].as_str() else { return Ok(()) };
    match here.get("acm/certificate", arn) {
        Some(doc) if text(doc, "Status") == "ISSUED" => Ok(()),
        Some(_) => Err(invalid(format!("the certificate {arn} is not issued"))),
        None => Err(invalid(format!("the certificate {arn} does not exist"))),
    }
}

pub(super) fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    lookup(here, &SERVICE, text(input, "serviceIdentifier"))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    listing(&SERVICE, here.list(SERVICE.table), input)
}

pub(super) fn update(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &SERVICE, text(input, "serviceIdentifier"))?;
    certificate(here, input)?;
    let mut fields = json!({});
    for field in ["certificateArn", "idleTimeoutSeconds"] {
        if let Some(value) = input.get(field) {
            fields[field] = value.clone();
        }
    }
    if let Some(auth) = auth_type(input)? {
        fields["authType"] = json!(auth);
    }
    amend(here, &SERVICE, &doc, &fields)
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, &SERVICE, text(input, "serviceIdentifier"))?;
    let id = text(&doc, "id");
    if here.list(SERVICE_ASSOCIATION.table).iter().any(|doc| text(doc, "serviceId") == id) {
        return Err(conflict(format!("Service {id} has service network(s) associated")));
    }
    let answer = leave(here, &SERVICE, &doc, 15)?;
    for sort in [&LISTENER, &RULE] {
        for below in here.list(sort.table) {
            if text(&below, "arn").contains(&format!("service/{id}/")) {
                here.remove(sort.table, text(&below, "id"));
            }
        }
    }
    forget_logs(here, id);
    Ok(answer)
}

pub(super) fn associate(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(doc) = replayed(here, &SERVICE_ASSOCIATION, input)? {
        return Ok(doc);
    }
    let network = lookup(here, &NETWORK, text(input, "serviceNetworkIdentifier"))?;
    let service = lookup(here, &SERVICE, text(input, "serviceIdentifier"))?;
    if text(&service, "status") != "ACTIVE" {
        return Err(conflict(format!("Service {} is {}", text(&service, "id"), text(&service, "status"))));
    }
    fits(here, &network, &service)?;
    let fields = json!({
        "status": "CREATE_IN_PROGRESS", "createdBy": here.account,
        "serviceId": service["id"], "serviceArn": service["arn"], "serviceName": service["name"],
        "serviceNetworkId": network["id"], "serviceNetworkArn": network["arn"],
        "serviceNetworkName": network["name"], "dnsEntry": service["dnsEntry"],
        "customDomainName": service["customDomainName"],
    });
    let doc = fresh(here, &SERVICE_ASSOCIATION, input, fields);
    write_slowly(here, &SERVICE_ASSOCIATION, doc, 20).map(accepted)
}

/// A service is once in a network, and a custom domain too.
fn fits(here: &Here<'_>, network: &Doc, service: &Doc) -> Result<(), Refusal> {
    let domain = service["customDomainName"].as_str();
    for doc in here.list(SERVICE_ASSOCIATION.table) {
        if doc["serviceNetworkId"] != network["id"] {
            continue;
        }
        if doc["serviceId"] == service["id"] {
            return Err(conflict(format!("the association of {} already exists", text(service, "id"))));
        }
        if domain.is_some() && doc["customDomainName"].as_str() == domain {
            let other = text(&doc, "serviceId");
            return Err(conflict(format!("service {other} of the network has the same custom domain name")));
        }
    }
    Ok(())
}

pub(super) fn get_association(here: &mut Here<'_>, input: &Json) -> Answer {
    lookup(here, &SERVICE_ASSOCIATION, text(input, "serviceNetworkServiceAssociationIdentifier"))
}

pub(super) fn list_associations(here: &mut Here<'_>, input: &Json) -> Answer {
    let (network, service) =
        (input["serviceNetworkIdentifier"].as_str(), input["serviceIdentifier"].as_str());
    if network.is_none() && service.is_none() {
        return Err(invalid("one of serviceNetworkIdentifier and serviceIdentifier is needed"));
    }
    let mut docs = here.list(SERVICE_ASSOCIATION.table);
    docs.retain(|doc| network.is_none_or(|network| text(doc, "serviceNetworkId") == id_of(network)));
    docs.retain(|doc| service.is_none_or(|service| text(doc, "serviceId") == id_of(service)));
    listing(&SERVICE_ASSOCIATION, docs, input)
}

pub(super) fn dissociate(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = text(input, "serviceNetworkServiceAssociationIdentifier");
    let doc = lookup(here, &SERVICE_ASSOCIATION, id)?;
    leave(here, &SERVICE_ASSOCIATION, &doc, 20)
}
