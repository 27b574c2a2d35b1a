//! Moves the times that documents hold, so that content that was kept for a while goes on at the time of the day.
//!
//! A time is a text as `world::timestamp` writes it. Times that users wrote (tags, labels, annotations, specs of
//! Kubernetes objects) stay, and so do those that tell one thing from another.

use serde_json::Value as Json;

/// Where users write.
const USERS: &[&str] = &["tags", "Tags", "tagSet", "labels", "annotations", "_inline"];

/// The parts of a Kubernetes object that the server writes.
const SERVER: &[&str] = &["metadata", "status"];

/// The creation time of a cluster tells it from a later one of its name.
const IDENTITY: (&str, &str) = ("eks/cluster", "createdAt");

/// Moves every time in a document of a table.
pub(super) fn shift(table: &str, doc: &mut Json, millis: i64) {
    let Json::Object(map) = doc else { return };
    let object = table.starts_with("kube/");
    for (key, value) in map {
        let kept = (table, key.as_str()) == IDENTITY || (object && !SERVER.contains(&key.as_str()));
        if !kept && !USERS.contains(&key.as_str()) {
            within(value, millis);
        }
    }
}

fn within(json: &mut Json, millis: i64) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| within(item, millis)),
        Json::Object(map) => {
            let ours = map.iter_mut().filter(|(key, _)| !USERS.contains(&key.as_str()));
            ours.for_each(|(_, value)| within(value, millis));
        }
        Json::String(text) if text.len() >= 20 && text.ends_with('Z') => {
            if let Some(moved) = moved(text, millis) {
                *text = moved;
            }
        }
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn moved(text: &str, millis: i64) -> Option<String> {
    let at: jiff::Timestamp = text.parse().ok()?;
    let moved = at.checked_add(jiff::SignedDuration::from_millis(millis)).ok()?;
    let digits = text.len().saturating_sub(21);
    Some(format!("{moved:.digits$}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_move_and_what_users_wrote_stays() {
        let mut doc = json!({
            "createdAt": "2026-01-01T00:00:00Z",
            "events": [{ "at": "2026-01-01T00:00:00.250Z" }],
            "tags": { "since": "2026-01-01T00:00:00Z" },
            "name": "2026-ZZZZZZZZZZZZZZZZZ",
        });
        shift("eks/node-group", &mut doc, 90_000);
        assert_eq!(doc["createdAt"], "2026-01-01T00:01:30Z");
        assert_eq!(doc["events"][0]["at"], "2026-01-01T00:01:30.250Z");
        assert_eq!(doc["tags"]["since"], "2026-01-01T00:00:00Z");
        assert_eq!(doc["name"], "2026-ZZZZZZZZZZZZZZZZZ");
    }

    #[test]
    fn a_cluster_stays_the_one_it_was_and_objects_keep_their_spec() {
        let mut cluster = json!({ "createdAt": "2026-01-01T00:00:00Z" });
        shift("eks/cluster", &mut cluster, 90_000);
        assert_eq!(cluster["createdAt"], "2026-01-01T00:00:00Z");
        let mut object = json!({
            "metadata": { "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": { "a": "2026-01-01T00:00:00Z" } },
            "spec": { "until": "2026-01-01T00:00:00Z" },
        });
        shift("kube/edge/core/pods", &mut object, 1_000);
        assert_eq!(object["metadata"]["creationTimestamp"], "2026-01-01T00:00:01Z");
        assert_eq!(object["metadata"]["annotations"]["a"], "2026-01-01T00:00:00Z");
        assert_eq!(object["spec"]["until"], "2026-01-01T00:00:00Z");
    }
}
