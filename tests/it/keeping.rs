//! What keeps a Gateway alive stays while it is replaced; and what is called otherwise from now on moves in order.

use std::path::Path;

use stack::change::Verb;
use stack::compose::compose;
use stack::graph::Graph;
use stack::plan::Plan;
use stack::stack::{Variables, read};

use crate::support::world::{World, told, up, with};

/// The least example with a part written otherwise.
fn minimal(changes: &[(&str, &str)]) -> Graph {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks");
    let mut text = std::fs::read_to_string(folder.join("minimal.toml")).expect("the example reads");
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let home = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(home.path().join("apps")).expect("a folder");
    std::fs::copy(folder.join("apps/hello.yaml"), home.path().join("apps/hello.yaml")).expect("is copied");
    let path = home.path().join("minimal.toml");
    std::fs::write(&path, text).expect("is written");
    let stack = read(&path, &Variables::default()).expect("it is right");
    compose(&stack).expect("it composes")
}

fn order(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{:?} {}", step.action, step.address)).collect()
}

async fn settles(world: &mut World, graph: &Graph) {
    let again = world.plan(graph, &up()).await.expect("there is a plan");
    assert!(again.is_empty(), "{:?}", told(&again));
}

#[tokio::test(start_paused = true)]
async fn nodes_of_another_type_are_there_before_the_old_ones_go() {
    let mut world = World::new();
    world.up(&minimal(&[])).await;
    let names = [("default-2", "default"), ("default", "default-2")];
    let types = ["t4g.large", "t4g.medium"];
    for (instance, (new, old)) in types.into_iter().zip(names) {
        let graph = minimal(&[("t4g.medium", instance)]);
        let (plan, outcome) = world.up(&graph).await;
        assert!(outcome.is_complete(), "{outcome:?}");
        assert_eq!(told(&plan), ["+/- cluster.main/nodes.default"]);
        assert_eq!(order(&plan), ["Create cluster.main/nodes.default", "Delete cluster.main/nodes.default"]);
        let fields: Vec<&str> = plan.changes[0].fields.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(fields, ["instance_types", "name"]);
        let groups: Vec<String> =
            world.inventory().into_iter().filter(|key| key.contains(" eks/node-group ")).collect();
        assert!(groups.len() == 1 && groups[0].ends_with(&format!("/{new}")), "{groups:?} after {old}");
        settles(&mut world, &graph).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_is_made_anew_leaves_its_gateway_and_says_so() {
    let mut world = World::new();
    let graph = minimal(&[]);
    world.up(&graph).await;
    let controller =
        stack::address::Address::parse("controller.lattice@main/deployment").expect("an address");
    let replaced = stack::plan::Intent::Up { targets: Vec::new(), replace: vec![controller] };
    let (plan, outcome) = world.run(&graph, &replaced).await;
    assert!(outcome.is_complete(), "{outcome:?}");
    assert_eq!(with(&plan, Verb::Replace), ["controller.lattice@main/deployment"]);
    assert_eq!(plan.steps.len(), 2, "{:?}", told(&plan));
    let notes = &plan.changes[0].notes;
    assert!(notes.len() == 1 && notes[0].ends_with("gateway.main, route.hello"), "{notes:?}");
    settles(&mut world, &graph).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_network_gets_another_name_under_a_running_stack() {
    let mut world = World::new();
    let fresh = world.inventory();
    world.up(&minimal(&[])).await;
    let renamed = minimal(&[("name     = \"minimal\"", "name     = \"renamed\"")]);
    let (plan, outcome) = world.up(&renamed).await;
    assert!(outcome.is_complete(), "{:?}: {outcome:?}", told(&plan));
    let order = order(&plan);
    let at = |what: &str| order.iter().position(|step| step == what).unwrap_or_else(|| panic!("{order:#?}"));
    assert!(at("Delete route.hello") < at("Delete gateway.main"), "{order:#?}");
    assert!(at("Delete gateway.main") < at("Create gateway.main"), "{order:#?}");
    assert!(at("Create gateway.main") < at("Create route.hello"), "{order:#?}");
    settles(&mut world, &renamed).await;
    world.destroy(&renamed).await;
    assert_eq!(world.inventory(), fresh);
}
