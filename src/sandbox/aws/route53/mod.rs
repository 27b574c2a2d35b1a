//! Route 53: hosted zones, their VPCs, records and tags. Documents live in the region `global`.
//!
//! A zone's document is its `HostedZone` element, with `_vpcs`, `_servers` and `_tags`; a record's is its
//! `ResourceRecordSet`. Changes are not kept: an id of a change tells when it was made.

mod change;
mod record;
mod zone;

use serde_json::{Value as Json, json};

use super::wire::listed;
use super::{Answer, Operation, Protocol, Refusal, Service};
use crate::sandbox::world::{ACCOUNT, GLOBAL, Here, World, timestamp};

pub use record::{normal, resolves};
pub use zone::EXAMPLE;

const RECORDS: &str = "route53/record";
const ZONES: &str = "route53/zone";
/// How long a change is on its way to the name servers.
const SPREAD_MS: i64 = 30_000;

/// The service.
pub const SERVICE: Service = Service {
    scope: "route53",
    protocol: Protocol::RestXml { namespace: "https://route53.amazonaws.com/doc/2013-04-01/" },
    operations: &[
        op("CreateHostedZone", "POST /2013-04-01/hostedzone", zone::create),
        op("GetHostedZone", "GET /2013-04-01/hostedzone/{Id}", zone::get),
        op("UpdateHostedZoneComment", "POST /2013-04-01/hostedzone/{Id}", zone::update_comment),
        op("DeleteHostedZone", "DELETE /2013-04-01/hostedzone/{Id}", zone::delete),
        op("ListHostedZones", "GET /2013-04-01/hostedzone", zone::list),
        op("ListHostedZonesByName", "GET /2013-04-01/hostedzonesbyname", zone::list_by_name),
        op("ListHostedZonesByVPC", "GET /2013-04-01/hostedzonesbyvpc", zone::list_by_vpc),
        op("AssociateVPCWithHostedZone", "POST /2013-04-01/hostedzone/{Id}/associatevpc", zone::associate),
        op(
            "DisassociateVPCFromHostedZone",
            "POST /2013-04-01/hostedzone/{Id}/disassociatevpc",
            zone::dissociate,
        ),
        op("ChangeResourceRecordSets", "POST /2013-04-01/hostedzone/{Id}/rrset", change::change),
        op("ListResourceRecordSets", "GET /2013-04-01/hostedzone/{Id}/rrset", record::list),
        op("GetChange", "GET /2013-04-01/change/{Id}", get_change),
        op("ChangeTagsForResource", "POST /2013-04-01/tags/{ResourceType}/{ResourceId}", change_tags),
        op("ListTagsForResource", "GET /2013-04-01/tags/{ResourceType}/{ResourceId}", list_tags),
        op("ListTagsForResources", "POST /2013-04-01/tags/{ResourceType}", list_tags_of_many),
    ],
};

const fn op(name: &'static str, path: &'static str, handle: fn(&mut Here<'_>, &Json) -> Answer) -> Operation {
    Operation { name, path, handle }
}

/// The public zone that a fresh account has.
pub fn furnish(world: &mut World) {
    let mut here =
        Here { world, account: ACCOUNT.to_owned(), region: GLOBAL.to_owned(), principal: String::new() };
    zone::write(&mut here, EXAMPLE, "api.example.com.", "sandbox", "", &[]);
}

fn text<'a>(json: &'a Json, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::bad("InvalidInput", message)
}

fn most(input: &Json, limit: usize) -> usize {
    text(input, "maxitems").parse().unwrap_or(limit).clamp(1, limit)
}

/// A change made now. The time is in its id.
fn change_info(here: &mut Here<'_>, comment: &str) -> Json {
    let now = here.world.now();
    let id = here.world.draw("", 8).to_uppercase();
    told_change(now, now, &format!("C{now:012X}{id}"), comment)
}

fn told_change(made: i64, now: i64, id: &str, comment: &str) -> Json {
    let status = if now < made + SPREAD_MS { "PENDING" } else { "INSYNC" };
    let mut info = json!({ "Id": format!("/change/{id}"), "Status": status, "SubmittedAt": timestamp(made) });
    if !comment.is_empty() {
        info["Comment"] = json!(comment);
    }
    info
}

fn get_change(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = text(input, "Id");
    let made = id.strip_prefix('C').and_then(|rest| i64::from_str_radix(rest.get(..12)?, 16).ok());
    let made = made
        .ok_or_else(|| Refusal::new(404, "NoSuchChange", format!("Could not find resource with ID: {id}")))?;
    Ok(json!({ "ChangeInfo": told_change(made, here.world.now(), id, "") }))
}

fn is_zone(input: &Json) -> Result<(), Refusal> {
    match text(input, "ResourceType") {
        "hostedzone" => Ok(()),
        other => Err(invalid(format!("the sandbox has no resources of type {other}"))),
    }
}

fn change_tags(here: &mut Here<'_>, input: &Json) -> Answer {
    is_zone(input)?;
    let zone = zone::lookup(here, text(input, "ResourceId"))?;
    let add = listed(&input["AddTags"]["Tag"]);
    let gone = listed(&input["RemoveTagKeys"]["Key"]);
    let replaced = |tag: &Json| add.iter().any(|new| new["Key"] == tag["Key"]) || gone.contains(&tag["Key"]);
    let mut tags = listed(&zone["_tags"]);
    tags.retain(|tag| !replaced(tag));
    tags.extend(add.iter().cloned());
    if tags.len() > 50 {
        return Err(invalid("a hosted zone has at most 50 tags"));
    }
    here.change(ZONES, zone::id_of(&zone), |doc| doc["_tags"] = Json::Array(tags));
    Ok(json!({}))
}

fn tag_set(here: &Here<'_>, id: &str) -> Answer {
    let zone = zone::lookup(here, id)?;
    Ok(json!({ "ResourceType": "hostedzone", "ResourceId": zone::id_of(&zone), "Tags": zone["_tags"] }))
}

fn list_tags(here: &mut Here<'_>, input: &Json) -> Answer {
    is_zone(input)?;
    Ok(json!({ "ResourceTagSet": tag_set(here, text(input, "ResourceId"))? }))
}

fn list_tags_of_many(here: &mut Here<'_>, input: &Json) -> Answer {
    is_zone(input)?;
    let ids = listed(&input["ResourceIds"]["ResourceId"]);
    if ids.len() > 10 {
        return Err(invalid("at most 10 resources at once"));
    }
    let sets = ids.iter().map(|id| tag_set(here, id.as_str().unwrap_or_default()));
    Ok(json!({ "ResourceTagSets": sets.collect::<Result<Vec<_>, _>>()? }))
}
