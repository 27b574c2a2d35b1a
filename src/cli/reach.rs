//! How a run reaches its cloud: the embedded one through a door of this process, a real one as the environment says.
//!
//! Who the caller is, is asked before anything else; a run in the wrong account ends there.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use aws_config::BehaviorVersion;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::args::Global;
use super::environment::{Environment, FILE, RELEASES_URL};
use super::error::Failure;
use crate::clock::Clock;
use crate::cloud::{Access, Cloud, CloudError, Downloads, ErrorSort, Gate, Named, Settings, retry, timeouts};
use crate::graph::Place;
use crate::sandbox::Sandbox;
use crate::secret::Secrets;
use crate::stack::Stack;

/// The home of local state, and of everything of the embedded cloud.
pub(super) const STATE: &str = "state";
/// Under `STATE`: states of sandbox runs, a folder each.
pub(super) const SANDBOX: &str = "sandbox";
/// Under `SANDBOX`: the content of the embedded cloud.
pub(super) const CONTENT: &str = "cloud";

/// What to say of expired credentials, and what to do.
const EXPIRED: (&str, &str) =
    ("the AWS credentials have expired", "log in again, such as with `aws login` or `aws sso login`");

/// A cloud that can be talked to, and as whom.
pub(super) struct Reached {
    pub(super) settings: Settings,
    pub(super) identity: Identity,
    /// How many API calls that took.
    pub(super) calls: u64,
    /// The embedded one, if it is that.
    pub(super) sandbox: Option<Sandbox>,
}

/// As whom a cloud is talked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Twelve digits.
    pub(super) account: String,
    /// What states record: `sandbox`, or partition and account.
    pub(super) cloud: String,
}

/// Opens the embedded cloud that is kept under `state/sandbox`.
pub(super) fn open_sandbox(speed: u32) -> Result<Sandbox, Failure> {
    let folder = Path::new(STATE).join(SANDBOX).join(CONTENT);
    Ok(Sandbox::open(&folder, Clock::system(speed))?)
}

/// Reaches the cloud of a stack with clients that may send what `access` says.
pub(super) async fn reach(
    stack: &Stack,
    sandbox: bool,
    environment: &Environment,
    access: Access,
) -> Result<Reached, Failure> {
    let sandbox = sandbox.then(|| open_sandbox(1)).transpose()?;
    let region = &stack.head.region;
    let mut settings = match &sandbox {
        Some(sandbox) => Settings::through(sandbox.door(), sandbox.clock(), region, access),
        None => real(region, environment, access).await?,
    };
    settings.accounts = roles(stack, &settings.sdk).await;
    settings.home = environment.get("HOME").map(PathBuf::from);
    settings.secrets = stack.secrets.clone();
    let cloud = Cloud::new(settings.clone());
    check_kubeconfigs(&cloud, stack).await?;
    let identity = whoami(&cloud, region, sandbox.is_some()).await?;
    match &stack.head.account {
        Some(wanted) if *wanted != identity.account => {
            Err(Failure::refused(format!("the credentials are for account {}", identity.account))
                .because(format!("{} is for account {wanted}", stack.source.path.display()))
                .hint("use other credentials, such as those of another AWS_PROFILE"))
        }
        _ => Ok(Reached { settings, identity, calls: cloud.calls().total(), sandbox }),
    }
}

/// Reaches the cloud of a region without a stack, as the caller or in a role. The place is to be asked for its clients.
pub(super) async fn cloud_at(
    global: &Global,
    environment: &Environment,
    region: &str,
    role_arn: Option<&str>,
    access: Access,
) -> Result<(Settings, Place), Failure> {
    let mut settings = if global.sandbox {
        let sandbox = open_sandbox(1)?;
        Settings::through(sandbox.door(), sandbox.clock(), region, access)
    } else {
        real(region, environment, access).await?
    };
    let mut place = Place { account: None, region: region.to_owned() };
    if let Some(role_arn) = role_arn {
        let role = assume(&settings.sdk, role_arn).await;
        settings.accounts.insert(role_arn.to_owned(), role);
        place.account = Some(role_arn.to_owned());
    }
    Ok((settings, place))
}

/// Credentials, endpoints and HTTP as the environment and the AWS configuration say.
pub(super) async fn real(
    region: &str,
    environment: &Environment,
    access: Access,
) -> Result<Settings, Failure> {
    environment.check_endpoints()?;
    let clock = Clock::system(environment.speed()?);
    // Another provider that is installed already does as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .retry_config(retry())
        .timeout_config(timeouts())
        .load()
        .await;
    check_credentials(&sdk, environment).await?;
    let downloads = downloads(environment);
    let (accounts, gate) = (BTreeMap::new(), Gate::default());
    let secrets = Secrets::default();
    Ok(Settings { sdk, clock, access, gate, accounts, door: None, downloads, home: None, secrets })
}

/// Every kubeconfig that the file names is there and has the context, before anything is sent.
async fn check_kubeconfigs(cloud: &Cloud, stack: &Stack) -> Result<(), Failure> {
    for (name, cluster) in &stack.clusters {
        let Some(existing) = &cluster.existing else { continue };
        let Some(path) = &existing.kubeconfig else { continue };
        cloud.check_kubeconfig(path, existing.context.as_deref()).await.map_err(|error| {
            Failure::refused(format!("clusters.{name}: {path} cannot be used: {}", error.message))
                .hint("look at `kubectl config get-contexts --kubeconfig FILE`")
        })?;
    }
    Ok(())
}

/// From their own hosts through the cache of the user, from a mirror, or from a folder.
fn downloads(environment: &Environment) -> Downloads {
    match environment.get(RELEASES_URL) {
        Some(url) => match url.strip_prefix(FILE) {
            Some(folder) => Downloads::from_folder(PathBuf::from(folder)),
            None => Downloads::from_mirror(url),
        },
        None => Downloads::cached(cache(environment)),
    }
}

/// `$XDG_CACHE_HOME/stack`, or `~/.cache/stack`.
fn cache(environment: &Environment) -> Option<PathBuf> {
    let home = || environment.get("HOME").map(|home| Path::new(home).join(".cache"));
    environment.get("XDG_CACHE_HOME").map(PathBuf::from).or_else(home).map(|caches| caches.join("stack"))
}

/// Missing credentials are told before anything is sent.
async fn check_credentials(sdk: &SdkConfig, environment: &Environment) -> Result<(), Failure> {
    let Some(provider) = sdk.credentials_provider() else { return Err(no_credentials(None)) };
    provider
        .provide_credentials()
        .await
        .map(drop)
        .map_err(|error| unusable(&error, environment.get("AWS_PROFILE")))
}

fn no_credentials(profile: Option<&str>) -> Failure {
    let failure = Failure::refused("there are no AWS credentials");
    let failure = match profile {
        Some(profile) => {
            failure.because(format!("AWS_PROFILE is `{profile}`, and there are none in that profile"))
        }
        None => failure,
    };
    failure.hint("run `aws login`, set AWS_PROFILE, or try it without an account: `--sandbox`")
}

/// Where all was looked and nothing found, the places do not matter; else what went wrong first, on one line.
fn unusable(error: &CredentialsError, profile: Option<&str>) -> Failure {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return no_credentials(profile);
    }
    let mut innermost: &dyn Error = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    let cause = innermost.to_string();
    let cause = cause.lines().next().unwrap_or_default();
    let expired = cause.to_lowercase().contains("expired");
    let (what, hint) = if expired {
        EXPIRED
    } else {
        (
            "the AWS credentials cannot be used",
            "look at AWS_PROFILE, ~/.aws/config and ~/.aws/credentials, or try it without an account: `--sandbox`",
        )
    };
    Failure::refused(what).because(cause).hint(hint)
}

/// Credentials for `[accounts]`: their roles, assumed when first needed.
pub(super) async fn roles(stack: &Stack, sdk: &SdkConfig) -> BTreeMap<String, SharedCredentialsProvider> {
    let mut roles = BTreeMap::new();
    for (name, account) in &stack.accounts {
        let provider = assume(sdk, &account.role_arn).await;
        roles.insert(name.clone(), provider);
    }
    roles
}

/// Credentials of a role.
async fn assume(sdk: &SdkConfig, role_arn: &str) -> SharedCredentialsProvider {
    let provider = AssumeRoleProvider::builder(role_arn).session_name("stack").configure(sdk).build().await;
    SharedCredentialsProvider::new(provider)
}

async fn whoami(cloud: &Cloud, region: &str, sandbox: bool) -> Result<Identity, Failure> {
    let place = Place { account: None, region: region.to_owned() };
    let call = cloud.clients(&place).sts.get_caller_identity().send().await;
    let caller = call.named("STS.GetCallerIdentity").map_err(|error| unknown_caller(&error))?;
    let account = caller.account().unwrap_or_default().to_owned();
    let partition = caller.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    let name = if sandbox { SANDBOX.to_owned() } else { format!("{partition}/{account}") };
    Ok(Identity { account, cloud: name })
}

fn unknown_caller(error: &CloudError) -> Failure {
    let expired = error.code.contains("Expired");
    let rejected = expired || error.sort == ErrorSort::Denied || error.code.contains("InvalidClientTokenId");
    match (expired, rejected) {
        (true, _) => Failure::refused(EXPIRED.0).because(error.to_string()).hint(EXPIRED.1),
        (false, true) => Failure::refused("AWS does not know these credentials")
            .because(error.to_string())
            .hint("`aws sts get-caller-identity` tells whom AWS takes you for"),
        (false, false) => Failure::from(error.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::Exit;
    use super::*;

    #[test]
    fn expired_and_unknown_credentials_are_told_apart() {
        let error = |code: &str| CloudError::answered("STS.GetCallerIdentity", code, "no", None);
        let told = |code: &str| {
            let failure = unknown_caller(&error(code));
            (failure.exit, failure.error)
        };
        let refused = |what: &str| (Exit::Refused, what.to_owned());
        assert_eq!(told("ExpiredToken"), refused("the AWS credentials have expired"));
        assert_eq!(told("InvalidClientTokenId"), refused("AWS does not know these credentials"));
        let (exit, error) = told("InternalFailure");
        assert_eq!(exit, Exit::Failed);
        assert!(error.contains("InternalFailure"));
    }

    #[test]
    fn credentials_that_cannot_be_had_are_refused_with_one_short_cause() {
        let places = "no credentials found in chain. Attempted:\n  Environment: no\n  Profile: no";
        let failure = unusable(&CredentialsError::not_loaded(places), None);
        assert_eq!((failure.exit, failure.causes.len()), (Exit::Refused, 0));
        let failure = unusable(
            &CredentialsError::invalid_configuration("profile `work` is not there\nsee there"),
            None,
        );
        assert_eq!(
            (failure.exit, failure.causes),
            (Exit::Refused, vec!["profile `work` is not there".to_owned()])
        );
        let failure = unusable(&CredentialsError::provider_error("The SSO token has Expired"), None);
        assert_eq!(failure.error, "the AWS credentials have expired");
    }
}
