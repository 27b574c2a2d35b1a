//! From the sections of a stack file to resources and the edges between them. One file a section.
//!
//! Pure: no IO, no clock, no randomness; the same stack gives the same graph. What a kind does with its spec is in
//! `kind`; in which order things happen is decided in `plan`, from the edges made here.
//!
//! An edge from A to B makes A come after B, and go before B. Routes need Gateways, Gateways need their class,
//! configuration, controller, its role and nodes, service network and association; all of these need the cluster,
//! and the cluster needs its network: so a teardown runs from the routes inwards, and the service network goes last.

mod certificates;
mod check;
mod clusters;
mod controllers;
mod dns;
mod draft;
mod entries;
mod gateways;
mod lifecycle;
mod manifests;
mod moves;
mod namespaces;
mod networks;
mod node_groups;
#[cfg(test)]
mod random;
mod references;
mod routes;
mod security_groups;
mod service_networks;
mod site;
mod spec;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod values;
mod warnings;

use draft::Draft;

use crate::graph::Graph;
use crate::stack::{Diagnostic, Stack};

/// The part of a cluster by which the one who runs this is let in.
pub const OWN_ACCESS: &str = "access.stack";

/// References in the file to what no kind of theirs gives, by the outputs that each kind tells.
pub fn unknown_outputs(
    stack: &Stack,
    graph: &Graph,
    outputs: &dyn Fn(&str) -> Option<&'static [&'static str]>,
) -> Vec<Diagnostic> {
    references::unknown_outputs(stack, graph, outputs)
}

/// The resources of a stack and its outputs, or everything that is wrong with them, at once.
pub fn compose(stack: &Stack) -> Result<Graph, Vec<Diagnostic>> {
    let mut draft = Draft::new(stack);
    networks::compose(&mut draft);
    service_networks::compose(&mut draft);
    clusters::compose(&mut draft);
    controllers::compose(&mut draft);
    certificates::compose(&mut draft);
    namespaces::compose(&mut draft);
    manifests::compose(&mut draft);
    gateways::compose(&mut draft);
    routes::compose(&mut draft);
    dns::compose(&mut draft);
    values::compose(&mut draft);
    let outputs = references::settle(&mut draft);
    lifecycle::apply(&mut draft);
    let (moved, removed) = (moves::moved(&mut draft), moves::removed(&mut draft));
    let notes = warnings::all(&draft);
    let secrets = stack.secrets.clone();
    Ok(Graph { moved, removed, notes, secrets, ..check::build(draft, outputs)? })
}
