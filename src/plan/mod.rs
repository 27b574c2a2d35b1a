//! `plan`: what is to be done, decided once and for all. A pure function: no IO, no clock, no async, no chance.
//!
//! Execution chooses nothing; everything it needs is in the steps. What happens to each resource is decided in
//! `decide`, `managed` and `unwanted`, what goes on under another address in `moves`, in which order in `order`, and
//! what is left alone for the sake of targets in `scope`. What others have where something is taken away is in
//! `guests`, what has to be put back before that in `repair`, what stands against it in `held`, what becomes of that
//! which was in a cluster that is gone in `lost`, and of that which nobody may see yet in `shut`, and what else goes with
//! a cluster in `leaks`. How a plan is kept in a file is in `saved`.

mod decide;
mod given;
mod guests;
mod held;
mod kept;
pub mod known;
mod leaks;
mod lost;
mod managed;
pub mod moves;
mod order;
mod repair;
pub mod saved;
mod scope;
mod shut;
mod twin;
mod unwanted;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::address::Address;
use crate::change::{Action, Change, Reason};
use crate::graph::{Edge, Graph, Place};
use crate::live::{Child, Live};
use crate::secret::Mask;
use crate::shape::Shapes;
use crate::state::{Open, State};
use crate::value::Value;
use decide::{Decided, Given};
use moves::{Moves, Settled};
use scope::Scope;

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
    /// Put nothing back that is broken and needed for a teardown: refuse.
    pub no_repair: bool,
    /// Take the finalizers off what no controller lets go, once what it made is seen to be gone.
    pub force_finalizers: bool,
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
    /// The last journal entry of that state.
    pub seq: u64,
    /// What was wanted.
    pub intent: Intent,
    /// For people, in the order of addresses.
    pub changes: Vec<Change>,
    /// For execution; `needs` points backwards only.
    pub steps: Vec<Step>,
    /// How many resources stay as they are.
    pub unchanged: usize,
    /// Records that go on under another address, old to new.
    #[serde(default, skip_serializing_if = "Moves::is_empty")]
    pub moved: Moves,
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
    /// What an earlier run began and of which it is not known what became: a create is sent again as it was, what was
    /// made may not be seen yet, and what was sent for another goal may still arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Open>,
    /// The ids of earlier objects that are still there and carry the same tags: never what is looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// What it needs, for the state.
    pub edges: Vec<Edge>,
    /// The steps that come first, by their place in `Plan::steps`.
    pub needs: BTreeSet<usize>,
    /// After which it is given up, where the file says so.
    pub timeout: Option<Duration>,
    /// For a delete: it is an earlier object of a replaced resource, not the current one.
    pub deposed: bool,
    /// For a create: nobody could look whether somebody else has it; it is looked for before it is made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
    /// For a delete: nobody looks after it any more; what it made is found by its tags and removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sweeps: bool,
    /// For a delete: should no controller let it go, what it made is removed by its tags and its finalizers are taken
    /// off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forces: Option<Force>,
    /// For a delete: what a controller made of it, as it is recorded. It is seen to be gone, one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<Child>,
}

/// When a deletion goes on by force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// Once it has taken as long as it may.
    InTheEnd,
    /// After a moment: nobody is there who could let it go.
    Soon,
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
        self.steps.is_empty() && self.moved.is_empty()
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
    /// What a teardown needs is broken, and is not to be put back.
    #[error("{address}: {title} is gone, changed or not up, and {served} cannot go without it")]
    Broken {
        /// Which.
        address: Address,
        /// Its kind for people.
        title: &'static str,
        /// What needs it, in words.
        served: String,
    },
    /// What a teardown needs cannot be put back.
    #[error("{address} cannot be put back, for {crds} is being deleted, and {served} cannot go without it")]
    Undone {
        /// Which.
        address: Address,
        /// The CRDs that define it.
        crds: Address,
        /// What needs it, in words.
        served: String,
    },
    /// What a teardown needs is to be put back, and is not known whole.
    #[error(
        "{address} has to be put back for {served} to go, and a sensitive value in it is not known any more"
    )]
    Untold {
        /// Which.
        address: Address,
        /// What needs it, in words.
        served: String,
    },
    /// The file says that the load balancer of a Gateway must not be deleted, and its Gateway is made anew.
    #[error("{0}: its load balancer is protected from being deleted, and this plan would replace it")]
    Guarded(Address),
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
    /// Its cluster lets nobody of this stack in, for its own access is not there.
    #[error("{address} cannot be read, for {entry} is not there: {error}")]
    Shut {
        /// Which.
        address: Address,
        /// The access to its cluster.
        entry: Address,
        /// Why.
        error: String,
    },
    /// Something outside of the stack stands against a deletion.
    #[error("{address}: {title} cannot be deleted: {what}")]
    Held {
        /// Which.
        address: Address,
        /// Its kind for people.
        title: &'static str,
        /// What stands against it, in words.
        what: String,
        /// The cluster whose controllers left it, and its region, if the stack does not have that any more.
        left_by: Option<[String; 2]>,
    },
    /// `prevent_destroy`.
    #[error("{address} is protected by prevent_destroy, and this plan would {verb} it")]
    Protected {
        /// Which.
        address: Address,
        /// Delete or replace.
        verb: &'static str,
    },
    /// A name, or whatever else it is found by, would hold a sensitive value.
    #[error("{address}: {field} is what it is known by, and would hold a sensitive value")]
    KnownBySecret {
        /// Which.
        address: Address,
        /// The field.
        field: String,
    },
    /// A target, move or removal names nothing.
    #[error("{0} is neither in the stack file nor in the state")]
    Unknown(Address),
    /// A version that would go back, or skip one.
    #[error("{0}")]
    Version(String),
    /// To be replaced, and not among what the targets need.
    #[error("{0} is to be replaced and is out of the scope of the targets")]
    OutOfScope(Address),
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

/// What has to be looked for before a plan can take things away.
#[derive(Clone, Debug, Default)]
pub struct Shaken {
    /// The clusters, as specs of objects name them, that lose something that others may stand on.
    pub clusters: Vec<(Json, Place)>,
    /// What goes: something may stand against that.
    pub going: Vec<Address>,
}

/// What a plan would take away.
pub fn shaken(graph: &Graph, state: &State, live: &Live, shapes: &Shapes, intent: &Intent) -> Shaken {
    let look = |given: &Given<'_>, decided: Decided, _| {
        Ok(Shaken { clusters: guests::shaken(given, &decided), going: held::going(given, &decided) })
    };
    // What is refused for other reasons is not carried out.
    decided(graph, state, live, shapes, intent, Leave::default(), look).unwrap_or_default()
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
    decided(graph, state, live, shapes, intent, leave, written)
}

/// Decides, with the moves done and in a scope that is wide enough, and does something with what was decided.
fn decided<T>(
    graph: &Graph,
    state: &State,
    live: &Live,
    shapes: &Shapes,
    intent: &Intent,
    leave: Leave,
    then: impl FnOnce(&Given<'_>, Decided, Moves) -> Result<T, Vec<Refusal>>,
) -> Result<T, Vec<Refusal>> {
    // A destroy takes everything where it is recorded; moves tell it what the file protects.
    let (settled, protected) = match intent {
        Intent::Up { .. } => (moves::settle(graph, state, shapes)?, Moves::new()),
        Intent::Destroy { .. } => {
            let protected =
                moves::settle(graph, state, shapes).map_or_else(|_| Moves::new(), |all| all.moves);
            (moves::done(state, Moves::new())?, protected)
        }
    };
    let mask = &Mask::new(&graph.secrets, &state.lineage);
    let mut scope = scope::scope(graph, &settled.state, intent).map_err(|refusal| vec![refusal])?;
    loop {
        let settled = within(&scope, state, &settled.moves)?;
        let (state, scoped, protected) = (&*settled.state, &scope, &protected);
        let given = Given { graph, state, live, shapes, intent, scope: scoped, leave, protected, mask };
        let decided = decide::decide(&given)?;
        match scope::widened(&given, &decided) {
            Some(wider) => scope = Some(wider),
            None => return then(&given, decided, settled.moves),
        }
    }
}

/// The state with the moves done that are in scope: what is out of it stays where it is.
fn within<'a>(scope: &Scope, state: &'a State, moves: &Moves) -> Result<Settled<'a>, Vec<Refusal>> {
    let is_in = |(_, new): &(&Address, &Address)| scope.as_ref().is_none_or(|scope| scope.contains(*new));
    let moves = moves.iter().filter(is_in).map(|(old, new)| (old.clone(), new.clone()));
    moves::done(state, moves.collect())
}

fn written(given: &Given<'_>, decided: Decided, moved: Moves) -> Result<Plan, Vec<Refusal>> {
    let (mut steps, changes) = order::order(given, &decided)?;
    if given.leave.force_finalizers {
        for step in steps.iter_mut().filter(|step| step.action == Action::Delete && !step.sweeps) {
            let shape = given.shapes.get(step.kind.as_str());
            let is_object = shape.is_some_and(|shape| shape.service == "kubernetes");
            let force = match decided.unserved.contains(&step.address) {
                true => Force::Soon,
                false => Force::InTheEnd,
            };
            step.forces = is_object.then_some(force);
        }
    }
    let state = given.state;
    Ok(Plan {
        format: crate::state::FORMAT,
        stack: state.stack.clone(),
        cloud: state.cloud.clone(),
        lineage: state.lineage.clone(),
        serial: state.serial,
        seq: state.seq,
        intent: given.intent.clone(),
        changes,
        steps,
        unchanged: decided.unchanged,
        moved,
        edges: decided.edges,
        outputs: decided.outputs,
        notes: given.graph.notes.clone(),
    })
}
