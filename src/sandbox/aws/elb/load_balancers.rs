//! Load balancers: provisioning for two and a half minutes, interfaces in their subnets that outlive them a while.

use serde_json::{Value as Json, json};

use super::super::wire::listed;
use super::super::{Answer, Refusal};
use super::{
    LISTENER, LOAD_BALANCER, RULE, TARGET_GROUP, absent, attribute_list, check_name, first, found, paged,
    take_attributes, text, texts, zones,
};
use crate::sandbox::world::{Doc, Event, Here};

/// How long a new load balancer is provisioning, in seconds.
const PROVISIONING: i64 = 150;
/// How long its interfaces stay after it is deleted, in seconds.
const LINGERING: i64 = 40;

/// `CreateLoadBalancer`. The same name with the same settings gives what is there.
pub fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "Name").to_owned();
    check_name(&name)?;
    let network = text(input, "Type") == "network";
    let subnets = subnets(here, input, network)?;
    let groups = texts(&input["SecurityGroups"]);
    check_groups(here, &groups)?;
    let scheme = input["Scheme"].as_str().unwrap_or("internet-facing").to_owned();
    if let Some(there) = first(here, LOAD_BALANCER, |doc| doc["LoadBalancerName"] == name.as_str()) {
        let zones = availability_zones(&subnets);
        let same = there["Scheme"] == scheme.as_str()
            && there["AvailabilityZones"] == zones
            && (there["Type"] == "network") == network;
        return match same {
            true => Ok(json!({ "LoadBalancers": [there] })),
            false => Err(Refusal::bad(
                "DuplicateLoadBalancerName",
                format!("A load balancer with the same name '{name}' exists, but with different settings"),
            )),
        };
    }
    let short = if network { "net" } else { "app" };
    let id = here.world.draw("", 16);
    let arn = format!(
        "arn:aws:elasticloadbalancing:{}:{}:loadbalancer/{short}/{name}/{id}",
        here.region, here.account
    );
    let doc = json!({
        "LoadBalancerArn": arn,
        "DNSName": dns_name(here, &name, &id, &scheme, network),
        "CanonicalHostedZoneId": zones::canonical(&here.region, network),
        "CreatedTime": here.world.timestamp(),
        "LoadBalancerName": name,
        "Scheme": scheme,
        "VpcId": subnets[0]["vpcId"],
        "State": { "Code": "provisioning" },
        "Type": if network { "network" } else { "application" },
        "AvailabilityZones": availability_zones(&subnets),
        "SecurityGroups": groups,
        "IpAddressType": input["IpAddressType"].as_str().unwrap_or("ipv4"),
        "_tags": listed(&input["Tags"]),
        "_attributes": default_attributes(network),
    });
    here.put(LOAD_BALANCER, &arn, doc.clone());
    here.after(PROVISIONING, LOAD_BALANCER, &arn, Event::Merge(json!({ "State": { "Code": "active" } })));
    attach(here, &doc);
    Ok(json!({ "LoadBalancers": [doc] }))
}

fn dns_name(here: &Here<'_>, name: &str, id: &str, scheme: &str, network: bool) -> String {
    let region = &here.region;
    if network {
        return format!("{name}-{id}.elb.{region}.amazonaws.com");
    }
    let digits = u64::from_str_radix(id, 16).unwrap_or_default() % 9_000_000_000 + 1_000_000_000;
    let inner = if scheme == "internal" { "internal-" } else { "" };
    format!("{inner}{name}-{digits}.{region}.elb.amazonaws.com")
}

fn default_attributes(network: bool) -> Json {
    let mut attributes = json!({
        "deletion_protection.enabled": "false",
        "access_logs.s3.enabled": "false",
        "access_logs.s3.bucket": "",
        "access_logs.s3.prefix": "",
        "load_balancing.cross_zone.enabled": if network { "false" } else { "true" },
    });
    if !network {
        attributes["idle_timeout.timeout_seconds"] = json!("60");
        attributes["routing.http2.enabled"] = json!("true");
        attributes["routing.http.drop_invalid_header_fields.enabled"] = json!("false");
        attributes["waf.fail_open.enabled"] = json!("false");
    }
    attributes
}

/// The subnets of a call, in one VPC and each in its own zone.
fn subnets(here: &Here<'_>, input: &Json, network: bool) -> Result<Vec<Doc>, Refusal> {
    let mapped = listed(&input["SubnetMappings"]);
    let mut ids = texts(&input["Subnets"]);
    ids.extend(mapped.iter().map(|one| text(one, "SubnetId").to_owned()));
    let mut subnets = Vec::new();
    for id in &ids {
        let absent = || Refusal::bad("SubnetNotFound", format!("The subnet ID '{id}' does not exist"));
        subnets.push(here.get("ec2/subnet", id).cloned().ok_or_else(absent)?);
    }
    subnets.sort_by_key(|subnet| text(subnet, "availabilityZone").to_owned());
    let twice = subnets.windows(2).any(|pair| pair[0]["availabilityZone"] == pair[1]["availabilityZone"]);
    let apart = subnets.windows(2).any(|pair| pair[0]["vpcId"] != pair[1]["vpcId"]);
    if twice {
        return Err(Refusal::bad(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        ));
    }
    if apart {
        return Err(Refusal::bad("InvalidSubnet", "All subnets must belong to the same VPC"));
    }
    if subnets.len() < if network { 1 } else { 2 } {
        let message = "At least two subnets in two different Availability Zones must be specified";
        return Err(Refusal::bad("ValidationError", message));
    }
    Ok(subnets)
}

fn check_groups(here: &Here<'_>, groups: &[String]) -> Result<(), Refusal> {
    match groups.iter().find(|id| here.get("ec2/security-group", id).is_none()) {
        Some(id) => Err(Refusal::bad("InvalidSecurityGroup", format!("Security group '{id}' is not valid"))),
        None => Ok(()),
    }
}

fn availability_zones(subnets: &[Doc]) -> Json {
    let zone = |subnet: &Doc| {
        json!({
            "ZoneName": subnet["availabilityZone"],
            "SubnetId": subnet["subnetId"],
            "LoadBalancerAddresses": [],
        })
    };
    subnets.iter().map(zone).collect()
}

/// `ELB app/<name>/<id>`: how its interfaces tell whose they are.
fn description(doc: &Doc) -> String {
    let arn = text(doc, "LoadBalancerArn");
    format!("ELB {}", arn.split_once("loadbalancer/").map_or(arn, |(_, rest)| rest))
}

/// Puts an interface into each subnet.
fn attach(here: &mut Here<'_>, doc: &Doc) {
    for zone in listed(&doc["AvailabilityZones"]) {
        let id = here.world.draw("eni-0", 16);
        let hosts = id.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let address = free_address(here, text(&zone, "SubnetId"));
        let mut interface = json!({
            "networkInterfaceId": id,
            "subnetId": zone["SubnetId"],
            "vpcId": doc["VpcId"],
            "availabilityZone": zone["ZoneName"],
            "ownerId": here.account,
            "status": "in-use",
            "interfaceType": if doc["Type"] == "network" { "network_load_balancer" } else { "interface" },
            "description": description(doc),
            "requesterId": "amazon-elb",
            "requesterManaged": true,
            "privateIpAddress": address,
            "groupSet": group_set(here, &doc["SecurityGroups"]),
            "tagSet": [],
        });
        if doc["Scheme"] == "internet-facing" {
            let address =
                format!("52.{}.{}.{}", 10 + hosts / 62_500 % 30, hosts / 250 % 250, hosts % 250 + 2);
            interface["association"] = json!({ "publicIp": address, "ipOwnerId": "amazon-elb" });
        }
        here.put("ec2/network-interface", &id, interface);
    }
}

/// The first address of a subnet that no interface has; AWS keeps the first four.
fn free_address(here: &Here<'_>, subnet: &str) -> Option<String> {
    let range = here.get("ec2/subnet", subnet)?["cidrBlock"].as_str()?.parse::<ipnet::Ipv4Net>().ok()?;
    let taken = here.list("ec2/network-interface");
    let is_free = |address: &String| !taken.iter().any(|one| one["privateIpAddress"] == address.as_str());
    range.hosts().skip(3).map(|address| address.to_string()).find(is_free)
}

fn group_set(here: &Here<'_>, groups: &Json) -> Json {
    let named = |id: &String| {
        let group = here.get("ec2/security-group", id);
        json!({ "groupId": id, "groupName": group.map_or(Json::Null, |doc| doc["groupName"].clone()) })
    };
    texts(groups).iter().map(named).collect()
}

/// The interfaces of a load balancer, by id.
fn interfaces(here: &Here<'_>, doc: &Doc) -> Vec<String> {
    let wanted = description(doc);
    let all = here.list("ec2/network-interface").into_iter();
    let own = all.filter(|one| one["description"] == wanted.as_str() && one["requesterId"] == "amazon-elb");
    own.map(|one| text(&one, "networkInterfaceId").to_owned()).collect()
}

/// `DescribeLoadBalancers`: by ARNs, by names, or all.
pub fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let arns = texts(&input["LoadBalancerArns"]);
    let names = texts(&input["Names"]);
    let all = here.list(LOAD_BALANCER);
    for arn in &arns {
        if here.get(LOAD_BALANCER, arn).is_none() {
            return Err(absent(LOAD_BALANCER, arn));
        }
    }
    for name in &names {
        if !all.iter().any(|doc| doc["LoadBalancerName"] == name.as_str()) {
            return Err(Refusal::bad("LoadBalancerNotFound", format!("Load balancers '[{name}]' not found")));
        }
    }
    let wanted = |doc: &Doc| {
        (arns.is_empty() || arns.iter().any(|arn| doc["LoadBalancerArn"] == arn.as_str()))
            && (names.is_empty() || names.iter().any(|name| doc["LoadBalancerName"] == name.as_str()))
    };
    Ok(paged(all.into_iter().filter(wanted).collect(), input, "LoadBalancers"))
}

/// `DeleteLoadBalancer`: its listeners go with it, its interfaces a while later. What is gone is gone.
pub fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let arn = text(input, "LoadBalancerArn").to_owned();
    let Some(doc) = here.get(LOAD_BALANCER, &arn).cloned() else { return Ok(json!({})) };
    if doc["_attributes"]["deletion_protection.enabled"] == "true" {
        return Err(Refusal::bad(
            "OperationNotPermitted",
            format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled"),
        ));
    }
    let offers = |service: &Doc| texts(&service["networkLoadBalancerArnSet"]).contains(&arn);
    if here.list("ec2/vpc-endpoint-service").iter().any(offers) {
        let words = "it is currently associated with another service";
        return Err(Refusal::bad(
            "ResourceInUse",
            format!("Load balancer '{arn}' cannot be deleted because {words}"),
        ));
    }
    for listener in here.list(LISTENER).iter().filter(|one| one["LoadBalancerArn"] == arn.as_str()) {
        super::listeners::discard(here, text(listener, "ListenerArn"));
    }
    for id in interfaces(here, &doc) {
        here.after(LINGERING, "ec2/network-interface", &id, Event::Remove);
    }
    here.remove(LOAD_BALANCER, &arn);
    Ok(json!({}))
}

/// `DescribeLoadBalancerAttributes`.
pub fn describe_attributes(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = found(here, LOAD_BALANCER, input, "LoadBalancerArn")?;
    Ok(json!({ "Attributes": attribute_list(&doc) }))
}

/// `ModifyLoadBalancerAttributes`.
pub fn modify_attributes(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, LOAD_BALANCER, input, "LoadBalancerArn")?;
    take_attributes(&mut doc, input);
    here.put(LOAD_BALANCER, text(input, "LoadBalancerArn"), doc.clone());
    Ok(json!({ "Attributes": attribute_list(&doc) }))
}

/// `SetSecurityGroups`: replaces them, on the interfaces too.
pub fn set_security_groups(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, LOAD_BALANCER, input, "LoadBalancerArn")?;
    let groups = texts(&input["SecurityGroups"]);
    check_groups(here, &groups)?;
    doc["SecurityGroups"] = json!(groups);
    let set = group_set(here, &doc["SecurityGroups"]);
    for id in interfaces(here, &doc) {
        here.change("ec2/network-interface", &id, |one| one["groupSet"] = set.clone());
    }
    here.put(LOAD_BALANCER, text(input, "LoadBalancerArn"), doc);
    Ok(json!({ "SecurityGroupIds": groups }))
}

/// `SetSubnets`: replaces them, and the interfaces with them.
pub fn set_subnets(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = found(here, LOAD_BALANCER, input, "LoadBalancerArn")?;
    let subnets = subnets(here, input, doc["Type"] == "network")?;
    for id in interfaces(here, &doc) {
        here.after(LINGERING, "ec2/network-interface", &id, Event::Remove);
    }
    doc["AvailabilityZones"] = availability_zones(&subnets);
    here.put(LOAD_BALANCER, text(input, "LoadBalancerArn"), doc.clone());
    attach(here, &doc);
    Ok(json!({ "AvailabilityZones": doc["AvailabilityZones"], "IpAddressType": doc["IpAddressType"] }))
}

/// `SetIpAddressType`.
pub fn set_ip_address_type(here: &mut Here<'_>, input: &Json) -> Answer {
    found(here, LOAD_BALANCER, input, "LoadBalancerArn")?;
    let wanted = input["IpAddressType"].clone();
    here.change(LOAD_BALANCER, text(input, "LoadBalancerArn"), |doc| {
        doc["IpAddressType"] = wanted.clone();
    });
    Ok(json!({ "IpAddressType": wanted }))
}

/// Writes into each target group which load balancers its listeners and rules are of.
pub(super) fn relate(here: &mut Here<'_>) {
    let listeners = here.list(LISTENER);
    let rules = here.list(RULE);
    for group in here.list(TARGET_GROUP) {
        let arn = text(&group, "TargetGroupArn");
        let by_listener = |listener: &&Doc| super::listeners::forwards(&listener["DefaultActions"], arn);
        let by_rule = |rule: &&Doc| super::listeners::forwards(&rule["Actions"], arn);
        let of_rules = rules.iter().filter(by_rule).filter_map(|rule| {
            listeners.iter().find(|listener| listener["ListenerArn"] == rule["_listener"])
        });
        let mut arns: Vec<String> = listeners
            .iter()
            .filter(by_listener)
            .chain(of_rules)
            .map(|listener| text(listener, "LoadBalancerArn").to_owned())
            .collect();
        arns.sort();
        arns.dedup();
        if group["LoadBalancerArns"] != json!(arns) {
            here.change(TARGET_GROUP, arn, |doc| doc["LoadBalancerArns"] = json!(arns));
        }
    }
}
