//! How a run reaches its cloud: the embedded one through a door of this process, a real one as the environment says.
//!
//! Who the caller is, is asked before anything else; a run in the wrong account ends there.

use std::collections::BTreeMap;
use std::path::Path;

use aws_config::BehaviorVersion;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::environment::{Environment, RELEASES_URL};
use super::error::{Exit, Failure};
use crate::clock::Clock;
use crate::cloud::{Access, Cloud, CloudError, ErrorSort, Named, Settings, retry, timeouts};
use crate::graph::Place;
use crate::sandbox::Sandbox;
use crate::stack::Stack;

/// The home of local state, and of everything of the embedded cloud.
pub(super) const STATE: &str = "state";
/// Under `STATE`: states of sandbox runs, a folder each.
pub(super) const SANDBOX: &str = "sandbox";
/// Under `SANDBOX`: the content of the embedded cloud.
pub(super) const CONTENT: &str = "cloud";

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
    let cloud = Cloud::new(settings.clone());
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
    check_credentials(&sdk).await?;
    let mirror = environment.get(RELEASES_URL).map(str::to_owned);
    Ok(Settings { sdk, clock, access, accounts: BTreeMap::new(), door: None, mirror })
}

/// Missing credentials are told before anything is sent.
async fn check_credentials(sdk: &SdkConfig) -> Result<(), Failure> {
    let hint = "run `aws login`, set AWS_PROFILE, or try it without an account: `--sandbox`";
    let Some(provider) = sdk.credentials_provider() else {
        return Err(Failure::new(Exit::Failed, "there are no AWS credentials").hint(hint));
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let mut failure = Failure::of(Exit::Failed, &error);
            let outermost =
                std::mem::replace(&mut failure.error, "there are no AWS credentials that can be used".into());
            failure.causes.insert(0, outermost);
            Err(failure.hint(hint))
        }
    }
}

/// Credentials for `[accounts]`: their roles, assumed when first needed.
async fn roles(stack: &Stack, sdk: &SdkConfig) -> BTreeMap<String, SharedCredentialsProvider> {
    let mut roles = BTreeMap::new();
    for (name, account) in &stack.accounts {
        let provider = assume(sdk, &account.role_arn).await;
        roles.insert(name.clone(), provider);
    }
    roles
}

/// Credentials of a role.
pub(super) async fn assume(sdk: &SdkConfig, role_arn: &str) -> SharedCredentialsProvider {
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
        (true, _) => Failure::new(Exit::Failed, "the AWS credentials have expired")
            .because(error.to_string())
            .hint("log in again, such as with `aws login` or `aws sso login`"),
        (false, true) => Failure::new(Exit::Failed, "AWS does not know these credentials")
            .because(error.to_string())
            .hint("`aws sts get-caller-identity` tells whom AWS takes you for"),
        (false, false) => Failure::from(error.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_and_unknown_credentials_are_told_apart() {
        let error = |code: &str| CloudError::answered("STS.GetCallerIdentity", code, "no", None);
        assert_eq!(unknown_caller(&error("ExpiredToken")).error, "the AWS credentials have expired");
        assert_eq!(
            unknown_caller(&error("InvalidClientTokenId")).error,
            "AWS does not know these credentials"
        );
        assert!(unknown_caller(&error("InternalFailure")).error.contains("InternalFailure"));
    }
}
