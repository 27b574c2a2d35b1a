//! Global Accelerator: standard accelerators, their listeners and endpoint groups, by ARN, all in the one region that
//! the service answers in. Each change of an accelerator takes a while to arrive everywhere. Traffic is not here.
//!
//! What belongs to another has its ARN in `_of`.

use serde_json::{Value as Json, json};

use super::wire::{listed, number, page};
use super::{Answer, Operation, Protocol, Refusal, Service};
use crate::sandbox::world::{Doc, Event, Here};

/// The table of accelerators.
pub const ACCELERATOR: &str = "globalaccelerator/accelerator";
/// The table of listeners.
pub const LISTENER: &str = "globalaccelerator/listener";
/// The table of endpoint groups.
pub const GROUP: &str = "globalaccelerator/endpoint-group";
/// Until a change has arrived everywhere, in seconds.
const DEPLOYING: i64 = 150;

/// The service.
pub const SERVICE: Service = Service {
    scope: "globalaccelerator",
    protocol: Protocol::AwsJson,
    operations: &[
        Operation { name: "CreateAccelerator", path: "", handle: create },
        Operation { name: "CreateEndpointGroup", path: "", handle: create_group },
        Operation { name: "CreateListener", path: "", handle: create_listener },
        Operation { name: "DeleteAccelerator", path: "", handle: delete },
        Operation { name: "DeleteEndpointGroup", path: "", handle: delete_group },
        Operation { name: "DeleteListener", path: "", handle: delete_listener },
        Operation { name: "DescribeAccelerator", path: "", handle: describe },
        Operation { name: "ListAccelerators", path: "", handle: list },
        Operation { name: "ListEndpointGroups", path: "", handle: list_groups },
        Operation { name: "ListListeners", path: "", handle: list_listeners },
        Operation { name: "ListTagsForResource", path: "", handle: list_tags },
        Operation { name: "TagResource", path: "", handle: tag },
        Operation { name: "UntagResource", path: "", handle: untag },
        Operation { name: "UpdateAccelerator", path: "", handle: update },
    ],
};

fn want<'a>(input: &'a Json, field: &str) -> Result<&'a str, Refusal> {
    input[field]
        .as_str()
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Refusal::bad("InvalidArgumentException", format!("{field} must not be empty")))
}

/// What the input names, and its ARN.
fn asked<'i>(
    here: &Here<'_>,
    (table, code): (&str, &'static str),
    input: &'i Json,
    field: &str,
) -> Result<(&'i str, Doc), Refusal> {
    let arn = want(input, field)?;
    let absent = || Refusal::bad(code, format!("{arn} does not exist"));
    here.get(table, arn).cloned().map(|doc| (arn, doc)).ok_or_else(absent)
}

const NO_ACCELERATOR: (&str, &str) = (ACCELERATOR, "AcceleratorNotFoundException");
const NO_LISTENER: (&str, &str) = (LISTENER, "ListenerNotFoundException");
const NO_GROUP: (&str, &str) = (GROUP, "EndpointGroupNotFoundException");

/// What of a table belongs to this.
fn below(here: &Here<'_>, table: &str, arn: &str) -> Vec<Doc> {
    here.list(table).into_iter().filter(|doc| doc["_of"] == arn).collect()
}

/// A page of a list.
fn paged(input: &Json, items: Vec<Json>, list: &str) -> Answer {
    let most = number(&input["MaxResults"]).and_then(|most| usize::try_from(most).ok()).unwrap_or(10);
    let (items, next) = page(items, input["NextToken"].as_str(), Some(most.min(100)));
    let mut answer = json!({ list: items });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

fn deploy(here: &mut Here<'_>, arn: &str) {
    let key = here.key(ACCELERATOR, arn);
    here.world.call_off(&key);
    here.change(ACCELERATOR, arn, |doc| doc["Status"] = json!("IN_PROGRESS"));
    here.after(DEPLOYING, ACCELERATOR, arn, Event::Merge(json!({ "Status": "DEPLOYED" })));
}

/// The same token makes one.
fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, token) = (want(input, "Name")?, want(input, "IdempotencyToken")?);
    if let Some(made) = here.list(ACCELERATOR).into_iter().find(|doc| doc["_token"] == token) {
        return Ok(json!({ "Accelerator": made }));
    }
    let id = here.world.draw("", 32);
    let arn = format!("arn:aws:globalaccelerator::{}:accelerator/{id}", here.account);
    let now = here.world.timestamp();
    let doc = json!({
        "AcceleratorArn": arn,
        "Name": name,
        "IpAddressType": input["IpAddressType"].as_str().unwrap_or("IPV4"),
        "Enabled": input["Enabled"].as_bool().unwrap_or(true),
        "DnsName": format!("a{}.awsglobalaccelerator.com", &id[..16]),
        "CreatedTime": now,
        "LastModifiedTime": now,
        "_tags": listed(&input["Tags"]),
        "_token": token,
    });
    here.put(ACCELERATOR, &arn, doc);
    deploy(here, &arn);
    Ok(json!({ "Accelerator": here.get(ACCELERATOR, &arn) }))
}

fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, doc) = asked(here, NO_ACCELERATOR, input, "AcceleratorArn")?;
    Ok(json!({ "Accelerator": doc }))
}

fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    paged(input, here.list(ACCELERATOR), "Accelerators")
}

fn update(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, _) = asked(here, NO_ACCELERATOR, input, "AcceleratorArn")?;
    let now = here.world.timestamp();
    here.change(ACCELERATOR, arn, |doc| {
        for field in ["Name", "Enabled", "IpAddressType"] {
            if !input[field].is_null() {
                doc[field] = input[field].clone();
            }
        }
        doc["LastModifiedTime"] = json!(now);
    });
    deploy(here, arn);
    Ok(json!({ "Accelerator": here.get(ACCELERATOR, arn) }))
}

fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, doc) = asked(here, NO_ACCELERATOR, input, "AcceleratorArn")?;
    if doc["Enabled"] == true || doc["Status"] != "DEPLOYED" {
        let words = "The accelerator must be disabled before it can be deleted";
        return Err(Refusal::bad("AcceleratorNotDisabledException", words));
    }
    if !below(here, LISTENER, arn).is_empty() {
        let words = "The accelerator has a listener associated with it";
        return Err(Refusal::bad("AssociatedListenerFoundException", words));
    }
    here.remove(ACCELERATOR, arn);
    Ok(json!({}))
}

fn create_listener(here: &mut Here<'_>, input: &Json) -> Answer {
    let (accelerator, _) = asked(here, NO_ACCELERATOR, input, "AcceleratorArn")?;
    if listed(&input["PortRanges"]).is_empty() {
        return Err(Refusal::bad("InvalidArgumentException", "PortRanges must not be empty"));
    }
    let arn = format!("{accelerator}/listener/{}", here.world.draw("", 8));
    let doc = json!({
        "ListenerArn": arn,
        "PortRanges": input["PortRanges"],
        "Protocol": want(input, "Protocol")?,
        "ClientAffinity": input["ClientAffinity"].as_str().unwrap_or("NONE"),
        "_of": accelerator,
    });
    here.put(LISTENER, &arn, doc.clone());
    deploy(here, accelerator);
    Ok(json!({ "Listener": doc }))
}

fn list_listeners(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, _) = asked(here, NO_ACCELERATOR, input, "AcceleratorArn")?;
    paged(input, below(here, LISTENER, arn), "Listeners")
}

fn delete_listener(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, _) = asked(here, NO_LISTENER, input, "ListenerArn")?;
    if !below(here, GROUP, arn).is_empty() {
        let words = "The listener has an endpoint group associated with it";
        return Err(Refusal::bad("AssociatedEndpointGroupFoundException", words));
    }
    here.remove(LISTENER, arn);
    Ok(json!({}))
}

/// One a region.
fn create_group(here: &mut Here<'_>, input: &Json) -> Answer {
    let (listener, _) = asked(here, NO_LISTENER, input, "ListenerArn")?;
    let region = want(input, "EndpointGroupRegion")?;
    if below(here, GROUP, listener).iter().any(|doc| doc["EndpointGroupRegion"] == region) {
        let words = format!("The listener has an endpoint group in {region}");
        return Err(Refusal::bad("EndpointGroupAlreadyExistsException", words));
    }
    let arn = format!("{listener}/endpoint-group/{}", here.world.draw("", 12));
    let doc = json!({
        "EndpointGroupArn": arn,
        "EndpointGroupRegion": region,
        "EndpointDescriptions": listed(&input["EndpointConfigurations"]),
        "TrafficDialPercentage": 100,
        "_of": listener,
    });
    here.put(GROUP, &arn, doc.clone());
    Ok(json!({ "EndpointGroup": doc }))
}

fn list_groups(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, _) = asked(here, NO_LISTENER, input, "ListenerArn")?;
    paged(input, below(here, GROUP, arn), "EndpointGroups")
}

fn delete_group(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, _) = asked(here, NO_GROUP, input, "EndpointGroupArn")?;
    here.remove(GROUP, arn);
    Ok(json!({}))
}

fn list_tags(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, doc) = asked(here, NO_ACCELERATOR, input, "ResourceArn")?;
    Ok(json!({ "Tags": doc["_tags"] }))
}

/// The tags of one without those of some keys.
fn without(doc: &Doc, gone: impl Fn(&Json) -> bool) -> Vec<Json> {
    listed(&doc["_tags"]).into_iter().filter(|tag| !gone(&tag["Key"])).collect()
}

fn tag(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, doc) = asked(here, NO_ACCELERATOR, input, "ResourceArn")?;
    let new = listed(&input["Tags"]);
    let mut all = without(&doc, |key| new.iter().any(|tag| tag["Key"] == *key));
    all.extend(new);
    here.change(ACCELERATOR, arn, |doc| doc["_tags"] = json!(all));
    Ok(json!({}))
}

fn untag(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, doc) = asked(here, NO_ACCELERATOR, input, "ResourceArn")?;
    let keys = listed(&input["TagKeys"]);
    let all = without(&doc, |key| keys.contains(key));
    here.change(ACCELERATOR, arn, |doc| doc["_tags"] = json!(all));
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::cloud::ErrorSort;
    use crate::kind::conformance::Ground;
    use crate::sandbox::world::ACCOUNT;

    /// One with a listener and an endpoint group; its ARN.
    fn made(ground: &Ground) -> String {
        let mut world = ground.sandbox.world();
        let mut here = Here {
            world: &mut world,
            account: ACCOUNT.into(),
            region: "us-west-2".into(),
            principal: String::new(),
        };
        let tags = json!([{ "Key": "elbv2.k8s.aws/cluster", "Value": "edge" }]);
        let input = json!({ "Name": "shop", "IdempotencyToken": "t", "Tags": tags });
        let made = create(&mut here, &input).expect("it is made");
        assert_eq!(create(&mut here, &input).expect("it is there"), made);
        let arn = made["Accelerator"]["AcceleratorArn"].clone();
        let input = json!({ "AcceleratorArn": arn, "Protocol": "TCP", "PortRanges": [{ "FromPort": 80, "ToPort": 80 }] });
        let listener =
            create_listener(&mut here, &input).expect("it is made")["Listener"]["ListenerArn"].clone();
        let input = json!({ "ListenerArn": listener, "EndpointGroupRegion": "us-west-2" });
        create_group(&mut here, &input).expect("it is made");
        let twice = create_group(&mut here, &input).expect_err("there is one");
        assert_eq!(twice.code, "EndpointGroupAlreadyExistsException");
        arn.as_str().expect("an ARN").to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn one_goes_when_it_is_disabled_everywhere_and_has_nothing_below() {
        let ground = Ground::new();
        let arn = made(&ground);
        let client = ground.cx("ga").clients().accelerators;
        let all = client.all().await.expect("they are told");
        assert_eq!((all[0].name.as_str(), all[0].enabled, all[0].deployed), ("shop", true, false));
        assert_eq!(client.tags_of(&arn).await.expect("they are told")["elbv2.k8s.aws/cluster"], "edge");
        let refused = async || client.delete(&arn).await.expect_err("it is refused");
        assert_eq!(
            (refused().await.sort, refused().await.code.as_str()),
            (ErrorSort::InUse, "AcceleratorNotDisabledException")
        );
        client.disable(&arn).await.expect("it is disabled");
        assert_eq!(refused().await.code, "AcceleratorNotDisabledException");
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert_eq!(refused().await.code, "AssociatedListenerFoundException");
        let listener = client.listeners(&arn).await.expect("they are told").remove(0);
        let error = client.delete_listener(&listener).await.expect_err("it has a group");
        assert_eq!(
            (error.sort, error.code.as_str()),
            (ErrorSort::InUse, "AssociatedEndpointGroupFoundException")
        );
        let group = client.endpoint_groups(&listener).await.expect("they are told").remove(0);
        client.delete_endpoint_group(&group).await.expect("it goes");
        client.delete_listener(&listener).await.expect("it goes");
        client.delete(&arn).await.expect("it goes");
        assert_eq!(refused().await.sort, ErrorSort::NotFound);
        assert!(client.all().await.expect("they are told").is_empty());
    }
}
