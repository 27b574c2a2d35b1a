//! A rehearsal does to a copy what the run then does to the cloud, and changes nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stack::cloud::{Access, Settings};
use stack::execute::Cancel;
use stack::execute::event::{Event, Outcome};
use stack::graph::Graph;
use stack::plan::{Intent, Leave, Plan};
use stack::rehearse::{Piece, Played, Stage, differences, whole, without_nodes};
use stack::sandbox::Sandbox;
use stack::sandbox::world::ACCOUNT;
use tokio::sync::watch;

use crate::guests::guests;
use crate::support::edge::{BALANCER, CLUSTER, edge, raised};
use crate::support::world::{World, told, up};

fn destroy() -> Intent {
    Intent::Destroy { targets: Vec::new() }
}

/// What came of a rehearsal, beside the plan for the cloud itself.
struct Rehearsed {
    real: Plan,
    copy: Plan,
    played: Played,
    missing: Vec<String>,
    done: BTreeSet<String>,
}

async fn rehearsed(world: &World, graph: &Graph, intent: &Intent, leave: Leave) -> Rehearsed {
    let real = world.plan_with(graph, intent, leave).await.expect("there is a plan");
    let (cloud, state) = (world.cloud(Access::Read), world.state());
    let live = stack::observe::observe_for(&cloud, world.registry, Some(graph), &state, intent).await;
    let theirs = whole(&cloud, &live.guests).await.expect("they are read");
    let without = without_nodes(&cloud, &state).await.expect("they are read");
    let piece = Piece {
        graph,
        state: &state,
        live: &live,
        account: ACCOUNT,
        accounts: &BTreeMap::new(),
        guests: &theirs,
        without_nodes: &without,
        intent,
        leave,
    };
    let sandbox = Sandbox::fresh(world.sandbox.clock());
    let settings = Settings::through(sandbox.door(), sandbox.clock(), "us-west-2", Access::Write);
    let mut stage = Stage::set(&sandbox, settings, &piece).await.expect("there is a copy");
    let copy = stage.plan(&piece).await.expect("there is a plan for the copy");
    let mut done = BTreeSet::new();
    let mut heard = |event: Event| {
        if let Event::StepDone { address, action, .. } = event {
            done.insert(format!("{action:?} {address}"));
        }
    };
    let played = stage.play(&copy, watch::channel(Cancel::No).1, &mut heard).await.expect("it is played");
    Rehearsed { real, copy, played, missing: stage.missing, done }
}

/// What is in the cloud, with all that is in it.
fn content(world: &World) -> Vec<(String, String)> {
    world.sandbox.world().all().map(|(key, doc)| (format!("{key:?}"), doc.to_string())).collect()
}

fn counts(outcome: &Outcome) -> [usize; 4] {
    [outcome.created, outcome.updated, outcome.deleted, outcome.failed.len()]
}

#[tokio::test(start_paused = true)]
async fn a_destroy_is_rehearsed_as_it_then_goes() {
    let graph = edge(&[]);
    let mut world = raised(&graph).await;
    world.rest(3_700).await;
    let before = content(&world);
    let rehearsed = rehearsed(&world, &graph, &destroy(), Leave::default()).await;
    // A copy takes its time too: what the cloud does by itself in that time is not of the rehearsal.
    let changed: Vec<_> = content(&world).into_iter().filter(|one| !before.contains(one)).collect();
    assert!(changed.iter().all(|(key, _)| key.contains("events") || key.contains("leases")), "{changed:#?}");
    assert_eq!(differences(&rehearsed.real, &rehearsed.copy), Vec::<String>::new());
    assert_eq!(rehearsed.missing, Vec::<String>::new());
    let (left, _) = rehearsed.played.left.expect("it was looked for");
    assert!(left.is_clean(), "{left:#?}");

    world.events.clear();
    let outcome = world.carry_out(&rehearsed.real).await;
    assert_eq!(counts(&outcome), counts(&rehearsed.played.outcome));
    let real: BTreeSet<String> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::StepDone { address, action, .. } => Some(format!("{action:?} {address}")),
            _ => None,
        })
        .collect();
    assert_eq!(rehearsed.done, real);
    let (one, other) = (outcome.took, rehearsed.played.outcome.took);
    let apart = one.abs_diff(other);
    assert!(apart < Duration::from_secs(30), "{one:?} for the cloud, {other:?} for the copy");
}

#[tokio::test(start_paused = true)]
async fn an_up_is_rehearsed_from_nothing_and_from_what_there_is() {
    let graph = edge(&[]);
    let fresh = World::new();
    let first = rehearsed(&fresh, &graph, &up(), Leave::default()).await;
    assert!(first.played.outcome.is_complete(), "{:#?}", first.played.outcome.failed);
    assert_eq!(first.played.outcome.created, first.real.steps.len());

    let world = raised(&graph).await;
    let changed = edge(&[("max = 3", "max = 4")]);
    let second = rehearsed(&world, &changed, &up(), Leave::default()).await;
    assert_eq!(told(&second.copy), ["~ cluster.edge/nodes.default"]);
    assert_eq!(differences(&second.real, &second.copy), Vec::<String>::new());
    assert_eq!(counts(&second.played.outcome), [0, 1, 0, 0]);
}

/// What somebody did to the cloud is done to the copy, so that it goes there as it will go in the cloud.
#[tokio::test(start_paused = true)]
async fn what_became_of_the_cloud_since_is_so_in_the_copy() {
    let graph = edge(&[]);
    let mut world = raised(&graph).await;
    world.somebody_deletes(CLUSTER, BALANCER, false).await;
    world.lose("global", "iam/role", |role| role["RoleName"] == "end-edge-lattice");
    world.rest(600).await;
    let repaired = rehearsed(&world, &graph, &destroy(), Leave::default()).await;
    assert_eq!(repaired.missing, [""; 0]);
    assert_eq!(differences(&repaired.real, &repaired.copy), [""; 0]);
    assert!(repaired.played.outcome.is_complete(), "{:#?}", repaired.played.outcome.failed);
    assert_eq!(repaired.played.outcome.created, 2);

    let nodes = world.objects(CLUSTER).await.everywhere("v1", "Node").await.expect("they are listed");
    for node in &nodes {
        let name = node["metadata"]["name"].as_str().expect("a name");
        world.somebody_deletes(CLUSTER, ["v1", "Node", "", name], false).await;
    }
    world.rest(600).await;
    let stuck = rehearsed(&world, &graph, &destroy(), Leave::default()).await;
    assert_eq!(differences(&stuck.real, &stuck.copy), [""; 0]);
    let outcome = world.carry_out(&stuck.real).await;
    let failed = |outcome: &Outcome| -> BTreeSet<String> {
        outcome.failed.iter().map(|(address, _)| address.to_string()).collect()
    };
    assert!(!outcome.failed.is_empty(), "nobody runs its controllers");
    assert_eq!(failed(&outcome), failed(&stuck.played.outcome));
}

#[tokio::test(start_paused = true)]
async fn what_others_have_is_in_the_copy_too() {
    let graph = edge(&[]);
    let world = raised(&graph).await;
    guests(&world).await;
    let all = Leave { include_foreign: true, ..Leave::default() };
    let rehearsed = rehearsed(&world, &graph, &destroy(), all).await;
    assert_eq!(differences(&rehearsed.real, &rehearsed.copy), Vec::<String>::new());
    assert!(rehearsed.done.contains("Delete foreign.gateway@edge/default/theirs"), "{:#?}", rehearsed.done);
    assert!(rehearsed.played.outcome.is_complete(), "{:#?}", rehearsed.played.outcome.failed);
    let (left, _) = rehearsed.played.left.expect("it was looked for");
    assert!(left.is_clean(), "{left:#?}");
}
