//! `[certificates]`: made here or existing, names inside of their zone.

use super::super::model::Certificate;
use super::{Rules, hostname, indexed};

/// Checks all certificates.
pub(super) fn check(rules: &mut Rules<'_>) {
    for (name, certificate) in &rules.stack.certificates {
        let path = format!("certificates.{name}");
        match &certificate.arn {
            Some(arn) => existing(&path, arn, certificate, rules),
            None => made(&path, name, certificate, rules),
        }
    }
}

fn existing(path: &str, arn: &str, certificate: &Certificate, rules: &mut Rules<'_>) {
    if !arn.starts_with("arn:") || !arn.contains(":certificate/") {
        let hint = "as in `arn:aws:acm:us-west-2:111122223333:certificate/…`";
        rules.value(&format!("{path}.arn"), format!("`{arn}` is not the ARN of a certificate"), hint);
    }
    let keys = [
        ("domain", certificate.domain.is_some()),
        ("zone", certificate.zone.is_some()),
        ("alternative_names", !certificate.alternative_names.is_empty()),
    ];
    rules.without(
        path,
        &keys,
        "`arn`",
        "`arn` takes a certificate that exists, `domain` and `zone` make one",
    );
}

fn made(path: &str, name: &str, certificate: &Certificate, rules: &mut Rules<'_>) {
    for (key, value) in [("domain", &certificate.domain), ("zone", &certificate.zone)] {
        if value.is_none() {
            let hint = format!("add `{key} = \"…\"`, or `arn = \"…\"` for a certificate that exists");
            rules.key(path, format!("the certificate `{name}` has no `{key}`"), hint);
        }
    }
    if let Some(zone) = &certificate.zone {
        hostname::check(&format!("{path}.zone"), zone, rules);
    }
    let names = indexed(&certificate.alternative_names)
        .map(|(i, name)| (format!("{path}.alternative_names.{i}"), name));
    let domain = certificate.domain.iter().map(|domain| (format!("{path}.domain"), domain.as_str()));
    for (at, name) in domain.chain(names).collect::<Vec<_>>() {
        hostname::check(&at, name, rules);
        if let Some(zone) = certificate.zone.as_ref().filter(|zone| !hostname::within(name, zone)) {
            let hint = format!("it is validated by a DNS record there: a name that ends in `{zone}`");
            rules.value(&at, format!("`{name}` is not in the zone `{zone}`"), hint);
        }
    }
}
