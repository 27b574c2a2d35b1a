//! Host names: their form, and which of them meet.

use super::Rules;

/// Refuses what is no host name, or `*.` and one.
pub(super) fn check(path: &str, name: &str, rules: &mut Rules<'_>) {
    if !is_hostname(name) {
        let hint = "lower-case labels with dots between, as in `shop.example.com`, or `*.example.com`";
        rules.value(path, format!("`{name}` is no host name"), hint);
    }
}

fn is_hostname(name: &str) -> bool {
    let bare = name.strip_prefix("*.").unwrap_or(name);
    !bare.is_empty() && name.len() <= 253 && bare.split('.').all(super::name::is_label)
}

/// Whether a name is a zone's own or below it.
pub(super) fn within(name: &str, zone: &str) -> bool {
    let bare = name.strip_prefix("*.").unwrap_or(name);
    let zone = zone.trim_end_matches('.');
    bare == zone || bare.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether a request for some name can meet both: `*.` stands for one label or more, as the Gateway API has it.
pub(super) fn meet(a: &str, b: &str) -> bool {
    let below = |name: &str, wild: &str| {
        wild.strip_prefix('*').is_some_and(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
    };
    a == b || below(a, b) || below(b, a)
}

/// Whether a certificate for one name is good for another: `*.` stands for one label.
pub(super) fn certifies(certificate: &str, name: &str) -> bool {
    let parent = |name: &str| name.split_once('.').map(|(_, parent)| parent.to_owned());
    certificate == name || (certificate.starts_with("*.") && parent(certificate) == parent(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_meet_by_the_rules_of_their_side() {
        assert!(meet("*.example.com", "a.b.example.com") && meet("a.example.com", "*.example.com"));
        assert!(!meet("*.example.com", "example.com") && !meet("ahop.example.com", "shop.example.com"));
        assert!(
            certifies("*.example.com", "a.example.com") && !certifies("*.example.com", "a.b.example.com")
        );
        assert!(within("a.example.com", "example.com") && !within("badexample.com", "example.com"));
    }
}
