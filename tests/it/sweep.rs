//! The audit finds every orphan that was put into a sandbox and nothing else, and a sweep removes those of its cluster.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use stack::cloud::{Access, Cloud, Settings};
use stack::graph::Place;
use stack::plan::Intent;
use stack::sandbox::{Effect, Fault, Sandbox};
use stack::state::State;
use stack::state::trace::{Trace, Traced};
use stack::sweep::remove::Step;
use stack::sweep::{Report, Scope, Sort, audit, left_alone, remove};

use crate::convergence::graph;
use crate::support::orphans::{GROUPS, Marks, OF_CLUSTER, Put, ground, plant};
use crate::support::stacks::{genes, text};
use crate::support::world::World;

const OURS: Marks = Marks {
    lineage: "tests",
    cluster: "left",
    vpc: "vpc-left",
    inside: "vpc-made",
    ghost: "ghost",
    key: "ours",
};
/// The same things with the marks of others: of another state, of clusters with names that begin alike, in other VPCs.
const THEIRS: Marks = Marks {
    lineage: "other",
    cluster: "left-2",
    vpc: "vpc-other",
    inside: "vpc-theirs",
    ghost: "theirs",
    key: "theirs",
};
/// Of a cluster of the same name in another VPC.
const ELSEWHERE: Marks = Marks { lineage: "other", cluster: "left", key: "elsewhere", ..THEIRS };

fn cloud(sandbox: &Sandbox, access: Access) -> Cloud {
    Cloud::new(Settings::through(sandbox.door(), sandbox.clock(), "us-west-2", access))
}

fn place() -> Place {
    Place { account: None, region: "us-west-2".into() }
}

/// A state that made what `OURS` says and has nothing any more.
fn remembering(mut state: State) -> State {
    state.lineage = OURS.lineage.into();
    let cluster = |name: &str, vpc: Option<&str>| Traced::Cluster {
        name: name.into(),
        vpc: vpc.map(str::to_owned),
        issuer: None,
    };
    let record = |key: &str| Traced::Record {
        zone: "Z0APIEXAMPLECOM01".into(),
        name: format!("{key}.api.example.com"),
        sort: "CNAME".into(),
    };
    let all = [
        cluster(OURS.cluster, Some(OURS.vpc)),
        cluster(OURS.ghost, None),
        Traced::Vpc { id: OURS.inside.into() },
        record(OURS.key),
    ];
    state.traces.extend(all.map(|what| Trace { place: place(), what }));
    state
}

fn found(report: &Report) -> BTreeSet<(Sort, String)> {
    report.leftovers.iter().map(|one| (one.thing.sort, one.thing.id.clone())).collect()
}

fn inventory(sandbox: &Sandbox) -> BTreeSet<String> {
    sandbox.world().all().map(|(key, _)| format!("{} {}", key.table, key.id)).collect()
}

/// Puts in these groups of ours, and everything of others.
fn planted(sandbox: &Sandbox, groups: impl Fn(usize) -> bool) -> Put {
    ground(sandbox);
    for group in 0..GROUPS {
        plant(sandbox, group, &THEIRS);
        // Log groups and volumes tell no VPC.
        if OF_CLUSTER.contains(&group) {
            plant(sandbox, group, &ELSEWHERE);
        }
    }
    (0..GROUPS).filter(|group| groups(*group)).flat_map(|group| plant(sandbox, group, &OURS)).collect()
}

fn simulated(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(test);
}

/// A random stack goes up and comes down and leaves nothing; then random orphans are found, all and only those.
async fn finds_what_was_planted(text: &str, masks: &[u64]) {
    let graph = graph(text).expect("a sound stack");
    let mut world = World::new();
    for quota in ["vpcs", "addresses", "internet-gateways"] {
        world.raise_quota(quota, 20);
    }
    for role in ["ops", "dev"] {
        world.somebodys_role(role);
    }
    world.up(&graph).await;
    let live = audit(&world.cloud(Access::Read), &Scope::of_state(&world.state())).await;
    assert!(live.is_clean(), "while it is up: {:#?} {:#?}\n{text}", live.leftovers, live.unread);
    let (_, outcome) = world.run(&graph, &Intent::Destroy { targets: Vec::new() }).await;
    assert!(outcome.is_complete(), "{:#?}\n{text}", outcome.failed);
    let report = audit(&world.cloud(Access::Read), &Scope::of_state(&world.state())).await;
    assert!(report.is_clean(), "destroyed: {:#?} {:#?}\n{text}", report.leftovers, report.unread);
    let scope = Scope::of_state(&remembering(world.state()));
    for mask in masks {
        let sandbox = world.sandbox.fork();
        let put = planted(&sandbox, |group| mask & (1 << group) != 0);
        let report = audit(&cloud(&sandbox, Access::Read), &scope).await;
        assert!(report.unread.is_empty(), "{:#?}", report.unread);
        let wanted: BTreeSet<_> = put.into_iter().collect();
        assert_eq!(found(&report), wanted, "mask {mask:#x}");
    }
}

fn fuzzed(seed: u64) {
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() });
    let stack = text(&genes().new_tree(&mut runner).expect("a stack").current());
    let masks = proptest::collection::vec(0_u64..(1 << GROUPS), 30);
    let masks = masks.new_tree(&mut runner).expect("masks").current();
    simulated(finds_what_was_planted(&stack, &masks));
}

macro_rules! fuzzed {
    ($($name:ident $seed:literal)*) => { $(#[test] fn $name() { fuzzed($seed); })* };
}

fuzzed! {
    the_audit_finds_all_and_only_orphans_1 1 the_audit_finds_all_and_only_orphans_2 2
    the_audit_finds_all_and_only_orphans_3 3 the_audit_finds_all_and_only_orphans_4 4
    the_audit_finds_all_and_only_orphans_5 5 the_audit_finds_all_and_only_orphans_6 6
    the_audit_finds_all_and_only_orphans_7 7 the_audit_finds_all_and_only_orphans_8 8
    the_audit_finds_all_and_only_orphans_9 9
}

/// Every sort of thing is planted by some group: an audit that forgets one fails.
#[test]
fn every_sort_is_planted() {
    simulated(async {
        let world = World::new();
        let put = planted(&world.sandbox, |_| true);
        let sorts: BTreeSet<Sort> = put.iter().map(|(sort, _)| *sort).collect();
        assert_eq!(sorts, Sort::ALL.iter().copied().collect());
        let scope = Scope::of_state(&remembering(world.state()));
        let cloud = world.cloud(Access::Read);
        let report = audit(&cloud, &scope).await;
        assert_eq!(found(&report), put.into_iter().collect());
        assert!(cloud.calls().total() < 120, "{:#?}", cloud.calls().by_operation());
    });
}

/// The operations that an audit lists by, each of which may be denied.
const LISTS: &[(&str, Sort)] = &[
    ("ec2.DescribeVpcEndpoints", Sort::VpcEndpoint),
    ("ec2.DescribeSecurityGroupRules", Sort::SecurityGroupRule),
    ("elasticloadbalancing.DescribeLoadBalancers", Sort::Listener),
    ("elasticloadbalancing.DescribeTags", Sort::TargetGroup),
    ("vpc-lattice.ListServiceNetworks", Sort::LatticeVpcAssociation),
    ("vpc-lattice.ListTagsForResource", Sort::LatticeService),
    ("vpc-lattice.ListTargetGroups", Sort::LatticeTargetGroup),
    ("acm.ListCertificates", Sort::Certificate),
    ("iam.ListRoles", Sort::Role),
    ("iam.ListOpenIDConnectProviders", Sort::OidcProvider),
    ("logs.DescribeLogGroups", Sort::LogGroup),
    ("route53.ListHostedZones", Sort::HostedZone),
    ("eks.DescribeCluster", Sort::Cluster),
    ("sts.GetCallerIdentity", Sort::Vpc),
];

#[test]
fn what_is_denied_is_told_and_never_counts_as_clean() {
    simulated(async {
        let world = World::new();
        let scope = Scope::of_state(&remembering(world.state()));
        for (operation, sort) in LISTS {
            let sandbox = world.sandbox.fork();
            ground(&sandbox);
            for group in [0, 1, 14, 17] {
                plant(&sandbox, group, &THEIRS);
            }
            let fault =
                Fault { operation: (*operation).into(), skip: 0, times: u32::MAX, effect: Effect::Denied };
            sandbox.world().faults.list.push(fault);
            let report = audit(&cloud(&sandbox, Access::Read), &scope).await;
            assert!(!report.is_clean(), "{operation}");
            assert!(report.unread.iter().any(|unread| unread.sorts.contains(sort)), "{operation}");
        }
    });
}

#[test]
fn b70_a_sweep_removes_what_a_cluster_left_and_nothing_else() {
    simulated(async {
        for (vpc, spared) in [(Some(OURS.vpc), true), (None, false)] {
            let world = World::new();
            let sandbox = &world.sandbox;
            let put = planted(sandbox, |_| true);
            let before = inventory(sandbox);
            let scope = Scope::of_cluster(OURS.cluster, &place(), vpc);
            let report = audit(&cloud(sandbox, Access::Read), &scope).await;
            let removable: BTreeSet<String> = report
                .leftovers
                .iter()
                .filter(|one| left_alone(one).is_none())
                .map(|one| one.thing.id.clone())
                .collect();
            let mut failed = Vec::new();
            remove(&cloud(sandbox, Access::Write), &report.leftovers, &mut |one, step| {
                if let Step::Failed(error) = step {
                    failed.push(format!("{:?} {error}", one.thing));
                }
            })
            .await;
            assert!(failed.is_empty(), "{failed:#?}");
            world.rest(120).await;
            let after = inventory(sandbox);
            let gone: BTreeSet<String> = before
                .difference(&after)
                .filter_map(|key| key.split(' ').nth(1))
                .map(str::to_owned)
                .collect();
            assert_eq!(gone, removable);
            let ours: BTreeSet<String> = put.iter().map(|(_, id)| id.clone()).collect();
            assert_eq!(gone.iter().all(|id| ours.contains(id)), spared, "{gone:#?}");
            let again = audit(&cloud(sandbox, Access::Read), &scope).await;
            let left: Vec<_> = again.leftovers.iter().filter(|one| left_alone(one).is_none()).collect();
            assert!(left.is_empty(), "{left:#?}");
        }
    });
}
