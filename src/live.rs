//! What was found in the cloud, as data: for plans and for drift. How it is looked for is in `observe` and `kind`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::address::Address;
use crate::graph::Place;

/// What was found in the cloud.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// By address; what is not here was not looked for.
    pub found: BTreeMap<Address, Seen>,
    /// What was found by another way to its cluster than the state tells: that of the file.
    pub rerouted: BTreeSet<Address>,
    /// Changes that were tried out, where a cloud can do that; what is not here was not tried.
    pub tried: BTreeMap<Address, Tried>,
    /// What others have in the clusters that were searched, and that a controller serves there.
    pub guests: Vec<Guest>,
    /// The clusters that were to be searched and could not be.
    pub unsearched: Vec<Unsearched>,
    /// What controllers made of that which is about to go; what is not here was not looked for.
    pub made: BTreeMap<Address, Vec<Child>>,
    /// What is there of all that controllers ever made in the clusters that are about to go.
    pub leaks: BTreeMap<Address, Vec<Leak>>,
    /// What stands against the deletion of that which is about to go.
    pub held: BTreeMap<Address, Vec<Hold>>,
}

/// Something that a controller made of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Child {
    /// For people: `ALB`, `target group`.
    pub sort: String,
    /// Its ARN or id.
    pub id: String,
}

impl Child {
    /// Whether it is a security group.
    pub fn is_group(&self) -> bool {
        self.sort.ends_with("security group")
    }
}

/// Something that a controller of a cluster made, whatever became of the object that it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// What it is.
    pub child: Child,
    /// The kind, namespace and name of that object, where its tags tell. All routes are of kind `Route`; Ingresses that
    /// share it have the name of their group and no namespace; policies have no name.
    pub of: Option<[String; 3]>,
}

/// Something that stands against a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which it is, in words.
    pub what: String,
    /// The ids of itself and of what it belongs to: what the state knows is no stranger.
    pub of: Vec<String>,
    /// What comes of it.
    pub effect: Effect,
}

/// What something that stands against a deletion does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The deletion cannot end while it is there.
    Blocks,
    /// It takes longer, or it is not known whether it does.
    Delays,
    /// Others use the thing: it stays for them.
    Keeps,
}

/// A cluster that was to be searched and could not be.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsearched {
    /// Which, as specs of objects name it.
    pub cluster: Json,
    /// In words.
    pub called: String,
    /// Why it could not be.
    pub error: String,
}

/// A change that was tried out and not carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// What it was tried with.
    pub spec: Json,
    /// What came of it.
    pub trial: Trial,
}

/// What comes of a change, in the cloud's own judgement.
#[derive(Clone, Debug, PartialEq)]
pub enum Trial<S = Json> {
    /// It would become `after`; `before` is what it is now, in the same words.
    Becomes {
        /// What it is.
        before: S,
        /// What it would be.
        after: S,
    },
    /// These fields of the spec, as dotted paths, cannot be changed in place.
    Fixed(Vec<String>),
    /// Nobody knows; why.
    Untried(String),
}

/// An object of somebody else that holds something in the cloud as long as it lives.
#[derive(Clone, Debug, PartialEq)]
pub struct Guest {
    /// Its cluster, as specs of objects name it.
    pub cluster: Json,
    /// The account and region of the cluster.
    pub place: Place,
    /// Version and kind, such as `networking.k8s.io/v1` and `Ingress`.
    pub sort: [String; 2],
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The uid of this very object.
    pub uid: String,
    /// The name of the controller that serves it; empty for the cluster itself.
    pub controller: String,
    /// The name of its GatewayClass, where it has one.
    pub class: String,
    /// Namespaces and names of the Gateways that it hangs on, of a route.
    pub parents: Vec<[String; 2]>,
    /// Who looks after it, in words: `Helm release team-a/web`.
    pub owner: String,
    /// The lineage of the state that made it, if another stack did.
    pub lineage: Option<String>,
    /// The group of Ingresses that it shares a load balancer with, if it is in one.
    pub group: Option<String>,
    /// What it holds, each in words: `load balancer web-123.elb.us-west-2.amazonaws.com`.
    pub holds: Vec<String>,
    /// Whether it keeps load balancers from being deleted.
    pub protects: bool,
}

/// What was found of one resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// Nothing.
    Absent,
    /// This.
    Found(FoundAny),
    /// It could not be read; why.
    Unreadable(String),
    /// Who runs this may not read it; why.
    Denied(String),
}

/// A thing that is there, without the types of its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundAny {
    /// By which it is found again.
    pub id: String,
    /// What it is now.
    pub spec: Json,
    /// What the cloud gives it.
    pub outputs: Json,
    /// Whether it can be used.
    pub readiness: Readiness,
    /// Whose it is.
    pub owner: Ownership,
}

/// Whether a thing can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// Not yet; what is waited for, in words.
    Pending(String),
    /// It never will; why, in words.
    Broken(String),
    /// It is being deleted.
    Leaving(String),
}

impl Readiness {
    /// The same, in other words.
    #[must_use]
    pub fn in_words(self, say: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Ready => Self::Ready,
            Self::Pending(what) => Self::Pending(say(&what)),
            Self::Broken(why) => Self::Broken(say(&why)),
            Self::Leaving(what) => Self::Leaving(say(&what)),
        }
    }
}

/// Whose a thing is, by its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// It carries `stack:lineage` and `stack:address`.
    Tagged {
        /// The lineage of the state that made it.
        lineage: String,
        /// Its address in that state.
        address: String,
    },
    /// It could carry tags and carries none of ours.
    Untagged,
    /// It cannot carry tags: it belongs by its parent or by the state.
    Untaggable,
}
