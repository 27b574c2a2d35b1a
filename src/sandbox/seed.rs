//! Seeds: what another cloud has already, put into a fresh one under the same ids, so that whatever refers to it finds
//! it. What is made by calls of its own needs no seed.

use serde_json::json;

use super::world::{GLOBAL, Here, Key};
use super::{Sandbox, aws, kube};

/// An account and a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// Twelve digits.
    pub account: String,
    /// Such as `us-west-2`.
    pub region: String,
}

/// A VPC that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpc {
    /// Its id.
    pub id: String,
    /// Its range.
    pub range: String,
    /// The ids of the subnets that reach the internet.
    pub public: Vec<String>,
    /// The ids of the others.
    pub private: Vec<String>,
}

/// An EKS cluster that exists, with two nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// The VPC it is in.
    pub vpc_id: String,
    /// The security group that EKS made for it.
    pub security_group_id: String,
}

impl Sandbox {
    /// Puts a VPC in, unless it is there.
    pub fn seed_vpc(&self, ground: &Ground, vpc: &Vpc) {
        let mut world = self.world();
        let mut here = Here {
            world: &mut world,
            account: ground.account.clone(),
            region: ground.region.clone(),
            principal: String::new(),
        };
        aws::ec2::furnish_region(&mut here);
        if here.get("ec2/vpc", &vpc.id).is_none() {
            aws::ec2::lay_vpc(&mut here, &vpc.id, &vpc.range, &vpc.public, &vpc.private);
        }
    }

    /// Puts a public zone in, unless there is one of the name.
    pub fn seed_zone(&self, account: &str, id: &str, name: &str) {
        let mut world = self.world();
        let called = format!("{}.", name.trim_end_matches('.'));
        let known =
            world.table(account, GLOBAL, "route53/zone").any(|(_, zone)| zone["Name"] == called.as_str());
        if !known {
            aws::route53::lay_zone(&mut world, account, id, name);
        }
    }

    /// Puts a cluster in, unless it is there. Whoever calls here may do everything in it.
    pub fn seed_cluster(&self, ground: &Ground, cluster: &Cluster) {
        let mut world = self.world();
        let row = |table: &str, id: &str| Key {
            account: ground.account.clone(),
            region: ground.region.clone(),
            table: table.to_owned(),
            id: id.to_owned(),
        };
        let key = row("eks/cluster", &cluster.name);
        if world.get(&key).is_some() {
            return;
        }
        let id = world.draw("", 32).to_uppercase();
        let endpoint = format!("https://{id}.gr7.{}.eks.amazonaws.com", ground.region);
        world.put(
            key.clone(),
            json!({
                "name": cluster.name, "_id": id, "status": "ACTIVE", "endpoint": endpoint, "version": "1.35",
                "arn": format!("arn:aws:eks:{}:{}:cluster/{}", ground.region, ground.account, cluster.name),
                "resourcesVpcConfig": {
                    "vpcId": cluster.vpc_id, "clusterSecurityGroupId": cluster.security_group_id,
                },
                "accessConfig": { "authenticationMode": "API" },
                "certificateAuthority": { "data": "" },
            }),
        );
        let principal = format!("arn:aws:iam::{}:role/Engineer", ground.account);
        let admin = json!([{
            "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            "accessScope": { "type": "cluster" },
        }]);
        let entry = row("eks/access-entry", &format!("{}/{principal}", cluster.name));
        world.put(
            entry,
            json!({
                "clusterName": cluster.name, "principalArn": principal, "_policies": admin,
            }),
        );
        kube::furnish(&mut world, &key);
        for node in 1..=2 {
            let name = format!("ip-10-0-{node}-7.{}.compute.internal", ground.region);
            kube::join_node(&mut world, &key, &name, &format!("{}a", ground.region), &json!({}));
        }
    }
}
