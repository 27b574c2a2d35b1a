//! The listeners of a Gateway: unique, with the certificates they need, of protocols their class has.

use std::collections::HashMap;

use super::super::model::{Class, Gateway, Listener, Protocol};
use super::{Rules, gateways, hostname, name};

/// Checks the listeners of one Gateway.
pub(super) fn check(path: &str, gateway: &Gateway, rules: &mut Rules<'_>) {
    if gateway.listeners.is_empty() {
        let hint = "add `listeners = [{ name = \"http\", protocol = \"HTTP\", port = 80 }]`";
        rules.key(path, "a Gateway without listeners serves nothing", hint);
    }
    let mut names: HashMap<&str, String> = HashMap::new();
    let mut ports: HashMap<(u16, &str, Option<&str>), String> = HashMap::new();
    for (i, listener) in gateway.listeners.iter().enumerate() {
        let at = format!("{path}.listeners.{i}");
        name::label(&format!("{at}.name"), "a listener", &listener.name, rules);
        if let Some(first) = names.insert(&listener.name, format!("{at}.name")) {
            let message = format!("two listeners are called `{}`", listener.name);
            rules.pair(
                &first,
                &format!("{at}.name"),
                message,
                "routes choose listeners by name: give each its own",
            );
        }
        let word = word(listener.protocol);
        if let Some(first) =
            ports.insert((listener.port, word, listener.hostname.as_deref()), format!("{at}.port"))
        {
            let message = "two listeners have the same port, protocol and hostname";
            rules.pair(&first, &format!("{at}.port"), message, "one of the three must differ");
        }
        protocol(&at, gateway.class, listener, rules);
        host(&at, gateway.class, listener, rules);
        certificate(&at, path, gateway, listener, rules);
    }
}

fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "HTTP",
        Protocol::Https => "HTTPS",
        Protocol::Tls => "TLS",
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

fn protocol(at: &str, class: Class, listener: &Listener, rules: &mut Rules<'_>) {
    let (what, allowed): (_, &[&str]) = match class {
        Class::Alb => ("a protocol of an ALB", &["HTTP", "HTTPS"]),
        Class::Nlb => ("a protocol of an NLB", &["TCP", "UDP", "TLS"]),
        Class::Lattice => ("a protocol of Lattice", &["HTTP", "HTTPS", "TLS"]),
    };
    rules.one_of(&format!("{at}.protocol"), what, word(listener.protocol), allowed);
}

fn host(at: &str, class: Class, listener: &Listener, rules: &mut Rules<'_>) {
    let Some(name) = &listener.hostname else { return };
    let at = format!("{at}.hostname");
    if class == Class::Lattice {
        rules.value(
            &at,
            "a Lattice listener has no hostname",
            "leave it out: the `hostnames` of the routes say it",
        );
    } else if matches!(listener.protocol, Protocol::Tcp | Protocol::Udp) {
        rules.value(&at, "TCP and UDP know no hostnames", "leave it out");
    } else {
        hostname::check(&at, name, rules);
    }
}

fn certificate(at: &str, path: &str, gateway: &Gateway, listener: &Listener, rules: &mut Rules<'_>) {
    let encrypted = matches!(listener.protocol, Protocol::Https | Protocol::Tls);
    let Some(key) = &listener.certificate else {
        if encrypted && gateway.class != Class::Lattice {
            let message =
                format!("the {} listener `{}` has no certificate", word(listener.protocol), listener.name);
            rules.value(at, message, "add `certificate = \"…\"`, a key of `[certificates]`");
        }
        return;
    };
    let at = format!("{at}.certificate");
    if !encrypted {
        let hint = "write `protocol = \"HTTPS\"`, or leave the certificate out";
        return rules.value(&at, format!("a {} listener has no certificate", word(listener.protocol)), hint);
    }
    let Some(certificate) = rules.stack.certificates.get(key) else { return };
    let names: Vec<&String> = certificate.domain.iter().chain(&certificate.alternative_names).collect();
    if let Some(host) = &listener.hostname
        && !names.is_empty()
        && !names.iter().any(|name| hostname::certifies(name, host))
    {
        rules.value(
            &at,
            format!("the certificate `{key}` is not for `{host}`"),
            format!("add it to `alternative_names` of `[certificates.{key}]`"),
        );
    }
    let there = rules.place(certificate.account.as_deref(), certificate.region.as_deref());
    for (_, cluster) in gateways::clusters(path, gateway) {
        let here = rules.stack.clusters.get(cluster).map(|cluster| rules.cluster_place(cluster));
        if here.is_some_and(|here| here != there) {
            let message = format!(
                "the certificate `{key}` is in another account or region than the cluster `{cluster}`"
            );
            return rules.value(
                &at,
                message,
                "a certificate serves load balancers of its own account and region",
            );
        }
    }
}
