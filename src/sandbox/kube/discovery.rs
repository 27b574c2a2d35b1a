//! Discovery: versions, groups and resources, and the question what one may do.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use serde_json::{Value as Json, json};

use super::refusal::{Answer, Refusal};
use super::resource::{Resource, all, table};
use crate::sandbox::world::{Key, World};

/// What is built in and has a short name.
const SHORT: &[(&str, &str)] = &[
    ("configmaps", "cm"),
    ("customresourcedefinitions.apiextensions.k8s.io", "crd"),
    ("daemonsets.apps", "ds"),
    ("deployments.apps", "deploy"),
    ("endpoints", "ep"),
    ("events", "ev"),
    ("ingresses.networking.k8s.io", "ing"),
    ("namespaces", "ns"),
    ("nodes", "no"),
    ("persistentvolumeclaims", "pvc"),
    ("pods", "po"),
    ("replicasets.apps", "rs"),
    ("serviceaccounts", "sa"),
    ("services", "svc"),
    ("statefulsets.apps", "sts"),
];

/// Answers what is not about objects; `None` for what is.
pub(super) fn answer(
    world: &World,
    cluster: &Key,
    method: &Method,
    path: &str,
    body: &Bytes,
) -> Option<Answer> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if method == Method::POST
        && parts.first() == Some(&"apis")
        && parts.get(1) == Some(&"authorization.k8s.io")
    {
        return Some(Ok((201, review(body))));
    }
    if method != Method::GET {
        return None;
    }
    let json = match parts.as_slice() {
        ["version"] => version(world, cluster),
        ["healthz" | "livez" | "readyz"] => json!("ok"),
        ["api"] => json!({ "kind": "APIVersions", "versions": ["v1"] }),
        ["apis"] => groups(world, cluster),
        ["api", version] => return Some(resources(world, cluster, "", version)),
        ["apis", group] => return Some(one_group(world, cluster, group)),
        ["apis", group, version] => return Some(resources(world, cluster, group, version)),
        _ => return None,
    };
    Some(Ok((200, json)))
}

fn version(world: &World, cluster: &Key) -> Json {
    let version = world.get(cluster).and_then(|doc| doc["version"].as_str()).unwrap_or("1.35");
    let (major, minor) = version.split_once('.').unwrap_or(("1", "35"));
    json!({
        "major": major, "minor": minor, "gitVersion": format!("v{version}.0-eks-0000000"), "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "", "goVersion": "", "compiler": "", "platform": "linux/amd64",
    })
}

/// Groups with their versions, the preferred one first.
fn by_group(world: &World, cluster: &Key) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resource in all(world, cluster).into_iter().filter(|resource| !resource.group.is_empty()) {
        let versions = groups.entry(resource.group).or_default();
        if !versions.contains(&resource.version) {
            versions.push(resource.version);
        }
    }
    groups.insert("authorization.k8s.io".to_owned(), vec!["v1".to_owned()]);
    groups
}

fn group(name: &str, versions: &[String]) -> Json {
    let versions: Vec<Json> = versions
        .iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    json!({ "name": name, "versions": versions, "preferredVersion": versions.first() })
}

fn groups(world: &World, cluster: &Key) -> Json {
    let groups: Vec<Json> =
        by_group(world, cluster).iter().map(|(name, versions)| group(name, versions)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

fn one_group(world: &World, cluster: &Key, name: &str) -> Answer {
    let groups = by_group(world, cluster);
    let versions = groups.get(name).ok_or_else(Refusal::no_resource)?;
    let mut found = group(name, versions);
    found["kind"] = Json::from("APIGroup");
    found["apiVersion"] = Json::from("v1");
    Ok((200, found))
}

fn resources(world: &World, cluster: &Key, group: &str, version: &str) -> Answer {
    let mine = |resource: &Resource| resource.group == group && resource.version == version;
    let found: Vec<Resource> = all(world, cluster).into_iter().filter(mine).collect();
    if found.is_empty() && group != "authorization.k8s.io" {
        return Err(Refusal::no_resource());
    }
    let rows: Vec<Json> = found.iter().flat_map(|one| rows(one, short_names(world, cluster, one))).collect();
    let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Ok((
        200,
        json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": rows }),
    ))
}

/// By which people call it: `ns`, `deploy`; for what a CRD defines, what that says.
fn short_names(world: &World, cluster: &Key, resource: &Resource) -> Json {
    let built_in = SHORT.iter().find(|(plural, _)| *plural == resource.full());
    let definitions = table(cluster, "apiextensions.k8s.io", "customresourcedefinitions");
    let key = Key { table: definitions, id: resource.full(), ..cluster.clone() };
    match (built_in, world.get(&key)) {
        (Some((_, short)), _) => json!([short]),
        (None, Some(definition)) => definition["spec"]["names"]["shortNames"].clone(),
        (None, None) => Json::Null,
    }
}

fn rows(resource: &Resource, short_names: Json) -> Vec<Json> {
    let Resource { kind, plural, namespaced, status, .. } = resource;
    let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let mut rows = vec![json!({
        "name": plural, "singularName": kind.to_lowercase(), "namespaced": namespaced, "kind": kind, "verbs": verbs,
    })];
    if short_names.is_array() {
        rows[0]["shortNames"] = short_names;
    }
    if *status {
        let name = format!("{plural}/status");
        let verbs = ["get", "patch", "update"];
        rows.push(json!({ "name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": verbs }));
    }
    rows
}

/// Whoever was let in may do everything.
fn review(body: &Bytes) -> Json {
    let mut review: Json = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
    review["status"] = json!({ "allowed": true });
    review
}
