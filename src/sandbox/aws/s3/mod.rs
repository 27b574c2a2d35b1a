//! S3: buckets and objects. Buckets live in the region `global`, objects beside them, as `<bucket>/<key>`.
//!
//! An object's document holds its content as `_content`, in base64. A handler is told the headers of its request as
//! `_headers` and the body as `_body`; how requests and answers look is in `wire::s3`. No versions, no parts, no ACLs.

mod bucket;
mod object;

#[cfg(test)]
mod tests;

use serde_json::{Value as Json, json};

use super::{Answer, Operation, Protocol, Refusal, Service};
use crate::sandbox::world::{ACCOUNT, Doc, GLOBAL, Here, Key, World};

const BUCKETS: &str = "s3/bucket";
const OBJECTS: &str = "s3/object";
/// The bucket that a fresh account has.
pub const EXAMPLE: &str = "stack-state";

/// The service.
pub const SERVICE: Service = Service {
    scope: "s3",
    protocol: Protocol::S3,
    operations: &[
        op("ListBuckets", "GET", bucket::list),
        op("CreateBucket", "PUT bucket", bucket::create),
        op("HeadBucket", "HEAD bucket", bucket::head),
        op("DeleteBucket", "DELETE bucket", bucket::delete),
        op("GetBucketLocation", "GET bucket ?location", bucket::location),
        op("ListObjectsV2", "GET bucket ?list-type", object::list),
        op("DeleteObjects", "POST bucket ?delete", object::delete_many),
        op("PutObject", "PUT object", object::put),
        op("GetObject", "GET object", object::get),
        op("HeadObject", "HEAD object", object::get),
        op("DeleteObject", "DELETE object", object::delete),
    ],
};

/// What an operation is for is said as `<method> <nothing, bucket or object> <key of the query>`.
const fn op(name: &'static str, path: &'static str, handle: fn(&mut Here<'_>, &Json) -> Answer) -> Operation {
    Operation { name, path, handle }
}

/// The bucket that a fresh account has, for states of stacks.
pub fn furnish(world: &mut World) {
    let made = world.timestamp();
    let key = bucket_key(ACCOUNT, EXAMPLE);
    world.put(key, json!({ "Name": EXAMPLE, "CreationDate": made, "_region": "us-west-2" }));
}

fn text<'a>(json: &'a Json, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}

fn bucket_key(account: &str, name: &str) -> Key {
    let [account, name] = [account, name].map(str::to_owned);
    Key { account, region: GLOBAL.to_owned(), table: BUCKETS.to_owned(), id: name }
}

fn object_key(account: &str, bucket: &str, key: &str) -> Key {
    let id = format!("{bucket}/{key}");
    Key { account: account.to_owned(), region: GLOBAL.to_owned(), table: OBJECTS.to_owned(), id }
}

/// Names of buckets are the world's: who has one.
fn owner(here: &Here<'_>, name: &str) -> Option<(String, Doc)> {
    let mut all = here.world.everywhere(BUCKETS);
    all.find(|(key, _)| key.id == name).map(|(key, doc)| (key.account.clone(), doc.clone()))
}

/// The bucket that a request names: it must be there, the caller's, and in the region that was signed for.
fn bucket(here: &Here<'_>, input: &Json) -> Result<Doc, Refusal> {
    let name = text(input, "Bucket");
    let Some((owner, doc)) = owner(here, name) else {
        return Err(Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist"));
    };
    if owner != here.account {
        return Err(Refusal::new(403, "AccessDenied", "Access Denied"));
    }
    let region = text(&doc, "_region");
    if region != here.region {
        let signed = &here.region;
        let words = format!(
            "The authorization header is malformed; the region '{signed}' is wrong; expecting '{region}'"
        );
        return Err(Refusal::bad("AuthorizationHeaderMalformed", words));
    }
    Ok(doc)
}
