//! `Line`: the way of a request to a cluster. It is guarded, counted, given a token, and tried again.
//!
//! Below it is a door of this process or kube's own network stack; above it is `kube::Client`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use kube::client::Body;

use super::token::FRESH;
use super::watchman::{HeldBack, Stopped};
use super::{Access, Cloud, CloudError, ClusterRef, ErrorSort};
use crate::door::{Door, Lost};
use crate::graph::Place;

/// How often a request is sent at most.
const ATTEMPTS: u32 = 5;
/// After which a request that should be answered at once is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is below.
pub(super) enum Wire {
    /// A door, and the address that it knows the cluster by.
    Door(Door, Uri),
    /// The network.
    Network(kube::Client),
}

/// Who is calling.
pub(super) enum Caller {
    /// The credentials of an account, to an EKS cluster of this name.
    Eks(Place, String),
    /// A token that is what it is.
    Fixed(String),
    /// What the wire says itself.
    Wire,
}

/// The way of a request to one cluster.
pub(super) struct Line {
    pub(super) cloud: Cloud,
    pub(super) cluster: ClusterRef,
    pub(super) wire: Wire,
    pub(super) caller: Caller,
    pub(super) token: Mutex<Option<(Duration, String)>>,
}

type Answered = Response<crate::door::Body>;

impl Line {
    /// Sends a request, up to five times if it may be repeated. A cluster that does not answer, or does not know us,
    /// may be another one by now: how it was reached is forgotten.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Answered, Lost> {
        if !self.cloud.access().allows_kubernetes(request.method(), request.uri()) {
            return Err(Stopped(format!("Kubernetes.{}", name(request.method(), request.uri()))).into());
        }
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let mut attempt = 1;
        loop {
            let answer = self.once(&parts, &body).await;
            let Some(wait) = again(&parts.method, attempt, &answer) else {
                if answer.as_ref().map_or(true, |answer| answer.status() == StatusCode::UNAUTHORIZED) {
                    self.cloud.forget(&self.cluster);
                }
                return answer;
            };
            attempt += 1;
            self.cloud.clock().sleep(wait).await;
        }
    }

    async fn once(&self, parts: &http::request::Parts, body: &Bytes) -> Result<Answered, Lost> {
        let operation = format!("Kubernetes.{}", name(&parts.method, &parts.uri));
        if !self.cloud.gate().is_open() && !Access::Plan.allows_kubernetes(&parts.method, &parts.uri) {
            let words = HeldBack(operation.clone()).to_string();
            return Err(CloudError::new(ErrorSort::Interrupted, operation, words).into());
        }
        self.cloud.calls().sent(&operation);
        let mut request = Request::new(body.clone());
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = parts.uri.clone();
        *request.headers_mut() = parts.headers.clone();
        if let Some(token) = self.bearer().await? {
            let value = HeaderValue::try_from(format!("Bearer {token}"))?;
            request.headers_mut().insert(http::header::AUTHORIZATION, value);
        }
        if !request.headers().contains_key(http::header::USER_AGENT) {
            request.headers_mut().insert(http::header::USER_AGENT, HeaderValue::from_static("stack"));
        }
        tokio::time::timeout(PATIENCE, self.deliver(request)).await?
    }

    async fn deliver(&self, mut request: Request<Bytes>) -> Result<Answered, Lost> {
        match &self.wire {
            Wire::Door(door, base) => {
                *request.uri_mut() = joined(base, request.uri())?;
                door(request).await
            }
            Wire::Network(client) => {
                let response = client.send(request.map(Body::from)).await?;
                Ok(response.map(|body| {
                    use http_body_util::BodyExt;
                    http_body_util::combinators::UnsyncBoxBody::new(body.map_err(Into::into))
                }))
            }
        }
    }

    /// The token, a new one every twelve minutes.
    async fn bearer(&self) -> Result<Option<String>, CloudError> {
        let (place, cluster) = match &self.caller {
            Caller::Eks(place, cluster) => (place, cluster),
            Caller::Fixed(token) => return Ok(Some(token.clone())),
            Caller::Wire => return Ok(None),
        };
        let now = self.cloud.clock().elapsed();
        let held = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((made, token)) = held
            && now < made + FRESH
        {
            return Ok(Some(token));
        }
        let token = self.cloud.token(place, cluster).await?.text;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, token.clone()));
        Ok(Some(token))
    }
}

fn joined(base: &Uri, asked: &Uri) -> Result<Uri, http::Error> {
    let path = asked.path_and_query().map_or("/", |path| path.as_str());
    let authority = base.authority().map_or("", |authority| authority.as_str());
    let scheme = base.scheme_str().unwrap_or("https");
    let prefix = base.path().trim_end_matches('/');
    Uri::builder().scheme(scheme).authority(authority).path_and_query(format!("{prefix}{path}")).build()
}

/// How long to wait before a request is sent again; `None` if it is not.
fn again(method: &Method, attempt: u32, answer: &Result<Answered, Lost>) -> Option<Duration> {
    let repeatable = *method != Method::POST;
    let (worth, asked) = match answer {
        Ok(answer) => {
            let seconds =
                answer.headers().get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            let busy = answer.status() == StatusCode::TOO_MANY_REQUESTS;
            let broken = answer.status().is_server_error() && repeatable;
            (busy || broken, seconds.and_then(|text| text.parse().ok()).map(Duration::from_secs))
        }
        Err(lost) => (repeatable && !lost.is::<CloudError>(), None),
    };
    let backoff = Duration::from_millis(250 * 2_u64.pow(attempt));
    (worth && attempt < ATTEMPTS).then(|| asked.unwrap_or(backoff).min(Duration::from_secs(10)))
}

/// How a request is counted: `PATCH deployments`.
fn name(method: &Method, uri: &Uri) -> String {
    let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
    let skip = if parts.first() == Some(&"apis") { 3 } else { 2 };
    let rest = parts.get(skip..).unwrap_or_default();
    let plural = match rest {
        ["namespaces", _, plural, ..] => plural,
        [plural, ..] => plural,
        [] => "discovery",
    };
    let watch = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"));
    format!("{} {plural}", if watch { "WATCH" } else { method.as_str() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_what_they_are_about() {
        let named = |path: &str| name(&Method::GET, &path.parse().expect("a path"));
        assert_eq!(named("/api/v1/namespaces/a"), "GET namespaces");
        assert_eq!(named("/apis/apps/v1/namespaces/a/deployments/b"), "GET deployments");
        assert_eq!(named("/apis/apps/v1/deployments?watch=true"), "WATCH deployments");
        assert_eq!(named("/apis/gateway.networking.k8s.io/v1"), "GET discovery");
    }

    #[test]
    fn an_address_may_have_a_path() {
        let base = "http://127.0.0.1:8080/clusters/abc/".parse().expect("an address");
        let asked = "/api/v1/pods?limit=1".parse().expect("a path");
        let joined = joined(&base, &asked).expect("an address");
        assert_eq!(joined, "http://127.0.0.1:8080/clusters/abc/api/v1/pods?limit=1");
    }
}
