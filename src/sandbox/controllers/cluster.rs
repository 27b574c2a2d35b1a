//! `Cluster`: the objects of one cluster, read and written as its API server stores them.

use serde_json::{Value as Json, json};

use crate::sandbox::kube;
use crate::sandbox::world::{Doc, Event, Here, Key, World};

/// A sort of object: its API group (`core` for none) and plural.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort(pub &'static str, pub &'static str);

const GATEWAY_API: &str = "gateway.networking.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
pub(super) const CLASS: Sort = Sort(GATEWAY_API, "gatewayclasses");
pub(super) const GATEWAY: Sort = Sort(GATEWAY_API, "gateways");
pub(super) const HTTP_ROUTE: Sort = Sort(GATEWAY_API, "httproutes");
pub(super) const GRPC_ROUTE: Sort = Sort(GATEWAY_API, "grpcroutes");
pub(super) const TLS_ROUTE: Sort = Sort(GATEWAY_API, "tlsroutes");
pub(super) const TCP_ROUTE: Sort = Sort(GATEWAY_API, "tcproutes");
pub(super) const UDP_ROUTE: Sort = Sort(GATEWAY_API, "udproutes");
pub(super) const GRANT: Sort = Sort(GATEWAY_API, "referencegrants");
pub(super) const BALANCER_CONFIG: Sort = Sort("gateway.k8s.aws", "loadbalancerconfigurations");
pub(super) const GROUP_CONFIG: Sort = Sort("gateway.k8s.aws", "targetgroupconfigurations");
pub(super) const RULE_CONFIG: Sort = Sort("gateway.k8s.aws", "listenerruleconfigurations");
pub(super) const BINDING: Sort = Sort("elbv2.k8s.aws", "targetgroupbindings");
pub(super) const CRD: Sort = Sort("apiextensions.k8s.io", "customresourcedefinitions");
pub(super) const DEPLOYMENT: Sort = Sort("apps", "deployments");
pub(super) const EVENT: Sort = Sort("core", "events");
pub(super) const SERVICE: Sort = Sort("core", "services");
pub(super) const SERVICE_ACCOUNT: Sort = Sort("core", "serviceaccounts");
pub(super) const INGRESS: Sort = Sort(NETWORKING, "ingresses");
pub(super) const INGRESS_CLASS: Sort = Sort(NETWORKING, "ingressclasses");
pub(super) const CLASS_PARAMS: Sort = Sort("elbv2.k8s.aws", "ingressclassparams");
pub(super) const NAMESPACE: Sort = Sort("core", "namespaces");
pub(super) const NODE: Sort = Sort("core", "nodes");
pub(super) const POD: Sort = Sort("core", "pods");

/// The kind of the routes of a sort.
pub(super) fn route_kind(sort: Sort) -> &'static str {
    match sort {
        GRPC_ROUTE => "GRPCRoute",
        TLS_ROUTE => "TLSRoute",
        TCP_ROUTE => "TCPRoute",
        UDP_ROUTE => "UDPRoute",
        _ => "HTTPRoute",
    }
}

/// A cluster that has an API server, and the account and region it is in.
pub(super) struct Cluster<'a> {
    /// The account and region, and the world.
    pub here: Here<'a>,
    /// Its key in `eks/cluster`.
    pub key: Key,
    /// Its name.
    pub name: String,
    /// Its VPC.
    pub vpc: String,
    /// The security group of its nodes.
    pub node_group: String,
}

impl<'a> Cluster<'a> {
    /// The cluster of a key in `eks/cluster`, if it is there.
    pub fn open(world: &'a mut World, key: &Key) -> Option<Self> {
        let doc = world.get(key)?.clone();
        let network = &doc["resourcesVpcConfig"];
        let text = |field: &str| network[field].as_str().unwrap_or_default().to_owned();
        Some(Self {
            vpc: text("vpcId"),
            node_group: text("clusterSecurityGroupId"),
            name: key.id.clone(),
            key: key.clone(),
            here: Here {
                world,
                account: key.account.clone(),
                region: key.region.clone(),
                principal: format!("arn:aws:sts::{}:assumed-role/controller/pod", key.account),
            },
        })
    }

    /// Lets those who look after pods look again.
    pub fn nudge_workloads(&mut self) {
        if !self.here.world.awaits(&self.key, kube::workloads::HOOK) {
            let event = Event::Hook(kube::workloads::HOOK.to_owned());
            self.here.world.after(1_000, &self.key, event);
        }
    }

    /// The table of a sort of object.
    pub fn table(&self, sort: Sort) -> String {
        format!("kube/{}/{}/{}", self.name, sort.0, sort.1)
    }

    /// All objects of a sort, by namespace and name.
    pub fn objects(&self, sort: Sort) -> Vec<Doc> {
        self.here.list(&self.table(sort))
    }

    /// The object of a name; `namespace` is empty for those without.
    pub fn object(&self, sort: Sort, namespace: &str, name: &str) -> Option<Doc> {
        self.here.get(&self.table(sort), &id(namespace, name)).cloned()
    }

    /// Writes a new object: uid, creation time and the rest are added.
    pub fn create(&mut self, sort: Sort, mut object: Doc) {
        let raw = self.here.world.draw("", 32);
        let uid = format!("{}-{}-4{}-8{}-{}", &raw[..8], &raw[8..12], &raw[13..16], &raw[17..20], &raw[20..]);
        object["metadata"]["uid"] = json!(uid);
        object["metadata"]["creationTimestamp"] = json!(self.here.world.timestamp());
        object["metadata"]["generation"] = json!(1);
        let key = self.here.key(&self.table(sort), &id_of(&object));
        kube::write(self.here.world, &self.key, &key, object);
    }

    /// Changes an object as it is stored now. Without effect nothing is written; a deleted object that loses its last
    /// finalizer is gone. Gives what the object is then.
    pub fn change(&mut self, sort: Sort, object: &Doc, how: impl FnOnce(&mut Doc)) -> Option<Doc> {
        let key = self.here.key(&self.table(sort), &id_of(object));
        let old = self.here.world.get(&key)?.clone();
        let mut new = old.clone();
        how(&mut new);
        if new == old {
            return Some(old);
        }
        if new["spec"] != old["spec"] {
            new["metadata"]["generation"] = json!(old["metadata"]["generation"].as_i64().unwrap_or(1) + 1);
        }
        kube::write(self.here.world, &self.key, &key, new);
        kube::settle(self.here.world, &self.key);
        self.here.world.get(&key).cloned()
    }

    /// Deletes an object: at once, or once its finalizers are gone.
    pub fn delete(&mut self, sort: Sort, object: &Doc) {
        let now = self.here.world.timestamp();
        self.change(sort, object, |object| {
            if !deleting(object) {
                object["metadata"]["deletionTimestamp"] = json!(now);
            }
        });
    }

    /// Adds a finalizer, if it is not there.
    pub fn hold(&mut self, sort: Sort, object: &Doc, finalizer: &str) -> Option<Doc> {
        self.change(sort, object, |object| {
            let mut all = finalizers(object);
            if !all.iter().any(|one| one == finalizer) && !deleting(object) {
                all.push(finalizer.to_owned());
                object["metadata"]["finalizers"] = json!(all);
            }
        })
    }

    /// Removes a finalizer.
    pub fn release(&mut self, sort: Sort, object: &Doc, finalizer: &str) {
        self.change(sort, object, |object| {
            let mut all = finalizers(object);
            all.retain(|one| one != finalizer);
            match (all.is_empty(), object["metadata"].as_object_mut()) {
                (true, Some(metadata)) => drop(metadata.remove("finalizers")),
                _ => object["metadata"]["finalizers"] = json!(all),
            }
        });
    }
}

/// `<namespace>/<name>`, or `<name>`.
fn id(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// The id of an object in its table.
pub(super) fn id_of(object: &Doc) -> String {
    id(namespace(object), name(object))
}

/// Its name.
pub(super) fn name(object: &Doc) -> &str {
    text(&object["metadata"], "name")
}

/// Its namespace, empty if it has none.
pub(super) fn namespace(object: &Doc) -> &str {
    text(&object["metadata"], "namespace")
}

/// Whether it is being deleted.
pub(super) fn deleting(object: &Doc) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// Its finalizers.
pub(super) fn finalizers(object: &Doc) -> Vec<String> {
    list(&object["metadata"]["finalizers"]).iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

/// Whether it has this finalizer.
pub(super) fn held(object: &Doc, finalizer: &str) -> bool {
    finalizers(object).iter().any(|one| one == finalizer)
}

/// Its annotation of this name.
pub(super) fn annotation<'a>(object: &'a Doc, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

/// A text, empty if it is not there.
pub(super) fn text<'a>(json: &'a Json, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}

/// A list, empty if it is not there.
pub(super) fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

/// Whether labels fit a selector of `matchLabels`.
pub(super) fn selects(selector: &Json, labels: &Json) -> bool {
    selector.as_object().is_some_and(|wanted| wanted.iter().all(|(key, value)| labels[key] == *value))
}
