//! OpenID Connect providers, by ARN: of the issuers of clusters.

use serde_json::{Value as Json, json};

use super::{OIDC, paged, text};
use crate::sandbox::aws::wire::listed;
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::Here;

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let url = text(input, "Url")?;
    let Some(issuer) = url.strip_prefix("https://") else {
        let words = "Invalid Open ID Connect Provider URL. Please start the URL with https.";
        return Err(Refusal::bad("InvalidInput", words));
    };
    let arn = format!("arn:aws:iam::{}:oidc-provider/{issuer}", here.account);
    if here.get(OIDC, &arn).is_some() {
        let words = format!("Provider with url {url} already exists.");
        return Err(Refusal::new(409, "EntityAlreadyExists", words));
    }
    let doc = json!({
        "Url": issuer,
        "ClientIDList": listed(&input["ClientIDList"]),
        "ThumbprintList": listed(&input["ThumbprintList"]),
        "CreateDate": here.world.timestamp(),
        "Tags": listed(&input["Tags"]),
    });
    here.put(OIDC, &arn, doc);
    Ok(json!({ "OpenIDConnectProviderArn": arn, "Tags": listed(&input["Tags"]) }))
}

fn asked<'i>(here: &Here<'_>, input: &'i Json) -> Result<(&'i str, Json), Refusal> {
    let arn = text(input, "OpenIDConnectProviderArn")?;
    let doc = here.get(OIDC, arn).cloned();
    let absent = || {
        let words = format!("OpenIDConnect Provider not found for arn {arn}");
        Refusal::new(404, "NoSuchEntity", words)
    };
    Ok((arn, doc.ok_or_else(absent)?))
}

/// All of them in one answer, as IAM tells them.
pub(super) fn list(here: &mut Here<'_>, _: &Json) -> Answer {
    let key = here.key(OIDC, "");
    let all = here.world.table(&key.account, &key.region, OIDC);
    let all: Json = all.map(|(key, _)| json!({ "Arn": key.id })).collect();
    Ok(json!({ "OpenIDConnectProviderList": all }))
}

pub(super) fn list_tags(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, doc) = asked(here, input)?;
    paged(input, "Tags", listed(&doc["Tags"]))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let (arn, _) = asked(here, input)?;
    here.remove(OIDC, arn);
    Ok(json!({}))
}
