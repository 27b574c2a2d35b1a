//! Tests of the API server through the real client.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::cloud::{ErrorSort, ObjectRef};
use crate::kind::conformance::Yard;

fn namespace(name: &str) -> Json {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

fn deployment(replicas: u32) -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "shop", "namespace": "shop" },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "shop" } },
            "template": {
                "metadata": { "labels": { "app": "shop" } },
                "spec": { "containers": [{ "name": "shop", "image": "shop:1", "ports": [{ "containerPort": 80 }] }] },
            },
        },
    })
}

fn object(manifest: &Json) -> ObjectRef {
    ObjectRef::of(manifest).expect("a manifest")
}

async fn wait(yard: &Yard, seconds: u64) {
    yard.ground.cloud.clock().sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_deployment_needs_its_namespace_and_is_available_after_a_while() {
    let yard = Yard::new();
    let objects = yard.objects().await;
    let early = objects.apply(&deployment(2), false).await.expect_err("there is no namespace");
    assert_eq!(early.sort, ErrorSort::NotYet, "{early}");
    objects.apply(&namespace("shop"), false).await.expect("it is applied");
    let made = objects.apply(&deployment(2), false).await.expect("it is applied");
    assert_eq!(made["spec"]["template"]["spec"]["containers"][0]["ports"][0]["protocol"], "TCP");
    let found = objects.get(&object(&deployment(2))).await.expect("answered").expect("there");
    assert!(found["status"]["conditions"].is_null());
    wait(&yard, 30).await;
    let found = objects.get(&object(&deployment(2))).await.expect("answered").expect("there");
    assert_eq!(found["status"]["availableReplicas"], 2, "{:#}", found["status"]);
    assert_eq!(found["status"]["observedGeneration"], found["metadata"]["generation"]);
    let pods = ObjectRef { kind: "Pod".into(), api_version: "v1".into(), ..object(&deployment(2)) };
    let pods = objects.list(&pods).await.expect("listed");
    assert!(pods.iter().all(|pod| pod["status"]["podIP"].is_string()), "{pods:#?}");
}

/// Sends a request and gives code and answer.
async fn send(yard: &Yard, method: &str, path: &str, content_type: &str, body: &Json) -> (u16, Json) {
    use http_body_util::BodyExt;
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", yard.endpoint()))
        .header("authorization", "Bearer sandbox")
        .header("content-type", content_type)
        .header("user-agent", "tests/1")
        .body(bytes::Bytes::from(bytes))
        .expect("a request");
    let answer = yard.ground.sandbox.answer(&request).expect("answered");
    let code = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or_default())
}

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(data: Json) -> Json {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": data })
}

async fn apply(yard: &Yard, manager: &str, force: bool, body: &Json) -> (u16, Json) {
    send(yard, "PATCH", &format!("{MAPS}/a?fieldManager={manager}&force={force}"), APPLY, body).await
}

#[tokio::test(start_paused = true)]
async fn managers_own_fields_and_conflict() {
    let yard = Yard::new();
    assert_eq!(apply(&yard, "one", false, &map(json!({"x": "1", "y": "1"}))).await.0, 201);
    let (code, refusal) = apply(&yard, "two", false, &map(json!({"x": "2"}))).await;
    assert_eq!((code, &refusal["reason"]), (409, &json!("Conflict")));
    let cause =
        json!({"reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".data.x"});
    assert_eq!(refusal["details"]["causes"], json!([cause]));
    // The same value is shared, not contested.
    assert_eq!(apply(&yard, "two", false, &map(json!({"y": "1"}))).await.0, 200);
    let (code, forced) = apply(&yard, "two", true, &map(json!({"x": "2", "y": "1"}))).await;
    assert_eq!((code, &forced["data"]), (200, &json!({"x": "2", "y": "1"})));
    // What `one` no longer applies goes, except what `two` applied too or took.
    let (_, left) = apply(&yard, "one", false, &map(json!({"z": "1"}))).await;
    assert_eq!(left["data"], json!({"x": "2", "y": "1", "z": "1"}));
    let (_, left) = apply(&yard, "two", false, &map(json!({}))).await;
    assert_eq!(left["data"], json!({"z": "1"}));
    let owned = &left["metadata"]["managedFields"][0];
    assert_eq!((&owned["manager"], &owned["fieldsV1"]), (&json!("one"), &json!({"f:data": {"f:z": {}}})));
}

#[tokio::test(start_paused = true)]
async fn applying_the_same_again_changes_nothing() {
    let yard = Yard::new();
    let (_, first) = apply(&yard, "one", false, &map(json!({"x": "1"}))).await;
    wait(&yard, 5).await;
    let (_, second) = apply(&yard, "one", false, &map(json!({"x": "1"}))).await;
    assert_eq!(first, second);
}

#[tokio::test(start_paused = true)]
async fn an_update_of_an_old_version_conflicts() {
    let yard = Yard::new();
    let (code, made) = send(&yard, "POST", MAPS, JSON, &map(json!({"x": "1"}))).await;
    assert_eq!(code, 201);
    assert_eq!(send(&yard, "POST", MAPS, JSON, &map(json!({}))).await.1["reason"], "AlreadyExists");
    let path = format!("{MAPS}/a");
    send(&yard, "PATCH", &path, MERGE, &json!({"data": {"x": "2"}})).await;
    let (code, refusal) = send(&yard, "PUT", &path, JSON, &made).await;
    assert_eq!((code, &refusal["reason"]), (409, &json!("Conflict")));
    let steps = json!([{"op": "test", "path": "/data/x", "value": "2"}, {"op": "add", "path": "/data/y", "value": "3"}]);
    let (_, patched) = send(&yard, "PATCH", &path, "application/json-patch+json", &steps).await;
    assert_eq!(patched["data"], json!({"x": "2", "y": "3"}));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_leaves_no_trace() {
    let yard = Yard::new();
    let (code, would) = send(&yard, "POST", &format!("{MAPS}?dryRun=All"), JSON, &map(json!({}))).await;
    assert_eq!((code, &would["metadata"]["name"]), (201, &json!("a")));
    let path = format!("{MAPS}/a");
    assert_eq!(send(&yard, "GET", &path, JSON, &Json::Null).await.0, 404);
    apply(&yard, "one", false, &map(json!({"x": "1"}))).await;
    assert_eq!(send(&yard, "DELETE", &format!("{path}?dryRun=All"), JSON, &Json::Null).await.0, 200);
    assert_eq!(send(&yard, "GET", &path, JSON, &Json::Null).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn status_and_spec_are_written_apart() {
    let yard = Yard::new();
    let objects = yard.objects().await;
    objects.apply(&namespace("shop"), false).await.expect("applied");
    let mut wanted = deployment(0);
    wanted["status"] = json!({ "replicas": 7 });
    let made = objects.apply(&wanted, false).await.expect("applied");
    assert!(made["status"].is_null());
    let path = "/apis/apps/v1/namespaces/shop/deployments/shop";
    let patch = json!({ "spec": { "replicas": 9 }, "status": { "replicas": 7 } });
    let (_, patched) = send(&yard, "PATCH", &format!("{path}/status"), MERGE, &patch).await;
    assert_eq!((&patched["spec"]["replicas"], &patched["status"]["replicas"]), (&json!(0), &json!(7)));
    assert_eq!(patched["metadata"]["generation"], 1);
    let (_, patched) = send(&yard, "PATCH", path, MERGE, &patch).await;
    assert_eq!((&patched["spec"]["replicas"], &patched["metadata"]["generation"]), (&json!(9), &json!(2)));
}

#[tokio::test(start_paused = true)]
async fn lists_select_and_page() {
    let yard = Yard::new();
    for (name, tier) in [("a", "x"), ("b", "y"), ("c", "x")] {
        let mut doc = map(json!({}));
        doc["metadata"] = json!({ "name": name, "labels": { "tier": tier } });
        send(&yard, "POST", MAPS, JSON, &doc).await;
    }
    let names = |list: &Json| -> Vec<Json> {
        list["items"].as_array().expect("items").iter().map(|item| item["metadata"]["name"].clone()).collect()
    };
    let (_, list) = send(&yard, "GET", &format!("{MAPS}?labelSelector=tier%3Dx"), JSON, &Json::Null).await;
    assert_eq!((names(&list), &list["kind"]), (vec![json!("a"), json!("c")], &json!("ConfigMapList")));
    let (_, list) = send(&yard, "GET", &format!("{MAPS}?limit=2"), JSON, &Json::Null).await;
    let next = list["metadata"]["continue"].as_str().expect("more").to_owned();
    assert_eq!(names(&list), ["a", "b"]);
    let (_, list) = send(&yard, "GET", &format!("{MAPS}?limit=2&continue={next}"), JSON, &Json::Null).await;
    assert_eq!((names(&list), &list["metadata"]["continue"]), (vec![json!("c")], &Json::Null));
    let (_, list) =
        send(&yard, "GET", "/api/v1/configmaps?fieldSelector=metadata.name%3Db", JSON, &Json::Null).await;
    assert_eq!(names(&list), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_goes_when_all_in_it_is_gone() {
    let yard = Yard::new();
    let objects = yard.objects().await;
    objects.apply(&namespace("shop"), false).await.expect("applied");
    let mut held = map(json!({}));
    held["metadata"] = json!({ "name": "held", "namespace": "shop", "finalizers": ["example.com/wait"] });
    objects.apply(&held, false).await.expect("applied");
    objects.apply(&deployment(1), false).await.expect("applied");
    objects.delete(&object(&namespace("shop")), None).await.expect("asked");
    let found = objects.get(&object(&namespace("shop"))).await.expect("answered").expect("it waits");
    assert_eq!(found["status"]["phase"], "Terminating");
    let told = found["status"]["conditions"].to_string();
    assert!(told.contains("remaining: configmaps. has 1 resource instances"), "{told}");
    assert!(told.contains("finalizers remaining: example.com/wait in 1 resource instances"), "{told}");
    assert_eq!(objects.get(&object(&deployment(1))).await, Ok(None));
    let error = objects.apply(&deployment(1), false).await.expect_err("nothing new in here");
    assert_eq!(error.sort, ErrorSort::NotYet, "{error}");
    let path = "/api/v1/namespaces/shop/configmaps/held";
    send(&yard, "PATCH", path, MERGE, &json!({"metadata": {"finalizers": null}})).await;
    assert_eq!(objects.get(&object(&namespace("shop"))).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn what_is_owned_goes_with_its_owner_as_asked() {
    let yard = Yard::new();
    for (policy, stays) in [("Background", false), ("Foreground", false), ("Orphan", true)] {
        let (_, owner) = send(&yard, "POST", MAPS, JSON, &map(json!({}))).await;
        let mut owned = map(json!({}));
        let reference =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": owner["metadata"]["uid"]});
        owned["metadata"] = json!({ "name": "owned", "ownerReferences": [reference] });
        send(&yard, "POST", MAPS, JSON, &owned).await;
        let options = json!({ "propagationPolicy": policy });
        assert_eq!(send(&yard, "DELETE", &format!("{MAPS}/a"), JSON, &options).await.0, 200);
        assert_eq!(send(&yard, "GET", &format!("{MAPS}/a"), JSON, &Json::Null).await.0, 404, "{policy}");
        let left = send(&yard, "GET", &format!("{MAPS}/owned"), JSON, &Json::Null).await;
        assert_eq!(left.0 == 200, stays, "{policy}");
        if stays {
            assert_eq!(left.1["metadata"]["ownerReferences"], json!([]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_object_with_the_uid_is_deleted() {
    let yard = Yard::new();
    send(&yard, "POST", MAPS, JSON, &map(json!({}))).await;
    let options = json!({ "preconditions": { "uid": "another" } });
    assert_eq!(send(&yard, "DELETE", &format!("{MAPS}/a"), JSON, &options).await.0, 409);
}

fn definition() -> Json {
    let spec = json!({
        "type": "object", "required": ["size"],
        "properties": {
            "size": { "type": "integer", "minimum": 1, "maximum": 9 },
            "mode": { "type": "string", "enum": ["a", "b"], "default": "a" },
            "name": { "type": "string", "pattern": "^[a-z]+$" },
        },
        "x-kubernetes-validations": [{ "rule": "self.mode == 'a' || self.size > 3", "message": "b must be big" }],
    });
    let schema = json!({ "type": "object", "properties": { "spec": spec } });
    let version = |name: &str, storage: bool| json!({ "name": name, "served": true, "storage": storage, "schema": { "openAPIV3Schema": schema } });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "boxes.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": { "kind": "Box", "plural": "boxes" },
            "versions": [version("v1", true), version("v1beta1", false)],
        },
    })
}

fn sized(spec: &Json) -> Json {
    json!({ "apiVersion": "example.com/v1", "kind": "Box", "metadata": { "name": "a", "namespace": "default" }, "spec": spec })
}

#[tokio::test(start_paused = true)]
async fn custom_objects_are_checked_by_schema_and_rules() {
    let yard = Yard::new();
    let objects = yard.objects().await;
    objects.apply(&definition(), false).await.expect("applied");
    let early = objects.apply(&sized(&json!({"size": 1})), false).await.expect_err("it is not established");
    assert_eq!(early.sort, ErrorSort::NotYet, "{early}");
    wait(&yard, 1).await;
    for (spec, words) in [
        (json!({}), "spec.size: Required value"),
        (json!({"size": 10}), "less than or equal to 9"),
        (json!({"size": "x"}), "must be of type integer"),
        (json!({"size": 1, "mode": "c"}), "supported values"),
        (json!({"size": 1, "name": "A"}), "should match"),
        (json!({"size": 1, "mode": "b"}), "b must be big"),
        (json!({"size": 1, "typo": 1}), "unknown field \"spec.typo\""),
    ] {
        let error = objects.apply(&sized(&spec), false).await.expect_err("it is refused");
        assert_eq!(error.sort, ErrorSort::Invalid, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
    let made = objects.apply(&sized(&json!({"size": 4, "name": "ok"})), false).await.expect("applied");
    assert_eq!(made["spec"]["mode"], "a", "the default is filled in");
    let path = "/apis/example.com/v1beta1/namespaces/default/boxes/a";
    let (_, older) = send(&yard, "GET", path, JSON, &Json::Null).await;
    assert_eq!(older["apiVersion"], "example.com/v1beta1");
    let pruned = json!({"spec": {"typo": 1}});
    let (_, patched) = send(&yard, "PATCH", path, MERGE, &pruned).await;
    assert!(patched["spec"]["typo"].is_null(), "unknown fields are pruned");
}

#[tokio::test(start_paused = true)]
async fn a_crd_takes_its_objects_with_it_and_waits_for_their_finalizers() {
    let yard = Yard::new();
    let objects = yard.objects().await;
    objects.apply(&definition(), false).await.expect("applied");
    wait(&yard, 1).await;
    let mut held = sized(&json!({"size": 1}));
    held["metadata"]["finalizers"] = json!(["example.com/wait"]);
    objects.apply(&held, false).await.expect("applied");
    objects.delete(&object(&definition()), None).await.expect("asked");
    let left = objects.get(&object(&held)).await.expect("answered").expect("it is held");
    assert!(left["metadata"]["deletionTimestamp"].is_string());
    let path = "/apis/example.com/v1/namespaces/default/boxes/a";
    send(&yard, "PATCH", path, MERGE, &json!({"metadata": {"finalizers": null}})).await;
    assert_eq!(objects.get(&object(&definition())).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_what_changes_until_its_time_is_over() {
    use futures::{StreamExt, pin_mut};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::{WatchEvent, WatchParams};
    let yard = Yard::new();
    let api: kube::Api<ConfigMap> = kube::Api::namespaced(yard.objects().await.client().clone(), "default");
    let events = api.watch(&WatchParams::default().timeout(10), "0").await.expect("a watch");
    pin_mut!(events);
    apply(&yard, "one", false, &map(json!({"x": "1"}))).await;
    let first = events.next().await.expect("an event").expect("readable");
    assert!(
        matches!(&first, WatchEvent::Added(map) if map.metadata.name.as_deref() == Some("a")),
        "{first:?}"
    );
    apply(&yard, "one", false, &map(json!({"x": "2"}))).await;
    assert!(matches!(events.next().await, Some(Ok(WatchEvent::Modified(_)))));
    send(&yard, "DELETE", &format!("{MAPS}/a"), JSON, &Json::Null).await;
    assert!(matches!(events.next().await, Some(Ok(WatchEvent::Deleted(_)))));
    assert!(events.next().await.is_none(), "it ends");
}

#[tokio::test(start_paused = true)]
async fn discovery_tells_what_is_served() {
    let yard = Yard::new();
    let (_, version) = send(&yard, "GET", "/version", JSON, &Json::Null).await;
    assert_eq!((&version["major"], &version["minor"]), (&json!("1"), &json!("35")));
    let (_, groups) = send(&yard, "GET", "/apis", JSON, &Json::Null).await;
    let names: Vec<&Json> =
        groups["groups"].as_array().expect("groups").iter().map(|group| &group["name"]).collect();
    assert!(names.contains(&&json!("apps")) && names.contains(&&json!("apiextensions.k8s.io")), "{names:?}");
    assert_eq!(send(&yard, "GET", "/apis/gateway.networking.k8s.io/v1", JSON, &Json::Null).await.0, 404);
    let (_, core) = send(&yard, "GET", "/api/v1", JSON, &Json::Null).await;
    let rows = core["resources"].as_array().expect("rows");
    let of = |name: &str| rows.iter().find(|row| row["name"] == name).expect("is served");
    assert_eq!(of("namespaces")["shortNames"], json!(["ns"]));
    assert!(of("secrets").get("shortNames").is_none());
    let review = json!({ "kind": "SelfSubjectAccessReview", "spec": {} });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(send(&yard, "POST", path, JSON, &review).await.1["status"]["allowed"], true);
}

#[tokio::test(start_paused = true)]
async fn without_nodes_a_deployment_waits_for_them() {
    let yard = Yard::new();
    for n in 1..=2 {
        let name = format!("ip-10-0-{n}-7.us-west-2.compute.internal");
        super::leave_node(&mut yard.ground.sandbox.world(), &yard.key, &name);
    }
    let objects = yard.objects().await;
    objects.apply(&namespace("shop"), false).await.expect("applied");
    objects.apply(&deployment(1), false).await.expect("applied");
    wait(&yard, 60).await;
    let available = |doc: &Json| doc["status"]["availableReplicas"] == 1;
    let found = objects.get(&object(&deployment(1))).await.expect("answered").expect("there");
    assert!(!available(&found));
    assert_eq!(found["status"]["conditions"][0]["status"], "False");
    super::join_node(
        &mut yard.ground.sandbox.world(),
        &yard.key,
        "ip-10-0-9-9.internal",
        "us-west-2b",
        &json!({}),
    );
    wait(&yard, 20).await;
    let found = objects.get(&object(&deployment(1))).await.expect("answered").expect("there");
    assert!(available(&found), "{:#}", found["status"]);
}
