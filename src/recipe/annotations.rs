//! The annotations by which Ingresses and Services tell the AWS Load Balancer Controller what they want.

/// Those with the attributes of a load balancer: of an Ingress, and of a Service.
pub const ATTRIBUTES: [&str; 2] = [
    "alb.ingress.kubernetes.io/load-balancer-attributes",
    "service.beta.kubernetes.io/aws-load-balancer-attributes",
];
/// That with the name of the group of Ingresses that share a load balancer.
pub const GROUP: &str = "alb.ingress.kubernetes.io/group.name";

/// The attributes of a load balancer without its protection from being deleted, if they protect it.
pub fn unprotected(attributes: &str) -> Option<String> {
    let pair =
        |one: &str| one.split_once('=').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
    let protects = |one: &str| {
        pair(one).is_some_and(|(key, value)| key == "deletion_protection.enabled" && value == "true")
    };
    let all: Vec<&str> = attributes.split(',').collect();
    if !all.iter().any(|one| protects(one)) {
        return None;
    }
    let lifted =
        all.iter().map(|one| if protects(one) { "deletion_protection.enabled=false" } else { one.trim() });
    Some(lifted.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_protection_is_lifted() {
        let lifted = unprotected("idle_timeout.timeout_seconds=60, deletion_protection.enabled = true");
        assert_eq!(
            lifted.as_deref(),
            Some("idle_timeout.timeout_seconds=60,deletion_protection.enabled=false")
        );
        assert_eq!(unprotected("deletion_protection.enabled=false"), None);
        assert_eq!(unprotected(""), None);
    }
}
