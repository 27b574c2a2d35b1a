//! `eks_cluster_lookup`: a cluster that somebody else made, by its name.

use serde::{Deserialize, Serialize};

use super::{Found, Kind, Ownership, Readiness};
use crate::cloud::eks::{ClusterOutputs, ClusterState};
use crate::cloud::{Absent, CloudError, CloudResult, Cx, Named};
use crate::shape::Shape;

/// The kind.
pub struct EksClusterLookup;

/// Which cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name in EKS.
    pub name: String,
}

impl Kind for EksClusterLookup {
    const SHAPE: Shape = Shape::lookup("eks_cluster_lookup", "EKS cluster", "eks");
    type Spec = Spec;
    type Outputs = ClusterOutputs;

    async fn find(
        &self,
        cx: &Cx,
        spec: &Spec,
        _: Option<&str>,
    ) -> CloudResult<Option<Found<Spec, ClusterOutputs>>> {
        let call = cx.clients().eks.describe_cluster().name(&spec.name).send().await;
        let answer = call.named("EKS.DescribeCluster").or_absent()?;
        let Some(cluster) = answer.and_then(|answer| answer.cluster) else { return Ok(None) };
        Ok(Some(Found {
            id: spec.name.clone(),
            spec: spec.clone(),
            outputs: ClusterOutputs::of(&cluster),
            readiness: readiness(&spec.name, ClusterState::of(&cluster)),
            owner: Ownership::Untaggable,
        }))
    }

    async fn create(&self, _: &Cx, _: &Spec) -> CloudResult<String> {
        Err(only_looked_up())
    }

    async fn update(&self, _: &Cx, _: &str, _: &Spec, _: &Spec) -> CloudResult<()> {
        Err(only_looked_up())
    }

    async fn delete(&self, _: &Cx, _: &str, _: &Spec) -> CloudResult<()> {
        Err(only_looked_up())
    }
}

fn only_looked_up() -> CloudError {
    CloudError::broken_contract("eks_cluster_lookup", "it is only looked up")
}

/// A cluster that is being changed is used as it is.
fn readiness(name: &str, state: ClusterState) -> Readiness {
    match state {
        ClusterState::Active => Readiness::Ready,
        ClusterState::Changing(status) if status == "UPDATING" => Readiness::Ready,
        ClusterState::Changing(status) => Readiness::Pending(format!("cluster {name} is {status}")),
        ClusterState::Failed(why) => Readiness::Broken(format!("cluster {name} is {why}")),
        ClusterState::Deleting => Readiness::Leaving(format!("cluster {name} is DELETING")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::conformance::Ground;
    use super::super::{AnyKind, Erased};
    use super::*;
    use crate::kind::eks_cluster::EksCluster;
    use crate::sandbox::aws::eks::tests::{cluster, stage};

    #[tokio::test(start_paused = true)]
    async fn it_tells_what_the_cluster_tells() {
        let ground = Ground::new();
        stage(&ground.sandbox);
        let (cx, spec) = (ground.cx("prod"), json!({"name": "prod"}));
        let lookup = Erased(EksClusterLookup);
        assert_eq!(lookup.find(&cx, &spec, None).await.expect("answered"), None);
        let made = ground.make(&Erased(EksCluster), "prod", &cluster("prod")).await;
        let found = lookup.find(&cx, &spec, None).await.expect("answered").expect("there");
        assert_eq!((found.outputs, found.readiness), (made.outputs, Readiness::Ready));
    }
}
