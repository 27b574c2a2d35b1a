//! What CloudFront fetches from load balancers that are not open to the internet: a VPC origin keeps interfaces in the
//! subnets of the one that it is about, and serves nobody once that is gone. Not a kind.

use serde_json::{Value as Json, json};

use super::manifest::Spec;
use super::{Effect, Hold, balancing};
use crate::cloud::ec2::text;
use crate::cloud::{Clients, CloudResult, Cx, home};

/// Where an Ingress, a Service and a Gateway say whether their load balancer is open to the internet.
const SCHEMES: [&str; 3] = [
    "alb.ingress.kubernetes.io/scheme",
    "service.beta.kubernetes.io/aws-load-balancer-scheme",
    "stack/scheme",
];

/// Whether a load balancer of an object may be the origin of somebody. CloudFront is in the commercial regions only.
fn may_be(spec: &Spec) -> bool {
    let notes = &spec.manifest["metadata"]["annotations"];
    let is_open = SCHEMES.iter().any(|note| notes[*note] == "internet-facing");
    let place = spec.cluster.place();
    !is_open && place.is_some_and(|place| home(&place.region) == "us-east-1")
}

/// The VPC origins that the load balancers of an object are for. `balancers` is asked only if there are any at all.
pub(super) async fn of(
    cx: &Cx,
    spec: &Spec,
    balancers: impl Future<Output = CloudResult<Vec<String>>>,
) -> CloudResult<Vec<Hold>> {
    if !may_be(spec) {
        return Ok(Vec::new());
    }
    let place = spec.cluster.place().unwrap_or_else(|| cx.place().clone());
    let clients = balancing::clients(cx, spec);
    let question = format!("VPC origins of {}", place.account.as_deref().unwrap_or("the account"));
    let all = match cx.cloud().once(&question, || all(clients)).await {
        Ok(all) => all,
        Err(error) => {
            let what =
                format!("whether a CloudFront VPC origin sends to its load balancer is not known: {error}");
            return Ok(vec![Hold { what, of: Vec::new(), effect: Effect::Delays }]);
        }
    };
    let all = all.as_array().map_or(&[][..], Vec::as_slice);
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let balancers = balancers.await?;
    let to_them = all.iter().filter(|origin| balancers.contains(&text(origin, "OriginEndpointArn")));
    Ok(to_them.map(hold).collect())
}

async fn all(clients: Clients) -> CloudResult<Json> {
    clients.cloudfront.vpc_origins().await.map(|all| json!(all))
}

fn hold(origin: &Json) -> Hold {
    let (id, name, arn) = (text(origin, "Id"), text(origin, "Name"), text(origin, "OriginEndpointArn"));
    let balancer = arn.rsplit_once(":loadbalancer/").map_or(arn.as_str(), |(_, name)| name);
    let what = format!(
        "CloudFront VPC origin {id} ({name}) sends to its load balancer {balancer}: take it out of its distributions, \
         then `aws cloudfront delete-vpc-origin --id {id}`"
    );
    Hold { what, of: vec![id], effect: Effect::Blocks }
}
