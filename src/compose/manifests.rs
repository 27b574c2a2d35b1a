//! `[manifests.*]`: each object of the user's YAML as a resource, with what it needs of the rest of the stack.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::draft::Draft;
use super::gateways;
use super::site::Site;
use super::spec::prune;
use crate::address::Address;
use crate::graph::Resource;
use crate::stack::model::{ControllerKind, Manifests};
use crate::value::Value;

/// One object of a manifest in one cluster.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    /// Its resource.
    pub(super) address: Address,
    /// The cluster's key.
    pub(super) cluster: String,
    /// Its API group; empty for the core group.
    pub(super) group: String,
    /// Its kind.
    pub(super) kind: String,
    /// Its namespace; none for what has none.
    pub(super) namespace: Option<String>,
    /// Its name.
    pub(super) name: String,
    /// As it was written.
    object: &'a Json,
}

/// Kinds without a namespace. Kinds of CRDs in manifests are known from those.
const CLUSTER_WIDE: &[&str] = &[
    "APIService",
    "CSIDriver",
    "CertificateSigningRequest",
    "ClusterIssuer",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "DeviceClass",
    "FlowSchema",
    "GatewayClass",
    "IngressClass",
    "IngressClassParams",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "ServiceNetwork",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
    "VolumeSnapshotClass",
];

/// Kinds whose readiness takes nodes.
const WORKLOADS: &[&str] = &["CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "StatefulSet"];

const ROUTES: &[&str] = &["GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute", "UDPRoute"];

const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";

fn text<'a>(object: &'a Json, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Json::as_str).filter(|text| !text.is_empty())
}

fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Every object of every manifest, in every cluster it goes to.
pub(super) fn entries<'a>(draft: &mut Draft<'a>) -> Vec<Entry<'a>> {
    let stack = draft.stack;
    let mut all = Vec::new();
    for (key, manifests) in &stack.manifests {
        let clusters: Vec<&String> = manifests.cluster.iter().chain(&manifests.clusters).collect();
        let parts = parts(draft, key, manifests);
        for cluster in clusters {
            if draft.site_named(cluster, &format!("manifests.{key}")).is_none() {
                continue;
            }
            let at = Address::new("manifest", key);
            let at = if manifests.cluster.is_some() { at } else { at.at(cluster) };
            all.extend(parts.iter().map(|(part, draft)| Entry {
                address: at.part(part),
                cluster: cluster.clone(),
                ..draft.clone()
            }));
        }
    }
    all
}

/// The objects of a section by their part of the address: kind and name, and more where that is not unique.
fn parts<'a>(draft: &mut Draft<'a>, key: &str, manifests: &'a Manifests) -> Vec<(String, Entry<'a>)> {
    let mut found = Vec::new();
    for (index, object) in manifests.objects.iter().enumerate() {
        let [version, kind, name] =
            ["/apiVersion", "/kind", "/metadata/name"].map(|pointer| text(object, pointer));
        let (Some(version), Some(kind), Some(name)) = (version, kind, name) else {
            let message =
                format!("object {} of manifests `{key}` lacks its apiVersion, kind or name", index + 1);
            draft.fail(&format!("manifests.{key}.files"), message, "every object needs all three");
            continue;
        };
        let group = group_of(version);
        let namespace =
            text(object, "/metadata/namespace").or(manifests.namespace.as_deref()).unwrap_or("default");
        found.push(Entry {
            address: Address::new("manifest", key),
            cluster: String::new(),
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: (!is_cluster_wide(draft, group, kind)).then(|| namespace.to_owned()),
            name: name.to_owned(),
            object,
        });
    }
    let mut short: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &found {
        *short.entry(format!("{}.{}", entry.kind, entry.name)).or_default() += 1;
    }
    let part = |entry: &Entry<'_>| {
        let part = format!("{}.{}", entry.kind, entry.name);
        match (&entry.namespace, short.get(&part)) {
            (Some(namespace), Some(2..)) => format!("{}.{namespace}.{}", entry.kind, entry.name),
            (_, _) => part,
        }
    };
    found.into_iter().map(|entry| (part(&entry), entry)).collect()
}

fn is_cluster_wide(draft: &Draft<'_>, group: &str, kind: &str) -> bool {
    let mut objects = draft.stack.manifests.values().flat_map(|manifests| &manifests.objects);
    CLUSTER_WIDE.contains(&kind)
        || objects.any(|object| {
            text(object, "/kind") == Some("CustomResourceDefinition")
                && text(object, "/spec/scope") == Some("Cluster")
                && text(object, "/spec/group") == Some(group)
                && text(object, "/spec/names/kind") == Some(kind)
        })
}

pub(super) fn compose(draft: &mut Draft<'_>) {
    for entry in draft.entries.clone() {
        let Some(site) = draft.site(&entry.cluster) else { continue };
        let mut made = site.object(entry.address.clone(), &manifest(&entry));
        if WORKLOADS.contains(&entry.kind.as_str()) {
            made = site.runs_on_nodes(made);
        }
        let namespace = entry.namespace.as_ref().and_then(|name| draft.namespace(&entry.cluster, name));
        made = namespace.iter().fold(made, Resource::uses);
        made = definitions(draft, &entry).iter().fold(made, Resource::uses);
        made = keepers(draft, &entry, &site).iter().fold(made, Resource::kept_alive_by);
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
    let own = draft.entries.iter().filter(|other| {
        other.cluster == entry.cluster
            && other.kind == "CustomResourceDefinition"
            && text(other.object, "/spec/group") == Some(entry.group.as_str())
    });
    let own = own.map(|other| other.address.clone()).filter(|address| *address != entry.address);
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
            all.extend(configurations(draft, &entry.cluster));
            all.extend(gateways::footing(draft, site, text(entry.object, "/spec/gatewayClassName")));
        }
        kind if entry.group == GATEWAY_GROUP && ROUTES.contains(&kind) => {
            all.extend(configurations(draft, &entry.cluster));
            all.extend(parents(draft, entry));
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

/// The load balancer controller's own configuration objects among the manifests of a cluster.
pub(super) fn configurations(draft: &Draft<'_>, cluster: &str) -> Vec<Address> {
    let here =
        draft.entries.iter().filter(|entry| entry.cluster == cluster && entry.group == "gateway.k8s.aws");
    here.map(|entry| entry.address.clone()).collect()
}

/// The Gateways that a route in a manifest names, of sections and of manifests.
fn parents(draft: &Draft<'_>, entry: &Entry<'_>) -> Vec<Address> {
    let references = entry.object.pointer("/spec/parentRefs").and_then(Json::as_array);
    let own = entry.namespace.as_deref().unwrap_or("default");
    let mut all = Vec::new();
    for reference in references.into_iter().flatten() {
        let namespace = text(reference, "/namespace").unwrap_or(own);
        let Some(name) = text(reference, "/name") else { continue };
        let posts = gateways::posts(draft).into_iter();
        let posts = posts.filter(|post| {
            post.site.key == entry.cluster && post.namespace == namespace && post.name == name
        });
        all.extend(posts.map(|post| post.at));
        let others = draft.entries.iter().filter(|other| {
            (other.cluster.as_str(), other.kind.as_str(), other.name.as_str())
                == (&entry.cluster, "Gateway", name)
                && other.namespace.as_deref() == Some(namespace)
        });
        all.extend(others.map(|other| other.address.clone()));
    }
    all
}

/// The Service of this name in the manifests of a cluster.
pub(super) fn service(draft: &Draft<'_>, cluster: &str, namespace: &str, name: &str) -> Option<Address> {
    let mut here = draft.entries.iter().filter(|entry| entry.cluster == cluster && entry.kind == "Service");
    here.find(|entry| entry.name == name && entry.namespace.as_deref() == Some(namespace))
        .map(|entry| entry.address.clone())
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
    fn what_a_controller_serves_goes_before_it() {
        let mut service = object("v1", "Service", "lb");
        service["spec"] = json!({ "type": "LoadBalancer" });
        let policy = object("application-networking.k8s.aws/v1alpha1", "TargetGroupPolicy", "p");
        let made = composed(&with(&[service, policy, object("networking.k8s.io/v1", "Ingress", "i")]));
        for served in ["Service.lb", "Ingress.i"] {
            goes_before(&made, &[&format!("manifest.shop/{served}"), "controller.alb@edge/deployment"]);
        }
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
