//! The engine with its state in objects far away: steps go on while entries are on their way, and a run that is
//! followed by another changes nothing more. In simulated time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use serde_json::json;
use stack::address::Address;
use stack::cloud::{Access, Cloud, Gate, Settings};
use stack::compose::compose;
use stack::execute::event::Outcome;
use stack::execute::{Cancel, Options, execute};
use stack::graph::{Graph, Place, Resource, build};
use stack::observe::observe;
use stack::plan::{Intent, Plan, plan};
use stack::stack::{Variables, read};
use stack::state::State;
use stack::state::store::{Holder, Locked, Store, StoreError};
use stack::value::Value;
use tokio::sync::watch;

use crate::support::world::{World, told, up};

/// How long a request to the store takes.
const TRIP: Duration = Duration::from_millis(50);
const LEASE: Duration = Duration::from_secs(60);

fn far(inner: &Arc<InMemory>) -> Store {
    let config = ThrottleConfig {
        wait_put_per_call: TRIP,
        wait_get_per_call: TRIP,
        wait_list_per_call: TRIP,
        ..ThrottleConfig::default()
    };
    let far = ThrottledStore::new(Arc::clone(inner) as Arc<dyn ObjectStore>, config);
    Store::remote(Arc::new(far), "s3://bucket", "", LEASE, "test", "sandbox")
}

/// What is planned on what a run has locked.
async fn planned(world: &World, state: &State, graph: &Graph, intent: &Intent) -> Plan {
    let live = observe(&world.cloud(Access::Read), world.registry, Some(graph), state).await;
    plan(graph, state, &live, &world.registry.shapes(), intent).expect("there is a plan")
}

async fn carry_out(world: &World, locked: &mut Locked, plan: &Plan) -> Result<Outcome, StoreError> {
    let (_keep, cancel) = watch::channel(Cancel::No);
    let lease = locked.lease();
    let settings = Settings {
        gate: Gate::new(move || lease.holds()),
        ..Settings::through(world.sandbox.door(), world.sandbox.clock(), "us-west-2", Access::Write)
    };
    let options = Options { parallel: Some(64), cancel, who: "tests".into(), command: "test".into() };
    execute(&Cloud::new(settings), world.registry, locked, plan, options, &mut drop).await
}

/// Locks, plans, carries out, gives back.
async fn whole(world: &World, store: &Store, graph: &Graph, intent: &Intent) -> (Plan, Outcome) {
    let mut locked = store.lock(&Holder::new("tests", "test", 0), "lineage").await.expect("locks");
    let plan = planned(world, locked.state(), graph, intent).await;
    let outcome = carry_out(world, &mut locked, &plan).await.expect("the state is kept");
    locked.release().await;
    (plan, outcome)
}

async fn objects(inner: &InMemory, folder: &str) -> usize {
    inner.list(Some(&format!("test/{folder}").into())).count().await
}

#[tokio::test(start_paused = true)]
async fn a_run_writes_at_most_once_a_round_trip_however_many_steps_end() {
    let world = World::new();
    let inner = Arc::new(InMemory::new());
    let place = Place { account: None, region: "us-west-2".into() };
    let value = |number: usize| {
        let input = Value::map([("input", Value::from(json!(number)))]);
        Resource::new(Address::new("value", &format!("v{number}")), "value", &place, input)
    };
    let graph = build((0..1_000).map(value).collect(), BTreeMap::new()).expect("no cycle");
    let began = tokio::time::Instant::now();
    let (_, outcome) = whole(&world, &far(&inner), &graph, &up()).await;
    assert!(outcome.is_complete() && outcome.created == 1_000, "{outcome:?}");
    let (writes, took) = (objects(&inner, "journal").await, began.elapsed());
    let trips = took.as_millis() / TRIP.as_millis();
    assert!((writes as u128) <= trips, "{writes} writes in {trips} round trips");
    assert!(took < Duration::from_secs(3), "{took:?}: it waited for more than the journal");
    assert_eq!(far(&inner).read().await.expect("reads").expect("a state").records.len(), 1_000);
}

fn network() -> Graph {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.toml");
    let text = "[stack]\nname = \"test\"\nregion = \"us-west-2\"\n\
                [networks.main]\ncidr = \"10.0.0.0/16\"\nzones = 2\nnat = \"one\"\n";
    std::fs::write(&path, text).expect("the stack file is written");
    compose(&read(&path, &Variables::default()).expect("it is right")).expect("it composes")
}

#[tokio::test(start_paused = true)]
async fn a_journal_far_away_costs_a_run_next_to_nothing() {
    let graph = network();
    let mut near = World::new();
    let (_, near) = near.up(&graph).await;
    let (_, far) = whole(&World::new(), &far(&Arc::default()), &graph, &up()).await;
    assert!(far.is_complete());
    let steps = 12;
    assert!(far.took < near.took + TRIP * 4 * steps, "{:?} instead of {:?}", far.took, near.took);
}

#[tokio::test(start_paused = true)]
async fn b34_whoever_lost_the_state_in_mid_run_changes_no_more_and_the_next_run_goes_on() {
    let graph = network();
    let mut lost = 0;
    for moment in 0..12_u64 {
        let world = World::new();
        let fresh = world.inventory();
        let inner = Arc::new(InMemory::new());
        let ann = Holder::new("ann", "up test", 0);
        let mut locked = far(&inner).lock(&ann, "lineage").await.expect("locks");
        let plan = planned(&world, locked.state(), &graph, &up()).await;
        let taken = async {
            tokio::time::sleep(Duration::from_millis(100 + moment * 1_111)).await;
            let bob = Holder::new("bob", "unlock test", 0);
            far(&inner).unlock(&bob, &ann.id, "lineage").await.expect("unlocks");
        };
        let (ended, ()) = futures::join!(carry_out(&world, &mut locked, &plan), taken);
        locked.release().await;
        if let Err(error) = ended {
            assert!(matches!(error, StoreError::Lost { .. }), "{error:?}");
            lost += 1;
            let left = world.inventory();
            tokio::time::sleep(LEASE * 10).await;
            assert_eq!(world.inventory(), left, "moment {moment}");
        }
        let (_, outcome) = whole(&world, &far(&inner), &graph, &up()).await;
        assert!(outcome.is_complete(), "moment {moment}: {:#?}", outcome.failed);
        let state = far(&inner).read().await.expect("reads").expect("a state");
        let again = planned(&world, &state, &graph, &up()).await;
        assert_eq!(told(&again), Vec::<String>::new(), "moment {moment}");
        whole(&world, &far(&inner), &Graph::default(), &Intent::Destroy { targets: Vec::new() }).await;
        // A NAT gateway that is gone is told for an hour.
        world.rest(4_000).await;
        let mut left = world.inventory();
        left.retain(|thing| !fresh.contains(thing));
        assert_eq!(left, Vec::<String>::new(), "moment {moment}: something is left, or was made twice");
    }
    assert!(lost > 6, "only {lost} runs lost the state");
}
