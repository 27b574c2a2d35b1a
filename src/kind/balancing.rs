//! What the load balancer controller made for an object, by its tags: for waiting until it is gone, and for taking it
//! away when no controller does. Not a kind.
//!
//! Everything carries `elbv2.k8s.aws/cluster`, the name of the cluster, and a tag that names the object. The tags do
//! not tell the region, but each region is asked for its own.

use aws_sdk_elasticloadbalancingv2::types::{LoadBalancerAttribute, TagDescription};
use serde_json::{Value as Json, json};

use super::manifest::Spec;
use super::{Child, strangers};
use crate::cloud::ec2::filter;
use crate::cloud::{Absent, Clients, CloudResult, ClusterRef, Cx, ErrorSort, Named};

/// The tag with the name of the cluster.
const CLUSTER: &str = "elbv2.k8s.aws/cluster";
/// The tag of the security group that all load balancers of a cluster share.
const SHARED: (&str, &str) = ("elbv2.k8s.aws/resource", "backend-sg");

/// The tags that name an Ingress or a Service on what was made of it.
pub(super) const OBJECTS: &[&str] = &["ingress.k8s.aws/stack", "service.k8s.aws/stack"];

/// The sorts of children.
const TARGETS: &str = "target group";
const FRONT: &str = "security group";

/// The clients of the place that the cluster is in.
pub(super) fn clients(cx: &Cx, spec: &Spec) -> Clients {
    spec.cluster.place().map_or_else(|| cx.clients(), |place| cx.cloud().clients(&place))
}

/// How the controller names an object in its tags: `<namespace>/<name>`.
pub(super) fn stack_of(spec: &Spec) -> String {
    let text = |name: &str| spec.manifest["metadata"][name].as_str().unwrap_or("default");
    format!("{}/{}", text("namespace"), text("name"))
}

/// What is there of an object: load balancers, target groups and security groups that carry one of these tags.
pub(super) async fn left(cx: &Cx, spec: &Spec, keys: &[&str]) -> CloudResult<Vec<String>> {
    Ok(traces(cx, spec, keys).await?.iter().map(Trace::words).collect())
}

/// What is there of an object, by its sort; with the last load balancer of a cluster goes the security group that all of
/// them share.
pub(super) async fn children(cx: &Cx, spec: &Spec, keys: &[&str]) -> CloudResult<Vec<Child>> {
    let (own, shared) = look(cx, spec, keys).await?;
    let child = |trace: &Trace, shared: bool| {
        let sort = match trace.sort {
            Sort::Balancer if trace.id.contains(":loadbalancer/net/") => "NLB",
            Sort::Balancer => "ALB",
            Sort::Targets => TARGETS,
            Sort::Group if shared => "shared security group",
            Sort::Group => FRONT,
            Sort::Going => return None,
        };
        Some(Child { sort: sort.to_owned(), id: trace.id.clone() })
    };
    let with_shared = shared.iter().filter(|_| !own.is_empty()).map(|trace| (trace, true));
    Ok(own
        .iter()
        .map(|trace| (trace, false))
        .chain(with_shared)
        .filter_map(|(one, is)| child(one, is))
        .collect())
}

/// Those of an object's children that are there still. What all load balancers share is not asked for.
pub(super) async fn outlive(cx: &Cx, spec: &Spec, made: &[Child]) -> CloudResult<Vec<String>> {
    let clients = clients(cx, spec);
    let mut there = Vec::new();
    for child in made {
        let id = child.id.as_str();
        let is_there = match child.sort.as_str() {
            "ALB" | "NLB" => {
                let asked = clients.elb.describe_load_balancers().load_balancer_arns(id).send().await;
                asked.named("ELBv2.DescribeLoadBalancers").or_absent()?.is_some()
            }
            TARGETS => {
                let asked = clients.elb.describe_target_groups().target_group_arns(id).send().await;
                asked.named("ELBv2.DescribeTargetGroups").or_absent()?.is_some()
            }
            FRONT => {
                let filters = json!({ "Filter": [filter("group-id", [id])] });
                !clients.ec2.pages("DescribeSecurityGroups", filters, "securityGroupInfo").await?.is_empty()
            }
            _ => false,
        };
        if is_there {
            there.push(format!("{} {id}", child.sort));
        }
    }
    Ok(there)
}

/// Takes it away as far as that can be done now: load balancers, then target groups and security groups. With the last
/// load balancer of the cluster goes the security group that they shared.
pub(super) async fn sweep(cx: &Cx, spec: &Spec, keys: &[&str]) -> CloudResult<()> {
    let clients = clients(cx, spec);
    let traces = traces(cx, spec, keys).await?;
    let balancers: Vec<&Trace> = traces.iter().filter(|trace| trace.sort == Sort::Balancer).collect();
    if !balancers.is_empty() {
        for one in balancers {
            remove_balancer(&clients, &one.id).await?;
        }
        return Ok(());
    }
    for one in &traces {
        match one.sort {
            Sort::Balancer | Sort::Going => {}
            Sort::Targets => {
                let asked = clients.elb.delete_target_group().target_group_arn(&one.id).send().await;
                asked.named("ELBv2.DeleteTargetGroup").or_absent()?;
            }
            Sort::Group => {
                let params = json!({ "GroupId": one.id });
                let asked = clients.ec2.call("DeleteSecurityGroup", params).await.or_absent();
                if asked.as_ref().is_err_and(|error| error.sort == ErrorSort::InUse) {
                    // What the controller opened for it is closed by nobody else any more.
                    strangers::close(&clients, &one.id).await?;
                }
                asked?;
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Balancer,
    Targets,
    Group,
    Going,
}

/// One thing that is there: a load balancer or target group by its ARN, a security group by its id.
struct Trace {
    sort: Sort,
    id: String,
}

impl Trace {
    fn group(group: &Json) -> Self {
        Self { sort: Sort::Group, id: group["groupId"].as_str().unwrap_or_default().to_owned() }
    }

    fn words(&self) -> String {
        let name = self.id.rsplit_once(':').map_or(self.id.as_str(), |(_, name)| name);
        let name = name.trim_start_matches("loadbalancer/").trim_start_matches("targetgroup/");
        match self.sort {
            Sort::Balancer => format!("load balancer {name}"),
            Sort::Targets => format!("target group {name}"),
            Sort::Group => format!("security group {name}"),
            Sort::Going => "something that is just going".to_owned(),
        }
    }
}

/// What is there of an object. The security group that all load balancers of the cluster share goes with the last of
/// them: a controller that was restarted in between forgets it.
async fn traces(cx: &Cx, spec: &Spec, keys: &[&str]) -> CloudResult<Vec<Trace>> {
    let (own, shared) = look(cx, spec, keys).await?;
    Ok(if own.is_empty() { shared } else { own })
}

/// What is there of an object, and what all load balancers of its cluster share, if nobody else needs that. Whatever is
/// being made has a group of its own or a target group by then.
async fn look(cx: &Cx, spec: &Spec, keys: &[&str]) -> CloudResult<(Vec<Trace>, Vec<Trace>)> {
    // The name that the controllers tag things with; a cluster by kubeconfig does not tell it.
    let ClusterRef::Eks { eks, .. } = &spec.cluster else { return Ok(Default::default()) };
    let stack = stack_of(spec);
    let clients = clients(cx, spec);
    let is_own = |tags: &TagDescription| keys.iter().any(|key| has(tags, key, &stack));
    let (mut own, others) = load_balancing(&clients, eks, is_own).await?;
    let groups = groups_of(&clients, eks).await?;
    let (shared, fronts): (Vec<&Json>, Vec<&Json>) =
        groups.iter().partition(|group| is_tagged(group, SHARED.0, SHARED.1));
    let is_own = |group: &&&Json| keys.iter().any(|key| is_tagged(group, key, &stack));
    let alone = others == 0 && fronts.iter().all(|group| is_own(&group));
    own.extend(fronts.iter().filter(is_own).map(|group| Trace::group(group)));
    Ok((own, shared.into_iter().filter(|_| alone).map(Trace::group).collect()))
}

fn has(tags: &TagDescription, key: &str, value: &str) -> bool {
    tags.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
}

/// Load balancers and target groups of a cluster: those that are meant, and how many others there are.
async fn load_balancing(
    clients: &Clients,
    cluster: &str,
    is_own: impl Fn(&TagDescription) -> bool,
) -> CloudResult<(Vec<Trace>, usize)> {
    let elb = &clients.elb;
    let mut arns: Vec<(String, Sort)> = Vec::new();
    let mut pages = elb.describe_load_balancers().into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.named("ELBv2.DescribeLoadBalancers")?;
        arns.extend(one.load_balancer_arn().map(|arn| (arn.to_owned(), Sort::Balancer)));
    }
    let mut pages = elb.describe_target_groups().into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.named("ELBv2.DescribeTargetGroups")?;
        arns.extend(one.target_group_arn().map(|arn| (arn.to_owned(), Sort::Targets)));
    }
    let (mut own, mut others) = (Vec::new(), 0);
    for some in arns.chunks(20) {
        let asked = some.iter().map(|(arn, _)| arn.clone()).collect();
        let answer =
            elb.describe_tags().set_resource_arns(Some(asked)).send().await.named("ELBv2.DescribeTags");
        let answer = match answer {
            // One of them went in between: the next look tells.
            Err(error) if error.sort == ErrorSort::NotFound => {
                own.push(Trace { sort: Sort::Going, id: String::new() });
                continue;
            }
            other => other?,
        };
        for tags in answer.tag_descriptions().iter().filter(|tags| has(tags, CLUSTER, cluster)) {
            let arn = tags.resource_arn().unwrap_or_default();
            match some.iter().find(|(known, _)| known == arn) {
                Some((arn, sort)) if is_own(tags) => own.push(Trace { sort: *sort, id: arn.clone() }),
                _ => others += 1,
            }
        }
    }
    Ok((own, others))
}

/// The security groups that carry the name of the cluster.
async fn groups_of(clients: &Clients, cluster: &str) -> CloudResult<Vec<Json>> {
    let filters = json!({ "Filter": [filter(&format!("tag:{CLUSTER}"), [cluster])] });
    clients.ec2.pages("DescribeSecurityGroups", filters, "securityGroupInfo").await
}

fn is_tagged(group: &Json, key: &str, value: &str) -> bool {
    let mut tags = group["tagSet"].as_array().into_iter().flatten();
    tags.any(|tag| tag["key"] == key && tag["value"] == value)
}

async fn remove_balancer(clients: &Clients, arn: &str) -> CloudResult<()> {
    let asked = clients.elb.delete_load_balancer().load_balancer_arn(arn).send().await;
    match asked.named("ELBv2.DeleteLoadBalancer").or_absent() {
        // It is protected, and nobody else takes that back any more.
        Err(error) if error.code.contains("OperationNotPermitted") => {
            let off =
                LoadBalancerAttribute::builder().key("deletion_protection.enabled").value("false").build();
            let asked = clients.elb.modify_load_balancer_attributes().load_balancer_arn(arn).attributes(off);
            asked.send().await.named("ELBv2.ModifyLoadBalancerAttributes").or_absent().map(drop)
        }
        answer => answer.map(drop),
    }
}
