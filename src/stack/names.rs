//! `Names`: what a file declares, by section. Known before anything is typed, so that a mistake inside of a
//! section does not make those who refer to it wrong too.

use std::collections::BTreeMap;

use indexmap::IndexSet;

use super::node::Node;
use super::suggest;

/// Sections that declare things: as they are headed in the file, and as addresses call them.
pub(super) const SECTIONS: [(&str, &str); 9] = [
    ("networks", "network"),
    ("clusters", "cluster"),
    ("service_networks", "service_network"),
    ("controllers", "controller"),
    ("certificates", "certificate"),
    ("gateways", "gateway"),
    ("routes", "route"),
    ("manifests", "manifest"),
    ("values", "value"),
];

/// The names declared in each section.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<&'static str, IndexSet<String>>);

impl Names {
    /// All that a file declares, `[accounts]` included.
    pub(super) fn of(root: &Node) -> Self {
        let sections = SECTIONS.iter().map(|(section, _)| *section).chain(["accounts"]);
        let names = |section| -> IndexSet<String> {
            let declared = root.entry(section).map_or(&[][..], |entry| entry.node.entries());
            declared.iter().map(|entry| entry.name.clone()).collect()
        };
        Self(sections.map(|section| (section, names(section))).collect())
    }

    /// The names in a section.
    pub(super) fn in_section(&self, section: &str) -> Vec<&str> {
        self.0.get(section).map(|names| names.iter().map(String::as_str).collect()).unwrap_or_default()
    }

    /// Whether a section declares a name.
    pub(super) fn has(&self, section: &str, name: &str) -> bool {
        self.0.get(section).is_some_and(|names| names.contains(name))
    }

    /// What to do about a name that a section does not declare.
    pub(super) fn hint(&self, section: &str, name: &str) -> String {
        let declared = self.in_section(section);
        if declared.is_empty() {
            return format!("the file declares no {}: add `[{section}.{name}]`", section.replace('_', " "));
        }
        match suggest::nearest(name, declared.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? declared: {}", suggest::quoted(&declared)),
            None => format!("declared: {}; or add `[{section}.{name}]`", suggest::quoted(&declared)),
        }
    }
}

/// The heading of a section by the word that addresses use: `networks` for `network`.
pub(super) fn heading(word: &str) -> Option<&'static str> {
    SECTIONS.iter().find(|(_, singular)| *singular == word).map(|(section, _)| *section)
}

/// The word of addresses for a heading: `network` for `networks`.
pub(super) fn word(heading: &str) -> &'static str {
    match heading {
        "accounts" => "account",
        _ => SECTIONS.iter().find(|(section, _)| *section == heading).map_or("section", |(_, word)| word),
    }
}
