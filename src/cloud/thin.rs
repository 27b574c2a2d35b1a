//! `Thin`: what the clients have in common that are not crates of the SDK: its orchestrator with the same retries,
//! timeouts, signing and watchman. How requests and answers look is in `awsjson` and in `forms`.

use std::fmt;

use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::{SharedIdentityCache, SharedIdentityResolver};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_types::region::{Region, SigningRegion};
use aws_types::service_config::ServiceConfigKey;
use aws_types::{SdkConfig, SigningName};

use super::watchman::Watchman;

/// What a client without a crate of its own is made of. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Thin {
    /// As operations are counted and allowed: `EC2`.
    service: &'static str,
    /// As requests are signed and hosts are named: `ec2`.
    signing: &'static str,
    sdk: SdkConfig,
    endpoint: String,
    identity: Option<SharedIdentityResolver>,
    cache: SharedIdentityCache,
    watchman: Watchman,
}

/// What a service answered when it did not do as asked.
#[derive(Debug)]
pub(super) struct ThinError(pub(super) ErrorMetadata);

impl fmt::Display for ThinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ThinError {}

impl ProvideErrorMetadata for ThinError {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl Thin {
    pub(super) fn new(
        service: &'static str,
        signing: &'static str,
        sdk: &SdkConfig,
        watchman: &Watchman,
    ) -> Self {
        Self {
            service,
            signing,
            sdk: sdk.clone(),
            endpoint: endpoint(service, signing, sdk),
            identity: sdk.credentials_provider().map(SharedIdentityResolver::new),
            cache: sdk.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build()),
            watchman: watchman.clone(),
        }
    }

    /// The same of a service that is in no region of the commercial partition: asked and signed for in one of them.
    pub(super) fn global(
        service: &'static str,
        signing: &'static str,
        sdk: &SdkConfig,
        watchman: &Watchman,
    ) -> Self {
        let sdk = sdk.to_builder().region(Region::from_static("us-east-1")).build();
        let host = format!("https://{signing}.amazonaws.com");
        let endpoint = configured(service, &sdk).unwrap_or(host);
        Self { endpoint, ..Self::new(service, signing, &sdk, watchman) }
    }

    /// An operation that wants its serializer, its deserializer and what else is tried again.
    pub(super) fn operation(&self, action: &'static str) -> OperationBuilder {
        let mut builder = Operation::builder()
            .service_name(self.service)
            .operation_name(action)
            .endpoint_url(&self.endpoint)
            .standard_retry(&self.sdk.retry_config().cloned().unwrap_or_else(super::retry))
            .timeout_config(self.sdk.timeout_config().cloned().unwrap_or_else(super::timeouts))
            .retry_classifier(AwsErrorCodeClassifier::<ThinError>::new())
            .interceptor(self.watchman.clone());
        builder = self.run_on_the_configured(builder);
        if let Some(version) = self.sdk.behavior_version() {
            builder = builder.behavior_version(version);
        }
        builder.runtime_plugin(self.signed())
    }

    /// HTTP client, time and stream protection of the configuration; where it has none, the SDK's defaults.
    fn run_on_the_configured(&self, mut builder: OperationBuilder) -> OperationBuilder {
        if let Some(client) = self.sdk.http_client() {
            builder = builder.http_client(client);
        }
        if let Some(sleep) = self.sdk.sleep_impl() {
            builder = builder.sleep_impl(sleep);
        }
        if let Some(time) = self.sdk.time_source() {
            builder = builder.time_source(time);
        }
        if let Some(protection) = self.sdk.stalled_stream_protection() {
            builder = builder.stalled_stream_protection(protection);
        }
        builder
    }

    fn signed(&self) -> StaticRuntimePlugin {
        let mut layer = Layer::new("thin");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig {
            region: self.sdk.region().map(|region| SigningRegion::from(region.clone())),
            name: Some(SigningName::from_static(self.signing)),
            ..SigV4OperationSigningConfig::default()
        });
        let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        let mut components = RuntimeComponentsBuilder::new("thin")
            .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)))
            .with_identity_cache(Some(self.cache.clone()));
        if let Some(identity) = &self.identity {
            components = components.with_identity_resolver(SCHEME_ID, identity.clone());
        }
        StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
    }
}

/// Where a service is: what the environment or profile says for it, then for all services, then AWS by region.
pub(super) fn endpoint(service: &str, signing: &str, sdk: &SdkConfig) -> String {
    if let Some(url) = configured(service, sdk) {
        return url;
    }
    let region = sdk.region().map_or("us-east-1", |region| region.as_ref());
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{signing}.{region}.{domain}")
}

/// What the environment or profile says for a service, else for all services.
fn configured(service: &str, sdk: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let said = sdk.service_config().and_then(|config| config.load_config(key.ok()?));
    said.or_else(|| sdk.endpoint_url().map(str::to_owned))
}
