//! A run may be killed anywhere: the next one goes on, makes nothing twice, leaves nothing and asks nobody.
//!
//! One forward run up from nothing, a changing one and a destroy are recorded; then each is killed at each entry of
//! its journal and at each call that changes the cloud (lost, answered to nobody, arriving late), and run again. All
//! the while EC2 and IAM do not tell of what was just made. Of the big
//! stack a sample is tried; `cargo test crash::every -- --ignored` tries all of it.

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
    b32_b39_b40_a_cluster CLUSTER Again 0/1
    b32_b39_b40_a_mesh MESH Again 5/41
    b31_b32_a_network_for_no_goal_1 NETWORK Down 0/2
    b31_b32_a_network_for_no_goal_2 NETWORK Down 1/2
    b31_b32_a_cluster_for_another_goal CLUSTER Back 0/1
    b31_b32_a_cluster_for_no_goal CLUSTER Down 0/1
    b32_a_cluster_killed_twice CLUSTER AgainAndAgain 0/1
}

#[test]
#[ignore = "takes its time: every point of the mesh"]
fn every_point_of_the_mesh() {
    for then in [Then::Again, Then::Back, Then::Down, Then::AgainAndAgain] {
        MESH.try_all(then, 0, 1);
    }
}
