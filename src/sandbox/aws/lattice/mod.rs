//! VPC Lattice: service networks, services, listeners, rules, target groups and what ties them together.
//!
//! Documents are what the `Get` operations answer; `_tags` holds the tags, `_policy` the auth policy, `_targets` the
//! targets of a group. Whoever acts inside of the cloud, as the simulated controllers do, uses `call`.

mod listener;
mod logs;
mod network;
mod service;
mod target_group;
mod thing;
mod vpc_association;

use serde_json::Value as Json;

use super::{Answer, Operation, Protocol, Refusal, Service};
use crate::sandbox::world::Here;

pub use service::HOSTED_ZONE;
pub use target_group::{DRAINED, drained};

/// The service.
pub const SERVICE: Service =
    Service { scope: "vpc-lattice", protocol: Protocol::RestJson { epoch: false }, operations: OPERATIONS };

/// Does an operation by its name, with the input of the API: for those who act inside of the cloud.
pub fn call(here: &mut Here<'_>, name: &str, input: &Json) -> Answer {
    let operation = OPERATIONS.iter().find(|operation| operation.name == name);
    let operation = operation
        .ok_or_else(|| Refusal::new(404, "UnknownOperationException", format!("no operation {name}")))?;
    (operation.handle)(here, input)
}

const fn op(name: &'static str, path: &'static str, handle: fn(&mut Here<'_>, &Json) -> Answer) -> Operation {
    Operation { name, path, handle }
}

const OPERATIONS: &[Operation] = &[
    op("CreateServiceNetwork", "POST /servicenetworks", network::create),
    op("GetServiceNetwork", "GET /servicenetworks/{serviceNetworkIdentifier}", network::get),
    op("ListServiceNetworks", "GET /servicenetworks", network::list),
    op("UpdateServiceNetwork", "PATCH /servicenetworks/{serviceNetworkIdentifier}", network::update),
    op("DeleteServiceNetwork", "DELETE /servicenetworks/{serviceNetworkIdentifier}", network::delete),
    op("CreateServiceNetworkVpcAssociation", "POST /servicenetworkvpcassociations", vpc_association::create),
    op(
        "GetServiceNetworkVpcAssociation",
        "GET /servicenetworkvpcassociations/{serviceNetworkVpcAssociationIdentifier}",
        vpc_association::get,
    ),
    op("ListServiceNetworkVpcAssociations", "GET /servicenetworkvpcassociations", vpc_association::list),
    op(
        "UpdateServiceNetworkVpcAssociation",
        "PATCH /servicenetworkvpcassociations/{serviceNetworkVpcAssociationIdentifier}",
        vpc_association::update,
    ),
    op(
        "DeleteServiceNetworkVpcAssociation",
        "DELETE /servicenetworkvpcassociations/{serviceNetworkVpcAssociationIdentifier}",
        vpc_association::delete,
    ),
    op("CreateService", "POST /services", service::create),
    op("GetService", "GET /services/{serviceIdentifier}", service::get),
    op("ListServices", "GET /services", service::list),
    op("UpdateService", "PATCH /services/{serviceIdentifier}", service::update),
    op("DeleteService", "DELETE /services/{serviceIdentifier}", service::delete),
    op(
        "CreateServiceNetworkServiceAssociation",
        "POST /servicenetworkserviceassociations",
        service::associate,
    ),
    op(
        "GetServiceNetworkServiceAssociation",
        "GET /servicenetworkserviceassociations/{serviceNetworkServiceAssociationIdentifier}",
        service::get_association,
    ),
    op(
        "ListServiceNetworkServiceAssociations",
        "GET /servicenetworkserviceassociations",
        service::list_associations,
    ),
    op(
        "DeleteServiceNetworkServiceAssociation",
        "DELETE /servicenetworkserviceassociations/{serviceNetworkServiceAssociationIdentifier}",
        service::dissociate,
    ),
    op("CreateListener", "POST /services/{serviceIdentifier}/listeners", listener::create),
    op("GetListener", "GET /services/{serviceIdentifier}/listeners/{listenerIdentifier}", listener::get),
    op("ListListeners", "GET /services/{serviceIdentifier}/listeners", listener::list),
    op(
        "UpdateListener",
        "PATCH /services/{serviceIdentifier}/listeners/{listenerIdentifier}",
        listener::update,
    ),
    op(
        "DeleteListener",
        "DELETE /services/{serviceIdentifier}/listeners/{listenerIdentifier}",
        listener::delete,
    ),
    op(
        "CreateRule",
        "POST /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules",
        listener::create_rule,
    ),
    op(
        "GetRule",
        "GET /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules/{ruleIdentifier}",
        listener::get_rule,
    ),
    op(
        "ListRules",
        "GET /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules",
        listener::list_rules,
    ),
    op(
        "UpdateRule",
        "PATCH /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules/{ruleIdentifier}",
        listener::update_rule,
    ),
    op(
        "BatchUpdateRule",
        "PATCH /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules",
        listener::batch_update_rule,
    ),
    op(
        "DeleteRule",
        "DELETE /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules/{ruleIdentifier}",
        listener::delete_rule,
    ),
    op("CreateTargetGroup", "POST /targetgroups", target_group::create),
    op("GetTargetGroup", "GET /targetgroups/{targetGroupIdentifier}", target_group::get),
    op("ListTargetGroups", "GET /targetgroups", target_group::list),
    op("UpdateTargetGroup", "PATCH /targetgroups/{targetGroupIdentifier}", target_group::update),
    op("DeleteTargetGroup", "DELETE /targetgroups/{targetGroupIdentifier}", target_group::delete),
    op(
        "RegisterTargets",
        "POST /targetgroups/{targetGroupIdentifier}/registertargets",
        target_group::register,
    ),
    op(
        "DeregisterTargets",
        "POST /targetgroups/{targetGroupIdentifier}/deregistertargets",
        target_group::deregister,
    ),
    op("ListTargets", "POST /targetgroups/{targetGroupIdentifier}/listtargets", target_group::list_targets),
    op("PutAuthPolicy", "PUT /authpolicy/{resourceIdentifier}", logs::put_policy),
    op("GetAuthPolicy", "GET /authpolicy/{resourceIdentifier}", logs::get_policy),
    op("DeleteAuthPolicy", "DELETE /authpolicy/{resourceIdentifier}", logs::delete_policy),
    op("CreateAccessLogSubscription", "POST /accesslogsubscriptions", logs::subscribe),
    op(
        "GetAccessLogSubscription",
        "GET /accesslogsubscriptions/{accessLogSubscriptionIdentifier}",
        logs::get_logs,
    ),
    op("ListAccessLogSubscriptions", "GET /accesslogsubscriptions", logs::list_logs),
    op(
        "UpdateAccessLogSubscription",
        "PATCH /accesslogsubscriptions/{accessLogSubscriptionIdentifier}",
        logs::update_logs,
    ),
    op(
        "DeleteAccessLogSubscription",
        "DELETE /accesslogsubscriptions/{accessLogSubscriptionIdentifier}",
        logs::unsubscribe,
    ),
    op("TagResource", "POST /tags/{resourceArn}", logs::tag),
    op("UntagResource", "DELETE /tags/{resourceArn}", logs::untag),
    op("ListTagsForResource", "GET /tags/{resourceArn}", logs::list_tags),
];
