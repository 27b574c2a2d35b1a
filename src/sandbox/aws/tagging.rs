//! Resource Groups Tagging: what carries which tags in a region, across the services that tell their tags here.

use serde_json::{Map, Value as Json, json};

use super::wire::{listed, number, page};
use super::{Answer, Operation, Protocol, Refusal, Service};
use crate::sandbox::world::{Doc, GLOBAL, Here, Key};

/// The service.
pub const SERVICE: Service = Service {
    scope: "tagging",
    protocol: Protocol::AwsJson,
    operations: &[Operation { name: "GetResources", path: "", handle: get_resources }],
};

/// EC2's tables, how its ARNs call what is in them, and the field of the id.
const EC2: &[(&str, &str, &str)] = &[
    ("ec2/address", "elastic-ip", "allocationId"),
    ("ec2/instance", "instance", "instanceId"),
    ("ec2/internet-gateway", "internet-gateway", "internetGatewayId"),
    ("ec2/launch-template", "launch-template", "launchTemplateId"),
    ("ec2/nat-gateway", "natgateway", "natGatewayId"),
    ("ec2/network-interface", "network-interface", "networkInterfaceId"),
    ("ec2/route-table", "route-table", "routeTableId"),
    ("ec2/security-group", "security-group", "groupId"),
    ("ec2/security-group-rule", "security-group-rule", "securityGroupRuleId"),
    ("ec2/subnet", "subnet", "subnetId"),
    ("ec2/volume", "volume", "volumeId"),
    ("ec2/vpc", "vpc", "vpcId"),
    ("ec2/vpc-endpoint", "vpc-endpoint", "vpcEndpointId"),
    ("ec2/vpc-endpoint-service", "vpc-endpoint-service", "serviceId"),
];

/// The tables of IAM that are told of here: roles and users are not.
const IAM: &[&str] = &["iam/instance-profile", "iam/oidc-provider", "iam/policy"];
/// Where that is told which lives in no region.
const HOME: &str = "us-east-1";

/// ARN and tags of a document, if its service has told this service of it.
fn tagged(key: &Key, doc: &Doc) -> Option<(String, Map<String, Json>)> {
    let arn = match EC2.iter().find(|(table, ..)| *table == key.table) {
        Some((_, kind, id)) => {
            format!("arn:aws:ec2:{}:{}:{kind}/{}", key.region, key.account, doc[id].as_str()?)
        }
        None if ["acm/", "eks/", "elb/", "lattice/"].iter().any(|service| key.table.starts_with(service))
            || IAM.contains(&key.table.as_str()) =>
        {
            let fields = [
                "arn",
                "Arn",
                "CertificateArn",
                "LoadBalancerArn",
                "TargetGroupArn",
                "nodegroupArn",
                "addonArn",
                "associationArn",
                "accessEntryArn",
            ];
            // A listener tells its load balancer's ARN too; the id of what this service knows is its own.
            let own = key.id.starts_with("arn:").then(|| key.id.clone());
            own.or_else(|| fields.iter().find_map(|field| doc[field].as_str().map(str::to_owned)))?
        }
        None => return None,
    };
    let tags = ["_tags", "tagSet", "tags", "Tags"].iter().find_map(|field| tag_map(&doc[field]))?;
    (!tags.is_empty()).then_some((arn, tags))
}

/// Tags as a map, however a service keeps them.
fn tag_map(tags: &Json) -> Option<Map<String, Json>> {
    if let Json::Object(map) = tags {
        return Some(map.clone());
    }
    let pair = |one: &Json| {
        let key = one["Key"].as_str().or_else(|| one["key"].as_str())?;
        let value = one.get("Value").or_else(|| one.get("value"))?;
        Some((key.to_owned(), value.clone()))
    };
    tags.as_array().map(|all| all.iter().filter_map(pair).collect())
}

/// Whether an ARN is of a service, or of one type of it: `ec2`, `ec2:subnet`.
fn is_of(arn: &str, kind: &str) -> bool {
    let mut parts = arn.splitn(6, ':').skip(2);
    let service = parts.next().unwrap_or_default();
    let rest = parts.nth(2).unwrap_or_default();
    match kind.split_once(':') {
        None => service == kind,
        Some((wanted, sort)) => service == wanted && rest.split(['/', ':']).next() == Some(sort),
    }
}

fn get_resources(here: &mut Here<'_>, input: &Json) -> Answer {
    let filters = listed(&input["TagFilters"]);
    let kinds = listed(&input["ResourceTypeFilters"]);
    let arns = listed(&input["ResourceARNList"]);
    if !arns.is_empty() && !filters.is_empty() {
        let message = "ResourceARNList and TagFilters cannot be used together";
        return Err(Refusal::bad("InvalidParameterException", message));
    }
    let fits = |tags: &Map<String, Json>, filter: &Json| {
        let value = filter["Key"].as_str().and_then(|key| tags.get(key));
        let wanted = listed(&filter["Values"]);
        value.is_some_and(|value| wanted.is_empty() || wanted.contains(value))
    };
    let wanted = |arn: &str, tags: &Map<String, Json>| {
        filters.iter().all(|filter| fits(tags, filter))
            && (kinds.is_empty()
                || kinds.iter().any(|kind| kind.as_str().is_some_and(|kind| is_of(arn, kind))))
            && (arns.is_empty() || arns.iter().any(|one| one == arn))
    };
    let regions: &[&str] = if here.region == HOME { &[HOME, GLOBAL] } else { &[&here.region] };
    let here_only = |key: &Key| key.account == here.account && regions.contains(&key.region.as_str());
    let all = here.world.all().filter(|(key, _)| here_only(key));
    let found = all.filter_map(|(key, doc)| tagged(key, doc)).filter(|(arn, tags)| wanted(arn, tags));
    let told = found.map(|(arn, tags)| {
        let tags: Json = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        json!({ "ResourceARN": arn, "Tags": tags })
    });
    let most = number(&input["ResourcesPerPage"]).and_then(|most| usize::try_from(most).ok());
    let token = input["PaginationToken"].as_str().filter(|token| !token.is_empty());
    let (items, next) = page(told.collect(), token, most);
    Ok(json!({ "ResourceTagMappingList": items, "PaginationToken": next.unwrap_or_default() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::world::{ACCOUNT, World};

    #[test]
    fn what_carries_a_tag_is_found_in_every_service_by_type_and_page() {
        let mut world = World::new(0);
        let mut here = Here {
            world: &mut world,
            account: ACCOUNT.into(),
            region: "us-west-2".into(),
            principal: String::new(),
        };
        let tag = json!([{ "Key": "elbv2.k8s.aws/cluster", "Value": "edge" }]);
        let arn = "arn:aws:elasticloadbalancing:us-west-2:1:loadbalancer/app/a/b";
        here.put("elb/load-balancer", arn, json!({ "LoadBalancerArn": arn, "_tags": tag }));
        let listener = "arn:aws:elasticloadbalancing:us-west-2:1:listener/app/a/b/c";
        here.put("elb/listener", listener, json!({ "LoadBalancerArn": arn, "_tags": tag }));
        let set = json!([{ "key": "elbv2.k8s.aws/cluster", "value": "edge" }]);
        here.put("ec2/security-group", "sg-1", json!({ "groupId": "sg-1", "tagSet": set }));
        here.put("ec2/security-group", "sg-2", json!({ "groupId": "sg-2", "tagSet": [] }));
        here.put(
            "lattice/service",
            "svc-1",
            json!({ "arn": "arn:aws:vpc-lattice:r:1:service/svc-1", "_tags": {"a": "b"} }),
        );
        let mut ask = |input: Json| {
            let answer = get_resources(&mut here, &input).expect("it is told");
            let all = listed(&answer["ResourceTagMappingList"]);
            let arns: Vec<String> =
                all.iter().filter_map(|one| one["ResourceARN"].as_str().map(str::to_owned)).collect();
            (arns, answer["PaginationToken"].clone())
        };
        let filter = json!([{ "Key": "elbv2.k8s.aws/cluster", "Values": ["edge"] }]);
        assert_eq!(ask(json!({ "TagFilters": filter })).0.len(), 3);
        let kinds = json!(["elasticloadbalancing:loadbalancer"]);
        assert_eq!(ask(json!({ "TagFilters": filter, "ResourceTypeFilters": kinds })).0, [arn]);
        let (first, next) = ask(json!({ "TagFilters": filter, "ResourcesPerPage": 2 }));
        assert_eq!(first.len(), 2);
        assert_eq!(ask(json!({ "TagFilters": filter, "PaginationToken": next })).0.len(), 1);
    }
}
