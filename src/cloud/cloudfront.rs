//! `CloudFront`: a thin client of CloudFront, which is in no region: VPC origins listed. Distributions are not here.

use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use serde_json::Value as Json;

use super::CloudResult;
use super::error::from_sdk;
use super::forms::answer;
use super::thin::{Thin, ThinError};
use super::watchman::Watchman;

const SERVICE: &str = "CloudFront";
const LIST: &str = "ListVpcOrigins";

/// A client of one account. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CloudFront(Thin);

impl CloudFront {
    pub(super) fn new(sdk: &SdkConfig, watchman: &Watchman) -> Self {
        Self(Thin::global(SERVICE, "cloudfront", sdk, watchman))
    }

    /// What CloudFront fetches from in VPCs of the account, each as its `VpcOriginSummary`.
    pub async fn vpc_origins(&self) -> CloudResult<Vec<Json>> {
        let (mut all, mut marker) = (Vec::new(), String::new());
        loop {
            let answer = self.list(&marker).await?;
            match &answer["Items"]["VpcOriginSummary"] {
                Json::Array(some) => all.extend(some.iter().cloned()),
                Json::Null => {}
                one => all.push(one.clone()),
            }
            match answer["NextMarker"].as_str() {
                Some(next) if !next.is_empty() => next.clone_into(&mut marker),
                _ => return Ok(all),
            }
        }
    }

    async fn list(&self, marker: &str) -> CloudResult<Json> {
        let operation = self
            .0
            .operation(LIST)
            .retry_classifier(TransientErrorClassifier::<ThinError>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .serializer(request)
            .deserializer(answer)
            .build();
        let answer = operation.invoke(marker.to_owned()).await;
        answer.map_err(|error| from_sdk(&format!("{SERVICE}.{LIST}"), &error))
    }
}

fn request(marker: String) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_method("GET")?;
    let after = if marker.is_empty() { String::new() } else { format!("&Marker={marker}") };
    request.set_uri(format!("/2020-05-31/vpc-origin?MaxItems=100{after}"))?;
    request.headers_mut().insert("user-agent", concat!("stack/", env!("CARGO_PKG_VERSION")));
    Ok(request)
}
