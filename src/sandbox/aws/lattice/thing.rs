//! What all things of VPC Lattice share: ids and ARNs, look-up by either, client tokens, lists and refusals.

use serde_json::{Map, Value as Json, json};

use crate::sandbox::aws::wire::{number, page};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Doc, Event, Here, merge};

/// A sort of thing.
pub struct Sort {
    /// The table of its documents; the id is the last part of the ARN.
    pub table: &'static str,
    /// What its ids begin with.
    pub prefix: &'static str,
    /// What comes before the id in its ARN, for those that are not below another thing.
    pub path: &'static str,
    /// How errors call it.
    pub name: &'static str,
    /// What lists tell of one.
    pub summary: &'static [&'static str],
}

/// Service networks.
pub const NETWORK: Sort = Sort {
    table: "lattice/service-network",
    prefix: "sn-",
    path: "servicenetwork",
    name: "SERVICE_NETWORK",
    summary: &[
        "id",
        "name",
        "arn",
        "createdAt",
        "lastUpdatedAt",
        "numberOfAssociatedVPCs",
        "numberOfAssociatedServices",
    ],
};
/// Associations of a service network with a VPC.
pub const VPC_ASSOCIATION: Sort = Sort {
    table: "lattice/vpc-association",
    prefix: "snva-",
    path: "servicenetworkvpcassociation",
    name: "SERVICE_NETWORK_VPC_ASSOCIATION",
    summary: &[
        "id",
        "arn",
        "status",
        "createdBy",
        "createdAt",
        "lastUpdatedAt",
        "serviceNetworkId",
        "serviceNetworkName",
        "serviceNetworkArn",
        "vpcId",
    ],
};
/// Services.
pub const SERVICE: Sort = Sort {
    table: "lattice/service",
    prefix: "svc-",
    path: "service",
    name: "SERVICE",
    summary: &["id", "name", "arn", "createdAt", "lastUpdatedAt", "dnsEntry", "customDomainName", "status"],
};
/// Associations of a service network with a service.
pub const SERVICE_ASSOCIATION: Sort = Sort {
    table: "lattice/service-association",
    prefix: "snsa-",
    path: "servicenetworkserviceassociation",
    name: "SERVICE_NETWORK_SERVICE_ASSOCIATION",
    summary: &[
        "id",
        "arn",
        "status",
        "createdBy",
        "createdAt",
        "serviceId",
        "serviceName",
        "serviceArn",
        "serviceNetworkId",
        "serviceNetworkName",
        "serviceNetworkArn",
        "dnsEntry",
        "customDomainName",
    ],
};
/// Listeners of a service.
pub const LISTENER: Sort = Sort {
    table: "lattice/listener",
    prefix: "listener-",
    path: "listener",
    name: "LISTENER",
    summary: &["id", "arn", "name", "protocol", "port", "createdAt", "lastUpdatedAt"],
};
/// Rules of a listener.
pub const RULE: Sort = Sort {
    table: "lattice/rule",
    prefix: "rule-",
    path: "rule",
    name: "RULE",
    summary: &["id", "arn", "name", "isDefault", "priority", "createdAt", "lastUpdatedAt"],
};
/// Target groups.
pub const TARGET_GROUP: Sort = Sort {
    table: "lattice/target-group",
    prefix: "tg-",
    path: "targetgroup",
    name: "TARGET_GROUP",
    summary: &[
        "id",
        "arn",
        "name",
        "type",
        "createdAt",
        "lastUpdatedAt",
        "port",
        "protocol",
        "ipAddressType",
        "vpcIdentifier",
        "status",
        "serviceArns",
    ],
};
/// Access log subscriptions.
pub const LOGS: Sort = Sort {
    table: "lattice/access-log-subscription",
    prefix: "als-",
    path: "accesslogsubscription",
    name: "ACCESS_LOG_SUBSCRIPTION",
    summary: &[
        "id",
        "arn",
        "resourceId",
        "resourceArn",
        "destinationArn",
        "serviceNetworkLogType",
        "createdAt",
        "lastUpdatedAt",
    ],
};

const ALL: &[&Sort] =
    &[&NETWORK, &VPC_ASSOCIATION, &SERVICE, &SERVICE_ASSOCIATION, &LISTENER, &RULE, &TARGET_GROUP, &LOGS];

/// The sort of a thing by its id or ARN.
pub fn sort_of(identifier: &str) -> Option<&'static Sort> {
    let id = id_of(identifier);
    ALL.iter().copied().find(|sort| id.starts_with(sort.prefix))
}

/// The id in an id or ARN.
pub fn id_of(identifier: &str) -> &str {
    identifier.rsplit('/').next().unwrap_or(identifier)
}

/// A text of an input or document, empty if there is none.
pub fn text<'a>(json: &'a Json, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}

/// The thing that a field of the input names by id or ARN.
pub fn lookup(here: &Here<'_>, sort: &Sort, identifier: &str) -> Result<Doc, Refusal> {
    let found = here
        .get(sort.table, id_of(identifier))
        .filter(|doc| !identifier.starts_with("arn:") || text(doc, "arn") == identifier);
    found.cloned().ok_or_else(|| absent(sort, identifier))
}

/// There is no such thing.
pub fn absent(sort: &Sort, identifier: &str) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", format!("{} {identifier} not found", sort.name))
}

/// It does not go with what is there.
pub fn conflict(message: impl Into<String>) -> Refusal {
    Refusal::new(409, "ConflictException", message)
}

/// The input is wrong.
pub fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::bad("ValidationException", message)
}

/// A name as Lattice takes it: lower case letters, digits and single hyphens.
pub fn name(input: &Json, longest: usize) -> Result<String, Refusal> {
    let name = text(input, "name");
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let edges = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    if (3..=longest).contains(&name.len()) && plain && !edges {
        return Ok(name.to_owned());
    }
    Err(invalid(format!("the name '{name}' must have 3 to {longest} lower case letters, digits and hyphens")))
}

/// What an earlier request with the same token made.
pub fn replayed(here: &Here<'_>, sort: &Sort, input: &Json) -> Result<Option<Doc>, Refusal> {
    let token = text(input, "clientToken");
    let earlier = here.list(sort.table).into_iter().find(|doc| text(doc, "_token") == token);
    match earlier.filter(|_| !token.is_empty()) {
        Some(doc) if doc["_input"] != *input => {
            Err(conflict("the client token was used before, with other parameters"))
        }
        earlier => Ok(earlier),
    }
}

/// A new thing with these fields, not written yet.
pub fn fresh(here: &mut Here<'_>, sort: &Sort, input: &Json, fields: Json) -> Doc {
    let id = here.world.draw(sort.prefix, 17);
    let arn = arn(here, sort.path, &id);
    let now = here.world.timestamp();
    let mut doc = json!({
        "id": id, "arn": arn, "createdAt": now, "lastUpdatedAt": now, "_input": input,
        "_token": input["clientToken"], "_tags": input["tags"].as_object().cloned().unwrap_or_default(),
    });
    merge(&mut doc, &fields);
    doc
}

/// An ARN here.
pub fn arn(here: &Here<'_>, path: &str, id: &str) -> String {
    format!("arn:aws:vpc-lattice:{}:{}:{path}/{id}", here.region, here.account)
}

/// Writes a new thing and answers with it.
pub fn write(here: &mut Here<'_>, sort: &Sort, doc: Doc) -> Answer {
    here.put(sort.table, text(&doc, "id"), doc.clone());
    Ok(created(doc))
}

/// Writes a new thing that is `ACTIVE` after some seconds, and answers with it.
pub fn write_slowly(here: &mut Here<'_>, sort: &Sort, doc: Doc, seconds: i64) -> Answer {
    let id = text(&doc, "id").to_owned();
    let answer = write(here, sort, doc);
    here.after(seconds, sort.table, &id, Event::Merge(json!({ "status": "ACTIVE" })));
    answer
}

/// The answer to a create.
pub fn created(mut doc: Doc) -> Json {
    doc["_status"] = json!(201);
    doc
}

/// The answer to a create that goes on: associations are told with 200.
pub fn accepted(mut doc: Doc) -> Json {
    doc["_status"] = json!(200);
    doc
}

/// The answer to a request of which nothing is told.
pub fn nothing() -> Answer {
    Ok(json!({ "_status": 204 }))
}

/// Changes fields of a thing, notes when, and answers with it.
pub fn amend(here: &mut Here<'_>, sort: &Sort, doc: &Doc, fields: &Json) -> Answer {
    let id = text(doc, "id");
    let now = here.world.timestamp();
    here.change(sort.table, id, |doc| {
        merge(doc, fields);
        doc["lastUpdatedAt"] = json!(now);
    });
    lookup(here, sort, id)
}

/// Lets a thing go after some seconds. While it is being made or deleted it cannot be deleted.
pub fn leave(here: &mut Here<'_>, sort: &Sort, doc: &Doc, seconds: i64) -> Answer {
    let (id, status) = (text(doc, "id"), text(doc, "status"));
    if status.ends_with("_IN_PROGRESS") {
        return Err(conflict(format!("{id} is {status} and cannot be deleted now")));
    }
    here.change(sort.table, id, |doc| doc["status"] = json!("DELETE_IN_PROGRESS"));
    here.after(seconds, sort.table, id, Event::Remove);
    Ok(json!({ "id": id, "arn": doc["arn"], "name": doc["name"], "status": "DELETE_IN_PROGRESS" }))
}

/// A page of a list.
pub fn listing(sort: &Sort, docs: Vec<Doc>, input: &Json) -> Answer {
    let items = docs.iter().map(|doc| pick(doc, sort.summary)).collect();
    let most = number(&input["maxResults"]).and_then(|n| usize::try_from(n).ok());
    let (items, next) = page(items, input["nextToken"].as_str(), most);
    Ok(json!({ "items": items, "nextToken": next }))
}

/// These fields of a document.
pub fn pick(doc: &Doc, fields: &[&str]) -> Json {
    let known = fields.iter().filter_map(|field| Some(((*field).to_owned(), doc.get(*field)?.clone())));
    Json::Object(known.collect::<Map<_, _>>())
}
