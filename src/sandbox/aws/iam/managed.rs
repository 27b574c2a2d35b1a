//! The policies that AWS itself keeps, as far as clusters need them, by the end of their ARN.

/// Paths and names after `arn:aws:iam::aws:policy/`.
const NAMES: &[&str] = &[
    "AdministratorAccess",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSFargatePodExecutionRolePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSServicePolicy",
    "AmazonEKSVPCResourceController",
    "AmazonEKSWorkerNodeMinimalPolicy",
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonS3FullAccess",
    "AmazonS3ReadOnlyAccess",
    "AmazonSSMManagedInstanceCore",
    "CloudWatchAgentServerPolicy",
    "CloudWatchFullAccess",
    "ElasticLoadBalancingFullAccess",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "SecurityAudit",
    "VPCLatticeFullAccess",
    "VPCLatticeReadOnlyAccess",
    "VPCLatticeServicesInvokeAccess",
    "job-function/ViewOnlyAccess",
    "service-role/AmazonEBSCSIDriverPolicy",
    "service-role/AmazonEFSCSIDriverPolicy",
    "service-role/AWSLambdaBasicExecutionRole",
];

/// Path and name of a policy that AWS keeps, by its ARN.
pub(super) fn find(arn: &str) -> Option<(&'static str, &'static str)> {
    let rest = arn.strip_prefix("arn:aws:iam::aws:policy/")?;
    let known = NAMES.iter().copied().find(|known| *known == rest)?;
    Some(known.rsplit_once('/').unwrap_or(("", known)))
}
