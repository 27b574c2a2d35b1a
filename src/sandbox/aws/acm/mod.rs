//! Certificate Manager: certificates that are issued once their DNS records are seen.
//!
//! A certificate's document is its `Certificate` of `DescribeCertificate`, with `_tags` and `_token`. Nobody looks at
//! DNS again and again: Route 53 says when records change (`dns_changed`).

mod validation;

use serde_json::{Value as Json, json};

use super::wire::{listed, number, page};
use super::{Answer, Operation, Protocol, Refusal, Service};
use crate::sandbox::world::{Doc, Event, Here};

pub use validation::{ON_EXPIRE, ON_ISSUE, ON_RECORDS, dns_changed};

const CERTIFICATES: &str = "acm/certificate";
/// How long a token is known.
const TOKEN_MS: i64 = 3_600_000;

/// The service.
pub const SERVICE: Service = Service {
    scope: "acm",
    protocol: Protocol::AwsJson,
    operations: &[
        Operation { name: "RequestCertificate", path: "", handle: request },
        Operation { name: "DescribeCertificate", path: "", handle: describe },
        Operation { name: "ListCertificates", path: "", handle: list },
        Operation { name: "DeleteCertificate", path: "", handle: delete },
        Operation { name: "AddTagsToCertificate", path: "", handle: add_tags },
        Operation { name: "RemoveTagsFromCertificate", path: "", handle: remove_tags },
        Operation { name: "ListTagsForCertificate", path: "", handle: list_tags },
    ],
};

fn text<'a>(json: &'a Json, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}

fn lookup(here: &Here<'_>, input: &Json) -> Result<Doc, Refusal> {
    let arn = text(input, "CertificateArn");
    if !arn.starts_with("arn:aws:acm:") {
        return Err(Refusal::bad("InvalidArnException", format!("{arn} is not the ARN of a certificate")));
    }
    let words = format!("Could not find certificate {arn} in account {}", here.account);
    here.get(CERTIFICATES, arn).cloned().ok_or_else(|| Refusal::bad("ResourceNotFoundException", words))
}

fn request(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(earlier) = replayed(here, input) {
        return Ok(json!({ "CertificateArn": earlier["CertificateArn"] }));
    }
    let names = names(input)?;
    if text(input, "ValidationMethod") != "DNS" {
        let words = "the sandbox validates certificates by DNS only";
        return Err(Refusal::bad("InvalidParameterException", words));
    }
    let id = here.world.draw("", 32);
    let id = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
    let arn = format!("arn:aws:acm:{}:{}:certificate/{id}", here.region, here.account);
    let (now, millis) = (here.world.timestamp(), here.world.now());
    let doc = json!({
        "CertificateArn": arn, "DomainName": names[0], "SubjectAlternativeNames": names,
        "DomainValidationOptions": names.iter().map(|name| json!({
            "DomainName": name, "ValidationDomain": name.trim_start_matches("*."),
            "ValidationStatus": "PENDING_VALIDATION", "ValidationMethod": "DNS",
        })).collect::<Vec<_>>(),
        "Subject": format!("CN={}", names[0]), "Issuer": "Amazon", "CreatedAt": now,
        "Status": "PENDING_VALIDATION", "KeyAlgorithm": key_algorithm(text(input, "KeyAlgorithm")),
        "SignatureAlgorithm": "SHA256WITHRSA", "Type": "AMAZON_ISSUED", "RenewalEligibility": "INELIGIBLE",
        "Options": { "CertificateTransparencyLoggingPreference": "ENABLED" },
        "_tags": listed(&input["Tags"]), "_token": input["IdempotencyToken"], "_input": input, "_at": millis,
    });
    here.put(CERTIFICATES, &arn, doc);
    here.after(5, CERTIFICATES, &arn, Event::Hook(validation::RECORDS.to_owned()));
    here.after(72 * 3600, CERTIFICATES, &arn, Event::Hook(validation::EXPIRE.to_owned()));
    Ok(json!({ "CertificateArn": arn }))
}

fn key_algorithm(wanted: &str) -> String {
    if wanted.is_empty() { "RSA-2048".to_owned() } else { wanted.replace('_', "-") }
}

/// What a request with the same token made within the last hour. ACM heeds the token only for equal requests.
fn replayed(here: &Here<'_>, input: &Json) -> Option<Doc> {
    let token = text(input, "IdempotencyToken");
    let now = here.world.now();
    let known = |doc: &Doc| {
        text(doc, "_token") == token
            && doc["_input"] == *input
            && doc["_at"].as_i64().is_some_and(|at| now < at + TOKEN_MS)
    };
    here.list(CERTIFICATES).into_iter().find(|doc| !token.is_empty() && known(doc))
}

/// The names of a request, the domain first, each once.
fn names(input: &Json) -> Result<Vec<String>, Refusal> {
    let mut names: Vec<String> = Vec::new();
    let all = std::iter::once(input["DomainName"].clone()).chain(listed(&input["SubjectAlternativeNames"]));
    for name in all {
        let name = name.as_str().unwrap_or_default().to_lowercase();
        let bare = name.strip_prefix("*.").unwrap_or(&name);
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if name.len() > 253 || !bare.contains('.') || !bare.split('.').all(label) {
            let words = format!("'{name}' is not a domain name that a certificate can have");
            return Err(Refusal::bad("ValidationException", words));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.len() > 10 {
        return Err(Refusal::bad("LimitExceededException", "a certificate has at most 10 domain names"));
    }
    Ok(names)
}

/// The ARNs of what uses a certificate.
fn in_use_by(here: &Here<'_>, arn: &str) -> Vec<String> {
    let names = |listener: &Doc| {
        listed(&listener["Certificates"]).iter().any(|one| text(one, "CertificateArn") == arn)
    };
    let listeners = here.list("elb/listener").into_iter().filter(names);
    let services = here.list("lattice/service").into_iter();
    let services = services.filter(|service| text(service, "certificateArn") == arn);
    let mut arns: Vec<String> = listeners
        .map(|listener| text(&listener, "LoadBalancerArn").to_owned())
        .chain(services.map(|service| text(&service, "arn").to_owned()))
        .collect();
    arns.sort();
    arns.dedup();
    arns
}

fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut doc = lookup(here, input)?;
    doc["InUseBy"] = json!(in_use_by(here, text(input, "CertificateArn")));
    Ok(json!({ "Certificate": doc }))
}

fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let statuses = listed(&input["CertificateStatuses"]);
    let mut keys: Vec<String> =
        listed(&input["Includes"]["keyTypes"]).iter().filter_map(Json::as_str).map(key_algorithm).collect();
    if keys.is_empty() {
        keys = vec!["RSA-1024".to_owned(), "RSA-2048".to_owned()];
    }
    let mut docs = here.list(CERTIFICATES);
    docs.retain(|doc| statuses.is_empty() || statuses.contains(&doc["Status"]));
    docs.retain(|doc| keys.iter().any(|key| text(doc, "KeyAlgorithm") == key));
    let summaries = docs.iter().map(|doc| {
        let mut summary = doc.clone();
        summary["InUse"] = json!(!in_use_by(here, text(doc, "CertificateArn")).is_empty());
        summary["SubjectAlternativeNameSummaries"] = doc["SubjectAlternativeNames"].clone();
        if let Some(map) = summary.as_object_mut() {
            map.retain(|key, _| !DETAILS.contains(&key.as_str()));
        }
        summary
    });
    let most = number(&input["MaxItems"]).and_then(|n| usize::try_from(n).ok());
    let (items, next) = page(summaries.collect(), input["NextToken"].as_str(), most);
    let mut answer = json!({ "CertificateSummaryList": items });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

/// What only `DescribeCertificate` tells.
const DETAILS: &[&str] = &[
    "SubjectAlternativeNames",
    "DomainValidationOptions",
    "Subject",
    "Issuer",
    "SignatureAlgorithm",
    "Options",
];

fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, input)?;
    let arn = text(&doc, "CertificateArn");
    if !in_use_by(here, arn).is_empty() {
        let words = format!("Certificate {arn} in account {} is in use.", here.account);
        return Err(Refusal::bad("ResourceInUseException", words));
    }
    here.remove(CERTIFICATES, arn);
    Ok(json!({}))
}

fn add_tags(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, input)?;
    let add = listed(&input["Tags"]);
    let mut tags = listed(&doc["_tags"]);
    tags.retain(|tag| !add.iter().any(|new| new["Key"] == tag["Key"]));
    tags.extend(add);
    if tags.len() > 50 {
        return Err(Refusal::bad("TooManyTagsException", "a certificate has at most 50 tags"));
    }
    here.change(CERTIFICATES, text(&doc, "CertificateArn"), |doc| doc["_tags"] = Json::Array(tags));
    Ok(json!({}))
}

/// A tag given with a value goes only if it has that value.
fn remove_tags(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = lookup(here, input)?;
    let gone = listed(&input["Tags"]);
    let goes = |tag: &Json| {
        gone.iter()
            .any(|one| one["Key"] == tag["Key"] && (one["Value"].is_null() || one["Value"] == tag["Value"]))
    };
    let mut tags = listed(&doc["_tags"]);
    tags.retain(|tag| !goes(tag));
    here.change(CERTIFICATES, text(&doc, "CertificateArn"), |doc| doc["_tags"] = Json::Array(tags));
    Ok(json!({}))
}

fn list_tags(here: &mut Here<'_>, input: &Json) -> Answer {
    Ok(json!({ "Tags": lookup(here, input)?["_tags"] }))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::{Here, request};
    use crate::clock::Clock;
    use crate::cloud::{Access, Cloud, Named, Settings};
    use crate::graph::Place;
    use crate::sandbox::{Sandbox, World};

    fn here(world: &mut World) -> Here<'_> {
        Here { world, account: "111122223333".into(), region: "us-west-2".into(), principal: String::new() }
    }

    #[test]
    fn a_token_is_known_for_an_hour() {
        let mut world = World::new(0);
        let input =
            json!({"DomainName": "a.example.com", "ValidationMethod": "DNS", "IdempotencyToken": "t"});
        let first = request(&mut here(&mut world), &input).expect("it is requested");
        world.advance(3_599_000);
        assert_eq!(request(&mut here(&mut world), &input).expect("it is requested"), first);
        world.advance(3_601_000);
        assert_ne!(request(&mut here(&mut world), &input).expect("it is requested"), first);
    }

    #[test]
    fn what_is_no_domain_gets_no_certificate() {
        let mut world = World::new(0);
        for name in
            ["", "localhost", "a..example.com", "a.*.example.com", "-a.example.com", "a_b.example.com"]
        {
            let input = json!({"DomainName": name, "ValidationMethod": "DNS"});
            let refused = request(&mut here(&mut world), &input).expect_err(name);
            assert_eq!(refused.code, "ValidationException", "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_listener_uses_stays() {
        let sandbox = Sandbox::fresh(Clock::starting_at(SystemTime::UNIX_EPOCH, 1));
        let settings = Settings::through(sandbox.door(), sandbox.clock(), "us-west-2", Access::Write);
        let place = Place { account: None, region: "us-west-2".into() };
        let client = Cloud::new(settings).clients(&place).acm;
        let call = client.request_certificate().domain_name("a.example.com").validation_method("DNS".into());
        let arn = call.send().await.expect("it is requested").certificate_arn.expect("an ARN");
        let listener = json!({"LoadBalancerArn": "lb", "Certificates": [{"CertificateArn": arn}]});
        here(&mut sandbox.world()).put("elb/listener", "l", listener);
        let answer =
            client.describe_certificate().certificate_arn(&arn).send().await.expect("the certificate");
        let certificate = answer.certificate.expect("the certificate");
        assert_eq!(certificate.in_use_by(), ["lb"]);
        assert_eq!(certificate.created_at().map(|at| at.secs()), Some(0));
        assert!(certificate.domain_validation_options()[0].resource_record().is_none(), "not known yet");
        let delete = async || client.delete_certificate().certificate_arn(&arn).send().await.named("");
        assert_eq!(delete().await.expect_err("it is used").code, "ResourceInUseException");
        here(&mut sandbox.world()).remove("elb/listener", "l");
        delete().await.expect("it is free");
        sandbox.clock().sleep(Duration::from_secs(100 * 3600)).await;
        assert_eq!(sandbox.world().next_due(), None);
    }
}
