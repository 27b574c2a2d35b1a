//! Brings the model of a route about: target groups, service, association, listeners, rules.

use serde_json::{Value as Json, json};

use super::super::cluster::{Cluster, text};
use super::super::names;
use super::gateways::service_network;
use super::groups;
use super::model::{Backend, Listener, Model};
use super::routes::Stop;
use super::{Owner, tag};
use crate::sandbox::aws::lattice::call;
use crate::sandbox::world::Doc;

/// Does what can be done now, and gives the service once all is there.
pub(super) fn deploy(cluster: &mut Cluster<'_>, owner: &Owner, model: &Model) -> Result<Doc, Stop> {
    let mut made = Vec::new();
    let mut waits = false;
    for targets in &model.targets {
        match groups::ensure(cluster, owner, model, targets) {
            Ok(id) => made.push(id),
            Err(_) => waits = true,
        }
    }
    if waits {
        return Err(Stop::Wait);
    }
    let service = service(cluster, owner, model)?;
    associate(cluster, owner, model, &service)?;
    let listeners = listeners(cluster, owner, model, &service, &made)?;
    for listener in &listeners {
        rules(cluster, owner, model, &service, listener, &made)?;
    }
    let (name, space, _) = &model.route;
    for group in groups::of_route(cluster, owner, model.kind, space, name) {
        if !made.iter().any(|id| group["id"] == id.as_str()) && groups::remove(cluster, &group).is_err() {
            return Err(Stop::Wait);
        }
    }
    Ok(service)
}

/// The tags of a service beyond the owner's.
fn service_tags(owner: &Owner, model: &Model) -> Json {
    let mut tags = model.tags.clone();
    crate::sandbox::world::merge(&mut tags, &owner.tags());
    tags[tag("RouteName")] = json!(model.route.0);
    tags[tag("RouteNamespace")] = json!(model.route.1);
    tags[tag("RouteType")] = json!(model.route.2);
    tags
}

/// The service of the route: ours, or one of its name without an owner, or a new one. Waits until it is active.
fn service(cluster: &mut Cluster<'_>, owner: &Owner, model: &Model) -> Result<Doc, Stop> {
    let named = |doc: &&Doc| doc["name"] == model.name.as_str();
    let there = cluster.here.list("lattice/service").iter().find(named).cloned();
    let Some(there) = there else {
        let mut input = json!({ "name": model.name, "tags": service_tags(owner, model) });
        if let Some(domain) = &model.domain {
            input["customDomainName"] = json!(domain);
        }
        if let Some(arn) = &model.certificate {
            input["certificateArn"] = json!(arn);
        }
        call(&mut cluster.here, "CreateService", &input).map_err(|_| Stop::Wait)?;
        return Err(Stop::Wait);
    };
    let other = there["_tags"][tag("ManagedBy")].as_str().filter(|by| *by != owner.managed_by);
    let another = |key: &str, own: &str| there["_tags"][tag(key)].as_str().is_some_and(|value| value != own);
    if other.is_some() || another("RouteName", &model.route.0) || another("RouteNamespace", &model.route.1) {
        return Err(Stop::Conflict(format!("service {} is owned by another route or cluster", model.name)));
    }
    if there["status"] != "ACTIVE" {
        return Err(Stop::Wait);
    }
    if !owner.owns(&there) {
        let input = json!({ "resourceArn": there["arn"], "tags": service_tags(owner, model) });
        call(&mut cluster.here, "TagResource", &input).map_err(|_| Stop::Wait)?;
    }
    if model.certificate.is_some() && there["certificateArn"].as_str() != model.certificate.as_deref() {
        let input = json!({ "serviceIdentifier": there["id"], "certificateArn": model.certificate });
        call(&mut cluster.here, "UpdateService", &input).map_err(|_| Stop::Wait)?;
    }
    Ok(there)
}

/// Puts the service into its service networks and out of others that this controller put it into.
fn associate(cluster: &mut Cluster<'_>, owner: &Owner, model: &Model, service: &Doc) -> Result<(), Stop> {
    let mut wanted = Vec::new();
    for network in &model.networks {
        wanted.push(service_network(cluster, network).ok_or(Stop::Wait)?);
    }
    let mut there = cluster.here.list("lattice/service-association");
    there.retain(|doc| doc["serviceId"] == service["id"]);
    let mut waits = false;
    for one in &there {
        let kept = wanted.iter().any(|(id, _)| one["serviceNetworkId"] == id.as_str());
        if !kept && owner.owns(one) {
            let input = json!({ "serviceNetworkServiceAssociationIdentifier": one["id"] });
            call(&mut cluster.here, "DeleteServiceNetworkServiceAssociation", &input).ok();
        }
        waits |= kept && one["status"] != "ACTIVE";
    }
    for (id, arn) in wanted {
        if there.iter().any(|one| one["serviceNetworkId"] == id.as_str()) {
            continue;
        }
        let input = json!({
            "serviceNetworkIdentifier": if arn.is_empty() { id } else { arn },
            "serviceIdentifier": service["id"],
            "tags": owner.tags(),
        });
        call(&mut cluster.here, "CreateServiceNetworkServiceAssociation", &input)
            .map_err(|refusal| Stop::Conflict(refusal.message))?;
        waits = true;
    }
    if waits { Err(Stop::Wait) } else { Ok(()) }
}

/// The action that sends to backends; without any, an error for the caller.
fn action(backends: &[Backend], made: &[String]) -> Json {
    let groups: Vec<Json> = backends
        .iter()
        .filter_map(|backend| {
            let own = backend.targets.and_then(|at| made.get(at));
            let id = own.or(backend.group.as_ref())?;
            Some(json!({ "targetGroupIdentifier": id, "weight": backend.weight }))
        })
        .collect();
    match groups.is_empty() {
        true => json!({ "fixedResponse": { "statusCode": 500 } }),
        false => json!({ "forward": { "targetGroups": groups } }),
    }
}

/// The default action of a listener: all of it for TLS, nothing for the rest.
fn default_action(model: &Model, listener: &Listener, made: &[String]) -> Json {
    match model.rules.first() {
        Some(rule) if listener.protocol == "TLS_PASSTHROUGH" => action(&rule.backends, made),
        _ => json!({ "fixedResponse": { "statusCode": 404 } }),
    }
}

fn listeners(
    cluster: &mut Cluster<'_>,
    owner: &Owner,
    model: &Model,
    service: &Doc,
    made: &[String],
) -> Result<Vec<Doc>, Stop> {
    let mut there = cluster.here.list("lattice/listener");
    there.retain(|doc| doc["serviceId"] == service["id"]);
    let is = |doc: &Doc, one: &Listener| doc["port"] == one.port && doc["protocol"] == one.protocol.as_str();
    for old in &there {
        if !model.listeners.iter().any(|one| is(old, one)) {
            let input = json!({ "serviceIdentifier": service["id"], "listenerIdentifier": old["id"] });
            call(&mut cluster.here, "DeleteListener", &input).map_err(|_| Stop::Wait)?;
        }
    }
    let mut all = Vec::new();
    for one in &model.listeners {
        let wanted = default_action(model, one, made);
        let mut input = json!({ "serviceIdentifier": service["id"], "defaultAction": wanted });
        match there.iter().find(|old| is(old, one)) {
            Some(old) => {
                if old["defaultAction"] != wanted {
                    input["listenerIdentifier"] = old["id"].clone();
                    call(&mut cluster.here, "UpdateListener", &input).map_err(|_| Stop::Wait)?;
                }
                all.push(old.clone());
            }
            None => {
                input["name"] = json!(one.name);
                input["port"] = json!(one.port);
                input["protocol"] = json!(one.protocol);
                input["tags"] = owner.tags();
                let new = call(&mut cluster.here, "CreateListener", &input).map_err(|_| Stop::Wait)?;
                all.push(new);
            }
        }
    }
    Ok(all)
}

/// The rules of a listener, changed in place where they are there.
fn rules(
    cluster: &mut Cluster<'_>,
    owner: &Owner,
    model: &Model,
    service: &Doc,
    listener: &Doc,
    made: &[String],
) -> Result<(), Stop> {
    if listener["protocol"] == "TLS_PASSTHROUGH" {
        return Ok(());
    }
    let below = |rule: &Doc| text(rule, "arn").starts_with(&format!("{}/rule/", text(listener, "arn")));
    let mut there = cluster.here.list("lattice/rule");
    there.retain(|rule| below(rule) && rule["isDefault"] != true);
    let base = json!({ "serviceIdentifier": service["id"], "listenerIdentifier": listener["id"] });
    for wanted in &model.rules {
        let at = there.iter().position(|old| old["priority"] == wanted.priority);
        let action = action(&wanted.backends, made);
        let mut input = base.clone();
        input["match"] = wanted.matches.clone();
        input["action"] = action.clone();
        match at.map(|at| there.swap_remove(at)) {
            Some(old) if old["match"] == wanted.matches && old["action"] == action => {}
            Some(old) => {
                input["ruleIdentifier"] = old["id"].clone();
                call(&mut cluster.here, "UpdateRule", &input).map_err(|_| Stop::Wait)?;
            }
            None => {
                input["name"] = json!(names::lattice_rule(model.created, wanted.priority));
                input["priority"] = json!(wanted.priority);
                input["tags"] = owner.tags();
                call(&mut cluster.here, "CreateRule", &input).map_err(|_| Stop::Wait)?;
            }
        }
    }
    for old in there {
        let mut input = base.clone();
        input["ruleIdentifier"] = old["id"].clone();
        call(&mut cluster.here, "DeleteRule", &input).map_err(|_| Stop::Wait)?;
    }
    Ok(())
}
