//! `[stack]`, `[state]`, `[accounts]`, and the regions that other sections name.

use super::Rules;
use super::name::{LABEL, is_label};
use crate::stack::backend::{Cloud, Place, SCHEMES};

/// The longest lease of a state in an object store.
const LONGEST_LEASE: std::time::Duration = std::time::Duration::from_secs(600);

/// Checks `[stack]`.
pub(super) fn check(rules: &mut Rules<'_>) {
    let head = &rules.stack.head;
    if !is_label(&head.name) {
        let hint = format!("63 characters at most: {LABEL}; it is the key of the state");
        rules.value("stack.name", format!("`{}` is no name for a stack", head.name), hint);
    }
    open_words(rules);
    region("stack.region", &head.region, rules);
    if let Some(account) = head.account.as_ref().filter(|account| !is_account(account)) {
        rules.value(
            "stack.account",
            format!("`{account}` is no AWS account"),
            "an account is 12 digits, in quotes",
        );
    }
    for (key, value) in &head.tags {
        let path = format!("stack.tags.{key}");
        if key.is_empty() || key.len() > 128 || value.len() > 256 {
            rules.key(
                &path,
                "this tag is too long or has no key",
                "128 characters for the key, 256 for the value",
            );
        }
        if ["aws:", "stack:"].iter().any(|prefix| key.to_lowercase().starts_with(prefix)) {
            rules.key(
                &path,
                format!("`{key}` is reserved"),
                "tags that begin with `aws:` or `stack:` are not yours to set",
            );
        }
    }
}

/// What names the state, and where it is, is written down and shown.
fn open_words(rules: &mut Rules<'_>) {
    let stack = rules.stack;
    let words = [("stack.name", Some(&stack.head.name)), ("state.backend", stack.backend.as_ref())];
    for (path, _) in words.into_iter().filter(|(_, text)| text.is_some_and(|text| stack.secrets.holds(text)))
    {
        let message = "the value of a sensitive variable cannot be used here";
        rules.value(path, message, "it names the state, which is written down and shown");
    }
}

/// Checks accounts, the backend, and all regions but the stack's own.
pub(super) fn places(rules: &mut Rules<'_>) {
    let stack = rules.stack;
    keeping(rules);
    encryption(rules);
    for (name, account) in &stack.accounts {
        let parts: Vec<&str> = account.role_arn.split(':').collect();
        let role = matches!(parts.as_slice(), ["arn", _, "iam", "", id, role] if is_account(id) && role.starts_with("role/"));
        if !role {
            let message = format!("`{}` is not the ARN of a role", account.role_arn);
            rules.value(
                &format!("accounts.{name}.role_arn"),
                message,
                "as in `arn:aws:iam::444455556666:role/stack`",
            );
        }
    }
    let regions =
        |section: &'static str, entries: Vec<(&String, &Option<String>)>| -> Vec<(String, String)> {
            let named = |(name, region): (&String, &Option<String>)| {
                Some((format!("{section}.{name}.region"), region.clone()?))
            };
            entries.into_iter().filter_map(named).collect()
        };
    let mut all =
        regions("accounts", stack.accounts.iter().map(|(name, entry)| (name, &entry.region)).collect());
    all.extend(regions(
        "networks",
        stack.networks.iter().map(|(name, entry)| (name, &entry.region)).collect(),
    ));
    all.extend(regions(
        "clusters",
        stack.clusters.iter().map(|(name, entry)| (name, &entry.region)).collect(),
    ));
    all.extend(regions(
        "certificates",
        stack.certificates.iter().map(|(name, entry)| (name, &entry.region)).collect(),
    ));
    let networks = stack.service_networks.iter().map(|(name, entry)| (name, &entry.region)).collect();
    all.extend(regions("service_networks", networks));
    for (path, name) in all {
        region(&path, &name, rules);
    }
}

/// Checks `[state]`.
fn keeping(rules: &mut Rules<'_>) {
    let stack = rules.stack;
    let keeping = &stack.keeping;
    let place = stack.backend.as_ref().map(|backend| (backend, Place::parse(backend)));
    match &place {
        Some((backend, Err(why))) => match backend.split_once("://") {
            Some((scheme, _)) if !SCHEMES.contains(&scheme) => {
                rules.one_of("state.backend", "a kind of store", scheme, &SCHEMES);
            }
            _ => rules.value(
                "state.backend",
                format!("`{backend}` is no place for a state: {why}"),
                "a folder, or as in `s3://bucket/prefix`",
            ),
        },
        Some((_, Ok(Place::Bucket { store: Cloud::S3, .. }))) => {}
        _ => {
            let only = [
                ("region", keeping.region.is_some()),
                ("endpoint", keeping.endpoint.is_some()),
                ("kms_key_id", keeping.kms_key_id.is_some()),
            ];
            for (key, _) in only.into_iter().filter(|(_, given)| *given) {
                let message = format!("`{key}` is only for a state in S3");
                rules.key(&format!("state.{key}"), message, "with `backend = \"s3://bucket/prefix\"`");
            }
        }
    }
    if let Some(name) = &keeping.region {
        region("state.region", name, rules);
    }
    let sound = |endpoint: &String| endpoint.starts_with("https://") || endpoint.starts_with("http://");
    if let Some(endpoint) = keeping.endpoint.as_ref().filter(|endpoint| !sound(endpoint)) {
        let message = format!("`{endpoint}` is no URL of http or https");
        rules.value("state.endpoint", message, "as in `https://minio.example.com`");
    }
    if keeping.lease.is_some_and(|lease| lease.0 > LONGEST_LEASE) {
        let hint = "10 minutes at most: for so long nobody can follow a run that was killed";
        rules.value("state.lease", "this lease is too long", hint);
    }
}

/// One of a passphrase and recipients, each recipient well written.
fn encryption(rules: &mut Rules<'_>) {
    let stack = rules.stack;
    let Some(encryption) = &stack.encryption else { return };
    let passphrase = encryption.passphrase_env.is_some();
    let (recipients, identity) = (encryption.recipients.is_some(), encryption.identity_env.is_some());
    if passphrase {
        let keys = [("recipients", recipients), ("identity_env", identity)];
        rules.without("state.encryption", &keys, "a passphrase", "one of both: leave out the other");
    } else if encryption.recipients.as_ref().is_none_or(Vec::is_empty) {
        let hint = "`passphrase_env = \"STACK_PASSPHRASE\"`, or `recipients = [\"age1…\"]`";
        rules.key("state.encryption", "nothing is said to encrypt by", hint);
    }
    for (at, recipient) in encryption.recipients.iter().flatten().enumerate() {
        if recipient.parse::<age::x25519::Recipient>().is_err() {
            let message = format!("`{recipient}` is no recipient of age");
            let hint = "it begins with `age1`: `age-keygen` writes one beside each identity";
            rules.value(&format!("state.encryption.recipients.{at}"), message, hint);
        }
    }
}

fn region(path: &str, region: &str, rules: &mut Rules<'_>) {
    let parts: Vec<&str> = region.split('-').collect();
    let letters = |part: &&str| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_lowercase());
    let right = match parts.as_slice() {
        [words @ .., digit] => {
            words.len() >= 2
                && words.iter().all(letters)
                && digit.len() == 1
                && digit.as_bytes()[0].is_ascii_digit()
        }
        [] => false,
    };
    if !right {
        rules.value(path, format!("`{region}` is no AWS region"), "as in `us-west-2`");
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}
