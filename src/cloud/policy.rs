//! Policy documents as AWS compares them: one thing or a list of it, in any order, is the same.

use serde_json::{Map, Value as Json};

/// Whether two policy documents say the same. Statement ids say nothing.
pub fn same_policy(one: &Json, other: &Json) -> bool {
    normal(one) == normal(other)
}

/// A policy document in the one form that all equal ones share.
fn normal(policy: &Json) -> Json {
    let mut policy = policy.as_object().cloned().unwrap_or_default();
    policy.remove("Id");
    policy.entry("Version").or_insert_with(|| "2008-10-17".into());
    let mut statements: Vec<Json> = many(policy.remove("Statement")).iter().map(statement).collect();
    statements.sort_by_key(Json::to_string);
    policy.insert("Statement".to_owned(), Json::Array(statements));
    Json::Object(policy)
}

fn statement(statement: &Json) -> Json {
    let known = statement.as_object().cloned().unwrap_or_default();
    let parts = known.into_iter().filter(|(key, _)| key != "Sid");
    Json::Object(parts.map(|(key, value)| (key.clone(), part(&key, value))).collect())
}

fn part(key: &str, value: Json) -> Json {
    match (key, value) {
        ("Action" | "NotAction", value) => {
            sorted(many(Some(value)).iter().map(|one| one.as_str().unwrap_or_default().to_lowercase().into()))
        }
        ("Resource" | "NotResource", value) => sorted(many(Some(value)).into_iter()),
        ("Principal" | "NotPrincipal", Json::String(all)) => {
            Json::Object(Map::from_iter([("AWS".to_owned(), Json::Array(vec![all.into()]))]))
        }
        ("Principal" | "NotPrincipal", Json::Object(by)) => {
            let principals = |value| sorted(many(Some(value)).into_iter().map(principal));
            Json::Object(by.into_iter().map(|(key, value)| (key, principals(value))).collect())
        }
        ("Condition", Json::Object(by)) => {
            Json::Object(by.into_iter().map(|(o, c)| (o, condition(c))).collect())
        }
        (_, value) => value,
    }
}

fn condition(keys: Json) -> Json {
    let Json::Object(keys) = keys else { return keys };
    let values = |value| {
        sorted(many(Some(value)).into_iter().map(|one| match one {
            Json::String(text) => Json::String(text),
            other => Json::String(other.to_string()),
        }))
    };
    Json::Object(keys.into_iter().map(|(key, value)| (key, values(value))).collect())
}

/// An account is told as its root.
fn principal(one: Json) -> Json {
    match one.as_str() {
        Some(id) if id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()) => {
            format!("arn:aws:iam::{id}:root").into()
        }
        _ => one,
    }
}

fn many(value: Option<Json>) -> Vec<Json> {
    match value {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(items)) => items,
        Some(one) => vec![one],
    }
}

fn sorted(items: impl Iterator<Item = Json>) -> Json {
    let mut items: Vec<Json> = items.collect();
    items.sort_by_key(Json::to_string);
    items.dedup();
    Json::Array(items)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn form_and_order_do_not_matter() {
        let one = json!({"Version": "2012-10-17", "Statement": {
            "Sid": "a", "Effect": "Allow", "Principal": "*", "Action": ["b:B", "a:A"], "Resource": "*",
            "Condition": {"Bool": {"aws:x": true}},
        }});
        let other = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["a:a", "b:b"], "Resource": ["*"],
            "Condition": {"Bool": {"aws:x": ["true"]}},
        }]});
        assert!(same_policy(&one, &other));
    }

    #[test]
    fn what_is_allowed_matters() {
        let allow = |action: &str, who: &str| {
            json!({"Statement": [{
                "Effect": "Allow", "Action": action, "Resource": "*", "Principal": {"AWS": who},
            }]})
        };
        assert!(!same_policy(&allow("a:a", "*"), &allow("a:b", "*")));
        assert!(!same_policy(&allow("a:a", "*"), &allow("a:a", "111122223333")));
        assert!(same_policy(&allow("a:a", "arn:aws:iam::111122223333:root"), &allow("a:a", "111122223333")));
    }
}
