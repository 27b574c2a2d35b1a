//! `[certificates.*]`: ACM certificates validated by DNS, or the ARN of one that exists.

use serde_json::json;

use super::draft::Draft;
use super::spec::spec;
use crate::address::Address;
use crate::graph::{Place, Resource};
use crate::stack::model::Certificate;
use crate::value::Value;

/// A validation record as it was made for one of the certificates.
struct Proof {
    zone: String,
    account: Option<String>,
    domain: String,
    record: Address,
}

pub(super) fn compose(draft: &mut Draft<'_>) {
    let mut proofs = Vec::new();
    let stack = draft.stack;
    for (key, certificate) in &stack.certificates {
        let place = draft.place(certificate.account.as_ref(), certificate.region.as_ref());
        match (&certificate.arn, &certificate.domain, &certificate.zone) {
            (Some(_), None, _) => {}
            (None, Some(domain), Some(zone)) => {
                made(draft, &mut proofs, key, certificate, [domain, zone], &place);
            }
            _ => {
                let message = format!("certificate `{key}` needs either `domain` and `zone`, or `arn`");
                draft.fail(
                    &format!("certificates.{key}"),
                    message,
                    "`zone` is the public zone it is validated in",
                );
            }
        }
    }
}

/// The ARN of a certificate of the stack, once it may be used.
pub(super) fn arn(draft: &Draft<'_>, key: &str) -> Option<Value> {
    let certificate = draft.stack.certificates.get(key)?;
    Some(match &certificate.arn {
        Some(arn) => arn.as_str().into(),
        None => Value::reference(&Address::new("certificate", key).part("issued"), "arn"),
    })
}

fn made(
    draft: &mut Draft<'_>,
    proofs: &mut Vec<Proof>,
    key: &str,
    certificate: &Certificate,
    [domain, zone]: [&str; 2],
    place: &Place,
) {
    let at = Address::new("certificate", key);
    let mut others: Vec<&str> = certificate.alternative_names.iter().map(String::as_str).collect();
    others.sort_unstable();
    others.dedup();
    others.retain(|name| *name != domain);
    let made = json!({ "domain": domain, "alternative_names": others, "tags": draft.tags() });
    draft.add(Resource::new(at.clone(), "acm_certificate", place, spec(made)));
    draft.add(Resource::new(at.part("zone"), "zone_lookup", place, spec(json!({ "name": zone }))));

    let mut needed = Vec::new();
    for (index, name) in std::iter::once(domain).chain(others).enumerate() {
        let base = name.trim_start_matches("*.");
        // The record proves an account's hold on a name: `*.` and the bare name share it, and so do certificates.
        let same =
            |proof: &&Proof| proof.zone == zone && proof.account == place.account && proof.domain == base;
        let known = proofs.iter().find(same).map(|proof| proof.record.clone());
        let record = known.unwrap_or_else(|| {
            let record = address(base, zone, place, proofs);
            draft.add(validation(&at, &record, index, place));
            proofs.push(Proof {
                zone: zone.to_owned(),
                account: place.account.clone(),
                domain: base.to_owned(),
                record: record.clone(),
            });
            record
        });
        needed.push(record);
    }
    let issued = spec(json!({ "certificate_arn": Value::reference(&at, "arn") }));
    let issued = Resource::new(at.part("issued"), "acm_issued", place, issued);
    draft.add(needed.iter().fold(issued, Resource::uses));
}

/// The address of a validation record. It is of the name, not of a certificate: the record outlives the certificate
/// that it was made for as long as another one needs it.
fn address(domain: &str, zone: &str, place: &Place, proofs: &[Proof]) -> Address {
    let plain = Address::new("validation", domain);
    let plain = place.account.iter().fold(plain, |address, account| address.part(account));
    let taken = proofs.iter().any(|proof| proof.record == plain);
    if taken { plain.part(zone) } else { plain }
}

fn validation(at: &Address, record: &Address, index: usize, place: &Place) -> Resource {
    let field = |name: &str| Value::reference(at, &format!("validation.{index}.{name}"));
    let json = json!({
        "zone_id": Value::reference(&at.part("zone"), "zone_id"),
        "name": field("name"),
        "type": "CNAME",
        "ttl": 300,
        "values": [field("value")],
    });
    Resource::new(record.clone(), "route53_record", place, spec(json))
}

#[cfg(test)]
mod tests {
    use crate::compose::testing::{addresses, edge, graph, refers, spec};
    use crate::graph::Sort;

    #[test]
    fn a_wildcard_and_its_bare_name_are_proved_by_one_record() {
        let made = graph(
            "[certificates.c]\ndomain = \"*.a.io\"\nalternative_names = [\"x.a.io\", \"a.io\"]\nzone = \"a.io\"",
        );
        let names = spec(&made, "certificate.c")["alternative_names"].clone();
        assert_eq!(names, serde_json::json!(["a.io", "x.a.io"]));
        assert_eq!(addresses(&made, "validation.").len(), 2);
        assert!(refers(&spec(&made, "validation.a.io")["name"], "certificate.c", "validation.0.name"));
        assert!(refers(&spec(&made, "validation.x.a.io")["name"], "certificate.c", "validation.2.name"));
    }

    #[test]
    fn certificates_share_the_record_of_a_name() {
        let made = graph(
            "[certificates.c]\ndomain = \"*.a.io\"\nzone = \"a.io\"\n[certificates.d]\ndomain = \"a.io\"\nzone = \"a.io\"",
        );
        assert_eq!(addresses(&made, "validation."), ["validation.a.io"]);
        assert!(edge(&made, "certificate.d/issued", "validation.a.io", Sort::Uses));
        assert!(edge(&made, "certificate.c/issued", "validation.a.io", Sort::Uses));
    }

    #[test]
    fn one_that_exists_is_a_text() {
        let made = graph(
            "[certificates.c]\narn = \"arn:aws:acm:us-west-2:111122223333:certificate/1\"\n\
             [outputs]\narn = \"${certificate.c.arn}\"",
        );
        assert!(made.resources.is_empty());
        assert_eq!(made.outputs["arn"], "arn:aws:acm:us-west-2:111122223333:certificate/1".into());
    }
}
