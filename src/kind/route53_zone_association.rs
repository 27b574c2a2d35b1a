//! The association of a private zone of Route 53 with one more VPC.
//!
//! Quirks: it has no id and no tags, it is known by zone and VPC; a VPC sees one zone of a name only; the last VPC of
//! a zone cannot leave it.

use aws_sdk_route53::types::{Vpc, VpcRegion};
use serde::{Deserialize, Serialize};

use super::{Found, FoundOf, Kind, Ownership, Readiness};
use crate::cloud::{Absent, CloudResult, Cx, ErrorSort, Named};
use crate::shape::Shape;

/// The kind.
pub struct Route53ZoneAssociation;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    zone_id: String,
    vpc_id: String,
    vpc_region: String,
}

/// The cloud gives it nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {}

impl Kind for Route53ZoneAssociation {
    const SHAPE: Shape = Shape {
        fixed: &["zone_id", "vpc_id", "vpc_region"],
        ..Shape::managed("route53_zone_association", "Route 53 zone association", "route53")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        Ok(is_there(cx, spec).await?.then(|| Found {
            id: format!("{}/{}", spec.zone_id, spec.vpc_id),
            spec: spec.clone(),
            outputs: Outputs {},
            readiness: Readiness::Ready,
            owner: Ownership::Untaggable,
        }))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let call = cx.clients().route53.associate_vpc_with_hosted_zone();
        let call = call.hosted_zone_id(&spec.zone_id).vpc(vpc(spec));
        match call.send().await.named("Route 53.AssociateVPCWithHostedZone") {
            Ok(_) => Ok(format!("{}/{}", spec.zone_id, spec.vpc_id)),
            // The same answer is given when the VPC is with another zone of the name.
            Err(error) if error.sort == ErrorSort::Exists && !is_there(cx, spec).await? => {
                Err(error.meaning(ErrorSort::InUse))
            }
            Err(error) => Err(error),
        }
    }

    async fn update(&self, _: &Cx, _: &str, _: &Spec, _: &Spec) -> CloudResult<()> {
        Ok(())
    }

    async fn delete(&self, cx: &Cx, _: &str, spec: &Spec) -> CloudResult<()> {
        let call = cx.clients().route53.disassociate_vpc_from_hosted_zone();
        let call = call.hosted_zone_id(&spec.zone_id).vpc(vpc(spec));
        call.send().await.named("Route 53.DisassociateVPCFromHostedZone").or_absent().map(drop)
    }
}

fn vpc(spec: &Spec) -> Vpc {
    Vpc::builder().vpc_id(&spec.vpc_id).vpc_region(VpcRegion::from(spec.vpc_region.as_str())).build()
}

async fn is_there(cx: &Cx, spec: &Spec) -> CloudResult<bool> {
    let answer = cx.clients().route53.get_hosted_zone().id(&spec.zone_id).send().await;
    let answer = answer.named("Route 53.GetHostedZone").or_absent()?;
    Ok(answer.is_some_and(|answer| answer.vpcs().contains(&vpc(spec))))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::Erased;
    use super::super::conformance::{Ground, conforms};
    use super::*;
    use crate::kind::AnyKind;
    use crate::kind::route53_zone::Route53Zone;
    use crate::sandbox::Here;

    /// A cloud with two VPCs.
    fn ground() -> Ground {
        let ground = Ground::new();
        let mut world = ground.sandbox.world();
        let mut here = Here {
            world: &mut world,
            account: "111122223333".into(),
            region: "us-west-2".into(),
            principal: String::new(),
        };
        for vpc in ["vpc-1", "vpc-2"] {
            here.put("ec2/vpc", vpc, json!({"vpcId": vpc, "state": "available"}));
        }
        drop(world);
        ground
    }

    async fn zone(ground: &Ground, name: &str, vpc: &str) -> String {
        let spec = json!({"name": "internal.example.com", "vpc_id": vpc, "vpc_region": "us-west-2"});
        ground.make(&Erased(Route53Zone), name, &spec).await.id
    }

    fn spec(zone: &str, vpc: &str) -> Json {
        json!({"zone_id": zone, "vpc_id": vpc, "vpc_region": "us-west-2"})
    }

    #[tokio::test(start_paused = true)]
    async fn conforms_to_the_contract() {
        let ground = ground();
        let spec = spec(&zone(&ground, "zone", "vpc-1").await, "vpc-2");
        conforms(&ground, &Erased(Route53ZoneAssociation), &spec, &spec).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_vpc_sees_one_zone_of_a_name_and_the_last_stays() {
        let ground = ground();
        let first = zone(&ground, "zone", "vpc-1").await;
        zone(&ground, "other-zone", "vpc-2").await;
        let (kind, cx) = (Erased(Route53ZoneAssociation), ground.cx("a"));
        let refused = kind.create(&cx, &spec(&first, "vpc-2")).await.expect_err("it sees another");
        assert_eq!(refused.sort, ErrorSort::InUse, "{refused}");
        let refused = kind.delete(&cx, "", &spec(&first, "vpc-1")).await.expect_err("it is the last");
        assert_eq!(refused.code, "LastVPCAssociation");
    }
}
