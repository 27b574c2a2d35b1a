//! What goes wrong when things are deleted in another order than theirs: done by plain calls it is stuck or leaks, and
//! `stack destroy` ends clean all the same. What only has to be put back first is in `repairs`.

use std::time::Duration;

use serde_json::{Value as Json, json};
use stack::address::Address;
use stack::plan::Leave;
use stack::sandbox::world::{ACCOUNT, Key};
use stack::sandbox::{Sandbox, kube};

use crate::support::edge::{
    BALANCER, CLUSTER, GATEWAY_API, LATTICE, destroy, edge, goes, is_there, raised, repaired,
};
use crate::support::world::World;

const FORCED: Leave = Leave { include_foreign: false, no_repair: false, force_finalizers: true };

/// The key of something in the region of the stack.
fn key(table: &str, id: &str) -> Key {
    let [account, region, table, id] = [ACCOUNT, "us-west-2", table, id].map(str::to_owned);
    Key { account, region, table, id }
}

fn cluster() -> Key {
    key("eks/cluster", CLUSTER)
}

/// How many things of a table there are that fit.
fn count(world: &World, table: &str, fits: impl Fn(&Json) -> bool) -> usize {
    world.sandbox.world().all().filter(|(key, doc)| key.table == table && fits(doc)).count()
}

/// The id of the only thing of a table that fits.
fn id_of(world: &World, table: &str, fits: impl Fn(&Json) -> bool) -> String {
    let world = world.sandbox.world();
    let mut all = world.all().filter(|(key, doc)| key.table == table && fits(doc));
    let (key, _) = all.next().expect("there is one");
    assert!(all.next().is_none(), "there is only one");
    key.id.clone()
}

/// What is told of an address.
fn of<'a, T>(all: &'a [(Address, T)], address: &str) -> &'a T {
    &all.iter().find(|(one, _)| one.as_str() == address).expect("it is told").1
}

/// Whether a security group is the one that all load balancers of a cluster share.
fn is_shared(group: &Json) -> bool {
    group["tagSet"].to_string().contains("backend-sg")
}

/// Starts the pods of the AWS Load Balancer Controller anew: what it had in mind is lost.
fn restart_balancer(sandbox: &Sandbox) {
    let [_, _, namespace, name] = BALANCER;
    let deployment = kube::key(&cluster(), "apps", "deployments", namespace, name);
    let world = &mut sandbox.world();
    let now = world.now();
    let done = kube::change(world, &cluster(), &deployment, |doc| {
        doc["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = json!(now);
    });
    assert!(done, "it is there");
}

#[tokio::test(start_paused = true)]
async fn b64_a_controller_that_is_restarted_forgets_the_shared_group_and_a_destroy_sweeps_it() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    assert_eq!(count(&world, "ec2/security-group", is_shared), 1);
    world.somebody_deletes(CLUSTER, [GATEWAY_API, "HTTPRoute", "web", "web"], false).await;
    world.somebody_deletes(CLUSTER, [GATEWAY_API, "Gateway", "web", "web"], false).await;
    world.rest(2).await;
    restart_balancer(&world.sandbox);
    world.rest(3_600).await;
    assert!(!is_there(&world, "Gateway", "web").await, "its controller let it go");
    assert_eq!(count(&world, "ec2/security-group", is_shared), 1, "it leaks");
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn b64_a_controller_that_is_restarted_during_a_destroy_leaves_nothing() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    let sandbox = world.sandbox.clone();
    let restarts = tokio::spawn(async move {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(7)).await;
            if sandbox
                .world()
                .get(&kube::key(&cluster(), "apps", "deployments", BALANCER[2], BALANCER[3]))
                .is_some()
            {
                restart_balancer(&sandbox);
            }
        }
    });
    let outcome = world.carry_out(&plan).await;
    restarts.await.expect("it restarts");
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    world.rest(3_700).await;
    assert_eq!(world.inventory(), World::new().inventory());
}

#[tokio::test(start_paused = true)]
async fn b60_a_class_that_goes_first_leaves_its_gateway_and_routes_stuck() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    world.somebody_deletes(CLUSTER, [GATEWAY_API, "GatewayClass", "", "amazon-vpc-lattice"], false).await;
    world.somebody_deletes(CLUSTER, [GATEWAY_API, "HTTPRoute", "web", "cart"], false).await;
    world.somebody_deletes(CLUSTER, [GATEWAY_API, "Gateway", "web", "core"], false).await;
    world.rest(3_600).await;
    assert!(
        is_there(&world, "HTTPRoute", "cart").await && is_there(&world, "Gateway", "core").await,
        "stuck"
    );
    assert_eq!(count(&world, "lattice/service", |_| true), 1, "it leaks");
    goes(&mut world, &stack, &["controller.lattice@edge/gateway-class.lattice"]).await;
}

/// All objects are asked to go with them, the classes first: the Lattice controller lets nothing go any more, and its class
/// cannot be made again.
#[tokio::test(start_paused = true)]
async fn b38_crds_that_go_first_leave_everything_stuck() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    for plural in ["gatewayclasses", "gateways", "httproutes"] {
        let name = format!("{plural}.gateway.networking.k8s.io");
        let crd = ["apiextensions.k8s.io/v1", "CustomResourceDefinition", "", name.as_str()];
        world.somebody_deletes(CLUSTER, crd, false).await;
    }
    world.rest(3_600).await;
    assert_eq!(count(&world, "lattice/service", |_| true), 1, "it leaks");
    let refused = world.plan(&stack, &destroy()).await.expect_err("its class cannot be put back");
    let told: Vec<String> = refused.iter().map(ToString::to_string).collect();
    let wanted = "controller.lattice@edge/gateway-class.lattice cannot be put back, for crds.gateway-api@edge is being deleted";
    assert!(told.len() == 1 && told[0].starts_with(wanted), "{told:#?}");
    let leave = Leave { no_repair: true, ..FORCED };
    let plan = world.plan_with(&stack, &destroy(), leave).await.expect("there is a plan");
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    world.rest(3_700).await;
    assert_eq!(world.inventory(), World::new().inventory());
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_was_forced_away_leaves_its_gateway_stuck() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let configuration = ["gateway.k8s.aws/v1", "LoadBalancerConfiguration", "web", "web"];
    world.somebody_deletes(CLUSTER, configuration, true).await;
    world.somebody_deletes(CLUSTER, [GATEWAY_API, "Gateway", "web", "web"], false).await;
    world.rest(3_600).await;
    assert!(is_there(&world, "Gateway", "web").await, "stuck");
    assert_eq!(count(&world, "elb/load-balancer", |_| true), 1, "it leaks");
    goes(&mut world, &stack, &["gateway.web/configuration"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_tells_its_last_event() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    let configuration = kube::key(&cluster(), "gateway.k8s.aws", "loadbalancerconfigurations", "web", "web");
    kube::change(&mut world.sandbox.world(), &cluster(), &configuration, |doc| {
        doc["spec"]["loadBalancerAttributes"] =
            json!([{ "key": "deletion_protection.enabled", "value": "true" }]);
    });
    let outcome = world.carry_out(&plan).await;
    let error = of(&outcome.failed, "gateway.web");
    let told = "; its last event warns: Failed build model due to";
    assert!(error.message.contains(told) && error.message.contains("deletion protection"), "{error}");
    let repairs = world.plan(&stack, &destroy()).await.expect("there is a plan");
    goes(&mut world, &stack, &repaired(&repairs)).await;
}

#[tokio::test(start_paused = true)]
async fn b37_a_gateway_that_is_stuck_is_explained_and_forced_only_if_that_is_wanted() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let role = |role: &Json| role["RoleName"] == "end-edge-alb";
    // After the plan was made nothing is put back any more.
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    let forced = world.plan_with(&stack, &destroy(), FORCED).await.expect("there is a plan");
    assert!(plan.steps.iter().all(|step| step.forces.is_none()));
    world.lose("global", "iam/role", role);
    let outcome = world.carry_out(&plan).await;
    let error = of(&outcome.failed, "gateway.web");
    for told in [
        "gave up after 20 min",
        "waits for its finalizer gateway.k8s.aws/alb, which the AWS Load Balancer Controller takes off",
        "`--force-finalizers` would remove what it made by its tags",
    ] {
        assert!(error.message.contains(told), "{told}: {error}");
    }
    assert_eq!(count(&world, "elb/load-balancer", |_| true), 1, "nothing was forced");

    let mut again = forced;
    let kept: Vec<_> = world.state().records.keys().cloned().collect();
    again.steps.retain(|step| kept.contains(&step.address));
    again.steps.iter_mut().for_each(|step| step.needs.clear());
    again.steps.retain(|step| step.address.as_str() == "gateway.web");
    let outcome = world.carry_out(&again).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let what = of(&outcome.forced, "gateway.web");
    assert!(what.starts_with("removed load balancer app/k8s-") && what.contains("target group"), "{what}");
    assert!(what.ends_with("all are gone; took off its finalizers gateway.k8s.aws/alb"), "{what}");
    assert_eq!(count(&world, "elb/load-balancer", |_| true), 0);
    let repairs = world.plan(&stack, &destroy()).await.expect("there is a plan");
    goes(&mut world, &stack, &repaired(&repairs)).await;
}

/// A controller that cannot be put back, such as one whose image is gone, need not be.
#[tokio::test(start_paused = true)]
async fn without_repair_everything_is_forced_and_nothing_is_left() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    for deployment in [BALANCER, LATTICE] {
        world.somebody_deletes(CLUSTER, deployment, false).await;
    }
    let leave = Leave { no_repair: true, ..FORCED };
    let plan = world.plan_with(&stack, &destroy(), leave).await.expect("nothing is put back");
    assert_eq!(repaired(&plan), [""; 0]);
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let forced: Vec<&str> = outcome.forced.iter().map(|(address, _)| address.as_str()).collect();
    for address in ["gateway.core", "gateway.web", "route.cart", "controller.alb@edge/gateway-class.alb"] {
        assert!(forced.contains(&address), "{forced:?}");
    }
    assert!(of(&outcome.forced, "route.cart").starts_with("removed Lattice service svc-"));
    assert!(outcome.took < Duration::from_secs(40 * 60), "nobody was waited for: {:?}", outcome.took);
    world.rest(3_700).await;
    assert_eq!(world.inventory(), World::new().inventory());
}

#[tokio::test(start_paused = true)]
async fn what_is_still_there_in_the_cloud_keeps_its_finalizers() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let plan = world.plan_with(&stack, &destroy(), FORCED).await.expect("there is a plan");
    world.lose("global", "iam/role", |role| role["RoleName"] == "end-edge-alb");
    let front = id_of(&world, "ec2/security-group", |group| {
        group["tagSet"].to_string().contains("ManagedLBSecurityGroup")
    });
    let rule = "sgr-theirs";
    world.sandbox.world().put(
        key("ec2/security-group-rule", rule),
        json!({
            "securityGroupRuleId": rule, "groupId": "sg-theirs", "isEgress": false, "ipProtocol": "tcp",
            "fromPort": 80, "toPort": 80, "referencedGroupInfo": { "groupId": front, "userId": ACCOUNT },
        }),
    );
    let outcome = world.carry_out(&plan).await;
    let error = of(&outcome.failed, "gateway.web");
    assert!(error.message.contains(&format!("security group {front}")), "{error}");
    let forced = outcome.forced.iter().any(|(address, _)| address.as_str() == "gateway.web");
    assert!(!forced && is_there(&world, "Gateway", "web").await, "it is held still");
    world.lose("us-west-2", "ec2/security-group-rule", |doc| doc["securityGroupRuleId"] == rule);
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    goes(&mut world, &stack, &repaired(&plan)).await;
}

/// What the controller left behind answers for nobody, and the cluster takes nothing any more that it is asked about.
#[tokio::test(start_paused = true)]
async fn webhooks_of_a_dead_controller_block_writes_and_go_first() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    world.somebody_deletes(CLUSTER, BALANCER, false).await;
    let service = ["v1", "Service", "kube-system", "aws-load-balancer-webhook-service"];
    world.somebody_deletes(CLUSTER, service, false).await;
    world.rest(60).await;
    let binding = world
        .objects(CLUSTER)
        .await
        .everywhere("elbv2.k8s.aws/v1beta1", "TargetGroupBinding")
        .await
        .expect("it is answered");
    let metadata = &binding.first().expect("there is one")["metadata"];
    let [namespace, name] = ["namespace", "name"].map(|field| metadata[field].as_str().expect("it has one"));
    let stripped =
        world.somebody_strips(CLUSTER, ["elbv2.k8s.aws/v1beta1", "TargetGroupBinding", namespace, name]);
    let refused = stripped.await.expect_err("nobody answers for the controller");
    assert!(refused.contains("failed calling webhook"), "{refused}");

    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    let place = |is_it: &dyn Fn(&str) -> bool| {
        plan.steps.iter().position(|step| is_it(step.address.as_str())).expect("there is such a step")
    };
    let [mutating, validating] = ["Mutating", "Validating"].map(|sort| {
        place(&|one| one.starts_with(&format!("controller.alb@edge/{sort}WebhookConfiguration")))
    });
    let back = place(&|one| one == "controller.alb@edge/deployment");
    assert!(plan.steps[back].needs.contains(&mutating) && plan.steps[back].needs.contains(&validating));
    let repairs = repaired(&plan);
    assert!(
        repairs.contains(&"controller.alb@edge/Service.aws-load-balancer-webhook-service"),
        "{repairs:?}"
    );
    goes(&mut world, &stack, &repairs).await;
}
