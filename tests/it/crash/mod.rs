//! A run may be killed anywhere: the next one goes on, makes nothing twice, leaves nothing and asks nobody.
//!
//! One forward run up from nothing, a changing one and a destroy are recorded; then each is killed at each entry of
//! its journal and at each call that changes the cloud (lost, answered to nobody, arriving late), and run again. All
//! the while EC2 and IAM do not tell of what was just made. Of the big
//! stacks a sample is tried; `cargo test crash::every -- --ignored` tries more of them.

use std::sync::LazyLock;

use crate::shop::edited;
use crate::support::crash::campaign::{Campaign, Then, tell};
use crate::support::crash::recording::Sample;

macro_rules! campaign {
    ($name:ident, $what:literal, $ground:expr, $file:literal) => {
        static $name: LazyLock<Campaign> = LazyLock::new(|| Campaign::record($what, $ground, $file));
    };
}

campaign!(NETWORK, "a network", None, "network");
campaign!(CLUSTER, "a cluster", None, "cluster");
campaign!(MESH, "a mesh", Some("ground"), "mesh");

static SHOP: LazyLock<Campaign> = LazyLock::new(|| {
    let changes = [
        ("size = { min = 3, max = 6 }", "size = { min = 3, max = 7 }"),
        ("weight = 9", "weight = 5"),
        ("security_groups = [\"lattice-clients\"]", "security_groups = [\"lattice-tls-clients\"]"),
    ];
    let stacks = [edited("shop.toml", &[]), edited("shop.toml", &changes)];
    Campaign::record_of("the shop", None, stacks, Sample { every: 97, from: 41 })
});

macro_rules! parts {
    ($($name:ident $campaign:ident $then:ident $part:literal/$parts:literal)*) => {
        $(#[test] fn $name() { $campaign.try_all(Then::$then, $part, $parts); })*

        #[test]
        fn b32_the_points_are_at_least_three_thousand() {
            let points: usize = [$($campaign.points_in($part, $parts).len()),*].iter().sum();
            tell(&format!("crash: {points} points are tried in all"));
            assert!(points >= 3_000, "{points}");
        }
    };
}

parts! {
    b32_b39_b40_a_network_1 NETWORK Again 0/2
    b32_b39_b40_a_network_2 NETWORK Again 1/2
    b32_b39_b40_a_cluster CLUSTER Again 0/1
    b32_b39_b40_a_mesh MESH Again 3/19
    b32_b39_b40_the_shop SHOP Again 2/47
    b31_b32_a_network_for_no_goal_1 NETWORK Down 0/2
    b31_b32_a_network_for_no_goal_2 NETWORK Down 1/2
    b31_b32_a_network_for_another_goal_1 NETWORK Back 0/2
    b31_b32_a_network_for_another_goal_2 NETWORK Back 1/2
    b31_b32_a_cluster_for_another_goal CLUSTER Back 0/1
    b31_b32_a_cluster_for_no_goal CLUSTER Down 0/1
    b31_b32_a_mesh_for_another_goal MESH Back 7/19
    b31_b32_a_mesh_for_no_goal MESH Down 12/19
    b31_b32_the_shop_for_another_goal SHOP Back 13/47
    b31_b32_the_shop_for_no_goal SHOP Down 24/47
    b32_a_network_killed_twice_1 NETWORK AgainAndAgain 0/2
    b32_a_network_killed_twice_2 NETWORK AgainAndAgain 1/2
    b32_a_cluster_killed_twice CLUSTER AgainAndAgain 0/1
    b32_a_mesh_killed_twice MESH AgainAndAgain 17/19
    b32_the_shop_killed_twice SHOP AgainAndAgain 24/47
}

#[test]
#[ignore = "takes its time: every point of the mesh, and more of the shop"]
fn every_point() {
    for then in [Then::Again, Then::Back, Then::Down, Then::AgainAndAgain] {
        MESH.try_all(then, 0, 1);
        SHOP.try_all(then, 0, 1);
    }
}
