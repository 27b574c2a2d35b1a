//! A Gateway: what its controller made of it is told, and waited for when it goes.
//!
//! The AWS Load Balancer Controller writes the ARN of the load balancer into the message of `Programmed`, the Lattice
//! controller the ARN of the service network. The first owns load balancer, target groups and security groups of a
//! Gateway; the second owns nothing of its own.
//!
//! A load balancer keeps its type and its scheme: with another one it has another address too, which the controller
//! only tells later. So the Gateway is made anew; an annotation on it says the scheme.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::manifest::{self, Live, Spec, words};
use super::{Child, Found, FoundOf, Hold, Kind, Readiness, Trial, balancing, origins, strangers, trial};
use crate::cloud::{Absent, CloudResult, Cx, ErrorSort, Named};
use crate::shape::{Shape, Timing};

/// The kind.
pub struct Gateway;

/// How a condition points at the events of its Gateway.
const SEE_EVENTS: &str = "Check Gateway Events";

/// What a Gateway has once it is programmed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The uid of the object.
    pub uid: String,
    /// The hostname that it is reached by; empty where it has none.
    pub address: String,
    /// The load balancer, for an ALB or NLB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_arn: Option<String>,
    /// The hosted zone of the load balancer's own name, for alias records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<String>,
    /// The service network, for Lattice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_network_arn: Option<String>,
}

impl Kind for Gateway {
    const SHAPE: Shape = Shape {
        fixed: &[
            "cluster",
            "manifest.kind",
            "manifest.metadata.name",
            "manifest.metadata.namespace",
            "manifest.metadata.annotations.stack/scheme",
            "manifest.spec.gatewayClassName",
        ],
        open: &["manifest"],
        tries: true,
        leaves: true,
        timing: Timing::of(180, 5, 20),
        ..Shape::managed("gateway", "Gateway", "kubernetes")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let Some(live) = manifest::find(cx, spec).await? else { return Ok(None) };
        let outputs = outputs(cx, spec, &live).await?;
        let readiness = match live.leaving() {
            Some(leaving) => leaving,
            None => explained(cx, spec, &live, readiness(&live)).await?,
        };
        Ok(Some(Found { id: live.id, spec: live.spec, outputs, readiness, owner: live.owner }))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        manifest::apply(cx, spec).await
    }

    async fn update(&self, cx: &Cx, _: &str, _: &Spec, to: &Spec) -> CloudResult<()> {
        manifest::apply(cx, to).await.map(drop)
    }

    async fn try_out(&self, cx: &Cx, to: &Spec) -> CloudResult<Trial<Spec>> {
        trial::try_out(cx, to).await
    }

    async fn delete(&self, cx: &Cx, _: &str, spec: &Spec) -> CloudResult<()> {
        manifest::delete(cx, spec).await
    }

    async fn children(&self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<Child>> {
        balancing::children(cx, spec, balancing::GATEWAY).await
    }

    async fn outlive(&self, cx: &Cx, spec: &Spec, made: &[Child]) -> CloudResult<Vec<String>> {
        balancing::outlive(cx, spec, made).await
    }

    async fn held(&self, cx: &Cx, spec: &Spec, _: &str, outputs: &Json) -> CloudResult<Vec<Hold>> {
        let (Some(arn), Some(_)) = (outputs["load_balancer_arn"].as_str(), spec.cluster.place()) else {
            return Ok(Vec::new());
        };
        let mut holds = origins::of(cx, spec, async { Ok(vec![arn.to_owned()]) }).await?;
        if arn.contains(":loadbalancer/net/") {
            holds.extend(strangers::endpoint_services(cx, arn).await?);
        }
        Ok(holds)
    }

    async fn warned(&self, cx: &Cx, spec: &Spec) -> CloudResult<Option<String>> {
        manifest::warned(cx, spec).await
    }

    async fn release(&self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<String>> {
        manifest::release_bindings(cx, spec, None).await?;
        manifest::release(cx, spec).await
    }

    async fn remains(&self, cx: &Cx, spec: &Spec, outputs: Option<&Outputs>) -> CloudResult<Vec<String>> {
        if outputs.is_some_and(|outputs| outputs.service_network_arn.is_some()) {
            return Ok(Vec::new());
        }
        balancing::left(cx, spec, balancing::GATEWAY).await
    }

    async fn sweep(&self, cx: &Cx, spec: &Spec) -> CloudResult<()> {
        balancing::sweep(cx, spec, balancing::GATEWAY).await
    }
}

fn readiness(live: &Live) -> Readiness {
    if let Some(accepted) = live.condition("Accepted").filter(|accepted| accepted["status"] == "False") {
        return Readiness::Pending(format!("it is not accepted: {}", words(accepted)));
    }
    let generation = live.object["metadata"]["generation"].as_i64().unwrap_or(0);
    match live.condition("Programmed") {
        Some(programmed) if programmed["status"] == "True" => {
            let seen = programmed["observedGeneration"].as_i64().unwrap_or(generation);
            if seen < generation {
                Readiness::Pending("its controller has not seen the last change yet".to_owned())
            } else {
                Readiness::Ready
            }
        }
        Some(programmed) => Readiness::Pending(format!("it is not programmed: {}", words(programmed))),
        None => Readiness::Pending("no controller has seen it yet".to_owned()),
    }
}

/// The load balancer controller tells in events only what it could not make of a Gateway.
async fn explained(cx: &Cx, spec: &Spec, live: &Live, readiness: Readiness) -> CloudResult<Readiness> {
    let Readiness::Pending(why) = &readiness else { return Ok(readiness) };
    if !why.contains(SEE_EVENTS) {
        return Ok(readiness);
    }
    let warned = cx.objects(&spec.cluster).await?.last_warning(&manifest::object(spec)?, &live.uid()).await;
    Ok(match warned {
        Ok(Some(warning)) => Readiness::Pending(format!("it is not accepted: {warning}")),
        Ok(None) => readiness,
        Err(error) if error.sort == ErrorSort::Denied => {
            Readiness::Pending(format!("{why} They cannot be read: {}", error.message))
        }
        Err(error) => return Err(error),
    })
}

/// What the status says, and the load balancer's zone if there is one.
async fn outputs(cx: &Cx, spec: &Spec, live: &Live) -> CloudResult<Outputs> {
    let address = live.object["status"]["addresses"][0]["value"].as_str().unwrap_or_default().to_owned();
    let programmed = live.condition("Programmed").filter(|programmed| programmed["status"] == "True");
    let message = programmed.and_then(|programmed| programmed["message"].as_str()).unwrap_or_default();
    let network = message.strip_prefix("aws-service-network-arn:").map(|arn| arn.trim().to_owned());
    let load_balancer = Some(message.to_owned()).filter(|arn| arn.contains(":loadbalancer/"));
    let zone_id = match &load_balancer {
        Some(arn) => zone(cx, spec, arn).await?,
        None => None,
    };
    Ok(Outputs {
        uid: live.uid(),
        address,
        load_balancer_arn: load_balancer,
        zone_id,
        service_network_arn: network,
    })
}

async fn zone(cx: &Cx, spec: &Spec, arn: &str) -> CloudResult<Option<String>> {
    let operation = "ELBv2.DescribeLoadBalancers";
    let answer =
        balancing::clients(cx, spec).elb.describe_load_balancers().load_balancer_arns(arn).send().await;
    let found = answer.named(operation).or_absent()?;
    let first = found.as_ref().and_then(|answer| answer.load_balancers().first());
    Ok(first.and_then(|one| one.canonical_hosted_zone_id().map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::conformance::{Yard, conforms};
    use crate::kind::lattice_service_network::LatticeServiceNetwork;
    use crate::kind::{AnyKind, Erased, crd_release::CrdRelease};
    use crate::sandbox::kube;

    fn status(condition: &str, message: &str) -> Json {
        json!({
            "addresses": [{ "type": "Hostname", "value": "k8s-a.elb.us-west-2.amazonaws.com" }],
            "conditions": [
                { "type": "Accepted", "status": "True", "reason": "Accepted" },
                { "type": "Programmed", "status": condition, "reason": "Programmed", "message": message, "observedGeneration": 1 },
            ],
        })
    }

    #[tokio::test(start_paused = true)]
    async fn conforms_under_either_controller() {
        for (class, name) in [("alb", "shop"), ("amazon-vpc-lattice", "core")] {
            let yard = Yard::controlled().await;
            let network = json!({ "name": "core", "auth": "NONE" });
            yard.ground.make(&Erased(LatticeServiceNetwork), "network", &network).await;
            let of = |ports: &[u16]| {
                let listener =
                    |port: &u16| json!({ "name": format!("http-{port}"), "protocol": "HTTP", "port": port });
                let listeners: Vec<Json> = ports.iter().map(listener).collect();
                json!({ "cluster": yard.cluster, "manifest": {
                    "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
                    "metadata": { "name": name, "namespace": "default" },
                    "spec": { "gatewayClassName": class, "listeners": listeners },
                }})
            };
            conforms(&yard.ground, &Erased(Gateway), &of(&[80]), &of(&[80, 8080])).await;
            assert_eq!(
                yard.ground.sandbox.world().table("111122223333", "us-west-2", "elb/load-balancer").count(),
                0
            );
        }
    }

    async fn yard() -> (Yard, Json) {
        let yard = Yard::new();
        let crds = json!({
            "cluster": yard.cluster, "release": "gateway-api", "version": "1.6.1",
            "crds": ["gateways.gateway.networking.k8s.io"],
        });
        yard.ground.make(&Erased(CrdRelease), "crds", &crds).await;
        let spec = json!({ "cluster": yard.cluster, "manifest": {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": { "name": "shop", "namespace": "default" },
            "spec": { "gatewayClassName": "alb", "listeners": [{ "name": "http", "protocol": "HTTP", "port": 80 }] },
        }});
        (yard, spec)
    }

    #[tokio::test(start_paused = true)]
    async fn is_ready_when_programmed_and_tells_its_service_network() {
        let (yard, spec) = yard().await;
        let cx = yard.ground.cx("a");
        let kind = Erased(Gateway);
        kind.create(&cx, &spec).await.expect("applied");
        let found = kind.find(&cx, &spec, None).await.expect("answered").expect("there");
        assert!(matches!(found.readiness, Readiness::Pending(_)), "{:?}", found.readiness);
        assert_eq!(found.spec, spec, "defaults of listeners are left out");
        let key = kube::key(&yard.key, "gateway.networking.k8s.io", "gateways", "default", "shop");
        let programmed = status("True", "aws-service-network-arn: arn:aws:vpc-lattice:a");
        kube::change_status(&mut yard.ground.sandbox.world(), &yard.key, &key, programmed);
        let found = kind.find(&cx, &spec, None).await.expect("answered").expect("there");
        assert_eq!(found.readiness, Readiness::Ready);
        assert_eq!(found.outputs["service_network_arn"], "arn:aws:vpc-lattice:a");
        assert_eq!(found.outputs["address"], "k8s-a.elb.us-west-2.amazonaws.com");
    }

    #[tokio::test(start_paused = true)]
    async fn says_what_its_events_warn_of() {
        let (yard, spec) = yard().await;
        let cx = yard.ground.cx("a");
        let kind = Erased(Gateway);
        kind.create(&cx, &spec).await.expect("applied");
        let key = kube::key(&yard.key, "gateway.networking.k8s.io", "gateways", "default", "shop");
        let refused = json!({ "conditions": [{
            "type": "Accepted", "status": "False", "reason": "Invalid",
            "message": "Check Gateway Events for more information.",
        }]});
        kube::change_status(&mut yard.ground.sandbox.world(), &yard.key, &key, refused);
        let seen = async || kind.find(&cx, &spec, None).await.expect("answered").expect("there");
        let Readiness::Pending(why) = seen().await.readiness else { panic!("it is refused") };
        assert!(why.ends_with("Check Gateway Events for more information."), "{why}");
        let uid = seen().await.outputs["uid"].clone();
        for (name, at, about, message) in
            [("a", 5, &uid, "no subnets"), ("b", 1, &uid, "no class"), ("c", 9, &json!("other"), "no hope")]
        {
            let event = json!({
                "apiVersion": "v1", "kind": "Event", "type": "Warning", "message": message,
                "metadata": { "name": name, "namespace": "default" },
                "involvedObject": { "kind": "Gateway", "name": "shop", "namespace": "default", "uid": about },
                "lastTimestamp": format!("2026-01-01T00:00:0{at}Z"),
            });
            let cluster = serde_json::from_value(yard.cluster.clone()).expect("a cluster");
            cx.objects(&cluster).await.expect("reached").apply(&event, false).await.expect("made");
        }
        assert_eq!(seen().await.readiness, Readiness::Pending("it is not accepted: no subnets".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn leaves_slowly_while_a_finalizer_holds_it() {
        let (yard, spec) = yard().await;
        let cx = yard.ground.cx("a");
        let kind = Erased(Gateway);
        let id = kind.create(&cx, &spec).await.expect("applied");
        let key = kube::key(&yard.key, "gateway.networking.k8s.io", "gateways", "default", "shop");
        kube::add_finalizer(&mut yard.ground.sandbox.world(), &yard.key, &key, "gateway.k8s.aws/alb");
        kind.delete(&cx, &id, &spec).await.expect("asked");
        let found = kind.find(&cx, &spec, None).await.expect("answered").expect("there");
        let Readiness::Leaving(why) = found.readiness else { panic!("{:?}", found.readiness) };
        assert!(why.contains("gateway.k8s.aws/alb"), "{why}");
        kube::drop_finalizer(&mut yard.ground.sandbox.world(), &yard.key, &key, "gateway.k8s.aws/alb");
        assert_eq!(kind.find(&cx, &spec, None).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_that_the_rules_forbid_is_refused() {
        let (yard, mut spec) = yard().await;
        spec["manifest"]["spec"]["listeners"][0]["tls"] =
            json!({ "mode": "Terminate", "options": { "a": "b" } });
        let error = Erased(Gateway).create(&yard.ground.cx("a"), &spec).await.expect_err("HTTP has no TLS");
        assert_eq!(error.sort, ErrorSort::Invalid);
        assert!(error.message.contains("tls must not be specified"), "{error}");
    }
}
