//! From the text of a stack file to a `Stack`, or to everything that is wrong with it. Pure: no file is opened here.

use std::collections::HashSet;
use std::ops::Range;

use super::check;
use super::decode::Cx;
use super::diagnostic::Diagnostic;
use super::manifests::{self, Files};
use super::model::Stack;
use super::names::Names;
use super::node::Node;
use super::sections;
use super::source::Source;
use super::syntax;
use super::template::Fill;
use super::variables::{Variables, resolve};
use crate::secret::Secrets;

/// More mistakes than this are counted, not shown.
const MOST: usize = 100;

/// Sections that a destroy needs: who and where, what the state is kept in, what protects resources.
const HEAD: [&str; 4] = ["stack", "state", "accounts", "lifecycle"];

/// Reads the text of a stack file. The objects of `[manifests]` stay empty, policy files unread: see `read`.
///
/// With `Variables::lenient` only mistakes of syntax and those in `[stack]`, `[state]`, `[accounts]` and `[lifecycle]`
/// count; entries elsewhere that have mistakes are left out, and no rules are checked.
///
/// # Errors
/// All that is wrong, in the order of the text, 100 at most.
pub fn parse(source: Source, variables: &Variables) -> Result<Stack, Vec<Diagnostic>> {
    parse_with(source, variables, None)
}

/// `parse`, and the files that a stack file names, if there are any to look into.
pub(super) fn parse_with(
    source: Source,
    variables: &Variables,
    files: Option<&dyn Files>,
) -> Result<Stack, Vec<Diagnostic>> {
    let text = source.text.clone();
    let tree = syntax::tree(&text);
    if !tree.sound {
        return Err(in_order(tree.found));
    }
    let mut root = tree.root;
    let names = Names::of(&root);
    let mut cx = Cx { names: &names, found: tree.found };
    let syntax_count = cx.found.len();
    let resolved = resolve(root.entry("variables"), variables, &mut cx);

    let mut fill = Fill { text: &text, values: &resolved.values, names: &names, found: Vec::new() };
    for entry in entries_mut(&mut root).iter_mut().filter(|entry| entry.name != "variables") {
        fill.tree(&mut entry.node);
    }
    cx.found.append(&mut fill.found);

    let mut read = sections::read(&root, source, &mut cx);
    let secrets = Secrets::new(&resolved.secrets);
    read.stack.secrets = secrets.clone();
    read.stack.variables = resolved.declared;
    if variables.lenient {
        let found = only_head(cx.found, syntax_count, &root, read.head);
        return if found.is_empty() {
            Ok(read.stack)
        } else {
            Err(without_secrets(found, &text, &resolved.secrets, &secrets))
        };
    }
    check::all(&read, &root, &mut cx);
    if let Some(files) = files {
        manifests::fill(&mut read.stack, files, &mut cx.found);
        read.stack.secrets = secrets.clone().and_in_place(manifests::secrets(&read.stack));
    }
    if cx.found.is_empty() {
        Ok(read.stack)
    } else {
        Err(without_secrets(cx.found, &text, &resolved.secrets, &secrets))
    }
}

fn entries_mut(root: &mut Node) -> &mut [super::node::Entry] {
    match &mut root.content {
        super::node::Content::Table(entries) => entries,
        _ => &mut [],
    }
}

/// What counts for a destroy. A variable without value counts only if the head could not be read.
fn only_head(found: Vec<Diagnostic>, syntax_count: usize, root: &Node, head: bool) -> Vec<Diagnostic> {
    let mut places = HashSet::new();
    for entry in root.entries() {
        if HEAD.contains(&entry.name.as_str()) || (!head && entry.name == "variables") {
            places.insert(entry.key.clone());
            collect(&entry.node, &mut places);
        }
    }
    let counts = |(i, diagnostic): &(usize, Diagnostic)| {
        let inside = |span: &Range<usize>| {
            places.iter().any(|place| place.start <= span.start && span.end <= place.end)
        };
        match &diagnostic.source {
            // In a file of variables: it matters where the head could not be read for want of them.
            Some(_) => !head,
            None => *i < syntax_count || diagnostic.span.as_ref().is_none_or(inside),
        }
    };
    found.into_iter().enumerate().filter(counts).map(|(_, diagnostic)| diagnostic).collect()
}

fn collect(node: &Node, places: &mut HashSet<Range<usize>>) {
    places.insert(node.span.clone());
    for entry in node.entries() {
        places.insert(entry.key.clone());
        collect(&entry.node, places);
    }
}

/// In the order of the text, without repetition, and not too many.
fn in_order(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found
        .sort_by_key(|diagnostic| diagnostic.span.as_ref().map_or((0, 0), |span| (span.start + 1, span.end)));
    found.dedup();
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    if more > 0 {
        found.push(Diagnostic::new(format!("{more} more mistakes are not shown"), None));
    }
    found
}

fn without_secrets(
    found: Vec<Diagnostic>,
    text: &str,
    values: &[String],
    secrets: &Secrets,
) -> Vec<Diagnostic> {
    let mut found = in_order(found);
    for diagnostic in &mut found {
        for words in [Some(&mut diagnostic.message), diagnostic.label.as_mut(), diagnostic.hint.as_mut()] {
            words.into_iter().for_each(|words| *words = secrets.hide(words).into_owned());
        }
        // A line that would show the secret itself is named and not drawn.
        let other = diagnostic.other.as_ref().map(|other| &other.0);
        let shows = |span| values.iter().any(|value| lines_of(text, span).contains(value.as_str()));
        if other.into_iter().chain(&diagnostic.span).any(shows)
            && let Some(span) = diagnostic.span.take()
        {
            let line = text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1);
            diagnostic.message = format!("line {line}: {}", diagnostic.message);
            (diagnostic.label, diagnostic.other) = (None, None);
        }
    }
    found
}

/// The lines that a place touches.
fn lines_of<'t>(text: &'t str, span: &Range<usize>) -> &'t str {
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let end = text.get(span.end..).and_then(|after| after.find('\n')).map_or(text.len(), |at| span.end + at);
    text.get(start..end).unwrap_or(text)
}
