//! Add-ons of clusters.

use serde_json::{Value as Json, json};

use super::check::{self, in_use, invalid, not_found};
use super::life::{at, has_nodes};
use super::update::{self, Of};
use super::{ADDON, UPDATE, addon_versions};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Event, Here, Key, World};

/// An add-on's health is looked at.
pub(in crate::sandbox::aws) const REVIEW: &str = "eks.addon.review";

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = check::repeated(here, ADDON, input)? {
        return Ok(json!({ "addon": made }));
    }
    let (cluster, _) = check::usable(here, input)?;
    let name = check::text(input, "addonName")?;
    let id = format!("{cluster}/{name}");
    let offer =
        addon_versions::find(name).ok_or_else(|| invalid(format!("Addon {name} is not supported")))?;
    if here.get(ADDON, &id).is_some() {
        return Err(in_use("Addon already exists."));
    }
    let version = version(offer, input)?.unwrap_or(offer.versions[0]);
    let unique = here.world.draw("", 32);
    let doc = json!({
        "addonName": name,
        "clusterName": cluster,
        "status": "CREATING",
        "addonVersion": version,
        "health": { "issues": [] },
        "addonArn": format!("arn:aws:eks:{}:{}:addon/{cluster}/{name}/{unique}", here.region, here.account),
        "createdAt": here.world.timestamp(),
        "modifiedAt": here.world.timestamp(),
        "serviceAccountRoleArn": input["serviceAccountRoleArn"],
        "configurationValues": configuration(input)?,
        "podIdentityAssociations": [],
        "tags": input.get("tags").cloned().unwrap_or_else(|| json!({})),
        "_token": input["clientRequestToken"],
        "_asked": check::asked(input),
    });
    here.put(ADDON, &id, doc.clone());
    here.after(30, ADDON, &id, Event::Hook(REVIEW.to_owned()));
    Ok(json!({ "addon": doc }))
}

fn version<'a>(offer: &addon_versions::Offer, input: &'a Json) -> Result<Option<&'a str>, Refusal> {
    match input["addonVersion"].as_str() {
        Some(version) if !offer.versions.contains(&version) => {
            Err(invalid("Addon version specified is not supported"))
        }
        version => Ok(version),
    }
}

/// The configuration as it was given; it is the text of a JSON object.
fn configuration(input: &Json) -> Result<Option<&str>, Refusal> {
    let Some(text) = input["configurationValues"].as_str() else { return Ok(None) };
    match serde_json::from_str(text) {
        Ok(Json::Object(_)) => Ok(Some(text)),
        _ if text.is_empty() => Ok(None),
        _ => Err(invalid(
            "ConfigurationValue provided in request is not supported: Json schema validation failed",
        )),
    }
}

fn asked(here: &Here<'_>, input: &Json) -> Result<(String, Json), Refusal> {
    let (cluster, _) = check::cluster(here, input)?;
    let name = check::text(input, "addonName")?;
    let id = format!("{cluster}/{name}");
    let addon = here.get(ADDON, &id).cloned();
    let addon = addon.ok_or_else(|| not_found(format!("No addon: {name} found in cluster: {cluster}")))?;
    Ok((id, addon))
}

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, addon) = asked(here, input)?;
    Ok(json!({ "addon": addon }))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let (cluster, _) = check::cluster(here, input)?;
    let all = check::inside(here, ADDON, &cluster).into_iter();
    check::paged(input, "addons", all.map(|addon| addon["addonName"].clone()).collect())
}

/// What the call does not say stays.
pub(super) fn update(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = check::repeated(here, UPDATE, input)? {
        return Ok(json!({ "update": made }));
    }
    let (id, addon) = asked(here, input)?;
    let name = addon["addonName"].as_str().unwrap_or_default();
    let status = addon["status"].as_str().unwrap_or_default();
    if !matches!(status, "ACTIVE" | "DEGRADED") {
        return Err(in_use(format!("Addon {name} cannot be updated as it is currently in {status} state")));
    }
    let offer =
        addon_versions::find(name).ok_or_else(|| invalid(format!("Addon {name} is not supported")))?;
    let version = version(offer, input)?;
    let given = input.get("configurationValues").is_some();
    let configuration = configuration(input)?;
    let now = here.world.timestamp();
    here.change(ADDON, &id, |addon| {
        addon["status"] = Json::from("UPDATING");
        addon["modifiedAt"] = Json::from(now);
        if let Some(version) = version {
            addon["addonVersion"] = Json::from(version);
        }
        if given {
            addon["configurationValues"] = Json::from(configuration);
        }
    });
    here.after(30, ADDON, &id, Event::Hook(REVIEW.to_owned()));
    let of = Of { cluster: addon["clusterName"].as_str().unwrap_or_default(), part: ("addonName", name) };
    let told = [("AddonVersion", Json::from(version.unwrap_or_default()))];
    Ok(json!({ "update": update::begin(here, &of, "AddonUpdate", &told, input) }))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let (id, addon) = asked(here, input)?;
    if addon["status"] != "DELETING" {
        let key = here.key(ADDON, &id);
        here.world.call_off(&key);
        here.change(ADDON, &id, |addon| addon["status"] = Json::from("DELETING"));
        here.after(20, ADDON, &id, Event::Remove);
    }
    let (_, addon) = asked(here, input)?;
    Ok(json!({ "addon": addon }))
}

/// Says how an add-on is: one that is a Deployment is not well without nodes.
pub(in crate::sandbox::aws) fn review(world: &mut World, key: &Key) {
    let mut here = at(world, key);
    let (cluster, name) = key.id.split_once('/').unwrap_or_default();
    let lacks =
        addon_versions::find(name).is_some_and(|offer| offer.needs_nodes) && !has_nodes(&here, cluster);
    let issue = json!({
        "code": "InsufficientNumberOfReplicas",
        "message": "The add-on is unhealthy because it doesn't have the desired number of replicas.",
    });
    here.change(ADDON, &key.id, |addon| {
        if addon["status"] == "DELETING" {
            return;
        }
        addon["status"] = Json::from(if lacks { "DEGRADED" } else { "ACTIVE" });
        addon["health"] = if lacks { json!({ "issues": [issue] }) } else { json!({ "issues": [] }) };
    });
    update::succeeded(&mut here, cluster, name);
}
