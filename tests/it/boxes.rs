//! The behaviours of a trustworthy engine, on boxes: order, failure, replacement, recovery.

use std::collections::BTreeMap;

use serde_json::json;
use stack::address::Address;
use stack::cloud::ErrorSort;
use stack::execute::event::Event;
use stack::graph::{Graph, Place, Resource, build};
use stack::kind::Ownership;
use stack::plan::{Intent, Refusal};
use stack::value::Value;

use crate::support::boxes::{registry, shelf};
use crate::support::world::{World, told, up};

fn world() -> World {
    let mut world = World::new();
    world.registry = registry();
    world
}

fn at(name: &str) -> Address {
    Address::new("box", name)
}

fn boxed(name: &str, shape: &str, color: &str) -> Resource {
    let place = Place { account: None, region: "us-west-2".into() };
    Resource::new(at(name), "box", &place, Value::from(json!({"shape": shape, "color": color})))
}

/// A box that takes the id of another.
fn from(resource: Resource, other: &str) -> Resource {
    let Value::Map(mut spec) = resource.spec.clone() else { panic!("a spec is a map") };
    spec.insert("from".into(), Value::reference(&at(other), "id"));
    Resource { spec: Value::Map(spec), ..resource }
}

fn graph(resources: Vec<Resource>) -> Graph {
    build(resources, BTreeMap::new()).expect("no cycle")
}

fn log() -> Vec<String> {
    shelf(|shelf| std::mem::take(&mut shelf.log))
}

fn fail(what: &str, sort: ErrorSort, happens: bool) {
    shelf(|shelf| shelf.fails.insert(what.into(), (sort, happens)));
}

fn heal() {
    shelf(|shelf| shelf.fails.clear());
}

#[tokio::test(start_paused = true)]
async fn b01_a_create_that_failed_after_the_object_exists_is_finished_by_the_next_run() {
    let mut world = world();
    fail("update box.a", ErrorSort::Invalid, false);
    let (_, outcome) = world.up(&graph(vec![boxed("a", "round", "red")])).await;
    assert_eq!(outcome.failed.len(), 1);
    assert!(!world.state().records[&at("a")].current.as_ref().expect("kept").finished);
    heal();
    log();
    let (plan, outcome) = world.up(&graph(vec![boxed("a", "round", "red")])).await;
    assert_eq!(told(&plan), ["~ box.a"]);
    assert!(outcome.is_complete());
    assert_eq!(log(), ["update box.a"]);
}

#[tokio::test(start_paused = true)]
async fn b02_b03_a_failure_leaves_nothing_and_skips_only_its_dependants() {
    let mut world = world();
    fail("create box.a", ErrorSort::Invalid, false);
    let stack = graph(vec![
        boxed("a", "round", "red"),
        from(boxed("b", "round", "red"), "a"),
        boxed("c", "round", "red"),
    ]);
    let (_, outcome) = world.up(&stack).await;
    assert_eq!(outcome.skipped, [at("b")]);
    let because = world.events.iter().find_map(|event| match event {
        Event::StepSkipped { address, because, .. } if *address == at("b") => because.clone(),
        _ => None,
    });
    assert_eq!(because, Some(at("a")));
    assert_eq!(world.state().records.keys().collect::<Vec<_>>(), [&at("c")]);
}

#[tokio::test(start_paused = true)]
async fn b04_a_failed_delete_keeps_the_object_with_its_dependencies() {
    let mut world = world();
    let stack = graph(vec![boxed("a", "round", "red"), from(boxed("b", "round", "red"), "a")]);
    world.up(&stack).await;
    fail("delete box.b", ErrorSort::Invalid, false);
    let (_, outcome) = world.destroy(&stack).await;
    assert_eq!((outcome.failed.len(), outcome.skipped), (1, vec![at("a")]));
    assert_eq!(world.state().records[&at("b")].edges[0].to, at("a"));
    heal();
    let (_, outcome) = world.destroy(&stack).await;
    assert!(outcome.is_complete() && world.state().is_empty());
}

#[tokio::test(start_paused = true)]
async fn b07_destroy_order_holds_across_what_only_changes_in_between() {
    let mut world = world();
    let chain = |color: &str| {
        let (b, c) = (boxed("b", "round", color), boxed("c", "round", "red"));
        graph(vec![boxed("a", "round", "red"), from(b, "a"), from(c, "b")])
    };
    world.up(&chain("red")).await;
    log();
    // `a` and `c` leave the file while `b` stays and changes.
    let mut rest = boxed("b", "round", "blue");
    rest.edges.clear();
    let (plan, outcome) = world.up(&graph(vec![rest])).await;
    assert_eq!(told(&plan), ["- box.a", "~ box.b", "- box.c"]);
    assert!(outcome.is_complete());
    let log = log();
    let place = |what: &str| log.iter().position(|line| line == what).expect("it happened");
    assert!(place("delete box.c") < place("update box.b"), "b08: {log:?}");
}

#[tokio::test(start_paused = true)]
async fn b09_replacing_both_ends_of_an_edge_goes_down_and_up_again() {
    let mut world = world();
    let stack = |shape: &str| {
        let inner = boxed("b", shape, "red").inside(&at("a"));
        graph(vec![boxed("a", shape, "red"), from(inner, "a")])
    };
    world.up(&stack("round")).await;
    log();
    let (plan, _) = world.up(&stack("square")).await;
    assert_eq!(told(&plan), ["-/+ box.a", "-/+ box.b"]);
    let creates_and_deletes: Vec<String> =
        log().into_iter().filter(|line| !line.starts_with("update")).collect();
    assert_eq!(creates_and_deletes, ["delete box.b", "delete box.a", "create box.a", "create box.b"]);
}

#[tokio::test(start_paused = true)]
async fn replacing_the_outer_takes_the_inner_down_first_though_it_did_not_change() {
    let mut world = world();
    let stack =
        |shape: &str| graph(vec![boxed("a", shape, "red"), boxed("b", "round", "red").inside(&at("a"))]);
    world.up(&stack("round")).await;
    let (plan, _) = world.up(&stack("square")).await;
    assert_eq!(told(&plan), ["-/+ box.a", "-/+ box.b"]);
    assert_eq!(plan.changes[1].reason.to_string(), "lives in box.a, which goes");
}

fn crated(shape: &str) -> Graph {
    let mut old = boxed("a", shape, "red");
    old.kind = "crate";
    graph(vec![old, from(boxed("b", "round", "red"), "a")])
}

#[tokio::test(start_paused = true)]
async fn create_first_turns_users_to_the_new_one_before_the_old_one_goes() {
    let mut world = world();
    world.up(&crated("round")).await;
    log();
    let (plan, outcome) = world.up(&crated("square")).await;
    assert_eq!(told(&plan), ["+/- box.a", "~ box.b"]);
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(log(), ["create box.a", "update box.a", "update box.b", "delete box.a"]);
    assert_eq!(shelf(|shelf| shelf.boxes.len()), 2);
}

#[tokio::test(start_paused = true)]
async fn create_first_gives_way_where_what_it_needs_must_go_first() {
    let mut world = world();
    let chain = |shape: &str| {
        let crated = |name: &str| {
            let mut one = boxed(name, shape, "red");
            one.kind = "crate";
            one
        };
        let (middle, last) = (from(boxed("b", shape, "red"), "a"), from(crated("c"), "b"));
        graph(vec![crated("a"), middle, last, from(boxed("d", "round", "red"), "c")])
    };
    world.up(&chain("round")).await;
    log();
    let (plan, outcome) = world.up(&chain("square")).await;
    assert_eq!(told(&plan), ["+/- box.a", "-/+ box.b", "-/+ box.c", "~ box.d"]);
    assert!(outcome.is_complete(), "{outcome:?}");
    let log = log();
    let place = |what: &str| log.iter().position(|line| line == what).expect("it happened");
    assert!(place("update box.d") < place("delete box.a"), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn create_first_beside_an_update_of_what_it_needs() {
    let mut world = world();
    let stack = |shape: &str, color: &str| {
        let mut user = boxed("b", shape, "red");
        user.kind = "crate";
        graph(vec![boxed("a", "round", color), from(user, "a")])
    };
    world.up(&stack("round", "red")).await;
    let (plan, outcome) = world.up(&stack("square", "blue")).await;
    assert_eq!(told(&plan), ["~ box.a", "+/- box.b"]);
    assert!(outcome.is_complete(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn b10_b11_an_old_one_that_cannot_be_deleted_is_remembered_and_removed_later() {
    let mut world = world();
    world.up(&crated("round")).await;
    fail("delete box.a", ErrorSort::Invalid, false);
    world.up(&crated("square")).await;
    world.up(&crated("oval")).await;
    assert_eq!(world.state().records[&at("a")].deposed.len(), 2);
    heal();
    let (plan, outcome) = world.up(&crated("oval")).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(told(&plan), ["- box.a", "- box.a"]);
    assert_eq!(shelf(|shelf| shelf.boxes.len()), 2);
    assert!(world.state().records[&at("a")].deposed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn b13_a_kind_that_does_not_do_as_it_says_is_named() {
    let mut world = world();
    shelf(|shelf| shelf.deaf = true);
    let (_, outcome) = world.up(&graph(vec![boxed("a", "round", "red")])).await;
    let error = outcome.failed[0].1.to_string();
    assert!(error.contains("kind box") && error.contains("color"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn b17_what_was_deleted_outside_is_made_again() {
    let mut world = world();
    let stack = graph(vec![boxed("a", "round", "red")]);
    world.up(&stack).await;
    shelf(|shelf| shelf.boxes.clear());
    let drift = stack::drift::drift(
        &world.state(),
        &world.live(None).await,
        &registry().shapes(),
        &Default::default(),
    );
    assert_eq!(drift.drifted[&at("a")].how, stack::drift::How::Gone);
    let (plan, outcome) = world.up(&stack).await;
    assert_eq!(told(&plan), ["+ box.a"]);
    assert_eq!(plan.changes[0].reason.to_string(), "was deleted outside of stack");
    assert!(outcome.is_complete());
}

#[tokio::test(start_paused = true)]
async fn b18_what_left_the_file_and_is_gone_already_is_forgotten() {
    let mut world = world();
    world.up(&graph(vec![boxed("a", "round", "red")])).await;
    shelf(|shelf| shelf.boxes.clear());
    log();
    let (plan, outcome) = world.up(&graph(vec![])).await;
    assert_eq!(told(&plan), ["x box.a"]);
    assert!(outcome.is_complete() && world.state().is_empty());
    assert_eq!(log(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn b21_what_is_protected_is_neither_deleted_nor_replaced() {
    let mut world = world();
    let protected = |shape: &str| {
        let mut resource = boxed("a", shape, "red");
        resource.lifecycle.prevent_destroy = true;
        graph(vec![resource])
    };
    world.up(&protected("round")).await;
    assert!(world.plan(&protected("round"), &up()).await.is_ok());
    let replace = world.plan(&protected("square"), &up()).await;
    assert_eq!(replace, Err(vec![Refusal::Protected { address: at("a"), verb: "replace" }]));
    let destroy = world.plan(&protected("round"), &Intent::Destroy { targets: Vec::new() }).await;
    assert_eq!(destroy, Err(vec![Refusal::Protected { address: at("a"), verb: "delete" }]));
}

#[tokio::test(start_paused = true)]
async fn b22_ignored_fields_make_no_difference_and_are_left_alone() {
    let mut world = world();
    let ignoring = |color: &str| {
        let mut resource = boxed("a", "round", color);
        resource.lifecycle.ignore_changes = vec!["color".into()];
        graph(vec![resource])
    };
    world.up(&ignoring("red")).await;
    let (plan, _) = world.up(&ignoring("blue")).await;
    assert_eq!(told(&plan), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn b23_a_target_brings_what_it_needs_and_nothing_else() {
    let mut world = world();
    let stack = graph(vec![
        boxed("a", "round", "red"),
        from(boxed("b", "round", "red"), "a"),
        boxed("c", "round", "red"),
    ]);
    let target = Intent::Up { targets: vec![at("b")], replace: Vec::new() };
    let (plan, _) = world.run(&stack, &target).await;
    assert_eq!(told(&plan), ["+ box.a", "+ box.b"]);
    world.up(&stack).await;
    let (plan, _) = world.run(&stack, &Intent::Destroy { targets: vec![at("a")] }).await;
    assert_eq!(told(&plan), ["- box.a", "- box.b"]);
    let unknown = world.plan(&stack, &Intent::Destroy { targets: vec![at("x")] }).await;
    assert_eq!(unknown, Err(vec![Refusal::Unknown(at("x"))]));
}

#[tokio::test(start_paused = true)]
async fn b23_what_is_no_target_is_byte_for_byte_as_before() {
    let mut world = world();
    let stack = |color: &str| {
        graph(vec![
            boxed("a", "round", color),
            from(boxed("b", "round", color), "a"),
            from(boxed("c", "round", color), "b"),
            boxed("d", "round", color),
        ])
    };
    world.up(&stack("red")).await;
    let bytes =
        |world: &World, name: &str| serde_json::to_vec(&world.state().records[&at(name)]).expect("JSON");
    let before = ["a", "c", "d"].map(|name| bytes(&world, name));
    let target = Intent::Up { targets: vec![at("b")], replace: Vec::new() };
    let (plan, outcome) = world.run(&stack("blue"), &target).await;
    assert_eq!(told(&plan), ["~ box.a", "~ box.b"]);
    assert!(outcome.is_complete());
    let after = ["a", "c", "d"].map(|name| bytes(&world, name));
    assert_ne!(after[0], before[0]);
    assert_eq!(after[1..], before[1..]);
    let (_, outcome) = world.run(&stack("blue"), &Intent::Destroy { targets: vec![at("c")] }).await;
    assert!(outcome.is_complete());
    assert_eq!(["a", "d"].map(|name| bytes(&world, name)), [after[0].clone(), after[2].clone()]);
}

#[tokio::test(start_paused = true)]
async fn b23_what_lives_in_a_target_that_is_replaced_or_goes_comes_along() {
    let mut world = world();
    let stack = |shape: &str| {
        graph(vec![
            boxed("outer", shape, "red"),
            boxed("inner", "round", "red").inside(&at("outer")),
            boxed("innermost", "round", "red").inside(&at("inner")).uses(&at("helper")),
            boxed("helper", "round", "red"),
            boxed("other", shape, "red"),
        ])
    };
    world.up(&stack("round")).await;
    let target = |name: &str, replace| Intent::Up { targets: vec![at(name)], replace };
    let plan = world.plan(&stack("square"), &target("outer", Vec::new())).await.expect("a plan");
    assert_eq!(told(&plan), ["-/+ box.inner", "-/+ box.innermost", "-/+ box.outer"]);
    let plan = world.plan(&stack("round"), &target("inner", vec![at("inner")])).await.expect("a plan");
    assert_eq!(told(&plan), ["-/+ box.inner", "-/+ box.innermost"]);
    let refused = world.plan(&stack("round"), &target("inner", vec![at("other")])).await;
    assert_eq!(refused, Err(vec![Refusal::OutOfScope(at("other"))]));
    let rest = graph(vec![boxed("helper", "round", "red"), boxed("other", "round", "red")]);
    let plan = world.plan(&rest, &target("outer", Vec::new())).await.expect("a plan");
    assert_eq!(told(&plan), ["- box.inner", "- box.innermost", "- box.outer"]);
}

#[tokio::test(start_paused = true)]
async fn b19_the_tags_of_what_is_moved_follow_also_after_a_run_that_was_stopped() {
    let mut world = world();
    world.up(&graph(vec![boxed("a", "round", "red")])).await;
    let moved = || {
        let mut moved = graph(vec![boxed("b", "round", "red")]);
        moved.moved.insert(at("a"), at("b"));
        moved
    };
    log();
    fail("update box.b", ErrorSort::Invalid, false);
    let (plan, outcome) = world.up(&moved()).await;
    assert_eq!((told(&plan), plan.moved.len(), outcome.failed.len()), (Vec::new(), 1, 1));
    heal();
    let (plan, outcome) = world.up(&moved()).await;
    assert!(plan.moved.is_empty() && outcome.is_complete(), "{outcome:?}");
    let owners: Vec<Ownership> =
        shelf(|shelf| shelf.boxes.values().map(|(_, owner)| owner.clone()).collect());
    assert_eq!(owners, [Ownership::Tagged { lineage: "lineage".into(), address: "box.b".into() }]);
    assert_eq!(log(), ["update box.b", "update box.b"]);
    assert!(world.plan(&moved(), &up()).await.expect("a plan").is_empty());
}

#[tokio::test(start_paused = true)]
async fn b32_a_create_whose_answer_was_lost_is_found_and_not_repeated() {
    let mut world = world();
    let stack = graph(vec![boxed("a", "round", "red")]);
    fail("create box.a", ErrorSort::Unreachable, true);
    let (_, outcome) = world.up(&stack).await;
    assert_eq!(outcome.failed.len(), 1);
    assert!(world.state().records[&at("a")].open.is_some());
    heal();
    log();
    let (_, outcome) = world.up(&stack).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(log(), ["update box.a"]);
    assert_eq!(shelf(|shelf| shelf.boxes.len()), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_that_was_never_done_is_done_after_the_settle_time() {
    let mut world = world();
    let stack = graph(vec![boxed("a", "round", "red")]);
    fail("create box.a", ErrorSort::Unreachable, false);
    world.up(&stack).await;
    heal();
    let (_, outcome) = world.up(&stack).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert!(outcome.took.as_secs() >= 55, "it waited only {:?}", outcome.took);
    assert_eq!(shelf(|shelf| shelf.boxes.len()), 1);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_is_never_deleted() {
    let mut world = world();
    let stack = graph(vec![boxed("a", "round", "red")]);
    world.up(&stack).await;
    shelf(|shelf| {
        for (_, owner) in shelf.boxes.values_mut() {
            *owner = Ownership::Tagged { lineage: "another".into(), address: "box.a".into() };
        }
    });
    let plan = world.plan(&stack, &up()).await;
    assert!(matches!(plan, Err(refusals) if matches!(refusals[0], Refusal::Foreign { .. })));
    world.destroy(&stack).await;
    assert_eq!(shelf(|shelf| shelf.boxes.len()), 1);
}

#[tokio::test(start_paused = true)]
async fn b27_an_interrupted_run_abandons_waits_and_the_next_one_goes_on() {
    let mut world = world();
    let stack = graph(vec![boxed("a", "round", "red"), from(boxed("b", "round", "red"), "a")]);
    fail("update box.a", ErrorSort::NotYet, false);
    let plan = world.plan(&stack, &up()).await.expect("there is a plan");
    let outcome = world.carry_out_until(&plan, std::time::Duration::from_secs(20)).await;
    assert!(outcome.interrupted && outcome.failed.is_empty(), "{outcome:?}");
    assert_eq!(outcome.took.as_secs(), 20);
    assert!(world.state().records[&at("a")].open.is_some());
    heal();
    log();
    let (_, outcome) = world.up(&stack).await;
    assert!(outcome.is_complete());
    assert_eq!(log(), ["update box.a", "create box.b", "update box.b"]);
}

#[tokio::test(start_paused = true)]
async fn b33_what_was_just_made_and_is_not_seen_yet_is_not_made_again() {
    let mut world = world();
    let stack = graph(vec![boxed("a", "round", "red")]);
    fail("update box.a", ErrorSort::NotYet, false);
    let plan = world.plan(&stack, &up()).await.expect("there is a plan");
    world.carry_out_until(&plan, std::time::Duration::from_secs(5)).await;
    heal();
    log();
    let hidden = shelf(|shelf| std::mem::take(&mut shelf.boxes));
    let plan = world.plan(&stack, &up()).await.expect("there is a plan");
    assert_eq!(told(&plan), ["~ box.a"]);
    shelf(|shelf| shelf.boxes = hidden);
    assert!(world.carry_out(&plan).await.is_complete());
    assert_eq!(log(), ["update box.a"]);
}

#[tokio::test(start_paused = true)]
async fn what_refers_to_something_half_made_waits_for_its_outputs() {
    let mut world = world();
    let stack = graph(vec![boxed("a", "round", "red"), from(boxed("b", "round", "red"), "a")]);
    fail("create box.a", ErrorSort::Invalid, true);
    world.up(&stack).await;
    heal();
    let (_, outcome) = world.up(&stack).await;
    assert!(outcome.is_complete(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn b10_a_new_one_that_cannot_be_made_leaves_the_old_one_current() {
    let mut world = world();
    world.up(&crated("round")).await;
    let old = world.state().records[&at("a")].current.clone();
    fail("create box.a", ErrorSort::Invalid, false);
    world.up(&crated("square")).await;
    assert_eq!(world.state().records[&at("a")].current, old);
    heal();
    let (plan, _) = world.up(&crated("round")).await;
    assert_eq!(told(&plan), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_destroy_looks_for_a_create_whose_answer_was_lost() {
    let mut world = world();
    let stack = graph(vec![boxed("a", "round", "red")]);
    fail("create box.a", ErrorSort::Unreachable, true);
    world.up(&stack).await;
    heal();
    let late = shelf(|shelf| std::mem::take(&mut shelf.boxes));
    let plan = world.plan(&stack, &Intent::Destroy { targets: Vec::new() }).await.expect("a plan");
    shelf(|shelf| shelf.boxes = late);
    assert!(world.carry_out(&plan).await.is_complete());
    assert!(shelf(|shelf| shelf.boxes.is_empty()) && world.state().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_ignored_keeps_its_live_value_through_an_update() {
    let mut world = world();
    let ignoring = |from: &str| {
        let mut resource = boxed("a", "round", "red");
        let Value::Map(spec) = &mut resource.spec else { panic!("a spec is a map") };
        spec.insert("from".into(), from.into());
        resource.lifecycle.ignore_changes = vec!["color".into()];
        graph(vec![resource])
    };
    world.up(&ignoring("x")).await;
    shelf(|shelf| shelf.boxes.values_mut().for_each(|(spec, _)| spec.color = Some("blue".into())));
    let (plan, outcome) = world.up(&ignoring("y")).await;
    assert_eq!(told(&plan), ["~ box.a"]);
    assert!(outcome.is_complete(), "{outcome:?}");
    let color = shelf(|shelf| shelf.boxes.values().next().and_then(|(spec, _)| spec.color.clone()));
    assert_eq!(color.as_deref(), Some("blue"));
}
