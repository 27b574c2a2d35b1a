//! `[values]` that need each other in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::super::model::Input;
use super::Rules;

/// Checks that values can be known one after the other.
pub(super) fn check(rules: &mut Rules<'_>) {
    let mut left: BTreeMap<&str, Vec<&str>> =
        rules.stack.values.iter().map(|(name, value)| (name.as_str(), needs(value))).collect();
    drop_free(&mut left);
    let mut walked = BTreeSet::new();
    for start in left.keys() {
        let mut trail: Vec<&str> = Vec::new();
        let mut at = *start;
        while walked.insert(at) {
            trail.push(at);
            // What is left needs something that is left too.
            at = left[at].iter().copied().find(|next| left.contains_key(next)).unwrap_or(at);
        }
        if let Some(begin) = trail.iter().position(|member| *member == at) {
            report(&trail[begin..], rules);
        }
    }
}

fn report(circle: &[&str], rules: &mut Rules<'_>) {
    let first = circle.first().copied().unwrap_or_default();
    let shown = circle.iter().map(|name| format!("`value.{name}`")).collect::<Vec<_>>().join(" needs ");
    let message = format!("these values need each other: {shown} needs `value.{first}`");
    rules.value(&format!("values.{first}.input"), message, "one of them must do without the others");
}

/// Takes out what needs nothing that is left, until nothing more can be: then only circles are left, and what needs them.
fn drop_free(left: &mut BTreeMap<&str, Vec<&str>>) {
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, needs) in left.iter() {
        let needs = needs.iter().filter(|need| left.contains_key(*need));
        open.insert(name, needs.clone().count());
        needs.for_each(|need| users.entry(need).or_default().push(name));
    }
    let mut free: Vec<&str> = open.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    while let Some(name) = free.pop() {
        left.remove(name);
        for user in users.get(name).into_iter().flatten() {
            let count = open.entry(user).or_default();
            *count = count.saturating_sub(1);
            if *count == 0 {
                free.push(user);
            }
        }
    }
}

fn needs(value: &Input) -> Vec<&str> {
    let references = value.input.references().into_iter();
    references
        .filter(|reference| reference.address.section() == "value")
        .map(|reference| reference.address.name())
        .collect()
}
