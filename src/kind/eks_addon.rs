//! `eks_addon`: an add-on of a cluster.
//!
//! EKS says DEGRADED while the pods of an add-on are not up yet: that passes, and is waited for. What was changed in
//! the cluster by others is overwritten. A configuration that leaves the file goes back to none.

use std::collections::BTreeMap;

use aws_sdk_eks::types::{Addon, AddonStatus, ResolveConflicts};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Found, Kind, Readiness};
use crate::cloud::{Absent, CloudResult, Cx, Named, eks, split_tags};
use crate::shape::{Recovery, Shape, Timing};

/// The kind.
pub struct EksAddon;

/// What an add-on should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The cluster's name.
    pub cluster: String,
    /// `vpc-cni`, `coredns` …
    pub name: String,
    /// The default of the cluster's version at creation if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// A JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Json>,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What EKS gives an add-on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:eks:…:addon/…`.
    pub arn: String,
    /// `v1.20.4-eksbuild.1`.
    pub version: String,
}

impl Kind for EksAddon {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Token,
        fixed: &["cluster", "name"],
        keep: &["version"],
        timing: Timing::of(60, 5, 20),
        ..Shape::managed("eks_addon", "EKS add-on", "eks")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(
        &self,
        cx: &Cx,
        spec: &Spec,
        id: Option<&str>,
    ) -> CloudResult<Option<Found<Spec, Outputs>>> {
        let (cluster, name) = parts(spec, id);
        let Some(addon) = describe(cx, cluster, name).await? else { return Ok(None) };
        let (tags, owner) = split_tags(addon.tags().cloned().unwrap_or_default());
        let outputs = Outputs {
            arn: addon.addon_arn().unwrap_or_default().to_owned(),
            version: addon.addon_version().unwrap_or_default().to_owned(),
        };
        let spec = Spec {
            cluster: cluster.to_owned(),
            name: name.to_owned(),
            version: addon.addon_version().map(str::to_owned),
            configuration: configuration(&addon),
            tags,
        };
        let readiness = readiness(name, &addon);
        Ok(Some(Found { id: format!("{cluster}/{name}"), spec, outputs, readiness, owner }))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let call = cx.clients().eks.create_addon();
        call.cluster_name(&spec.cluster)
            .addon_name(&spec.name)
            .set_addon_version(spec.version.clone())
            .set_configuration_values(spec.configuration.as_ref().map(Json::to_string))
            .resolve_conflicts(ResolveConflicts::Overwrite)
            .set_tags(Some(cx.tags(&spec.tags).into_iter().collect()))
            .client_request_token(cx.token())
            .send()
            .await
            .named("EKS.CreateAddon")
            .map_err(eks::maybe_not_yet)?;
        Ok(format!("{}/{}", spec.cluster, spec.name))
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        let (cluster, name) = parts(to, Some(id));
        if from.tags != to.tags {
            let addon = describe(cx, cluster, name).await?;
            let arn = addon.and_then(|addon| addon.addon_arn).unwrap_or_default();
            eks::retag(cx, &arn, &from.tags, &to.tags).await?;
        }
        let version = to.version.clone().filter(|version| from.version.as_ref() != Some(version));
        let configured = from.configuration != to.configuration;
        if version.is_none() && !configured {
            return Ok(());
        }
        let values = to.configuration.as_ref().map_or_else(|| "{}".to_owned(), Json::to_string);
        let call = cx.clients().eks.update_addon().cluster_name(cluster).addon_name(name);
        call.set_addon_version(version)
            .set_configuration_values(configured.then_some(values))
            .resolve_conflicts(ResolveConflicts::Overwrite)
            .send()
            .await
            .named("EKS.UpdateAddon")
            .map(drop)
    }

    async fn delete(&self, cx: &Cx, id: &str, spec: &Spec) -> CloudResult<()> {
        let (cluster, name) = parts(spec, Some(id));
        let call = cx.clients().eks.delete_addon().cluster_name(cluster).addon_name(name);
        call.send().await.named("EKS.DeleteAddon").or_absent().map(drop)
    }
}

fn parts<'a>(spec: &'a Spec, id: Option<&'a str>) -> (&'a str, &'a str) {
    id.and_then(|id| id.split_once('/')).unwrap_or((&spec.cluster, &spec.name))
}

async fn describe(cx: &Cx, cluster: &str, name: &str) -> CloudResult<Option<Addon>> {
    let call = cx.clients().eks.describe_addon().cluster_name(cluster).addon_name(name);
    let answer = call.send().await.named("EKS.DescribeAddon").or_absent()?;
    Ok(answer.and_then(|answer| answer.addon))
}

/// An empty configuration is none; one that somebody wrote as YAML is told as its text.
fn configuration(addon: &Addon) -> Option<Json> {
    let text = addon.configuration_values().filter(|text| !text.trim().is_empty())?;
    let values = serde_json::from_str(text).unwrap_or_else(|_| Json::from(text));
    (values != Json::Object(serde_json::Map::new())).then_some(values)
}

fn readiness(name: &str, addon: &Addon) -> Readiness {
    let status = addon.status().map_or("unknown", AddonStatus::as_str);
    let issues = addon.health().map(|health| health.issues()).unwrap_or_default();
    let told = issues
        .iter()
        .map(|one| (one.code().map(|code| code.as_str().to_owned()), one.message().map(str::to_owned)));
    let words = format!("add-on {name} is {}", eks::issues_in_words(status, told));
    match addon.status() {
        Some(AddonStatus::Active) => Readiness::Ready,
        Some(AddonStatus::Deleting) => Readiness::Leaving(words),
        Some(AddonStatus::CreateFailed | AddonStatus::DeleteFailed | AddonStatus::UpdateFailed) => {
            Readiness::Broken(words)
        }
        _ => Readiness::Pending(words),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::conformance::conforms;
    use super::super::eks_node_group::EksNodeGroup;
    use super::super::{AnyKind, Erased};
    use super::*;
    use crate::cloud::ErrorSort;
    use crate::sandbox::aws::eks::tests::{ground_with_cluster, role};

    const KIND: Erased<EksAddon> = Erased(EksAddon);

    #[tokio::test(start_paused = true)]
    async fn it_conforms() {
        let ground = ground_with_cluster("edge").await;
        let first = json!({
            "cluster": "edge", "name": "vpc-cni", "version": "v1.20.4-eksbuild.1",
            "configuration": {"env": {"ENABLE_PREFIX_DELEGATION": "true"}}, "tags": {"team": "commerce", "old": "1"},
        });
        let second = json!({"cluster": "edge", "name": "vpc-cni", "version": "v1.21.1-eksbuild.1", "tags": {"team": "shop"}});
        conforms(&ground, &KIND, &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_configuration_that_left_the_file_is_taken_back() {
        let ground = ground_with_cluster("edge").await;
        let cx = ground.cx("a");
        let with = json!({"cluster": "edge", "name": "vpc-cni", "configuration": {"a": 1}});
        let made = ground.make(&KIND, "a", &with).await;
        assert_eq!(made.spec["configuration"], json!({"a": 1}));
        let without = json!({"cluster": "edge", "name": "vpc-cni"});
        KIND.update(&cx, &made.id, &made.spec, &without).await.expect("updated");
        ground.sandbox.clock().sleep(Duration::from_secs(40)).await;
        let found = KIND.find(&cx, &without, None).await.expect("answered").expect("there");
        assert_eq!((found.spec.get("configuration"), found.readiness), (None, Readiness::Ready));
    }

    #[tokio::test(start_paused = true)]
    async fn coredns_waits_for_nodes() {
        let ground = ground_with_cluster("edge").await;
        let (cx, spec) = (ground.cx("a"), json!({"cluster": "edge", "name": "coredns"}));
        KIND.create(&cx, &spec).await.expect("begun");
        ground.sandbox.clock().sleep(Duration::from_secs(60)).await;
        let found = KIND.find(&cx, &spec, None).await.expect("answered").expect("there");
        assert!(
            matches!(&found.readiness, Readiness::Pending(why) if why.contains("InsufficientNumberOfReplicas"))
        );
        let group = json!({
            "cluster": "edge", "name": "default", "role_arn": role("node"), "subnet_ids": ["subnet-a"],
            "instance_types": ["m7i.large"], "ami_type": "AL2023_x86_64_STANDARD", "capacity_type": "ON_DEMAND",
            "disk_size": 20, "size": {"min": 1, "max": 1},
        });
        ground.make(&Erased(EksNodeGroup), "n", &group).await;
        ground.sandbox.clock().sleep(Duration::from_secs(60)).await;
        let found = KIND.find(&cx, &spec, None).await.expect("answered").expect("there");
        assert_eq!(found.readiness, Readiness::Ready);
    }

    #[tokio::test(start_paused = true)]
    async fn unknown_names_and_versions_are_refused() {
        let ground = ground_with_cluster("edge").await;
        for spec in [
            json!({"cluster": "edge", "name": "nonsense"}),
            json!({"cluster": "edge", "name": "vpc-cni", "version": "v0.0.1"}),
        ] {
            let error = KIND.create(&ground.cx("a"), &spec).await.expect_err("refused");
            assert_eq!(error.sort, ErrorSort::Invalid, "{error}");
        }
    }
}
