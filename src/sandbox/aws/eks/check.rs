//! What EKS looks at before it does anything: texts, tokens, roles, subnets, versions.

use serde_json::{Value as Json, json};

use super::CLUSTER;
use crate::sandbox::aws::wire::{listed, number, page};
use crate::sandbox::aws::{Answer, Refusal, iam};
use crate::sandbox::world::Here;

/// The Kubernetes versions there are, the newest last.
pub(super) const VERSIONS: &[&str] = &["1.31", "1.32", "1.33", "1.34", "1.35"];

pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::bad("InvalidParameterException", message)
}

pub(super) fn in_use(message: impl Into<String>) -> Refusal {
    Refusal::new(409, "ResourceInUseException", message)
}

pub(super) fn not_found(message: impl Into<String>) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", message)
}

/// A text that must be there.
pub(super) fn text<'a>(input: &'a Json, field: &str) -> Result<&'a str, Refusal> {
    let given = input[field].as_str().filter(|text| !text.is_empty());
    given.ok_or_else(|| invalid(format!("{field} can't be null or empty.")))
}

/// A name of a cluster or node group.
pub(super) fn name<'a>(input: &'a Json, field: &str, most: usize) -> Result<&'a str, Refusal> {
    let name = text(input, field)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let well = name.len() <= most && name.chars().all(fits) && !name.starts_with(['-', '_']);
    if well {
        Ok(name)
    } else {
        Err(invalid(format!("{field} {name} is not valid: letters, digits, - and _, at most {most}")))
    }
}

/// The cluster that the path names.
pub(super) fn cluster(here: &Here<'_>, input: &Json) -> Result<(String, Json), Refusal> {
    let name = text(input, "name")?;
    let cluster = here.get(CLUSTER, name).cloned();
    let cluster = cluster.ok_or_else(|| not_found(format!("No cluster found for name: {name}.")))?;
    Ok((name.to_owned(), cluster))
}

/// The same, and it can be worked with. Changes of its own do not stand in the way.
pub(super) fn usable(here: &Here<'_>, input: &Json) -> Result<(String, Json), Refusal> {
    let (name, cluster) = self::cluster(here, input)?;
    match cluster["status"].as_str() {
        Some("ACTIVE" | "UPDATING") => Ok((name, cluster)),
        _ => {
            Err(Refusal::bad("InvalidRequestException", format!("Cluster '{name}' is not in ACTIVE status")))
        }
    }
}

/// The input without its token: what a second call with the same token must repeat.
pub(super) fn asked(input: &Json) -> Json {
    let mut asked = input.clone();
    if let Some(map) = asked.as_object_mut() {
        map.remove("clientRequestToken");
    }
    asked
}

/// What an earlier call with the same token made.
pub(super) fn repeated(here: &Here<'_>, table: &str, input: &Json) -> Result<Option<Json>, Refusal> {
    let Some(token) = input["clientRequestToken"].as_str() else { return Ok(None) };
    let Some(made) = here.list(table).into_iter().find(|doc| doc["_token"] == token) else { return Ok(None) };
    if made["_asked"] == asked(input) {
        return Ok(Some(made));
    }
    Err(invalid("The clientRequestToken was used before with other parameters."))
}

/// A role of this account that lets a service do something.
pub(super) fn role<'a>(here: &'a Here<'_>, arn: &str, service: &str, actions: &[&str]) -> Option<&'a Json> {
    iam::role_of_arn(here, arn).filter(|role| iam::trusts(role, service, actions))
}

/// The documents of subnets, all of one VPC.
pub(super) fn subnets(here: &Here<'_>, ids: &Json) -> Result<Vec<Json>, Refusal> {
    let mut subnets = Vec::new();
    for id in listed(ids) {
        let id = id.as_str().unwrap_or_default().to_owned();
        let subnet = here.get("ec2/subnet", &id).cloned();
        subnets.push(subnet.ok_or_else(|| invalid(format!("The subnet ID '{id}' does not exist")))?);
    }
    if subnets.iter().any(|subnet| subnet["vpcId"] != subnets[0]["vpcId"]) {
        return Err(invalid("Subnets specified must belong to the same VPC."));
    }
    Ok(subnets)
}

/// The subnets of a cluster: two zones at least.
pub(super) fn cluster_subnets(here: &Here<'_>, ids: &Json) -> Result<Vec<Json>, Refusal> {
    let subnets = subnets(here, ids)?;
    let first = subnets.first().map(|subnet| subnet["availabilityZone"].clone());
    if subnets.iter().all(|subnet| Some(&subnet["availabilityZone"]) == first.as_ref()) {
        return Err(invalid("Subnets specified must be in at least two different AZs"));
    }
    Ok(subnets)
}

/// The minor number of a version: 35 of `1.35`.
pub(super) fn minor(version: &Json) -> i64 {
    version.as_str().and_then(|text| text.split('.').nth(1)?.parse().ok()).unwrap_or_default()
}

/// A version EKS knows.
pub(super) fn version(wanted: &Json) -> Result<&str, Refusal> {
    let wanted = wanted.as_str().unwrap_or_default();
    let known = VERSIONS.contains(&wanted);
    if known { Ok(wanted) } else { Err(invalid(format!("unsupported Kubernetes version {wanted}"))) }
}

/// A page of names or documents, in EKS's words.
pub(super) fn paged(input: &Json, field: &str, items: Vec<Json>) -> Answer {
    let most = number(&input["maxResults"]).and_then(|most| usize::try_from(most).ok());
    if most.is_some_and(|most| !(1..=100).contains(&most)) {
        return Err(invalid("maxResults must be between 1 and 100"));
    }
    let (items, next) = page(items, input["nextToken"].as_str(), most);
    Ok(json!({ field: items, "nextToken": next }))
}

/// What of a table is in a cluster.
pub(super) fn inside(here: &Here<'_>, table: &str, cluster: &str) -> Vec<Json> {
    here.list(table).into_iter().filter(|doc| doc["clusterName"] == cluster).collect()
}
