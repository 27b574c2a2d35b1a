//! Downloads: the CRD releases, at the addresses where the official ones are. What is in them is ours: the fields and
//! the rules that matter, without descriptions.

mod fields;
mod gateway_api;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value as Json, json};

use crate::door::{Body, full};

/// The hosts that releases are downloaded from.
const HOSTS: &[&str] = &["github.com", "raw.githubusercontent.com"];

/// Answers a download; `None` for anything else.
pub(super) fn answer(request: &Request<Bytes>) -> Option<Response<Body>> {
    let host = request.uri().host()?;
    if !HOSTS.contains(&host) {
        return None;
    }
    let found = held(request.uri().path());
    let status = if found.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let mut response = Response::new(full(found.unwrap_or_default()));
    *response.status_mut() = status;
    Some(response)
}

/// The file at a path. Files are made once: it takes a while to write the schemas down.
fn held(path: &str) -> Option<Bytes> {
    static FILES: Mutex<BTreeMap<String, Bytes>> = Mutex::new(BTreeMap::new());
    let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = files.get(path) {
        return Some(found.clone());
    }
    let made = Bytes::from(file(path)?);
    files.insert(path.to_owned(), made.clone());
    Some(made)
}

/// The file at a path, as YAML documents. There are the releases that the controllers' recipes name, in any version.
fn file(path: &str) -> Option<String> {
    let load_balancer = "/kubernetes-sigs/aws-load-balancer-controller/v";
    if let Some(rest) = path.strip_prefix("/kubernetes-sigs/gateway-api/releases/download/v") {
        let version = rest.strip_suffix("/standard-install.yaml")?;
        return Some(yaml(gateway_api::definitions(version)));
    }
    if let Some(rest) = path.strip_prefix(load_balancer) {
        let (_, file) = rest.split_once('/')?;
        let gateway = match file {
            "helm/aws-load-balancer-controller/crds/crds.yaml" => false,
            "config/crd/gateway/gateway-crds.yaml" => true,
            _ => return None,
        };
        let all = fields::definitions(include_str!("load_balancer.txt"));
        let mine = |crd: &Json| (crd["spec"]["group"] == "gateway.k8s.aws") == gateway;
        return Some(yaml(all.into_iter().filter(mine).collect()));
    }
    let rest = path.strip_prefix("/aws/aws-application-networking-k8s/v")?;
    let (version, file) = rest.split_once('/')?;
    if file != format!("files/controller-installation/deploy-v{version}.yaml") {
        return None;
    }
    // The official file is the whole controller; its namespace stands for all that is no CRD.
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "aws-application-networking-system" },
    });
    let mut all = vec![namespace];
    all.extend(fields::definitions(include_str!("lattice.txt")));
    Some(yaml(all))
}

/// JSON is YAML.
fn yaml(documents: Vec<Json>) -> String {
    documents.iter().map(|document| format!("---\n{document}\n")).collect()
}

/// A CRD.
fn definition(kind: &str, name: &str, namespaced: bool, versions: Vec<Json>) -> Json {
    let (plural, group) = name.split_once('.').unwrap_or((name, ""));
    let scope = if namespaced { "Namespaced" } else { "Cluster" };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": { "name": name },
        "spec": {
            "group": group, "scope": scope,
            "names": { "kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List") },
            "versions": versions,
        },
    })
}

/// The schema of a list of conditions.
fn conditions() -> Json {
    let text = |most: u32| json!({ "type": "string", "maxLength": most });
    json!({
        "type": "array", "maxItems": 16, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object", "required": ["type", "status"],
            "properties": {
                "type": text(316), "status": { "type": "string", "enum": ["True", "False", "Unknown"] },
                "reason": text(1024), "message": text(32_768), "lastTransitionTime": { "type": "string" },
                "observedGeneration": { "type": "integer", "minimum": 0 },
            },
        },
    })
}

/// The CRDs in the file of an address or a path.
#[cfg(test)]
pub(crate) fn crds(path: &str) -> Vec<Json> {
    let path = HOSTS.iter().find_map(|host| path.strip_prefix(&format!("https://{host}"))).unwrap_or(path);
    let text = file(path).unwrap_or_else(|| panic!("{path} is not there"));
    let documents = text.split("---\n").filter(|part| !part.is_empty());
    let documents = documents.map(|part| serde_json::from_str::<Json>(part).expect("a document"));
    documents.filter(|json| json["kind"] == "CustomResourceDefinition").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<String> {
        let crds = crds(path).into_iter();
        let mut names: Vec<String> =
            crds.map(|crd| crd["metadata"]["name"].as_str().expect("a name").to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_releases_hold_the_official_names() {
        let path = "/kubernetes-sigs/gateway-api/releases/download/v1.6.1/standard-install.yaml";
        let plurals: Vec<String> = names(path)
            .iter()
            .map(|name| name.strip_suffix(".gateway.networking.k8s.io").expect("the group").to_owned())
            .collect();
        let wanted = [
            "backendtlspolicies",
            "gatewayclasses",
            "gateways",
            "grpcroutes",
            "httproutes",
            "listenersets",
            "referencegrants",
            "tcproutes",
            "tlsroutes",
            "udproutes",
        ];
        assert_eq!(plurals, wanted);
        let path = "/kubernetes-sigs/aws-load-balancer-controller/v3.5.0";
        assert_eq!(names(&format!("{path}/helm/aws-load-balancer-controller/crds/crds.yaml")).len(), 4);
        assert_eq!(names(&format!("{path}/config/crd/gateway/gateway-crds.yaml")).len(), 3);
        let path =
            "/aws/aws-application-networking-k8s/v2.1.3/files/controller-installation/deploy-v2.1.3.yaml";
        assert_eq!(names(path).len(), 7);
    }
}
