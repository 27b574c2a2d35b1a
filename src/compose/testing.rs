//! For tests: stacks from text, and questions to the graphs they become.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value as Json;

use super::compose;
use crate::address::Address;
use crate::graph::{Graph, Resource, Sort};
use crate::stack::{Diagnostic, Source, Stack, Variables};

/// A stack from text, named `t` in us-west-2 if the text does not say otherwise. No rules are checked.
pub(super) fn stack(text: &str) -> Stack {
    let head = if text.contains("[stack]") { "" } else { "[stack]\nname = \"t\"\nregion = \"us-west-2\"\n" };
    let source = Source { text: format!("{head}{text}").into(), ..Source::default() };
    crate::stack::parse(source, &Variables::default()).unwrap_or_else(|found| panic!("{found:#?}"))
}

/// One of the example stacks, with its manifests.
pub(super) fn example(name: &str) -> Stack {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks").join(name);
    crate::stack::read(&path, &Variables::default()).unwrap_or_else(|found| panic!("{found:#?}"))
}

/// The graph of a stack.
pub(super) fn composed(stack: &Stack) -> Graph {
    compose(stack).unwrap_or_else(|found| panic!("{found:#?}"))
}

/// The graph of a text.
pub(super) fn graph(text: &str) -> Graph {
    composed(&stack(text))
}

/// What is wrong with a stack.
pub(super) fn wrong(stack: &Stack) -> Vec<Diagnostic> {
    compose(stack).err().unwrap_or_default()
}

/// An address.
pub(super) fn at(text: &str) -> Address {
    Address::parse(text).expect("well formed")
}

/// A resource of a graph.
pub(super) fn resource<'a>(graph: &'a Graph, address: &str) -> &'a Resource {
    let all = || graph.resources.keys().map(Address::as_str).collect::<Vec<_>>().join("\n");
    graph.resources.get(&at(address)).unwrap_or_else(|| panic!("no {address} among\n{}", all()))
}

/// The spec of a resource as JSON, references as `{"$unknown": …}`.
pub(super) fn spec(graph: &Graph, address: &str) -> Json {
    Json::from(&resource(graph, address).spec)
}

/// Whether a value is a reference to an output.
pub(super) fn refers(value: &Json, address: &str, output: &str) -> bool {
    *value == Json::from(&crate::value::Value::reference(&at(address), output))
}

/// All that a resource needs, directly or not.
pub(super) fn needs(graph: &Graph, address: &str) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    let mut open = vec![at(address)];
    while let Some(next) = open.pop() {
        for edge in graph.resources[&next].all_edges() {
            if found.insert(edge.to.clone()) {
                open.push(edge.to);
            }
        }
    }
    found
}

/// Checks that a teardown deletes these one after the other, in this order.
pub(super) fn goes_before(graph: &Graph, order: &[&str]) {
    for pair in order.windows(2) {
        assert!(needs(graph, pair[0]).contains(&at(pair[1])), "{} may outlive {}", pair[1], pair[0]);
        assert!(!needs(graph, pair[1]).contains(&at(pair[0])), "{} needs {}", pair[1], pair[0]);
    }
}

/// Whether there is a direct edge.
pub(super) fn edge(graph: &Graph, from: &str, to: &str, sort: Sort) -> bool {
    resource(graph, from).all_edges().iter().any(|edge| edge.to == at(to) && edge.sort == sort)
}

/// The addresses of a section, in their order.
pub(super) fn addresses<'a>(graph: &'a Graph, prefix: &str) -> Vec<&'a str> {
    graph.resources.keys().map(Address::as_str).filter(|address| address.starts_with(prefix)).collect()
}
