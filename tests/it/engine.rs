//! The engine on values: plan, up, change, destroy, with nothing but the state behind them.

use std::collections::BTreeMap;

use serde_json::json;
use stack::address::Address;
use stack::graph::{Graph, Place, Resource, build};
use stack::value::Value;

use crate::support::world::{World, told};

fn place() -> Place {
    Place { account: None, region: "us-west-2".into() }
}

fn value(name: &str, input: Value) -> Resource {
    Resource::new(Address::new("value", name), "value", &place(), Value::map([("input", input)]))
}

fn chain(first: &str) -> Graph {
    let a = value("a", first.into());
    let b = value("b", Value::reference(&Address::new("value", "a"), "value"));
    let outputs =
        BTreeMap::from([("last".to_owned(), Value::reference(&Address::new("value", "b"), "value"))]);
    build(vec![b, a], outputs).expect("a chain has no cycle")
}

#[tokio::test(start_paused = true)]
async fn b14_the_plan_after_an_apply_is_empty() {
    let mut world = World::new();
    let (plan, outcome) = world.up(&chain("1")).await;
    assert_eq!(told(&plan), ["+ value.a", "+ value.b"]);
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(world.state().outputs, BTreeMap::from([("last".to_owned(), json!("1"))]));
    let (again, _) = world.up(&chain("1")).await;
    assert_eq!(told(&again), Vec::<String>::new());
    assert_eq!(again.unchanged, 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_flows_to_who_refers_to_it() {
    let mut world = World::new();
    world.up(&chain("1")).await;
    let (plan, _) = world.up(&chain("2")).await;
    assert_eq!(told(&plan), ["~ value.a", "~ value.b"]);
    assert_eq!(world.state().outputs["last"], json!("2"));
}

#[tokio::test(start_paused = true)]
async fn b05_b06_destroy_goes_the_other_way_from_the_edges_of_the_state() {
    let mut world = World::new();
    world.up(&chain("1")).await;
    let (plan, outcome) = world.destroy(&Graph::default()).await;
    assert!(outcome.is_complete());
    let order: Vec<&str> = plan.steps.iter().map(|step| step.address.as_str()).collect();
    assert_eq!(order, ["value.b", "value.a"]);
    assert!(world.state().is_empty());
}
