//! The webhooks of the AWS Load Balancer Controller, as of version 3.5.0.
//!
//! The one for Services is left out: with it, no Service could be created while the controller is down.

use super::{Selector, Webhook};

const TARGET_GROUP_BINDINGS: [&str; 3] = ["elbv2.k8s.aws", "v1beta1", "targetgroupbindings"];
const PODS: [&str; 3] = ["", "v1", "pods"];
const NOT_ITSELF: Selector = ("app.kubernetes.io/name", "NotIn", &["aws-load-balancer-controller"]);

const POD: Webhook = Webhook {
    name: "mpod.elbv2.k8s.aws",
    path: "/mutate-v1-pod",
    must_answer: false,
    target: PODS,
    updates: false,
    namespaces: &[("elbv2.k8s.aws/pod-readiness-gate-inject", "In", &["enabled"])],
    objects: &[NOT_ITSELF],
};

pub(super) const MUTATING: &[Webhook] = &[
    POD,
    Webhook {
        name: "quicid.elbv2.k8s.aws",
        path: "/mutate-v1-pod-server-id",
        must_answer: true,
        namespaces: &[("elbv2.k8s.aws/quic-server-id-inject", "In", &["enabled"])],
        ..POD
    },
    Webhook {
        name: "alb-target-control.namespace.elbv2.k8s.aws",
        path: "/mutate-alb-target-control-namespace-v1-pod",
        must_answer: true,
        namespaces: &[("elbv2.k8s.aws/alb-target-control-agent-injection", "In", &["enabled"])],
        objects: &[NOT_ITSELF, ("elbv2.k8s.aws/alb-target-control-agent-inject", "NotIn", &["false"])],
        ..POD
    },
    Webhook {
        name: "alb-target-control.object.elbv2.k8s.aws",
        path: "/mutate-alb-target-control-object-v1-pod",
        must_answer: true,
        namespaces: &[("elbv2.k8s.aws/alb-target-control-agent-injection", "DoesNotExist", &[])],
        objects: &[NOT_ITSELF, ("elbv2.k8s.aws/alb-target-control-agent-inject", "In", &["true"])],
        ..POD
    },
    Webhook {
        name: "mtargetgroupbinding.elbv2.k8s.aws",
        path: "/mutate-elbv2-k8s-aws-v1beta1-targetgroupbinding",
        ..BINDING
    },
];

const BINDING: Webhook = Webhook {
    name: "vtargetgroupbinding.elbv2.k8s.aws",
    path: "/validate-elbv2-k8s-aws-v1beta1-targetgroupbinding",
    must_answer: true,
    target: TARGET_GROUP_BINDINGS,
    updates: true,
    namespaces: &[],
    objects: &[],
};

pub(super) const VALIDATING: &[Webhook] = &[
    BINDING,
    Webhook {
        name: "vingressclassparams.elbv2.k8s.aws",
        path: "/validate-elbv2-k8s-aws-v1beta1-ingressclassparams",
        target: ["elbv2.k8s.aws", "v1beta1", "ingressclassparams"],
        objects: &[NOT_ITSELF],
        ..BINDING
    },
    Webhook {
        name: "vingress.elbv2.k8s.aws",
        path: "/validate-networking-v1-ingress",
        target: ["networking.k8s.io", "v1", "ingresses"],
        ..BINDING
    },
];
