//! What neither the stack nor its controllers made and what stands against a destroy: done blindly it is stuck, so it is
//! named before anything is deleted; what only others use stays for them, what nobody looks after is swept.

use serde_json::{Value as Json, json};
use stack::change::{Reason, Verb};
use stack::cloud::Access;
use stack::graph::{Graph, Place};
use stack::plan::Refusal;
use stack::sandbox::world::{ACCOUNT, Key};

use crate::support::edge::{CLUSTER, destroy, edge, goes, raised};
use crate::support::world::World;

fn ec2(world: &World) -> stack::cloud::Clients {
    world.cloud(Access::Write).clients(&Place { account: None, region: "us-west-2".into() })
}

/// What the only refusals say, each once.
async fn refused(world: &World, stack: &Graph) -> Vec<String> {
    let refused = world.plan(stack, &destroy()).await.expect_err("something is in the way");
    assert!(refused.iter().all(|one| matches!(one, Refusal::Held { .. })), "{refused:#?}");
    refused.iter().map(ToString::to_string).collect()
}

/// A group of another VPC.
fn elsewhere(world: &World) -> String {
    let is_it = |doc: &Json| doc["vpcId"] == "vpc-0a1b2c3d4e5f60718" && doc["groupName"] == "default";
    world.one("ec2/security-group", is_it)["groupId"].as_str().expect("it has one").to_owned()
}

fn rule(id: &str, of: &str, named: &str, description: &str) -> Json {
    json!({
        "securityGroupRuleId": id, "groupId": of, "isEgress": false, "ipProtocol": "tcp", "fromPort": 5432,
        "toPort": 5432, "description": description, "tagSet": [],
        "referencedGroupInfo": { "groupId": named, "userId": ACCOUNT },
    })
}

/// A database lets the nodes of the cluster in: the group of the cluster stays behind, and with it the VPC.
#[tokio::test(start_paused = true)]
async fn a_rule_of_somebody_else_is_named_and_left() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let nodes = world.one("eks/cluster", |_| true)["resourcesVpcConfig"]["clusterSecurityGroupId"].clone();
    let nodes = nodes.as_str().expect("it has one").to_owned();
    let other = elsewhere(&world);
    world.plant("ec2/security-group-rule", "sgr-db", rule("sgr-db", &other, &nodes, "database"));
    let asked = ec2(&world).ec2.call("DeleteSecurityGroup", json!({ "GroupId": nodes })).await;
    assert_eq!(asked.expect_err("it is in use").code, "DependencyViolation");
    let told = refused(&world, &stack).await;
    let wanted = format!(
        "cluster.edge: EKS cluster cannot be deleted: rule sgr-db of security group {other} names {nodes}"
    );
    assert_eq!(told, [wanted]);
    world.uproot("ec2/security-group-rule", "sgr-db");
    goes(&mut world, &stack, &[]).await;
}

/// What the controller opened and did not close any more is no stranger's.
#[tokio::test(start_paused = true)]
async fn a_rule_of_the_controller_is_revoked() {
    let grouped = edge(&[("nat = \"one\"\n", "nat = \"one\"\n[networks.main.security_groups.clients]\n")]);
    let mut world = raised(&grouped).await;
    let clients = world.one("ec2/security-group", |doc| doc["tagSet"].to_string().contains("clients"));
    let clients = clients["groupId"].as_str().expect("it has one").to_owned();
    let other = elsewhere(&world);
    let opened = "elbv2.k8s.aws/targetGroupBinding=shared";
    world.plant("ec2/security-group-rule", "sgr-left", rule("sgr-left", &other, &clients, opened));
    let asked = ec2(&world).ec2.call("DeleteSecurityGroup", json!({ "GroupId": clients })).await;
    assert_eq!(asked.expect_err("it is in use").code, "DependencyViolation");
    goes(&mut world, &grouped, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn what_others_have_in_a_network_is_named_before_anything_goes() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let vpc =
        world.one("ec2/vpc", |doc| doc["tagSet"].to_string().contains("stack:lineage"))["vpcId"].clone();
    let vpc = vpc.as_str().expect("it has one").to_owned();
    world.plant(
        "ec2/vpc-endpoint",
        "vpce-1",
        json!({
            "vpcEndpointId": "vpce-1", "vpcId": vpc, "state": "available", "serviceName": "com.amazonaws.us-west-2.s3",
        }),
    );
    world.plant(
        "ec2/security-group",
        "sg-db",
        json!({
            "groupId": "sg-db", "groupName": "database", "groupDescription": "d", "vpcId": vpc, "tagSet": [],
        }),
    );
    world.plant(
        "ec2/network-interface",
        "eni-db",
        json!({
            "networkInterfaceId": "eni-db", "vpcId": vpc, "status": "in-use", "groupSet": [], "tagSet": [],
            "description": "RDSNetworkInterface",
        }),
    );
    let told = refused(&world, &stack).await;
    assert_eq!(told.len(), 3, "{told:#?}");
    for wanted in [
        format!("VPC endpoint vpce-1 to com.amazonaws.us-west-2.s3 is in {vpc}"),
        format!("security group sg-db (database) is in {vpc}"),
        format!("network interface eni-db of an RDS database is in {vpc}"),
    ] {
        assert!(told.iter().any(|one| one.ends_with(&wanted)), "{wanted}: {told:#?}");
    }
    let begun = world.events.len();
    assert_eq!(begun, 0, "nothing was deleted");
    for (table, id) in
        [("vpc-endpoint", "vpce-1"), ("security-group", "sg-db"), ("network-interface", "eni-db")]
    {
        world.uproot(&format!("ec2/{table}"), id);
    }
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_service_on_a_load_balancer_is_named() {
    let stack = edge(&[
        ("class = \"alb\"\n", "class = \"nlb\"\n"),
        (
            "listeners = [{ name = \"http\", protocol = \"HTTP\", port = 80 }]\n[routes.web]\ngateway = \"web\"\nrules = [{ path = \"/\", backends",
            "listeners = [{ name = \"tcp\", protocol = \"TCP\", port = 80 }]\n[routes.web]\ngateway = \"web\"\nrules = [{ backends",
        ),
    ]);
    let mut world = raised(&stack).await;
    let arn = world.one("elb/load-balancer", |_| true)["LoadBalancerArn"].clone();
    world.plant(
        "ec2/vpc-endpoint-service",
        "vpce-svc-1",
        json!({
            "serviceId": "vpce-svc-1", "networkLoadBalancerArnSet": [arn], "tagSet": [],
        }),
    );
    let asked = ec2(&world).elb.delete_load_balancer().load_balancer_arn(arn.as_str().expect("an ARN"));
    assert!(format!("{:?}", asked.send().await).contains("currently associated with another service"));
    let told = refused(&world, &stack).await;
    let wanted = "gateway.web: Gateway cannot be deleted: VPC endpoint service vpce-svc-1 is served by its load balancer net/";
    assert!(told.len() == 1 && told[0].starts_with(wanted), "{told:#?}");
    world.uproot("ec2/vpc-endpoint-service", "vpce-svc-1");
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_eks_protects_is_named_before_anything_goes() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let place = stack::graph::Place { account: None, region: "us-west-2".into() };
    let eks = world.cloud(Access::Write).clients(&place).eks;
    let protect = async |on: bool| {
        let call = eks.update_cluster_config().name(CLUSTER).deletion_protection(on);
        call.send().await.expect("it is asked");
        world.rest(300).await;
    };
    protect(true).await;
    let told = refused(&world, &stack).await;
    assert!(told.len() == 1 && told[0].contains("its deletion protection is on"), "{told:#?}");
    protect(false).await;
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_lets_no_pod_go_is_told_with_the_nodes() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": { "name": "db", "namespace": "default" },
        "spec": { "maxUnavailable": 0, "selector": { "matchLabels": { "app": "db" } } },
    });
    world.somebody_applies(CLUSTER, "helm", &budget).await;
    let [account, region, table, id] =
        [ACCOUNT, "us-west-2", &format!("kube/{CLUSTER}/policy/poddisruptionbudgets"), "default/db"]
            .map(str::to_owned);
    let at = Key { account, region, table, id };
    world.sandbox.world().change(&at, |doc| {
        doc["status"] = json!({ "disruptionsAllowed": 0, "expectedPods": 1, "currentHealthy": 1 });
    });
    let plan = world.plan(&stack, &destroy()).await.expect("it only takes longer");
    let nodes = plan.changes.iter().find(|change| change.address.as_str() == "cluster.edge/nodes.default");
    let notes = &nodes.expect("they go").notes;
    let wanted = "PodDisruptionBudget default/db lets no pod go: EKS waits for it before it ends the nodes";
    assert_eq!(notes.as_slice(), [wanted]);
    goes(&mut world, &stack, &[]).await;
}

/// The VPC CNI takes back what it made while it runs. Nodes that go at once leave it.
#[tokio::test(start_paused = true)]
async fn interfaces_that_the_cni_left_are_swept_with_their_cluster() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let subnet = world.one("ec2/subnet", |doc| doc["tagSet"].to_string().contains("stack:lineage"));
    let interface = |id: &str, cluster: &str, status: &str| {
        json!({
            "networkInterfaceId": id, "subnetId": subnet["subnetId"], "vpcId": subnet["vpcId"], "status": status,
            "groupSet": [], "description": "aws-K8S-i-0123456789abcdef0",
            "tagSet": [{ "key": "cluster.k8s.amazonaws.com/name", "value": cluster }],
        })
    };
    world.plant("ec2/network-interface", "eni-left", interface("eni-left", CLUSTER, "available"));
    let id = subnet["subnetId"].as_str().expect("it has one");
    let asked = ec2(&world).ec2.call("DeleteSubnet", json!({ "SubnetId": id })).await;
    assert_eq!(asked.expect_err("it is in use").code, "DependencyViolation");
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn b65_a_service_network_that_others_use_stays_for_them() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let network = world.one("lattice/service-network", |_| true);
    let id = network["id"].as_str().expect("it has one").to_owned();
    world.plant(
        "lattice/vpc-association",
        "snva-theirs",
        json!({
            "id": "snva-theirs", "vpcId": "vpc-theirs", "serviceNetworkId": id, "status": "ACTIVE", "_tags": {},
            "arn": format!("arn:aws:vpc-lattice:us-west-2:{ACCOUNT}:servicenetworkvpcassociation/snva-theirs"),
        }),
    );
    let asked = ec2(&world).lattice.delete_service_network().service_network_identifier(&id).send().await;
    assert!(format!("{asked:?}").contains("has VPC(s) associated"));
    let plan = world.plan(&stack, &destroy()).await.expect("the rest goes");
    let told = plan.changes.iter().find(|change| change.address.as_str() == "service_network.core");
    let told = told.expect("it is told");
    assert_eq!(told.verb, Verb::Forget);
    let wanted = "left in place, for others use it: vpc-theirs, by snva-theirs";
    assert!(
        matches!(told.reason, Reason::Shared { .. }) && told.reason.to_string() == wanted,
        "{}",
        told.reason
    );
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert!(world.state().is_empty());
    world.rest(3_700).await;
    let fresh = World::new().inventory();
    let left: Vec<String> = world.inventory().into_iter().filter(|one| !fresh.contains(one)).collect();
    assert_eq!(left.len(), 2, "the network and their association: {left:#?}");
    // It was left on purpose: that is no leftover.
    let scope = stack::sweep::Scope::of_state(&world.state());
    let report = stack::sweep::audit(&world.cloud(Access::Read), &scope).await;
    assert!(report.is_clean(), "{:#?}", report.leftovers);
}

/// An association that somebody made by hand, with the VPC of the stack: what it is with does not make it ours.
#[tokio::test(start_paused = true)]
async fn b65_an_association_made_by_hand_with_the_vpc_of_the_stack_is_not_its_own() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let ours = world.one("lattice/vpc-association", |_| true);
    let vpc = ours["vpcId"].as_str().expect("it has one").to_owned();
    let mut theirs = ours.clone();
    theirs["id"] = json!("snva-hand");
    theirs["arn"] =
        json!(format!("arn:aws:vpc-lattice:us-west-2:{ACCOUNT}:servicenetworkvpcassociation/snva-hand"));
    theirs["_tags"] = json!({});
    world.uproot("lattice/vpc-association", ours["id"].as_str().expect("it has one"));
    world.plant("lattice/vpc-association", "snva-hand", theirs);
    let plan = world.plan(&stack, &destroy()).await.expect("the rest goes");
    let told = plan.changes.iter().find(|change| change.address.as_str() == "service_network.core");
    let told = told.expect("it is told");
    let wanted = format!("left in place, for others use it: {vpc}, by snva-hand");
    assert_eq!((told.verb, told.reason.to_string()), (Verb::Forget, wanted));
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let audited = async |world: &World| {
        let scope = stack::sweep::Scope::of_state(&world.state());
        stack::sweep::audit(&world.cloud(Access::Read), &scope).await.leftovers
    };
    assert_eq!(audited(&world).await, [], "they made it themselves");
    world.uproot("lattice/vpc-association", "snva-hand");
    let mut left = ours.clone();
    left["id"] = json!("snva-left");
    left["arn"] =
        json!(format!("arn:aws:vpc-lattice:us-west-2:{ACCOUNT}:servicenetworkvpcassociation/snva-left"));
    world.plant("lattice/vpc-association", "snva-left", left);
    assert_eq!(audited(&world).await.len(), 1, "this stack made it");
}

/// A Service that this stack exports and a cluster of somebody else sends to.
#[tokio::test(start_paused = true)]
async fn a_target_group_that_another_cluster_uses_is_named() {
    let export = "apiVersion: application-networking.k8s.aws/v1alpha1\nkind: ServiceExport\nmetadata:\n  name: hello\n  annotations:\n    application-networking.k8s.aws/federation: amazon-vpc-lattice\n";
    let stack = crate::support::edge::edge_with(&[], export);
    let mut world = raised(&stack).await;
    world.rest(120).await;
    let group = world.one("lattice/target-group", |doc| doc["_tags"].to_string().contains("ServiceExport"));
    world.plant(
        "lattice/service",
        "svc-theirs",
        json!({
            "id": "svc-theirs", "name": "theirs", "status": "ACTIVE",
            "arn": format!("arn:aws:vpc-lattice:us-west-2:{ACCOUNT}:service/svc-theirs"),
            "_tags": { "application-networking.k8s.aws/ManagedBy": format!("{ACCOUNT}/theirs/vpc-theirs") },
        }),
    );
    world.plant(
        "lattice/listener",
        "listener-theirs",
        json!({
            "id": "listener-theirs", "serviceId": "svc-theirs", "_tags": {},
            "defaultAction": { "forward": { "targetGroups": [{ "targetGroupIdentifier": group["id"] }] } },
        }),
    );
    let id = group["id"].as_str().expect("it has one");
    let asked = ec2(&world).lattice.delete_target_group().target_group_identifier(id).send().await;
    assert!(format!("{asked:?}").contains("is in use by a service"));
    let told = refused(&world, &stack).await;
    let name = group["name"].as_str().expect("it has one");
    let wanted = format!(
        "manifest.hello/ServiceExport.hello: Kubernetes object cannot be deleted: Lattice service svc-theirs of cluster theirs forwards to its target group {name}"
    );
    assert_eq!(told, [wanted]);
    world.uproot("lattice/listener", "listener-theirs");
    world.uproot("lattice/service", "svc-theirs");
    goes(&mut world, &stack, &[]).await;
}

/// What a controller made is recorded while it lives, told when it is to go, and seen to be gone by its ids.
#[tokio::test(start_paused = true)]
async fn children_are_recorded_told_and_seen_to_be_gone() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let state = world.state();
    let made = |address: &str| {
        let (_, record) =
            state.records.iter().find(|(one, _)| one.as_str() == address).expect("it is recorded");
        record.current.as_ref().expect("it is there").made.clone()
    };
    let sorts = |address: &str| made(address).into_iter().map(|child| child.sort).collect::<Vec<_>>();
    assert_eq!(sorts("gateway.web"), ["ALB", "target group", "security group", "shared security group"]);
    assert_eq!(sorts("route.cart"), ["Lattice service", "Lattice target group"]);
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    let notes = |address: &str| {
        let change = plan.changes.iter().find(|change| change.address.as_str() == address);
        change.expect("it goes").notes.clone()
    };
    assert_eq!(notes("gateway.web"), ["deletes 1 ALB, 1 target group, 2 security groups with it"]);
    assert_eq!(notes("route.cart"), ["deletes 1 Lattice service, 1 Lattice target group with it"]);
    // A target group whose tags somebody took away: nobody finds it by them any more, and yet it is waited for.
    let arn = made("gateway.web")[1].id.clone();
    let mut bare = world.one("elb/target-group", |doc| doc["TargetGroupArn"] == arn.as_str());
    bare["_tags"] = json!([]);
    world.plant("elb/target-group", &arn, bare);
    let asked = async {
        tokio::time::sleep(std::time::Duration::from_secs(400)).await;
        std::future::pending::<()>().await;
    };
    let done = tokio::select! { outcome = world.carry_out(&plan) => Some(outcome), () = asked => None };
    let waits = format!("target group {arn}");
    let told = world.events.iter().any(|event| {
        matches!(event, stack::execute::event::Event::StepWaited { address, what, .. }
            if address.as_str() == "gateway.web" && what.contains(&waits))
    });
    assert!(told, "{done:#?}");
}
