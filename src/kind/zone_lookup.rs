//! A public zone of Route 53 that exists, by its name.

use serde::{Deserialize, Serialize};

use super::{Found, FoundOf, Kind, Ownership, Readiness};
use crate::cloud::{CloudError, CloudResult, Cx, ErrorSort, Named};
use crate::shape::Shape;

/// The kind.
pub struct ZoneLookup;

/// What is looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    name: String,
}

/// What the cloud tells of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    zone_id: String,
    name_servers: Vec<String>,
}

impl Kind for ZoneLookup {
    const SHAPE: Shape = Shape::lookup("zone_lookup", "Route 53 zone", "route53");
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let zones = public(cx, &spec.name).await?;
        let zone = match zones.as_slice() {
            [] => return Ok(None),
            [zone] => zone.clone(),
            several => {
                let words = format!("{} public zones have the name {}", several.len(), spec.name);
                return Err(CloudError::new(ErrorSort::Invalid, "Route 53.ListHostedZonesByName", words));
            }
        };
        let answer = cx.clients().route53.get_hosted_zone().id(&zone).send().await;
        let answer = answer.named("Route 53.GetHostedZone")?;
        let name_servers = answer.delegation_set.map(|set| set.name_servers).unwrap_or_default();
        Ok(Some(Found {
            id: zone.clone(),
            spec: spec.clone(),
            outputs: Outputs { zone_id: zone, name_servers },
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

/// The ids of the public zones of a name. Zones of one name follow each other in the list.
async fn public(cx: &Cx, name: &str) -> CloudResult<Vec<String>> {
    let wanted = name.trim_end_matches('.').to_lowercase();
    let answer = cx.clients().route53.list_hosted_zones_by_name().dns_name(&wanted).send().await;
    let answer = answer.named("Route 53.ListHostedZonesByName")?;
    let same = answer.hosted_zones().iter().filter(|zone| zone.name().trim_end_matches('.') == wanted);
    let public = same.filter(|zone| !zone.config().is_some_and(|config| config.private_zone()));
    Ok(public.map(|zone| zone.id().trim_start_matches("/hostedzone/").to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Erased;
    use super::super::conformance::Ground;
    use super::*;
    use crate::kind::AnyKind;

    #[tokio::test(start_paused = true)]
    async fn a_public_zone_is_found_by_its_name() {
        let ground = Ground::new();
        let kind = Erased(ZoneLookup);
        let spec = json!({"name": "API.example.com."});
        let found = kind.find(&ground.cx("a"), &spec, None).await.expect("it answers").expect("it is there");
        assert_eq!(found.outputs["zone_id"], crate::sandbox::aws::route53::EXAMPLE);
        assert_eq!(found.outputs["name_servers"].as_array().map(Vec::len), Some(4));
        for absent in ["example.com", "shop.api.example.com"] {
            assert_eq!(kind.find(&ground.cx("a"), &json!({"name": absent}), None).await, Ok(None));
        }
    }
}
