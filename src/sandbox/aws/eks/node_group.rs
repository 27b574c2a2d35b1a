//! Managed node groups: made, told, deleted. Their nodes are in `node`, their changes in `node_group_update`.

use serde_json::{Value as Json, json};

use super::check::{self, in_use, invalid, not_found};
use super::{NODE_GROUP, access, node};
use crate::sandbox::aws::wire::{listed, number};
use crate::sandbox::aws::{Answer, Refusal, iam};
use crate::sandbox::world::{Event, Here};

const SIZES: &[&str] = &["nano", "micro", "small", "medium", "large"];

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = check::repeated(here, NODE_GROUP, input)? {
        return Ok(json!({ "nodegroup": made }));
    }
    let (cluster, doc) = check::usable(here, input)?;
    let name = check::name(input, "nodegroupName", 63)?;
    let id = format!("{cluster}/{name}");
    if here.get(NODE_GROUP, &id).is_some() {
        let message = format!("NodeGroup already exists with name {name} and cluster name {cluster}");
        return Err(in_use(message));
    }
    for field in ["launchTemplate", "remoteAccess"] {
        if input.get(field).is_some() {
            return Err(invalid(format!("{field} is not known here")));
        }
    }
    let group = begun(here, name, &doc, input)?;
    here.put(NODE_GROUP, &id, group.clone());
    access::for_nodes(here, &cluster, group["nodeRole"].as_str().unwrap_or_default());
    here.after(150, NODE_GROUP, &id, Event::Hook(node::ACTIVE.to_owned()));
    Ok(json!({ "nodegroup": group }))
}

fn begun(here: &mut Here<'_>, name: &str, cluster: &Json, input: &Json) -> Answer {
    let role = node_role(here, input)?;
    let scaling = scaling(&input["scalingConfig"], &json!({ "minSize": 1, "maxSize": 2, "desiredSize": 2 }))?;
    let (types, ami) = machines(input)?;
    let version = version(cluster, input.get("version"))?;
    if ami.starts_with("AL2_") && check::minor(&version) > 32 {
        return Err(invalid(format!(
            "AMI Type {ami} is only supported for kubernetes versions 1.32 or earlier"
        )));
    }
    subnets(here, cluster, &input["subnets"])?;
    let unique = here.world.draw("", 32);
    let unique = format!(
        "{}-{}-{}-{}-{}",
        &unique[..8],
        &unique[8..12],
        &unique[12..16],
        &unique[16..20],
        &unique[20..]
    );
    let cluster_name = &cluster["name"];
    let within = format!("{}/{name}/{unique}", cluster_name.as_str().unwrap_or_default());
    Ok(json!({
        "nodegroupName": name,
        "nodegroupArn": format!("arn:aws:eks:{}:{}:nodegroup/{within}", here.region, here.account),
        "clusterName": cluster_name,
        "version": version,
        "releaseVersion": release(&version),
        "createdAt": here.world.timestamp(),
        "modifiedAt": here.world.timestamp(),
        "status": "CREATING",
        "capacityType": input["capacityType"].as_str().unwrap_or("ON_DEMAND"),
        "scalingConfig": scaling,
        "instanceTypes": types,
        "subnets": listed(&input["subnets"]),
        "amiType": ami,
        "nodeRole": role,
        "labels": input.get("labels").cloned().unwrap_or_else(|| json!({})),
        "taints": listed(&input["taints"]),
        "diskSize": number(&input["diskSize"]).unwrap_or(20),
        "updateConfig": input.get("updateConfig").cloned().unwrap_or_else(|| json!({ "maxUnavailable": 1 })),
        "health": { "issues": [] },
        "resources": { "autoScalingGroups": [{ "name": format!("eks-{name}-{unique}") }] },
        "tags": input.get("tags").cloned().unwrap_or_else(|| json!({})),
        "_nodes": [],
        "_token": input["clientRequestToken"],
        "_asked": check::asked(input),
    }))
}

fn node_role(here: &Here<'_>, input: &Json) -> Result<String, Refusal> {
    let arn = check::text(input, "nodeRole")?;
    let Some(role) = iam::role_of_arn(here, arn) else {
        let name = arn.rsplit('/').next().unwrap_or_default();
        return Err(invalid(format!("The role with name {name} cannot be found.")));
    };
    if !iam::trusts(role, "ec2.amazonaws.com", &["sts:AssumeRole"]) {
        return Err(invalid(format!(
            "Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole {arn}"
        )));
    }
    Ok(arn.to_owned())
}

/// The sizes that `given` and, where it says nothing, `before` make.
pub(super) fn scaling(given: &Json, before: &Json) -> Answer {
    let of = |field: &str| number(&given[field]).or_else(|| number(&before[field])).unwrap_or_default();
    let (min, max, desired) = (of("minSize"), of("maxSize"), of("desiredSize"));
    if min < 0 || max < 1 {
        return Err(invalid("minSize must be at least 0 and maxSize at least 1"));
    }
    if min > max {
        return Err(invalid(format!("Minimum capacity {min} can't be greater than maximum capacity {max}")));
    }
    if desired < min {
        return Err(invalid(format!("Minimum capacity {min} can't be greater than desired size {desired}")));
    }
    if desired > max {
        return Err(invalid(format!("desired capacity {desired} can't be greater than max size {max}")));
    }
    Ok(json!({ "minSize": min, "maxSize": max, "desiredSize": desired }))
}

/// The instance types and the AMI type that fits them.
fn machines(input: &Json) -> Result<(Vec<Json>, String), Refusal> {
    let mut types = listed(&input["instanceTypes"]);
    let asked = input["amiType"].as_str();
    if types.is_empty() {
        types = vec![Json::from(if asked.is_some_and(|ami| ami.contains("ARM_64")) {
            "t4g.medium"
        } else {
            "t3.medium"
        })];
    }
    let mut arms = Vec::new();
    for one in &types {
        let one = one.as_str().unwrap_or_default();
        arms.push(is_arm(one).ok_or_else(|| {
            invalid(format!("The following supplied instance types do not exist: [{one}]"))
        })?);
    }
    let fallback = if arms[0] { "AL2023_ARM_64_STANDARD" } else { "AL2023_x86_64_STANDARD" };
    let ami = asked.unwrap_or(fallback);
    let wrong = types.iter().zip(&arms).find(|(_, arm)| **arm != ami.contains("ARM_64"));
    match wrong {
        Some((one, _)) => {
            let one = one.as_str().unwrap_or_default();
            Err(invalid(format!("[{one}] is not a valid instance type for requested amiType {ami}")))
        }
        None => Ok((types, ami.to_owned())),
    }
}

/// Whether an instance type is Arm; `None` for what is no instance type. `m7g.large` is: a `g` after the generation.
fn is_arm(instance_type: &str) -> Option<bool> {
    let (family, size) = instance_type.split_once('.')?;
    let known = SIZES.contains(&size) || size.starts_with("metal") || size.ends_with("xlarge");
    let generation = family.find(|c: char| c.is_ascii_digit())?;
    let after = family[generation..].trim_start_matches(|c: char| c.is_ascii_digit());
    (known && generation > 0).then(|| family == "a1" || after.contains('g'))
}

/// The version of a node group: the cluster's, or an older one by three at most.
pub(super) fn version(cluster: &Json, wanted: Option<&Json>) -> Answer {
    let wanted = wanted.unwrap_or(&cluster["version"]);
    check::version(wanted)?;
    let (here, there) = (check::minor(wanted), check::minor(&cluster["version"]));
    if here > there || here + 3 < there {
        let text = wanted.as_str().unwrap_or_default();
        return Err(invalid(format!("Nodegroup Kubernetes version {text} does not fit that of the cluster")));
    }
    Ok(wanted.clone())
}

/// The AMI release of a version.
pub(super) fn release(version: &Json) -> String {
    format!("{}.2-20261101", version.as_str().unwrap_or_default())
}

fn subnets(here: &Here<'_>, cluster: &Json, ids: &Json) -> Result<(), Refusal> {
    let subnets = check::subnets(here, ids)?;
    if subnets.is_empty() {
        return Err(invalid("subnets can't be empty."));
    }
    if subnets[0]["vpcId"] != cluster["resourcesVpcConfig"]["vpcId"] {
        return Err(invalid("Subnets must be in the VPC of the cluster"));
    }
    Ok(())
}

/// The node group that the path names, and its id.
pub(super) fn asked(here: &Here<'_>, input: &Json) -> Result<(String, Json), Refusal> {
    let (cluster, _) = check::cluster(here, input)?;
    let name = check::text(input, "nodegroupName")?;
    let id = format!("{cluster}/{name}");
    let group = here.get(NODE_GROUP, &id).cloned();
    let group = group.ok_or_else(|| not_found(format!("No node group found for name: {name}.")))?;
    Ok((id, group))
}

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, group) = asked(here, input)?;
    Ok(json!({ "nodegroup": group }))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let (cluster, _) = check::cluster(here, input)?;
    let all = check::inside(here, NODE_GROUP, &cluster).into_iter();
    check::paged(input, "nodegroups", all.map(|group| group["nodegroupName"].clone()).collect())
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let (id, group) = asked(here, input)?;
    match group["status"].as_str().unwrap_or_default() {
        "DELETING" => {}
        status @ ("CREATING" | "UPDATING") => {
            return Err(in_use(format!("Nodegroup cannot be deleted as it is currently in status {status}")));
        }
        _ => {
            here.change(NODE_GROUP, &id, |group| group["status"] = Json::from("DELETING"));
            // Nodes are drained first; what a budget does not let go is waited for, and then ended all the same.
            let wait =
                if is_held_up(here, group["clusterName"].as_str().unwrap_or_default()) { 1_020 } else { 120 };
            here.after(wait, NODE_GROUP, &id, Event::Hook(node::GONE.to_owned()));
        }
    }
    let (_, group) = asked(here, input)?;
    Ok(json!({ "nodegroup": group }))
}

/// Whether a budget of the cluster lets no pod go.
fn is_held_up(here: &Here<'_>, cluster: &str) -> bool {
    let budgets = here.list(&format!("kube/{cluster}/policy/poddisruptionbudgets"));
    budgets.iter().any(|budget| {
        let status = &budget["status"];
        status["disruptionsAllowed"] == 0 && status["expectedPods"].as_i64().unwrap_or(0) > 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arm_is_known_by_name() {
        for (one, arm) in [
            ("m7g.large", Some(true)),
            ("t4g.medium", Some(true)),
            ("im4gn.2xlarge", Some(true)),
            ("m7i.large", Some(false)),
            ("g5.xlarge", Some(false)),
            ("g5g.xlarge", Some(true)),
            ("a1.medium", Some(true)),
            ("u-6tb1.metal", Some(false)),
            ("m7g", None),
            ("m7g.huge", None),
        ] {
            assert_eq!(is_arm(one), arm, "{one}");
        }
    }

    #[test]
    fn sizes_are_in_order() {
        let size = |min, max, desired| json!({ "minSize": min, "maxSize": max, "desiredSize": desired });
        assert!(scaling(&size(1, 3, 2), &Json::Null).is_ok());
        assert!(scaling(&size(0, 1, 0), &Json::Null).is_ok());
        assert!(scaling(&size(3, 1, 2), &Json::Null).is_err());
        assert!(scaling(&size(1, 3, 4), &Json::Null).is_err());
        assert!(scaling(&json!({ "minSize": 3 }), &size(1, 4, 2)).is_err());
    }
}
