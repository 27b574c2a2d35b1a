//! How lists and maps merge: which lists are keyed and by what, what is replaced as a whole. Merging itself too.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::fields::Fields;

/// How a list merges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum List {
    /// As a whole.
    Atomic,
    /// As a set of values.
    Set,
    /// Item by item, told apart by these fields.
    Keyed(Vec<String>),
}

/// A place in an object: it knows how what is there merges.
#[derive(Clone, Debug)]
pub enum Place<'a> {
    /// In a built-in object, or in the metadata of any: its last two names.
    Known(Cow<'a, str>, Cow<'a, str>),
    /// In an object of a CRD: its schema there, null where there is none.
    Schema(&'a Json),
}

/// Keyed lists of built-in objects: the name of what they are in (empty: anything), their name, their keys.
const KEYED: &[(&str, &str, &[&str])] = &[
    ("", "containers", &["name"]),
    ("", "initContainers", &["name"]),
    ("", "ephemeralContainers", &["name"]),
    ("", "env", &["name"]),
    ("", "volumes", &["name"]),
    ("", "volumeMounts", &["mountPath"]),
    ("", "volumeDevices", &["devicePath"]),
    ("", "conditions", &["type"]),
    ("", "imagePullSecrets", &["name"]),
    ("", "hostAliases", &["ip"]),
    ("", "topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("", "ownerReferences", &["uid"]),
    ("", "webhooks", &["name"]),
    ("", "matchConditions", &["name"]),
    ("", "secrets", &["name"]),
    ("", "resourceClaims", &["name"]),
    ("spec", "ports", &["port", "protocol"]),
    ("containers", "ports", &["containerPort", "protocol"]),
    ("initContainers", "ports", &["containerPort", "protocol"]),
];

const SETS: &[&str] = &["finalizers", "loadBalancerSourceRanges"];

/// Maps of built-in objects that are replaced as a whole.
const ATOMIC: &[&str] = &[
    "selector",
    "nodeSelector",
    "configMapKeyRef",
    "secretKeyRef",
    "fieldRef",
    "resourceFieldRef",
    "labelSelector",
    "namespaceSelector",
    "objectSelector",
    "podSelector",
    "roleRef",
    "scaleTargetRef",
    "claimRef",
];

impl<'a> Place<'a> {
    /// The whole object. `schema` is that of its CRD.
    pub fn root(schema: Option<&'a Json>) -> Self {
        match schema {
            Some(schema) => Self::Schema(schema),
            None => Self::Known(Cow::Borrowed(""), Cow::Borrowed("")),
        }
    }

    /// A field of it.
    pub fn field(&self, name: &str) -> Self {
        let owned = || Cow::Owned(name.to_owned());
        match self {
            Self::Known(_, last) => Self::Known(last.clone(), owned()),
            Self::Schema(schema) => match &schema["properties"][name] {
                _ if name == "metadata" && schema["properties"]["metadata"]["properties"].is_null() => {
                    Self::Known(Cow::Borrowed(""), owned())
                }
                Json::Null => Self::Schema(&schema["additionalProperties"]),
                found => Self::Schema(found),
            },
        }
    }

    /// An item of it.
    pub fn item(&self) -> Self {
        match self {
            Self::Known(..) => self.clone(),
            Self::Schema(schema) => Self::Schema(&schema["items"]),
        }
    }

    /// Whether a map here is replaced as a whole.
    pub fn atomic_map(&self) -> bool {
        match self {
            Self::Known(_, last) => ATOMIC.contains(&last.as_ref()),
            Self::Schema(schema) => schema["x-kubernetes-map-type"] == "atomic",
        }
    }

    /// How a list here merges.
    pub fn list(&self) -> List {
        match self {
            Self::Known(before, last) => {
                let fits =
                    |row: &&(&str, &str, &[&str])| (row.0.is_empty() || row.0 == before) && row.1 == last;
                match KEYED.iter().find(fits) {
                    Some((_, _, keys)) => List::Keyed(keys.iter().map(|key| (*key).to_owned()).collect()),
                    None if SETS.contains(&last.as_ref()) => List::Set,
                    None => List::Atomic,
                }
            }
            Self::Schema(schema) => match schema["x-kubernetes-list-type"].as_str() {
                Some("set") => List::Set,
                Some("map") => {
                    let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
                    List::Keyed(keys.filter_map(|key| key.as_str().map(str::to_owned)).collect())
                }
                _ => List::Atomic,
            },
        }
    }

    /// The name of an item of a list here, as `Fields` has it.
    pub fn name_of(&self, item: &Json) -> String {
        let List::Keyed(keys) = self.list() else { return format!("v:{item}") };
        let keys: BTreeMap<&str, Json> =
            keys.iter().filter_map(|key| Some((key.as_str(), self.key_of(item, key)?))).collect();
        format!("k:{}", serde_json::to_string(&keys).unwrap_or_default())
    }

    /// The value of a key, or its default.
    fn key_of(&self, item: &Json, key: &str) -> Option<Json> {
        if let Some(value) = item.get(key) {
            return Some(value.clone());
        }
        match self {
            Self::Known(..) => (key == "protocol").then(|| Json::from("TCP")),
            Self::Schema(schema) => schema["items"]["properties"][key].get("default").cloned(),
        }
    }

    /// What a name of `Fields` leads to.
    pub fn step<'v>(&self, value: &'v Json, name: &str) -> Option<(&'v Json, Self)> {
        match name.split_once(':')? {
            ("f", field) => Some((value.get(field)?, self.field(field))),
            _ => {
                let item = value.as_array()?.iter().find(|item| self.name_of(item) == name)?;
                Some((item, self.item()))
            }
        }
    }
}

/// Merges what is applied into what is there.
pub fn merge(live: &mut Json, applied: &Json, place: &Place<'_>) {
    match (&mut *live, applied) {
        (Json::Object(live), Json::Object(applied)) if !place.atomic_map() => {
            for (name, value) in applied {
                match live.get_mut(name) {
                    Some(before) => merge(before, value, &place.field(name)),
                    None => drop(live.insert(name.clone(), value.clone())),
                }
            }
        }
        (Json::Array(live), Json::Array(applied)) if place.list() != List::Atomic => {
            for item in applied {
                let name = place.name_of(item);
                match live.iter_mut().find(|one| place.name_of(one) == name) {
                    Some(before) => merge(before, item, &place.item()),
                    None => live.push(item.clone()),
                }
            }
        }
        _ => *live = applied.clone(),
    }
}

/// Removes what was applied before, is not applied now, and belongs to nobody else.
pub fn remove(value: &mut Json, before: &Fields, now: &Fields, others: &Fields, place: &Place<'_>) {
    for (name, fields) in &before.inner {
        let none = Fields::default();
        let (now, others) = (now.inner.get(name), others.inner.get(name));
        if fields.own && now.is_none() && others.is_none() {
            take_out(value, name, place);
            continue;
        }
        let (now, others) = (now.unwrap_or(&none), others.unwrap_or(&none));
        descend(value, name, place, |child, at| remove(child, fields, now, others, at));
    }
}

fn take_out(value: &mut Json, name: &str, place: &Place<'_>) {
    match (value, name.split_once(':')) {
        (Json::Object(map), Some(("f", field))) => drop(map.remove(field)),
        (Json::Array(items), _) => items.retain(|item| place.name_of(item) != name),
        _ => {}
    }
}

/// Works on a child; a map or list that becomes empty by it is removed.
fn descend(value: &mut Json, name: &str, place: &Place<'_>, work: impl FnOnce(&mut Json, &Place<'_>)) {
    let child = match (&mut *value, name.split_once(':')) {
        (Json::Object(map), Some(("f", field))) => {
            map.get_mut(field).map(|child| (child, place.field(field)))
        }
        (Json::Array(items), _) => {
            items.iter_mut().find(|item| place.name_of(item) == name).map(|child| (child, place.item()))
        }
        _ => None,
    };
    let Some((child, at)) = child else { return };
    let was_empty = is_empty(child);
    work(child, &at);
    if !was_empty && is_empty(child) {
        take_out(value, name, place);
    }
}

fn is_empty(json: &Json) -> bool {
    json.as_object().is_some_and(serde_json::Map::is_empty) || json.as_array().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Place<'static> {
        Place::root(None)
    }

    #[test]
    fn containers_merge_by_name_and_ports_by_port_and_protocol() {
        let mut live = json!({"spec": {"containers": [{"name": "a", "image": "1", "ports": [{"containerPort": 80, "protocol": "TCP"}]}, {"name": "b"}]}});
        let applied = json!({"spec": {"containers": [{"name": "a", "image": "2", "ports": [{"containerPort": 80, "name": "web"}]}]}});
        merge(&mut live, &applied, &pod());
        let wanted = json!({"spec": {"containers": [
            {"name": "a", "image": "2", "ports": [{"containerPort": 80, "protocol": "TCP", "name": "web"}]}, {"name": "b"}]}});
        assert_eq!(live, wanted);
    }

    #[test]
    fn what_is_no_longer_applied_goes_unless_others_own_it() {
        let mut value = json!({"metadata": {"labels": {"a": "1", "b": "2", "c": "3"}}});
        let before = Fields::of(&json!({"metadata": {"labels": {"a": "1", "b": "2"}}}), &pod());
        let now = Fields::of(&json!({"metadata": {"labels": {}}}), &pod());
        let others = Fields::of(&json!({"metadata": {"labels": {"b": "2"}}}), &pod());
        remove(&mut value, &before, &now, &others, &pod());
        assert_eq!(value, json!({"metadata": {"labels": {"b": "2", "c": "3"}}}));
    }

    #[test]
    fn fields_read_back_what_they_wrote() {
        let value = json!({"spec": {"containers": [{"name": "a", "args": ["x"]}], "selector": {"matchLabels": {"a": "b"}}}, "metadata": {"finalizers": ["f"]}});
        let fields = Fields::of(&value, &pod());
        assert_eq!(Fields::read(&fields.write()), fields);
        let paths = fields.paths();
        assert!(paths.contains(&".spec.containers[name=\"a\"].args".to_owned()), "{paths:?}");
        assert!(paths.contains(&".spec.selector".to_owned()), "{paths:?}");
        assert!(paths.contains(&".metadata.finalizers[=\"f\"]".to_owned()), "{paths:?}");
    }
}
