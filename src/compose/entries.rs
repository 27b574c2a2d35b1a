//! The objects of `[manifests.*]`, one entry for each object and cluster, and where each can be found again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use serde_json::Value as Json;

use super::draft::Draft;
use crate::address::Address;
use crate::stack::Stack;
use crate::stack::model::Manifests;

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
    pub(super) object: &'a Json,
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

const CRD: &str = "CustomResourceDefinition";

/// All entries of a stack.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries<'a> {
    /// In the order of the file.
    pub(super) all: Rc<[Entry<'a>]>,
    /// Cluster, kind, namespace and name to the first that has them.
    named: HashMap<[String; 4], Address>,
    /// Cluster and group to the CRDs of the group.
    definitions: HashMap<[String; 2], Vec<Address>>,
    /// Cluster to the load balancer controller's own objects.
    configurations: HashMap<String, Vec<Address>>,
}

impl<'a> Entries<'a> {
    fn of(all: Vec<Entry<'a>>) -> Self {
        let mut entries = Self::default();
        for entry in &all {
            let namespace = entry.namespace.clone().unwrap_or_default();
            let key = [entry.cluster.clone(), entry.kind.clone(), namespace, entry.name.clone()];
            entries.named.entry(key).or_insert_with(|| entry.address.clone());
            if entry.group == "gateway.k8s.aws" {
                entries.configurations.entry(entry.cluster.clone()).or_default().push(entry.address.clone());
            }
            if let Some(group) = text(entry.object, "/spec/group").filter(|_| entry.kind == CRD) {
                let key = [entry.cluster.clone(), group.to_owned()];
                entries.definitions.entry(key).or_default().push(entry.address.clone());
            }
        }
        Self { all: all.into(), ..entries }
    }

    /// The entries of this kind and name in any cluster.
    pub(super) fn everywhere(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> impl Iterator<Item = &Address> {
        let is_it = move |entry: &&Entry<'_>| {
            entry.kind == kind
                && entry.name == name
                && entry.namespace.as_deref().unwrap_or("default") == namespace
        };
        self.all.iter().filter(is_it).map(|entry| &entry.address)
    }

    /// The entry of this kind and name in a cluster; the namespace is empty for what has none.
    pub(super) fn named(&self, cluster: &str, kind: &str, namespace: &str, name: &str) -> Option<&Address> {
        self.named.get(&[cluster, kind, namespace, name].map(str::to_owned))
    }

    /// The CRDs of a group in a cluster.
    pub(super) fn definitions(&self, cluster: &str, group: &str) -> &[Address] {
        self.definitions.get(&[cluster, group].map(str::to_owned)).map_or(&[], Vec::as_slice)
    }

    /// The load balancer controller's own configuration objects in a cluster.
    pub(super) fn configurations(&self, cluster: &str) -> &[Address] {
        self.configurations.get(cluster).map_or(&[], Vec::as_slice)
    }
}

/// The text at a JSON pointer, if there is one.
pub(super) fn text<'a>(object: &'a Json, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Json::as_str).filter(|text| !text.is_empty())
}

/// Every object of every manifest, in every cluster it goes to.
pub(super) fn read<'a>(draft: &mut Draft<'a>) -> Entries<'a> {
    let stack = draft.stack;
    let wide = cluster_wide(stack);
    let mut all = Vec::new();
    for (key, manifests) in &stack.manifests {
        let clusters: Vec<&String> = manifests.cluster.iter().chain(&manifests.clusters).collect();
        let parts = parts(draft, &wide, key, manifests);
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
    Entries::of(all)
}

/// The objects of a section by their part of the address: kind and name, and more where that is not unique.
fn parts<'a>(
    draft: &mut Draft<'a>,
    wide: &HashSet<[&str; 2]>,
    key: &str,
    manifests: &'a Manifests,
) -> Vec<(String, Entry<'a>)> {
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
        if Address::parse(&format!("manifest.{key}/{kind}.{name}")).is_err() || name.contains('/') {
            let message = format!("`{name}` is no name for a {kind}");
            draft.fail(&format!("manifests.{key}.files"), message, "names hold no white space and no `/`");
            continue;
        }
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let has_none = CLUSTER_WIDE.contains(&kind) || wide.contains(&[group, kind]);
        let namespace =
            text(object, "/metadata/namespace").or(manifests.namespace.as_deref()).unwrap_or("default");
        found.push(Entry {
            address: Address::new("manifest", key),
            cluster: String::new(),
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: (!has_none).then(|| namespace.to_owned()),
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

/// Groups and kinds without a namespace, by the CRDs in the manifests.
fn cluster_wide(stack: &Stack) -> HashSet<[&str; 2]> {
    let objects = stack.manifests.values().flat_map(|manifests| &manifests.objects);
    let crds = objects.filter(|object| text(object, "/kind") == Some(CRD));
    crds.filter(|crd| text(crd, "/spec/scope") == Some("Cluster"))
        .filter_map(|crd| Some([text(crd, "/spec/group")?, text(crd, "/spec/names/kind")?]))
        .collect()
}
