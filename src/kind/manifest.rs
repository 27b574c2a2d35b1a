//! What the kinds of Kubernetes objects share: a manifest in a cluster, found, applied and deleted. Not a kind.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::projection::project;
use super::{Ownership, Readiness};
use crate::cloud::{CloudError, CloudResult, ClusterRef, Cx, ErrorSort, ObjectRef, Objects};
use crate::recipe::finalizers::{TAKES_OFF, keeper};

/// The annotation that says whose state made an object.
const LINEAGE: &str = "stack/lineage";
/// The annotation that says which address an object has in that state.
const ADDRESS: &str = "stack/address";

/// An object as it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Where it is.
    pub cluster: ClusterRef,
    /// What of it is wanted.
    pub manifest: Json,
}

/// An object as it is.
pub(super) struct Live {
    /// By which it is found again.
    pub(super) id: String,
    /// What it is, in the words of the manifest.
    pub(super) spec: Spec,
    /// All of it.
    pub(super) object: Json,
    /// Whose it is.
    pub(super) owner: Ownership,
}

impl Live {
    /// The uid.
    pub(super) fn uid(&self) -> String {
        self.object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
    }

    /// That it is being deleted, if it is, with the finalizers that hold it.
    pub(super) fn leaving(&self) -> Option<Readiness> {
        let metadata = &self.object["metadata"];
        if metadata["deletionTimestamp"].is_null() {
            return None;
        }
        let finalizers = metadata["finalizers"].as_array().into_iter().flatten().filter_map(Json::as_str);
        let finalizers: Vec<&str> = finalizers.collect();
        Some(Readiness::Leaving(match finalizers.as_slice() {
            [] => format!("it is being deleted{}", self.content()),
            [one] => {
                format!("it is being deleted and waits for its finalizer {one}{}", self.keepers(&finalizers))
            }
            some => {
                let some = some.join(", ");
                format!(
                    "it is being deleted and waits for its finalizers {some}{}",
                    self.keepers(&finalizers)
                )
            }
        }))
    }

    /// What a namespace says of that which is still in it.
    fn content(&self) -> String {
        let held = ["NamespaceFinalizersRemaining", "NamespaceContentRemaining"];
        let mut told = held.iter().filter_map(|kind| self.condition(kind));
        let told = told.find(|condition| condition["status"] == "True");
        told.map(|condition| format!(": {}", words(condition))).unwrap_or_default()
    }

    /// Who is to take finalizers off, and what they say, where that is told.
    fn keepers(&self, finalizers: &[&str]) -> String {
        let keepers: BTreeSet<&str> = finalizers.iter().filter_map(|one| keeper(one)).collect();
        if keepers.is_empty() {
            return String::new();
        }
        let keepers = keepers.into_iter().collect::<Vec<_>>().join(" and ");
        let conditions = self.object["status"]["conditions"].as_array().into_iter().flatten();
        let mut bad = conditions.filter(|one| one["status"] == "False" && one["message"] != "");
        let said = bad.next().map(|one| format!(": {}", words(one))).unwrap_or_default();
        format!(", which {keepers}{TAKES_OFF}{said}")
    }

    /// A condition of its status.
    pub(super) fn condition(&self, kind: &str) -> Option<&Json> {
        condition(&self.object["status"]["conditions"], kind)
    }
}

/// The condition of a type in a list of conditions.
pub(super) fn condition<'a>(conditions: &'a Json, kind: &str) -> Option<&'a Json> {
    conditions.as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Reason and message of a condition, for people.
pub(super) fn words(condition: &Json) -> String {
    let text = |name: &str| condition[name].as_str().unwrap_or_default();
    match (text("reason"), text("message")) {
        (reason, "") => reason.to_owned(),
        ("", message) => message.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

pub(super) fn object(spec: &Spec) -> CloudResult<ObjectRef> {
    ObjectRef::of(&spec.manifest).map_err(|what| CloudError::new(ErrorSort::Invalid, "manifest", what))
}

/// `Deployment.apps/shop/cart`, `Namespace/shop`.
pub(super) fn id(object: &ObjectRef) -> String {
    let ObjectRef { kind, namespace, name, .. } = object;
    let group = object.group();
    let kind = if group.is_empty() { kind.clone() } else { format!("{kind}.{group}") };
    if namespace.is_empty() { format!("{kind}/{name}") } else { format!("{kind}/{namespace}/{name}") }
}

/// Looks for the object. A cluster that is not there has none.
pub(super) async fn find(cx: &Cx, spec: &Spec) -> CloudResult<Option<Live>> {
    let object = object(spec)?;
    let objects = match cx.objects(&spec.cluster).await {
        Ok(objects) => objects,
        Err(error) if matches!(error.sort, ErrorSort::NotFound | ErrorSort::NotYet) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(live) = objects.get(&object).await? else { return Ok(None) };
    // A manifest may be about the very object of a uid: another one of its name is not meant.
    let uid = &spec.manifest["metadata"]["uid"];
    if !uid.is_null() && live["metadata"]["uid"] != *uid {
        return Ok(None);
    }
    Ok(Some(told(spec, &object, live)))
}

/// A live object in the words of its manifest.
pub(super) fn told(spec: &Spec, object: &ObjectRef, live: Json) -> Live {
    let owner = owner(&live);
    let seen = project(&readable(&live, &spec.manifest), &spec.manifest);
    let manifest = without_owner(seen, &spec.manifest);
    Live { id: id(object), spec: Spec { cluster: spec.cluster.clone(), manifest }, object: live, owner }
}

/// A Secret that was written with `stringData` is told with it.
fn readable(live: &Json, wanted: &Json) -> Json {
    let mut live = live.clone();
    if live["kind"] == "Secret"
        && let Some(texts) = wanted["stringData"].as_object()
    {
        let decode = |name: &String| {
            let bytes = STANDARD.decode(live["data"][name].as_str()?).ok()?;
            Some((name.clone(), Json::from(String::from_utf8(bytes).ok()?)))
        };
        let texts: Map<String, Json> = texts.keys().filter_map(decode).collect();
        live["stringData"] = Json::Object(texts);
    }
    live
}

fn owner(live: &Json) -> Ownership {
    let text = |name: &str| live["metadata"]["annotations"][name].as_str().map(str::to_owned);
    match (text(LINEAGE), text(ADDRESS)) {
        (Some(lineage), Some(address)) => Ownership::Tagged { lineage, address },
        _ => Ownership::Untagged,
    }
}

/// The lineage of the state that made an object, if one did.
pub(super) fn lineage(live: &Json) -> Option<String> {
    live["metadata"]["annotations"][LINEAGE].as_str().map(str::to_owned)
}

fn without_owner(mut seen: Json, wanted: &Json) -> Json {
    if let Some(annotations) = seen["metadata"]["annotations"].as_object_mut() {
        annotations.remove(LINEAGE);
        annotations.remove(ADDRESS);
        if annotations.is_empty()
            && wanted["metadata"]["annotations"].is_null()
            && let Some(metadata) = seen["metadata"].as_object_mut()
        {
            metadata.remove("annotations");
        }
    }
    if let Some(metadata) = seen["metadata"].as_object_mut() {
        metadata.retain(|_, value| !value.is_null());
    }
    seen
}

/// The manifest with the annotations that say whose it is.
pub(super) fn marked(cx: &Cx, spec: &Spec) -> Json {
    let mut manifest = spec.manifest.clone();
    manifest["metadata"]["annotations"][LINEAGE] = Json::from(cx.lineage());
    manifest["metadata"]["annotations"][ADDRESS] = Json::from(cx.address().to_string());
    manifest
}

/// Applies the manifest and says the id. A cluster, namespace or CRD that is not there yet gives `NotYet`.
pub(super) async fn apply(cx: &Cx, spec: &Spec) -> CloudResult<String> {
    let object = object(spec)?;
    let manifest = marked(cx, spec);
    let objects = cx.objects(&spec.cluster).await.map_err(|error| match error.sort {
        ErrorSort::NotFound => error.meaning(ErrorSort::NotYet),
        _ => error,
    })?;
    let live = objects.apply(&manifest, false).await?;
    if !live["metadata"]["deletionTimestamp"].is_null() {
        let words = "the object of this name is still being deleted";
        return Err(CloudError::new(ErrorSort::NotYet, format!("PATCH {}", id(&object)), words));
    }
    Ok(id(&object))
}

/// Deletes the bindings of target groups that a controller made for an object, or for the group of Ingresses that goes with
/// it, and takes its finalizers off them: with the object nobody would let them go any more.
pub(super) async fn release_bindings(cx: &Cx, spec: &Spec, group: Option<&str>) -> CloudResult<()> {
    let wanted = object(spec)?;
    let objects = cx.objects(&spec.cluster).await?;
    let has = |labels: &Json, end: &str, value: &str| {
        let mut all = labels.as_object().into_iter().flatten();
        all.any(|(key, told)| key.ends_with(end) && told == value)
    };
    let namespace = if wanted.namespace.is_empty() { "default" } else { &wanted.namespace };
    for binding in objects.everywhere("elbv2.k8s.aws/v1beta1", "TargetGroupBinding").await? {
        let labels = &binding["metadata"]["labels"];
        let own = has(labels, "/stack-namespace", namespace) && has(labels, "/stack-name", &wanted.name);
        if !own && !group.is_some_and(|group| has(labels, "ingress.k8s.aws/stack", group)) {
            continue;
        }
        let text = |field: &str| binding["metadata"][field].as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = ("elbv2.k8s.aws/v1beta1".to_owned(), "TargetGroupBinding".to_owned());
        let it = ObjectRef { api_version, kind, namespace: text("namespace"), name: text("name") };
        objects.delete(&it, Some(&text("uid"))).await?;
        if let Some(left) = objects.get(&it).await? {
            release_object(&objects, &it, &left).await?;
        }
    }
    Ok(())
}

/// Takes the finalizers of the controllers off an object that is being deleted. Which.
pub(super) async fn release(cx: &Cx, spec: &Spec) -> CloudResult<Vec<String>> {
    let Some(live) = find(cx, spec).await?.filter(|live| live.leaving().is_some()) else {
        return Ok(Vec::new());
    };
    let objects = cx.objects(&spec.cluster).await?;
    release_object(&objects, &object(spec)?, &live.object).await
}

async fn release_object(objects: &Objects, it: &ObjectRef, live: &Json) -> CloudResult<Vec<String>> {
    let all = live["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let (taken, kept): (Vec<Json>, Vec<Json>) =
        all.into_iter().partition(|one| one.as_str().is_some_and(|one| keeper(one).is_some()));
    if !taken.is_empty() {
        objects.set_finalizers(it, live, &kept).await?;
    }
    Ok(taken.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect())
}

/// What the events about an object last warned of.
pub(super) async fn warned(cx: &Cx, spec: &Spec) -> CloudResult<Option<String>> {
    let Some(live) = find(cx, spec).await? else { return Ok(None) };
    cx.objects(&spec.cluster).await?.last_warning(&object(spec)?, &live.uid()).await
}

/// Deletes the object, unless it is another state's. What is gone is success, its cluster included.
pub(super) async fn delete(cx: &Cx, spec: &Spec) -> CloudResult<()> {
    let object = object(spec)?;
    let Some(live) = find(cx, spec).await? else { return Ok(()) };
    if let Ownership::Tagged { lineage, address } = &live.owner
        && lineage != cx.lineage()
    {
        let words = format!("it belongs to {address} of another state ({lineage})");
        return Err(CloudError::new(ErrorSort::Denied, format!("DELETE {}", id(&object)), words));
    }
    if live.leaving().is_some() {
        return Ok(());
    }
    let objects = cx.objects(&spec.cluster).await?;
    objects.delete(&object, Some(&live.uid())).await
}
