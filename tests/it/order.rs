//! What the plans of the example stack promise: the order of the domain, and that an apply does what its plan said.

use std::path::Path;
use std::time::Duration;

use stack::change::Action;
use stack::compose::compose;
use stack::execute::event::Event;
use stack::graph::Graph;
use stack::plan::{Intent, Plan};
use stack::stack::{Variables, read};

use crate::support::world::{World, up};

fn shop() -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks/shop.toml");
    let stack = read(&path, &Variables::default()).expect("the example is right");
    compose(&stack).expect("the example composes")
}

fn steps(plan: &Plan) -> Vec<(Action, String)> {
    plan.steps.iter().map(|step| (step.action, step.address.to_string())).collect()
}

/// The steps that a run has begun.
fn begun(world: &World) -> Vec<(Action, String)> {
    let begun = world.events.iter().filter_map(|event| match event {
        Event::StepStarted { action, address, .. } => Some((*action, address.to_string())),
        _ => None,
    });
    begun.collect()
}

/// The places of the steps whose address is one of these.
fn places(plan: &Plan, is_one: impl Fn(&str) -> bool) -> Vec<usize> {
    let all = plan.steps.iter().enumerate();
    all.filter(|(_, step)| is_one(step.address.as_str())).map(|(at, _)| at).collect()
}

/// All steps that a step waits for, however indirectly.
fn awaited(plan: &Plan, at: usize) -> Vec<usize> {
    let (mut found, mut open) = (Vec::new(), vec![at]);
    while let Some(next) = open.pop() {
        for need in &plan.steps[next].needs {
            if !found.contains(need) {
                found.push(*need);
                open.push(*need);
            }
        }
    }
    found
}

#[track_caller]
fn waits(plan: &Plan, then: impl Fn(&str) -> bool, first: impl Fn(&str) -> bool) {
    let (then, first) = (places(plan, then), places(plan, first));
    assert!(!then.is_empty() && !first.is_empty(), "there are steps of both: {then:?}, {first:?}");
    for at in then {
        let awaited = awaited(plan, at);
        for need in &first {
            let [one, other] = [at, *need].map(|at| plan.steps[at].address.to_string());
            assert!(awaited.contains(need), "{one} does not wait for {other}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn b12_what_the_plan_says_is_what_the_apply_does() {
    let mut world = World::new();
    let stack = shop();
    for intent in [up(), Intent::Destroy { targets: Vec::new() }] {
        world.events.clear();
        let (plan, outcome) = world.run(&stack, &intent).await;
        assert!(outcome.is_complete(), "{:#?}", outcome.failed);
        let (mut said, mut done) = (steps(&plan), begun(&world));
        said.sort_by_key(|(action, address)| (*action as u8, address.clone()));
        done.sort_by_key(|(action, address)| (*action as u8, address.clone()));
        assert_eq!(done, said);
    }
}

#[tokio::test(start_paused = true)]
async fn b24_destroy_does_not_evaluate_what_it_does_not_need() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.toml");
    let text = "[stack]\nname = \"test\"\nregion = \"us-west-2\"\n[variables]\ncidr = {}\n\
                [networks.east]\ncidr = \"${var.cidr}\"\nzones = 2\n";
    std::fs::write(&path, text).expect("the stack file is written");
    let given = Variables { given: [("cidr".into(), "10.0.0.0/16".into())].into(), ..Variables::default() };
    let whole = compose(&read(&path, &given).expect("right with its variable")).expect("it composes");
    let mut world = World::new();
    world.up(&whole).await;
    assert!(!world.state().is_empty());

    assert!(read(&path, &Variables::default()).is_err(), "an up needs the variable");
    let lenient = Variables { lenient: true, ..Variables::default() };
    let rest = compose(&read(&path, &lenient).expect("a destroy does not")).expect("it composes");
    let (_, outcome) = world.destroy(&rest).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert!(world.state().is_empty());
}

#[tokio::test(start_paused = true)]
async fn b36_definitions_and_namespaces_come_first_and_custom_resources_go_first() {
    let mut world = World::new();
    let stack = shop();
    let at = |cluster: &'static str| move |address: &str| address == format!("crds.gateway-api@{cluster}");
    let (plan, _) = world.up(&stack).await;
    waits(&plan, |one| one == "gateway.core@edge" || one == "gateway.shop", at("edge"));
    waits(&plan, |one| one == "route.cart", at("apps-a"));
    waits(&plan, |one| one == "route.cart", |one| one == "namespace.eks-gateway-demo@apps-a");
    waits(&plan, |one| one.starts_with("manifest.cart/"), |one| one == "namespace.eks-gateway-demo@apps-a");
    let (plan, _) = world.destroy(&stack).await;
    waits(&plan, at("apps-a"), |one| one == "route.cart" || one == "gateway.core@apps-a");
    waits(&plan, at("edge"), |one| one == "gateway.shop" || one.contains("@edge/gateway-class"));
}

#[tokio::test(start_paused = true)]
async fn b60_lattice_routes_go_before_their_gateway_and_the_gateway_class_last() {
    let mut world = World::new();
    let stack = shop();
    world.up(&stack).await;
    let (plan, _) = world.destroy(&stack).await;
    assert!(plan.steps.iter().all(|step| step.action == Action::Delete || step.action == Action::Forget));
    for (route, cluster) in
        [("route.payments", "edge"), ("route.cart", "apps-a"), ("route.inventory", "apps-b")]
    {
        let gateway = format!("gateway.core@{cluster}");
        let class = format!("controller.lattice@{cluster}/gateway-class");
        waits(&plan, |one| one == gateway, |one| one == route);
        waits(&plan, |one| one.starts_with(&class), |one| one == gateway);
    }
}

#[tokio::test(start_paused = true)]
async fn a_destroy_takes_no_longer_than_its_longest_chain_of_steps() {
    let mut world = World::new();
    let stack = shop();
    world.up(&stack).await;
    world.events.clear();
    let (plan, outcome) = world.destroy(&stack).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let mut ends = vec![Duration::ZERO; plan.steps.len()];
    let took = |at: usize| {
        world.events.iter().find_map(|event| match event {
            Event::StepDone { step, took, .. } if *step == at => Some(*took),
            _ => None,
        })
    };
    for (at, step) in plan.steps.iter().enumerate() {
        let begins = step.needs.iter().map(|need| ends[*need]).max().unwrap_or_default();
        ends[at] = begins + took(at).expect("every step is done");
    }
    let longest = ends.into_iter().max().expect("there are steps");
    assert!(outcome.took <= longest.mul_f64(1.05), "{:?} for a chain of {longest:?}", outcome.took);
}
