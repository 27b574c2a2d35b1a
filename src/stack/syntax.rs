//! From the text of a TOML file to `Node`s, with every mistake of syntax in one pass.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::node::{Content, Entry, Node};

/// More dots than this in one key are refused: each makes a level, and a tree that is too deep cannot be walked.
const MOST_DOTS: usize = 12;

/// So many equal keys get their first place shown: each costs another parse.
const MOST_PAIRS: usize = 20;

/// In a text from this size on the first of equal keys is not looked for.
const LARGE: usize = 256 * 1024;

/// A key that nobody writes: it stands in for the second of two equal ones.
const STAND_IN: &str = "__the_second_of_two_equal_keys__";

/// What a text holds.
pub(super) struct Tree {
    /// The root table.
    pub(super) root: Node,
    /// What is wrong.
    pub(super) found: Vec<Diagnostic>,
    /// Whether the tree holds what the text says, equal keys apart.
    pub(super) sound: bool,
}

/// Reads a TOML text.
pub(super) fn tree(text: &str) -> Tree {
    let empty = Node { span: 0..0, content: Content::Table(Vec::new()) };
    if let Some(span) = too_deep(text) {
        let found = Diagnostic::new("this key has too many dots", Some(span))
            .hint("tables are nested a few levels at most");
        return Tree { root: empty, found: vec![found], sound: false };
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut sound = true;
    for (count, error) in errors.iter().enumerate() {
        let twice = error.message() == "duplicate key";
        sound &= twice;
        let diagnostic = if twice {
            duplicate(text, error.span(), count < MOST_PAIRS && text.len() < LARGE)
        } else {
            syntax(error)
        };
        if found.last() != Some(&diagnostic) {
            found.push(diagnostic);
        }
    }
    let root = if sound { Node { span: 0..0, content: convert_table(table.get_ref()) } } else { empty };
    Tree { root, found, sound }
}

fn syntax(error: &toml::de::Error) -> Diagnostic {
    let message = format!("this is not TOML: {}", error.message().trim());
    Diagnostic::new(message, error.span())
        .hint("texts stand in quotes, tables in `[brackets]`, one `key = value` a line")
}

fn duplicate(text: &str, span: Option<Range<usize>>, show_first: bool) -> Diagnostic {
    let key = span.clone().and_then(|span| text.get(span)).unwrap_or_default();
    let first = span.clone().filter(|_| show_first).and_then(|span| first_of(text, span));
    Diagnostic::new(format!("`{key}` is there twice"), span)
        .label("again here")
        .other(first, "first here")
        .hint("keep one of them, or give them different names")
}

/// The place of the first of two equal keys. The second is renamed, so that both are in the tree, side by side.
fn first_of(text: &str, second: Range<usize>) -> Option<Range<usize>> {
    let name = unquoted(text.get(second.clone())?)?;
    let renamed = format!("{}{STAND_IN}{}", text.get(..second.start)?, text.get(second.end..)?);
    let (table, _) = DeTable::parse_recoverable(&renamed);
    let first = beside(table.get_ref(), &name)?;
    (first.end <= second.start).then_some(first)
}

fn unquoted(key: &str) -> Option<String> {
    let line = format!("{key} = 0");
    let table = DeTable::parse(&line).ok()?;
    table.get_ref().keys().next().map(|key| key.get_ref().to_string())
}

fn beside(table: &DeTable<'_>, name: &str) -> Option<Range<usize>> {
    if table.keys().any(|key| key.get_ref() == STAND_IN) {
        return table.keys().find(|key| key.get_ref() == name).map(Spanned::span);
    }
    table.values().find_map(|value| beside_value(value.get_ref(), name))
}

fn beside_value(value: &DeValue<'_>, name: &str) -> Option<Range<usize>> {
    match value {
        DeValue::Table(table) => beside(table, name),
        DeValue::Array(items) => items.iter().find_map(|item| beside_value(item.get_ref(), name)),
        _ => None,
    }
}

fn convert_table(table: &DeTable<'_>) -> Content {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| -> Entry {
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        Entry { name: name.to_string(), key: key.span(), node: convert(value) }
    };
    let mut entries: Vec<Entry> = table.iter().map(entry).collect();
    entries.sort_by_key(|entry| entry.key.start);
    Content::Table(entries)
}

fn convert(value: &Spanned<DeValue<'_>>) -> Node {
    let content = match value.get_ref() {
        DeValue::String(text) => Content::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Content::Integer(number),
            Err(_) => Content::Float(f64::INFINITY),
        },
        DeValue::Float(number) => Content::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Content::Bool(*truth),
        DeValue::Datetime(date) => Content::Date(date.to_string()),
        DeValue::Array(items) => Content::List(items.iter().map(convert).collect()),
        DeValue::Table(table) => convert_table(table),
    };
    Node { span: value.span(), content }
}

/// The first key with too many dots. Dots count outside of strings and comments, between separators.
fn too_deep(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut at, mut start, mut dots) = (0, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') => {
                at = end_of_string(bytes, at, quote);
                continue;
            }
            b'#' => {
                at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'.' => dots += 1,
            b'\n' | b'=' | b',' | b'[' | b']' | b'{' | b'}' => (start, dots) = (at + 1, 0),
            _ => {}
        }
        at += 1;
        if dots > MOST_DOTS {
            return Some(start..at);
        }
    }
    None
}

fn end_of_string(bytes: &[u8], start: usize, quote: u8) -> usize {
    let triple = [quote; 3];
    let long = bytes[start..].starts_with(&triple);
    let mut at = start + if long { 3 } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if !long => return at,
            byte if byte == quote && !long => return at + 1,
            byte if byte == quote && bytes[at..].starts_with(&triple) => return at + 3,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_very_many_dots_is_refused_and_does_not_overflow_the_stack() {
        let deep = format!("{}a = 1", "a.".repeat(100_000));
        assert!(!tree(&deep).sound);
        assert!(tree(&format!("a = \"{}\"", ".".repeat(1000))).sound);
    }

    #[test]
    fn equal_keys_point_to_both_places() {
        for text in [
            "[a]\nx = 1\n[b]\n[a]\n",
            "x = 1\n\"x\" = 2\n",
            "v = { x = 1, x = 2 }\n",
            "[[l]]\ny = 1\ny = 2\n",
        ] {
            let found = tree(text).found;
            assert_eq!(found.len(), 1, "{text}");
            let (first, _) = *found[0].other.clone().expect("the first place is known");
            assert!(first.start < found[0].span.clone().expect("has a place").start);
        }
    }

    #[test]
    fn all_mistakes_of_syntax_are_found_in_one_pass() {
        assert!(tree("a = \nb = 2\nc = tru\n[d\n").found.len() >= 3);
    }
}
