//! Clusters, their parts and EKS's refusals, through the real client.

use serde_json::{Value as Json, json};

use crate::cloud::{CloudError, ErrorSort, Named};
use crate::kind::Registry;
use crate::kind::conformance::Ground;
use crate::sandbox::Sandbox;
use crate::sandbox::world::{ACCOUNT, GLOBAL, Key};

fn key(region: &str, table: &str, id: &str) -> Key {
    Key { account: ACCOUNT.into(), region: region.into(), table: table.into(), id: id.into() }
}

/// Puts in a VPC with three subnets in three zones and the roles `cluster`, `node` and `pod`.
pub(crate) fn stage(sandbox: &Sandbox) {
    let mut world = sandbox.world();
    let region = "us-west-2";
    world.put(key(region, "ec2/vpc", "vpc-1"), json!({ "vpcId": "vpc-1", "cidrBlock": "10.0.0.0/16" }));
    for (at, zone) in ["a", "b", "c"].into_iter().enumerate() {
        let id = format!("subnet-{zone}");
        let doc = json!({
            "subnetId": id, "vpcId": "vpc-1", "availabilityZone": format!("us-west-2{zone}"), "cidrBlock": format!("10.0.{at}.0/24"),
        });
        world.put(key(region, "ec2/subnet", &id), doc);
    }
    for (name, service, policy) in [
        ("cluster", "eks.amazonaws.com", "AmazonEKSClusterPolicy"),
        ("node", "ec2.amazonaws.com", "AmazonEKSWorkerNodePolicy"),
        ("pod", "pods.eks.amazonaws.com", "ReadOnlyAccess"),
    ] {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": service }, "Action": ["sts:AssumeRole", "sts:TagSession"],
        }] });
        let doc = json!({
            "Path": "/", "RoleName": name, "RoleId": "AROA1", "Arn": role(name), "CreateDate": world.timestamp(), "Tags": [],
            "_trust": trust, "_managed": [format!("arn:aws:iam::aws:policy/{policy}")], "_inline": {},
        });
        world.put(key(GLOBAL, "iam/role", name), doc);
    }
}

/// The ARN of a role.
pub(crate) fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// A cluster as the kind wants it.
pub(crate) fn cluster(name: &str) -> Json {
    json!({
        "name": name, "version": "1.34", "role_arn": role("cluster"), "vpc_id": "vpc-1", "subnet_ids": ["subnet-a", "subnet-b"],
        "public_endpoint": true, "private_endpoint": false, "tags": { "team": "commerce", "old": "1" },
    })
}

/// A ground with a stage and an active cluster.
pub(crate) async fn ground_with_cluster(name: &str) -> Ground {
    let ground = Ground::new();
    stage(&ground.sandbox);
    let kind = Registry::builtin().get("eks_cluster").expect("it is registered");
    ground.make(kind, name, &cluster(name)).await;
    ground
}

fn eks(ground: &Ground) -> aws_sdk_eks::Client {
    ground.cx("eks").clients().eks
}

async fn wait(ground: &Ground, seconds: u64) {
    ground.sandbox.clock().sleep(std::time::Duration::from_secs(seconds)).await;
}

fn create(
    ground: &Ground,
    name: &str,
    token: &str,
) -> aws_sdk_eks::operation::create_cluster::builders::CreateClusterFluentBuilder {
    let vpc = aws_sdk_eks::types::VpcConfigRequest::builder().subnet_ids("subnet-a").subnet_ids("subnet-b");
    eks(ground)
        .create_cluster()
        .name(name)
        .role_arn(role("cluster"))
        .resources_vpc_config(vpc.build())
        .client_request_token(token)
}

async fn node_group(ground: &Ground) {
    let sizes = aws_sdk_eks::types::NodegroupScalingConfig::builder().min_size(1).max_size(1).desired_size(1);
    let call =
        eks(ground).create_nodegroup().cluster_name("edge").nodegroup_name("n").node_role(role("node"));
    call.subnets("subnet-a").scaling_config(sizes.build()).send().await.expect("begun");
    wait(ground, 160).await;
}

fn refused<T: std::fmt::Debug>(result: Result<T, CloudError>) -> (ErrorSort, String) {
    let error = result.expect_err("it is refused");
    (error.sort, error.code)
}

#[tokio::test(start_paused = true)]
async fn a_token_makes_one_cluster() {
    let ground = Ground::new();
    stage(&ground.sandbox);
    create(&ground, "edge", "one").send().await.expect("begun");
    create(&ground, "edge", "one").send().await.expect("the same again");
    let other = create(&ground, "edge", "two").send().await.named("EKS.CreateCluster");
    assert_eq!(refused(other), (ErrorSort::Exists, "ResourceInUseException".to_owned()));
    let changed = create(&ground, "else", "one").send().await.named("EKS.CreateCluster");
    assert_eq!(refused(changed).1, "InvalidParameterException");
    let wrong = create(&ground, "-edge", "three").send().await.named("EKS.CreateCluster");
    assert_eq!(refused(wrong).1, "InvalidParameterException");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_with_node_groups_is_not_deleted() {
    let ground = ground_with_cluster("edge").await;
    node_group(&ground).await;
    let delete = || eks(&ground).delete_cluster().name("edge").send();
    let in_use = (ErrorSort::InUse, "ResourceInUseException".to_owned());
    assert_eq!(refused(delete().await.named("EKS.DeleteCluster")), in_use);
    let call = eks(&ground).delete_nodegroup().cluster_name("edge").nodegroup_name("n");
    call.send().await.expect("begun");
    assert_eq!(refused(delete().await.named("EKS.DeleteCluster")), in_use);
    wait(&ground, 121).await;
    delete().await.expect("begun");
    wait(&ground, 179).await;
    eks(&ground).describe_cluster().name("edge").send().await.expect("still going");
    wait(&ground, 2).await;
    let told = eks(&ground).describe_cluster().name("edge").send().await.named("EKS.DescribeCluster");
    assert_eq!(refused(told).0, ErrorSort::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_security_group_in_use_stays_behind() {
    let ground = ground_with_cluster("edge").await;
    let group = {
        let mut world = ground.sandbox.world();
        let (_, group) = world
            .all()
            .find(|(_, doc)| doc["groupName"].as_str().is_some_and(|name| name.starts_with("eks-")))
            .expect("the cluster's");
        let group = group["groupId"].clone();
        let interface = json!({ "networkInterfaceId": "eni-1", "subnetId": "subnet-a", "groupSet": [{ "groupId": group }] });
        world.put(key("us-west-2", "ec2/network-interface", "eni-1"), interface);
        group
    };
    eks(&ground).delete_cluster().name("edge").send().await.expect("begun");
    wait(&ground, 200).await;
    let world = ground.sandbox.world();
    assert!(world.get(&key("us-west-2", "ec2/security-group", group.as_str().unwrap_or_default())).is_some());
    assert_eq!(world.all().filter(|(key, _)| key.table == "ec2/network-interface").count(), 1);
    assert_eq!(world.all().filter(|(key, _)| key.table.starts_with("eks/")).count(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_change_at_a_time_and_one_step_of_version() {
    let ground = ground_with_cluster("edge").await;
    let version = |to: &str| eks(&ground).update_cluster_version().name("edge").version(to).send();
    assert_eq!(refused(version("1.34").await.named("V")).1, "InvalidParameterException");
    assert_eq!(refused(version("1.36").await.named("V")).1, "InvalidParameterException");
    let update = version("1.35").await.expect("begun").update.expect("told");
    assert_eq!(
        refused(version("1.35").await.named("V")),
        (ErrorSort::InUse, "ResourceInUseException".to_owned())
    );
    let describe =
        || eks(&ground).describe_update().name("edge").update_id(update.id().unwrap_or_default()).send();
    let status = describe().await.expect("told").update.and_then(|update| update.status);
    assert_eq!(status, Some(aws_sdk_eks::types::UpdateStatus::InProgress));
    wait(&ground, 541).await;
    let status = describe().await.expect("told").update.and_then(|update| update.status);
    assert_eq!(status, Some(aws_sdk_eks::types::UpdateStatus::Successful));
    let told =
        eks(&ground).describe_cluster().name("edge").send().await.expect("told").cluster.expect("there");
    assert_eq!(told.version(), Some("1.35"));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_nothing_or_of_two_things_is_refused() {
    let ground = ground_with_cluster("edge").await;
    let vpc = aws_sdk_eks::types::VpcConfigRequest::builder().endpoint_public_access(true);
    let call = eks(&ground).update_cluster_config().name("edge").resources_vpc_config(vpc.clone().build());
    assert_eq!(refused(call.send().await.named("C")).1, "InvalidParameterException");
    let both = vpc.endpoint_private_access(true).subnet_ids("subnet-a").subnet_ids("subnet-c").build();
    let call = eks(&ground).update_cluster_config().name("edge").resources_vpc_config(both);
    assert_eq!(refused(call.send().await.named("C")).1, "InvalidParameterException");
}

#[tokio::test(start_paused = true)]
async fn lists_have_pages_and_nodes_are_let_in() {
    let ground = ground_with_cluster("edge").await;
    create(&ground, "second", "two").send().await.expect("begun");
    let first = eks(&ground).list_clusters().max_results(1).send().await.expect("listed");
    assert_eq!(first.clusters(), ["edge"]);
    let next = first.next_token().expect("more");
    let rest = eks(&ground).list_clusters().next_token(next).send().await.expect("listed");
    assert_eq!((rest.clusters(), rest.next_token()), (["second".to_owned()].as_slice(), None));
    node_group(&ground).await;
    let entries = eks(&ground).list_access_entries().cluster_name("edge").send().await.expect("listed");
    assert_eq!(entries.access_entries(), [role("node")]);
}

#[tokio::test(start_paused = true)]
async fn served_on_loopback_the_endpoint_is_there() {
    let ground = ground_with_cluster("edge").await;
    ground.sandbox.world().base_url = Some("http://127.0.0.1:4000".to_owned());
    let told =
        eks(&ground).describe_cluster().name("edge").send().await.expect("told").cluster.expect("there");
    let id = told.endpoint().and_then(|endpoint| endpoint.strip_prefix("http://127.0.0.1:4000/clusters/"));
    assert!(
        id.is_some_and(
            |id| id.len() == 32 && id.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
        )
    );
}
