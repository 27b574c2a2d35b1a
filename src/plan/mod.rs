//! `plan`: what is to be done, decided once and for all. A pure function: no IO, no clock, no async, no chance.
//!
//! Execution chooses nothing; everything it needs is in the steps. What happens to each resource is decided in
//! `decide`, in which order in `order`, and what is left alone for the sake of targets in `scope`. What others have
//! where something is taken away is in `guests`.

mod decide;
mod guests;
mod order;
mod scope;
mod twin;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::address::Address;
use crate::change::{Action, Change, Reason};
use crate::graph::{Edge, Graph, Place};
use crate::live::Live;
use crate::shape::Shapes;
use crate::state::{Open, State};
use crate::value::Value;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Make it so.
    Up {
        /// Only these and what they need; everything if empty.
        targets: Vec<Address>,
        /// Replace these, whether they differ or not.
        replace: Vec<Address>,
    },
    /// Take it down.
    Destroy {
        /// Only these and what needs them; everything if empty.
        targets: Vec<Address>,
    },
}

/// What a plan may do beside what was wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leave {
    /// Delete what others have and what cannot live without what goes.
    pub include_foreign: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The format of a saved plan.
    pub format: u32,
    /// Of which stack.
    pub stack: String,
    /// The cloud it is for.
    pub cloud: String,
    /// The state it was made from.
    pub lineage: String,
    /// The serial of that state.
    pub serial: u64,
    /// What was wanted.
    pub intent: Intent,
    /// For people, in the order of addresses.
    pub changes: Vec<Change>,
    /// For execution; `needs` points backwards only.
    pub steps: Vec<Step>,
    /// How many resources stay as they are.
    pub unchanged: usize,
    /// What is only written to the state: edges that changed though nothing else did.
    pub edges: BTreeMap<Address, Vec<Edge>>,
    /// The outputs of the stack after it.
    pub outputs: BTreeMap<String, Value>,
    /// What people should know beside the changes.
    pub notes: Vec<String>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Of which resource.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// Where it lives.
    pub place: Place,
    /// What.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// What it should be; for a delete, what it was.
    pub spec: Value,
    /// What the file said last time: what it says no more goes back to its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Json>,
    /// Its id, where it is known already.
    pub id: Option<String>,
    /// What becomes of the recorded object when this creates another one.
    pub old: Old,
    /// A create that an earlier run began and of which nothing is known: to be sent again as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Open>,
    /// What it needs, for the state.
    pub edges: Vec<Edge>,
    /// The steps that come first, by their place in `Plan::steps`.
    pub needs: BTreeSet<usize>,
    /// After which it is given up, where the file says so.
    pub timeout: Option<Duration>,
    /// For a delete: it is an earlier object of a replaced resource, not the current one.
    pub deposed: bool,
}

/// What becomes of the recorded object when a step creates another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Old {
    /// There is none.
    None,
    /// It is gone from the cloud.
    Gone,
    /// It stays until a later step deletes it.
    Deposed,
}

impl Plan {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// It exists and is not ours.
    #[error("{address}: {title} {id} exists and was not made by this stack")]
    Foreign {
        /// Which.
        address: Address,
        /// Its kind for people.
        title: &'static str,
        /// Its id.
        id: String,
    },
    /// What is only looked up is not there.
    #[error("{address}: there is no such {title}")]
    Missing {
        /// Which.
        address: Address,
        /// Its kind for people.
        title: &'static str,
    },
    /// Somebody else's object stands on what would go.
    #[error("{what}")]
    Guest {
        /// Which, whose it is and what it holds, in words.
        what: String,
        /// Whether another stack made it: only that stack deletes it.
        anothers: bool,
    },
    /// What others have in a cluster could not be looked for.
    #[error("what others have in {cluster} cannot be told: {error}")]
    Unsearched {
        /// Which cluster, in words.
        cluster: String,
        /// Why.
        error: String,
    },
    /// It could not be read.
    #[error("{address}: {error}")]
    Unreadable {
        /// Which.
        address: Address,
        /// Why.
        error: String,
    },
    /// `prevent_destroy`.
    #[error("{address} is protected by prevent_destroy, and this plan would {verb} it")]
    Protected {
        /// Which.
        address: Address,
        /// Delete or replace.
        verb: &'static str,
    },
    /// A target, move or removal names nothing.
    #[error("{0} is neither in the stack file nor in the state")]
    Unknown(Address),
    /// Moves that cannot be.
    #[error("{0}")]
    Move(String),
    /// Resources of the old and the new stack need each other.
    #[error("no order is possible: {}", .0.iter().map(Address::as_str).collect::<Vec<_>>().join(" -> "))]
    Cycle(Vec<Address>),
}

/// Decides what is to be done for the live cloud to be as the graph says, or for nothing of the state to be left.
/// Everything that stands against it is told at once.
pub fn plan(
    graph: &Graph,
    state: &State,
    live: &Live,
    shapes: &Shapes,
    intent: &Intent,
) -> Result<Plan, Vec<Refusal>> {
    plan_with(graph, state, live, shapes, intent, Leave::default())
}

/// The clusters, as specs of objects name them, that lose something that others may stand on: there it has to be
/// looked for.
pub fn shaken(
    graph: &Graph,
    state: &State,
    live: &Live,
    shapes: &Shapes,
    intent: &Intent,
) -> Vec<(Json, Place)> {
    let Ok(scope) = scope::scope(graph, state, intent) else { return Vec::new() };
    let given = decide::Given { graph, state, live, shapes, intent, scope: &scope, leave: Leave::default() };
    // What is refused for other reasons is not carried out.
    decide::decide(&given).map(|decided| guests::shaken(&given, &decided)).unwrap_or_default()
}

/// The same with leave to do more.
pub fn plan_with(
    graph: &Graph,
    state: &State,
    live: &Live,
    shapes: &Shapes,
    intent: &Intent,
    leave: Leave,
) -> Result<Plan, Vec<Refusal>> {
    let scope = &scope::scope(graph, state, intent).map_err(|refusal| vec![refusal])?;
    let given = decide::Given { graph, state, live, shapes, intent, scope, leave };
    let decided = decide::decide(&given)?;
    let (steps, changes) = order::order(&given, &decided)?;
    Ok(Plan {
        format: crate::state::FORMAT,
        stack: state.stack.clone(),
        cloud: state.cloud.clone(),
        lineage: state.lineage.clone(),
        serial: state.serial,
        intent: intent.clone(),
        changes,
        steps,
        unchanged: decided.unchanged,
        edges: decided.edges,
        outputs: decided.outputs,
        notes: Vec::new(),
    })
}
