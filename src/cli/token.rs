//! `stack token`: a token for an EKS cluster, as kubectl wants it from an exec plugin. Nothing is sent for it, unless
//! credentials have to be had first.

use std::time::SystemTime;

use serde_json::{Value as Json, json};

use super::args::{Global, Token as Args};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::reach::cloud_at;
use super::run::block_on;
use super::screen::Screen;
use crate::cloud::{Access, Cloud, Token};

/// The version spoken where kubectl does not say.
const VERSION: &str = "client.authentication.k8s.io/v1";
/// In which kubectl says what it wants.
const INFO: &str = "KUBERNETES_EXEC_INFO";

/// Prints it.
pub(super) fn run(
    screen: &Screen,
    global: &Global,
    environment: &Environment,
    args: &Args,
) -> Result<Exit, Failure> {
    let token = block_on(global.sandbox, async {
        let role = args.role_arn.as_deref();
        let (settings, place) = cloud_at(global, environment, &args.region, role, Access::Read).await?;
        Ok::<_, Failure>(Cloud::new(settings).token(&place, &args.cluster).await?)
    })??;
    let credential = credential(&token, environment.get(INFO));
    screen.answer(|out| writeln!(out, "{credential}"))?;
    Ok(Exit::Done)
}

fn credential(token: &Token, info: Option<&str>) -> Json {
    let asked = info.and_then(|info| serde_json::from_str::<Json>(info).ok());
    let version = asked.as_ref().and_then(|asked| asked["apiVersion"].as_str()).unwrap_or(VERSION);
    let since = token.expires.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let expires = jiff::Timestamp::from_second(i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let expires = expires.unwrap_or(jiff::Timestamp::MAX).to_string();
    json!({
        "apiVersion": version,
        "kind": "ExecCredential",
        "spec": {},
        "status": { "expirationTimestamp": expires, "token": token.text },
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn kubectl_is_answered_in_the_version_it_asks_for() {
        let expires = SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_500);
        let token = Token { text: "k8s-aws-v1.abc".into(), expires };
        let told = credential(&token, None);
        assert_eq!(told["apiVersion"], VERSION);
        assert_eq!(told["status"]["expirationTimestamp"], "2026-09-21T14:13:20Z");
        let asked = r#"{"apiVersion":"client.authentication.k8s.io/v1beta1"}"#;
        assert_eq!(credential(&token, Some(asked))["apiVersion"], "client.authentication.k8s.io/v1beta1");
        assert_eq!(credential(&token, Some("nonsense"))["apiVersion"], VERSION);
    }
}
