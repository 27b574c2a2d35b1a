//! `Stack`: whose a thing in AWS is, told by its tags. `Options`: how the controller was started.

use serde_json::{Value as Json, json};

use super::super::cluster::{Cluster, list, name, namespace, text};
use super::super::names;
use crate::sandbox::world::Doc;

/// The flags of the controller that make a difference here.
pub(super) struct Options {
    /// What it calls the cluster.
    pub cluster: String,
    /// `instance` or `ip`.
    pub target_type: String,
    /// `internal` or `internet-facing`.
    pub scheme: String,
    /// On everything it makes.
    pub tags: Vec<(String, String)>,
}

impl Options {
    /// The flags of the containers of its Deployment.
    pub fn of(cluster: &Cluster<'_>, deployment: &Doc) -> Self {
        let containers = list(&deployment["spec"]["template"]["spec"]["containers"]).iter();
        let words: Vec<&str> = containers
            .flat_map(|container| list(&container["command"]).iter().chain(list(&container["args"])))
            .filter_map(Json::as_str)
            .collect();
        let flag = |name: &str| {
            words.iter().find_map(|word| word.trim_start_matches('-').strip_prefix(name)?.strip_prefix('='))
        };
        let pairs = flag("default-tags").unwrap_or_default().split(',');
        let pairs = pairs.filter_map(|pair| pair.split_once('='));
        Self {
            cluster: flag("cluster-name").unwrap_or(&cluster.name).to_owned(),
            target_type: flag("default-target-type").unwrap_or("instance").to_owned(),
            scheme: flag("default-load-balancer-scheme").unwrap_or("internal").to_owned(),
            tags: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        }
    }
}

/// What the controller makes a load balancer of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    AlbGateway,
    NlbGateway,
    Ingress,
    Service,
}

/// All that belongs to one Gateway, Service, or group of Ingresses.
pub(super) struct Stack {
    pub cluster: String,
    pub network: bool,
    /// Empty for a group of Ingresses that has a name of its own.
    pub namespace: String,
    pub name: String,
    pub uid: String,
    origin: Origin,
    default_tags: Vec<(String, String)>,
}

impl Stack {
    /// The stack of a Gateway.
    pub fn of(options: &Options, network: bool, gateway: &Doc) -> Self {
        let origin = if network { Origin::NlbGateway } else { Origin::AlbGateway };
        Self::of_object(options, origin, gateway)
    }

    /// The stack of a Service.
    pub fn of_service(options: &Options, service: &Doc) -> Self {
        Self::of_object(options, Origin::Service, service)
    }

    /// The stack of a group of Ingresses; of one that is alone, the namespace and name are its own.
    pub fn of_ingresses(options: &Options, namespace: &str, name: &str) -> Self {
        Self {
            cluster: options.cluster.clone(),
            network: false,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: String::new(),
            origin: Origin::Ingress,
            default_tags: options.tags.clone(),
        }
    }

    fn of_object(options: &Options, origin: Origin, object: &Doc) -> Self {
        Self {
            network: matches!(origin, Origin::NlbGateway | Origin::Service),
            uid: text(&object["metadata"], "uid").to_owned(),
            origin,
            ..Self::of_ingresses(options, namespace(object), name(object))
        }
    }

    /// How it is called in tags.
    pub fn id(&self) -> String {
        match self.namespace.as_str() {
            "" => self.name.clone(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }

    /// What the keys of its tags and labels begin with.
    pub fn prefix(&self) -> &'static str {
        match self.origin {
            Origin::AlbGateway => "gateway.k8s.aws.alb",
            Origin::NlbGateway => "gateway.k8s.aws.nlb",
            Origin::Ingress => "ingress.k8s.aws",
            Origin::Service => "service.k8s.aws",
        }
    }

    /// The labels of its objects.
    pub fn labels(&self) -> Json {
        let prefix = self.prefix();
        let mut labels = json!({});
        if self.namespace.is_empty() {
            labels[format!("{prefix}/stack")] = json!(self.name);
        } else {
            labels[format!("{prefix}/stack-namespace")] = json!(self.namespace);
            labels[format!("{prefix}/stack-name")] = json!(self.name);
        }
        labels
    }

    /// What its load balancer is called, if nobody says.
    pub fn balancer_name(&self, scheme: &str) -> String {
        match (self.origin, self.namespace.as_str()) {
            (Origin::Ingress, "") => names::of_group(&self.name, &[&self.cluster, &self.name, scheme]),
            (Origin::Ingress, namespace) => {
                names::load_balancer(&self.cluster, namespace, &self.name, &self.id(), scheme)
            }
            (_, namespace) => names::load_balancer(&self.cluster, namespace, &self.name, &self.uid, scheme),
        }
    }

    /// What the security group in front of it is called.
    pub fn frontend_name(&self) -> String {
        match (self.origin, self.namespace.as_str()) {
            (Origin::Ingress, "") => names::of_group(&self.name, &[&self.cluster, &self.name]),
            (Origin::Ingress, namespace) => {
                names::hashed(namespace, &self.name, &[&self.cluster, &self.id()])
            }
            (_, namespace) => names::frontend_group(&self.cluster, namespace, &self.name, &self.uid),
        }
    }

    /// The tags of one of its things as `[{Key, Value}]`, over tags that the user asked for.
    pub fn tags(&self, resource: &str, user: &Json) -> Json {
        let prefix = self.prefix();
        let mut map: serde_json::Map<String, Json> = user.as_object().cloned().unwrap_or_default();
        map.extend(self.default_tags.iter().map(|(key, value)| (key.clone(), json!(value))));
        map.insert("elbv2.k8s.aws/cluster".to_owned(), json!(self.cluster));
        map.insert(format!("{prefix}/stack"), json!(self.id()));
        map.insert(format!("{prefix}/resource"), json!(resource));
        map.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
    }

    /// Whether tags, in either spelling of keys, are of this stack.
    pub fn owns(&self, tags: &Json) -> bool {
        tag(tags, "elbv2.k8s.aws/cluster") == Some(&self.cluster)
            && tag(tags, &format!("{}/stack", self.prefix())) == Some(&self.id())
    }

    /// What tags say a thing is within its stack.
    pub fn resource<'a>(&self, tags: &'a Json) -> &'a str {
        tag(tags, &format!("{}/resource", self.prefix())).unwrap_or_default()
    }
}

/// The value of a tag in a list of `{Key, Value}` or `{key, value}`.
pub(super) fn tag<'a>(tags: &'a Json, key: &str) -> Option<&'a str> {
    let one = list(tags).iter().find(|one| one["Key"] == key || one["key"] == key)?;
    one["Value"].as_str().or_else(|| one["value"].as_str())
}
