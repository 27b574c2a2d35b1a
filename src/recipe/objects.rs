//! The Kubernetes objects of a controller, made from its recipe. Their order is in their `Stage`.

use serde_json::{Map, Value as Json, json};

use super::{Recipe, Selector, Webhook};
use crate::value::{Piece, Value};

/// What a controller must be told about where it runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The EKS name of the cluster.
    pub cluster: String,
    /// Its region.
    pub region: String,
    /// The VPC of its nodes.
    pub vpc: Value,
    /// Its account.
    pub account: Value,
    /// How many pods.
    pub replicas: u16,
    /// What the API server trusts the webhooks by, base64.
    pub ca_bundle: Value,
}

/// When an object is made, seen from the controller's Deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The controller needs it.
    Before,
    /// The Deployment itself.
    Deployment,
    /// It needs the controller: the API server would ask a webhook that does not answer yet.
    After,
}

/// One object of a controller.
#[derive(Clone, Debug)]
pub struct Object {
    /// When it is made.
    pub stage: Stage,
    /// All of it; leaves may be unknown.
    pub manifest: Value,
}

/// The name of an object among those of its controller: `ClusterRole.gateway-api-controller`.
pub fn object_key(manifest: &Value) -> String {
    let name = manifest.get("metadata").and_then(|metadata| metadata.get("name"));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    format!("{}.{}", text(manifest.get("kind")), text(name))
}

impl Recipe {
    /// All objects of the controller but its namespace, its webhook certificate and its GatewayClasses.
    pub fn objects(&self, settings: &Settings) -> Vec<Object> {
        let mut before = vec![self.account(), self.service()];
        before.extend(self.roles("Cluster", self.rules));
        before.extend(self.roles("", self.own_rules));
        let mut after = self.webhook_configurations(settings);
        after.extend(self.ingress_class.map(|(name, controller)| {
            self.object(
                "networking.k8s.io/v1",
                "IngressClass",
                name,
                json!({ "spec": { "controller": controller } }),
            )
        }));
        let made = |stage| move |manifest: Json| Object { stage, manifest: manifest.into() };
        let mut all: Vec<Object> = before.into_iter().map(made(Stage::Before)).collect();
        all.push(made(Stage::Deployment)(self.deployment(settings)));
        all.extend(after.into_iter().map(made(Stage::After)));
        all
    }

    fn object(&self, api_version: &str, kind: &str, name: &str, rest: Json) -> Json {
        let mut object = json!({
            "apiVersion": api_version,
            "kind": kind,
            "metadata": { "name": name, "labels": self.labels() },
        });
        let cluster_wide =
            kind.starts_with("Cluster") || kind.ends_with("WebhookConfiguration") || kind == "IngressClass";
        if !cluster_wide {
            object["metadata"]["namespace"] = self.namespace.into();
        }
        for (key, value) in rest.as_object().into_iter().flatten() {
            object[key] = value.clone();
        }
        object
    }

    fn selector(&self) -> Json {
        json!({ "app.kubernetes.io/name": self.name, "app.kubernetes.io/instance": self.name })
    }

    fn labels(&self) -> Json {
        let mut labels = self.selector();
        labels["app.kubernetes.io/version"] = format!("v{}", self.version).into();
        labels
    }

    fn account(&self) -> Json {
        self.object("v1", "ServiceAccount", self.service_account, json!({}))
    }

    fn service(&self) -> Json {
        let ports = json!([{ "name": "webhook-server", "port": 443, "protocol": "TCP", "targetPort": "webhook-server" }]);
        let spec = json!({ "spec": { "selector": self.selector(), "ports": ports } });
        self.object("v1", "Service", self.webhooks.service, spec)
    }

    /// A role and its binding to the service account; `scope` is `Cluster` or empty.
    fn roles(&self, scope: &str, rules: &[super::Rule]) -> Vec<Json> {
        if rules.is_empty() {
            return Vec::new();
        }
        let group = "rbac.authorization.k8s.io";
        let version = format!("{group}/v1");
        let kind = format!("{scope}Role");
        let name = if scope.is_empty() { format!("{}-leader", self.name) } else { self.name.to_owned() };
        let rules: Vec<Json> = rules.iter().map(super::Rule::json).collect();
        let subject =
            json!({ "kind": "ServiceAccount", "name": self.service_account, "namespace": self.namespace });
        let bound =
            json!({ "roleRef": { "apiGroup": group, "kind": kind, "name": name }, "subjects": [subject] });
        vec![
            self.object(&version, &kind, &name, json!({ "rules": rules })),
            self.object(&version, &format!("{kind}Binding"), &name, bound),
        ]
    }

    fn deployment(&self, settings: &Settings) -> Json {
        let mut pod = json!({
            "serviceAccountName": self.service_account,
            "terminationGracePeriodSeconds": self.container.grace_seconds,
            "securityContext": { "runAsNonRoot": true },
            "affinity": self.affinity(),
            "containers": [self.container(settings)],
            "volumes": [{ "name": "webhook-cert", "secret": { "secretName": self.webhooks.secret } }],
        });
        if let Some(group) = self.container.fs_group {
            pod["securityContext"]["fsGroup"] = group.into();
        }
        if let Some(class) = self.container.priority_class {
            pod["priorityClassName"] = class.into();
        }
        let spec = json!({ "spec": {
            "replicas": settings.replicas,
            "selector": { "matchLabels": self.selector() },
            "template": { "metadata": { "labels": self.selector() }, "spec": pod },
        }});
        self.object("apps/v1", "Deployment", self.name, spec)
    }

    fn container(&self, settings: &Settings) -> Json {
        let shape = &self.container;
        let args: Vec<Value> = shape.args.iter().map(|arg| settings.fill(arg)).collect();
        let ports: Vec<Json> = (shape.ports.iter())
            .map(|(name, port)| json!({ "name": name, "containerPort": port, "protocol": "TCP" }))
            .collect();
        let probe = |path: &str, delay: u16, period: u16| {
            json!({
                "httpGet": { "path": path, "port": shape.probe_port, "scheme": "HTTP" },
                "initialDelaySeconds": delay, "periodSeconds": period, "timeoutSeconds": 10,
            })
        };
        let mut container = json!({
            "name": shape.name,
            "image": self.image,
            "args": args,
            "ports": ports,
            "livenessProbe": probe("/healthz", 30, 20),
            "readinessProbe": probe("/readyz", 10, 10),
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": { "drop": ["ALL"] },
                "readOnlyRootFilesystem": true,
                "runAsNonRoot": true,
            },
            "volumeMounts": [{ "name": "webhook-cert", "mountPath": shape.certificate_path, "readOnly": true }],
        });
        if !shape.command.is_empty() {
            container["command"] = shape.command.iter().copied().collect();
        }
        if !shape.env.is_empty() {
            let env =
                shape.env.iter().map(|(name, text)| json!({ "name": name, "value": settings.fill(text) }));
            container["env"] = env.collect();
        }
        if let Some([requests, limits]) = shape.resources {
            let pair = |[cpu, memory]: [&str; 2]| json!({ "cpu": cpu, "memory": memory });
            container["resources"] = json!({ "requests": pair(requests), "limits": pair(limits) });
        }
        container
    }

    /// Its pods go to different nodes if they can.
    fn affinity(&self) -> Json {
        let term = json!({
            "labelSelector": { "matchLabels": self.selector() },
            "topologyKey": "kubernetes.io/hostname",
        });
        let preferred = json!([{ "weight": 100, "podAffinityTerm": term }]);
        json!({ "podAntiAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": preferred } })
    }

    fn webhook_configurations(&self, settings: &Settings) -> Vec<Json> {
        let sorts =
            [("Mutating", self.webhooks.mutating), ("Validating", self.webhooks.validating)].into_iter();
        sorts
            .filter(|(_, webhooks)| !webhooks.is_empty())
            .map(|(sort, webhooks)| {
                let webhooks: Vec<Json> =
                    webhooks.iter().map(|webhook| self.webhook(webhook, settings)).collect();
                self.object(
                    "admissionregistration.k8s.io/v1",
                    &format!("{sort}WebhookConfiguration"),
                    self.webhooks.name,
                    json!({ "webhooks": webhooks }),
                )
            })
            .collect()
    }

    fn webhook(&self, webhook: &Webhook, settings: &Settings) -> Json {
        let [group, version, plural] = webhook.target;
        let operations: &[&str] = if webhook.updates { &["CREATE", "UPDATE"] } else { &["CREATE"] };
        let service = json!({
            "name": self.webhooks.service, "namespace": self.namespace, "path": webhook.path, "port": 443,
        });
        let mut json = json!({
            "name": webhook.name,
            "admissionReviewVersions": ["v1"],
            "clientConfig": { "caBundle": settings.ca_bundle, "service": service },
            "failurePolicy": if webhook.must_answer { "Fail" } else { "Ignore" },
            "sideEffects": "None",
            "rules": [{
                "apiGroups": [group], "apiVersions": [version], "resources": [plural], "operations": operations,
            }],
        });
        for (key, selectors) in
            [("namespaceSelector", webhook.namespaces), ("objectSelector", webhook.objects)]
        {
            if !selectors.is_empty() {
                json[key] =
                    json!({ "matchExpressions": selectors.iter().map(expression).collect::<Vec<_>>() });
            }
        }
        json
    }
}

fn expression((key, operator, values): &Selector) -> Json {
    let mut expression = Map::new();
    expression.insert("key".into(), (*key).into());
    expression.insert("operator".into(), (*operator).into());
    if !values.is_empty() {
        expression.insert("values".into(), values.iter().copied().collect());
    }
    Json::Object(expression)
}

impl Settings {
    /// A text of a recipe with the names in braces filled in.
    fn fill(&self, text: &str) -> Value {
        let text = text.replace("{cluster}", &self.cluster).replace("{region}", &self.region);
        for (mark, value) in [("{vpc}", &self.vpc), ("{account}", &self.account)] {
            if let Some((before, after)) = text.split_once(mark) {
                return joined(before, value, after);
            }
        }
        text.into()
    }
}

/// A text around a value that may be unknown.
fn joined(before: &str, value: &Value, after: &str) -> Value {
    match value {
        Value::Unknown(pieces) => {
            let around = |text: &str| (!text.is_empty()).then(|| Piece::Text(text.to_owned()));
            let inner = pieces.iter().cloned();
            Value::Unknown(around(before).into_iter().chain(inner).chain(around(after)).collect())
        }
        known => format!("{before}{}{after}", known.as_str().unwrap_or_default()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::recipe::{lattice_controller, load_balancer_controller, official};

    fn settings() -> Settings {
        Settings {
            cluster: "shop-edge".into(),
            region: "us-west-2".into(),
            vpc: Value::reference(&Address::new("network", "edge").part("vpc"), "vpc_id"),
            account: "111122223333".into(),
            replicas: 2,
            ca_bundle: "Y2E=".into(),
        }
    }

    fn manifest(recipe: &Recipe, key: &str) -> Json {
        let all = recipe.objects(&settings());
        let found = all.iter().find(|object| object_key(&object.manifest) == key);
        Json::from(&found.unwrap_or_else(|| panic!("no {key}")).manifest)
    }

    #[test]
    fn the_load_balancer_controller_knows_where_it_runs() {
        let recipe = load_balancer_controller("3.5.0").expect("known");
        let deployment =
            recipe.objects(&settings()).into_iter().find(|object| object.stage == Stage::Deployment);
        let known = deployment.expect("there is one").manifest.resolve(&|_| Some("vpc-1".into()));
        let json = known.known().expect("all is known");
        let args = json.pointer("/spec/template/spec/containers/0/args").expect("args");
        assert_eq!(
            args,
            &json!([
                "--cluster-name=shop-edge",
                "--ingress-class=alb",
                "--aws-region=us-west-2",
                "--aws-vpc-id=vpc-1"
            ])
        );
    }

    #[test]
    fn webhook_configurations_come_after_the_deployment_and_leave_services_alone() {
        let recipe = load_balancer_controller("3.5.0").expect("known");
        let objects = recipe.objects(&settings());
        let after = objects.iter().filter(|object| object.stage == Stage::After);
        let keys: Vec<String> = after.map(|object| object_key(&object.manifest)).collect();
        assert_eq!(
            keys,
            [
                "MutatingWebhookConfiguration.aws-load-balancer-webhook",
                "ValidatingWebhookConfiguration.aws-load-balancer-webhook",
                "IngressClass.alb",
            ]
        );
        let mutating = manifest(recipe, "MutatingWebhookConfiguration.aws-load-balancer-webhook");
        assert!(!mutating.to_string().contains("\"services\""), "{mutating}");
    }

    #[test]
    fn the_lattice_container_is_the_official_one() {
        let recipe = lattice_controller("2.1.3").expect("known");
        let Some(objects) = official::objects(&["aws-gateway-controller/deploy.yaml"]) else { return };
        let theirs = objects.iter().find(|object| object["kind"] == "Deployment").expect("there is one");
        let ours = manifest(recipe, "Deployment.gateway-api-controller");
        let container = "/spec/template/spec/containers/0";
        for path in ["/image", "/name", "/command", "/args", "/resources", "/livenessProbe/httpGet/port"] {
            let path = format!("{container}{path}");
            assert_eq!(ours.pointer(&path), theirs.pointer(&path), "{path}");
        }
    }
}
