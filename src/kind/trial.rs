//! What a cluster says to a manifest by a dry run: what the object would become, or what of it cannot be changed in
//! place. Not a kind.

use serde_json::Value as Json;

use super::Trial;
use super::manifest::{self, Spec};
use crate::cloud::{CloudResult, Cx, ErrorSort, Wrong};

/// What API servers do not let change, for clusters that could not be asked.
pub(super) const IMMUTABLE: &[(&str, &str, &[&str])] = &[
    ("manifest.kind", "Deployment", &["manifest.spec.selector"]),
    ("manifest.kind", "DaemonSet", &["manifest.spec.selector"]),
    ("manifest.kind", "ReplicaSet", &["manifest.spec.selector"]),
    (
        "manifest.kind",
        "StatefulSet",
        &[
            "manifest.spec.podManagementPolicy",
            "manifest.spec.selector",
            "manifest.spec.serviceName",
            "manifest.spec.volumeClaimTemplates",
        ],
    ),
    (
        "manifest.kind",
        "Job",
        &["manifest.spec.completionMode", "manifest.spec.selector", "manifest.spec.template"],
    ),
    ("manifest.kind", "Service", &["manifest.spec.clusterIP", "manifest.spec.clusterIPs"]),
    ("manifest.kind", "Secret", &["manifest.type"]),
    ("manifest.kind", "RoleBinding", &["manifest.roleRef"]),
    ("manifest.kind", "ClusterRoleBinding", &["manifest.roleRef"]),
    ("manifest.kind", "GatewayClass", &["manifest.spec.controllerName"]),
    ("manifest.kind", "IngressClass", &["manifest.spec.controller"]),
    ("manifest.kind", "PriorityClass", &["manifest.value", "manifest.preemptionPolicy"]),
    (
        "manifest.kind",
        "StorageClass",
        &[
            "manifest.parameters",
            "manifest.provisioner",
            "manifest.reclaimPolicy",
            "manifest.volumeBindingMode",
        ],
    ),
    (
        "manifest.kind",
        "PersistentVolumeClaim",
        &["manifest.spec.accessModes", "manifest.spec.storageClassName", "manifest.spec.volumeName"],
    ),
    (
        "manifest.kind",
        "CustomResourceDefinition",
        &["manifest.spec.group", "manifest.spec.names.plural", "manifest.spec.scope"],
    ),
];

/// How API servers say that a field cannot be changed.
const WORDS: &[&str] = &["immutable", "may not change", "may not be changed", "cannot change", "updates to "];

/// Asks the cluster what applying the manifest would make of the object that is there.
pub(super) async fn try_out(cx: &Cx, spec: &Spec) -> CloudResult<Trial<Spec>> {
    let object = manifest::object(spec)?;
    let objects = cx.objects(&spec.cluster).await?;
    let answer = match objects.try_apply(&manifest::marked(cx, spec)).await {
        Err(error) if error.sort == ErrorSort::Denied => {
            return Ok(Trial::Untried("its cluster permits no dry run".to_owned()));
        }
        other => other?,
    };
    let Some(live) = objects.get(&object).await? else {
        return Ok(Trial::Untried("it has just gone".to_owned()));
    };
    let before = manifest::told(spec, &object, live).spec;
    match answer {
        Ok(after) => {
            // What is no longer wanted is told as what the server makes of it.
            let words = Spec { manifest: both(&before.manifest, &spec.manifest), ..spec.clone() };
            let after = manifest::told(&words, &object, after).spec;
            Ok(Trial::Becomes { before, after })
        }
        Err(wrong) => Ok(judged(&wrong, &before.manifest, &spec.manifest)),
    }
}

/// What a refusal means: that some fields are fixed, if that is all that is wrong.
fn judged(wrong: &[Wrong], before: &Json, wanted: &Json) -> Trial<Spec> {
    let other = wrong.iter().find(|one| !WORDS.iter().any(|words| one.words.contains(words)));
    if let Some(other) = other {
        return Trial::Untried(format!("its cluster would refuse it now: {}: {}", other.field, other.words));
    }
    let mut fields: Vec<String> = wrong.iter().flat_map(|one| changed(one, before, wanted)).collect();
    fields.sort();
    fields.dedup();
    Trial::Fixed(fields)
}

/// The fixed fields that a refusal is about. "Fields other than 'a' and 'b'" are those that differ.
fn changed(wrong: &Wrong, before: &Json, wanted: &Json) -> Vec<String> {
    let path = wrong.field.replace('[', ".").replace(']', "");
    // A Service has its address twice: most write down the singular.
    let path = match path.split_once(".clusterIPs") {
        Some((spec, _)) if wanted["spec"]["clusterIPs"].is_null() => format!("{spec}.clusterIP"),
        _ => path,
    };
    let here = format!("manifest.{path}");
    let Some((_, free)) = wrong.words.split_once("other than") else { return vec![here] };
    let free: Vec<&str> = free.split('\'').skip(1).step_by(2).collect();
    let pointer = format!("/{}", path.replace('.', "/"));
    let (before, wanted) = (before.pointer(&pointer), wanted.pointer(&pointer));
    let names = wanted.and_then(Json::as_object).into_iter().flat_map(|map| map.keys());
    let differs = |name: &&String| {
        !free.contains(&name.as_str())
            && before.and_then(|json| json.get(*name)) != wanted.and_then(|json| json.get(*name))
    };
    let found: Vec<String> = names.filter(differs).map(|name| format!("{here}.{name}")).collect();
    if found.is_empty() { vec![here] } else { found }
}

/// All that either says; the second where both do. The first was told in the order of the second.
fn both(one: &Json, other: &Json) -> Json {
    match (one, other) {
        (Json::Object(one), Json::Object(other)) => {
            let mut all = one.clone();
            for (name, value) in other {
                let value = one.get(name).map_or_else(|| value.clone(), |before| both(before, value));
                all.insert(name.clone(), value);
            }
            Json::Object(all)
        }
        (Json::Array(one), Json::Array(other)) => {
            let item = |(at, item): (usize, &Json)| match one.get(at) {
                Some(before) => both(before, item),
                None => item.clone(),
            };
            other.iter().enumerate().map(item).collect()
        }
        _ => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::Access;
    use crate::kind::conformance::Yard;
    use crate::kind::{AnyKind, Erased, kube_object::KubeObject};

    fn service(yard: &Yard, spec: &Json) -> Json {
        json!({ "cluster": yard.cluster, "manifest": {
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "shop", "namespace": "default" },
            "spec": spec,
        }})
    }

    async fn tried(yard: &Yard, spec: &Json) -> Trial {
        let cx = yard.ground.cx("a");
        Erased(KubeObject).try_out(&cx, spec).await.expect("is answered")
    }

    #[tokio::test(start_paused = true)]
    async fn b42_a_default_that_is_written_down_or_left_out_makes_no_difference() {
        let yard = Yard::new();
        let short = service(&yard, &json!({ "ports": [{ "port": 80 }] }));
        let long = service(
            &yard,
            &json!({
                "type": "ClusterIP", "sessionAffinity": "None",
                "ports": [{ "port": 80, "protocol": "TCP", "targetPort": 80 }],
            }),
        );
        yard.ground.make(&Erased(KubeObject), "a", &short).await;
        let Trial::Becomes { before, after } = tried(&yard, &long).await else { panic!("it can be") };
        assert_eq!(before, after);
        yard.ground.make(&Erased(KubeObject), "a", &long).await;
        let Trial::Becomes { before, after } = tried(&yard, &short).await else { panic!("it can be") };
        assert_eq!(before, after);
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_back_to_its_default_is_told_with_the_default() {
        let yard = Yard::new();
        let sticky = service(&yard, &json!({ "sessionAffinity": "ClientIP", "ports": [{ "port": 80 }] }));
        yard.ground.make(&Erased(KubeObject), "a", &sticky).await;
        let plain = service(&yard, &json!({ "ports": [{ "port": 80 }] }));
        let Trial::Becomes { before, after } = tried(&yard, &plain).await else { panic!("it can be") };
        assert_eq!(before["manifest"]["spec"]["sessionAffinity"], "ClientIP");
        assert_eq!(after["manifest"]["spec"]["sessionAffinity"], "None");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dry_run_leaves_no_trace_and_is_not_for_readers() {
        let yard = Yard::new();
        let kind = Erased(KubeObject);
        let plain = service(&yard, &json!({ "ports": [{ "port": 80 }] }));
        yard.ground.make(&kind, "a", &plain).await;
        let before: Vec<String> =
            yard.ground.sandbox.world().all().map(|(key, doc)| format!("{} {doc}", key.id)).collect();
        tried(&yard, &service(&yard, &json!({ "ports": [{ "port": 81 }] }))).await;
        let after: Vec<String> =
            yard.ground.sandbox.world().all().map(|(key, doc)| format!("{} {doc}", key.id)).collect();
        assert_eq!(before, after);
        let place = yard.ground.cx("a").place().clone();
        let address = crate::address::Address::new("test", "a");
        let reader = yard.ground.with_access(Access::Read).cx(&place, "lineage", &address, "");
        kind.try_out(&reader, &plain).await.expect_err("a reader does not even try");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_of_a_service_is_fixed() {
        let yard = Yard::new();
        yard.ground
            .make(&Erased(KubeObject), "a", &service(&yard, &json!({ "ports": [{ "port": 80 }] })))
            .await;
        let headless = service(&yard, &json!({ "clusterIP": "None", "ports": [{ "port": 80 }] }));
        assert_eq!(tried(&yard, &headless).await, Trial::Fixed(vec!["manifest.spec.clusterIP".into()]));
    }

    #[test]
    fn fields_other_than_those_named_are_told_by_their_names() {
        let words = "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals' and \
                     'template' are forbidden";
        let wrong = Wrong { field: "spec".into(), words: words.into() };
        let before = json!({ "spec": { "replicas": 1, "serviceName": "a", "template": {} } });
        let wanted = json!({ "spec": { "replicas": 2, "serviceName": "b", "template": {} } });
        assert_eq!(changed(&wrong, &before, &wanted), ["manifest.spec.serviceName"]);
        assert_eq!(changed(&wrong, &before, &before), ["manifest.spec"]);
    }

    #[test]
    fn what_is_wrong_besides_makes_no_replacement() {
        let wrong = |field: &str, words: &str| Wrong { field: field.into(), words: words.into() };
        let both = [
            wrong("spec.selector", "Invalid value: {}: field is immutable"),
            wrong("spec.replicas", "Invalid value: -1: must be greater than or equal to 0"),
        ];
        let told = judged(&both, &Json::Null, &Json::Null);
        assert!(matches!(told, Trial::Untried(why) if why.contains("must be greater")), "it is refused");
        assert_eq!(
            judged(&both[..1], &Json::Null, &Json::Null),
            Trial::Fixed(vec!["manifest.spec.selector".into()])
        );
    }
}
