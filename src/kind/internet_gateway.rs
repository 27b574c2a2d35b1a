//! Internet gateway: attached to its VPC after it is made, and detached before it is deleted, which EC2 refuses while
//! public addresses in the VPC are mapped.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Found, FoundOf, Kind, Readiness};
use crate::cloud::ec2::{self, Sort, found_tags, items, look, look_ids, retag, specification, text};
use crate::cloud::{Absent, CloudResult, Cx, ErrorSort};
use crate::shape::{Recovery, Shape};

const SORT: Sort = Sort {
    action: "DescribeInternetGateways",
    set: "internetGatewaySet",
    filter: "internet-gateway-id",
    id: "internetGatewayId",
};

/// The kind.
pub struct InternetGateway;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The VPC it is attached to; empty in what is found while it is attached to none.
    pub vpc_id: String,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What EC2 gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub internet_gateway_id: String,
}

impl Kind for InternetGateway {
    const SHAPE: Shape =
        Shape { recovery: Recovery::Tags, ..Shape::managed("internet_gateway", "internet gateway", "ec2") };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, _: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        Ok(look(cx, &SORT, id).await?.first().map(found))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let params = json!({ "TagSpecification": specification(cx, "internet-gateway", &spec.tags) });
        let answer = cx.clients().ec2.call("CreateInternetGateway", params).await?;
        ec2::made("CreateInternetGateway", &answer, "internetGateway/internetGatewayId")
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        if from.vpc_id != to.vpc_id {
            detach(cx, id, &from.vpc_id).await?;
            attach(cx, id, &to.vpc_id).await?;
        }
        retag(cx, id, &from.tags, &to.tags).await
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        let Some(doc) = look(cx, &SORT, Some(id)).await?.into_iter().next() else { return Ok(()) };
        detach(cx, id, &attached_to(&doc)).await?;
        let params = json!({ "InternetGatewayId": id });
        cx.clients().ec2.call("DeleteInternetGateway", params).await.or_absent().map(drop)
    }

    async fn find_many(
        &self,
        cx: &[Cx],
        asked: &[(Spec, String)],
    ) -> CloudResult<Option<Vec<Option<FoundOf<Self>>>>> {
        let Some(cx) = cx.first() else { return Ok(Some(Vec::new())) };
        let ids: Vec<&str> = asked.iter().map(|(_, id)| id.as_str()).collect();
        let docs = look_ids(cx, &SORT, &ids).await?;
        Ok(Some(docs.iter().map(|doc| doc.as_ref().map(found)).collect()))
    }
}

/// Attaches it. That it is attached there already may be the doing of a call whose answer was lost.
async fn attach(cx: &Cx, id: &str, vpc_id: &str) -> CloudResult<()> {
    let params = json!({ "InternetGatewayId": id, "VpcId": vpc_id });
    match cx.clients().ec2.call("AttachInternetGateway", params).await {
        Err(error) if error.code == "Resource.AlreadyAssociated" => {
            let docs = look(cx, &SORT, Some(id)).await?;
            let there = docs.iter().any(|doc| attached_to(doc) == vpc_id);
            if there { Ok(()) } else { Err(error.meaning(ErrorSort::InUse)) }
        }
        answer => answer.map(drop),
    }
}

/// Detaches it, if it is attached.
async fn detach(cx: &Cx, id: &str, vpc_id: &str) -> CloudResult<()> {
    if vpc_id.is_empty() {
        return Ok(());
    }
    let params = json!({ "InternetGatewayId": id, "VpcId": vpc_id });
    match cx.clients().ec2.call("DetachInternetGateway", params).await {
        Err(error) if error.code == "Gateway.NotAttached" => Ok(()),
        answer => answer.or_absent().map(drop),
    }
}

fn attached_to(doc: &Json) -> String {
    let live = |one: &&Json| one["state"] != "detaching" && one["state"] != "detached";
    items(doc, "attachmentSet").find(live).map(|one| text(one, "vpcId")).unwrap_or_default()
}

fn found(doc: &Json) -> FoundOf<InternetGateway> {
    let (tags, owner) = found_tags(doc);
    let id = text(doc, "internetGatewayId");
    Found {
        spec: Spec { vpc_id: attached_to(doc), tags },
        outputs: Outputs { internet_gateway_id: id.clone() },
        id,
        readiness: Readiness::Ready,
        owner,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::kind::conformance::{Ground, conforms};
    use crate::kind::{AnyKind, Erased, vpc};
    use crate::sandbox::{Effect, Fault};

    #[tokio::test(start_paused = true)]
    async fn lives_and_moves_to_another_vpc() {
        let ground = Ground::new();
        let vpc = json!({ "cidr": "10.0.0.0/16", "dns_hostnames": true, "dns_support": true });
        let one = ground.make(&Erased(vpc::Vpc), "one", &vpc).await.id;
        let other = ground.make(&Erased(vpc::Vpc), "other", &vpc).await.id;
        let (first, second) = (json!({ "vpc_id": one }), json!({ "vpc_id": other, "tags": { "a": "b" } }));
        conforms(&ground, &Erased(super::InternetGateway), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn lives_where_every_second_answer_is_lost() {
        let ground = Ground::new();
        let vpc = json!({ "cidr": "10.0.0.0/16", "dns_hostnames": true, "dns_support": true });
        let vpc = ground.make(&Erased(vpc::Vpc), "one", &vpc).await.id;
        for operation in
            ["AttachInternetGateway", "DetachInternetGateway", "DeleteInternetGateway", "CreateTags"]
        {
            let operation = format!("ec2.{operation}");
            let fault = Fault { operation, skip: 0, times: 1, effect: Effect::LostAfter };
            ground.sandbox.world().faults.list.push(fault);
        }
        let (first, second) = (json!({ "vpc_id": vpc }), json!({ "vpc_id": vpc, "tags": { "a": "b" } }));
        conforms(&ground, &Erased(super::InternetGateway), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_vpc_takes_one() {
        let ground = Ground::new();
        let kind = Erased(super::InternetGateway);
        let spec = json!({ "vpc_id": "vpc-0a1b2c3d4e5f60718" });
        let id = kind.create(&ground.cx("second"), &spec).await.expect("made");
        let unattached = json!({ "vpc_id": "" });
        let error = kind.update(&ground.cx("second"), &id, &unattached, &spec).await.expect_err("refused");
        assert!(error.message.contains("already has an internet gateway"), "{error}");
    }
}
