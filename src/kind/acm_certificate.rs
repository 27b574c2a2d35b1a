//! A certificate of AWS Certificate Manager, validated by DNS.
//!
//! Quirks: it is ready here once its validation records are known, long before it is issued (see `acm_issued`); the
//! records come some seconds after the request; a wildcard and the name below it share one record; a domain may have
//! many certificates, so one is ours by its tags only; the token of a request is known for an hour.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus as Status, Filters, KeyAlgorithm, Tag};
use aws_sdk_acm::types::{DomainValidation, ValidationMethod};
use serde::{Deserialize, Serialize};

use super::{Found, FoundOf, Kind, Ownership, Readiness};
use crate::cloud::{Absent, CloudError, CloudResult, Cx, ErrorSort, Named, Tags, split_tags, tag_changes};
use crate::shape::{Recovery, Shape, Timing};

/// The kind.
pub struct AcmCertificate;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    domain: String,
    #[serde(default)]
    alternative_names: BTreeSet<String>,
    #[serde(default)]
    tags: Tags,
}

/// What the cloud gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    arn: String,
    /// The record that proves each name: the domain first, then the alternative names in order.
    validation: Vec<Proof>,
}

/// A DNS record that proves a name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// Without a dot at the end.
    name: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

impl Kind for AcmCertificate {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Token,
        fixed: &["domain", "alternative_names"],
        sets: &["alternative_names"],
        create_first: true,
        timing: Timing::of(5, 2, 15),
        ..Shape::managed("acm_certificate", "ACM certificate", "acm")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let arns = match id {
            Some(id) => vec![id.to_owned()],
            None => of_domain(cx, &spec.domain).await?,
        };
        for arn in arns {
            let Some((tags, owner)) = tags(cx, &arn).await? else { continue };
            if id.is_none() && !is_own(cx, &owner) {
                continue;
            }
            let Some(detail) = describe(cx, &arn).await? else { continue };
            return Ok(Some(found(spec, arn, &detail, tags, owner)));
        }
        Ok(None)
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let names: Vec<String> =
            spec.alternative_names.iter().filter(|name| **name != spec.domain).cloned().collect();
        let call = cx.clients().acm.request_certificate().domain_name(&spec.domain);
        let call = call.set_subject_alternative_names(Some(names).filter(|names| !names.is_empty()));
        let call = call.validation_method(ValidationMethod::Dns).idempotency_token(cx.token());
        let call = call.set_tags(Some(to_tags(cx.tags(&spec.tags))?));
        let answer = call.send().await.named("ACM.RequestCertificate")?;
        Ok(answer.certificate_arn.unwrap_or_default())
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        let (set, gone) = tag_changes(&from.tags, &to.tags);
        if !set.is_empty() {
            let call = cx.clients().acm.add_tags_to_certificate().certificate_arn(id);
            call.set_tags(Some(to_tags(set)?)).send().await.named("ACM.AddTagsToCertificate")?;
        }
        if !gone.is_empty() {
            let gone = gone.iter().map(|key| Tag::builder().key(key).build()).collect::<Result<Vec<_>, _>>();
            let call = cx.clients().acm.remove_tags_from_certificate().certificate_arn(id);
            let call = call.set_tags(Some(gone.map_err(incomplete)?));
            call.send().await.named("ACM.RemoveTagsFromCertificate")?;
        }
        Ok(())
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        let call = cx.clients().acm.delete_certificate().certificate_arn(id);
        call.send().await.named("ACM.DeleteCertificate").or_absent().map(drop)
    }
}

fn incomplete(error: impl std::fmt::Display) -> CloudError {
    CloudError::new(ErrorSort::Bug, "ACM", error.to_string())
}

fn to_tags(tags: BTreeMap<String, String>) -> CloudResult<Vec<Tag>> {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    tags.collect::<Result<Vec<_>, _>>().map_err(incomplete)
}

/// The ARNs of all certificates for a domain, whatever their keys, the newest first.
async fn of_domain(cx: &Cx, domain: &str) -> CloudResult<Vec<String>> {
    let keys = KeyAlgorithm::values().iter().map(|key| KeyAlgorithm::from(*key)).collect();
    let call =
        cx.clients().acm.list_certificates().includes(Filters::builder().set_key_types(Some(keys)).build());
    let mut pages = call.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(one) = pages.next().await {
        let one = one.named("ACM.ListCertificates")?;
        if one.domain_name().is_some_and(|name| name.eq_ignore_ascii_case(domain)) {
            found.push((one.created_at, one.certificate_arn));
        }
    }
    found.sort_by(|(one, _), (other, _)| other.cmp(one));
    Ok(found.into_iter().filter_map(|(_, arn)| arn).collect())
}

async fn tags(cx: &Cx, arn: &str) -> CloudResult<Option<(Tags, Ownership)>> {
    let call = cx.clients().acm.list_tags_for_certificate().certificate_arn(arn);
    let answer = call.send().await.named("ACM.ListTagsForCertificate").or_absent()?;
    let pair = |tag: Tag| (tag.key, tag.value.unwrap_or_default());
    Ok(answer.map(|answer| split_tags(answer.tags.unwrap_or_default().into_iter().map(pair))))
}

fn is_own(cx: &Cx, owner: &Ownership) -> bool {
    matches!(owner, Ownership::Tagged { lineage, address }
        if lineage == cx.lineage() && *address == cx.address().to_string())
}

async fn describe(cx: &Cx, arn: &str) -> CloudResult<Option<CertificateDetail>> {
    let call = cx.clients().acm.describe_certificate().certificate_arn(arn);
    let answer = call.send().await.named("ACM.DescribeCertificate").or_absent()?;
    Ok(answer.and_then(|answer| answer.certificate))
}

/// A name in the words of the file where it is the same.
fn as_wanted<'a>(told: &str, mut wanted: impl Iterator<Item = &'a String>) -> String {
    wanted.find(|wanted| wanted.eq_ignore_ascii_case(told)).cloned().unwrap_or_else(|| told.to_owned())
}

/// The spec as it is now. ACM tells the domain among the names, whether it was asked for there or not.
fn spec(wanted: &Spec, detail: &CertificateDetail, tags: Tags) -> Spec {
    let domain = as_wanted(detail.domain_name().unwrap_or_default(), std::iter::once(&wanted.domain));
    let names = detail.subject_alternative_names().iter();
    let names = names.map(|name| as_wanted(name, wanted.alternative_names.iter()));
    let asked =
        |name: &String| !name.eq_ignore_ascii_case(&domain) || wanted.alternative_names.contains(name);
    let alternative_names = names.filter(asked).collect();
    Spec { domain, alternative_names, tags }
}

fn found(
    wanted: &Spec,
    arn: String,
    detail: &CertificateDetail,
    tags: Tags,
    owner: Ownership,
) -> FoundOf<AcmCertificate> {
    let spec = spec(wanted, detail, tags);
    let proofs: Option<Vec<Proof>> = std::iter::once(&spec.domain)
        .chain(&spec.alternative_names)
        .map(|name| proof(detail.domain_validation_options(), name))
        .collect();
    let readiness = match (detail.status(), &proofs) {
        (Some(Status::Failed), _) => {
            let why = detail.failure_reason().map_or("without a reason", |reason| reason.as_str());
            Readiness::Broken(format!("the certificate failed: {why}"))
        }
        (Some(status @ (Status::ValidationTimedOut | Status::Revoked)), _) => {
            Readiness::Broken(format!("the certificate is {status}"))
        }
        (_, None) => Readiness::Pending("ACM has not told the validation records yet".to_owned()),
        (_, Some(_)) => Readiness::Ready,
    };
    let outputs = Outputs { arn: arn.clone(), validation: proofs.unwrap_or_default() };
    Found { id: arn, spec, outputs, readiness, owner }
}

fn proof(options: &[DomainValidation], name: &str) -> Option<Proof> {
    let record =
        options.iter().find(|option| option.domain_name().eq_ignore_ascii_case(name))?.resource_record()?;
    Some(Proof {
        name: record.name().trim_end_matches('.').to_owned(),
        kind: record.r#type().as_str().to_owned(),
        value: record.value().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Erased;
    use super::super::conformance::{Ground, conforms};
    use super::*;
    use crate::kind::AnyKind;

    #[tokio::test(start_paused = true)]
    async fn conforms_to_the_contract() {
        let first = json!({"domain": "shop.api.example.com", "alternative_names": ["*.shop.api.example.com"],
            "tags": {"a": "1"}});
        let second = json!({"domain": "shop.api.example.com",
            "alternative_names": ["*.shop.api.example.com"], "tags": {"b": "1"}});
        conforms(&Ground::new(), &Erased(AcmCertificate), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_wildcard_shares_the_record_of_its_domain() {
        let ground = Ground::new();
        let spec = json!({"domain": "example.com", "alternative_names": ["a.example.com", "*.example.com"]});
        let made = ground.make(&Erased(AcmCertificate), "a", &spec).await;
        let validation = &made.outputs["validation"];
        assert_eq!(validation[0], validation[1], "the domain and `*.example.com`");
        assert_ne!(validation[0], validation[2]);
        let name = validation[2]["name"].as_str().expect("a name");
        assert!(name.ends_with(".a.example.com"), "{name}");
    }

    #[tokio::test(start_paused = true)]
    async fn names_are_told_in_the_words_of_the_file() {
        let ground = Ground::new();
        let spec = json!({"domain": "Shop.example.com",
            "alternative_names": ["A.example.com", "Shop.example.com"], "tags": {}});
        let made = ground.make(&Erased(AcmCertificate), "a", &spec).await;
        assert_eq!(made.spec, spec);
        assert_eq!(made.outputs["validation"].as_array().map(Vec::len), Some(3));
        assert_eq!(made.outputs["validation"][0], made.outputs["validation"][2]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_certificate_of_somebody_else_is_not_found() {
        let ground = Ground::new();
        let kind = Erased(AcmCertificate);
        let spec = json!({"domain": "example.com"});
        ground.make(&kind, "a", &spec).await;
        assert_eq!(kind.find(&ground.cx("other"), &spec, None).await, Ok(None));
    }
}
