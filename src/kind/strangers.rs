//! What others have that stands against a deletion: rules that name a security group, what is in a VPC, what a load
//! balancer serves. Not a kind.
//!
//! Only what is certain to be in the way is told: what a controller or EKS made goes with its object or cluster.

use std::collections::BTreeSet;

use futures::future::try_join;
use serde_json::{Value as Json, json};

use super::{Effect, Hold, tenants};
use crate::cloud::ec2::{filter, text};
use crate::cloud::{Absent, Clients, CloudResult, Cx, LINEAGE};
use crate::sweep::judge::OPENED;

/// The most values that a filter takes.
const FILTER_VALUES: usize = 200;

/// What is in the way for good.
pub(super) fn blocks(what: String, of: Vec<String>) -> Hold {
    Hold { what, of, effect: Effect::Blocks }
}

/// Rules of other groups that name this one.
pub(super) async fn rules_naming(clients: &Clients, group: &str) -> CloudResult<Vec<Hold>> {
    Ok(naming(clients, &[group]).await?.into_iter().map(|(_, hold)| hold).collect())
}

/// Rules that name one of these groups and are in none of them, each with the group that it names: that cannot go.
pub async fn naming(clients: &Clients, named: &[&str]) -> CloudResult<Vec<(String, Hold)>> {
    let rules = rules(clients, named).await?;
    let of_others = rules.iter().filter(|rule| text(rule, "description") != OPENED);
    let hold = |rule: &Json| {
        let (id, of) = (text(rule, "securityGroupRuleId"), text(rule, "groupId"));
        let named = text(&rule["referencedGroupInfo"], "groupId");
        let what = format!("rule {id} of security group {of} names {named}");
        (named, blocks(what, vec![id, of]))
    };
    Ok(of_others.map(hold).collect())
}

/// Rules that the controller opened for this group and that nobody closes any more.
pub(super) async fn close(clients: &Clients, group: &str) -> CloudResult<()> {
    let rules = rules(clients, &[group]).await?;
    for rule in rules.iter().filter(|rule| text(rule, "description") == OPENED) {
        let (of, id) = (text(rule, "groupId"), text(rule, "securityGroupRuleId"));
        let params = json!({ "GroupId": of, "SecurityGroupRuleId": [id] });
        clients.ec2.call("RevokeSecurityGroupIngress", params).await.or_absent()?;
    }
    Ok(())
}

/// All rules of other groups that name one of these, in either direction.
async fn rules(clients: &Clients, named: &[&str]) -> CloudResult<Vec<Json>> {
    let mut rules = Vec::new();
    for some in named.chunks(FILTER_VALUES) {
        rules.extend(rules_of_some(clients, some).await?);
    }
    rules.retain(|rule| !named.contains(&text(rule, "groupId").as_str()));
    Ok(rules)
}

async fn rules_of_some(clients: &Clients, named: &[&str]) -> CloudResult<Vec<Json>> {
    let naming = |name: &'static str| {
        let filters = json!({ "Filter": [filter(name, named.iter().copied())] });
        let clients = clients.clone();
        async move { clients.ec2.pages("DescribeSecurityGroups", filters, "securityGroupInfo").await }
    };
    let (ins, outs) =
        try_join(naming("ip-permission.group-id"), naming("egress.ip-permission.group-id")).await?;
    let groups: BTreeSet<String> = ins.iter().chain(&outs).map(|one| text(one, "groupId")).collect();
    let groups: Vec<&str> = groups.iter().map(String::as_str).filter(|one| !named.contains(one)).collect();
    let mut rules = Vec::new();
    for some in groups.chunks(FILTER_VALUES) {
        let filters = json!({ "Filter": [filter("group-id", some.iter().copied())] });
        let found = clients.ec2.pages("DescribeSecurityGroupRules", filters, "securityGroupRuleSet").await?;
        rules.extend(found.into_iter().filter(|rule| {
            rule["referencedGroupInfo"]["groupId"].as_str().is_some_and(|group| named.contains(&group))
        }));
    }
    Ok(rules)
}

/// What others have in a VPC and what keeps it from being deleted: endpoints, security groups, and whatever has interfaces
/// there.
pub(super) async fn within(cx: &Cx, vpc: &str) -> CloudResult<Vec<Hold>> {
    let clients = cx.clients();
    let of_vpc = json!({ "Filter": [filter("vpc-id", [vpc])] });
    let pages = |action: &'static str, set: &'static str| {
        let (clients, filters) = (clients.clone(), of_vpc.clone());
        async move { clients.ec2.pages(action, filters, set).await }
    };
    let (endpoints, groups) = try_join(
        pages("DescribeVpcEndpoints", "vpcEndpointSet"),
        pages("DescribeSecurityGroups", "securityGroupInfo"),
    )
    .await?;
    let mut holds = tenants::of(cx, vpc, None).await?;
    for one in endpoints.iter().filter(|one| !is_ours(cx, one) && text(one, "state") != "deleted") {
        let (id, service) = (text(one, "vpcEndpointId"), text(one, "serviceName"));
        holds.push(blocks(format!("VPC endpoint {id} to {service} is in {vpc}"), vec![id]));
    }
    for one in groups.iter().filter(|one| !is_ours(cx, one) && text(one, "groupName") != "default") {
        let (id, name) = (text(one, "groupId"), text(one, "groupName"));
        let what = format!("security group {id} ({name}) is in {vpc}");
        holds.push(blocks(what, std::iter::once(id).chain(clusters(one)).collect()));
    }
    Ok(holds)
}

fn tags(doc: &Json) -> impl Iterator<Item = (&str, &str)> {
    let all = doc["tagSet"].as_array().into_iter().flatten();
    all.filter_map(|tag| Some((tag["key"].as_str()?, tag["value"].as_str()?)))
}

/// Whether it carries the marks of this state.
fn is_ours(cx: &Cx, doc: &Json) -> bool {
    tags(doc).any(|(key, value)| key == LINEAGE && value == cx.lineage())
}

/// The clusters whose controllers made it, by its tags.
pub(super) fn clusters(doc: &Json) -> Vec<String> {
    let of = |(key, value): (&str, &str)| match key {
        "elbv2.k8s.aws/cluster"
        | "aws:eks:cluster-name"
        | "eks:cluster-name"
        | "eks:eks-cluster-name"
        | "cluster.k8s.amazonaws.com/name" => Some(value.to_owned()),
        key => key.strip_prefix("kubernetes.io/cluster/").filter(|_| value == "owned").map(str::to_owned),
    };
    tags(doc).filter_map(of).collect()
}

/// VPC endpoint services that a load balancer serves: it cannot be deleted while it does.
pub(super) async fn endpoint_services(cx: &Cx, balancer: &str) -> CloudResult<Vec<Hold>> {
    let action = "DescribeVpcEndpointServiceConfigurations";
    let all = cx.clients().ec2.pages(action, json!({}), "serviceConfigurationSet").await?;
    let serves = |service: &&Json| {
        let mut sets = ["networkLoadBalancerArnSet", "gatewayLoadBalancerArnSet"].into_iter();
        sets.any(|set| service[set].as_array().is_some_and(|arns| arns.iter().any(|arn| arn == balancer)))
    };
    let name = balancer.rsplit_once(":loadbalancer/").map_or(balancer, |(_, name)| name);
    let hold = |service: &Json| {
        let id = text(service, "serviceId");
        blocks(format!("VPC endpoint service {id} is served by its load balancer {name}"), vec![id])
    };
    Ok(all.iter().filter(serves).map(hold).collect())
}
