//! Paths: finds the operation whose template fits, and takes labels and query out of the request.

use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value as Json};

use super::form::decode;
use crate::sandbox::aws::Operation;

/// The operation of a request, and what its path and query say. A template with more literal text wins.
pub(super) fn find(
    operations: &'static [Operation],
    request: &Request<Bytes>,
) -> Option<(&'static Operation, Map<String, Json>)> {
    let mut best: Option<(usize, &'static Operation, Map<String, Json>)> = None;
    for operation in operations {
        if let Some((literal, labels)) = fit(operation.path, request)
            && best.as_ref().is_none_or(|(most, ..)| literal > *most)
        {
            best = Some((literal, operation, labels));
        }
    }
    let (_, operation, mut input) = best?;
    for pair in request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        add(&mut input, decode(key), Json::String(decode(value)));
    }
    Some((operation, input))
}

/// Repeated keys become lists.
fn add(input: &mut Map<String, Json>, key: String, value: Json) {
    match input.get_mut(&key) {
        Some(Json::Array(items)) => items.push(value),
        Some(one) => *one = Json::Array(vec![one.take(), value]),
        None => {
            input.insert(key, value);
        }
    }
}

/// A template may ask for a query key: `POST /2013-04-01/tags/{type}?op`.
fn fit(template: &str, request: &Request<Bytes>) -> Option<(usize, Map<String, Json>)> {
    let (method, path) = template.split_once(' ')?;
    if request.method().as_str() != method {
        return None;
    }
    let (path, wanted) = path.split_once('?').unwrap_or((path, ""));
    let query = request.uri().query().unwrap_or_default();
    let asked = |key: &str| query.split('&').any(|pair| pair == key || pair.starts_with(&format!("{key}=")));
    if !wanted.is_empty() && !asked(wanted) {
        return None;
    }
    let mut labels = Map::new();
    let mut literal = wanted.len();
    let wanted_parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let parts: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
    for (at, part) in wanted_parts.iter().enumerate() {
        match part.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
            Some(label) if label.ends_with('+') => {
                labels.insert(
                    label.trim_end_matches('+').to_owned(),
                    Json::String(decode(&parts.get(at..)?.join("/"))),
                );
                return Some((literal, labels));
            }
            Some(label) => {
                labels.insert(label.to_owned(), Json::String(decode(parts.get(at)?)));
            }
            None if parts.get(at) == Some(part) => literal += part.len() + 1,
            None => return None,
        }
    }
    (parts.len() == wanted_parts.len()).then_some((literal, labels))
}
