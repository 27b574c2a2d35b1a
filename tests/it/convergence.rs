//! Any stack becomes any other one: up, nothing left to do, changed, nothing left to do, down to nothing.
//!
//! The cases are the same in every run; `cargo test convergence::any -- --ignored` looks for new ones.

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use stack::compose::compose;
use stack::drift::drift;
use stack::graph::Graph;
use stack::plan::Intent;
use stack::stack::{Variables, read};

use crate::support::manifests::FILES;
use crate::support::stacks::{changed, changes, genes, text};
use crate::support::world::{World, told, up};

/// How a case went wrong.
type Fault = String;

pub fn graph(text: &str) -> Result<Graph, Fault> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in FILES {
        std::fs::write(folder.path().join(name), content).expect("a file is written");
    }
    let path = folder.path().join("test.toml");
    std::fs::write(&path, text).expect("the stack file is written");
    let stack = read(&path, &Variables::default()).map_err(|found| format!("not valid: {found:#?}"))?;
    compose(&stack).map_err(|found| format!("not composed: {found:#?}"))
}

/// Carries an intent out; the state must be sound.
async fn carried(world: &mut World, graph: &Graph, intent: &Intent, what: &str) -> Result<(), Fault> {
    let plan =
        world.plan(graph, intent).await.map_err(|refusals| format!("{what}: refused: {refusals:#?}"))?;
    let outcome = world.carry_out(&plan).await;
    if !outcome.is_complete() {
        let skipped: Vec<String> = outcome.skipped.iter().map(ToString::to_string).collect();
        return Err(format!(
            "{what}: {:?} of {:#?}; failed: {:#?}; skipped: {skipped:?}",
            world.state().check(),
            told(&plan),
            outcome.failed
        ));
    }
    world.state().check().map_err(|unsound| format!("{what}: {unsound}"))
}

/// Nothing to do, nothing adrift.
async fn settled(world: &World, graph: &Graph, what: &str) -> Result<(), Fault> {
    let plan = world.plan(graph, &up()).await.map_err(|refusals| format!("after {what}: {refusals:#?}"))?;
    if !plan.is_empty() {
        return Err(format!("after {what} there is a plan: {:#?} {:?}", plan.changes, plan.edges));
    }
    let drift = drift(&world.state(), &world.live(None).await, &world.registry.shapes(), &Default::default());
    if drift.drifted.is_empty() && drift.unreadable.is_empty() {
        return Ok(());
    }
    Err(format!("after {what} there is drift: {drift:#?}"))
}

async fn converges(first: &str, second: &str) -> Result<(), Fault> {
    let (one, two) = (graph(first)?, graph(second)?);
    let mut world = World::new();
    for quota in ["vpcs", "addresses", "internet-gateways"] {
        world.raise_quota(quota, 20);
    }
    for role in ["ops", "dev"] {
        world.somebodys_role(role);
    }
    let fresh = world.inventory();
    carried(&mut world, &one, &up(), "up A").await?;
    settled(&world, &one, "up A").await?;
    carried(&mut world, &two, &up(), "up B").await?;
    settled(&world, &two, "up B").await?;
    carried(&mut world, &two, &Intent::Destroy { targets: Vec::new() }, "destroy").await?;
    // EC2 tells of a deleted NAT gateway for an hour.
    world.rest(3_700).await;
    let left: Vec<String> = world.inventory().into_iter().filter(|key| !fresh.contains(key)).collect();
    let lost: Vec<&String> = fresh.iter().filter(|key| !world.inventory().contains(key)).collect();
    if !left.is_empty() || !lost.is_empty() {
        return Err(format!("destroyed, but left: {left:#?}, lost: {lost:#?}"));
    }
    if world.state().is_empty() { Ok(()) } else { Err("the state is not empty".into()) }
}

/// Runs a case in a simulated time of its own.
fn simulated(first: &str, second: &str) -> Result<(), Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(converges(first, second))
}

fn run(config: Config) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..config });
    let result = runner.run(&(genes(), changes()), |(first, changes)| {
        let second = text(&changed(&first, &changes));
        let first = text(&first);
        simulated(&first, &second)
            .map_err(|fault| TestCaseError::fail(format!("{fault}\n\n── A ──\n{first}\n── B ──\n{second}")))
    });
    if let Err(proptest::test_runner::TestError::Fail(reason, _)) = &result {
        panic!("{reason}");
    }
    result.expect("the cases run");
}

/// The two of a case that went wrong once, as named tests below have them.
#[track_caller]
fn holds(first: &str, second: &str) {
    let head = "[stack]\nname = \"test\"\nregion = \"us-west-2\"\n";
    if let Err(fault) = simulated(&format!("{head}{first}"), &format!("{head}{second}")) {
        panic!("{fault}");
    }
}

const PROVED: &str = "[certificates.wild]\ndomain = \"shop.api.example.com\"\nzone = \"api.example.com\"\n";
const WILD: &str =
    "[certificates.wild]\ndomain = \"api.example.com\"\nzone = \"api.example.com\"\nalternative_names";

const UPGRADED: &str = "[networks.west]\ncidr = \"10.7.0.0/18\"\n[clusters.one]\nnetwork = \"west\"\n\
    [clusters.one.nodes.default]\ninstance_types = [\"t3.large\"]\nsize = { min = 1, max = 1 }\n[clusters.one.access.ops]\n\
    principal_arn = \"arn:aws:iam::111122223333:role/ops\"\npolicy = \"view\"\n";

#[test]
fn nodes_follow_their_cluster_to_another_version() {
    let at = |version: &str| {
        UPGRADED.replace("[clusters.one]\n", &format!("[clusters.one]\nversion = \"{version}\"\n"))
    };
    holds(&at("1.34"), &at("1.35"));
}

#[test]
fn a_cluster_leaves_a_zone_before_its_subnet_goes() {
    let zones = |count: u8| {
        let cluster = UPGRADED.replace("[clusters.one]\n", "[clusters.one]\nversion = \"1.35\"\n");
        cluster.replace("/18\"\n", &format!("/18\"\nzones = {count}\n"))
    };
    // The tags of the network change too.
    holds(&zones(3), &format!("tags = {{ team = \"b\" }}\n{}", zones(2)));
}

#[test]
fn a_certificate_gets_another_name() {
    holds(PROVED, &format!("{PROVED}alternative_names = [\"api.example.com\"]\n"));
}

#[test]
fn a_certificate_gets_a_name_in_place_of_one_that_had_the_same_proof() {
    holds(&format!("{WILD} = [\"*.api.example.com\"]"), &format!("{WILD} = [\"x.shop.api.example.com\"]"));
}

#[test]
fn a_validation_record_goes_from_one_certificate_to_another() {
    let wild = "[certificates.wild]\ndomain = \"*.api.example.com\"\nzone = \"api.example.com\"\n";
    let shop = "[certificates.shop]\ndomain = \"api.example.com\"\nzone = \"api.example.com\"\n";
    holds(&format!("{shop}{wild}"), wild);
    holds(wild, shop);
}

const ASSOCIATED: &str = "[networks.east]
cidr = \"10.0.0.0/16\"
zones = 2
[clusters.one]
version = \"1.35\"
network = \"east\"
nodes.default = { instance_types = [\"m7g.large\"], size = { min = 1, max = 2 } }
[service_networks.core]
clusters = [\"one\"]
";

#[test]
fn the_security_groups_of_an_association_are_all_taken_away() {
    let grouped = "[networks.east.security_groups.clients]
        [service_networks.core.associations.one]\nsecurity_groups = [\"clients\"]\n";
    holds(&format!("{ASSOCIATED}{grouped}"), ASSOCIATED);
}

#[test]
fn a_node_group_gets_a_higher_minimum() {
    holds(ASSOCIATED, &ASSOCIATED.replace("min = 1", "min = 2"));
}

fn served() -> String {
    format!(
        "{ASSOCIATED}[controllers.alb]\nkind = \"aws-load-balancer-controller\"\nversion = \"3.5.0\"\n\
         clusters = [\"one\"]\n[manifests.apps]\ncluster = \"one\"\nfiles = [\"services.yaml\"]\n\
         [gateways.web]\nclass = \"alb\"\ncluster = \"one\"\nscheme = \"internal\"\n\
         listeners = [{{ name = \"http\", protocol = \"HTTP\", port = 80 }}]\n\
         [routes.a]\ngateway = \"web\"\nrules = [{{ backends = [{{ service = \"left\", port = 80 }}] }}]\n"
    )
}

#[test]
fn a_route_moves_to_a_listener_by_name() {
    let served = served();
    holds(&served, &format!("{served}listeners = [\"http\"]\n"));
}

#[test]
fn a_load_balancer_gets_another_scheme() {
    let named = "[gateways.web]\ndns = { zone = \"api.example.com\" }\n";
    let served = served().replace("[gateways.web]\n", named).replace("\"internal\"", "\"internet-facing\"")
        + "hostnames = [\"a.api.example.com\"]\n";
    holds(&served, &served.replace("\"internet-facing\"", "\"internal\""));
}

#[test]
fn nodes_of_another_sort_take_their_place_below_a_load_balancer() {
    let nodes = "capacity = \"spot\", instance_types = [\"m7g.large\"]";
    let spot = served().replace("instance_types = [\"m7g.large\"]", nodes);
    holds(&spot, &served());
}

/// Of a stack whose zones have NAT gateways of their own, each of which holds its subnet for a while.
fn zoned(zones: u8, scheme: &str) -> String {
    let zones = format!("zones = {zones}\nnat = \"per-zone\"");
    served().replace("\"internal\"", &format!("\"{scheme}\"")).replace("zones = 2", &zones)
}

#[test]
fn a_load_balancer_is_made_anew_while_a_zone_goes() {
    for scheme in ["internet-facing", "internal"] {
        let second = zoned(2, scheme).replace("\"alb\"\ncluster", "\"nlb\"\ncluster");
        holds(&zoned(3, scheme), &second.replace("\"HTTP\"", "\"TCP\""));
    }
}

#[test]
fn a_load_balancer_leaves_the_zone_that_goes() {
    for scheme in ["internet-facing", "internal"] {
        holds(&zoned(3, scheme), &zoned(2, scheme));
    }
}

/// Of each of the tests that are run always.
const CASES: u32 = 25;

fn seeded(seed: u64) {
    run(Config { cases: CASES, rng_seed: RngSeed::Fixed(seed), max_shrink_iters: 20, ..Config::default() });
}

macro_rules! seeded {
    ($($name:ident $seed:literal)*) => { $(#[test] fn $name() { seeded($seed); })* };
}

seeded! {
    stacks_converge_1 1 stacks_converge_2 2 stacks_converge_3 3 stacks_converge_4 4
    stacks_converge_5 5 stacks_converge_6 6 stacks_converge_7 7 stacks_converge_8 8
}

#[test]
#[ignore = "looks for new cases: as many as PROPTEST_CASES says, other ones each time"]
fn any_stacks_converge() {
    run(Config { max_shrink_iters: 300, ..Config::default() });
}
