//! The VPC Lattice Gateway API Controller: Lattice services for routes.

use super::iam::{Condition, Statement};
use super::{Container, GatewayClass, Recipe, Webhook, Webhooks, lattice_rbac};

pub(super) const VERSIONS: &[Recipe] = &[V2_1_3];

const V2_1_3: Recipe = Recipe {
    name: "gateway-api-controller",
    version: "2.1.3",
    image: "public.ecr.aws/aws-application-networking-k8s/aws-gateway-controller:v2.1.3",
    namespace: "aws-application-networking-system",
    service_account: "gateway-api-controller",
    crds: &[("gateway-api", "1.6.1"), ("aws-gateway-api-controller", "2.1.3")],
    statements: STATEMENTS,
    rules: lattice_rbac::CLUSTER_RULES,
    own_rules: &[],
    classes: &[GatewayClass {
        class: "lattice",
        name: "amazon-vpc-lattice",
        controller: "application-networking.k8s.aws/gateway-api-controller",
    }],
    container: Container {
        name: "manager",
        command: &["/manager"],
        args: &["--leader-elect"],
        env: &[
            ("CLUSTER_NAME", "{cluster}"),
            ("CLUSTER_VPC_ID", "{vpc}"),
            ("AWS_ACCOUNT_ID", "{account}"),
            ("REGION", "{region}"),
            ("WEBHOOK_ENABLED", "true"),
        ],
        ports: &[("webhook-server", 9443), ("metrics-server", 8080)],
        probe_port: 8081,
        certificate_path: "/etc/webhook-cert",
        resources: Some([["10m", "64Mi"], ["500m", "128Mi"]]),
        priority_class: None,
        fs_group: None,
        grace_seconds: 10,
    },
    webhooks: Webhooks {
        name: "aws-appnet-gwc-mutating-webhook",
        service: "webhook-service",
        secret: "webhook-cert",
        mutating: &[Webhook {
            name: "mpod.gwc.k8s.aws",
            path: "/mutate-pod",
            must_answer: true,
            target: ["", "v1", "pods"],
            updates: false,
            namespaces: &[("application-networking.k8s.aws/pod-readiness-gate-inject", "In", &["enabled"])],
            objects: &[("app.kubernetes.io/name", "NotIn", &["gateway-api-controller"])],
        }],
        validating: &[],
    },
    ingress_class: None,
    service_class: None,
};

const LINKED: (&str, &[&str]) = ("iam", &["CreateServiceLinkedRole"]);

/// What the controller may do in AWS: Lattice wholly, the delivery of access logs, and what it looks up.
const STATEMENTS: &[Statement] = &[
    Statement {
        actions: &[
            ("vpc-lattice", &["*"]),
            ("ec2", &["DescribeSecurityGroups", "DescribeSubnets", "DescribeTags", "DescribeVpcs"]),
            ("acm", &["ListCertificates"]),
            ("tag", &["GetResources", "TagResources", "UntagResources"]),
            (
                "logs",
                &[
                    "CreateLogDelivery",
                    "DeleteLogDelivery",
                    "DescribeLogGroups",
                    "DescribeResourcePolicies",
                    "GetLogDelivery",
                    "ListLogDeliveries",
                    "PutResourcePolicy",
                    "UpdateLogDelivery",
                ],
            ),
            ("firehose", &["TagDeliveryStream"]),
            ("s3", &["GetBucketPolicy", "PutBucketPolicy"]),
        ],
        resources: &[],
        conditions: &[],
    },
    Statement {
        actions: &[LINKED],
        resources: &[
            "arn:aws:iam::*:role/aws-service-role/vpc-lattice.amazonaws.com/AWSServiceRoleForVpcLattice",
        ],
        conditions: &[Condition("StringLike", "iam:AWSServiceName", &["vpc-lattice.amazonaws.com"])],
    },
    Statement {
        actions: &[LINKED],
        resources: &[
            "arn:aws:iam::*:role/aws-service-role/delivery.logs.amazonaws.com/AWSServiceRoleForLogDelivery",
        ],
        conditions: &[Condition("StringLike", "iam:AWSServiceName", &["delivery.logs.amazonaws.com"])],
    },
];
