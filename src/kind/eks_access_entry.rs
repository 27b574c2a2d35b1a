//! `eks_access_entry`: who of IAM may do what in a cluster.
//!
//! The principal is a role or user by its ARN with the path, never a session. EKS makes the entries of node roles
//! itself; those are not of this kind. Policies are associated one by one, after the entry is there.

use std::collections::BTreeMap;

use aws_sdk_eks::types::{AccessScope, AccessScopeType};
use serde::{Deserialize, Serialize};

use super::{Found, Kind, Readiness};
use crate::cloud::{Absent, CloudResult, Cx, Named, eks, split_tags};
use crate::shape::{Recovery, Shape, Timing};

/// The kind.
pub struct EksAccessEntry;

/// What an access entry should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The cluster's name.
    pub cluster: String,
    /// Of a role or user.
    pub principal_arn: String,
    /// What it may do; a set.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// An access policy and where it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// `arn:aws:eks::aws:cluster-access-policy/…`.
    pub policy_arn: String,
    /// The whole cluster if empty; a set.
    #[serde(default)]
    pub namespaces: Vec<String>,
}

impl Policy {
    fn same(&self, other: &Self) -> bool {
        let sorted = |policy: &Self| {
            let mut namespaces = policy.namespaces.clone();
            namespaces.sort();
            namespaces
        };
        self.policy_arn == other.policy_arn && sorted(self) == sorted(other)
    }

    fn scope(&self) -> AccessScope {
        let sort =
            if self.namespaces.is_empty() { AccessScopeType::Cluster } else { AccessScopeType::Namespace };
        let namespaces = (!self.namespaces.is_empty()).then(|| self.namespaces.clone());
        AccessScope::builder().r#type(sort).set_namespaces(namespaces).build()
    }
}

/// What EKS gives an access entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:eks:…:access-entry/…`.
    pub arn: String,
}

impl Kind for EksAccessEntry {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Token,
        fixed: &["cluster", "principal_arn"],
        sets: &["policies"],
        timing: Timing::QUICK,
        ..Shape::managed("eks_access_entry", "EKS access entry", "eks")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(
        &self,
        cx: &Cx,
        spec: &Spec,
        id: Option<&str>,
    ) -> CloudResult<Option<Found<Spec, Outputs>>> {
        let (cluster, principal) = parts(spec, id);
        let call = cx.clients().eks.describe_access_entry().cluster_name(cluster).principal_arn(principal);
        let answer = call.send().await.named("EKS.DescribeAccessEntry").or_absent()?;
        let Some(entry) = answer.and_then(|answer| answer.access_entry) else { return Ok(None) };
        let Some(policies) = policies(cx, cluster, principal, &spec.policies).await.or_absent()? else {
            return Ok(None);
        };
        let (tags, owner) = split_tags(entry.tags().cloned().unwrap_or_default());
        Ok(Some(Found {
            id: format!("{cluster}/{principal}"),
            spec: Spec { cluster: cluster.to_owned(), principal_arn: principal.to_owned(), policies, tags },
            outputs: Outputs { arn: entry.access_entry_arn().unwrap_or_default().to_owned() },
            readiness: Readiness::Ready,
            owner,
        }))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let call = cx.clients().eks.create_access_entry();
        call.cluster_name(&spec.cluster)
            .principal_arn(&spec.principal_arn)
            .set_tags(Some(cx.tags(&spec.tags).into_iter().collect()))
            .client_request_token(cx.token())
            .send()
            .await
            .named("EKS.CreateAccessEntry")
            // A role may be too new to be seen; a session never becomes a principal.
            .map_err(
                |error| if spec.principal_arn.contains(":iam:") { eks::maybe_not_yet(error) } else { error },
            )?;
        Ok(format!("{}/{}", spec.cluster, spec.principal_arn))
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        let (cluster, principal) = parts(to, Some(id));
        let eks = cx.clients().eks;
        if from.tags != to.tags {
            let call = eks.describe_access_entry().cluster_name(cluster).principal_arn(principal);
            let answer = call.send().await.named("EKS.DescribeAccessEntry")?;
            let arn = answer.access_entry.and_then(|entry| entry.access_entry_arn).unwrap_or_default();
            eks::retag(cx, &arn, &from.tags, &to.tags).await?;
        }
        for policy in
            to.policies.iter().filter(|policy| !from.policies.iter().any(|there| there.same(policy)))
        {
            let call = eks.associate_access_policy().cluster_name(cluster).principal_arn(principal);
            let call = call.policy_arn(&policy.policy_arn).access_scope(policy.scope());
            call.send().await.named("EKS.AssociateAccessPolicy")?;
        }
        let kept = |arn: &str| to.policies.iter().any(|policy| policy.policy_arn == arn);
        for policy in from.policies.iter().filter(|policy| !kept(&policy.policy_arn)) {
            let call = eks.disassociate_access_policy().cluster_name(cluster).principal_arn(principal);
            let call = call.policy_arn(&policy.policy_arn).send().await;
            call.named("EKS.DisassociateAccessPolicy").or_absent()?;
        }
        Ok(())
    }

    async fn delete(&self, cx: &Cx, id: &str, spec: &Spec) -> CloudResult<()> {
        let (cluster, principal) = parts(spec, Some(id));
        let call = cx.clients().eks.delete_access_entry().cluster_name(cluster).principal_arn(principal);
        call.send().await.named("EKS.DeleteAccessEntry").or_absent().map(drop)
    }
}

fn parts<'a>(spec: &'a Spec, id: Option<&'a str>) -> (&'a str, &'a str) {
    id.and_then(|id| id.split_once('/')).unwrap_or((&spec.cluster, &spec.principal_arn))
}

/// The policies of an entry; one that is as wanted is told in the words of the wanted one.
async fn policies(cx: &Cx, cluster: &str, principal: &str, wanted: &[Policy]) -> CloudResult<Vec<Policy>> {
    let call =
        cx.clients().eks.list_associated_access_policies().cluster_name(cluster).principal_arn(principal);
    let pages = call.into_paginator().send();
    let pages = pages.try_collect().await.named("EKS.ListAssociatedAccessPolicies")?;
    let all = pages.iter().flat_map(|page| page.associated_access_policies());
    let mut told: Vec<Policy> = all
        .map(|one| Policy {
            policy_arn: one.policy_arn().unwrap_or_default().to_owned(),
            namespaces: one.access_scope().map(|scope| scope.namespaces().to_vec()).unwrap_or_default(),
        })
        .map(|there| wanted.iter().find(|policy| policy.same(&there)).cloned().unwrap_or(there))
        .collect();
    told.sort_by(|a, b| a.policy_arn.cmp(&b.policy_arn));
    Ok(told)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::conformance::conforms;
    use super::super::{AnyKind, Erased, Ownership};
    use super::*;
    use crate::cloud::ErrorSort;
    use crate::sandbox::aws::eks::tests::{ground_with_cluster, role};

    const KIND: Erased<EksAccessEntry> = Erased(EksAccessEntry);

    fn policy(name: &str) -> String {
        format!("arn:aws:eks::aws:cluster-access-policy/{name}")
    }

    #[tokio::test(start_paused = true)]
    async fn it_conforms() {
        let ground = ground_with_cluster("edge").await;
        let first = json!({
            "cluster": "edge", "principal_arn": role("Engineer"), "tags": {"team": "commerce"},
            "policies": [
                {"policy_arn": policy("AmazonEKSViewPolicy"), "namespaces": ["shop", "cart"]},
                {"policy_arn": policy("AmazonEKSClusterAdminPolicy"), "namespaces": []},
            ],
        });
        let second = json!({
            "cluster": "edge", "principal_arn": role("Engineer"), "tags": {},
            "policies": [{"policy_arn": policy("AmazonEKSViewPolicy"), "namespaces": ["shop"]}],
        });
        conforms(&ground, &KIND, &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_or_an_unknown_role_is_no_principal() {
        let ground = ground_with_cluster("edge").await;
        let session = "arn:aws:sts::111122223333:assumed-role/Engineer/sandbox".to_owned();
        for (principal, sort) in [(session, ErrorSort::Invalid), (role("nobody"), ErrorSort::NotYet)] {
            let spec = json!({"cluster": "edge", "principal_arn": principal});
            let error = KIND.create(&ground.cx("e"), &spec).await.expect_err("refused");
            assert_eq!((error.sort, error.code.as_str()), (sort, "InvalidParameterException"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_of_somebody_else_is_told_apart() {
        let ground = ground_with_cluster("edge").await;
        let eks = ground.cx("e").clients().eks;
        let call = eks.create_access_entry().cluster_name("edge").principal_arn(role("Engineer"));
        call.send().await.expect("made");
        let (cx, spec) = (ground.cx("e"), json!({"cluster": "edge", "principal_arn": role("Engineer")}));
        assert_eq!(KIND.create(&cx, &spec).await.expect_err("there").sort, ErrorSort::Exists);
        let found = KIND.find(&cx, &spec, None).await.expect("answered").expect("there");
        assert_eq!(found.owner, Ownership::Untagged);
    }
}
