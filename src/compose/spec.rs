//! Small things that many sections need to write a spec: values from JSON, names within a length, partitions.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::value::Value;

/// A spec from JSON. Fields that are null are left out: a missing field is no opinion.
pub(super) fn spec(json: Json) -> Value {
    prune(json.into())
}

/// The same without the nulls, in maps at any depth.
pub(super) fn prune(value: Value) -> Value {
    match value {
        Value::Map(map) => Value::map(map.into_iter().map(|(key, value)| (key, prune(value)))),
        Value::List(items) => Value::list(items.into_iter().map(prune)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Unknown(_) => value,
    }
}

/// A name of at most `most` characters: what is cut off lives on in eight characters of a hash.
pub(super) fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    let digest = Sha256::digest(name.as_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let kept: String = name.chars().take(most.saturating_sub(hash.len() + 1)).collect();
    format!("{}-{hash}", kept.trim_end_matches('-'))
}

/// The name of an IAM role made of parts.
pub(super) fn role_name(parts: &[&str]) -> String {
    short(&parts.join("-"), 64)
}

/// The AWS partition of a region.
pub(super) fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ if region.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
}

/// The ARN of a policy that AWS manages.
pub(super) fn managed_policy(region: &str, name: &str) -> String {
    format!("arn:{}:iam::aws:policy/{name}", partition(region))
}

/// A TOML table as JSON.
pub(super) fn table(table: &toml::Table) -> Json {
    serde_json::to_value(table).expect("a TOML table has text keys and finite numbers, or JSON writes null")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nulls_are_left_out_at_any_depth() {
        let pruned = spec(json!({ "a": null, "b": [{ "c": null, "d": 1 }] }));
        assert_eq!(Json::from(&pruned), json!({ "b": [{ "d": 1 }] }));
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let long = |end: &str| role_name(&["a".repeat(70).as_str(), end]);
        assert_eq!(long("x").len(), 64);
        assert_ne!(long("x"), long("y"));
        assert_eq!(role_name(&["shop", "edge", "node"]), "shop-edge-node");
    }
}
