//! Variables of a stack file: how they are declared, where their values come from, and which of them wins.
//!
//! `--var` over a file of variables over the environment over the default. Filling them in is in `template`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::decode::{Cx, Decode, Fields, record};
use super::diagnostic::Diagnostic;
use super::node::{Content, Entry, Node};
use super::source::Source;
use super::suggest;
use super::syntax;
use super::template::Values;
use crate::secret::SHORTEST;

/// Values for the variables that a stack file declares.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// From the command line, `--var name=value`. A name that the file does not declare is an error.
    pub given: BTreeMap<String, String>,
    /// From a file of variables, `name = value`. A name that the stack file does not declare is an error.
    pub file: toml::Table,
    /// Where these stand: the file, the name and the value.
    pub places: BTreeMap<String, (Source, Range<usize>, Range<usize>)>,
    /// From the environment, `STACK_VAR_name`, without the prefix. Names that the file does not declare are ignored.
    pub environment: BTreeMap<String, String>,
    /// For a destroy, which needs no more than the head of a file: see `parse`.
    pub lenient: bool,
}

impl Variables {
    /// Takes the values of a file of variables; those of a file taken later win.
    ///
    /// # Errors
    /// All that is wrong with its syntax, with places in that file.
    pub fn add_file(&mut self, source: &Source) -> Result<(), Vec<Diagnostic>> {
        let tree = syntax::tree(&source.text);
        if !tree.found.is_empty() {
            return Err(tree.found);
        }
        let table: toml::Table = toml::from_str(&source.text).map_err(|error| {
            vec![Diagnostic::new(format!("this is not TOML: {}", error.message()), error.span())]
        })?;
        self.file.extend(table);
        let shown = without_values(source, &tree.root);
        for entry in tree.root.entries() {
            let place = (shown.clone(), entry.key.clone(), entry.node.span.clone());
            self.places.insert(entry.name.clone(), place);
        }
        Ok(())
    }
}

/// A file of variables as it may be shown: which of its values are secret is not known there.
fn without_values(source: &Source, root: &Node) -> Source {
    let mut text = source.text.as_bytes().to_vec();
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        match &node.content {
            Content::Table(entries) => open.extend(entries.iter().map(|entry| &entry.node)),
            Content::List(items) => open.extend(items),
            _ => {
                let value = text.get_mut(node.span.clone()).unwrap_or_default();
                value.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
            }
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    Source { path: source.path.clone(), text: text.into() }
}

/// `name = { default = …, description = "…", sensitive = true }`.
#[derive(Debug)]
struct Declaration {
    default: Option<Any>,
    #[expect(dead_code, reason = "for people who read the file")]
    description: Option<String>,
    sensitive: Option<bool>,
}

/// A default: anything.
#[derive(Debug)]
struct Any(Content);

impl Decode for Any {
    fn decode(node: &Node, _: &mut Cx<'_>) -> Option<Self> {
        Some(Self(node.content.clone()))
    }
}

record!(Declaration { may default, may description, may sensitive });

/// What the variables of a file are.
#[derive(Default)]
pub(super) struct Resolved {
    pub(super) values: Values,
    /// Texts that must not be shown.
    pub(super) secrets: Vec<String>,
    /// The names of all, and whether each is sensitive.
    pub(super) declared: BTreeMap<String, bool>,
}

/// Finds the value of every variable that a file declares.
pub(super) fn resolve(declared: Option<&Entry>, variables: &Variables, cx: &mut Cx<'_>) -> Resolved {
    let mut resolved = Resolved::default();
    let entries = declared.map_or(&[][..], |entry| entry.node.entries());
    if let Some(entry) = declared.filter(|entry| !matches!(entry.node.content, Content::Table(_))) {
        cx.wrong(&entry.node, "a table, as in `[variables]`");
    }
    for entry in entries {
        let (value, sensitive) = one(entry, variables, &mut resolved.secrets, cx);
        resolved.values.insert(entry.name.clone(), value);
        resolved.declared.insert(entry.name.clone(), sensitive);
    }
    undeclared(entries, variables, cx);
    resolved
}

/// The value of a variable, and whether it is sensitive.
fn one(entry: &Entry, variables: &Variables, secrets: &mut Vec<String>, cx: &mut Cx<'_>) -> (Content, bool) {
    let name = &entry.name;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        let hint = "letters, digits, `_` and `-`";
        cx.found.push(
            Diagnostic::new(format!("`{name}` is no name for a variable"), Some(entry.key.clone()))
                .hint(hint),
        );
    }
    let Some(declaration) = Declaration::decode(&entry.node, cx) else {
        // Nobody knows what it was to say.
        return (Content::Missing, true);
    };
    let Declaration { default, sensitive, .. } = declaration;
    let default = default.map(|Any(content)| content);
    if default.as_ref().is_some_and(refers) {
        let message = format!("the default of `{name}` refers to something");
        let hint = "a default is a plain value; `$${` is the text `${`";
        cx.found.push(Diagnostic::new(message, Some(entry.node.span.clone())).hint(hint));
    }
    let default = default.map(|content| match content {
        Content::Text(text) => Content::Text(text.replace("$${", "${")),
        other => other,
    });
    let value = chosen(name, default, variables, entry, cx);
    if sensitive == Some(true) {
        let before = secrets.len();
        note_secrets(&value, secrets);
        if secrets[before..].iter().any(|text| text.len() < SHORTEST) {
            let message = format!("the value of the sensitive variable `{name}` is too short");
            let hint = format!(
                "it has at least {SHORTEST} characters: a shorter one cannot be told from other texts"
            );
            cx.found.push(Diagnostic::new(message, Some(entry.key.clone())).hint(hint));
        }
    }
    (value, sensitive == Some(true))
}

/// The value that wins, in the type of the default where that is not a text.
fn chosen(
    name: &str,
    default: Option<Content>,
    variables: &Variables,
    entry: &Entry,
    cx: &mut Cx<'_>,
) -> Content {
    let span = &entry.key;
    let text = |text: &String| typed(text, default.as_ref());
    let value = if let Some(given) = variables.given.get(name) {
        text(given)
    } else if let Some(value) = variables.file.get(name) {
        let value = plain(value, span);
        Some(alike(name, value, default.as_ref(), variables, cx))
    } else if let Some(given) = variables.environment.get(name) {
        text(given)
    } else if let Some(default) = default.clone() {
        Some(default)
    } else {
        let hint =
            format!("give it: `--var {name}=…`, STACK_VAR_{name} in the environment, or a file of variables");
        cx.found.push(
            Diagnostic::new(format!("the variable `{name}` has no value"), Some(span.clone())).hint(hint),
        );
        Some(Content::Missing)
    };
    value.unwrap_or_else(|| {
        let kind = Node { span: span.clone(), content: default.unwrap_or(Content::Missing) }.kind();
        let message = format!("the value given for the variable `{name}` is not {kind}, as its default is");
        cx.found.push(Diagnostic::new(message, Some(span.clone())).hint(format!("write {kind} as in TOML")));
        Content::Missing
    })
}

/// A value from a file of variables; if it is of another type than the default, that is said at its place there.
fn alike(
    name: &str,
    value: Content,
    default: Option<&Content>,
    variables: &Variables,
    cx: &mut Cx<'_>,
) -> Content {
    let Some(default) = default.filter(|default| !matches!(default, Content::Missing)) else { return value };
    let kind = |content: &Content| Node { span: 0..0, content: content.clone() }.kind();
    let (given, wanted) = (kind(&value), kind(default));
    if given == wanted {
        return value;
    }
    let message = format!("the value of the variable `{name}` is {given}, and its default is {wanted}");
    let place = variables.places.get(name);
    let span = place.map(|(_, _, value)| value.clone());
    let diagnostic = Diagnostic::new(message, span).hint(format!("write {wanted}"));
    cx.found.push(Diagnostic { source: place.map(|(source, _, _)| Box::new(source.clone())), ..diagnostic });
    Content::Missing
}

/// A given text, in the type of the default.
fn typed(text: &str, default: Option<&Content>) -> Option<Content> {
    match default {
        None | Some(Content::Missing) => Some(Content::Given(text.to_owned())),
        Some(Content::Text(_) | Content::Given(_) | Content::Template(_)) => {
            Some(Content::Text(text.to_owned()))
        }
        Some(Content::Integer(_)) => text.trim().parse().ok().map(Content::Integer),
        Some(Content::Float(_)) => text.trim().parse().ok().map(Content::Float),
        Some(Content::Bool(_)) => text.trim().parse().ok().map(Content::Bool),
        Some(Content::Date(_)) => Some(Content::Date(text.to_owned())),
        Some(like @ (Content::List(_) | Content::Table(_))) => {
            let tree = syntax::tree(&format!("given = {text}"));
            let content = tree.root.entry("given").filter(|_| tree.found.is_empty())?.node.content.clone();
            (std::mem::discriminant(&content) == std::mem::discriminant(like)).then_some(content)
        }
    }
}

fn plain(value: &toml::Value, span: &Range<usize>) -> Content {
    let node = |value| Node { span: span.clone(), content: plain(value, span) };
    match value {
        toml::Value::String(text) => Content::Text(text.clone()),
        toml::Value::Integer(number) => Content::Integer(*number),
        toml::Value::Float(number) => Content::Float(*number),
        toml::Value::Boolean(truth) => Content::Bool(*truth),
        toml::Value::Datetime(date) => Content::Date(date.to_string()),
        toml::Value::Array(items) => Content::List(items.iter().map(node).collect()),
        toml::Value::Table(table) => {
            let entry = |(name, value): (&String, _)| Entry {
                name: name.clone(),
                key: span.clone(),
                node: node(value),
            };
            Content::Table(table.iter().map(entry).collect())
        }
    }
}

fn refers(content: &Content) -> bool {
    match content {
        Content::Text(text) => text.replace("$${", "").contains("${"),
        Content::List(items) => items.iter().any(|item| refers(&item.content)),
        Content::Table(entries) => entries.iter().any(|entry| refers(&entry.node.content)),
        _ => false,
    }
}

fn note_secrets(content: &Content, secrets: &mut Vec<String>) {
    match content {
        Content::Text(text) | Content::Given(text) if !text.is_empty() => secrets.push(text.clone()),
        Content::Integer(number) => secrets.push(number.to_string()),
        Content::Float(number) => secrets.push(number.to_string()),
        Content::Date(text) => secrets.push(text.clone()),
        Content::List(items) => items.iter().for_each(|item| note_secrets(&item.content, secrets)),
        Content::Table(entries) => {
            entries.iter().for_each(|entry| note_secrets(&entry.node.content, secrets));
        }
        _ => {}
    }
}

fn undeclared(entries: &[Entry], variables: &Variables, cx: &mut Cx<'_>) {
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let given = variables.given.keys().map(|name| (name, format!("`--var {name}=…`")));
    let in_file = variables.file.keys().map(|name| (name, format!("`{name}` in the file of variables")));
    for (name, what) in given.chain(in_file).filter(|(name, _)| !names.contains(&name.as_str())) {
        let hint =
            if names.is_empty() { "the file declares none".to_owned() } else { suggest::hint(name, &names) };
        let place = variables.places.get(name).filter(|_| !variables.given.contains_key(name));
        let message = format!("{what} is for no variable of this stack file");
        let diagnostic = Diagnostic::new(message, place.map(|(_, key, _)| key.clone())).hint(hint);
        cx.found
            .push(Diagnostic { source: place.map(|(source, _, _)| Box::new(source.clone())), ..diagnostic });
    }
}
