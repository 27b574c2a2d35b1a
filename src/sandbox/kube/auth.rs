//! Who may come in: bearer tokens that are presigned STS calls, and access entries with an admin policy.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use serde_json::Value as Json;

use super::refusal::Refusal;
use crate::sandbox::aws::wire::{account_of, decode, session_principal};
use crate::sandbox::world::{Key, World};

/// The token of kubeconfig users of a served sandbox.
pub const STATIC_TOKEN: &str = "sandbox";
/// The secret of all credentials that the sandbox gives.
const SECRET: &str = "sandbox";
/// How old a token may be, in seconds.
const MOST_AGE: i64 = 15 * 60;

/// Lets a request in, or says why not.
pub(super) fn check(world: &World, cluster: &Key, request: &Request<Bytes>) -> Result<(), Refusal> {
    let unauthorized = || Refusal::new(401, "Unauthorized", "Unauthorized");
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(unauthorized)?;
    if token == STATIC_TOKEN {
        return Ok(());
    }
    let principal = principal(world, cluster, token).ok_or_else(unauthorized)?;
    if entitled(world, cluster, &principal) {
        return Ok(());
    }
    let message = format!(
        "forbidden: User \"{principal}\" cannot {} path \"{}\"",
        request.method(),
        request.uri().path()
    );
    Err(Refusal::new(403, "Forbidden", message))
}

/// The ARN of the session that signed a token, if the token holds and is for this cluster.
fn principal(world: &World, cluster: &Key, token: &str) -> Option<String> {
    let url = URL_SAFE_NO_PAD.decode(token.strip_prefix("k8s-aws-v1.")?).ok()?;
    let url = String::from_utf8(url).ok()?;
    let (address, query) = url.split_once('?')?;
    if !address.starts_with("https://sts.") && !address.starts_with("http://127.0.0.1") {
        return None;
    }
    let find = |wanted: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == wanted).map(|(_, value)| decode(value))
    };
    let signed = find("X-Amz-SignedHeaders")?;
    if find("Action")? != "GetCallerIdentity" || !signed.split(';').any(|name| name == "x-k8s-aws-id") {
        return None;
    }
    if !fresh(world, &find("X-Amz-Date")?) {
        return None;
    }
    let credential = find("X-Amz-Credential")?;
    let access_key = credential.split('/').next()?;
    let session = find("X-Amz-Security-Token");
    if ours(access_key)
        && signature(&url, access_key, session.clone(), &cluster.id)? != find("X-Amz-Signature")?
    {
        return None;
    }
    let account = account_of(access_key);
    Some(session_principal(session.as_deref(), &account))
}

/// Whether the sandbox gave these credentials: it knows their secret.
fn ours(access_key: &str) -> bool {
    access_key == "AKIASANDBOX" || access_key.starts_with("ASIA")
}

/// The signature that a token for a cluster should have. The name of the cluster is a signed header, not in the URL.
fn signature(url: &str, access_key: &str, session: Option<String>, cluster: &str) -> Option<String> {
    let (address, query) = url.split_once('?')?;
    let find = |wanted: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == wanted).map(|(_, value)| decode(value))
    };
    let credential = find("X-Amz-Credential")?;
    let mut scope = credential.split('/').skip(2);
    let region = scope.next()?.to_owned();
    let credentials = Credentials::from_keys(access_key, SECRET, session);
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(find("X-Amz-Expires")?.parse().ok()?));
    let signed =
        SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds(&find("X-Amz-Date")?)?).ok()?);
    let parameters = SigningParams::builder().identity(&identity).region(&region).name("sts").time(signed);
    let parameters = parameters.settings(settings).build().ok()?.into();
    let plain: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("X-Amz-")).collect();
    let url = format!("{address}?{}", plain.join("&"));
    let host = url.parse::<http::Uri>().ok()?.authority()?.to_string();
    let headers = [("host", host.as_str()), ("x-k8s-aws-id", cluster)];
    let request = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(&[])).ok()?;
    Some(sign(request, &parameters).ok()?.into_parts().1)
}

/// Whether a token was signed within its time.
fn fresh(world: &World, date: &str) -> bool {
    seconds(date).is_some_and(|signed| (signed - world.wall() / 1000).abs() <= MOST_AGE)
}

/// A time as signatures write it, `20260102T030405Z`, in seconds since 1970.
fn seconds(date: &str) -> Option<i64> {
    let digits = |from: usize, to: usize| date.get(from..to).unwrap_or_default();
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        digits(0, 4),
        digits(4, 6),
        digits(6, 8),
        digits(9, 11),
        digits(11, 13),
        digits(13, 15)
    );
    text.parse::<jiff::Timestamp>().ok().map(|time| time.as_second())
}

/// Whether an access entry with an admin policy on the whole cluster fits a principal. The ARN of a session does
/// not tell the path of its role.
fn entitled(world: &World, cluster: &Key, principal: &str) -> bool {
    let prefix = format!("{}/", cluster.id);
    let entries = world.table(&cluster.account, &cluster.region, "eks/access-entry");
    entries
        .filter_map(|(key, doc)| Some((key.id.strip_prefix(&prefix)?, doc)))
        .any(|(arn, doc)| same(arn, principal) && is_admin(doc))
}

/// Whether the ARN of a role or user is that of a session or user.
fn same(arn: &str, principal: &str) -> bool {
    let account = |arn: &str| arn.split(':').nth(4).map(str::to_owned);
    let role = |arn: &str| arn.rsplit('/').next().map(str::to_owned);
    match principal.split_once(":assumed-role/") {
        Some((_, session)) => {
            let name = session.split('/').next().map(str::to_owned);
            arn.contains(":role/") && account(arn) == account(principal) && role(arn) == name
        }
        None => arn == principal,
    }
}

fn is_admin(entry: &Json) -> bool {
    let policies = entry["_policies"].as_array().into_iter().flatten();
    policies.into_iter().any(|policy| {
        let arn = policy["policyArn"].as_str().unwrap_or_default();
        let whole = policy["accessScope"]["type"].as_str().is_none_or(|scope| scope == "cluster");
        whole && (arn.ends_with("/AmazonEKSClusterAdminPolicy") || arn.ends_with("/AmazonEKSAdminPolicy"))
    })
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn a_session_is_its_role_whatever_the_path() {
        let session = "arn:aws:sts::111122223333:assumed-role/Engineer/me";
        assert!(same("arn:aws:iam::111122223333:role/Engineer", session));
        assert!(same("arn:aws:iam::111122223333:role/team/a/Engineer", session));
        assert!(!same("arn:aws:iam::444455556666:role/Engineer", session));
        assert!(!same("arn:aws:iam::111122223333:role/Other", session));
    }
}
