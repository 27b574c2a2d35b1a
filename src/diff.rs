//! The field-wise difference of two specs, by opinion: what the file does not speak of makes none.
//!
//! Pure. Sensitive leaves are marks before they come here. What follows from a difference is decided in `plan`; `drift` compares without opinion.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::change::FieldChange;
use crate::secret::is_mark;
use crate::shape::Shape;
use crate::value::Value;

/// What must change for `live` to be as `wanted`. `applied` is what the file said last time: a field in it that the
/// file says no more goes back to its default, unless the shape keeps it.
pub fn by_opinion(shape: &Shape, wanted: &Value, applied: Option<&Json>, live: &Json) -> Vec<FieldChange> {
    let mut walk = Walk { shape, found: Vec::new(), path: Vec::new() };
    walk.value(wanted, applied.unwrap_or(&Json::Null), live);
    walk.found
}

/// Every field in which `now` differs from `before`, except what changes by itself: for drift.
pub fn exactly(shape: &Shape, before: &Json, now: &Json) -> Vec<FieldChange> {
    let mut found = Vec::new();
    exact(shape, "", before, now, &mut found);
    found.retain(|change: &FieldChange| !is_in(shape.volatile, &change.path));
    found
}

/// Whether `path` is one of `fields` or inside one.
pub fn is_in<T: AsRef<str>>(fields: &[T], path: &str) -> bool {
    fields.iter().any(|field| {
        path.strip_prefix(field.as_ref()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// A spec in which the fields of these paths are as they are live: nobody has an opinion on them.
pub fn as_it_is(spec: Value, paths: &[String], live: &Json) -> Value {
    paths.iter().fold(spec, |spec, path| with_live(spec, path, live))
}

fn with_live(spec: Value, path: &str, live: &Json) -> Value {
    let Value::Map(mut map) = spec else { return spec };
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    let inner = map.remove(head);
    let value = match (inner, rest) {
        (Some(inner), Some(rest)) => with_live(inner, rest, &live[head]),
        (_, None) => Value::from(live[head].clone()),
        (None, Some(_)) => Value::Null,
    };
    if value != Value::Null {
        map.insert(head.to_owned(), value);
    }
    Value::Map(map)
}

struct Walk<'a> {
    shape: &'a Shape,
    found: Vec<FieldChange>,
    path: Vec<String>,
}

impl Walk<'_> {
    fn value(&mut self, wanted: &Value, applied: &Json, live: &Json) {
        match (wanted, live) {
            (Value::Null, _) => {}
            (Value::Map(map), Json::Null | Json::Object(_)) => {
                for (key, value) in map {
                    self.inside(key, |walk| walk.value(value, &applied[key], &live[key]));
                }
                self.removed(map.keys().map(String::as_str).collect(), applied, live);
                // An empty map that is wanted and is not there at all is no difference.
            }
            (Value::List(items), Json::Array(there)) if self.is_open() => {
                self.open_list(items, applied, there);
            }
            (Value::List(_), Json::Null)
                if wanted.known().is_ok_and(|json| json == Json::Array(Vec::new())) => {}
            _ => {
                let same = wanted.known().is_ok_and(|json| self.equal(&json, live));
                if !same {
                    self.push(Some(wanted.clone()), live);
                }
            }
        }
    }

    /// What the file said and says no more.
    fn removed(&mut self, wanted: BTreeSet<&str>, applied: &Json, live: &Json) {
        let Json::Object(applied) = applied else { return };
        for key in applied.keys().filter(|key| !wanted.contains(key.as_str())) {
            let there = live[key].clone();
            self.inside(key, |walk| {
                if !there.is_null() && !is_in(walk.shape.keep, &walk.path.join(".")) {
                    walk.push(None, &there);
                }
            });
        }
    }

    /// Item by item, as far as the file speaks of each.
    fn open_list(&mut self, items: &[Value], applied: &Json, there: &[Json]) {
        if items.len() != there.len() {
            self.push(Some(Value::List(items.to_vec())), &Json::Array(there.to_vec()));
            return;
        }
        for (at, (item, live)) in items.iter().zip(there).enumerate() {
            self.inside(&at.to_string(), |walk| walk.value(item, &applied[at], live));
        }
    }

    fn inside(&mut self, key: &str, then: impl FnOnce(&mut Self)) {
        self.path.push(key.to_owned());
        then(self);
        self.path.pop();
    }

    fn is_open(&self) -> bool {
        is_in(self.shape.open, &self.path.join("."))
    }

    fn equal(&self, wanted: &Json, live: &Json) -> bool {
        same(self.shape, &self.path.join("."), wanted, live)
    }

    fn push(&mut self, after: Option<Value>, live: &Json) {
        let before = (!live.is_null()).then(|| Value::from(live.clone()));
        self.found.push(change(self.shape, &self.path.join("."), before, after));
    }
}

fn change(shape: &Shape, path: &str, before: Option<Value>, after: Option<Value>) -> FieldChange {
    let is_mark = |side: &Value| side.as_str().is_some_and(is_mark);
    let sensitive = is_in(shape.sensitive, path) || before.iter().chain(&after).any(is_mark);
    let emptied = before.is_some() && after.as_ref().is_none_or(is_empty);
    let fixed = is_in(shape.fixed, path) || (emptied && is_in(shape.never_emptied, path));
    FieldChange { path: path.to_owned(), before, after, sensitive, fixed }
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Null) || matches!(value, Value::List(items) if items.is_empty())
}

fn same(shape: &Shape, path: &str, a: &Json, b: &Json) -> bool {
    if a == b {
        return true;
    }
    match (a, b) {
        (Json::Array(a), Json::Array(b)) if is_in(shape.sets, path) => sorted(a) == sorted(b),
        _ => false,
    }
}

fn sorted(items: &[Json]) -> Vec<String> {
    let mut texts: Vec<String> = items.iter().map(Json::to_string).collect();
    texts.sort();
    texts
}

fn exact(shape: &Shape, path: &str, before: &Json, now: &Json, found: &mut Vec<FieldChange>) {
    match (before, now) {
        (Json::Object(a), Json::Object(b)) => {
            // In an open field what was not recorded is somebody else's: a default, another manager's.
            let more = b.keys().filter(|_| !is_in(shape.open, path));
            let keys: BTreeSet<&String> = a.keys().chain(more).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                exact(shape, &path, &before[key], &now[key], found);
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() && is_in(shape.open, path) => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                exact(shape, &format!("{path}.{at}"), a, b, found);
            }
        }
        _ if same(shape, path, before, now) => {}
        _ => {
            let some = |json: &Json| (!json.is_null()).then(|| Value::from(json.clone()));
            found.push(change(shape, path, some(before), some(now)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::address::Address;

    const SHAPE: Shape = Shape {
        fixed: &["cidr"],
        sets: &["subnet_ids"],
        open: &["manifest"],
        volatile: &["size.desired"],
        keep: &["version"],
        ..Shape::managed("thing", "thing", "test")
    };

    fn paths(wanted: &Value, applied: &Json, live: &Json) -> Vec<String> {
        by_opinion(&SHAPE, wanted, Some(applied), live).into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn what_the_file_leaves_out_makes_no_difference() {
        let live = json!({"cidr": "a", "size": {"min": 1, "desired": 4}, "tags": {"own": "1", "other": "2"}});
        let wanted = json!({"cidr": "a", "size": {"min": 1}, "tags": {"own": "1"}});
        assert!(paths(&wanted.clone().into(), &wanted, &live).is_empty());
    }

    #[test]
    fn what_left_the_file_goes_back_to_its_default_unless_kept() {
        let applied = json!({"cidr": "a", "version": "1", "tags": {"own": "1", "old": "2"}});
        let wanted = Value::from(json!({"cidr": "a", "tags": {"own": "1"}}));
        assert_eq!(paths(&wanted, &applied, &applied), ["tags.old"]);
    }

    #[test]
    fn sets_have_no_order_and_lists_do() {
        let live = json!({"subnet_ids": ["b", "a"], "rules": ["b", "a"]});
        let wanted = Value::from(json!({"subnet_ids": ["a", "b"], "rules": ["a", "b"]}));
        assert_eq!(paths(&wanted, &Json::Null, &live), ["rules"]);
    }

    #[test]
    fn open_fields_are_compared_inside_of_lists() {
        let live = json!({"manifest": {"containers": [{"name": "a", "image": "x", "policy": "Always"}]}});
        let wanted = Value::from(json!({"manifest": {"containers": [{"name": "a", "image": "y"}]}}));
        assert_eq!(paths(&wanted, &Json::Null, &live), ["manifest.containers.0.image"]);
    }

    #[test]
    fn an_unknown_value_is_a_difference() {
        let wanted = Value::map([("cidr", Value::reference(&Address::new("network", "a"), "cidr"))]);
        let found = by_opinion(&SHAPE, &wanted, None, &json!({"cidr": "a"}));
        assert!(found[0].fixed && found[0].path == "cidr");
    }

    #[test]
    fn drift_passes_over_what_others_added_to_an_open_field() {
        let before = json!({"manifest": {"refs": [{"name": "a", "weight": 9}]}});
        let now = json!({"manifest": {"refs": [{"name": "a", "weight": 3, "group": ""}]}});
        let found: Vec<_> = exactly(&SHAPE, &before, &now).into_iter().map(|change| change.path).collect();
        assert_eq!(found, ["manifest.refs.0.weight"]);
    }

    #[test]
    fn drift_sees_every_field_but_the_volatile() {
        let before = json!({"size": {"min": 1, "desired": 1}, "tags": {}});
        let now = json!({"size": {"min": 2, "desired": 5}, "tags": {"new": "1"}});
        let found: Vec<_> = exactly(&SHAPE, &before, &now).into_iter().map(|change| change.path).collect();
        assert_eq!(found, ["size.min", "tags.new"]);
    }
}
