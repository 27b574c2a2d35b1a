//! The wire of AWS: finds service, operation and input in a request, and writes answers, by protocol.
//!
//! What operations do is beside, a service each.

mod form;
mod path;
mod s3;
mod xml;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::{Answer, Operation, Protocol, Refusal, SERVICES, Service};
use crate::door::{Body, full};
use crate::sandbox::world::ACCOUNT;

pub use form::decode;
pub use xml::parse as parse_xml;

/// A request that was understood.
pub struct Call {
    /// The service.
    pub service: &'static Service,
    /// The operation.
    pub operation: &'static Operation,
    /// The account of the credentials.
    pub account: String,
    /// The region it was signed for.
    pub region: String,
    /// The ARN of the caller.
    pub principal: String,
    /// Path, query and body together.
    pub input: Json,
}

/// Reads a request. `Err` is the answer to one that no service would take.
#[expect(clippy::result_large_err, reason = "the answer goes out at once")]
pub fn read(request: &Request<Bytes>) -> Result<Call, Response<Body>> {
    let refuse =
        |protocol, code, message: String| Err(write_refusal(protocol, &Refusal::new(403, code, message)));
    let fallback = Protocol::Query { namespace: "" };
    let Some((access_key, region, scope)) = signature(request) else {
        return refuse(fallback, "MissingAuthenticationToken", "the request is not signed".to_owned());
    };
    let Some(service) = service(&scope, request) else {
        return refuse(fallback, "UnknownService", format!("the sandbox has no service {scope}"));
    };
    let Some((operation, input)) = operation(service, request) else {
        let asked = format!("{} {}", request.method(), request.uri());
        let refusal = Refusal::new(
            404,
            "UnknownOperationException",
            format!("the sandbox has no such operation of {scope}: {asked}"),
        );
        return Err(write_refusal(service.protocol, &refusal));
    };
    let account = account_of(&access_key);
    let principal = principal(request, &account);
    Ok(Call { service, operation, account, region, principal, input })
}

/// The service of a name. Where there are several they are versions of one API, and each call names its own.
fn service(scope: &str, request: &Request<Bytes>) -> Option<&'static Service> {
    let mut of_scope = SERVICES.iter().copied().filter(|service| service.scope == scope);
    let first = of_scope.next()?;
    let Some(second) = of_scope.next() else { return Some(first) };
    let input = form::parse(std::str::from_utf8(request.body()).ok()?);
    let version = format!("/{}/", input["Version"].as_str()?);
    let speaks = |service: &&'static Service| match service.protocol {
        Protocol::Query { namespace } => namespace.ends_with(&version),
        _ => false,
    };
    [first, second].into_iter().chain(of_scope).find(speaks)
}

/// The access key, region and service name that the request was signed with.
fn signature(request: &Request<Bytes>) -> Option<(String, String, String)> {
    let header = request.headers().get("authorization")?.to_str().ok()?;
    let credential = header.split("Credential=").nth(1)?.split(',').next()?;
    let mut parts = credential.split('/');
    let access_key = parts.next()?.to_owned();
    let region = parts.nth(1)?.to_owned();
    Some((access_key, region, parts.next()?.to_owned()))
}

fn principal(request: &Request<Bytes>, account: &str) -> String {
    let token = request.headers().get("x-amz-security-token").and_then(|value| value.to_str().ok());
    session_principal(token, account)
}

/// The account of an access key: sessions carry it in theirs, all other keys are of the sandbox's own account.
pub fn account_of(access_key: &str) -> String {
    access_key.strip_prefix("ASIA").filter(|rest| rest.len() == 12).unwrap_or(ACCOUNT).to_owned()
}

/// The ARN of a caller. Sessions tell who they are in their token; others are the sandbox's engineer.
pub fn session_principal(token: Option<&str>, account: &str) -> String {
    match token.and_then(|token| token.split_once('/')) {
        Some((_, session)) => format!("arn:aws:sts::{account}:assumed-role/{session}"),
        None => format!("arn:aws:sts::{account}:assumed-role/Engineer/sandbox"),
    }
}

fn operation(service: &'static Service, request: &Request<Bytes>) -> Option<(&'static Operation, Json)> {
    let named = |name: &str| service.operations.iter().find(|operation| operation.name == name);
    match service.protocol {
        Protocol::RestJson { .. } => {
            let (operation, mut input) = path::find(service.operations, request)?;
            if let Ok(Json::Object(body)) = serde_json::from_slice(request.body()) {
                input.extend(body);
            }
            Some((operation, Json::Object(input)))
        }
        Protocol::RestXml { .. } => {
            let (operation, mut input) = path::find(service.operations, request)?;
            if let Some(Json::Object(body)) = xml::parse(std::str::from_utf8(request.body()).ok()?) {
                input.extend(body);
            }
            Some((operation, Json::Object(input)))
        }
        Protocol::S3 => s3::operation(service, request),
        Protocol::AwsJson => {
            let target = request.headers().get("x-amz-target")?.to_str().ok()?;
            let operation = named(target.rsplit('.').next()?)?;
            Some((operation, serde_json::from_slice(request.body()).unwrap_or_else(|_| json!({}))))
        }
        Protocol::Query { .. } | Protocol::Ec2 => {
            let input = form::parse(std::str::from_utf8(request.body()).ok()?);
            let operation = named(input.get("Action")?.as_str()?)?;
            Some((operation, input))
        }
    }
}

/// Writes what a handler gave. A top-level `_status` of an answer becomes the HTTP status.
pub fn write(service: &Service, operation: &Operation, answer: Answer) -> Response<Body> {
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(refusal) => return write_refusal(service.protocol, &refusal),
    };
    let status = answer.as_object_mut().and_then(|map| map.remove("_status")).and_then(|s| s.as_u64());
    let status = status.and_then(|s| u16::try_from(s).ok()).unwrap_or(200);
    if service.protocol != Protocol::S3 {
        hide(&mut answer);
    }
    let request_id = "00000000-0000-4000-8000-000000000000";
    match service.protocol {
        Protocol::RestJson { epoch } => {
            if epoch {
                epochs(&mut answer);
            }
            let body = if status == 204 { String::new() } else { answer.to_string() };
            respond(status, "application/json", body)
        }
        Protocol::AwsJson => {
            epochs(&mut answer);
            respond(status, "application/x-amz-json-1.1", answer.to_string())
        }
        Protocol::Query { namespace } => {
            let name = operation.name;
            let body = xml::write(&format!("{name}Result"), &answer, &|_| "member");
            let meta = format!("<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>");
            respond(
                status,
                "text/xml",
                format!("<{name}Response xmlns=\"{namespace}\">{body}{meta}</{name}Response>"),
            )
        }
        Protocol::Ec2 => {
            let name = operation.name;
            let body = xml::content(&answer, &|_| "item");
            let namespace = "http://ec2.amazonaws.com/doc/2016-11-15/";
            let head = format!("<{name}Response xmlns=\"{namespace}\"><requestId>{request_id}</requestId>");
            respond(status, "text/xml;charset=UTF-8", format!("{head}{body}</{name}Response>"))
        }
        Protocol::RestXml { namespace } => {
            let name = operation.name;
            let body = xml::content(&answer, &xml::singular);
            let text = format!("<{name}Response xmlns=\"{namespace}\">{body}</{name}Response>");
            respond(status, "text/xml", text)
        }
        Protocol::S3 => s3::write(operation, status, answer),
    }
}

/// Writes a refusal.
pub fn write_refusal(protocol: Protocol, refusal: &Refusal) -> Response<Body> {
    let Refusal { status, code, message } = refusal;
    let request_id = "00000000-0000-4000-8000-000000000000";
    match protocol {
        Protocol::RestJson { .. } | Protocol::AwsJson => {
            let body = json!({ "__type": code, "message": message, "Message": message }).to_string();
            let mut response = respond(*status, "application/json", body);
            if let Ok(code) = http::HeaderValue::from_str(code) {
                response.headers_mut().insert("x-amzn-errortype", code);
            }
            response
        }
        Protocol::Query { namespace } | Protocol::RestXml { namespace } => {
            let error = json!({ "Type": "Sender", "Code": code, "Message": message });
            let error = xml::write("Error", &error, &|_| "member");
            let text = format!(
                "<ErrorResponse xmlns=\"{namespace}\">{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
            );
            respond(*status, "text/xml", text)
        }
        Protocol::S3 => s3::write_refusal(refusal),
        Protocol::Ec2 => {
            let error = xml::write("Error", &json!({ "Code": code, "Message": message }), &|_| "item");
            let text =
                format!("<Response><Errors>{error}</Errors><RequestID>{request_id}</RequestID></Response>");
            respond(*status, "text/xml;charset=UTF-8", text)
        }
    }
}

fn respond(status: u16, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static(content_type));
    headers
        .insert("x-amzn-requestid", http::HeaderValue::from_static("00000000-0000-4000-8000-000000000000"));
    response
}

/// Takes out the sandbox's own fields.
fn hide(json: &mut Json) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(hide),
        Json::Object(map) => {
            map.retain(|key, _| !key.starts_with('_'));
            map.values_mut().for_each(hide);
        }
        _ => {}
    }
}

/// Turns times into seconds since 1970. Tags are texts, whatever they look like.
fn epochs(json: &mut Json) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(epochs),
        Json::Object(map) => {
            let times = map.iter_mut().filter(|(key, _)| *key != "tags" && *key != "Tags");
            times.for_each(|(_, value)| epochs(value));
        }
        Json::String(text) if text.len() == 20 && text.ends_with('Z') => {
            if let Ok(at) = text.parse::<jiff::Timestamp>() {
                *json = Json::from(at.as_second());
            }
        }
        _ => {}
    }
}

/// A page of `items`: those after the token `next`, at most `most`, and the token of the next page.
pub fn page(items: Vec<Json>, next: Option<&str>, most: Option<usize>) -> (Vec<Json>, Option<String>) {
    let start = next.and_then(|token| token.strip_prefix("page-")).and_then(|n| n.parse().ok()).unwrap_or(0);
    let most = most.unwrap_or(100).max(1);
    let end = (start + most).min(items.len());
    let token = (end < items.len()).then(|| format!("page-{end}"));
    (items.into_iter().skip(start).take(most).collect(), token)
}

/// The numbers and texts that inputs hold in either form.
pub fn number(input: &Json) -> Option<i64> {
    input.as_i64().or_else(|| input.as_str()?.parse().ok())
}

/// The truth values that inputs hold in either form.
pub fn truth(input: &Json) -> Option<bool> {
    input.as_bool().or_else(|| input.as_str()?.parse().ok())
}

/// A list that XML may have shown as a single thing, or not at all.
pub fn listed(input: &Json) -> Vec<Json> {
    match input {
        Json::Null => Vec::new(),
        Json::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

/// `[{Key, Value}]` as a map.
pub fn tag_map(input: &Json) -> Map<String, Json> {
    let pairs = listed(input).into_iter();
    pairs.filter_map(|pair| Some((pair["Key"].as_str()?.to_owned(), pair["Value"].clone()))).collect()
}
