//! The certificate of a webhook: an authority of its own and a server certificate, in a Secret.
//!
//! Both are made in the call that creates the Secret; the private key is nowhere else. What is asked for is written on
//! the Secret, because a certificate is not read back here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::manifest;
use super::{Found, FoundOf, Kind, Readiness};
use crate::cloud::{CloudError, CloudResult, ClusterRef, Cx, ErrorSort};
use crate::shape::Shape;

/// The kind.
pub struct WebhookCertificate;

/// The annotation that holds the names of the certificate.
const NAMES: &str = "stack/dns-names";
/// How long the certificates are good, in years.
const YEARS: i32 = 10;

/// A certificate as it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Where it is.
    pub cluster: ClusterRef,
    /// The namespace of the Secret.
    pub namespace: String,
    /// The name of the Secret.
    pub name: String,
    /// The names that the server is called by; the first is its common name.
    pub dns_names: Vec<String>,
}

/// What others need of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The certificate of the authority: PEM in base64, as webhook configurations want it.
    pub ca_bundle: String,
}

impl Kind for WebhookCertificate {
    const SHAPE: Shape = Shape {
        fixed: &["cluster", "namespace", "name", "dns_names"],
        ..Shape::managed("webhook_certificate", "webhook certificate", "kubernetes")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let Some(live) = manifest::find(cx, &secret(spec, json!({}))).await? else { return Ok(None) };
        let names = live.object["metadata"]["annotations"][NAMES].as_str().unwrap_or_default();
        let dns_names = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let ca_bundle = live.object["data"]["ca.crt"].as_str().unwrap_or_default().to_owned();
        let readiness = live.leaving().unwrap_or(if ca_bundle.is_empty() {
            Readiness::Broken("the Secret has no ca.crt".to_owned())
        } else {
            Readiness::Ready
        });
        let spec = Spec { dns_names, ..spec.clone() };
        Ok(Some(Found { id: live.id, spec, outputs: Outputs { ca_bundle }, readiness, owner: live.owner }))
    }

    /// A Secret that is there is left as it is: its authority may be in use.
    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        if let Some(live) = manifest::find(cx, &secret(spec, json!({}))).await? {
            let words = format!("Secret {}/{} already exists", spec.namespace, spec.name);
            return Err(CloudError::new(ErrorSort::Exists, format!("PATCH {}", live.id), words));
        }
        let data = made(spec, cx)
            .map_err(|error| CloudError::new(ErrorSort::Other, "making a certificate", error.to_string()))?;
        manifest::apply(cx, &secret(spec, data)).await
    }

    /// All fields are fixed; what may change is what it says of whose it is. The certificate stays.
    async fn update(&self, cx: &Cx, _: &str, _: &Spec, to: &Spec) -> CloudResult<()> {
        let Some(live) = manifest::find(cx, &secret(to, json!({}))).await? else { return Ok(()) };
        manifest::apply(cx, &secret(to, live.object["data"].clone())).await.map(drop)
    }

    async fn delete(&self, cx: &Cx, _: &str, spec: &Spec) -> CloudResult<()> {
        manifest::delete(cx, &secret(spec, json!({}))).await
    }
}

fn secret(spec: &Spec, data: Json) -> manifest::Spec {
    let manifest = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": data,
        "metadata": {
            "name": spec.name, "namespace": spec.namespace, "annotations": { NAMES: spec.dns_names.join(",") },
        },
    });
    manifest::Spec { cluster: spec.cluster.clone(), manifest }
}

/// Makes authority, certificate and key, as the data of the Secret.
fn made(spec: &Spec, cx: &Cx) -> Result<Json, rcgen::Error> {
    let year = jiff::Timestamp::try_from(cx.cloud().clock().now())
        .map_or(2026, |now| i32::from(now.to_zoned(jiff::tz::TimeZone::UTC).year()));
    let valid = |parameters: &mut CertificateParams| {
        parameters.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(year + YEARS, 1, 1);
    };
    let mut authority = CertificateParams::new(Vec::new())?;
    valid(&mut authority);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, format!("{} CA", spec.name));
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let mut server = CertificateParams::new(spec.dns_names.clone())?;
    valid(&mut server);
    let first = spec.dns_names.first().map_or(spec.name.as_str(), String::as_str);
    server.distinguished_name.push(DnType::CommonName, first);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
    Ok(json!({
        "ca.crt": STANDARD.encode(authority_certificate.pem()),
        "tls.crt": STANDARD.encode(certificate.pem()),
        "tls.key": STANDARD.encode(key.serialize_pem()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::conformance::{Yard, conforms};
    use crate::kind::{AnyKind, Erased};

    fn spec(yard: &Yard) -> Json {
        json!({
            "cluster": yard.cluster, "namespace": "kube-system", "name": "webhook-tls",
            "dns_names": ["webhook.kube-system.svc", "webhook.kube-system.svc.cluster.local"],
        })
    }

    #[tokio::test(start_paused = true)]
    async fn conforms_to_its_contract() {
        let yard = Yard::new();
        conforms(&yard.ground, &Erased(WebhookCertificate), &spec(&yard), &spec(&yard)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_authority_is_told_and_the_key_is_not() {
        let yard = Yard::new();
        let made = yard.ground.make(&Erased(WebhookCertificate), "a", &spec(&yard)).await;
        let bundle = STANDARD.decode(made.outputs["ca_bundle"].as_str().expect("a text")).expect("base64");
        assert!(String::from_utf8(bundle).expect("text").starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(!format!("{made:?}").contains("PRIVATE"));
        let cx = yard.ground.cx("a");
        let again = Erased(WebhookCertificate).find(&cx, &spec(&yard), None).await.expect("answered");
        assert_eq!(again.expect("there").outputs, made.outputs, "the authority stays");
    }
}
