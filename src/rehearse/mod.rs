//! `rehearse`: the plan for a cloud, carried out on a copy of what the state knows of that cloud.
//!
//! The copy is a fresh embedded cloud. What others gave is put into it by its ids (`seeds`); what is recorded is made
//! there as it was made first, from what the state says was applied (`copy`); what others have in the clusters is
//! applied to them as it is; and what became of it all since, happens there too (`since`). Then the same planner and the same executor do to the copy what they would do to the
//! cloud. Nothing of the real cloud can be reached from here: all clients go through the door of the copy.

mod copy;
mod guests;
mod seeds;
mod since;

use std::collections::BTreeMap;

use tempfile::TempDir;
use tokio::sync::watch;

pub use guests::{InCluster, whole};
pub use since::without_nodes;

use crate::address::Address;
use crate::change::Verb;
use crate::cloud::{Access, Cloud, CloudError, ClusterRef, Settings};
use crate::execute::event::{Event, Outcome};
use crate::execute::{Cancel, Options, execute};
use crate::graph::Graph;
use crate::kind::Registry;
use crate::live::Live;
use crate::observe::observe_for;
use crate::plan::{Intent, Leave, Plan, Refusal, plan_with};
use crate::sandbox::Sandbox;
use crate::state::State;
use crate::state::seal::Seal;
use crate::state::store::{Holder, Locked, Store, StoreError};
use crate::sweep::{Report, Scope, audit, remember};

/// What is rehearsed.
pub struct Piece<'a> {
    /// The resources of the stack file.
    pub graph: &'a Graph,
    /// What is recorded.
    pub state: &'a State,
    /// What is live: look-ups are put into the copy as they were found.
    pub live: &'a Live,
    /// The account of the state, twelve digits.
    pub account: &'a str,
    /// Other accounts by their names in the file, twelve digits each.
    pub accounts: &'a BTreeMap<String, String>,
    /// Objects that others have in the clusters of the stack, with their clusters, whole.
    pub guests: &'a [InCluster],
    /// The clusters in which no node is ready.
    pub without_nodes: &'a [ClusterRef],
    /// What is wanted.
    pub intent: &'a Intent,
    /// What the run may do beside.
    pub leave: Leave,
}

/// Why nothing can be rehearsed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state cannot be copied.
    #[error("{0}")]
    Uncopied(String),
    /// The copy is not made whole; what failed.
    #[error("the copy cannot be made: {}", told(.0))]
    Unmade(Vec<(Address, CloudError)>),
    /// There is no plan for the copy.
    #[error("there is no plan for the copy")]
    Refused(Vec<Refusal>),
    /// The folder of the copy's state.
    #[error("the state of the copy cannot be kept: {0}")]
    Store(#[from] StoreError),
    /// The disk.
    #[error("there is no room for the copy: {0}")]
    Disk(#[from] std::io::Error),
}

fn told(failed: &[(Address, CloudError)]) -> String {
    failed
        .first()
        .map_or_else(|| "something failed".to_owned(), |(address, error)| format!("{address}: {error}"))
}

/// A copy, ready to be played with.
pub struct Stage {
    settings: Settings,
    registry: Registry,
    store: Store,
    state: State,
    /// What the copy does not have, in words.
    pub missing: Vec<String>,
    _folder: TempDir,
}

/// What came of a rehearsal.
pub struct Played {
    /// What was done.
    pub outcome: Outcome,
    /// What is left, after the destroy of a whole stack, and how many calls it took to see that.
    pub left: Option<(Report, u64)>,
}

impl Stage {
    /// Makes the copy of everything. To be called in simulated time. `settings` reach a fresh embedded cloud.
    ///
    /// # Errors
    /// Something recorded cannot be made there.
    pub async fn set(sandbox: &Sandbox, settings: Settings, piece: &Piece<'_>) -> Result<Self, Error> {
        let registry = Registry::builtin();
        let folder = tempfile::tempdir()?;
        let secrets = &piece.graph.secrets;
        let settings = Settings { secrets: secrets.clone(), ..settings };
        let store = Store::open(folder.path(), &piece.state.stack, "sandbox");
        let store = store.keeping(Seal::none(), secrets.clone());
        seeds::put(sandbox, piece);
        let copied = copy::of(piece, registry)?;
        let mut stage = Self {
            settings,
            registry,
            store,
            state: State::new(&piece.state.stack, "sandbox", &piece.state.lineage),
            missing: copied.missing,
            _folder: folder,
        };
        stage.make(&copied.graph).await?;
        stage.invite(piece).await?;
        let cloud = stage.cloud(Access::Write);
        let copy = since::Copy { cloud: &cloud, registry, state: &stage.state };
        let not_done = copy.catch_up(piece).await;
        stage.missing.extend(not_done);
        Ok(stage)
    }

    /// Makes what is recorded.
    async fn make(&mut self, graph: &Graph) -> Result<(), Error> {
        let intent = Intent::Up { targets: Vec::new(), replace: Vec::new() };
        let plan = self.plan_of(graph, &intent, Leave::default()).await?;
        let outcome = self.carry_out(&plan, watch::channel(Cancel::No).1, &mut |_| {}).await?;
        if outcome.failed.is_empty() { Ok(()) } else { Err(Error::Unmade(outcome.failed)) }
    }

    /// Puts in what others have in the clusters.
    async fn invite(&self, piece: &Piece<'_>) -> Result<(), Error> {
        let cloud = self.cloud(Access::Write);
        for (cluster, object) in piece.guests {
            let applied = async { cloud.objects(cluster).await?.apply(&copy::bare(object), false).await };
            if let Err(error) = applied.await {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                return Err(Error::Uncopied(format!("what others have cannot be copied: {name}: {error}")));
            }
        }
        Ok(())
    }

    fn cloud(&self, access: Access) -> Cloud {
        Cloud::new(Settings { access, ..self.settings.clone() })
    }

    /// What would be done to the copy.
    ///
    /// # Errors
    /// The planner refuses.
    pub async fn plan(&self, piece: &Piece<'_>) -> Result<Plan, Error> {
        self.plan_of(piece.graph, piece.intent, piece.leave).await
    }

    async fn plan_of(&self, graph: &Graph, intent: &Intent, leave: Leave) -> Result<Plan, Error> {
        let cloud = self.cloud(Access::Plan);
        let looked = matches!(intent, Intent::Up { .. }).then_some(graph);
        let live = observe_for(&cloud, self.registry, looked, &self.state, intent).await;
        plan_with(graph, &self.state, &live, &self.registry.shapes(), intent, leave).map_err(Error::Refused)
    }

    /// Carries a plan out on the copy and looks for what is left after the destroy of a whole stack.
    ///
    /// # Errors
    /// The state of the copy cannot be kept.
    pub async fn play(
        &mut self,
        plan: &Plan,
        cancel: watch::Receiver<Cancel>,
        emit: &mut dyn FnMut(Event),
    ) -> Result<Played, Error> {
        let outcome = self.carry_out(plan, cancel, emit).await?;
        let whole = matches!(&plan.intent, Intent::Destroy { targets } if targets.is_empty());
        let left = match whole && outcome.is_complete() {
            true => {
                let cloud = self.cloud(Access::Read);
                let report = audit(&cloud, &Scope::of_state(&self.state)).await;
                Some((report, cloud.calls().total()))
            }
            false => None,
        };
        Ok(Played { outcome, left })
    }

    async fn carry_out(
        &mut self,
        plan: &Plan,
        cancel: watch::Receiver<Cancel>,
        emit: &mut dyn FnMut(Event),
    ) -> Result<Outcome, Error> {
        let holder = Holder::new("rehearsal", "rehearse", 0);
        let mut locked: Locked = self.store.lock(&holder, &plan.lineage).await?;
        remember(&mut locked, plan).await?;
        let options = Options { parallel: None, cancel, who: "rehearsal".into(), command: "rehearse".into() };
        let cloud = self.cloud(Access::Write);
        let outcome = execute(&cloud, self.registry, &mut locked, plan, options, emit).await;
        self.state = locked.state().clone();
        locked.release().await;
        Ok(outcome?)
    }
}

/// How the plan for the copy differs from the plan for the cloud: what only one of them does, in words.
pub fn differences(real: &Plan, copy: &Plan) -> Vec<String> {
    let of = |plan: &Plan| -> Vec<(Address, Verb)> {
        plan.changes.iter().map(|change| (change.address.clone(), change.verb)).collect()
    };
    let (real, copy) = (of(real), of(copy));
    let only = |these: &[(Address, Verb)], those: &[(Address, Verb)], what: &str| -> Vec<String> {
        let lonely = these.iter().filter(|one| !those.contains(one));
        lonely.map(|(address, verb)| format!("{what}: {} {address}", verb.sign())).collect()
    };
    let mut all = only(&real, &copy, "only in the cloud");
    all.extend(only(&copy, &real, "only in the copy"));
    all
}
