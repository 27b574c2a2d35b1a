//! What others have in a cluster of the stack: Gateways, routes, Ingresses and Services that a controller serves.
//!
//! One list a sort and cluster. What of the stack they stand on is told in `plan`.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join_all, try_join_all};
use serde_json::Value as Json;

use crate::cloud::{Cloud, CloudResult, ClusterRef, ErrorSort, Objects};
use crate::graph::Place;
use crate::live::{Guest, Live, Unsearched};
use crate::recipe;
use crate::state::State;

const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";
const NETWORKING: &str = "networking.k8s.io/v1";

const CONFIGURATION: &str = "gateway.k8s.aws/v1";
const POLICY: &str = "application-networking.k8s.aws/v1alpha1";

const BALANCING: &str = "elbv2.k8s.aws/v1beta1";

/// What is listed: the classes first.
const SORTS: [(&str, &str); 27] = [
    (GATEWAY_API, "GatewayClass"),
    (NETWORKING, "IngressClass"),
    (GATEWAY_API, "Gateway"),
    (GATEWAY_API, "HTTPRoute"),
    (GATEWAY_API, "GRPCRoute"),
    (GATEWAY_API, "TLSRoute"),
    (GATEWAY_API, "TCPRoute"),
    (GATEWAY_API, "UDPRoute"),
    (NETWORKING, "Ingress"),
    ("v1", "Service"),
    (CONFIGURATION, "LoadBalancerConfiguration"),
    (CONFIGURATION, "TargetGroupConfiguration"),
    (CONFIGURATION, "ListenerRuleConfiguration"),
    (BALANCING, "TargetGroupBinding"),
    (POLICY, "ServiceExport"),
    (POLICY, "AccessLogPolicy"),
    (POLICY, "IAMAuthPolicy"),
    (POLICY, "VpcAssociationPolicy"),
    // What goes only with the CRDs of it.
    (GATEWAY_API, "BackendTLSPolicy"),
    (GATEWAY_API, "ListenerSet"),
    ("gateway.networking.k8s.io/v1beta1", "ReferenceGrant"),
    (BALANCING, "ALBTargetControlConfig"),
    (BALANCING, "IngressClassParams"),
    ("aga.k8s.aws/v1beta1", "GlobalAccelerator"),
    (POLICY, "ServiceImport"),
    (POLICY, "ServiceNetwork"),
    (POLICY, "TargetGroupPolicy"),
];
/// From here on they are listed only where their CRDs are of the stack.
const DEFINED: usize = 18;

/// The attribute that keeps a load balancer from being deleted.
const PROTECTION: &str = "deletion_protection.enabled";
/// Where the Lattice controller writes the ARN of the service of a route.
const SERVICE_ARN: &str = "application-networking.k8s.aws/lattice-service-arn";
/// The name of the load balancer controller in an IngressClass.
const INGRESSES: &str = "ingress.k8s.aws/alb";
/// What the finalizer of a group of Ingresses begins with.
const OF_GROUP: &str = "group.ingress.k8s.aws/";
/// The mark of the Lattice controller on what it looks after.
const LATTICE: &str = "application-networking.k8s.aws/gateway-api-controller";

/// Searches clusters, named as specs of objects do, and notes what is found.
pub(super) async fn search(cloud: &Cloud, state: &State, clusters: Vec<(Json, Place)>, live: &mut Live) {
    let one = |(cluster, place): (Json, Place)| async move {
        let found = in_cluster(cloud, state, &cluster, &place).await;
        (cluster, found)
    };
    for (cluster, found) in join_all(clusters.into_iter().map(one)).await {
        match found {
            Ok(guests) => live.guests.extend(guests),
            // A cluster that is gone holds nobody.
            Err(error) if matches!(error.sort, ErrorSort::NotFound | ErrorSort::NotYet) => {}
            Err(error) => {
                let (called, error) = (called(&cluster), error.to_string());
                live.unsearched.push(Unsearched { cluster, called, error });
            }
        }
    }
}

/// A cluster in words.
fn called(cluster: &Json) -> String {
    serde_json::from_value::<ClusterRef>(cluster.clone())
        .map_or_else(|_| cluster.to_string(), |it| it.to_string())
}

async fn in_cluster(cloud: &Cloud, state: &State, cluster: &Json, place: &Place) -> CloudResult<Vec<Guest>> {
    let Ok(reference) = serde_json::from_value::<ClusterRef>(cluster.clone()) else { return Ok(Vec::new()) };
    let objects = cloud.objects(&reference).await?;
    let releases = releases(state, cluster);
    let defined = |at: usize| {
        let group = SORTS[at].0.split('/').next().unwrap_or_default();
        recipe::release_of_group(group).is_some_and(|release| releases.contains(release))
    };
    let sorted = listed(&objects, &defined).await?;
    let hosts = Hosts::of(&sorted);
    let mut guests = Vec::new();
    for (at, ((api_version, kind), all)) in SORTS.iter().zip(&sorted).enumerate() {
        for object in all {
            let goes_with_crds = || {
                let controller = object["spec"]["controllerName"].as_str().unwrap_or_default();
                (defined(at) && !made_by_controller(object)).then(|| (controller.to_owned(), String::new()))
            };
            let served = hosts.serving(kind, object).or_else(goes_with_crds);
            let Some((controller, class)) = served else { continue };
            if is_ours(state, cluster, kind, object) {
                continue;
            }
            let sort = [api_version, kind].map(|text| (*text).to_owned());
            guests.push(Guest {
                cluster: cluster.clone(),
                place: place.clone(),
                controller,
                class,
                ..told(sort, object)
            });
        }
    }
    Ok(guests)
}

/// The releases of CRDs that the stack has in a cluster.
fn releases<'a>(state: &'a State, cluster: &Json) -> BTreeSet<&'a str> {
    let crds = state.records.values().filter(|record| record.kind == "crd_release");
    let applied = crds.filter_map(|record| Some(&record.current.as_ref()?.applied));
    let here = applied.filter(|applied| applied["cluster"] == *cluster);
    here.filter_map(|applied| applied["release"].as_str()).collect()
}

async fn listed(objects: &Objects, defined: &impl Fn(usize) -> bool) -> CloudResult<Vec<Vec<Json>>> {
    // Which sorts of a group there are is asked once, by the first of them.
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, (api_version, _)) in SORTS.iter().enumerate() {
        groups.entry(api_version).or_default().push(at);
    }
    let list = |at: usize| async move {
        let all = match at < DEFINED || defined(at) {
            true => objects.everywhere(SORTS[at].0, SORTS[at].1).await?,
            false => Vec::new(),
        };
        Ok((at, all))
    };
    let group = |members: Vec<usize>| async move {
        let first = list(members[0]).await?;
        let mut found = try_join_all(members[1..].iter().map(|at| list(*at))).await?;
        found.push(first);
        CloudResult::Ok(found)
    };
    let mut found: Vec<(usize, Vec<Json>)> =
        try_join_all(groups.into_values().map(group)).await?.into_iter().flatten().collect();
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, objects)| objects).collect())
}

/// Whether this state made an object, whatever its record says of it now.
fn is_ours(state: &State, cluster: &Json, kind: &str, object: &Json) -> bool {
    let metadata = &object["metadata"];
    if metadata["annotations"]["stack/lineage"] == state.lineage.as_str() {
        return true;
    }
    let in_default = |json: &Json| json.as_str().unwrap_or("default").to_owned();
    state.records.values().any(|record| {
        let spec = record.current.as_ref().map(|object| &object.applied);
        let Some(spec) = spec.or(record.open.as_ref().map(|open| &open.spec)) else { return false };
        let manifest = &spec["manifest"];
        // What was to be deleted in an earlier run and is still there is still somebody else's.
        manifest["metadata"]["uid"].is_null()
            && spec["cluster"] == *cluster
            && manifest["kind"] == kind
            && manifest["metadata"]["name"] == metadata["name"]
            && in_default(&manifest["metadata"]["namespace"]) == in_default(&metadata["namespace"])
    })
}

/// What serves what in a cluster.
struct Hosts<'a> {
    /// Controllers by the name of their IngressClass; by no name, that of the default one.
    ingress_classes: BTreeMap<&'a str, &'a str>,
    /// Controllers and classes by namespace and name of Gateways.
    gateways: BTreeMap<[&'a str; 2], (&'a str, &'a str)>,
}

impl<'a> Hosts<'a> {
    fn of(sorted: &'a [Vec<Json>]) -> Self {
        let classes =
            |field: &'static str| move |class: &'a Json| Some((name(class), class["spec"][field].as_str()?));
        let gateway_classes: BTreeMap<&str, &str> =
            sorted[0].iter().filter_map(classes("controllerName")).collect();
        let mut ingress_classes: BTreeMap<&str, &str> =
            sorted[1].iter().filter_map(classes("controller")).collect();
        let is_default = |class: &&Json| {
            class["metadata"]["annotations"]["ingressclass.kubernetes.io/is-default-class"] == "true"
        };
        let default =
            sorted[1].iter().find(is_default).and_then(|class| class["spec"]["controller"].as_str());
        ingress_classes.extend(default.map(|controller| ("", controller)));
        let gateway = |gateway: &'a Json| {
            let class = gateway["spec"]["gatewayClassName"].as_str()?;
            // Of a class that is gone, the finalizers tell.
            let controller = gateway_classes.get(class).copied().or_else(|| by_finalizer(gateway))?;
            Some(([namespace(gateway), name(gateway)], (controller, class)))
        };
        let gateways = sorted[2].iter().filter_map(gateway).collect();
        Self { ingress_classes, gateways }
    }

    /// The controller that serves an object, if anything of it is held outside of the cluster; and its class.
    fn serving(&self, kind: &str, object: &Json) -> Option<(String, String)> {
        let (controller, class) = match kind {
            "Gateway" => *self.gateways.get(&[namespace(object), name(object)])?,
            "Ingress" => (self.of_ingress(object)?, ""),
            "Service" => (of_service(object)?, ""),
            // A class that its controller holds would be stuck without it.
            "GatewayClass" => {
                by_finalizer(object)?;
                (object["spec"]["controllerName"].as_str()?, "")
            }
            _ if !kind.ends_with("Route") => (by_finalizer(object)?, ""),
            _ => parents(object)
                .find_map(|[namespace, name]| self.gateways.get(&[namespace, name]).copied())
                .or_else(|| by_finalizer(object).map(|controller| (controller, "")))?,
        };
        Some((controller.to_owned(), class.to_owned()))
    }

    fn of_ingress(&self, object: &Json) -> Option<&'a str> {
        let annotation = object["metadata"]["annotations"]["kubernetes.io/ingress.class"].as_str();
        let class = object["spec"]["ingressClassName"].as_str().or(annotation).unwrap_or_default();
        let known = self.ingress_classes.get(class).copied();
        // Classes of Ingresses may be words that only the controller knows; of a class that is gone, finalizers tell.
        known.or((class == "alb").then_some(INGRESSES)).or_else(|| by_finalizer(object))
    }
}

/// Who serves a Service: nobody unless it has a load balancer or asks for one, the cluster itself if it names nobody.
fn of_service(object: &Json) -> Option<&'static str> {
    let ours = "service.k8s.aws/nlb";
    if let Some(held) = by_finalizer(object) {
        return Some(held);
    }
    if object["spec"]["type"] != "LoadBalancer" {
        return None;
    }
    let note = |what: &str| {
        &object["metadata"]["annotations"][format!("service.beta.kubernetes.io/aws-load-balancer-{what}")]
    };
    match object["spec"]["loadBalancerClass"].as_str() {
        Some(class) if class == ours => Some(ours),
        // Load balancers of Auto Mode go with their cluster.
        Some(_) => None,
        None if *note("type") == "nlb-ip" => Some(ours),
        // The cluster leaves it to the controller, which only takes it with a type of targets.
        None if *note("type") == "external" => note("nlb-target-type").is_string().then_some(ours),
        None => Some(""),
    }
}

fn by_finalizer(object: &Json) -> Option<&'static str> {
    let finalizers = object["metadata"]["finalizers"].as_array()?;
    finalizers.iter().find_map(|finalizer| match finalizer.as_str()? {
        "gateway.k8s.aws/alb" | "gateway.k8s.aws/gatewayclass" | "aga.k8s.aws/resources" => {
            Some("gateway.k8s.aws/alb")
        }
        "gateway.k8s.aws/nlb" => Some("gateway.k8s.aws/nlb"),
        "service.k8s.aws/resources" => Some("service.k8s.aws/nlb"),
        "ingress.k8s.aws/resources" => Some(INGRESSES),
        group if group.starts_with(OF_GROUP) => Some(INGRESSES),
        "gateway.k8s.aws/resources" => Some(LATTICE),
        "httproute.k8s.aws/resources" | "grpcroute.k8s.aws/resources" | "tlsroute.k8s.aws/resources" => {
            Some(LATTICE)
        }
        "serviceexport.k8s.aws/resources"
        | "serviceimport.k8s.aws/resource"
        | "servicenetwork.k8s.aws/resources"
        | "accesslogpolicy.k8s.aws/resources"
        | "application-networking.k8s.aws/iam-auth-policy"
        | "vpcassociationpolicies.application-networking.k8s.aws/resources" => Some(LATTICE),
        // What a Gateway is configured by. Bindings that the controller made go with their Gateway.
        "gateway.k8s.aws/loadbalancerconfigurations"
        | "gateway.k8s.aws/targetgroupconfigurations"
        | "gateway.k8s.aws/listenerruleconfigurations" => Some("gateway.k8s.aws/alb"),
        "elbv2.k8s.aws/resources" if !made_by_controller(object) => Some("gateway.k8s.aws/alb"),
        _ => None,
    })
}

fn made_by_controller(binding: &Json) -> bool {
    let labels = binding["metadata"]["labels"].as_object();
    labels.is_some_and(|labels| labels.keys().any(|key| key.contains(".k8s.aws") && key.contains("/stack")))
}

fn name(object: &Json) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn namespace(object: &Json) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or_default()
}

/// Namespaces and names of the Gateways that a route hangs on.
fn parents(route: &Json) -> impl Iterator<Item = [&str; 2]> {
    let all = route["spec"]["parentRefs"].as_array().into_iter().flatten();
    let gateways = all.filter(|parent| parent["kind"].as_str().unwrap_or("Gateway") == "Gateway");
    gateways.map(move |parent| {
        [
            parent["namespace"].as_str().unwrap_or_else(|| namespace(route)),
            parent["name"].as_str().unwrap_or_default(),
        ]
    })
}

fn told(sort: [String; 2], object: &Json) -> Guest {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let lineage = object["metadata"]["annotations"]["stack/lineage"].as_str();
    Guest {
        cluster: Json::Null,
        place: Place::default(),
        sort,
        namespace: text("namespace"),
        name: text("name"),
        uid: text("uid"),
        controller: String::new(),
        class: String::new(),
        parents: parents(object).map(|parent| parent.map(str::to_owned)).collect(),
        owner: owner(object),
        lineage: lineage.map(str::to_owned),
        group: group(object),
        holds: holds(object),
        protects: protects(object),
    }
}

/// Whether it keeps load balancers from being deleted.
fn protects(object: &Json) -> bool {
    let attributes = object["spec"]["loadBalancerAttributes"].as_array().into_iter().flatten();
    let mut attributes = attributes.map(|one| (&one["key"], &one["value"]));
    let notes = [
        "alb.ingress.kubernetes.io/load-balancer-attributes",
        "service.beta.kubernetes.io/aws-load-balancer-attributes",
    ];
    let mut noted = notes.iter().filter_map(|note| object["metadata"]["annotations"][note].as_str());
    attributes.any(|(key, value)| key == PROTECTION && value == "true")
        || noted.any(|all| all.split(',').any(|one| one.trim() == format!("{PROTECTION}=true")))
}

/// The group that an Ingress shares a load balancer with.
fn group(object: &Json) -> Option<String> {
    let finalizers = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    let named = finalizers.filter_map(Json::as_str).find_map(|one| one.strip_prefix(OF_GROUP));
    named.map(str::to_owned)
}

/// Who looks after an object, by the marks that tools leave; empty if nobody can be told.
fn owner(object: &Json) -> String {
    let metadata = &object["metadata"];
    let label = |name: &str| metadata["labels"][name].as_str();
    let annotation = |name: &str| metadata["annotations"][name].as_str();
    if let Some(address) = annotation("stack/address") {
        return format!("{address} of another stack");
    }
    if let Some(release) = annotation("meta.helm.sh/release-name") {
        let within = annotation("meta.helm.sh/release-namespace").unwrap_or_else(|| namespace(object));
        return format!("Helm release {within}/{release}");
    }
    let tracked = annotation("argocd.argoproj.io/tracking-id").and_then(|id| id.split(':').next());
    if let Some(application) = tracked.or_else(|| label("argocd.argoproj.io/instance")) {
        return format!("Argo CD application {application}");
    }
    if let Some(name) = label("kustomize.toolkit.fluxcd.io/name") {
        let within = label("kustomize.toolkit.fluxcd.io/namespace").unwrap_or_default();
        return format!("Flux Kustomization {within}/{name}");
    }
    let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    if let Some(owner) = owners.clone().find(|owner| owner["controller"] == true) {
        let text = |field: &str| owner[field].as_str().unwrap_or_default();
        return format!("{} {}", text("kind"), text("name"));
    }
    let fields = metadata["managedFields"].as_array().into_iter().flatten();
    let whole = fields.filter(|entry| entry["subresource"].as_str().unwrap_or_default().is_empty());
    let mut managers = whole.filter_map(|entry| entry["manager"].as_str());
    let manager = managers.find(|manager| !manager.contains("controller") || manager.starts_with("kubectl"));
    manager.map(|manager| format!("made with {manager}")).unwrap_or_default()
}

/// What an object holds in the cloud, by what its controller says in it.
fn holds(object: &Json) -> Vec<String> {
    let mut all = Vec::new();
    let of_balancer = |host: &str| format!("load balancer {host}");
    if let Some(arn) = object["metadata"]["annotations"][SERVICE_ARN].as_str() {
        all.push(format!("Lattice service {}", arn.rsplit('/').next().unwrap_or(arn)));
    }
    let hosts = object["status"]["loadBalancer"]["ingress"].as_array().into_iter().flatten();
    all.extend(hosts.filter_map(|host| host["hostname"].as_str()).map(of_balancer));
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    let messages = conditions.filter(|it| it["type"] == "Programmed").filter_map(|it| it["message"].as_str());
    let balancers = messages.filter_map(|arn| arn.split_once(":loadbalancer/").map(|(_, name)| name));
    all.extend(balancers.map(of_balancer));
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::releases::crds;

    #[test]
    fn owners_are_told_by_the_marks_of_tools() {
        let of = |metadata: Json| owner(&json!({ "metadata": metadata }));
        let helm = json!({ "namespace": "a", "annotations": { "meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "b" } });
        assert_eq!(of(helm), "Helm release b/web");
        let argo = json!({ "annotations": { "argocd.argoproj.io/tracking-id": "web:/Service:a/b" } });
        assert_eq!(of(argo), "Argo CD application web");
        let flux = json!({ "labels": { "kustomize.toolkit.fluxcd.io/name": "web", "kustomize.toolkit.fluxcd.io/namespace": "flux" } });
        assert_eq!(of(flux), "Flux Kustomization flux/web");
        let owned = json!({ "ownerReferences": [{ "kind": "Site", "name": "web", "controller": true }] });
        assert_eq!(of(owned), "Site web");
        let applied = json!({ "managedFields": [
            { "manager": "gateway-controller", "subresource": "status" }, { "manager": "kubectl-client-side-apply" },
        ] });
        assert_eq!(of(applied), "made with kubectl-client-side-apply");
        assert_eq!(of(json!({})), "");
    }

    #[test]
    fn every_sort_of_the_crds_is_listed_as_it_is_served() {
        let known = [
            ("gateway-api", "1.6.1"),
            ("aws-load-balancer-controller", "3.5.0"),
            ("aws-gateway-api-controller", "2.1.3"),
        ];
        let files =
            known.iter().flat_map(|(release, version)| recipe::crd_files(release, version).expect("known"));
        for crd in files.flat_map(|file| crds(&file)) {
            let spec = &crd["spec"];
            let (group, kind) =
                (spec["group"].as_str().expect("one"), spec["names"]["kind"].as_str().expect("one"));
            let versions = spec["versions"].as_array().expect("some");
            let served = versions.iter().filter(|version| version["served"] == true);
            let mut named =
                served.map(|version| format!("{group}/{}", version["name"].as_str().expect("one")));
            assert!(named.any(|version| SORTS.contains(&(&*version, kind))), "{kind} is not listed");
        }
    }

    #[test]
    fn protection_is_told_by_configurations_and_by_annotations() {
        let config =
            json!({ "spec": { "loadBalancerAttributes": [{ "key": PROTECTION, "value": "true" }] } });
        let note = "service.beta.kubernetes.io/aws-load-balancer-attributes";
        let service = |value: &str| json!({ "metadata": { "annotations": { note: value } } });
        assert!(protects(&config) && protects(&service("a=b, deletion_protection.enabled=true")));
        assert!(!protects(&service("deletion_protection.enabled=false")) && !protects(&json!({})));
    }

    #[test]
    fn services_are_served_by_their_class_or_by_the_cluster() {
        let of = |spec: Json| of_service(&json!({ "metadata": {}, "spec": spec }));
        assert_eq!(of(json!({ "type": "ClusterIP" })), None);
        assert_eq!(of(json!({ "type": "LoadBalancer" })), Some(""));
        assert_eq!(
            of(json!({ "type": "LoadBalancer", "loadBalancerClass": "service.k8s.aws/nlb" })),
            Some("service.k8s.aws/nlb")
        );
        assert_eq!(of(json!({ "type": "LoadBalancer", "loadBalancerClass": "eks.amazonaws.com/nlb" })), None);
    }

    #[test]
    fn what_is_held_is_told_by_the_controllers_themselves() {
        let gateway = json!({ "status": { "conditions": [{ "type": "Programmed", "message": "arn:aws:elb:us-west-2:1:loadbalancer/app/k8s-a/1" }] } });
        assert_eq!(holds(&gateway), ["load balancer app/k8s-a/1"]);
        let service =
            json!({ "status": { "loadBalancer": { "ingress": [{ "hostname": "a.elb.amazonaws.com" }] } } });
        assert_eq!(holds(&service), ["load balancer a.elb.amazonaws.com"]);
        let route = json!({ "metadata": { "annotations": { SERVICE_ARN: "arn:aws:vpc-lattice:us-west-2:1:service/svc-1" } } });
        assert_eq!(holds(&route), ["Lattice service svc-1"]);
    }
}
