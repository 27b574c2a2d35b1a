//! Texts with `${…}`: variables are filled in, references to outputs become pieces of a template.
//!
//! It happens to the whole tree before anything is typed. Where templates are allowed is for `decode`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::diagnostic::Diagnostic;
use super::names::{Names, SECTIONS, heading};
use super::node::{Content, Node};
use super::suggest;
use crate::address::Address;
use crate::value::{Piece, Reference};

/// The values of variables; one that is missing where that was said already is `Missing`.
pub(super) type Values = BTreeMap<String, Content>;

/// What a text is made of.
#[derive(Debug, PartialEq, Eq)]
enum Part<'t> {
    Literal(&'t str),
    Expression(&'t str),
    /// `${` without its `}`.
    Open,
}

/// What an expression stands for.
enum Filled {
    Whole(Content),
    Reference(Reference),
    Wrong,
}

/// Fills in a tree.
pub(super) struct Fill<'a> {
    /// The text of the file: to find the place of an expression in a string.
    pub(super) text: &'a str,
    pub(super) values: &'a Values,
    pub(super) names: &'a Names,
    pub(super) found: Vec<Diagnostic>,
}

impl Fill<'_> {
    /// Fills in every string of a tree.
    pub(super) fn tree(&mut self, node: &mut Node) {
        match &mut node.content {
            Content::Text(text) if text.contains("${") => {
                let text = std::mem::take(text);
                *node = self.string(&text, &node.span);
            }
            Content::List(items) => items.iter_mut().for_each(|item| self.tree(item)),
            Content::Table(entries) => entries.iter_mut().for_each(|entry| self.tree(&mut entry.node)),
            _ => {}
        }
    }

    fn string(&mut self, text: &str, span: &Range<usize>) -> Node {
        let parts = split(text);
        let node = |content| Node { span: span.clone(), content };
        if let [Part::Expression(only)] = parts.as_slice() {
            return match self.expression(only, &self.place(span, only, &mut 0)) {
                Filled::Whole(content) => node(content).moved_to(span),
                Filled::Reference(reference) => node(Content::Template(vec![Piece::Ref(reference)])),
                Filled::Wrong => node(Content::Missing),
            };
        }
        let (mut pieces, mut cursor, mut wrong) = (Vec::new(), 0, false);
        for part in parts {
            match part {
                Part::Literal(literal) => append(&mut pieces, literal),
                Part::Open => {
                    let hint = "write `${var.name}`, or `$${` for the two characters themselves";
                    self.found.push(Diagnostic::new("`${` is not closed", Some(span.clone())).hint(hint));
                    wrong = true;
                }
                Part::Expression(expression) => {
                    let place = self.place(span, expression, &mut cursor);
                    wrong |= !self.inside(expression, &place, &mut pieces);
                }
            }
        }
        node(if wrong { Content::Missing } else { joined(pieces) })
    }

    /// Adds what an expression in the middle of a text stands for; says no if that cannot be.
    fn inside(&mut self, expression: &str, place: &Range<usize>, pieces: &mut Vec<Piece>) -> bool {
        match self.expression(expression, place) {
            Filled::Wrong | Filled::Whole(Content::Missing) => false,
            Filled::Reference(reference) => {
                pieces.push(Piece::Ref(reference));
                true
            }
            Filled::Whole(content) => match scalar(&content) {
                Some(text) => {
                    append(pieces, &text);
                    true
                }
                None => {
                    let message =
                        format!("`{expression}` is a list or a table, which cannot be a part of a text");
                    let hint = format!("use it alone: `\"${{{expression}}}\"`");
                    self.found.push(Diagnostic::new(message, Some(place.clone())).hint(hint));
                    false
                }
            },
        }
    }

    fn expression(&mut self, expression: &str, place: &Range<usize>) -> Filled {
        let result = match expression.trim().strip_prefix("var.") {
            Some(name) => self.variable(name).map(Filled::Whole),
            None => self.reference(expression.trim()).map(Filled::Reference),
        };
        result.unwrap_or_else(|diagnostic| {
            self.found.push(Diagnostic { span: Some(place.clone()), ..diagnostic });
            Filled::Wrong
        })
    }

    fn variable(&self, name: &str) -> Result<Content, Diagnostic> {
        self.values.get(name).cloned().ok_or_else(|| {
            let declared: Vec<&str> = self.values.keys().map(String::as_str).collect();
            let add = format!("declare it: `[variables] {name} = {{ default = \"…\" }}`");
            let hint = match suggest::nearest(name, declared.iter().copied()) {
                Some(near) => format!("did you mean `var.{near}`? or {add}"),
                None if declared.is_empty() => format!("the file declares no variables: {add}"),
                None => format!("declared: {}; or {add}", suggest::quoted(&declared)),
            };
            Diagnostic::new(format!("there is no variable `{name}`"), None).hint(hint)
        })
    }

    /// Reads `section.name[@cluster].output`.
    fn reference(&self, expression: &str) -> Result<Reference, Diagnostic> {
        let shape = "write `${var.name}` or `${section.name.output}`, as in `${gateway.shop.address}`";
        let fail = |message: String, hint: String| Err(Diagnostic::new(message, None).hint(hint));
        let mut parts = expression.splitn(3, '.');
        let (Some(section), Some(name), output) = (parts.next(), parts.next(), parts.next()) else {
            return fail(format!("`{expression}` refers to nothing"), shape.to_owned());
        };
        // The heading will do as well: `${values.release.value}`.
        let section = SECTIONS.iter().find(|(key, _)| *key == section).map_or(section, |(_, word)| word);
        let Some(section_key) = heading(section) else {
            let words: Vec<&str> = SECTIONS.iter().map(|(_, word)| *word).chain(["var"]).collect();
            return fail(format!("`{section}` is not a section to refer to"), suggest::hint(section, &words));
        };
        let (bare, cluster) = name.split_once('@').map_or((name, None), |(bare, at)| (bare, Some(at)));
        if !self.names.has(section_key, bare) {
            return fail(format!("there is no {section} `{bare}`"), self.names.hint(section_key, bare));
        }
        if let Some(cluster) = cluster.filter(|cluster| !self.names.has("clusters", cluster)) {
            return fail(format!("there is no cluster `{cluster}`"), self.names.hint("clusters", cluster));
        }
        let Some(output) =
            output.filter(|output| !output.is_empty() && !output.contains(char::is_whitespace))
        else {
            return fail(format!("`{expression}` does not say which output"), shape.to_owned());
        };
        let address = Address::new(section, bare);
        let address = cluster.map_or_else(|| address.clone(), |cluster| address.at(cluster));
        Ok(Reference { address, output: output.to_owned() })
    }

    /// Where an expression stands in the string at `span`; the whole string if escapes hide it.
    fn place(&self, span: &Range<usize>, expression: &str, cursor: &mut usize) -> Range<usize> {
        let written = format!("${{{expression}}}");
        let source = self.text.get(span.clone()).unwrap_or_default();
        let Some(at) = source.get(*cursor..).and_then(|rest| rest.find(&written)) else {
            return span.clone();
        };
        let start = span.start + *cursor + at;
        *cursor += at + written.len();
        start..start + written.len()
    }
}

/// Cuts a text at its `${…}`. `$${` is the text `${`.
fn split(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            parts.extend([Part::Literal(before), Part::Literal("${")]);
            rest = &after[2..];
            continue;
        }
        parts.push(Part::Literal(before));
        let Some((expression, behind)) = after[2..].split_once('}') else {
            parts.push(Part::Open);
            rest = "";
            break;
        };
        parts.push(Part::Expression(expression));
        rest = behind;
    }
    parts.push(Part::Literal(rest));
    parts.retain(|part| *part != Part::Literal(""));
    parts
}

fn append(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Text(before)) => before.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

fn joined(pieces: Vec<Piece>) -> Content {
    match pieces.as_slice() {
        [] => Content::Text(String::new()),
        [Piece::Text(text)] => Content::Text(text.clone()),
        _ => Content::Template(pieces),
    }
}

fn scalar(content: &Content) -> Option<String> {
    match content {
        Content::Text(text) | Content::Given(text) | Content::Date(text) => Some(text.clone()),
        Content::Integer(number) => Some(number.to_string()),
        Content::Float(number) => Some(number.to_string()),
        Content::Bool(truth) => Some(truth.to_string()),
        Content::Template(_) | Content::List(_) | Content::Table(_) | Content::Missing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heading_of_a_section_will_do_in_a_reference() {
        let stack = |word: &str| {
            let text = format!(
                "[stack]\nname = \"a\"\nregion = \"us-west-2\"\n[values.v]\ninput = 1\n\
                 [outputs]\no = \"${{{word}.v.value}}\"\n"
            );
            let source = crate::stack::Source { path: "a.toml".into(), text: text.into() };
            crate::stack::parse(source, &crate::stack::Variables::default()).expect("it is sound").outputs
        };
        assert_eq!(stack("values"), stack("value"));
    }

    #[test]
    fn two_dollars_are_a_literal_and_an_open_brace_is_noticed() {
        assert_eq!(split("a$${b}"), [Part::Literal("a"), Part::Literal("${"), Part::Literal("b}")]);
        assert_eq!(split("${x}${y}"), [Part::Expression("x"), Part::Expression("y")]);
        assert_eq!(split("a${x"), [Part::Literal("a"), Part::Open]);
        assert_eq!(split("$"), [Part::Literal("$")]);
    }
}
