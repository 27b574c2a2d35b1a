//! Instance profiles, by name: each holds at most one role.
//!
//! `_role` is its name. What runs with a profile does not hold it.

use serde_json::{Value as Json, json};

use super::{PROFILE, ROLE, document, paged, role_asked, text};
use crate::sandbox::aws::wire::listed;
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Doc, Here};

/// The profile that the input names, and its name.
fn asked<'i>(here: &Here<'_>, input: &'i Json) -> Result<(&'i str, Doc), Refusal> {
    let name = text(input, "InstanceProfileName")?;
    here.get(PROFILE, name)
        .cloned()
        .map(|doc| (name, doc))
        .ok_or_else(|| Refusal::new(404, "NoSuchEntity", format!("Instance Profile {name} cannot be found.")))
}

fn told(here: &Here<'_>, mut profile: Doc) -> Json {
    let role = profile["_role"].as_str().and_then(|name| here.get(ROLE, name)).cloned();
    let roles: Vec<Json> = role
        .into_iter()
        .map(|mut role| {
            role["AssumeRolePolicyDocument"] = Json::from(document::encoded(&role["_trust"]));
            role["Tags"].take();
            role
        })
        .collect();
    profile["Roles"] = json!(roles);
    profile
}

/// Whether a role is in some profile.
pub(super) fn holds(here: &Here<'_>, role: &str) -> bool {
    here.list(PROFILE).iter().any(|profile| profile["_role"] == role)
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "InstanceProfileName")?;
    if here.get(PROFILE, name).is_some() {
        let words = format!("Instance Profile {name} already exists.");
        return Err(Refusal::new(409, "EntityAlreadyExists", words));
    }
    let path = input["Path"].as_str().unwrap_or("/");
    let doc = json!({
        "Path": path,
        "InstanceProfileName": name,
        "InstanceProfileId": here.world.draw("AIPA", 17).to_uppercase(),
        "Arn": format!("arn:aws:iam::{}:instance-profile{path}{name}", here.account),
        "CreateDate": here.world.timestamp(),
        "Tags": listed(&input["Tags"]),
    });
    here.put(PROFILE, name, doc.clone());
    Ok(json!({ "InstanceProfile": told(here, doc) }))
}

pub(super) fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, profile) = asked(here, input)?;
    Ok(json!({ "InstanceProfile": told(here, profile) }))
}

/// Lists tell no tags.
pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let bare = |mut profile: Doc| {
        profile["Tags"].take();
        told(here, profile)
    };
    let all = here.list(PROFILE).into_iter().map(bare).collect();
    paged(input, "InstanceProfiles", all)
}

pub(super) fn add_role(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, profile) = asked(here, input)?;
    let (role, _) = role_asked(here, input)?;
    if profile["_role"].is_string() {
        let words = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
        return Err(Refusal::new(409, "LimitExceeded", words));
    }
    here.change(PROFILE, name, |profile| profile["_role"] = json!(role));
    Ok(json!({}))
}

pub(super) fn remove_role(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, profile) = asked(here, input)?;
    let role = text(input, "RoleName")?;
    if profile["_role"] != role {
        let words = format!("The role with name {role} cannot be found.");
        return Err(Refusal::new(404, "NoSuchEntity", words));
    }
    here.change(PROFILE, name, |profile| drop(profile["_role"].take()));
    Ok(json!({}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, profile) = asked(here, input)?;
    if profile["_role"].is_string() {
        let words = "Cannot delete entity, must remove roles from instance profile first.";
        return Err(Refusal::new(409, "DeleteConflict", words));
    }
    here.remove(PROFILE, name);
    Ok(json!({}))
}
