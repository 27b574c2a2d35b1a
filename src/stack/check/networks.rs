//! `[networks]`: made here or existing, ranges large enough for their subnets, security groups.

use super::super::model::{Allow, Network};
use super::{Rules, cidr};

/// The smallest subnet that AWS makes.
const SMALLEST_SUBNET: u8 = 28;

/// Checks all networks.
pub(super) fn check(rules: &mut Rules<'_>) {
    for (name, network) in &rules.stack.networks {
        let path = format!("networks.{name}");
        match (&network.cidr, &network.vpc_id) {
            (Some(_), Some(_)) => {
                let hint = "`cidr` makes a VPC, `vpc_id` takes one that exists";
                rules.pair(
                    &format!("{path}.cidr"),
                    &format!("{path}.vpc_id"),
                    "`cidr` and `vpc_id` exclude each other",
                    hint,
                );
            }
            (None, None) => {
                let hint = "add `cidr = \"10.0.0.0/16\"` to make a VPC, or `vpc_id = \"vpc-…\"` to take one that exists";
                rules.key(&path, format!("the network `{name}` has neither `cidr` nor `vpc_id`"), hint);
            }
            (None, Some(id)) => existing(&path, id, network, rules),
            (Some(range), None) => made(&path, *range, network, rules),
        }
        security_groups(&path, network, rules);
    }
}

fn existing(path: &str, id: &str, network: &Network, rules: &mut Rules<'_>) {
    if !is_id(id, "vpc-") {
        rules.value(&format!("{path}.vpc_id"), format!("`{id}` is not the id of a VPC"), "as in `vpc-0abc`");
    }
    let keys = [("zones", network.zones.is_some()), ("nat", network.nat.is_some())];
    rules.without(path, &keys, "`vpc_id`", "the subnets of an existing VPC are taken as they are");
}

fn made(path: &str, range: ipnet::Ipv4Net, network: &Network, rules: &mut Rules<'_>) {
    let at = format!("{path}.cidr");
    let zones = network.zones.unwrap_or(3);
    if !(2..=6).contains(&zones) {
        let hint = "allowed: 2 to 6; an EKS cluster needs two at least";
        rules.value(&format!("{path}.zones"), format!("a network over {zones} zones cannot be made"), hint);
        return;
    }
    if !cidr::check(&at, range, rules) {
        return;
    }
    if !(16..=28).contains(&range.prefix_len()) {
        rules.value(&at, format!("`{range}` is no range for a VPC"), "allowed: /16 to /28");
        return;
    }
    // A public and a private subnet in each zone, all of one size.
    let blocks = (2 * zones).next_power_of_two().trailing_zeros() as u8;
    if range.prefix_len() + blocks > SMALLEST_SUBNET {
        let message = format!("`{range}` is too small for {} subnets", 2 * zones);
        rules.value(&at, message, format!("with {zones} zones /{} at least", SMALLEST_SUBNET - blocks));
    }
}

fn security_groups(path: &str, network: &Network, rules: &mut Rules<'_>) {
    for (name, group) in &network.security_groups {
        let path = format!("{path}.security_groups.{name}");
        if name.is_empty() || name.len() > 255 || name.starts_with("sg-") || !name.is_ascii() {
            let hint = "255 characters at most, not beginning with `sg-`";
            rules.key(&path, format!("`{name}` is no name for a security group"), hint);
        }
        for (i, allow) in group.ingress.iter().enumerate() {
            allowed(&format!("{path}.ingress.{i}"), allow, network, rules);
        }
    }
}

fn allowed(path: &str, allow: &Allow, network: &Network, rules: &mut Rules<'_>) {
    let protocol = allow.protocol.as_deref().unwrap_or("tcp");
    rules.one_of(&format!("{path}.protocol"), "a protocol", protocol, &["tcp", "udp", "all"]);
    rules.without(
        path,
        &[("port", allow.port.is_some() && protocol == "all")],
        "`protocol = \"all\"`",
        "leave one of them out",
    );
    if allow.cidr.is_some() == allow.security_group.is_some() {
        rules.value(
            path,
            "this allows traffic from nowhere, or from two places",
            "write either `cidr` or `security_group`",
        );
    }
    if let Some(range) = allow.cidr {
        cidr::check(&format!("{path}.cidr"), range, rules);
    }
    if let Some(group) = &allow.security_group
        && !group.starts_with("sg-")
    {
        let known: Vec<&str> = network.security_groups.keys().map(String::as_str).collect();
        rules.one_of(&format!("{path}.security_group"), "a security group of this network", group, &known);
    }
}

/// Whether a text is an id of AWS with this prefix.
pub(super) fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}
