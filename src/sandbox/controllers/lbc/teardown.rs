//! Takes away what was made of a Gateway, an Ingress or a Service: load balancer, bindings, target groups, security
//! group, and the shared security group with the last of them. Each call goes as far as it can.

use serde_json::Value as Json;

use super::super::cluster::{Cluster, list};
use super::super::process::Process;
use super::deploy::{bindings, drop_balancer, drop_targets, owned};
use super::security;
use super::stack::Stack;

/// Whether a configuration keeps its load balancer from being deleted.
pub(super) fn is_protected(merged: &Json) -> bool {
    let protects = |one: &Json| one["key"] == "deletion_protection.enabled" && one["value"] == "true";
    list(&merged["loadBalancerAttributes"]).iter().any(protects)
}

/// `Ok` once nothing is left. An error without words means: wait.
pub(super) fn teardown(
    cluster: &mut Cluster<'_>,
    process: &Process,
    stack: &Stack,
    users: &[String],
) -> Result<(), String> {
    for balancer in owned(cluster, stack, "elb/load-balancer") {
        drop_balancer(cluster, &balancer).map_err(|refusal| refusal.message)?;
    }
    drop_targets(cluster, stack, &[]).map_err(|refusal| refusal.message)?;
    if !bindings(cluster, stack).is_empty() || !owned(cluster, stack, "elb/target-group").is_empty() {
        return Err(String::new());
    }
    for group in security::frontends(cluster, stack) {
        security::delete(cluster, &group).map_err(|_| String::new())?;
    }
    security::release_backend(cluster, process, users).map_err(|_| String::new())
}
