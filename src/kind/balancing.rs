//! What the load balancer controller made for an object, by its tags: for the kinds that wait until it is gone. Not a
//! kind.
//!
//! Everything carries `elbv2.k8s.aws/cluster`, the name of the cluster, and a tag that names the object. The tags do
//! not tell the region, but each region is asked for its own.

use aws_sdk_elasticloadbalancingv2::types::TagDescription;
use serde_json::{Value as Json, json};

use super::manifest::Spec;
use crate::cloud::ec2::filter;
use crate::cloud::{Clients, CloudResult, ClusterRef, Cx, ErrorSort, Named};

/// The tag with the name of the cluster.
const CLUSTER: &str = "elbv2.k8s.aws/cluster";

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
pub(super) async fn left(cx: &Cx, spec: &Spec, keys: &[&str], stack: &str) -> CloudResult<Vec<String>> {
    // The name that the controllers tag things with; a cluster by kubeconfig does not tell it.
    let ClusterRef::Eks { eks, .. } = &spec.cluster else { return Ok(Vec::new()) };
    let marks = Marks { cluster: eks, stack, keys };
    let clients = clients(cx, spec);
    let mut left = load_balancing(&clients, &marks).await?;
    left.extend(security_groups(&clients, &marks).await?);
    Ok(left)
}

/// The tags that mark what was made for an object.
struct Marks<'a> {
    cluster: &'a str,
    stack: &'a str,
    keys: &'a [&'a str],
}

impl Marks<'_> {
    fn fit(&self, tags: &TagDescription) -> bool {
        let has = |key: &str, value: &str| {
            tags.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
        };
        has(CLUSTER, self.cluster) && self.keys.iter().any(|key| has(key, self.stack))
    }
}

/// Load balancers and target groups that still carry the marks.
async fn load_balancing(clients: &Clients, marks: &Marks<'_>) -> CloudResult<Vec<String>> {
    let elb = &clients.elb;
    let mut arns: Vec<(String, &str)> = Vec::new();
    let mut pages = elb.describe_load_balancers().into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.named("ELBv2.DescribeLoadBalancers")?;
        arns.extend(one.load_balancer_arn().map(|arn| (arn.to_owned(), "load balancer")));
    }
    let mut pages = elb.describe_target_groups().into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.named("ELBv2.DescribeTargetGroups")?;
        arns.extend(one.target_group_arn().map(|arn| (arn.to_owned(), "target group")));
    }
    let mut left = Vec::new();
    for some in arns.chunks(20) {
        let asked = some.iter().map(|(arn, _)| arn.clone()).collect();
        let answer =
            elb.describe_tags().set_resource_arns(Some(asked)).send().await.named("ELBv2.DescribeTags");
        let answer = match answer {
            // One of them went in between: the next look tells.
            Err(error) if error.sort == ErrorSort::NotFound => {
                left.push("something that is just going".to_owned());
                continue;
            }
            other => other?,
        };
        for tags in answer.tag_descriptions().iter().filter(|tags| marks.fit(tags)) {
            let arn = tags.resource_arn().unwrap_or_default();
            let what = some.iter().find(|(known, _)| known == arn).map_or("thing", |(_, what)| what);
            left.push(format!("{what} {}", arn.rsplit_once(':').map_or(arn, |(_, name)| name)));
        }
    }
    Ok(left)
}

/// Frontend security groups that still carry the marks.
async fn security_groups(clients: &Clients, marks: &Marks<'_>) -> CloudResult<Vec<String>> {
    let filters = json!({ "Filter": [filter(&format!("tag:{CLUSTER}"), [marks.cluster])] });
    let groups = clients.ec2.pages("DescribeSecurityGroups", filters, "securityGroupInfo").await?;
    let of_stack = |group: &&Json| {
        let mut tags = group["tagSet"].as_array().into_iter().flatten();
        tags.any(|tag| marks.keys.iter().any(|key| tag["key"] == *key) && tag["value"] == marks.stack)
    };
    let left = groups.iter().filter(of_stack);
    Ok(left
        .map(|group| format!("security group {}", group["groupId"].as_str().unwrap_or_default()))
        .collect())
}
