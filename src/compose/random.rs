//! Random stacks: composition never panics, whatever is missing, and what it gives has no cycle.

use proptest::prelude::*;

use super::compose;
use super::testing::{example, goes_before, needs, stack};
use crate::stack::Stack;

/// A stack of as many networks and clusters as are given, all sections a choice.
fn text(choice: &Choice) -> String {
    let mut text = String::new();
    for (i, nat) in choice.nats.iter().enumerate() {
        text += &format!(
            "[networks.n{i}]\ncidr = \"10.{i}.0.0/16\"\nzones = {}\nnat = \"{nat}\"\n",
            choice.zones
        );
    }
    let networks = choice.nats.len();
    for (i, nodes) in choice.nodes.iter().enumerate() {
        text += &format!("[clusters.c{i}]\nversion = \"1.35\"\nnetwork = \"n{}\"\n", i % networks);
        for node in 0..*nodes {
            text += &format!(
                "nodes.g{node} = {{ instance_types = [\"m7g.large\"], size = {{ min = 1, max = 2 }} }}\n"
            );
        }
    }
    let names: Vec<String> = (0..choice.nodes.len()).map(|i| format!("\"c{i}\"")).collect();
    let all = format!("[{}]", names.join(", "));
    text += &format!("[service_networks.core]\nclusters = {all}\n");
    for (key, kind, version) in
        [("alb", "aws-load-balancer-controller", "3.5.0"), ("lattice", "aws-gateway-api-controller", "2.1.3")]
    {
        text +=
            &format!("[controllers.{key}]\nkind = \"{kind}\"\nversion = \"{version}\"\nclusters = {all}\n");
    }
    let http = "listeners = [{ name = \"http\", protocol = \"HTTP\", port = 80 }]\n";
    let private = if choice.dns { "dns = { private_zone = \"a.io\" }\n" } else { "" };
    text += &format!(
        "[gateways.core]\nclass = \"lattice\"\nservice_network = \"core\"\nclusters = {all}\n{http}{private}"
    );
    for (i, balancer) in choice.balancers.iter().enumerate().filter(|(i, _)| *i < choice.nodes.len()) {
        let public = if choice.dns { "dns = { zone = \"a.io\" }\n" } else { "" };
        text += &format!(
            "[gateways.b{i}]\nclass = \"alb\"\nscheme = \"{balancer}\"\ncluster = \"c{i}\"\nnamespace = \"web\"\n{http}{public}"
        );
        text += &format!(
            "[routes.b{i}]\ngateway = \"b{i}\"\nhostnames = [\"b{i}.a.io\"]\nrules = [{{ backends = [{{ service = \"s\", port = 80 }}] }}]\n"
        );
    }
    for i in 0..choice.nodes.len() {
        text += &format!(
            "[routes.r{i}]\ngateway = \"core\"\ncluster = \"c{i}\"\nhostnames = [\"r{i}.a.io\"]\nrules = [{{ backends = [{{ service = \"s\", port = 80 }}] }}]\n"
        );
    }
    text
}

#[derive(Clone, Debug)]
struct Choice {
    nats: Vec<&'static str>,
    zones: u8,
    nodes: Vec<u8>,
    balancers: Vec<&'static str>,
    dns: bool,
}

fn choices() -> impl Strategy<Value = Choice> {
    let nat = prop_oneof![Just("one"), Just("per-zone"), Just("none")];
    let scheme = prop_oneof![Just("internal"), Just("internet-facing")];
    (
        prop::collection::vec(nat, 1..4),
        2..5_u8,
        prop::collection::vec(0..3_u8, 1..5),
        prop::collection::vec(scheme, 0..3),
        any::<bool>(),
    )
        .prop_map(|(nats, zones, nodes, balancers, dns)| Choice { nats, zones, nodes, balancers, dns })
}

/// Takes things away from a stack, so that names lead to nothing.
fn damage(stack: &mut Stack, cuts: &[u8]) {
    for cut in cuts {
        let at = usize::from(*cut / 10);
        match cut % 10 {
            0 => drop(stack.networks.shift_remove_index(at % 3)),
            1 => drop(stack.clusters.shift_remove_index(at % 3)),
            2 => drop(stack.service_networks.shift_remove_index(0)),
            3 => drop(stack.controllers.shift_remove_index(at % 2)),
            4 => drop(stack.certificates.shift_remove_index(at % 2)),
            5 => drop(stack.gateways.shift_remove_index(at % 2)),
            6 => stack.clusters.values_mut().for_each(|cluster| cluster.network = None),
            7 => stack.gateways.values_mut().for_each(|gateway| gateway.listeners.truncate(at % 2)),
            8 => stack.networks.values_mut().for_each(|network| network.zones = Some(*cut % 11)),
            _ => stack.routes.values_mut().for_each(|route| route.cluster = None),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stack_composes_and_is_taken_down_in_order(choice in choices()) {
        let graph = compose(&stack(&text(&choice)));
        prop_assert!(graph.is_ok(), "{graph:#?}");
        let graph = graph.expect("just looked");
        for (i, nodes) in choice.nodes.iter().enumerate() {
            let cluster = format!("cluster.c{i}");
            goes_before(&graph, &[
                &format!("route.r{i}"),
                &format!("gateway.core@c{i}"),
                &format!("controller.lattice@c{i}/gateway-class.lattice"),
                &format!("controller.lattice@c{i}/deployment"),
                &format!("controller.lattice@c{i}/pod-identity"),
                &cluster,
                "service_network.core",
            ]);
            for node in 0..*nodes {
                let nodes = format!("{cluster}/nodes.g{node}");
                goes_before(&graph, &[&format!("gateway.core@c{i}"), &nodes, &cluster]);
            }
            let vpc = format!("network.n{}/vpc", i % choice.nats.len());
            prop_assert!(needs(&graph, &cluster).iter().any(|address| address.as_str() == vpc));
        }
    }

    #[test]
    fn a_damaged_stack_is_refused_or_composed_but_never_panics(cuts in prop::collection::vec(any::<u8>(), 1..6)) {
        let mut shop = example("shop.toml");
        damage(&mut shop, &cuts);
        if let Err(found) = compose(&shop) {
            prop_assert!(!found.is_empty());
        }
    }
}
