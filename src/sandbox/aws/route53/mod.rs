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
    lay_zone(world, ACCOUNT, EXAMPLE, "api.example.com");
}

/// Puts in a public zone that is there already.
pub fn lay_zone(world: &mut World, account: &str, id: &str, name: &str) {
    let mut here =
        Here { world, account: account.to_owned(), region: GLOBAL.to_owned(), principal: String::new() };
    zone::write(&mut here, id, &record::normal(name), id, "", &[]);
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_sdk_route53::Client;
    use aws_sdk_route53::types::{
        Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
    };

    use super::EXAMPLE;
    use crate::clock::Clock;
    use crate::cloud::{Access, Cloud, CloudResult, Named, Settings};
    use crate::graph::Place;
    use crate::sandbox::Sandbox;

    fn client() -> (Sandbox, Client) {
        let sandbox = Sandbox::fresh(Clock::starting_at(SystemTime::UNIX_EPOCH, 1));
        let settings = Settings::through(sandbox.door(), sandbox.clock(), "us-west-2", Access::Write);
        let place = Place { account: None, region: "us-west-2".into() };
        let client = Cloud::new(settings).clients(&place).route53;
        (sandbox, client)
    }

    fn change(action: ChangeAction, name: &str, value: &str) -> Change {
        let value = ResourceRecord::builder().value(value).build().expect("it is whole");
        let record =
            ResourceRecordSet::builder().name(name).r#type(RrType::A).ttl(60).resource_records(value);
        let change =
            Change::builder().action(action).resource_record_set(record.build().expect("it is whole"));
        change.build().expect("it is whole")
    }

    /// Sends a batch; gives the id of the change.
    async fn send(client: &Client, changes: Vec<Change>) -> CloudResult<String> {
        let batch = ChangeBatch::builder().set_changes(Some(changes)).build().expect("it is whole");
        let call = client.change_resource_record_sets().hosted_zone_id(EXAMPLE).change_batch(batch);
        let answer = call.send().await.named("Route 53.ChangeResourceRecordSets")?;
        Ok(answer.change_info.expect("what changes").id)
    }

    async fn names(client: &Client) -> Vec<String> {
        let answer =
            client.list_resource_record_sets().hosted_zone_id(EXAMPLE).send().await.expect("records");
        let addresses = answer.resource_record_sets.into_iter().filter(|record| record.r#type == RrType::A);
        addresses.map(|record| record.name).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_carried_out_as_a_whole_or_not_at_all() {
        let (_, client) = client();
        let create = |name: &str| change(ChangeAction::Create, name, "10.0.0.1");
        send(&client, vec![create("a.api.example.com")]).await.expect("it is made");
        let refused = send(&client, vec![create("b.api.example.com"), create("A.api.example.com.")]).await;
        let words = "[Tried to create resource record set [name='a.api.example.com.', type='A'] but it already exists]";
        assert_eq!(refused.expect_err("it is there").message, words);
        assert_eq!(names(&client).await, ["a.api.example.com."]);

        let delete = |value| change(ChangeAction::Delete, "a.api.example.com", value);
        let refused = send(&client, vec![delete("10.0.0.9")]).await.expect_err("it has another value");
        assert!(refused.message.contains("do not match the current values"), "{refused}");
        let swapped = vec![delete("10.0.0.1"), change(ChangeAction::Create, "a.api.example.com", "10.0.0.2")];
        send(&client, swapped).await.expect("it is replaced");
        send(&client, vec![delete("10.0.0.2")]).await.expect("it is deleted");
        let refused = send(&client, vec![delete("10.0.0.2")]).await.expect_err("it is gone");
        assert!(refused.message.contains("but it was not found"), "{refused}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_takes_half_a_minute() {
        let (sandbox, client) = client();
        let made = change(ChangeAction::Upsert, "*.api.example.com", "10.0.0.1");
        let id = send(&client, vec![made]).await.expect("it is made");
        assert_eq!(names(&client).await, ["\\052.api.example.com."]);
        let status = async || {
            let answer = client.get_change().id(&id).send().await.expect("the change");
            answer.change_info.expect("the change").status.as_str().to_owned()
        };
        assert_eq!(status().await, "PENDING");
        sandbox.clock().sleep(Duration::from_secs(31)).await;
        assert_eq!(status().await, "INSYNC");
    }

    #[tokio::test(start_paused = true)]
    async fn records_come_in_pages_by_reversed_name() {
        let (_, client) = client();
        let all = ["z.api.example.com", "a.b.api.example.com", "b.api.example.com"];
        let changes = all.iter().map(|name| change(ChangeAction::Create, name, "10.0.0.1")).collect();
        send(&client, changes).await.expect("they are made");
        let first = client.list_resource_record_sets().hosted_zone_id(EXAMPLE).max_items(3).send().await;
        let first = first.expect("a page");
        let told: Vec<&str> = first.resource_record_sets().iter().map(|record| record.name()).collect();
        assert_eq!(told, ["api.example.com.", "api.example.com.", "b.api.example.com."]);
        assert!(first.is_truncated);
        let call = client.list_resource_record_sets().hosted_zone_id(EXAMPLE);
        let call =
            call.set_start_record_name(first.next_record_name).set_start_record_type(first.next_record_type);
        let second = call.send().await.expect("a page");
        let told: Vec<&str> = second.resource_record_sets().iter().map(|record| record.name()).collect();
        assert_eq!(told, ["a.b.api.example.com.", "z.api.example.com."]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_reference_is_good_for_one_zone() {
        let (_, client) = client();
        let create = async |name: &str| {
            let call = client.create_hosted_zone().name(name).caller_reference("once");
            call.send().await.named("Route 53.CreateHostedZone")
        };
        let made = create("example.org").await.expect("it is made");
        assert_eq!(made.delegation_set.map(|set| set.name_servers.len()), Some(4));
        let refused = create("example.net").await.expect_err("the reference is used");
        assert_eq!(refused.code, "HostedZoneAlreadyExists");
        let id = made.hosted_zone.expect("the zone").id;
        client.delete_hosted_zone().id(id).send().await.expect("it is deleted with its own records");
        let zones = client.list_hosted_zones().send().await.expect("zones");
        assert_eq!(zones.hosted_zones().len(), 1);
    }
}
