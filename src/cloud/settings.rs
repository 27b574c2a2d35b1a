//! `Settings`: how a run reaches its cloud. What the environment says of it is read in `cli`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::door::DoorClient;
use super::{Access, Downloads, Gate};
use crate::clock::Clock;
use crate::door::Door;
use crate::secret::Secrets;

/// How a run reaches its cloud.
#[derive(Clone)]
pub struct Settings {
    /// Credentials, HTTP client, endpoints, retry and time, for the run's own account.
    pub sdk: SdkConfig,
    /// The clock that `sdk` runs on too.
    pub clock: Clock,
    /// What may be sent.
    pub access: Access,
    /// Whether what changes something may be sent now.
    pub gate: Gate,
    /// Credentials for other accounts, by their key in the stack file.
    pub accounts: BTreeMap<String, SharedCredentialsProvider>,
    /// Where clusters and downloads are reached, if not over the network.
    pub door: Option<Door>,
    /// What `~` stands for in the paths of kubeconfig files.
    pub home: Option<PathBuf>,
    /// Where official files come from.
    pub downloads: Downloads,
    /// What no error may repeat.
    pub secrets: Secrets,
}

impl Settings {
    /// Everything goes through a door of this process, with credentials that open only doors.
    pub fn through(door: Door, clock: Clock, region: &str, access: Access) -> Self {
        let credentials = Credentials::from_keys("AKIASANDBOX", "sandbox", None);
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(DoorClient(door.clone()))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SharedTimeSource::new(Ticking(clock)))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(retry())
            .timeout_config(timeouts())
            .build();
        Self {
            sdk,
            clock,
            access,
            gate: Gate::default(),
            accounts: BTreeMap::new(),
            door: Some(door),
            downloads: Downloads::default(),
            home: None,
            secrets: Secrets::default(),
        }
    }
}

/// How often a call is tried again by the SDK itself.
pub fn retry() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(6).with_max_backoff(Duration::from_secs(10))
}

/// When a call is given up.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(30))
        .operation_timeout(Duration::from_secs(120))
        .build()
}

/// The one clock as the SDK wants it.
#[derive(Debug)]
struct Ticking(Clock);

impl TimeSource for Ticking {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
}
