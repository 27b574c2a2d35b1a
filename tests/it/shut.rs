//! Clusters that let nobody of this stack in, for their own access is not there: never made, or taken away by somebody.

use serde_json::json;
use stack::address::Address;
use stack::change::{Reason, Verb};
use stack::plan::{Intent, Plan, Refusal};

use crate::support::edge::{CLUSTER, GATEWAY_API, destroy, edge, goes, is_there, raised};
use crate::support::world::World;

const ENTRY: &str = "cluster.edge/access.stack";

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

fn up(targets: &[&str]) -> Intent {
    let targets = targets.iter().map(|target| address(target)).collect();
    Intent::Up { targets, replace: Vec::new() }
}

fn unseen(plan: &Plan) -> usize {
    let before = |reason: &Reason| matches!(reason, Reason::Unseen { before } if before.as_str() == ENTRY);
    plan.changes.iter().filter(|change| before(&change.reason)).count()
}

/// Somebody takes away the access of the one who runs this.
fn shut(world: &World) {
    world.lose("us-west-2", "eks/access-entry", |entry| {
        entry["principalArn"].to_string().contains("Engineer")
    });
}

#[tokio::test(start_paused = true)]
async fn an_up_that_ended_before_its_access_was_there_goes_on() {
    let stack = edge(&[]);
    let mut world = World::new();
    let (_, outcome) = world.run(&stack, &up(&["cluster.edge/nodes.default"])).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert!(!world.state().records.contains_key(&address(ENTRY)));
    let (_, outcome) = world.up(&stack).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert_eq!(world.plan(&stack, &up(&[])).await.expect("there is a plan").changes, []);
    goes(&mut world, &stack, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_is_not_taken_over_unseen() {
    let stack = edge(&[]);
    let mut world = World::new();
    let (_, outcome) = world.run(&stack, &up(&["cluster.edge"])).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "web" } });
    world.somebody_applies(CLUSTER, "kubectl", &namespace).await;
    shut(&world);
    let plan = world.plan(&stack, &up(&[])).await.expect("there is a plan");
    let outcome = world.carry_out(&plan).await;
    let told = outcome.failed.iter().map(|(address, error)| format!("{address}: {error}"));
    let told: Vec<String> = told.collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("Namespace/web exists and was not made by this stack"), "{told:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_up_puts_its_access_back_and_compares_then() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    let route = [GATEWAY_API, "HTTPRoute", "web", "web"];
    world.somebody_deletes(CLUSTER, route, false).await;
    world.rest(60).await;
    shut(&world);
    let plan = world.plan(&stack, &up(&[])).await.expect("there is a plan");
    let back = plan.changes.iter().find(|change| change.address.as_str() == ENTRY);
    assert_eq!(back.map(|change| change.verb), Some(Verb::Create));
    assert!(unseen(&plan) > 20, "{:#?}", plan.changes);
    let outcome = world.carry_out(&plan).await;
    let failed: Vec<&str> = outcome.failed.iter().map(|(address, _)| address.as_str()).collect();
    assert_eq!(failed, ["route.web"], "what is gone is made by the next run: {:#?}", outcome.failed);
    let (plan, outcome) = world.up(&stack).await;
    assert!(outcome.is_complete() && plan.changes.len() == 1, "{:#?}", plan.changes);
    assert!(is_there(&world, "HTTPRoute", "web").await);
}

#[tokio::test(start_paused = true)]
async fn what_leaves_the_file_goes_once_the_access_is_back() {
    let stack = edge(&[]);
    let mut world = raised(&stack).await;
    shut(&world);
    let section = "[routes.web]\ngateway = \"web\"\n\
                   rules = [{ path = \"/\", backends = [{ service = \"hello\", port = 80 }] }]\n";
    let (_, outcome) = world.up(&edge(&[(section, "")])).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert!(!is_there(&world, "HTTPRoute", "web").await);
    assert_eq!(unseen(&world.plan(&stack, &up(&[])).await.expect("there is a plan")), 0);
}

#[tokio::test(start_paused = true)]
async fn a_destroy_of_a_part_says_what_to_put_back() {
    let stack = edge(&[]);
    let world = raised(&stack).await;
    shut(&world);
    let intent = Intent::Destroy { targets: vec![address("route.web")] };
    let refused = world.plan(&stack, &intent).await.expect_err("nobody can look");
    let named = |one: &Refusal| matches!(one, Refusal::Shut { entry, .. } if entry.as_str() == ENTRY);
    assert!(refused.iter().all(named), "{refused:#?}");
    world.plan(&stack, &destroy()).await.expect("the whole goes all the same");
}
