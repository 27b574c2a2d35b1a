//! `Forms`: what the thin clients have in common whose services take forms and answer XML: EC2 and Classic Load
//! Balancers.
//!
//! Inputs are JSON in the words of the API reference, flattened to a form (`form`); answers are JSON in the words of
//! the service's XML (`xml`). What the operations mean is in each client.

mod form;
mod xml;

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_types::SdkConfig;
use serde_json::Value as Json;

use super::error::from_sdk;
use super::thin::{Thin, ThinError};
use super::watchman::Watchman;
use super::{CloudResult, ErrorSort};

/// How a service is called.
pub(super) struct Named {
    /// As operations are counted and allowed: `EC2`.
    pub(super) service: &'static str,
    /// As requests are signed and hosts are named: `ec2`.
    pub(super) signing: &'static str,
    /// The version of the API that every call names.
    pub(super) version: &'static str,
    /// Operations that make two if they are sent twice. They are tried again only after they were refused as too many.
    pub(super) once: &'static [&'static str],
}

/// A client of one service in one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Forms {
    thin: Thin,
    service: &'static str,
    version: &'static str,
    once: &'static [&'static str],
}

impl Forms {
    pub(super) fn new(name: &Named, sdk: &SdkConfig, watchman: &Watchman) -> Self {
        let thin = Thin::new(name.service, name.signing, sdk, watchman);
        Self { thin, service: name.service, version: name.version, once: name.once }
    }

    /// Sends one call. The answer is the content of the response element, or of the result in it; lists are arrays even
    /// when empty; numbers and truth values are texts.
    pub(super) async fn call(&self, action: &'static str, params: &Json) -> CloudResult<Json> {
        let body = form::write(action, self.version, params);
        let answer = self.operation(action).invoke(body).await;
        let mut answer = answer.map_err(|error| {
            let broken = error.raw_response().is_some_and(|response| response.status().is_server_error());
            let error = from_sdk(&format!("{}.{action}", self.service), &error);
            // Whether a server that broke did it, nobody knows: as if no answer had come.
            if broken && error.sort == ErrorSort::Other {
                error.meaning(ErrorSort::Unreachable)
            } else {
                error
            }
        })?;
        let result = answer.get_mut(format!("{action}Result")).map(Json::take);
        Ok(result.unwrap_or(answer))
    }

    /// Sends a call for each page and gives what the list `set` held on all of them. `token` is how the answer calls
    /// the mark of the next page, and how the input does.
    pub(super) async fn pages(
        &self,
        action: &'static str,
        params: Json,
        set: &str,
        token: (&str, &str),
    ) -> CloudResult<Vec<Json>> {
        let mut params = params;
        let mut all = Vec::new();
        loop {
            let mut answer = self.call(action, &params).await?;
            if let Json::Array(items) = answer[set].take() {
                all.extend(items);
            }
            match answer[token.0].as_str() {
                Some(next) if !next.is_empty() => params[token.1] = Json::from(next),
                _ => return Ok(all),
            }
        }
    }

    fn operation(&self, action: &'static str) -> Operation<String, Json, ThinError> {
        let mut builder = self.thin.operation(action);
        if !self.once.contains(&action) {
            builder = builder
                .retry_classifier(TransientErrorClassifier::<ThinError>::new())
                .retry_classifier(HttpStatusCodeClassifier::default());
        }
        builder.serializer(request).deserializer(answer).build()
    }
}

fn request(body: String) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    headers.insert("user-agent", concat!("stack/", env!("CARGO_PKG_VERSION")));
    Ok(request)
}

/// What an answer in XML says, an error among them.
pub(super) fn answer(response: &HttpResponse) -> Result<Json, OrchestratorError<ThinError>> {
    let text = String::from_utf8_lossy(response.body().bytes().unwrap_or_default());
    let read = xml::read(&text);
    if response.status().is_success() {
        return read.ok_or_else(|| OrchestratorError::other("the answer is not XML"));
    }
    let read = read.unwrap_or_default();
    // EC2 has a list of errors, the others have one.
    let errors = read.pointer("/Errors/Error").unwrap_or(&read["Error"]);
    let error = errors.get(0).unwrap_or(errors);
    let status = format!("HTTP status {}", response.status().as_u16());
    let meta = ErrorMetadata::builder()
        .code(error["Code"].as_str().unwrap_or_default())
        .message(error["Message"].as_str().unwrap_or(&status))
        .build();
    Err(OrchestratorError::operation(ThinError(meta)))
}
