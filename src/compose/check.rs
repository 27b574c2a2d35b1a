//! The last look: names that can exist once only, and the graph; its errors get their place in the file.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value as Json;

use super::draft::Draft;
use crate::address::Address;
use crate::graph::{self, Graph, GraphError, Resource};
use crate::stack::{Diagnostic, Spans};
use crate::value::Value;

/// Builds the graph, unless anything is wrong.
pub(super) fn build(draft: Draft<'_>, outputs: BTreeMap<String, Value>) -> Result<Graph, Vec<Diagnostic>> {
    let spans = &draft.stack.spans;
    let mut diagnostics = draft.diagnostics;
    // What is left out because it is wrong would only show up again as missing.
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    diagnostics.extend(twins(&draft.resources, spans));
    match graph::build(draft.resources, outputs) {
        Ok(graph) if diagnostics.is_empty() => Ok(graph),
        Ok(_) => Err(diagnostics),
        Err(errors) => {
            diagnostics
                .extend(errors.iter().map(|error| Diagnostic::new(error.to_string(), place(spans, error))));
            Err(diagnostics)
        }
    }
}

fn place(spans: &Spans, error: &GraphError) -> Option<Range<usize>> {
    match error {
        GraphError::Twice(address) | GraphError::Dangling { from: address, .. } => section(spans, address),
        GraphError::Cycle(members) => members.first().and_then(|address| section(spans, address)),
    }
}

/// Where the section stands that an address comes from.
fn section(spans: &Spans, address: &Address) -> Option<Range<usize>> {
    spans.key(&format!("{}s.{}", address.section(), address.name()))
}

/// Resources that would be one and the same thing in the cloud.
fn twins(resources: &[Resource], spans: &Spans) -> Vec<Diagnostic> {
    let mut seen: BTreeMap<String, &Address> = BTreeMap::new();
    let mut found = Vec::new();
    for resource in resources {
        let Some(identity) = identity(resource) else { continue };
        match seen.get(&identity) {
            Some(other) if **other != resource.address => {
                let message = format!("`{other}` and `{}` would be the same thing", resource.address);
                let diagnostic = Diagnostic::new(message, section(spans, &resource.address));
                found.push(diagnostic.hint(hint(resource.kind)));
            }
            Some(_) => {}
            None => {
                seen.insert(identity, &resource.address);
            }
        }
    }
    found
}

fn hint(kind: &str) -> &'static str {
    match kind {
        "lattice_vpc_association" => "a VPC can be associated with one service network only",
        "kube_object" | "gateway" | "route" | "webhook_certificate" => {
            "they have the same kind, namespace and name in one cluster"
        }
        _ => "they have the same name",
    }
}

/// What makes a thing unique in its cloud, for kinds that go by name.
fn identity(resource: &Resource) -> Option<String> {
    let fields: &[&str] = match resource.kind {
        "kube_object" | "gateway" | "route" => return kubernetes(resource),
        "eks_cluster" | "lattice_service_network" | "iam_role" => &["name"],
        "lattice_vpc_association" => &["vpc_id"],
        "route53_record" => &["zone_id", "name", "type"],
        "eks_pod_identity" => &["cluster", "namespace", "service_account"],
        _ => return None,
    };
    let region = if resource.kind == "iam_role" { "" } else { &resource.place.region };
    let values: Vec<Json> =
        fields.iter().map(|field| resource.spec.get(field).map_or(Json::Null, Json::from)).collect();
    Some(format!("{} {:?} {region} {}", resource.kind, resource.place.account, Json::from(values)))
}

fn kubernetes(resource: &Resource) -> Option<String> {
    let manifest = resource.spec.get("manifest")?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let metadata = manifest.get("metadata")?;
    let version = text(manifest.get("apiVersion"));
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let [kind, namespace, name] =
        [manifest.get("kind"), metadata.get("namespace"), metadata.get("name")].map(text);
    let cluster = resource.spec.get("cluster").map(Json::from);
    Some(format!("object {cluster:?} {group} {kind} {namespace} {name}"))
}
