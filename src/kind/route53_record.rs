//! A record of a Route 53 zone: values with a TTL, or an alias.
//!
//! Quirks: it is made with CREATE, so that a record of somebody else is never overwritten; it is changed and deleted
//! by telling what is there now, so that a change in between is refused; it cannot carry tags; Route 53 tells names in
//! lower case, with a dot at the end and `*` as `\052`.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::error::SdkError;
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsError;
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use serde::{Deserialize, Serialize};

use super::{Found, FoundOf, Kind, Ownership, Readiness};
use crate::cloud::{Absent, CloudError, CloudResult, Cx, ErrorSort, Named};
use crate::shape::Shape;

/// The kind.
pub struct Route53Record;

const CHANGE: &str = "Route 53.ChangeResourceRecordSets";

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    zone_id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    /// Seconds; not for an alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<Alias>,
}

/// The name of something in AWS, and the zone which that name is in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    zone_id: String,
    name: String,
}

/// What the cloud gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Without a dot at the end.
    fqdn: String,
}

impl Kind for Route53Record {
    const SHAPE: Shape = Shape {
        fixed: &["zone_id", "name", "type"],
        sets: &["values"],
        ..Shape::managed("route53_record", "Route 53 record", "route53")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        Ok(live(cx, spec).await?.map(|record| found(spec, &record)))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        change(cx, spec, vec![(ChangeAction::Create, record(spec)?)]).await?;
        Ok(id(spec))
    }

    async fn update(&self, cx: &Cx, _: &str, _: &Spec, to: &Spec) -> CloudResult<()> {
        let Some(live) = live(cx, to).await? else {
            return Err(CloudError::new(ErrorSort::NotFound, CHANGE, format!("{} is gone", to.name)));
        };
        change(cx, to, vec![(ChangeAction::Delete, live), (ChangeAction::Create, record(to)?)]).await
    }

    async fn delete(&self, cx: &Cx, _: &str, spec: &Spec) -> CloudResult<()> {
        let Some(live) = live(cx, spec).await? else { return Ok(()) };
        change(cx, spec, vec![(ChangeAction::Delete, live)]).await.or_absent().map(drop)
    }

    /// One list a zone, unless one record of it is asked for only.
    async fn find_many(
        &self,
        cx: &[Cx],
        asked: &[(Spec, String)],
    ) -> CloudResult<Option<Vec<Option<FoundOf<Self>>>>> {
        let mut zones: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, (spec, _)) in asked.iter().enumerate() {
            zones.entry(&spec.zone_id).or_default().push(at);
        }
        let mut answer: Vec<Option<FoundOf<Self>>> = asked.iter().map(|_| None).collect();
        for (zone, places) in zones {
            let Some(cx) = places.first().and_then(|at| cx.get(*at)) else { continue };
            let records = match places.as_slice() {
                [at] => live(cx, &asked[*at].0).await?.into_iter().collect(),
                _ => all(cx, zone).await?,
            };
            for at in places {
                let spec = &asked[at].0;
                answer[at] = records.iter().find(|record| is_of(spec, record)).map(|r| found(spec, r));
            }
        }
        Ok(Some(answer))
    }
}

/// A name as names are compared.
fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase().replace("\\052", "*")
}

fn id(spec: &Spec) -> String {
    format!("{}/{}/{}", spec.zone_id, normal(&spec.name), spec.kind)
}

/// Whether this is the record of a spec. Records of a set that AWS chooses from are others.
fn is_of(spec: &Spec, record: &ResourceRecordSet) -> bool {
    normal(record.name()) == normal(&spec.name)
        && record.r#type().as_str() == spec.kind
        && record.set_identifier().is_none()
}

/// The record as it is now.
async fn live(cx: &Cx, spec: &Spec) -> CloudResult<Option<ResourceRecordSet>> {
    let call = cx.clients().route53.list_resource_record_sets().hosted_zone_id(&spec.zone_id).max_items(1);
    let call = call.start_record_name(normal(&spec.name));
    let call = call.start_record_type(RrType::from(spec.kind.as_str()));
    let answer = call.send().await.named("Route 53.ListResourceRecordSets").or_absent()?;
    let first = answer.and_then(|answer| answer.resource_record_sets.into_iter().next());
    Ok(first.filter(|record| is_of(spec, record)))
}

/// Every record of a zone; none if the zone is gone.
async fn all(cx: &Cx, zone: &str) -> CloudResult<Vec<ResourceRecordSet>> {
    let mut records = Vec::new();
    let mut from: Option<(String, Option<RrType>, Option<String>)> = None;
    loop {
        let call = cx.clients().route53.list_resource_record_sets().hosted_zone_id(zone);
        let call = match from {
            None => call,
            Some((name, kind, set)) => {
                call.start_record_name(name).set_start_record_type(kind).set_start_record_identifier(set)
            }
        };
        let Some(page) = call.send().await.named("Route 53.ListResourceRecordSets").or_absent()? else {
            return Ok(records);
        };
        records.extend(page.resource_record_sets);
        match page.next_record_name.filter(|_| page.is_truncated) {
            Some(name) => from = Some((name, page.next_record_type, page.next_record_identifier)),
            None => return Ok(records),
        }
    }
}

fn incomplete(error: impl std::fmt::Display) -> CloudError {
    CloudError::new(ErrorSort::Invalid, CHANGE, error.to_string())
}

/// A record as it is sent.
fn record(spec: &Spec) -> CloudResult<ResourceRecordSet> {
    let values = spec.values.iter().flatten().map(|value| ResourceRecord::builder().value(value).build());
    let values = values.collect::<Result<Vec<_>, _>>().map_err(incomplete)?;
    let alias = spec.alias.as_ref().map(|alias| {
        let target = AliasTarget::builder().hosted_zone_id(&alias.zone_id).dns_name(&alias.name);
        target.evaluate_target_health(false).build()
    });
    ResourceRecordSet::builder()
        .name(&spec.name)
        .r#type(RrType::from(spec.kind.as_str()))
        .set_ttl(spec.ttl)
        .set_resource_records(Some(values).filter(|values| !values.is_empty()))
        .set_alias_target(alias.transpose().map_err(incomplete)?)
        .build()
        .map_err(incomplete)
}

/// Sends changes as one batch.
async fn change(cx: &Cx, spec: &Spec, changes: Vec<(ChangeAction, ResourceRecordSet)>) -> CloudResult<()> {
    let changes = changes.into_iter().map(|(action, mut record)| {
        if record.resource_records.as_ref().is_some_and(Vec::is_empty) {
            record.resource_records = None;
        }
        Change::builder().action(action).resource_record_set(record).build()
    });
    let changes = changes.collect::<Result<Vec<_>, _>>().map_err(incomplete)?;
    let batch = ChangeBatch::builder().set_changes(Some(changes)).build().map_err(incomplete)?;
    let call = cx.clients().route53.change_resource_record_sets();
    let answer = call.hosted_zone_id(&spec.zone_id).change_batch(batch).send().await;
    let reasons = answer.as_ref().err().map(reasons).unwrap_or_default();
    answer.named(CHANGE).map(drop).map_err(|error| judged(error, &reasons))
}

/// The reasons against a batch: some answers have them beside the message.
fn reasons(error: &SdkError<ChangeResourceRecordSetsError>) -> String {
    match error.as_service_error() {
        Some(ChangeResourceRecordSetsError::InvalidChangeBatch(batch)) => batch.messages().join(", "),
        _ => String::new(),
    }
}

/// What is wrong with a batch is told in words only.
fn judged(mut error: CloudError, reasons: &str) -> CloudError {
    if error.code != "InvalidChangeBatch" {
        return error;
    }
    if !reasons.is_empty() && !error.message.contains(reasons) {
        error.message = reasons.to_owned();
    }
    let sort = if error.message.contains("but it already exists") {
        ErrorSort::Exists
    } else if error.message.contains("but it was not found") {
        ErrorSort::NotFound
    } else if error.message.contains("do not match the current values") {
        ErrorSort::NotYet
    } else {
        ErrorSort::Invalid
    };
    error.meaning(sort)
}

fn found(wanted: &Spec, record: &ResourceRecordSet) -> FoundOf<Route53Record> {
    let values: BTreeSet<String> =
        record.resource_records().iter().map(|one| one.value().to_owned()).collect();
    let alias = record.alias_target().map(|target| {
        let wanted = wanted.alias.as_ref().map(|alias| &alias.name);
        let same = wanted.filter(|wanted| normal(wanted) == normal(target.dns_name()));
        let name = same.cloned().unwrap_or_else(|| normal(target.dns_name()));
        Alias { zone_id: target.hosted_zone_id().to_owned(), name }
    });
    let spec = Spec {
        ttl: record.ttl(),
        values: Some(values).filter(|values| !values.is_empty()),
        alias,
        ..wanted.clone()
    };
    Found {
        id: id(&spec),
        outputs: Outputs { fqdn: normal(&spec.name) },
        spec,
        readiness: Readiness::Ready,
        owner: Ownership::Untaggable,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::Erased;
    use super::super::conformance::{Ground, conforms};
    use super::*;
    use crate::kind::AnyKind;
    use crate::sandbox::aws::route53::EXAMPLE;

    fn address(name: &str, value: &str) -> Json {
        json!({"zone_id": EXAMPLE, "name": name, "type": "A", "ttl": 60, "values": [value]})
    }

    fn alias(target: &str) -> Json {
        json!({"zone_id": EXAMPLE, "name": "shop.api.example.com", "type": "A",
            "alias": {"zone_id": "Z1H1FL5HABSF5", "name": target}})
    }

    #[tokio::test(start_paused = true)]
    async fn conforms_to_the_contract_with_values() {
        let first = address("*.Shop.api.example.com", "10.0.0.1");
        let mut second = address("*.Shop.api.example.com", "10.0.0.2");
        second["ttl"] = json!(300);
        conforms(&Ground::new(), &Erased(Route53Record), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn conforms_to_the_contract_as_alias() {
        let (first, second) =
            (alias("K8s-A.us-west-2.elb.amazonaws.com"), alias("b.us-west-2.elb.amazonaws.com"));
        conforms(&Ground::new(), &Erased(Route53Record), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn values_become_an_alias_in_place() {
        let ground = Ground::new();
        let kind = Erased(Route53Record);
        let made = ground.make(&kind, "a", &address("shop.api.example.com", "10.0.0.1")).await;
        let wanted = alias("a.us-west-2.elb.amazonaws.com");
        kind.update(&ground.cx("a"), &made.id, &made.spec, &wanted).await.expect("it is changed");
        let found = kind.find(&ground.cx("a"), &wanted, Some(&made.id)).await.expect("it answers");
        assert_eq!(found.expect("it is there").spec, wanted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_of_somebody_else_is_not_overwritten() {
        let ground = Ground::new();
        let kind = Erased(Route53Record);
        let theirs = address("shop.api.example.com", "10.0.0.1");
        ground.make(&kind, "theirs", &theirs).await;
        let ours = address("shop.api.example.com", "10.0.0.2");
        let refused = kind.create(&ground.cx("ours"), &ours).await.expect_err("it is there");
        assert_eq!(refused.sort, ErrorSort::Exists, "{refused}");
        let found = kind.find(&ground.cx("theirs"), &theirs, None).await.expect("it answers");
        assert_eq!(found.expect("it is there").spec, theirs);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_zone_does_not_take_is_invalid() {
        let ground = Ground::new();
        let kind = Erased(Route53Record);
        for wrong in [address("shop.example.org", "10.0.0.1"), address("shop.api.example.com", "ten")] {
            let refused = kind.create(&ground.cx("a"), &wrong).await.expect_err("it is refused");
            assert_eq!(refused.sort, ErrorSort::Invalid, "{refused}");
        }
        let mut nowhere = address("shop.api.example.com", "10.0.0.1");
        nowhere["zone_id"] = json!("ZNOWHERE");
        let refused = kind.create(&ground.cx("a"), &nowhere).await.expect_err("there is no such zone");
        assert_eq!(refused.sort, ErrorSort::NotFound, "{refused}");
        assert_eq!(kind.find(&ground.cx("a"), &nowhere, None).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn many_of_a_zone_are_found_in_pages() {
        let ground = Ground::new();
        let kind = Erased(Route53Record);
        let mut asked = Vec::new();
        for number in 0..310 {
            let spec = address(&format!("n{number}.api.example.com"), "10.0.0.1");
            if number != 7 {
                kind.create(&ground.cx("a"), &spec).await.expect("it is made");
            }
            asked.push((spec, String::new()));
        }
        let before = ground.cloud.calls().total();
        let cxs = vec![ground.cx("a"); asked.len()];
        let found = kind.find_many(&cxs, &asked).await.expect("it answers").expect("there is a list");
        assert_eq!(ground.cloud.calls().total() - before, 2);
        for (at, one) in found.iter().enumerate() {
            assert_eq!(one.as_ref().map(|one| &one.spec), (at != 7).then_some(&asked[at].0), "{at}");
        }
    }
}
