//! `Resource`: what the API server serves, built in and by CRDs.

use serde_json::Value as Json;

use crate::sandbox::world::{Doc, Key, World};

/// One sort of object under one API version.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Empty for core.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// `Deployment`.
    pub kind: String,
    /// `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether its status is written apart.
    pub status: bool,
    /// The schema of the version, for those that a CRD defines.
    pub schema: Option<Json>,
}

impl Resource {
    /// `deployments.apps`, as refusals name it.
    pub fn full(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `Deployment.apps`.
    pub fn full_kind(&self) -> String {
        if self.group.is_empty() { self.kind.clone() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The table of its objects in a cluster.
    pub fn table(&self, cluster: &Key) -> String {
        table(cluster, &self.group, &self.plural)
    }

    /// The key of an object.
    pub fn key(&self, cluster: &Key, namespace: &str, name: &str) -> Key {
        let id = if self.namespaced { format!("{namespace}/{name}") } else { name.to_owned() };
        Key { table: self.table(cluster), id, ..cluster.clone() }
    }
}

/// The table of the objects of a group and plural in a cluster. `group` is empty for core.
pub fn table(cluster: &Key, group: &str, plural: &str) -> String {
    let group = if group.is_empty() { "core" } else { group };
    format!("kube/{}/{group}/{plural}", cluster.id)
}

/// What is built in: group, version, kind, plural, whether in namespaces, whether with a status.
const BUILTIN: &[(&str, &str, &str, &str, bool, bool)] = &[
    ("", "v1", "ConfigMap", "configmaps", true, false),
    ("", "v1", "Endpoints", "endpoints", true, false),
    ("", "v1", "Event", "events", true, false),
    ("", "v1", "Namespace", "namespaces", false, true),
    ("", "v1", "Node", "nodes", false, true),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true, true),
    ("", "v1", "Pod", "pods", true, true),
    ("", "v1", "Secret", "secrets", true, false),
    ("", "v1", "Service", "services", true, true),
    ("", "v1", "ServiceAccount", "serviceaccounts", true, false),
    (ADMISSION, "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", false, false),
    (ADMISSION, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", false, true),
    (ADMISSION, "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", false, false),
    (ADMISSION, "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", false, false),
    (EXTENSIONS, "v1", "CustomResourceDefinition", "customresourcedefinitions", false, true),
    ("apps", "v1", "DaemonSet", "daemonsets", true, true),
    ("apps", "v1", "Deployment", "deployments", true, true),
    ("apps", "v1", "ReplicaSet", "replicasets", true, true),
    ("apps", "v1", "StatefulSet", "statefulsets", true, true),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true, true),
    ("batch", "v1", "CronJob", "cronjobs", true, true),
    ("batch", "v1", "Job", "jobs", true, true),
    ("coordination.k8s.io", "v1", "Lease", "leases", true, false),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true, false),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", true, true),
    ("networking.k8s.io", "v1", "IngressClass", "ingressclasses", false, false),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", true, false),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true, true),
    (RBAC, "v1", "ClusterRole", "clusterroles", false, false),
    (RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", false, false),
    (RBAC, "v1", "Role", "roles", true, false),
    (RBAC, "v1", "RoleBinding", "rolebindings", true, false),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", false, false),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses", false, false),
];

const ADMISSION: &str = "admissionregistration.k8s.io";
/// The group of CRDs.
pub const EXTENSIONS: &str = "apiextensions.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";

/// A resource that is built in.
pub fn builtin(group: &str, plural: &str) -> Option<Resource> {
    let found = BUILTIN.iter().find(|known| known.0 == group && known.3 == plural)?;
    Some(from_row(found))
}

fn from_row(row: &(&str, &str, &str, &str, bool, bool)) -> Resource {
    Resource {
        group: row.0.to_owned(),
        version: row.1.to_owned(),
        kind: row.2.to_owned(),
        plural: row.3.to_owned(),
        namespaced: row.4,
        status: row.5,
        schema: None,
    }
}

/// CRDs themselves.
pub fn definitions() -> Resource {
    builtin(EXTENSIONS, "customresourcedefinitions").expect("it is in the table above")
}

/// Namespaces.
pub fn namespaces() -> Resource {
    builtin("", "namespaces").expect("it is in the table above")
}

/// The resource under a path, if it is served. An empty `version` means any.
pub fn find(world: &World, cluster: &Key, group: &str, version: &str, plural: &str) -> Option<Resource> {
    let served = |resource: &Resource| version.is_empty() || resource.version == version;
    if let Some(found) = builtin(group, plural) {
        return Some(found).filter(served);
    }
    let key = definitions().key(cluster, "", &format!("{plural}.{group}"));
    let definition = world.get(&key)?;
    let version =
        versions(definition).into_iter().find(|one| version.is_empty() || one["name"] == version)?;
    let schema = Some(version["schema"]["openAPIV3Schema"].clone());
    Some(Resource { schema, ..row_of(definition, version) })
}

/// Everything that is served, a row for each version, without the schemas.
pub fn all(world: &World, cluster: &Key) -> Vec<Resource> {
    let mut all: Vec<Resource> = BUILTIN.iter().map(from_row).collect();
    let table = definitions().table(cluster);
    for (_, definition) in world.table(&cluster.account, &cluster.region, &table) {
        all.extend(versions(definition).into_iter().map(|version| row_of(definition, version)));
    }
    all
}

/// The served versions of a CRD, the stored one first. Nothing until it is established.
fn versions(definition: &Doc) -> Vec<&Json> {
    let versions = definition["spec"]["versions"].as_array().filter(|_| established(definition));
    let mut served: Vec<&Json> =
        versions.into_iter().flatten().filter(|version| version["served"] == true).collect();
    served.sort_by_key(|version| version["storage"] != true);
    served
}

fn row_of(definition: &Doc, version: &Json) -> Resource {
    let spec = &definition["spec"];
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    Resource {
        group: text(&spec["group"]),
        version: text(&version["name"]),
        kind: text(&spec["names"]["kind"]),
        plural: text(&spec["names"]["plural"]),
        namespaced: spec["scope"] == "Namespaced",
        status: !version["subresources"]["status"].is_null(),
        schema: None,
    }
}

fn established(definition: &Doc) -> bool {
    let conditions = definition["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Established" && c["status"] == "True"))
}
