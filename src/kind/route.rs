//! A route of a Gateway: HTTPRoute, GRPCRoute, TLSRoute, TCPRoute or UDPRoute.
//!
//! The Lattice controller makes a Lattice service of it and writes its name and ARN into annotations; the AWS Load
//! Balancer Controller makes rules and target groups, which go with the Gateway or soon after the route.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::manifest::{self, Live, Spec, condition, words};
use super::{Child, Found, FoundOf, Kind, Readiness, Trial, lattice_traces, trial};
use crate::cloud::{Absent, Clients, CloudResult, Cx, Named};
use crate::shape::{Shape, Timing};

/// The kind.
pub struct Route;

/// Where the Lattice controller writes the name of the service.
const DOMAIN: &str = "application-networking.k8s.aws/lattice-assigned-domain-name";
/// How the Lattice controller calls itself in the status.
const LATTICE: &str = "application-networking.k8s.aws/gateway-api-controller";
/// Where it writes the ARN.
const ARN: &str = "application-networking.k8s.aws/lattice-service-arn";

/// What a route has once it is accepted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// The uid of the object.
    pub uid: String,
    /// The name that Lattice gave its service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_name: Option<String>,
    /// The hosted zone of that name, for alias records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosted_zone_id: Option<String>,
    /// The Lattice service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_arn: Option<String>,
}

impl Kind for Route {
    const SHAPE: Shape = Shape {
        fixed: &["cluster", "manifest.kind", "manifest.metadata.name", "manifest.metadata.namespace"],
        open: &["manifest"],
        tries: true,
        leaves: true,
        timing: Timing::of(60, 5, 15),
        ..Shape::managed("route", "route", "kubernetes")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let Some(live) = manifest::find(cx, spec).await? else { return Ok(None) };
        let outputs = outputs(cx, spec, &live).await?;
        let readiness = live.leaving().unwrap_or_else(|| readiness(&live));
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
        Ok(lattice_traces::find(&clients(cx, spec), spec).await?.children())
    }

    async fn outlive(&self, cx: &Cx, spec: &Spec, made: &[Child]) -> CloudResult<Vec<String>> {
        lattice_traces::outlive(&clients(cx, spec), made).await
    }

    async fn warned(&self, cx: &Cx, spec: &Spec) -> CloudResult<Option<String>> {
        manifest::warned(cx, spec).await
    }

    async fn release(&self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<String>> {
        manifest::release(cx, spec).await
    }

    async fn remains(&self, cx: &Cx, spec: &Spec, _: Option<&Outputs>) -> CloudResult<Vec<String>> {
        Ok(lattice_traces::find(&clients(cx, spec), spec).await?.words())
    }

    async fn sweep(&self, cx: &Cx, spec: &Spec) -> CloudResult<()> {
        let clients = clients(cx, spec);
        lattice_traces::sweep(&clients, &lattice_traces::find(&clients, spec).await?).await
    }
}

fn clients(cx: &Cx, spec: &Spec) -> Clients {
    spec.cluster.place().map_or_else(|| cx.clients(), |place| cx.cloud().clients(&place))
}

/// Every parent must have accepted it and found what it refers to, at its last generation. What is still told of a
/// parent that it had before says nothing.
fn readiness(live: &Live) -> Readiness {
    let wanted = list(&live.object["spec"]["parentRefs"]);
    let parents = list(&live.object["status"]["parents"]).iter();
    let is_wanted = |one: &&Json| wanted.iter().any(|parent| is_same_parent(parent, &one["parentRef"]));
    let parents: Vec<&Json> = parents.filter(is_wanted).collect();
    if parents.len() < wanted.len() || parents.is_empty() {
        return Readiness::Pending("no controller has accepted it yet".to_owned());
    }
    let generation = live.object["metadata"]["generation"].as_i64().unwrap_or(0);
    for parent in parents {
        for kind in ["Accepted", "ResolvedRefs"] {
            match condition(&parent["conditions"], kind) {
                Some(found) if found["status"] == "True" => {
                    if found["observedGeneration"].as_i64().is_some_and(|seen| seen < generation) {
                        return Readiness::Pending(
                            "its controller has not seen the last change yet".to_owned(),
                        );
                    }
                }
                Some(found) => return Readiness::Pending(format!("{kind} does not hold: {}", words(found))),
                None => return Readiness::Pending(format!("its parent has not said {kind} yet")),
            }
        }
    }
    if is_lattice(live) && annotation(live, DOMAIN).is_none() {
        return Readiness::Pending("Lattice has not named its service yet".to_owned());
    }
    Readiness::Ready
}

/// Whether two references lead to the same listener: namespaces and groups may be filled in.
fn is_same_parent(one: &Json, other: &Json) -> bool {
    ["name", "sectionName", "port"].iter().all(|field| one[field] == other[field])
}

fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is_lattice(live: &Live) -> bool {
    let mut parents = live.object["status"]["parents"].as_array().into_iter().flatten();
    parents.any(|parent| parent["controllerName"] == LATTICE)
}

fn annotation(live: &Live, name: &str) -> Option<String> {
    live.object["metadata"]["annotations"][name].as_str().map(str::to_owned)
}

async fn outputs(cx: &Cx, spec: &Spec, live: &Live) -> CloudResult<Outputs> {
    let (domain_name, service_arn) = (annotation(live, DOMAIN), annotation(live, ARN));
    let hosted_zone_id = match &service_arn {
        Some(arn) => zone(&clients(cx, spec), arn).await?,
        None => None,
    };
    Ok(Outputs { uid: live.uid(), domain_name, hosted_zone_id, service_arn })
}

async fn zone(clients: &Clients, arn: &str) -> CloudResult<Option<String>> {
    let answer = clients.lattice.get_service().service_identifier(arn).send().await;
    let found = answer.named("VPC Lattice.GetService").or_absent()?;
    let entry = found.as_ref().and_then(|service| service.dns_entry());
    Ok(entry.and_then(|entry| entry.hosted_zone_id().map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::conformance::{Yard, conforms};
    use crate::kind::gateway::Gateway;
    use crate::kind::lattice_service_network::LatticeServiceNetwork;
    use crate::kind::{AnyKind, Erased, crd_release::CrdRelease};
    use crate::sandbox::kube;

    #[tokio::test(start_paused = true)]
    async fn conforms_under_either_controller() {
        for (class, name) in [("alb", "shop"), ("amazon-vpc-lattice", "core")] {
            let yard = Yard::controlled().await;
            yard.ground
                .make(&Erased(LatticeServiceNetwork), "network", &json!({ "name": "core", "auth": "NONE" }))
                .await;
            let gateway = json!({ "cluster": yard.cluster, "manifest": {
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
                "metadata": { "name": name, "namespace": "default" },
                "spec": { "gatewayClassName": class, "listeners": [{ "name": "http", "protocol": "HTTP", "port": 80 }] },
            }});
            yard.ground.make(&Erased(Gateway), "gateway", &gateway).await;
            let of = |weight: u8| {
                json!({ "cluster": yard.cluster, "manifest": {
                    "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                    "metadata": { "name": "cart", "namespace": "default" },
                    "spec": {
                        "parentRefs": [{ "name": name }], "hostnames": ["cart.example.com"],
                        "rules": [{ "backendRefs": [{ "name": "cart", "port": 80, "weight": weight }] }],
                    },
                }})
            };
            conforms(&yard.ground, &Erased(Route), &of(9), &of(5)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn is_ready_when_every_parent_accepted_it_and_resolved_its_references() {
        let yard = Yard::new();
        let crds = json!({
            "cluster": yard.cluster, "release": "gateway-api", "version": "1.6.1",
            "crds": ["httproutes.gateway.networking.k8s.io"],
        });
        yard.ground.make(&Erased(CrdRelease), "crds", &crds).await;
        let spec = json!({ "cluster": yard.cluster, "manifest": {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": { "name": "cart", "namespace": "default" },
            "spec": {
                "parentRefs": [{ "name": "core" }], "hostnames": ["cart.example.com"],
                "rules": [{ "backendRefs": [{ "name": "cart", "port": 80, "weight": 9 }] }],
            },
        }});
        let kind = Erased(Route);
        let cx = yard.ground.cx("a");
        kind.create(&cx, &spec).await.expect("applied");
        let found = kind.find(&cx, &spec, None).await.expect("answered").expect("there");
        assert_eq!(found.spec, spec, "defaults of rules are left out");
        assert!(matches!(found.readiness, Readiness::Pending(_)));
        let key = kube::key(&yard.key, "gateway.networking.k8s.io", "httproutes", "default", "cart");
        for (resolved, readiness) in [
            ("False", Readiness::Pending("ResolvedRefs does not hold: BackendNotFound: no cart".into())),
            ("True", Readiness::Ready),
        ] {
            let conditions = json!([
                { "type": "Accepted", "status": "True", "observedGeneration": 1 },
                { "type": "ResolvedRefs", "status": resolved, "reason": "BackendNotFound", "message": "no cart" },
            ]);
            let before = json!({ "name": "core", "sectionName": "http" });
            let status = json!({ "parents": [
                { "parentRef": before, "conditions": [{ "type": "Accepted", "status": "True", "observedGeneration": 0 }] },
                { "parentRef": { "name": "core", "kind": "Gateway" }, "conditions": conditions },
            ] });
            kube::change_status(&mut yard.ground.sandbox.world(), &yard.key, &key, status);
            let found = kind.find(&cx, &spec, None).await.expect("answered").expect("there");
            assert_eq!(found.readiness, readiness);
        }
    }
}
