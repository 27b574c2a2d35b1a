//! Which sensitive values a stack file says again, for what was kept without them: saved plans and outputs.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::address::Address;
use crate::graph::Graph;
use crate::secret::{Known, Mask, has_marks};
use crate::state::State;
use crate::value::{Reference, Value, walk};

/// The values of the marks in a state, as far as the stack file says them again.
pub struct Told<'a> {
    state: &'a State,
    known: Known,
    outputs: BTreeMap<&'a Address, Json>,
}

impl<'a> Told<'a> {
    /// Looks at every resource, each after those that it refers to.
    pub fn of(graph: &'a Graph, state: &'a State) -> Self {
        let mask = Mask::new(&graph.secrets, &state.lineage);
        let mut told = Self { state, known: Known::default(), outputs: BTreeMap::new() };
        for resource in graph.in_order() {
            let spec = told.resolved(&resource.spec);
            told.known.learn(&mask, &spec);
            let record = state.records.get(&resource.address).and_then(|record| record.current.as_ref());
            if let Some(object) = record.filter(|object| has_marks(&object.outputs)) {
                let mut outputs = object.outputs.clone();
                told.known.reveal(&mut outputs);
                told.outputs.insert(&resource.address, outputs);
            }
        }
        told
    }

    /// A value with all filled in that the state knows.
    pub fn resolved(&self, value: &Value) -> Value {
        value.resolve(&|reference| self.output(reference))
    }

    fn output(&self, reference: &Reference) -> Option<Json> {
        match self.outputs.get(&reference.address) {
            Some(outputs) => walk(outputs, &reference.output).cloned(),
            None => self.state.output(reference),
        }
    }

    /// Puts values in the place of their marks. True if no mark is left.
    pub fn reveal(&self, json: &mut Json) -> bool {
        self.known.reveal(json)
    }
}
