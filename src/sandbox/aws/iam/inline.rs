//! Policies that are written into a role.

use serde_json::{Value as Json, json};

use super::{ROLE, document, paged, role_asked, text};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::Here;

/// How many characters all of a role's may have together.
const MOST: usize = 10_240;

fn absent(name: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("The role policy with name {name} cannot be found."))
}

pub(super) fn put(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, role) = role_asked(here, input)?;
    let policy = text(input, "PolicyName")?;
    let document = document::rights(text(input, "PolicyDocument")?)?;
    let mut inline = role["_inline"].clone();
    inline[policy] = document;
    let size: usize = inline.as_object().into_iter().flatten().map(|(_, one)| one.to_string().len()).sum();
    if size > MOST {
        let message = format!("Maximum policy size of {MOST} bytes exceeded for role {name}");
        return Err(Refusal::new(409, "LimitExceeded", message));
    }
    here.change(ROLE, name, |role| role["_inline"] = inline);
    Ok(json!({}))
}

pub(super) fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, role) = role_asked(here, input)?;
    let policy = text(input, "PolicyName")?;
    let document = role["_inline"].get(policy).ok_or_else(|| absent(policy))?;
    Ok(json!({ "RoleName": name, "PolicyName": policy, "PolicyDocument": document::encoded(document) }))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let (name, role) = role_asked(here, input)?;
    let policy = text(input, "PolicyName")?;
    let mut inline = role["_inline"].clone();
    if inline.as_object_mut().and_then(|inline| inline.remove(policy)).is_none() {
        return Err(absent(policy));
    }
    here.change(ROLE, name, |role| role["_inline"] = inline);
    Ok(json!({}))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let (_, role) = role_asked(here, input)?;
    let names = role["_inline"].as_object().into_iter().flatten().map(|(name, _)| Json::from(name.as_str()));
    paged(input, "PolicyNames", names.collect())
}
