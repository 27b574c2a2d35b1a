//! From `Node`s to types, collecting every mistake on the way. Which keys there are is in `sections`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use indexmap::IndexMap;
use ipnet::Ipv4Net;

use super::diagnostic::Diagnostic;
use super::duration::Limit;
use super::model::Policy;
use super::names::{Names, word};
use super::node::{Content, Entry, Node};
use super::suggest;
use crate::value::Value;

/// What decoding needs and finds.
pub(super) struct Cx<'a> {
    /// What the file declares.
    pub(super) names: &'a Names,
    /// What is wrong.
    pub(super) found: Vec<Diagnostic>,
}

impl Cx<'_> {
    /// Reports a value of another type than the one that belongs there.
    pub(super) fn wrong(&mut self, node: &Node, expected: &str) {
        let found = match &node.content {
            // Said already.
            Content::Missing => return,
            Content::Template(_) => {
                let message = "a reference to an output cannot be used here";
                let hint = "references are for `[outputs]` and the `input` of `[values.*]`: this must be known before anything is made";
                return self.found.push(Diagnostic::new(message, Some(node.span.clone())).hint(hint));
            }
            _ => node.kind(),
        };
        let diagnostic =
            Diagnostic::new(format!("expected {expected}, found {found}"), Some(node.span.clone()));
        self.found.push(diagnostic.label(format!("this is {found}")).hint(how_to_write(expected)));
    }

    /// Reports a value of the right type that is not one of those allowed.
    pub(super) fn refuse(&mut self, node: &Node, message: String, hint: impl Into<String>) {
        self.found.push(Diagnostic::new(message, Some(node.span.clone())).hint(hint));
    }

    /// Checks that the names in a value, one or a list of them, are declared in a section.
    fn declared(&mut self, node: &Node, section: &str) {
        match &node.content {
            Content::List(items) => items.iter().for_each(|item| self.declared(item, section)),
            Content::Text(name) | Content::Given(name) if !self.names.has(section, name) => {
                let hint = self.names.hint(section, name);
                self.refuse(node, format!("there is no {} `{name}`", word(section).replace('_', " ")), hint);
            }
            _ => {}
        }
    }
}

/// How TOML has a type.
fn how_to_write(expected: &str) -> String {
    match expected {
        "a text" => "a text stands in quotes: `\"…\"`".to_owned(),
        "a whole number" => "a number stands without quotes: `3`".to_owned(),
        "a list" => "a list stands in brackets: `[\"…\", \"…\"]`".to_owned(),
        "a table" => "a table is `{ key = … }`, or keys below its `[heading]`".to_owned(),
        other => format!("write {other}, without quotes around truth values and numbers"),
    }
}

/// A type that can be read from a node. `None` means that what is wrong was reported.
pub(super) trait Decode: Sized {
    /// Reads it.
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self>;
}

/// The keys of a table, while a struct is read from it.
pub(super) struct Fields<'n> {
    span: Range<usize>,
    entries: &'n [Entry],
    /// Known keys that an unknown one probably means: they are not called missing.
    meant: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The table, with all keys reported that it must not have.
    pub(super) fn of(node: &'n Node, known: &[&'static str], cx: &mut Cx<'_>) -> Option<Self> {
        let Content::Table(entries) = &node.content else {
            cx.wrong(node, "a table");
            return None;
        };
        let mut meant = Vec::new();
        for entry in entries.iter().filter(|entry| !known.contains(&entry.name.as_str())) {
            meant.extend(known.iter().copied().find(|key| suggest::nearest(&entry.name, [*key]).is_some()));
            let message = format!("unknown key `{}`", entry.name);
            let hint = suggest::hint(&entry.name, known);
            cx.found.push(Diagnostic::new(message, Some(entry.key.clone())).hint(hint));
        }
        Some(Self { span: node.span.clone(), entries, meant })
    }

    fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.name == key).map(|entry| &entry.node)
    }

    /// A key that must be there.
    pub(super) fn need<T: Decode>(&self, key: &'static str, cx: &mut Cx<'_>) -> Option<T> {
        self.require(key, cx).and_then(|node| T::decode(node, cx))
    }

    /// A key that may be left out.
    pub(super) fn may<T: Decode + Default>(&self, key: &'static str, cx: &mut Cx<'_>) -> Option<T> {
        self.get(key).map_or_else(|| Some(T::default()), |node| T::decode(node, cx))
    }

    /// A port that must be there.
    pub(super) fn need_port(&self, key: &'static str, cx: &mut Cx<'_>) -> Option<u16> {
        self.require(key, cx).and_then(|node| port(node, cx))
    }

    /// A port that may be left out.
    pub(super) fn may_port(&self, key: &'static str, cx: &mut Cx<'_>) -> Option<Option<u16>> {
        self.get(key).map_or(Some(None), |node| port(node, cx).map(Some))
    }

    /// Checks that a key names things that a section declares.
    pub(super) fn declared(&self, key: &str, section: &str, cx: &mut Cx<'_>) {
        if let Some(node) = self.get(key) {
            cx.declared(node, section);
        }
    }

    fn require(&self, key: &'static str, cx: &mut Cx<'_>) -> Option<&'n Node> {
        let node = self.get(key);
        if node.is_none() && !self.meant.contains(&key) {
            let message = format!("the key `{key}` is missing");
            cx.found.push(Diagnostic::new(message, Some(self.span.clone())).hint(format!("add `{key} = …`")));
        }
        node
    }
}

fn port(node: &Node, cx: &mut Cx<'_>) -> Option<u16> {
    number(node, 1, u16::MAX.into(), cx).and_then(|number| u16::try_from(number).ok())
}

fn number(node: &Node, low: i64, high: i64, cx: &mut Cx<'_>) -> Option<i64> {
    let number = match &node.content {
        Content::Integer(number) => *number,
        Content::Given(text) if text.trim().parse::<i64>().is_ok() => text.trim().parse().ok()?,
        _ => {
            cx.wrong(node, "a whole number");
            return None;
        }
    };
    if !(low..=high).contains(&number) {
        cx.refuse(node, format!("{number} is out of range"), format!("allowed: {low} to {high}"));
        return None;
    }
    Some(number)
}

/// Reads a text by its own grammar.
fn parsed<T: FromStr>(node: &Node, what: &str, hint: &str, cx: &mut Cx<'_>) -> Option<T> {
    let text = String::decode(node, cx)?;
    let value = text.trim().parse().ok();
    if value.is_none() {
        cx.refuse(node, format!("`{text}` is not {what}"), hint);
    }
    value
}

impl Decode for String {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        match &node.content {
            Content::Text(text) | Content::Given(text) => Some(text.clone()),
            _ => {
                cx.wrong(node, "a text");
                None
            }
        }
    }
}

impl Decode for bool {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        match &node.content {
            Content::Bool(truth) => Some(*truth),
            Content::Given(text) if matches!(text.as_str(), "true" | "false") => Some(text == "true"),
            _ => {
                cx.wrong(node, "`true` or `false`");
                None
            }
        }
    }
}

macro_rules! whole_numbers {
    ($($type:ident),*) => { $(
        impl Decode for $type {
            fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
                number(node, 0, Self::MAX.into(), cx).and_then(|number| Self::try_from(number).ok())
            }
        }
    )* };
}
whole_numbers!(u8, u16, u32);

impl Decode for Ipv4Net {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        parsed(
            node,
            "an IPv4 range",
            "write an address and the length of its prefix, as in `10.0.0.0/16`",
            cx,
        )
    }
}

impl Decode for Limit {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        parsed(node, "a duration", "write `40m`, `1h30m` or `90s`", cx)
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        T::decode(node, cx).map(Some)
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        let Content::List(items) = &node.content else {
            cx.wrong(node, "a list");
            return None;
        };
        // Read them all before giving up: each may have mistakes of its own.
        let items: Vec<Option<T>> = items.iter().map(|item| T::decode(item, cx)).collect();
        items.into_iter().collect()
    }
}

fn table<T: Decode>(node: &Node, cx: &mut Cx<'_>) -> Option<Vec<(String, T)>> {
    let Content::Table(entries) = &node.content else {
        cx.wrong(node, "a table");
        return None;
    };
    let read =
        |entry: &Entry, cx: &mut Cx<'_>| T::decode(&entry.node, cx).map(|value| (entry.name.clone(), value));
    let items: Vec<Option<(String, T)>> = entries.iter().map(|entry| read(entry, cx)).collect();
    items.into_iter().collect()
}

impl<T: Decode> Decode for IndexMap<String, T> {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        table(node, cx).map(Self::from_iter)
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        table(node, cx).map(Self::from_iter)
    }
}

impl Decode for toml::Value {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        Some(match &node.content {
            Content::Text(text) | Content::Given(text) => Self::String(text.clone()),
            Content::Integer(number) => Self::Integer(*number),
            Content::Float(number) => Self::Float(*number),
            Content::Bool(truth) => Self::Boolean(*truth),
            Content::Date(date) => Self::String(date.clone()),
            Content::List(_) => Self::Array(Vec::decode(node, cx)?),
            Content::Table(_) => Self::Table(toml::Table::decode(node, cx)?),
            Content::Template(_) | Content::Missing => {
                cx.wrong(node, "a value");
                return None;
            }
        })
    }
}

impl Decode for toml::Table {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        table(node, cx).map(Self::from_iter)
    }
}

impl Decode for Policy {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        match &node.content {
            Content::Table(_) => toml::Table::decode(node, cx).map(Self::Table),
            Content::Text(path) | Content::Given(path) => Some(Self::File(path.clone())),
            _ => {
                cx.wrong(node, "the path of a JSON file, or a table");
                None
            }
        }
    }
}

impl Decode for Value {
    fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
        Some(match &node.content {
            Content::Text(text) | Content::Given(text) | Content::Date(text) => Self::String(text.clone()),
            Content::Template(pieces) => Self::Unknown(pieces.clone()),
            Content::Integer(number) => Self::from(*number),
            Content::Float(number) => match serde_json::Number::from_f64(*number) {
                Some(number) => Self::Number(number),
                None => {
                    cx.refuse(
                        node,
                        "this number has no value".to_owned(),
                        "infinite and undefined numbers cannot be stored",
                    );
                    return None;
                }
            },
            Content::Bool(truth) => Self::Bool(*truth),
            Content::List(_) => Self::List(Vec::decode(node, cx)?),
            Content::Table(_) => Self::Map(BTreeMap::decode(node, cx)?),
            Content::Missing => return None,
        })
    }
}

/// Says how a struct is read: each key with how it is taken (`need`, `may`, `need_port`, `may_port`), and the section
/// that must declare the names it holds. Fields behind `besides` are not read from the file.
macro_rules! record {
    ($type:ident { $($how:ident $field:ident $(in $section:literal)?),* $(,)? } $(besides $extra:ident)?) => {
        impl Decode for $type {
            fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
                let fields = Fields::of(node, &[$(stringify!($field)),*], cx)?;
                $(
                    let $field = fields.$how(stringify!($field), cx);
                    $(fields.declared(stringify!($field), $section, cx);)?
                )*
                Some(Self { $($field: $field?,)* $($extra: Default::default())? })
            }
        }
    };
}

/// Says which words an enum is written with.
macro_rules! words {
    ($type:ident { $($word:literal => $variant:ident),* $(,)? }) => {
        impl Decode for $type {
            fn decode(node: &Node, cx: &mut Cx<'_>) -> Option<Self> {
                let text = String::decode(node, cx)?;
                match text.as_str() {
                    $($word => Some(Self::$variant),)*
                    _ => {
                        let hint = suggest::hint(&text, &[$($word),*]);
                        cx.refuse(node, format!("`{text}` is not allowed here"), hint);
                        None
                    }
                }
            }
        }
    };
}
pub(super) use {record, words};
