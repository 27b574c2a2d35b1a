//! The AWS Load Balancer Controller: a load balancer for each Gateway of its two classes, each group of Ingresses, and
//! each Service that asks for one.
//!
//! Here is the order of a pass, and what is done about Gateways; Ingresses and Services are in `ingresses` and
//! `services`. What a Gateway becomes is in `model`, what an Ingress becomes in `ingress_model`, how that is brought about in `deploy` and `security`, how it
//! is taken away in `teardown`, what is told about it in `status`.

mod annotations;
mod config;
mod deploy;
mod ingress_model;
mod ingresses;
mod model;
mod rules;
mod security;
mod services;
mod stack;
mod status;
mod subnets;
mod teardown;

use super::Wake;
use super::attachment::attachments;
use super::cluster::{
    CLASS, Cluster, GATEWAY, GRPC_ROUTE, HTTP_ROUTE, Sort, TCP_ROUTE, TLS_ROUTE, UDP_ROUTE, annotation,
    deleting, held, name, text,
};
use super::process::{Controller, Process, alive, detected};
use crate::sandbox::world::Doc;
use stack::{Options, Stack};
pub(super) use status::parent as tell_parent;

/// What it takes for the controller to act.
pub(super) const CONTROLLER: Controller = Controller {
    namespace: "kube-system",
    deployment: "aws-load-balancer-controller",
    service_account: "aws-load-balancer-controller",
    actions: &["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:DeleteLoadBalancer"],
    needs: &[],
};
/// How long until the controller asks again whether a load balancer is active.
const PROVISIONING: i64 = 120_000;
/// How long until it tries again what failed.
const RETRY: i64 = 15_000;
/// The CRD without which nothing can be bound to a target group.
const BINDINGS: &[&str] = &["targetgroupbindings.elbv2.k8s.aws"];
const CLASS_FINALIZER: &str = "gateway.k8s.aws/gatewayclass";

/// What either half of the controller serves.
struct Half {
    /// Its controller name, and the finalizer of its Gateways.
    name: &'static str,
    network: bool,
    routes: &'static [Sort],
    /// The CRDs it looks for at start.
    crds: &'static [&'static str],
}

const HALVES: [Half; 2] = [
    Half {
        name: "gateway.k8s.aws/alb",
        network: false,
        routes: &[HTTP_ROUTE, GRPC_ROUTE],
        crds: &[
            "gateways.gateway.networking.k8s.io/v1",
            "gatewayclasses.gateway.networking.k8s.io/v1",
            "httproutes.gateway.networking.k8s.io/v1",
            "grpcroutes.gateway.networking.k8s.io/v1",
            "targetgroupconfigurations.gateway.k8s.aws/v1",
            "loadbalancerconfigurations.gateway.k8s.aws/v1",
            "listenerruleconfigurations.gateway.k8s.aws/v1",
        ],
    },
    Half {
        name: "gateway.k8s.aws/nlb",
        network: true,
        routes: &[TCP_ROUTE, UDP_ROUTE, TLS_ROUTE],
        crds: &[
            "gateways.gateway.networking.k8s.io/v1",
            "gatewayclasses.gateway.networking.k8s.io/v1",
            "tlsroutes.gateway.networking.k8s.io/v1",
            "tcproutes.gateway.networking.k8s.io/v1",
            "udproutes.gateway.networking.k8s.io/v1",
            "targetgroupconfigurations.gateway.k8s.aws/v1",
            "loadbalancerconfigurations.gateway.k8s.aws/v1",
            "listenerruleconfigurations.gateway.k8s.aws/v1",
        ],
    },
];

/// Does the next step of everything that the controller serves. Without its CRDs a half is silently off.
pub(super) fn pass(cluster: &mut Cluster<'_>, wake: &mut Wake) {
    let Some(process) = alive(cluster, &CONTROLLER, wake) else { return };
    let options = Options::of(cluster, &process.deployment);
    for half in &HALVES {
        if !detected(&cluster.here, &process, half.crds) {
            continue;
        }
        for class in classes(cluster, half) {
            reconcile_class(cluster, &class, wake);
        }
        for gateway in cluster.objects(GATEWAY) {
            reconcile_gateway(cluster, &process, &options, half, &gateway, wake);
        }
    }
    if detected(&cluster.here, &process, BINDINGS) {
        ingresses::pass(cluster, &process, &options, wake);
        services::pass(cluster, &process, &options, wake);
    }
    security::bind_targets(cluster);
    config::release(cluster);
}

/// The classes of one half.
fn classes(cluster: &Cluster<'_>, half: &Half) -> Vec<Doc> {
    let own = |class: &Doc| class["spec"]["controllerName"] == half.name;
    cluster.objects(CLASS).into_iter().filter(own).collect()
}

/// Accepts a class, or lets it go once no Gateway is of it.
fn reconcile_class(cluster: &mut Cluster<'_>, class: &Doc, wake: &mut Wake) {
    if deleting(class) {
        let of = |gateway: &Doc| gateway["spec"]["gatewayClassName"] == name(class);
        if cluster.objects(GATEWAY).iter().any(of) {
            wake.within(RETRY);
        } else {
            cluster.release(CLASS, class, CLASS_FINALIZER);
        }
        return;
    }
    let Some(class) = cluster.hold(CLASS, class, CLASS_FINALIZER) else { return };
    let verdict = config::of_class(cluster, &class);
    if verdict.is_err() {
        wake.within(RETRY);
    }
    status::class(cluster, &class, &verdict);
}

/// Brings about what a Gateway asks for, or takes it away. A Gateway without its class is left as it is.
fn reconcile_gateway(
    cluster: &mut Cluster<'_>,
    process: &Process,
    options: &Options,
    half: &Half,
    gateway: &Doc,
    wake: &mut Wake,
) {
    let class = cluster.object(CLASS, "", text(&gateway["spec"], "gatewayClassName"));
    let Some(class) = class.filter(|class| class["spec"]["controllerName"] == half.name) else { return };
    let stack = Stack::of(options, half.network, gateway);
    let merged = match config::of_gateway(cluster, gateway, &class) {
        Ok(merged) => merged,
        Err(why) => {
            status::refuse(cluster, gateway, &why);
            wake.within(RETRY);
            return;
        }
    };
    let users = [security::user(GATEWAY, gateway)];
    if deleting(gateway) {
        if held(gateway, half.name) {
            let torn = match teardown::is_protected(&merged) {
                true => Err(format!(
                    "Unable to delete gateway {} because deletion protection is enabled.",
                    stack.id()
                )),
                false => teardown::teardown(cluster, process, &stack, &users),
            };
            match torn {
                Ok(()) => cluster.release(GATEWAY, gateway, half.name),
                Err(why) => {
                    if !why.is_empty() {
                        status::fail(cluster, gateway, "FailedBuildModel", "build", &why);
                    }
                    wake.within(RETRY);
                }
            }
        }
        return;
    }
    if annotation(gateway, "gateway.k8s.aws/dry-run") == Some("true") && !held(gateway, half.name) {
        return;
    }
    let attached = attachments(cluster, gateway, half.routes);
    status::routes(cluster, half.name, &attached);
    let model = match model::build(cluster, &stack, options, gateway, &merged, &attached) {
        Ok(model) => model,
        Err(why) => {
            status::fail(cluster, gateway, "FailedBuildModel", "build", &why);
            wake.within(RETRY);
            return;
        }
    };
    let Some(gateway) = cluster.hold(GATEWAY, gateway, half.name) else { return };
    match deploy::deploy(cluster, process, &stack, &users, &model) {
        Ok(balancer) => {
            if balancer["State"]["Code"] != "active" {
                wake.within(PROVISIONING);
            }
            status::gateway(cluster, &gateway, &balancer, &attached);
        }
        Err(refusal) => {
            status::fail(cluster, &gateway, "FailedDeployModel", "deploy", &refusal.message);
            wake.within(RETRY);
        }
    }
}
