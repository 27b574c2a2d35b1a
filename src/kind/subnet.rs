//! Subnet: no client token, so found again by its tags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Found, FoundOf, Hold, Kind, Readiness, tenants};
use crate::cloud::ec2::{
    self, Sort, as_written, found_tags, look, look_ids, retag, specification, text, truth,
};
use crate::cloud::{Absent, CloudResult, Cx, ErrorSort};
use crate::shape::{Recovery, Shape};

const SORT: Sort = Sort { action: "DescribeSubnets", set: "subnetSet", filter: "subnet-id", id: "subnetId" };

/// The kind.
pub struct Subnet;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The VPC it is a part of.
    pub vpc_id: String,
    /// Its range.
    pub cidr: String,
    /// Its zone: `us-west-2a`.
    pub zone: String,
    /// Whether what starts in it gets a public address.
    pub public: bool,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What EC2 gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub subnet_id: String,
    /// Its zone.
    pub zone: String,
}

impl Kind for Subnet {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Tags,
        fixed: &["vpc_id", "cidr", "zone"],
        ..Shape::managed("subnet", "subnet", "ec2")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        Ok(look(cx, &SORT, id).await?.first().map(|doc| found(spec, doc)))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let params = json!({
            "VpcId": spec.vpc_id,
            "CidrBlock": spec.cidr,
            "AvailabilityZone": spec.zone,
            "TagSpecification": specification(cx, "subnet", &spec.tags),
        });
        // A range that another subnet has does not become free by waiting.
        let answer = cx.clients().ec2.call("CreateSubnet", params).await.map_err(|error| {
            if error.code == "InvalidSubnet.Conflict" { error.meaning(ErrorSort::Exists) } else { error }
        })?;
        ec2::made("CreateSubnet", &answer, "subnet/subnetId")
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        if to.public != from.public {
            let params = json!({ "SubnetId": id, "MapPublicIpOnLaunch": { "Value": to.public } });
            cx.clients().ec2.call("ModifySubnetAttribute", params).await?;
        }
        retag(cx, id, &from.tags, &to.tags).await
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        cx.clients().ec2.call("DeleteSubnet", json!({ "SubnetId": id })).await.or_absent().map(drop)
    }

    /// Of one that goes alone; with its VPC, all that is in that is told.
    async fn held(&self, cx: &Cx, spec: &Spec, id: &str, _: &Json) -> CloudResult<Vec<Hold>> {
        tenants::of(cx, &spec.vpc_id, Some(id)).await
    }

    async fn find_many(
        &self,
        cx: &[Cx],
        asked: &[(Spec, String)],
    ) -> CloudResult<Option<Vec<Option<FoundOf<Self>>>>> {
        let Some(cx) = cx.first() else { return Ok(Some(Vec::new())) };
        let ids: Vec<&str> = asked.iter().map(|(_, id)| id.as_str()).collect();
        let docs = look_ids(cx, &SORT, &ids).await?;
        let found = asked.iter().zip(docs).map(|((spec, _), doc)| doc.map(|doc| found(spec, &doc)));
        Ok(Some(found.collect()))
    }
}

fn found(spec: &Spec, doc: &Json) -> FoundOf<Subnet> {
    let (tags, owner) = found_tags(doc);
    let (id, zone, state) = (text(doc, "subnetId"), text(doc, "availabilityZone"), text(doc, "state"));
    Found {
        spec: Spec {
            vpc_id: text(doc, "vpcId"),
            cidr: as_written(&spec.cidr, &text(doc, "cidrBlock")),
            zone: zone.clone(),
            public: truth(doc, "mapPublicIpOnLaunch"),
            tags,
        },
        readiness: readiness(&id, &state),
        outputs: Outputs { subnet_id: id.clone(), zone },
        id,
        owner,
    }
}

fn readiness(id: &str, state: &str) -> Readiness {
    if state == "available" {
        Readiness::Ready
    } else {
        Readiness::Pending(format!("subnet {id} is {state}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::kind::conformance::{Ground, conforms};
    use crate::kind::{AnyKind, Erased};

    fn spec(cidr: &str, public: bool) -> Json {
        json!({
            "vpc_id": "vpc-0a1b2c3d4e5f60718", "cidr": cidr, "zone": "us-west-2d", "public": public,
            "tags": { "kubernetes.io/role/elb": if public { "1" } else { "" } },
        })
    }

    #[tokio::test(start_paused = true)]
    async fn lives() {
        let (first, second) = (spec("172.31.64.0/20", true), spec("172.31.64.0/20", false));
        conforms(&Ground::new(), &Erased(super::Subnet), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn ranges_are_judged() {
        let ground = Ground::new();
        let kind = Erased(super::Subnet);
        for (cidr, code) in [
            ("172.31.0.0/24", "InvalidSubnet.Conflict"),
            ("172.31.0.0/15", "InvalidSubnet.Range"),
            ("10.0.0.0/24", "InvalidSubnet.Range"),
            ("172.31.64.0/29", "InvalidSubnet.Range"),
        ] {
            let error = kind.create(&ground.cx("a"), &spec(cidr, true)).await.expect_err(cidr);
            assert_eq!(error.code, code, "{cidr}");
        }
    }
}
