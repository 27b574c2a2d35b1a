//! The association of a VPC Lattice service network with a VPC.
//!
//! Quirks: a VPC has one; its security groups can be changed but not all be taken away; it takes half a minute to
//! come and a minute to go, and while it goes the network cannot.

use std::collections::BTreeSet;

use aws_sdk_vpclattice::operation::get_service_network_vpc_association::GetServiceNetworkVpcAssociationOutput;
use aws_sdk_vpclattice::types::ServiceNetworkVpcAssociationStatus as Status;
use serde::{Deserialize, Serialize};

use super::{Found, FoundOf, Kind, Readiness};
use crate::cloud::{
    Absent, CloudError, CloudResult, Cx, ErrorSort, Named, Tags, lattice_tags, retag_lattice, split_tags,
};
use crate::shape::{Recovery, Shape, Timing};

/// The kind.
pub struct LatticeVpcAssociation;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    service_network_id: String,
    vpc_id: String,
    /// At most five, of the VPC.
    #[serde(default)]
    security_group_ids: BTreeSet<String>,
    #[serde(default)]
    tags: Tags,
}

/// What the cloud gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    id: String,
    arn: String,
}

impl Kind for LatticeVpcAssociation {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Token,
        fixed: &["service_network_id", "vpc_id"],
        never_emptied: &["security_group_ids"],
        sets: &["security_group_ids"],
        timing: Timing::of(30, 5, 15),
        ..Shape::managed("lattice_vpc_association", "Lattice VPC association", "vpc-lattice")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let id = match id {
            Some(id) => Some(id.to_owned()),
            None => of_vpc(cx, spec).await?.filter(|(_, own)| *own).map(|(id, _)| id),
        };
        let Some(id) = id else { return Ok(None) };
        let Some(association) = get(cx, &id).await? else { return Ok(None) };
        let tags = lattice_tags(&cx.clients(), association.arn().unwrap_or_default()).await?;
        Ok(Some(found(spec, association, tags)))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let call = cx.clients().lattice.create_service_network_vpc_association();
        let call = call.service_network_identifier(&spec.service_network_id).vpc_identifier(&spec.vpc_id);
        let groups = spec.security_group_ids.iter().cloned().collect::<Vec<_>>();
        let call = call.set_security_group_ids(Some(groups).filter(|groups| !groups.is_empty()));
        let call = call.client_token(cx.token()).set_tags(Some(cx.tags(&spec.tags).into_iter().collect()));
        match call.send().await.named("VPC Lattice.CreateServiceNetworkVpcAssociation") {
            Ok(answer) => Ok(answer.id.unwrap_or_default()),
            Err(error) if error.code == "ConflictException" => Err(taken(cx, spec, error).await?),
            Err(error) => Err(error),
        }
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        if from.tags != to.tags {
            let association = get(cx, id).await?;
            let arn = association.and_then(|association| association.arn).unwrap_or_default();
            retag_lattice(&cx.clients(), &arn, &from.tags, &to.tags).await?;
        }
        if from.security_group_ids == to.security_group_ids {
            return Ok(());
        }
        let call = cx.clients().lattice.update_service_network_vpc_association();
        let call = call.service_network_vpc_association_identifier(id);
        let call = call.set_security_group_ids(Some(to.security_group_ids.iter().cloned().collect()));
        if to.security_group_ids.is_empty() {
            let words = "the security groups of an association cannot all be taken away: replace it instead";
            let operation = "VPC Lattice.UpdateServiceNetworkVpcAssociation";
            return Err(CloudError::new(ErrorSort::Invalid, operation, words));
        }
        call.send().await.named("VPC Lattice.UpdateServiceNetworkVpcAssociation").map(drop)
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        let call = cx.clients().lattice.delete_service_network_vpc_association();
        let call = call.service_network_vpc_association_identifier(id);
        call.send().await.named("VPC Lattice.DeleteServiceNetworkVpcAssociation").or_absent().map(drop)
    }
}

async fn get(cx: &Cx, id: &str) -> CloudResult<Option<GetServiceNetworkVpcAssociationOutput>> {
    let call = cx.clients().lattice.get_service_network_vpc_association();
    let call = call.service_network_vpc_association_identifier(id);
    call.send().await.named("VPC Lattice.GetServiceNetworkVpcAssociation").or_absent()
}

/// The association that the VPC has, and whether it is with the wanted network.
async fn of_vpc(cx: &Cx, spec: &Spec) -> CloudResult<Option<(String, bool)>> {
    let call = cx.clients().lattice.list_service_network_vpc_associations().vpc_identifier(&spec.vpc_id);
    let mut pages = call.into_paginator().items().send();
    let mut other = None;
    while let Some(one) = pages.next().await {
        let one = one.named("VPC Lattice.ListServiceNetworkVpcAssociations")?;
        let wanted = Some(spec.service_network_id.as_str());
        let own = one.service_network_id() == wanted || one.service_network_arn() == wanted;
        let entry = one.id.map(|id| (id, own));
        if own {
            return Ok(entry);
        }
        other = entry.or(other);
    }
    Ok(other)
}

/// A VPC has one association: it may be this one, or another that must go first.
async fn taken(cx: &Cx, spec: &Spec, error: CloudError) -> CloudResult<CloudError> {
    Ok(match of_vpc(cx, spec).await? {
        Some((_, true)) => error.meaning(ErrorSort::Exists),
        Some((id, false)) => {
            let words = format!("{}: {id} must go first, a VPC has one association", error.message);
            CloudError { message: words, ..error.meaning(ErrorSort::InUse) }
        }
        None => error.meaning(ErrorSort::NotYet),
    })
}

fn found(
    wanted: &Spec,
    association: GetServiceNetworkVpcAssociationOutput,
    tags: Tags,
) -> FoundOf<LatticeVpcAssociation> {
    let readiness = readiness(&association);
    let (tags, owner) = split_tags(tags);
    let by_arn = association.service_network_arn() == Some(wanted.service_network_id.as_str());
    let network = if by_arn { association.service_network_arn } else { association.service_network_id };
    let spec = Spec {
        service_network_id: network.unwrap_or_default(),
        vpc_id: association.vpc_id.unwrap_or_default(),
        security_group_ids: association.security_group_ids.unwrap_or_default().into_iter().collect(),
        tags,
    };
    let (id, arn) = (association.id.unwrap_or_default(), association.arn.unwrap_or_default());
    Found { id: id.clone(), spec, outputs: Outputs { id, arn }, readiness, owner }
}

fn readiness(association: &GetServiceNetworkVpcAssociationOutput) -> Readiness {
    let why = association.failure_message().or(association.failure_code()).unwrap_or("without a reason");
    match association.status() {
        Some(Status::Active) => Readiness::Ready,
        Some(Status::CreateInProgress) => Readiness::Pending("the association is being made".to_owned()),
        Some(Status::UpdateInProgress) => Readiness::Pending("the association is being changed".to_owned()),
        Some(Status::DeleteInProgress) => Readiness::Leaving("the association is being deleted".to_owned()),
        Some(status) => Readiness::Broken(format!("{status}: {why}")),
        None => Readiness::Pending("its status is not told yet".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Erased;
    use super::super::conformance::{Ground, conforms};
    use super::*;
    use crate::kind::AnyKind;
    use crate::kind::lattice_service_network::LatticeServiceNetwork;
    use crate::sandbox::{Effect, Fault, Here};

    /// Two VPCs with security groups, and a network.
    async fn ground() -> (Ground, String) {
        let ground = Ground::new();
        {
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
            for (group, vpc) in [("sg-1", "vpc-1"), ("sg-2", "vpc-1"), ("sg-3", "vpc-2")] {
                here.put("ec2/security-group", group, json!({"groupId": group, "vpcId": vpc}));
            }
        }
        let spec = json!({"name": "core", "auth": "NONE"});
        let network = ground.make(&Erased(LatticeServiceNetwork), "network", &spec).await;
        (ground, network.id)
    }

    #[tokio::test(start_paused = true)]
    async fn conforms_to_the_contract() {
        let (ground, network) = ground().await;
        let first = json!({"service_network_id": network, "vpc_id": "vpc-1", "security_group_ids": ["sg-1"],
            "tags": {"a": "1"}});
        let second = json!({"service_network_id": network, "vpc_id": "vpc-1",
            "security_group_ids": ["sg-1", "sg-2"], "tags": {"b": "1"}});
        conforms(&ground, &Erased(LatticeVpcAssociation), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_network_waits_until_it_is_gone() {
        let (ground, network) = ground().await;
        let (kind, outer) = (Erased(LatticeVpcAssociation), Erased(LatticeServiceNetwork));
        let spec = json!({"service_network_id": network, "vpc_id": "vpc-1"});
        let made = ground.make(&kind, "a", &spec).await;
        let cx = ground.cx("a");
        kind.delete(&cx, &made.id, &spec).await.expect("it is asked to go");
        let leaving = kind.find(&cx, &spec, Some(&made.id)).await.expect("it answers").expect("it is there");
        assert!(matches!(leaving.readiness, Readiness::Leaving(_)), "{:?}", leaving.readiness);
        let whole = json!({"name": "core", "auth": "NONE"});
        let refused = outer.delete(&cx, &network, &whole).await.expect_err("it is in use");
        assert_eq!(refused.sort, ErrorSort::InUse, "{refused}");
        ground.sandbox.clock().sleep(std::time::Duration::from_secs(61)).await;
        outer.delete(&cx, &network, &whole).await.expect("it is free");
    }

    #[tokio::test(start_paused = true)]
    async fn an_unanswered_create_is_sent_again_and_made_once() {
        let (ground, network) = ground().await;
        let operation = "vpc-lattice.CreateServiceNetworkVpcAssociation".to_owned();
        let lost = Fault { operation, skip: 0, times: 1, effect: Effect::LostAfter };
        ground.sandbox.world().faults.list.push(lost);
        let spec = json!({"service_network_id": network, "vpc_id": "vpc-1"});
        ground.make(&Erased(LatticeVpcAssociation), "a", &spec).await;
        assert_eq!(ground.sandbox.world().everywhere("lattice/vpc-association").count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_vpc_of_another_network_is_in_use() {
        let (ground, network) = ground().await;
        let kind = Erased(LatticeVpcAssociation);
        ground.make(&kind, "a", &json!({"service_network_id": network, "vpc_id": "vpc-1"})).await;
        let other = json!({"name": "other", "auth": "NONE"});
        let other = ground.make(&Erased(LatticeServiceNetwork), "other-network", &other).await;
        let spec = json!({"service_network_id": other.id, "vpc_id": "vpc-1"});
        let refused = kind.create(&ground.cx("bb"), &spec).await.expect_err("a VPC has one");
        assert_eq!(refused.sort, ErrorSort::InUse, "{refused}");
        assert_eq!(kind.find(&ground.cx("bb"), &spec, None).await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn security_groups_must_be_of_the_vpc_and_stay() {
        let (ground, network) = ground().await;
        let kind = Erased(LatticeVpcAssociation);
        let with = |groups: serde_json::Value| json!({"service_network_id": network, "vpc_id": "vpc-1", "security_group_ids": groups});
        let refused = kind.create(&ground.cx("a"), &with(json!(["sg-3"]))).await.expect_err("another VPC's");
        assert_eq!(refused.sort, ErrorSort::Invalid, "{refused}");
        let made = ground.make(&kind, "bb", &with(json!(["sg-1"]))).await;
        let none = with(json!([]));
        let refused = kind.update(&ground.cx("bb"), &made.id, &made.spec, &none).await.expect_err("not all");
        assert_eq!(refused.sort, ErrorSort::Invalid, "{refused}");
    }
}
