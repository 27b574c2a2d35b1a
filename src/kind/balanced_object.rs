//! An Ingress, or a Service of type LoadBalancer: deleted with the load balancer that a controller made of it.
//!
//! It is never made: those of the stack are objects of a manifest. This is for what others have in its clusters.

use super::kube_object::Outputs;
use super::made::Made;
use super::manifest::{self, Live, Spec};
use super::{Child, Found, FoundOf, Kind, Readiness, balancing};
use crate::cloud::{CloudError, CloudResult, Cx};
use crate::shape::{Shape, Timing};

/// The kind.
pub struct BalancedObject;

impl Kind for BalancedObject {
    const SHAPE: Shape = Shape {
        fixed: &["cluster", "manifest"],
        open: &["manifest"],
        leaves: true,
        timing: Timing::of(120, 5, 20),
        ..Shape::managed("balanced_object", "object with a load balancer", "kubernetes")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        Ok(manifest::find(cx, spec).await?.map(found))
    }

    async fn create(&self, _: &Cx, _: &Spec) -> CloudResult<String> {
        Err(CloudError::broken_contract("balanced_object", "it is only ever deleted"))
    }

    async fn update(&self, _: &Cx, _: &str, _: &Spec, _: &Spec) -> CloudResult<()> {
        Err(CloudError::broken_contract("balanced_object", "it is only ever deleted"))
    }

    async fn delete(&self, cx: &Cx, _: &str, spec: &Spec) -> CloudResult<()> {
        manifest::delete(cx, spec).await
    }

    async fn warned(&self, cx: &Cx, spec: &Spec) -> CloudResult<Option<String>> {
        manifest::warned(cx, spec).await
    }

    async fn children(&self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<Child>> {
        made(spec).children(cx, spec).await
    }

    async fn outlive(&self, cx: &Cx, spec: &Spec, children: &[Child]) -> CloudResult<Vec<String>> {
        made(spec).outlive(cx, spec, children).await
    }

    async fn release(&self, cx: &Cx, spec: &Spec) -> CloudResult<Vec<String>> {
        made(spec).release(cx, spec).await
    }

    async fn remains(&self, cx: &Cx, spec: &Spec, _: Option<&Outputs>) -> CloudResult<Vec<String>> {
        made(spec).remains(cx, spec).await
    }

    async fn sweep(&self, cx: &Cx, spec: &Spec) -> CloudResult<()> {
        made(spec).sweep(cx, spec).await
    }
}

/// What is known of it does not tell the type of a Service.
fn made(spec: &Spec) -> Made {
    let is_service = spec.manifest["kind"] == "Service";
    Made::Balancer(if is_service { balancing::SERVICE } else { balancing::INGRESS })
}

fn found(live: Live) -> FoundOf<BalancedObject> {
    let readiness = live.leaving().unwrap_or(Readiness::Ready);
    let outputs = Outputs::of(&live);
    Found { id: live.id, spec: live.spec, outputs, readiness, owner: live.owner }
}
