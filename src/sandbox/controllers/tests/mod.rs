//! A cluster with both controllers, as documents: what Gateways, routes, Ingresses and Services become, and what wrong
//! orders leave behind.

mod balanced;
mod lattice;
mod lbc;

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::cluster::{
    CLASS, CRD, DEPLOYMENT, GATEWAY, HTTP_ROUTE, NODE, SERVICE, SERVICE_ACCOUNT, Sort, id_of, list,
};
use crate::sandbox::kube;
use crate::sandbox::world::{ACCOUNT, Doc, GLOBAL, Key, World};

const REGION: &str = "us-west-2";

/// A world with one cluster, `edge`.
struct Setting {
    world: World,
    uids: u32,
}

const CRDS: &[&str] = &[
    "gateways.gateway.networking.k8s.io",
    "gatewayclasses.gateway.networking.k8s.io",
    "httproutes.gateway.networking.k8s.io",
    "grpcroutes.gateway.networking.k8s.io",
    "tlsroutes.gateway.networking.k8s.io",
    "tcproutes.gateway.networking.k8s.io",
    "udproutes.gateway.networking.k8s.io",
    "targetgroupconfigurations.gateway.k8s.aws",
    "loadbalancerconfigurations.gateway.k8s.aws",
    "listenerruleconfigurations.gateway.k8s.aws",
    "targetgroupbindings.elbv2.k8s.aws",
    "ingressclassparams.elbv2.k8s.aws",
];

impl Setting {
    /// A network, a cluster with CRDs, and both controllers running in it.
    fn new() -> Self {
        let mut setting = Self::bare();
        setting.crds(CRDS);
        setting.controllers();
        setting.run(60);
        setting
    }

    /// A network and a cluster with nodes and roles.
    fn bare() -> Self {
        let mut setting = Self { world: World::new(0), uids: 0 };
        setting.put("ec2/vpc", "vpc-1", json!({ "vpcId": "vpc-1" }));
        for (id, zone, role) in [
            ("subnet-1", "us-west-2a", "elb"),
            ("subnet-2", "us-west-2b", "elb"),
            ("subnet-3", "us-west-2a", "internal-elb"),
            ("subnet-4", "us-west-2b", "internal-elb"),
        ] {
            let tags = json!([{ "key": format!("kubernetes.io/role/{role}"), "value": "1" }]);
            let subnet =
                json!({ "subnetId": id, "vpcId": "vpc-1", "availabilityZone": zone, "tagSet": tags });
            setting.put("ec2/subnet", id, subnet);
        }
        setting.put("ec2/security-group", "sg-nodes", json!({ "groupId": "sg-nodes", "vpcId": "vpc-1" }));
        let network = json!({ "vpcId": "vpc-1", "clusterSecurityGroupId": "sg-nodes" });
        setting.put("eks/cluster", "edge", json!({ "name": "edge", "resourcesVpcConfig": network }));
        for (account, space) in [
            ("aws-load-balancer-controller", "kube-system"),
            ("gateway-api-controller", "aws-application-networking-system"),
        ] {
            let association = json!({
                "clusterName": "edge",
                "namespace": space,
                "serviceAccount": account,
                "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/{account}"),
            });
            setting.put("eks/pod-identity", account, association);
            let policy = json!({ "Statement": [{
                "Effect": "Allow",
                "Action": ["elasticloadbalancing:*", "vpc-lattice:*"],
                "Resource": "*",
            }]});
            let role = json!({ "RoleName": account, "_managed": [], "_inline": { "all": policy } });
            setting.put("iam/role", account, role);
        }
        setting.apply(NODE, json!({ "metadata": { "name": "node-1" } }));
        setting
    }

    fn controllers(&mut self) {
        for (name, space) in [
            ("aws-load-balancer-controller", "kube-system"),
            ("gateway-api-controller", "aws-application-networking-system"),
        ] {
            self.apply(SERVICE_ACCOUNT, json!({ "metadata": { "name": name, "namespace": space } }));
            self.deploy(name, space, "1");
        }
    }

    /// Deploys a controller, or rolls it: `turn` makes one template differ from another.
    fn deploy(&mut self, name: &str, space: &str, turn: &str) {
        let deployment = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": name, "namespace": space },
            "spec": { "replicas": 1, "template": {
                "metadata": { "annotations": { "turn": turn } },
                "spec": { "containers": [{ "name": "controller", "args": ["--default-target-type=ip"] }] },
            }},
        });
        self.apply(DEPLOYMENT, deployment);
    }

    fn crds(&mut self, names: &[&str]) {
        for name in names {
            let spec = json!({ "versions": [{ "name": "v1", "served": true }] });
            self.apply(CRD, json!({ "metadata": { "name": name }, "spec": spec }));
        }
    }

    fn cluster() -> Key {
        Self::key("eks/cluster", "edge")
    }

    fn key(table: &str, id: &str) -> Key {
        let region = if table.starts_with("iam/") { GLOBAL } else { REGION };
        Key { account: ACCOUNT.into(), region: region.into(), table: table.into(), id: id.into() }
    }

    fn table(sort: Sort) -> String {
        format!("kube/edge/{}/{}", sort.0, sort.1)
    }

    fn put(&mut self, table: &str, id: &str, doc: Doc) {
        self.world.put(Self::key(table, id), doc);
    }

    /// Writes an object as the API server would; a new one gets its uid `uid-1`, `uid-2` …
    fn apply(&mut self, sort: Sort, mut object: Doc) {
        let key = Self::key(&Self::table(sort), &id_of(&object));
        let old = self.world.get(&key).cloned();
        match &old {
            Some(old) => {
                let changed = i64::from(old["spec"] != object["spec"]);
                let generation = old["metadata"]["generation"].as_i64().unwrap_or(1) + changed;
                let mut metadata = old["metadata"].clone();
                metadata["generation"] = json!(generation);
                object["metadata"] = metadata;
                object["status"] = old["status"].clone();
            }
            None => {
                self.uids += 1;
                object["metadata"]["uid"] = json!(format!("uid-{}", self.uids));
                object["metadata"]["generation"] = json!(1);
                object["metadata"]["creationTimestamp"] = json!(self.world.timestamp());
            }
        }
        kube::write(&mut self.world, &Self::cluster(), &key, object);
    }

    /// Deletes an object as a client would.
    fn delete(&mut self, sort: Sort, id: &str) {
        let key = Self::key(&Self::table(sort), id);
        let now = self.world.timestamp();
        kube::change(&mut self.world, &Self::cluster(), &key, |object| {
            object["metadata"]["deletionTimestamp"] = json!(now);
        });
    }

    fn run(&mut self, seconds: i64) {
        let until = self.world.now() + seconds * 1000;
        self.world.advance(until);
    }

    fn object(&self, sort: Sort, id: &str) -> Option<Doc> {
        self.world.get(&Self::key(&Self::table(sort), id)).cloned()
    }

    /// An object that must be there.
    fn the(&self, sort: Sort, id: &str) -> Doc {
        self.object(sort, id).unwrap_or_else(|| panic!("{id} is not there"))
    }

    fn list(&self, table: &str) -> Vec<Doc> {
        let region = if table.starts_with("iam/") { GLOBAL } else { REGION };
        self.world.table(ACCOUNT, region, table).map(|(_, doc)| doc.clone()).collect()
    }

    /// The only document of a table.
    fn only(&self, table: &str) -> Doc {
        let all = self.list(table);
        assert_eq!(all.len(), 1, "{table}: {all:#?}");
        all[0].clone()
    }

    /// What there is in AWS.
    fn inventory(&self) -> BTreeSet<String> {
        let aws = self.world.all().map(|(key, _)| key).filter(|key| !key.table.starts_with("kube/"));
        aws.map(|key| format!("{} {}", key.table, key.id)).collect()
    }

    fn class(&mut self, name: &str, controller: &str) {
        let spec = json!({ "controllerName": controller });
        self.apply(CLASS, json!({ "metadata": { "name": name }, "spec": spec }));
    }

    fn gateway(&mut self, name: &str, class: &str, listeners: Json, config: Option<&str>) {
        let mut spec = json!({ "gatewayClassName": class, "listeners": listeners });
        if let Some(config) = config {
            let reference =
                json!({ "group": "gateway.k8s.aws", "kind": "LoadBalancerConfiguration", "name": config });
            spec["infrastructure"] = json!({ "parametersRef": reference });
        }
        let metadata = json!({ "name": name, "namespace": "shop" });
        let object = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": metadata, "spec": spec,
        });
        self.apply(GATEWAY, object);
    }

    /// A route with one rule for everything; backends are Service and weight, port 80.
    fn route(&mut self, name: &str, gateway: &str, backends: &[(&str, i64)]) {
        let refs: Json = backends
            .iter()
            .map(|(name, weight)| json!({ "name": name, "port": 80, "weight": weight }))
            .collect();
        let spec = json!({
            "parentRefs": [{ "name": gateway }],
            "hostnames": [format!("{name}.example.com")],
            "rules": [{ "backendRefs": refs }],
        });
        let object = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": { "name": name, "namespace": "shop" },
            "spec": spec,
        });
        self.apply(HTTP_ROUTE, object);
    }

    fn service(&mut self, name: &str) {
        let spec = json!({ "selector": { "app": name }, "ports": [{ "port": 80, "targetPort": 8080 }] });
        self.apply(SERVICE, json!({ "metadata": { "name": name, "namespace": "shop" }, "spec": spec }));
        let pod = json!({
            "metadata": { "name": name, "namespace": "shop", "labels": { "app": name } },
            "status": { "podIP": format!("10.0.9.{}", self.uids), "conditions": [{ "type": "Ready", "status": "True" }] },
        });
        self.apply(super::cluster::POD, pod);
    }
}

/// Status, reason and message of a condition.
fn condition(object: &Doc, kind: &str) -> (String, String, String) {
    let all = list(&object["status"]["conditions"]);
    let one = all.iter().find(|one| one["type"] == kind).cloned().unwrap_or_default();
    let text = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

/// The condition of the first parent of a route.
fn parent_condition(route: &Doc, kind: &str) -> (String, String, String) {
    condition(&json!({ "status": route["status"]["parents"][0] }), kind)
}
