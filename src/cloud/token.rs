//! Tokens for EKS clusters: a presigned call to STS that names the cluster, good for fifteen minutes.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Cloud, CloudError, CloudResult, ErrorSort};
use crate::graph::Place;

/// How long a cluster takes a token.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// After which a new one is made.
pub(super) const FRESH: Duration = Duration::from_secs(12 * 60);

/// A bearer token.
#[derive(Clone)]
pub struct Token {
    /// `k8s-aws-v1.…`
    pub text: String,
    /// When a cluster no longer takes it, with a minute to spare.
    pub expires: SystemTime,
}

impl Cloud {
    /// A token for an EKS cluster, as the caller in an account and region.
    pub async fn token(&self, place: &Place, cluster: &str) -> CloudResult<Token> {
        let fail = |words: String| CloudError::new(ErrorSort::Denied, format!("token for {cluster}"), words);
        let clients = self.clients(place);
        let provider =
            clients.sdk.credentials_provider().ok_or_else(|| fail("there are no credentials".into()))?;
        let credentials = provider.provide_credentials().await.map_err(|error| fail(error.to_string()))?;
        let now = self.clock().now();
        let text =
            presigned(&credentials, &place.region, cluster, now).map_err(|error| fail(error.to_string()))?;
        Ok(Token { text, expires: now + LIFE - Duration::from_secs(60) })
    }
}

/// Signs the call that tells the cluster who is there.
fn presigned(
    credentials: &Credentials,
    region: &str,
    cluster: &str,
    now: SystemTime,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let identity = credentials.clone().into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(60));
    let parameters =
        SigningParams::builder().identity(&identity).region(region).name("sts").time(now).settings(settings);
    let parameters = parameters.build()?.into();
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let host = format!("sts.{region}.{suffix}");
    let url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");
    let headers = [("host", host.as_str()), ("x-k8s-aws-id", cluster)];
    let request = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(&[]))?;
    let (instructions, _) = sign(request, &parameters)?.into_parts();
    let mut request = http::Request::get(&url).body(())?;
    instructions.apply_to_request_http1x(&mut request);
    Ok(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(request.uri().to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_signed_url_that_binds_the_cluster() {
        let credentials = Credentials::from_keys("AKIAEXAMPLE", "secret", Some("session".into()));
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let token = presigned(&credentials, "eu-west-1", "demo", at).expect("it is signed");
        let url = URL_SAFE_NO_PAD.decode(token.strip_prefix("k8s-aws-v1.").expect("prefix")).expect("base64");
        let url = String::from_utf8(url).expect("text");
        assert!(url.starts_with("https://sts.eu-west-1.amazonaws.com/?"), "{url}");
        for part in
            ["X-Amz-SignedHeaders=host%3Bx-k8s-aws-id", "X-Amz-Expires=60", "X-Amz-Security-Token=session"]
        {
            assert!(url.contains(part), "{part} in {url}");
        }
        assert_ne!(token, presigned(&credentials, "eu-west-1", "other", at).expect("it is signed"));
    }
}
