//! The annotations of Ingresses and Services, in the words of the configurations of Gateways.

use serde_json::{Value as Json, json};

use crate::sandbox::world::Doc;

/// What the annotations of a sort of object begin with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Ingress,
    Service,
}

/// How the text of an annotation is read.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Number,
    Flag,
    List,
    /// Names of subnets.
    Subnets,
    /// `[{key, value}]`.
    Pairs,
    Map,
}

/// A field, how it is read, and what it is called on an Ingress and on a Service; empty where there is none.
type Field = (&'static str, Form, &'static str, &'static str);

/// Of a load balancer.
const BALANCER: &[Field] = &[
    ("loadBalancerName", Form::Text, "load-balancer-name", "aws-load-balancer-name"),
    ("scheme", Form::Text, "scheme", "aws-load-balancer-scheme"),
    ("ipAddressType", Form::Text, "ip-address-type", "aws-load-balancer-ip-address-type"),
    ("loadBalancerSubnets", Form::Subnets, "subnets", "aws-load-balancer-subnets"),
    ("securityGroups", Form::List, "security-groups", "aws-load-balancer-security-groups"),
    (
        "manageBackendSecurityGroupRules",
        Form::Flag,
        "manage-backend-security-group-rules",
        "aws-load-balancer-manage-backend-security-group-rules",
    ),
    ("disableSecurityGroup", Form::Flag, "", "aws-load-balancer-disable-nlb-sg"),
    ("sourceRanges", Form::List, "inbound-cidrs", "load-balancer-source-ranges"),
    ("loadBalancerAttributes", Form::Pairs, "load-balancer-attributes", "aws-load-balancer-attributes"),
    ("tags", Form::Map, "tags", "aws-load-balancer-additional-resource-tags"),
];

/// Of a target group.
const TARGETS: &[Field] = &[
    ("targetType", Form::Text, "target-type", "aws-load-balancer-nlb-target-type"),
    (
        "targetGroupAttributes",
        Form::Pairs,
        "target-group-attributes",
        "aws-load-balancer-target-group-attributes",
    ),
    ("tags", Form::Map, "tags", "aws-load-balancer-additional-resource-tags"),
];

/// Of its health check.
const HEALTH: &[Field] = &[
    ("healthCheckPath", Form::Text, "healthcheck-path", "aws-load-balancer-healthcheck-path"),
    ("healthCheckPort", Form::Text, "healthcheck-port", "aws-load-balancer-healthcheck-port"),
    ("healthCheckProtocol", Form::Text, "healthcheck-protocol", "aws-load-balancer-healthcheck-protocol"),
    (
        "healthCheckInterval",
        Form::Number,
        "healthcheck-interval-seconds",
        "aws-load-balancer-healthcheck-interval",
    ),
    (
        "healthCheckTimeout",
        Form::Number,
        "healthcheck-timeout-seconds",
        "aws-load-balancer-healthcheck-timeout",
    ),
    (
        "healthyThresholdCount",
        Form::Number,
        "healthy-threshold-count",
        "aws-load-balancer-healthcheck-healthy-threshold",
    ),
    (
        "unhealthyThresholdCount",
        Form::Number,
        "unhealthy-threshold-count",
        "aws-load-balancer-healthcheck-unhealthy-threshold",
    ),
];

/// The annotations of some objects; what the first ones say counts.
pub(super) struct Notes<'a> {
    dialect: Dialect,
    objects: Vec<&'a Doc>,
}

impl<'a> Notes<'a> {
    pub fn of(dialect: Dialect, objects: Vec<&'a Doc>) -> Self {
        Self { dialect, objects }
    }

    /// The text of an annotation.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let prefix = match self.dialect {
            Dialect::Ingress => "alb.ingress.kubernetes.io",
            Dialect::Service => "service.beta.kubernetes.io",
        };
        let key = format!("{prefix}/{name}");
        self.objects.iter().find_map(|object| object["metadata"]["annotations"][&key].as_str())
    }

    /// The words of an annotation, between commas.
    pub fn words(&self, name: &str) -> Vec<&'a str> {
        words(self.text(name).unwrap_or_default())
    }

    /// What is asked for of the load balancer, as in a `LoadBalancerConfiguration`.
    pub fn balancer(&self) -> Json {
        self.fields(BALANCER)
    }

    /// What is asked for of a target group, as in a `TargetGroupConfiguration`. The numbers of its health check that
    /// are not given are these: interval, timeout, and how often until it is healthy or not.
    pub fn targets(&self, defaults: [i64; 3]) -> Json {
        let [interval, timeout, threshold] = defaults;
        let mut health = json!({
            "healthCheckInterval": interval,
            "healthCheckTimeout": timeout,
            "healthyThresholdCount": threshold,
            "unhealthyThresholdCount": threshold,
        });
        for (field, value) in self.fields(HEALTH).as_object().into_iter().flatten() {
            health[field] = value.clone();
        }
        let codes = ["success-codes", "aws-load-balancer-healthcheck-success-codes"];
        if let Some(codes) = codes.iter().find_map(|name| self.text(name)) {
            health["matcher"] = json!({ "httpCode": codes });
        }
        let mut props = self.fields(TARGETS);
        props["healthCheckConfig"] = health;
        props
    }

    fn fields(&self, fields: &[Field]) -> Json {
        let mut all = json!({});
        for (field, form, of_ingress, of_service) in fields {
            let name = if self.dialect == Dialect::Ingress { of_ingress } else { of_service };
            if let Some(raw) = self.text(name).filter(|_| !name.is_empty()) {
                all[*field] = read(*form, raw);
            }
        }
        all
    }
}

fn words(raw: &str) -> Vec<&str> {
    raw.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
}

fn read(form: Form, raw: &str) -> Json {
    let pairs = || {
        let halves = words(raw).into_iter().filter_map(|pair| pair.split_once('='));
        halves.map(|(key, value)| (key.trim(), value.trim()))
    };
    match form {
        Form::Text => json!(raw),
        Form::Number => json!(raw.parse::<i64>().unwrap_or_default()),
        Form::Flag => json!(raw == "true"),
        Form::List => json!(words(raw)),
        Form::Subnets => words(raw).into_iter().map(|word| json!({ "identifier": word })).collect(),
        Form::Pairs => pairs().map(|(key, value)| json!({ "key": key, "value": value })).collect(),
        Form::Map => Json::Object(pairs().map(|(key, value)| (key.to_owned(), json!(value))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_are_read_in_the_words_of_configurations() {
        let object = json!({ "metadata": { "annotations": {
            "alb.ingress.kubernetes.io/scheme": "internet-facing",
            "alb.ingress.kubernetes.io/load-balancer-attributes": "deletion_protection.enabled=true, a=b",
            "alb.ingress.kubernetes.io/subnets": "subnet-1, subnet-2",
            "alb.ingress.kubernetes.io/healthcheck-interval-seconds": "7",
        } } });
        let notes = Notes::of(Dialect::Ingress, vec![&object]);
        let attributes = json!([
            { "key": "deletion_protection.enabled", "value": "true" }, { "key": "a", "value": "b" },
        ]);
        let subnets = json!([{ "identifier": "subnet-1" }, { "identifier": "subnet-2" }]);
        assert_eq!(
            notes.balancer(),
            json!({ "scheme": "internet-facing", "loadBalancerAttributes": attributes, "loadBalancerSubnets": subnets })
        );
        let health = &notes.targets([15, 5, 2])["healthCheckConfig"];
        assert_eq!((&health["healthCheckInterval"], &health["healthCheckTimeout"]), (&json!(7), &json!(5)));
    }
}
