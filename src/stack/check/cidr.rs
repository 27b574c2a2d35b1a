//! Whether a range of addresses is one.

use ipnet::Ipv4Net;

use super::Rules;

/// Refuses a range whose address has bits behind its prefix.
pub(super) fn check(path: &str, cidr: Ipv4Net, rules: &mut Rules<'_>) -> bool {
    let right = cidr.trunc();
    if cidr != right {
        let message = format!("`{cidr}` has bits set behind its prefix");
        rules.value(path, message, format!("did you mean `{right}`?"));
    }
    cidr == right
}
