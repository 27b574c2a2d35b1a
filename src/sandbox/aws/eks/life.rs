//! What becomes of a cluster in time: its ground in EC2, ready, changed, gone.

use base64::Engine as _;
use serde_json::{Value as Json, json};

use super::{ACCESS_ENTRY, ADDON, CLUSTER, NODE_GROUP, POD_IDENTITY, UPDATE, check, network};
use crate::sandbox::kube;
use crate::sandbox::world::{Here, Key, World};

/// Its security group and network interfaces appear.
pub(in crate::sandbox::aws) const GROUND: &str = "eks.cluster.ground";
/// It can be used.
pub(in crate::sandbox::aws) const ACTIVE: &str = "eks.cluster.active";
/// A change of it is done.
pub(in crate::sandbox::aws) const UPDATED: &str = "eks.cluster.updated";
/// It is gone.
pub(in crate::sandbox::aws) const GONE: &str = "eks.cluster.gone";

/// The authority of every cluster here; nobody has its key.
const AUTHORITY: &str = include_str!("authority.pem");

/// The part of the world that a key is in.
pub(super) fn at<'a>(world: &'a mut World, key: &Key) -> Here<'a> {
    Here { world, account: key.account.clone(), region: key.region.clone(), principal: String::new() }
}

pub(in crate::sandbox::aws) fn ground(world: &mut World, key: &Key) {
    let mut here = at(world, key);
    let Some(cluster) = here.get(CLUSTER, &key.id).cloned() else { return };
    let group = network::cluster_group(&mut here, &key.id, &cluster["resourcesVpcConfig"]["vpcId"]);
    here.change(CLUSTER, &key.id, |cluster| {
        cluster["resourcesVpcConfig"]["clusterSecurityGroupId"] = Json::from(group.as_deref());
    });
    network::cluster_interfaces(&mut here, &key.id);
}

pub(in crate::sandbox::aws) fn active(world: &mut World, key: &Key) {
    let region = key.region.clone();
    world.change(key, |cluster| {
        let id = cluster["_id"].as_str().unwrap_or_default().to_owned();
        let data = base64::engine::general_purpose::STANDARD.encode(AUTHORITY);
        cluster["status"] = Json::from("ACTIVE");
        cluster["endpoint"] = Json::from(format!("https://{id}.gr7.{region}.eks.amazonaws.com"));
        cluster["certificateAuthority"] = json!({ "data": data });
        cluster["identity"] =
            json!({ "oidc": { "issuer": format!("https://oidc.eks.{region}.amazonaws.com/id/{id}") } });
    });
    kube::furnish(world, key);
}

/// Subnets may have changed, so interfaces move.
pub(in crate::sandbox::aws) fn updated(world: &mut World, key: &Key) {
    let mut here = at(world, key);
    here.change(CLUSTER, &key.id, |cluster| {
        if let Some(change) = cluster.get("_change").cloned() {
            crate::sandbox::world::merge(cluster, &change);
        }
        cluster["status"] = Json::from("ACTIVE");
        cluster["_change"] = json!({});
    });
    super::update::succeeded(&mut here, &key.id, "");
    network::cluster_interfaces(&mut here, &key.id);
}

pub(in crate::sandbox::aws) fn gone(world: &mut World, key: &Key) {
    kube::dissolve(world, key);
    let mut here = at(world, key);
    for table in [NODE_GROUP, ADDON, ACCESS_ENTRY, POD_IDENTITY, UPDATE] {
        let of_cluster = |doc: &Json| doc["clusterName"] == key.id || doc["_cluster"] == key.id;
        let ids: Vec<String> = ids(&here, table, of_cluster);
        for id in ids {
            here.remove(table, &id);
        }
    }
    network::remove_interfaces(&mut here, &key.id);
    if let Some(cluster) = here.get(CLUSTER, &key.id).cloned() {
        let group = &cluster["resourcesVpcConfig"]["clusterSecurityGroupId"];
        network::remove_group(&mut here, group.as_str().unwrap_or_default());
    }
    here.remove(CLUSTER, &key.id);
}

/// The ids in a table of what fits.
fn ids(here: &Here<'_>, table: &str, fits: impl Fn(&Json) -> bool) -> Vec<String> {
    let key = here.key(table, "");
    let all = here.world.table(&key.account, &key.region, table);
    all.filter(|(_, doc)| fits(doc)).map(|(key, _)| key.id.clone()).collect()
}

/// Whether a cluster has a node.
pub(super) fn has_nodes(here: &Here<'_>, cluster: &str) -> bool {
    check::inside(here, NODE_GROUP, cluster).iter().any(|group| {
        group["_nodes"].as_array().is_some_and(|nodes| !nodes.is_empty()) && group["status"] != "DELETING"
    })
}
