//! Access entries of clusters: which principal of IAM is whom inside, and with which policies.

use serde_json::{Value as Json, json};

use super::ACCESS_ENTRY;
use super::check::{self, in_use, invalid, not_found};
use crate::sandbox::aws::wire::listed;
use crate::sandbox::aws::{Answer, Refusal, iam};
use crate::sandbox::world::Here;

const POLICY: &str = "arn:aws:eks::aws:cluster-access-policy/";

const POLICIES: &[&str] = &[
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
];

const SORTS: &[&str] = &["STANDARD", "EC2", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX"];

/// The cluster of the path, which must have its access by this API.
fn cluster(here: &Here<'_>, input: &Json) -> Result<String, Refusal> {
    let (name, cluster) = check::usable(here, input)?;
    if cluster["accessConfig"]["authenticationMode"] == "CONFIG_MAP" {
        let message = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.";
        return Err(Refusal::bad("InvalidRequestException", message));
    }
    Ok(name)
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = check::repeated(here, ACCESS_ENTRY, input)? {
        return Ok(json!({ "accessEntry": made }));
    }
    let cluster = cluster(here, input)?;
    let principal = check::text(input, "principalArn")?;
    principal_exists(here, principal)?;
    let sort = input["type"].as_str().unwrap_or("STANDARD");
    if !SORTS.contains(&sort) {
        return Err(invalid(format!("The specified type {sort} is invalid")));
    }
    if here.get(ACCESS_ENTRY, &format!("{cluster}/{principal}")).is_some() {
        return Err(in_use(
            "The specified access entry resource is already in use on this cluster: it already exists.",
        ));
    }
    let mut entry = entry(here, &cluster, principal, sort);
    entry["kubernetesGroups"] = Json::from(listed(&input["kubernetesGroups"]));
    entry["tags"] = input.get("tags").cloned().unwrap_or_else(|| json!({}));
    if let Some(user) = input.get("username") {
        entry["username"] = user.clone();
    }
    entry["_token"] = input["clientRequestToken"].clone();
    entry["_asked"] = check::asked(input);
    here.put(ACCESS_ENTRY, &format!("{cluster}/{principal}"), entry.clone());
    Ok(json!({ "accessEntry": entry }))
}

/// A role of this account must be there; sessions are no principals.
fn principal_exists(here: &Here<'_>, arn: &str) -> Result<(), Refusal> {
    let refuse = || Err(invalid("The specified principalArn is invalid: invalid principal."));
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "iam", "", account, what] = parts[..] else { return refuse() };
    let role = what.starts_with("role/");
    if !role && !what.starts_with("user/") {
        return refuse();
    }
    if role && account == here.account && iam::role_of_arn(here, arn).is_none() {
        return refuse();
    }
    Ok(())
}

fn entry(here: &mut Here<'_>, cluster: &str, principal: &str, sort: &str) -> Json {
    let account = principal.split(':').nth(4).unwrap_or_default();
    let what = principal.split(':').nth(5).unwrap_or_default();
    let (kind, name) =
        (what.split('/').next().unwrap_or_default(), what.rsplit('/').next().unwrap_or_default());
    let user = match (sort, kind) {
        ("STANDARD", "role") => format!("arn:aws:sts::{account}:assumed-role/{name}/{{{{SessionName}}}}"),
        ("STANDARD", _) => principal.to_owned(),
        _ => "system:node:{{EC2PrivateDNSName}}".to_owned(),
    };
    let groups = if sort == "STANDARD" { json!([]) } else { json!(["system:nodes"]) };
    let unique = here.world.draw("", 32);
    let within = format!("{cluster}/{kind}/{account}/{name}/{unique}");
    json!({
        "clusterName": cluster,
        "principalArn": principal,
        "kubernetesGroups": groups,
        "accessEntryArn": format!("arn:aws:eks:{}:{}:access-entry/{within}", here.region, here.account),
        "createdAt": here.world.timestamp(),
        "modifiedAt": here.world.timestamp(),
        "tags": {},
        "username": user,
        "type": sort,
        "_policies": [],
    })
}

/// EKS itself lets the nodes of a role in.
pub(super) fn for_nodes(here: &mut Here<'_>, cluster: &str, role: &str) {
    let id = format!("{cluster}/{role}");
    if here.get(ACCESS_ENTRY, &id).is_none() {
        let entry = entry(here, cluster, role, "EC2_LINUX");
        here.put(ACCESS_ENTRY, &id, entry);
    }
}

/// The last node group of a role is gone.
pub(super) fn without_nodes(here: &mut Here<'_>, cluster: &str, role: &str) {
    let id = format!("{cluster}/{role}");
    if here.get(ACCESS_ENTRY, &id).is_some_and(|entry| entry["type"] == "EC2_LINUX") {
        here.remove(ACCESS_ENTRY, &id);
    }
}

/// Who makes a cluster is its administrator, if nobody says otherwise.
pub(super) fn bootstrap(here: &mut Here<'_>, cluster: &str) {
    let session = here.principal.split(":assumed-role/").nth(1).and_then(|rest| rest.split('/').next());
    let role = session.and_then(|name| here.get(iam::ROLE, name)).and_then(|role| role["Arn"].as_str());
    let Some(principal) = role.map(str::to_owned) else { return };
    let mut entry = entry(here, cluster, &principal, "STANDARD");
    let policy = format!("{POLICY}AmazonEKSClusterAdminPolicy");
    let now = here.world.timestamp();
    entry["_policies"] = json!([{ "policyArn": policy, "accessScope": { "type": "cluster", "namespaces": [] }, "associatedAt": now, "modifiedAt": now }]);
    here.put(ACCESS_ENTRY, &format!("{cluster}/{principal}"), entry);
}

fn asked(here: &Here<'_>, input: &Json) -> Result<(String, Json), Refusal> {
    let (cluster, _) = check::cluster(here, input)?;
    let principal = check::text(input, "principalArn")?;
    let id = format!("{cluster}/{principal}");
    let entry = here.get(ACCESS_ENTRY, &id).cloned();
    let entry = entry.ok_or_else(|| {
        not_found(format!("The specified principalArn could not be found. You can view your available access entries with 'list-access-entries': {principal}"))
    })?;
    Ok((id, entry))
}

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, entry) = asked(here, input)?;
    Ok(json!({ "accessEntry": entry }))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let (cluster, _) = check::cluster(here, input)?;
    let policy = &input["associatedPolicyArn"];
    let with = |entry: &Json| {
        policy.is_null() || listed(&entry["_policies"]).iter().any(|p| p["policyArn"] == *policy)
    };
    let all = check::inside(here, ACCESS_ENTRY, &cluster).into_iter().filter(with);
    check::paged(input, "accessEntries", all.map(|entry| entry["principalArn"].clone()).collect())
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let (id, _) = asked(here, input)?;
    here.remove(ACCESS_ENTRY, &id);
    Ok(json!({}))
}

/// A policy that is associated already gets another scope.
pub(super) fn associate(here: &mut Here<'_>, input: &Json) -> Answer {
    let (id, entry) = asked(here, input)?;
    let policy = check::text(input, "policyArn")?;
    if !policy.strip_prefix(POLICY).is_some_and(|name| POLICIES.contains(&name)) {
        return Err(invalid(format!("The policyArn parameter format is not valid: {policy}")));
    }
    if entry["type"] != "STANDARD" {
        return Err(Refusal::bad(
            "InvalidRequestException",
            "Access policies are only for entries of type STANDARD",
        ));
    }
    let scope = scope(&input["accessScope"])?;
    let now = here.world.timestamp();
    let (old, mut all): (Vec<_>, Vec<_>) =
        listed(&entry["_policies"]).into_iter().partition(|one| one["policyArn"] == policy);
    let since = old.first().map_or_else(|| Json::from(now.as_str()), |one| one["associatedAt"].clone());
    let made = json!({ "policyArn": policy, "accessScope": scope, "associatedAt": since, "modifiedAt": now });
    all.push(made.clone());
    here.change(ACCESS_ENTRY, &id, |entry| entry["_policies"] = Json::from(all));
    Ok(
        json!({ "clusterName": entry["clusterName"], "principalArn": entry["principalArn"], "associatedAccessPolicy": made }),
    )
}

fn scope(given: &Json) -> Answer {
    let namespaces = listed(&given["namespaces"]);
    match given["type"].as_str() {
        Some("cluster") if namespaces.is_empty() => Ok(json!({ "type": "cluster", "namespaces": [] })),
        Some("namespace") if !namespaces.is_empty() => {
            Ok(json!({ "type": "namespace", "namespaces": namespaces }))
        }
        _ => Err(invalid("The accessScope is cluster without namespaces, or namespace with some")),
    }
}

pub(super) fn associated(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, entry) = asked(here, input)?;
    let mut answer = check::paged(input, "associatedAccessPolicies", listed(&entry["_policies"]))?;
    answer["clusterName"] = entry["clusterName"].clone();
    answer["principalArn"] = entry["principalArn"].clone();
    Ok(answer)
}

pub(super) fn disassociate(here: &mut Here<'_>, input: &Json) -> Answer {
    let (id, entry) = asked(here, input)?;
    let policy = check::text(input, "policyArn")?;
    let (gone, kept): (Vec<_>, Vec<_>) =
        listed(&entry["_policies"]).into_iter().partition(|one| one["policyArn"] == policy);
    if gone.is_empty() {
        return Err(not_found("The specified access policy is not associated with the access entry."));
    }
    here.change(ACCESS_ENTRY, &id, |entry| entry["_policies"] = Json::from(kept));
    Ok(json!({}))
}
