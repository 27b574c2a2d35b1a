//! Objects: written whole, also only if absent or only over what is known; listed in pages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::{bucket, object_key, text};
use crate::sandbox::aws::wire::listed;
use crate::sandbox::aws::{Answer, Refusal};
use crate::sandbox::world::{Doc, Here, Key};

/// The most keys of a page, and of a batch.
const PAGE: usize = 1000;

fn key_of(here: &Here<'_>, input: &Json) -> Key {
    object_key(&here.account, text(input, "Bucket"), text(input, "Key"))
}

fn precondition(what: &str) -> Refusal {
    let words = format!("At least one of the pre-conditions you specified did not hold: {what}");
    Refusal::new(412, "PreconditionFailed", words)
}

fn absent() -> Refusal {
    Refusal::new(404, "NoSuchKey", "The specified key does not exist.")
}

pub(super) fn put(here: &mut Here<'_>, input: &Json) -> Answer {
    bucket(here, input)?;
    let key = key_of(here, input);
    let headers = &input["_headers"];
    if text(headers, "x-amz-content-sha256").starts_with("STREAMING-") {
        let words = "the sandbox takes bodies only in one piece";
        return Err(Refusal::new(501, "NotImplemented", words));
    }
    let there = here.world.get(&key);
    match (headers["if-none-match"].as_str(), headers["if-match"].as_str(), there) {
        (None, None, _) | (Some("*"), None, None) => {}
        (Some("*"), None, Some(_)) => return Err(precondition("If-None-Match")),
        (None, Some(_), None) => return Err(absent()),
        (None, Some(wanted), Some(doc)) if doc["ETag"] == wanted => {}
        (None, Some(_), Some(_)) => return Err(precondition("If-Match")),
        (Some(_), _, _) => {
            let words = "A header you provided implies functionality that is not implemented";
            return Err(Refusal::new(501, "NotImplemented", words));
        }
    }
    let content = text(input, "_body");
    let bytes = STANDARD.decode(content).unwrap_or_default();
    let doc = document(here, input, &bytes, content);
    let mut header = json!({ "etag": doc["ETag"] });
    encryption(&doc, &mut header);
    here.world.put(key, doc);
    Ok(json!({ "_header": header }))
}

fn document(here: &Here<'_>, input: &Json, bytes: &[u8], content: &str) -> Doc {
    let headers = &input["_headers"];
    let sum: String = Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let named = |name: &str| headers[name].clone();
    json!({
        "Key": text(input, "Key"), "ETag": format!("\"{sum}\""), "Size": bytes.len(),
        "LastModified": here.world.timestamp(), "StorageClass": "STANDARD",
        "_type": named("content-type"), "_content": content,
        "_encryption": named("x-amz-server-side-encryption"),
        "_kms": named("x-amz-server-side-encryption-aws-kms-key-id"),
    })
}

/// What an answer tells of how an object is encrypted: by S3's own keys if nothing was asked for.
fn encryption(doc: &Doc, header: &mut Json) {
    let sort = doc["_encryption"].as_str().unwrap_or("AES256");
    header["x-amz-server-side-encryption"] = json!(sort);
    if doc["_kms"].is_string() {
        header["x-amz-server-side-encryption-aws-kms-key-id"] = doc["_kms"].clone();
    }
}

pub(super) fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    bucket(here, input)?;
    let doc = here.world.get(&key_of(here, input)).ok_or_else(absent)?;
    let mut header = json!({
        "etag": doc["ETag"], "last-modified": doc["LastModified"], "accept-ranges": "bytes",
        "content-type": doc["_type"].as_str().unwrap_or("binary/octet-stream"),
    });
    encryption(doc, &mut header);
    Ok(json!({ "_header": header, "_content": doc["_content"] }))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    bucket(here, input)?;
    here.world.remove(&key_of(here, input));
    Ok(json!({ "_status": 204 }))
}

pub(super) fn delete_many(here: &mut Here<'_>, input: &Json) -> Answer {
    bucket(here, input)?;
    let objects = listed(&input["Object"]);
    if objects.is_empty() || objects.len() > PAGE {
        return Err(Refusal::bad("MalformedXML", "The XML you provided was not well-formed"));
    }
    let mut deleted = Vec::new();
    for object in objects {
        let key = text(&object, "Key");
        here.world.remove(&object_key(&here.account, text(input, "Bucket"), key));
        deleted.push(json!({ "Key": key }));
    }
    let deleted = if input["Quiet"] == "true" { Vec::new() } else { deleted };
    Ok(json!({ "Deleted": deleted }))
}

pub(super) fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    bucket(here, input)?;
    let (name, prefix, delimiter) = (text(input, "Bucket"), text(input, "prefix"), text(input, "delimiter"));
    let token = text(input, "continuation-token");
    let after = if token.is_empty() { text(input, "start-after").to_owned() } else { decoded(token)? };
    let most = text(input, "max-keys").parse().unwrap_or(PAGE).min(PAGE);
    let first = object_key(&here.account, name, prefix);
    let (mut contents, mut folders, mut last) = (Vec::new(), Vec::<String>::new(), String::new());
    let mut more = false;
    for (_, doc) in here.world.beginning(&first) {
        let key = text(doc, "Key");
        let rest = &key[prefix.len()..];
        let folder = rest.find(delimiter).filter(|_| !delimiter.is_empty());
        let folder = folder.map(|end| format!("{prefix}{}", &rest[..end + delimiter.len()]));
        let entry = folder.as_deref().unwrap_or(key);
        // What a folder stands for is skipped with it.
        if entry <= after.as_str() || folders.last().is_some_and(|known| known == entry) {
            continue;
        }
        if contents.len() + folders.len() == most {
            more = true;
            break;
        }
        last = entry.to_owned();
        match folder {
            Some(folder) => folders.push(folder),
            None => contents.push(told(doc)),
        }
    }
    let folders: Vec<Json> = folders.into_iter().map(|folder| json!({ "Prefix": folder })).collect();
    let mut answer = json!({
        "Name": name, "Prefix": prefix, "MaxKeys": most, "KeyCount": contents.len() + folders.len(),
        "IsTruncated": more, "Contents": contents, "CommonPrefixes": folders,
    });
    if more {
        answer["NextContinuationToken"] = json!(STANDARD.encode(last));
    }
    Ok(answer)
}

/// The fields of an object that a list tells.
fn told(doc: &Doc) -> Json {
    let fields = ["Key", "LastModified", "ETag", "Size", "StorageClass"];
    Json::Object(fields.iter().map(|field| ((*field).to_owned(), doc[*field].clone())).collect::<Map<_, _>>())
}

fn decoded(token: &str) -> Result<String, Refusal> {
    let text = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Refusal::bad("InvalidArgument", "The continuation token provided is incorrect"))
}
