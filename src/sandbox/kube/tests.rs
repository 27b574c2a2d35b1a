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
