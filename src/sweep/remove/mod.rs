//! Takes away what a cluster that is gone has left, in the order in which nothing turns away what comes after it.
//!
//! Only what carries the tags of the cluster is touched, and what goes with that. Every step is safe to repeat: what
//! is gone already is a success, what is still held is asked again for a while.

mod accelerator;
mod identity;

use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::LoadBalancerAttribute;
use aws_sdk_vpclattice::types::Target;
use serde_json::{Value as Json, json};

use super::judge::{Leftover, Whose, is_tagged, region_of};
use super::sort::Sort;
use super::thing::Thing;
use crate::cloud::ec2::{items, text};
use crate::cloud::{Absent, Clients, Cloud, CloudError, CloudResult, ErrorSort, Named};

/// Between two attempts at what is still held.
const AGAIN: Duration = Duration::from_secs(5);
/// After which it is given up.
const LIMIT: Duration = Duration::from_secs(600);

/// What became of a leftover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is gone, or on its way out.
    Removed,
    /// It could not be removed.
    Failed(CloudError),
}

/// Why a sweep of a cluster leaves something alone; `None` if it removes it.
pub fn left_alone(one: &Leftover) -> Option<&str> {
    if !one.whose.is_of_cluster() {
        return Some("it does not carry the tags of the cluster");
    }
    if let Some(held) = &one.thing.held {
        return Some(held);
    }
    let tagged = matches!(&one.whose, Whose::Cluster { cluster } if is_tagged(&one.thing, cluster));
    match one.thing.sort {
        Sort::NetworkInterface if !one.thing.free => Some("it is in use"),
        Sort::Volume => Some("there may be data on it that somebody needs"),
        Sort::LogGroup => Some("only its name says whose it is"),
        Sort::OidcProvider if !tagged => Some("only its name says whose it is"),
        Sort::InstanceProfile | Sort::Policy if !one.thing.free && region_of(&one.thing).is_none() => {
            Some("it is in use, perhaps by a cluster of this name in another region")
        }
        Sort::Accelerator
        | Sort::EndpointService
        | Sort::Listener
        | Sort::LoadBalancer
        | Sort::ClassicLoadBalancer
        | Sort::TargetGroup
        | Sort::LatticeServiceAssociation
        | Sort::LatticeListener
        | Sort::LatticeLogs
        | Sort::LatticeService
        | Sort::LatticeTargetGroup
        | Sort::LatticeVpcAssociation
        | Sort::LatticeNetwork
        | Sort::Instance
        | Sort::LaunchTemplate
        | Sort::OidcProvider
        | Sort::InstanceProfile
        | Sort::Policy
        | Sort::NetworkInterface
        | Sort::SecurityGroupRule
        | Sort::SecurityGroup => None,
        _ => Some("no controller makes such things"),
    }
}

/// Removes leftovers one after the other and says of each what became of it. They are in the order of removal.
pub async fn remove(cloud: &Cloud, leftovers: &[Leftover], tell: &mut impl FnMut(&Leftover, &Step)) {
    for one in leftovers.iter().filter(|one| left_alone(one).is_none()) {
        let step = match until_gone(cloud, &one.thing).await {
            Ok(()) => Step::Removed,
            Err(error) => Step::Failed(error),
        };
        tell(one, &step);
    }
}

/// Asks for as long as something else holds it.
async fn until_gone(cloud: &Cloud, thing: &Thing) -> CloudResult<()> {
    let clients = cloud.clients(&thing.place);
    let clock = cloud.clock();
    let began = clock.elapsed();
    loop {
        match once(&clients, thing).await.or_absent() {
            Ok(_) => return Ok(()),
            Err(error) => {
                let waits = matches!(error.sort, ErrorSort::InUse | ErrorSort::NotYet | ErrorSort::Throttled);
                if !waits || clock.elapsed().saturating_sub(began) > LIMIT {
                    return Err(error);
                }
            }
        }
        clock.sleep(AGAIN).await;
    }
}

/// Asks once.
pub(super) async fn once(clients: &Clients, thing: &Thing) -> CloudResult<()> {
    let id = thing.id.as_str();
    let of = thing.of.first().map_or("", String::as_str);
    let lattice = &clients.lattice;
    match thing.sort {
        Sort::Listener => {
            let call = clients.elb.delete_listener().listener_arn(id);
            call.send().await.named("ELBv2.DeleteListener").map(drop)
        }
        Sort::LoadBalancer => load_balancer(clients, id).await,
        Sort::Accelerator => accelerator::accelerator(clients, id).await,
        Sort::ClassicLoadBalancer => clients.classic.delete(id).await,
        Sort::EndpointService => endpoint_service(clients, id).await,
        Sort::TargetGroup => {
            let call = clients.elb.delete_target_group().target_group_arn(id);
            call.send().await.named("ELBv2.DeleteTargetGroup").map(drop)
        }
        Sort::LatticeServiceAssociation => {
            let call = lattice.delete_service_network_service_association();
            let call = call.service_network_service_association_identifier(id).send().await;
            call.named("VPC Lattice.DeleteServiceNetworkServiceAssociation").map(drop)
        }
        Sort::LatticeListener => {
            let call = lattice.delete_listener().service_identifier(of).listener_identifier(id);
            call.send().await.named("VPC Lattice.DeleteListener").map(drop)
        }
        Sort::LatticeLogs => {
            let call = lattice.delete_access_log_subscription().access_log_subscription_identifier(id);
            call.send().await.named("VPC Lattice.DeleteAccessLogSubscription").map(drop)
        }
        Sort::LatticeService => {
            let call = lattice.delete_service().service_identifier(id);
            call.send().await.named("VPC Lattice.DeleteService").map(drop)
        }
        Sort::LatticeTargetGroup => target_group(clients, id).await,
        Sort::LatticeVpcAssociation => {
            let call = lattice.delete_service_network_vpc_association();
            let call = call.service_network_vpc_association_identifier(id).send().await;
            call.named("VPC Lattice.DeleteServiceNetworkVpcAssociation").map(drop)
        }
        Sort::LatticeNetwork => {
            let call = lattice.delete_service_network().service_network_identifier(id);
            call.send().await.named("VPC Lattice.DeleteServiceNetwork").map(drop)
        }
        Sort::Instance => ec2(clients, "TerminateInstances", json!({ "InstanceId": [id] })).await,
        Sort::LaunchTemplate => ec2(clients, "DeleteLaunchTemplate", json!({ "LaunchTemplateId": id })).await,
        Sort::OidcProvider => {
            let call = clients.iam.delete_open_id_connect_provider().open_id_connect_provider_arn(id);
            call.send().await.named("IAM.DeleteOpenIDConnectProvider").map(drop)
        }
        Sort::InstanceProfile => identity::instance_profile(clients, id).await,
        Sort::Policy => identity::policy(clients, id).await,
        Sort::NetworkInterface => {
            ec2(clients, "DeleteNetworkInterface", json!({ "NetworkInterfaceId": id })).await
        }
        Sort::SecurityGroupRule => {
            let way = if thing.egress { "RevokeSecurityGroupEgress" } else { "RevokeSecurityGroupIngress" };
            ec2(clients, way, json!({ "GroupId": of, "SecurityGroupRuleId": [id] })).await
        }
        Sort::SecurityGroup => ec2(clients, "DeleteSecurityGroup", json!({ "GroupId": id })).await,
        // What is left alone does not come here.
        other => Err(CloudError::new(ErrorSort::Bug, "sweep", format!("a {} is left alone", other.title()))),
    }
}

/// One that is protected is asked for again: nobody else takes the protection back any more.
async fn load_balancer(clients: &Clients, arn: &str) -> CloudResult<()> {
    let asked = clients.elb.delete_load_balancer().load_balancer_arn(arn).send().await;
    let answer = asked.named("ELBv2.DeleteLoadBalancer");
    if !answer.as_ref().is_err_and(|error| error.code.contains("OperationNotPermitted")) {
        return answer.map(drop);
    }
    let off = LoadBalancerAttribute::builder().key("deletion_protection.enabled").value("false").build();
    let asked = clients.elb.modify_load_balancer_attributes().load_balancer_arn(arn).attributes(off);
    asked.send().await.named("ELBv2.ModifyLoadBalancerAttributes")?;
    let asked = clients.elb.delete_load_balancer().load_balancer_arn(arn).send().await;
    asked.named("ELBv2.DeleteLoadBalancer").map(drop)
}

async fn ec2(clients: &Clients, action: &'static str, params: Json) -> CloudResult<()> {
    clients.ec2.call(action, params).await.map(drop)
}

/// The call is a success whatever comes of it; what could not be deleted is told in its answer.
async fn endpoint_service(clients: &Clients, id: &str) -> CloudResult<()> {
    let action = "DeleteVpcEndpointServiceConfigurations";
    let answer = clients.ec2.call(action, json!({ "ServiceId": [id] })).await?;
    match items(&answer, "unsuccessful").map(|one| &one["error"]).next() {
        None => Ok(()),
        Some(error) => {
            let (code, words) = (text(error, "code"), text(error, "message"));
            Err(CloudError::answered(format!("EC2.{action}"), &code, words, None))
        }
    }
}

/// Its targets are taken out first; they drain a while, in which it is still held.
async fn target_group(clients: &Clients, id: &str) -> CloudResult<()> {
    let lattice = &clients.lattice;
    let mut targets = Vec::new();
    let mut pages = lattice.list_targets().target_group_identifier(id).into_paginator().items().send();
    while let Some(target) = pages.next().await {
        let target = target.named("VPC Lattice.ListTargets")?;
        if target.status().is_some_and(|status| status.as_str() == "DRAINING") {
            continue;
        }
        let built = Target::builder().set_id(target.id().map(str::to_owned)).set_port(target.port()).build();
        targets.extend(built.ok());
    }
    // A hundred at once is what the call takes.
    for some in targets.chunks(100) {
        let call = lattice.deregister_targets().target_group_identifier(id);
        let call = call.set_targets(Some(some.to_vec())).send().await;
        call.named("VPC Lattice.DeregisterTargets")?;
    }
    let call = lattice.delete_target_group().target_group_identifier(id).send().await;
    call.named("VPC Lattice.DeleteTargetGroup").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Place;

    fn policy(free: bool, held: Option<&str>, tags: &[(&str, &str)]) -> Leftover {
        let place = Place { account: None, region: "us-west-2".into() };
        let mut thing = Thing::new(Sort::Policy, "arn", &place, "111122223333");
        thing.tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        thing.free = free;
        thing.held = held.map(str::to_owned);
        Leftover { thing, whose: Whose::Cluster { cluster: "edge".into() }, why: String::new() }
    }

    #[test]
    fn what_somebody_may_use_in_another_region_is_left_alone() {
        let region = [("topology.kubernetes.io/region", "us-west-2")];
        assert_eq!(left_alone(&policy(true, None, &[])), None);
        assert_eq!(left_alone(&policy(false, None, &region)), None);
        assert!(left_alone(&policy(false, None, &[])).is_some_and(|why| why.contains("another region")));
        assert_eq!(left_alone(&policy(true, Some("it is held"), &region)), Some("it is held"));
    }
}
