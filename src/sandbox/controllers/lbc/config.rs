//! The configurations that classes and Gateways refer to: found, merged, held while somebody refers to them.

use serde_json::{Value as Json, json};

use super::super::cluster::{
    BALANCER_CONFIG, CLASS, Cluster, GATEWAY, GROUP_CONFIG, deleting, held, list, name, namespace, text,
};
use super::HALVES;
use crate::sandbox::world::Doc;

const FINALIZER: &str = "gateway.k8s.aws/loadbalancerconfigurations";
const GROUP_FINALIZER: &str = "gateway.k8s.aws/targetgroupconfigurations";

/// Why a class is not accepted: reason and message.
pub(super) type Refused = (&'static str, String);

fn is_config(reference: &Json) -> bool {
    reference["kind"] == "LoadBalancerConfiguration"
}

/// The configuration of a class, if it refers to one.
pub(super) fn of_class(cluster: &Cluster<'_>, class: &Doc) -> Result<Option<Doc>, Refused> {
    let reference = &class["spec"]["parametersRef"];
    if !is_config(reference) {
        return Ok(None);
    }
    let Some(home) = reference["namespace"].as_str() else {
        let message = "Namespace must be specified in ParametersRef for LoadBalancerConfiguration";
        return Err(("InvalidParametersRef", message.to_owned()));
    };
    let wanted = text(reference, "name");
    let absent = || ("NotFound", format!("LoadBalancerConfiguration ({wanted},{home}) not found"));
    cluster.object(BALANCER_CONFIG, home, wanted).map(Some).ok_or_else(absent)
}

/// The merged spec for a Gateway; both configurations are held from now on.
pub(super) fn of_gateway(cluster: &mut Cluster<'_>, gateway: &Doc, class: &Doc) -> Result<Json, String> {
    if !super::super::condition::holds(class, "Accepted") {
        return Err(format!(
            "Unable to materialize gateway when gateway class [{}] is not accepted",
            name(class)
        ));
    }
    let of_class = of_class(cluster, class).map_err(|(_, message)| message)?;
    let reference = &gateway["spec"]["infrastructure"]["parametersRef"];
    let mut own = None;
    if is_config(reference) {
        let wanted = text(reference, "name");
        let found = cluster.object(BALANCER_CONFIG, namespace(gateway), wanted);
        own =
            Some(found.ok_or_else(|| {
                format!("loadbalancerconfigurations.gateway.k8s.aws \"{wanted}\" not found")
            })?);
    }
    for config in [&of_class, &own].into_iter().flatten() {
        cluster.hold(BALANCER_CONFIG, config, FINALIZER);
    }
    let spec = |config: Option<Doc>| config.map_or(json!({}), |config| config["spec"].clone());
    let (of_class, own) = (spec(of_class), spec(own));
    Ok(match of_class["mergingMode"].as_str() {
        Some("prefer-gateway") => merged(of_class, &own),
        _ => merged(own, &of_class),
    })
}

/// Two specs in one: `strong` wins field by field, lists of named things are joined by their names.
fn merged(mut weak: Json, strong: &Json) -> Json {
    for (field, value) in strong.as_object().into_iter().flatten() {
        let new = match field.as_str() {
            "loadBalancerAttributes" => joined(&weak[field], value, "key"),
            "listenerConfigurations" => joined(&weak[field], value, "protocolPort"),
            "tags" => {
                let mut tags = weak[field].as_object().cloned().unwrap_or_default();
                tags.extend(value.as_object().cloned().unwrap_or_default());
                Json::Object(tags)
            }
            _ => value.clone(),
        };
        weak[field] = new;
    }
    weak
}

fn joined(weak: &Json, strong: &Json, by: &str) -> Json {
    let strong = list(strong);
    let kept = list(weak).iter().filter(|one| !strong.iter().any(|other| other[by] == one[by]));
    kept.chain(strong).cloned().collect()
}

/// Lets go of configurations that are deleted and that nobody refers to any more.
pub(super) fn release(cluster: &mut Cluster<'_>) {
    for config in cluster.objects(BALANCER_CONFIG) {
        if deleting(&config) && held(&config, FINALIZER) && !is_referred_to(cluster, &config) {
            cluster.release(BALANCER_CONFIG, &config, FINALIZER);
        }
    }
    for config in cluster.objects(GROUP_CONFIG) {
        if deleting(&config) && held(&config, GROUP_FINALIZER) {
            cluster.release(GROUP_CONFIG, &config, GROUP_FINALIZER);
        }
    }
}

/// Whether a class of the controller, or a Gateway of such a class, refers to a configuration.
fn is_referred_to(cluster: &Cluster<'_>, config: &Doc) -> bool {
    let ours = |class: &Doc| HALVES.iter().any(|half| class["spec"]["controllerName"] == half.name);
    let classes: Vec<Doc> = cluster.objects(CLASS).into_iter().filter(ours).collect();
    let by_class = classes.iter().any(|class| {
        let reference = &class["spec"]["parametersRef"];
        is_config(reference)
            && reference["name"] == name(config)
            && reference["namespace"] == namespace(config)
    });
    let of_ours =
        |gateway: &Doc| classes.iter().any(|class| gateway["spec"]["gatewayClassName"] == name(class));
    let by_gateway = |gateway: &Doc| {
        let reference = &gateway["spec"]["infrastructure"]["parametersRef"];
        is_config(reference)
            && reference["name"] == name(config)
            && namespace(gateway) == namespace(config)
            && of_ours(gateway)
    };
    by_class || cluster.objects(GATEWAY).iter().any(by_gateway)
}

/// What the configurations say about the target group of a Service for a route.
pub(super) fn group(cluster: &Cluster<'_>, merged: &Json, home: &str, service: &Doc, route: &Doc) -> Json {
    let refers = |config: &&Doc| {
        let target = &config["spec"]["targetReference"];
        target["name"] == name(service) && target["kind"].as_str().unwrap_or("Service") == "Service"
    };
    let all = cluster.objects(GROUP_CONFIG);
    let own = all.iter().filter(|config| namespace(config) == namespace(service)).find(refers);
    let default = merged["defaultTargetGroupConfiguration"]["name"].as_str();
    let fallback = || all.iter().find(|config| namespace(config) == home && Some(name(config)) == default);
    let Some(config) = own.or_else(fallback) else { return json!({}) };
    let of_route = list(&config["spec"]["routeConfigurations"]).iter().find(|one| {
        let wanted = &one["routeIdentifier"];
        wanted["kind"] == route["kind"]
            && wanted["namespace"] == namespace(route)
            && wanted["name"] == name(route)
    });
    let weak = config["spec"]["defaultConfiguration"].clone();
    let weak = if weak.is_object() { weak } else { json!({}) };
    match of_route {
        Some(one) => merged_props(weak, &one["targetGroupProps"]),
        None => weak,
    }
}

fn merged_props(mut weak: Json, strong: &Json) -> Json {
    for (field, value) in strong.as_object().into_iter().flatten() {
        weak[field] = value.clone();
    }
    weak
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strong_spec_wins_and_lists_are_joined() {
        let weak = json!({ "scheme": "internal", "loadBalancerAttributes": [
            { "key": "a", "value": "1" }, { "key": "b", "value": "1" }] });
        let strong =
            json!({ "scheme": "internet-facing", "loadBalancerAttributes": [{ "key": "b", "value": "2" }] });
        let both = merged(weak, &strong);
        assert_eq!(both["scheme"], "internet-facing");
        let attributes = json!([{ "key": "a", "value": "1" }, { "key": "b", "value": "2" }]);
        assert_eq!(both["loadBalancerAttributes"], attributes);
    }
}
