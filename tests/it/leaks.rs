//! What the controllers of a cluster left behind earlier, and what they made for others in a cluster that is lost: it is
//! told before the cluster goes, and removed with it by its tags, before what it would hold.

use serde_json::{Value as Json, json};
use stack::cloud::Access;
use stack::graph::{Graph, Place};
use stack::plan::{Leave, Plan, Refusal};
use stack::sandbox::world::ACCOUNT;

use crate::guests::guests;
use crate::support::edge::{CLUSTER, destroy, edge, edge_with, goes, raised};
use crate::support::world::World;

/// How many there are in a table.
fn count(world: &World, table: &str) -> usize {
    world.sandbox.world().all().filter(|(key, _)| key.table == table).count()
}

/// The VPC that the stack made.
fn vpc(world: &World) -> String {
    let vpc = world.one("ec2/vpc", |doc| doc["tagSet"].to_string().contains("stack:lineage"));
    vpc["vpcId"].as_str().expect("it has one").to_owned()
}

/// A security group of a load balancer whose Gateway is long gone.
fn group(id: &str, vpc: &str, cluster: &str) -> Json {
    json!({
        "groupId": id, "groupName": format!("k8s-default-gone-{id}"), "groupDescription": "g", "vpcId": vpc,
        "tagSet": [
            { "key": "elbv2.k8s.aws/cluster", "value": cluster },
            { "key": "gateway.k8s.aws.alb/stack", "value": "default/gone" },
        ],
    })
}

/// The Lattice service of a route that is long gone, on the service network of the stack.
fn service(world: &World, key: &str, manager: &str) {
    let network = world.one("lattice/service-network", |_| true)["id"].clone();
    let arn = |path: &str| format!("arn:aws:vpc-lattice:us-west-2:{ACCOUNT}:{path}");
    let tags = json!({
        "application-networking.k8s.aws/ManagedBy": manager,
        "application-networking.k8s.aws/RouteName": key,
        "application-networking.k8s.aws/RouteNamespace": "default",
    });
    let (id, name) = (format!("svc-{key}"), format!("{key}-default"));
    let doc = json!({
        "id": id, "name": name, "status": "ACTIVE", "arn": arn(&format!("service/{id}")), "_tags": tags,
    });
    world.plant("lattice/service", &id, doc);
    let with = format!("snsa-{key}");
    let doc = json!({
        "id": with, "serviceId": id, "serviceName": name, "serviceNetworkId": network, "status": "ACTIVE",
        "serviceArn": arn(&format!("service/{id}")), "_tags": tags,
        "arn": arn(&format!("servicenetworkserviceassociation/{with}")),
    });
    world.plant("lattice/service-association", &with, doc);
}

/// What is told of the cluster.
fn notes(plan: &Plan) -> &[String] {
    let change = plan.changes.iter().find(|change| change.address.as_str() == "cluster.edge");
    &change.expect("it goes").notes
}

/// Takes the cluster away, as somebody does who does not know of the stack.
async fn lose_the_cluster(world: &World) {
    let place = Place { account: None, region: "us-west-2".into() };
    let eks = world.cloud(Access::Write).clients(&place).eks;
    eks.delete_nodegroup().cluster_name(CLUSTER).nodegroup_name("default").send().await.expect("it is asked");
    world.rest(1_200).await;
    eks.delete_cluster().name(CLUSTER).send().await.expect("it is asked");
    world.rest(1_200).await;
}

async fn planned(world: &World, stack: &Graph) -> Plan {
    world.plan(stack, &destroy()).await.expect("there is a plan")
}

#[tokio::test(start_paused = true)]
async fn b64_a_security_group_of_a_gateway_that_is_long_gone_goes_with_the_cluster() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    world.plant("ec2/security-group", "sg-gone", group("sg-gone", &vpc(&world), CLUSTER));
    assert_eq!(
        notes(&planned(&world, &stack).await),
        ["deletes 1 security group that its controllers left behind"]
    );
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn b65_a_lattice_service_of_a_route_that_is_long_gone_goes_before_the_service_network() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let vpc = vpc(&world);
    service(&world, "gone", &format!("{ACCOUNT}/{CLUSTER}/{vpc}"));
    world.plant("ec2/security-group", "sg-gone", group("sg-gone", &vpc, CLUSTER));
    let told = "deletes 1 Lattice service, 1 security group that its controllers left behind";
    assert_eq!(notes(&planned(&world, &stack).await), [told]);
    goes(&mut world, &stack, &[]).await;
}

/// What is of another cluster, or of one of the same name elsewhere, is not this one's.
#[tokio::test(start_paused = true)]
async fn b69_what_another_cluster_left_is_neither_told_nor_touched() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let theirs = "vpc-0a1b2c3d4e5f60718";
    world.plant("ec2/security-group", "sg-other", group("sg-other", theirs, CLUSTER));
    world.plant("ec2/security-group", "sg-third", group("sg-third", theirs, "third"));
    let plan = planned(&world, &stack).await;
    assert_eq!(notes(&plan), [""; 0]);
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    for id in ["sg-other", "sg-third"] {
        world.one("ec2/security-group", |doc| doc["groupId"] == id);
    }
}

/// What lives is told with its object and with nothing else.
#[tokio::test(start_paused = true)]
async fn what_objects_have_that_are_there_is_not_told_as_left_behind() {
    let stack = edge(&[]);
    let world = raised(&stack).await;
    guests(&world).await;
    let leave = stack::plan::Leave { include_foreign: true, ..stack::plan::Leave::default() };
    let plan = world.plan_with(&stack, &destroy(), leave).await.expect("there is a plan");
    assert_eq!(notes(&plan), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn b70_what_others_had_in_a_cluster_that_is_gone_is_told_and_swept() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    guests(&world).await;
    lose_the_cluster(&world).await;
    assert_eq!(count(&world, "elb/load-balancer"), 2, "they leak");
    let told = "deletes 1 ALB, 1 target group, 1 Lattice service, 1 Lattice target group, 2 security groups \
                that its controllers made for others";
    assert_eq!(notes(&planned(&world, &stack).await), [told]);
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn b70_what_others_have_in_a_cluster_that_lets_nobody_in_is_told_and_swept_if_it_is_included() {
    let fresh = World::new().inventory();
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    guests(&world).await;
    world.lose("us-west-2", "eks/access-entry", |entry| {
        entry["principalArn"].to_string().contains("Engineer")
    });
    let refused = world.plan(&stack, &destroy()).await.expect_err("others have something there");
    let told: Vec<String> = refused.iter().map(ToString::to_string).collect();
    assert!(matches!(refused.as_slice(), [Refusal::Guest { anothers: false, .. }]), "{told:#?}");
    assert!(told[0].contains("1 ALB") && told[0].contains("others in cluster.edge"), "{told:#?}");
    let leave = Leave { include_foreign: true, ..Leave::default() };
    let plan = world.plan_with(&stack, &destroy(), leave).await.expect("it is wanted");
    let [told] = notes(&plan) else { panic!("{:#?}", notes(&plan)) };
    assert!(
        told.starts_with("deletes 1 ALB, 1 target group, 1 Lattice service, 1 Lattice target group, 2 sec"),
        "{told}"
    );
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    world.rest(3_700).await;
    assert_eq!(world.inventory(), fresh);
}

/// The state of an earlier run does not have the cluster any more: it is said who left it and what removes it.
#[tokio::test(start_paused = true)]
async fn what_a_cluster_left_that_the_state_does_not_have_is_told_as_such() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let vpc = vpc(&world);
    let mut plan = planned(&world, &stack).await;
    plan.steps.retain(|step| step.address.as_str() != "network.main/vpc");
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    world.plant("ec2/security-group", "sg-gone", group("sg-gone", &vpc, CLUSTER));
    let refused = world.plan(&stack, &destroy()).await.expect_err("it is in the way");
    let [Refusal::Held { what, left_by, .. }] = refused.as_slice() else { panic!("{refused:#?}") };
    assert_eq!(*what, format!("security group sg-gone (k8s-default-gone-sg-gone) is in {vpc}"));
    assert_eq!(*left_by, Some([CLUSTER, "us-west-2"].map(str::to_owned)));
}

/// What a rule of somebody else names cannot go, and the controller waits for that without a word.
#[tokio::test(start_paused = true)]
async fn a_rule_that_names_what_a_controller_made_is_named_before_anything_goes() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let other = world.one("ec2/security-group", |doc| {
        doc["vpcId"] == "vpc-0a1b2c3d4e5f60718" && doc["groupName"] == "default"
    });
    let other = other["groupId"].as_str().expect("it has one").to_owned();
    let made = |mark: &str| {
        let group = world.one("ec2/security-group", |doc| doc["tagSet"].to_string().contains(mark));
        group["groupId"].as_str().expect("it has one").to_owned()
    };
    let (front, shared) = (made("ManagedLBSecurityGroup"), made("backend-sg"));
    world.plant("ec2/security-group", "sg-gone", group("sg-gone", &vpc(&world), CLUSTER));
    let named = [("sgr-a", front.as_str()), ("sgr-b", shared.as_str()), ("sgr-c", "sg-gone")];
    for (id, named) in named {
        world.plant("ec2/security-group-rule", id, rule(id, &other, named, "database"));
    }
    let refused = world.plan(&stack, &destroy()).await.expect_err("they are in the way");
    let told: Vec<String> = refused.iter().map(ToString::to_string).collect();
    let says = |address: &str, title: &str, (id, named): (&str, &str)| {
        format!("{address}: {title} cannot be deleted: rule {id} of security group {other} names {named}")
    };
    let mut wanted = vec![
        says("cluster.edge", "EKS cluster", named[2]),
        says("gateway.web", "Gateway", named[0]),
        says("cluster.edge", "EKS cluster", named[1]),
    ];
    // The group that all share goes with the cluster while another one of its controllers' is there.
    wanted.sort();
    let mut sorted = told.clone();
    sorted.sort();
    assert_eq!(sorted, wanted);
    world.lose("us-west-2", "ec2/security-group-rule", |doc| doc["description"] == "database");
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn b37_a_rule_that_came_since_is_named_when_a_gateway_is_given_up() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let plan = planned(&world, &stack).await;
    let front =
        world.one("ec2/security-group", |doc| doc["tagSet"].to_string().contains("ManagedLBSecurityGroup"));
    let front = front["groupId"].as_str().expect("it has one").to_owned();
    world.plant("ec2/security-group-rule", "sgr-late", rule("sgr-late", "sg-theirs", &front, "late"));
    world.plant("ec2/security-group", "sg-theirs", group("sg-theirs", "vpc-theirs", "theirs"));
    let outcome = world.carry_out(&plan).await;
    let (_, error) =
        outcome.failed.iter().find(|(one, _)| one.as_str() == "gateway.web").expect("it is stuck");
    let wanted = format!("; rule sgr-late of security group sg-theirs names {front}");
    assert!(error.message.contains(&wanted), "{error}");
}

fn rule(id: &str, of: &str, named: &str, description: &str) -> Json {
    json!({
        "securityGroupRuleId": id, "groupId": of, "isEgress": false, "ipProtocol": "tcp", "fromPort": 5432,
        "toPort": 5432, "description": description, "tagSet": [],
        "referencedGroupInfo": { "groupId": named, "userId": ACCOUNT },
    })
}

const EXPORT: &str = "apiVersion: application-networking.k8s.aws/v1alpha1
kind: ServiceExport
metadata:
  name: hello
  annotations:
    application-networking.k8s.aws/federation: amazon-vpc-lattice
";

#[tokio::test(start_paused = true)]
async fn b70_what_an_object_of_a_manifest_made_in_a_cluster_that_is_gone_is_swept() {
    let stack = edge_with(&[], EXPORT);
    let mut world = raised(&stack).await;
    world.rest(120).await;
    let is_export = |doc: &Json| doc["_tags"].to_string().contains("ServiceExport");
    world.one("lattice/target-group", is_export);
    lose_the_cluster(&world).await;
    let plan = planned(&world, &stack).await;
    let mut swept = plan.steps.iter().filter(|step| step.sweeps).map(|step| step.address.as_str());
    assert!(swept.any(|address| address == "manifest.hello/ServiceExport.hello"));
    goes(&mut world, &stack, &[]).await;
}

/// What controllers left of an object that this stack had in a cluster that lives.
#[tokio::test(start_paused = true)]
async fn what_is_left_of_an_export_that_is_gone_is_told_by_an_audit() {
    let mut world = raised(&edge_with(&[], EXPORT)).await;
    world.rest(120).await;
    let is_export = |doc: &Json| doc["_tags"].to_string().contains("ServiceExport");
    let left = world.one("lattice/target-group", is_export);
    let id = left["id"].as_str().expect("it has one").to_owned();
    let (_, outcome) = world.up(&edge(&[])).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let scope = stack::sweep::Scope::of_state(&world.state());
    let report = stack::sweep::audit(&world.cloud(Access::Read), &scope).await;
    assert!(report.is_clean(), "{:#?}", report.leftovers);
    world.plant("lattice/target-group", &id, left);
    let report = stack::sweep::audit(&world.cloud(Access::Read), &scope).await;
    let found: Vec<&str> = report.leftovers.iter().map(|one| one.thing.id.as_str()).collect();
    assert_eq!(found, [id.as_str()]);
}
