//! Clusters, their parts and EKS's refusals, through the real client.

use serde_json::{Value as Json, json};

use crate::cloud::{CloudError, ErrorSort, Named};
use crate::kind::Erased;
use crate::kind::conformance::Ground;
use crate::kind::eks_cluster::EksCluster;
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
    ground.make(&Erased(EksCluster), name, &cluster(name)).await;
    ground
}
