//! What a group of Ingresses asks for in AWS: one listener a port, with the rules of all of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::super::cluster::{Cluster, SERVICE, list, name, namespace, text};
use super::super::names;
use super::annotations::{Dialect, Notes};
use super::ingresses::Member;
use super::model::{Listener, Model, Targets, discovered, plain, target_port};
use super::rules::{self, Draft};
use super::stack::{Options, Stack};

/// Interval and timeout of health checks in seconds, and how many of them count.
const HEALTH: [i64; 3] = [15, 5, 2];
/// The name of a port that stands for the action in an annotation.
const BY_ANNOTATION: &str = "use-annotation";

/// Builds the model, or says why there can be none.
pub(super) fn build(
    cluster: &Cluster<'_>,
    stack: &Stack,
    options: &Options,
    members: &[Member],
) -> Result<Model, String> {
    let mut ports: BTreeMap<i64, (String, Vec<&Member>)> = BTreeMap::new();
    for member in members {
        for (port, protocol) in listen_ports(member)? {
            let there = ports.entry(port).or_insert_with(|| (protocol.clone(), Vec::new()));
            if there.0 != protocol {
                return Err(format!(
                    "failed to merge listenPort config for port: {port}: conflicting protocol, {} | {protocol}",
                    there.0
                ));
            }
            there.1.push(member);
        }
    }
    let merged = merged(members)?;
    let open = ports.keys().map(|port| ("tcp", *port));
    let mut model = Model::bare(cluster, stack, options, &merged, open)?;
    let mut scope = Scope { cluster, stack, options, model: &mut model };
    let redirect = members.iter().find_map(|member| notes(member).text("ssl-redirect"));
    for (port, (protocol, members)) in &ports {
        let listener = scope.listener(*port, protocol, members, redirect)?;
        scope.model.listeners.push(listener);
    }
    Ok(model)
}

fn notes(member: &Member) -> Notes<'_> {
    Notes::of(Dialect::Ingress, vec![&member.ingress])
}

/// The ports of an Ingress, each with its protocol.
fn listen_ports(member: &Member) -> Result<Vec<(i64, String)>, String> {
    let notes = notes(member);
    let Some(raw) = notes.text("listen-ports") else {
        return Ok(match certificates_of(member).is_empty() {
            true => vec![(80, "HTTP".to_owned())],
            false => vec![(443, "HTTPS".to_owned())],
        });
    };
    let bad = || format!("failed to parse listen-ports configuration: `{raw}`");
    let entries: Vec<BTreeMap<String, i64>> = serde_json::from_str(raw).map_err(|_| bad())?;
    Ok(entries.into_iter().flatten().map(|(protocol, port)| (port, protocol)).collect())
}

fn certificates_of(member: &Member) -> Vec<String> {
    let of_class = list(&member.params["certificateArn"]).iter().filter_map(Json::as_str);
    let all: Vec<String> = of_class.map(str::to_owned).collect();
    if all.is_empty() {
        notes(member).words("certificate-arn").into_iter().map(str::to_owned).collect()
    } else {
        all
    }
}

/// What all of them ask of their load balancer.
fn merged(members: &[Member]) -> Result<Json, String> {
    let mut merged = json!({});
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for member in members {
        let mut own = notes(member).balancer();
        for field in ["scheme", "ipAddressType", "loadBalancerName", "loadBalancerAttributes"] {
            if !member.params[field].is_null() {
                own[field] = member.params[field].clone();
            }
        }
        for tag in list(&member.params["tags"]) {
            own["tags"][text(tag, "key")] = tag["value"].clone();
        }
        for (field, value) in own.as_object().into_iter().flatten() {
            if field == "tags" {
                for (key, value) in value.as_object().into_iter().flatten() {
                    merged["tags"][key] = value.clone();
                }
            } else if let Some(word) = value.as_str() {
                said.entry(field.clone()).or_default().insert(word.to_owned());
                merged[field] = value.clone();
            } else {
                merged[field] = value.clone();
            }
        }
    }
    for (field, what) in
        [("scheme", "scheme"), ("ipAddressType", "IPAddressType"), ("loadBalancerName", "load balancer name")]
    {
        let all = said.get(field).filter(|all| all.len() > 1);
        if let Some(all) = all {
            let all: Vec<String> = all.iter().map(|word| format!("{word}:{{}}")).collect();
            return Err(format!("conflicting {what}: map[{}]", all.join(" ")));
        }
    }
    Ok(merged)
}

/// What is at hand while a model is built.
struct Scope<'a, 'w> {
    cluster: &'a Cluster<'w>,
    stack: &'a Stack,
    options: &'a Options,
    model: &'a mut Model,
}

impl Scope<'_, '_> {
    fn listener(
        &mut self,
        port: i64,
        protocol: &str,
        members: &[&Member],
        redirect: Option<&str>,
    ) -> Result<Listener, String> {
        let mut listener = Listener {
            port,
            protocol: protocol.to_owned(),
            certificates: Vec::new(),
            policy: members.iter().find_map(|member| notes(member).text("ssl-policy").map(str::to_owned)),
            action: rules::fixed("404"),
            rules: Vec::new(),
        };
        if let (Some(to), "HTTP") = (redirect, protocol) {
            let config = json!({ "Protocol": "HTTPS", "Port": to, "StatusCode": "HTTP_301" });
            listener.action = json!([{ "Type": "redirect", "RedirectConfig": config }]);
            return Ok(listener);
        }
        for member in members {
            if protocol == "HTTPS" {
                listener.certificates.extend(self.certificates(member)?);
            }
            let ingress = &member.ingress;
            if ingress["spec"]["defaultBackend"].is_object() {
                listener.action = self.action(member, &ingress["spec"]["defaultBackend"])?;
            }
            for rule in list(&ingress["spec"]["rules"]) {
                for path in sorted(list(&rule["http"]["paths"])) {
                    let actions = self.action(member, &path["backend"])?;
                    listener.rules.push(draft(rule, path, actions));
                }
            }
        }
        listener.certificates.dedup();
        Ok(listener)
    }

    /// Those that are named, else those that ACM has issued for the hosts.
    fn certificates(&self, member: &Member) -> Result<Vec<String>, String> {
        let named = certificates_of(member);
        if !named.is_empty() {
            return Ok(named);
        }
        let spec = &member.ingress["spec"];
        let of_rules = list(&spec["rules"]).iter().filter_map(|rule| rule["host"].as_str());
        let of_tls = list(&spec["tls"]).iter().flat_map(|tls| list(&tls["hosts"])).filter_map(Json::as_str);
        let hosts: BTreeSet<String> = of_rules.chain(of_tls).map(str::to_owned).collect();
        discovered(self.cluster, &hosts.into_iter().collect::<Vec<_>>())
    }

    /// The action for a backend: an annotation says what, or it is sent to a Service.
    fn action(&mut self, member: &Member, backend: &Json) -> Result<Json, String> {
        let to = &backend["service"];
        let called = text(to, "name");
        let port = if to["port"]["name"].is_string() { &to["port"]["name"] } else { &to["port"]["number"] };
        if port == BY_ANNOTATION {
            return self.annotated(member, called);
        }
        let Some(targets) = self.targets(member, called, port)? else { return Ok(rules::fixed("503")) };
        Ok(forward(vec![json!({ "TargetGroupArn": targets, "Weight": 1 })]))
    }

    fn annotated(&mut self, member: &Member, called: &str) -> Result<Json, String> {
        let raw = notes(member).text(&format!("actions.{called}")).map(serde_json::from_str::<Json>);
        let Some(Ok(asked)) = raw else { return Ok(rules::fixed("503")) };
        let own = |field: &str| &asked[field];
        match text(&asked, "type") {
            "redirect" => Ok(json!([{ "Type": "redirect", "RedirectConfig": upper(own("redirectConfig")) }])),
            "fixed-response" => {
                let config = upper(own("fixedResponseConfig"));
                Ok(json!([{ "Type": "fixed-response", "FixedResponseConfig": config }]))
            }
            _ => {
                let mut groups = Vec::new();
                for group in list(&asked["forwardConfig"]["targetGroups"]) {
                    let port = match group["servicePort"].as_str().map(str::parse::<i64>) {
                        Some(Ok(number)) => json!(number),
                        _ => group["servicePort"].clone(),
                    };
                    if let Some(targets) = self.targets(member, text(group, "serviceName"), &port)? {
                        let weight = group["weight"].as_i64().unwrap_or(1);
                        groups.push(json!({ "TargetGroupArn": targets, "Weight": weight }));
                    }
                }
                Ok(if groups.is_empty() { rules::fixed("503") } else { forward(groups) })
            }
        }
    }

    /// The target group of a Service for an Ingress, by its place in the stack; none if there is no such Service.
    fn targets(&mut self, member: &Member, called: &str, port: &Json) -> Result<Option<String>, String> {
        let ingress = &member.ingress;
        let home = namespace(ingress);
        let Some(service) = self.cluster.object(SERVICE, home, called) else { return Ok(None) };
        let resource = format!("{home}/{}-{called}:{}", name(ingress), plain(port));
        let is_it = |one: &&Json| one["port"] == *port || one["name"] == *port;
        let missing = || format!("unable to find port {} on service {home}/{called}", plain(port));
        let mut of_service = list(&service["spec"]["ports"]).iter().find(is_it).ok_or_else(missing)?.clone();
        if of_service["targetPort"].is_null() {
            of_service["targetPort"] = of_service["port"].clone();
        }
        let notes = Notes::of(Dialect::Ingress, vec![ingress, &service]);
        let props = notes.targets(HEALTH);
        let of_class = member.params["targetType"].as_str();
        let target_type = of_class.or(props["targetType"].as_str()).unwrap_or(&self.options.target_type);
        let target_type = target_type.to_owned();
        let (target, number) = target_port(&target_type, &of_service)?;
        let protocol = notes.text("backend-protocol").unwrap_or("HTTP").to_owned();
        let version = notes.text("backend-protocol-version").unwrap_or("HTTP1").to_owned();
        let hash = [
            &self.stack.cluster,
            &self.stack.id(),
            home,
            name(ingress),
            text(&service["metadata"], "uid"),
            &plain(port),
            &number.to_string(),
            &target_type,
            &protocol,
            &version,
        ];
        let name = names::hashed(home, called, &hash);
        self.model.add(Targets {
            resource: resource.clone(),
            name,
            service_port: port.clone(),
            target_port: target,
            port: number,
            target_type,
            protocol,
            version: Some(version),
            props,
            service,
        });
        Ok(Some(resource))
    }
}

fn forward(groups: Vec<Json>) -> Json {
    json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }])
}

/// The fields of an action, as AWS spells them.
fn upper(config: &Json) -> Json {
    let mut all = serde_json::Map::new();
    for (field, value) in config.as_object().into_iter().flatten() {
        all.insert(field[..1].to_uppercase() + &field[1..], value.clone());
    }
    Json::Object(all)
}

/// Exact paths first, then the longest prefixes, then all others as they are.
fn sorted(paths: &[Json]) -> Vec<&Json> {
    let mut all: Vec<&Json> = paths.iter().collect();
    all.sort_by_key(|path| match text(path, "pathType") {
        "Exact" => (0, 0),
        "Prefix" => (1, usize::MAX - text(path, "path").len()),
        _ => (2, 0),
    });
    all
}

fn draft(rule: &Json, path: &Json, actions: Json) -> Draft {
    let mut conditions = Vec::new();
    if let Some(host) = rule["host"].as_str() {
        conditions.push(json!({ "Field": "host-header", "HostHeaderConfig": { "Values": [host] } }));
    }
    let asked = text(path, "path");
    let patterns = match (text(path, "pathType"), asked) {
        (_, "") => vec![],
        ("Prefix", "/") => vec!["/*".to_owned()],
        ("Prefix", path) => {
            let plain = path.trim_end_matches('/');
            vec![plain.to_owned(), format!("{plain}/*")]
        }
        (_, path) => vec![path.to_owned()],
    };
    if !patterns.is_empty() {
        conditions.push(json!({ "Field": "path-pattern", "PathPatternConfig": { "Values": patterns } }));
    } else if conditions.is_empty() {
        conditions.push(json!({ "Field": "path-pattern", "PathPatternConfig": { "Values": ["/*"] } }));
    }
    Draft {
        conditions: Json::Array(conditions),
        actions,
        transforms: json!([]),
        precedence: Default::default(),
    }
}
