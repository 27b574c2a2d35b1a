//! What a kind is: a typed trait, erased once, listed in one slice.
//!
//! A kind is data and four calls. Waiting, diffing, retrying and journaling are the engine's. No kind knows another
//! kind, the plan, the state or the command line. One file a kind; a new kind is one file and one line in `ALL`.

mod acm_certificate;
mod acm_issued;
mod balanced_object;
mod balancing;
mod caller_lookup;
#[cfg(test)]
pub(crate) mod conformance;
mod crd_release;
mod eks_access_entry;
mod eks_addon;
mod eks_cluster;
mod eks_cluster_lookup;
mod eks_node_group;
mod eks_pod_identity;
mod elastic_ip;
mod erased;
mod fields;
mod gateway;
mod iam_role;
mod ingress_groups;
mod internet_gateway;
mod kube_object;
mod lattice_service_network;
mod lattice_traces;
mod lattice_users;
mod lattice_vpc_association;
mod made;
mod manifest;
mod nat_gateway;
mod origins;
mod prefix_list_lookup;
mod projection;
mod route;
mod route53_record;
mod route53_zone;
mod route53_zone_association;
mod route_table;
mod security_group;
mod security_group_rule;
mod strangers;
mod subnet;
mod tenants;
mod trial;
mod value;
mod vpc;
mod vpc_lookup;
mod webhook_certificate;
mod zone_lookup;
mod zones_lookup;

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cloud::{CloudResult, Cx};
use crate::shape::{Shape, Shapes};

pub use crate::live::{Child, Effect, FoundAny, Hold, Leak, Ownership, Readiness, Trial};
pub use erased::{AnyKind, Erased};
pub use strangers::naming;

/// Every kind there is, by name.
pub const ALL: &[&dyn AnyKind] = &[
    &Erased(acm_certificate::AcmCertificate),
    &Erased(acm_issued::AcmIssued),
    &Erased(balanced_object::BalancedObject),
    &Erased(caller_lookup::CallerLookup),
    &Erased(crd_release::CrdRelease),
    &Erased(eks_access_entry::EksAccessEntry),
    &Erased(eks_addon::EksAddon),
    &Erased(eks_cluster::EksCluster),
    &Erased(eks_cluster_lookup::EksClusterLookup),
    &Erased(eks_node_group::EksNodeGroup),
    &Erased(eks_pod_identity::EksPodIdentity),
    &Erased(elastic_ip::ElasticIp),
    &Erased(gateway::Gateway),
    &Erased(iam_role::IamRole),
    &Erased(internet_gateway::InternetGateway),
    &Erased(kube_object::KubeObject),
    &Erased(lattice_service_network::LatticeServiceNetwork),
    &Erased(lattice_vpc_association::LatticeVpcAssociation),
    &Erased(nat_gateway::NatGateway),
    &Erased(prefix_list_lookup::PrefixListLookup),
    &Erased(route53_record::Route53Record),
    &Erased(route53_zone::Route53Zone),
    &Erased(route53_zone_association::Route53ZoneAssociation),
    &Erased(route::Route),
    &Erased(route_table::RouteTable),
    &Erased(security_group::SecurityGroup),
    &Erased(security_group_rule::SecurityGroupRule),
    &Erased(subnet::Subnet),
    &Erased(value::Value),
    &Erased(vpc::Vpc),
    &Erased(vpc_lookup::VpcLookup),
    &Erased(webhook_certificate::WebhookCertificate),
    &Erased(zone_lookup::ZoneLookup),
    &Erased(zones_lookup::ZonesLookup),
];

/// One sort of resource: what the file says, what the cloud reports, and how to close the gap.
pub trait Kind: Send + Sync + 'static {
    /// What pure code knows of it.
    const SHAPE: Shape;
    /// What it should be. Optional fields are left out when there is no opinion.
    type Spec: Serialize + DeserializeOwned + Clone + Send + Sync;
    /// What the cloud gives it.
    type Outputs: Serialize + DeserializeOwned + Send + Sync;

    /// Looks for it: by `id` when known, else by the name or the ownership tags that `spec` and `cx` imply.
    /// This is how a run finds what an earlier one made before it died. Absent is `None`, not an error.
    fn find(
        &self,
        cx: &Cx,
        spec: &Self::Spec,
        id: Option<&str>,
    ) -> impl Future<Output = CloudResult<Option<FoundOf<Self>>>> + Send;

    /// Sends exactly one mutating call, the one that gives identity, with ownership tags and `cx.token()`,
    /// and returns the id. Everything else (attachments, attributes) is left to `update`.
    fn create(&self, cx: &Cx, spec: &Self::Spec) -> impl Future<Output = CloudResult<String>> + Send;

    /// Takes it from what `find` saw to what it should be. Safe to repeat.
    fn update(
        &self,
        cx: &Cx,
        id: &str,
        from: &Self::Spec,
        to: &Self::Spec,
    ) -> impl Future<Output = CloudResult<()>> + Send;

    /// Asks the cloud to delete it. What is gone already is success. The engine waits until `find` sees nothing.
    fn delete(&self, cx: &Cx, id: &str, spec: &Self::Spec) -> impl Future<Output = CloudResult<()>> + Send;

    /// What it made and what is still there after it is gone itself, each in words; the engine waits until there
    /// is nothing. Only for kinds of which a controller makes more than the object (Gateways, routes).
    fn remains(
        &self,
        _cx: &Cx,
        _spec: &Self::Spec,
        _outputs: Option<&Self::Outputs>,
    ) -> impl Future<Output = CloudResult<Vec<String>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Asks the cloud what would come of an update, without carrying it out. Only for kinds whose shape says that it
    /// `tries`.
    fn try_out(
        &self,
        _cx: &Cx,
        _to: &Self::Spec,
    ) -> impl Future<Output = CloudResult<Trial<Self::Spec>>> + Send {
        async { Ok(Trial::Untried("nobody can be asked".to_owned())) }
    }

    /// Takes away, by its tags, what it made and what `remains` tells of, when no controller does that any more. Goes
    /// as far as it can at once; the engine calls it again until nothing remains.
    fn sweep(&self, _cx: &Cx, _spec: &Self::Spec) -> impl Future<Output = CloudResult<()>> + Send {
        async { Ok(()) }
    }

    /// What a controller made of it that is there now. Only for kinds whose shape says that it `leaves` something.
    fn children(&self, _cx: &Cx, _spec: &Self::Spec) -> impl Future<Output = CloudResult<Vec<Child>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Which of those are there still, each in words: by their ids, whatever became of their tags.
    fn outlive(
        &self,
        _cx: &Cx,
        _spec: &Self::Spec,
        _made: &[Child],
    ) -> impl Future<Output = CloudResult<Vec<String>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// What is there of all that controllers ever made in it. Only for clusters.
    fn leaks(&self, _cx: &Cx, _spec: &Self::Spec) -> impl Future<Output = CloudResult<Vec<Leak>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// What stands against its deletion that neither this stack nor a controller made.
    fn held(
        &self,
        _cx: &Cx,
        _spec: &Self::Spec,
        _id: &str,
        _outputs: &serde_json::Value,
    ) -> impl Future<Output = CloudResult<Vec<Hold>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Takes the finalizers of the controllers off an object that they do not let go. Which they were.
    fn release(&self, _cx: &Cx, _spec: &Self::Spec) -> impl Future<Output = CloudResult<Vec<String>>> + Send {
        async { Ok(Vec::new()) }
    }

    /// What the cloud last warned of about it, where it keeps such warnings. Asked for once, when it is given up.
    fn warned(
        &self,
        _cx: &Cx,
        _spec: &Self::Spec,
    ) -> impl Future<Output = CloudResult<Option<String>>> + Send {
        async { Ok(None) }
    }

    /// Looks for many of one place at once, by id, where the cloud has a call for that. `None`: it has none.
    /// The answer has one entry for each of `asked`, in its order.
    fn find_many(
        &self,
        _cx: &[Cx],
        _asked: &[(Self::Spec, String)],
    ) -> impl Future<Output = CloudResult<Option<Vec<Option<FoundOf<Self>>>>>> + Send {
        async { Ok(None) }
    }
}

/// What `find` of a kind gives.
pub type FoundOf<K> = Found<<K as Kind>::Spec, <K as Kind>::Outputs>;

/// What is there.
#[derive(Clone, Debug)]
pub struct Found<S, O> {
    /// By which it is found again.
    pub id: String,
    /// What it is now, in the words of the spec: every field the cloud tells, ownership tags left out.
    pub spec: S,
    /// What the cloud gives it.
    pub outputs: O,
    /// Whether it can be used.
    pub readiness: Readiness,
    /// Whose it is.
    pub owner: Ownership,
}

/// The kinds an engine works with: all of them, or those of a test.
#[derive(Clone, Copy)]
pub struct Registry(&'static [&'static dyn AnyKind]);

impl Registry {
    /// All kinds.
    pub fn builtin() -> Self {
        Self(ALL)
    }

    /// These kinds.
    pub fn of(kinds: &'static [&'static dyn AnyKind]) -> Self {
        Self(kinds)
    }

    /// The kind of a name.
    pub fn get(&self, name: &str) -> Option<&'static dyn AnyKind> {
        self.0.iter().copied().find(|kind| kind.shape().kind == name)
    }

    /// What pure code may know.
    pub fn shapes(&self) -> Shapes {
        self.0.iter().map(|kind| (kind.shape().kind, *kind.shape())).collect()
    }

    /// Every kind, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'static dyn AnyKind> {
        self.0.iter().copied()
    }
}
