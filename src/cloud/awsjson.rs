//! `AwsJson`: what the thin clients have in common whose services speak JSON, one operation a `X-Amz-Target`. What the
//! operations mean is in each client: `accelerators`, `logs`, `tagged`.

use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_types::SdkConfig;
use serde_json::Value as Json;

use super::CloudResult;
use super::error::from_sdk;
use super::thin::{Thin, ThinError};
use super::watchman::Watchman;

/// How a service is called.
pub(super) struct Named {
    /// As operations are counted and allowed: `CloudWatch Logs`.
    pub(super) service: &'static str,
    /// As requests are signed and hosts are named: `logs`.
    pub(super) signing: &'static str,
    /// As targets begin: `Logs_20140328`.
    pub(super) target: &'static str,
}

/// A client of one service in one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct AwsJson {
    thin: Thin,
    service: &'static str,
    target: &'static str,
}

impl AwsJson {
    pub(super) fn new(name: &Named, sdk: &SdkConfig, watchman: &Watchman) -> Self {
        let thin = Thin::new(name.service, name.signing, sdk, watchman);
        Self { thin, service: name.service, target: name.target }
    }

    /// Sends one call. Every operation here is safe to send twice.
    pub(super) async fn call(&self, action: &'static str, input: &Json) -> CloudResult<Json> {
        let target = format!("{}.{action}", self.target);
        let operation = self
            .thin
            .operation(action)
            .retry_classifier(TransientErrorClassifier::<ThinError>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .serializer(move |body: String| request(&target, body))
            .deserializer(answer)
            .build();
        let answer = operation.invoke(input.to_string()).await;
        answer.map_err(|error| from_sdk(&format!("{}.{action}", self.service), &error))
    }

    /// Sends a call for each page and gives what the list `field` held on all of them. `token` is how input and answer
    /// call the mark of the next page.
    pub(super) async fn pages(
        &self,
        action: &'static str,
        input: Json,
        field: &str,
        token: &str,
    ) -> CloudResult<Vec<Json>> {
        let mut input = input;
        let mut all = Vec::new();
        loop {
            let mut answer = self.call(action, &input).await?;
            if let Json::Array(items) = answer[field].take() {
                all.extend(items);
            }
            match answer[token].as_str() {
                Some(next) if !next.is_empty() => input[token] = Json::from(next),
                _ => return Ok(all),
            }
        }
    }
}

fn request(target: &str, body: String) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-amz-json-1.1");
    headers.insert("x-amz-target", target.to_owned());
    headers.insert("user-agent", concat!("stack/", env!("CARGO_PKG_VERSION")));
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<Json, OrchestratorError<ThinError>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        // Where there is nothing to say, nothing is said.
        let nothing = body.iter().all(u8::is_ascii_whitespace);
        let read = if nothing { Ok(Json::Null) } else { serde_json::from_slice(body) };
        return read.map_err(OrchestratorError::other);
    }
    let read: Json = serde_json::from_slice(body).unwrap_or_default();
    // The code may be a whole name: `com.amazonaws.logs#AccessDeniedException`.
    let code = read["__type"].as_str().unwrap_or_default();
    let status = format!("HTTP status {}", response.status().as_u16());
    let words = read["message"].as_str().or_else(|| read["Message"].as_str()).unwrap_or(&status);
    let code = code.rsplit('#').next().unwrap_or(code);
    let meta = ErrorMetadata::builder().code(code).message(words).build();
    Err(OrchestratorError::operation(ThinError(meta)))
}
