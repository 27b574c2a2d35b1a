//! Any stack goes down, however roughly: sections removed, calls that fail or get lost, runs that are stopped or killed,
//! Ingresses and Services of others in its clusters, controllers, roles, classes or the access to a cluster that somebody
//! took away. Then one undisturbed destroy leaves nothing, and the audit agrees with the sandbox: it finds all that was
//! planted there and nothing else.
//!
//! A stack is raised once and forked for every case, so that five hundred of them take little more than their destroys.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value as Json, json};
use stack::cloud::Access;
use stack::graph::Graph;
use stack::plan::{Intent, Leave};
use stack::sandbox::world::Key;
use stack::sandbox::{Effect, Fault};
use stack::sweep::{Scope, audit};

use crate::convergence::graph;
use crate::support::edge::destroy;
use crate::support::orphans::GROUPS;
use crate::support::stacks::{GENES, changed, genes, text};
use crate::support::world::{World, up};
use crate::sweep::{found, planted, remembering};

const ALL: Leave = Leave { include_foreign: true, no_repair: false, force_finalizers: false };
/// Of each stack.
const CASES: usize = 42;

/// How one run goes wrong.
#[derive(Clone, Debug)]
struct Rough {
    /// Which call of each sort, how many of them, and what happens to them.
    faults: Vec<(u32, u32, u8)>,
    /// After how many seconds it ends; never if there are more than it takes.
    ends: u64,
    /// Whether it is killed rather than told to stop.
    killed: bool,
}

/// What happens to a stack before it is destroyed in peace.
#[derive(Clone, Debug)]
struct Case {
    /// Genes that are set to nothing: sections that leave the file.
    removed: Vec<usize>,
    /// The runs: an `up` of the rest first, if something was removed, then destroys.
    runs: Vec<Rough>,
    /// What somebody breaks before; mostly nothing.
    accident: u8,
    /// What others have in its clusters, by the bits: an Ingress, two that share a load balancer, a Service.
    guests: u8,
    /// What is planted afterwards.
    mask: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let faults = vec((0_u32..120, 1_u32..4, 0_u8..5), 0..5);
    let rough = (faults, 0_u64..1_200, proptest::bool::ANY);
    let rough = rough.prop_map(|(faults, ends, killed)| Rough { faults, ends, killed });
    let removed = proptest::option::weighted(0.5, vec(0..GENES, 1..40));
    let rest = (0_u64..(1 << GROUPS), 0_u8..16, 0_u8..12);
    (removed, vec(rough, 1..3), rest).prop_map(|(removed, runs, (mask, guests, accident))| {
        Case {
            removed: removed.unwrap_or_default(),
            runs,
            mask,
            accident,
            // Half of the stacks are alone.
            guests: guests & 7 & !(guests >> 3).wrapping_neg(),
        }
    })
}

fn effect(number: u8) -> Effect {
    match number {
        0 => Effect::Throttle,
        1 => Effect::Broken,
        2 => Effect::Denied,
        3 => Effect::LostBefore,
        _ => Effect::LostAfter,
    }
}

/// One run that goes wrong. What is refused does nothing.
async fn rough(world: &mut World, graph: &Graph, intent: &Intent, how: &Rough) {
    let Ok(plan) = world.plan_with(graph, intent, ALL).await else { return };
    let fault = |(skip, times, number): &(u32, u32, u8)| Fault {
        operation: String::new(),
        skip: *skip,
        times: *times,
        effect: effect(*number),
    };
    world.sandbox.world().faults.list = how.faults.iter().map(fault).collect();
    let ends = Duration::from_secs(how.ends);
    if how.killed {
        // Dropped where it stands: nothing is saved any more.
        drop(tokio::time::timeout(ends, world.carry_out(&plan)).await);
    } else {
        drop(tokio::time::timeout(ends + Duration::from_secs(60), world.carry_out_until(&plan, ends)).await);
    }
    world.sandbox.world().faults.list.clear();
    world.events.clear();
}

/// Puts Ingresses and Services of somebody else into every cluster.
async fn invite(world: &World, which: u8) {
    let clusters: Vec<String> = {
        let world = world.sandbox.world();
        world.all().filter(|(key, _)| key.table == "eks/cluster").map(|(key, _)| key.id.clone()).collect()
    };
    let groups =
        [vec![ingress("alone", None)], vec![ingress("one", Some("shared")), ingress("two", Some("shared"))]];
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "tcp", "namespace": "default" },
        "spec": {
            "type": "LoadBalancer", "loadBalancerClass": "service.k8s.aws/nlb", "selector": { "app": "a" },
            "ports": [{ "port": 443 }],
        },
    });
    let [first, second] = groups;
    let asked =
        [first, second, vec![service]].into_iter().enumerate().filter(|(bit, _)| which & (1 << bit) != 0);
    let asked: Vec<Json> = asked.flat_map(|(_, objects)| objects).collect();
    for cluster in &clusters {
        for object in &asked {
            world.somebody_applies(cluster, "helm", object).await;
        }
    }
    if asked.is_empty() {
        return;
    }
    world.rest(300).await;
    let world = world.sandbox.world();
    let runs = |id: &str, table: &str| id == "aws-load-balancer-controller" && table.ends_with("/processes");
    let of_guests = |doc: &Json| {
        ["ingress.k8s.aws/stack", "service.k8s.aws/stack"]
            .iter()
            .any(|tag| doc["_tags"].to_string().contains(tag))
    };
    let served = world.all().any(|(key, _)| runs(&key.id, &key.table));
    assert!(!served || world.all().any(|(key, doc)| key.table == "elb/load-balancer" && of_guests(doc)));
}

/// An Ingress that answers by itself.
fn ingress(name: &str, group: Option<&str>) -> Json {
    let port = json!({ "name": "use-annotation" });
    let paths = json!([{ "path": "/", "pathType": "Prefix", "backend": { "service": { "name": "hi", "port": port } } }]);
    let action =
        r#"{"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"200"}}"#;
    let mut object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": { "name": name, "namespace": "default", "annotations": {
            "alb.ingress.kubernetes.io/actions.hi": action, "alb.ingress.kubernetes.io/scheme": "internet-facing",
        } },
        "spec": { "ingressClassName": "alb", "rules": [{ "host": format!("{name}.example.com"), "http": { "paths": paths } }] },
    });
    if let Some(group) = group {
        object["metadata"]["annotations"]["alb.ingress.kubernetes.io/group.name"] = json!(group);
    }
    object
}

/// Somebody takes away, in every cluster, what the teardown needs: as if it had never been there.
async fn accident(world: &World, which: u8) {
    let controllers = ["aws-load-balancer-controller", "gateway-api-controller"];
    let is_gone = |key: &Key, doc: &Json| match which {
        0 => {
            key.table.ends_with("/apps/deployments") && controllers.iter().any(|name| key.id.ends_with(name))
        }
        1 => {
            let trusts = doc["_trust"].to_string();
            key.table == "iam/role" && trusts.contains("pods.eks.amazonaws.com")
        }
        2 => key.table == "eks/access-entry" && key.id.contains("Engineer"),
        3 => key.table == "eks/pod-identity",
        4 => key.table.ends_with("/gatewayclasses") && key.id == "amazon-vpc-lattice",
        _ => false,
    };
    {
        let mut world = world.sandbox.world();
        let gone: Vec<Key> =
            world.all().filter(|(key, doc)| is_gone(key, doc)).map(|(key, _)| key.clone()).collect();
        gone.iter().for_each(|key| drop(world.remove(key)));
    }
    world.rest(60).await;
}

/// How a case went wrong.
async fn case(base: &World, genes: &[u8], case: &Case, fresh: &BTreeSet<String>) -> Result<(), String> {
    let mut world = base.fork();
    let nothing: Vec<(usize, u8)> = case.removed.iter().map(|at| (*at, 0)).collect();
    let rest = graph(&text(&changed(genes, &nothing))).map_err(|fault| format!("the rest: {fault}"))?;
    invite(&world, case.guests).await;
    accident(&world, case.accident).await;
    for (number, how) in case.runs.iter().enumerate() {
        let intent = if number == 0 && !case.removed.is_empty() { up() } else { destroy() };
        rough(&mut world, &rest, &intent, how).await;
        world.state().check().map_err(|unsound| format!("run {number}: {unsound}"))?;
    }
    let plan =
        world.plan_with(&rest, &destroy(), ALL).await.map_err(|refused| format!("refused: {refused:#?}"))?;
    let outcome = world.carry_out(&plan).await;
    if !outcome.is_complete() || !world.state().is_empty() {
        return Err(format!("{:#?} {:?}", outcome.failed, world.state().records.keys()));
    }
    // EC2 tells of a deleted NAT gateway for an hour.
    world.rest(3_700).await;
    let now: BTreeSet<String> = world.inventory().into_iter().collect();
    if now != *fresh {
        let left: Vec<&String> = now.difference(fresh).collect();
        let lost: Vec<&String> = fresh.difference(&now).collect();
        return Err(format!("left: {left:#?}, lost: {lost:#?}"));
    }
    let scope = Scope::of_state(&remembering(world.state()));
    let put: BTreeSet<_> =
        planted(&world.sandbox, |group| case.mask & (1 << group) != 0).into_iter().collect();
    let report = audit(&world.cloud(Access::Read), &scope).await;
    match found(&report) == put && report.unread.is_empty() {
        true => Ok(()),
        false => Err(format!("planted: {put:#?}, told: {:#?} {:#?}", report.leftovers, report.unread)),
    }
}

async fn all_of(genes: &[u8], cases: &[Case]) {
    let stack = text(genes);
    let mut base = World::new();
    for quota in ["vpcs", "addresses", "internet-gateways"] {
        base.raise_quota(quota, 20);
    }
    for role in ["ops", "dev"] {
        base.somebodys_role(role);
    }
    let fresh: BTreeSet<String> = base.inventory().into_iter().collect();
    let (_, outcome) = base.up(&graph(&stack).expect("a sound stack")).await;
    assert!(outcome.is_complete(), "{:#?}\n{stack}", outcome.failed);
    let live = audit(&base.cloud(Access::Read), &Scope::of_state(&base.state())).await;
    assert!(live.is_clean(), "while it is up: {:#?} {:#?}\n{stack}", live.leftovers, live.unread);
    for one in cases {
        if let Err(fault) = case(&base, genes, one, &fresh).await {
            panic!("{fault}\n{one:#?}\n{stack}");
        }
    }
}

fn seeded(seed: u64, count: usize) {
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() });
    let genes = genes().new_tree(&mut runner).expect("a stack").current();
    let cases = vec(cases(), count).new_tree(&mut runner).expect("cases").current();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(all_of(&genes, &cases));
}

macro_rules! seeded {
    ($($name:ident $seed:literal)*) => { $(#[test] fn $name() { seeded($seed, CASES); })* };
}

seeded! {
    a_rough_end_leaves_nothing_1 1 a_rough_end_leaves_nothing_2 2 a_rough_end_leaves_nothing_3 3
    a_rough_end_leaves_nothing_4 4 a_rough_end_leaves_nothing_5 5 a_rough_end_leaves_nothing_6 6
    a_rough_end_leaves_nothing_7 7 a_rough_end_leaves_nothing_8 8 a_rough_end_leaves_nothing_9 9
    a_rough_end_leaves_nothing_10 10 a_rough_end_leaves_nothing_11 11 a_rough_end_leaves_nothing_12 12
}

#[test]
#[ignore = "looks for new cases: as many stacks as PROPTEST_CASES says, other ones each time"]
fn any_rough_end_leaves_nothing() {
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..runner.config().cases {
        seeded(proptest::num::u64::ANY.new_tree(&mut runner).expect("a seed").current(), 6);
    }
}
