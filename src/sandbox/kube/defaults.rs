//! What the server fills into built-in objects. What of them may not change is in `immutable`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::resource::Resource;
use crate::sandbox::world::{Doc, Event, Key, World};

/// Sets a field that is not there.
fn set(json: &mut Json, name: &str, value: impl Into<Json>) {
    if !json.is_object() {
        *json = Json::Object(Map::new());
    }
    if json[name].is_null() {
        json[name] = value.into();
    }
}

fn items<'a>(json: &'a mut Json, name: &str) -> impl Iterator<Item = &'a mut Json> {
    json.get_mut(name).and_then(Json::as_array_mut).into_iter().flatten()
}

/// Fills in a new object.
pub(super) fn created(world: &mut World, cluster: &Key, resource: &Resource, doc: &mut Doc) {
    fill(resource, doc);
    match resource.kind.as_str() {
        "Namespace" => {
            let name = doc["metadata"]["name"].clone();
            set(&mut doc["metadata"], "labels", json!({}));
            doc["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            doc["spec"] = json!({ "finalizers": ["kubernetes"] });
            doc["status"] = json!({ "phase": "Active" });
        }
        "Service" if doc["spec"]["type"] != "ExternalName" => {
            let ip = cluster_ip(world, cluster);
            set(&mut doc["spec"], "clusterIP", ip);
            let ip = doc["spec"]["clusterIP"].clone();
            set(&mut doc["spec"], "clusterIPs", json!([ip]));
            doc["status"] = json!({ "loadBalancer": {} });
        }
        "CustomResourceDefinition" => {
            doc["metadata"]["finalizers"] = json!(["customresourcecleanup.apiextensions.k8s.io"]);
        }
        _ => {}
    }
}

/// `172.20.0.0/16` is where EKS puts services; the first addresses have their use.
fn cluster_ip(world: &mut World, cluster: &Key) -> String {
    let table = super::table(cluster, "", "services");
    let used: Vec<&Json> = world
        .table(&cluster.account, &cluster.region, &table)
        .map(|(_, doc)| &doc["spec"]["clusterIP"])
        .collect();
    let free = (20..65_000).map(|n| format!("172.20.{}.{}", n / 250, n % 250 + 2));
    free.into_iter().find(|ip| !used.iter().any(|one| **one == ip.as_str())).unwrap_or_default()
}

/// Makes happen what follows from a new object: a CRD is established after a moment.
pub(super) fn follow(world: &mut World, resource: &Resource, key: &Key) {
    if resource.kind != "CustomResourceDefinition" {
        return;
    }
    let Some(doc) = world.get(key) else { return };
    let now = world.timestamp();
    let condition = |kind: &str, reason: &str, message: &str| json!({ "type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now });
    let versions = doc["spec"]["versions"].as_array().into_iter().flatten();
    let stored: Vec<&Json> = versions.filter(|v| v["storage"] == true).map(|v| &v["name"]).collect();
    let status = json!({ "status": {
        "acceptedNames": doc["spec"]["names"], "storedVersions": stored,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
    }});
    world.after(500, key, Event::Merge(status));
}

/// Fills in what has a default of its own.
pub(super) fn fill(resource: &Resource, doc: &mut Doc) {
    match resource.kind.as_str() {
        "Service" => service(doc),
        "Deployment" => {
            let spec = &mut doc["spec"];
            set(spec, "replicas", 1);
            set(spec, "revisionHistoryLimit", 10);
            set(spec, "progressDeadlineSeconds", 600);
            set(
                spec,
                "strategy",
                json!({
                    "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" },
                }),
            );
            template(&mut spec["template"]);
        }
        "StatefulSet" | "ReplicaSet" => {
            set(&mut doc["spec"], "replicas", 1);
            template(&mut doc["spec"]["template"]);
        }
        "DaemonSet" => template(&mut doc["spec"]["template"]),
        "Job" => {
            set(&mut doc["spec"], "completions", 1);
            set(&mut doc["spec"], "parallelism", 1);
            set(&mut doc["spec"], "backoffLimit", 6);
            template(&mut doc["spec"]["template"]);
        }
        "Pod" => pod(&mut doc["spec"]),
        "Secret" => secret(doc),
        "ClusterRoleBinding" | "RoleBinding" => {
            set(&mut doc["roleRef"], "apiGroup", "rbac.authorization.k8s.io");
            for subject in items(doc, "subjects") {
                if subject["kind"] != "ServiceAccount" {
                    set(subject, "apiGroup", "rbac.authorization.k8s.io");
                }
            }
        }
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            items(doc, "webhooks").for_each(webhook);
            if resource.kind.starts_with('M') {
                items(doc, "webhooks").for_each(|webhook| set(webhook, "reinvocationPolicy", "Never"));
            }
        }
        "CustomResourceDefinition" => definition(&mut doc["spec"]),
        _ => {}
    }
}

fn service(doc: &mut Doc) {
    let called = format!("{}/{}", doc["metadata"]["namespace"], doc["metadata"]["name"]);
    let spec = &mut doc["spec"];
    set(spec, "type", "ClusterIP");
    set(spec, "sessionAffinity", "None");
    set(spec, "internalTrafficPolicy", "Cluster");
    set(spec, "ipFamilies", json!(["IPv4"]));
    set(spec, "ipFamilyPolicy", "SingleStack");
    let balanced = spec["type"] == "LoadBalancer";
    if balanced {
        set(spec, "allocateLoadBalancerNodePorts", true);
    }
    let opens_nodes = spec["type"] == "NodePort" || balanced;
    if opens_nodes {
        set(spec, "externalTrafficPolicy", "Cluster");
    }
    let opens_nodes = opens_nodes && spec["allocateLoadBalancerNodePorts"] != false;
    for port in items(spec, "ports") {
        set(port, "protocol", "TCP");
        let same = port["port"].clone();
        set(port, "targetPort", same);
        if opens_nodes {
            let number = node_port(&called, port);
            set(port, "nodePort", number);
        }
    }
}

/// A port of the nodes for a port of a Service, from the range that is for them: always the same one.
fn node_port(service: &str, port: &Json) -> i64 {
    let of = format!("{service}:{}/{}", port["port"], port["protocol"]);
    30_000 + of.bytes().fold(0, |sum: i64, byte| (sum * 31 + i64::from(byte)) % 2_768)
}

fn template(template: &mut Json) {
    pod(&mut template["spec"]);
}

fn pod(spec: &mut Json) {
    set(spec, "restartPolicy", "Always");
    set(spec, "dnsPolicy", "ClusterFirst");
    set(spec, "schedulerName", "default-scheduler");
    set(spec, "terminationGracePeriodSeconds", 30);
    set(spec, "securityContext", json!({}));
    if let Some(account) = spec["serviceAccountName"].as_str().map(str::to_owned) {
        set(spec, "serviceAccount", account);
    }
    for list in ["containers", "initContainers"] {
        items(spec, list).for_each(container);
    }
    for volume in items(spec, "volumes") {
        for source in ["secret", "configMap", "projected"] {
            if volume[source].is_object() {
                set(&mut volume[source], "defaultMode", 420);
            }
        }
    }
}

fn container(container: &mut Json) {
    let image = container["image"].as_str().unwrap_or_default();
    let latest = !image.rsplit('/').next().unwrap_or_default().contains(':') || image.ends_with(":latest");
    set(container, "imagePullPolicy", if latest { "Always" } else { "IfNotPresent" });
    set(container, "terminationMessagePath", "/dev/termination-log");
    set(container, "terminationMessagePolicy", "File");
    set(container, "resources", json!({}));
    items(container, "ports").for_each(|port| set(port, "protocol", "TCP"));
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container[name].is_object() {
            probe(&mut container[name]);
        }
    }
}

fn probe(probe: &mut Json) {
    for (name, value) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        set(probe, name, value);
    }
    if probe["httpGet"].is_object() {
        set(&mut probe["httpGet"], "scheme", "HTTP");
    }
}

/// Texts become data; nobody reads `stringData` back.
fn secret(doc: &mut Doc) {
    set(doc, "type", "Opaque");
    let texts = doc.as_object_mut().and_then(|map| map.remove("stringData"));
    if let Some(Json::Object(texts)) = texts {
        set(doc, "data", json!({}));
        for (name, text) in texts {
            doc["data"][name] = Json::from(STANDARD.encode(text.as_str().unwrap_or_default()));
        }
    }
}

fn webhook(webhook: &mut Json) {
    set(webhook, "failurePolicy", "Fail");
    set(webhook, "matchPolicy", "Equivalent");
    set(webhook, "timeoutSeconds", 10);
    set(webhook, "namespaceSelector", json!({}));
    set(webhook, "objectSelector", json!({}));
    if webhook["clientConfig"]["service"].is_object() {
        set(&mut webhook["clientConfig"]["service"], "port", 443);
    }
    items(webhook, "rules").for_each(|rule| set(rule, "scope", "*"));
}

fn definition(spec: &mut Json) {
    let kind = spec["names"]["kind"].as_str().unwrap_or_default().to_owned();
    set(&mut spec["names"], "singular", kind.to_lowercase());
    set(&mut spec["names"], "listKind", format!("{kind}List"));
    set(spec, "conversion", json!({ "strategy": "None" }));
}
