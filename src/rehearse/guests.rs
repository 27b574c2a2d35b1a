//! What others have in the clusters of the stack, whole, with what it refers to: to be applied to the copy as it is.

use serde_json::Value as Json;

use crate::cloud::{Cloud, CloudResult, ClusterRef, ObjectRef};
use crate::live::Guest;

/// An object, and the cluster it is in.
pub type InCluster = (ClusterRef, Json);

/// Reads them. What they refer to comes before them; what is gone by now is left out.
///
/// # Errors
/// A cluster cannot be read.
pub async fn whole(cloud: &Cloud, guests: &[Guest]) -> CloudResult<Vec<InCluster>> {
    let mut all: Vec<InCluster> = Vec::new();
    for guest in guests {
        let Ok(cluster) = serde_json::from_value::<ClusterRef>(guest.cluster.clone()) else { continue };
        let objects = cloud.objects(&cluster).await?;
        let [version, kind] = &guest.sort;
        // From the guest to what it needs, and told the other way round.
        let (mut open, mut found) =
            (vec![reference(version, kind, &guest.namespace, &guest.name)], Vec::new());
        while let Some(next) = open.pop() {
            if let Some(object) = objects.get(&next).await? {
                open.extend(referred(&object, &next.namespace));
                found.push((cluster.clone(), object));
            }
        }
        found.reverse();
        all.extend(found.into_iter().filter(|one| !all.contains(one)).collect::<Vec<_>>());
    }
    Ok(all)
}

fn reference(api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectRef {
    let [api_version, kind, namespace, name] = [api_version, kind, namespace, name].map(str::to_owned);
    ObjectRef { api_version, kind, namespace, name }
}

/// Configurations of a Gateway, and the Services behind a route.
fn referred(object: &Json, namespace: &str) -> Vec<ObjectRef> {
    let spec = &object["spec"];
    let mut all = Vec::new();
    let parameters = &spec["infrastructure"]["parametersRef"];
    let targets = &spec["defaultTargetGroupConfiguration"];
    for (kind, named) in [("LoadBalancerConfiguration", parameters), ("TargetGroupConfiguration", targets)] {
        if let Some(name) = named["name"].as_str() {
            all.push(reference("gateway.k8s.aws/v1", kind, namespace, name));
        }
    }
    let rules = spec["rules"].as_array().into_iter().flatten();
    let backends = rules.flat_map(|rule| rule["backendRefs"].as_array().into_iter().flatten());
    let services = backends.filter(|one| one["kind"].as_str().is_none_or(|kind| kind == "Service"));
    all.extend(services.filter_map(|one| {
        let within = one["namespace"].as_str().unwrap_or(namespace);
        Some(reference("v1", "Service", within, one["name"].as_str()?))
    }));
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_guest_refers_to_is_named() {
        let names = |object: &Json| -> Vec<String> {
            referred(object, "web")
                .iter()
                .map(|one| format!("{} {}/{}", one.kind, one.namespace, one.name))
                .collect()
        };
        let gateway = json!({ "spec": { "infrastructure": { "parametersRef": { "name": "public" } } } });
        assert_eq!(names(&gateway), ["LoadBalancerConfiguration web/public"]);
        let public = json!({ "spec": { "defaultTargetGroupConfiguration": { "name": "ip" } } });
        assert_eq!(names(&public), ["TargetGroupConfiguration web/ip"]);
        let route = json!({ "spec": { "rules": [{ "backendRefs": [
            { "name": "a" }, { "kind": "ServiceImport", "name": "b" }, { "name": "c", "namespace": "shop" },
        ] }] } });
        assert_eq!(names(&route), ["Service web/a", "Service shop/c"]);
    }
}
