//! `[manifests.*]`: each object of the user's YAML as a resource, with what it needs of the rest of the stack.

use serde_json::Value as Json;

use super::draft::Draft;
use super::entries::{Entry, text};
use super::gateways;
use super::site::Site;
use super::spec::prune;
use crate::address::Address;
use crate::graph::Resource;
use crate::stack::model::ControllerKind;
use crate::value::Value;

/// Kinds whose readiness takes nodes.
const WORKLOADS: &[&str] = &["CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "StatefulSet"];

const ROUTES: &[&str] = &["GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute", "UDPRoute"];

const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";

pub(super) fn compose(draft: &mut Draft<'_>) {
    for entry in draft.entries.all.clone().iter() {
        let Some(site) = draft.site(&entry.cluster) else { continue };
        let mut made = site.object(entry.address.clone(), &manifest(entry));
        if WORKLOADS.contains(&entry.kind.as_str()) {
            made = site.runs_on_nodes(made);
        }
        let namespace = entry.namespace.as_ref().and_then(|name| draft.namespace(&entry.cluster, name));
        made = namespace.iter().fold(made, Resource::uses);
        made = definitions(draft, entry).iter().fold(made, Resource::uses);
        made = keepers(draft, entry, &site).iter().fold(made, Resource::kept_alive_by);
        draft.add(made);
    }
}

/// The object with its namespace written out.
fn manifest(entry: &Entry<'_>) -> Value {
    let mut object = entry.object.clone();
    if let Some(namespace) = &entry.namespace {
        object["metadata"]["namespace"] = namespace.as_str().into();
    }
    prune(object.into())
}

/// The CRDs of an object's kind, as far as the stack brings them.
fn definitions(draft: &Draft<'_>, entry: &Entry<'_>) -> Vec<Address> {
    let own = draft.entries.definitions(&entry.cluster, &entry.group).iter().cloned();
    let own = own.filter(|address| *address != entry.address);
    own.chain(draft.crds_of_group(&entry.cluster, &entry.group)).collect()
}

/// What must outlive an object, because a controller has to clean up behind it.
fn keepers(draft: &Draft<'_>, entry: &Entry<'_>, site: &Site) -> Vec<Address> {
    let mut all = Vec::new();
    for kind in servers(entry) {
        all.extend(draft.pillars(site, *kind));
    }
    match entry.kind.as_str() {
        "Gateway" if entry.group == GATEWAY_GROUP => {
            all.extend(draft.entries.configurations(&entry.cluster).to_vec());
            all.extend(gateways::footing(draft, site, text(entry.object, "/spec/gatewayClassName")));
        }
        "Ingress" if entry.group == "networking.k8s.io" => all.extend(draft.ingress_classes(site)),
        kind if entry.group == GATEWAY_GROUP && ROUTES.contains(&kind) => {
            all.extend(draft.entries.configurations(&entry.cluster).to_vec());
            all.extend(parents(draft, entry));
            all.extend(imported(draft, entry));
        }
        _ => {}
    }
    all
}

/// The controllers that may serve an object.
fn servers(entry: &Entry<'_>) -> &'static [ControllerKind] {
    match (entry.group.as_str(), entry.kind.as_str()) {
        // The class itself is only read; a Gateway needs it, and it needs nobody.
        (GATEWAY_GROUP, "ReferenceGrant") => &[],
        (GATEWAY_GROUP, _) => &[ControllerKind::LoadBalancer, ControllerKind::Lattice],
        ("gateway.k8s.aws" | "elbv2.k8s.aws" | "aga.k8s.aws", _) | ("networking.k8s.io", "Ingress") => {
            &[ControllerKind::LoadBalancer]
        }
        ("", "Service") if text(entry.object, "/spec/type") == Some("LoadBalancer") => {
            &[ControllerKind::LoadBalancer]
        }
        ("application-networking.k8s.aws", _) => &[ControllerKind::Lattice],
        _ => &[],
    }
}

/// The Gateways that a route in a manifest names, of sections and of manifests.
fn parents(draft: &Draft<'_>, entry: &Entry<'_>) -> Vec<Address> {
    let references = entry.object.pointer("/spec/parentRefs").and_then(Json::as_array);
    let own = entry.namespace.as_deref().unwrap_or("default");
    let mut all = Vec::new();
    for reference in references.into_iter().flatten() {
        let namespace = text(reference, "/namespace").unwrap_or(own);
        let Some(name) = text(reference, "/name") else { continue };
        let here = |post: &&gateways::Post<'_>| post.site.key == entry.cluster && post.namespace == namespace;
        let posts = draft.gateways.iter().filter(here).filter(|post| post.name == name);
        all.extend(posts.map(|post| post.at.clone()));
        all.extend(draft.entries.named(&entry.cluster, "Gateway", namespace, name).cloned());
    }
    all
}

/// What a route sends to from other clusters: the Services that they export, and what stands for those here. An export
/// cannot go while a route has its targets.
fn imported(draft: &Draft<'_>, entry: &Entry<'_>) -> Vec<Address> {
    let rules = entry.object.pointer("/spec/rules").and_then(Json::as_array).into_iter().flatten();
    let backends = rules.flat_map(|rule| rule["backendRefs"].as_array().into_iter().flatten());
    let own = entry.namespace.as_deref().unwrap_or("default");
    let mut all = Vec::new();
    for backend in backends.filter(|backend| backend["kind"] == "ServiceImport") {
        let Some(name) = text(backend, "/name") else { continue };
        let namespace = text(backend, "/namespace").unwrap_or(own);
        all.extend(draft.entries.named(&entry.cluster, "ServiceImport", namespace, name).cloned());
        all.extend(draft.entries.everywhere("ServiceExport", namespace, name).cloned());
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::compose::testing::{addresses, at, composed, edge, example, goes_before, needs, spec, wrong};
    use crate::graph::Sort;
    use crate::stack::Stack;

    /// The shop with more objects at the shop's manifests.
    fn with(objects: &[Json]) -> Stack {
        let mut stack = example("shop.toml");
        stack.manifests["shop"].objects.extend_from_slice(objects);
        stack
    }

    fn object(version: &str, kind: &str, name: &str) -> Json {
        json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name } })
    }

    #[test]
    fn objects_go_to_the_namespace_of_their_section() {
        let made = composed(&with(&[object("v1", "ConfigMap", "a"), object("v1", "Namespace", "b")]));
        assert_eq!(
            spec(&made, "manifest.shop/ConfigMap.a")["manifest"]["metadata"]["namespace"],
            "eks-gateway-demo"
        );
        assert!(spec(&made, "manifest.shop/Namespace.b")["manifest"]["metadata"].get("namespace").is_none());
        assert!(edge(&made, "manifest.shop/ConfigMap.a", "namespace.eks-gateway-demo@edge", Sort::Uses));
    }

    #[test]
    fn a_namespace_that_a_manifest_brings_is_not_made_twice() {
        let made = composed(&with(&[object("v1", "Namespace", "eks-gateway-demo")]));
        assert!(!addresses(&made, "namespace.").contains(&"namespace.eks-gateway-demo@edge"));
        assert!(addresses(&made, "namespace.").contains(&"namespace.eks-gateway-demo@apps-a"));
        goes_before(&made, &["gateway.shop", "manifest.shop/Namespace.eks-gateway-demo"]);
    }

    #[test]
    fn the_same_name_in_two_namespaces_is_told_apart() {
        let mut other = object("v1", "ConfigMap", "a");
        other["metadata"]["namespace"] = "other".into();
        let made = composed(&with(&[object("v1", "ConfigMap", "a"), other]));
        let found = addresses(&made, "manifest.shop/ConfigMap");
        assert_eq!(found, ["manifest.shop/ConfigMap.eks-gateway-demo.a", "manifest.shop/ConfigMap.other.a"]);
    }

    #[test]
    fn a_route_goes_before_what_other_clusters_export_to_it() {
        let group = "application-networking.k8s.aws";
        let mut stack = with(&[object(&format!("{group}/v1alpha1"), "ServiceImport", "cart")]);
        let mut route = object("gateway.networking.k8s.io/v1", "HTTPRoute", "far");
        let backend = json!({ "group": group, "kind": "ServiceImport", "name": "cart" });
        route["spec"] = json!({ "rules": [{ "backendRefs": [backend] }] });
        stack.manifests["shop"].objects.push(route);
        let mut export = object(&format!("{group}/v1alpha1"), "ServiceExport", "cart");
        export["metadata"]["namespace"] = "eks-gateway-demo".into();
        let elsewhere = stack.manifests.keys().find(|name| *name != "shop").expect("another").clone();
        stack.manifests[&elsewhere].objects.push(export);
        let made = composed(&stack);
        let exported = addresses(&made, "manifest.").into_iter().find(|one| one.contains("ServiceExport"));
        let exported = exported.expect("it is there").to_owned();
        goes_before(&made, &["manifest.shop/HTTPRoute.far", &exported]);
        goes_before(&made, &["manifest.shop/HTTPRoute.far", "manifest.shop/ServiceImport.cart"]);
    }

    #[test]
    fn what_a_controller_serves_goes_before_it() {
        let mut service = object("v1", "Service", "lb");
        service["spec"] = json!({ "type": "LoadBalancer" });
        let policy = object("application-networking.k8s.aws/v1alpha1", "TargetGroupPolicy", "p");
        let made = composed(&with(&[service, policy, object("networking.k8s.io/v1", "Ingress", "i")]));
        for served in ["Service.lb", "Ingress.i"] {
            goes_before(&made, &[&format!("manifest.shop/{served}"), "controller.alb@edge/deployment"]);
        }
        goes_before(&made, &["manifest.shop/Ingress.i", "controller.alb@edge/IngressClass.alb"]);
        goes_before(&made, &["manifest.shop/TargetGroupPolicy.p", "controller.lattice@edge/deployment"]);
        let crds = "crds.aws-gateway-api-controller@edge";
        assert!(edge(&made, "manifest.shop/TargetGroupPolicy.p", crds, Sort::Uses));
        let plain = needs(&made, "manifest.shop/Service.shop");
        assert!(!plain.contains(&at("controller.alb@edge/deployment")));
    }

    #[test]
    fn gateways_and_routes_of_manifests_have_the_same_order() {
        let mut gateway = object("gateway.networking.k8s.io/v1", "Gateway", "g");
        gateway["spec"] = json!({ "gatewayClassName": "amazon-vpc-lattice" });
        let mut route = object("gateway.networking.k8s.io/v1", "HTTPRoute", "r");
        route["spec"] = json!({ "parentRefs": [{ "name": "g" }, { "name": "shop" }] });
        let made = composed(&with(&[gateway, route]));
        goes_before(
            &made,
            &[
                "manifest.shop/HTTPRoute.r",
                "manifest.shop/Gateway.g",
                "controller.lattice@edge/gateway-class.lattice",
            ],
        );
        goes_before(&made, &["manifest.shop/HTTPRoute.r", "gateway.shop"]);
        goes_before(&made, &["manifest.shop/Gateway.g", "service_network.core/vpc.edge"]);
    }

    #[test]
    fn objects_of_a_crd_in_a_manifest_come_after_it() {
        let mut crd = object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.a.io");
        crd["spec"] = json!({ "group": "a.io", "scope": "Cluster", "names": { "kind": "Thing" } });
        let made = composed(&with(&[object("a.io/v1", "Thing", "t"), crd]));
        let thing = "manifest.shop/Thing.t";
        assert!(edge(&made, thing, "manifest.shop/CustomResourceDefinition.things.a.io", Sort::Uses));
        assert!(spec(&made, thing)["manifest"]["metadata"].get("namespace").is_none());
    }

    #[test]
    fn one_object_in_two_sections_is_a_mistake() {
        let mut stack = with(&[object("v1", "ConfigMap", "a")]);
        stack.manifests["payments"].objects.push(object("v1", "ConfigMap", "a"));
        let found = wrong(&stack);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("would be the same thing"), "{found:?}");
    }

    #[test]
    fn an_object_without_name_is_a_mistake() {
        let found = wrong(&with(&[json!({ "kind": "ConfigMap" })]));
        assert!(found[0].message.contains("lacks its apiVersion"), "{found:?}");
    }
}
