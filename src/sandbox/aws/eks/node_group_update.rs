//! Changes of node groups, one at a time.

use serde_json::{Map, Value as Json, json};

use super::check::{self, in_use, invalid};
use super::node_group::{self, asked, scaling};
use super::update::{Of, begin};
use super::{NODE_GROUP, UPDATE, node};
use crate::sandbox::aws::wire::listed;
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Event, Here};

fn changeable(group: &Json) -> Result<(), Refusal> {
    match group["status"].as_str() {
        Some("ACTIVE" | "DEGRADED") => Ok(()),
        status => {
            let status = status.unwrap_or_default();
            Err(in_use(format!("Nodegroup cannot be updated as it is currently in status {status}")))
        }
    }
}

fn start(here: &mut Here<'_>, id: &str, change: Json, seconds: i64) {
    here.change(NODE_GROUP, id, |group| {
        group["status"] = Json::from("UPDATING");
        group["_change"] = change;
    });
    here.after(seconds, NODE_GROUP, id, Event::Hook(node::UPDATED.to_owned()));
}

fn part<'a>(input: &'a Json) -> Result<Of<'a>, Refusal> {
    let (cluster, name) = (check::text(input, "name")?, check::text(input, "nodegroupName")?);
    Ok(Of { cluster, part: ("nodegroupName", name) })
}

pub(super) fn config(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = check::repeated(here, UPDATE, input)? {
        return Ok(json!({ "update": made }));
    }
    let (id, group) = asked(here, input)?;
    changeable(&group)?;
    if input.get("taints").is_some() {
        return Err(invalid("taints are not changed here"));
    }
    let (mut change, mut told) = (Map::new(), Vec::new());
    if let Some(given) = input.get("scalingConfig") {
        let sizes = scaling(given, &group["scalingConfig"])?;
        for (field, param) in [("minSize", "MinSize"), ("maxSize", "MaxSize"), ("desiredSize", "DesiredSize")]
        {
            told.push((param, sizes[field].clone()));
        }
        change.insert("scalingConfig".to_owned(), sizes);
    }
    if let Some(given) = input.get("labels") {
        let mut labels = given["addOrUpdateLabels"].as_object().cloned().unwrap_or_default();
        told.push(("LabelsToAdd", Json::from(labels.clone())));
        for gone in listed(&given["removeLabels"]) {
            labels.insert(gone.as_str().unwrap_or_default().to_owned(), Json::Null);
        }
        change.insert("labels".to_owned(), Json::from(labels));
    }
    if let Some(given) = input.get("updateConfig") {
        change.insert("updateConfig".to_owned(), given.clone());
    }
    let update = begin(here, &part(input)?, "ConfigUpdate", &told, input);
    start(here, &id, Json::from(change), 60);
    Ok(json!({ "update": update }))
}

pub(super) fn version(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = check::repeated(here, UPDATE, input)? {
        return Ok(json!({ "update": made }));
    }
    let (id, group) = asked(here, input)?;
    changeable(&group)?;
    let (_, cluster) = check::cluster(here, input)?;
    let version = node_group::version(&cluster, input.get("version").or_else(|| group.get("version")))?;
    if check::minor(&version) < check::minor(&group["version"]) {
        return Err(invalid("Nodegroup Kubernetes version cannot be lowered"));
    }
    let release = node_group::release(&version);
    let told = [("Version", version.clone()), ("ReleaseVersion", Json::from(release.as_str()))];
    let update = begin(here, &part(input)?, "VersionUpdate", &told, input);
    start(here, &id, json!({ "version": version, "releaseVersion": release }), 480);
    Ok(json!({ "update": update }))
}
