//! Where the state of a stack is: from `[state]` to a `Store`, with the credentials that its bucket needs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_types::SdkConfig;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{ClientOptions, CredentialProvider, ObjectStore, RetryConfig};
use tokio::sync::Mutex;

use super::environment::Environment;
use super::error::Failure;
use super::reach::{CONTENT, SANDBOX, STATE};
use super::sealing::seal;
use crate::clock::Clock;
use crate::stack::{BackendPlace, Keeping, ObjectCloud, Stack};
use crate::state::store::Store;

/// How long a run may show no life before another takes its state over: calls that change the cloud leave in the
/// first half of it, and none takes longer than the second.
const LEASE: Duration = Duration::from_secs(60);
/// Credentials are asked for anew so long before they expire.
const EARLY: Duration = Duration::from_secs(300);

/// Where the state of a stack is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// A folder, with a folder for each stack.
    Folder(PathBuf),
    /// A bucket, or a container.
    Bucket {
        /// Whose.
        cloud: ObjectCloud,
        /// Its name.
        bucket: String,
        /// What the names of all objects begin with.
        prefix: String,
        /// As it was written.
        url: String,
    },
}

impl Home {
    /// The home that a stack file names; sandbox runs have one of their own.
    pub(super) fn of(stack: &Stack, sandbox: bool) -> Result<Self, Failure> {
        let name = stack.head.name.as_str();
        let taken = if sandbox { CONTENT } else { SANDBOX };
        match &stack.backend {
            _ if name == taken && (sandbox || stack.backend.is_none()) => {
                Err(Failure::refused(format!("a stack cannot be called `{name}` here"))
                    .because(format!("the embedded cloud keeps its own under {STATE}/{SANDBOX}")))
            }
            _ if sandbox => Ok(Self::Folder(Path::new(STATE).join(SANDBOX))),
            Some(backend) => Self::read(backend),
            None => Ok(Self::Folder(STATE.into())),
        }
    }

    /// The home that a text names.
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        match BackendPlace::parse(text) {
            Ok(BackendPlace::Folder(folder)) => Ok(Self::Folder(folder)),
            Ok(BackendPlace::Bucket { store, bucket, prefix }) => {
                Ok(Self::Bucket { cloud: store, bucket, prefix, url: text.to_owned() })
            }
            Err(why) => Err(Failure::refused(format!("`{text}` is no place for a state"))
                .because(why)
                .hint("a folder, or `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`")),
        }
    }

    /// Whether the AWS configuration is needed to get there.
    pub(super) fn needs_aws(&self) -> bool {
        matches!(self, Self::Bucket { cloud: ObjectCloud::S3, .. })
    }

    /// The state of a stack there. `sdk` has the credentials of the run.
    pub(super) fn store(
        &self,
        stack: &Stack,
        cloud: &str,
        sdk: Option<&SdkConfig>,
        environment: &Environment,
    ) -> Result<Store, Failure> {
        let store = self.plain_store(stack, cloud, sdk, environment)?;
        Ok(store.keeping(seal(stack.encryption.as_ref(), environment)?, stack.secrets.clone()))
    }

    fn plain_store(
        &self,
        stack: &Stack,
        cloud: &str,
        sdk: Option<&SdkConfig>,
        environment: &Environment,
    ) -> Result<Store, Failure> {
        let name = &stack.head.name;
        let (kind, bucket, prefix, url) = match self {
            Self::Folder(folder) => return Ok(Store::open(folder, name, cloud)),
            Self::Bucket { cloud, bucket, prefix, url } => (*cloud, bucket, prefix, url),
        };
        let objects = match kind {
            ObjectCloud::S3 => s3(stack, bucket, sdk, environment)?,
            ObjectCloud::Google => google(bucket, environment)?,
            ObjectCloud::Azure => azure(bucket, environment)?,
        };
        let lease = stack.keeping.lease.map_or(LEASE, |lease| lease.0);
        Ok(Store::remote(objects, url, prefix, lease, name, cloud))
    }
}

fn unusable(error: &object_store::Error) -> Failure {
    Failure::refused("the store of the state cannot be used").because(error.to_string())
}

/// The store itself does not try again: who asks does, and knows what is at stake.
fn once() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

fn options(plain: bool) -> ClientOptions {
    ClientOptions::new().with_allow_http(plain).with_connect_timeout(Duration::from_secs(5))
}

fn s3(
    stack: &Stack,
    bucket: &str,
    sdk: Option<&SdkConfig>,
    environment: &Environment,
) -> Result<Arc<dyn ObjectStore>, Failure> {
    let Keeping { region, endpoint, kms_key_id, .. } = &stack.keeping;
    let region = region.as_ref().unwrap_or(&stack.head.region);
    let from_environment =
        environment.get("AWS_ENDPOINT_URL_S3").or_else(|| sdk.and_then(SdkConfig::endpoint_url));
    let endpoint = endpoint.as_deref().or(from_environment);
    let plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    if let Some(endpoint) = endpoint.filter(|endpoint| plain && !is_loopback(endpoint)) {
        return Err(Failure::refused(format!("the state would go to {endpoint} unencrypted"))
            .hint("use https; plain http is for this machine only"));
    }
    let provider = sdk.and_then(SdkConfig::credentials_provider);
    let provider = provider.ok_or_else(|| Failure::refused("there are no AWS credentials"))?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_credentials(Arc::new(Chain { provider, kept: Mutex::default() }))
        .with_client_options(options(plain))
        .with_retry(once());
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
    }
    if let Some(key) = kms_key_id {
        builder = builder.with_sse_kms_encryption(key);
    }
    builder.build().map(|store| Arc::new(store) as _).map_err(|error| unusable(&error))
}

fn is_loopback(endpoint: &str) -> bool {
    let uri = endpoint.parse::<http::Uri>();
    uri.is_ok_and(|uri| matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]")))
}

fn google(bucket: &str, environment: &Environment) -> Result<Arc<dyn ObjectStore>, Failure> {
    let builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_client_options(options(false))
        .with_retry(once());
    let settings = environment.beginning_with("GOOGLE_");
    let builder = settings.fold(builder, |builder, (name, value)| match name.to_lowercase().parse() {
        Ok(key) => builder.with_config(key, value),
        Err(_) => builder,
    });
    builder.build().map(|store| Arc::new(store) as _).map_err(|error| unusable(&error))
}

fn azure(container: &str, environment: &Environment) -> Result<Arc<dyn ObjectStore>, Failure> {
    let builder = MicrosoftAzureBuilder::new()
        .with_container_name(container)
        .with_client_options(options(false))
        .with_retry(once());
    let settings = environment.beginning_with("AZURE_");
    let builder = settings.fold(builder, |builder, (name, value)| match name.to_lowercase().parse() {
        Ok(key) => builder.with_config(key, value),
        Err(_) => builder,
    });
    builder.build().map(|store| Arc::new(store) as _).map_err(|error| {
        unusable(&error).hint(
            "AZURE_STORAGE_ACCOUNT_NAME names the account, AZURE_STORAGE_ACCOUNT_KEY or another of its variables opens it",
        )
    })
}

/// The credentials of the AWS configuration, profiles, SSO and roles included, for the library of object stores.
#[derive(Debug)]
struct Chain {
    provider: SharedCredentialsProvider,
    kept: Mutex<Option<(Arc<AwsCredential>, Option<SystemTime>)>>,
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut kept = self.kept.lock().await;
        let soon = Clock::system(1).now() + EARLY;
        if let Some((credential, expiry)) = kept.as_ref()
            && expiry.is_none_or(|expiry| expiry > soon)
        {
            return Ok(credential.clone());
        }
        let given = self.provider.provide_credentials().await.map_err(|error| {
            object_store::Error::Unauthenticated { path: "AWS".to_owned(), source: Box::new(error) }
        })?;
        let credential = Arc::new(AwsCredential {
            key_id: given.access_key_id().to_owned(),
            secret_key: given.secret_access_key().to_owned(),
            token: given.session_token().filter(|token| !token.is_empty()).map(str::to_owned),
        });
        *kept = Some((credential.clone(), given.expiry()));
        Ok(credential)
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;

    use super::*;

    #[tokio::test]
    async fn credentials_are_those_of_the_chain() {
        let given = Credentials::from_keys("AKIA", "hush", Some("token".into()));
        let chain = Chain { provider: SharedCredentialsProvider::new(given), kept: Mutex::default() };
        let credential = chain.get_credential().await.expect("there are some");
        assert_eq!((credential.key_id.as_str(), credential.token.as_deref()), ("AKIA", Some("token")));
        assert!(!format!("{chain:?}").contains("hush"));
    }

    #[test]
    fn only_this_machine_is_talked_to_in_the_open() {
        assert!(is_loopback("http://127.0.0.1:9000") && is_loopback("http://localhost:9000/x"));
        assert!(!is_loopback("http://127.0.0.1.example.com") && !is_loopback("http://minio:9000"));
    }
}
