//! Names with a number: how the new one of a replacement is called that exists beside the old one for a while.
//!
//! The file says `default`; what is there is called `default`, or `default-2` since it was replaced once. Neither is
//! a difference.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::decide::Given;
use crate::address::Address;
use crate::graph::{Edge, Sort};
use crate::shape::Shape;
use crate::value::Value;

/// The spec by the name that the thing goes by, where that is the wanted one with a number.
pub(super) fn as_it_goes(shape: &Shape, spec: Value, there: Option<&Json>) -> Value {
    let Some(field) = shape.twin else { return spec };
    match (name(&spec, field), there.and_then(|there| there[field].as_str())) {
        (Some(wanted), Some(there)) if is_twin(&wanted, there) => with(spec, field, there),
        _ => spec,
    }
}

/// The spec by a name that nothing has that stays for now. `first`: the current one stays until the new one is there.
pub(super) fn anew(given: &Given<'_>, address: &Address, shape: &Shape, spec: Value, first: bool) -> Value {
    let Some(field) = shape.twin else { return spec };
    let file = given.graph.resources.get(address).and_then(|resource| name(&resource.spec, field));
    let Some(base) = file else { return spec };
    let taken = taken(given, address, shape, field, first);
    let numbered = (2..).map(|number: u32| format!("{base}-{number}"));
    let free = std::iter::once(base.clone()).chain(numbered).find(|name| !taken.contains(name));
    with(spec, field, &free.unwrap_or(base))
}

/// The names of all others of the kind in the same place, and of what is left of earlier ones of this resource.
fn taken(given: &Given<'_>, address: &Address, shape: &Shape, field: &str, first: bool) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    let own = given.graph.resources.get(address).map(|own| outer(&own.edges)).unwrap_or_default();
    let others = given.graph.resources.values().filter(|other| other.kind == shape.kind);
    let beside = others.filter(|other| other.address != *address && outer(&other.edges) == own);
    taken.extend(beside.filter_map(|other| name(&other.spec, field)));
    let records = given.state.records.iter().filter(|(_, record)| record.kind == shape.kind);
    for (of, record) in records.filter(|(of, record)| *of == address || outer(&record.edges) == own) {
        let current = record.current.as_ref().filter(|_| first || of != address);
        let objects = record.deposed.iter().chain(current);
        taken.extend(objects.filter_map(|object| object.applied[field].as_str().map(str::to_owned)));
    }
    taken
}

/// What a thing lives in: names are unique within it.
fn outer(edges: &[Edge]) -> BTreeSet<&Address> {
    edges.iter().filter(|edge| edge.sort == Sort::Inside).map(|edge| &edge.to).collect()
}

fn name(spec: &Value, field: &str) -> Option<String> {
    spec.get(field)?.known().ok()?.as_str().map(str::to_owned)
}

fn with(spec: Value, field: &str, name: &str) -> Value {
    let Value::Map(mut map) = spec else { return spec };
    map.insert(field.to_owned(), Value::from(name));
    Value::Map(map)
}

fn is_twin(wanted: &str, there: &str) -> bool {
    let number = there.strip_prefix(wanted).and_then(|rest| rest.strip_prefix('-'));
    there == wanted || number.is_some_and(|number| number.parse::<u32>().is_ok_and(|number| number > 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_number_is_a_twin() {
        for there in ["a", "a-2", "a-13"] {
            assert!(is_twin("a", there), "{there}");
        }
        for there in ["b", "a-1", "a-b", "ab-2", "a2", "a-2-3"] {
            assert!(!is_twin("a", there), "{there}");
        }
    }
}
