//! `Value`: JSON with leaves that are not known yet. The only home of "known after apply".
//!
//! A leaf is unknown when it refers to an output of a resource that does not exist yet. `resolve` fills in what
//! has become known; `known` gives plain JSON once nothing is missing. Kinds only ever see plain JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::address::Address;

/// One output of one resource: `cluster.edge` and `endpoint`. A dotted output walks into maps and lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// The resource.
    pub address: Address,
    /// The path in its outputs: `names.0`.
    pub output: String,
}

/// A piece of an interpolated text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Literal text.
    Text(String),
    /// The value of an output.
    Ref(Reference),
}

/// JSON whose leaves may be unknown.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Value {
    /// JSON null.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    String(String),
    /// A list.
    List(Vec<Self>),
    /// A map, in the order of its keys.
    Map(BTreeMap<String, Self>),
    /// Not known yet. A single `Ref` keeps the type of the output; anything else becomes a text.
    Unknown(Vec<Piece>),
}

/// Where outputs are looked up.
pub type Outputs<'a> = &'a dyn Fn(&Reference) -> Option<Json>;

const MARK: &str = "$unknown";

impl Value {
    /// An output of another resource.
    pub fn reference(address: &Address, output: &str) -> Self {
        Self::Unknown(vec![Piece::Ref(Reference { address: address.clone(), output: output.to_owned() })])
    }

    /// A map from pairs; `Null` values are left out, because a missing field is no opinion.
    pub fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(pairs.into_iter().map(|(k, v)| (k.into(), v)).filter(|(_, v)| *v != Self::Null).collect())
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(items.into_iter().collect())
    }

    /// The field of a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Replaces every leaf that `outputs` knows; the rest stays unknown.
    pub fn resolve(&self, outputs: Outputs<'_>) -> Self {
        match self {
            Self::List(items) => Self::List(items.iter().map(|v| v.resolve(outputs)).collect()),
            Self::Map(map) => Self::Map(map.iter().map(|(k, v)| (k.clone(), v.resolve(outputs))).collect()),
            Self::Unknown(pieces) => resolve_pieces(pieces, outputs),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => self.clone(),
        }
    }

    /// Plain JSON, or the first reference that is still missing.
    pub fn known(&self) -> Result<Json, Reference> {
        Ok(match self {
            Self::Null => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Number(n) => Json::Number(n.clone()),
            Self::String(s) => Json::String(s.clone()),
            Self::List(items) => Json::Array(items.iter().map(Self::known).collect::<Result<_, _>>()?),
            Self::Map(map) => {
                Json::Object(map.iter().map(|(k, v)| Ok((k.clone(), v.known()?))).collect::<Result<_, _>>()?)
            }
            Self::Unknown(pieces) => return Err(first_reference(pieces)),
        })
    }

    /// Every reference in it.
    pub fn references(&self) -> BTreeSet<&Reference> {
        let mut found = BTreeSet::new();
        self.collect(&mut found);
        found
    }

    fn collect<'a>(&'a self, found: &mut BTreeSet<&'a Reference>) {
        match self {
            Self::List(items) => items.iter().for_each(|v| v.collect(found)),
            Self::Map(map) => map.values().for_each(|v| v.collect(found)),
            Self::Unknown(pieces) => found.extend(pieces.iter().filter_map(|piece| match piece {
                Piece::Ref(reference) => Some(reference),
                Piece::Text(_) => None,
            })),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => {}
        }
    }
}

fn first_reference(pieces: &[Piece]) -> Reference {
    let found = pieces.iter().find_map(|piece| match piece {
        Piece::Ref(reference) => Some(reference.clone()),
        Piece::Text(_) => None,
    });
    found.expect("an unknown value holds a reference: `resolve_pieces` turns all others into text")
}

fn resolve_pieces(pieces: &[Piece], outputs: Outputs<'_>) -> Value {
    if let [Piece::Ref(only)] = pieces {
        return outputs(only).map_or_else(|| Value::Unknown(pieces.to_vec()), Value::from);
    }
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        let text = match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Ref(reference) => outputs(reference).map(|json| plain(&json)),
        };
        match (text, out.last_mut()) {
            (Some(text), Some(Piece::Text(before))) => before.push_str(&text),
            (Some(text), _) => out.push(Piece::Text(text)),
            (None, _) => out.push(piece.clone()),
        }
    }
    match out.as_slice() {
        [] => Value::String(String::new()),
        [Piece::Text(text)] => Value::String(text.clone()),
        _ => Value::Unknown(out),
    }
}

/// How a value reads inside a text: strings without quotes.
fn plain(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// Walks a dotted path, `names.0`, in plain JSON.
pub fn walk<'a>(json: &'a Json, path: &str) -> Option<&'a Json> {
    if path.is_empty() {
        return Some(json);
    }
    path.split('.').try_fold(json, |at, key| match at {
        Json::Array(items) => items.get(key.parse::<usize>().ok()?),
        Json::Object(map) => map.get(key),
        _ => None,
    })
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(b),
            Json::Number(n) => Self::Number(n),
            Json::String(s) => Self::String(s),
            Json::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Json::Object(mut map) => match (map.len(), map.remove(MARK)) {
                (1, Some(mark)) => match serde_json::from_value(mark.clone()) {
                    Ok(pieces) => Self::Unknown(pieces),
                    // Somebody's own key of that name.
                    Err(_) => Self::Map(BTreeMap::from([(MARK.to_owned(), Self::from(mark))])),
                },
                (_, Some(mark)) => {
                    map.insert(MARK.to_owned(), mark);
                    Self::Map(map.into_iter().map(|(k, v)| (k, Self::from(v))).collect())
                }
                (_, None) => Self::Map(map.into_iter().map(|(k, v)| (k, Self::from(v))).collect()),
            },
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Number(n.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

/// JSON in which an unknown leaf is `{"$unknown": [pieces]}`: for saved plans only.
impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => Self::Number(n.clone()),
            Value::String(s) => Self::String(s.clone()),
            Value::List(items) => Self::Array(items.iter().map(Self::from).collect()),
            Value::Map(map) => Self::Object(map.iter().map(|(k, v)| (k.clone(), Self::from(v))).collect()),
            Value::Unknown(pieces) => serde_json::json!({ MARK: pieces }),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Json::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer).map(Self::from)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.address, self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Reference {
        Reference { address: Address::new("cluster", "edge"), output: "endpoint".into() }
    }

    #[test]
    fn a_lone_reference_keeps_the_type_of_the_output() {
        let value = Value::Unknown(vec![Piece::Ref(endpoint())]);
        assert_eq!(value.resolve(&|_| Some(Json::from(7))), Value::from(7));
        assert_eq!(value.known(), Err(endpoint()));
    }

    #[test]
    fn a_reference_inside_text_becomes_text_when_known() {
        let value = Value::Unknown(vec![Piece::Text("https://".into()), Piece::Ref(endpoint())]);
        assert_eq!(value.resolve(&|_| None), value);
        assert_eq!(value.resolve(&|_| Some("e".into())), Value::from("https://e"));
    }

    #[test]
    fn survives_a_round_trip_through_json() {
        let value = Value::map([
            ("a", Value::reference(&Address::new("cluster", "edge"), "arn")),
            ("b", Value::from(1)),
        ]);
        let text = serde_json::to_string(&value).expect("serialises");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("reads back"), value);
    }
}
