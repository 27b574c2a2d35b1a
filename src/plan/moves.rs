//! Moves: records that go on under another address. A move is no action: nothing is made, changed or deleted for it.
//!
//! What the file says under `[moved]` moves, and what bears the old name in a part of its address moves with it. What
//! changed between `cluster = "x"` and `clusters = ["x"]` moves by itself, where it is plain which thing is meant.
//! Everything after this, `observe` too, sees the state as it is when the moves are done.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::Refusal;
use crate::address::Address;
use crate::graph::{Graph, Resource};
use crate::shape::Shapes;
use crate::state::{Record, State};
use crate::value::{Value, walk};

/// Old addresses to new ones.
pub type Moves = BTreeMap<Address, Address>;

/// A state with its moves done.
pub struct Settled<'a> {
    /// The state as it is then.
    pub state: Cow<'a, State>,
    /// What was moved.
    pub moves: Moves,
}

/// Does the moves that the graph asks for, or tells all that stands against them.
pub fn settle<'a>(graph: &Graph, state: &'a State, shapes: &Shapes) -> Result<Settled<'a>, Vec<Refusal>> {
    let mut moves = asked_for(graph, state)?;
    along(graph, state, &mut moves);
    by_themselves(graph, state, shapes, &mut moves);
    done(state, moves)
}

/// The state with these moves done.
pub(super) fn done(state: &State, moves: Moves) -> Result<Settled<'_>, Vec<Refusal>> {
    if moves.is_empty() {
        return Ok(Settled { state: Cow::Borrowed(state), moves });
    }
    let mut moved = state.clone();
    moved.rename(&moves).map_err(|error| vec![Refusal::Move(error.to_string())])?;
    Ok(Settled { state: Cow::Owned(moved), moves })
}

/// What `[moved]` asks for of what is recorded. What is not recorded was moved before, or never made.
fn asked_for(graph: &Graph, state: &State) -> Result<Moves, Vec<Refusal>> {
    let (mut moves, mut taken, mut refusals) = (Moves::new(), BTreeMap::new(), Vec::new());
    for (old, record) in &state.records {
        let Some(new) = followed(graph, old).filter(|_| !graph.resources.contains_key(old)) else { continue };
        if let Some(first) = taken.insert(new.clone(), old) {
            refusals.push(Refusal::Move(format!("`{first}` and `{old}` would both become `{new}`")));
        } else if state.records.contains_key(&new) && followed(graph, &new).is_none() {
            let words = format!("`{old}` cannot become `{new}`: the stack has made both");
            refusals.push(Refusal::Move(words));
        } else if record.current.is_none() && record.open.is_some() {
            let words = format!("`{old}` cannot become `{new}` yet: an earlier run did not finish it");
            refusals.push(Refusal::Move(words));
        }
        moves.insert(old.clone(), new);
    }
    if refusals.is_empty() { Ok(moves) } else { Err(refusals) }
}

/// Where a chain of moves ends; none if it has no beginning.
fn followed(graph: &Graph, address: &Address) -> Option<Address> {
    let (mut at, mut seen) = (address.clone(), BTreeSet::new());
    while seen.insert(at.clone()) {
        let covering = graph.moved.iter().filter(|(from, to)| from.covers(&at) && !to.covers(&at));
        let Some((from, to)) = covering.max_by_key(|(from, _)| from.as_str().len()) else { break };
        let rest = &at.as_str()[from.as_str().len()..];
        at = Address::parse(&format!("{to}{rest}")).ok()?;
    }
    (at != *address).then_some(at)
}

/// What is called after a section that was moved: `service_network.core/vpc.edge` after `network.edge`.
fn along(graph: &Graph, state: &State, moves: &mut Moves) {
    let whole = |address: &&Address| **address == address.whole() && address.cluster().is_none();
    for from in graph.moved.keys().filter(whole) {
        let Some(to) = followed(graph, from).filter(|to| to.name() != from.name()) else { continue };
        for (old, record) in &state.records {
            let new = renamed(old, from.name(), to.name()).filter(|new| is_new(graph, state, moves, new));
            let Some(new) = new.filter(|_| has_left(graph, moves, old, record)) else { continue };
            if graph.resources[&new].kind == record.kind {
                moves.insert(old.clone(), new);
            }
        }
    }
}

/// An address with a name in its cluster and parts replaced; none if it is not there.
fn renamed(address: &Address, from: &str, to: &str) -> Option<Address> {
    let text = address.as_str();
    let start = text.find(['@', '/'])?;
    let (head, tail) = text.split_at(start);
    let mut new = head.to_owned();
    let mut word = String::new();
    // A name ends where a part of an address does; `-` is for parts such as `ingress.edge-ipv4`.
    for c in tail.chars().chain(['\0']) {
        let is_border = matches!(c, '@' | '/' | '.' | '\0');
        if !is_border {
            word.push(c);
            continue;
        }
        match word.strip_prefix(from) {
            Some(rest) if rest.is_empty() || rest.starts_with('-') => new.extend([to, rest]),
            _ => new.push_str(&word),
        }
        word.clear();
        if c != '\0' {
            new.push(c);
        }
    }
    if new == text { None } else { Address::parse(&new).ok() }
}

/// `gateway.core` and `gateway.core@edge`: one thing, if it is the same in all that cannot change.
fn by_themselves(graph: &Graph, state: &State, shapes: &Shapes, moves: &mut Moves) {
    let mut found: BTreeMap<Address, Vec<&Address>> = BTreeMap::new();
    for (old, record) in state.records.iter().filter(|(old, record)| has_left(graph, moves, old, record)) {
        let is_same = |resource: &&Resource| {
            differ_in_cluster(old, &resource.address)
                && is_new(graph, state, moves, &resource.address)
                && is_the_same(resource, record, state, shapes)
        };
        let mut same = graph.resources.values().filter(is_same);
        if let (Some(only), None) = (same.next(), same.next()) {
            found.entry(only.address.clone()).or_default().push(old);
        }
    }
    for (new, olds) in found {
        if let [old] = olds.as_slice() {
            moves.insert((*old).clone(), new);
        }
    }
}

fn has_left(graph: &Graph, moves: &Moves, old: &Address, record: &Record) -> bool {
    record.current.is_some() && !graph.resources.contains_key(old) && !moves.contains_key(old)
}

fn is_new(graph: &Graph, state: &State, moves: &Moves, new: &Address) -> bool {
    graph.resources.contains_key(new)
        && !state.records.contains_key(new)
        && !moves.values().any(|taken| taken == new)
}

fn differ_in_cluster(one: &Address, other: &Address) -> bool {
    one.section() == other.section()
        && one.name() == other.name()
        && one.cluster().is_some() != other.cluster().is_some()
        && one.parts().eq(other.parts())
}

fn is_the_same(resource: &Resource, record: &Record, state: &State, shapes: &Shapes) -> bool {
    let (Some(shape), Some(object)) = (shapes.get(resource.kind), &record.current) else { return false };
    let same = |path: &&str| match at(&resource.spec, path) {
        Some(value) => {
            let known = value.resolve(&|reference| state.output(reference)).known();
            // What is not known yet, such as the id of a zone that is looked up, speaks neither for nor against it.
            known.map_or(true, |json| Some(&json) == walk(&object.applied, path))
        }
        None => walk(&object.applied, path).is_none_or(Json::is_null),
    };
    record.kind == resource.kind
        && record.place == resource.place
        && !shape.fixed.is_empty()
        && shape.fixed.iter().all(same)
}

/// The value at a dotted path.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |at, key| at.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).expect("well formed")
    }

    #[test]
    fn a_name_is_replaced_as_a_whole_and_not_in_the_head() {
        let new = |text: &str| renamed(&address(text), "edge", "front").map(|new| new.to_string());
        assert_eq!(new("service_network.core/vpc.edge").as_deref(), Some("service_network.core/vpc.front"));
        assert_eq!(
            new("service_network.a/ingress.edge-ipv4").as_deref(),
            Some("service_network.a/ingress.front-ipv4")
        );
        assert_eq!(new("gateway.core@edge/dns").as_deref(), Some("gateway.core@front/dns"));
        assert_eq!(new("gateway.core@edges"), None);
        assert_eq!(new("network.edge/vpc"), None);
    }

    #[test]
    fn b19_a_chain_of_moves_is_followed_to_its_end() {
        let mut graph = Graph::default();
        for (from, to) in [("value.a", "value.b"), ("value.b", "value.c"), ("value.c/x", "value.c/y")] {
            graph.moved.insert(address(from), address(to));
        }
        assert_eq!(followed(&graph, &address("value.a/x/1")), Some(address("value.c/y/1")));
        assert_eq!(followed(&graph, &address("value.b")), Some(address("value.c")));
        assert_eq!(followed(&graph, &address("value.c")), None);
    }
}
