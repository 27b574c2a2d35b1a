//! What the AWS Load Balancer Controller may do in AWS, as of version 3.5.0.
//!
//! Whatever changes or deletes a load balancer, a target group or a group of its own asks for the cluster's tag.

use super::iam::{Condition, Statement};

const CLUSTER_ON_REQUEST: &str = "aws:RequestTag/elbv2.k8s.aws/cluster";
const CLUSTER_ON_RESOURCE: &str = "aws:ResourceTag/elbv2.k8s.aws/cluster";

/// The request tags the new thing for a cluster.
const TAGS_IT: Condition = Condition("Null", CLUSTER_ON_REQUEST, &["false"]);
/// The thing is tagged for a cluster.
const IS_TAGGED: Condition = Condition("Null", CLUSTER_ON_RESOURCE, &["false"]);
/// The thing is tagged for a cluster, and the request leaves that tag alone.
const KEEPS_TAG: &[Condition] = &[Condition("Null", CLUSTER_ON_REQUEST, &["true"]), IS_TAGGED];

const GROUPS: &[&str] = &["arn:aws:ec2:*:*:security-group/*"];
const TARGETS: &[&str] = &["arn:aws:elasticloadbalancing:*:*:targetgroup/*/*"];
const BALANCERS_AND_TARGETS: &[&str] = &[
    "arn:aws:elasticloadbalancing:*:*:loadbalancer/app/*/*",
    "arn:aws:elasticloadbalancing:*:*:loadbalancer/net/*/*",
    "arn:aws:elasticloadbalancing:*:*:targetgroup/*/*",
];
const LISTENERS_AND_RULES: &[&str] = &[
    "arn:aws:elasticloadbalancing:*:*:listener/app/*/*/*",
    "arn:aws:elasticloadbalancing:*:*:listener/net/*/*/*",
    "arn:aws:elasticloadbalancing:*:*:listener-rule/app/*/*/*",
    "arn:aws:elasticloadbalancing:*:*:listener-rule/net/*/*/*",
];

type Actions = &'static [(&'static str, &'static [&'static str])];

const fn anywhere(actions: Actions) -> Statement {
    Statement { actions, resources: &[], conditions: &[] }
}

const fn only(
    actions: Actions,
    resources: &'static [&'static str],
    conditions: &'static [Condition],
) -> Statement {
    Statement { actions, resources, conditions }
}

pub(super) const STATEMENTS: &[Statement] = &[
    LOOKS,
    LOOKS_AT_AND_ATTACHES_ADD_ONS,
    // The role that ELB itself uses.
    only(
        &[("iam", &["CreateServiceLinkedRole"])],
        &[],
        &[Condition("StringEquals", "iam:AWSServiceName", &["elasticloadbalancing.amazonaws.com"])],
    ),
    // Security groups: of nodes and pods by their rules, of load balancers wholly.
    anywhere(&[("ec2", &["CreateSecurityGroup"])]),
    anywhere(&[("ec2", &["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"])]),
    only(
        &[("ec2", &["AuthorizeSecurityGroupIngress", "DeleteSecurityGroup", "RevokeSecurityGroupIngress"])],
        &[],
        &[IS_TAGGED],
    ),
    only(
        &[("ec2", &["CreateTags"])],
        GROUPS,
        &[Condition("StringEquals", "ec2:CreateAction", &["CreateSecurityGroup"]), TAGS_IT],
    ),
    only(&[("ec2", &["CreateTags", "DeleteTags"])], GROUPS, KEEPS_TAG),
    // Load balancers and target groups.
    only(&[("elasticloadbalancing", &["CreateLoadBalancer", "CreateTargetGroup"])], &[], &[TAGS_IT]),
    CHANGES_WHAT_IS_TAGGED,
    only(
        &[("elasticloadbalancing", &["AddTags"])],
        BALANCERS_AND_TARGETS,
        &[
            Condition(
                "StringEquals",
                "elasticloadbalancing:CreateAction",
                &["CreateLoadBalancer", "CreateTargetGroup"],
            ),
            TAGS_IT,
        ],
    ),
    only(&[("elasticloadbalancing", &["AddTags", "RemoveTags"])], BALANCERS_AND_TARGETS, KEEPS_TAG),
    only(&[("elasticloadbalancing", &["RegisterTargets", "DeregisterTargets"])], TARGETS, &[]),
    // Listeners and rules.
    anywhere(&[("elasticloadbalancing", &["CreateListener", "CreateRule", "DeleteListener", "DeleteRule"])]),
    anywhere(&[(
        "elasticloadbalancing",
        &[
            "AddListenerCertificates",
            "ModifyListener",
            "ModifyRule",
            "RemoveListenerCertificates",
            "SetRulePriorities",
            "SetWebAcl",
        ],
    )]),
    only(&[("elasticloadbalancing", &["AddTags", "RemoveTags"])], LISTENERS_AND_RULES, &[]),
];

const LOOKS: Statement = anywhere(&[
    (
        "ec2",
        &[
            "DescribeAccountAttributes",
            "DescribeAddresses",
            "DescribeAvailabilityZones",
            "DescribeCoipPools",
            "DescribeInstances",
            "DescribeInternetGateways",
            "DescribeIpamPools",
            "DescribeNetworkInterfaces",
            "DescribeRouteTables",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeTags",
            "DescribeVpcPeeringConnections",
            "DescribeVpcs",
            "GetCoipPoolUsage",
            "GetSecurityGroupsForVpc",
        ],
    ),
    (
        "elasticloadbalancing",
        &[
            "DescribeCapacityReservation",
            "DescribeListenerAttributes",
            "DescribeListenerCertificates",
            "DescribeListeners",
            "DescribeLoadBalancerAttributes",
            "DescribeLoadBalancers",
            "DescribeRules",
            "DescribeSSLPolicies",
            "DescribeTags",
            "DescribeTargetGroupAttributes",
            "DescribeTargetGroups",
            "DescribeTargetHealth",
            "DescribeTrustStores",
        ],
    ),
]);

const LOOKS_AT_AND_ATTACHES_ADD_ONS: Statement = anywhere(&[
    ("acm", &["DescribeCertificate", "ListCertificates"]),
    ("cognito-idp", &["DescribeUserPoolClient"]),
    ("iam", &["GetServerCertificate", "ListServerCertificates"]),
    ("shield", &["CreateProtection", "DeleteProtection", "DescribeProtection", "GetSubscriptionState"]),
    ("waf-regional", &["AssociateWebACL", "DisassociateWebACL", "GetWebACL", "GetWebACLForResource"]),
    ("wafv2", &["AssociateWebACL", "DisassociateWebACL", "GetWebACL", "GetWebACLForResource"]),
]);

const CHANGES_WHAT_IS_TAGGED: Statement = only(
    &[(
        "elasticloadbalancing",
        &[
            "DeleteLoadBalancer",
            "DeleteTargetGroup",
            "ModifyCapacityReservation",
            "ModifyIpPools",
            "ModifyListenerAttributes",
            "ModifyLoadBalancerAttributes",
            "ModifyTargetGroup",
            "ModifyTargetGroupAttributes",
            "SetIpAddressType",
            "SetSecurityGroups",
            "SetSubnets",
        ],
    )],
    &[],
    &[IS_TAGGED],
);
