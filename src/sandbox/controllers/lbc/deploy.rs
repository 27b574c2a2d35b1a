//! Brings a model about: what is there and right is left alone, what can be changed is changed in place.

use serde_json::{Value as Json, json};

use super::super::cluster::{BINDING, Cluster, deleting, list, name, namespace, selects, text};
use super::super::process::Process;
use super::model::{Listener, Model, Targets};
use super::rules::Draft;
use super::security;
use super::stack::Stack;
use crate::sandbox::aws::Refusal;
use crate::sandbox::aws::elb::{listeners, load_balancers, rules, target_groups};
use crate::sandbox::world::Doc;

/// Does all of it and gives the load balancer as it is now.
pub(super) fn deploy(
    cluster: &mut Cluster<'_>,
    process: &Process,
    stack: &Stack,
    users: &[String],
    model: &Model,
) -> Result<Doc, Refusal> {
    let mut groups = model.groups.clone();
    if groups.is_empty() && !model.ingress.is_empty() {
        groups.push(security::frontend(cluster, stack, model));
    }
    let shared = model.shared_group.then(|| security::backend(cluster, process, stack, users));
    groups.extend(shared.clone());
    let mut arns = Vec::new();
    for targets in &model.targets {
        arns.push((targets.resource.clone(), target_group(cluster, stack, targets)?));
    }
    let balancer = load_balancer(cluster, stack, model, &groups)?;
    let arn = text(&balancer, "LoadBalancerArn").to_owned();
    drop_listeners(cluster, &arn, model)?;
    for one in &model.listeners {
        listener(cluster, stack, model, &arn, one, &arns)?;
    }
    for (targets, (_, arn)) in model.targets.iter().zip(&arns) {
        binding(cluster, stack, targets, arn, shared.as_deref());
    }
    drop_targets(cluster, stack, &arns)?;
    Ok(balancer)
}

/// The things of a table that are tagged as those of a stack.
pub(super) fn owned(cluster: &Cluster<'_>, stack: &Stack, table: &str) -> Vec<Doc> {
    cluster.here.list(table).into_iter().filter(|doc| stack.owns(&doc["_tags"])).collect()
}

/// The bindings that are labelled as those of a stack.
pub(super) fn bindings(cluster: &Cluster<'_>, stack: &Stack) -> Vec<Doc> {
    let wanted = stack.labels();
    let own = |object: &Doc| selects(&wanted, &object["metadata"]["labels"]);
    cluster.objects(BINDING).into_iter().filter(own).collect()
}

/// Deletes a load balancer whatever its own protection says.
pub(super) fn drop_balancer(cluster: &mut Cluster<'_>, balancer: &Doc) -> Result<(), Refusal> {
    let arn = &balancer["LoadBalancerArn"];
    if balancer["_attributes"]["deletion_protection.enabled"] == "true" {
        let off = json!([{ "Key": "deletion_protection.enabled", "Value": "false" }]);
        let input = json!({ "LoadBalancerArn": arn, "Attributes": off });
        load_balancers::modify_attributes(&mut cluster.here, &input)?;
    }
    load_balancers::delete(&mut cluster.here, &json!({ "LoadBalancerArn": arn }))?;
    Ok(())
}

/// The load balancer of a stack. Another scheme takes another load balancer.
fn load_balancer(
    cluster: &mut Cluster<'_>,
    stack: &Stack,
    model: &Model,
    groups: &[String],
) -> Result<Doc, Refusal> {
    let kind = if stack.network { "network" } else { "application" };
    let mut kept = None;
    for there in owned(cluster, stack, "elb/load-balancer") {
        if kept.is_none() && there["Scheme"] == model.scheme.as_str() && there["Type"] == kind {
            kept = Some(there);
        } else {
            drop_balancer(cluster, &there)?;
        }
    }
    let there = match kept {
        Some(there) => there,
        None => {
            let input = json!({
                "Name": model.name,
                "Type": kind,
                "Scheme": model.scheme,
                "IpAddressType": model.address_type,
                "Subnets": model.subnets,
                "SecurityGroups": groups,
                "Tags": stack.tags("LoadBalancer", &model.tags),
            });
            load_balancers::create(&mut cluster.here, &input)?["LoadBalancers"][0].clone()
        }
    };
    adjust(cluster, stack, model, groups, &there)?;
    let arn = text(&there, "LoadBalancerArn");
    Ok(cluster.here.get("elb/load-balancer", arn).cloned().unwrap_or(there))
}

/// Changes what can be changed of a load balancer.
fn adjust(
    cluster: &mut Cluster<'_>,
    stack: &Stack,
    model: &Model,
    groups: &[String],
    there: &Doc,
) -> Result<(), Refusal> {
    let here = &mut cluster.here;
    let arn = &there["LoadBalancerArn"];
    let mut subnets: Vec<&str> =
        list(&there["AvailabilityZones"]).iter().map(|zone| text(zone, "SubnetId")).collect();
    subnets.sort_unstable();
    if subnets != model.subnets {
        load_balancers::set_subnets(here, &json!({ "LoadBalancerArn": arn, "Subnets": model.subnets }))?;
    }
    if there["SecurityGroups"] != json!(groups) {
        let input = json!({ "LoadBalancerArn": arn, "SecurityGroups": groups });
        load_balancers::set_security_groups(here, &input)?;
    }
    if there["IpAddressType"] != model.address_type.as_str() {
        let input = json!({ "LoadBalancerArn": arn, "IpAddressType": model.address_type });
        load_balancers::set_ip_address_type(here, &input)?;
    }
    if let Some(changed) = changed_attributes(there, &model.attributes) {
        let input = json!({ "LoadBalancerArn": arn, "Attributes": changed });
        load_balancers::modify_attributes(here, &input)?;
    }
    retag(
        cluster,
        "elb/load-balancer",
        text(there, "LoadBalancerArn"),
        stack.tags("LoadBalancer", &model.tags),
    );
    Ok(())
}

/// Those of the wanted attributes `[{key, value}]` that a thing has otherwise, as `[{Key, Value}]`.
fn changed_attributes(there: &Doc, wanted: &Json) -> Option<Json> {
    let differs = |one: &&Json| there["_attributes"][text(one, "key")] != one["value"];
    let changed: Vec<Json> = list(wanted)
        .iter()
        .filter(differs)
        .map(|one| json!({ "Key": one["key"], "Value": one["value"] }))
        .collect();
    (!changed.is_empty()).then_some(Json::Array(changed))
}

fn retag(cluster: &mut Cluster<'_>, table: &str, arn: &str, tags: Json) {
    if cluster.here.get(table, arn).is_some_and(|doc| doc["_tags"] != tags) {
        cluster.here.change(table, arn, |doc| doc["_tags"] = tags);
    }
}

fn target_group(cluster: &mut Cluster<'_>, stack: &Stack, wanted: &Targets) -> Result<String, Refusal> {
    let own = |doc: &&Doc| {
        stack.resource(&doc["_tags"]) == wanted.resource
            && doc["TargetGroupName"] == wanted.name.as_str()
            && doc["Port"] == wanted.port
    };
    let tags = stack.tags(&wanted.resource, &wanted.props["tags"]);
    let there = owned(cluster, stack, "elb/target-group").iter().find(own).cloned();
    let there = match there {
        Some(there) => there,
        None => {
            let mut input = json!({
                "Name": wanted.name,
                "Protocol": wanted.protocol,
                "Port": wanted.port,
                "VpcId": cluster.vpc,
                "TargetType": wanted.target_type,
                "Tags": tags,
            });
            if let Some(version) = &wanted.version {
                input["ProtocolVersion"] = json!(version);
            }
            for (field, value) in health(wanted) {
                input[field] = value;
            }
            target_groups::create(&mut cluster.here, &input)?["TargetGroups"][0].clone()
        }
    };
    let arn = text(&there, "TargetGroupArn").to_owned();
    let health = health(wanted);
    if health.iter().any(|(field, value)| there[field] != *value) {
        let mut input = json!({ "TargetGroupArn": arn });
        for (field, value) in health {
            input[field] = value;
        }
        target_groups::modify(&mut cluster.here, &input)?;
    }
    if let Some(changed) = changed_attributes(&there, &wanted.props["targetGroupAttributes"]) {
        let input = json!({ "TargetGroupArn": arn, "Attributes": changed });
        target_groups::modify_attributes(&mut cluster.here, &input)?;
    }
    retag(cluster, "elb/target-group", &arn, tags);
    Ok(arn)
}

/// The health check that the controller asks for: its defaults under what the configuration says.
fn health(wanted: &Targets) -> Vec<(&'static str, Json)> {
    let asked = &wanted.props["healthCheckConfig"];
    let number = |field: &str, default: i64| json!(asked[field].as_i64().unwrap_or(default));
    let mut all = vec![
        ("HealthCheckIntervalSeconds", number("healthCheckInterval", 15)),
        ("HealthCheckTimeoutSeconds", number("healthCheckTimeout", 5)),
        ("HealthyThresholdCount", number("healthyThresholdCount", 3)),
        ("UnhealthyThresholdCount", number("unhealthyThresholdCount", 3)),
    ];
    let fields = [
        ("HealthCheckPath", "healthCheckPath"),
        ("HealthCheckPort", "healthCheckPort"),
        ("HealthCheckProtocol", "healthCheckProtocol"),
    ];
    for (field, from) in fields {
        if asked[from].is_string() {
            all.push((field, asked[from].clone()));
        }
    }
    if let Some(codes) = asked["matcher"]["httpCode"].as_str() {
        all.push(("Matcher", json!({ "HttpCode": codes })));
    }
    all
}

/// The listeners of a load balancer.
fn listeners_of(cluster: &Cluster<'_>, balancer: &str) -> Vec<Doc> {
    let all = cluster.here.list("elb/listener").into_iter();
    all.filter(|doc| doc["LoadBalancerArn"] == balancer).collect()
}

fn drop_listeners(cluster: &mut Cluster<'_>, balancer: &str, model: &Model) -> Result<(), Refusal> {
    for there in listeners_of(cluster, balancer) {
        if !model.listeners.iter().any(|one| there["Port"] == one.port) {
            listeners::delete(&mut cluster.here, &json!({ "ListenerArn": there["ListenerArn"] }))?;
        }
    }
    Ok(())
}

/// Puts ARNs where actions name target groups by their place in the stack.
fn resolve(actions: &Json, arns: &[(String, String)]) -> Json {
    let mut actions = actions.clone();
    for action in actions.as_array_mut().into_iter().flatten() {
        let groups = action["ForwardConfig"]["TargetGroups"].as_array().cloned();
        let Some(mut groups) = groups else {
            if action["ForwardConfig"].is_null()
                && let Some(action) = action.as_object_mut()
            {
                action.remove("ForwardConfig");
            }
            continue;
        };
        for group in &mut groups {
            let arn = arns.iter().find(|(resource, _)| group["TargetGroupArn"] == resource.as_str());
            group["TargetGroupArn"] = json!(arn.map(|(_, arn)| arn));
        }
        action["ForwardConfig"]["TargetGroups"] = Json::Array(groups);
    }
    actions
}

fn listener(
    cluster: &mut Cluster<'_>,
    stack: &Stack,
    model: &Model,
    balancer: &str,
    wanted: &Listener,
    arns: &[(String, String)],
) -> Result<(), Refusal> {
    let here = &mut cluster.here;
    let actions = listeners::actions(here, &resolve(&wanted.action, arns))?;
    let mut input = json!({ "Port": wanted.port, "Protocol": wanted.protocol, "DefaultActions": actions });
    if let Some(certificate) = wanted.certificates.first() {
        input["Certificates"] = json!([{ "CertificateArn": certificate }]);
        input["SslPolicy"] = json!(wanted.policy.as_deref().unwrap_or("ELBSecurityPolicy-2016-08"));
    }
    let there = listeners_of(cluster, balancer).into_iter().find(|doc| doc["Port"] == wanted.port);
    let here = &mut cluster.here;
    let there = match there {
        Some(there) => {
            let fields = input.as_object().cloned().unwrap_or_default();
            if fields.iter().any(|(field, value)| there[field] != *value) {
                input["ListenerArn"] = there["ListenerArn"].clone();
                listeners::modify(here, &input)?;
            }
            there
        }
        None => {
            input["LoadBalancerArn"] = json!(balancer);
            input["Tags"] = stack.tags(&wanted.port.to_string(), &model.tags);
            listeners::create(here, &input)?["Listeners"][0].clone()
        }
    };
    more_certificates(cluster, &there, wanted)?;
    all_rules(cluster, stack, text(&there, "ListenerArn"), wanted, arns)
}

/// The certificates of a listener beyond its first.
fn more_certificates(cluster: &mut Cluster<'_>, there: &Doc, wanted: &Listener) -> Result<(), Refusal> {
    let told = |arn: &String| json!({ "CertificateArn": arn });
    let wanted: Vec<Json> = wanted.certificates.iter().skip(1).map(told).collect();
    let old = list(&there["_more"]);
    let gone: Vec<&Json> = old.iter().filter(|one| !wanted.contains(one)).collect();
    let new: Vec<&Json> = wanted.iter().filter(|one| !old.contains(one)).collect();
    let arn = &there["ListenerArn"];
    if !new.is_empty() {
        let input = json!({ "ListenerArn": arn, "Certificates": new });
        listeners::add_certificates(&mut cluster.here, &input)?;
    }
    if !gone.is_empty() {
        let input = json!({ "ListenerArn": arn, "Certificates": gone });
        listeners::remove_certificates(&mut cluster.here, &input)?;
    }
    Ok(())
}

fn all_rules(
    cluster: &mut Cluster<'_>,
    stack: &Stack,
    listener: &str,
    wanted: &Listener,
    arns: &[(String, String)],
) -> Result<(), Refusal> {
    let mut there = cluster.here.list("elb/rule");
    there.retain(|doc| doc["_listener"] == listener);
    for (number, draft) in (1..).zip(&wanted.rules) {
        let at = there.iter().position(|doc| text(doc, "Priority").parse() == Ok(number));
        let old = at.map(|at| there.swap_remove(at));
        rule(cluster, stack, listener, wanted.port, number, draft, old.as_ref(), arns)?;
    }
    for old in there {
        rules::delete(&mut cluster.here, &json!({ "RuleArn": old["RuleArn"] }))?;
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "a rule is told by where it is and what it says")]
fn rule(
    cluster: &mut Cluster<'_>,
    stack: &Stack,
    listener: &str,
    port: i64,
    number: i64,
    draft: &Draft,
    old: Option<&Doc>,
    arns: &[(String, String)],
) -> Result<(), Refusal> {
    let here = &mut cluster.here;
    let actions = listeners::actions(here, &resolve(&draft.actions, arns))?;
    let mut input =
        json!({ "Conditions": draft.conditions, "Actions": actions, "Transforms": draft.transforms });
    match old {
        Some(old) => {
            let fields = ["Conditions", "Actions", "Transforms"];
            if fields.iter().any(|field| old[field] != input[field]) {
                input["RuleArn"] = old["RuleArn"].clone();
                rules::modify(here, &input)?;
            }
        }
        None => {
            input["ListenerArn"] = json!(listener);
            input["Priority"] = json!(number);
            input["Tags"] = stack.tags(&format!("{port}:{number}"), &Json::Null);
            rules::create(here, &input)?;
        }
    }
    Ok(())
}

/// The object that binds a target group to the Service behind it.
fn binding(cluster: &mut Cluster<'_>, stack: &Stack, targets: &Targets, arn: &str, shared: Option<&str>) {
    let protocol = if targets.protocol.contains("UDP") { "UDP" } else { "TCP" };
    let mut spec = json!({
        "targetGroupARN": arn,
        "targetType": targets.target_type,
        "ipAddressType": "ipv4",
        "vpcID": cluster.vpc,
        "serviceRef": { "name": name(&targets.service), "port": targets.service_port },
    });
    if let Some(shared) = shared {
        spec["networking"] = json!({ "ingress": [{
            "from": [{ "securityGroup": { "groupID": shared } }],
            "ports": [{ "protocol": protocol, "port": targets.target_port }],
        }]});
    }
    let home = namespace(&targets.service);
    match cluster.object(BINDING, home, &targets.name) {
        Some(there) if deleting(&there) => {}
        Some(there) => drop(cluster.change(BINDING, &there, |object| object["spec"] = spec)),
        None => {
            let object = json!({
                "apiVersion": "elbv2.k8s.aws/v1beta1",
                "kind": "TargetGroupBinding",
                "metadata": { "name": targets.name, "namespace": home, "labels": stack.labels() },
                "spec": spec,
            });
            cluster.create(BINDING, object);
        }
    }
}

/// Deletes bindings and target groups of a stack beyond these. A target group waits for its binding to be gone.
pub(super) fn drop_targets(
    cluster: &mut Cluster<'_>,
    stack: &Stack,
    kept: &[(String, String)],
) -> Result<(), Refusal> {
    let is_kept = |arn: &str| kept.iter().any(|(_, one)| one == arn);
    for binding in bindings(cluster, stack) {
        if !is_kept(text(&binding["spec"], "targetGroupARN")) && !deleting(&binding) {
            cluster.delete(BINDING, &binding);
        }
    }
    let bound = bindings(cluster, stack);
    for group in owned(cluster, stack, "elb/target-group") {
        let arn = text(&group, "TargetGroupArn");
        if !is_kept(arn) && !bound.iter().any(|one| one["spec"]["targetGroupARN"] == arn) {
            target_groups::delete(&mut cluster.here, &json!({ "TargetGroupArn": arn }))?;
        }
    }
    Ok(())
}
