//! What everything in EKS has in common: tags by ARN, what its errors mean, and what a cluster tells of itself.

use aws_sdk_eks::types::{Cluster, ClusterStatus};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::{Deserialize, Serialize};

use super::{CloudError, CloudResult, Cx, ErrorSort, Named, Tags, tag_changes};

/// What EKS gives a cluster. Texts are empty until EKS knows them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterOutputs {
    /// Its name.
    pub name: String,
    /// `arn:aws:eks:…:cluster/…`.
    pub arn: String,
    /// `https://…`.
    pub endpoint: String,
    /// PEM in base64.
    pub certificate_authority: String,
    /// The group that EKS made for control plane and nodes.
    pub cluster_security_group_id: String,
    /// `https://oidc.eks.…`.
    pub oidc_issuer: String,
    /// RFC 3339: another one when the cluster was made anew.
    pub created_at: String,
    /// The VPC it is in.
    pub vpc_id: String,
    /// Whether EKS refuses to delete it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
}

impl ClusterOutputs {
    /// What a cluster tells.
    pub fn of(cluster: &Cluster) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let vpc = cluster.resources_vpc_config();
        let issuer = cluster.identity().and_then(|identity| identity.oidc()).and_then(|oidc| oidc.issuer());
        Self {
            name: text(cluster.name()),
            arn: text(cluster.arn()),
            endpoint: text(cluster.endpoint()),
            certificate_authority: text(cluster.certificate_authority().and_then(|ca| ca.data())),
            cluster_security_group_id: text(vpc.and_then(|vpc| vpc.cluster_security_group_id())),
            oidc_issuer: text(issuer),
            created_at: cluster.created_at().map(time).unwrap_or_default(),
            vpc_id: text(vpc.and_then(|vpc| vpc.vpc_id())),
            protected: cluster.deletion_protection() == Some(true),
        }
    }
}

/// Whether a cluster can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterState {
    /// It can.
    Active,
    /// Not now; its status.
    Changing(String),
    /// It never will; why.
    Failed(String),
    /// It is being deleted.
    Deleting,
}

impl ClusterState {
    /// The state a cluster tells.
    pub fn of(cluster: &Cluster) -> Self {
        match cluster.status() {
            Some(ClusterStatus::Active) => Self::Active,
            Some(ClusterStatus::Deleting) => Self::Deleting,
            Some(ClusterStatus::Failed) => {
                let issues = cluster.health().map(|health| health.issues()).unwrap_or_default();
                let told = issues.iter().map(|one| {
                    (one.code().map(|code| code.as_str().to_owned()), one.message().map(str::to_owned))
                });
                Self::Failed(issues_in_words("FAILED", told))
            }
            other => Self::Changing(other.map_or("unknown", ClusterStatus::as_str).to_owned()),
        }
    }
}

/// A status with what EKS says is wrong: `CREATE_FAILED: NodeCreationFailure: …`.
pub fn issues_in_words(
    status: &str,
    issues: impl IntoIterator<Item = (Option<String>, Option<String>)>,
) -> String {
    let mut words = status.to_owned();
    for (code, message) in issues {
        words.push_str(": ");
        words.push_str(&code.unwrap_or_default());
        if let Some(message) = message {
            words.push_str(": ");
            words.push_str(&message);
        }
    }
    words
}

/// A time as RFC 3339.
fn time(at: &DateTime) -> String {
    at.fmt(Format::DateTime).unwrap_or_default()
}

/// What an error of a create means: a role or its trust may be too new for EKS to see, a cluster not active yet.
pub fn maybe_not_yet(error: CloudError) -> CloudError {
    let says = |words: &[&str]| words.iter().any(|word| error.message.contains(word));
    let role = says(&[
        "could not be assumed",
        "The role with name",
        "trust relationships of nodeRole",
        "Role provided in the request does not exist",
        "Trust policy of the role provided is invalid",
        "invalid principal",
    ]);
    let cluster = says(&["is not in ACTIVE status"]);
    match error.code.as_str() {
        "InvalidParameterException" if role => error.meaning(ErrorSort::NotYet),
        "InvalidRequestException" if cluster => error.meaning(ErrorSort::NotYet),
        _ => error,
    }
}

/// Whether an update was refused because there is nothing to update.
pub fn is_so_already(error: &CloudError) -> bool {
    error.code == "InvalidParameterException" && error.message.contains("is already at")
}

/// Changes the user's tags of something in EKS.
pub async fn retag(cx: &Cx, arn: &str, from: &Tags, to: &Tags) -> CloudResult<()> {
    let eks = cx.clients().eks;
    let (set, gone) = tag_changes(from, to);
    if !gone.is_empty() {
        let call = eks.untag_resource().resource_arn(arn).set_tag_keys(Some(gone));
        call.send().await.named("EKS.UntagResource")?;
    }
    if !set.is_empty() {
        let call = eks.tag_resource().resource_arn(arn).set_tags(Some(set.into_iter().collect()));
        call.send().await.named("EKS.TagResource")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_too_new_is_not_yet_and_the_rest_is_invalid() {
        let sort = |message: &str| {
            maybe_not_yet(CloudError::answered(
                "EKS.CreateCluster",
                "InvalidParameterException",
                message,
                None,
            ))
            .sort
        };
        let role = "Role with arn: a, could not be assumed because it does not exist or the trusted entity is not correct";
        assert_eq!(sort(role), ErrorSort::NotYet);
        assert_eq!(sort("The subnet ID 'subnet-1' does not exist"), ErrorSort::Invalid);
    }
}
