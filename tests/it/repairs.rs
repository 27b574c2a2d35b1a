//! What is broken when a stack goes down: without it what it served is stuck for good; `stack` puts it back first.

use stack::change::Reason;
use stack::graph::Graph;
use stack::plan::{Leave, Refusal};

use crate::support::edge::{BALANCER, CLUSTER, GATEWAY_API, LATTICE, destroy, edge, goes, is_there, raised};
use crate::support::world::World;

#[tokio::test(start_paused = true)]
async fn b62_without_its_controller_a_route_is_stuck_and_a_destroy_puts_it_back() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    world.somebody_deletes(CLUSTER, LATTICE, false).await;
    world.somebody_deletes(CLUSTER, BALANCER, false).await;
    world.somebody_deletes(CLUSTER, [GATEWAY_API, "HTTPRoute", "web", "cart"], false).await;
    world.somebody_deletes(CLUSTER, [GATEWAY_API, "Gateway", "web", "web"], false).await;
    world.rest(3_600).await;
    assert!(is_there(&world, "HTTPRoute", "cart").await && is_there(&world, "Gateway", "web").await, "stuck");

    let refused = world.plan_with(&stack, &destroy(), Leave { no_repair: true, ..Leave::default() }).await;
    let refused = refused.expect_err("it is not to be put back");
    assert!(refused.iter().all(|one| matches!(one, Refusal::Broken { .. })), "{refused:#?}");
    assert_eq!(refused.len(), 2, "{refused:#?}");

    goes(&mut world, &stack, &["controller.alb@edge/deployment", "controller.lattice@edge/deployment"]).await;
}

#[tokio::test(start_paused = true)]
async fn b62_a_controller_that_was_scaled_to_nothing_is_started_again() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    scale(&world, 0).await;
    goes(&mut world, &stack, &["controller.alb@edge/deployment"]).await;
}

/// Scales the AWS Load Balancer Controller as somebody else does.
async fn scale(world: &World, replicas: u32) {
    let path =
        "/apis/apps/v1/namespaces/kube-system/deployments/aws-load-balancer-controller?fieldManager=kubectl";
    let request = http::Request::patch(path)
        .header("content-type", "application/merge-patch+json")
        .body(serde_json::json!({ "spec": { "replicas": replicas } }).to_string().into_bytes())
        .expect("a request");
    let objects = world.objects(CLUSTER).await;
    objects.client().request::<serde_json::Value>(request).await.expect("it is patched");
    world.rest(60).await;
}

#[tokio::test(start_paused = true)]
async fn b62_a_controller_with_more_pods_is_not_broken() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    scale(&world, 3).await;
    goes(&mut world, &stack, &[]).await;
}

/// Everything is as it was applied, and nothing runs: the plan says so, and nothing goes before it does.
#[tokio::test(start_paused = true)]
async fn b62_a_controller_that_is_there_and_does_not_run_is_waited_for() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let nodes = world.objects(CLUSTER).await.everywhere("v1", "Node").await.expect("they are listed");
    for node in &nodes {
        let name = node["metadata"]["name"].as_str().expect("a name");
        world.somebody_deletes(CLUSTER, ["v1", "Node", "", name], false).await;
    }
    world.rest(600).await;
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    let down = |reason: &Reason| matches!(reason, Reason::Down { .. });
    let waited: Vec<&str> =
        plan.changes.iter().filter(|one| down(&one.reason)).map(|one| one.address.as_str()).collect();
    assert_eq!(waited, ["controller.alb@edge/deployment", "controller.lattice@edge/deployment"]);
    let leave = Leave { no_repair: true, ..Leave::default() };
    let refused = world.plan_with(&stack, &destroy(), leave).await.expect_err("it is not up");
    assert!(refused.iter().all(|one| matches!(one, Refusal::Broken { .. })), "{refused:#?}");

    let outcome = world.carry_out(&plan).await;
    let failed: Vec<&str> = outcome.failed.iter().map(|(address, _)| address.as_str()).collect();
    assert_eq!(failed, waited, "{:#?}", outcome.failed);
    let told = outcome.failed[0].1.message.as_str();
    assert!(told.ends_with("`--no-repair --force-finalizers` goes on without it"), "{told}");
    for served in [["Gateway", "web"], ["Gateway", "core"], ["HTTPRoute", "cart"]] {
        assert!(is_there(&world, served[0], served[1]).await, "it was not touched");
    }
    let leave = Leave { no_repair: true, force_finalizers: true, ..Leave::default() };
    let plan = world.plan_with(&stack, &destroy(), leave).await.expect("there is a plan");
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    world.rest(3_700).await;
    assert_eq!(world.inventory(), World::new().inventory());
}

#[tokio::test(start_paused = true)]
async fn b63_roles_identities_classes_and_configurations_are_put_back() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    world.lose("global", "iam/role", |role| role["RoleName"] == "end-edge-alb");
    world.lose("us-west-2", "eks/pod-identity", |one| one["serviceAccount"] == "gateway-api-controller");
    world.somebody_deletes(CLUSTER, [GATEWAY_API, "GatewayClass", "", "amazon-vpc-lattice"], false).await;
    world
        .somebody_deletes(CLUSTER, ["gateway.k8s.aws/v1", "LoadBalancerConfiguration", "web", "web"], true)
        .await;
    world.rest(60).await;
    let expected = [
        "controller.alb@edge/role",
        "controller.lattice@edge/gateway-class.lattice",
        "controller.lattice@edge/pod-identity",
        "gateway.web/configuration",
    ];
    goes(&mut world, &stack, &expected).await;
}

#[tokio::test(start_paused = true)]
async fn b63_nodes_that_are_gone_come_back_for_the_last_gateway() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let place = stack::graph::Place { account: None, region: "us-west-2".into() };
    let eks = world.cloud(stack::cloud::Access::Write).clients(&place).eks;
    eks.delete_nodegroup().cluster_name(CLUSTER).nodegroup_name("default").send().await.expect("it is asked");
    world.rest(1_200).await;
    goes(&mut world, &stack, &["cluster.edge/nodes.default"]).await;
}

#[tokio::test(start_paused = true)]
async fn b63_nodes_that_somebody_scaled_to_nothing_come_back_for_the_last_gateway() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let place = stack::graph::Place { account: None, region: "us-west-2".into() };
    let eks = world.cloud(stack::cloud::Access::Write).clients(&place).eks;
    let none = aws_sdk_eks::types::NodegroupScalingConfig::builder().min_size(0).max_size(3).desired_size(0);
    let call = eks.update_nodegroup_config().cluster_name(CLUSTER).nodegroup_name("default");
    call.scaling_config(none.build()).send().await.expect("it is asked");
    world.rest(600).await;
    goes(&mut world, &stack, &["cluster.edge/nodes.default"]).await;
}

#[tokio::test(start_paused = true)]
async fn b61_deletion_protection_is_lifted_first_and_said() {
    let protected = (
        "scheme = \"internet-facing\"",
        "scheme = \"internet-facing\"\nattributes = { \"deletion_protection.enabled\" = \"true\" }",
    );
    let stack = edge(&[protected]);
    let mut world = raised(&stack).await;
    world.somebody_deletes(CLUSTER, [GATEWAY_API, "Gateway", "web", "web"], false).await;
    world.rest(3_600).await;
    assert!(is_there(&world, "Gateway", "web").await, "it is protected");
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    let told = plan.changes.iter().find(|change| matches!(change.reason, Reason::Unprotect { .. }));
    let told = told.expect("it is told");
    assert_eq!(told.address.as_str(), "gateway.web/configuration");
    assert_eq!(told.reason.to_string(), "deletion protection is lifted first, so that gateway.web can go");
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn b61_an_up_that_takes_the_gateway_away_lifts_its_protection_too() {
    let attributes = "attributes = { \"deletion_protection.enabled\" = \"true\" }";
    let protected =
        edge(&[("scheme = \"internet-facing\"", &format!("scheme = \"internet-facing\"\n{attributes}"))]);
    let mut world = raised(&protected).await;
    let internal = edge(&[("scheme = \"internet-facing\"", "scheme = \"internal\"")]);
    let (_, outcome) = world.up(&internal).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
}

#[tokio::test(start_paused = true)]
async fn b70_what_a_cluster_made_that_is_gone_is_removed_by_its_tags() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let place = stack::graph::Place { account: None, region: "us-west-2".into() };
    let eks = world.cloud(stack::cloud::Access::Write).clients(&place).eks;
    eks.delete_nodegroup().cluster_name(CLUSTER).nodegroup_name("default").send().await.expect("it is asked");
    world.rest(1_200).await;
    eks.delete_cluster().name(CLUSTER).send().await.expect("it is asked");
    world.rest(1_200).await;
    let left =
        |world: &World, table: &str| world.inventory().iter().filter(|one| one.contains(table)).count();
    assert!(left(&world, "elb/load-balancer") > 0 && left(&world, "lattice/service") > 0, "they leak");
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    let swept: Vec<&str> =
        plan.steps.iter().filter(|step| step.sweeps).map(|step| step.address.as_str()).collect();
    assert_eq!(swept.len(), 4, "{swept:#?}");
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn b70_a_cluster_that_cannot_be_reached_does_not_block_a_destroy() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    world.lose("us-west-2", "eks/access-entry", |entry| {
        entry["principalArn"].to_string().contains("Engineer")
    });
    goes(&mut world, &stack, &[]).await;
}

/// What is recorded holds no sensitive value: the file says it again, or nothing is put back by halves.
#[tokio::test(start_paused = true)]
async fn b26_what_is_put_back_has_its_sensitive_values_or_is_refused() {
    let head = "region = \"us-west-2\"\n[networks.main]";
    let tagged = "region = \"us-west-2\"\ntags = { owner = \"${var.token}\" }\n[variables]\n\
                  token = { default = \"canary-tag-1Z\", sensitive = true }\n[networks.main]";
    let stack = edge(&[(head, tagged)]);
    let mut world = raised(&stack).await;
    let role = |role: &serde_json::Value| role["RoleName"] == "end-edge-alb";
    world.lose("global", "iam/role", role);
    let untold = Graph { secrets: stack.secrets.clone(), ..Graph::default() };
    let refused = world.plan(&untold, &destroy()).await.expect_err("it is not known whole");
    assert!(refused.iter().any(|one| matches!(one, Refusal::Untold { .. })), "{refused:#?}");
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    let back = plan.steps.iter().find(|step| step.address.as_str() == "controller.alb@edge/role");
    let spec = serde_json::Value::from(&back.expect("it is put back").spec);
    assert_eq!(spec["tags"]["owner"], "canary-tag-1Z");
    goes(&mut world, &stack, &["controller.alb@edge/role"]).await;
}
