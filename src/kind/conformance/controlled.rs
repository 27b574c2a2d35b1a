//! A yard in which the controllers run, so that Gateways and routes become what they stand for.

use serde_json::{Value as Json, json};

use super::Yard;
use crate::kind::{Erased, crd_release::CrdRelease};
use crate::recipe;
use crate::sandbox::world::GLOBAL;

/// Namespace and name of a controller: of its Deployment, its service account, and here of its role.
const CONTROLLERS: [(&str, &str); 2] = [
    ("kube-system", "aws-load-balancer-controller"),
    ("aws-application-networking-system", "gateway-api-controller"),
];
/// What they need.
const RELEASES: [(&str, &str); 3] = [
    ("gateway-api", "1.6.1"),
    ("aws-gateway-api-controller", "2.1.3"),
    ("aws-load-balancer-controller", "3.5.0"),
];
/// Classes and the controllers that they name.
const CLASSES: [(&str, &str); 2] = [
    ("alb", "gateway.k8s.aws/alb"),
    ("amazon-vpc-lattice", "application-networking.k8s.aws/gateway-api-controller"),
];

impl Yard {
    /// A yard whose cluster is in a VPC of two zones that is associated with the service network `core`, with both
    /// controllers and their classes, and the service `cart` in the default namespace.
    pub(crate) async fn controlled() -> Self {
        let yard = Self::new();
        yard.lay_network();
        yard.let_controllers_act();
        for (release, version) in RELEASES {
            let crds = recipe::crds(release, version).expect("it is known").names;
            let spec =
                json!({ "cluster": yard.cluster, "release": release, "version": version, "crds": crds });
            yard.ground.make(&Erased(CrdRelease), release, &spec).await;
        }
        let objects = yard.objects().await;
        for object in objects_of_the_yard() {
            objects.apply(&object, false).await.expect("is applied");
        }
        yard
    }

    fn lay_network(&self) {
        let mut world = self.ground.sandbox.world();
        world.put(Self::row("ec2/vpc", "vpc-1"), json!({ "vpcId": "vpc-1" }));
        for (id, zone, range) in
            [("subnet-1", "us-west-2a", "10.9.0.0/24"), ("subnet-2", "us-west-2b", "10.9.1.0/24")]
        {
            let tags = json!([{ "key": "kubernetes.io/role/internal-elb", "value": "1" }]);
            let subnet = json!({
                "subnetId": id, "vpcId": "vpc-1", "availabilityZone": zone, "cidrBlock": range, "tagSet": tags,
            });
            world.put(Self::row("ec2/subnet", id), subnet);
        }
        let group = json!({ "groupId": "sg-nodes", "vpcId": "vpc-1" });
        world.put(Self::row("ec2/security-group", "sg-nodes"), group);
        let mut cluster = world.get(&self.key).cloned().expect("it is there");
        cluster["resourcesVpcConfig"] = json!({ "vpcId": "vpc-1", "clusterSecurityGroupId": "sg-nodes" });
        world.put(self.key.clone(), cluster);
    }

    fn let_controllers_act(&self) {
        let mut world = self.ground.sandbox.world();
        for (namespace, name) in CONTROLLERS {
            let mut role = Self::row("iam/role", name);
            role.region = GLOBAL.into();
            let managed = json!(["arn:aws:iam::aws:policy/AdministratorAccess"]);
            world.put(role, json!({ "RoleName": name, "_managed": managed, "_inline": {} }));
            let association = json!({
                "clusterName": "edge", "namespace": namespace, "serviceAccount": name,
                "roleArn": format!("arn:aws:iam::111122223333:role/{name}"),
            });
            world.put(Self::row("eks/pod-identity", name), association);
        }
    }
}

fn objects_of_the_yard() -> Vec<Json> {
    let named = |name: &str, namespace: &str| json!({ "name": name, "namespace": namespace });
    let space = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": CONTROLLERS[1].0 } });
    let mut all = vec![space];
    for (namespace, name) in CONTROLLERS {
        let metadata = named(name, namespace);
        all.push(json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata }));
        all.push(deployment(&metadata, &json!(["--default-target-type=ip"])));
    }
    for (name, controller) in CLASSES {
        all.push(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": { "name": name },
            "spec": { "controllerName": controller },
        }));
    }
    let metadata = named("cart", "default");
    all.push(deployment(&metadata, &json!([])));
    all.push(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": { "selector": { "app": "cart" }, "ports": [{ "port": 80, "targetPort": 8080 }] },
    }));
    all
}

fn deployment(metadata: &Json, args: &Json) -> Json {
    let labels = json!({ "app": metadata["name"] });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {
            "replicas": 1, "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": "main", "image": "public.ecr.aws/a/b:1", "args": args }] },
            },
        },
    })
}
