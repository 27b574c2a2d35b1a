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
    let waiting = world
        .all()
        .filter(|(key, doc)| key.table == CERTIFICATES && text(doc, "Status") == "PENDING_VALIDATION");
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
