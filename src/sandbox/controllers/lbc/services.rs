//! Services that ask for a network load balancer, by their class or by annotations.

use serde_json::{Value as Json, json};

use super::super::Wake;
use super::super::cluster::{Cluster, SERVICE, annotation, deleting, held, list, name, namespace};
use super::super::names;
use super::super::process::Process;
use super::annotations::{Dialect, Notes};
use super::model::{Listener, Model, Targets, plain, target_port};
use super::stack::{Options, Stack};
use super::{PROVISIONING, RETRY, deploy, security, status, teardown};
use crate::sandbox::world::Doc;

/// The finalizer of what has a load balancer.
pub(super) const FINALIZER: &str = "service.k8s.aws/resources";
/// What the controller is called in `loadBalancerClass`.
const CLASS: &str = "service.k8s.aws/nlb";
/// Interval and timeout of health checks in seconds, and how many of them count.
const HEALTH: [i64; 3] = [10, 10, 3];

/// Does the next step of every Service.
pub(super) fn pass(cluster: &mut Cluster<'_>, process: &Process, options: &Options, wake: &mut Wake) {
    for service in cluster.objects(SERVICE) {
        let again = match is_served(&service) {
            true => balance(cluster, process, options, &service),
            false if held(&service, FINALIZER) => clean_up(cluster, process, options, &service),
            false => None,
        };
        if let Some(millis) = again {
            wake.within(millis);
        }
    }
}

/// Whether the controller makes a load balancer of a Service.
fn is_served(service: &Doc) -> bool {
    if deleting(service) {
        return false;
    }
    if let Some(class) = service["spec"]["loadBalancerClass"].as_str() {
        return class == CLASS;
    }
    let note =
        |what: &str| annotation(service, &format!("service.beta.kubernetes.io/aws-load-balancer-{what}"));
    match note("type") {
        Some("nlb-ip") => true,
        Some("external") => matches!(note("nlb-target-type"), Some("ip" | "instance")),
        _ => false,
    }
}

/// Brings about what a Service asks for. When to look again.
fn balance(cluster: &mut Cluster<'_>, process: &Process, options: &Options, service: &Doc) -> Option<i64> {
    let stack = Stack::of_service(options, service);
    let model = match build(cluster, &stack, options, service) {
        Ok(model) => model,
        Err(why) => {
            status::warn(cluster, service, "FailedBuildModel", "build", &why);
            return Some(RETRY);
        }
    };
    let service = cluster.hold(SERVICE, service, FINALIZER)?;
    let users = [security::user(SERVICE, &service)];
    match deploy::deploy(cluster, process, &stack, &users, &model) {
        Ok(balancer) => {
            let told = |port: &Json| json!({ "port": port["port"], "protocol": port["protocol"] });
            let ports = list(&service["spec"]["ports"]).iter().map(told).collect();
            status::balanced(cluster, SERVICE, &service, &balancer, &ports);
            (balancer["State"]["Code"] != "active").then_some(PROVISIONING)
        }
        Err(refusal) => {
            status::warn(cluster, &service, "FailedDeployModel", "deploy", &refusal.message);
            Some(RETRY)
        }
    }
}

/// Takes away what was made of a Service that goes, or that asks for nothing any more.
fn clean_up(cluster: &mut Cluster<'_>, process: &Process, options: &Options, service: &Doc) -> Option<i64> {
    let stack = Stack::of_service(options, service);
    if teardown::is_protected(&Notes::of(Dialect::Service, vec![service]).balancer()) {
        let why = format!("deletion_protection is enabled, cannot delete the service: {}", name(service));
        status::warn(cluster, service, "FailedBuildModel", "build", &why);
        return Some(RETRY);
    }
    match teardown::teardown(cluster, process, &stack, &[security::user(SERVICE, service)]) {
        Ok(()) => {
            cluster.change(SERVICE, service, |service| service["status"]["loadBalancer"] = json!({}));
            cluster.release(SERVICE, service, FINALIZER);
            None
        }
        Err(why) => {
            if !why.is_empty() {
                status::warn(cluster, service, "FailedDeployModel", "deploy", &why);
            }
            Some(RETRY)
        }
    }
}

/// Builds the model, or says why there can be none.
fn build(cluster: &Cluster<'_>, stack: &Stack, options: &Options, service: &Doc) -> Result<Model, String> {
    let notes = Notes::of(Dialect::Service, vec![service]);
    let mut merged = notes.balancer();
    if merged["scheme"].is_null()
        && let Some(internal) = notes.text("aws-load-balancer-internal")
    {
        merged["scheme"] = json!(if internal == "true" { "internal" } else { "internet-facing" });
    }
    if !list(&service["spec"]["loadBalancerSourceRanges"]).is_empty() {
        merged["sourceRanges"] = service["spec"]["loadBalancerSourceRanges"].clone();
    }
    let ports = list(&service["spec"]["ports"]);
    let open = ports.iter().map(|port| {
        let protocol = if port["protocol"] == "UDP" { "udp" } else { "tcp" };
        (protocol, port["port"].as_i64().unwrap_or_default())
    });
    let mut model = Model::bare(cluster, stack, options, &merged, open)?;
    for port in ports {
        listener(&mut model, stack, options, service, &notes, port)?;
    }
    Ok(model)
}

fn listener(
    model: &mut Model,
    stack: &Stack,
    options: &Options,
    service: &Doc,
    notes: &Notes<'_>,
    port: &Json,
) -> Result<(), String> {
    let number = port["port"].as_i64().unwrap_or_default();
    let plain_protocol = port["protocol"].as_str().unwrap_or("TCP");
    let certificates = notes.words("aws-load-balancer-ssl-cert");
    let secured = notes.words("aws-load-balancer-ssl-ports");
    let named = |one: &str| one == plain(&port["port"]) || port["name"] == one || one == "*";
    let is_secured = plain_protocol == "TCP"
        && !certificates.is_empty()
        && (secured.is_empty() || secured.iter().any(|one| named(one)));
    let inner = match notes.text("aws-load-balancer-backend-protocol") {
        Some("ssl") if is_secured => "TLS",
        _ => plain_protocol,
    };
    let resource = target_group(model, stack, options, service, notes, port, inner)?;
    model.listeners.push(Listener {
        port: number,
        protocol: if is_secured { "TLS" } else { plain_protocol }.to_owned(),
        certificates: certificates.iter().filter(|_| is_secured).map(|one| (*one).to_owned()).collect(),
        policy: notes.text("aws-load-balancer-ssl-negotiation-policy").map(str::to_owned),
        action: json!([{ "Type": "forward", "ForwardConfig": {
            "TargetGroups": [{ "TargetGroupArn": resource, "Weight": 1 }],
        } }]),
        rules: Vec::new(),
    });
    Ok(())
}

/// The target group of a port; its place in the stack.
fn target_group(
    model: &mut Model,
    stack: &Stack,
    options: &Options,
    service: &Doc,
    notes: &Notes<'_>,
    port: &Json,
    protocol: &str,
) -> Result<String, String> {
    let props = notes.targets(HEALTH);
    let by_ip = notes.text("aws-load-balancer-type") == Some("nlb-ip");
    let target_type = if by_ip { "ip" } else { props["targetType"].as_str().unwrap_or(&options.target_type) };
    if target_type == "instance" && service["spec"]["type"] == "ClusterIP" {
        return Err(
            "unsupported service type \"ClusterIP\" for load balancer target type \"instance\"".to_owned()
        );
    }
    let mut filled = port.clone();
    if filled["targetPort"].is_null() {
        filled["targetPort"] = filled["port"].clone();
    }
    let (target, number) = target_port(target_type, &filled)?;
    let health = &props["healthCheckConfig"];
    let hash = [
        &stack.cluster,
        &stack.uid,
        &number.to_string(),
        &plain(&port["port"]),
        target_type,
        protocol,
        health["healthCheckProtocol"].as_str().unwrap_or("TCP"),
        &plain(&health["healthCheckInterval"]),
    ];
    let resource = format!("{}/{}:{}", namespace(service), name(service), plain(&port["port"]));
    model.add(Targets {
        resource: resource.clone(),
        name: names::hashed(namespace(service), name(service), &hash),
        service_port: port["port"].clone(),
        target_port: target,
        port: number,
        target_type: target_type.to_owned(),
        protocol: protocol.to_owned(),
        version: None,
        props,
        service: service.clone(),
    });
    Ok(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_asks_for_it_is_served() {
        let service = |class: Json, notes: Json| json!({ "metadata": { "annotations": notes }, "spec": { "loadBalancerClass": class } });
        let note = |kind: &str, target: Option<&str>| {
            json!({
                "service.beta.kubernetes.io/aws-load-balancer-type": kind,
                "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": target,
            })
        };
        assert!(is_served(&service(json!(CLASS), json!({}))));
        assert!(is_served(&service(Json::Null, note("external", Some("ip")))));
        assert!(is_served(&service(Json::Null, note("nlb-ip", None))));
        assert!(!is_served(&service(Json::Null, note("external", None))), "its targets must be told");
        assert!(!is_served(&service(json!("eks.amazonaws.com/nlb"), note("external", Some("ip")))));
        assert!(!is_served(&service(Json::Null, json!({}))), "that is the cluster's own");
    }
}
