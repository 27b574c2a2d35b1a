//! What a plan makes of a change that was tried out: the cloud's word holds, and what nobody could be asked is said.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use stack::address::Address;
use stack::change::{Change, Reason, Verb};
use stack::graph::{Graph, Place, Resource, build};
use stack::live::{Trial, Tried};
use stack::plan::plan;
use stack::value::Value;

use crate::support::boxes::registry;
use crate::support::world::{World, up};

fn boxed(spec: &Json) -> Graph {
    let place = Place { account: None, region: "us-west-2".into() };
    let resource = Resource::new(Address::new("box", "a"), "box", &place, Value::from(spec.clone()));
    build(vec![resource], BTreeMap::new()).expect("no cycle")
}

/// What is fixed by the sort of a thing.
type Fixed = &'static [(&'static str, &'static str, &'static [&'static str])];
const FIXED: Fixed = &[("shape", "round", &["color"])];
const FREE: Fixed = &[("shape", "flat", &["color"])];

async fn planned(tried_with: &str, trial: Option<Trial>) -> Option<Change> {
    planned_of(FIXED, tried_with, trial).await
}

/// The change of a red box that is to be blue, after this came of trying it out with `tried_with`.
async fn planned_of(of_sort: Fixed, tried_with: &str, trial: Option<Trial>) -> Option<Change> {
    let mut world = World::new();
    world.registry = registry();
    world.up(&boxed(&json!({ "shape": "round", "color": "red" }))).await;
    let wanted = boxed(&json!({ "shape": "round", "color": "blue" }));
    let mut live = world.live(Some(&wanted)).await;
    if let Some(trial) = trial {
        let spec = json!({ "shape": "round", "color": tried_with });
        live.tried.insert(Address::new("box", "a"), Tried { spec, trial });
    }
    let mut shapes = world.registry.shapes();
    let shape = shapes.get_mut("box").expect("boxes are known");
    (shape.tries, shape.fixed_where) = (true, of_sort);
    let mut plan = plan(&wanted, &world.state(), &live, &shapes, &up()).expect("there is a plan");
    assert!(plan.changes.len() <= 1);
    plan.changes.pop()
}

fn becomes(color: &str) -> Trial {
    let spec = |color: &str| json!({ "shape": "round", "color": color });
    Trial::Becomes { before: spec("red"), after: spec(color) }
}

#[tokio::test(start_paused = true)]
async fn b42_what_the_cloud_says_makes_no_difference_makes_none() {
    assert_eq!(planned("blue", Some(becomes("red"))).await, None);
    let change = planned("blue", Some(becomes("navy"))).await.expect("it changes");
    assert_eq!((change.verb, change.notes.len()), (Verb::Update, 0), "the cloud does not call it fixed");
    assert_eq!(change.fields[0].after, Some(Value::from("navy")));
}

#[tokio::test(start_paused = true)]
async fn a_field_that_the_cloud_calls_fixed_is_a_replacement() {
    for fixed in ["color", "lid"] {
        let change = planned("blue", Some(Trial::Fixed(vec![fixed.into()]))).await.expect("it changes");
        let reason = Reason::Fixed { fields: vec![fixed.into()] };
        assert_eq!((change.verb, change.reason), (Verb::Replace, reason));
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_could_be_asked_goes_by_what_is_known_of_the_kind() {
    let fixed = Reason::Fixed { fields: vec!["color".into()] };
    let untried = Some(Trial::Untried("nobody is at home".into()));
    for change in [planned("blue", None).await, planned("blue", untried).await] {
        assert_eq!(change.expect("it changes").reason, fixed);
    }
    let untried = Some(Trial::Untried("nobody is at home".into()));
    let change = planned_of(FREE, "blue", untried).await.expect("it changes");
    assert_eq!(
        (change.verb, change.notes),
        (Verb::Update, vec!["compared without a dry run: nobody is at home".into()])
    );
    // What was tried was something else.
    let change = planned("green", Some(becomes("red"))).await.expect("it changes");
    assert_eq!(change.reason, fixed);
}
