//! Target groups of Lattice: one for each Service of a route, found again by their tags, collected when nobody needs
//! them.

use serde_json::{Value as Json, json};

use super::super::Wake;
use super::super::cluster::{Cluster, list, text};
use super::super::names;
use super::model::{Model, Targets};
use super::routes::Stop;
use super::{Owner, ROUTES, tag};
use crate::sandbox::aws::lattice::call;
use crate::sandbox::world::Doc;

/// How often stale target groups are looked for.
const COLLECTION: i64 = 30_000;
/// How tags call a target group that is made for other clusters.
const EXPORTED: &str = "ServiceExport";

/// The tags of the target group of a Service for something of this kind.
fn tags(owner: &Owner, kind: &str, of: &Targets) -> Json {
    let mut tags = owner.tags();
    tags[tag("ClusterName")] = json!(owner.cluster);
    tags[tag("ServiceName")] = json!(of.service.1);
    tags[tag("ServiceNamespace")] = json!(of.service.0);
    tags[tag("SourceTypeKey")] = json!(kind);
    tags[tag("ProtocolVersion")] = json!(of.version.unwrap_or_default());
    tags
}

/// The id of a target group of a route, made if it is not there.
pub(super) fn ensure(
    cluster: &mut Cluster<'_>,
    owner: &Owner,
    model: &Model,
    of: &Targets,
) -> Result<String, Stop> {
    let mut wanted = tags(owner, model.kind, of);
    wanted[tag("RouteName")] = json!(model.route.0);
    wanted[tag("RouteNamespace")] = json!(model.route.1);
    ensure_tagged(cluster, owner, &wanted, &model.tags, of)
}

/// The id of the target group of an exported Service, made if it is not there.
pub(super) fn ensure_exported(
    cluster: &mut Cluster<'_>,
    owner: &Owner,
    of: &Targets,
) -> Result<String, Stop> {
    let wanted = tags(owner, EXPORTED, of);
    ensure_tagged(cluster, owner, &wanted, &json!({}), of)
}

/// The target groups that this controller made for an exported Service.
pub(super) fn exported(cluster: &Cluster<'_>, owner: &Owner, space: &str, name: &str) -> Vec<Doc> {
    let own = |doc: &Doc| {
        owner.owns(doc)
            && doc["_tags"][tag("SourceTypeKey")] == EXPORTED
            && doc["_tags"][tag("ServiceName")] == name
            && doc["_tags"][tag("ServiceNamespace")] == space
    };
    cluster.here.list("lattice/target-group").into_iter().filter(own).collect()
}

/// The target groups that are tagged as those of a route.
pub(super) fn of_route(
    cluster: &Cluster<'_>,
    owner: &Owner,
    kind: &str,
    space: &str,
    name: &str,
) -> Vec<Doc> {
    let own = |doc: &Doc| {
        owner.owns(doc)
            && doc["_tags"][tag("SourceTypeKey")] == kind
            && doc["_tags"][tag("RouteName")] == name
            && doc["_tags"][tag("RouteNamespace")] == space
    };
    cluster.here.list("lattice/target-group").into_iter().filter(own).collect()
}

/// The id of the target group with these tags, made if it is not there, with these targets.
fn ensure_tagged(
    cluster: &mut Cluster<'_>,
    owner: &Owner,
    wanted: &Json,
    user: &Json,
    of: &Targets,
) -> Result<String, Stop> {
    let fits = |doc: &Doc| {
        wanted.as_object().is_some_and(|wanted| wanted.iter().all(|(key, value)| doc["_tags"][key] == *value))
            && !text(doc, "status").starts_with("DELETE")
    };
    let there = cluster.here.list("lattice/target-group").into_iter().find(fits);
    let Some(there) = there else {
        let random: String =
            cluster.here.world.draw("", 10).bytes().map(|byte| char::from(b'a' + byte % 26)).collect();
        let mut tags = user.clone();
        crate::sandbox::world::merge(&mut tags, wanted);
        let mut config = json!({
            "port": of.port,
            "protocol": of.protocol,
            "vpcIdentifier": owner.vpc,
            "ipAddressType": "IPV4",
        });
        if let Some(version) = of.version {
            config["protocolVersion"] = json!(version);
        }
        let name = names::lattice_target_group(&of.service.0, &of.service.1, &random);
        let input = json!({ "name": name, "type": "IP", "config": config, "tags": tags });
        call(&mut cluster.here, "CreateTargetGroup", &input).map_err(|_| Stop::Wait)?;
        return Err(Stop::Wait);
    };
    if there["status"] != "ACTIVE" {
        return Err(Stop::Wait);
    }
    register(cluster, &there, &of.endpoints);
    Ok(text(&there, "id").to_owned())
}

/// Makes the targets of a group these.
fn register(cluster: &mut Cluster<'_>, group: &Doc, endpoints: &[(String, i64)]) {
    let same = |one: &Json, other: &(String, i64)| one["id"] == other.0.as_str() && one["port"] == other.1;
    let there: Vec<Json> =
        list(&group["_targets"]).iter().filter(|one| one.get("leaving").is_none()).cloned().collect();
    let gone: Vec<Json> = there
        .iter()
        .filter(|one| !endpoints.iter().any(|other| same(one, other)))
        .map(|one| json!({ "id": one["id"], "port": one["port"] }))
        .collect();
    let new: Vec<Json> = endpoints
        .iter()
        .filter(|one| !there.iter().any(|other| same(other, one)))
        .map(|(id, port)| json!({ "id": id, "port": port }))
        .collect();
    for (operation, targets) in [("DeregisterTargets", gone), ("RegisterTargets", new)] {
        if !targets.is_empty() {
            let input = json!({ "targetGroupIdentifier": group["id"], "targets": targets });
            // What is refused now is tried again in the next pass.
            call(&mut cluster.here, operation, &input).ok();
        }
    }
}

/// Takes a target group away as far as that can be done now; `Ok` once it is on its way out.
pub(super) fn remove(cluster: &mut Cluster<'_>, group: &Doc) -> Result<(), ()> {
    if text(group, "status").starts_with("DELETE") {
        return Ok(());
    }
    register(cluster, group, &[]);
    let input = json!({ "targetGroupIdentifier": group["id"] });
    call(&mut cluster.here, "DeleteTargetGroup", &input).map(drop).map_err(drop)
}

/// Takes away target groups of this controller whose route is gone and that no service uses.
pub(super) fn collect(cluster: &mut Cluster<'_>, owner: &Owner, wake: &mut Wake) {
    let own = |doc: &Doc| owner.owns(doc) && doc["_tags"][tag("RouteName")].is_string();
    let all: Vec<Doc> = cluster.here.list("lattice/target-group").into_iter().filter(own).collect();
    for group in all {
        let tags = &group["_tags"];
        let sort = ROUTES
            .iter()
            .find(|(sort, _)| tags[tag("SourceTypeKey")] == super::super::cluster::route_kind(*sort));
        let (space, name) = (tag("RouteNamespace"), tag("RouteName"));
        let route = sort.and_then(|(sort, _)| cluster.object(*sort, text(tags, &space), text(tags, &name)));
        if route.is_none() && remove(cluster, &group).is_err() {
            wake.within(COLLECTION);
        }
    }
}
