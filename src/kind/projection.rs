//! What a live object says in the words of a manifest: the fields that the manifest has, and those that the manager
//! `stack` owns. What the server and others filled in besides is left out. Pure; not a kind.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use crate::cloud::MANAGER;

/// Fields that are always told.
const ALWAYS: &[&str] = &["apiVersion", "kind"];
/// The maps whose values are quantities: `0.5` and `500m` are the same there.
const QUANTITIES: &[&str] = &["capacity", "hard", "limits", "requests"];

/// The live object in the words of `wanted`.
pub(super) fn project(live: &Json, wanted: &Json) -> Json {
    let owned = owned(live);
    let look = Look { managed: owned.is_some(), quantities: false };
    let mut seen = look.map(live, Some(wanted), owned.as_ref());
    for name in ALWAYS {
        seen[*name] = live[*name].clone();
    }
    for name in ["name", "namespace"] {
        if !live["metadata"][name].is_null() {
            seen["metadata"][name] = live["metadata"][name].clone();
        }
    }
    seen
}

/// What the manager `stack` applied, as FieldsV1.
fn owned(live: &Json) -> Option<Json> {
    let entries = live["metadata"]["managedFields"].as_array()?;
    let ours = |entry: &&Json| entry["manager"] == MANAGER && entry["operation"] == "Apply";
    entries.iter().find(ours).map(|entry| entry["fieldsV1"].clone())
}

/// How a part of the object is looked at.
#[derive(Clone, Copy)]
struct Look {
    /// Whether `stack` owns anything of the object: if so, lists that it does not own were changed by others.
    managed: bool,
    /// Whether texts here are quantities.
    quantities: bool,
}

impl Look {
    fn value(self, live: &Json, wanted: Option<&Json>, owned: Option<&Json>) -> Json {
        match live {
            Json::Object(_) if is_leaf(owned) && wanted.is_none() => live.clone(),
            Json::Object(_) => self.map(live, wanted, owned.filter(|_| !is_leaf(owned))),
            Json::Array(items) => self.list(items, wanted, owned),
            scalar => match wanted {
                Some(wanted) if self.quantities && same_quantity(scalar, wanted) => wanted.clone(),
                _ => scalar.clone(),
            },
        }
    }

    fn map(self, live: &Json, wanted: Option<&Json>, owned: Option<&Json>) -> Json {
        let mut seen = Map::new();
        for (name, value) in live.as_object().into_iter().flatten() {
            let wanted = wanted.and_then(|wanted| wanted.get(name));
            let owned = owned.and_then(|owned| owned.get(format!("f:{name}")));
            if wanted.is_some() || owned.is_some() {
                let look = Self { quantities: QUANTITIES.contains(&name.as_str()), ..self };
                let look =
                    Self { quantities: look.quantities || self.quantities && !value.is_object(), ..look };
                seen.insert(name.clone(), look.value(value, wanted, owned));
            }
        }
        // What is wanted empty is as good as absent.
        for (name, value) in wanted.and_then(Json::as_object).into_iter().flatten() {
            if is_nothing(value) && live.get(name).is_none() {
                seen.insert(name.clone(), value.clone());
            }
        }
        Json::Object(seen)
    }

    fn list(self, live: &[Json], wanted: Option<&Json>, owned: Option<&Json>) -> Json {
        let names: Vec<&String> = owned
            .and_then(Json::as_object)
            .map(|map| map.keys().filter(|name| *name != ".").collect())
            .unwrap_or_default();
        let keys = keys(&names);
        let wanted = wanted.and_then(Json::as_array);
        if names.is_empty() {
            return match wanted {
                Some(wanted) if !self.managed || owned.is_some() => self.in_order(live, wanted),
                _ => Json::Array(live.to_vec()),
            };
        }
        let mut left: Vec<&Json> = live.iter().collect();
        let mut seen = Vec::new();
        for wanted in wanted.into_iter().flatten() {
            if let Some(at) = left.iter().position(|item| fits(item, wanted, &keys)) {
                let item = left.remove(at);
                let owned = name_of(item, &names).and_then(|name| owned?.get(name));
                seen.push(self.value(item, Some(wanted), owned));
            }
        }
        for item in left {
            if let Some(name) = name_of(item, &names) {
                seen.push(self.value(item, None, owned.and_then(|owned| owned.get(name))));
            }
        }
        Json::Array(seen)
    }

    /// A list that is replaced as a whole: item by item. The items hold defaults that nobody wrote.
    fn in_order(self, live: &[Json], wanted: &[Json]) -> Json {
        let look = Self { managed: false, ..self };
        let item = |(at, live): (usize, &Json)| match wanted.get(at) {
            Some(wanted) => look.value(live, Some(wanted), None),
            None => live.clone(),
        };
        Json::Array(live.iter().enumerate().map(item).collect())
    }
}

fn is_leaf(owned: Option<&Json>) -> bool {
    owned.and_then(Json::as_object).is_some_and(Map::is_empty)
}

fn is_nothing(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::Object(map) => map.is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// The fields that tell the items of a list apart, by the names of the items; none for a set.
fn keys(names: &[&String]) -> BTreeSet<String> {
    let keys = names
        .iter()
        .filter_map(|name| serde_json::from_str::<Map<String, Json>>(name.strip_prefix("k:")?).ok());
    keys.flat_map(|keys| keys.into_iter().map(|(key, _)| key)).collect()
}

/// Whether a live item is the one that is wanted. A key that the wanted one leaves out has its default.
fn fits(live: &Json, wanted: &Json, keys: &BTreeSet<String>) -> bool {
    if keys.is_empty() {
        return live == wanted;
    }
    keys.iter().all(|key| wanted.get(key).is_none_or(|value| live.get(key) == Some(value)))
}

/// The name of a live item, if it is owned.
fn name_of<'a>(item: &Json, names: &[&'a String]) -> Option<&'a String> {
    let is = |name: &&&String| match name.split_once(':') {
        Some(("k", keys)) => serde_json::from_str::<Map<String, Json>>(keys)
            .is_ok_and(|keys| keys.iter().all(|(key, value)| item.get(key) == Some(value))),
        Some(("v", value)) => serde_json::from_str::<Json>(value).is_ok_and(|value| value == *item),
        _ => false,
    };
    names.iter().find(is).copied()
}

/// Whether two quantities are the same amount.
fn same_quantity(one: &Json, other: &Json) -> bool {
    let text = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    match (quantity(&text(one)), quantity(&text(other))) {
        (Some(one), Some(other)) => (one - other).abs() <= one.abs() * 1e-12,
        _ => false,
    }
}

fn quantity(text: &str) -> Option<f64> {
    const UNITS: &[(&str, f64)] = &[
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (number, factor) =
        unit.map_or((text, 1.0), |(unit, factor)| (&text[..text.len() - unit.len()], *factor));
    number.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(fields: Json, spec: Json) -> Json {
        json!({
            "apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {
                "name": "a", "namespace": "b", "uid": "u",
                "managedFields": [{ "manager": "stack", "operation": "Apply", "fieldsV1": { "f:spec": fields } }],
            },
        })
    }

    #[test]
    fn defaults_are_left_out_and_what_was_ours_is_told() {
        let live = live(json!({"f:a": {}, "f:gone": {}}), json!({"a": 1, "gone": 2, "default": 3}));
        let seen = project(&live, &json!({"spec": {"a": 1}}));
        assert_eq!(seen["spec"], json!({"a": 1, "gone": 2}));
        assert_eq!(seen["metadata"], json!({"name": "a", "namespace": "b"}));
    }

    #[test]
    fn keyed_items_are_matched_whatever_their_order() {
        let fields = json!({"f:ports": {
            "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}},
            "k:{\"port\":90,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}},
        }});
        let ports = json!([
            {"port": 70, "protocol": "TCP"},
            {"port": 90, "protocol": "TCP", "targetPort": 90},
            {"port": 80, "protocol": "TCP", "targetPort": 80},
        ]);
        let seen =
            project(&live(fields, json!({"ports": ports})), &json!({"spec": {"ports": [{"port": 80}]}}));
        assert_eq!(seen["spec"]["ports"], json!([{"port": 80}, {"port": 90}]));
    }

    #[test]
    fn a_list_that_others_changed_is_told_in_full() {
        let rules = json!({"rules": [{"name": "a", "weight": 1}]});
        let wanted = json!({"spec": {"rules": [{"name": "a"}]}});
        let ours = project(&live(json!({"f:rules": {}}), rules.clone()), &wanted);
        assert_eq!(ours["spec"], wanted["spec"]);
        let theirs = project(&live(json!({"f:other": {}}), rules.clone()), &wanted);
        assert_eq!(theirs["spec"], rules);
    }

    #[test]
    fn quantities_are_amounts() {
        let fields = json!({"f:limits": {"f:cpu": {}, "f:memory": {}}});
        let live = live(fields, json!({"limits": {"cpu": "500m", "memory": "1Gi"}}));
        let wanted = json!({"limits": {"cpu": "0.5", "memory": "1024Mi"}});
        assert_eq!(project(&live, &json!({"spec": wanted}))["spec"], wanted);
        let other = json!({"limits": {"cpu": 0.4, "memory": "1024Mi"}});
        assert_eq!(project(&live, &json!({"spec": other}))["spec"]["limits"]["cpu"], "500m");
    }
}
