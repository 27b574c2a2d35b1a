//! The words of change: what a plan says to people, and what a step does. Data only; decided in `plan`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::value::Value;

/// What happens to a resource, as people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// `+`: it is made.
    Create,
    /// `~`: it is changed in place.
    Update,
    /// `-/+`: it is deleted, then made anew.
    Replace,
    /// `+/-`: it is made anew, then the old one is deleted.
    ReplaceCreateFirst,
    /// `-`: it is deleted.
    Delete,
    /// `x`: it is no longer looked after; nothing is deleted.
    Forget,
    /// `>`: it goes on under another address; only its ownership tags are written.
    Move,
}

impl Verb {
    /// The sign before a line of a plan.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::ReplaceCreateFirst => "+/-",
            Self::Delete => "-",
            Self::Forget => "x",
            Self::Move => ">",
        }
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make it, bring it to its spec, wait until it is ready.
    Create,
    /// Bring it to its spec, wait until it is ready.
    Update,
    /// Delete it, wait until it is gone.
    Delete,
    /// Take it out of the state.
    Forget,
    /// Write its new address to its ownership tags.
    Move,
}

/// Why something happens: a sentence for people. Nothing is decided by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Reason {
    /// It is in the stack file and was never made.
    New,
    /// It was made and is there no more.
    Gone,
    /// An earlier run began to make it and did not finish.
    Unfinished,
    /// Fields differ from the file.
    Differs,
    /// The cloud says it will never work.
    Broken {
        /// In the cloud's words.
        why: String,
    },
    /// A field differs that cannot be changed in place.
    Fixed {
        /// Which ones.
        fields: Vec<String>,
    },
    /// It lives in something that is replaced or deleted.
    Inside {
        /// In which.
        of: Address,
    },
    /// It was asked for on the command line.
    Requested,
    /// It is no longer in the stack file.
    LeftFile,
    /// The stack is destroyed.
    Destroy,
    /// It is a target of a destroy, or cannot live without one.
    Target,
    /// The file says so under `[removed]`.
    Removed,
    /// It is left over from an earlier replacement.
    Deposed,
    /// It is broken, and needed once more for these to go.
    Repair {
        /// What cannot go without it.
        of: Vec<Address>,
    },
    /// It is as it should be and does not work now: it is waited for, needed as it is for these to go.
    Down {
        /// In the cloud's words.
        why: String,
        /// What cannot go without it.
        of: Vec<Address>,
    },
    /// It protects a load balancer from being deleted that is to go.
    Unprotect {
        /// The Gateway of the load balancer.
        of: Address,
    },
    /// Its cluster is gone, or goes and cannot be reached.
    Lost {
        /// In which sense, in words.
        why: String,
    },
    /// Others still use it, so it stays.
    Shared {
        /// Who, in words.
        with: String,
    },
    /// It was not made by this stack and stands on something that goes.
    Foreign {
        /// On what.
        on: Address,
    },
    /// Its ownership tags tell an earlier address.
    Moved,
    /// The file tells another way to its cluster.
    Rerouted,
    /// Nobody may look whether it is as the file says before this is put back.
    Unseen {
        /// The access to its cluster.
        before: Address,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => f.write_str("new in the stack file"),
            Self::Gone => f.write_str("was deleted outside of stack"),
            Self::Unfinished => f.write_str("an earlier run did not finish it"),
            Self::Differs => f.write_str("differs from the stack file"),
            Self::Broken { why } => write!(f, "does not work: {why}"),
            Self::Fixed { fields } => write!(f, "{} cannot change in place", fields.join(", ")),
            Self::Inside { of } => write!(f, "lives in {of}, which goes"),
            Self::Requested => f.write_str("asked for on the command line"),
            Self::LeftFile => f.write_str("no longer in the stack file"),
            Self::Destroy => f.write_str("the stack is destroyed"),
            Self::Target => f.write_str("is a target, or cannot live without one"),
            Self::Removed => f.write_str("the stack file says so under [removed]"),
            Self::Deposed => f.write_str("left over from an earlier replacement"),
            Self::Repair { of } => {
                write!(f, "put back first: without it {} would be stuck", some_of(of.iter()))
            }
            Self::Down { why, of } => {
                write!(f, "waited for first, for without it {} would be stuck: {why}", some_of(of.iter()))
            }
            Self::Unprotect { of } => write!(f, "deletion protection is lifted first, so that {of} can go"),
            Self::Lost { why } => f.write_str(why),
            Self::Shared { with } => write!(f, "left in place, for others use it: {with}"),
            Self::Foreign { on } => write!(f, "not made by this stack; needs {on}, which goes"),
            Self::Moved => f.write_str("goes on under another address"),
            Self::Rerouted => f.write_str("is reached by another kubeconfig or context from now on"),
            Self::Unseen { before } => write!(f, "cannot be read before {before} is there: compared then"),
        }
    }
}

/// The first two, and how many more.
pub fn some_of<'a>(mut all: impl ExactSizeIterator<Item = &'a Address>) -> String {
    let more = all.len().saturating_sub(2);
    let shown: Vec<&str> = all.by_ref().take(2).map(Address::as_str).collect();
    if more == 0 { shown.join(" and ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// How one field changes. `None`: there is no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldChange {
    /// Dotted path in the spec.
    pub path: String,
    /// What is there.
    pub before: Option<Value>,
    /// What is wanted; unknown leaves are known after apply.
    pub after: Option<Value>,
    /// Never to be shown.
    pub sensitive: bool,
    /// Whether this field forces a replacement.
    pub fixed: bool,
}

/// What happens to one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// To which.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// Its kind for people.
    pub title: String,
    /// What.
    pub verb: Verb,
    /// Why.
    pub reason: Reason,
    /// How its fields change. For a create: all of them.
    pub fields: Vec<FieldChange>,
    /// What else people should know: what goes with it, what is interrupted.
    pub notes: Vec<String>,
}
