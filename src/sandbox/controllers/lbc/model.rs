//! What a Gateway, its routes and its configuration ask for in AWS, before anything is done about it; and what is the
//! same for Ingresses and Services.

use serde_json::{Value as Json, json};

use super::super::attachment::{Attachment, covers, service, service_port};
use super::super::cluster::{Cluster, RULE_CONFIG, list, name, namespace, route_kind, text};
use super::super::names::{self, GroupName};
use super::stack::{Options, Stack};
use super::{config, rules, subnets};
use crate::sandbox::world::Doc;

/// Everything of one load balancer. Actions name target groups by their place in the stack instead of an ARN.
pub(super) struct Model {
    pub name: String,
    pub scheme: String,
    pub address_type: String,
    pub subnets: Vec<String>,
    /// What the user named; otherwise one is made.
    pub groups: Vec<String>,
    /// Whether the shared security group is used too.
    pub shared_group: bool,
    /// Protocol, port and range of addresses that may come in.
    pub ingress: Vec<(&'static str, i64, String)>,
    /// `[{key, value}]`.
    pub attributes: Json,
    /// The user's.
    pub tags: Json,
    pub listeners: Vec<Listener>,
    pub targets: Vec<Targets>,
}

/// One listener.
pub(super) struct Listener {
    pub port: i64,
    pub protocol: String,
    /// The default one first.
    pub certificates: Vec<String>,
    pub policy: Option<String>,
    pub action: Json,
    /// By priority.
    pub rules: Vec<rules::Draft>,
}

/// One target group and its binding.
pub(super) struct Targets {
    /// Its place in the stack.
    pub resource: String,
    pub name: String,
    pub service: Doc,
    pub service_port: Json,
    /// What the targets listen on: the node port, or the port of the pods, which may be a name.
    pub target_port: Json,
    pub port: i64,
    pub target_type: String,
    pub protocol: String,
    pub version: Option<String>,
    /// The configuration: health check, attributes, tags.
    pub props: Json,
}

/// Builds the model, or says why there can be none.
pub(super) fn build(
    cluster: &Cluster<'_>,
    stack: &Stack,
    options: &Options,
    gateway: &Doc,
    merged: &Json,
    attached: &[Attachment],
) -> Result<Model, String> {
    let ports = list(&gateway["spec"]["listeners"]).iter().map(|listener| {
        let protocol = if listener["protocol"] == "UDP" { "udp" } else { "tcp" };
        (protocol, listener["port"].as_i64().unwrap_or_default())
    });
    let mut model = Model::bare(cluster, stack, options, merged, ports)?;
    let all = list(&gateway["spec"]["listeners"]);
    for asked in all {
        if model.listeners.iter().any(|other| asked["port"] == other.port) {
            continue;
        }
        // Listeners that share a port, each with its hostname, are one in AWS.
        let places: Vec<usize> =
            (0..all.len()).filter(|place| all[*place]["port"] == asked["port"]).collect();
        let scope = Scope { cluster, stack, options, gateway, merged, attached };
        let one = scope.listener(&mut model.targets, asked, &places)?;
        model.listeners.extend(one);
    }
    Ok(model)
}

impl Model {
    /// A load balancer that lets in what comes to these ports, without listeners.
    pub fn bare(
        cluster: &Cluster<'_>,
        stack: &Stack,
        options: &Options,
        merged: &Json,
        ports: impl Iterator<Item = (&'static str, i64)>,
    ) -> Result<Self, String> {
        let scheme = merged["scheme"].as_str().unwrap_or(&options.scheme).to_owned();
        let groups: Vec<String> = list(&merged["securityGroups"])
            .iter()
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect();
        let none = stack.network && merged["disableSecurityGroup"] == true;
        Ok(Self {
            name: merged["loadBalancerName"]
                .as_str()
                .map_or_else(|| stack.balancer_name(&scheme), str::to_owned),
            address_type: merged["ipAddressType"].as_str().unwrap_or("ipv4").to_owned(),
            subnets: subnets::choose(cluster, &stack.cluster, merged, &scheme, stack.network)?,
            shared_group: !none && (groups.is_empty() || merged["manageBackendSecurityGroupRules"] == true),
            groups,
            ingress: if none { Vec::new() } else { openings(ports, merged) },
            attributes: merged["loadBalancerAttributes"].clone(),
            tags: merged["tags"].clone(),
            listeners: Vec::new(),
            targets: Vec::new(),
            scheme,
        })
    }

    /// Adds a target group, unless it is there.
    pub fn add(&mut self, targets: Targets) {
        if !self.targets.iter().any(|other| other.resource == targets.resource) {
            self.targets.push(targets);
        }
    }
}

/// Who may come in to these ports.
fn openings(
    ports: impl Iterator<Item = (&'static str, i64)>,
    merged: &Json,
) -> Vec<(&'static str, i64, String)> {
    let given: Vec<String> =
        list(&merged["sourceRanges"]).iter().filter_map(|one| one.as_str().map(str::to_owned)).collect();
    let ranges = if given.is_empty() { vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()] } else { given };
    let dual = text(merged, "ipAddressType").starts_with("dualstack");
    let mut all = Vec::new();
    for (protocol, port) in ports {
        let open = ranges.iter().filter(|range| dual || !range.contains(':'));
        all.extend(open.map(|range| (protocol, port, range.clone())));
    }
    all.sort();
    all.dedup();
    all
}

/// What is at hand while a model is built.
struct Scope<'a, 'w> {
    cluster: &'a Cluster<'w>,
    stack: &'a Stack,
    options: &'a Options,
    gateway: &'a Doc,
    merged: &'a Json,
    attached: &'a [Attachment],
}

impl Scope<'_, '_> {
    /// A listener; a network load balancer has none without a route.
    fn listener(
        &self,
        targets: &mut Vec<Targets>,
        asked: &Json,
        places: &[usize],
    ) -> Result<Option<Listener>, String> {
        let port = asked["port"].as_i64().unwrap_or_default();
        let protocol = text(asked, "protocol").to_owned();
        let key = format!("{protocol}:{port}");
        let own = list(&self.merged["listenerConfigurations"]).iter().find(|one| one["protocolPort"] == *key);
        let own = own.cloned().unwrap_or_default();
        let hanging: Vec<(&Attachment, &[String])> = self
            .attached
            .iter()
            .flat_map(|one| {
                let here = one.listeners.iter().filter(|(place, _)| places.contains(place));
                here.map(move |(_, hosts)| (one, hosts.as_slice()))
            })
            .collect();
        let mut listener = Listener {
            port,
            certificates: Vec::new(),
            policy: own["sslPolicy"].as_str().map(str::to_owned),
            action: rules::fixed("404"),
            rules: Vec::new(),
            protocol,
        };
        if matches!(listener.protocol.as_str(), "HTTPS" | "TLS") {
            listener.certificates = self.certificates(&own, places, &hanging)?;
        }
        if self.stack.network {
            let Some((first, _)) = hanging.first() else { return Ok(None) };
            let rule = list(&first.route["spec"]["rules"]).first().cloned().unwrap_or_default();
            listener.action = match self.forward(targets, first, &rule, &listener.protocol)? {
                Some(action) => action,
                None => return Ok(None),
            };
            return Ok(Some(listener));
        }
        for (one, hosts) in hanging {
            for rule in list(&one.route["spec"]["rules"]) {
                let actions = self.actions(targets, one, rule, &listener.protocol)?;
                let transforms = rules::transforms(rule);
                let drafts = rules::drafts(rule, route_kind(one.sort), hosts, &actions, &transforms);
                listener.rules.extend(drafts);
            }
        }
        listener.rules.sort_by_key(|rule| std::cmp::Reverse(rule.precedence));
        Ok(Some(listener))
    }

    fn actions(
        &self,
        targets: &mut Vec<Targets>,
        one: &Attachment,
        rule: &Json,
        protocol: &str,
    ) -> Result<Json, String> {
        let extension = list(&rule["filters"]).iter().find(|filter| filter["type"] == "ExtensionRef");
        let config = extension.and_then(|filter| {
            let wanted = text(&filter["extensionRef"], "name");
            self.cluster.object(RULE_CONFIG, namespace(&one.route), wanted)
        });
        if let Some(special) = rules::special(rule, config.as_ref()) {
            return Ok(special);
        }
        Ok(self.forward(targets, one, rule, protocol)?.unwrap_or_else(|| rules::fixed("503")))
    }

    /// The action that sends to the backends of a rule that are there, by their weights.
    fn forward(
        &self,
        targets: &mut Vec<Targets>,
        one: &Attachment,
        rule: &Json,
        protocol: &str,
    ) -> Result<Option<Json>, String> {
        let mut groups = Vec::new();
        for backend in list(&rule["backendRefs"]) {
            let Ok(service) = service(self.cluster, one.sort, &one.route, backend) else { continue };
            let Some(port) = service_port(&service, backend) else { continue };
            let made = self.targets(one, &service, port, protocol)?;
            let weight = backend["weight"].as_i64().unwrap_or(1);
            groups.push(json!({ "TargetGroupArn": made.resource, "Weight": weight }));
            if !targets.iter().any(|other| other.resource == made.resource) {
                targets.push(made);
            }
        }
        let action = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }]);
        Ok((action[0]["ForwardConfig"]["TargetGroups"] != json!([])).then_some(action))
    }

    fn targets(
        &self,
        one: &Attachment,
        service: &Doc,
        port: Json,
        protocol: &str,
    ) -> Result<Targets, String> {
        let route = &one.route;
        let kind = route_kind(one.sort);
        let props = config::group(self.cluster, self.merged, namespace(self.gateway), service, route);
        let target_type = props["targetType"].as_str().unwrap_or(&self.options.target_type).to_owned();
        let (target_port, number) = target_port(&target_type, &port)?;
        let instance = target_type == "instance";
        let inferred = match kind {
            "TCPRoute" => "TCP",
            "UDPRoute" => "UDP",
            "TLSRoute" => "TLS",
            _ => "HTTP",
        };
        let group_protocol = props["protocol"].as_str().unwrap_or(inferred).to_owned();
        let version = match (self.stack.network, protocol) {
            (true, _) => None,
            (_, "HTTPS") if props["protocolVersion"].is_string() => props["protocolVersion"].as_str(),
            (_, "HTTPS") if kind == "GRPCRoute" => Some("GRPC"),
            _ => Some("HTTP1"),
        };
        let identifier = plain(&port["targetPort"]);
        let hashed = if instance { plain(&target_port) } else { identifier.clone() };
        let computed = || {
            names::target_group(&GroupName {
                cluster: &self.stack.cluster,
                gateway: (&self.stack.namespace, &self.stack.name),
                route: (namespace(route), name(route)),
                route_kind: kind,
                service: (namespace(service), name(service)),
                port: &hashed,
                target_type: &target_type,
                protocol: &group_protocol,
                version,
            })
        };
        let resource = format!(
            "{}:{}-{}:{kind}-{}-{}:{identifier}",
            self.stack.id(),
            namespace(route),
            name(route),
            namespace(service),
            name(service)
        );
        Ok(Targets {
            resource,
            name: props["targetGroupName"].as_str().map_or_else(computed, str::to_owned),
            service: service.clone(),
            service_port: port["port"].clone(),
            target_port,
            port: number,
            version: version.map(str::to_owned),
            target_type,
            protocol: group_protocol,
            props,
        })
    }

    /// Those of the configuration, else those that ACM has issued for the hostnames.
    fn certificates(
        &self,
        own: &Json,
        places: &[usize],
        hanging: &[(&Attachment, &[String])],
    ) -> Result<Vec<String>, String> {
        let mut all: Vec<String> =
            own["defaultCertificate"].as_str().map(str::to_owned).into_iter().collect();
        all.extend(list(&own["certificates"]).iter().filter_map(|one| one.as_str().map(str::to_owned)));
        if !all.is_empty() {
            return Ok(all);
        }
        let listeners = list(&self.gateway["spec"]["listeners"]);
        let named = places.iter().filter_map(|place| listeners[*place]["hostname"].as_str());
        let mut hosts: Vec<String> = named.map(str::to_owned).collect();
        if hosts.is_empty() {
            hosts.extend(hanging.iter().flat_map(|(_, hosts)| hosts.iter().cloned()));
        }
        let found = discovered(self.cluster, &hosts)?;
        if found.is_empty() { Err("no certificate found for listener".to_owned()) } else { Ok(found) }
    }
}

/// The certificates that ACM has issued for hostnames.
pub(super) fn discovered(cluster: &Cluster<'_>, hosts: &[String]) -> Result<Vec<String>, String> {
    let issued = cluster.here.list("acm/certificate");
    let mut all: Vec<String> = Vec::new();
    for host in hosts {
        let fits = |doc: &&Doc| {
            let more = list(&doc["SubjectAlternativeNames"]).iter().filter_map(Json::as_str);
            doc["Status"] == "ISSUED"
                && std::iter::once(text(doc, "DomainName")).chain(more).any(|name| covers(name, host))
        };
        let found = issued.iter().find(fits).ok_or(format!("no certificate found for host: {host}"))?;
        let arn = text(found, "CertificateArn").to_owned();
        if !all.contains(&arn) {
            all.push(arn);
        }
    }
    Ok(all)
}

/// What targets of a type listen on behind a port of a Service, and that as a number.
pub(super) fn target_port(target_type: &str, port: &Json) -> Result<(Json, i64), String> {
    let instance = target_type == "instance";
    let target = if instance { port["nodePort"].clone() } else { port["targetPort"].clone() };
    let number = match &target {
        Json::String(_) => 1,
        other => other.as_i64().unwrap_or_default(),
    };
    match (number, instance) {
        (0, true) => Err("TargetGroup port is empty. When using Instance targets, your service must be of type 'NodePort' or 'LoadBalancer'".to_owned()),
        (0, false) => Err("TargetGroup port is empty. Are you using the correct service type?".to_owned()),
        _ => Ok((target, number)),
    }
}

/// A port as a text, be it a number or a name.
pub(super) fn plain(port: &Json) -> String {
    port.as_str().map_or_else(|| port.to_string(), str::to_owned)
}
