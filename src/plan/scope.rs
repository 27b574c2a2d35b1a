//! What a plan may touch: everything, or what the targets on the command line need.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{Decided, Given};
use super::{Intent, Refusal};
use crate::address::Address;
use crate::change::Verb;
use crate::graph::{Edge, Graph, Sort};
use crate::state::State;

/// What may be touched; none: everything.
pub(super) type Scope = Option<BTreeSet<Address>>;

/// The targets and what they need; of a destroy, the targets and what needs them.
pub(super) fn scope(graph: &Graph, state: &State, intent: &Intent) -> Result<Scope, Refusal> {
    let (targets, destroys) = match intent {
        Intent::Up { targets, .. } => (targets, false),
        Intent::Destroy { targets } => (targets, true),
    };
    if targets.is_empty() {
        return Ok(None);
    }
    let needs = needs(graph, state, destroys);
    let mut open = Vec::new();
    for target in targets {
        let covered: Vec<&Address> = needs.keys().filter(|address| target.covers(address)).collect();
        if covered.is_empty() {
            return Err(Refusal::Unknown(target.clone()));
        }
        open.extend(covered.into_iter().cloned());
    }
    let next = if destroys { reversed(&needs) } else { needs };
    Ok(Some(reached(open, &next)))
}

/// A wider scope, where something in scope goes, or is made anew, and what lives in it is out of scope: it could not
/// outlive that. None if nothing does.
pub(super) fn widened(given: &Given<'_>, decided: &Decided) -> Scope {
    let scope = given.scope.as_ref()?;
    let goes = |address: &Address| match decided.by_address.get(address).map(|decision| decision.verb) {
        Some(Verb::Replace | Verb::ReplaceCreateFirst | Verb::Delete) => true,
        Some(Verb::Create) => given.state.records.contains_key(address),
        Some(Verb::Update | Verb::Forget | Verb::Move) | None => false,
    };
    let lives_in = |edges: &[Edge]| edges.iter().any(|edge| edge.sort == Sort::Inside && goes(&edge.to));
    let declared = given.graph.resources.values().map(|one| (&one.address, one.all_edges()));
    let recorded = given.state.records.iter().map(|(address, record)| (address, record.edges.clone()));
    let inner: Vec<Address> = (declared.chain(recorded))
        .filter(|(address, edges)| !scope.contains(*address) && lives_in(edges))
        .map(|(address, _)| address.clone())
        .collect();
    if inner.is_empty() {
        return None;
    }
    let mut wider = reached(inner, &needs(given.graph, given.state, false));
    wider.extend(scope.iter().cloned());
    Some(wider)
}

/// These, and all that comes next to them, directly or not.
fn reached(mut open: Vec<Address>, next: &Needs) -> BTreeSet<Address> {
    let mut scope = BTreeSet::new();
    while let Some(address) = open.pop() {
        open.extend(next.get(&address).into_iter().flatten().filter(|to| !scope.contains(*to)).cloned());
        scope.insert(address);
    }
    scope
}

type Needs = BTreeMap<Address, BTreeSet<Address>>;

fn needs(graph: &Graph, state: &State, destroys: bool) -> Needs {
    let recorded = state.records.iter().map(|(address, record)| (address.clone(), record.edges.clone()));
    let declared = graph.resources.values().filter(|_| !destroys).map(|r| (r.address.clone(), r.all_edges()));
    let mut needs = Needs::new();
    for (address, edges) in recorded.chain(declared) {
        needs.entry(address).or_default().extend(edges.into_iter().map(|edge| edge.to));
    }
    needs
}

fn reversed(needs: &Needs) -> Needs {
    let mut turned = Needs::new();
    for (address, to) in needs {
        for to in to {
            turned.entry(to.clone()).or_default().insert(address.clone());
        }
    }
    turned
}
