//! That a certificate is issued: what waits between the validation records and the users of a certificate.
//!
//! Quirks: nothing is made but a mark, a tag on the certificate, so that it can be found, and can be gone while the
//! certificate is still there. ACM does not say whether a record is missing or only not seen yet.

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus as Status, DomainStatus, Tag};
use serde::{Deserialize, Serialize};

use super::{Found, FoundOf, Kind, Ownership, Readiness};
use crate::cloud::{Absent, CloudError, CloudResult, Cx, ErrorSort, Named};
use crate::shape::{Shape, Timing};

/// The kind.
pub struct AcmIssued;

/// The tag that marks a certificate that is waited for. Its value says by whom.
const MARK: &str = "stack:issued";

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    certificate_arn: String,
}

/// What the cloud gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    arn: String,
}

impl Kind for AcmIssued {
    const SHAPE: Shape = Shape {
        fixed: &["certificate_arn"],
        timing: Timing::of(120, 10, 75),
        create_first: true,
        ..Shape::managed("acm_issued", "issued ACM certificate", "acm")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let arn = id.unwrap_or(&spec.certificate_arn).to_owned();
        let call = cx.clients().acm.list_tags_for_certificate().certificate_arn(&arn);
        let tags = call.send().await.named("ACM.ListTagsForCertificate").or_absent()?;
        if !tags.is_some_and(|tags| tags.tags().iter().any(|tag| tag.key() == MARK)) {
            return Ok(None);
        }
        let call = cx.clients().acm.describe_certificate().certificate_arn(&arn);
        let answer = call.send().await.named("ACM.DescribeCertificate").or_absent()?;
        let detail = answer.and_then(|answer| answer.certificate);
        Ok(detail.map(|detail| Found {
            id: arn.clone(),
            spec: Spec { certificate_arn: arn.clone() },
            outputs: Outputs { arn },
            readiness: readiness(&detail),
            owner: Ownership::Untaggable,
        }))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let arn = &spec.certificate_arn;
        let call = cx.clients().acm.add_tags_to_certificate().certificate_arn(arn);
        let call = call.tags(mark(Some(&cx.address().to_string()))?);
        call.send().await.named("ACM.AddTagsToCertificate")?;
        Ok(arn.clone())
    }

    async fn update(&self, _: &Cx, _: &str, _: &Spec, _: &Spec) -> CloudResult<()> {
        Ok(())
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        let call = cx.clients().acm.remove_tags_from_certificate().certificate_arn(id).tags(mark(None)?);
        call.send().await.named("ACM.RemoveTagsFromCertificate").or_absent().map(drop)
    }
}

fn mark(value: Option<&str>) -> CloudResult<Tag> {
    let tag = Tag::builder().key(MARK).set_value(value.map(str::to_owned)).build();
    tag.map_err(|error| CloudError::new(ErrorSort::Bug, "ACM", error.to_string()))
}

fn readiness(detail: &CertificateDetail) -> Readiness {
    match detail.status() {
        Some(Status::Issued) => Readiness::Ready,
        Some(Status::PendingValidation) | None => Readiness::Pending(unseen(detail)),
        Some(Status::Failed) => {
            let why = detail.failure_reason().map_or("without a reason", |reason| reason.as_str());
            Readiness::Broken(format!("the certificate failed: {why}"))
        }
        Some(status) => Readiness::Broken(format!("the certificate is {status}")),
    }
}

/// The records that ACM has not seen, each once.
fn unseen(detail: &CertificateDetail) -> String {
    let mut names: Vec<&str> = detail
        .domain_validation_options()
        .iter()
        .filter(|option| option.validation_status() != Some(&DomainStatus::Success))
        .filter_map(|option| Some(option.resource_record()?.name().trim_end_matches('.')))
        .collect();
    names.sort_unstable();
    names.dedup();
    match names.is_empty() {
        true => "ACM is about to issue the certificate".to_owned(),
        false => format!("ACM has not seen the record {}", names.join(", nor ")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::Erased;
    use super::super::conformance::{Ground, conforms};
    use super::*;
    use crate::kind::acm_certificate::AcmCertificate;
    use crate::kind::route53_record::Route53Record;
    use crate::kind::{AnyKind, FoundAny};

    async fn certificate(ground: &Ground) -> FoundAny {
        let spec = json!({"domain": "shop.api.example.com"});
        ground.make(&Erased(AcmCertificate), "certificate", &spec).await
    }

    async fn prove(ground: &Ground, certificate: &FoundAny) {
        let proof = &certificate.outputs["validation"][0];
        let record = json!({"zone_id": crate::sandbox::aws::route53::EXAMPLE, "name": proof["name"],
            "type": proof["type"], "ttl": 60, "values": [proof["value"]]});
        ground.make(&Erased(Route53Record), "record", &record).await;
    }

    #[tokio::test(start_paused = true)]
    async fn conforms_to_the_contract() {
        let ground = Ground::new();
        let certificate = certificate(&ground).await;
        prove(&ground, &certificate).await;
        let spec = json!({"certificate_arn": certificate.id});
        conforms(&ground, &Erased(AcmIssued), &spec, &spec).await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_says_which_record_is_waited_for() {
        let ground = Ground::new();
        let certificate = certificate(&ground).await;
        let (kind, cx) = (Erased(AcmIssued), ground.cx("issued"));
        let spec = json!({"certificate_arn": certificate.id});
        let id = kind.create(&cx, &spec).await.expect("it is marked");
        ground.sandbox.clock().sleep(Duration::from_secs(3600)).await;
        let found = kind.find(&cx, &spec, Some(&id)).await.expect("it answers").expect("it is there");
        let name = certificate.outputs["validation"][0]["name"].as_str().expect("a name");
        assert_eq!(found.readiness, Readiness::Pending(format!("ACM has not seen the record {name}")));
        prove(&ground, &certificate).await;
        ground.sandbox.clock().sleep(Duration::from_secs(91)).await;
        let found = kind.find(&cx, &spec, Some(&id)).await.expect("it answers").expect("it is there");
        assert_eq!(found.readiness, Readiness::Ready);
    }

    #[tokio::test(start_paused = true)]
    async fn a_certificate_that_nobody_proves_is_given_up() {
        let ground = Ground::new();
        let certificate = certificate(&ground).await;
        let (kind, cx) = (Erased(AcmIssued), ground.cx("issued"));
        let spec = json!({"certificate_arn": certificate.id});
        let id = kind.create(&cx, &spec).await.expect("it is marked");
        ground.sandbox.clock().sleep(Duration::from_secs(73 * 3600)).await;
        let found = kind.find(&cx, &spec, Some(&id)).await.expect("it answers").expect("it is there");
        assert!(matches!(found.readiness, Readiness::Broken(_)), "{:?}", found.readiness);
    }
}
