//! Admission webhooks: there is nobody behind them who changes or refuses anything, but somebody has to answer.
//!
//! A webhook that must be asked and whose Service is gone, or has no pod that is ready, blocks what it is about.

use serde_json::Value as Json;

use super::refusal::Refusal;
use super::request::Ask;
use super::resource::{namespaces, table};
use crate::sandbox::world::{Doc, Key, World};

const GROUP: &str = "admissionregistration.k8s.io";
const SORTS: [&str; 2] = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];

/// Asks all webhooks that are about a write. `operation` is `CREATE`, `UPDATE` or `DELETE`.
pub(super) fn ask(world: &World, ask: &Ask, doc: &Doc, operation: &str) -> Result<(), Refusal> {
    if !ask.subresource.is_empty() || ask.resource.group == GROUP {
        return Ok(());
    }
    for sort in SORTS {
        let sort = table(&ask.cluster, GROUP, sort);
        let all = world.table(&ask.cluster.account, &ask.cluster.region, &sort);
        for webhook in all.flat_map(|(_, configuration)| list(&configuration["webhooks"])) {
            if webhook["failurePolicy"] != "Ignore" && is_about(world, ask, doc, webhook, operation) {
                answers(world, &ask.cluster, webhook)?;
            }
        }
    }
    Ok(())
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

fn is_about(world: &World, ask: &Ask, doc: &Doc, webhook: &Json, operation: &str) -> bool {
    let names = |all: &Json, one: &str| list(all).iter().any(|name| name == one || name == "*");
    let of_rule = |rule: &Json| {
        names(&rule["apiGroups"], &ask.resource.group)
            && names(&rule["apiVersions"], &ask.resource.version)
            && names(&rule["resources"], &ask.resource.plural)
            && names(&rule["operations"], operation)
    };
    let namespace = || {
        let key = namespaces().key(&ask.cluster, "", &ask.namespace);
        world.get(&key).map(|namespace| namespace["metadata"]["labels"].clone()).unwrap_or_default()
    };
    list(&webhook["rules"]).iter().any(of_rule)
        && selects(&webhook["objectSelector"], &doc["metadata"]["labels"])
        && (!ask.resource.namespaced || selects(&webhook["namespaceSelector"], &namespace()))
}

/// Whether labels fit a selector of `matchLabels` and `matchExpressions`.
fn selects(selector: &Json, labels: &Json) -> bool {
    let pairs = selector["matchLabels"].as_object().into_iter().flatten();
    let expression = |one: &Json| {
        let label = &labels[one["key"].as_str().unwrap_or_default()];
        match one["operator"].as_str().unwrap_or_default() {
            "In" => list(&one["values"]).contains(label),
            "NotIn" => !list(&one["values"]).contains(label),
            "Exists" => !label.is_null(),
            _ => label.is_null(),
        }
    };
    pairs.into_iter().all(|(key, value)| labels[key] == *value)
        && list(&selector["matchExpressions"]).iter().all(expression)
}

/// Whether the Service of a webhook is there, with a pod that is ready.
fn answers(world: &World, cluster: &Key, webhook: &Json) -> Result<(), Refusal> {
    let to = &webhook["clientConfig"]["service"];
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let (name, namespace, path) = (text(&to["name"]), text(&to["namespace"]), text(&to["path"]));
    let blocked = |why: String| {
        let called = text(&webhook["name"]);
        let url = format!("https://{name}.{namespace}.svc:443{path}?timeout=10s");
        let words = format!(
            "Internal error occurred: failed calling webhook \"{called}\": failed to call webhook: Post \"{url}\": {why}"
        );
        Err(Refusal::new(500, "InternalError", words))
    };
    let Some(service) = world.get(&super::key(cluster, "", "services", &namespace, &name)) else {
        return blocked(format!("service \"{name}\" not found"));
    };
    let pods = table(cluster, "", "pods");
    let mut pods = world.table(&cluster.account, &cluster.region, &pods).map(|(_, pod)| pod);
    let serves = |pod: &Doc| {
        let labels = &pod["metadata"]["labels"];
        let wanted = service["spec"]["selector"].as_object().into_iter().flatten();
        pod["metadata"]["namespace"] == namespace.as_str()
            && pod["status"]["phase"] == "Running"
            && wanted.into_iter().all(|(key, value)| labels[key] == *value)
    };
    match pods.any(serves) {
        true => Ok(()),
        false => blocked(format!("no endpoints available for service \"{name}\"")),
    }
}
