//! Label and field selectors.

use serde_json::Value as Json;

use crate::sandbox::world::Doc;

/// Whether an object fits a label selector: `a=b,c!=d,e,!f,g in (h,i),j notin (k)`.
pub(super) fn labels_fit(doc: &Doc, selector: &str) -> bool {
    terms(selector).iter().all(|term| label_fits(&doc["metadata"]["labels"], term))
}

/// Splits at commas outside of brackets.
fn terms(selector: &str) -> Vec<String> {
    let (mut terms, mut depth) = (vec![String::new()], 0);
    for character in selector.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                terms.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(term) = terms.last_mut() {
            term.push(character);
        }
    }
    terms.iter().map(|term| term.trim().to_owned()).filter(|term| !term.is_empty()).collect()
}

fn label_fits(labels: &Json, term: &str) -> bool {
    let value = |key: &str| labels[key.trim()].as_str();
    let among = |list: &str, value: Option<&str>| {
        let list = list.trim().trim_start_matches('(').trim_end_matches(')');
        value.is_some_and(|value| list.split(',').any(|one| one.trim() == value))
    };
    if let Some((key, list)) = term.split_once(" notin ") {
        return !among(list, value(key));
    }
    if let Some((key, list)) = term.split_once(" in ") {
        return among(list, value(key));
    }
    if let Some((key, wanted)) = term.split_once("!=") {
        return value(key) != Some(wanted.trim());
    }
    if let Some((key, wanted)) = term.split_once('=') {
        return value(key) == Some(wanted.trim_start_matches('=').trim());
    }
    match term.strip_prefix('!') {
        Some(key) => value(key).is_none(),
        None => value(term).is_some(),
    }
}

/// Whether an object fits a field selector: `metadata.name=a,status.phase!=Failed`.
pub(super) fn fields_fit(doc: &Doc, selector: &str) -> bool {
    selector.split(',').filter(|term| !term.is_empty()).all(|term| {
        let (path, wanted, equal) = match term.split_once("!=") {
            Some((path, wanted)) => (path, wanted, false),
            None => {
                let (path, wanted) = term.split_once('=').unwrap_or((term, ""));
                (path, wanted.trim_start_matches('='), true)
            }
        };
        let found = path.split('.').try_fold(doc, |at, name| at.get(name));
        let found = found.and_then(Json::as_str).unwrap_or_default();
        (found == wanted) == equal
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_selected_by_equality_sets_and_presence() {
        let doc = json!({"metadata": {"name": "x", "labels": {"a": "b", "g": "h"}}});
        for fits in ["", "a=b", "a==b", "a,g", "a in (x, b),g!=x", "!z", "a notin (x)", "z!=1"] {
            assert!(labels_fit(&doc, fits), "{fits}");
        }
        for not in ["a=c", "z", "!a", "a in (x,y)", "a notin (b)"] {
            assert!(!labels_fit(&doc, not), "{not}");
        }
        assert!(fields_fit(&doc, "metadata.name=x"));
        assert!(!fields_fit(&doc, "metadata.name!=x"));
    }
}
