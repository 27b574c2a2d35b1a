//! Validation by DNS: which record proves a name, and when a certificate is issued.

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{CERTIFICATES, text};
use crate::sandbox::aws::route53::resolves;
use crate::sandbox::world::{Doc, Event, Hook, Key, World, timestamp};

/// The hook that makes the records of a new certificate known.
pub(super) const RECORDS: &str = "acm.records";
/// The hook that looks at DNS and issues a certificate whose records are all there.
const ISSUE: &str = "acm.issue";
/// The hook that gives up a certificate whose records never came.
pub(super) const EXPIRE: &str = "acm.expire";
/// How long ACM takes to see records.
const SEEING_MS: i64 = 90_000;
/// How long a certificate is valid.
const VALID_MS: i64 = 395 * 86_400_000;

/// What happens when the records of a new certificate become known.
pub const ON_RECORDS: (&str, Hook) = (RECORDS, make_records_known);
/// What happens when ACM has looked at DNS.
pub const ON_ISSUE: (&str, Hook) = (ISSUE, issue);
/// What happens when ACM has waited long enough.
pub const ON_EXPIRE: (&str, Hook) = (EXPIRE, expire);

fn make_records_known(world: &mut World, key: &Key) {
    world.change(key, |doc| {
        for option in options(doc) {
            option["ResourceRecord"] = record(&key.account, text(option, "DomainName"));
        }
    });
    look(world, key);
}

fn options(doc: &mut Doc) -> &mut [Json] {
    doc["DomainValidationOptions"].as_array_mut().map_or(&mut [], Vec::as_mut_slice)
}

/// The record that proves a name for an account: a wildcard has that of the name below it.
fn record(account: &str, name: &str) -> Json {
    let bare = name.trim_start_matches("*.");
    let digest = Sha256::digest(format!("{account}/{bare}"));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let letters: String = digest.iter().take(10).map(|byte| char::from(b'a' + byte % 26)).collect();
    json!({
        "Name": format!("_{}.{bare}.", &hex[..32]), "Type": "CNAME",
        "Value": format!("_{}.{letters}.acm-validations.aws.", &hex[32..]),
    })
}

fn is_seen(world: &World, option: &Json) -> bool {
    let record = &option["ResourceRecord"];
    !record.is_null() && resolves(world, text(record, "Name"), text(record, "Type"), text(record, "Value"))
}

/// If there is a record that was not there before, ACM sees it after a while.
fn look(world: &mut World, key: &Key) {
    let Some(doc) = world.get(key) else { return };
    let options = doc["DomainValidationOptions"].as_array().cloned().unwrap_or_default();
    let waits = |option: &Json| text(option, "ValidationStatus") == "PENDING_VALIDATION";
    let new = options.iter().any(|option| waits(option) && is_seen(world, option));
    if text(doc, "Status") == "PENDING_VALIDATION" && new && !world.awaits(key, ISSUE) {
        world.after(SEEING_MS, key, Event::Hook(ISSUE.to_owned()));
    }
}

/// Records of some zone have changed: certificates of any account may wait for them.
pub fn dns_changed(world: &mut World) {
    let waiting =
        world.everywhere(CERTIFICATES).filter(|(_, doc)| text(doc, "Status") == "PENDING_VALIDATION");
    let keys: Vec<Key> = waiting.map(|(key, _)| key.clone()).collect();
    for key in keys {
        look(world, &key);
    }
}

fn issue(world: &mut World, key: &Key) {
    let Some(mut doc) = world.get(key).cloned() else { return };
    if text(&doc, "Status") != "PENDING_VALIDATION" {
        return;
    }
    for option in options(&mut doc) {
        if is_seen(world, option) {
            option["ValidationStatus"] = json!("SUCCESS");
        }
    }
    let proven = options(&mut doc).iter().all(|option| text(option, "ValidationStatus") == "SUCCESS");
    if proven {
        let now = world.now();
        doc["Status"] = json!("ISSUED");
        doc["IssuedAt"] = json!(timestamp(now));
        doc["NotBefore"] = json!(timestamp(now));
        doc["NotAfter"] = json!(timestamp(now + VALID_MS));
        doc["RenewalEligibility"] = json!("ELIGIBLE");
        doc["Serial"] = json!(world.draw("", 32));
        world.call_off(key);
    }
    world.put(key.clone(), doc);
    if !proven {
        look(world, key);
    }
}

fn expire(world: &mut World, key: &Key) {
    world.change(key, |doc| {
        if text(doc, "Status") == "PENDING_VALIDATION" {
            doc["Status"] = json!("VALIDATION_TIMED_OUT");
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::SERVICE;
    use crate::sandbox::aws::{lattice, route53};
    use crate::sandbox::{Here, World};

    fn here<'a>(world: &'a mut World, account: &str) -> Here<'a> {
        Here { world, account: account.into(), region: "us-west-2".into(), principal: String::new() }
    }

    fn acm(world: &mut World, account: &str, name: &str, input: &Json) -> Json {
        let operation =
            SERVICE.operations.iter().find(|operation| operation.name == name).expect("it is known");
        (operation.handle)(&mut here(world, account), input).expect("it is answered")
    }

    fn request(world: &mut World, account: &str) -> Json {
        let input = json!({"DomainName": "*.api.example.com", "ValidationMethod": "DNS"});
        acm(world, account, "RequestCertificate", &input)
    }

    fn pass(world: &mut World, seconds: i64) {
        let now = world.now();
        world.advance(now + seconds * 1000);
    }

    fn status(world: &mut World, account: &str, certificate: &Json) -> Json {
        acm(world, account, "DescribeCertificate", certificate)["Certificate"]["Status"].clone()
    }

    fn change(world: &mut World, action: &str, record: &Json) {
        let set = json!({"Name": record["Name"], "Type": "CNAME", "TTL": "60",
            "ResourceRecords": {"ResourceRecord": {"Value": record["Value"]}}});
        let input = json!({"Id": route53::EXAMPLE,
            "ChangeBatch": {"Changes": {"Change": {"Action": action, "ResourceRecordSet": set}}}});
        let operations = route53::SERVICE.operations.iter();
        let change = operations.into_iter().find(|one| one.name == "ChangeResourceRecordSets");
        let mut here = here(world, "111122223333");
        (change.expect("it is known").handle)(&mut here, &input).expect("the record is changed");
    }

    fn record(world: &mut World, account: &str, certificate: &Json) -> Json {
        let detail = acm(world, account, "DescribeCertificate", certificate);
        detail["Certificate"]["DomainValidationOptions"][0]["ResourceRecord"].clone()
    }

    fn world() -> World {
        let mut world = World::new(0);
        route53::furnish(&mut world);
        world
    }

    #[test]
    fn a_certificate_of_another_account_is_proven_by_the_zone_of_this_one() {
        let (mut world, other) = (world(), "444455556666");
        let certificate = request(&mut world, other);
        pass(&mut world, 6);
        let record = record(&mut world, other, &certificate);
        change(&mut world, "CREATE", &record);
        pass(&mut world, 89);
        assert_eq!(status(&mut world, other, &certificate), "PENDING_VALIDATION");
        pass(&mut world, 2);
        assert_eq!(status(&mut world, other, &certificate), "ISSUED");
    }

    #[test]
    fn a_record_that_is_there_proves_the_next_certificate_and_one_that_went_proves_nothing() {
        let (mut world, account) = (world(), "111122223333");
        let first = request(&mut world, account);
        pass(&mut world, 6);
        let record = record(&mut world, account, &first);
        change(&mut world, "CREATE", &record);
        change(&mut world, "DELETE", &record);
        pass(&mut world, 1000);
        assert_eq!(status(&mut world, account, &first), "PENDING_VALIDATION");
        change(&mut world, "CREATE", &record);
        let second = request(&mut world, account);
        pass(&mut world, 100);
        assert_eq!(status(&mut world, account, &first), "ISSUED");
        assert_eq!(status(&mut world, account, &second), "ISSUED");
    }

    #[test]
    fn a_service_takes_an_issued_certificate_only() {
        let (mut world, account) = (world(), "111122223333");
        let certificate = request(&mut world, account);
        pass(&mut world, 6);
        let input = json!({"name": "cart", "certificateArn": certificate["CertificateArn"]});
        let create = |world: &mut World| lattice::call(&mut here(world, account), "CreateService", &input);
        assert_eq!(create(&mut world).expect_err("it is not issued").code, "ValidationException");
        let record = record(&mut world, account, &certificate);
        change(&mut world, "CREATE", &record);
        pass(&mut world, 91);
        let service = create(&mut world).expect("it is issued");
        let detail = acm(&mut world, account, "DescribeCertificate", &certificate);
        assert_eq!(detail["Certificate"]["InUseBy"], json!([service["arn"]]));
    }
}
