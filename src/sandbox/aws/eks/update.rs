//! Changes of clusters, and the record of every change, of node groups and add-ons too.
//!
//! One change of a cluster at a time, and one sort of change a call, as EKS has it.

use serde_json::{Map, Value as Json, json};

use super::check::{self, in_use, invalid, not_found};
use super::{CLUSTER, UPDATE, cluster, life};
use crate::sandbox::aws::wire::{listed, truth};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Event, Here};

/// What a change is a change of.
pub(super) struct Of<'a> {
    /// The cluster.
    pub(super) cluster: &'a str,
    /// `nodegroupName` and the node group's name, `addonName` and the add-on's; both empty for the cluster itself.
    pub(super) part: (&'a str, &'a str),
}

/// Writes down that a change was begun; gives what EKS answers.
pub(super) fn begin(
    here: &mut Here<'_>,
    of: &Of<'_>,
    sort: &str,
    params: &[(&str, Json)],
    input: &Json,
) -> Json {
    let id = here.world.draw("", 32);
    let id = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let params: Vec<Json> =
        params.iter().map(|(sort, value)| json!({ "type": sort, "value": text(value) })).collect();
    let doc = json!({
        "id": id,
        "status": "InProgress",
        "type": sort,
        "params": params,
        "createdAt": here.world.timestamp(),
        "errors": [],
        "_cluster": of.cluster,
        "_part": of.part.1,
        "_sort": of.part.0,
        "_token": input["clientRequestToken"],
        "_asked": check::asked(input),
    });
    here.put(UPDATE, &format!("{}/{id}", of.cluster), doc.clone());
    doc
}

/// The changes of a part of a cluster, or of the cluster itself, are done.
pub(super) fn succeeded(here: &mut Here<'_>, cluster: &str, part: &str) {
    let open =
        |doc: &Json| doc["_cluster"] == cluster && doc["_part"] == part && doc["status"] == "InProgress";
    for doc in here.list(UPDATE).iter().filter(|doc| open(doc)) {
        let id = format!("{cluster}/{}", doc["id"].as_str().unwrap_or_default());
        here.change(UPDATE, &id, |doc| doc["status"] = Json::from("Successful"));
    }
}

/// Refuses while a cluster is not ready for a change.
fn changeable(here: &Here<'_>, sort: &str, name: &str, cluster: &Json) -> Result<(), Refusal> {
    let open = |doc: &Json| doc["_cluster"] == name && doc["_part"] == "" && doc["status"] == "InProgress";
    if let Some(update) = here.list(UPDATE).iter().find(|doc| open(doc)) {
        let id = update["id"].as_str().unwrap_or_default();
        let message = format!("Cannot {sort} because cluster {name} currently has update {id} in progress");
        return Err(in_use(message));
    }
    if cluster["status"] != "ACTIVE" {
        let status = cluster["status"].as_str().unwrap_or_default();
        return Err(in_use(format!("Cannot {sort} because cluster {name} is {status}")));
    }
    Ok(())
}

/// Begins a change that takes `seconds`; `change` is what the cluster is then.
fn start(here: &mut Here<'_>, name: &str, change: Json, seconds: i64) {
    here.change(CLUSTER, name, |cluster| {
        cluster["status"] = Json::from("UPDATING");
        cluster["_change"] = change;
    });
    here.after(seconds, CLUSTER, name, Event::Hook(life::UPDATED.to_owned()));
}

pub(super) fn version(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = check::repeated(here, UPDATE, input)? {
        return Ok(json!({ "update": made }));
    }
    let (name, cluster) = check::cluster(here, input)?;
    changeable(here, "VersionUpdate", &name, &cluster)?;
    let (from, to) = (&cluster["version"], check::version(&input["version"])?);
    if *from == to {
        return Err(invalid(format!("Cluster is already at version {to}")));
    }
    if check::minor(&input["version"]) != check::minor(from) + 1 {
        let from = from.as_str().unwrap_or_default();
        return Err(invalid(format!("Unsupported Kubernetes minor version update from {from} to {to}")));
    }
    let params = [("Version", Json::from(to)), ("PlatformVersion", Json::from("eks.9"))];
    let of = Of { cluster: &name, part: ("", "") };
    let update = begin(here, &of, "VersionUpdate", &params, input);
    start(here, &name, json!({ "version": to }), 540);
    Ok(json!({ "update": update }))
}

pub(super) fn config(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = check::repeated(here, UPDATE, input)? {
        return Ok(json!({ "update": made }));
    }
    let (name, cluster) = check::cluster(here, input)?;
    let mut changes = changes(here, input, &cluster)?;
    let (Some((sort, change, params)), true) = (changes.pop(), changes.is_empty()) else {
        return Err(invalid("Only one type of update can be allowed."));
    };
    changeable(here, sort, &name, &cluster)?;
    let mut after = cluster.clone();
    crate::sandbox::world::merge(&mut after, &change);
    if after == cluster {
        return Err(invalid("Cluster is already at the desired configuration"));
    }
    let of = Of { cluster: &name, part: ("", "") };
    let update = begin(here, &of, sort, &params, input);
    start(here, &name, change, 180);
    Ok(json!({ "update": update }))
}

type Changed<'a> = (&'static str, Json, Vec<(&'a str, Json)>);

/// The sorts of change that the input asks for: sort, what the cluster is then, and the parameters to be told.
fn changes<'a>(here: &Here<'_>, input: &Json, cluster: &Json) -> Result<Vec<Changed<'a>>, Refusal> {
    let mut all: Vec<Changed<'a>> = Vec::new();
    let vpc = &input["resourcesVpcConfig"];
    let mut access = Map::new();
    for field in ["endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs"] {
        access.extend(vpc.get(field).map(|value| (field.to_owned(), value.clone())));
    }
    if !access.is_empty() {
        let is = |field: &str| truth(access.get(field).unwrap_or(&cluster["resourcesVpcConfig"][field]));
        if is("endpointPublicAccess") == Some(false) && is("endpointPrivateAccess") == Some(false) {
            return Err(invalid("Private and public endpoint access cannot both be false"));
        }
        let told = access.iter().map(|(field, value)| (param(field), value.clone())).collect();
        all.push(("EndpointAccessUpdate", json!({ "resourcesVpcConfig": access }), told));
    }
    all.extend(moved(here, vpc, cluster)?);
    for (field, sort, told) in [
        ("logging", "LoggingUpdate", "ClusterLogging"),
        ("accessConfig", "AccessConfigUpdate", "AuthenticationMode"),
        ("upgradePolicy", "UpgradePolicyUpdate", "UpgradePolicy"),
        ("deletionProtection", "DeletionProtectionUpdate", "DeletionProtection"),
    ] {
        all.extend(
            input.get(field).map(|value| (sort, json!({ field: value }), vec![(told, value.clone())])),
        );
    }
    Ok(all)
}

fn param(field: &str) -> &'static str {
    match field {
        "endpointPublicAccess" => "EndpointPublicAccess",
        "endpointPrivateAccess" => "EndpointPrivateAccess",
        _ => "PublicAccessCidrs",
    }
}

/// Another set of subnets or security groups, in the VPC that the cluster is in for good.
fn moved<'a>(here: &Here<'_>, vpc: &Json, cluster: &Json) -> Result<Option<Changed<'a>>, Refusal> {
    let (mut change, mut told) = (Map::new(), Vec::new());
    let home = &cluster["resourcesVpcConfig"]["vpcId"];
    if let Some(ids) = vpc.get("subnetIds") {
        if check::cluster_subnets(here, ids)?.iter().any(|subnet| subnet["vpcId"] != *home) {
            return Err(invalid("Subnets specified must belong to the VPC of the cluster"));
        }
        change.insert("subnetIds".to_owned(), Json::from(listed(ids)));
        told.push(("Subnets", ids.clone()));
    }
    if let Some(ids) = vpc.get("securityGroupIds") {
        cluster::security_groups(here, vpc, home)?;
        change.insert("securityGroupIds".to_owned(), Json::from(listed(ids)));
        told.push(("SecurityGroups", ids.clone()));
    }
    let any = !change.is_empty();
    Ok(any.then(|| ("VpcConfigUpdate", json!({ "resourcesVpcConfig": change }), told)))
}

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, id) = (check::text(input, "name")?, check::text(input, "updateId")?);
    let update = here.get(UPDATE, &format!("{name}/{id}")).filter(|update| fits(update, input));
    let update = update.ok_or_else(|| not_found(format!("No update found for ID: {id}")))?;
    Ok(json!({ "update": update }))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, _) = check::cluster(here, input)?;
    let all = here.list(UPDATE).into_iter().filter(|doc| doc["_cluster"] == name && fits(doc, input));
    let ids = all.map(|doc| doc["id"].clone()).collect();
    check::paged(input, "updateIds", ids)
}

/// Whether an update is one of the part that the input names.
fn fits(update: &Json, input: &Json) -> bool {
    let sort = ["nodegroupName", "addonName"].into_iter().find(|sort| input.get(*sort).is_some());
    let sort = sort.unwrap_or_default();
    update["_sort"] == sort && (sort.is_empty() || update["_part"] == input[sort])
}
