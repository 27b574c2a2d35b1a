//! Classic Load Balancers, by name: the older API on the host of Elastic Load Balancing, told apart by its version.
//!
//! Their tags are `_tags`, a list of `{Key, Value}`. Instances, health checks and policies are not here.

use serde_json::{Value as Json, json};

use super::wire::{listed, number, page};
use super::{Answer, Operation, Protocol, Refusal, Service, ec2};
use crate::sandbox::world::{Doc, Event, Here};

/// The table of them, by name.
pub const BALANCER: &str = "elb-classic/load-balancer";
/// How long its interfaces stay after one is deleted, in seconds.
const LINGERING: i64 = 40;
/// How many tags one may have.
const TAGS: usize = 10;

/// The service.
pub const SERVICE: Service = Service {
    scope: "elasticloadbalancing",
    protocol: Protocol::Query { namespace: "http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/" },
    operations: &[
        Operation { name: "AddTags", path: "", handle: add_tags },
        Operation { name: "CreateLoadBalancer", path: "", handle: create },
        Operation { name: "DeleteLoadBalancer", path: "", handle: delete },
        Operation { name: "DescribeLoadBalancers", path: "", handle: describe },
        Operation { name: "DescribeTags", path: "", handle: describe_tags },
        Operation { name: "RemoveTags", path: "", handle: remove_tags },
    ],
};

fn text<'a>(input: &'a Json, field: &str) -> &'a str {
    input[field].as_str().unwrap_or_default()
}

fn texts(input: &Json) -> Vec<String> {
    listed(input).iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

fn invalid(words: impl Into<String>) -> Refusal {
    Refusal::bad("ValidationError", words)
}

fn absent(name: &str) -> Refusal {
    Refusal::bad("LoadBalancerNotFound", format!("There is no ACTIVE Load Balancer named '{name}'"))
}

fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "LoadBalancerName");
    let lawful = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if name.is_empty() || name.len() > 32 || !lawful {
        return Err(invalid(format!("The name '{name}' is not valid")));
    }
    let listeners = listed(&input["Listeners"]);
    if listeners.is_empty() {
        return Err(invalid("Listeners must hold at least one listener"));
    }
    if here.get(BALANCER, name).is_some() {
        let words = format!("The load balancer named '{name}' already exists");
        return Err(Refusal::bad("DuplicateLoadBalancerName", words));
    }
    let (subnets, groups) = (texts(&input["Subnets"]), texts(&input["SecurityGroups"]));
    let absent = |subnet: &&String| here.get("ec2/subnet", subnet).is_none();
    if let Some(subnet) = subnets.iter().find(absent) {
        return Err(Refusal::bad("SubnetNotFound", format!("The subnet ID '{subnet}' does not exist")));
    }
    let absent = |group: &&String| here.get("ec2/security-group", group).is_none();
    if let Some(group) = groups.iter().find(absent) {
        return Err(Refusal::bad("InvalidSecurityGroup", format!("The group '{group}' does not exist")));
    }
    let Some(first) = subnets.first().and_then(|subnet| here.get("ec2/subnet", subnet)).cloned() else {
        return Err(invalid("At least one subnet must be specified"));
    };
    let told = listeners.iter().map(|one| json!({ "Listener": one, "PolicyNames": [] }));
    let inner = if input["Scheme"] == "internal" { "internal-" } else { "" };
    let digits = here.world.draw("", 10);
    let doc = json!({
        "LoadBalancerName": name,
        "DNSName": format!("{inner}{name}-{digits}.{}.elb.amazonaws.com", here.region),
        "ListenerDescriptions": told.collect::<Vec<Json>>(),
        "Subnets": subnets,
        "VPCId": first["vpcId"],
        "SecurityGroups": groups,
        "Scheme": input["Scheme"].as_str().unwrap_or("internet-facing"),
        "CreatedTime": here.world.timestamp(),
        "_tags": listed(&input["Tags"]),
    });
    for subnet in &subnets {
        ec2::make_interface(here, subnet, &groups, "interface", "amazon-elb", &description(name))?;
    }
    here.put(BALANCER, name, doc.clone());
    Ok(json!({ "DNSName": doc["DNSName"] }))
}

/// How its interfaces tell whose they are.
fn description(name: &str) -> String {
    format!("ELB {name}")
}

fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let names = texts(&input["LoadBalancerNames"]);
    if let Some(name) = names.iter().find(|name| here.get(BALANCER, name).is_none()) {
        return Err(absent(name));
    }
    let mut all = here.list(BALANCER);
    all.retain(|one| names.is_empty() || names.iter().any(|name| one["LoadBalancerName"] == name.as_str()));
    let most = number(&input["PageSize"]).and_then(|size| usize::try_from(size).ok()).unwrap_or(400);
    let (all, next) = page(all, input["Marker"].as_str(), Some(most.min(400)));
    Ok(json!({ "LoadBalancerDescriptions": all, "NextMarker": next }))
}

/// What is gone is gone.
fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "LoadBalancerName");
    if here.remove(BALANCER, name).is_some() {
        let own = |one: &Doc| {
            one["description"] == description(name).as_str() && one["requesterId"] == "amazon-elb"
        };
        for one in here.list("ec2/network-interface").iter().filter(|one| own(one)) {
            here.after(LINGERING, "ec2/network-interface", text(one, "networkInterfaceId"), Event::Remove);
        }
    }
    Ok(json!({}))
}

/// The names of a call, all of which are there: twenty at most.
fn named(here: &Here<'_>, input: &Json) -> Result<Vec<String>, Refusal> {
    let names = texts(&input["LoadBalancerNames"]);
    if names.is_empty() || names.len() > 20 {
        return Err(invalid("LoadBalancerNames must hold 1 to 20 names"));
    }
    match names.iter().find(|name| here.get(BALANCER, name).is_none()) {
        Some(name) => Err(absent(name)),
        None => Ok(names),
    }
}

fn describe_tags(here: &mut Here<'_>, input: &Json) -> Answer {
    let told = |name: &String| {
        let tags = here.get(BALANCER, name).map_or(json!([]), |doc| doc["_tags"].clone());
        json!({ "LoadBalancerName": name, "Tags": tags })
    };
    Ok(json!({ "TagDescriptions": named(here, input)?.iter().map(told).collect::<Vec<Json>>() }))
}

/// The tags of one without those of some keys.
fn without(doc: &Doc, keys: &[Json]) -> Vec<Json> {
    let gone = |tag: &Json| keys.iter().any(|other| other["Key"] == tag["Key"]);
    listed(&doc["_tags"]).into_iter().filter(|tag| !gone(tag)).collect()
}

fn add_tags(here: &mut Here<'_>, input: &Json) -> Answer {
    let new = listed(&input["Tags"]);
    for name in named(here, input)? {
        let old = here.get(BALANCER, &name).map(|doc| without(doc, &new)).unwrap_or_default();
        let all: Vec<Json> = old.into_iter().chain(new.iter().cloned()).collect();
        if all.len() > TAGS {
            let words = format!("A load balancer can have at most {TAGS} tags");
            return Err(Refusal::bad("TooManyTags", words));
        }
        here.change(BALANCER, &name, |doc| doc["_tags"] = json!(all));
    }
    Ok(json!({}))
}

fn remove_tags(here: &mut Here<'_>, input: &Json) -> Answer {
    let gone = listed(&input["Tags"]);
    for name in named(here, input)? {
        here.change(BALANCER, &name, |doc| doc["_tags"] = json!(without(doc, &gone)));
    }
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::ErrorSort;
    use crate::kind::conformance::Ground;
    use crate::sandbox::world::ACCOUNT;

    fn made(ground: &Ground, name: &str) {
        let mut world = ground.sandbox.world();
        let mut here = Here {
            world: &mut world,
            account: ACCOUNT.into(),
            region: "us-west-2".into(),
            principal: String::new(),
        };
        ec2::furnish_region(&mut here);
        let subnet = here.list("ec2/subnet")[0]["subnetId"].clone();
        let listener = json!({ "Protocol": "TCP", "LoadBalancerPort": "80", "InstancePort": "30080" });
        let input = json!({
            "LoadBalancerName": name, "Listeners": [listener], "Subnets": [subnet],
            "Tags": [{ "Key": "kubernetes.io/cluster/edge", "Value": "owned" }],
        });
        create(&mut here, &input).expect("it is made");
        assert_eq!(create(&mut here, &input).expect_err("it is there").code, "DuplicateLoadBalancerName");
    }

    #[tokio::test(start_paused = true)]
    async fn both_apis_of_the_host_are_told_apart_by_their_version() {
        let ground = Ground::new();
        made(&ground, "a1");
        let clients = ground.cx("elb").clients();
        let all = clients.classic.all().await.expect("they are told");
        assert_eq!(all[0].name, "a1");
        assert!(all[0].vpc.as_deref().is_some_and(|vpc| vpc.starts_with("vpc-")));
        let newer = clients.elb.describe_load_balancers().send().await.expect("they are told");
        assert!(newer.load_balancers().is_empty());
        let calls = ground.cloud.calls().by_operation();
        assert_eq!(calls["Elastic Load Balancing.DescribeLoadBalancers"], 1);
        assert_eq!(calls["Elastic Load Balancing v2.DescribeLoadBalancers"], 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_goes_with_its_interfaces_and_deleting_it_again_is_a_success() {
        let ground = Ground::new();
        made(&ground, "a1");
        let classic = ground.cx("elb").clients().classic;
        let tags = classic.tags_of(&["a1"]).await.expect("they are told");
        assert_eq!(tags[0].1["kubernetes.io/cluster/edge"], "owned");
        let error = classic.tags_of(&["a1", "none"]).await.expect_err("one is not there");
        assert_eq!((error.sort, error.code.as_str()), (ErrorSort::NotFound, "LoadBalancerNotFound"));
        let interfaces = || ground.sandbox.world().everywhere("ec2/network-interface").count();
        assert_eq!(interfaces(), 1);
        classic.delete("a1").await.expect("it goes");
        classic.delete("a1").await.expect("it is gone");
        assert!(classic.all().await.expect("they are told").is_empty());
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        classic.all().await.expect("they are told");
        assert_eq!(interfaces(), 0);
    }
}
