//! `Objects`: the objects of one cluster as JSON, read and written by server-side apply with manager `stack`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Request};
use serde_json::{Value as Json, json};

use super::error::Wrong;
use super::sorts::{Sort, builtin};
use super::watchman::Stopped;
use super::{Absent, CloudError, CloudResult, ClusterRef, ErrorSort};

/// The field manager of everything that is applied.
pub const MANAGER: &str = "stack";
/// The code of an error that says that the API server has no such sort of object.
pub const NOT_SERVED: &str = "NotServed";

/// The objects of one cluster. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    client: kube::Client,
    cluster: Arc<ClusterRef>,
    /// What discovery said, by `group/version`.
    known: Arc<Mutex<BTreeMap<String, Vec<Sort>>>>,
}

/// Which object: `apiVersion`, kind, namespace (empty where there is none), name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Empty for the default namespace, or where there is none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// The object that a manifest is about; says what is missing otherwise.
    pub fn of(manifest: &Json) -> Result<Self, String> {
        let text = |json: &Json, what: &str| {
            json.as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .ok_or_else(|| format!("{what} is missing"))
        };
        let metadata = &manifest["metadata"];
        Ok(Self {
            api_version: text(&manifest["apiVersion"], "apiVersion")?,
            kind: text(&manifest["kind"], "kind")?,
            namespace: metadata["namespace"].as_str().unwrap_or_default().to_owned(),
            name: text(&metadata["name"], "metadata.name")?,
        })
    }

    /// The group, empty for core.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

impl Objects {
    pub(super) fn new(client: kube::Client, cluster: ClusterRef) -> Self {
        Self { client, cluster: Arc::new(cluster), known: Arc::default() }
    }

    /// The client below.
    pub fn client(&self) -> &kube::Client {
        &self.client
    }

    /// The cluster.
    pub fn cluster(&self) -> &ClusterRef {
        &self.cluster
    }

    /// An object, if it is there. A sort that the cluster does not serve is absence.
    pub async fn get(&self, object: &ObjectRef) -> CloudResult<Option<Json>> {
        let answer = async {
            let path = self.path(object).await?;
            self.send(Method::GET, &path, None, object).await
        };
        answer.await.or_absent()
    }

    /// Applies a manifest server-side with force and strict validation. With `dry`, nothing is kept. A namespace or
    /// sort that is not there gives `NotYet`.
    pub async fn apply(&self, manifest: &Json, dry: bool) -> CloudResult<Json> {
        let object =
            ObjectRef::of(manifest).map_err(|what| CloudError::new(ErrorSort::Invalid, "apply", what))?;
        let answer = async {
            let path = self.path(&object).await?;
            let dry = if dry { "&dryRun=All" } else { "" };
            let path = format!("{path}?fieldManager={MANAGER}&force=true&fieldValidation=Strict{dry}");
            self.send(Method::PATCH, &path, Some(("application/apply-patch+yaml", manifest)), &object).await
        };
        answer.await.map_err(|error| match error.sort {
            ErrorSort::NotFound => error.meaning(ErrorSort::NotYet),
            _ => error,
        })
    }

    /// What applying a manifest would make of the object, or what is wrong with it, field by field.
    pub async fn try_apply(&self, manifest: &Json) -> CloudResult<Result<Json, Box<[Wrong]>>> {
        match self.apply(manifest, true).await {
            Ok(object) => Ok(Ok(object)),
            Err(mut error) if error.code == "Invalid" && !error.wrong.is_empty() => {
                Ok(Err(std::mem::take(&mut error.wrong)))
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes an object, and what it owns in the background; only the very one with `uid`, if that is known.
    /// What is gone is success.
    pub async fn delete(&self, object: &ObjectRef, uid: Option<&str>) -> CloudResult<()> {
        let mut options =
            json!({ "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background" });
        if let Some(uid) = uid {
            options["preconditions"] = json!({ "uid": uid });
        }
        let answer = async {
            let path = self.path(object).await?;
            self.send(Method::DELETE, &path, Some(("application/json", &options)), object).await
        };
        answer.await.or_absent().map(drop)
    }

    /// Leaves these finalizers on an object, if it is as it was seen.
    pub async fn set_finalizers(&self, object: &ObjectRef, seen: &Json, kept: &[Json]) -> CloudResult<()> {
        let metadata = &seen["metadata"];
        let version = &metadata["resourceVersion"];
        let patch = json!({ "metadata": {
            "uid": metadata["uid"], "resourceVersion": version, "finalizers": kept,
        } });
        let answer = async {
            let path = format!("{}?fieldManager={MANAGER}", self.path(object).await?);
            self.send(Method::PATCH, &path, Some(("application/merge-patch+json", &patch)), object).await
        };
        answer.await.or_absent().map(drop)
    }

    /// All objects of the sort and namespace of `like`, page by page.
    pub async fn list(&self, like: &ObjectRef) -> CloudResult<Vec<Json>> {
        let mut like = like.clone();
        like.name.clear();
        match self.path(&like).await.or_absent()? {
            Some(path) => self.pages(&path, &like).await,
            None => Ok(Vec::new()),
        }
    }

    /// All objects of a sort in all namespaces, page by page. A sort that the cluster does not serve has none.
    pub async fn everywhere(&self, api_version: &str, kind: &str) -> CloudResult<Vec<Json>> {
        let [api_version, kind] = [api_version, kind].map(str::to_owned);
        let like = ObjectRef { api_version, kind, namespace: String::new(), name: String::new() };
        let Some(sort) = self.sort(&like).await.or_absent()? else { return Ok(Vec::new()) };
        let root = if like.api_version.contains('/') { "apis" } else { "api" };
        self.pages(&format!("/{root}/{}/{}", like.api_version, sort.plural), &like).await
    }

    /// What the events about an object last warned of. `None` if nothing.
    pub async fn last_warning(&self, object: &ObjectRef, uid: &str) -> CloudResult<Option<String>> {
        let events = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Event".to_owned(),
            namespace: object.namespace.clone(),
            name: String::new(),
        };
        let path = self.path(&events).await?;
        let path = format!("{path}?fieldSelector=involvedObject.uid%3D{uid},type%3DWarning");
        let mut found = self.send(Method::GET, &path, None, &events).await?;
        let Json::Array(all) = found["items"].take() else { return Ok(None) };
        let when = |event: &Json| {
            let times = [&event["lastTimestamp"], &event["eventTime"], &event["firstTimestamp"]];
            times.iter().find_map(|time| time.as_str()).unwrap_or_default().to_owned()
        };
        let last = all.iter().max_by_key(|event| when(event));
        Ok(last.and_then(|event| event["message"].as_str()).map(str::to_owned))
    }

    async fn pages(&self, path: &str, like: &ObjectRef) -> CloudResult<Vec<Json>> {
        let (mut items, mut next) = (Vec::new(), String::new());
        loop {
            let page = self.send(Method::GET, &format!("{path}?limit=500{next}"), None, like).await;
            let Some(mut page) = page.or_absent()? else { return Ok(items) };
            if let Json::Array(found) = page["items"].take() {
                items.extend(found);
            }
            match page["metadata"]["continue"].as_str().filter(|token| !token.is_empty()) {
                Some(token) => next = format!("&continue={token}"),
                None => return Ok(items),
            }
        }
    }

    /// The path of an object, or of its collection if it has no name.
    async fn path(&self, object: &ObjectRef) -> CloudResult<String> {
        let sort = self.sort(object).await?;
        let root = if object.api_version.contains('/') { "apis" } else { "api" };
        let namespace = match (sort.namespaced, object.namespace.as_str()) {
            (false, _) => String::new(),
            (true, "") => "/namespaces/default".to_owned(),
            (true, namespace) => format!("/namespaces/{namespace}"),
        };
        let name = if object.name.is_empty() { String::new() } else { format!("/{}", object.name) };
        Ok(format!("/{root}/{}{namespace}/{}{name}", object.api_version, sort.plural))
    }

    /// Plural and scope: known for what is built in, asked for once a group and version for others.
    async fn sort(&self, object: &ObjectRef) -> CloudResult<Sort> {
        if let Some(sort) = builtin(&object.api_version, &object.kind) {
            return Ok(sort);
        }
        let held =
            self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&object.api_version).cloned();
        let find = |sorts: &[Sort]| sorts.iter().find(|sort| sort.kind == object.kind).cloned();
        if let Some(sort) = held.as_deref().and_then(find) {
            return Ok(sort);
        }
        let sorts = self.discover(object).await?;
        let found = find(&sorts);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(object.api_version.clone(), sorts);
        found.ok_or_else(|| not_served(object))
    }

    async fn discover(&self, object: &ObjectRef) -> CloudResult<Vec<Sort>> {
        let path = format!(
            "/{}/{}",
            if object.api_version.contains('/') { "apis" } else { "api" },
            object.api_version
        );
        let answer = self.send(Method::GET, &path, None, object).await;
        let list = answer
            .map_err(|error| if error.sort == ErrorSort::NotFound { not_served(object) } else { error })?;
        let rows = list["resources"].as_array().into_iter().flatten();
        let rows = rows.filter(|row| row["name"].as_str().is_some_and(|name| !name.contains('/')));
        Ok(rows
            .map(|row| Sort {
                kind: row["kind"].as_str().unwrap_or_default().to_owned(),
                plural: row["name"].as_str().unwrap_or_default().to_owned(),
                namespaced: row["namespaced"] == true,
            })
            .collect())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, &Json)>,
        object: &ObjectRef,
    ) -> CloudResult<Json> {
        let operation = format!("{method} {}/{}", object.kind, object.name);
        let mut request = Request::builder().method(method).uri(path);
        let mut bytes = Vec::new();
        if let Some((content_type, json)) = body {
            request = request.header(http::header::CONTENT_TYPE, content_type);
            bytes = json.to_string().into_bytes();
        }
        let fail = |error: &dyn std::fmt::Display| {
            CloudError::new(ErrorSort::Invalid, &*operation, error.to_string())
        };
        let request = request.body(bytes).map_err(|error| fail(&error))?;
        self.client.request::<Json>(request).await.map_err(|error| {
            if lost_credentials(&error) {
                self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
            from_kube(&operation, &error, object)
        })
    }
}

fn lost_credentials(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 401)
}

fn not_served(object: &ObjectRef) -> CloudError {
    let words = format!(
        "the cluster does not serve {} of {}: CRD not established yet",
        object.kind, object.api_version
    );
    let mut error = CloudError::new(ErrorSort::NotFound, format!("GET {}", object.api_version), words);
    error.code = NOT_SERVED.to_owned();
    error
}

/// What an error of the client means.
pub fn from_kube(operation: &str, error: &kube::Error, object: &ObjectRef) -> CloudError {
    match error {
        kube::Error::Api(status) => from_status(operation, status, object),
        kube::Error::Service(inner) => {
            match (inner.downcast_ref::<Stopped>(), inner.downcast_ref::<CloudError>()) {
                (Some(stopped), _) => CloudError::new(ErrorSort::Bug, operation, stopped.to_string()),
                (_, Some(error)) => error.clone(),
                _ => CloudError::new(ErrorSort::Unreachable, operation, chain(error)),
            }
        }
        kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => {
            CloudError::new(ErrorSort::Unreachable, operation, chain(error))
        }
        kube::Error::Auth(_) => CloudError::new(ErrorSort::Denied, operation, chain(error)),
        other => CloudError::new(ErrorSort::Other, operation, chain(other)),
    }
}

/// An error with its causes, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        next = cause.source();
    }
    words
}

fn from_status(operation: &str, status: &kube::core::Status, object: &ObjectRef) -> CloudError {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    let has = |reason: &str| causes.iter().any(|cause| cause.reason == reason);
    let about = status.details.as_ref().map(|details| details.kind.as_str()).unwrap_or_default();
    let sort = match (status.code, status.reason.as_str()) {
        (404, _) if about.is_empty() => return not_served(object),
        (404, _) => ErrorSort::NotFound,
        (403, _) if has("NamespaceTerminating") || status.message.contains("is being terminated") => {
            ErrorSort::NotYet
        }
        (401 | 403, _) => ErrorSort::Denied,
        (409, "AlreadyExists") if !status.message.contains("being deleted") => ErrorSort::Exists,
        (409, _) => ErrorSort::NotYet,
        (400 | 405 | 406 | 415 | 422, _) => ErrorSort::Invalid,
        (429, _) => ErrorSort::Throttled,
        (500, _) if status.message.contains("failed calling webhook") => ErrorSort::NotYet,
        (502..=504, _) => ErrorSort::Unreachable,
        _ => ErrorSort::Other,
    };
    let mut message = status.message.clone();
    for cause in causes {
        if !message.contains(&cause.message) {
            message = format!("{message}; {}: {}", cause.field, cause.message);
        }
    }
    let mut error = CloudError::new(sort, operation, message);
    error.code.clone_from(&status.reason);
    let wrong = |cause: &kube::core::response::StatusCause| Wrong {
        field: cause.field.clone(),
        words: cause.message.clone(),
    };
    error.wrong = causes.iter().map(wrong).collect();
    error
}
