//! The SDK's HTTP client over a `Door`: no sockets, the same bytes.

use std::fmt;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;

use crate::door::{Door, Lost};

/// An HTTP client that sends through a door.
#[derive(Clone)]
pub struct DoorClient(pub Door);

impl fmt::Debug for DoorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DoorClient")
    }
}

impl HttpClient for DoorClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for DoorClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let door = self.0.clone();
        HttpConnectorFuture::new(async move { send(door, request).await.map_err(ConnectorError::io) })
    }
}

async fn send(door: Door, request: HttpRequest) -> Result<HttpResponse, Lost> {
    let request = request.try_into_http1x()?;
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let response = door(http::Request::from_parts(parts, body)).await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(http::Response::from_parts(parts, SdkBody::from(body)).try_into()?)
}
