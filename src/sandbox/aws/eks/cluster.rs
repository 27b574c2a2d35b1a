//! Clusters: made, told, deleted. How they change is in `update`, what becomes of them in time in `life`.

use serde_json::{Value as Json, json};

use super::check::{self, in_use, invalid, not_found};
use super::{CLUSTER, NODE_GROUP, access, life};
use crate::sandbox::aws::wire::{listed, truth};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Event, Here};

const LOG_TYPES: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = check::repeated(here, CLUSTER, input)? {
        return Ok(json!({ "cluster": told(here, made) }));
    }
    let name = check::name(input, "name", 100)?;
    if here.get(CLUSTER, name).is_some() {
        return Err(in_use(format!("Cluster already exists with name: {name}")));
    }
    let doc = begun(here, name, input)?;
    here.put(CLUSTER, name, doc.clone());
    here.after(60, CLUSTER, name, Event::Hook(life::GROUND.to_owned()));
    here.after(540, CLUSTER, name, Event::Hook(life::ACTIVE.to_owned()));
    let creator = truth(&input["accessConfig"]["bootstrapClusterCreatorAdminPermissions"]).unwrap_or(true);
    if creator && doc["accessConfig"]["authenticationMode"] != "CONFIG_MAP" {
        access::bootstrap(here, name);
    }
    Ok(json!({ "cluster": told(here, doc) }))
}

fn begun(here: &mut Here<'_>, name: &str, input: &Json) -> Answer {
    let role = check::text(input, "roleArn")?;
    if check::role(here, role, "eks.amazonaws.com", &["sts:AssumeRole"]).is_none() {
        return Err(invalid(format!(
            "Role with arn: {role}, could not be assumed because it does not exist or the trusted entity is not correct"
        )));
    }
    let newest = Json::from("1.35");
    let version = check::version(input.get("version").unwrap_or(&newest))?;
    let vpc = &input["resourcesVpcConfig"];
    let subnets = check::cluster_subnets(here, &vpc["subnetIds"])?;
    security_groups(here, vpc, &subnets[0]["vpcId"])?;
    let mode = input["accessConfig"]["authenticationMode"].as_str().unwrap_or("CONFIG_MAP");
    let network = input["kubernetesNetworkConfig"]["serviceIpv4Cidr"].as_str().unwrap_or("172.20.0.0/16");
    Ok(json!({
        "name": name,
        "arn": format!("arn:aws:eks:{}:{}:cluster/{name}", here.region, here.account),
        "createdAt": here.world.timestamp(),
        "version": version,
        "platformVersion": "eks.9",
        "roleArn": role,
        "status": "CREATING",
        "resourcesVpcConfig": {
            "subnetIds": listed(&vpc["subnetIds"]),
            "securityGroupIds": listed(&vpc["securityGroupIds"]),
            "vpcId": subnets[0]["vpcId"],
            "endpointPublicAccess": endpoints(vpc)?.0,
            "endpointPrivateAccess": endpoints(vpc)?.1,
            "publicAccessCidrs": public_cidrs(vpc),
        },
        "kubernetesNetworkConfig": {
            "serviceIpv4Cidr": network, "ipFamily": "ipv4", "elasticLoadBalancing": { "enabled": false },
        },
        "logging": input.get("logging").cloned().unwrap_or_else(no_logs),
        "accessConfig": { "authenticationMode": mode },
        "upgradePolicy": { "supportType": input["upgradePolicy"]["supportType"].as_str().unwrap_or("EXTENDED") },
        "deletionProtection": truth(&input["deletionProtection"]).unwrap_or(false),
        "health": { "issues": [] },
        "tags": input.get("tags").cloned().unwrap_or_else(|| json!({})),
        "clientRequestToken": input["clientRequestToken"],
        "_id": here.world.draw("", 32).to_uppercase(),
        "_token": input["clientRequestToken"],
        "_asked": check::asked(input),
    }))
}

fn no_logs() -> Json {
    json!({ "clusterLogging": [{ "types": LOG_TYPES, "enabled": false }] })
}

fn public_cidrs(vpc: &Json) -> Json {
    let given = listed(&vpc["publicAccessCidrs"]);
    if given.is_empty() { json!(["0.0.0.0/0"]) } else { Json::from(given) }
}

/// Whether the endpoint is public and whether it is private; one of both it must be.
fn endpoints(vpc: &Json) -> Result<(bool, bool), Refusal> {
    let public = truth(&vpc["endpointPublicAccess"]).unwrap_or(true);
    let private = truth(&vpc["endpointPrivateAccess"]).unwrap_or(false);
    if public || private {
        return Ok((public, private));
    }
    Err(invalid("Private and public endpoint access cannot both be false"))
}

/// Refuses security groups that are not there or of another VPC.
pub(super) fn security_groups(here: &Here<'_>, vpc: &Json, vpc_id: &Json) -> Result<(), Refusal> {
    for group in listed(&vpc["securityGroupIds"]) {
        let id = group.as_str().unwrap_or_default();
        if !here.get("ec2/security-group", id).is_some_and(|group| group["vpcId"] == *vpc_id) {
            return Err(invalid(format!("Security group(s) [{id}] are not in the same VPC as the subnets")));
        }
    }
    Ok(())
}

/// A cluster as it is told: where the sandbox is served on loopback, its endpoint is there.
fn told(here: &Here<'_>, mut cluster: Json) -> Json {
    if let (Some(base), Some(_)) = (&here.world.base_url, cluster["endpoint"].as_str()) {
        let id = cluster["_id"].as_str().unwrap_or_default();
        cluster["endpoint"] = Json::from(format!("{base}/clusters/{id}"));
    }
    cluster
}

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, cluster) = check::cluster(here, input)?;
    Ok(json!({ "cluster": told(here, cluster) }))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let names = here.list(CLUSTER).into_iter().map(|cluster| cluster["name"].clone()).collect();
    check::paged(input, "clusters", names)
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = check::text(input, "name")?;
    let Some(cluster) = here.get(CLUSTER, name).cloned() else {
        return Err(not_found(format!("No cluster found for name: {name}.")));
    };
    if cluster["deletionProtection"] == true {
        let message = format!("Cluster {name} has deletion protection enabled");
        return Err(Refusal::bad("InvalidRequestException", message));
    }
    if !check::inside(here, NODE_GROUP, name).is_empty() {
        return Err(in_use("Cluster has nodegroups attached"));
    }
    match cluster["status"].as_str() {
        Some("CREATING" | "UPDATING") => {
            let message = format!("Cannot delete because cluster {name} currently has an update in progress");
            return Err(in_use(message));
        }
        Some("DELETING") => {}
        _ => {
            here.change(CLUSTER, name, |cluster| cluster["status"] = Json::from("DELETING"));
            here.after(180, CLUSTER, name, Event::Hook(life::GONE.to_owned()));
        }
    }
    let (_, cluster) = check::cluster(here, input)?;
    Ok(json!({ "cluster": told(here, cluster) }))
}
