//! `Trace`: what once existed, kept after its record is gone until an audit has seen that nothing is left of it.
//!
//! Without it nobody would know afterwards where to look: names of clusters that controllers tag things with, VPCs,
//! regions and accounts. What is traced of which record is decided in `sweep`.

use serde::{Deserialize, Serialize};

use crate::graph::Place;

/// Something that once existed, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// Account and region.
    pub place: Place,
    /// What it was.
    pub what: Traced,
}

/// What once existed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Traced {
    /// Anything else: only where it was matters.
    Something,
    /// A cluster that was used, or made.
    Cluster {
        /// Its EKS name.
        name: String,
        /// The VPC it was in, if that was known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vpc: Option<String>,
        /// Its OpenID Connect issuer, if that was known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
    },
    /// A Gateway or a route, of which controllers make things that carry its name.
    Object {
        /// The EKS name of its cluster.
        cluster: String,
        /// `Gateway`, `HTTPRoute` …
        kind: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A VPC that was made.
    Vpc {
        /// Its id.
        id: String,
    },
    /// A role that was made.
    Role {
        /// Its name.
        name: String,
    },
    /// Something that is no longer looked after and stays where it is.
    Kept {
        /// Its id.
        id: String,
    },
    /// A DNS record that was made.
    Record {
        /// The id of its hosted zone.
        zone: String,
        /// Its name.
        name: String,
        /// `A`, `CNAME` …
        sort: String,
    },
}
