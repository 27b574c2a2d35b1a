//! EC2, as far as networks go: VPCs and all that is in them, security groups, prefix lists, interfaces, tags.
//!
//! Documents are what the Describe calls tell, in the camel case of EC2's XML. What they only tell of others (the
//! rules of a group, free addresses of a subnet, black holes) is worked out when they are described. Every region has
//! its default VPC from the first call on: see `region`.

mod address;
mod describe;
mod endpoint_service;
mod gateway;
mod group;
mod instance;
mod interface;
mod launch_template;
mod nat;
mod others;
mod region;
mod route;
mod rule;
mod subnet;
mod tags;
mod vpc;

use serde_json::Value as Json;

use super::{Answer, Operation, Protocol, Refusal, Service};
use crate::sandbox::world::{ACCOUNT, Doc, Here, Key, World};

pub use group::make as make_group;
pub use interface::make as make_interface;
pub use nat::due as nat_due;
pub use region::{furnish as furnish_region, lay_vpc};
pub use rule::put as make_rule;

/// The hook that takes a NAT gateway to its next state.
pub const NAT_HOOK: &str = "ec2/nat-gateway";

/// An operation in a region that has what every region has.
macro_rules! operation {
    ($name:literal, $handle:path) => {
        Operation {
            name: $name,
            path: "",
            handle: |here, input| {
                region::furnish(here);
                $handle(here, input)
            },
        }
    };
}

/// The service.
pub const SERVICE: Service = Service {
    scope: "ec2",
    protocol: Protocol::Ec2,
    operations: &[
        operation!("AllocateAddress", address::allocate),
        operation!("AssociateRouteTable", route::associate),
        operation!("AttachInternetGateway", gateway::attach),
        operation!("AuthorizeSecurityGroupEgress", rule::authorize_egress),
        operation!("AuthorizeSecurityGroupIngress", rule::authorize_ingress),
        operation!("CreateInternetGateway", gateway::create),
        operation!("CreateLaunchTemplate", launch_template::create),
        operation!("CreateNatGateway", nat::create),
        operation!("CreateRoute", route::create_route),
        operation!("CreateRouteTable", route::create),
        operation!("CreateSecurityGroup", group::create),
        operation!("CreateSubnet", subnet::create),
        operation!("CreateTags", tags::create),
        operation!("CreateVpc", vpc::create),
        operation!("CreateVpcEndpointServiceConfiguration", endpoint_service::create),
        operation!("DeleteInternetGateway", gateway::delete),
        operation!("DeleteLaunchTemplate", launch_template::delete),
        operation!("DeleteNatGateway", nat::delete),
        operation!("DeleteNetworkInterface", interface::delete),
        operation!("DeleteRoute", route::delete_route),
        operation!("DeleteRouteTable", route::delete),
        operation!("DeleteSecurityGroup", group::delete),
        operation!("DeleteSubnet", subnet::delete),
        operation!("DeleteTags", tags::delete),
        operation!("DeleteVpc", vpc::delete),
        operation!("DeleteVpcEndpointServiceConfigurations", endpoint_service::delete),
        operation!("DescribeAddresses", address::describe),
        operation!("DescribeAvailabilityZones", region::describe_zones),
        operation!("DescribeInstances", instance::describe),
        operation!("DescribeInternetGateways", gateway::describe),
        operation!("DescribeLaunchTemplates", launch_template::describe),
        operation!("DescribeManagedPrefixLists", region::describe_prefix_lists),
        operation!("DescribeNatGateways", nat::describe),
        operation!("DescribeNetworkInterfaces", interface::describe),
        operation!("DescribeRouteTables", route::describe),
        operation!("DescribeSecurityGroupRules", rule::describe),
        operation!("DescribeSecurityGroups", group::describe),
        operation!("DescribeSubnets", subnet::describe),
        operation!("DescribeTags", tags::describe),
        operation!("DescribeVolumes", others::describe_volumes),
        operation!("DescribeVpcAttribute", vpc::describe_attribute),
        operation!("DescribeVpcEndpointServiceConfigurations", endpoint_service::describe),
        operation!("DescribeVpcEndpoints", others::describe_endpoints),
        operation!("DescribeVpcs", vpc::describe),
        operation!("DetachInternetGateway", gateway::detach),
        operation!("DisassociateRouteTable", route::disassociate),
        operation!("ModifySecurityGroupRules", rule::modify),
        operation!("ModifySubnetAttribute", subnet::modify),
        operation!("ModifyVpcAttribute", vpc::modify),
        operation!("ReleaseAddress", address::release),
        operation!("ReplaceRoute", route::replace_route),
        operation!("ReplaceRouteTableAssociation", route::replace_association),
        operation!("RevokeSecurityGroupEgress", rule::revoke_egress),
        operation!("RevokeSecurityGroupIngress", rule::revoke_ingress),
        operation!("RunInstances", instance::run),
        operation!("TerminateInstances", instance::terminate),
    ],
};

/// How many VPCs a region of a fresh account takes, the default one among them.
pub const VPCS: usize = 5;
/// How many internet gateways.
pub const INTERNET_GATEWAYS: usize = 5;
/// How many elastic addresses.
pub const ADDRESSES: usize = 5;
/// How many NAT gateways in one zone.
pub const NAT_GATEWAYS: usize = 5;
/// How many rules a security group takes in each direction; a prefix list counts as many as it may have entries.
pub const RULES: usize = 60;

/// A quota: its default, or what the document `ec2/quota` of this name says.
fn quota(here: &Here<'_>, name: &str, default: usize) -> usize {
    let raised = here.get("ec2/quota", name).and_then(|doc| doc["value"].as_u64());
    raised.and_then(|value| usize::try_from(value).ok()).unwrap_or(default)
}

/// Puts in what the usual regions of a fresh account have.
pub fn furnish(world: &mut World) {
    for region in ["us-west-2", "us-east-1", "eu-west-1"] {
        region::furnish(&mut here(world, region));
    }
}

/// Works in a region of the sandbox's own account.
fn here<'a>(world: &'a mut World, region: &str) -> Here<'a> {
    Here { world, account: ACCOUNT.to_owned(), region: region.to_owned(), principal: String::new() }
}

/// Works in the account and region of a key.
fn at<'a>(world: &'a mut World, key: &Key) -> Here<'a> {
    Here { world, account: key.account.clone(), region: key.region.clone(), principal: String::new() }
}

/// A parameter that must be there.
fn want<'a>(input: &'a Json, name: &str) -> Result<&'a str, Refusal> {
    let missing =
        || Refusal::bad("MissingParameter", format!("The request must contain the parameter {name}"));
    input[name].as_str().filter(|text| !text.is_empty()).ok_or_else(missing)
}

/// An id as EC2 gives it: the prefix and 17 hexadecimal digits, the first of them 0.
fn draw(here: &mut Here<'_>, prefix: &str) -> String {
    here.world.draw(&format!("{prefix}-0"), 16)
}

/// What was made before with the client token of this input, if anything; the same token with other parameters is
/// refused. `request` goes into what is made now.
fn by_token(here: &Here<'_>, table: &str, input: &Json) -> Result<Option<Doc>, Refusal> {
    let Some(token) = input["ClientToken"].as_str() else { return Ok(None) };
    let Some(doc) = here.list(table).into_iter().find(|doc| doc["_token"] == token) else { return Ok(None) };
    if doc["_request"] == *input {
        return Ok(Some(doc));
    }
    let words = "The client token you have provided is associated with a request with other parameters";
    Err(Refusal::bad("IdempotentParameterMismatch", words))
}

fn done() -> Answer {
    Ok(serde_json::json!({ "return": true }))
}

#[cfg(test)]
mod tests;
