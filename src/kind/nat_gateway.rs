//! NAT gateway: takes a client token. It takes minutes to come and to go, and is told of for an hour after it is
//! deleted. It fails for good where its VPC has no internet gateway.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Found, FoundOf, Kind, Readiness};
use crate::cloud::ec2::{self, Sort, found_tags, items, look, look_ids, retag, specification, text};
use crate::cloud::{Absent, CloudResult, Cx, ErrorSort};
use crate::shape::{Recovery, Shape, Timing};

const SORT: Sort = Sort {
    action: "DescribeNatGateways",
    set: "natGatewaySet",
    filter: "nat-gateway-id",
    id: "natGatewayId",
};

/// The kind.
pub struct NatGateway;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The public subnet it stands in.
    pub subnet_id: String,
    /// The elastic IP it sends from.
    pub allocation_id: String,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What EC2 gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub nat_gateway_id: String,
}

impl Kind for NatGateway {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Token,
        fixed: &["subnet_id", "allocation_id"],
        timing: Timing::MINUTES,
        ..Shape::managed("nat_gateway", "NAT gateway", "ec2")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, _: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let mut docs = look(cx, &SORT, id).await?;
        docs.retain(|doc| doc["state"] != "deleted");
        // After one that is on its way out another may have been made.
        docs.sort_by_key(|doc| doc["state"] == "deleting" || doc["state"] == "failed");
        Ok(docs.first().map(found))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let params = json!({
            "SubnetId": spec.subnet_id,
            "AllocationId": spec.allocation_id,
            "ConnectivityType": "public",
            "ClientToken": Some(cx.token()).filter(|token| !token.is_empty()),
            "TagSpecification": specification(cx, "natgateway", &spec.tags),
        });
        // Another one lets go of the address first.
        let answer = cx.clients().ec2.call("CreateNatGateway", params).await.map_err(|error| {
            if error.code == "Resource.AlreadyAssociated" { error.meaning(ErrorSort::InUse) } else { error }
        })?;
        ec2::made("CreateNatGateway", &answer, "natGateway/natGatewayId")
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        retag(cx, id, &from.tags, &to.tags).await
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        let params = json!({ "NatGatewayId": id });
        cx.clients().ec2.call("DeleteNatGateway", params).await.or_absent().map(drop)
    }

    async fn find_many(
        &self,
        cx: &[Cx],
        asked: &[(Spec, String)],
    ) -> CloudResult<Option<Vec<Option<FoundOf<Self>>>>> {
        let Some(cx) = cx.first() else { return Ok(Some(Vec::new())) };
        let ids: Vec<&str> = asked.iter().map(|(_, id)| id.as_str()).collect();
        let docs = look_ids(cx, &SORT, &ids).await?;
        let there = |doc: &Option<Json>| doc.as_ref().filter(|doc| doc["state"] != "deleted").map(found);
        Ok(Some(docs.iter().map(there).collect()))
    }
}

fn found(doc: &Json) -> FoundOf<NatGateway> {
    let (tags, owner) = found_tags(doc);
    let id = text(doc, "natGatewayId");
    let addresses: Vec<&Json> = items(doc, "natGatewayAddressSet").collect();
    let main = addresses.iter().find(|one| one["isPrimary"] == "true").or(addresses.first());
    Found {
        spec: Spec {
            subnet_id: text(doc, "subnetId"),
            allocation_id: main.map(|one| text(one, "allocationId")).unwrap_or_default(),
            tags,
        },
        readiness: readiness(&id, doc),
        outputs: Outputs { nat_gateway_id: id.clone() },
        id,
        owner,
    }
}

fn readiness(id: &str, doc: &Json) -> Readiness {
    match doc["state"].as_str().unwrap_or_default() {
        "available" => Readiness::Ready,
        "failed" => Readiness::Broken(format!("NAT gateway {id} failed: {}", text(doc, "failureMessage"))),
        "deleting" => Readiness::Leaving(format!("NAT gateway {id} is deleting")),
        state => Readiness::Pending(format!("NAT gateway {id} is {state}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value as Json, json};

    use super::ErrorSort;
    use crate::kind::conformance::{Ground, conforms};
    use crate::kind::{AnyKind, Erased, Readiness, elastic_ip, internet_gateway, subnet, vpc};

    async fn spec(ground: &Ground, with_gateway: bool) -> Json {
        let spec = json!({ "cidr": "10.0.0.0/16", "dns_hostnames": true, "dns_support": true });
        let vpc = ground.make(&Erased(vpc::Vpc), "vpc", &spec).await.id;
        if with_gateway {
            ground.make(&Erased(internet_gateway::InternetGateway), "igw", &json!({ "vpc_id": vpc })).await;
        }
        let spec = json!({ "vpc_id": vpc, "cidr": "10.0.0.0/20", "zone": "us-west-2a", "public": true });
        let subnet = ground.make(&Erased(subnet::Subnet), "subnet", &spec).await.id;
        let address = ground.make(&Erased(elastic_ip::ElasticIp), "address", &json!({})).await.id;
        json!({ "subnet_id": subnet, "allocation_id": address })
    }

    #[tokio::test(start_paused = true)]
    async fn lives() {
        let ground = Ground::new();
        let first = spec(&ground, true).await;
        let mut second = first.clone();
        second["tags"] = json!({ "Name": "nat" });
        conforms(&ground, &Erased(super::NatGateway), &first, &second).await;
        let ec2 = ground.cx("conforms").clients().ec2;
        let kept = ec2.pages("DescribeNatGateways", json!({}), "natGatewaySet").await;
        assert_eq!(kept.expect("answered")[0]["state"], "deleted", "EC2 tells of it for an hour");
        ground.cloud.clock().sleep(Duration::from_secs(3601)).await;
        let kept = ec2.pages("DescribeNatGateways", json!({}), "natGatewaySet").await;
        assert_eq!(kept, Ok(Vec::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn holds_its_address_gateway_and_subnet_until_it_is_gone() {
        let ground = Ground::new();
        let spec = spec(&ground, true).await;
        let kind = Erased(super::NatGateway);
        let nat = ground.make(&kind, "nat", &spec).await;
        let cx = ground.cx("other");
        let text = |field: &str| spec[field].as_str().expect("a text").to_owned();
        let (subnet, address) = (Erased(subnet::Subnet), Erased(elastic_ip::ElasticIp));
        let subnet_spec = json!({ "vpc_id": "", "cidr": "", "zone": "", "public": true });
        let held = subnet.delete(&cx, &text("subnet_id"), &subnet_spec).await.expect_err("held");
        assert_eq!(held.sort, ErrorSort::InUse);
        let held = address.delete(&cx, &text("allocation_id"), &json!({})).await.expect_err("held");
        assert_eq!(held.sort, ErrorSort::InUse);
        let gateway = Erased(internet_gateway::InternetGateway);
        let attached = gateway.find(&ground.cx("igw"), &json!({ "vpc_id": "" }), None).await;
        let attached = attached.expect("answered").expect("there");
        let held = gateway.delete(&cx, &attached.id, &attached.spec).await.expect_err("held");
        assert!(held.message.contains("mapped public address"), "{held}");
        kind.delete(&cx, &nat.id, &spec).await.expect("deleting");
        let leaving = kind.find(&cx, &spec, Some(&nat.id)).await.expect("answered").expect("there");
        assert!(matches!(leaving.readiness, Readiness::Leaving(_)));
        ground.cloud.clock().sleep(Duration::from_secs(31)).await;
        assert_eq!(kind.find(&cx, &spec, Some(&nat.id)).await, Ok(None));
        subnet.delete(&cx, &text("subnet_id"), &subnet_spec).await.expect("free");
        address.delete(&cx, &text("allocation_id"), &json!({})).await.expect("free");
        gateway.delete(&cx, &attached.id, &attached.spec).await.expect("free");
    }

    #[tokio::test(start_paused = true)]
    async fn fails_without_an_internet_gateway() {
        let ground = Ground::new();
        let spec = spec(&ground, false).await;
        let kind = Erased(super::NatGateway);
        let id = kind.create(&ground.cx("nat"), &spec).await.expect("accepted");
        ground.cloud.clock().sleep(Duration::from_secs(100)).await;
        let found = kind.find(&ground.cx("nat"), &spec, Some(&id)).await.expect("answered").expect("there");
        assert!(matches!(found.readiness, Readiness::Broken(why) if why.contains("no Internet gateway")));
    }
}
