//! The wire of S3: the method, the path of a bucket or an object, and a key of the query name the operation; bodies
//! are bytes; much is said in headers. Only paths name buckets, as on loopback, not hosts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Request, Response};
use serde_json::{Map, Value as Json, json};

use super::{decode, hide, respond, xml};
use crate::door::{Body, full};
use crate::sandbox::aws::{Operation, Refusal, Service};

/// Finds the operation and its input.
pub(super) fn operation(
    service: &'static Service,
    request: &Request<Bytes>,
) -> Option<(&'static Operation, Json)> {
    let path = request.uri().path().strip_prefix('/')?;
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let of = match (bucket, key) {
        ("", _) => "",
        (_, "") => "bucket",
        _ => "object",
    };
    let mut input = Map::new();
    for pair in request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        input.insert(decode(name), json!(decode(value)));
    }
    let operation = find(service, request.method().as_str(), of, &input)?;
    if operation.name == "CreateBucket" || operation.name == "DeleteObjects" {
        let text = std::str::from_utf8(request.body()).ok()?;
        if let Some(Json::Object(body)) = xml::parse(text) {
            input.extend(body);
        }
    } else {
        input.insert("_body".into(), json!(STANDARD.encode(request.body())));
    }
    let headers = request.headers().iter();
    let headers = headers.filter_map(|(name, value)| Some((name.to_string(), json!(value.to_str().ok()?))));
    input.insert("_headers".into(), Json::Object(headers.collect()));
    input.insert("Bucket".into(), json!(plain(bucket)));
    input.insert("Key".into(), json!(plain(key)));
    Some((operation, Json::Object(input)))
}

/// A path keeps its `+`.
fn plain(path: &str) -> String {
    decode(&path.replace('+', "%2B"))
}

fn find(
    service: &'static Service,
    method: &str,
    of: &str,
    query: &Map<String, Json>,
) -> Option<&'static Operation> {
    service.operations.iter().find(|operation| {
        let mut words = operation.path.split(' ');
        let (wanted, what) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let asked = words.next().and_then(|word| word.strip_prefix('?'));
        // What the query asks for that nobody knows is not answered as something else.
        let fits = match asked {
            Some(asked) => query.contains_key(asked),
            None => query.keys().all(|key| key.starts_with("x-id")),
        };
        wanted == method && what == of && fits
    })
}

/// Writes what a handler gave: `_content` as it is, `_header` into the head, all else as XML.
pub(super) fn write(operation: &Operation, status: u16, mut answer: Json) -> Response<Body> {
    let headers = answer.as_object_mut().and_then(|map| map.remove("_header"));
    let content = answer.as_object_mut().and_then(|map| map.remove("_content"));
    hide(&mut answer);
    let bytes = content.as_ref().and_then(Json::as_str).map(|text| STANDARD.decode(text).unwrap_or_default());
    let is_head = operation.name.starts_with("Head");
    let length = bytes.as_ref().map(Vec::len);
    let empty = answer.as_object().is_none_or(Map::is_empty);
    let mut response = match bytes {
        Some(_) if is_head => respond(status, "binary/octet-stream", String::new()),
        Some(bytes) => {
            let mut response = respond(status, "binary/octet-stream", String::new());
            *response.body_mut() = full(bytes);
            response
        }
        None if empty => respond(status, "application/xml", String::new()),
        None => {
            let name = root(operation.name);
            let body = flat(&answer);
            let text = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{name} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{body}</{name}>"
            );
            respond(status, "application/xml", text)
        }
    };
    for (name, value) in headers.as_ref().and_then(Json::as_object).into_iter().flatten() {
        let value =
            if name == "last-modified" { http_date(value) } else { value.as_str().map(str::to_owned) };
        let (Some(value), Ok(name)) = (value, name.parse::<HeaderName>()) else { continue };
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    if let Some(length) = length.filter(|_| is_head) {
        response.headers_mut().insert("content-length", HeaderValue::from(length));
    }
    response
}

/// Writes a refusal, as S3 does: the error is the root.
pub(super) fn write_refusal(refusal: &Refusal) -> Response<Body> {
    // One call too many is said in S3's words.
    let (status, code) = match refusal.code {
        "ThrottlingException" => (503, "SlowDown"),
        code => (refusal.status, code),
    };
    let error = json!({ "Code": code, "Message": refusal.message });
    let text =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", xml::write("Error", &error, &|_| "member"));
    respond(status, "application/xml", text)
}

/// The name of the root of an answer.
fn root(operation: &str) -> &'static str {
    match operation {
        "ListBuckets" => "ListAllMyBucketsResult",
        "ListObjectsV2" => "ListBucketResult",
        "DeleteObjects" => "DeleteResult",
        _ => "Result",
    }
}

/// Lists are repeated elements here, without one around them.
fn flat(json: &Json) -> String {
    let Json::Object(map) = json else { return xml::content(json, &|_| "member") };
    let element = |(name, value): (&String, &Json)| match value {
        Json::Array(items) => items.iter().map(|item| format!("<{name}>{}</{name}>", flat(item))).collect(),
        Json::Null => String::new(),
        value => format!("<{name}>{}</{name}>", flat(value)),
    };
    map.iter().map(element).collect()
}

/// `Fri, 27 Nov 2026 16:00:00 GMT`.
fn http_date(value: &Json) -> Option<String> {
    let at: jiff::Timestamp = value.as_str()?.parse().ok()?;
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}
