//! A private hosted zone of Route 53, with its first VPC.
//!
//! Quirks: a zone is made without tags, so the caller reference says whose it is until they are written; other VPCs
//! join and leave beside it (`route53_zone_association`); it cannot go while it has records other than its own.

use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::types::{HostedZoneConfig, Tag, TagResourceType, Vpc, VpcRegion};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Found, FoundOf, Kind, Ownership, Readiness};
use crate::cloud::{Absent, CloudResult, Cx, LINEAGE, Named, Tags, split_tags, tag_changes};
use crate::shape::{Recovery, Shape};

/// The kind.
pub struct Route53Zone;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    name: String,
    vpc_id: String,
    vpc_region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(default)]
    tags: Tags,
}

/// What the cloud gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    zone_id: String,
}

impl Kind for Route53Zone {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Token,
        fixed: &["name", "vpc_id", "vpc_region"],
        ..Shape::managed("route53_zone", "Route 53 private zone", "route53")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let id = match id {
            Some(id) => Some(id.to_owned()),
            None => own(cx, &spec.name).await?,
        };
        let Some(id) = id else { return Ok(None) };
        let answer = cx.clients().route53.get_hosted_zone().id(&id).send().await;
        let Some(answer) = answer.named("Route 53.GetHostedZone").or_absent()? else { return Ok(None) };
        let Some(tags) = tags(cx, &id).await? else { return Ok(None) };
        Ok(Some(found(cx, spec, id, &answer, tags)))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let call = cx.clients().route53.create_hosted_zone().name(&spec.name);
        let call = call.caller_reference(format!("{}{}", mark(cx), cx.token()));
        let call = call.vpc(vpc(&spec.vpc_id, &spec.vpc_region));
        let call = call.hosted_zone_config(
            HostedZoneConfig::builder().private_zone(true).set_comment(spec.comment.clone()).build(),
        );
        let answer = call.send().await.named("Route 53.CreateHostedZone")?;
        Ok(answer.hosted_zone.map(|zone| bare(zone.id()).to_owned()).unwrap_or_default())
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        if from.comment != to.comment {
            let call = cx.clients().route53.update_hosted_zone_comment().id(id);
            let call = call.comment(to.comment.clone().unwrap_or_default());
            call.send().await.named("Route 53.UpdateHostedZoneComment")?;
        }
        if from.tags != to.tags {
            retag(cx, id, &from.tags, &cx.tags(&to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        let call = cx.clients().route53.delete_hosted_zone().id(id);
        call.send().await.named("Route 53.DeleteHostedZone").or_absent().map(drop)
    }
}

fn bare(id: &str) -> &str {
    id.trim_start_matches("/hostedzone/")
}

fn same_name(one: &str, other: &str) -> bool {
    one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

fn vpc(id: &str, region: &str) -> Vpc {
    Vpc::builder().vpc_id(id).vpc_region(VpcRegion::from(region)).build()
}

/// What the caller references of a resource begin with: at most 128 characters are taken, so the address is hashed.
fn mark(cx: &Cx) -> String {
    let digest = Sha256::digest(format!("{}/{}", cx.lineage(), cx.address()));
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("stack-{hex}-")
}

/// The zone of this name that was made for this resource.
async fn own(cx: &Cx, name: &str) -> CloudResult<Option<String>> {
    let answer = cx.clients().route53.list_hosted_zones_by_name().dns_name(name).send().await;
    let answer = answer.named("Route 53.ListHostedZonesByName")?;
    let mark = mark(cx);
    let mut zones = answer.hosted_zones().iter();
    let own = zones.find(|zone| same_name(zone.name(), name) && zone.caller_reference().starts_with(&mark));
    Ok(own.map(|zone| bare(zone.id()).to_owned()))
}

async fn tags(cx: &Cx, id: &str) -> CloudResult<Option<Vec<(String, String)>>> {
    let call = cx.clients().route53.list_tags_for_resource();
    let call = call.resource_type(TagResourceType::Hostedzone).resource_id(id);
    let answer = call.send().await.named("Route 53.ListTagsForResource").or_absent()?;
    let tags = answer.map(|answer| answer.resource_tag_set.and_then(|set| set.tags).unwrap_or_default());
    let pair = |tag: Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
    Ok(tags.map(|tags| tags.into_iter().map(pair).collect()))
}

async fn retag(cx: &Cx, id: &str, from: &Tags, to: &Tags) -> CloudResult<()> {
    let (set, gone) = tag_changes(from, to);
    let tag = |(key, value): (String, String)| Tag::builder().key(key).value(value).build();
    let set: Vec<Tag> = set.into_iter().map(tag).collect();
    // What says whose it is is never taken away.
    let gone: Vec<String> = gone.into_iter().filter(|key| !key.starts_with("stack:")).collect();
    let call = cx.clients().route53.change_tags_for_resource();
    let call = call.resource_type(TagResourceType::Hostedzone).resource_id(id);
    let call = call.set_add_tags(Some(set).filter(|set| !set.is_empty()));
    let call = call.set_remove_tag_keys(Some(gone).filter(|gone| !gone.is_empty()));
    call.send().await.named("Route 53.ChangeTagsForResource").map(drop)
}

fn found(
    cx: &Cx,
    wanted: &Spec,
    id: String,
    answer: &GetHostedZoneOutput,
    tags: Vec<(String, String)>,
) -> FoundOf<Route53Zone> {
    let (mut tags, mut owner) = split_tags(tags);
    let zone = answer.hosted_zone();
    let own = zone.is_some_and(|zone| zone.caller_reference().starts_with(&mark(cx)));
    if owner == Ownership::Untagged && own {
        let (lineage, address) = (cx.lineage().to_owned(), cx.address().to_string());
        owner = Ownership::Tagged { lineage, address };
        // A tag that nobody wants: so the tags differ, and are written by the next update.
        tags.insert(LINEAGE.to_owned(), String::new());
    }
    let told = zone.map(|zone| zone.name().trim_end_matches('.').to_owned()).unwrap_or_default();
    let comment = zone.and_then(|zone| zone.config()).and_then(HostedZoneConfig::comment);
    let is_wanted = |vpc: &&Vpc| {
        vpc.vpc_id() == Some(&wanted.vpc_id)
            && vpc.vpc_region().is_some_and(|region| region.as_str() == wanted.vpc_region)
    };
    let vpc = answer.vpcs().iter().find(is_wanted).or(answer.vpcs().first());
    let spec = Spec {
        name: if same_name(&told, &wanted.name) { wanted.name.clone() } else { told },
        vpc_id: vpc.and_then(Vpc::vpc_id).unwrap_or_default().to_owned(),
        vpc_region: vpc
            .and_then(Vpc::vpc_region)
            .map(|region| region.as_str().to_owned())
            .unwrap_or_default(),
        comment: comment.filter(|comment| !comment.is_empty()).map(str::to_owned),
        tags,
    };
    Found { id: id.clone(), spec, outputs: Outputs { zone_id: id }, readiness: Readiness::Ready, owner }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Erased;
    use super::super::conformance::{Ground, conforms};
    use super::*;
    use crate::cloud::ErrorSort;
    use crate::kind::AnyKind;
    use crate::kind::route53_record::Route53Record;
    use crate::sandbox::{Effect, Fault, Here};

    /// A cloud with a VPC.
    fn ground() -> Ground {
        let ground = Ground::new();
        let mut world = ground.sandbox.world();
        let (account, region) = ("111122223333".into(), "us-west-2".into());
        let mut here = Here { world: &mut world, account, region, principal: String::new() };
        here.put("ec2/vpc", "vpc-1", json!({"vpcId": "vpc-1", "state": "available"}));
        drop(world);
        ground
    }

    fn spec(tags: serde_json::Value) -> serde_json::Value {
        json!({"name": "internal.example.com", "vpc_id": "vpc-1", "vpc_region": "us-west-2",
            "comment": "made by a test", "tags": tags})
    }

    #[tokio::test(start_paused = true)]
    async fn conforms_to_the_contract() {
        let ground = ground();
        let first = spec(json!({"a": "1"}));
        let mut second = spec(json!({"b": "1"}));
        second["comment"] = json!("another");
        conforms(&ground, &Erased(Route53Zone), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_zone_without_tags_yet_differs_and_is_found_again() {
        let ground = ground();
        let (kind, cx) = (Erased(Route53Zone), ground.cx("a"));
        let spec = spec(json!({}));
        let id = kind.create(&cx, &spec).await.expect("it is made");
        let half = kind.find(&cx, &spec, None).await.expect("it answers").expect("it is there");
        assert_eq!(half.id, id);
        assert_ne!(half.spec, spec);
        assert!(matches!(half.owner, Ownership::Tagged { .. }));
        kind.update(&cx, &id, &half.spec, &spec).await.expect("its tags are written");
        let whole = kind.find(&cx, &spec, Some(&id)).await.expect("it answers").expect("it is there");
        assert_eq!(whole.spec, spec);
        assert_eq!(kind.find(&ground.cx("other"), &spec, None).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_zone_whose_create_was_not_answered_is_found_and_made_once() {
        let ground = ground();
        let operation = "route53.CreateHostedZone".to_owned();
        let lost = Fault { operation, skip: 0, times: 1, effect: Effect::LostAfter };
        ground.sandbox.world().faults.list.push(lost);
        let (kind, cx, spec) = (Erased(Route53Zone), ground.cx("a"), spec(json!({})));
        let refused = kind.create(&cx, &spec).await.expect_err("the second attempt meets the first");
        assert_eq!(refused.sort, ErrorSort::Exists, "{refused}");
        let found = kind.find(&cx, &spec, None).await.expect("it answers").expect("it is there");
        assert!(matches!(found.owner, Ownership::Tagged { .. }));
        let zones = ground.sandbox.world().everywhere("route53/zone").count();
        assert_eq!(zones, 2, "that of a fresh account and this one");
    }

    #[tokio::test(start_paused = true)]
    async fn it_stays_while_it_has_records() {
        let ground = ground();
        let kind = Erased(Route53Zone);
        let spec = spec(json!({}));
        let zone = ground.make(&kind, "a", &spec).await;
        let record = json!({"zone_id": zone.id, "name": "cart.internal.example.com", "type": "A", "ttl": 60,
            "values": ["10.0.0.1"]});
        let made = ground.make(&Erased(Route53Record), "record", &record).await;
        let cx = ground.cx("a");
        let refused = kind.delete(&cx, &zone.id, &spec).await.expect_err("it is not empty");
        assert_eq!(refused.sort, ErrorSort::InUse, "{refused}");
        Erased(Route53Record).delete(&cx, &made.id, &record).await.expect("the record goes");
        kind.delete(&cx, &zone.id, &spec).await.expect("now it goes");
    }
}
