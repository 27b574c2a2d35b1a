//! `[moved]` and `[removed]` on the embedded cloud: nothing is made or deleted for a move, tags follow, and what is
//! removed is forgotten or deleted as the file says.

use std::path::Path;

use stack::compose::compose;
use stack::graph::Graph;
use stack::plan::{Intent, Plan, Refusal};
use stack::stack::{Source, Stack, Variables, parse, read};

use crate::support::world::{World, told, up};

const HEAD: &str = "[stack]\nname = \"test\"\nregion = \"us-west-2\"\n";

fn graph(text: &str) -> Graph {
    let source = Source { path: "test.toml".into(), text: format!("{HEAD}{text}").into() };
    let stack = parse(source, &Variables::default()).unwrap_or_else(|found| panic!("{found:#?}"));
    compose(&stack).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn moves(plan: &Plan) -> Vec<String> {
    plan.moved.iter().map(|(old, new)| format!("{old} > {new}")).collect()
}

/// Everything in the cloud that says somewhere that it belongs to an address that begins so.
fn tagged(world: &World, begin: &str) -> Vec<String> {
    let world = world.sandbox.world();
    let says = |text: &str| text.contains(&format!("\"{begin}"));
    world.all().filter(|(_, doc)| says(&doc.to_string())).map(|(key, _)| key.id.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn b19_a_move_is_no_action_and_a_chain_of_them_works() {
    let mut world = World::new();
    let value = |name: &str| format!("[values.{name}]\ninput = 1\n");
    let user = |name: &str| format!("[values.user]\ninput = \"${{value.{name}.id}}\"\n");
    world.up(&graph(&(value("a") + &user("a")))).await;
    let before = world.state();
    let moved = "[moved]\n\"value.a\" = \"value.b\"\n\"value.b\" = \"value.c\"\n";
    let (plan, outcome) = world.up(&graph(&(value("c") + &user("c") + moved))).await;
    assert_eq!(told(&plan), Vec::<String>::new());
    assert_eq!(moves(&plan), ["value.a > value.c"]);
    assert!(outcome.is_complete() && plan.steps.is_empty());
    let after = world.state();
    let record = |state: &stack::state::State, name: &str| {
        state.records[&stack::address::Address::new("value", name)].clone()
    };
    assert_eq!(record(&after, "c").current, record(&before, "a").current);
    assert_eq!(record(&after, "user").edges[0].to.as_str(), "value.c");
    // The entries may stay in the file, for other states of it.
    let again = world.plan(&graph(&(value("c") + &user("c") + moved)), &up()).await.expect("a plan");
    assert!(again.is_empty());
}

#[tokio::test(start_paused = true)]
async fn b19_a_collision_is_refused_and_says_what_collides() {
    let mut world = World::new();
    let values = "[values.a]\ninput = 1\n[values.b]\ninput = 1\n";
    world.up(&graph(values)).await;
    let both = graph("[values.b]\ninput = 1\n[moved]\n\"value.a\" = \"value.b\"\n");
    let refused = world.plan(&both, &up()).await.expect_err("it is refused");
    assert!(
        matches!(&refused[..], [Refusal::Move(why)] if why.contains("the stack has made both")),
        "{refused:?}"
    );
    let twice =
        graph("[values.c]\ninput = 1\n[moved]\n\"value.a\" = \"value.b\"\n\"value.b\" = \"value.c\"\n");
    let refused = world.plan(&twice, &up()).await.expect_err("it is refused");
    assert!(matches!(&refused[..], [Refusal::Move(why)] if why.contains("both become")), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn b19_tags_follow_a_move_and_nothing_else_changes() {
    let mut world = World::new();
    let certificate = |name: &str| {
        format!("[certificates.{name}]\ndomain = \"a.api.example.com\"\nzone = \"api.example.com\"\n")
    };
    let (_, outcome) = world.up(&graph(&certificate("old"))).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let inventory = world.inventory();
    assert!(!tagged(&world, "certificate.old\"").is_empty(), "it is tagged by its address");
    let moved = graph(&(certificate("new") + "[moved]\n\"certificate.old\" = \"certificate.new\"\n"));
    let (plan, outcome) = world.up(&moved).await;
    assert_eq!(told(&plan), Vec::<String>::new());
    assert_eq!(
        moves(&plan),
        ["certificate.old > certificate.new", "certificate.old/issued > certificate.new/issued"]
    );
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert_eq!((outcome.moved, outcome.updated), (2, 0));
    assert_eq!(world.inventory(), inventory);
    // Tags that told the old address would be written again.
    assert!(world.plan(&moved, &up()).await.expect("a plan").is_empty());
    // A new one of the old name is another one.
    let both = certificate("new") + &certificate("old").replace("a.api", "b.api");
    let (plan, outcome) = world.up(&graph(&both)).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let created = ["+ certificate.old", "+ certificate.old/issued", "+ validation.b.api.example.com"];
    assert_eq!(told(&plan), created);
}

#[tokio::test(start_paused = true)]
async fn b19_a_network_is_renamed_with_all_that_is_called_after_it() {
    let mut world = World::new();
    let stack = |name: &str| {
        format!(
            "[networks.{name}]\ncidr = \"10.0.0.0/16\"\nzones = 2\nnat = \"none\"\n\
             [clusters.c]\nversion = \"1.35\"\nnetwork = \"{name}\"\n\
             [service_networks.core]\nclusters = [\"c\"]\n"
        )
    };
    let (_, outcome) = world.up(&graph(&stack("old"))).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let renamed = graph(&(stack("new") + "[moved]\n\"network.old\" = \"network.new\"\n"));
    let (plan, outcome) = world.up(&renamed).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    // The names that consoles show are tags, and change in place.
    assert!(told(&plan).iter().all(|change| change.starts_with("~ network.new/")), "{:?}", told(&plan));
    assert!(moves(&plan).contains(&"service_network.core/vpc.old > service_network.core/vpc.new".to_owned()));
    assert!(world.plan(&renamed, &up()).await.expect("a plan").is_empty());
}

fn shop(change: impl FnOnce(&mut Stack)) -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks/shop.toml");
    let mut stack = read(&path, &Variables::default()).expect("the example is right");
    change(&mut stack);
    compose(&stack).unwrap_or_else(|found| panic!("{found:#?}"))
}

#[tokio::test(start_paused = true)]
async fn b19_one_cluster_or_a_list_of_one_is_the_same() {
    let mut world = World::new();
    let alone = |stack: &mut Stack| drop(stack.outputs.shift_remove("load_balancer"));
    let listed = |stack: &mut Stack| {
        stack.outputs.shift_remove("load_balancer");
        let gateway = &mut stack.gateways["shop"];
        gateway.clusters.extend(gateway.cluster.take());
        for manifests in stack.manifests.values_mut() {
            manifests.clusters.extend(manifests.cluster.take());
        }
    };
    let (_, outcome) = world.up(&shop(alone)).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let inventory = world.inventory();
    for graph in [shop(listed), shop(alone)] {
        let (plan, outcome) = world.up(&graph).await;
        assert_eq!(told(&plan), Vec::<String>::new());
        assert!(plan.moved.len() > 6, "{:?}", moves(&plan));
        assert!(outcome.is_complete(), "{:#?}", outcome.failed);
        assert!(world.plan(&graph, &up()).await.expect("a plan").is_empty());
        assert_eq!(world.inventory(), inventory);
    }
}

#[tokio::test(start_paused = true)]
async fn b20_removed_forgets_or_deletes_as_the_file_says() {
    let mut world = World::new();
    let network =
        |name: &str| format!("[networks.{name}]\ncidr = \"10.0.0.0/16\"\nzones = 2\nnat = \"none\"\n");
    world.up(&graph(&(network("kept") + &network("gone")))).await;
    let of = |world: &World, name: &str| tagged(world, &format!("network.{name}/")).len();
    let (kept, gone) = (of(&world, "kept"), of(&world, "gone"));
    assert!(kept > 4 && gone == kept);
    let removed =
        "[removed]\n\"network.kept\" = { destroy = false }\n\"network.gone\" = { destroy = true }\n";
    let (plan, outcome) = world.up(&graph(removed)).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    let signs = |sign: &str, name: &str| {
        told(&plan).iter().filter(|told| told.starts_with(&format!("{sign} network.{name}/"))).count()
    };
    assert!(signs("x", "kept") > 4 && signs("-", "gone") == signs("x", "kept"), "{:?}", told(&plan));
    assert_eq!((of(&world, "kept"), of(&world, "gone")), (kept, 0));
    assert!(world.state().is_empty());
    assert!(world.plan(&graph(removed), &up()).await.expect("a plan").is_empty());
}

#[tokio::test(start_paused = true)]
async fn b20_a_destroy_forgets_what_is_to_be_forgotten() {
    let mut world = World::new();
    world.up(&graph("[values.a]\ninput = 1\n[values.b]\ninput = 1\n")).await;
    let stack = graph("[values.a]\ninput = 1\n[removed]\n\"value.b\" = { destroy = false }\n");
    let plan = world.plan(&stack, &Intent::Destroy { targets: Vec::new() }).await.expect("a plan");
    assert_eq!(told(&plan), ["- value.a", "x value.b"]);
}
