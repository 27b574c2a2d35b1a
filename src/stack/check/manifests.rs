//! `[manifests]`: where they go. What is in their files is read elsewhere.

use super::{Rules, name};

/// Checks all manifests.
pub(super) fn check(rules: &mut Rules<'_>) {
    for (key, manifests) in &rules.stack.manifests {
        let path = format!("manifests.{key}");
        let several = !manifests.clusters.is_empty();
        target(&path, key, manifests.cluster.is_some(), several, rules);
        if manifests.files.is_empty() {
            rules.value(&format!("{path}.files"), "there are no files", "as in `[\"apps/shop/*.yaml\"]`");
        }
        if let Some(namespace) = &manifests.namespace {
            name::label(&format!("{path}.namespace"), "a namespace", namespace, rules);
        }
    }
}

/// Something goes to one cluster or to several: one of the two keys must say so.
pub(super) fn target(path: &str, key: &str, one: bool, several: bool, rules: &mut Rules<'_>) {
    match (one, several) {
        (true, true) => {
            let message = "`cluster` and `clusters` exclude each other";
            rules.pair(&format!("{path}.cluster"), &format!("{path}.clusters"), message, "keep one of them");
        }
        (false, false) => {
            let hint = "add `cluster = \"…\"` or `clusters = [\"…\"]`";
            rules.key(path, format!("`{key}` does not say which cluster it is for"), hint);
        }
        _ => {}
    }
}
