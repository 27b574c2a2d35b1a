//! Requests: who asks, for what, and how the answer goes back.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value as Json, json};

use super::refusal::{Answer, Refusal};
use super::resource::{Resource, find};
use super::{auth, delete, discovery, read, watch, write};
use crate::door::{Body, full};
use crate::sandbox::Sandbox;
use crate::sandbox::aws::wire::decode;
use crate::sandbox::world::{Key, World};

/// One request for objects.
pub(super) struct Ask {
    /// The cluster, by its key in `eks/cluster`.
    pub(super) cluster: Key,
    /// What is asked for.
    pub(super) resource: Resource,
    /// Empty for all, or where there is none.
    pub(super) namespace: String,
    /// Empty for the collection.
    pub(super) name: String,
    /// `status`, or empty.
    pub(super) subresource: String,
    /// The query.
    pub(super) query: BTreeMap<String, String>,
    /// The content type of the body, without parameters.
    pub(super) content_type: String,
    /// The program that asks.
    pub(super) agent: String,
    /// What it sent.
    pub(super) body: Bytes,
}

impl Ask {
    /// A value of the query, or an empty text.
    pub(super) fn query(&self, key: &str) -> &str {
        self.query.get(key).map_or("", String::as_str)
    }

    /// Whether nothing is to be kept.
    pub(super) fn dry(&self) -> bool {
        self.query("dryRun") == "All"
    }

    /// The key of the object.
    pub(super) fn key(&self) -> Key {
        self.resource.key(&self.cluster, &self.namespace, &self.name)
    }
}

/// The key in `eks/cluster` of the cluster with an endpoint id.
pub fn cluster_of(world: &World, id: &str) -> Option<Key> {
    let fits = |doc: &Json| doc["_id"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(id));
    world.all().find(|(key, doc)| key.table == "eks/cluster" && fits(doc)).map(|(key, _)| key.clone())
}

/// Answers a request to the API server of a cluster. `path` is without what leads to the cluster.
pub fn answer(sandbox: &Sandbox, cluster: &Key, path: &str, request: &Request<Bytes>) -> Response<Body> {
    let mut world = sandbox.world();
    let world = &mut *world;
    super::settle(world, cluster);
    if let Err(refusal) = auth::check(world, cluster, request) {
        return respond(Err(refusal));
    }
    if let Some(answer) = discovery::answer(world, cluster, request.method(), path, request.body()) {
        return respond(answer);
    }
    let Some(ask) = understand(world, cluster, path, request) else {
        return respond(Err(Refusal::no_resource()));
    };
    let watching = ["1", "true"].contains(&ask.query("watch"));
    if request.method() == Method::GET && watching {
        return watch::answer(sandbox.clone(), world, ask);
    }
    respond(handle(world, request.method(), &ask))
}

fn handle(world: &mut World, method: &Method, ask: &Ask) -> Answer {
    let answer = match (method.as_str(), ask.name.is_empty()) {
        ("GET", true) => read::list(world, ask),
        ("GET", false) => read::get(world, ask),
        ("POST", true) => write::create(world, ask),
        ("PUT", false) => write::update(world, ask),
        ("PATCH", false) => write::patch(world, ask),
        ("DELETE", false) => delete::delete(world, ask),
        ("DELETE", true) => delete::delete_all(world, ask),
        _ => Err(Refusal::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )),
    };
    super::settle(world, &ask.cluster);
    answer
}

/// `/api/v1/…` or `/apis/<group>/<version>/…`, then `[namespaces/<ns>/]<plural>[/<name>[/<subresource>]]`.
fn understand(world: &World, cluster: &Key, path: &str, request: &Request<Bytes>) -> Option<Ask> {
    let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, plural, rest @ ..] if !["status", "finalize"].contains(plural) => {
            (*namespace, [&[*plural], rest].concat())
        }
        _ => ("", rest.to_vec()),
    };
    let (plural, name, subresource) = match rest.as_slice() {
        [plural] => (*plural, "", ""),
        [plural, name] => (*plural, *name, ""),
        [plural, name, subresource] => (*plural, *name, *subresource),
        _ => return None,
    };
    let resource = find(world, cluster, group, version, plural)?;
    let known = subresource.is_empty() || (subresource == "status" && resource.status);
    if !known || (resource.namespaced && namespace.is_empty() && !name.is_empty()) {
        return None;
    }
    Some(Ask {
        cluster: cluster.clone(),
        resource,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: subresource.to_owned(),
        query: query(request),
        content_type: header(request, "content-type").split(';').next().unwrap_or_default().trim().to_owned(),
        agent: header(request, "user-agent").split(['/', ' ']).next().unwrap_or_default().to_owned(),
        body: request.body().clone(),
    })
}

fn header<'a>(request: &'a Request<Bytes>, name: &str) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn query(request: &Request<Bytes>) -> BTreeMap<String, String> {
    let pairs = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

/// Puts an answer on the wire.
pub(super) fn respond(answer: Answer) -> Response<Body> {
    let (code, json) = match answer {
        Ok(answer) => answer,
        Err(refusal) => (refusal.code, refusal.status()),
    };
    let mut response = Response::new(full(serde_json::to_vec(&json).expect("JSON is written")));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

/// What a delete of an object answers when it is gone.
pub(super) fn success(resource: &Resource, name: &str, uid: &Json) -> Json {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": { "name": name, "group": resource.group, "kind": resource.plural, "uid": uid },
    })
}
