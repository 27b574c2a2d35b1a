//! Roles themselves.

use serde_json::{Value as Json, json};

use super::{ROLE, document, paged, profile, role_asked, text};
use crate::sandbox::aws::wire::{listed, number};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::Here;

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "RoleName")?;
    check_name(name)?;
    if here
        .list(ROLE)
        .iter()
        .any(|role| role["RoleName"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)))
    {
        let message = format!("Role with name {name} already exists.");
        return Err(Refusal::new(409, "EntityAlreadyExists", message));
    }
    let trust = document::kept(document::trust(here, text(input, "AssumeRolePolicyDocument")?)?);
    let path = input["Path"].as_str().unwrap_or("/");
    if !(path.starts_with('/') && path.ends_with('/')) {
        return Err(Refusal::bad("ValidationError", "The specified value for path is invalid."));
    }
    let doc = json!({
        "Path": path,
        "RoleName": name,
        "RoleId": here.world.draw("AROA", 17).to_uppercase(),
        "Arn": format!("arn:aws:iam::{}:role{path}{name}", here.account),
        "CreateDate": here.world.timestamp(),
        "Description": input.get("Description").filter(|text| *text != ""),
        "MaxSessionDuration": number(&input["MaxSessionDuration"]).unwrap_or(3600),
        "Tags": listed(&input["Tags"]),
        "_trust": trust,
        "_managed": [],
        "_inline": {},
    });
    here.put(ROLE, name, doc.clone());
    Ok(json!({ "Role": told(&doc) }))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if name.chars().all(fits) && name.len() <= 64 {
        return Ok(());
    }
    Err(Refusal::bad("ValidationError", format!("The specified value for roleName is invalid: {name}")))
}

/// A role as GetRole tells it.
fn told(role: &Json) -> Json {
    let mut told = role.clone();
    told["AssumeRolePolicyDocument"] = Json::from(document::encoded(&role["_trust"]));
    told
}

pub(super) fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, role) = role_asked(here, input)?;
    Ok(json!({ "Role": told(&role) }))
}

/// Lists do not tell tags, as IAM's do not.
pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let prefix = input["PathPrefix"].as_str().unwrap_or("/");
    let roles = here.list(ROLE).into_iter();
    let roles = roles.filter(|role| role["Path"].as_str().is_some_and(|path| path.starts_with(prefix)));
    let bare = |mut role: Json| {
        role["Tags"].take();
        told(&role)
    };
    paged(input, "Roles", roles.map(bare).collect())
}

pub(super) fn update(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, _) = role_asked(here, input)?;
    let (description, duration) = (input.get("Description").cloned(), number(&input["MaxSessionDuration"]));
    here.change(ROLE, name, |role| {
        if let Some(description) = description {
            role["Description"] = if description == "" { Json::Null } else { description };
        }
        if let Some(duration) = duration {
            role["MaxSessionDuration"] = Json::from(duration);
        }
    });
    Ok(json!({}))
}

pub(super) fn update_trust(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, _) = role_asked(here, input)?;
    let trust = document::kept(document::trust(here, text(input, "PolicyDocument")?)?);
    here.change(ROLE, name, |role| role["_trust"] = trust);
    Ok(json!({}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, role) = role_asked(here, input)?;
    let refuse = |message: &str| Err(Refusal::new(409, "DeleteConflict", message));
    if !listed(&role["_managed"]).is_empty() {
        return refuse("Cannot delete entity, must detach all policies first.");
    }
    if role["_inline"].as_object().is_some_and(|inline| !inline.is_empty()) {
        return refuse("Cannot delete entity, must delete policies first.");
    }
    if profile::holds(here, name) {
        return refuse("Cannot delete entity, must remove roles from instance profile first.");
    }
    here.remove(ROLE, name);
    Ok(json!({}))
}
