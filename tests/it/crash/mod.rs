//! A run may be killed anywhere: the next one goes on, makes nothing twice, leaves nothing and asks nobody.
//!
//! One forward run up from nothing, a changing one and a destroy are recorded; then each is killed at each entry of
//! its journal and at each call that changes the cloud (lost, answered to nobody, arriving late), and run again. All
//! the while EC2 and IAM do not tell of what was just made. `CRASH_EVERY=1` tries every point of the big stacks too.

use std::sync::LazyLock;

use crate::support::crash::campaign::{Campaign, Then};

macro_rules! campaign {
    ($name:ident, $what:literal, $ground:expr, $file:literal) => {
        static $name: LazyLock<Campaign> = LazyLock::new(|| Campaign::record($what, $ground, $file));
    };
}

campaign!(NETWORK, "a network", None, "network");
campaign!(CLUSTER, "a cluster", None, "cluster");
campaign!(MESH, "a mesh", Some("ground"), "mesh");

macro_rules! parts {
    ($($name:ident $campaign:ident $then:ident $part:literal/$parts:literal)*) => {
        $(#[test] fn $name() { $campaign.try_all(Then::$then, $part, $parts); })*
    };
}

parts! {
    b32_b39_b40_a_network_1 NETWORK Again 0/2
    b32_b39_b40_a_network_2 NETWORK Again 1/2
    b32_b39_b40_a_cluster_1 CLUSTER Again 0/2
    b32_b39_b40_a_cluster_2 CLUSTER Again 1/2
    b32_b39_b40_a_mesh MESH Again 5/41
    b31_b32_a_network_for_another_goal NETWORK Back 1/3
    b31_b32_a_network_for_no_goal NETWORK Down 2/3
    b32_a_network_killed_twice NETWORK AgainAndAgain 0/3
    b31_b32_a_cluster_for_another_goal CLUSTER Back 1/3
    b31_b32_a_cluster_for_no_goal CLUSTER Down 2/3
    b32_a_cluster_killed_twice CLUSTER AgainAndAgain 0/3
    b31_b32_a_mesh_for_another_goal MESH Back 11/83
    b31_b32_a_mesh_for_no_goal MESH Down 12/83
    b32_a_mesh_killed_twice MESH AgainAndAgain 13/83
}
