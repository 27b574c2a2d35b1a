//! What a route asks for in Lattice, before anything is done about it.

use serde_json::{Value as Json, json};

use super::super::attachment::{Attachment, covers, endpoints, service_port};
use super::super::cluster::{Cluster, SERVICE, Sort, annotation, list, name, namespace, route_kind, text};
use super::super::names;
use super::routes::Stop;
use super::tag;
use crate::sandbox::world::Doc;

/// Backends of other clusters.
pub(super) const IMPORT: Sort = Sort("application-networking.k8s.aws", "serviceimports");

/// Everything of one route.
pub(super) struct Model {
    pub name: String,
    /// Name, namespace and `http`, `grpc` or `tls`.
    pub route: (String, String, &'static str),
    pub kind: &'static str,
    /// Names of the service networks it is to be in.
    pub networks: Vec<String>,
    pub domain: Option<String>,
    pub certificate: Option<String>,
    pub listeners: Vec<Listener>,
    /// By priority.
    pub rules: Vec<Rule>,
    pub targets: Vec<Targets>,
    /// When the route was made, in seconds since 1970.
    pub created: i64,
    /// The user's, from the annotation.
    pub tags: Json,
}

/// One listener of the service.
pub(super) struct Listener {
    pub name: String,
    pub port: i64,
    pub protocol: String,
}

/// One rule, the same for all listeners.
pub(super) struct Rule {
    pub priority: usize,
    pub matches: Json,
    pub backends: Vec<Backend>,
}

/// Where a rule sends to: a place in `targets`, or a target group that is there.
pub(super) struct Backend {
    pub targets: Option<usize>,
    pub group: Option<String>,
    pub weight: i64,
}

/// One target group.
pub(super) struct Targets {
    /// Namespace and name of the Service.
    pub service: (String, String),
    pub port: i64,
    pub protocol: &'static str,
    pub version: Option<&'static str>,
    /// Addresses and ports.
    pub endpoints: Vec<(String, i64)>,
}

/// Builds the model of a route that its Gateway accepts.
pub(super) fn build(
    cluster: &Cluster<'_>,
    gateway: &Doc,
    sort: Sort,
    route: &Doc,
    attached: &[Attachment],
) -> Result<Model, Stop> {
    let kind = route_kind(sort);
    let chosen = listeners(gateway, attached);
    let domain = list(&route["spec"]["hostnames"]).first().and_then(Json::as_str).map(str::to_owned);
    let created = text(&route["metadata"], "creationTimestamp").parse::<jiff::Timestamp>();
    let computed = || names::lattice_service(name(route), namespace(route));
    let standalone = annotation(route, &tag("standalone")) == Some("true");
    let mut model = Model {
        name: annotation(route, &tag("service-name-override")).map_or_else(computed, str::to_owned),
        route: (name(route).to_owned(), namespace(route).to_owned(), short(kind)),
        kind,
        networks: if standalone { Vec::new() } else { vec![name(gateway).to_owned()] },
        certificate: certificate(cluster, domain.as_deref(), &chosen)?,
        domain,
        listeners: Vec::new(),
        rules: Vec::new(),
        targets: Vec::new(),
        created: created.map_or(0, jiff::Timestamp::as_second),
        tags: user_tags(route),
    };
    for listener in &chosen {
        let passthrough = listener["protocol"] == "TLS" && listener["tls"]["mode"] == "Passthrough";
        let protocol = if passthrough { "TLS_PASSTHROUGH" } else { text(listener, "protocol") };
        let port = listener["port"].as_i64().unwrap_or_default();
        let name = names::lattice_listener(&model.route.0, &model.route.1, port, protocol);
        if !model.listeners.iter().any(|other| other.port == port) {
            model.listeners.push(Listener { name, port, protocol: protocol.to_owned() });
        }
    }
    for (at, rule) in list(&route["spec"]["rules"]).iter().enumerate() {
        let asked = annotation(route, &tag(&format!("rule-{at}-priority")));
        let backends = backends(cluster, &mut model, route, rule);
        let priority = asked.and_then(|asked| asked.parse().ok()).unwrap_or(at + 1);
        model.rules.push(Rule { priority, matches: matches(kind, rule), backends });
    }
    model.rules.sort_by_key(|rule| rule.priority);
    Ok(model)
}

/// How service tags call a sort of route.
fn short(kind: &str) -> &'static str {
    match kind {
        "GRPCRoute" => "grpc",
        "TLSRoute" => "tls",
        _ => "http",
    }
}

/// `k=v,k=v` of the annotation.
fn user_tags(route: &Doc) -> Json {
    let pairs = annotation(route, &tag("tags")).unwrap_or_default().split(',');
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    Json::Object(pairs.map(|(key, value)| (key.trim().to_owned(), json!(value.trim()))).collect())
}

/// The listeners of the Gateway that the route hangs on.
fn listeners(gateway: &Doc, attached: &[Attachment]) -> Vec<Json> {
    let all = list(&gateway["spec"]["listeners"]).iter().enumerate();
    all.filter(|(at, _)| attached.iter().any(|one| one.listeners.iter().any(|(place, _)| place == at)))
        .map(|(_, listener)| listener.clone())
        .collect()
}

/// The certificate for a hostname of one's own: named by a listener, or found in ACM where a listener terminates TLS.
fn certificate(
    cluster: &Cluster<'_>,
    domain: Option<&str>,
    listeners: &[Json],
) -> Result<Option<String>, Stop> {
    let Some(domain) = domain else { return Ok(None) };
    for listener in listeners.iter().filter(|listener| listener["protocol"] == "HTTPS") {
        if let Some(arn) = listener["tls"]["options"][tag("certificate-arn")].as_str() {
            return Ok(Some(arn.to_owned()));
        }
        if listener["tls"]["mode"] == "Terminate" {
            let fits = |doc: &&Doc| {
                let more = list(&doc["SubjectAlternativeNames"]).iter().filter_map(Json::as_str);
                doc["Status"] == "ISSUED"
                    && std::iter::once(text(doc, "DomainName")).chain(more).any(|name| covers(name, domain))
            };
            let all = cluster.here.list("acm/certificate");
            let found = all.iter().find(fits).map(|doc| text(doc, "CertificateArn").to_owned());
            let message = format!("no matching ACM certificate found for hostname {domain}");
            return found.map(Some).ok_or(Stop::Certificate(message));
        }
    }
    Ok(None)
}

fn matches(kind: &str, rule: &Json) -> Json {
    let one = list(&rule["matches"]).first().cloned().unwrap_or_default();
    let mut found = json!({});
    let path = match kind {
        "GRPCRoute" => {
            found["method"] = json!("POST");
            let method = &one["method"];
            match (method["service"].as_str(), method["method"].as_str()) {
                (None, _) => json!({ "prefix": "/" }),
                (Some(service), None) => json!({ "prefix": format!("/{service}/") }),
                (Some(service), Some(method)) => json!({ "exact": format!("/{service}/{method}") }),
            }
        }
        _ => {
            if one["method"].is_string() {
                found["method"] = one["method"].clone();
            }
            let value = one["path"]["value"].as_str().unwrap_or("/");
            match one["path"]["type"].as_str() {
                Some("Exact") => json!({ "exact": value }),
                _ => json!({ "prefix": value }),
            }
        }
    };
    found["pathMatch"] = json!({ "match": path, "caseSensitive": true });
    let headers = list(&one["headers"]).iter().map(|header| {
        json!({ "name": header["name"], "match": { "exact": header["value"] }, "caseSensitive": false })
    });
    let headers: Vec<Json> = headers.collect();
    if !headers.is_empty() {
        found["headerMatches"] = Json::Array(headers);
    }
    json!({ "httpMatch": found })
}

/// The backends of a rule that are there, by weight.
fn backends(cluster: &Cluster<'_>, model: &mut Model, route: &Doc, rule: &Json) -> Vec<Backend> {
    let mut all = Vec::new();
    for backend in list(&rule["backendRefs"]) {
        let weight = backend["weight"].as_i64().unwrap_or(1);
        let home = backend["namespace"].as_str().unwrap_or(namespace(route));
        let wanted = text(backend, "name");
        if backend["kind"] == "ServiceImport" {
            let group = imported(cluster, home, wanted);
            all.extend(group.map(|group| Backend { targets: None, group: Some(group), weight }));
            continue;
        }
        let Some(service) = cluster.object(SERVICE, home, wanted) else { continue };
        let Some(port) = service_port(&service, backend) else { continue };
        let at = targets(cluster, model, &service, &port);
        all.push(Backend { targets: Some(at), group: None, weight });
    }
    all
}

/// The place of the target group of a Service and port.
fn targets(cluster: &Cluster<'_>, model: &mut Model, service: &Doc, port: &Json) -> usize {
    let key = (namespace(service).to_owned(), name(service).to_owned());
    if let Some(at) = model.targets.iter().position(|other| other.service == key) {
        return at;
    }
    let (protocol, version) = match model.kind {
        "GRPCRoute" => ("HTTP", Some("GRPC")),
        "TLSRoute" => ("TCP", None),
        _ => ("HTTP", Some("HTTP1")),
    };
    model.targets.push(Targets {
        service: key,
        port: port["targetPort"].as_i64().unwrap_or(80),
        protocol,
        version,
        endpoints: endpoints(cluster, service, &port["targetPort"]),
    });
    model.targets.len() - 1
}

/// The target group that an import means: named by its annotation, or exported under its name by any cluster.
fn imported(cluster: &Cluster<'_>, home: &str, wanted: &str) -> Option<String> {
    let import = cluster.object(IMPORT, home, wanted)?;
    if let Some(arn) = annotation(&import, &tag("target-group-arn")) {
        return arn.rsplit('/').next().map(str::to_owned);
    }
    let exported = |doc: &Doc| {
        let tags = &doc["_tags"];
        tags[tag("SourceTypeKey")] == "ServiceExport"
            && tags[tag("ServiceName")] == wanted
            && tags[tag("ServiceNamespace")] == home
            && !text(doc, "status").starts_with("DELETE")
    };
    let all = cluster.here.list("lattice/target-group");
    all.iter().find(|doc| exported(doc)).map(|doc| text(doc, "id").to_owned())
}
