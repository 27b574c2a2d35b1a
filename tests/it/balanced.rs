//! Ingresses and load-balancer Services, when the stack goes: those of its `[manifests]` go before their controller and
//! take their load balancers with them; those of others are named, or deleted first if that is wanted.

use serde_json::{Value as Json, json};
use stack::change::Verb;
use stack::cloud::Access;
use stack::graph::{Graph, Place};
use stack::live::Child;
use stack::plan::{Intent, Leave, Plan, Refusal};
use stack::sandbox::world::Key;

use crate::support::edge::{BALANCER, CLUSTER, destroy, edge, edge_with, goes, raised, repaired};
use crate::support::world::{World, up};

const INCLUDED: Leave = Leave { include_foreign: true, no_repair: false, force_finalizers: false };
const FORCED: Leave = Leave { include_foreign: true, no_repair: true, force_finalizers: true };

/// An Ingress and a Service with load balancers, of the stack.
const BOTH: &str = "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: front
  annotations: { alb.ingress.kubernetes.io/target-type: ip }
spec:
  ingressClassName: alb
  rules:
    - http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: hello, port: { number: 80 } } } }] }
---
apiVersion: v1
kind: Service
metadata:
  name: tcp
spec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  selector: { app: hello }
  ports:
    - { port: 9000, targetPort: 8080 }
";

const FRONT: &str = "manifest.hello/Ingress.front";
const TCP: &str = "manifest.hello/Service.tcp";

fn ingress(name: &str, notes: &[(&str, &str)]) -> Json {
    let mut all =
        json!({ "alb.ingress.kubernetes.io/target-type": "ip", "meta.helm.sh/release-name": "theirs" });
    for (key, value) in notes {
        all[format!("alb.ingress.kubernetes.io/{key}")] = json!(value);
    }
    let backend = json!({ "service": { "name": "hello", "port": { "number": 80 } } });
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": { "name": name, "namespace": "web", "annotations": all },
        "spec": { "ingressClassName": "alb", "defaultBackend": backend },
    })
}

fn service(name: &str, namespace: &str) -> Json {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": name, "namespace": namespace, "annotations": {
            "service.beta.kubernetes.io/aws-load-balancer-type": "external",
            "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "instance",
        } },
        "spec": { "type": "LoadBalancer", "selector": { "app": "a" }, "ports": [{ "port": 443 }] },
    })
}

/// What others have there.
async fn strangers(world: &World, all: &[Json]) {
    for object in all {
        world.somebody_applies(CLUSTER, "helm", object).await;
    }
    world.rest(300).await;
}

fn count(world: &World, table: &str) -> usize {
    world.sandbox.world().all().filter(|(key, _)| key.table == table).count()
}

fn made(world: &World, address: &str) -> Vec<Child> {
    let state = world.state();
    let (_, record) = state.records.iter().find(|(one, _)| one.as_str() == address).expect("it is recorded");
    record.current.as_ref().expect("it is there").made.clone()
}

fn sorts(made: &[Child]) -> Vec<&str> {
    made.iter().map(|child| child.sort.as_str()).collect()
}

fn notes(plan: &Plan, address: &str) -> Vec<String> {
    let change = plan.changes.iter().rfind(|change| change.address.as_str() == address);
    change.unwrap_or_else(|| panic!("{address} goes")).notes.clone()
}

fn refusals(refused: Result<Plan, Vec<Refusal>>) -> Vec<String> {
    refused.expect_err("something is in the way").iter().map(ToString::to_string).collect()
}

/// Destroys it all with leave to do more, and sees that nothing is left.
async fn goes_with(world: &mut World, stack: &Graph, leave: Leave) {
    let plan = world.plan_with(stack, &destroy(), leave).await.expect("there is a plan");
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert!(world.state().is_empty(), "{:#?}", world.state().records.keys());
    world.rest(3_700).await;
    assert_eq!(world.inventory(), World::new().inventory());
}

#[tokio::test(start_paused = true)]
async fn those_of_the_stack_are_waited_for_recorded_and_go_before_their_controller() {
    let stack = edge_with(&[], BOTH);
    let mut world = raised(&stack).await;
    assert_eq!(count(&world, "elb/load-balancer"), 3, "each has its own when it is done");
    assert_eq!(sorts(&made(&world, FRONT)), ["ALB", "target group", "security group"]);
    assert_eq!(sorts(&made(&world, TCP)), ["NLB", "target group", "security group"]);
    assert!(world.plan(&stack, &up()).await.expect("there is a plan").is_empty());
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    assert_eq!(notes(&plan, FRONT), ["deletes 1 ALB, 1 target group, 1 security group with it"]);
    assert_eq!(notes(&plan, TCP), ["deletes 1 NLB, 1 target group, 1 security group with it"]);
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let gone = world.done();
    let place = |address: &str| gone.iter().rposition(|one| one == address).expect("it went");
    for address in [FRONT, TCP] {
        assert!(place(address) < place("controller.alb@edge/deployment"), "{address}: {gone:#?}");
    }
    world.rest(3_700).await;
    assert_eq!(world.inventory(), World::new().inventory());
}

/// A target group whose tags somebody took away is not found by them any more, and yet it is waited for.
#[tokio::test(start_paused = true)]
async fn what_is_recorded_is_waited_for_whatever_became_of_its_tags() {
    let stack = edge_with(&[], BOTH);
    let mut world = raised(&stack).await;
    let arn = made(&world, TCP)[1].id.clone();
    let key = {
        let world = world.sandbox.world();
        world.all().find(|(key, _)| key.id == arn).map(|(key, _)| key.clone()).expect("it is there")
    };
    world.sandbox.world().change(&key, |doc| doc["_tags"] = json!([]));
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    let asked = tokio::time::timeout(std::time::Duration::from_secs(400), world.carry_out(&plan)).await;
    let waits = format!("target group {arn}");
    let told = world.events.iter().any(|event| {
        matches!(event, stack::execute::event::Event::StepWaited { address, what, .. }
            if address.as_str() == TCP && what.contains(&waits))
    });
    assert!(told, "{asked:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_controller_is_put_back_for_them() {
    let stack = edge_with(&[], BOTH);
    let mut world = raised(&stack).await;
    world.somebody_deletes(CLUSTER, BALANCER, false).await;
    world.somebody_deletes(CLUSTER, ["networking.k8s.io/v1", "Ingress", "web", "front"], false).await;
    world.somebody_deletes(CLUSTER, ["v1", "Service", "web", "tcp"], false).await;
    world.rest(3_600).await;
    assert_eq!(count(&world, "elb/load-balancer"), 3, "nobody takes them away");
    goes(&mut world, &stack, &["controller.alb@edge/deployment"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_no_controller_lets_go_is_forced_by_its_tags() {
    let stack = edge_with(&[], BOTH);
    let mut world = raised(&stack).await;
    strangers(&world, &[ingress("theirs", &[]), ingress("more", &[("group.name", "group")])]).await;
    strangers(&world, &[service("theirs", "default")]).await;
    world.somebody_deletes(CLUSTER, BALANCER, false).await;
    let plan = world.plan_with(&stack, &destroy(), FORCED).await.expect("nothing is put back");
    assert_eq!(repaired(&plan), [""; 0]);
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let forced: Vec<&str> = outcome.forced.iter().map(|(address, _)| address.as_str()).collect();
    let theirs = ["foreign.ingress@edge/web/theirs", "foreign.ingress@edge/web/more"];
    for address in [FRONT, TCP, theirs[0], theirs[1], "foreign.service@edge/default/theirs"] {
        assert!(forced.contains(&address), "{address}: {forced:?}");
    }
    world.rest(3_700).await;
    assert_eq!(world.inventory(), World::new().inventory());
}

#[tokio::test(start_paused = true)]
async fn protection_is_lifted_first_where_it_is_ours_and_named_where_it_is_not() {
    let protected = BOTH.replace(
        "alb.ingress.kubernetes.io/target-type: ip",
        "alb.ingress.kubernetes.io/target-type: ip, alb.ingress.kubernetes.io/load-balancer-attributes: deletion_protection.enabled=true",
    );
    let stack = edge_with(&[], &protected);
    let mut world = raised(&stack).await;
    strangers(
        &world,
        &[ingress("theirs", &[("load-balancer-attributes", "deletion_protection.enabled=true")])],
    )
    .await;
    let told = refusals(world.plan_with(&stack, &destroy(), INCLUDED).await);
    let wanted = "foreign.ingress@edge/web/theirs: object of others cannot be deleted: it keeps load balancers from being deleted: take `deletion_protection.enabled` out of it";
    assert_eq!(told, [wanted]);
    strangers(&world, &[ingress("theirs", &[("load-balancer-attributes", "a=b")])]).await;
    goes_with(&mut world, &stack, INCLUDED).await;
}

#[tokio::test(start_paused = true)]
async fn b71_those_of_others_are_listed_and_block_a_destroy() {
    let stack = edge(&[]);
    let world = raised(&stack).await;
    strangers(&world, &[ingress("theirs", &[]), service("theirs", "default")]).await;
    let found = refusals(world.plan(&stack, &destroy()).await);
    assert_eq!(found.len(), 2, "{found:#?}");
    let start = [
        "Ingress web/theirs in cluster edge (Helm release web/theirs): load balancer internal-k8s-web-theirs-",
        "Service default/theirs in cluster edge (made with helm): load balancer k8s-default-theirs-",
    ];
    for start in start {
        assert!(found.iter().any(|one| one.starts_with(start)), "{start}: {found:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn b71_those_of_others_go_first_with_their_load_balancers_if_they_are_included() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let all = [
        ingress("theirs", &[]),
        ingress("one", &[("group.name", "group")]),
        ingress("two", &[("group.name", "group")]),
        service("theirs", "default"),
    ];
    strangers(&world, &all).await;
    assert_eq!(count(&world, "elb/load-balancer"), 4);
    goes_with(&mut world, &stack, INCLUDED).await;
    let gone = world.done();
    let place = |address: &str| gone.iter().rposition(|one| one == address).expect("it went");
    for name in ["ingress@edge/web/one", "ingress@edge/web/theirs", "service@edge/default/theirs"] {
        assert!(place(&format!("foreign.{name}")) < place("controller.alb@edge/deployment"), "{name}");
    }
}

/// The controller does not see its cluster any more: its load balancers go by their tags.
#[tokio::test(start_paused = true)]
async fn what_a_lost_cluster_left_is_swept() {
    let stack = edge_with(&[], BOTH);
    let mut world = raised(&stack).await;
    let eks = world.cloud(Access::Write).clients(&Place { account: None, region: "us-west-2".into() }).eks;
    eks.delete_nodegroup().cluster_name(CLUSTER).nodegroup_name("default").send().await.expect("it is asked");
    world.rest(1_200).await;
    eks.delete_cluster().name(CLUSTER).send().await.expect("it is asked");
    world.rest(1_200).await;
    assert_eq!(count(&world, "elb/load-balancer"), 3, "they leak");
    let plan = world.plan(&stack, &destroy()).await.expect("there is a plan");
    for address in [FRONT, TCP] {
        let step = plan.steps.iter().find(|step| step.address.as_str() == address).expect("it is swept");
        assert!(step.sweeps, "{address}");
    }
    goes(&mut world, &stack, &[]).await;
}

const GROUP: &str = "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: NAME
  annotations: { alb.ingress.kubernetes.io/target-type: ip, alb.ingress.kubernetes.io/group.name: both }
spec:
  ingressClassName: alb
  defaultBackend: { service: { name: hello, port: { number: 80 } } }
";

#[tokio::test(start_paused = true)]
async fn a_shared_load_balancer_stays_until_the_last_of_its_group_goes() {
    let one = GROUP.replace("NAME", "one");
    // The second takes no traffic of its own: two default backends would be a mistake.
    let two = GROUP.replace("NAME", "two").replace(
        "  defaultBackend: { service: { name: hello, port: { number: 80 } } }",
        "  rules: [{ host: two.example.com, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: hello, port: { number: 80 } } } }] } }]",
    );
    let both = edge_with(&[], &format!("{one}---\n{two}"));
    let mut world = raised(&both).await;
    let [one_at, two_at] = ["one", "two"].map(|name| format!("manifest.hello/Ingress.{name}"));
    assert_eq!(count(&world, "elb/load-balancer"), 2);
    assert_eq!(sorts(&made(&world, &one_at)), ["target group", "shared ALB", "shared security group"]);
    // All of them: it is told once.
    let plan = world.plan(&both, &destroy()).await.expect("there is a plan");
    assert_eq!(notes(&plan, &one_at), ["deletes 1 target group, 1 ALB, 1 security group with it"]);
    assert_eq!(notes(&plan, &two_at), ["deletes 1 target group with it"]);
    // One of them: the load balancer stays for the other.
    let rest = edge_with(&[], &one);
    let plan = world.plan(&rest, &up()).await.expect("there is a plan");
    assert_eq!(notes(&plan, &two_at), ["deletes 1 target group with it"]);
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert_eq!(count(&world, "elb/load-balancer"), 2);
    goes(&mut world, &rest, &[]).await;
}

/// Where another stack has an Ingress in the group, the load balancer is not told as going.
#[tokio::test(start_paused = true)]
async fn a_load_balancer_that_others_share_is_not_told_as_going() {
    let stack = edge_with(&[], &GROUP.replace("NAME", "one"));
    let mut world = raised(&stack).await;
    let mut theirs = ingress("theirs", &[("group.name", "both")]);
    theirs["spec"] = json!({ "ingressClassName": "alb", "rules": [{ "host": "a.example.com" }] });
    strangers(&world, &[theirs]).await;
    let without = edge(&[]);
    let intent = Intent::Up { targets: Vec::new(), replace: Vec::new() };
    let plan = world.plan(&without, &intent).await.expect("their ground stays");
    assert_eq!(notes(&plan, "manifest.hello/Ingress.one"), ["deletes 1 target group with it"]);
    assert!(plan.changes.iter().all(|change| change.verb == Verb::Delete));
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert_eq!(count(&world, "elb/load-balancer"), 2, "it stays for them");
    goes_with(&mut world, &without, INCLUDED).await;
}

/// What a controller cannot make is told while it is waited for.
#[tokio::test(start_paused = true)]
async fn an_ingress_without_its_load_balancer_says_why() {
    let wrong = BOTH.replace("alb.ingress.kubernetes.io/target-type: ip", "a: b");
    let stack = edge_with(&[], &wrong);
    let mut world = World::new();
    let (_, outcome) = world.up(&stack).await;
    let (_, error) = outcome.failed.iter().find(|(address, _)| address.as_str() == FRONT).expect("it failed");
    let told = "it has no load balancer: Failed build model due to TargetGroup port is empty. When using Instance targets";
    assert!(error.message.contains(told), "{error}");
    let key = |key: &Key| key.table == "elb/load-balancer";
    assert_eq!(world.sandbox.world().all().filter(|(one, _)| key(one)).count(), 2, "the others are there");
    goes(&mut world, &stack, &[]).await;
}
