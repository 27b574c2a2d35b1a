//! The VPC Lattice Gateway API Controller: a Lattice service for each route of its Gateways.
//!
//! Here is the order of a pass. Gateways are in `gateways`, routes in `routes`, what is made in Lattice for a route in
//! `deploy`, how it is taken away in `teardown`, target groups in `groups`, Services for other clusters in `exports`, VPC
//! associations by policy in `vpc_policies`.

mod deploy;
mod exports;
mod gateways;
mod groups;
mod model;
mod routes;
mod teardown;
mod vpc_policies;

use serde_json::{Value as Json, json};

use super::Wake;
use super::cluster::{CLASS, Cluster, GRPC_ROUTE, HTTP_ROUTE, Sort, TLS_ROUTE, deleting, list, text};
use super::condition::{Condition, set_in};
use super::process::{Controller, alive};
use crate::sandbox::world::Doc;

/// What its classes name.
const NAME: &str = "application-networking.k8s.aws/gateway-api-controller";
/// How long until it tries again what is not done yet.
const RETRY: i64 = 5_000;
/// What begins its annotations and tags.
const PREFIX: &str = "application-networking.k8s.aws/";

/// What it takes for the controller to act.
pub(super) const CONTROLLER: Controller = Controller {
    namespace: "aws-application-networking-system",
    deployment: "gateway-api-controller",
    service_account: "gateway-api-controller",
    actions: &["vpc-lattice:CreateService", "vpc-lattice:DeleteService"],
    needs: &[
        "gateways.gateway.networking.k8s.io/v1",
        "gatewayclasses.gateway.networking.k8s.io/v1",
        "httproutes.gateway.networking.k8s.io/v1",
        "grpcroutes.gateway.networking.k8s.io/v1",
        "tlsroutes.gateway.networking.k8s.io/v1",
    ],
};

/// The routes it serves, and their finalizers.
const ROUTES: [(Sort, &str); 3] = [
    (HTTP_ROUTE, "httproute.k8s.aws/resources"),
    (GRPC_ROUTE, "grpcroute.k8s.aws/resources"),
    (TLS_ROUTE, "tlsroute.k8s.aws/resources"),
];

/// Who the controller says it is in the tags of what it makes.
struct Owner {
    /// `<account>/<cluster>/<VPC>`.
    managed_by: String,
    cluster: String,
    vpc: String,
}

impl Owner {
    /// By the environment of its Deployment, else by the cluster it runs in.
    fn of(cluster: &Cluster<'_>, deployment: &Doc) -> Self {
        let containers = list(&deployment["spec"]["template"]["spec"]["containers"]).iter();
        let all: Vec<&Json> = containers.flat_map(|container| list(&container["env"])).collect();
        let variable = |name: &str| {
            all.iter()
                .find(|one| one["name"] == name)?
                .get("value")?
                .as_str()
                .filter(|value| !value.is_empty())
        };
        let name = variable("CLUSTER_NAME").unwrap_or(&cluster.name).to_owned();
        let vpc = variable("CLUSTER_VPC_ID").unwrap_or(&cluster.vpc).to_owned();
        let account = variable("AWS_ACCOUNT_ID").unwrap_or(&cluster.here.account);
        Self { managed_by: format!("{account}/{name}/{vpc}"), cluster: name, vpc }
    }

    /// Whether something in Lattice carries its tag.
    fn owns(&self, doc: &Doc) -> bool {
        doc["_tags"][tag("ManagedBy")] == self.managed_by.as_str()
    }

    /// The tag that is on everything it makes.
    fn tags(&self) -> Json {
        let mut tags = json!({});
        tags[tag("ManagedBy")] = json!(self.managed_by);
        tags
    }
}

/// A key of its tags and annotations.
fn tag(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// Does the next step of everything that the controller serves.
pub(super) fn pass(cluster: &mut Cluster<'_>, wake: &mut Wake) {
    let Some(process) = alive(cluster, &CONTROLLER, wake) else { return };
    let owner = Owner::of(cluster, &process.deployment);
    for class in cluster.objects(CLASS) {
        if class["spec"]["controllerName"] == NAME && !deleting(&class) {
            let now = cluster.here.world.timestamp();
            let said =
                Condition { kind: "Accepted", status: "True", reason: "Accepted", message: "Accepted" };
            cluster.change(CLASS, &class, |class| set_in(class, &said, &now));
        }
    }
    gateways::pass(cluster, &process, wake);
    for (sort, finalizer) in ROUTES {
        for route in cluster.objects(sort) {
            routes::reconcile(cluster, &owner, sort, finalizer, &route, wake);
        }
    }
    exports::pass(cluster, &owner, wake);
    vpc_policies::pass(cluster, &owner, wake);
    groups::collect(cluster, &owner, wake);
}

/// Whether a Gateway is of a class of this controller that is there.
fn controls(cluster: &Cluster<'_>, gateway: &Doc) -> bool {
    let class = cluster.object(CLASS, "", text(&gateway["spec"], "gatewayClassName"));
    class.is_some_and(|class| class["spec"]["controllerName"] == NAME)
}
