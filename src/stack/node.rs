//! `Node`: TOML as a tree that knows where each key and value stands. What the keys mean is not here.

use std::ops::Range;

use super::source::Spans;
use crate::value::Piece;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its bytes; of a table with a header, those of the header.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) content: Content,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A text.
    Text(String),
    /// A text from the command line or the environment: it takes the type of the place where it is used.
    Given(String),
    /// A text that refers to outputs of resources.
    Template(Vec<Piece>),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A date or a time, as it is written.
    Date(String),
    /// A list.
    List(Vec<Node>),
    /// A table, in the order of the file.
    Table(Vec<Entry>),
    /// A value that could not be found. What is wrong was reported already, so it causes no further words.
    Missing,
}

/// A key of a table and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key, without quotes.
    pub(super) name: String,
    /// Where the key stands.
    pub(super) key: Range<usize>,
    /// The value.
    pub(super) node: Node,
}

impl Node {
    /// The entries of a table; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a table with this key.
    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.name == name)
    }

    /// What it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Text(_) | Content::Given(_) | Content::Template(_) => "a text",
            Content::Integer(_) => "a whole number",
            Content::Float(_) => "a fraction",
            Content::Bool(_) => "`true` or `false`",
            Content::Date(_) => "a date",
            Content::List(_) => "a list",
            Content::Table(_) => "a table",
            Content::Missing => "nothing",
        }
    }

    /// The same value at another place: what a variable becomes where it is used.
    pub(super) fn moved_to(&self, span: &Range<usize>) -> Self {
        let content = match &self.content {
            Content::List(items) => Content::List(items.iter().map(|item| item.moved_to(span)).collect()),
            Content::Table(entries) => {
                Content::Table(entries.iter().map(|entry| entry.moved_to(span)).collect())
            }
            other => other.clone(),
        };
        Self { span: span.clone(), content }
    }

    /// Where everything in it stands, by dotted path.
    pub(super) fn spans(&self) -> Spans {
        let mut spans = Spans::default();
        self.note(&mut String::new(), &mut spans);
        spans
    }

    fn note(&self, path: &mut String, spans: &mut Spans) {
        let before = path.len();
        let mut child = |name: &str, key: &Range<usize>, node: &Self| {
            if before > 0 {
                path.push('.');
            }
            path.push_str(name);
            spans.insert(path, key.clone(), node.span.clone());
            node.note(path, spans);
            path.truncate(before);
        };
        match &self.content {
            Content::Table(entries) => {
                entries.iter().for_each(|entry| child(&entry.name, &entry.key, &entry.node));
            }
            Content::List(items) => {
                items.iter().enumerate().for_each(|(i, item)| child(&i.to_string(), &item.span, item));
            }
            _ => {}
        }
    }
}

impl Entry {
    fn moved_to(&self, span: &Range<usize>) -> Self {
        Self { name: self.name.clone(), key: span.clone(), node: self.node.moved_to(span) }
    }
}
