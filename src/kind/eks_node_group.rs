//! `eks_node_group`: managed nodes of a cluster.
//!
//! EKS does one change of a node group at a time: a new version and new sizes come one after the other. How many
//! nodes there are now is the autoscaler's business unless the file says it; it is only brought within its bounds.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_eks::types::{
    AmiTypes, CapacityTypes, Nodegroup, NodegroupScalingConfig, NodegroupStatus, UpdateLabelsPayload,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Effect, Found, Hold, Kind, Readiness};
use crate::cloud::{Absent, CloudResult, ClusterRef, Cx, Named, eks, split_tags};
use crate::shape::{Recovery, Shape, Timing};

/// The kind.
pub struct EksNodeGroup;

/// What a node group should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The cluster's name.
    pub cluster: String,
    /// Unique in the cluster.
    pub name: String,
    /// The role of the nodes.
    pub role_arn: String,
    /// Where nodes run; a set.
    pub subnet_ids: Vec<String>,
    /// In order of preference, all of one architecture.
    pub instance_types: Vec<String>,
    /// Such as `AL2023_ARM_64_STANDARD`.
    pub ami_type: String,
    /// `ON_DEMAND` or `SPOT`.
    pub capacity_type: String,
    /// GiB.
    pub disk_size: i32,
    /// How many nodes.
    pub size: Size,
    /// Labels of the nodes.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Kubernetes version; that of the cluster at creation if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// How many nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// At least.
    pub min: i32,
    /// At most.
    pub max: i32,
    /// Now; `min` at creation if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<i32>,
}

impl Size {
    /// The number of nodes to ask for where there are `now`. A number that is only kept may be out of new bounds.
    fn desired(&self, now: i32) -> i32 {
        self.desired.unwrap_or(now).min(self.max).max(self.min)
    }

    fn wire(&self, now: i32) -> NodegroupScalingConfig {
        let sizes = NodegroupScalingConfig::builder().min_size(self.min).max_size(self.max);
        sizes.desired_size(self.desired(now)).build()
    }

    /// Whether this asks for more than `there` is.
    fn differs(&self, there: &Self) -> bool {
        let now = there.desired.unwrap_or(there.min);
        (self.min, self.max, self.desired(now)) != (there.min, there.max, now)
    }
}

/// What EKS gives a node group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:eks:…:nodegroup/…`.
    pub arn: String,
}

/// Budgets of others that let no pod go: EKS waits for them before it ends a node.
async fn budgets(cx: &Cx, spec: &Spec) -> CloudResult<Vec<Hold>> {
    let place = cx.place();
    let (eks, region, account) = (spec.cluster.clone(), place.region.clone(), place.account.clone());
    let objects = cx.objects(&ClusterRef::Eks { eks, region, account }).await?;
    let all = objects.everywhere("policy/v1", "PodDisruptionBudget").await?;
    let is_tight = |budget: &&Json| {
        let (status, metadata) = (&budget["status"], &budget["metadata"]);
        status["disruptionsAllowed"] == 0
            && status["expectedPods"].as_i64().unwrap_or(0) > 0
            && metadata["annotations"]["stack/lineage"] != cx.lineage()
    };
    let hold = |budget: &Json| {
        let text = |field: &str| budget["metadata"][field].as_str().unwrap_or_default();
        let what = format!(
            "PodDisruptionBudget {}/{} lets no pod go: EKS waits for it before it ends the nodes",
            text("namespace"),
            text("name")
        );
        Hold { what, of: Vec::new(), effect: Effect::Delays }
    };
    Ok(all.iter().filter(is_tight).map(hold).collect())
}

impl Kind for EksNodeGroup {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Token,
        fixed: &[
            "cluster",
            "name",
            "role_arn",
            "subnet_ids",
            "instance_types",
            "ami_type",
            "capacity_type",
            "disk_size",
        ],
        sets: &["subnet_ids"],
        volatile: &["size.desired"],
        keep: &["size.desired", "version"],
        create_first: true,
        twin: Some("name"),
        timing: Timing::of(150, 10, 40),
        ..Shape::managed("eks_node_group", "EKS node group", "eks")
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
        let group = describe(cx, cluster, name).await?;
        Ok(group.map(|group| {
            let (tags, owner) = split_tags(group.tags().cloned().unwrap_or_default());
            let outputs = Outputs { arn: group.nodegroup_arn().unwrap_or_default().to_owned() };
            let readiness = readiness(&group);
            Found { id: format!("{cluster}/{name}"), spec: told(&group, tags), outputs, readiness, owner }
        }))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let call = cx.clients().eks.create_nodegroup();
        call.cluster_name(&spec.cluster)
            .nodegroup_name(&spec.name)
            .node_role(&spec.role_arn)
            .set_subnets(Some(spec.subnet_ids.clone()))
            .set_instance_types(Some(spec.instance_types.clone()))
            .ami_type(AmiTypes::from(spec.ami_type.as_str()))
            .capacity_type(CapacityTypes::from(spec.capacity_type.as_str()))
            .disk_size(spec.disk_size)
            .scaling_config(spec.size.wire(spec.size.min))
            .set_labels(Some(spec.labels.clone().into_iter().collect()))
            .set_version(spec.version.clone())
            .set_tags(Some(cx.tags(&spec.tags).into_iter().collect()))
            .client_request_token(cx.token())
            .send()
            .await
            .named("EKS.CreateNodegroup")
            .map_err(eks::maybe_not_yet)?;
        Ok(format!("{}/{}", spec.cluster, spec.name))
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        let (cluster, name) = parts(to, Some(id));
        if from.tags != to.tags {
            let group = describe(cx, cluster, name).await?;
            let arn = group.and_then(|group| group.nodegroup_arn).unwrap_or_default();
            eks::retag(cx, &arn, &from.tags, &to.tags).await?;
        }
        configure(cx, (cluster, name), from, to).await?;
        if let Some(version) = to.version.as_ref().filter(|version| from.version.as_ref() != Some(*version)) {
            let call = cx.clients().eks.update_nodegroup_version().cluster_name(cluster).nodegroup_name(name);
            call.version(version).send().await.named("EKS.UpdateNodegroupVersion")?;
        }
        Ok(())
    }

    async fn held(&self, cx: &Cx, spec: &Spec, _: &str, _: &Json) -> CloudResult<Vec<Hold>> {
        budgets(cx, spec).await
    }

    async fn delete(&self, cx: &Cx, id: &str, spec: &Spec) -> CloudResult<()> {
        let (cluster, name) = parts(spec, Some(id));
        let call = cx.clients().eks.delete_nodegroup().cluster_name(cluster).nodegroup_name(name);
        call.send().await.named("EKS.DeleteNodegroup").or_absent().map(drop)
    }
}

fn parts<'a>(spec: &'a Spec, id: Option<&'a str>) -> (&'a str, &'a str) {
    id.and_then(|id| id.split_once('/')).unwrap_or((&spec.cluster, &spec.name))
}

async fn describe(cx: &Cx, cluster: &str, name: &str) -> CloudResult<Option<Nodegroup>> {
    let call = cx.clients().eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(name);
    let answer = call.send().await.named("EKS.DescribeNodegroup").or_absent()?;
    Ok(answer.and_then(|answer| answer.nodegroup))
}

/// Sizes and labels go in one call.
async fn configure(cx: &Cx, (cluster, name): (&str, &str), from: &Spec, to: &Spec) -> CloudResult<()> {
    let sized = to.size.differs(&from.size);
    if !sized && from.labels == to.labels {
        return Ok(());
    }
    let mut call = cx.clients().eks.update_nodegroup_config().cluster_name(cluster).nodegroup_name(name);
    if sized {
        call = call.scaling_config(to.size.wire(from.size.desired.unwrap_or(from.size.min)));
    }
    if from.labels != to.labels {
        let changed = to.labels.iter().filter(|(key, value)| from.labels.get(*key) != Some(*value));
        let changed: HashMap<String, String> =
            changed.map(|(key, value)| (key.clone(), value.clone())).collect();
        let gone: Vec<String> =
            from.labels.keys().filter(|key| !to.labels.contains_key(*key)).cloned().collect();
        let labels = UpdateLabelsPayload::builder()
            .set_add_or_update_labels((!changed.is_empty()).then_some(changed))
            .set_remove_labels((!gone.is_empty()).then_some(gone));
        call = call.labels(labels.build());
    }
    call.send().await.named("EKS.UpdateNodegroupConfig").map(drop)
}

fn readiness(group: &Nodegroup) -> Readiness {
    let name = group.nodegroup_name().unwrap_or_default();
    let status = group.status().map_or("unknown", NodegroupStatus::as_str);
    let issues = group.health().map(|health| health.issues()).unwrap_or_default();
    let told = issues
        .iter()
        .map(|one| (one.code().map(|code| code.as_str().to_owned()), one.message().map(str::to_owned)));
    match group.status() {
        Some(NodegroupStatus::Active) => Readiness::Ready,
        Some(NodegroupStatus::Deleting) => Readiness::Leaving(format!("node group {name} is {status}")),
        Some(NodegroupStatus::CreateFailed | NodegroupStatus::Degraded | NodegroupStatus::DeleteFailed) => {
            Readiness::Broken(format!("node group {name} is {}", eks::issues_in_words(status, told)))
        }
        _ => Readiness::Pending(format!("node group {name} is {status}")),
    }
}

fn told(group: &Nodegroup, tags: BTreeMap<String, String>) -> Spec {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let sizes = group.scaling_config();
    let mut subnet_ids = group.subnets().to_vec();
    subnet_ids.sort();
    Spec {
        cluster: text(group.cluster_name()),
        name: text(group.nodegroup_name()),
        role_arn: text(group.node_role()),
        subnet_ids,
        instance_types: group.instance_types().to_vec(),
        ami_type: text(group.ami_type().map(AmiTypes::as_str)),
        capacity_type: text(group.capacity_type().map(CapacityTypes::as_str)),
        disk_size: group.disk_size().unwrap_or_default(),
        size: Size {
            min: sizes.and_then(|sizes| sizes.min_size()).unwrap_or_default(),
            max: sizes.and_then(|sizes| sizes.max_size()).unwrap_or_default(),
            desired: sizes.and_then(|sizes| sizes.desired_size()),
        },
        labels: group
            .labels()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        version: group.version().map(str::to_owned),
        tags,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::conformance::{Ground, conforms};
    use super::super::{AnyKind, Erased};
    use super::*;
    use crate::cloud::ErrorSort;
    use crate::sandbox::aws::eks::tests::{ground_with_cluster, role};

    const KIND: Erased<EksNodeGroup> = Erased(EksNodeGroup);

    fn group() -> Json {
        json!({
            "cluster": "edge", "name": "default", "role_arn": role("node"), "subnet_ids": ["subnet-a", "subnet-b", "subnet-c"],
            "instance_types": ["m7g.large"], "ami_type": "AL2023_ARM_64_STANDARD", "capacity_type": "ON_DEMAND", "disk_size": 30,
            "size": {"min": 2, "max": 4}, "labels": {"tier": "web", "old": "1"}, "version": "1.33", "tags": {"team": "commerce"},
        })
    }

    /// How many documents of a table there are.
    fn count(ground: &Ground, table: &str) -> usize {
        ground.sandbox.world().all().filter(|(key, _)| key.table == table).count()
    }

    #[tokio::test(start_paused = true)]
    async fn it_conforms() {
        let ground = ground_with_cluster("edge").await;
        let mut second = group();
        second["size"] = json!({"min": 3, "max": 6});
        second["labels"] = json!({"tier": "api", "new": "1"});
        second["version"] = json!("1.34");
        second["tags"] = json!({"team": "shop"});
        let before = ground.sandbox.world().all().filter(|(key, _)| key.table != "eks/update").count();
        conforms(&ground, &KIND, &group(), &second).await;
        assert_eq!(ground.sandbox.world().all().filter(|(key, _)| key.table != "eks/update").count(), before);
    }

    #[tokio::test(start_paused = true)]
    async fn nodes_and_interfaces_follow_the_size() {
        let ground = ground_with_cluster("edge").await;
        let before = count(&ground, "ec2/network-interface");
        let made = ground.make(&KIND, "n", &group()).await;
        assert_eq!(count(&ground, "kube/edge/core/nodes"), 2);
        assert_eq!(count(&ground, "ec2/network-interface"), before + 2);
        let mut bigger = group();
        bigger["size"] = json!({"min": 3, "max": 4});
        KIND.update(&ground.cx("n"), &made.id, &made.spec, &bigger).await.expect("changed");
        ground.sandbox.clock().sleep(std::time::Duration::from_secs(61)).await;
        assert_eq!(count(&ground, "kube/edge/core/nodes"), 3);
        let world = ground.sandbox.world();
        let (_, node) = world.all().find(|(key, _)| key.table == "kube/edge/core/nodes").expect("a node");
        assert_eq!(node["metadata"]["labels"]["tier"], "web");
        assert_eq!(node["status"]["conditions"][0]["type"], "Ready");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_is_refused() {
        let ground = ground_with_cluster("edge").await;
        let cx = ground.cx("n");
        for (field, wrong) in [
            ("ami_type", json!("AL2023_x86_64_STANDARD")),
            ("instance_types", json!(["m7g.large", "m7i.large"])),
            ("size", json!({"min": 3, "max": 2})),
            ("subnet_ids", json!(["subnet-x"])),
            ("version", json!("1.35")),
        ] {
            let mut spec = group();
            spec[field] = wrong;
            let error = KIND.create(&cx, &spec).await.expect_err(field);
            assert_eq!(
                (error.sort, error.code.as_str()),
                (ErrorSort::Invalid, "InvalidParameterException"),
                "{field}"
            );
        }
        let mut spec = group();
        spec["role_arn"] = json!(role("cluster"));
        assert_eq!(KIND.create(&cx, &spec).await.expect_err("wrong trust").sort, ErrorSort::NotYet);
    }

    #[tokio::test(start_paused = true)]
    async fn nodes_that_cannot_join_break_it() {
        let ground = ground_with_cluster("edge").await;
        let iam = ground.cx("n").clients().iam;
        let policy = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy";
        iam.detach_role_policy().role_name("node").policy_arn(policy).send().await.expect("detached");
        let cx = ground.cx("n");
        KIND.create(&cx, &group()).await.expect("begun");
        ground.sandbox.clock().sleep(std::time::Duration::from_secs(200)).await;
        let found = KIND.find(&cx, &group(), None).await.expect("answered").expect("there");
        let words = "node group default is CREATE_FAILED: NodeCreationFailure: Instances failed to join the kubernetes cluster";
        assert_eq!(found.readiness, Readiness::Broken(words.to_owned()));
    }

    #[test]
    fn the_number_of_nodes_is_only_brought_within_its_bounds() {
        let size = |min, max, desired| Size { min, max, desired };
        assert!(!size(2, 4, None).differs(&size(2, 4, Some(3))));
        assert!(size(2, 4, Some(2)).differs(&size(2, 4, Some(3))));
        assert_eq!(size(4, 6, None).desired(3), 4);
        assert_eq!(size(1, 2, None).desired(3), 2);
        assert_eq!(size(2, 3, Some(1)).desired(1), 2, "a number from before is brought within them too");
    }
}
