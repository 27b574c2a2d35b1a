//! `Access`: what a run may send. Read-only verbs get clients that cannot write.
//!
//! AWS operations are allowed by name, never by a prefix of it. What Kubernetes clients may send is by HTTP method.

use std::sync::Arc;

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    Write,
    /// Reads, and Kubernetes dry runs.
    Plan,
    /// Reads.
    Read,
}

/// Asked right before a call that changes something leaves: whether it may. One that was never closed lets all through.
#[derive(Clone, Default)]
pub struct Gate(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Gate {
    /// One that is open while this is true.
    pub fn new(open: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(open)))
    }

    /// Whether a call may leave.
    pub fn is_open(&self) -> bool {
        self.0.as_ref().is_none_or(|open| open())
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gate(open: {})", self.is_open())
    }
}

/// The operations that read, as `<service id>.<operation>`.
const READS: &[&str] = &[
    "ACM.DescribeCertificate",
    "ACM.ListCertificates",
    "ACM.ListTagsForCertificate",
    "CloudFront.ListVpcOrigins",
    "CloudWatch Logs.DescribeLogGroups",
    "EC2.DescribeAddresses",
    "EC2.DescribeAvailabilityZones",
    "EC2.DescribeInstances",
    "EC2.DescribeInternetGateways",
    "EC2.DescribeLaunchTemplates",
    "EC2.DescribeManagedPrefixLists",
    "EC2.DescribeNatGateways",
    "EC2.DescribeNetworkInterfaces",
    "EC2.DescribeRouteTables",
    "EC2.DescribeSecurityGroupRules",
    "EC2.DescribeSecurityGroups",
    "EC2.DescribeSubnets",
    "EC2.DescribeTags",
    "EC2.DescribeVolumes",
    "EC2.DescribeVpcAttribute",
    "EC2.DescribeVpcEndpointServiceConfigurations",
    "EC2.DescribeVpcEndpoints",
    "EC2.DescribeVpcs",
    "EKS.DescribeAccessEntry",
    "EKS.DescribeAddon",
    "EKS.DescribeCluster",
    "EKS.DescribeNodegroup",
    "EKS.DescribePodIdentityAssociation",
    "EKS.ListAccessEntries",
    "EKS.ListAddons",
    "EKS.ListAssociatedAccessPolicies",
    "EKS.ListClusters",
    "EKS.ListNodegroups",
    "EKS.ListPodIdentityAssociations",
    "EKS.ListTagsForResource",
    "Elastic Load Balancing.DescribeLoadBalancers",
    "Elastic Load Balancing.DescribeTags",
    "Elastic Load Balancing v2.DescribeListeners",
    "Elastic Load Balancing v2.DescribeLoadBalancerAttributes",
    "Elastic Load Balancing v2.DescribeLoadBalancers",
    "Elastic Load Balancing v2.DescribeRules",
    "Elastic Load Balancing v2.DescribeTags",
    "Elastic Load Balancing v2.DescribeTargetGroups",
    "Global Accelerator.ListAccelerators",
    "Global Accelerator.ListTagsForResource",
    "IAM.GetInstanceProfile",
    "IAM.GetPolicy",
    "IAM.GetRole",
    "IAM.GetRolePolicy",
    "IAM.ListAttachedRolePolicies",
    "IAM.ListOpenIDConnectProviderTags",
    "IAM.ListOpenIDConnectProviders",
    "IAM.ListRolePolicies",
    "IAM.ListRoleTags",
    "IAM.ListRoles",
    "Resource Groups Tagging API.GetResources",
    "Route 53.GetChange",
    "Route 53.GetHostedZone",
    "Route 53.ListHostedZones",
    "Route 53.ListHostedZonesByName",
    "Route 53.ListHostedZonesByVPC",
    "Route 53.ListResourceRecordSets",
    "Route 53.ListTagsForResource",
    "Route 53.ListTagsForResources",
    "STS.GetCallerIdentity",
    "VPC Lattice.GetAuthPolicy",
    "VPC Lattice.GetListener",
    "VPC Lattice.GetRule",
    "VPC Lattice.GetService",
    "VPC Lattice.GetServiceNetwork",
    "VPC Lattice.GetServiceNetworkServiceAssociation",
    "VPC Lattice.GetServiceNetworkVpcAssociation",
    "VPC Lattice.GetTargetGroup",
    "VPC Lattice.ListAccessLogSubscriptions",
    "VPC Lattice.ListListeners",
    "VPC Lattice.ListRules",
    "VPC Lattice.ListServiceNetworkResourceAssociations",
    "VPC Lattice.ListServiceNetworkServiceAssociations",
    "VPC Lattice.ListServiceNetworkVpcAssociations",
    "VPC Lattice.ListServiceNetworkVpcEndpointAssociations",
    "VPC Lattice.ListServiceNetworks",
    "VPC Lattice.ListServices",
    "VPC Lattice.ListTagsForResource",
    "VPC Lattice.ListTargetGroups",
    "VPC Lattice.ListTargets",
];

/// The operations by which credentials are had.
const CREDENTIALS: &[&str] = &[
    "STS.AssumeRole",
    "STS.AssumeRoleWithWebIdentity",
    "SSO.GetRoleCredentials",
    "SSO OIDC.CreateToken",
    "Signin.CreateOAuth2Token",
];

impl Access {
    /// Whether an AWS operation may be sent.
    pub fn allows(self, operation: &str) -> bool {
        self == Self::Write || READS.contains(&operation) || CREDENTIALS.contains(&operation)
    }

    /// Whether a request to a cluster may be sent.
    pub fn allows_kubernetes(self, method: &http::Method, uri: &http::Uri) -> bool {
        let dry = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "dryRun=All"));
        match self {
            Self::Write => true,
            Self::Plan => *method == http::Method::GET || (*method == http::Method::PATCH && dry),
            Self::Read => *method == http::Method::GET,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_allowed_by_name_only() {
        assert!(Access::Read.allows("EKS.DescribeCluster"));
        assert!(!Access::Read.allows("EKS.DescribeEverythingAndDeleteIt"));
        assert!(!Access::Plan.allows("EKS.CreateCluster"));
        assert!(Access::Write.allows("EKS.CreateCluster"));
    }

    #[test]
    fn a_dry_run_is_for_plans() {
        let uri: http::Uri = "/api/v1/namespaces/a?fieldManager=stack&dryRun=All".parse().expect("a path");
        let wet: http::Uri = "/api/v1/namespaces/a?fieldManager=dryRun".parse().expect("a path");
        assert!(Access::Plan.allows_kubernetes(&http::Method::PATCH, &uri));
        assert!(!Access::Plan.allows_kubernetes(&http::Method::PATCH, &wet));
        assert!(!Access::Read.allows_kubernetes(&http::Method::PATCH, &uri));
    }
}
