//! `sweep`: what was left behind in the cloud, found by tags, by names and by VPC, and the way to remove it.
//!
//! `scope` says whose things are meant and where they may be, `look` lists what is there, `judge` tells leftovers from
//! all else, `remove` takes away what a cluster that is gone has left. An audit only reads. What goes with a cluster that
//! a stack takes away is in `cluster`.

pub mod cluster;
mod hold;
pub mod judge;
mod look;
mod object;
pub mod remove;
pub mod scope;
pub mod sort;
pub mod thing;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

pub use judge::{Leftover, Whose};
pub use remove::{left_alone, remove};
pub use scope::Scope;
pub use sort::{Sort, command};
pub use thing::Thing;

use crate::change::{Change, Verb};
use crate::cloud::{Absent, Cloud, CloudResult, Named};
use crate::graph::Place;
use crate::plan::Plan;
use crate::state::journal::Entry;
use crate::state::store::{Locked, StoreError};
use look::{Ground, Seen};

/// What an audit saw.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What is left, in the order of removal.
    pub leftovers: Vec<Leftover>,
    /// What could not be read: it may be clean or not.
    pub unread: Vec<Unread>,
    /// Names and regions of the clusters that are gone.
    pub gone: BTreeSet<(String, String)>,
    /// How many sorts of things were looked for.
    pub sorts: usize,
    /// The regions that were looked through.
    pub regions: BTreeSet<String>,
    /// The accounts, twelve digits each.
    pub accounts: BTreeSet<String>,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    /// What.
    pub sorts: Vec<Sort>,
    /// Where; none for what lives in no region.
    pub region: Option<String>,
    /// In the cloud's words.
    pub why: String,
}

impl Report {
    /// Whether all was read and nothing is left.
    pub fn is_clean(&self) -> bool {
        self.leftovers.is_empty() && self.unread.is_empty()
    }

    /// Whether something is on its way out: a while later it may be gone.
    pub fn is_going(&self) -> bool {
        self.leftovers.iter().any(|one| one.thing.leaving)
    }
}

/// Puts into the journal what an audit will have to know of what a plan is about to take away.
///
/// # Errors
/// The journal cannot be written.
pub async fn remember(locked: &mut Locked, plan: &Plan) -> Result<(), StoreError> {
    let goes = |change: &Change| !matches!(change.verb, Verb::Create | Verb::Update);
    let traces = scope::traces_before(locked.state(), plan);
    if traces.is_empty() || !plan.changes.iter().any(goes) {
        return Ok(());
    }
    locked.append(&[Entry::Traces { traces }])?;
    locked.flush().await
}

/// Looks for everything that is left of a scope. Sends reads only.
pub async fn audit(cloud: &Cloud, scope: &Scope) -> Report {
    let mut scope = scope.clone();
    let mut report = Report { sorts: Sort::ALL.len(), ..Report::default() };
    let accounts = accounts(cloud, &scope, &mut report).await;
    find_living(cloud, &mut scope, &mut report).await;
    let mut things = Vec::new();
    let regions = scope.places.iter().filter_map(|place| Some((place, accounts.get(&place.account)?)));
    let seen = join_all(regions.map(|(place, account)| in_region(cloud, &scope, place, account))).await;
    for (place, seen) in scope.places.iter().filter(|place| accounts.contains_key(&place.account)).zip(seen) {
        report.regions.insert(place.region.clone());
        take(seen, Some(&place.region), &mut things, &mut report);
    }
    for (name, account) in &accounts {
        let Some(place) = scope.places.iter().find(|place| place.account == *name) else { continue };
        let clients = cloud.clients(place);
        let seen = look::account(Ground { cloud, scope: &scope, clients: &clients, place, account }).await;
        take(seen, None, &mut things, &mut report);
    }
    report.accounts = accounts.into_values().collect();
    let gone = scope.clusters.iter().filter(|cluster| !cluster.lives);
    report.gone = gone.map(|cluster| (cluster.name.clone(), cluster.place.region.clone())).collect();
    report.leftovers = judge::leftovers(&scope, &things);
    report.unread.sort();
    report.unread.dedup();
    report
}

async fn in_region(cloud: &Cloud, scope: &Scope, place: &Place, account: &str) -> Vec<Seen> {
    let clients = cloud.clients(place);
    look::region(Ground { cloud, scope, clients: &clients, place, account }).await
}

fn take(seen: Vec<Seen>, region: Option<&str>, things: &mut Vec<Thing>, report: &mut Report) {
    for Seen { sorts, result } in seen {
        match result {
            Ok(some) => things.extend(some),
            Err(error) => {
                let (region, why) = (region.map(str::to_owned), error.to_string());
                report.unread.push(Unread { sorts, region, why });
            }
        }
    }
}

/// The numbers of the accounts, by their names in the stack file.
async fn accounts(cloud: &Cloud, scope: &Scope, report: &mut Report) -> BTreeMap<Option<String>, String> {
    let mut accounts = BTreeMap::new();
    for place in &scope.places {
        if accounts.contains_key(&place.account) {
            continue;
        }
        let call = cloud.clients(place).sts.get_caller_identity().send().await;
        match call.named("STS.GetCallerIdentity") {
            Ok(caller) => {
                accounts.insert(place.account.clone(), caller.account().unwrap_or_default().to_owned());
            }
            Err(error) => report.unread.push(Unread {
                sorts: Sort::ALL.to_vec(),
                region: Some(place.region.clone()),
                why: error.to_string(),
            }),
        }
    }
    accounts
}

/// Asks which clusters are there. One that cannot be asked for is taken to live: nothing of it is judged then.
async fn find_living(cloud: &Cloud, scope: &mut Scope, report: &mut Report) {
    let asked = join_all(scope.clusters.iter().map(|cluster| async move {
        if cluster.recorded {
            return Ok(true);
        }
        lives(cloud, &cluster.name, &cluster.place).await
    }))
    .await;
    for (cluster, lives) in scope.clusters.iter_mut().zip(asked) {
        cluster.lives = *lives.as_ref().unwrap_or(&true);
        if let Err(error) = lives {
            let region = Some(cluster.place.region.clone());
            report.unread.push(Unread { sorts: vec![Sort::Cluster], region, why: error.to_string() });
        }
    }
}

/// Whether there is a cluster of this name.
pub async fn lives(cloud: &Cloud, name: &str, place: &Place) -> CloudResult<bool> {
    let call = cloud.clients(place).eks.describe_cluster().name(name).send().await;
    Ok(call.named("EKS.DescribeCluster").or_absent()?.is_some())
}
