//! AWS: one table of operations a service, one small handler each, over one world of documents.
//!
//! Handlers get the input as JSON in the words of the service's API and answer in the same. How requests and answers
//! look on the wire is in `wire`, by protocol. A service is one folder or file here and one line in `SERVICES`.

pub mod accelerator;
pub mod acm;
pub mod cloudfront;
pub mod ec2;
pub mod eks;
pub mod elb;
pub mod elb_classic;
pub mod iam;
pub mod lattice;
pub mod logs;
pub mod route53;
pub mod s3;
pub mod sts;
pub mod tagging;
pub mod wire;

use serde_json::Value as Json;

use super::world::{Here, Hook, World};

/// What a handler gives.
pub type Answer = Result<Json, Refusal>;

/// A refusal, as the service words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The service's error code.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Refusal {
    /// A refusal with a status.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// A refusal with status 400.
    pub fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }
}

/// How a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Paths and JSON; times as seconds since 1970 (EKS) or as texts (VPC Lattice).
    RestJson {
        /// Whether times are numbers.
        epoch: bool,
    },
    /// `X-Amz-Target` and JSON; times as seconds since 1970.
    AwsJson,
    /// Forms in, XML out; lists have `member` elements.
    Query {
        /// The namespace of answers.
        namespace: &'static str,
    },
    /// EC2's own: forms in, XML out; lists have `item` elements.
    Ec2,
    /// Paths and XML.
    RestXml {
        /// The namespace of answers.
        namespace: &'static str,
    },
    /// S3's own: paths and bytes, much of it in headers.
    S3,
}

/// One operation.
pub struct Operation {
    /// Its name in the API.
    pub name: &'static str,
    /// For protocols with paths: `GET /clusters/{name}`. Empty for others.
    pub path: &'static str,
    /// What it does.
    pub handle: fn(&mut Here<'_>, &Json) -> Answer,
}

/// One service.
pub struct Service {
    /// The name it is signed for: `eks`, `elasticloadbalancing` …
    pub scope: &'static str,
    /// How it speaks.
    pub protocol: Protocol,
    /// What it can do.
    pub operations: &'static [Operation],
}

/// Every service there is.
pub const SERVICES: &[&Service] = &[
    &accelerator::SERVICE,
    &acm::SERVICE,
    &cloudfront::SERVICE,
    &ec2::SERVICE,
    &eks::SERVICE,
    &elb::SERVICE,
    &elb_classic::SERVICE,
    &iam::SERVICE,
    &lattice::SERVICE,
    &logs::SERVICE,
    &route53::SERVICE,
    &s3::SERVICE,
    &sts::SERVICE,
    &tagging::SERVICE,
];

/// What hooks due in the world may name.
pub const HOOKS: &[(&str, Hook)] = &[
    (super::controllers::HOOK, super::controllers::reconcile),
    (super::kube::workloads::HOOK, super::kube::workloads::look),
    (super::controllers::LATER, super::controllers::reconcile_later),
    acm::ON_EXPIRE,
    acm::ON_ISSUE,
    acm::ON_RECORDS,
    (ec2::NAT_HOOK, ec2::nat_due),
    (lattice::DRAINED, lattice::drained),
    (eks::addon::REVIEW, eks::addon::review),
    (eks::life::ACTIVE, eks::life::active),
    (eks::life::GONE, eks::life::gone),
    (eks::life::GROUND, eks::life::ground),
    (eks::life::UPDATED, eks::life::updated),
    (eks::node::ACTIVE, eks::node::active),
    (eks::node::GONE, eks::node::gone),
    (eks::node::UPDATED, eks::node::updated),
];

/// Puts in what a fresh account has: see each service.
pub fn furnish(world: &mut World) {
    ec2::furnish(world);
    iam::furnish(world);
    route53::furnish(world);
    s3::furnish(world);
}
