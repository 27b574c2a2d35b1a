//! The sections of a stack file as types: what a user may write, after variables are filled in.
//!
//! Plain data. Where each key stands in the file is in `Spans`, by dotted path. What the sections become is in `compose`.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use ipnet::Ipv4Net;
use serde::Deserialize;

use super::duration::Limit;
pub use super::encryption::Encryption;
use super::source::{Source, Spans};
use crate::secret::Secrets;
use crate::value::Value;

/// A whole stack file.
#[derive(Clone, Debug)]
pub struct Stack {
    /// `[stack]`.
    pub head: Head,
    /// `[state]`.
    pub backend: Option<String>,
    /// The rest of `[state]`.
    pub keeping: Keeping,
    /// `[state] encryption`.
    pub encryption: Option<Encryption>,
    /// `[accounts.*]`.
    pub accounts: IndexMap<String, Account>,
    /// `[networks.*]`.
    pub networks: IndexMap<String, Network>,
    /// `[clusters.*]`.
    pub clusters: IndexMap<String, Cluster>,
    /// `[service_networks.*]`.
    pub service_networks: IndexMap<String, ServiceNetwork>,
    /// `[controllers.*]`.
    pub controllers: IndexMap<String, Controller>,
    /// `[certificates.*]`.
    pub certificates: IndexMap<String, Certificate>,
    /// `[gateways.*]`.
    pub gateways: IndexMap<String, Gateway>,
    /// `[routes.*]`.
    pub routes: IndexMap<String, Route>,
    /// `[manifests.*]`.
    pub manifests: IndexMap<String, Manifests>,
    /// `[values.*]`.
    pub values: IndexMap<String, Input>,
    /// `[outputs]`.
    pub outputs: IndexMap<String, Value>,
    /// `[lifecycle."address"]`.
    pub lifecycle: IndexMap<String, Rules>,
    /// `[moved]`: old address to new address.
    pub moved: IndexMap<String, String>,
    /// `[removed]`.
    pub removed: IndexMap<String, Removed>,
    /// The names of its variables, and whether each is sensitive.
    pub variables: BTreeMap<String, bool>,
    /// What must never be told or kept: the values of sensitive variables, and what Kubernetes Secrets hold.
    pub secrets: Secrets,
    /// The text it was read from.
    pub source: Source,
    /// Where each key stands.
    pub spans: Spans,
}

/// `[stack]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// With variables filled in, the key of its state.
    pub name: String,
    /// Where everything lives that does not say otherwise.
    pub region: String,
    /// Refuse to run anywhere else.
    pub account: Option<String>,
    /// Put on everything that can carry tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// `[state]`, beside the backend: how an object store is used.
#[derive(Clone, Debug, Default)]
pub struct Keeping {
    /// The region of the bucket; the stack's if left out.
    pub region: Option<String>,
    /// Where a store is that speaks like S3, if not at AWS.
    pub endpoint: Option<String>,
    /// The KMS key with which S3 encrypts what is written.
    pub kms_key_id: Option<String>,
    /// How long a run may show no life before another takes its state over.
    pub lease: Option<Limit>,
}

/// `[accounts.*]`: another account, reached by a role.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The role to assume there.
    pub role_arn: String,
    /// Its region; the stack's if left out.
    pub region: Option<String>,
}

/// `[networks.*]`: a VPC made here (`cidr`) or one that exists (`vpc_id`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The range of the VPC to make.
    pub cidr: Option<Ipv4Net>,
    /// Over how many zones; 3 if left out.
    pub zones: Option<u8>,
    /// How private subnets reach the internet; `one` if left out.
    pub nat: Option<Nat>,
    /// An existing VPC instead.
    pub vpc_id: Option<String>,
    /// Security groups to make in it.
    #[serde(default)]
    pub security_groups: IndexMap<String, SecurityGroup>,
    /// `[accounts.*]` it lives in.
    pub account: Option<String>,
    /// Its region.
    pub region: Option<String>,
}

/// NAT gateways of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nat {
    /// One for all zones.
    One,
    /// One for each zone.
    PerZone,
    /// None: private subnets have no way out.
    None,
}

/// `[networks.*.security_groups.*]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroup {
    /// What it is for.
    pub description: Option<String>,
    /// What may come in.
    #[serde(default)]
    pub ingress: Vec<Allow>,
}

/// One thing a security group allows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// `tcp` if left out; `all` for everything.
    pub protocol: Option<String>,
    /// The port; all ports if left out.
    pub port: Option<u16>,
    /// From where.
    pub cidr: Option<Ipv4Net>,
    /// From members of another security group of the same network, by name.
    pub security_group: Option<String>,
}

/// `[clusters.*]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Its EKS name; `<stack>-<key>` if left out.
    pub name: Option<String>,
    /// Kubernetes version; needed unless `existing`.
    pub version: Option<String>,
    /// A key of `[networks]`; needed unless `existing`.
    pub network: Option<String>,
    /// A cluster that exists.
    pub existing: Option<Existing>,
    /// Managed node groups.
    #[serde(default)]
    pub nodes: IndexMap<String, Nodes>,
    /// Add-ons beyond those every cluster gets, or versions of those.
    #[serde(default)]
    pub addons: IndexMap<String, Addon>,
    /// Principals with rights in it, beside the one that runs `stack`.
    #[serde(default)]
    pub access: IndexMap<String, Access>,
    /// Who reaches the API server from outside of the VPC; `true` if left out.
    pub public_endpoint: Option<bool>,
    /// `[accounts.*]` it lives in.
    pub account: Option<String>,
    /// Its region.
    pub region: Option<String>,
}

/// `existing = { … }` of a cluster: by EKS name, or by kubeconfig.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Existing {
    /// Its EKS name.
    pub eks: Option<String>,
    /// The VPC of its nodes.
    pub vpc_id: Option<String>,
    /// A kubeconfig file.
    pub kubeconfig: Option<String>,
    /// The context in it; its current context if left out.
    pub context: Option<String>,
    /// How its controllers get AWS credentials: `pod-identity` (EKS) or `none` (nothing is made).
    pub iam: Option<Iam>,
}

/// How controllers get AWS credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Iam {
    /// EKS Pod Identity.
    PodIdentity,
    /// Nothing is made: the cluster has its own ways.
    None,
}

/// `[clusters.*.nodes.*]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nodes {
    /// All of one architecture; the AMI type follows it.
    pub instance_types: Vec<String>,
    /// How many.
    pub size: Size,
    /// `on-demand` if left out.
    pub capacity: Option<Capacity>,
    /// GiB of the root volume; 20 if left out.
    pub disk: Option<u16>,
    /// Labels of the nodes.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// How nodes are bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capacity {
    /// On demand.
    OnDemand,
    /// Spot.
    Spot,
}

/// `size = { min, max, desired }`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// At least.
    pub min: u16,
    /// At most.
    pub max: u16,
    /// At the start; `min` if left out, and afterwards nobody's opinion.
    pub desired: Option<u16>,
}

/// `[clusters.*.addons.*]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addon {
    /// EKS's default for the cluster's version if left out.
    pub version: Option<String>,
    /// Its configuration values.
    pub configuration: Option<toml::Table>,
}

/// `[clusters.*.access.*]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// An IAM role or user.
    pub principal_arn: String,
    /// `admin`, `edit`, `view` or the ARN of an access policy.
    pub policy: String,
    /// Only in these namespaces.
    #[serde(default)]
    pub namespaces: Vec<String>,
}

/// `[service_networks.*]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceNetwork {
    /// Its Lattice name; the key if left out.
    pub name: Option<String>,
    /// Who may call; `none` if left out.
    pub auth: Option<Auth>,
    /// With `auth = "iam"`: a JSON file or a table.
    pub policy: Option<Policy>,
    /// Clusters whose VPCs are associated: one association a VPC.
    #[serde(default)]
    pub clusters: Vec<String>,
    /// What is particular about the association of a cluster's VPC, by a key of `clusters`.
    #[serde(default)]
    pub associations: IndexMap<String, Association>,
    /// Where access logs go.
    #[serde(default)]
    pub access_logs: Vec<String>,
    /// `[accounts.*]` it lives in.
    pub account: Option<String>,
    /// Its region.
    pub region: Option<String>,
}

/// Who may call through a service network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// Anyone in an associated VPC.
    None,
    /// Whom the policy names.
    Iam,
}

/// A policy document: the path of a JSON file, or a table.
#[derive(Clone, Debug)]
pub enum Policy {
    /// Path, relative to the stack file. `read` puts its content in place of it; only `parse` leaves it.
    File(String),
    /// In place.
    Table(toml::Table),
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(path) => Ok(Self::File(path)),
            toml::Value::Table(table) => Ok(Self::Table(table)),
            _ => Err(serde::de::Error::custom("expected the path of a JSON file, or a table")),
        }
    }
}

/// `[service_networks.*.associations.*]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Association {
    /// Who of the VPC may call: ids (`sg-…`), or names under `security_groups` of the cluster's network.
    #[serde(default)]
    pub security_groups: Vec<String>,
}

/// `[controllers.*]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Controller {
    /// Which one.
    pub kind: ControllerKind,
    /// Its release.
    pub version: String,
    /// Where it runs.
    pub clusters: Vec<String>,
    /// Pods of its Deployment; 2 if left out.
    pub replicas: Option<u16>,
}

/// The two Gateway API controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum ControllerKind {
    /// ALB and NLB.
    #[serde(rename = "aws-load-balancer-controller")]
    LoadBalancer,
    /// VPC Lattice.
    #[serde(rename = "aws-gateway-api-controller")]
    Lattice,
}

/// `[certificates.*]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The name it is for.
    pub domain: Option<String>,
    /// More names.
    #[serde(default)]
    pub alternative_names: Vec<String>,
    /// The public Route 53 zone in which it is validated.
    pub zone: Option<String>,
    /// One that exists.
    pub arn: Option<String>,
    /// `[accounts.*]` it lives in.
    pub account: Option<String>,
    /// Its region.
    pub region: Option<String>,
}

/// `[gateways.*]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Which controller and load balancer serve it.
    pub class: Class,
    /// The cluster it lives in.
    pub cluster: Option<String>,
    /// Or several: one Gateway object in each (Lattice).
    #[serde(default)]
    pub clusters: Vec<String>,
    /// Its namespace; `default` if left out. Made if nothing else of the stack makes it.
    pub namespace: Option<String>,
    /// ALB and NLB: who reaches it. Must be said.
    pub scheme: Option<Scheme>,
    /// Lattice: a key of `[service_networks]`.
    pub service_network: Option<String>,
    /// What it listens on.
    #[serde(default)]
    pub listeners: Vec<Listener>,
    /// DNS for the names it serves.
    pub dns: Option<Dns>,
    /// ALB and NLB: attributes of the load balancer, `"idle_timeout.timeout_seconds" = "120"`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// The class of a Gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Application load balancer.
    Alb,
    /// Network load balancer.
    Nlb,
    /// VPC Lattice.
    Lattice,
}

/// The scheme of a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Reached from the internet.
    InternetFacing,
    /// Reached from the VPC.
    Internal,
}

/// One listener of a Gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Routes may name it; unique in the Gateway.
    pub name: String,
    /// HTTP, HTTPS, TLS, TCP or UDP.
    pub protocol: Protocol,
    /// 1 to 65535.
    pub port: u16,
    /// Only requests for this name, or `*.` and a name.
    pub hostname: Option<String>,
    /// A key of `[certificates]`.
    pub certificate: Option<String>,
}

/// The protocol of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// TLS.
    Tls,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// `dns` of a Gateway: a public zone that exists, or a private one to make.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// A public Route 53 zone that exists.
    pub zone: Option<String>,
    /// A private zone, made here and associated with the clusters' VPCs.
    pub private_zone: Option<String>,
}

/// `[routes.*]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// A key of `[gateways]`.
    pub gateway: String,
    /// Needed when the Gateway is in several clusters.
    pub cluster: Option<String>,
    /// The Gateway's if left out.
    pub namespace: Option<String>,
    /// Only on these listeners, by name; all that fit if left out.
    #[serde(default)]
    pub listeners: Vec<String>,
    /// Names it answers to.
    #[serde(default)]
    pub hostnames: Vec<String>,
    /// What goes where.
    pub rules: Vec<Rule>,
}

/// One rule of a route.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Requests whose path begins with this; all if left out.
    pub path: Option<String>,
    /// Only with this method.
    pub method: Option<String>,
    /// Only with these headers, exactly.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Where they go.
    pub backends: Vec<Backend>,
}

/// One backend of a rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// A Kubernetes Service.
    pub service: String,
    /// Its port.
    pub port: u16,
    /// Its share; 1 if left out.
    pub weight: Option<u32>,
    /// The route's if left out.
    pub namespace: Option<String>,
}

/// `[manifests.*]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifests {
    /// The cluster they go to.
    pub cluster: Option<String>,
    /// Or several.
    #[serde(default)]
    pub clusters: Vec<String>,
    /// Patterns, relative to the stack file.
    pub files: Vec<String>,
    /// Where objects go that name no namespace; `default` if left out.
    pub namespace: Option<String>,
    /// The objects in the files, in their order. Filled when the stack is read.
    #[serde(skip)]
    pub objects: Vec<serde_json::Value>,
}

/// `[values.*]`.
#[derive(Clone, Debug)]
pub struct Input {
    /// Anything; may refer to other resources.
    pub input: Value,
}

/// `[lifecycle."address"]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Refuse plans that delete or replace it.
    #[serde(default)]
    pub prevent_destroy: bool,
    /// Fields that make no diff.
    #[serde(default)]
    pub ignore_changes: Vec<String>,
    /// Limits: `{ create = "40m" }`.
    #[serde(default)]
    pub timeouts: Timeouts,
}

/// `timeouts` of a lifecycle.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// Of a create.
    pub create: Option<Limit>,
    /// Of an update.
    pub update: Option<Limit>,
    /// Of a delete.
    pub delete: Option<Limit>,
}

/// `[removed] "address" = { destroy = false }`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// Whether the thing itself is deleted too.
    pub destroy: bool,
}
