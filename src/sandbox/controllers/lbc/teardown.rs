//! Takes away what a Gateway made: load balancer, bindings, target groups, security group, and the shared security
//! group with the last of them. Each call goes as far as it can.

use serde_json::Value as Json;

use super::super::cluster::{Cluster, list};
use super::super::process::Process;
use super::deploy::{bindings, drop_balancer, drop_targets, owned};
use super::stack::Stack;
use super::{security, stack_id};
use crate::sandbox::world::Doc;

/// `Ok` once nothing is left. An error without words means: wait.
pub(super) fn teardown(
    cluster: &mut Cluster<'_>,
    process: &Process,
    stack: &Stack,
    gateway: &Doc,
    merged: &Json,
) -> Result<(), String> {
    let protects = |one: &Json| one["key"] == "deletion_protection.enabled" && one["value"] == "true";
    if list(&merged["loadBalancerAttributes"]).iter().any(protects) {
        return Err(format!(
            "Unable to delete gateway {} because deletion protection is enabled.",
            stack_id(gateway)
        ));
    }
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
    security::release_backend(cluster, process, stack).map_err(|_| String::new())
}
