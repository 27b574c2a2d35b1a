//! Policies that put the VPC of a cluster into the service network of a Gateway.

use serde_json::{Value as Json, json};

use super::super::Wake;
use super::super::cluster::{Cluster, GATEWAY, Sort, deleting, held, namespace, text};
use super::super::condition::{Condition, set_in};
use super::gateways::service_network;
use super::{Owner, RETRY, controls, tag};
use crate::sandbox::aws::lattice::call;
use crate::sandbox::world::Doc;

const POLICY: Sort = Sort("application-networking.k8s.aws", "vpcassociationpolicies");
const FINALIZER: &str = "vpcassociationpolicies.application-networking.k8s.aws/resources";

/// Reconciles all policies.
pub(super) fn pass(cluster: &mut Cluster<'_>, owner: &Owner, wake: &mut Wake) {
    for policy in cluster.objects(POLICY) {
        let target = text(&policy["spec"]["targetRef"], "name").to_owned();
        let gateway = cluster.object(GATEWAY, namespace(&policy), &target);
        if !deleting(&policy) && !gateway.is_some_and(|gateway| controls(cluster, &gateway)) {
            tell(cluster, &policy, "False", "TargetNotFound");
            continue;
        }
        // Without its service network a policy is not looked at again, not even to let it go.
        let Some((network, _)) = service_network(cluster, &target) else { continue };
        let wanted = !deleting(&policy) && policy["spec"]["associateWithVpc"] != false;
        let done = match wanted {
            true => associate(cluster, owner, &policy, &network),
            false => dissociate(cluster, owner, &policy, &network),
        };
        if !done {
            wake.within(RETRY);
        }
    }
}

/// The association of the cluster's VPC with a service network.
fn association(cluster: &Cluster<'_>, owner: &Owner, network: &str) -> Option<Doc> {
    let all = cluster.here.list("lattice/vpc-association").into_iter();
    let mut own = all.filter(|doc| doc["serviceNetworkId"] == network && doc["vpcId"] == owner.vpc.as_str());
    own.next()
}

/// Makes the association; says whether it is active.
fn associate(cluster: &mut Cluster<'_>, owner: &Owner, policy: &Doc, network: &str) -> bool {
    let Some(policy) = cluster.hold(POLICY, policy, FINALIZER) else { return true };
    let groups = policy["spec"]["securityGroupIds"].clone();
    let groups = if groups.is_array() { groups } else { json!([]) };
    let Some(there) = association(cluster, owner, network) else {
        let input = json!({
            "serviceNetworkIdentifier": network,
            "vpcIdentifier": owner.vpc,
            "securityGroupIds": groups,
            "tags": owner.tags(),
        });
        if call(&mut cluster.here, "CreateServiceNetworkVpcAssociation", &input).is_err() {
            tell(cluster, &policy, "False", "Conflicted");
        }
        return false;
    };
    if !owner.owns(&there) {
        tell(cluster, &policy, "False", "Conflicted");
        return true;
    }
    if there["status"] != "ACTIVE" {
        return false;
    }
    let arn = there["arn"].clone();
    let told = cluster.change(POLICY, &policy, |policy| {
        policy["metadata"]["annotations"][tag("resourceArn")] = arn;
    });
    if let Some(policy) = told {
        tell(cluster, &policy, "True", "Accepted");
    }
    true
}

/// Takes the association away, and the finalizer once it is gone; one of somebody else stays.
fn dissociate(cluster: &mut Cluster<'_>, owner: &Owner, policy: &Doc, network: &str) -> bool {
    if let Some(there) = association(cluster, owner, network).filter(|there| owner.owns(there)) {
        let input = json!({ "serviceNetworkVpcAssociationIdentifier": there["id"] });
        // One that is coming or going is asked again later.
        call(&mut cluster.here, "DeleteServiceNetworkVpcAssociation", &input).ok();
        return false;
    }
    if held(policy, FINALIZER) && deleting(policy) {
        cluster.release(POLICY, policy, FINALIZER);
    }
    true
}

fn tell(cluster: &mut Cluster<'_>, policy: &Doc, status: &str, reason: &str) {
    let now = cluster.here.world.timestamp();
    let said = Condition { kind: "Accepted", status, reason, message: "" };
    cluster.change(POLICY, policy, |policy: &mut Json| set_in(policy, &said, &now));
}
