//! A VPC Lattice service network, with its auth policy and access logs.
//!
//! Quirks: a policy on a network without IAM auth is kept but inactive; CloudWatch tells log groups with `:*` at the
//! end; a network cannot go while a VPC or service is associated with it.

use std::collections::BTreeSet;

use aws_sdk_vpclattice::operation::get_service_network::GetServiceNetworkOutput;
use aws_sdk_vpclattice::types::AuthType;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Found, FoundOf, Hold, Kind, Readiness, lattice_users};
use crate::cloud::{
    Absent, CloudResult, Cx, ErrorSort, Named, Tags, lattice_tags, policy, retag_lattice, split_tags,
};
use crate::shape::{Recovery, Shape};

/// The kind.
pub struct LatticeServiceNetwork;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    name: String,
    /// `NONE` or `AWS_IAM`.
    auth: String,
    /// A policy document.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Json>,
    /// ARNs of log groups, buckets and delivery streams.
    #[serde(default)]
    access_logs: BTreeSet<String>,
    #[serde(default)]
    tags: Tags,
}

/// What the cloud gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    id: String,
    arn: String,
}

impl Kind for LatticeServiceNetwork {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Token,
        fixed: &["name"],
        sets: &["access_logs"],
        ..Shape::managed("lattice_service_network", "Lattice service network", "vpc-lattice")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let id = match id {
            Some(id) => Some(id.to_owned()),
            None => by_name(cx, &spec.name).await?,
        };
        let Some(id) = id else { return Ok(None) };
        let call = cx.clients().lattice.get_service_network().service_network_identifier(id);
        let network = call.send().await.named("VPC Lattice.GetServiceNetwork").or_absent()?;
        match network {
            Some(network) => found(cx, spec, network).await.map(Some),
            None => Ok(None),
        }
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let call = cx.clients().lattice.create_service_network().name(&spec.name);
        let call = call.auth_type(AuthType::from(spec.auth.as_str())).client_token(cx.token());
        let call = call.set_tags(Some(cx.tags(&spec.tags).into_iter().collect()));
        let answer = call.send().await.named("VPC Lattice.CreateServiceNetwork");
        let answer = answer.map_err(|error| match error.code.as_str() {
            "ConflictException" => error.meaning(ErrorSort::Exists),
            _ => error,
        })?;
        Ok(answer.id.unwrap_or_default())
    }

    /// A policy is there before it is needed, and goes when it is not needed any more.
    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        if let Some(policy) = to.policy.as_ref().filter(|policy| from.policy.as_ref() != Some(policy)) {
            let call = cx.clients().lattice.put_auth_policy().resource_identifier(id);
            call.policy(policy.to_string()).send().await.named("VPC Lattice.PutAuthPolicy")?;
        }
        if from.auth != to.auth {
            let call = cx.clients().lattice.update_service_network().service_network_identifier(id);
            let call = call.auth_type(AuthType::from(to.auth.as_str()));
            call.send().await.named("VPC Lattice.UpdateServiceNetwork")?;
        }
        if from.policy.is_some() && to.policy.is_none() {
            let call = cx.clients().lattice.delete_auth_policy().resource_identifier(id);
            call.send().await.named("VPC Lattice.DeleteAuthPolicy").or_absent()?;
        }
        update_logs(cx, id, &to.access_logs).await?;
        if from.tags != to.tags {
            let call = cx.clients().lattice.get_service_network().service_network_identifier(id);
            let network = call.send().await.named("VPC Lattice.GetServiceNetwork")?;
            retag_lattice(&cx.clients(), &network.arn.unwrap_or_default(), &from.tags, &to.tags).await?;
        }
        Ok(())
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        let call = cx.clients().lattice.delete_service_network().service_network_identifier(id);
        call.send().await.named("VPC Lattice.DeleteServiceNetwork").or_absent().map(drop)
    }

    async fn held(&self, cx: &Cx, _: &Spec, id: &str, _: &Json) -> CloudResult<Vec<Hold>> {
        lattice_users::of_network(&cx.clients(), id).await
    }
}

async fn by_name(cx: &Cx, name: &str) -> CloudResult<Option<String>> {
    let mut pages = cx.clients().lattice.list_service_networks().into_paginator().items().send();
    while let Some(network) = pages.next().await {
        let network = network.named("VPC Lattice.ListServiceNetworks")?;
        if network.name() == Some(name) {
            return Ok(network.id);
        }
    }
    Ok(None)
}

async fn found(
    cx: &Cx,
    wanted: &Spec,
    network: GetServiceNetworkOutput,
) -> CloudResult<FoundOf<LatticeServiceNetwork>> {
    let (id, arn) = (network.id.unwrap_or_default(), network.arn.unwrap_or_default());
    let (tags, owner) = split_tags(lattice_tags(&cx.clients(), &arn).await?);
    let told = logs(cx, &id).await?.into_iter().map(|(destination, _)| destination);
    let spec = Spec {
        name: network.name.unwrap_or_default(),
        auth: network.auth_type.map_or_else(|| "NONE".to_owned(), |auth| auth.as_str().to_owned()),
        policy: auth_policy(cx, &id, wanted.policy.as_ref()).await?,
        access_logs: told.map(|told| as_wanted(told, &wanted.access_logs)).collect(),
        tags,
    };
    Ok(Found { id: id.clone(), spec, outputs: Outputs { id, arn }, readiness: Readiness::Ready, owner })
}

/// The live policy; word for word the wanted one if it says the same.
async fn auth_policy(cx: &Cx, id: &str, wanted: Option<&Json>) -> CloudResult<Option<Json>> {
    let call = cx.clients().lattice.get_auth_policy().resource_identifier(id);
    let answer = call.send().await.named("VPC Lattice.GetAuthPolicy").or_absent()?;
    let text = answer.and_then(|answer| answer.policy).filter(|text| !text.is_empty());
    let Some(text) = text else { return Ok(None) };
    let live: Json = serde_json::from_str(&text).unwrap_or(Json::String(text));
    Ok(Some(policy::told(wanted, live)))
}

/// The destinations of a network with the ids of their subscriptions.
async fn logs(cx: &Cx, id: &str) -> CloudResult<Vec<(String, String)>> {
    let call = cx.clients().lattice.list_access_log_subscriptions().resource_identifier(id);
    let mut pages = call.into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(one) = pages.next().await {
        let one = one.named("VPC Lattice.ListAccessLogSubscriptions")?;
        all.push((one.destination_arn, one.id));
    }
    Ok(all)
}

fn bare(arn: &str) -> &str {
    arn.trim_end_matches(":*")
}

/// A destination in the words of the file where these mean the same.
fn as_wanted(told: String, wanted: &BTreeSet<String>) -> String {
    let same = wanted.iter().find(|wanted| bare(wanted) == bare(&told));
    same.cloned().unwrap_or_else(|| bare(&told).to_owned())
}

async fn update_logs(cx: &Cx, id: &str, wanted: &BTreeSet<String>) -> CloudResult<()> {
    let live = logs(cx, id).await?;
    for (destination, subscription) in &live {
        if !wanted.iter().any(|wanted| bare(wanted) == bare(destination)) {
            let call = cx.clients().lattice.delete_access_log_subscription();
            let call = call.access_log_subscription_identifier(subscription);
            call.send().await.named("VPC Lattice.DeleteAccessLogSubscription").or_absent()?;
        }
    }
    for destination in wanted {
        if !live.iter().any(|(told, _)| bare(told) == bare(destination)) {
            let call = cx.clients().lattice.create_access_log_subscription().resource_identifier(id);
            let call = call.destination_arn(destination);
            call.send().await.named("VPC Lattice.CreateAccessLogSubscription")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Erased;
    use super::super::conformance::{Ground, conforms};
    use super::*;
    use crate::kind::AnyKind;

    fn policy(action: Json) -> Json {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*"},
        ]})
    }

    #[tokio::test(start_paused = true)]
    async fn conforms_to_the_contract() {
        let log = "arn:aws:logs:us-west-2:111122223333:log-group:lattice";
        let first = json!({"name": "core", "auth": "AWS_IAM", "policy": policy(json!("vpc-lattice-svcs:Invoke")),
            "access_logs": [log], "tags": {"team": "a"}});
        let second = json!({"name": "core", "auth": "NONE", "access_logs": ["arn:aws:s3:::logs"],
            "tags": {"other": "b"}});
        conforms(&Ground::new(), &Erased(LatticeServiceNetwork), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_leaves_the_file_is_taken_back() {
        let ground = Ground::new();
        let kind = Erased(LatticeServiceNetwork);
        let full = json!({"name": "core", "auth": "AWS_IAM", "policy": policy(json!("a:a")),
            "access_logs": ["arn:aws:s3:::logs"], "tags": {"team": "a"}});
        let plain = json!({"name": "core", "auth": "NONE", "access_logs": [], "tags": {}});
        let made = ground.make(&kind, "a", &full).await;
        assert_eq!(made.spec, full);
        let cx = ground.cx("a");
        kind.update(&cx, &made.id, &full, &plain).await.expect("it is updated");
        let found = kind.find(&cx, &plain, Some(&made.id)).await.expect("it answers").expect("it is there");
        assert_eq!(found.spec, plain);
    }

    #[tokio::test(start_paused = true)]
    async fn an_equal_policy_is_told_in_the_words_of_the_file() {
        let ground = Ground::new();
        let kind = Erased(LatticeServiceNetwork);
        let wanted = |action| json!({"name": "core", "auth": "AWS_IAM", "policy": policy(action)});
        let made = ground.make(&kind, "a", &wanted(json!(["b:b", "a:a"]))).await;
        let reworded = wanted(json!(["a:a", "b:b"]));
        let found = kind.find(&ground.cx("a"), &reworded, Some(&made.id)).await.expect("it answers");
        assert_eq!(found.expect("it is there").spec["policy"], reworded["policy"]);
        let other = wanted(json!("a:a"));
        let found = kind.find(&ground.cx("a"), &other, Some(&made.id)).await.expect("it answers");
        assert_ne!(found.expect("it is there").spec["policy"], other["policy"]);
    }
}
