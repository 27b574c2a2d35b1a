//! `[lifecycle]`, `[moved]` and `[removed]`: addresses that mean something, moves that can be followed.

use std::collections::{HashMap, HashSet};

use super::super::names::{SECTIONS, heading};
use super::{Rules, suggest};
use crate::address::Address;

/// Sections of addresses that no section of the file is headed by: what they hold is made for others.
const MADE: [&str; 2] = ["crds", "namespace"];

/// Checks all addresses.
pub(super) fn check(rules: &mut Rules<'_>) {
    for text in rules.stack.lifecycle.keys() {
        let path = format!("lifecycle.{text}");
        if let Some(address) = parsed(&path, text, true, rules) {
            declared(&path, &address, true, rules);
        }
    }
    for text in rules.stack.removed.keys() {
        let path = format!("removed.{text}");
        if let Some(address) = parsed(&path, text, true, rules)
            && is_declared(&address, rules)
            && is_whole(&address)
        {
            let hint = "take the section out of the file, or this entry";
            rules.key(&path, format!("`{text}` is to be removed and is still in the file"), hint);
        }
        if rules.stack.moved.contains_key(text) {
            rules.pair(
                &format!("moved.{text}"),
                &path,
                format!("`{text}` is both moved and removed"),
                "keep one of them",
            );
        }
    }
    moved(rules);
}

fn moved(rules: &mut Rules<'_>) {
    let mut targets: HashMap<&str, String> = HashMap::new();
    let circles = circles(rules);
    for (old, new) in &rules.stack.moved {
        let path = format!("moved.{old}");
        let (Some(from), Some(to)) = (parsed(&path, old, true, rules), parsed(&path, new, false, rules))
        else {
            continue;
        };
        if from.section() != to.section() {
            let message = format!("a {} cannot become a {}", from.section(), to.section());
            rules.value(&path, message, format!("write an address that begins with `{}.`", from.section()));
        }
        if let Some(first) = targets.insert(new, path.clone()) {
            rules.pair(
                &first,
                &path,
                format!("two resources are moved to `{new}`"),
                "give each an address of its own",
            );
        }
        if circles.contains(old.as_str()) {
            rules.value(
                &path,
                format!("the move of `{old}` ends where it began"),
                "a chain of moves ends in what is in the file",
            );
            continue;
        }
        if is_whole(&from) && is_declared(&from, rules) && from.name() != to.name() {
            let hint = "rename the section, or take this move out";
            rules.key(&path, format!("`{old}` is moved and is still in the file"), hint);
        }
        if !rules.stack.moved.contains_key(new) && !rules.stack.removed.contains_key(new) {
            declared(&path, &to, false, rules);
        }
    }
}

/// The addresses whose chain of moves comes back to them.
fn circles<'a>(rules: &Rules<'a>) -> HashSet<&'a str> {
    let (mut walked, mut found) = (HashSet::new(), HashSet::new());
    for start in rules.stack.moved.keys() {
        let mut trail = Vec::new();
        let mut at = Some(start.as_str());
        while let Some(here) = at.filter(|here| walked.insert(*here)) {
            trail.push(here);
            at = rules.stack.moved.get(here).map(String::as_str);
        }
        let begin = trail.iter().position(|here| Some(*here) == at);
        found.extend(begin.into_iter().flat_map(|begin| trail[begin..].iter().copied()));
    }
    found
}

fn parsed(path: &str, text: &str, is_key: bool, rules: &mut Rules<'_>) -> Option<Address> {
    let hint = "as in `cluster.edge`, `gateway.core@apps-a` or `cluster.edge/nodes.default`";
    let address = match Address::parse(text) {
        Ok(address) => address,
        Err(error) => {
            report(path, is_key, error.to_string(), hint.to_owned(), rules);
            return None;
        }
    };
    let section = address.section();
    if heading(section).is_none() && !MADE.contains(&section) {
        let words: Vec<&str> = SECTIONS.iter().map(|(_, word)| *word).collect();
        report(
            path,
            is_key,
            format!("`{section}` is no section of an address"),
            suggest::hint(section, &words),
            rules,
        );
        return None;
    }
    Some(address)
}

fn report(path: &str, is_key: bool, message: String, hint: String, rules: &mut Rules<'_>) {
    if is_key { rules.key(path, message, hint) } else { rules.value(path, message, hint) }
}

/// Refuses an address of something that the file does not declare.
fn declared(path: &str, address: &Address, is_key: bool, rules: &mut Rules<'_>) {
    if let Some(cluster) = address.cluster().filter(|cluster| !rules.names.has("clusters", cluster)) {
        let hint = rules.names.hint("clusters", cluster);
        report(path, is_key, format!("there is no cluster `{cluster}`"), hint, rules);
    }
    if let Some(section) =
        heading(address.section()).filter(|section| !rules.names.has(section, address.name()))
    {
        let hint = rules.names.hint(section, address.name());
        report(path, is_key, format!("there is no {} `{}`", address.section(), address.name()), hint, rules);
    }
}

fn is_declared(address: &Address, rules: &Rules<'_>) -> bool {
    heading(address.section()).is_some_and(|section| rules.names.has(section, address.name()))
}

fn is_whole(address: &Address) -> bool {
    address.cluster().is_none() && address.parts().next().is_none()
}
