//! What the example stacks become, and in which order they are taken down.

use serde_json::json;

use super::testing::{addresses, at, composed, example, goes_before, needs, refers, resource, spec};
use crate::address::Address;
use crate::graph::Graph;
use crate::value::Value;

fn shop() -> Graph {
    composed(&example("shop.toml"))
}

#[test]
fn the_examples_compose() {
    assert!(shop().resources.len() > 150);
    let minimal = composed(&example("minimal.toml"));
    assert_eq!(resource(&minimal, "route.hello").kind, "route");
    assert_eq!(resource(&minimal, "network.main").kind, "vpc_lookup");
}

#[test]
fn a_teardown_runs_from_the_routes_inwards_and_the_service_network_goes_last() {
    let shop = shop();
    goes_before(
        &shop,
        &[
            "gateway.shop/record.shop.api.example.com",
            "gateway.shop",
            "gateway.shop/configuration",
            "controller.alb@edge/MutatingWebhookConfiguration.aws-load-balancer-webhook",
            "controller.alb@edge/deployment",
            "controller.alb@edge/pod-identity",
            "controller.alb@edge/role",
        ],
    );
    goes_before(
        &shop,
        &["gateway.shop", "controller.alb@edge/gateway-class.alb", "controller.alb@edge/deployment"],
    );
    goes_before(
        &shop,
        &[
            "route.cart/record.cart.api.example.com",
            "route.cart",
            "gateway.core@apps-a",
            "controller.lattice@apps-a/gateway-class.lattice",
            "controller.lattice@apps-a/deployment",
            "cluster.apps-a/nodes.default",
            "cluster.apps-a/addon.vpc-cni",
            "cluster.apps-a",
            "service_network.core",
        ],
    );
    goes_before(
        &shop,
        &["controller.lattice@apps-a/deployment", "crds.gateway-api@apps-a", "cluster.apps-a"],
    );
    goes_before(&shop, &["gateway.core@edge", "service_network.core/vpc.edge", "network.edge/vpc"]);
    goes_before(&shop, &["cluster.edge", "network.edge/subnet.private-1", "network.edge/vpc"]);
    goes_before(&shop, &["cluster.edge", "network.edge/routes.public", "network.edge/internet-gateway"]);
    for cluster in ["edge", "apps-a", "apps-b"] {
        goes_before(&shop, &[&format!("cluster.{cluster}"), "service_network.core"]);
    }
}

#[test]
fn the_gateway_of_a_manifest_or_section_keeps_everything_that_cleans_up_behind_it() {
    let shop = shop();
    let kept = needs(&shop, "gateway.core@edge");
    for pillar in [
        "controller.lattice@edge/gateway-class.lattice",
        "controller.lattice@edge/deployment",
        "controller.lattice@edge/role",
        "controller.lattice@edge/pod-identity",
        "cluster.edge/nodes.default",
        "cluster.edge/addon.eks-pod-identity-agent",
        "cluster.edge/access.stack",
        "service_network.core",
        "service_network.core/vpc.edge",
        "certificate.internal/issued",
        "crds.gateway-api@edge",
        "namespace.eks-gateway-demo@edge",
    ] {
        assert!(kept.contains(&at(pillar)), "{pillar}");
    }
    assert!(!kept.contains(&at("controller.alb@edge/deployment")));
}

#[test]
fn clusters_of_one_service_network_get_one_association_a_vpc() {
    let shop = shop();
    let found = addresses(&shop, "service_network.core/vpc.");
    assert_eq!(
        found,
        [
            "service_network.core/vpc.edge",
            "service_network.core/vpc.apps-a",
            "service_network.core/vpc.apps-b"
        ]
    );
    let groups = spec(&shop, "service_network.core/vpc.edge")["security_group_ids"].clone();
    assert!(refers(&groups[0], "network.edge/security-group.lattice-clients", "security_group_id"));
}

#[test]
fn names_lead_to_the_load_balancer_and_to_the_routes() {
    let shop = shop();
    let public = spec(&shop, "gateway.shop/record.shop.api.example.com");
    assert_eq!(public["type"], "A");
    assert!(refers(&public["alias"]["name"], "gateway.shop", "address"));
    assert!(refers(&public["zone_id"], "gateway.shop/zone", "zone_id"));
    // In the three VPCs the private zone hides the public one: the shop must be found there too.
    let hidden = spec(&shop, "gateway.shop/record.shop.api.example.com.core");
    assert!(refers(&hidden["zone_id"], "gateway.core/zone", "zone_id"));
    let cart = spec(&shop, "route.cart/record.cart.api.example.com");
    assert_eq!((&cart["type"], &cart["name"]), (&json!("CNAME"), &json!("cart.api.example.com")));
    assert!(refers(&cart["values"][0], "route.cart", "domain_name"));
    let zones = addresses(&shop, "gateway.core/zone");
    assert_eq!(zones, ["gateway.core/zone", "gateway.core/zone-vpc.apps-a", "gateway.core/zone-vpc.apps-b"]);
}

#[test]
fn the_lattice_gateway_is_called_like_its_service_network_and_brings_its_certificate() {
    let shop = shop();
    let manifest = &spec(&shop, "gateway.core@apps-b")["manifest"];
    assert_eq!(manifest["metadata"]["name"], "core-apis-service-network");
    let listeners = &manifest["spec"]["listeners"];
    assert!(listeners[0].get("tls").is_none());
    let option = &listeners[1]["tls"]["options"]["application-networking.k8s.aws/certificate-arn"];
    assert!(refers(option, "certificate.internal/issued", "arn"));
}

#[test]
fn the_load_balancer_is_configured_beside_its_gateway() {
    let shop = shop();
    let configuration = &spec(&shop, "gateway.shop/configuration")["manifest"]["spec"];
    assert_eq!(configuration["scheme"], "internet-facing");
    assert_eq!(configuration["listenerConfigurations"][0]["protocolPort"], "HTTPS:443");
    let certificate = &configuration["listenerConfigurations"][0]["defaultCertificate"];
    assert!(refers(certificate, "certificate.shop/issued", "arn"));
    let gateway = &spec(&shop, "gateway.shop")["manifest"]["spec"];
    assert_eq!(gateway["infrastructure"]["parametersRef"]["name"], "shop");
    assert_eq!(gateway["gatewayClassName"], "aws-alb-gateway-class");
}

#[test]
fn a_route_splits_by_weight_and_waits_for_its_services() {
    let shop = shop();
    let rules = &spec(&shop, "route.cart")["manifest"]["spec"]["rules"];
    let weights: Vec<_> = (0..2).map(|i| rules[0]["backendRefs"][i]["weight"].clone()).collect();
    assert_eq!(weights, [json!(9), json!(1)]);
    assert!(needs(&shop, "route.cart").contains(&at("manifest.cart/Service.cart-v2")));
}

#[test]
fn nodes_come_between_the_add_ons() {
    let shop = shop();
    goes_before(
        &shop,
        &[
            "cluster.edge/addon.coredns",
            "cluster.edge/nodes.default",
            "cluster.edge/addon.kube-proxy",
            "cluster.edge",
        ],
    );
    goes_before(
        &shop,
        &["cluster.edge/nodes.default", "network.edge/routes.private-2", "network.edge/nat-1"],
    );
    goes_before(&shop, &["network.edge/nat-1", "network.edge/address-1", "network.edge/internet-gateway"]);
    assert_eq!(spec(&shop, "cluster.edge/nodes.default")["ami_type"], "AL2023_ARM_64_STANDARD");
}

#[test]
fn a_cluster_does_not_wait_for_the_way_out_of_its_nodes() {
    let kept = needs(&shop(), "cluster.edge");
    assert!(!kept.contains(&at("network.edge/nat-1")));
}

#[test]
fn every_object_is_inside_its_cluster_and_needs_the_way_in() {
    for (address, resource) in &shop().resources {
        if resource.spec.get("manifest").is_none() {
            continue;
        }
        let cluster =
            resource.spec.get("cluster").and_then(|cluster| cluster.get("eks")).and_then(Value::as_str);
        let name = cluster.expect("an EKS cluster").strip_prefix("shop-").expect("named by the stack");
        let to = Address::new("cluster", name);
        let edges = resource.all_edges();
        assert!(
            edges.iter().any(|edge| edge.to == to && edge.sort == crate::graph::Sort::Inside),
            "{address}"
        );
        assert!(edges.iter().any(|edge| edge.to == to.part("access.stack")), "{address}");
    }
}

#[test]
fn everything_that_a_vpc_holds_is_inside_of_it() {
    let shop = shop();
    let kinds = ["subnet", "internet_gateway", "nat_gateway", "route_table", "security_group", "eks_cluster"];
    for (address, resource) in &shop.resources {
        if kinds.contains(&resource.kind) {
            let inside = resource.edges.iter().filter(|edge| edge.sort == crate::graph::Sort::Inside);
            let vpc = |to: &Address| to.section() == "network" && to.as_str().ends_with("/vpc");
            assert!(inside.into_iter().any(|edge| vpc(&edge.to)), "{address}");
        }
    }
}

#[test]
fn outputs_lead_to_the_resources_that_hold_them() {
    let shop = shop();
    assert_eq!(shop.outputs["shop_url"], Value::from("https://shop.api.example.com"));
    assert_eq!(shop.outputs["load_balancer"], Value::reference(&at("gateway.shop"), "address"));
}

#[test]
fn the_same_stack_gives_the_same_graph() {
    let [one, other] = [shop(), shop()];
    assert!(one.resources.iter().eq(other.resources.iter()));
}

#[test]
fn three_small_changes_touch_three_resources() {
    let before = shop();
    let mut changed = example("shop.toml");
    changed.clusters["edge"].nodes["default"].size.max = 9;
    changed.routes["cart"].rules[0].backends[1].weight = Some(5);
    let association = &mut changed.service_networks["core"].associations["edge"];
    association.security_groups = vec!["lattice-tls-clients".into()];
    let after = composed(&changed);
    assert!(before.resources.keys().eq(after.resources.keys()));
    let differ = |address: &&Address| before.resources[*address].spec != after.resources[*address].spec;
    let touched: Vec<&str> = after.resources.keys().filter(differ).map(Address::as_str).collect();
    assert_eq!(touched, ["service_network.core/vpc.edge", "cluster.edge/nodes.default", "route.cart"]);
}

#[test]
fn what_is_inside_a_cluster_is_torn_down_with_it() {
    let shop = shop();
    let inside = |resource: &crate::graph::Resource| {
        resource
            .edges
            .iter()
            .any(|edge| edge.to == at("cluster.apps-b") && edge.sort == crate::graph::Sort::Inside)
    };
    for address in shop.resources.keys().filter(|address| address.cluster() == Some("apps-b")) {
        // The role of a controller lives in the account, not in the cluster.
        assert!(inside(&shop.resources[address]) || address.as_str().ends_with("/role"), "{address}");
    }
    for address in ["route.inventory", "manifest.inventory/Service.inventory", "cluster.apps-b/nodes.default"]
    {
        assert!(inside(resource(&shop, address)), "{address}");
    }
}
