//! Policies of the customer, by ARN: with up to five versions, of which one is the default.
//!
//! A document holds what GetPolicy tells. The versions are in `_inline` by their number, as JSON; `_next` numbers the
//! next one. To whom a policy is attached is in the documents of those: see `attached`.

use serde_json::{Value as Json, json};

use super::{POLICY, ROLE, document, managed, paged, text};
use crate::sandbox::aws::wire::{listed, truth};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Doc, Here};

/// How many versions one may have.
const MOST: usize = 5;

fn absent(arn: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("Policy {arn} was not found."))
}

fn conflict(words: &str) -> Refusal {
    Refusal::new(409, "DeleteConflict", words)
}

/// The policy of the customer that the input names, and its ARN.
fn asked<'i>(here: &Here<'_>, input: &'i Json) -> Result<(&'i str, Doc), Refusal> {
    let arn = text(input, "PolicyArn")?;
    here.get(POLICY, arn).cloned().map(|doc| (arn, doc)).ok_or_else(|| absent(arn))
}

/// The roles that it is attached to.
fn roles(here: &Here<'_>, arn: &str) -> Vec<Doc> {
    let has = |role: &Doc| listed(&role["_managed"]).iter().any(|one| one == arn);
    here.list(ROLE).into_iter().filter(has).collect()
}

/// With what is only known of others.
fn told(here: &Here<'_>, mut policy: Doc) -> Json {
    let count = roles(here, policy["Arn"].as_str().unwrap_or_default()).len();
    policy["AttachmentCount"] = json!(count);
    policy
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "PolicyName")?;
    let path = input["Path"].as_str().unwrap_or("/");
    let arn = format!("arn:aws:iam::{}:policy{path}{name}", here.account);
    // One name is one policy, whatever the path.
    if here.list(POLICY).iter().any(|one| one["PolicyName"] == name) {
        let words = format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(Refusal::new(409, "EntityAlreadyExists", words));
    }
    let rights = document::rights(text(input, "PolicyDocument")?)?;
    let now = here.world.timestamp();
    let doc = json!({
        "PolicyName": name,
        "PolicyId": here.world.draw("ANPA", 17).to_uppercase(),
        "Arn": arn,
        "Path": path,
        "DefaultVersionId": "v1",
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": true,
        "Description": input.get("Description").filter(|text| *text != ""),
        "CreateDate": now,
        "UpdateDate": now,
        "Tags": listed(&input["Tags"]),
        "_inline": { "v1": rights },
        "_next": 2,
    });
    here.put(POLICY, &arn, doc.clone());
    Ok(json!({ "Policy": told(here, doc) }))
}

pub(super) fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    let arn = text(input, "PolicyArn")?;
    if let Some(doc) = here.get(POLICY, arn).cloned() {
        return Ok(json!({ "Policy": told(here, doc) }));
    }
    let (path, name) = managed::find(arn).ok_or_else(|| absent(arn))?;
    Ok(json!({ "Policy": {
        "PolicyName": name,
        "PolicyId": "ANPASANDBOX0000000000",
        "Arn": arn,
        "Path": if path.is_empty() { "/".to_owned() } else { format!("/{path}/") },
        "DefaultVersionId": "v1",
        "AttachmentCount": roles(here, arn).len(),
        "IsAttachable": true,
        "CreateDate": "2018-05-27T21:06:14Z",
        "UpdateDate": "2018-05-27T21:06:14Z",
    } }))
}

/// Those of the customer, whatever the scope: what AWS keeps is not listed here. Lists tell no tags.
pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let all = if input["Scope"] == "AWS" { Vec::new() } else { here.list(POLICY) };
    let bare = |mut policy: Doc| {
        policy["Tags"].take();
        told(here, policy)
    };
    let all = all.into_iter().map(bare).collect();
    paged(input, "Policies", all)
}

/// Users and groups are not here, so only roles are told.
pub(super) fn entities(here: &mut Here<'_>, input: &Json) -> Answer {
    let arn = text(input, "PolicyArn")?;
    if here.get(POLICY, arn).is_none() && managed::find(arn).is_none() {
        return Err(absent(arn));
    }
    let wanted = input["EntityFilter"].as_str().is_none_or(|only| only == "Role");
    let roles = if wanted { roles(here, arn) } else { Vec::new() };
    let roles = roles.iter().map(|role| json!({ "RoleName": role["RoleName"], "RoleId": role["RoleId"] }));
    let mut answer = paged(input, "PolicyRoles", roles.collect())?;
    answer["PolicyUsers"] = json!([]);
    answer["PolicyGroups"] = json!([]);
    Ok(answer)
}

fn version(policy: &Doc, id: &str) -> Json {
    json!({
        "VersionId": id,
        "IsDefaultVersion": policy["DefaultVersionId"] == id,
        "CreateDate": policy["UpdateDate"],
    })
}

pub(super) fn versions(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, policy) = asked(here, input)?;
    let all = policy["_inline"].as_object().into_iter().flatten().map(|(id, _)| version(&policy, id));
    paged(input, "Versions", all.collect())
}

pub(super) fn create_version(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, mut policy) = asked(here, input)?;
    let rights = document::rights(text(input, "PolicyDocument")?)?;
    if policy["_inline"].as_object().is_some_and(|all| all.len() >= MOST) {
        let words = "A managed policy can have up to 5 versions. Before you create a new version, \
                     you must delete an existing version.";
        return Err(Refusal::new(409, "LimitExceeded", words));
    }
    let number = policy["_next"].as_u64().unwrap_or(2);
    let id = format!("v{number}");
    policy["_inline"][&id] = rights;
    policy["_next"] = json!(number + 1);
    policy["UpdateDate"] = json!(here.world.timestamp());
    if truth(&input["SetAsDefault"]).unwrap_or(false) {
        policy["DefaultVersionId"] = json!(id);
    }
    here.put(POLICY, arn, policy.clone());
    Ok(json!({ "PolicyVersion": version(&policy, &id) }))
}

pub(super) fn delete_version(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, mut policy) = asked(here, input)?;
    let id = text(input, "VersionId")?;
    if policy["DefaultVersionId"] == id {
        return Err(conflict("Cannot delete the default version of a policy."));
    }
    if policy["_inline"].as_object_mut().and_then(|all| all.remove(id)).is_none() {
        let words = format!("Policy {arn} version {id} does not exist or is not attachable.");
        return Err(Refusal::new(404, "NoSuchEntity", words));
    }
    here.put(POLICY, arn, policy);
    Ok(json!({}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, policy) = asked(here, input)?;
    if !roles(here, arn).is_empty() || policy["PermissionsBoundaryUsageCount"].as_u64().unwrap_or(0) > 0 {
        return Err(conflict("Cannot delete a policy attached to entities."));
    }
    if policy["_inline"].as_object().is_some_and(|all| all.len() > 1) {
        let words = "This policy has more than one version. Before you delete a policy, you must delete the \
                     policy's versions. The default version is deleted with the policy.";
        return Err(conflict(words));
    }
    here.remove(POLICY, arn);
    Ok(json!({}))
}
