//! `Fields`: a set of fields of an object, in the form that `managedFields` has on the wire (FieldsV1).
//!
//! A name is `f:name` for a field, `k:{"name":"a"}` for an item of a keyed list, `v:"a"` for a value of a set.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::merge::{List, Place};

/// A set of fields, as a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Whether this very field is in the set.
    pub own: bool,
    /// The fields in it that are.
    pub inner: BTreeMap<String, Self>,
}

impl Fields {
    /// Reads FieldsV1.
    pub fn read(json: &Json) -> Self {
        let mut fields = Self::read_inner(json);
        if fields.inner.is_empty() {
            fields.own = false;
        }
        fields
    }

    fn read_inner(json: &Json) -> Self {
        let Some(map) = json.as_object() else { return Self { own: true, ..Self::default() } };
        let own = map.is_empty() || map.contains_key(".");
        let inner = map.iter().filter(|(name, _)| *name != ".");
        Self { own, inner: inner.map(|(name, json)| (name.clone(), Self::read_inner(json))).collect() }
    }

    /// Writes FieldsV1.
    pub fn write(&self) -> Json {
        let mut map = Map::new();
        if self.own && !self.inner.is_empty() {
            map.insert(".".to_owned(), Json::Object(Map::new()));
        }
        map.extend(self.inner.iter().map(|(name, fields)| (name.clone(), fields.write())));
        Json::Object(map)
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        !self.own && self.inner.is_empty()
    }

    /// Every field of a value: what someone who applies it owns.
    pub fn of(value: &Json, place: &Place<'_>) -> Self {
        Self::changed(None, value, place)
    }

    /// The fields of `new` that are not so in `old`.
    pub fn changed(old: Option<&Json>, new: &Json, place: &Place<'_>) -> Self {
        match new {
            Json::Object(map) if !map.is_empty() && !place.atomic_map() => {
                let inner = map.iter().map(|(name, value)| {
                    let old = old.and_then(|old| old.get(name));
                    (format!("f:{name}"), Self::changed(old, value, &place.field(name)))
                });
                Self { own: false, inner: inner.filter(|(_, fields)| !fields.is_empty()).collect() }
            }
            Json::Array(items) if place.list() != List::Atomic => {
                let inner = items.iter().map(|item| Self::changed_item(old, item, place));
                Self { own: false, inner: inner.filter(|(_, fields)| !fields.is_empty()).collect() }
            }
            other => Self { own: old != Some(other), inner: BTreeMap::new() },
        }
    }

    fn changed_item(old: Option<&Json>, item: &Json, place: &Place<'_>) -> (String, Self) {
        let name = place.name_of(item);
        let before =
            old.and_then(Json::as_array).into_iter().flatten().find(|one| place.name_of(one) == name);
        let mut fields = match place.list() {
            List::Keyed(_) => Self::changed(before, item, &place.item()),
            List::Set | List::Atomic => Self::default(),
        };
        fields.own = before.is_none();
        (name, fields)
    }

    /// Adds all of another set.
    pub fn add(&mut self, other: &Self) {
        self.own |= other.own;
        for (name, fields) in &other.inner {
            self.inner.entry(name.clone()).or_default().add(fields);
        }
    }

    /// Takes out all of another set.
    pub fn take(&mut self, other: &Self) {
        self.own &= !other.own;
        for (name, fields) in &other.inner {
            if let Some(ours) = self.inner.get_mut(name) {
                ours.take(fields);
                if ours.is_empty() {
                    self.inner.remove(name);
                }
            }
        }
    }

    /// What is in both.
    pub fn both(&self, other: &Self) -> Self {
        let inner = self.inner.iter().filter_map(|(name, fields)| {
            let both = fields.both(other.inner.get(name)?);
            (!both.is_empty()).then(|| (name.clone(), both))
        });
        Self { own: self.own && other.own, inner: inner.collect() }
    }

    /// Keeps what is still in the value; what is gone belongs to nobody.
    pub fn keep_within(&mut self, value: &Json, place: &Place<'_>) {
        self.inner.retain(|name, fields| {
            let Some((child, at)) = place.step(value, name) else { return false };
            fields.keep_within(child, &at);
            !fields.is_empty()
        });
    }

    /// The paths of the set, for people: `.spec.containers[name="a"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect(String::new(), &mut paths);
        paths
    }

    fn collect(&self, at: String, paths: &mut Vec<String>) {
        if self.own {
            paths.push(at.clone());
        }
        for (name, fields) in &self.inner {
            let step = match name.split_once(':') {
                Some(("f", field)) => format!(".{field}"),
                Some(("k", keys)) => format!("[{}]", keys_text(keys)),
                _ => format!("[={}]", name.trim_start_matches("v:")),
            };
            fields.collect(format!("{at}{step}"), paths);
        }
    }
}

fn keys_text(keys: &str) -> String {
    let keys: BTreeMap<String, Json> = serde_json::from_str(keys).unwrap_or_default();
    let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
    keys.join(",")
}
