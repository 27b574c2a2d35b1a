//! Names: keys of sections, and what Kubernetes and AWS take.

use super::super::names::SECTIONS;
use super::super::node::Node;
use super::Rules;

/// What a name may be made of, for hints.
pub(super) const LABEL: &str = "lower-case letters, digits and `-`, not at the ends";

/// Whether a text is `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, of 63 characters at most.
pub(super) fn is_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Refuses what is no label.
pub(super) fn label(path: &str, what: &str, text: &str, rules: &mut Rules<'_>) {
    if !is_label(text) {
        rules.value(
            path,
            format!("`{text}` is no name for {what}"),
            format!("63 characters at most: {LABEL}"),
        );
    }
}

/// Checks the keys of all sections whose entries have names.
pub(super) fn check(root: &Node, rules: &mut Rules<'_>) {
    for section in SECTIONS.iter().map(|(section, _)| *section).chain(["accounts"]) {
        let entries = root.entry(section).map_or(&[][..], |entry| entry.node.entries());
        for entry in entries.iter().filter(|entry| !is_label(&entry.name)) {
            let message = format!("`{}` is no name for an entry of `[{section}]`", entry.name);
            let hint = format!("63 characters at most: {LABEL}");
            let diagnostic = super::Diagnostic::new(message, Some(entry.key.clone())).hint(hint);
            rules.found.push(diagnostic);
        }
    }
}
