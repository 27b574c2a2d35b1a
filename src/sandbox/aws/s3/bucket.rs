//! Buckets.

use serde_json::{Value as Json, json};

use super::{BUCKETS, OBJECTS, bucket, bucket_key, object_key, owner, text};
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{GLOBAL, Here};

pub(super) fn list(here: &mut Here<'_>, _: &Json) -> Answer {
    let all = here.world.table(&here.account, GLOBAL, BUCKETS);
    let all: Vec<Json> = all.map(|(_, doc)| doc.clone()).collect();
    Ok(json!({ "Owner": { "ID": here.account }, "Buckets": { "Bucket": all } }))
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = text(input, "Bucket");
    if !is_name(name) {
        return Err(Refusal::bad("InvalidBucketName", "The specified bucket is not valid."));
    }
    let asked = text(input, "LocationConstraint");
    let right = match (asked, here.region.as_str()) {
        ("", region) => region == "us-east-1",
        (asked, region) => asked == region && region != "us-east-1",
    };
    if !right {
        let words = format!(
            "The {asked} location constraint is incompatible for the region specific endpoint this request was sent to."
        );
        return Err(Refusal::bad("IllegalLocationConstraintException", words));
    }
    match owner(here, name) {
        Some((owner, _)) if owner == here.account => {
            let words = "Your previous request to create the named bucket succeeded and you already own it.";
            Err(Refusal::new(409, "BucketAlreadyOwnedByYou", words))
        }
        Some(_) => {
            let words = "The requested bucket name is not available.";
            Err(Refusal::new(409, "BucketAlreadyExists", words))
        }
        None => {
            let made = here.world.timestamp();
            let doc = json!({ "Name": name, "CreationDate": made, "_region": here.region });
            here.world.put(bucket_key(&here.account, name), doc);
            Ok(json!({ "_header": { "location": format!("/{name}") } }))
        }
    }
}

fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| known(*byte))
        && ends(bytes.first())
        && ends(bytes.last())
        && !name.contains("..")
}

pub(super) fn head(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = bucket(here, input)?;
    Ok(json!({ "_header": { "x-amz-bucket-region": doc["_region"] } }))
}

pub(super) fn location(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = bucket(here, input)?;
    let region = text(&doc, "_region");
    Ok(json!({ "LocationConstraint": if region == "us-east-1" { "" } else { region } }))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    bucket(here, input)?;
    let name = text(input, "Bucket");
    let first = object_key(&here.account, name, "");
    if here.world.beginning(&first).any(|(key, _)| key.table == OBJECTS) {
        return Err(Refusal::new(409, "BucketNotEmpty", "The bucket you tried to delete is not empty"));
    }
    here.world.remove(&bucket_key(&here.account, name));
    Ok(json!({ "_status": 204 }))
}
