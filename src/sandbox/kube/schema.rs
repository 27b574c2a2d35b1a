//! Structural schemas of CRDs: unknown fields are pruned, defaults filled in, types and rules checked.

use kube_cel::Validator;
use serde_json::{Map, Value as Json, json};

use super::refusal::{Cause, Refusal};
use super::request::Ask;
use crate::sandbox::world::Doc;

/// Takes an object in: prunes it, fills in defaults, and refuses it if it does not fit. Built-in kinds pass.
pub(super) fn admit(ask: &Ask, doc: &mut Doc, old: Option<&Doc>) -> Result<(), Refusal> {
    let Some(schema) = &ask.resource.schema else { return Ok(()) };
    let name = doc["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let mut unknown = Vec::new();
    prune(doc, schema, "", &mut unknown);
    if ask.query("fieldValidation") == "Strict" && !unknown.is_empty() {
        let fields: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
        return Err(Refusal::new(400, "BadRequest", format!("strict decoding error: {}", fields.join(", "))));
    }
    fill(doc, schema);
    let mut causes = Vec::new();
    check(doc, schema, "", &mut causes);
    if causes.is_empty() {
        rules(schema, doc, old, &mut causes);
    }
    if causes.is_empty() { Ok(()) } else { Err(Refusal::invalid(&ask.resource, &name, causes)) }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn prune(value: &mut Json, schema: &Json, path: &str, unknown: &mut Vec<String>) {
    match value {
        Json::Object(map) => prune_map(map, schema, path, unknown),
        Json::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                prune(item, &schema["items"], &format!("{path}[{at}]"), unknown);
            }
        }
        _ => {}
    }
}

fn prune_map(map: &mut Map<String, Json>, schema: &Json, path: &str, unknown: &mut Vec<String>) {
    let all = schema["x-kubernetes-preserve-unknown-fields"] == true;
    let envelope = path.is_empty() || schema["x-kubernetes-embedded-resource"] == true;
    let more = &schema["additionalProperties"];
    map.retain(|name, value| {
        if envelope && ["apiVersion", "kind", "metadata"].contains(&name.as_str()) {
            return true;
        }
        let at = join(path, name);
        match (&schema["properties"][name.as_str()], more) {
            (Json::Null, Json::Object(more)) => prune(value, &Json::Object(more.clone()), &at, unknown),
            (Json::Null, more) if all || *more == true => {}
            (Json::Null, _) => {
                unknown.push(at);
                return false;
            }
            (known, _) => prune(value, known, &at, unknown),
        }
        true
    });
}

/// Fills in defaults, outermost first.
pub(super) fn fill(value: &mut Json, schema: &Json) {
    match value {
        Json::Object(map) => {
            for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                let nulled = map.get(name).is_some_and(Json::is_null) && schema["nullable"] != true;
                if let Some(default) = schema.get("default")
                    && (nulled || !map.contains_key(name))
                {
                    map.insert(name.clone(), default.clone());
                }
                if let Some(value) = map.get_mut(name) {
                    fill(value, schema);
                }
            }
            if let more @ Json::Object(_) = &schema["additionalProperties"] {
                map.values_mut().for_each(|value| fill(value, more));
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| fill(item, &schema["items"])),
        _ => {}
    }
}

fn check(value: &Json, schema: &Json, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if !of_type(value, schema) {
        let wanted = schema["type"].as_str().unwrap_or_default();
        causes.push(Cause {
            reason: "FieldValueTypeInvalid",
            field: path.to_owned(),
            text: format!("Invalid value: {value}: {path} in body must be of type {wanted}"),
        });
        return;
    }
    check_value(value, schema, path, causes);
    match value {
        Json::Object(map) => check_map(map, schema, path, causes),
        Json::Array(items) => {
            check_keys(items, schema, path, causes);
            for (at, item) in items.iter().enumerate() {
                check(item, &schema["items"], &format!("{path}[{at}]"), causes);
            }
        }
        _ => {}
    }
}

fn of_type(value: &Json, schema: &Json) -> bool {
    if schema["x-kubernetes-int-or-string"] == true {
        return value.is_i64() || value.is_u64() || value.is_string();
    }
    match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => true,
    }
}

fn check_map(map: &Map<String, Json>, schema: &Json, path: &str, causes: &mut Vec<Cause>) {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        if !map.contains_key(name) {
            causes.push(Cause {
                reason: "FieldValueRequired",
                field: join(path, name),
                text: "Required value".to_owned(),
            });
        }
    }
    for (name, value) in map {
        match &schema["properties"][name.as_str()] {
            Json::Null => check(value, &schema["additionalProperties"], &join(path, name), causes),
            known => check(value, known, &join(path, name), causes),
        }
    }
}

fn check_keys(items: &[Json], schema: &Json, path: &str, causes: &mut Vec<Cause>) {
    let place = super::merge::Place::Schema(schema);
    if place.list() == super::merge::List::Atomic {
        return;
    }
    let mut seen = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let name = place.name_of(item);
        if seen.contains(&name) {
            causes.push(Cause {
                reason: "FieldValueDuplicate",
                field: format!("{path}[{at}]"),
                text: format!("Duplicate value: {}", name.get(2..).unwrap_or_default()),
            });
        }
        seen.push(name);
    }
}

fn check_value(value: &Json, schema: &Json, path: &str, causes: &mut Vec<Cause>) {
    let mut wrong =
        |what: String| causes.push(Cause::invalid(path, format!("Invalid value: {value}: {what}")));
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().map(Json::to_string).collect();
        wrong(format!("Unsupported value: supported values: {}", allowed.join(", ")));
    }
    let size = match value {
        Json::String(text) => Some((text.chars().count() as u64, "Length")),
        Json::Array(items) => Some((items.len() as u64, "Items")),
        Json::Object(map) => Some((map.len() as u64, "Properties")),
        _ => None,
    };
    if let Some((size, of)) = size {
        if schema[format!("max{of}")].as_u64().is_some_and(|most| size > most) {
            wrong(format!("max{of} is {}", schema[format!("max{of}")]));
        }
        if schema[format!("min{of}")].as_u64().is_some_and(|least| size < least) {
            wrong(format!("min{of} is {}", schema[format!("min{of}")]));
        }
    }
    if let Some(number) = value.as_f64() {
        if schema["maximum"].as_f64().is_some_and(|most| number > most) {
            wrong(format!("should be less than or equal to {}", schema["maximum"]));
        }
        if schema["minimum"].as_f64().is_some_and(|least| number < least) {
            wrong(format!("should be greater than or equal to {}", schema["minimum"]));
        }
    }
    if let (Some(pattern), Json::String(_)) = (schema["pattern"].as_str(), value)
        && !matches(pattern, value)
    {
        wrong(format!("should match '{pattern}'"));
    }
}

/// CEL has the regular expressions that patterns are written in.
fn matches(pattern: &str, value: &Json) -> bool {
    let rule = format!("self.matches({})", Json::from(pattern));
    let schema = json!({ "type": "string", "x-kubernetes-validations": [{ "rule": rule }] });
    Validator::new().validate(&schema, value, None).is_ok()
}

fn rules(schema: &Json, doc: &Doc, old: Option<&Doc>, causes: &mut Vec<Cause>) {
    let Err(errors) = Validator::new().validate(schema, doc, old) else { return };
    for error in errors.into_vec() {
        let text = format!("Invalid value: {}", error.message);
        causes.push(Cause::invalid(&error.field_path, text));
    }
}
