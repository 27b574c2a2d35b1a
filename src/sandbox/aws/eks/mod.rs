//! EKS: clusters, node groups, add-ons, access entries and pod identity associations.
//!
//! What a cluster makes in EC2 (its security group, its network interfaces, those of its nodes) is written into EC2's
//! tables, `_owner` says for which cluster or node group. What happens when a state has taken its time are the hooks
//! here. What is inside of a cluster is in `sandbox::kube`.

mod access;
pub(super) mod addon;
mod addon_versions;
mod check;
mod cluster;
pub(super) mod life;
mod network;
pub(super) mod node;
mod node_group;
mod node_group_update;
mod pod_identity;
mod tags;
#[cfg(test)]
pub(crate) mod tests;
mod update;

use super::{Operation, Protocol, Service};

/// The table of clusters, by name.
pub const CLUSTER: &str = "eks/cluster";
/// The table of node groups, by `<cluster>/<name>`.
pub const NODE_GROUP: &str = "eks/node-group";
/// The table of add-ons, by `<cluster>/<name>`.
pub const ADDON: &str = "eks/addon";
/// The table of access entries, by `<cluster>/<principal ARN>`; their policies are in `_policies`.
pub const ACCESS_ENTRY: &str = "eks/access-entry";
/// The table of pod identity associations, by `<cluster>/<association id>`.
pub const POD_IDENTITY: &str = "eks/pod-identity";
/// The table of updates, by `<cluster>/<update id>`.
pub const UPDATE: &str = "eks/update";

/// The service.
pub const SERVICE: Service =
    Service { scope: "eks", protocol: Protocol::RestJson { epoch: true }, operations: OPERATIONS };

const OPERATIONS: &[Operation] = &[
    Operation { name: "CreateCluster", path: "POST /clusters", handle: cluster::create },
    Operation { name: "ListClusters", path: "GET /clusters", handle: cluster::list },
    Operation { name: "DescribeCluster", path: "GET /clusters/{name}", handle: cluster::describe },
    Operation { name: "DeleteCluster", path: "DELETE /clusters/{name}", handle: cluster::delete },
    Operation {
        name: "UpdateClusterConfig",
        path: "POST /clusters/{name}/update-config",
        handle: update::config,
    },
    Operation {
        name: "UpdateClusterVersion",
        path: "POST /clusters/{name}/updates",
        handle: update::version,
    },
    Operation { name: "ListUpdates", path: "GET /clusters/{name}/updates", handle: update::list },
    Operation {
        name: "DescribeUpdate",
        path: "GET /clusters/{name}/updates/{updateId}",
        handle: update::describe,
    },
    Operation {
        name: "CreateNodegroup",
        path: "POST /clusters/{name}/node-groups",
        handle: node_group::create,
    },
    Operation { name: "ListNodegroups", path: "GET /clusters/{name}/node-groups", handle: node_group::list },
    Operation {
        name: "DescribeNodegroup",
        path: "GET /clusters/{name}/node-groups/{nodegroupName}",
        handle: node_group::describe,
    },
    Operation {
        name: "DeleteNodegroup",
        path: "DELETE /clusters/{name}/node-groups/{nodegroupName}",
        handle: node_group::delete,
    },
    Operation {
        name: "UpdateNodegroupConfig",
        path: "POST /clusters/{name}/node-groups/{nodegroupName}/update-config",
        handle: node_group_update::config,
    },
    Operation {
        name: "UpdateNodegroupVersion",
        path: "POST /clusters/{name}/node-groups/{nodegroupName}/update-version",
        handle: node_group_update::version,
    },
    Operation {
        name: "DescribeAddonVersions",
        path: "GET /addons/supported-versions",
        handle: addon_versions::describe,
    },
    Operation { name: "CreateAddon", path: "POST /clusters/{name}/addons", handle: addon::create },
    Operation { name: "ListAddons", path: "GET /clusters/{name}/addons", handle: addon::list },
    Operation {
        name: "DescribeAddon",
        path: "GET /clusters/{name}/addons/{addonName}",
        handle: addon::describe,
    },
    Operation {
        name: "UpdateAddon",
        path: "POST /clusters/{name}/addons/{addonName}/update",
        handle: addon::update,
    },
    Operation {
        name: "DeleteAddon",
        path: "DELETE /clusters/{name}/addons/{addonName}",
        handle: addon::delete,
    },
    Operation {
        name: "CreateAccessEntry",
        path: "POST /clusters/{name}/access-entries",
        handle: access::create,
    },
    Operation {
        name: "ListAccessEntries",
        path: "GET /clusters/{name}/access-entries",
        handle: access::list,
    },
    Operation {
        name: "DescribeAccessEntry",
        path: "GET /clusters/{name}/access-entries/{principalArn}",
        handle: access::describe,
    },
    Operation {
        name: "DeleteAccessEntry",
        path: "DELETE /clusters/{name}/access-entries/{principalArn}",
        handle: access::delete,
    },
    Operation {
        name: "AssociateAccessPolicy",
        path: "POST /clusters/{name}/access-entries/{principalArn}/access-policies",
        handle: access::associate,
    },
    Operation {
        name: "ListAssociatedAccessPolicies",
        path: "GET /clusters/{name}/access-entries/{principalArn}/access-policies",
        handle: access::associated,
    },
    Operation {
        name: "DisassociateAccessPolicy",
        path: "DELETE /clusters/{name}/access-entries/{principalArn}/access-policies/{policyArn}",
        handle: access::disassociate,
    },
    Operation {
        name: "CreatePodIdentityAssociation",
        path: "POST /clusters/{name}/pod-identity-associations",
        handle: pod_identity::create,
    },
    Operation {
        name: "ListPodIdentityAssociations",
        path: "GET /clusters/{name}/pod-identity-associations",
        handle: pod_identity::list,
    },
    Operation {
        name: "DescribePodIdentityAssociation",
        path: "GET /clusters/{name}/pod-identity-associations/{associationId}",
        handle: pod_identity::describe,
    },
    Operation {
        name: "UpdatePodIdentityAssociation",
        path: "POST /clusters/{name}/pod-identity-associations/{associationId}",
        handle: pod_identity::update,
    },
    Operation {
        name: "DeletePodIdentityAssociation",
        path: "DELETE /clusters/{name}/pod-identity-associations/{associationId}",
        handle: pod_identity::delete,
    },
    Operation { name: "TagResource", path: "POST /tags/{resourceArn}", handle: tags::tag },
    Operation { name: "UntagResource", path: "DELETE /tags/{resourceArn}", handle: tags::untag },
    Operation { name: "ListTagsForResource", path: "GET /tags/{resourceArn}", handle: tags::list },
];
