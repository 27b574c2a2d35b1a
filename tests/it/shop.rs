//! The example stacks, whole: up, nothing to do, changes, down, in simulated time.

use std::path::Path;

use stack::change::{Action, Verb};
use stack::compose::compose;
use stack::graph::Graph;
use stack::plan::Plan;
use stack::stack::{Variables, read};

use crate::support::world::{World, told, up, with};

/// An example stack with some of its text replaced; every replaced text must be there.
pub fn edited(name: &str, edits: &[(&str, &str)]) -> Graph {
    let stacks = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks");
    let mut text = std::fs::read_to_string(stacks.join(name)).expect("the example reads");
    for (old, new) in edits {
        assert!(text.contains(old), "{name} does not hold {old}");
        text = text.replacen(old, new, 1);
    }
    // Files that the stack names are looked for beside it.
    let beside = stacks.join("apps").display().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text.replace("\"apps/", &format!("\"{beside}/"))).expect("the copy is written");
    let stack = read(&path, &Variables::default()).unwrap_or_else(|found| panic!("{found:#?}"));
    compose(&stack).unwrap_or_else(|found| panic!("{found:#?}"))
}

async fn whole(name: &str) {
    let stack = edited(name, &[]);
    let mut world = World::new();
    let fresh = world.inventory();
    let (_, outcome) = world.up(&stack).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let again = world.plan(&stack, &up()).await.expect("a plan");
    assert_eq!(told(&again), Vec::<String>::new(), "{:#?}", again.changes);
    let (_, outcome) = world.destroy(&stack).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    // EC2 tells of a deleted NAT gateway for an hour.
    world.rest(3_700).await;
    assert_eq!(world.inventory(), fresh);
    assert!(world.state().is_empty());
}

#[tokio::test(start_paused = true)]
async fn minimal_goes_up_stays_and_goes_down() {
    whole("minimal.toml").await;
}

#[tokio::test(start_paused = true)]
async fn shop_goes_up_stays_and_goes_down() {
    whole("shop.toml").await;
}

#[tokio::test(start_paused = true)]
async fn three_small_changes_are_exactly_three_in_place() {
    let mut world = World::new();
    world.up(&edited("shop.toml", &[])).await;
    let changed = edited(
        "shop.toml",
        &[
            ("size = { min = 3, max = 6 }", "size = { min = 3, max = 7 }"),
            ("weight = 9", "weight = 5"),
            ("security_groups = [\"lattice-clients\"]", "security_groups = [\"lattice-tls-clients\"]"),
        ],
    );
    let (plan, outcome) = world.up(&changed).await;
    assert_eq!(
        told(&plan),
        ["~ cluster.edge/nodes.default", "~ route.cart", "~ service_network.core/vpc.edge"]
    );
    let fields: Vec<&str> = plan.changes.iter().flat_map(|c| &c.fields).map(|f| f.path.as_str()).collect();
    assert_eq!(fields, ["size.max", "manifest.spec.rules.0.backendRefs.0.weight", "security_group_ids"]);
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert!(world.plan(&changed, &up()).await.expect("a plan").is_empty());
}

const FOURTH: &str = "[clusters.apps-c]
version = \"1.35\"
network = \"apps-c\"
[clusters.apps-c.nodes.default]
instance_types = [\"m7g.large\"]
size = { min = 3, max = 6 }

[networks.apps-c]
cidr  = \"10.3.0.0/16\"
zones = 3

[networks.apps-b]";

#[tokio::test(start_paused = true)]
async fn a_fourth_cluster_is_creates_only() {
    let mut world = World::new();
    world.up(&edited("shop.toml", &[])).await;
    let all = "[\"edge\", \"apps-a\", \"apps-b\"]";
    let more = "[\"edge\", \"apps-a\", \"apps-b\", \"apps-c\"]";
    let grown = edited("shop.toml", &[("[networks.apps-b]", FOURTH), (all, more), (all, more), (all, more)]);
    let plan = world.plan(&grown, &up()).await.expect("a plan");
    assert!(plan.changes.len() > 20, "{:?}", told(&plan));
    assert_eq!(with(&plan, Verb::Create).len(), plan.changes.len(), "{:#?}", told(&plan));
}

#[tokio::test(start_paused = true)]
async fn another_network_for_a_cluster_is_a_full_teardown_of_what_is_inside() {
    let mut world = World::new();
    world.up(&edited("shop.toml", &[])).await;
    let moved = edited("shop.toml", &[("network = \"apps-b\"", "network = \"apps-a\"")]);
    let (plan, outcome) = world.up(&moved).await;
    assert!(with(&plan, Verb::Replace).contains(&"cluster.apps-b".to_owned()), "{:#?}", told(&plan));
    let inside = ["route.inventory", "gateway.core@apps-b", "controller.lattice@apps-b/deployment"];
    let replaced = with(&plan, Verb::Replace);
    for address in inside {
        assert!(replaced.contains(&address.to_owned()), "{address} is not in {replaced:#?}");
    }
    let place = |action: Action, address: &str| place(&plan, action, address);
    assert!(place(Action::Delete, "route.inventory") < place(Action::Delete, "gateway.core@apps-b"));
    assert!(
        place(Action::Delete, "gateway.core@apps-b")
            < place(Action::Delete, "controller.lattice@apps-b/deployment")
    );
    assert!(
        place(Action::Delete, "controller.lattice@apps-b/deployment")
            < place(Action::Delete, "cluster.apps-b")
    );
    assert!(place(Action::Delete, "cluster.apps-b") < place(Action::Create, "cluster.apps-b"));
    assert!(place(Action::Create, "cluster.apps-b") < place(Action::Create, "route.inventory"));
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert!(world.plan(&moved, &up()).await.expect("a plan").is_empty());
}

fn place(plan: &Plan, action: Action, address: &str) -> usize {
    let is_it = |step: &stack::plan::Step| step.action == action && step.address.as_str() == address;
    plan.steps.iter().position(is_it).unwrap_or_else(|| panic!("{action:?} {address} is not a step"))
}

#[tokio::test(start_paused = true)]
async fn destroy_goes_routes_gateways_controllers_clusters_service_network() {
    let mut world = World::new();
    let stack = edited("shop.toml", &[]);
    world.up(&stack).await;
    world.events.clear();
    let (_, outcome) = world.destroy(&stack).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let gone: Vec<String> = world.done();
    let place = |address: &str| {
        gone.iter().position(|a| a == address).unwrap_or_else(|| panic!("{address} did not go"))
    };
    for (first, then) in [
        ("route.shop", "gateway.shop"),
        ("route.payments", "gateway.core@edge"),
        ("route.cart", "gateway.core@apps-a"),
        ("gateway.shop", "controller.alb@edge/deployment"),
        ("gateway.core@edge", "controller.lattice@edge/deployment"),
        ("controller.alb@edge/deployment", "controller.alb@edge/role"),
        ("controller.lattice@edge/deployment", "cluster.edge/nodes.default"),
        ("cluster.edge/nodes.default", "cluster.edge"),
        ("cluster.edge", "service_network.core"),
        ("cluster.apps-a", "service_network.core"),
        ("cluster.edge", "network.edge/vpc"),
    ] {
        assert!(place(first) < place(then), "{first} went after {then}");
    }
}
