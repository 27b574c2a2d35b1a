//! The example stacks, whole: up, nothing to do, changes, down, in simulated time.

use std::path::Path;

use stack::compose::compose;
use stack::graph::Graph;
use stack::stack::read;

use crate::support::world::{World, told};

fn file(name: &str) -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks").join(name);
    let stack = read(&path, &stack::stack::Variables::default()).unwrap_or_else(|found| panic!("{found:#?}"));
    compose(&stack).unwrap_or_else(|found| panic!("{found:#?}"))
}

#[tokio::test(start_paused = true)]
async fn minimal_goes_up_stays_and_goes_down() {
    whole("minimal.toml").await;
}

#[tokio::test(start_paused = true)]
async fn shop_goes_up_stays_and_goes_down() {
    whole("shop.toml").await;
}

async fn whole(name: &str) {
    let stack = file(name);
    let mut world = World::new();
    let fresh = world.inventory();
    let (_, outcome) = world.up(&stack).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    eprintln!("{name} up in {:?}: {} created", outcome.took, outcome.created);
    let again = world.plan(&stack, &crate::support::world::up()).await.expect("a plan");
    assert_eq!(told(&again), Vec::<String>::new(), "{:#?}", again.changes);
    let (_, outcome) = world.destroy(&stack).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    eprintln!("{name} down in {:?}: {} deleted", outcome.took, outcome.deleted);
    world.rest(3_700).await;
    assert_eq!(world.inventory(), fresh);
    assert!(world.state().is_empty());
}
