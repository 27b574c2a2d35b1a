//! The names that the controllers give to what they make in AWS.

use sha2::{Digest, Sha256};

/// What the load balancer controller calls things: `k8s-`, eight characters of namespace and name without all but
/// letters and digits, ten hexadecimal digits of a hash.
pub(super) fn hashed(namespace: &str, name: &str, hash: &[&str]) -> String {
    format!("k8s-{}-{}-{}", plain(namespace, 8), plain(name, 8), digest(hash))
}

/// What it calls things of a group of Ingresses that has a name of its own.
pub(super) fn of_group(group: &str, hash: &[&str]) -> String {
    format!("k8s-{}-{}", plain(group, 17), digest(hash))
}

/// The first `most` letters and digits.
fn plain(text: &str, most: usize) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(most).collect()
}

/// The first ten hexadecimal digits of the SHA-256 of the parts, one after the other.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

/// Of the load balancer of a Gateway.
pub(super) fn load_balancer(cluster: &str, namespace: &str, name: &str, uid: &str, scheme: &str) -> String {
    hashed(namespace, name, &[cluster, uid, scheme])
}

/// Of the security group in front of it.
pub(super) fn frontend_group(cluster: &str, namespace: &str, name: &str, uid: &str) -> String {
    hashed(namespace, name, &[cluster, name, namespace, uid])
}

/// Of the security group that all load balancers of a cluster reach its nodes with.
pub(super) fn backend_group(cluster: &str) -> String {
    format!("k8s-traffic-{}-{}", plain(cluster, 232), digest(&[cluster]))
}

/// What a target group is for.
pub(super) struct GroupName<'a> {
    pub cluster: &'a str,
    /// Namespace and name.
    pub gateway: (&'a str, &'a str),
    /// Namespace and name.
    pub route: (&'a str, &'a str),
    /// `HTTPRoute`.
    pub route_kind: &'a str,
    /// Namespace and name.
    pub service: (&'a str, &'a str),
    /// The node port, or the port of the pods.
    pub port: &'a str,
    /// `instance` or `ip`.
    pub target_type: &'a str,
    pub protocol: &'a str,
    /// None behind a network load balancer.
    pub version: Option<&'a str>,
}

/// Of a target group.
pub(super) fn target_group(of: &GroupName<'_>) -> String {
    let GroupName { cluster, gateway, route, route_kind, service, port, target_type, protocol, version } = of;
    let hash = [
        cluster,
        gateway.0,
        gateway.1,
        route.0,
        route.1,
        route_kind,
        service.0,
        service.1,
        port,
        target_type,
        protocol,
        version.unwrap_or_default(),
    ];
    hashed(route.0, route.1, &hash)
}

/// `most` characters without hyphens at the ends, as the Lattice controller cuts names.
fn cut(text: &str, most: usize) -> &str {
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    text[..end].trim_matches('-')
}

/// Of the Lattice service of a route.
pub(super) fn lattice_service(route: &str, namespace: &str) -> String {
    format!("{}-{}", cut(route, 20), cut(namespace, 18))
}

/// Of a listener of it.
pub(super) fn lattice_listener(route: &str, namespace: &str, port: i64, protocol: &str) -> String {
    let protocol = match protocol {
        "TLS_PASSTHROUGH" => "tls".to_owned(),
        other => other.to_lowercase(),
    };
    format!("{}-{port}-{protocol}", lattice_service(route, namespace))
}

/// Of a rule of it.
pub(super) fn lattice_rule(created: i64, priority: usize) -> String {
    format!("k8s-{created}-rule-{priority}")
}

/// Of a target group; `random` is ten letters that nothing tells beforehand.
pub(super) fn lattice_target_group(namespace: &str, service: &str, random: &str) -> String {
    format!("k8s-{}-{}-{random}", cut(namespace, 55), cut(service, 55))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The digits are what `printf <parts> | sha256sum` says.
    #[test]
    fn names_end_in_the_digits_of_their_hash() {
        assert_eq!(
            load_balancer("edge", "eks-gateway-demo", "shop", "uid-1", "internet-facing"),
            "k8s-eksgatew-shop-0576ba0689"
        );
        assert_eq!(
            frontend_group("edge", "eks-gateway-demo", "shop", "uid-1"),
            "k8s-eksgatew-shop-3676f340a8"
        );
        assert_eq!(backend_group("apps-a"), "k8s-traffic-appsa-e5d8d4eb6f");
        assert_eq!(
            load_balancer("edge", "team-a", "web", "team-a/web", "internal"),
            "k8s-teama-web-eef211a688"
        );
        assert_eq!(
            of_group("the-whole-storefront", &["edge", "the-whole-storefront", "internal"]),
            "k8s-thewholestorefron-89bd637b75"
        );
        let group = GroupName {
            cluster: "edge",
            gateway: ("eks-gateway-demo", "shop"),
            route: ("shop", "shop-route"),
            route_kind: "HTTPRoute",
            service: ("shop", "shop"),
            port: "8080",
            target_type: "ip",
            protocol: "HTTP",
            version: Some("HTTP1"),
        };
        assert_eq!(target_group(&group), "k8s-shop-shoprout-f82a03c3b6");
    }

    #[test]
    fn lattice_names_are_cut_without_hyphens_at_the_end() {
        assert_eq!(lattice_service("inventory", "apps"), "inventory-apps");
        assert_eq!(
            lattice_service("a-very-long-route-n-ame", "a-namespace-of-len-gth"),
            "a-very-long-route-n-a-namespace-of-len"
        );
        assert_eq!(lattice_listener("cart", "shop", 443, "HTTPS"), "cart-shop-443-https");
        assert_eq!(lattice_listener("cart", "shop", 443, "TLS_PASSTHROUGH"), "cart-shop-443-tls");
        assert_eq!(lattice_rule(1_700_000_000, 2), "k8s-1700000000-rule-2");
        assert_eq!(lattice_target_group("shop", "cart-v1", "abcdefghij"), "k8s-shop-cart-v1-abcdefghij");
    }
}
