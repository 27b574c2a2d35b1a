//! `Logs`: a thin client of CloudWatch Logs: log groups listed and deleted. What is in them is not here.

use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_types::SdkConfig;
use serde_json::{Value as Json, json};

use super::CloudResult;
use super::error::from_sdk;
use super::thin::{Thin, ThinError};
use super::watchman::Watchman;

const SERVICE: &str = "CloudWatch Logs";

/// A client of one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Logs(Thin);

impl Logs {
    pub(super) fn new(sdk: &SdkConfig, watchman: &Watchman) -> Self {
        Self(Thin::new(SERVICE, "logs", sdk, watchman))
    }

    /// The names of the log groups that begin with `prefix`.
    pub async fn groups(&self, prefix: &str) -> CloudResult<Vec<String>> {
        let mut input = json!({ "logGroupNamePrefix": prefix });
        let mut names = Vec::new();
        loop {
            let answer = self.call("DescribeLogGroups", &input).await?;
            let groups = answer["logGroups"].as_array().into_iter().flatten();
            names.extend(groups.filter_map(|group| group["logGroupName"].as_str().map(str::to_owned)));
            match answer["nextToken"].as_str() {
                Some(token) => input["nextToken"] = json!(token),
                None => return Ok(names),
            }
        }
    }

    async fn call(&self, action: &'static str, input: &Json) -> CloudResult<Json> {
        let operation = self
            .0
            .operation(action)
            .retry_classifier(TransientErrorClassifier::<ThinError>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .serializer(move |body: String| request(action, body))
            .deserializer(answer)
            .build();
        let answer = operation.invoke(input.to_string()).await;
        answer.map_err(|error| from_sdk(&format!("{SERVICE}.{action}"), &error))
    }
}

fn request(action: &str, body: String) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-amz-json-1.1");
    headers.insert("x-amz-target", format!("Logs_20140328.{action}"));
    headers.insert("user-agent", concat!("stack/", env!("CARGO_PKG_VERSION")));
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<Json, OrchestratorError<ThinError>> {
    let read = serde_json::from_slice(response.body().bytes().unwrap_or_default());
    if response.status().is_success() {
        return read.map_err(OrchestratorError::other);
    }
    let read: Json = read.unwrap_or_default();
    // The code may be a whole name: `com.amazonaws.logs#AccessDeniedException`.
    let code = read["__type"].as_str().unwrap_or_default();
    let status = format!("HTTP status {}", response.status().as_u16());
    let words = read["message"].as_str().or_else(|| read["Message"].as_str()).unwrap_or(&status);
    let code = code.rsplit('#').next().unwrap_or(code);
    let meta = ErrorMetadata::builder().code(code).message(words).build();
    Err(OrchestratorError::operation(ThinError(meta)))
}
