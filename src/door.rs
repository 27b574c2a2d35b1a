//! `Door`: an HTTP service in this process. The embedded cloud is behind one; clients are given one instead of a network.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::combinators::UnsyncBoxBody;

/// What can go wrong below HTTP: the answer never came.
pub type Lost = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer; a watch goes on for ever.
pub type Body = UnsyncBoxBody<Bytes, Lost>;

/// Takes a request with an absolute URI, gives an answer or loses it.
pub type Door =
    Arc<dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, Result<http::Response<Body>, Lost>> + Send + Sync>;

/// A body that is all there.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    use http_body_util::BodyExt;
    UnsyncBoxBody::new(http_body_util::Full::new(bytes.into()).map_err(|never| match never {}))
}
