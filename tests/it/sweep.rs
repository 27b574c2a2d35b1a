//! The audit finds every orphan that was put into a sandbox and nothing else, and a sweep removes those of its cluster.
//! Random ones, after random ends of random stacks, are in `teardowns`.

use std::collections::BTreeSet;

use serde_json::json;
use stack::cloud::{Access, Cloud, Settings};
use stack::graph::Place;
use stack::sandbox::world::{ACCOUNT, Key};
use stack::sandbox::{Effect, Fault, Sandbox};
use stack::state::State;
use stack::state::trace::{Trace, Traced};
use stack::sweep::remove::Step;
use stack::sweep::{Report, Scope, Sort, audit, left_alone, remove};

use crate::support::orphans::{GROUPS, Marks, OF_CLUSTER, Put, ground, plant};
use crate::support::world::World;

const OURS: Marks = Marks {
    lineage: "tests",
    cluster: "left",
    vpc: "vpc-left",
    inside: "vpc-made",
    region: "us-west-2",
    ghost: "ghost",
    key: "ours",
};
/// The same things with the marks of others: of another state, of clusters with names that begin alike, in other VPCs.
const THEIRS: Marks = Marks {
    lineage: "other",
    cluster: "left-2",
    vpc: "vpc-other",
    inside: "vpc-theirs",
    region: "us-west-2",
    ghost: "theirs",
    key: "theirs",
};
/// Of a cluster of the same name in another VPC, of another region where nothing tells the VPC.
const ELSEWHERE: Marks =
    Marks { lineage: "other", cluster: "left", region: "eu-west-1", key: "elsewhere", ..THEIRS };

fn cloud(sandbox: &Sandbox, access: Access) -> Cloud {
    Cloud::new(Settings::through(sandbox.door(), sandbox.clock(), "us-west-2", access))
}

fn place() -> Place {
    Place { account: None, region: "us-west-2".into() }
}

/// A state that made what `OURS` says and has nothing any more.
pub fn remembering(mut state: State) -> State {
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

pub fn found(report: &Report) -> BTreeSet<(Sort, String)> {
    report.leftovers.iter().map(|one| (one.thing.sort, one.thing.id.clone())).collect()
}

fn inventory(sandbox: &Sandbox) -> BTreeSet<String> {
    sandbox.world().all().map(|(key, _)| format!("{} {}", key.table, key.id)).collect()
}

/// Puts in these groups of ours, and everything of others.
pub fn planted(sandbox: &Sandbox, groups: impl Fn(usize) -> bool) -> Put {
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
    ("elasticloadbalancing.DescribeLoadBalancers", Sort::ClassicLoadBalancer),
    ("elasticloadbalancing.DescribeTags", Sort::TargetGroup),
    ("elasticloadbalancing.DescribeTags", Sort::ClassicLoadBalancer),
    ("ec2.DescribeInstances", Sort::Instance),
    ("ec2.DescribeLaunchTemplates", Sort::LaunchTemplate),
    ("ec2.DescribeVpcEndpointServiceConfigurations", Sort::EndpointService),
    ("globalaccelerator.ListAccelerators", Sort::Accelerator),
    ("globalaccelerator.ListTagsForResource", Sort::Accelerator),
    ("iam.GetPolicy", Sort::Policy),
    ("iam.GetInstanceProfile", Sort::InstanceProfile),
    ("vpc-lattice.ListServiceNetworks", Sort::LatticeVpcAssociation),
    ("vpc-lattice.ListTagsForResource", Sort::LatticeService),
    ("vpc-lattice.ListTargetGroups", Sort::LatticeTargetGroup),
    ("acm.ListCertificates", Sort::Certificate),
    ("iam.ListRoles", Sort::Role),
    ("iam.ListOpenIDConnectProviders", Sort::OidcProvider),
    ("tagging.GetResources", Sort::Policy),
    ("tagging.GetResources", Sort::InstanceProfile),
    ("logs.DescribeLogGroups", Sort::LogGroup),
    ("route53.ListHostedZones", Sort::HostedZone),
    ("eks.DescribeCluster", Sort::Cluster),
    ("sts.GetCallerIdentity", Sort::Vpc),
];

/// What turns up late is found by the clusters of the file: the state remembers nothing of what was seen to be clean.
#[test]
fn what_turns_up_later_is_found_by_the_file() {
    simulated(async {
        let world = crate::support::world::World::new();
        let stack = crate::support::edge::edge(&[]);
        let mut scope = Scope::default();
        scope.add_file(&stack);
        let cloud = world.cloud(Access::Write);
        let report = audit(&cloud, &scope).await;
        assert!(report.is_clean() && report.regions.len() == 1, "{report:#?}");
        let tag = aws_sdk_elasticloadbalancingv2::types::Tag::builder();
        let tag = tag.key("elbv2.k8s.aws/cluster").value(crate::support::edge::CLUSTER).build();
        let call = cloud.clients(&place()).elb.create_target_group().name("late");
        call.target_type(aws_sdk_elasticloadbalancingv2::types::TargetTypeEnum::Lambda)
            .tags(tag)
            .send()
            .await
            .expect("it is made");
        assert_eq!(audit(&cloud, &scope).await.leftovers.len(), 1);
    });
}

#[test]
fn what_is_denied_is_told_and_never_counts_as_clean() {
    simulated(async {
        let world = World::new();
        let scope = Scope::of_state(&remembering(world.state()));
        for (operation, sort) in LISTS {
            let sandbox = world.sandbox.fork();
            ground(&sandbox);
            for group in [0, 1, 14, 17, 29, 30] {
                plant(&sandbox, group, &THEIRS);
            }
            // Only what may be left over is asked itself.
            for group in [26, 27] {
                plant(&sandbox, group, &OURS);
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

/// The sorts of which a sweep of a cluster finds one to remove.
const SWEPT: &[Sort] = &[
    Sort::Accelerator,
    Sort::EndpointService,
    Sort::Listener,
    Sort::LoadBalancer,
    Sort::ClassicLoadBalancer,
    Sort::TargetGroup,
    Sort::LatticeService,
    Sort::LatticeTargetGroup,
    Sort::LatticeVpcAssociation,
    Sort::Instance,
    Sort::LaunchTemplate,
    Sort::OidcProvider,
    Sort::InstanceProfile,
    Sort::Policy,
    Sort::NetworkInterface,
    Sort::SecurityGroup,
];

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
            let sorts: BTreeSet<Sort> = report
                .leftovers
                .iter()
                .filter(|one| left_alone(one).is_none())
                .map(|one| one.thing.sort)
                .collect();
            assert!(SWEPT.iter().all(|sort| sorts.contains(sort)), "{sorts:?}");
            let mut failed = Vec::new();
            remove(&cloud(sandbox, Access::Write), &report.leftovers, &mut |one, step| {
                if let Step::Failed(error) = step {
                    failed.push(format!("{:?} {error}", one.thing));
                }
            })
            .await;
            assert!(failed.is_empty(), "{failed:#?}");
            // EC2 tells of a terminated instance for an hour.
            world.rest(3_800).await;
            let after = inventory(sandbox);
            let mut gone: BTreeSet<String> = before
                .difference(&after)
                .filter_map(|key| key.split(' ').nth(1))
                .map(str::to_owned)
                .collect();
            // What is below an accelerator goes with it, and only with it.
            gone.retain(|id| !removable.iter().any(|one| id.starts_with(&format!("{one}/"))));
            assert_eq!(gone, removable);
            let ours: BTreeSet<String> = put.iter().map(|(_, id)| id.clone()).collect();
            assert_eq!(gone.iter().all(|id| ours.contains(id)), spared, "{gone:#?}");
            let again = audit(&cloud(sandbox, Access::Read), &scope).await;
            let left: Vec<_> = again.leftovers.iter().filter(|one| left_alone(one).is_none()).collect();
            assert!(left.is_empty(), "{left:#?}");
        }
    });
}

/// What lives in no region is told by one region of the partition, whichever that of the cluster is.
#[test]
fn what_lives_in_no_region_is_found_from_any() {
    simulated(async {
        let world = World::new();
        let sandbox = &world.sandbox;
        planted(sandbox, |_| true);
        let place = Place { account: None, region: ELSEWHERE.region.into() };
        let scope = Scope::of_cluster(ELSEWHERE.cluster, &place, None);
        let report = audit(&cloud(sandbox, Access::Read), &scope).await;
        let sorts: Vec<Sort> = report.leftovers.iter().map(|one| one.thing.sort).collect();
        assert_eq!(sorts, [Sort::Accelerator, Sort::OidcProvider, Sort::InstanceProfile, Sort::Policy]);
        assert!(report.leftovers.iter().all(|one| one.thing.id.ends_with(ELSEWHERE.key)), "{report:#?}");
        let mut steps = Vec::new();
        remove(&cloud(sandbox, Access::Write), &report.leftovers, &mut |_, step| steps.push(step.clone()))
            .await;
        assert_eq!(steps, [Step::Removed, Step::Removed, Step::Removed, Step::Removed]);
        assert!(audit(&cloud(sandbox, Access::Read), &scope).await.is_clean());
    });
}

/// Other partitions have no accelerators and keep IAM elsewhere.
#[test]
fn each_partition_is_asked_for_what_it_has() {
    simulated(async {
        let world = World::new();
        let place = Place { account: None, region: "us-gov-east-1".into() };
        let cloud = cloud(&world.sandbox, Access::Read);
        let report = audit(&cloud, &Scope::of_cluster("left", &place, None)).await;
        assert!(report.is_clean(), "{report:#?}");
        let calls = cloud.calls().by_operation();
        assert!(calls.keys().all(|operation| !operation.starts_with("Global Accelerator.")), "{calls:#?}");
        assert_eq!(calls["Resource Groups Tagging API.GetResources"], 1);
    });
}

/// What the cloud will not let go at all is told at once; a sweep does not wait for it.
#[test]
fn what_cannot_go_is_told_in_the_words_of_the_cloud() {
    simulated(async {
        let world = World::new();
        let sandbox = &world.sandbox;
        ground(sandbox);
        let put: Vec<_> = [31, 33].into_iter().flat_map(|group| plant(sandbox, group, &OURS)).collect();
        for (table, id, field) in [
            ("ec2/instance", &put[0].1, "_protected"),
            ("ec2/vpc-endpoint-service", &put[2].1, "_connections"),
        ] {
            let value = if field == "_protected" { true.into() } else { 1.into() };
            let mut content = sandbox.world();
            let key = content.all().map(|(key, _)| key).find(|key| key.table == table && key.id == *id);
            let key = key.expect("it was planted").clone();
            content.change(&key, |doc| doc[field] = value);
        }
        let scope = Scope::of_cluster(OURS.cluster, &place(), None);
        let report = audit(&cloud(sandbox, Access::Read), &scope).await;
        let group = report.leftovers.iter().filter_map(left_alone).collect::<Vec<_>>();
        assert_eq!(group, ["the Auto Scaling group workers would start another one"]);
        let began = sandbox.clock().elapsed();
        let mut codes = Vec::new();
        remove(&cloud(sandbox, Access::Write), &report.leftovers, &mut |_, step| match step {
            Step::Failed(error) => codes.push(error.code.clone()),
            Step::Removed => codes.push("removed".to_owned()),
        })
        .await;
        assert_eq!(codes, ["ExistingVpcEndpointConnections", "OperationNotPermitted"]);
        assert!(sandbox.clock().elapsed() - began < std::time::Duration::from_secs(60));
    });
}

/// A rule that somebody made for their own purposes is theirs to revoke, and keeps the group that it names.
#[test]
fn a_rule_of_somebody_else_is_left_and_keeps_the_group_that_it_names() {
    simulated(async {
        let world = World::new();
        let sandbox = &world.sandbox;
        planted(sandbox, |group| group < 5);
        let group =
            inventory(sandbox).into_iter().find(|key| key.starts_with("ec2/security-group sg-k8s-ours"));
        let group = group.and_then(|key| key.split(' ').nth(1).map(str::to_owned)).expect("it is planted");
        plant_rule(sandbox, &group);
        let scope = Scope::of_cluster(OURS.cluster, &place(), Some(OURS.vpc));
        let before = audit(&cloud(sandbox, Access::Read), &scope).await;
        remove(&cloud(sandbox, Access::Write), &before.leftovers, &mut |_, step| {
            assert!(matches!(step, Step::Removed), "{step:?}");
        })
        .await;
        world.rest(120).await;
        let after = audit(&cloud(sandbox, Access::Read), &scope).await;
        let left: Vec<_> =
            after.leftovers.iter().map(|one| (one.thing.id.as_str(), left_alone(one))).collect();
        let wanted = [
            ("sgr-theirs", Some("somebody else made it")),
            (group.as_str(), Some("rule sgr-theirs of security group sg-foreign names it")),
        ];
        assert_eq!(left, wanted);
    });
}

fn plant_rule(sandbox: &Sandbox, named: &str) {
    let [account, region, table, id] =
        [ACCOUNT, "us-west-2", "ec2/security-group-rule", "sgr-theirs"].map(str::to_owned);
    let rule = json!({
        "securityGroupRuleId": "sgr-theirs", "groupId": "sg-foreign", "isEgress": false, "ipProtocol": "tcp",
        "fromPort": 5432, "toPort": 5432, "description": "my database", "tagSet": [],
        "referencedGroupInfo": { "groupId": named, "userId": ACCOUNT },
    });
    sandbox.world().put(Key { account, region, table, id }, rule);
}

/// Nobody else takes the protection back any more.
#[test]
fn b61_a_load_balancer_that_is_protected_is_removed_too() {
    simulated(async {
        let world = World::new();
        let sandbox = &world.sandbox;
        planted(sandbox, |group| group == 0);
        let balancer = inventory(sandbox).into_iter().find_map(|key| {
            key.strip_prefix("elb/load-balancer ").filter(|arn| arn.ends_with("/ours")).map(str::to_owned)
        });
        let id = balancer.expect("it is planted");
        let [account, region, table] = [ACCOUNT, "us-west-2", "elb/load-balancer"].map(str::to_owned);
        let key = Key { account, region, table, id };
        sandbox
            .world()
            .change(&key, |doc| doc["_attributes"] = json!({ "deletion_protection.enabled": "true" }));
        let scope = Scope::of_cluster(OURS.cluster, &place(), Some(OURS.vpc));
        let before = audit(&cloud(sandbox, Access::Read), &scope).await;
        remove(&cloud(sandbox, Access::Write), &before.leftovers, &mut |_, step| {
            assert!(matches!(step, Step::Removed), "{step:?}");
        })
        .await;
        assert!(audit(&cloud(sandbox, Access::Read), &scope).await.is_clean());
    });
}
