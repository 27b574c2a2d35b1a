//! Any object of a cluster, applied server-side with manager `stack`.
//!
//! It tells whose it is by annotations. What is seen of it are the fields of its manifest and those that the manager
//! owns; defaults and what others own is not ours to compare.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::made::{self, Made};
use super::manifest::{self, Live, Spec, words};
use super::{Child, Found, FoundOf, Hold, Kind, Readiness, Trial, trial};
use crate::cloud::{CloudResult, ClusterRef, Cx, ErrorSort, ObjectRef};
use crate::shape::{Shape, Timing};

/// The kind.
pub struct KubeObject;

/// The attribute that keeps a load balancer from being deleted.
const PROTECTION: &str = "deletion_protection.enabled";

/// What the cluster gives an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// Its uid.
    pub uid: String,
    /// Whether it keeps load balancers from being deleted, whoever wrote that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protects: bool,
}

impl Outputs {
    pub(super) fn of(live: &Live) -> Self {
        let attributes = live.object["spec"]["loadBalancerAttributes"].as_array().into_iter().flatten();
        let mut attributes = attributes.map(|one| (&one["key"], &one["value"]));
        let protects = attributes.any(|(key, value)| key == PROTECTION && value == "true");
        Self { uid: live.uid(), protects }
    }
}

/// Which objects have something in AWS made of them by a controller. Told by `made`, kind by kind.
const LEAVES: &[&[(&str, &str)]] = &[
    &[("manifest.kind", "Ingress")],
    &[("manifest.kind", "Service"), ("manifest.spec.type", "LoadBalancer")],
    &[("manifest.kind", "Gateway")],
    &[("manifest.kind", "HTTPRoute")],
    &[("manifest.kind", "GRPCRoute")],
    &[("manifest.kind", "TLSRoute")],
    &[("manifest.kind", "ServiceExport")],
];

impl Kind for KubeObject {
    const SHAPE: Shape = Shape {
        fixed: &["cluster", "manifest.kind", "manifest.metadata.name", "manifest.metadata.namespace"],
        fixed_where: trial::IMMUTABLE,
        open: &["manifest"],
        tries: true,
        leaves_where: LEAVES,
        timing: Timing::of(5, 2, 15),
        ..Shape::managed("kube_object", "Kubernetes object", "kubernetes")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        match manifest::find(cx, spec).await? {
            Some(live) => found(cx, spec, live).await.map(Some),
            None => Ok(None),
        }
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        manifest::apply(cx, spec).await
    }

    async fn update(&self, cx: &Cx, _: &str, _: &Spec, to: &Spec) -> CloudResult<()> {
        manifest::apply(cx, to).await.map(drop)
    }

    async fn try_out(&self, cx: &Cx, to: &Spec) -> CloudResult<Trial<Spec>> {
        trial::try_out(cx, to).await
    }

    async fn delete(&self, cx: &Cx, _: &str, spec: &Spec) -> CloudResult<()> {
        manifest::delete(cx, spec).await
    }

    async fn children(&self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<Child>> {
        Made::of(spec).children(cx, spec).await
    }

    async fn outlive(&self, cx: &Cx, spec: &Spec, made: &[Child]) -> CloudResult<Vec<String>> {
        Made::of(spec).outlive(cx, spec, made).await
    }

    async fn held(&self, cx: &Cx, spec: &Spec, _: &str, _: &Json) -> CloudResult<Vec<Hold>> {
        Made::of(spec).held(cx, spec).await
    }

    async fn remains(&self, cx: &Cx, spec: &Spec, _: Option<&Outputs>) -> CloudResult<Vec<String>> {
        Made::of(spec).remains(cx, spec).await
    }

    async fn sweep(&self, cx: &Cx, spec: &Spec) -> CloudResult<()> {
        Made::of(spec).sweep(cx, spec).await
    }

    async fn warned(&self, cx: &Cx, spec: &Spec) -> CloudResult<Option<String>> {
        manifest::warned(cx, spec).await
    }

    async fn release(&self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<String>> {
        Made::of(spec).release(cx, spec).await
    }

    /// One list for all objects of a sort and namespace, where there are at least two of them.
    async fn find_many(
        &self,
        cx: &[Cx],
        asked: &[(Spec, String)],
    ) -> CloudResult<Option<Vec<Option<FoundOf<Self>>>>> {
        let mut groups: Vec<(ClusterRef, ObjectRef, Vec<usize>)> = Vec::new();
        for (at, (spec, _)) in asked.iter().enumerate() {
            let Ok(mut object) = ObjectRef::of(&spec.manifest) else { return Ok(None) };
            object.name.clear();
            match groups.iter_mut().find(|(cluster, like, _)| *cluster == spec.cluster && *like == object) {
                Some((_, _, members)) => members.push(at),
                None => groups.push((spec.cluster.clone(), object, vec![at])),
            }
        }
        let mut all: Vec<Option<FoundOf<Self>>> = asked.iter().map(|_| None).collect();
        for (cluster, like, members) in groups {
            if let [only] = members.as_slice() {
                all[*only] = self.find(&cx[*only], &asked[*only].0, None).await?;
                continue;
            }
            let objects = match cx[members[0]].objects(&cluster).await {
                Ok(objects) => objects,
                Err(error) if matches!(error.sort, ErrorSort::NotFound | ErrorSort::NotYet) => continue,
                Err(error) => return Err(error),
            };
            let listed = objects.list(&like).await?;
            for at in members {
                let spec = &asked[at].0;
                if let Some(live) = listed.iter().find_map(|live| among(live, &like, spec)) {
                    all[at] = Some(found(&cx[at], spec, live).await?);
                }
            }
        }
        Ok(Some(all))
    }
}

/// An item of a list, if it is the one wanted. Items do not say of what sort they are.
fn among(live: &Json, like: &ObjectRef, spec: &Spec) -> Option<Live> {
    if live["metadata"]["name"] != spec.manifest["metadata"]["name"] {
        return None;
    }
    let mut live = live.clone();
    live["apiVersion"] = Json::from(like.api_version.clone());
    live["kind"] = Json::from(like.kind.clone());
    let object = ObjectRef::of(&spec.manifest).ok()?;
    Some(manifest::told(spec, &object, live))
}

async fn found(cx: &Cx, spec: &Spec, live: Live) -> CloudResult<FoundOf<KubeObject>> {
    let readiness = match live.leaving() {
        Some(leaving) => leaving,
        None => match readiness(&live) {
            Readiness::Ready => made::balanced(cx, spec, &live).await?,
            other => other,
        },
    };
    let outputs = Outputs::of(&live);
    Ok(Found { id: live.id, spec: live.spec, outputs, readiness, owner: live.owner })
}

/// Whether it can be used, by what it is. Sorts that have no status worth waiting for are ready at once.
fn readiness(live: &Live) -> Readiness {
    let (object, status) = (&live.object, &live.object["status"]);
    let count = |json: &Json| json.as_i64().unwrap_or(0);
    let behind = count(&status["observedGeneration"]) < count(&object["metadata"]["generation"]);
    match object["kind"].as_str().unwrap_or_default() {
        "Namespace" => match status["phase"].as_str() {
            Some("Active") => Readiness::Ready,
            phase => Readiness::Pending(format!("it is {}", phase.unwrap_or("not active yet"))),
        },
        "Deployment" | "StatefulSet" if behind => {
            Readiness::Pending("its controller has not seen it yet".into())
        }
        "Deployment" => {
            let updated =
                count(&status["updatedReplicas"]) >= object["spec"]["replicas"].as_i64().unwrap_or(1);
            let why = holds(live, "Available");
            if why == Readiness::Ready && !updated {
                Readiness::Pending("pods are being replaced".into())
            } else {
                why
            }
        }
        "StatefulSet" => {
            all_of(count(&status["readyReplicas"]), object["spec"]["replicas"].as_i64().unwrap_or(1))
        }
        "DaemonSet" if behind => Readiness::Pending("its controller has not seen it yet".into()),
        "DaemonSet" => all_of(count(&status["numberReady"]), count(&status["desiredNumberScheduled"])),
        "Job" => match live.condition("Failed").filter(|failed| failed["status"] == "True") {
            Some(failed) => Readiness::Broken(words(failed)),
            None => holds(live, "Complete"),
        },
        "CustomResourceDefinition" => holds(live, "Established"),
        "GatewayClass" => accepted(live),
        _ => Readiness::Ready,
    }
}

/// A controller that runs without rights in AWS leaves its class as it was made.
fn accepted(live: &Live) -> Readiness {
    match holds(live, "Accepted") {
        Readiness::Pending(why)
            if live.condition("Accepted").is_none_or(|one| one["reason"] == "Pending") =>
        {
            Readiness::Pending(format!("{why} (is it running, with credentials for AWS? its logs tell)"))
        }
        other => other,
    }
}

fn all_of(ready: i64, wanted: i64) -> Readiness {
    if ready >= wanted {
        Readiness::Ready
    } else {
        Readiness::Pending(format!("{ready} of {wanted} pods are ready"))
    }
}

fn holds(live: &Live, kind: &str) -> Readiness {
    match live.condition(kind) {
        Some(condition) if condition["status"] == "True" => Readiness::Ready,
        Some(condition) => Readiness::Pending(words(condition)),
        None => Readiness::Pending(format!("it is not {kind} yet")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::conformance::{Yard, conforms};
    use crate::kind::{AnyKind, Erased, Ownership};

    fn config(yard: &Yard, namespace: &str, data: Json) -> Json {
        json!({ "cluster": yard.cluster, "manifest": {
            "apiVersion": "v1", "kind": "ConfigMap", "data": data,
            "metadata": { "name": "settings", "namespace": namespace, "labels": { "a": "b" } },
        }})
    }

    fn deployment(yard: &Yard, image: &str) -> Json {
        json!({ "cluster": yard.cluster, "manifest": {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "shop", "namespace": "default" },
            "spec": {
                "replicas": 2, "selector": { "matchLabels": { "app": "shop" } },
                "template": {
                    "metadata": { "labels": { "app": "shop" } },
                    "spec": { "containers": [{
                        "name": "shop", "image": image, "ports": [{ "containerPort": 80 }],
                        "resources": { "requests": { "cpu": "0.5", "memory": "64Mi" } },
                    }] },
                },
            },
        }})
    }

    #[tokio::test(start_paused = true)]
    async fn a_config_map_conforms() {
        let yard = Yard::new();
        let (first, second) =
            (config(&yard, "default", json!({"k": "1"})), config(&yard, "default", json!({"k": "2"})));
        conforms(&yard.ground, &Erased(KubeObject), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_deployment_conforms_and_is_waited_for() {
        let yard = Yard::new();
        conforms(
            &yard.ground,
            &Erased(KubeObject),
            &deployment(&yard, "shop:1"),
            &deployment(&yard, "shop:2"),
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_field_that_left_the_manifest_leaves_the_object() {
        let yard = Yard::new();
        let kind = Erased(KubeObject);
        let made = yard.ground.make(&kind, "a", &config(&yard, "default", json!({"k": "1", "l": "2"}))).await;
        let fewer = config(&yard, "default", json!({"k": "1"}));
        let cx = yard.ground.cx("a");
        let seen = kind.find(&cx, &fewer, None).await.expect("answered").expect("there");
        assert_eq!(seen.spec["manifest"]["data"], json!({"k": "1", "l": "2"}), "what was applied is told");
        kind.update(&cx, &made.id, &seen.spec, &fewer).await.expect("updated");
        let seen = kind.find(&cx, &fewer, None).await.expect("answered").expect("there");
        assert_eq!(seen.spec["manifest"]["data"], json!({"k": "1"}));
    }

    #[tokio::test(start_paused = true)]
    async fn what_others_change_is_seen_and_what_they_add_is_not() {
        let yard = Yard::new();
        let kind = Erased(KubeObject);
        let wanted = config(&yard, "default", json!({"k": "1"}));
        yard.ground.make(&kind, "a", &wanted).await;
        let objects = yard.objects().await;
        let patch = json!({"data": {"k": "changed", "theirs": "x"}});
        let request =
            http::Request::patch("/api/v1/namespaces/default/configmaps/settings?fieldManager=kubectl")
                .header("content-type", "application/merge-patch+json")
                .body(patch.to_string().into_bytes())
                .expect("a request");
        objects.client().request::<Json>(request).await.expect("patched");
        let seen = kind.find(&yard.ground.cx("a"), &wanted, None).await.expect("answered").expect("there");
        assert_eq!(seen.spec["manifest"]["data"], json!({"k": "changed"}));
        let owner = Ownership::Tagged { lineage: "lineage".into(), address: "test.a".into() };
        assert_eq!(seen.owner, owner);
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_says_what_holds_it() {
        let yard = Yard::new();
        let kind = Erased(KubeObject);
        let space = json!({ "cluster": yard.cluster, "manifest": {
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" },
        }});
        let made = yard.ground.make(&kind, "a", &space).await;
        let held = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "held", "namespace": "shop", "finalizers": ["example.com/wait"] },
        });
        let cx = yard.ground.cx("a");
        let cluster = serde_json::from_value(yard.cluster.clone()).expect("a cluster");
        cx.objects(&cluster).await.expect("reached").apply(&held, false).await.expect("made");
        kind.delete(&cx, &made.id, &space).await.expect("asked");
        let found = kind.find(&cx, &space, None).await.expect("answered").expect("there");
        let Readiness::Leaving(why) = found.readiness else { panic!("{:?}", found.readiness) };
        assert!(why.contains("finalizers remaining: example.com/wait in 1 resource"), "{why}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_namespace_and_a_missing_crd_are_waited_for() {
        let yard = Yard::new();
        let kind = Erased(KubeObject);
        let cx = yard.ground.cx("a");
        let spec = config(&yard, "nowhere", json!({}));
        assert_eq!(kind.find(&cx, &spec, None).await, Ok(None));
        assert_eq!(kind.create(&cx, &spec).await.expect_err("no namespace").sort, ErrorSort::NotYet);
        let spec = json!({ "cluster": yard.cluster, "manifest": {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": { "name": "a" },
        }});
        assert_eq!(kind.find(&cx, &spec, None).await, Ok(None));
        let error = kind.create(&cx, &spec).await.expect_err("no CRD");
        assert_eq!(error.sort, ErrorSort::NotYet);
        assert!(error.message.contains("CRD not established yet"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn another_state_s_object_is_not_deleted() {
        let yard = Yard::new();
        let kind = Erased(KubeObject);
        let wanted = config(&yard, "default", json!({"k": "1"}));
        yard.ground.make(&kind, "a", &wanted).await;
        let place = yard.ground.cx("a").place().clone();
        let address = crate::address::Address::new("test", "a");
        let other = yard.ground.cloud.cx(&place, "other", &address, "");
        let error = kind.delete(&other, "", &wanted).await.expect_err("it is not ours");
        assert_eq!(error.sort, ErrorSort::Denied);
    }

    #[tokio::test(start_paused = true)]
    async fn many_of_a_sort_are_found_with_one_call() {
        let yard = Yard::new();
        let kind = Erased(KubeObject);
        let mut asked = Vec::new();
        for name in ["a", "b", "c"] {
            let mut spec = config(&yard, "default", json!({"k": name}));
            spec["manifest"]["metadata"]["name"] = json!(name);
            if name != "c" {
                yard.ground.make(&kind, name, &spec).await;
            }
            asked.push((spec, name.to_owned()));
        }
        let before = yard.ground.cloud.calls().total();
        let cx: Vec<_> = ["a", "b", "c"].iter().map(|name| yard.ground.cx(name)).collect();
        let found = kind.find_many(&cx, &asked).await.expect("answered").expect("it can");
        assert_eq!(yard.ground.cloud.calls().total(), before + 1);
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
        let alone = kind.find(&cx[0], &asked[0].0, None).await.expect("answered");
        assert_eq!(found[0], alone);
    }
}
