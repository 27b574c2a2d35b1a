//! `Graph`: the resources of a stack and the edges between them. Checks that names exist and that no cycle is left.
//!
//! Resources are made in `compose`. Order of execution is decided in `plan`, from these edges and those in the state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::secret::Secrets;
use crate::value::Value;

/// Where a resource lives: an account of the stack file (none: the one the run's credentials are for) and a region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// A name under `[accounts]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Such as `us-west-2`.
    pub region: String,
}

/// What an edge means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// A value flows, or the other must simply come first.
    Uses,
    /// This exists within the other: replacing the other is a full teardown of this first.
    Inside,
    /// The other keeps this alive (a controller its Gateway): never removed before it, replaced create-first.
    KeepsAlive,
}

/// From the resource that holds it to the one it needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// What is needed.
    pub to: Address,
    /// In which sense.
    pub sort: Sort,
}

/// The `[lifecycle]` of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Lifecycle {
    /// Refuse plans that delete or replace it.
    pub prevent_destroy: bool,
    /// Dotted spec fields that make no diff.
    pub ignore_changes: Vec<String>,
    /// Overrides of the kind's limits: create, update, delete.
    pub timeouts: [Option<Duration>; 3],
}

/// One thing to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its identity.
    pub address: Address,
    /// The name of its kind.
    pub kind: &'static str,
    /// Where it lives.
    pub place: Place,
    /// What it should be; leaves may refer to outputs of others.
    pub spec: Value,
    /// What it needs. References in `spec` are edges already (`Uses`) and need not be repeated.
    pub edges: Vec<Edge>,
    /// What the file says about its life.
    pub lifecycle: Lifecycle,
}

impl Resource {
    /// A resource without edges.
    pub fn new(address: Address, kind: &'static str, place: &Place, spec: Value) -> Self {
        Self { address, kind, place: place.clone(), spec, edges: Vec::new(), lifecycle: Lifecycle::default() }
    }

    /// Adds an edge `Uses`.
    #[must_use]
    pub fn uses(self, to: &Address) -> Self {
        self.edge(to, Sort::Uses)
    }

    /// Adds an edge `Inside`.
    #[must_use]
    pub fn inside(self, to: &Address) -> Self {
        self.edge(to, Sort::Inside)
    }

    /// Adds an edge `KeepsAlive`: `to` keeps this alive.
    #[must_use]
    pub fn kept_alive_by(self, to: &Address) -> Self {
        self.edge(to, Sort::KeepsAlive)
    }

    /// Adds an edge.
    #[must_use]
    pub fn edge(mut self, to: &Address, sort: Sort) -> Self {
        self.edges.push(Edge { to: to.clone(), sort });
        self
    }

    /// All edges: the written ones, and `Uses` for each reference in the spec that has none yet.
    pub fn all_edges(&self) -> Vec<Edge> {
        let mut edges: BTreeSet<Edge> = self.edges.iter().cloned().collect();
        let written: BTreeSet<Address> = edges.iter().map(|edge| edge.to.clone()).collect();
        for reference in self.spec.references() {
            if !written.contains(&reference.address) {
                edges.insert(Edge { to: reference.address.clone(), sort: Sort::Uses });
            }
        }
        edges.into_iter().collect()
    }
}

/// The resources of a stack, in the order of composition, and its outputs.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// By address.
    pub resources: IndexMap<Address, Resource>,
    /// The `[outputs]` of the stack.
    pub outputs: BTreeMap<String, Value>,
    /// `[moved]`: old addresses to new ones; each means all its parts.
    pub moved: BTreeMap<Address, Address>,
    /// `[removed]`: what left the file, and whether the thing itself is deleted; each means all its parts.
    pub removed: BTreeMap<Address, bool>,
    /// What may be wrong and may be right, in words.
    pub notes: Vec<String>,
    /// What in all of it must never be told or kept.
    pub secrets: Secrets,
}

impl Graph {
    /// The resources, each after all it needs; otherwise as they were composed.
    pub fn in_order(&self) -> Vec<&Resource> {
        let mut order = Vec::with_capacity(self.resources.len());
        let mut seen = BTreeSet::new();
        for resource in self.resources.values() {
            self.visit(resource, &mut seen, &mut order);
        }
        order
    }

    /// Depth first with a stack of its own: chains may be as long as the stack is.
    fn visit<'a>(
        &'a self,
        first: &'a Resource,
        seen: &mut BTreeSet<&'a Address>,
        order: &mut Vec<&'a Resource>,
    ) {
        let mut open = vec![(first, first.all_edges().into_iter())];
        if !seen.insert(&first.address) {
            return;
        }
        while let Some((resource, edges)) = open.last_mut() {
            let Some(edge) = edges.next() else {
                order.push(resource);
                open.pop();
                continue;
            };
            if let Some(next) = self.resources.get(&edge.to)
                && seen.insert(&next.address)
            {
                open.push((next, next.all_edges().into_iter()));
            }
        }
    }
}

/// What is wrong with a set of resources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two resources of one address.
    #[error("`{0}` is declared twice")]
    Twice(Address),
    /// An edge to nothing.
    #[error("`{from}` needs `{to}`, which is not declared")]
    Dangling {
        /// Who needs it.
        from: Address,
        /// What is missing.
        to: Address,
    },
    /// Resources that need each other, in order.
    #[error("these need each other: {}", .0.iter().map(Address::as_str).collect::<Vec<_>>().join(" -> "))]
    Cycle(Vec<Address>),
}

/// Builds the graph and checks it; all that is wrong is reported at once.
pub fn build(resources: Vec<Resource>, outputs: BTreeMap<String, Value>) -> Result<Graph, Vec<GraphError>> {
    let mut graph = Graph { outputs, ..Graph::default() };
    let mut errors = Vec::new();
    for resource in resources {
        if graph.resources.contains_key(&resource.address) {
            errors.push(GraphError::Twice(resource.address));
        } else {
            graph.resources.insert(resource.address.clone(), resource);
        }
    }
    for resource in graph.resources.values() {
        let missing = resource.all_edges().into_iter().filter(|edge| !graph.resources.contains_key(&edge.to));
        errors
            .extend(missing.map(|edge| GraphError::Dangling { from: resource.address.clone(), to: edge.to }));
    }
    let edges = graph.resources.values().map(|r| (r.address.clone(), r.all_edges()));
    errors.extend(cycles(edges).into_iter().map(GraphError::Cycle));
    if errors.is_empty() { Ok(graph) } else { Err(errors) }
}

/// Every cycle among addresses, each with all its members in order, the first repeated at the end.
pub fn cycles(nodes: impl Iterator<Item = (Address, Vec<Edge>)>) -> Vec<Vec<Address>> {
    let nodes: Vec<_> = nodes.collect();
    let mut digraph = DiGraph::<usize, ()>::new();
    let ids: BTreeMap<&Address, _> =
        nodes.iter().enumerate().map(|(i, (address, _))| (address, digraph.add_node(i))).collect();
    for (address, edges) in &nodes {
        for to in edges.iter().filter_map(|edge| ids.get(&edge.to)) {
            digraph.update_edge(ids[address], *to, ());
        }
    }
    let mut found = Vec::new();
    for members in tarjan_scc(&digraph) {
        let first = members[0];
        if members.len() > 1 || digraph.contains_edge(first, first) {
            found.push(around(&digraph, &members).into_iter().map(|i| nodes[i].0.clone()).collect());
        }
    }
    found
}

/// A shortest way from the least member back to itself, within the component.
fn around(digraph: &DiGraph<usize, ()>, members: &[petgraph::graph::NodeIndex]) -> Vec<usize> {
    let start = *members.iter().min().expect("a component has members");
    let mut came_from = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in digraph.neighbors(at).filter(|n| members.contains(n)) {
            if next == start {
                let mut way = vec![digraph[start], digraph[at]];
                let mut step = at;
                while step != start {
                    step = came_from[&step];
                    way.push(digraph[step]);
                }
                if at == start {
                    way.truncate(2);
                }
                way.reverse();
                return way;
            }
            if let std::collections::btree_map::Entry::Vacant(entry) = came_from.entry(next) {
                entry.insert(at);
                queue.push_back(next);
            }
        }
    }
    members.iter().map(|n| digraph[*n]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(name: &str, needs: &[&str]) -> Resource {
        let place = Place { account: None, region: "us-west-2".into() };
        let made = Resource::new(Address::new("value", name), "value", &place, Value::Null);
        needs.iter().fold(made, |made, to| made.uses(&Address::new("value", to)))
    }

    fn cycle_of(resources: Vec<Resource>) -> Vec<String> {
        let errors = build(resources, BTreeMap::new()).expect_err("there is a cycle");
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn b35_a_cycle_is_named_with_all_its_members() {
        let direct = cycle_of(vec![resource("a", &["b"]), resource("b", &["a"])]);
        assert_eq!(direct, ["these need each other: value.a -> value.b -> value.a"]);
        let transitive = cycle_of(vec![resource("a", &["b"]), resource("b", &["c"]), resource("c", &["a"])]);
        assert_eq!(transitive, ["these need each other: value.a -> value.b -> value.c -> value.a"]);
        let own = cycle_of(vec![resource("a", &["a"])]);
        assert_eq!(own, ["these need each other: value.a -> value.a"]);
    }

    #[test]
    fn all_that_is_wrong_is_reported_at_once() {
        let errors = build(vec![resource("a", &["x"]), resource("a", &[])], BTreeMap::new());
        assert_eq!(errors.expect_err("two mistakes").len(), 2);
    }
}
