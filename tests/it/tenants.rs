//! Who else is in the networks that a stack takes down, and what CloudFront fetches from its load balancers: named before
//! anything is deleted, with as few calls as it takes.

use serde_json::{Value as Json, json};
use stack::cloud::{Access, Cloud};
use stack::compose::compose;
use stack::graph::Graph;
use stack::live::Live;
use stack::observe::observe_for;
use stack::plan::{Intent, Leave, plan_with};
use stack::sandbox::world::ACCOUNT;
use stack::sandbox::{Effect, Fault};
use stack::stack::{Variables, read};

use crate::support::edge::{destroy, edge, edge_with, goes, raised};
use crate::support::world::{World, up};

/// What is looked for before a plan, and the clouds that were asked.
async fn looked(world: &World, stack: &Graph, intent: &Intent) -> (Live, Cloud) {
    let cloud = world.cloud(Access::Plan);
    let live = observe_for(&cloud, world.registry, Some(stack), &world.state(), intent).await;
    (live, cloud)
}

/// What the refusals say, and the notes of a plan that there is.
async fn said(world: &World, stack: &Graph, intent: &Intent) -> Result<Vec<String>, Vec<String>> {
    let (live, _) = looked(world, stack, intent).await;
    let shapes = world.registry.shapes();
    match plan_with(stack, &world.state(), &live, &shapes, intent, Leave::default()) {
        Ok(plan) => Ok(plan.changes.iter().flat_map(|change| change.notes.clone()).collect()),
        Err(refused) => Err(refused.iter().map(ToString::to_string).collect()),
    }
}

/// An interface in a subnet, with more fields of its own.
fn interface(subnet: &Json, id: &str, description: &str, more: Json) -> Json {
    let mut doc = json!({
        "networkInterfaceId": id, "subnetId": subnet["subnetId"], "vpcId": subnet["vpcId"], "status": "in-use",
        "availabilityZone": subnet["availabilityZone"], "groupSet": [], "tagSet": [], "description": description,
        "interfaceType": "interface", "ownerId": ACCOUNT, "requesterManaged": false,
    });
    for (field, value) in more.as_object().into_iter().flatten() {
        doc[field] = value.clone();
    }
    doc
}

fn ours(doc: &Json) -> bool {
    doc["tagSet"].to_string().contains("stack:lineage")
}

#[tokio::test(start_paused = true)]
async fn whoever_has_an_interface_in_the_network_is_named() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let subnet = world.one("ec2/subnet", ours);
    let vpc = subnet["vpcId"].as_str().expect("it is in one").to_owned();
    let theirs = "loadbalancer/app/theirs/1";
    let attached = |id: &str| json!({ "attachment": { "instanceId": id, "status": "attached" } });
    let managed = |by: &str| json!({ "requesterManaged": true, "requesterId": by });
    let function = "AWS Lambda VPC ENI-orders-0b7b2fb1-5a1f-4a6b-9f0e-0123456789ab";
    let planted = [
        interface(&subnet, "eni-1", "", attached("i-bastion")),
        interface(&subnet, "eni-2", "second", attached("i-bastion")),
        interface(&subnet, "eni-3", "", attached("i-nameless")),
        interface(&subnet, "eni-4", "ELB app/theirs/1", managed("amazon-elb")),
        interface(&subnet, "eni-5", "ELB app/theirs/1", managed("amazon-elb")),
        interface(&subnet, "eni-6", "Interface for NAT Gateway nat-theirs", managed("amazon")),
        interface(&subnet, "eni-7", function, managed("lambda")),
        interface(&subnet, "eni-8", function, managed("lambda")),
        interface(&subnet, "eni-9", "kept by hand", json!({ "status": "available" })),
        interface(&subnet, "eni-a", "ELB abcdef0123456789abcdef0123456789", managed("amazon-elb")),
        interface(&subnet, "eni-b", "somebody's", managed("amazon-new")),
    ];
    for doc in &planted {
        world.plant("ec2/network-interface", doc["networkInterfaceId"].as_str().expect("an id"), doc.clone());
    }
    let name = json!([{ "key": "Name", "value": "bastion" }]);
    world.plant("ec2/instance", "i-bastion", json!({ "instanceId": "i-bastion", "tagSet": name }));
    let arn = format!("arn:aws:elasticloadbalancing:us-west-2:{ACCOUNT}:{theirs}");
    world.plant("elb/load-balancer", &arn, json!({ "LoadBalancerArn": arn, "_tags": [] }));
    let told = said(&world, &stack, &destroy()).await.expect_err("they are in the way");
    let wanted = [
        "instance i-bastion (bastion)",
        "instance i-nameless",
        "load balancer app/theirs/1",
        "NAT gateway nat-theirs",
        "network interface eni-7 of Lambda function orders",
        "network interface eni-8 of Lambda function orders",
        "network interface eni-9 (kept by hand)",
    ];
    let wanted: Vec<String> = wanted
        .iter()
        .map(|what| format!("network.main/vpc: VPC cannot be deleted: {what} is in {vpc}"))
        .collect();
    let mut sorted = told.clone();
    sorted.sort_by_key(|one| wanted.iter().position(|other| other == one));
    assert_eq!(sorted, wanted, "each once, and nothing of the stack or its clusters");
    assert!(world.events.is_empty(), "nothing was deleted");
    for doc in &planted[..10] {
        world.uproot("ec2/network-interface", doc["networkInterfaceId"].as_str().expect("an id"));
    }
    world.uproot("elb/load-balancer", &arn);
    world.uproot("ec2/instance", "i-bastion");
    let notes = said(&world, &stack, &destroy()).await.expect("what may go by itself is only told");
    assert!(notes.iter().any(|note| note.contains("eni-b (somebody's) of amazon-new")), "{notes:#?}");
    world.uproot("ec2/network-interface", "eni-b");
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn one_call_tells_of_all_of_a_network() {
    let stack = edge(&[]);
    let world = raised(&stack).await;
    let (_, cloud) = looked(&world, &stack, &destroy()).await;
    let calls = cloud.calls().by_operation();
    assert_eq!(calls.get("EC2.DescribeNetworkInterfaces"), Some(&1), "{calls:#?}");
    assert!(!calls.contains_key("EC2.DescribeInstances"), "nodes say whose they are");
    assert!(
        !calls.contains_key("CloudFront.ListVpcOrigins"),
        "all that is open to the internet is no origin"
    );
}

fn network(zones: u8) -> Graph {
    let text = format!(
        "[stack]\nname = \"net\"\nregion = \"us-west-2\"\n[networks.main]\ncidr = \"10.0.0.0/16\"\nzones = {zones}\nnat = \"none\"\n"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.toml");
    std::fs::write(&path, text).expect("it is written");
    compose(&read(&path, &Variables::default()).expect("it is sound")).expect("it is sound")
}

#[tokio::test(start_paused = true)]
async fn a_subnet_that_goes_alone_is_looked_into_too() {
    let mut world = World::new();
    let (_, outcome) = world.up(&network(3)).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let zone =
        |doc: &Json| ours(doc) && doc["availabilityZone"].as_str().is_some_and(|zone| zone.ends_with('c'));
    let subnet = world.one("ec2/subnet", zone);
    let attached = json!({ "attachment": { "instanceId": "i-worker", "status": "attached" } });
    world.plant("ec2/network-interface", "eni-1", interface(&subnet, "eni-1", "", attached));
    let id = subnet["subnetId"].as_str().expect("an id");
    let smaller = network(2);
    let told = said(&world, &smaller, &up()).await.expect_err("it is in the way");
    assert_eq!(told.len(), 1, "{told:#?}");
    let wanted = format!("subnet cannot be deleted: instance i-worker is in {id}");
    assert!(told[0].starts_with("network.main/subnet.") && told[0].ends_with(&wanted), "{told:#?}");
    let (_, cloud) = looked(&world, &smaller, &up()).await;
    assert_eq!(cloud.calls().by_operation().get("EC2.DescribeNetworkInterfaces"), Some(&1));
    world.uproot("ec2/network-interface", "eni-1");
    let (_, outcome) = world.up(&smaller).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
}

const PRIVATE: (&str, &str) = ("scheme = \"internet-facing\"", "scheme = \"internal\"");

fn origin(id: &str, arn: &Json) -> Json {
    json!({ "Id": id, "Name": "shop", "Status": "Deployed", "OriginEndpointArn": arn, "_interfaces": [], "_region": "us-west-2" })
}

#[tokio::test(start_paused = true)]
async fn a_cloudfront_vpc_origin_is_named_with_what_to_do() {
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: front\n  annotations: { alb.ingress.kubernetes.io/target-type: ip }\nspec:\n  ingressClassName: alb\n  defaultBackend: { service: { name: hello, port: { number: 80 } } }\n";
    let stack = edge_with(&[PRIVATE], ingress);
    let mut world = raised(&stack).await;
    let of = |tag: &str| {
        world.one("elb/load-balancer", |doc| doc["_tags"].to_string().contains(tag))["LoadBalancerArn"]
            .clone()
    };
    let (gateway, front) = (of("gateway.k8s.aws.alb/stack"), of("ingress.k8s.aws/stack"));
    world.plant("cloudfront/vpc-origin", "vo_1", origin("vo_1", &gateway));
    world.plant("cloudfront/vpc-origin", "vo_2", origin("vo_2", &front));
    world.plant(
        "cloudfront/vpc-origin",
        "vo_3",
        origin("vo_3", &json!("arn:aws:ec2:us-west-2:1:instance/i-1")),
    );
    let mut told = said(&world, &stack, &destroy()).await.expect_err("they are in the way");
    told.sort();
    let line = |of: &str, id: &str, arn: &Json| {
        let name = arn.as_str().and_then(|arn| arn.rsplit_once(":loadbalancer/")).expect("an ARN").1;
        format!(
            "{of} cannot be deleted: CloudFront VPC origin {id} (shop) sends to its load balancer {name}: take it out \
             of its distributions, then `aws cloudfront delete-vpc-origin --id {id}`"
        )
    };
    let wanted = [
        line("gateway.web: Gateway", "vo_1", &gateway),
        line("manifest.hello/Ingress.front: Kubernetes object", "vo_2", &front),
    ];
    assert_eq!(told, wanted);
    let (_, cloud) = looked(&world, &stack, &destroy()).await;
    assert_eq!(cloud.calls().by_operation().get("CloudFront.ListVpcOrigins"), Some(&1), "once in a run");
    for id in ["vo_1", "vo_2", "vo_3"] {
        world.uproot("cloudfront/vpc-origin", id);
    }
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_asked_of_cloudfront_is_said() {
    let stack = edge(&[PRIVATE]);
    let mut world = raised(&stack).await;
    let denied =
        Fault { operation: "cloudfront.ListVpcOrigins".into(), skip: 0, times: 99, effect: Effect::Denied };
    world.sandbox.world().faults.list = vec![denied];
    let notes = said(&world, &stack, &destroy()).await.expect("nothing is in the way");
    let told: Vec<&String> = notes.iter().filter(|note| note.contains("CloudFront")).collect();
    assert_eq!(told.len(), 1, "{notes:#?}");
    let wanted = "whether a CloudFront VPC origin sends to its load balancer is not known: ";
    assert!(told[0].starts_with(wanted), "{told:?}");
    goes(&mut world, &stack, &[]).await;
}
