//! Launch templates, by id. What is in them is kept and not looked at.

use serde_json::{Value as Json, json};

use super::super::{Answer, Refusal};
use super::describe::{Sort, as_it_is, describe as describe_any};
use super::{draw, tags, want};
use crate::sandbox::world::{Doc, Here};

pub(super) const SORT: Sort = Sort {
    table: "ec2/launch-template",
    id: "launchTemplateId",
    ids: "LaunchTemplateId",
    set: "launchTemplates",
    missing: (
        "InvalidLaunchTemplateId.NotFound",
        "The specified launch template, with template ID {}, does not exist.",
    ),
    filters: &[("launch-template-name", "launchTemplateName"), ("create-time", "createTime")],
};

/// The one that an id or a name means.
pub(super) fn named(here: &Here<'_>, input: &Json) -> Result<Doc, Refusal> {
    if let Some(id) = input["LaunchTemplateId"].as_str() {
        return SORT.must(here, id);
    }
    let name = want(input, "LaunchTemplateName")?;
    let same = |doc: &Doc| doc["launchTemplateName"] == name;
    here.list(SORT.table).into_iter().find(same).ok_or_else(|| {
        let words = format!("The specified launch template, with template name {name}, does not exist.");
        Refusal::bad("InvalidLaunchTemplateName.NotFoundException", words)
    })
}

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &SORT, as_it_is)
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = want(input, "LaunchTemplateName")?;
    if !input["LaunchTemplateData"].is_object() {
        want(input, "LaunchTemplateData")?;
    }
    if here.list(SORT.table).iter().any(|doc| doc["launchTemplateName"] == name) {
        let words = "Launch template name already in use.";
        return Err(Refusal::bad("InvalidLaunchTemplateName.AlreadyExistsException", words));
    }
    let tags = tags::asked(input, "launch-template")?;
    let id = draw(here, "lt");
    let doc = json!({
        "launchTemplateId": id,
        "launchTemplateName": name,
        "createTime": here.world.timestamp(),
        "createdBy": here.principal,
        "defaultVersionNumber": 1,
        "latestVersionNumber": 1,
        "tagSet": tags,
        "_data": input["LaunchTemplateData"],
    });
    here.put(SORT.table, &id, doc.clone());
    Ok(json!({ "launchTemplate": doc }))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = named(here, input)?;
    here.remove(SORT.table, doc["launchTemplateId"].as_str().unwrap_or_default());
    Ok(json!({ "launchTemplate": doc }))
}
