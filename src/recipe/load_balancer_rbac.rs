//! What the AWS Load Balancer Controller may do in a cluster, as of version 3.5.0.

use super::rbac::Rule;

const CORE: &[&str] = &[""];
const AWS_GATEWAY: &[&str] = &["gateway.k8s.aws"];
const GATEWAY: &[&str] = &["gateway.networking.k8s.io"];
const ELB: &[&str] = &["elbv2.k8s.aws"];
const AGA: &[&str] = &["aga.k8s.aws"];
const INGRESS: &[&str] = &["extensions", "networking.k8s.io"];

const READ: &[&str] = &["get", "list", "watch"];
const READ_AND_PATCH: &[&str] = &["get", "list", "patch", "watch"];
const READ_AND_UPDATE: &[&str] = &["get", "list", "patch", "update", "watch"];
const UPDATE: &[&str] = &["patch", "update"];
const STATUS: &[&str] = &["get", "patch", "update"];

pub(super) const CLUSTER_RULES: &[Rule] = &[
    // What it serves beside Gateways.
    Rule::new(CORE, &["services"], READ_AND_UPDATE),
    Rule::new(CORE, &["pods/status", "services/status"], UPDATE),
    Rule::new(INGRESS, &["ingresses"], READ_AND_UPDATE),
    Rule::new(INGRESS, &["ingresses/status"], UPDATE),
    Rule::new(&["networking.k8s.io"], &["ingressclasses"], READ),
    // Where the traffic goes.
    Rule::new(CORE, &["endpoints", "namespaces", "nodes", "pods"], READ),
    Rule::new(&["discovery.k8s.io"], &["endpointslices"], READ),
    // Gateway API.
    Rule::new(GATEWAY, &["gatewayclasses", "gateways", "referencegrants"], READ_AND_PATCH),
    Rule::new(GATEWAY, &["gatewayclasses/finalizers", "gateways/finalizers"], UPDATE),
    Rule::new(
        GATEWAY,
        &["grpcroutes", "httproutes", "listenersets", "tcproutes", "tlsroutes", "udproutes"],
        READ,
    ),
    Rule::new(
        GATEWAY,
        &[
            "grpcroutes/finalizers",
            "httproutes/finalizers",
            "listenersets/finalizers",
            "tcproutes/finalizers",
            "tlsroutes/finalizers",
            "udproutes/finalizers",
        ],
        &["update"],
    ),
    Rule::new(
        GATEWAY,
        &[
            "gatewayclasses/status",
            "gateways/status",
            "grpcroutes/status",
            "httproutes/status",
            "listenersets/status",
            "tcproutes/status",
            "tlsroutes/status",
            "udproutes/status",
        ],
        STATUS,
    ),
    // Its own kinds.
    Rule::new(
        AWS_GATEWAY,
        &["listenerruleconfigurations", "loadbalancerconfigurations", "targetgroupconfigurations"],
        READ_AND_PATCH,
    ),
    Rule::new(
        AWS_GATEWAY,
        &[
            "listenerruleconfigurations/finalizers",
            "loadbalancerconfigurations/finalizers",
            "targetgroupconfigurations/finalizers",
        ],
        UPDATE,
    ),
    Rule::new(
        AWS_GATEWAY,
        &[
            "listenerruleconfigurations/status",
            "loadbalancerconfigurations/status",
            "targetgroupconfigurations/status",
        ],
        STATUS,
    ),
    Rule::new(ELB, &["albtargetcontrolconfigs"], &["get"]),
    Rule::new(ELB, &["ingressclassparams"], READ),
    Rule::new(
        ELB,
        &["targetgroupbindings"],
        &["create", "delete", "get", "list", "patch", "update", "watch"],
    ),
    Rule::new(ELB, &["targetgroupbindings/status"], UPDATE),
    Rule::new(AGA, &["globalaccelerators"], READ_AND_PATCH),
    Rule::new(AGA, &["globalaccelerators/finalizers", "globalaccelerators/status"], UPDATE),
    // What it writes down.
    Rule::new(CORE, &["configmaps"], &["create", "delete", "get", "update"]),
    Rule::new(CORE, &["events"], &["create", "patch"]),
];

const LEADER: &[&str] = &["aws-load-balancer-controller-leader"];

/// Who of its pods leads.
pub(super) const OWN_RULES: &[Rule] = &[
    Rule::new(CORE, &["configmaps"], &["create"]),
    Rule::new(&["coordination.k8s.io"], &["leases"], &["create"]),
    Rule { names: LEADER, ..Rule::new(CORE, &["configmaps"], STATUS) },
    Rule { names: LEADER, ..Rule::new(&["coordination.k8s.io"], &["leases"], STATUS) },
];
