//! Downloads: the official CRD releases, as far as the embedded cloud needs them.

use bytes::Bytes;
use http::{Request, Response};

use crate::door::Body;

/// Answers a download; `None` for anything else.
pub(super) fn answer(_request: &Request<Bytes>) -> Option<Response<Body>> {
    None
}
