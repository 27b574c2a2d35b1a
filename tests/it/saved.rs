//! Saved plans of the example stack: read back from their bytes they are the same and do the same.

use std::path::Path;

use stack::compose::compose;
use stack::graph::Graph;
use stack::plan::saved::{self, Origin, Saved};
use stack::plan::{Intent, Plan};
use stack::stack::{Variables, read};
use stack::state::seal::Seal;

use crate::support::world::{World, up};

fn shop() -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks/shop.toml");
    let stack = read(&path, &Variables::default()).expect("the example is right");
    compose(&stack).expect("the example composes")
}

/// A plan as it comes out of its file.
fn through_its_file(plan: &Plan, graph: &Graph) -> Plan {
    let origin = Origin { stack: "shop".into(), digest: saved::digest(graph), ..Origin::default() };
    let written = Saved { origin, plan: plan.clone() };
    let bytes = saved::write(&written, &Seal::none(), None).expect("it is written");
    let back = saved::read(&bytes, &Seal::none()).expect("it is read");
    assert_eq!(back, written);
    back.plan
}

#[tokio::test(start_paused = true)]
async fn b16_a_saved_plan_does_what_the_plan_did_and_the_destroy_plan_too() {
    let mut world = World::new();
    let fresh = world.inventory();
    let stack = shop();
    let before = world.plan(&stack, &up()).await.expect("a plan");
    let plan = through_its_file(&before, &stack);
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert!(world.plan(&stack, &up()).await.expect("a plan").is_empty());
    assert!(saved::stale(&plan, &world.state()).is_some(), "b15: it was carried out already");

    let down = world.plan(&stack, &Intent::Destroy { targets: Vec::new() }).await.expect("a plan");
    assert_eq!(saved::stale(&down, &world.state()), None);
    let outcome = world.carry_out(&through_its_file(&down, &stack)).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert!(world.state().is_empty());
    // EC2 tells of a deleted NAT gateway for an hour.
    world.rest(3_700).await;
    assert_eq!(world.inventory(), fresh);
}

#[tokio::test(start_paused = true)]
async fn b15_a_run_that_left_no_snapshot_makes_a_plan_stale_too() {
    use stack::state::journal::Entry;
    use stack::state::store::Holder;
    let mut world = World::new();
    let stack = shop();
    world.up(&stack).await;
    let plan = world.plan(&stack, &Intent::Destroy { targets: Vec::new() }).await.expect("a plan");
    let holder = Holder::new("somebody", "up", 0);
    let mut locked = world.store().lock(&holder, "lineage").await.expect("locks");
    let entry = Entry::Run { at: 0, who: "somebody".into(), command: "up".into() };
    locked.append(&[entry]).expect("appends");
    locked.flush().await.expect("it is written");
    drop(locked);
    let why = saved::stale(&plan, &world.state()).expect("it is stale");
    assert!(why.contains("was changed since"), "{why}");
}
