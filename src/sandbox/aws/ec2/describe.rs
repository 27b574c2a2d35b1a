//! Describe: by ids, by filters, by pages, the same way for every sort of thing.

use serde_json::{Value as Json, json};

use super::super::wire::{listed, number, page};
use super::super::{Answer, Refusal};
use crate::sandbox::world::{Doc, Here};

/// One sort of thing.
pub(super) struct Sort {
    pub(super) table: &'static str,
    /// The field with the id.
    pub(super) id: &'static str,
    /// The parameter with ids.
    pub(super) ids: &'static str,
    /// The list in the answer.
    pub(super) set: &'static str,
    /// Code and words of the refusal of an unknown id, `{}` for the id.
    pub(super) missing: (&'static str, &'static str),
    /// Filters beside those of tags, and the paths of what they look at.
    pub(super) filters: &'static [(&'static str, &'static str)],
}

impl Sort {
    /// A copy of the thing with this id, or the refusal of an id that nothing has.
    pub(super) fn must(&self, here: &Here<'_>, id: &str) -> Result<Doc, Refusal> {
        let (code, words) = self.missing;
        here.get(self.table, id).cloned().ok_or_else(|| Refusal::bad(code, words.replace("{}", id)))
    }
}

/// Answers a Describe. `show` works out what a document tells only of others.
pub(super) fn describe(
    here: &mut Here<'_>,
    input: &Json,
    sort: &Sort,
    show: fn(&Here<'_>, &mut Doc),
) -> Answer {
    let ids = listed(&input[sort.ids]);
    let mut docs = if ids.is_empty() {
        here.list(sort.table)
    } else {
        let ids = ids.iter().filter_map(Json::as_str);
        ids.map(|id| sort.must(here, id)).collect::<Result<_, _>>()?
    };
    docs.iter_mut().for_each(|doc| show(here, doc));
    let docs = select(docs, input, sort.filters)?;
    let most = number(&input["MaxResults"]).and_then(|most| usize::try_from(most).ok());
    let (docs, next) = page(docs, input["NextToken"].as_str(), Some(most.unwrap_or(1000)));
    Ok(json!({ (sort.set): docs, "nextToken": next }))
}

/// Nothing to work out.
pub(super) fn as_it_is(_: &Here<'_>, _: &mut Doc) {}

/// What passes all filters.
pub(super) fn select(docs: Vec<Doc>, input: &Json, known: &[(&str, &str)]) -> Result<Vec<Doc>, Refusal> {
    let mut docs = docs;
    for filter in listed(&input["Filter"]) {
        let name = filter["Name"].as_str().unwrap_or_default();
        let values = listed(&filter["Value"]);
        let wanted: Vec<&str> = values.iter().filter_map(Json::as_str).collect();
        let passes = |told: Vec<String>| told.iter().any(|told| wanted.iter().any(|w| like(w, told)));
        if let Some(key) = name.strip_prefix("tag:") {
            docs.retain(|doc| passes(tagged(doc, key)));
        } else {
            let path = match name {
                "tag-key" => "tagSet/key",
                "tag-value" => "tagSet/value",
                _ => known.iter().find(|(known, _)| *known == name).map(|(_, path)| *path).ok_or_else(
                    || Refusal::bad("InvalidParameterValue", format!("The filter '{name}' is invalid")),
                )?,
            };
            docs.retain(|doc| passes(told(doc, path)));
        }
    }
    Ok(docs)
}

fn tagged(doc: &Doc, key: &str) -> Vec<String> {
    let tags = doc["tagSet"].as_array().into_iter().flatten().filter(|tag| tag["key"] == key);
    tags.filter_map(|tag| tag["value"].as_str().map(str::to_owned)).collect()
}

/// Everything at a path, through lists, as text.
fn told(doc: &Json, path: &str) -> Vec<String> {
    if let Json::Array(items) = doc {
        return items.iter().flat_map(|item| told(item, path)).collect();
    }
    match path.split_once('/') {
        _ if path.is_empty() => match doc {
            Json::String(text) => vec![text.clone()],
            Json::Bool(_) | Json::Number(_) => vec![doc.to_string()],
            Json::Null | Json::Array(_) | Json::Object(_) => Vec::new(),
        },
        Some((head, rest)) => told(&doc[head], rest),
        None => told(&doc[path], ""),
    }
}

/// Whether a text is like a pattern with `*` and `?`.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            like(rest, text) || text.chars().next().is_some_and(|c| like(pattern, &text[c.len_utf8()..]))
        }
        Some(p) => text
            .chars()
            .next()
            .is_some_and(|c| (p == '?' || p == c) && like(&pattern[p.len_utf8()..], &text[c.len_utf8()..])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(like("a*c?", "abbcd"));
        assert!(!like("a*c?", "abbc"));
        assert!(like("*", ""));
        assert!(!like("A", "a"));
    }

    #[test]
    fn filters_go_through_lists_and_all_must_pass() {
        let docs = vec![
            json!({ "n": 1, "aSet": [{ "b": "x" }, { "b": "y" }], "tagSet": [{ "key": "k", "value": "v" }] }),
            json!({ "n": 2, "aSet": [{ "b": "y" }], "tagSet": [] }),
        ];
        let known = &[("a.b", "aSet/b")];
        let numbers = |filters: Json| {
            let found = select(docs.clone(), &json!({ "Filter": filters }), known).expect("known filters");
            found.iter().map(|doc| doc["n"].as_i64().expect("a number")).collect::<Vec<_>>()
        };
        assert_eq!(numbers(json!([{ "Name": "a.b", "Value": ["y"] }])), [1, 2]);
        assert_eq!(
            numbers(json!([{ "Name": "a.b", "Value": ["y"] }, { "Name": "tag:k", "Value": ["v", "w"] }])),
            [1]
        );
        assert_eq!(numbers(json!([{ "Name": "tag-key", "Value": ["none"] }])), [0; 0]);
        assert!(
            select(docs.clone(), &json!({ "Filter": [{ "Name": "c", "Value": ["y"] }] }), known).is_err()
        );
    }
}
