//! What of built-in objects may not change, and how the server says so.

use serde_json::{Value as Json, json};

use super::refusal::{Cause, Refusal};
use super::resource::Resource;
use crate::sandbox::world::Doc;

/// What of the spec of a StatefulSet may change.
const OF_STATEFUL_SET: &[&str] = &[
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// Keeps what the server gave, and refuses changes of what cannot change.
pub(super) fn stays(resource: &Resource, old: &Doc, new: &mut Doc) -> Result<(), Refusal> {
    let causes = match resource.full_kind().as_str() {
        "Namespace" => {
            new["spec"] = old["spec"].clone();
            Vec::new()
        }
        "Service" => service(old, new),
        "StatefulSet.apps" => stateful_set(old, new),
        "ConfigMap" => sealed(old, new),
        "Secret" => [fixed(old, new, &["type"]), sealed(old, new)].concat(),
        "Deployment.apps" | "DaemonSet.apps" | "ReplicaSet.apps" => fixed(old, new, &["spec.selector"]),
        "Job.batch" => fixed(old, new, &["spec.completionMode", "spec.selector", "spec.template"]),
        "IngressClass.networking.k8s.io" => fixed(old, new, &["spec.controller"]),
        "CustomResourceDefinition.apiextensions.k8s.io" => {
            fixed(old, new, &["spec.group", "spec.names.plural", "spec.scope"])
        }
        "RoleBinding.rbac.authorization.k8s.io" | "ClusterRoleBinding.rbac.authorization.k8s.io" => {
            changed(old, new, &["roleRef"], |_, value| invalid("roleRef", value, "cannot change roleRef"))
        }
        "PriorityClass.scheduling.k8s.io" => {
            changed(old, new, &["value"], |path, _| forbidden(path, "may not be changed in an update."))
        }
        "StorageClass.storage.k8s.io" => storage_class(old, new),
        _ => Vec::new(),
    };
    let name = new["metadata"]["name"].as_str().unwrap_or_default();
    if causes.is_empty() { Ok(()) } else { Err(Refusal::invalid(resource, name, causes)) }
}

fn invalid(path: &str, value: &Json, words: &str) -> Cause {
    Cause::invalid(path, format!("Invalid value: {value}: {words}"))
}

fn forbidden(path: &str, words: &str) -> Cause {
    Cause { reason: "FieldValueForbidden", field: path.to_owned(), text: format!("Forbidden: {words}") }
}

/// A cause for each path whose value is another one.
fn changed(old: &Doc, new: &Doc, paths: &[&str], cause: impl Fn(&str, &Json) -> Cause) -> Vec<Cause> {
    let at = |doc: &Doc, path: &str| {
        doc.pointer(&format!("/{}", path.replace('.', "/"))).cloned().unwrap_or_default()
    };
    let others = paths.iter().filter(|path| at(old, path) != at(new, path));
    others.map(|path| cause(path, &at(new, path))).collect()
}

fn fixed(old: &Doc, new: &Doc, paths: &[&str]) -> Vec<Cause> {
    changed(old, new, paths, |path, value| invalid(path, value, "field is immutable"))
}

/// A Service keeps its address unless it gives it up.
fn service(old: &Doc, new: &mut Doc) -> Vec<Cause> {
    let ip = old["spec"]["clusterIP"].clone();
    if new["spec"]["type"] == "ExternalName" || ip.is_null() {
        return Vec::new();
    }
    if new["spec"]["clusterIP"].is_null() {
        new["spec"]["clusterIP"] = ip.clone();
    }
    if new["spec"]["clusterIP"] == ip {
        new["spec"]["clusterIPs"] = old["spec"]["clusterIPs"].clone();
        return Vec::new();
    }
    let ips = json!([new["spec"]["clusterIP"]]);
    vec![invalid("spec.clusterIPs[0]", &ips, "may not change once set")]
}

fn stateful_set(old: &Doc, new: &Doc) -> Vec<Cause> {
    let rest = |doc: &Doc| {
        let mut spec = doc["spec"].as_object().cloned().unwrap_or_default();
        spec.retain(|name, _| !OF_STATEFUL_SET.contains(&name.as_str()));
        spec
    };
    if rest(old) == rest(new) {
        return Vec::new();
    }
    let quoted: Vec<String> = OF_STATEFUL_SET.iter().map(|name| format!("'{name}'")).collect();
    let (last, first) = quoted.split_last().expect("there are some");
    let words = format!(
        "updates to statefulset spec for fields other than {} and {last} are forbidden",
        first.join(", ")
    );
    vec![forbidden("spec", &words)]
}

/// What was declared immutable stays that.
fn sealed(old: &Doc, new: &Doc) -> Vec<Cause> {
    if old["immutable"] != true {
        return Vec::new();
    }
    let words = "field is immutable when `immutable` is set";
    changed(old, new, &["immutable", "data", "binaryData"], |path, _| forbidden(path, words))
}

fn storage_class(old: &Doc, new: &Doc) -> Vec<Cause> {
    let updates = changed(old, new, &["parameters", "provisioner"], |path, _| {
        forbidden(path, &format!("updates to {path} are forbidden."))
    });
    [updates, fixed(old, new, &["reclaimPolicy", "volumeBindingMode"])].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::kube::resource;

    fn refused(kind: (&str, &str), old: Json, mut new: Json) -> Option<String> {
        let plural = format!("{}s", kind.1.to_lowercase());
        let resource = resource::builtin(kind.0, &plural);
        let resource = resource.unwrap_or_else(|| panic!("{kind:?} is not served"));
        new["metadata"]["name"] = json!("a");
        stays(&resource, &old, &mut new).err().map(|refusal| {
            assert_eq!((refusal.code, refusal.reason), (422, "Invalid"));
            refusal.message
        })
    }

    #[test]
    fn what_cannot_change_is_told_as_the_server_tells_it() {
        let of = |selector: &str| json!({ "spec": { "selector": { "matchLabels": { "app": selector } } } });
        assert_eq!(refused(("apps", "Deployment"), of("a"), of("a")), None);
        assert_eq!(
            refused(("apps", "Deployment"), of("a"), of("b")).expect("refused"),
            "Deployment.apps \"a\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: \
             field is immutable"
        );
        let of = |name: &str| json!({ "roleRef": { "name": name } });
        let told = refused(("rbac.authorization.k8s.io", "ClusterRoleBinding"), of("a"), of("b"));
        assert!(told.expect("refused").ends_with("{\"name\":\"b\"}: cannot change roleRef"));
        let of = |name: &str, replicas: u32| json!({ "spec": { "serviceName": name, "replicas": replicas } });
        assert_eq!(refused(("apps", "StatefulSet"), of("a", 1), of("a", 2)), None);
        assert_eq!(
            refused(("apps", "StatefulSet"), of("a", 1), of("b", 2)).expect("refused"),
            "StatefulSet.apps \"a\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than \
             'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', \
             'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        );
        let of = |data: &str| json!({ "immutable": true, "data": { "k": data } });
        assert!(refused(("", "ConfigMap"), of("a"), of("b")).is_some());
    }

    #[test]
    fn a_service_keeps_its_address() {
        let old = json!({ "spec": { "clusterIP": "172.20.0.22", "clusterIPs": ["172.20.0.22"] } });
        assert_eq!(refused(("", "Service"), old.clone(), json!({ "spec": {} })), None);
        let name = json!({ "spec": { "type": "ExternalName", "externalName": "a.example.com" } });
        assert_eq!(refused(("", "Service"), old.clone(), name), None);
        assert_eq!(
            refused(("", "Service"), old, json!({ "spec": { "clusterIP": "None" } })).expect("refused"),
            "Service \"a\" is invalid: spec.clusterIPs[0]: Invalid value: [\"None\"]: may not change once set"
        );
    }
}
