//! What others have in the clusters of a stack, when the stack goes: shown, in the way, and deleted in order if wanted.

use serde_json::{Value as Json, json};
use stack::plan::{Intent, Leave, Plan, Refusal};

use crate::support::edge::{CLUSTER, edge, raised};
use crate::support::world::{World, told};

const ALL: Leave = Leave { include_foreign: true, no_repair: false, force_finalizers: false };

fn destroy() -> Intent {
    Intent::Destroy { targets: Vec::new() }
}

/// What somebody else runs there: a Gateway of the stack's ALB class, a route on it, and one on its Lattice Gateway.
pub async fn guests(world: &World) {
    let object = |version: &str, kind: &str, name: &str, spec: Json| {
        json!({
            "apiVersion": version, "kind": kind, "spec": spec,
            "metadata": { "name": name, "namespace": "default" },
        })
    };
    let api = "gateway.networking.k8s.io/v1";
    let mut gateway = object(
        api,
        "Gateway",
        "theirs",
        json!({ "gatewayClassName": "aws-alb-gateway-class", "listeners": [{ "name": "http", "protocol": "HTTP", "port": 80 }] }),
    );
    gateway["spec"]["infrastructure"] = json!({ "parametersRef": {
        "group": "gateway.k8s.aws", "kind": "LoadBalancerConfiguration", "name": "theirs",
    } });
    let public = json!({
        "scheme": "internet-facing", "defaultTargetGroupConfiguration": { "name": "theirs" },
    });
    let targets = json!({ "defaultConfiguration": { "targetType": "ip" } });
    let targets = object("gateway.k8s.aws/v1", "TargetGroupConfiguration", "theirs", targets);
    let config = object("gateway.k8s.aws/v1", "LoadBalancerConfiguration", "theirs", public);
    gateway["metadata"]["labels"] = json!({ "app.kubernetes.io/managed-by": "Helm" });
    gateway["metadata"]["annotations"] = json!({ "meta.helm.sh/release-name": "theirs" });
    let backends = json!([{ "backendRefs": [{ "name": "hello", "port": 80 }] }]);
    let service =
        object("v1", "Service", "hello", json!({ "selector": { "app": "a" }, "ports": [{ "port": 80 }] }));
    let route = |name: &str, namespace: &str, gateway: &str| {
        let parents = json!([{ "name": gateway, "namespace": namespace }]);
        let mut route = object(api, "HTTPRoute", name, json!({ "parentRefs": parents, "rules": backends }));
        route["metadata"]["namespace"] = json!(namespace);
        route
    };
    for manifest in [
        service,
        targets,
        config,
        gateway,
        route("theirs", "default", "theirs"),
        route("orders", "web", "core"),
    ] {
        world.somebody_applies(CLUSTER, "helm", &manifest).await;
    }
    world.rest(300).await;
}

fn in_the_way(refused: Result<Plan, Vec<Refusal>>) -> Vec<String> {
    refused.expect_err("somebody is in the way").iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn b71_what_others_have_is_listed_and_blocks_a_destroy() {
    let stack = edge(&[]);
    let world = raised(&stack).await;
    guests(&world).await;
    let found = in_the_way(world.plan(&stack, &destroy()).await);
    assert_eq!(found.len(), 5, "{found:#?}");
    assert!(found[1].starts_with("TargetGroupConfiguration default/theirs in cluster edge"), "{found:#?}");
    let gateway =
        "Gateway default/theirs in cluster edge (Helm release default/theirs): load balancer app/k8s-";
    assert!(found[2].starts_with(gateway), "{found:#?}");
    assert!(found[3].starts_with("HTTPRoute default/theirs in cluster edge (made with helm)"), "{found:#?}");
    assert!(
        found[4].starts_with("HTTPRoute web/orders in cluster edge (made with helm): Lattice service svc-"),
        "{found:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn b71_what_others_have_is_deleted_first_if_it_is_included() {
    let fresh = World::new().inventory();
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    guests(&world).await;
    let plan = world.plan_with(&stack, &destroy(), ALL).await.expect("nobody is in the way");
    let theirs = plan.changes.iter().filter(|change| change.address.section() == "foreign");
    let theirs: Vec<&str> = theirs.map(|change| change.address.as_str()).collect();
    assert_eq!(
        theirs,
        [
            "foreign.gateway@edge/default/theirs",
            "foreign.httproute@edge/default/theirs",
            "foreign.httproute@edge/web/orders",
            "foreign.loadbalancerconfiguration@edge/default/theirs",
            "foreign.targetgroupconfiguration@edge/default/theirs",
        ]
    );
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let gone = world.done();
    let place = |address: &str| gone.iter().rposition(|one| one == address).expect("it went");
    for (first, then) in [
        ("foreign.httproute@edge/default/theirs", "foreign.gateway@edge/default/theirs"),
        ("foreign.httproute@edge/web/orders", "gateway.core"),
        ("foreign.gateway@edge/default/theirs", "controller.alb@edge/deployment"),
        ("foreign.gateway@edge/default/theirs", "controller.alb@edge/gateway-class.alb"),
    ] {
        assert!(place(first) < place(then), "{first} went after {then}");
    }
    assert!(world.state().is_empty());
    world.rest(3_700).await;
    assert_eq!(world.inventory(), fresh);
}

/// Nothing of this holds anything in AWS, and all of it goes with its CRDs.
#[tokio::test(start_paused = true)]
async fn b71_what_would_go_with_its_crds_is_listed_too() {
    let fresh = World::new().inventory();
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let class = |name: &str, controller: &str| {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": { "name": name }, "spec": { "controllerName": controller },
        })
    };
    let from = json!([{ "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "a" }]);
    let grant = json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
        "metadata": { "name": "a", "namespace": "default" },
        "spec": { "from": from, "to": [{ "group": "", "kind": "Service" }] },
    });
    for manifest in
        [class("istio", "istio.io/gateway-controller"), class("their-alb", "gateway.k8s.aws/alb"), grant]
    {
        world.somebody_applies(CLUSTER, "kubectl", &manifest).await;
    }
    world.rest(300).await;
    let found = in_the_way(world.plan(&stack, &destroy()).await);
    let wanted = [
        "GatewayClass istio in cluster edge (made with kubectl)",
        "GatewayClass their-alb in cluster edge (made with kubectl)",
        "ReferenceGrant default/a in cluster edge (made with kubectl)",
    ];
    assert_eq!(found, wanted);
    let plan = world.plan_with(&stack, &destroy(), ALL).await.expect("nobody is in the way");
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    world.rest(3_700).await;
    assert_eq!(world.inventory(), fresh);
}

#[tokio::test(start_paused = true)]
async fn b71_what_others_protect_is_named_before_anything_goes() {
    let stack = edge(&[]);
    let world = raised(&stack).await;
    guests(&world).await;
    let attributes = json!([{ "key": "deletion_protection.enabled", "value": "true" }]);
    let config = json!({
        "apiVersion": "gateway.k8s.aws/v1", "kind": "LoadBalancerConfiguration",
        "metadata": { "name": "theirs", "namespace": "default" },
        "spec": { "loadBalancerAttributes": attributes },
    });
    world.somebody_applies(CLUSTER, "terraform", &config).await;
    let found = in_the_way(world.plan_with(&stack, &destroy(), ALL).await);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("foreign.loadbalancerconfiguration@edge/default/theirs"), "{found:#?}");
    assert!(found[0].contains("`deletion_protection.enabled`"), "{found:#?}");
}

#[tokio::test(start_paused = true)]
async fn b71_an_up_that_takes_their_ground_away_is_refused_too_and_any_other_is_not() {
    let world = raised(&edge(&[])).await;
    guests(&world).await;
    let smaller = edge(&[("max = 3", "max = 4")]);
    let plan = world.plan(&smaller, &crate::support::world::up()).await.expect("they are not touched");
    assert_eq!(told(&plan), ["~ cluster.edge/nodes.default"]);
    let core = "[gateways.core]\nclass = \"lattice\"\nservice_network = \"core\"\ncluster = \"edge\"\nnamespace = \"web\"\nlisteners = [{ name = \"http\", protocol = \"HTTP\", port = 80 }]\n[routes.cart]\ngateway = \"core\"\nrules = [{ path = \"/\", backends = [{ service = \"hello\", port = 80 }] }]\n";
    let without = edge(&[(core, "")]);
    let found = in_the_way(world.plan(&without, &crate::support::world::up()).await);
    assert_eq!(found.len(), 1, "only what hangs on it: {found:#?}");
    assert!(found[0].starts_with("HTTPRoute web/orders"), "{found:#?}");
}

#[tokio::test(start_paused = true)]
async fn b71_what_another_stack_made_is_for_that_stack_to_delete() {
    let stack = edge(&[]);
    let world = raised(&stack).await;
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": { "name": "other", "namespace": "default", "annotations": {
            "stack/lineage": "another", "stack/address": "gateway.other",
        } },
        "spec": { "gatewayClassName": "aws-alb-gateway-class", "listeners": [{ "name": "http", "protocol": "HTTP", "port": 80 }] },
    });
    world.somebody_applies(CLUSTER, "stack", &gateway).await;
    world.rest(300).await;
    let refused = world.plan_with(&stack, &destroy(), ALL).await.expect_err("it is in the way");
    assert!(matches!(refused.as_slice(), [Refusal::Guest { anothers: true, .. }]), "{refused:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_killed_run_that_deleted_what_others_have_goes_on() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    guests(&world).await;
    for seconds in [1, 20] {
        let plan = world.plan_with(&stack, &destroy(), ALL).await.expect("nobody is in the way");
        world.carry_out_until(&plan, std::time::Duration::from_secs(seconds)).await;
    }
    let plan = world.plan_with(&stack, &destroy(), ALL).await.expect("nobody is in the way");
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert!(world.state().is_empty(), "{:#?}", world.state().records.keys());
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_takes_nothing_away_does_not_search() {
    let stack = edge(&[]);
    let world = raised(&stack).await;
    guests(&world).await;
    let cloud = world.cloud(stack::cloud::Access::Plan);
    let state = world.state();
    let live = stack::observe::observe_for(
        &cloud,
        world.registry,
        Some(&stack),
        &state,
        &crate::support::world::up(),
    )
    .await;
    assert!(live.guests.is_empty());
    assert!(!cloud.calls().by_operation().keys().any(|call| call.contains("ingresses")));
}
