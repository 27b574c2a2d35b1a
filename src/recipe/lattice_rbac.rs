//! What the VPC Lattice Gateway API Controller may do in a cluster, as of version 2.1.3.

use super::rbac::Rule;

const CORE: &[&str] = &[""];
const GATEWAY: &[&str] = &["gateway.networking.k8s.io"];
const LATTICE: &[&str] = &["application-networking.k8s.aws"];

const ALL: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];
const STATUS: &[&str] = &["get", "patch", "update"];
const UPDATE: &[&str] = &["update"];

pub(super) const CLUSTER_RULES: &[Rule] = &[
    // Gateway API.
    Rule::new(GATEWAY, &["gatewayclasses", "gateways", "grpcroutes", "httproutes", "tlsroutes"], ALL),
    Rule::new(
        GATEWAY,
        &[
            "gatewayclasses/finalizers",
            "gateways/finalizers",
            "grpcroutes/finalizers",
            "httproutes/finalizers",
            "tlsroutes/finalizers",
        ],
        UPDATE,
    ),
    Rule::new(
        GATEWAY,
        &[
            "gatewayclasses/status",
            "gateways/status",
            "grpcroutes/status",
            "httproutes/status",
            "tlsroutes/status",
        ],
        STATUS,
    ),
    // Its own kinds. It makes no service networks of its own accord.
    Rule::new(
        LATTICE,
        &[
            "accesslogpolicies",
            "iamauthpolicies",
            "serviceexports",
            "serviceimports",
            "targetgrouppolicies",
            "vpcassociationpolicies",
        ],
        ALL,
    ),
    Rule::new(LATTICE, &["servicenetworks"], &["get", "list", "patch", "update", "watch"]),
    Rule::new(
        LATTICE,
        &[
            "accesslogpolicies/finalizers",
            "iamauthpolicies/finalizers",
            "serviceexports/finalizers",
            "serviceimports/finalizers",
            "servicenetworks/finalizers",
            "targetgrouppolicies/finalizers",
            "vpcassociationpolicies/finalizers",
        ],
        UPDATE,
    ),
    Rule::new(
        LATTICE,
        &[
            "accesslogpolicies/status",
            "iamauthpolicies/status",
            "serviceexports/status",
            "serviceimports/status",
            "servicenetworks/status",
            "targetgrouppolicies/status",
            "vpcassociationpolicies/status",
        ],
        STATUS,
    ),
    Rule::new(&["externaldns.k8s.io"], &["dnsendpoints"], ALL),
    // Where the traffic goes.
    Rule::new(CORE, &["endpoints", "pods", "services"], ALL),
    Rule::new(CORE, &["pods/finalizers", "services/finalizers"], UPDATE),
    Rule::new(CORE, &["endpoints/status", "pods/status", "services/status"], STATUS),
    Rule::new(&["discovery.k8s.io"], &["endpointslices"], ALL),
    Rule::new(&["discovery.k8s.io"], &["endpointslices/status"], STATUS),
    Rule::new(CORE, &["namespaces"], &["get", "list", "watch"]),
    // What it writes down, and who of its pods leads.
    Rule::new(CORE, &["configmaps"], ALL),
    Rule::new(CORE, &["events"], &["create", "patch"]),
    Rule::new(&["coordination.k8s.io"], &["leases"], ALL),
];
