//! Who has network interfaces in a VPC beside this stack: instances, load balancers, gateways, databases. Not a kind.
//!
//! One call a VPC tells of all of them; what an interface does not tell of its owner is asked for where there is one.
//! What EKS, the controllers and the VPC CNI made is told with the name of its cluster: it goes with that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::strangers::{blocks, clusters};
use super::{Effect, Hold};
use crate::cloud::ec2::{filter, text};
use crate::cloud::{Clients, CloudResult, Cx, ErrorSort, Named};

/// How interfaces are described that services make for what somebody runs in a VPC, and what that is.
const SERVED: &[(&str, &str)] = &[
    ("RDSNetworkInterface", "an RDS database"),
    ("AWS Lambda VPC ENI", "a Lambda function"),
    ("EFS mount target", "an EFS file system"),
    ("ElastiCache", "an ElastiCache cluster"),
    ("DMSNetworkInterface", "a DMS instance"),
    ("RedshiftNetworkInterface", "a Redshift cluster"),
    ("AWS created network interface for directory", "a directory"),
    ("Network Interface for Transit Gateway Attachment", "a transit gateway attachment"),
    ("CloudFront", "a CloudFront VPC origin"),
];
/// Before the name of a function in the description of its interfaces.
const LAMBDA: &str = "AWS Lambda VPC ENI-";

/// Who has interfaces in a VPC, or in one subnet of it.
pub(super) async fn of(cx: &Cx, vpc: &str, subnet: Option<&str>) -> CloudResult<Vec<Hold>> {
    let clients = cx.clients();
    let asked = clients.clone();
    let of_vpc = json!({ "Filter": [filter("vpc-id", [vpc])] });
    let question = format!("interfaces in {vpc} of {}", cx.region());
    let look = || async move {
        asked
            .ec2
            .pages("DescribeNetworkInterfaces", of_vpc, "networkInterfaceSet")
            .await
            .map(|all| json!(all))
    };
    let all = cx.cloud().once(&question, look).await?;
    let all = all.as_array().into_iter().flatten();
    let here: Vec<&Json> = all.filter(|one| subnet.is_none_or(|subnet| one["subnetId"] == subnet)).collect();
    let place = subnet.unwrap_or(vpc);
    let mut holds = instances(&clients, place, &here).await?;
    holds.extend(balancers(&clients, place, &here).await?);
    holds.extend(here.iter().filter_map(|one| of_others(place, one)));
    let mut told = BTreeSet::new();
    holds.retain(|hold| told.insert(hold.what.clone()));
    Ok(holds)
}

fn instance_of(interface: &Json) -> Option<&str> {
    interface["attachment"]["instanceId"].as_str().filter(|id| !id.is_empty())
}

/// Kind, name and id of the load balancer of an interface, as in its ARN; only the name of one of the first generation.
fn balancer_of(interface: &Json) -> Option<String> {
    text(interface, "description").strip_prefix("ELB ").map(str::to_owned)
}

/// Instances by their names, each once.
async fn instances(clients: &Clients, place: &str, here: &[&Json]) -> CloudResult<Vec<Hold>> {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for interface in here {
        if let Some(id) = instance_of(interface) {
            found.entry(id).or_default().extend(clusters(interface));
        }
    }
    // Nodes say so.
    let unknown: Vec<&str> = found.iter().filter(|(_, of)| of.is_empty()).map(|(id, _)| *id).collect();
    let described = describe(clients, &unknown).await?;
    let hold = |(id, of): (&str, Vec<String>)| {
        let tags = described.iter().find(|one| one["instanceId"] == id);
        let named =
            tags.and_then(|one| tag(one, "Name")).map(|name| format!(" ({name})")).unwrap_or_default();
        let all = std::iter::once(id.to_owned()).chain(of).chain(tags.map(clusters).unwrap_or_default());
        blocks(format!("instance {id}{named} is in {place}"), all.collect())
    };
    Ok(found.into_iter().map(hold).collect())
}

/// Instances with their tags; without them, if that may not be asked.
async fn describe(clients: &Clients, ids: &[&str]) -> CloudResult<Vec<Json>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let filters = json!({ "Filter": [filter("instance-id", ids.iter().copied())] });
    match clients.ec2.pages("DescribeInstances", filters, "reservationSet").await {
        Ok(some) => Ok(some
            .iter()
            .flat_map(|one| one["instancesSet"].as_array().cloned().unwrap_or_default())
            .collect()),
        Err(error) if error.sort == ErrorSort::Denied => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn tag<'a>(doc: &'a Json, key: &str) -> Option<&'a str> {
    let mut tags = doc["tagSet"].as_array().into_iter().flatten();
    tags.find(|tag| tag["key"] == key)?["value"].as_str()
}

/// Load balancers, each once, with the clusters that their tags name.
async fn balancers(clients: &Clients, place: &str, here: &[&Json]) -> CloudResult<Vec<Hold>> {
    let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
    for interface in here {
        let Some(name) = balancer_of(interface) else { continue };
        // What a cluster itself made of a Service is known by its name: the Service is told instead.
        if is_of_service(&name) {
            continue;
        }
        let region = text(interface, "availabilityZone");
        let region = region.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let partition = if region.starts_with("cn-") {
            "aws-cn"
        } else if region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        };
        let owner = text(interface, "ownerId");
        let arn = name
            .contains('/')
            .then(|| format!("arn:{partition}:elasticloadbalancing:{region}:{owner}:loadbalancer/{name}"));
        found.insert(name, arn);
    }
    let mut holds = Vec::new();
    for (name, arn) in found {
        let mut of: Vec<String> = arn.iter().cloned().collect();
        if let Some(arn) = arn {
            let asked = clients.elb.describe_tags().resource_arns(&arn).send().await;
            match asked.named("ELBv2.DescribeTags") {
                Ok(answer) => {
                    let tags = answer.tag_descriptions().iter().flat_map(|one| one.tags());
                    let tags: Json =
                        tags.map(|tag| json!({ "key": tag.key(), "value": tag.value() })).collect();
                    of.extend(clusters(&json!({ "tagSet": tags })));
                }
                // It goes, and its interfaces follow.
                Err(error) if error.sort == ErrorSort::NotFound => continue,
                Err(error) => return Err(error),
            }
        }
        holds.push(blocks(format!("load balancer {name} is in {place}"), of));
    }
    Ok(holds)
}

/// Whether a cluster gave a classic load balancer its name: `a` and a part of the uid of a Service.
fn is_of_service(name: &str) -> bool {
    let rest = name.strip_prefix('a').unwrap_or_default();
    rest.len() == 31 && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What all other interfaces are for.
fn of_others(place: &str, interface: &Json) -> Option<Hold> {
    let (id, description) = (text(interface, "networkInterfaceId"), text(interface, "description"));
    let kind = text(interface, "interfaceType");
    let of_cluster = || description.strip_prefix("Amazon EKS ").map(str::to_owned);
    if instance_of(interface).is_some() || balancer_of(interface).is_some() || kind.contains("endpoint") {
        return None;
    }
    if let Some(gateway) = description.strip_prefix("Interface for NAT Gateway ") {
        return Some(blocks(format!("NAT gateway {gateway} is in {place}"), vec![gateway.to_owned(), id]));
    }
    if let Some(cluster) = of_cluster() {
        return Some(blocks(format!("EKS cluster {cluster} is in {place}"), vec![cluster, id]));
    }
    if let Some(function) = description.strip_prefix(LAMBDA) {
        // The name is followed by a UUID.
        let name = function.len().checked_sub(37).and_then(|end| function.get(..end)).unwrap_or(function);
        return Some(blocks(
            format!("network interface {id} of Lambda function {name} is in {place}"),
            vec![id],
        ));
    }
    if let Some((_, what)) = SERVED.iter().find(|(begins, _)| description.starts_with(begins)) {
        return Some(blocks(format!("network interface {id} of {what} is in {place}"), vec![id]));
    }
    // The VPC CNI left it: it is swept with its cluster.
    if description.starts_with("aws-K8S-") {
        return None;
    }
    let called = if description.is_empty() { String::new() } else { format!(" ({description})") };
    let all: Vec<String> = std::iter::once(id.clone()).chain(clusters(interface)).collect();
    if interface["requesterManaged"] == "true" {
        let requester = text(interface, "requesterId");
        let what = format!(
            "network interface {id}{called} of {requester} is in {place}: whether it goes by itself is not known"
        );
        return Some(Hold { what, of: all, effect: Effect::Delays });
    }
    Some(blocks(format!("network interface {id}{called} is in {place}"), all))
}
