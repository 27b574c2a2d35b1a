//! `Stack`: whose a thing in AWS is, told by its tags. `Options`: how the controller was started.

use serde_json::{Value as Json, json};

use super::super::cluster::{Cluster, list, name, namespace, text};
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

/// All that belongs to one Gateway.
pub(super) struct Stack {
    pub cluster: String,
    pub network: bool,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    default_tags: Vec<(String, String)>,
}

impl Stack {
    /// The stack of a Gateway.
    pub fn of(options: &Options, network: bool, gateway: &Doc) -> Self {
        Self {
            cluster: options.cluster.clone(),
            network,
            namespace: namespace(gateway).to_owned(),
            name: name(gateway).to_owned(),
            uid: text(&gateway["metadata"], "uid").to_owned(),
            default_tags: options.tags.clone(),
        }
    }

    /// What the keys of its tags and labels begin with.
    pub fn prefix(&self) -> &'static str {
        if self.network { "gateway.k8s.aws.nlb" } else { "gateway.k8s.aws.alb" }
    }

    /// The tags of one of its things as `[{Key, Value}]`, over tags that the user asked for.
    pub fn tags(&self, resource: &str, user: &Json) -> Json {
        let prefix = self.prefix();
        let mut map: serde_json::Map<String, Json> = user.as_object().cloned().unwrap_or_default();
        map.extend(self.default_tags.iter().map(|(key, value)| (key.clone(), json!(value))));
        map.insert("elbv2.k8s.aws/cluster".to_owned(), json!(self.cluster));
        map.insert(format!("{prefix}/stack"), json!(format!("{}/{}", self.namespace, self.name)));
        map.insert(format!("{prefix}/resource"), json!(resource));
        map.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
    }

    /// Whether tags, in either spelling of keys, are of this stack.
    pub fn owns(&self, tags: &Json) -> bool {
        let stack = format!("{}/{}", self.namespace, self.name);
        tag(tags, "elbv2.k8s.aws/cluster") == Some(&self.cluster)
            && tag(tags, &format!("{}/stack", self.prefix())) == Some(&stack)
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
