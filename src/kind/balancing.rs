//! What the load balancer controller made for an object, by its tags: for waiting until it is gone, and for taking it
//! away when no controller does. Not a kind.
//!
//! Everything carries `elbv2.k8s.aws/cluster`, the name of the cluster, and a tag that names the object. The tags do
//! not tell the region, but each region is asked for its own.

use aws_sdk_elasticloadbalancingv2::types::{LoadBalancerAttribute, TagDescription};
use serde_json::{Value as Json, json};

use super::ingress_groups::{self, Group};
use super::manifest::Spec;
use super::{Child, strangers};
use crate::cloud::ec2::filter;
use crate::cloud::{Absent, Clients, CloudResult, ClusterRef, Cx, ErrorSort, Named};

/// The tag with the name of the cluster.
const CLUSTER: &str = "elbv2.k8s.aws/cluster";
/// The tag of the security group that all load balancers of a cluster share.
const SHARED: (&str, &str) = ("elbv2.k8s.aws/resource", "backend-sg");

/// The tags that name a Gateway on what was made of it.
pub(super) const GATEWAY: &[&str] = &["gateway.k8s.aws.alb/stack", "gateway.k8s.aws.nlb/stack"];
/// The tag that names an Ingress, or the group of those that share a load balancer.
pub(super) const INGRESS: &[&str] = &["ingress.k8s.aws/stack"];
/// The tag that names a Service.
pub(super) const SERVICE: &[&str] = &["service.k8s.aws/stack"];
/// What a thing is to the Ingresses it was made for.
const PART: &str = "ingress.k8s.aws/resource";

/// The sorts of children.
const TARGETS: &str = "target group";
const FRONT: &str = "security group";
const SHARED_BALANCER: &str = "shared ALB";

/// The clients of the place that the cluster is in.
pub(super) fn clients(cx: &Cx, spec: &Spec) -> Clients {
    spec.cluster.place().map_or_else(|| cx.clients(), |place| cx.cloud().clients(&place))
}

/// How the controller names an object in its tags: `<namespace>/<name>`.
pub(super) fn stack_of(spec: &Spec) -> String {
    let text = |name: &str| spec.manifest["metadata"][name].as_str().unwrap_or("default");
    format!("{}/{}", text("namespace"), text("name"))
}

/// What is there of an object: load balancers, target groups and security groups that carry one of these tags. Of
/// Ingresses that share a load balancer, it is there for the others as long as there are any.
pub(super) async fn left(cx: &Cx, spec: &Spec, keys: &[&str]) -> CloudResult<Vec<String>> {
    Ok(traces(cx, spec, keys).await?.iter().map(Trace::words).collect())
}

/// What is there of an object, by its sort; with the last load balancer of a cluster goes the security group that all of
/// them share. A load balancer that goes with the last Ingress of a group is told with all of them, if all are this
/// stack's.
pub(super) async fn children(cx: &Cx, spec: &Spec, keys: &[&str]) -> CloudResult<Vec<Child>> {
    let of = Of::find(cx, spec, keys).await?;
    let found = look(cx, spec, &of).await?;
    let child = |trace: &Trace, shared: bool| {
        let sort = match trace.sort {
            Sort::Balancer if trace.id.contains(":loadbalancer/net/") => "NLB",
            Sort::Balancer if shared => SHARED_BALANCER,
            Sort::Balancer => "ALB",
            Sort::Targets => TARGETS,
            Sort::Group if shared => "shared security group",
            Sort::Group => FRONT,
            Sort::Going => return None,
        };
        Some(Child { sort: sort.to_owned(), id: trace.id.clone() })
    };
    let shares = of.group.as_ref().filter(|group| group.all_ours(cx));
    let of_all = found.shared.iter().filter(|_| !found.own.is_empty());
    let of_group = found.of_group.iter().filter(|one| shares.is_some() && one.sort != Sort::Targets);
    let shared = of_all.chain(of_group).map(|trace| (trace, true));
    Ok(found
        .own
        .iter()
        .map(|trace| (trace, false))
        .chain(shared)
        .filter_map(|(one, is)| child(one, is))
        .collect())
}

/// Those of an object's children that are there still. What all load balancers share is not asked for, nor what others of
/// its group need, however long they have been in it.
pub(super) async fn outlive(cx: &Cx, spec: &Spec, made: &[Child]) -> CloudResult<Vec<String>> {
    let clients = clients(cx, spec);
    let balancer = made.iter().find(|child| child.sort.ends_with("ALB"));
    let is_needed = match balancer.filter(|_| spec.manifest["kind"] == "Ingress") {
        Some(balancer) => ingress_groups::is_needed(cx, spec, &clients, &balancer.id).await?,
        None => false,
    };
    let mut there = Vec::new();
    for child in made.iter().filter(|child| !is_needed || child.sort == TARGETS) {
        let id = child.id.as_str();
        let is_there = match child.sort.as_str() {
            "ALB" | "NLB" | SHARED_BALANCER => {
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

/// What is meant, by tags: what names it, and the group that it shares a load balancer with.
struct Of<'a> {
    keys: &'a [&'a str],
    stack: String,
    group: Option<Group>,
}

impl<'a> Of<'a> {
    async fn find(cx: &Cx, spec: &Spec, keys: &'a [&'a str]) -> CloudResult<Self> {
        let group = if keys == INGRESS { ingress_groups::of(cx, spec).await? } else { None };
        let stack = group.as_ref().map_or_else(|| stack_of(spec), |group| group.name.clone());
        Ok(Self { keys, stack, group })
    }

    /// Whether something with these tags was made of it, and whether the others of its group need that too.
    fn owns(&self, tag: &dyn Fn(&str) -> Option<String>) -> Owned {
        if !self.keys.iter().any(|key| tag(key).as_ref() == Some(&self.stack)) {
            return Owned::No;
        }
        match &self.group {
            Some(group) if !group.others.is_empty() => {
                let part = tag(PART).unwrap_or_default();
                if part.starts_with(&format!("{}-", group.ingress)) { Owned::Yes } else { Owned::WithOthers }
            }
            _ => Owned::Yes,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owned {
    Yes,
    WithOthers,
    No,
}

/// What is there of an object.
#[derive(Default)]
struct Seen {
    own: Vec<Trace>,
    /// What it shares with others of its group.
    of_group: Vec<Trace>,
    /// What all load balancers of the cluster share, if nobody else needs that.
    shared: Vec<Trace>,
}

/// What is there of an object. The security group that all load balancers of the cluster share goes with the last of
/// them: a controller that was restarted in between forgets it.
async fn traces(cx: &Cx, spec: &Spec, keys: &[&str]) -> CloudResult<Vec<Trace>> {
    let found = look(cx, spec, &Of::find(cx, spec, keys).await?).await?;
    Ok(if found.own.is_empty() { found.shared } else { found.own })
}

/// What is there. Whatever is being made has a group of its own or a target group by then.
async fn look(cx: &Cx, spec: &Spec, of: &Of<'_>) -> CloudResult<Seen> {
    // The name that the controllers tag things with; a cluster by kubeconfig does not tell it.
    let ClusterRef::Eks { eks, .. } = &spec.cluster else { return Ok(Seen::default()) };
    let clients = clients(cx, spec);
    let (mut seen, mut others) = load_balancing(&clients, eks, of).await?;
    for group in groups_of(&clients, eks).await? {
        if is_tagged(&group, SHARED.0, SHARED.1) {
            seen.shared.push(Trace::group(&group));
            continue;
        }
        let tag = |key: &str| tag_of(&group, key).map(str::to_owned);
        match of.owns(&tag) {
            Owned::Yes => seen.own.push(Trace::group(&group)),
            Owned::WithOthers => seen.of_group.push(Trace::group(&group)),
            Owned::No => others += 1,
        }
    }
    if others > 0 || !seen.of_group.is_empty() {
        seen.shared.clear();
    }
    Ok(seen)
}

fn told(tags: &TagDescription, key: &str) -> Option<String> {
    tags.tags().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value().map(str::to_owned))
}

/// Load balancers and target groups of a cluster: those that are meant, and how many others there are.
async fn load_balancing(clients: &Clients, cluster: &str, of: &Of<'_>) -> CloudResult<(Seen, usize)> {
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
    let (mut seen, mut others) = (Seen::default(), 0);
    for some in arns.chunks(20) {
        let asked = some.iter().map(|(arn, _)| arn.clone()).collect();
        let answer =
            elb.describe_tags().set_resource_arns(Some(asked)).send().await.named("ELBv2.DescribeTags");
        let answer = match answer {
            // One of them went in between: the next look tells.
            Err(error) if error.sort == ErrorSort::NotFound => {
                seen.own.push(Trace { sort: Sort::Going, id: String::new() });
                continue;
            }
            other => other?,
        };
        let all = answer.tag_descriptions().iter();
        for tags in all.filter(|tags| told(tags, CLUSTER).as_deref() == Some(cluster)) {
            let arn = tags.resource_arn().unwrap_or_default();
            let Some((id, sort)) = some.iter().find(|(known, _)| known == arn).cloned() else { continue };
            match of.owns(&|key| told(tags, key)) {
                Owned::Yes => seen.own.push(Trace { sort, id }),
                Owned::WithOthers => seen.of_group.push(Trace { sort, id }),
                Owned::No => others += 1,
            }
        }
    }
    Ok((seen, others))
}

/// The security groups that carry the name of the cluster.
async fn groups_of(clients: &Clients, cluster: &str) -> CloudResult<Vec<Json>> {
    let filters = json!({ "Filter": [filter(&format!("tag:{CLUSTER}"), [cluster])] });
    clients.ec2.pages("DescribeSecurityGroups", filters, "securityGroupInfo").await
}

fn tag_of<'a>(group: &'a Json, key: &str) -> Option<&'a str> {
    let mut tags = group["tagSet"].as_array().into_iter().flatten();
    tags.find(|tag| tag["key"] == key)?["value"].as_str()
}

fn is_tagged(group: &Json, key: &str, value: &str) -> bool {
    tag_of(group, key) == Some(value)
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
