//! The resources that are recorded, as a file would have them: what they had from others is a reference again, so that
//! in the copy they get what it has there.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::{Error, Piece};
use crate::address::Address;
use crate::graph::{Edge, Graph, Resource};
use crate::kind::Registry;
use crate::live::Seen;
use crate::plan::known::Told;
use crate::sandbox::world::ACCOUNT;
use crate::secret::is_mark;
use crate::shape::Role;
use crate::state::Record;
use crate::value::{Piece as Part, Reference, Value};

/// Texts shorter than this are not taken for something that another gave.
const TELLING: usize = 6;

/// What can be made of the records.
pub(super) struct Copied {
    pub(super) graph: Graph,
    /// What is not in it, in words.
    pub(super) missing: Vec<String>,
}

pub(super) fn of(piece: &Piece<'_>, registry: Registry) -> Result<Copied, Error> {
    let secrets = piece.graph.secrets.clone();
    let mut copied = Copied { graph: Graph { secrets, ..Graph::default() }, missing: Vec::new() };
    let told = Told::of(piece.graph, piece.state);
    for resource in piece.graph.resources.values() {
        if let Some(why) = needs_kubeconfig(resource) {
            return Err(Error::Uncopied(why));
        }
        if is_looked_up(piece, registry, &resource.address) {
            copied.graph.resources.insert(resource.address.clone(), resource.clone());
        }
    }
    let is_there = |edge: &Edge| {
        let made = piece.state.records.get(&edge.to).is_some_and(|record| record.current.is_some());
        made || is_looked_up(piece, registry, &edge.to)
    };
    for (address, record) in &piece.state.records {
        let Some(kind) = registry.get(&record.kind) else {
            return Err(Error::Uncopied(format!(
                "{address} is of the kind {}, which is not known here",
                record.kind
            )));
        };
        let Some(object) = &record.current else {
            copied.missing.push(format!("{address}, which is only half made"));
            continue;
        };
        if object.applied["cluster"]["kubeconfig"].is_string() {
            return Err(Error::Uncopied(format!(
                "{address} is in a cluster that is known by a kubeconfig only"
            )));
        }
        if !record.deposed.is_empty() {
            copied.missing.push(format!("what {address} has replaced"));
        }
        let known = known_to(piece, record);
        // What is sensitive is not recorded: the file says it again, or the copy gets something else.
        let mut applied = object.applied.clone();
        if !told.reveal(&mut applied) {
            copied.missing.push(format!("the sensitive values of {address}, which are others now"));
            stand_in(&mut applied, false);
        }
        let spec = refer(&at_home(&applied, piece.account), &known);
        let mut resource = Resource::new(address.clone(), kind.shape().kind, &record.place, spec);
        resource.edges = record.edges.iter().filter(|edge| is_there(edge)).cloned().collect();
        copied.graph.resources.insert(address.clone(), resource);
    }
    Ok(copied)
}

/// Something in the place of each sensitive value that is not known, in base64 where that is due.
fn stand_in(json: &mut Json, coded: bool) {
    match json {
        Json::String(text) if is_mark(text) && coded => *text = STANDARD.encode("sensitive"),
        Json::String(text) if is_mark(text) => "sensitive".clone_into(text),
        Json::Array(items) => items.iter_mut().for_each(|item| stand_in(item, coded)),
        Json::Object(map) => {
            let is_secret = map.get("kind").is_some_and(|kind| kind == "Secret");
            for (key, value) in map {
                stand_in(value, coded || (is_secret && key == "data"));
            }
        }
        _ => {}
    }
}

/// Whether something is only looked up, and was found.
fn is_looked_up(piece: &Piece<'_>, registry: Registry, address: &Address) -> bool {
    let kind = piece.graph.resources.get(address).and_then(|resource| registry.get(resource.kind));
    kind.is_some_and(|kind| kind.shape().role == Role::Lookup)
        && matches!(piece.live.found.get(address), Some(Seen::Found(_)))
}

/// Texts that what a resource needs has given, the longest first, and where they are among the outputs.
type Known = Vec<(String, Reference)>;

fn known_to(piece: &Piece<'_>, record: &Record) -> Known {
    let mut known: BTreeMap<String, Reference> = BTreeMap::new();
    for edge in &record.edges {
        let made = piece.state.records.get(&edge.to).and_then(|needed| needed.current.as_ref());
        let outputs = match (made, piece.live.found.get(&edge.to)) {
            (Some(object), _) => &object.outputs,
            (None, Some(Seen::Found(found))) => &found.outputs,
            _ => continue,
        };
        leaves(outputs, String::new(), &mut |path, text| {
            let reference = Reference { address: edge.to.clone(), output: path };
            known.entry(text.to_owned()).or_insert(reference);
        });
    }
    let mut known: Known = known.into_iter().filter(|(text, _)| text.len() >= TELLING).collect();
    known.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    known
}

fn leaves<'a>(json: &'a Json, path: String, found: &mut dyn FnMut(String, &'a str)) {
    let inner = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match json {
        Json::String(text) => found(path, text),
        Json::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                leaves(item, inner(&at.to_string()), found);
            }
        }
        // A key with a dot in it cannot be walked to.
        Json::Object(map) => {
            for (name, value) in map.iter().filter(|(name, _)| !name.contains('.')) {
                leaves(value, inner(name), found);
            }
        }
        _ => {}
    }
}

fn refer(json: &Json, known: &Known) -> Value {
    match json {
        Json::String(text) => refer_text(text, known),
        Json::Array(items) => Value::list(items.iter().map(|item| refer(item, known))),
        Json::Object(map) => {
            Value::Map(map.iter().map(|(name, value)| (name.clone(), refer(value, known))).collect())
        }
        other => Value::from(other.clone()),
    }
}

/// A text whose parts came from others.
fn refer_text(text: &str, known: &Known) -> Value {
    let mut parts = vec![Part::Text(text.to_owned())];
    for (given, reference) in known {
        parts = parts.into_iter().flat_map(|part| split(part, given, reference)).collect();
    }
    match parts.as_slice() {
        [Part::Text(text)] => Value::String(text.clone()),
        _ => Value::Unknown(parts),
    }
}

fn split(part: Part, given: &str, reference: &Reference) -> Vec<Part> {
    let Part::Text(text) = part else { return vec![part] };
    let mut parts = Vec::new();
    for (at, piece) in text.split(given).enumerate() {
        if at > 0 {
            parts.push(Part::Ref(reference.clone()));
        }
        if !piece.is_empty() {
            parts.push(Part::Text(piece.to_owned()));
        }
    }
    if parts.is_empty() { vec![Part::Text(text)] } else { parts }
}

/// With the account of the copy for that of the state.
fn at_home(json: &Json, account: &str) -> Json {
    match json {
        Json::String(text) if account.len() == 12 => Json::String(text.replace(account, ACCOUNT)),
        Json::Array(items) => items.iter().map(|item| at_home(item, account)).collect(),
        Json::Object(map) => {
            map.iter().map(|(name, value)| (name.clone(), at_home(value, account))).collect()
        }
        other => other.clone(),
    }
}

/// An object without what only its API server says of it, and without what would keep it there.
pub(super) fn bare(object: &Json) -> Json {
    let mut bare = object.clone();
    if let Some(map) = bare.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = bare["metadata"].as_object_mut() {
        metadata.retain(|name, _| ["name", "namespace", "labels", "annotations"].contains(&name.as_str()));
    }
    bare
}

/// Why a resource of the stack file cannot be copied, if so.
fn needs_kubeconfig(resource: &Resource) -> Option<String> {
    let path = resource.spec.get("cluster").and_then(|cluster| cluster.get("kubeconfig"))?;
    (*path != Value::Null)
        .then(|| format!("{} is in a cluster that is known by a kubeconfig only", resource.address))
}
