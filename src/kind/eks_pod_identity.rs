//! `eks_pod_identity`: the role that the pods of a service account have.
//!
//! There is one association for a service account; without its id it is found by cluster, namespace and account.
//! The service account need not be there. The role must trust `pods.eks.amazonaws.com`, tags included.

use std::collections::BTreeMap;

use aws_sdk_eks::types::PodIdentityAssociation;
use serde::{Deserialize, Serialize};

use super::{Found, Kind, Readiness};
use crate::cloud::{Absent, CloudError, CloudResult, Cx, Named, eks, split_tags};
use crate::shape::{Recovery, Shape, Timing};

/// The kind.
pub struct EksPodIdentity;

/// What an association should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The cluster's name.
    pub cluster: String,
    /// Of the service account.
    pub namespace: String,
    /// The service account's name.
    pub service_account: String,
    /// What its pods may do.
    pub role_arn: String,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What EKS gives an association.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// `a-…`.
    pub association_id: String,
    /// `arn:aws:eks:…:podidentityassociation/…`.
    pub arn: String,
}

impl Kind for EksPodIdentity {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Token,
        fixed: &["cluster", "namespace", "service_account"],
        timing: Timing::QUICK,
        ..Shape::managed("eks_pod_identity", "EKS pod identity association", "eks")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(
        &self,
        cx: &Cx,
        spec: &Spec,
        id: Option<&str>,
    ) -> CloudResult<Option<Found<Spec, Outputs>>> {
        let (cluster, association) = match id.and_then(|id| id.split_once('/')) {
            Some((cluster, association)) => (cluster, Some(association.to_owned())),
            None => (spec.cluster.as_str(), by_account(cx, spec).await?),
        };
        let Some(association) = association else { return Ok(None) };
        let Some(there) = describe(cx, cluster, &association).await? else { return Ok(None) };
        let (tags, owner) = split_tags(there.tags().cloned().unwrap_or_default());
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        Ok(Some(Found {
            id: format!("{cluster}/{association}"),
            spec: Spec {
                cluster: cluster.to_owned(),
                namespace: text(there.namespace()),
                service_account: text(there.service_account()),
                role_arn: text(there.role_arn()),
                tags,
            },
            outputs: Outputs { association_id: association, arn: text(there.association_arn()) },
            readiness: Readiness::Ready,
            owner,
        }))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let call = cx.clients().eks.create_pod_identity_association();
        let answer = call
            .cluster_name(&spec.cluster)
            .namespace(&spec.namespace)
            .service_account(&spec.service_account)
            .role_arn(&spec.role_arn)
            .set_tags(Some(cx.tags(&spec.tags).into_iter().collect()))
            .client_request_token(cx.token())
            .send()
            .await
            .named("EKS.CreatePodIdentityAssociation")
            .map_err(eks::maybe_not_yet)?;
        let association = answer.association.and_then(|one| one.association_id);
        let association = association.ok_or_else(|| {
            CloudError::broken_contract("eks_pod_identity", "EKS made an association and gave no id")
        })?;
        Ok(format!("{}/{association}", spec.cluster))
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        let (cluster, association) = parts(to, id);
        if from.tags != to.tags {
            let there = describe(cx, cluster, association).await?;
            let arn = there.and_then(|there| there.association_arn).unwrap_or_default();
            eks::retag(cx, &arn, &from.tags, &to.tags).await?;
        }
        if from.role_arn == to.role_arn {
            return Ok(());
        }
        let call = cx.clients().eks.update_pod_identity_association();
        let call = call.cluster_name(cluster).association_id(association).role_arn(&to.role_arn);
        let answer = call.send().await.named("EKS.UpdatePodIdentityAssociation");
        answer.map(drop).map_err(eks::maybe_not_yet)
    }

    async fn delete(&self, cx: &Cx, id: &str, spec: &Spec) -> CloudResult<()> {
        let (cluster, association) = parts(spec, id);
        let call = cx.clients().eks.delete_pod_identity_association();
        let call = call.cluster_name(cluster).association_id(association).send().await;
        call.named("EKS.DeletePodIdentityAssociation").or_absent().map(drop)
    }
}

fn parts<'a>(spec: &'a Spec, id: &'a str) -> (&'a str, &'a str) {
    id.split_once('/').unwrap_or((&spec.cluster, id))
}

/// The id of the association of a service account, if there is one.
async fn by_account(cx: &Cx, spec: &Spec) -> CloudResult<Option<String>> {
    let call = cx.clients().eks.list_pod_identity_associations().cluster_name(&spec.cluster);
    let call = call.namespace(&spec.namespace).service_account(&spec.service_account);
    let answer = call.send().await.named("EKS.ListPodIdentityAssociations").or_absent()?;
    let first = answer.and_then(|answer| answer.associations().first().cloned());
    Ok(first.and_then(|one| one.association_id))
}

async fn describe(cx: &Cx, cluster: &str, id: &str) -> CloudResult<Option<PodIdentityAssociation>> {
    let call = cx.clients().eks.describe_pod_identity_association().cluster_name(cluster).association_id(id);
    let answer = call.send().await.named("EKS.DescribePodIdentityAssociation").or_absent()?;
    Ok(answer.and_then(|answer| answer.association))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::conformance::conforms;
    use super::super::{AnyKind, Erased};
    use super::*;
    use crate::cloud::ErrorSort;
    use crate::sandbox::aws::eks::tests::{ground_with_cluster, role};

    const KIND: Erased<EksPodIdentity> = Erased(EksPodIdentity);

    fn association(role_name: &str) -> Json {
        json!({
            "cluster": "edge", "namespace": "kube-system", "service_account": "lbc", "role_arn": role(role_name),
            "tags": {"team": "commerce"},
        })
    }

    #[tokio::test(start_paused = true)]
    async fn it_conforms() {
        let ground = ground_with_cluster("edge").await;
        let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}}"#;
        let iam = ground.cx("p").clients().iam;
        iam.create_role().role_name("other").assume_role_policy_document(trust).send().await.expect("made");
        let mut second = association("other");
        second["tags"] = json!({"team": "shop"});
        conforms(&ground, &KIND, &association("pod"), &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_role_must_trust_pods_with_their_tags() {
        let ground = ground_with_cluster("edge").await;
        let cx = ground.cx("p");
        for wrong in ["node", "nobody"] {
            let error = KIND.create(&cx, &association(wrong)).await.expect_err("refused");
            assert_eq!(error.sort, ErrorSort::NotYet, "{error}");
        }
        let trust = r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
        let iam = cx.clients().iam;
        iam.create_role().role_name("half").assume_role_policy_document(trust).send().await.expect("made");
        let error = KIND.create(&cx, &association("half")).await.expect_err("refused");
        assert!(error.message.contains("Trust policy"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_account_has_one() {
        let ground = ground_with_cluster("edge").await;
        KIND.create(&ground.cx("one"), &association("pod")).await.expect("made");
        let error = KIND.create(&ground.cx("another"), &association("pod")).await.expect_err("there already");
        assert_eq!(error.sort, ErrorSort::Exists, "{error}");
    }
}
