//! Pod identity associations: which role the pods of a service account have.

use serde_json::{Value as Json, json};

use super::POD_IDENTITY;
use super::check::{self, in_use, invalid, not_found};
use crate::sandbox::aws::{Answer, Refusal, iam};
use crate::sandbox::world::Here;

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = check::repeated(here, POD_IDENTITY, input)? {
        return Ok(json!({ "association": made }));
    }
    let (cluster, _) = check::usable(here, input)?;
    let (namespace, account) = (check::text(input, "namespace")?, check::text(input, "serviceAccount")?);
    let role = check::text(input, "roleArn")?;
    role_fits(here, role)?;
    let same = |one: &&Json| one["namespace"] == namespace && one["serviceAccount"] == account;
    if let Some(there) = check::inside(here, POD_IDENTITY, &cluster).iter().find(same) {
        let id = there["associationId"].as_str().unwrap_or_default();
        return Err(in_use(format!("Association already exists: {id}")));
    }
    let id = here.world.draw("a-", 17);
    let arn = format!("arn:aws:eks:{}:{}:podidentityassociation/{cluster}/{id}", here.region, here.account);
    let doc = json!({
        "clusterName": cluster,
        "namespace": namespace,
        "serviceAccount": account,
        "roleArn": role,
        "associationArn": arn,
        "associationId": id,
        "tags": input.get("tags").cloned().unwrap_or_else(|| json!({})),
        "createdAt": here.world.timestamp(),
        "modifiedAt": here.world.timestamp(),
        "disableSessionTags": input["disableSessionTags"].as_bool().unwrap_or(false),
        "_token": input["clientRequestToken"],
        "_asked": check::asked(input),
    });
    here.put(POD_IDENTITY, &format!("{cluster}/{id}"), doc.clone());
    Ok(json!({ "association": doc }))
}

fn role_fits(here: &Here<'_>, arn: &str) -> Result<(), Refusal> {
    let Some(role) = iam::role_of_arn(here, arn) else {
        return Err(invalid("Role provided in the request does not exist."));
    };
    if iam::trusts(role, "pods.eks.amazonaws.com", &["sts:AssumeRole", "sts:TagSession"]) {
        return Ok(());
    }
    Err(invalid(
        "Trust policy of the role provided is invalid. Follow the official documentation to resolve the issue.",
    ))
}

fn asked(here: &Here<'_>, input: &Json) -> Result<(String, Json), Refusal> {
    let (cluster, _) = check::cluster(here, input)?;
    let association = check::text(input, "associationId")?;
    let id = format!("{cluster}/{association}");
    let doc = here.get(POD_IDENTITY, &id).cloned();
    let doc =
        doc.ok_or_else(|| not_found(format!("No association found with associationId: {association}")))?;
    Ok((id, doc))
}

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, association) = asked(here, input)?;
    Ok(json!({ "association": association }))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let (cluster, _) = check::cluster(here, input)?;
    let fits = |one: &Json| {
        ["namespace", "serviceAccount"]
            .iter()
            .all(|field| input.get(*field).is_none_or(|wanted| one[*field] == *wanted))
    };
    let brief = |one: Json| {
        let fields = ["clusterName", "namespace", "serviceAccount", "associationArn", "associationId"];
        Json::from_iter(fields.map(|field| (field, one[field].clone())))
    };
    let all = check::inside(here, POD_IDENTITY, &cluster).into_iter().filter(fits);
    check::paged(input, "associations", all.map(brief).collect())
}

pub(super) fn update(here: &mut Here<'_>, input: &Json) -> Answer {
    let (id, _) = asked(here, input)?;
    let role = input["roleArn"].as_str();
    if let Some(role) = role {
        role_fits(here, role)?;
    }
    let now = here.world.timestamp();
    here.change(POD_IDENTITY, &id, |one| {
        one["modifiedAt"] = Json::from(now);
        if let Some(role) = role {
            one["roleArn"] = Json::from(role);
        }
        if let Some(disable) = input["disableSessionTags"].as_bool() {
            one["disableSessionTags"] = Json::from(disable);
        }
    });
    describe(here, input)
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let (id, association) = asked(here, input)?;
    here.remove(POD_IDENTITY, &id);
    Ok(json!({ "association": association }))
}
