//! The AWS Load Balancer Controller: ALB and NLB for Gateways.

use super::{Container, GatewayClass, Recipe, Webhooks};
use super::{load_balancer_iam, load_balancer_rbac, load_balancer_webhooks};

pub(super) const VERSIONS: &[Recipe] = &[V3_5_0];

const V3_5_0: Recipe = Recipe {
    name: "aws-load-balancer-controller",
    version: "3.5.0",
    image: "public.ecr.aws/eks/aws-load-balancer-controller:v3.5.0",
    namespace: "kube-system",
    service_account: "aws-load-balancer-controller",
    crds: &[("gateway-api", "1.6.1"), ("aws-load-balancer-controller", "3.5.0")],
    statements: load_balancer_iam::STATEMENTS,
    rules: load_balancer_rbac::CLUSTER_RULES,
    own_rules: load_balancer_rbac::OWN_RULES,
    classes: &[
        GatewayClass { class: "alb", name: "aws-alb-gateway-class", controller: "gateway.k8s.aws/alb" },
        GatewayClass { class: "nlb", name: "aws-nlb-gateway-class", controller: "gateway.k8s.aws/nlb" },
    ],
    container: Container {
        name: "aws-load-balancer-controller",
        command: &[],
        args: &[
            "--cluster-name={cluster}",
            "--ingress-class=alb",
            "--aws-region={region}",
            "--aws-vpc-id={vpc}",
        ],
        env: &[],
        ports: &[("webhook-server", 9443), ("metrics-server", 8080)],
        probe_port: 61779,
        certificate_path: "/tmp/k8s-webhook-server/serving-certs",
        resources: None,
        priority_class: Some("system-cluster-critical"),
        fs_group: Some(65534),
        grace_seconds: 10,
    },
    webhooks: Webhooks {
        name: "aws-load-balancer-webhook",
        service: "aws-load-balancer-webhook-service",
        secret: "aws-load-balancer-tls",
        mutating: load_balancer_webhooks::MUTATING,
        validating: load_balancer_webhooks::VALIDATING,
    },
    ingress_class: Some(("alb", "ingress.k8s.aws/alb")),
    service_class: Some("service.k8s.aws/nlb"),
};
