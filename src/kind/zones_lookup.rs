//! The availability zones of a region: standard ones that are available, by name.
//!
//! Zones in which EKS does not put control planes are left out; they are known by their ids, because the letters
//! differ from account to account.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Found, FoundOf, Kind, Ownership, Readiness};
use crate::cloud::ec2::{filter, text};
use crate::cloud::{CloudError, CloudResult, Cx};
use crate::shape::Shape;

/// Zones without EKS control planes.
const WITHOUT_EKS: &[&str] = &["use1-az3", "usw1-az2", "cac1-az3"];

/// The kind.
pub struct ZonesLookup;

/// What is looked up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// How many.
    pub count: u8,
}

/// What is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Their names, sorted: `us-west-2a`.
    pub names: Vec<String>,
}

impl Kind for ZonesLookup {
    const SHAPE: Shape = Shape::lookup("zones_lookup", "availability zones", "ec2");
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let filters = [
            filter("state", ["available"]),
            filter("zone-type", ["availability-zone"]),
            filter("opt-in-status", ["opt-in-not-required", "opted-in"]),
        ];
        let set = "availabilityZoneInfo";
        let ec2 = cx.clients().ec2;
        let zones = ec2.pages("DescribeAvailabilityZones", json!({ "Filter": filters }), set).await?;
        let fit = zones.iter().filter(|zone| !WITHOUT_EKS.contains(&text(zone, "zoneId").as_str()));
        let mut names: Vec<String> = fit.map(|zone| text(zone, "zoneName")).collect();
        names.sort();
        names.truncate(usize::from(spec.count));
        if names.len() < usize::from(spec.count) {
            return Ok(None);
        }
        Ok(Some(Found {
            id: cx.region().to_owned(),
            spec: spec.clone(),
            outputs: Outputs { names },
            readiness: Readiness::Ready,
            owner: Ownership::Untaggable,
        }))
    }

    async fn create(&self, _: &Cx, _: &Spec) -> CloudResult<String> {
        Err(CloudError::broken_contract(Self::SHAPE.kind, "it is only looked up"))
    }

    async fn update(&self, _: &Cx, _: &str, _: &Spec, _: &Spec) -> CloudResult<()> {
        Err(CloudError::broken_contract(Self::SHAPE.kind, "it is only looked up"))
    }

    async fn delete(&self, _: &Cx, _: &str, _: &Spec) -> CloudResult<()> {
        Err(CloudError::broken_contract(Self::SHAPE.kind, "it is only looked up"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::kind::conformance::Ground;
    use crate::kind::{AnyKind, Erased};

    #[tokio::test(start_paused = true)]
    async fn the_first_zones_by_name_or_none() {
        let ground = Ground::new();
        let kind = Erased(super::ZonesLookup);
        let cx = ground.cx("zones");
        let found = kind.find(&cx, &json!({ "count": 3 }), None).await.expect("answered").expect("three");
        assert_eq!(found.outputs, json!({ "names": ["us-west-2a", "us-west-2b", "us-west-2c"] }));
        assert_eq!(kind.find(&cx, &json!({ "count": 9 }), None).await, Ok(None));
    }
}
