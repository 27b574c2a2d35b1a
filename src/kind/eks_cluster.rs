//! `eks_cluster`: a cluster whose access is by API, whose add-ons and administrators are resources of their own.
//!
//! EKS does one change of a cluster at a time, and one sort a call: what comes second is refused while the first
//! runs, and is asked for again when that is done. The security group of the cluster appears while it is created.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::{AuthenticationMode, CreateAccessConfigRequest, VpcConfigRequest};
use futures::future::try_join;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Effect, Found, Hold, Kind, Leak, Readiness, strangers};
use crate::cloud::ec2::{filter, text};
use crate::cloud::eks::{self, ClusterOutputs, ClusterState};
use crate::cloud::{Absent, CloudResult, ClusterRef, Cx, Named, split_tags};
use crate::shape::{Recovery, Shape, Timing};
use crate::sweep::cluster;

/// The kind.
pub struct EksCluster;

/// What a cluster should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Unique in account and region.
    pub name: String,
    /// Such as `1.35`; goes up by one minor version at a time.
    pub version: String,
    /// The role of the control plane.
    pub role_arn: String,
    /// The VPC of the subnets.
    pub vpc_id: String,
    /// In two zones at least; a set.
    pub subnet_ids: Vec<String>,
    /// Whether the API server is reached from the internet.
    pub public_endpoint: bool,
    /// Whether the API server is reached within the VPC.
    pub private_endpoint: bool,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Kind for EksCluster {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Token,
        fixed: &["name", "role_arn", "vpc_id"],
        sets: &["subnet_ids"],
        climbs: &["version"],
        leaves: true,
        timing: Timing::LONG,
        ..Shape::managed("eks_cluster", "EKS cluster", "eks")
    };
    type Spec = Spec;
    type Outputs = ClusterOutputs;

    async fn find(
        &self,
        cx: &Cx,
        spec: &Spec,
        id: Option<&str>,
    ) -> CloudResult<Option<Found<Spec, ClusterOutputs>>> {
        let name = id.unwrap_or(&spec.name);
        let call = cx.clients().eks.describe_cluster().name(name).send().await.named("EKS.DescribeCluster");
        let Some(cluster) = call.or_absent()?.and_then(|answer| answer.cluster) else { return Ok(None) };
        let outputs = ClusterOutputs::of(&cluster);
        let (tags, owner) = split_tags(cluster.tags().cloned().unwrap_or_default());
        let vpc = cluster.resources_vpc_config();
        let mut subnet_ids = vpc.map(|vpc| vpc.subnet_ids().to_vec()).unwrap_or_default();
        subnet_ids.sort();
        let spec = Spec {
            name: outputs.name.clone(),
            version: cluster.version().unwrap_or_default().to_owned(),
            role_arn: cluster.role_arn().unwrap_or_default().to_owned(),
            vpc_id: outputs.vpc_id.clone(),
            subnet_ids,
            public_endpoint: vpc.is_some_and(|vpc| vpc.endpoint_public_access()),
            private_endpoint: vpc.is_some_and(|vpc| vpc.endpoint_private_access()),
            tags,
        };
        let readiness = readiness(&spec.name, ClusterState::of(&cluster));
        Ok(Some(Found { id: spec.name.clone(), spec, outputs, readiness, owner }))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        forget(cx, &spec.name);
        let vpc = VpcConfigRequest::builder()
            .set_subnet_ids(Some(spec.subnet_ids.clone()))
            .endpoint_public_access(spec.public_endpoint)
            .endpoint_private_access(spec.private_endpoint);
        let access = CreateAccessConfigRequest::builder()
            .authentication_mode(AuthenticationMode::Api)
            .bootstrap_cluster_creator_admin_permissions(false);
        let call = cx.clients().eks.create_cluster();
        call.name(&spec.name)
            .version(&spec.version)
            .role_arn(&spec.role_arn)
            .resources_vpc_config(vpc.build())
            .access_config(access.build())
            .bootstrap_self_managed_addons(false)
            .set_tags(Some(cx.tags(&spec.tags).into_iter().collect()))
            .client_request_token(cx.token())
            .send()
            .await
            .named("EKS.CreateCluster")
            .map_err(eks::maybe_not_yet)?;
        Ok(spec.name.clone())
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        if from.tags != to.tags {
            let call =
                cx.clients().eks.describe_cluster().name(id).send().await.named("EKS.DescribeCluster")?;
            let arn = call.cluster.and_then(|cluster| cluster.arn).unwrap_or_default();
            eks::retag(cx, &arn, &from.tags, &to.tags).await?;
        }
        let endpoints = |spec: &Spec| (spec.public_endpoint, spec.private_endpoint);
        if endpoints(from) != endpoints(to) {
            let vpc = VpcConfigRequest::builder()
                .endpoint_public_access(to.public_endpoint)
                .endpoint_private_access(to.private_endpoint);
            configure(cx, id, vpc.build()).await?;
        }
        let subnets = |spec: &Spec| spec.subnet_ids.iter().cloned().collect::<BTreeSet<_>>();
        if subnets(from) != subnets(to) {
            let vpc = VpcConfigRequest::builder().set_subnet_ids(Some(to.subnet_ids.clone()));
            configure(cx, id, vpc.build()).await?;
        }
        if from.version != to.version {
            let call = cx.clients().eks.update_cluster_version().name(id).version(&to.version);
            unless_so_already(call.send().await.named("EKS.UpdateClusterVersion").map(drop))?;
        }
        Ok(())
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        forget(cx, id);
        let call = cx.clients().eks.delete_cluster().name(id).send().await.named("EKS.DeleteCluster");
        call.or_absent().map(drop)
    }

    async fn held(&self, cx: &Cx, _: &Spec, id: &str, outputs: &Json) -> CloudResult<Vec<Hold>> {
        let protection = (outputs["protected"] == true).then(|| Hold {
            what: format!(
                "its deletion protection is on; `aws eks update-cluster-config --name {id} --region {} \
                 --no-deletion-protection` turns it off",
                cx.region()
            ),
            of: Vec::new(),
            effect: Effect::Blocks,
        });
        let mut held: Vec<Hold> = protection.into_iter().collect();
        if let Some(group) = outputs["cluster_security_group_id"].as_str().filter(|id| !id.is_empty()) {
            held.extend(strangers::rules_naming(&cx.clients(), group).await?);
        }
        Ok(held)
    }

    /// What its controllers left behind, whenever that was; interfaces that the VPC CNI made for nodes which went before
    /// it could take them back, and the security group of the cluster where EKS could not remove it.
    async fn remains(&self, cx: &Cx, spec: &Spec, _: Option<&ClusterOutputs>) -> CloudResult<Vec<String>> {
        let made = cluster::made_in(cx.cloud(), of(cx, spec)).await?;
        let left = left(cx, spec).await?;
        let interface = |id: &String| format!("network interface {id} of the VPC CNI");
        let group = |id: &String| format!("security group {id}");
        let of_eks = left.interfaces.iter().map(interface).chain(left.groups.iter().map(group));
        Ok(made.iter().filter_map(cluster::words).chain(of_eks).collect())
    }

    async fn leaks(&self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<Leak>> {
        Ok(cluster::leaks(&cluster::made_in(cx.cloud(), of(cx, spec)).await?))
    }

    async fn sweep(&self, cx: &Cx, spec: &Spec) -> CloudResult<()> {
        let left = left(cx, spec).await?;
        for id in &left.interfaces {
            let params = json!({ "NetworkInterfaceId": id });
            cx.clients().ec2.call("DeleteNetworkInterface", params).await.or_absent()?;
        }
        for id in left.groups.iter().filter(|_| left.interfaces.is_empty()) {
            strangers::close(&cx.clients(), id).await?;
            let params = json!({ "GroupId": id });
            cx.clients().ec2.call("DeleteSecurityGroup", params).await.or_absent()?;
        }
        let made = cluster::made_in(cx.cloud(), of(cx, spec)).await?;
        cluster::remove_now(cx.cloud(), cx.place(), &made).await
    }
}

/// By which its things are known: the account is that of its role.
fn of<'a>(cx: &'a Cx, spec: &'a Spec) -> cluster::Of<'a> {
    let account = spec.role_arn.split(':').nth(4).unwrap_or_default();
    cluster::Of { place: cx.place(), account, name: &spec.name, vpc: &spec.vpc_id }
}

/// What a cluster left in its VPC.
struct Left {
    interfaces: Vec<String>,
    groups: Vec<String>,
}

/// Looks for it by the tags of the cluster. Interfaces count only while nothing holds them.
async fn left(cx: &Cx, spec: &Spec) -> CloudResult<Left> {
    let of = |tag: &str| vec![filter("vpc-id", [&*spec.vpc_id]), filter(tag, [&*spec.name])];
    let mut filters = of("tag:cluster.k8s.amazonaws.com/name");
    filters.push(filter("status", ["available"]));
    let ec2 = &cx.clients().ec2;
    let interfaces =
        ec2.pages("DescribeNetworkInterfaces", json!({ "Filter": filters }), "networkInterfaceSet");
    let groups = json!({ "Filter": of("tag:aws:eks:cluster-name") });
    let groups = ec2.pages("DescribeSecurityGroups", groups, "securityGroupInfo");
    let (interfaces, groups) = try_join(interfaces, groups).await?;
    let ids = |docs: &[Json], field: &str| docs.iter().map(|doc| text(doc, field)).collect();
    Ok(Left { interfaces: ids(&interfaces, "networkInterfaceId"), groups: ids(&groups, "groupId") })
}

fn readiness(name: &str, state: ClusterState) -> Readiness {
    match state {
        ClusterState::Active => Readiness::Ready,
        ClusterState::Changing(status) => Readiness::Pending(format!("cluster {name} is {status}")),
        ClusterState::Failed(why) => Readiness::Broken(format!("cluster {name} is {why}")),
        ClusterState::Deleting => Readiness::Leaving(format!("cluster {name} is DELETING")),
    }
}

/// Another cluster of this name is reached another way.
fn forget(cx: &Cx, name: &str) {
    let (region, account) = (cx.region().to_owned(), cx.place().account.clone());
    cx.cloud().forget(&ClusterRef::Eks { eks: name.to_owned(), region, account });
}

async fn configure(cx: &Cx, name: &str, vpc: VpcConfigRequest) -> CloudResult<()> {
    let call = cx.clients().eks.update_cluster_config().name(name).resources_vpc_config(vpc);
    unless_so_already(call.send().await.named("EKS.UpdateClusterConfig").map(drop))
}

/// An update that is repeated finds nothing to do.
fn unless_so_already(result: CloudResult<()>) -> CloudResult<()> {
    match result {
        Err(error) if eks::is_so_already(&error) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::conformance::{Ground, conforms};
    use super::super::{AnyKind, Erased};
    use super::*;
    use crate::cloud::ErrorSort;
    use crate::sandbox::aws::eks::tests::{cluster, stage};

    const KIND: Erased<EksCluster> = Erased(EksCluster);

    #[tokio::test(start_paused = true)]
    async fn it_conforms() {
        let ground = Ground::new();
        stage(&ground.sandbox);
        let before = ground.sandbox.world().all().count();
        let mut second = cluster("edge");
        second["subnet_ids"] = json!(["subnet-c", "subnet-b"]);
        second["private_endpoint"] = json!(true);
        second["version"] = json!("1.35");
        second["tags"] = json!({"team": "shop"});
        conforms(&ground, &KIND, &cluster("edge"), &second).await;
        assert_eq!(ground.sandbox.world().all().count(), before, "something is left");
    }

    #[tokio::test(start_paused = true)]
    async fn it_takes_about_nine_minutes_and_gives_what_clients_need() {
        let ground = Ground::new();
        stage(&ground.sandbox);
        let made = ground.make(&KIND, "edge", &cluster("edge")).await;
        let minutes = ground.sandbox.clock().elapsed().as_secs() / 60;
        assert!((9..=10).contains(&minutes), "{minutes}");
        assert!(
            made.outputs["endpoint"]
                .as_str()
                .is_some_and(|text| text.ends_with(".gr7.us-west-2.eks.amazonaws.com"))
        );
        assert!(made.outputs["cluster_security_group_id"].as_str().is_some_and(|id| id.starts_with("sg-")));
        assert_eq!(made.outputs["vpc_id"], "vpc-1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_that_is_not_there_is_waited_for() {
        let ground = Ground::new();
        stage(&ground.sandbox);
        let mut spec = cluster("edge");
        spec["role_arn"] = json!("arn:aws:iam::111122223333:role/node");
        let error = KIND.create(&ground.cx("edge"), &spec).await.expect_err("it trusts somebody else");
        assert_eq!((error.sort, error.code.as_str()), (ErrorSort::NotYet, "InvalidParameterException"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_zone_or_an_unknown_subnet_is_refused() {
        let ground = Ground::new();
        stage(&ground.sandbox);
        for subnets in [json!(["subnet-a"]), json!(["subnet-a", "subnet-x"])] {
            let mut spec = cluster("edge");
            spec["subnet_ids"] = subnets;
            let error = KIND.create(&ground.cx("edge"), &spec).await.expect_err("refused");
            assert_eq!(error.sort, ErrorSort::Invalid, "{error}");
        }
    }
}
