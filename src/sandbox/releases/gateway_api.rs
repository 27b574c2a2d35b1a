//! The Gateway API's CRDs of the standard channel, from the types of the `gateway-api` crate, with the defaults, merge
//! keys and rules of the official ones as far as they matter here.

use gateway_api::apis::standard::{
    backendtlspolicies::BackendTlsPolicy, gatewayclasses::GatewayClass, gateways::Gateway,
    grpcroutes::GrpcRoute, httproutes::HttpRoute, listenersets::ListenerSet, referencegrants::ReferenceGrant,
    tlsroutes::TlsRoute,
};
use kube::CustomResourceExt;
use serde_json::{Value as Json, json};

use super::{conditions, definition};

const GROUP: &str = "gateway.networking.k8s.io";

/// All CRDs of a version of the standard channel.
pub(super) fn definitions(version: &str) -> Vec<Json> {
    let typed = [
        typed(&BackendTlsPolicy::crd(), &["v1"]),
        typed(&GatewayClass::crd(), &["v1", "v1beta1"]),
        typed(&Gateway::crd(), &["v1", "v1beta1"]),
        typed(&GrpcRoute::crd(), &["v1"]),
        typed(&HttpRoute::crd(), &["v1", "v1beta1"]),
        typed(&ListenerSet::crd(), &["v1"]),
        typed(&ReferenceGrant::crd(), &["v1beta1", "v1"]),
        typed(&TlsRoute::crd(), &["v1"]),
    ];
    let mut all = typed.to_vec();
    for kind in ["TCPRoute", "UDPRoute"] {
        let name = format!("{}s.{GROUP}", kind.to_lowercase());
        all.push(definition(kind, &name, true, vec![open()]));
    }
    for crd in &mut all {
        crd["metadata"]["annotations"] = json!({
            "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/4530",
            "gateway.networking.k8s.io/bundle-version": format!("v{version}"),
            "gateway.networking.k8s.io/channel": "standard",
        });
        for version in crd["spec"]["versions"].as_array_mut().into_iter().flatten() {
            amend(&mut version["schema"]["openAPIV3Schema"]);
        }
    }
    for crd in &mut all {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap_or_default().to_owned();
        for version in crd["spec"]["versions"].as_array_mut().into_iter().flatten() {
            rules(&kind, &mut version["schema"]["openAPIV3Schema"]);
        }
    }
    all
}

/// A CRD of the crate under these versions, the stored one first.
fn typed<T: serde::Serialize>(crd: &T, versions: &[&str]) -> Json {
    let crd = serde_json::to_value(crd).unwrap_or_default();
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let mut schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    bare(&mut schema);
    let status = !crd["spec"]["versions"][0]["subresources"]["status"].is_null();
    let row = |(at, version): (usize, &&str)| {
        let mut row = json!({
            "name": version, "served": true, "storage": at == 0, "schema": { "openAPIV3Schema": schema },
        });
        if status {
            row["subresources"] = json!({ "status": {} });
        }
        row
    };
    let name = text(&crd["metadata"]["name"]);
    let namespaced = crd["spec"]["scope"] == "Namespaced";
    definition(
        &text(&crd["spec"]["names"]["kind"]),
        &name,
        namespaced,
        versions.iter().enumerate().map(row).collect(),
    )
}

/// Takes the descriptions out, which are texts; a property of that name is a schema.
fn bare(schema: &mut Json) {
    match schema {
        Json::Object(map) => {
            map.retain(|name, value| {
                !(["description", "title"].contains(&name.as_str()) && value.is_string())
            });
            map.values_mut().for_each(bare);
        }
        Json::Array(items) => items.iter_mut().for_each(bare),
        _ => {}
    }
}

/// A version that takes anything in spec and status.
fn open() -> Json {
    let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    json!({
        "name": "v1", "served": true, "storage": true, "subresources": { "status": {} },
        "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": any, "status": any } } },
    })
}

/// Sets what all lists of conditions, listeners, parents and parent references have in common.
fn amend(schema: &mut Json) {
    let Some(properties) = schema["properties"].as_object_mut() else {
        if schema["items"].is_object() {
            amend(&mut schema["items"]);
        }
        return;
    };
    for (name, property) in properties.iter_mut() {
        amend(property);
        match name.as_str() {
            "conditions" => *property = conditions(),
            "listeners" => {
                property["x-kubernetes-list-type"] = json!("map");
                property["x-kubernetes-list-map-keys"] = json!(["name"]);
            }
            "parentRefs" => {
                default(property, "/items/properties/group", json!(GROUP));
                default(property, "/items/properties/kind", json!("Gateway"));
            }
            "backendRefs" => {
                default(property, "/items/properties/group", json!(""));
                default(property, "/items/properties/kind", json!("Service"));
                default(property, "/items/properties/weight", json!(1));
            }
            "certificateRefs" => {
                default(property, "/items/properties/group", json!(""));
                default(property, "/items/properties/kind", json!("Secret"));
            }
            "allowedRoutes" => {
                property["default"] = json!({ "namespaces": { "from": "Same" } });
            }
            _ => {}
        }
    }
}

/// Gives a field a default, where there is such a field.
fn default(schema: &mut Json, pointer: &str, value: Json) {
    if let Some(field) = schema.pointer_mut(pointer) {
        field["default"] = value;
    }
}

fn rules(kind: &str, schema: &mut Json) {
    let pending = |kinds: &[&str]| {
        let one = |kind: &&str| {
            json!({
                "type": kind, "status": "Unknown", "reason": "Pending", "message": "Waiting for controller",
                "lastTransitionTime": "1970-01-01T00:00:00Z",
            })
        };
        json!({ "conditions": kinds.iter().map(one).collect::<Vec<_>>() })
    };
    match kind {
        "Gateway" => {
            default(schema, "/properties/status", pending(&["Accepted", "Programmed"]));
            default(
                schema,
                "/properties/spec/properties/listeners/items/properties/tls/properties/mode",
                json!("Terminate"),
            );
            if let Some(listeners) = schema.pointer_mut("/properties/spec/properties/listeners") {
                listeners["minItems"] = json!(1);
                listeners["maxItems"] = json!(64);
                listeners["x-kubernetes-validations"] = listener_rules();
                port(&mut listeners["items"]["properties"]["port"]);
            }
        }
        "GatewayClass" => {
            default(schema, "/properties/status", pending(&["Accepted"]));
            if let Some(name) = schema.pointer_mut("/properties/spec/properties/controllerName") {
                name["x-kubernetes-validations"] =
                    json!([{ "rule": "self == oldSelf", "message": "Value is immutable" }]);
            }
        }
        "HTTPRoute" => {
            let path = json!({ "type": "PathPrefix", "value": "/" });
            let rule = "/properties/spec/properties/rules";
            let matches = format!("{rule}/items/properties/matches");
            default(schema, rule, json!([{ "matches": [{ "path": path }] }]));
            default(schema, &matches, json!([{ "path": path }]));
            default(schema, &format!("{matches}/items/properties/path"), path.clone());
            for (name, value) in [("type", "PathPrefix"), ("value", "/")] {
                default(schema, &format!("{matches}/items/properties/path/properties/{name}"), json!(value));
            }
            for name in ["headers", "queryParams"] {
                default(
                    schema,
                    &format!("{matches}/items/properties/{name}/items/properties/type"),
                    json!("Exact"),
                );
            }
        }
        _ => {}
    }
}

fn port(schema: &mut Json) {
    schema["minimum"] = json!(1);
    schema["maximum"] = json!(65_535);
}

fn listener_rules() -> Json {
    let rule = |rule: &str, message: &str| json!({ "rule": rule, "message": message });
    json!([
        rule(
            "self.all(a, self.exists_one(b, a.name == b.name))",
            "Listener name must be unique within the Gateway"
        ),
        rule(
            "self.all(a, self.exists_one(b, a.port == b.port && a.protocol == b.protocol && (has(a.hostname) && \
             has(b.hostname) ? a.hostname == b.hostname : !has(a.hostname) && !has(b.hostname))))",
            "Combination of port, protocol and hostname must be unique for each listener",
        ),
        rule(
            "self.all(a, a.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(a.tls) : true)",
            "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
        ),
        rule(
            "self.all(a, a.protocol == 'HTTPS' && has(a.tls) && has(a.tls.mode) ? a.tls.mode in ['', 'Terminate'] : true)",
            "tls mode must be Terminate for protocol HTTPS",
        ),
        rule(
            "self.all(a, a.protocol == 'TLS' ? has(a.tls) && has(a.tls.mode) && a.tls.mode != '' : true)",
            "tls mode must be set for protocol TLS",
        ),
        rule(
            "self.all(a, a.protocol in ['TCP', 'UDP'] ? !has(a.hostname) || a.hostname == '' : true)",
            "hostname must not be specified for protocols ['TCP', 'UDP']",
        ),
        rule(
            "self.all(a, has(a.tls) && has(a.tls.mode) && a.tls.mode == 'Terminate' ? (has(a.tls.certificateRefs) && \
             size(a.tls.certificateRefs) > 0) || (has(a.tls.options) && size(a.tls.options) > 0) : true)",
            "certificateRefs or options must be specified when mode is Terminate",
        ),
    ])
}
