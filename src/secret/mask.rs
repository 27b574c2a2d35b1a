//! `Mask`: what stands in the place of a sensitive leaf where something is kept: a mark, from which only equality can
//! be told. It is `(sensitive <hex>)`, the HMAC-SHA256 of the value under the lineage of the state, cut to 128 bits.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use serde_json::{Map, Value as Json};

use super::{SENSITIVE, Secrets};
use crate::value::{Piece, Value};

/// A mark begins with this …
const BEGIN: &str = "(sensitive ";
/// … has so many hexadecimal digits and a bracket.
const DIGITS: usize = 32;

/// Fields that hold any JSON: numbers can be sensitive there. Elsewhere a number is never a secret, and its type counts.
const FREE: [&str; 3] = ["manifest", "input", "value"];

/// The kind of object in Kubernetes whose `data` and `stringData` are sensitive.
const KUBE_SECRET: &str = "Secret";

/// Puts marks in the place of what is sensitive, for one state.
pub struct Mask<'a> {
    secrets: &'a Secrets,
    key: hmac::Key,
}

/// What is known of the place of a leaf.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Whatever is here is sensitive.
    secret: bool,
    /// Numbers may be.
    free: bool,
}

impl<'a> Mask<'a> {
    /// For the state of this lineage.
    pub fn new(secrets: &'a Secrets, lineage: &str) -> Self {
        Self { secrets, key: hmac::Key::new(hmac::HMAC_SHA256, lineage.as_bytes()) }
    }

    /// The secrets.
    pub fn secrets(&self) -> &'a Secrets {
        self.secrets
    }

    /// The mark of a value.
    pub fn mark(&self, value: &Json) -> String {
        let tag = hmac::sign(&self.key, value.to_string().as_bytes());
        let hex: String = tag.as_ref().iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
        format!("{BEGIN}{hex})")
    }

    /// Puts marks in the place of every sensitive leaf. True if there was one without.
    pub fn json(&self, json: &mut Json) -> bool {
        self.touches_json(json) && self.walk(json, Place::default())
    }

    /// The same without touching what it is given.
    pub fn masked<'j>(&self, json: &'j Json) -> Cow<'j, Json> {
        if !self.touches_json(json) {
            return Cow::Borrowed(json);
        }
        let mut json = json.clone();
        self.walk(&mut json, Place::default());
        Cow::Owned(json)
    }

    /// The same of a value with unknown leaves.
    pub fn value<'v>(&self, value: &'v Value) -> Cow<'v, Value> {
        if !self.touches(value) {
            return Cow::Borrowed(value);
        }
        let mut json = Json::from(value);
        self.walk(&mut json, Place::default());
        Cow::Owned(Value::from(json))
    }

    /// Whether something in it may be sensitive. Most things are not, and need not be walked through twice.
    fn touches(&self, value: &Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(_) => !self.secrets.is_empty(),
            Value::String(text) => self.secrets.holds(text),
            Value::List(items) => items.iter().any(|item| self.touches(item)),
            Value::Map(map) => {
                map.get("kind").is_some_and(|kind| kind.as_str() == Some(KUBE_SECRET))
                    || map.values().any(|value| self.touches(value))
            }
            Value::Unknown(pieces) => {
                pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if self.secrets.holds(text)))
            }
        }
    }

    fn touches_json(&self, json: &Json) -> bool {
        match json {
            Json::Null | Json::Bool(_) => false,
            Json::Number(_) => !self.secrets.is_empty(),
            Json::String(text) => self.secrets.holds(text),
            Json::Array(items) => items.iter().any(|item| self.touches_json(item)),
            Json::Object(map) => {
                map.get("kind").is_some_and(|kind| kind == KUBE_SECRET)
                    || map.values().any(|value| self.touches_json(value))
            }
        }
    }

    /// Puts marks in `found` where `like` has some: the values there are sensitive whatever they are now.
    pub fn like(&self, found: &mut Json, like: &Json) {
        match (found, like) {
            (found, Json::String(text)) if is_mark(text) => {
                self.all(found);
            }
            (Json::Object(found), Json::Object(like)) => {
                for (key, found) in found {
                    if let Some(like) = like.get(key) {
                        self.like(found, like);
                    }
                }
            }
            (Json::Array(found), Json::Array(like)) if like.iter().any(has_marks) => {
                let alike = found.len() == like.len();
                for (at, found) in found.iter_mut().enumerate().filter(|(_, found)| !like.contains(found)) {
                    match like.get(at).filter(|other| alike && other.is_object()) {
                        Some(other) => self.like(found, other),
                        // A list may have changed its order: what is new in it may be the secret.
                        None => {
                            self.all(found);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Marks everything in it.
    fn all(&self, json: &mut Json) -> bool {
        self.walk(json, Place { secret: true, free: true })
    }

    fn walk(&self, json: &mut Json, place: Place) -> bool {
        match json {
            Json::Object(map) => {
                let kube = is_kube_secret(map);
                map.iter_mut().fold(false, |any, (key, value)| {
                    let secret = place.secret || (kube && matches!(key.as_str(), "data" | "stringData"));
                    let free = place.free || FREE.contains(&key.as_str());
                    self.walk(value, Place { secret, free }) || any
                })
            }
            Json::Array(items) => {
                items.iter_mut().filter_map(|item| self.walk(item, place).then_some(())).count() > 0
            }
            leaf if self.is_sensitive(leaf, place) => {
                *leaf = Json::from(self.mark(leaf));
                true
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
        }
    }

    fn is_sensitive(&self, leaf: &Json, place: Place) -> bool {
        match leaf {
            Json::String(text) if is_mark(text) => false,
            Json::String(text) => place.secret || self.secrets.holds(text),
            Json::Number(number) => {
                place.secret
                    || (place.free && !self.secrets.is_empty() && self.secrets.holds(&number.to_string()))
            }
            Json::Bool(_) => place.secret,
            Json::Null | Json::Array(_) | Json::Object(_) => false,
        }
    }
}

fn is_kube_secret(map: &Map<String, Json>) -> bool {
    let is = |key: &str, text: &str| map.get(key).is_some_and(|value| value == text);
    is("kind", KUBE_SECRET) && is("apiVersion", "v1")
}

/// Whether a text is a mark.
pub fn is_mark(text: &str) -> bool {
    let digits = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(')'));
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether there is a mark in it.
pub fn has_marks(json: &Json) -> bool {
    match json {
        Json::String(text) => is_mark(text),
        Json::Array(items) => items.iter().any(has_marks),
        Json::Object(map) => map.values().any(has_marks),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// As it may be shown: without what the marks tell.
pub fn shown(json: &Json) -> Json {
    match json {
        Json::String(text) if is_mark(text) => Json::from(SENSITIVE),
        Json::Array(items) => items.iter().map(shown).collect(),
        Json::Object(map) => {
            Json::Object(map.iter().map(|(key, value)| (key.clone(), shown(value))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(secrets: &Secrets, json: &Json) -> Json {
        let mut json = json.clone();
        Mask::new(secrets, "lineage").json(&mut json);
        json
    }

    #[test]
    fn b26_leaves_that_hold_a_secret_become_marks_and_others_stay() {
        let secrets = Secrets::new(["hunter22", "123456"]);
        let masked = masked(
            &secrets,
            &json!({"url": "x:hunter22@y", "size": 123456, "list": ["a", "hunter22"], "input": 123456}),
        );
        assert_eq!((&masked["size"], &masked["list"][0]), (&json!(123456), &json!("a")));
        for leaf in [&masked["url"], &masked["list"][1], &masked["input"]] {
            assert!(leaf.as_str().is_some_and(is_mark), "{leaf}");
        }
        assert_eq!(shown(&masked)["url"], SENSITIVE);
    }

    #[test]
    fn b26_data_of_a_kubernetes_secret_is_sensitive_by_its_place() {
        let secret = json!({"manifest": {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"x": "eA=="}, "stringData": {"y": "y"},
        }});
        let masked = masked(&Secrets::default(), &secret);
        assert_eq!(masked["manifest"]["metadata"], secret["manifest"]["metadata"]);
        assert!(has_marks(&masked["manifest"]["data"]) && has_marks(&masked["manifest"]["stringData"]));
    }

    #[test]
    fn equal_values_have_equal_marks_in_one_state_only() {
        let none = Secrets::default();
        let (mask, other) = (Mask::new(&none, "a"), Mask::new(&none, "b"));
        assert_eq!(mask.mark(&json!("x")), mask.mark(&json!("x")));
        assert_ne!(mask.mark(&json!("x")), mask.mark(&json!("y")));
        assert_ne!(mask.mark(&json!("x")), other.mark(&json!("x")));
        assert_ne!(mask.mark(&json!("1")), mask.mark(&json!(1)));
    }

    #[test]
    fn what_is_found_where_a_secret_was_is_marked_too() {
        let none = Secrets::default();
        let mask = Mask::new(&none, "a");
        let mark = |text: &str| Json::from(mask.mark(&json!(text)));
        let like =
            json!({"one": mark("s"), "set": [mark("s"), "x"], "env": [{"name": "a", "value": mark("s")}]});
        let mut found =
            json!({"one": "t", "set": ["x", "s"], "env": [{"name": "b", "value": "t"}], "more": "plain"});
        mask.like(&mut found, &like);
        assert_eq!(
            found,
            json!({"one": mark("t"), "set": ["x", mark("s")], "env": [{"name": "b", "value": mark("t")}], "more": "plain"})
        );
    }

    #[test]
    fn a_template_keeps_its_references() {
        let secrets = Secrets::new(["hunter22"]);
        let mask = Mask::new(&secrets, "a");
        let reference = crate::value::Reference {
            address: crate::address::Address::new("cluster", "edge"),
            output: "endpoint".into(),
        };
        let pieces =
            vec![crate::value::Piece::Text("hunter22@".into()), crate::value::Piece::Ref(reference.clone())];
        let value = Value::Unknown(pieces);
        let masked = mask.value(&value).into_owned();
        assert_eq!(masked.references().into_iter().collect::<Vec<_>>(), [&reference]);
        assert!(!Json::from(&masked).to_string().contains("hunter22"));
    }
}
