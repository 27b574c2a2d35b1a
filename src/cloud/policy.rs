//! Policy documents as AWS compares them: two texts that mean the same are the same. What a policy allows is not here.
//!
//! AWS gives documents back otherwise than it got them: accounts become the ARN of their root, a list of one becomes
//! a text, order is lost. `told` hides that from a diff.

use serde_json::{Map, Value as Json, json};

/// What to say of a document that the cloud tells: `wanted` itself if both mean the same, else as it was told.
pub fn told(wanted: Option<&Json>, told: Json) -> Json {
    match wanted {
        Some(wanted) if same(wanted, &told) => wanted.clone(),
        _ => told,
    }
}

/// Whether two documents mean the same.
pub fn same(one: &Json, other: &Json) -> bool {
    one == other || normal(one) == normal(other)
}

/// Reads a document as IAM tells it: percent-encoded JSON. `None` if it is neither.
pub fn read(encoded: &str) -> Option<Json> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    serde_json::from_slice(&bytes).ok()
}

/// The one form of all documents that mean the same. Not meant to be sent.
pub fn normal(document: &Json) -> Json {
    let Json::Object(document) = document else { return document.clone() };
    let mut out = Map::new();
    for (key, value) in document {
        let value = match key.as_str() {
            "Statement" => set(value, statement),
            _ => value.clone(),
        };
        out.insert(key.clone(), value);
    }
    out.entry("Version").or_insert_with(|| Json::from("2008-10-17"));
    Json::Object(out)
}

fn statement(one: &Json) -> Json {
    let Json::Object(one) = one else { return one.clone() };
    let mut out = Map::new();
    for (key, value) in one {
        let value = match key.as_str() {
            "Sid" if value == "" => continue,
            "Action" | "NotAction" => set(value, lower),
            "Resource" | "NotResource" => set(value, Json::clone),
            "Principal" | "NotPrincipal" => principals(value),
            "Condition" => conditions(value),
            _ => value.clone(),
        };
        out.insert(key.clone(), value);
    }
    Json::Object(out)
}

/// A single thing or a list of them, as a sorted list without repetitions.
fn set(value: &Json, each: impl Fn(&Json) -> Json) -> Json {
    let mut items: Vec<Json> = match value {
        Json::Array(items) => items.iter().map(each).collect(),
        one => vec![each(one)],
    };
    items.sort_by_cached_key(Json::to_string);
    items.dedup();
    Json::Array(items)
}

/// Actions mean the same in any case.
fn lower(value: &Json) -> Json {
    value.as_str().map_or_else(|| value.clone(), |text| Json::from(text.to_lowercase()))
}

fn principals(value: &Json) -> Json {
    match value {
        Json::Object(sorts) => {
            sorts.iter().map(|(sort, who)| (sort.clone(), set(who, principal))).collect::<Map<_, _>>().into()
        }
        everybody => json!({ "AWS": [everybody] }),
    }
}

/// The ARN of an account's root is the account.
fn principal(who: &Json) -> Json {
    let account = who.as_str().and_then(|arn| {
        let (head, account) = arn.strip_suffix(":root")?.rsplit_once(':')?;
        (head.starts_with("arn:") && head.ends_with(":iam:")).then_some(account)
    });
    account.map_or_else(|| who.clone(), Json::from)
}

/// Keys mean the same in any case; numbers and truth values mean the same as texts.
fn conditions(value: &Json) -> Json {
    let Json::Object(operators) = value else { return value.clone() };
    let keys = |keys: &Json| match keys {
        Json::Object(keys) => keys
            .iter()
            .map(|(key, value)| (key.to_lowercase(), set(value, text)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    };
    operators.iter().map(|(operator, value)| (operator.clone(), keys(value))).collect::<Map<_, _>>().into()
}

fn text(value: &Json) -> Json {
    match value {
        Json::Bool(_) | Json::Number(_) => Json::from(value.to_string()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn statement_of(
        sid: &str,
        actions: &[String],
        accounts: &[u64],
        condition: Option<bool>,
        respelled: bool,
    ) -> Json {
        let mut actions: Vec<String> = actions.to_vec();
        let mut accounts: Vec<String> = accounts.iter().map(|n| format!("{n:012}")).collect();
        if respelled {
            actions.reverse();
            actions = actions.iter().map(|action| action.to_uppercase()).collect();
            accounts.reverse();
            accounts = accounts.iter().map(|account| format!("arn:aws:iam::{account}:root")).collect();
        }
        let single = |list: Vec<String>| match list.as_slice() {
            [one] if respelled => json!(one),
            _ => json!(list),
        };
        let mut out = json!({ "Sid": sid, "Effect": "Allow", "Action": single(actions), "Principal": { "AWS": single(accounts) } });
        if let Some(truth) = condition {
            let value = if respelled { json!([truth.to_string()]) } else { json!(truth) };
            let key = if respelled { "AWS:SecureTransport" } else { "aws:SecureTransport" };
            out["Condition"] = json!({ "Bool": { key: value } });
        }
        out
    }

    type Parts = Vec<(String, Vec<String>, Vec<u64>, Option<bool>)>;

    fn document(parts: &Parts, respelled: bool) -> Json {
        let each = |(sid, actions, accounts, condition): &(String, Vec<String>, Vec<u64>, Option<bool>)| {
            statement_of(sid, actions, accounts, *condition, respelled)
        };
        let mut statements: Vec<Json> = parts.iter().map(each).collect();
        if respelled {
            statements.reverse();
        }
        match statements.as_slice() {
            [one] if respelled => json!({ "Version": "2012-10-17", "Statement": one }),
            _ => json!({ "Version": "2012-10-17", "Statement": statements }),
        }
    }

    fn parts() -> impl Strategy<Value = Parts> {
        let actions = prop::collection::vec("[a-z]{2,3}:[A-Z][a-z]{1,4}", 1..4);
        let accounts = prop::collection::vec(0u64..999_999_999_999, 1..3);
        prop::collection::vec(("[A-Z]{0,3}", actions, accounts, prop::option::of(any::<bool>())), 1..4)
    }

    proptest! {
        #[test]
        fn respelled_documents_are_the_same(parts in parts()) {
            let (one, other) = (document(&parts, false), document(&parts, true));
            prop_assert!(same(&one, &other));
            prop_assert_eq!(told(Some(&one), other), one);
        }

        #[test]
        fn one_more_action_is_another_document(parts in parts()) {
            let one = document(&parts, false);
            let mut more = parts;
            more[0].1.push("iam:PassRole".to_owned());
            prop_assert!(!same(&one, &document(&more, true)));
        }

        #[test]
        fn the_normal_form_is_its_own(parts in parts()) {
            let normal_form = normal(&document(&parts, true));
            prop_assert_eq!(normal(&normal_form), normal_form);
        }
    }

    #[test]
    fn names_and_resources_tell_documents_apart() {
        let of = |sid: &str, resource: &str| json!({"Version": "2012-10-17", "Statement": [{"Sid": sid, "Effect": "Allow", "Action": "s3:*", "Resource": resource}]});
        assert!(!same(&of("A", "*"), &of("B", "*")));
        assert!(!same(&of("A", "arn:aws:s3:::a"), &of("A", "arn:aws:s3:::A")));
        assert!(!same(
            &of("A", "*"),
            &json!({"Version": "2008-10-17", "Statement": of("A", "*")["Statement"]})
        ));
    }

    #[test]
    fn reads_what_is_percent_encoded() {
        assert_eq!(read("%7B%22a%22%3A%20%22b+c%22%7D"), Some(json!({"a": "b+c"})));
        assert_eq!(read("%7"), None);
    }
}
