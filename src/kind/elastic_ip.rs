//! Elastic IP: a public address to keep. Few to an account; not to be released while something uses it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Found, FoundOf, Kind, Readiness};
use crate::cloud::ec2::{self, Sort, found_tags, look, look_ids, retag, specification, text};
use crate::cloud::{Absent, CloudResult, Cx};
use crate::shape::{Recovery, Shape};

const SORT: Sort =
    Sort { action: "DescribeAddresses", set: "addressesSet", filter: "allocation-id", id: "allocationId" };

/// The kind.
pub struct ElasticIp;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What EC2 gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub allocation_id: String,
    /// The address.
    pub public_ip: String,
}

impl Kind for ElasticIp {
    const SHAPE: Shape =
        Shape { recovery: Recovery::Tags, ..Shape::managed("elastic_ip", "elastic IP", "ec2") };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, _: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        Ok(look(cx, &SORT, id).await?.first().map(found))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let params =
            json!({ "Domain": "vpc", "TagSpecification": specification(cx, "elastic-ip", &spec.tags) });
        let answer = cx.clients().ec2.call("AllocateAddress", params).await?;
        ec2::made("AllocateAddress", &answer, "allocationId")
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        retag(cx, id, &from.tags, &to.tags).await
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        let params = json!({ "AllocationId": id });
        cx.clients().ec2.call("ReleaseAddress", params).await.or_absent().map(drop)
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

fn found(doc: &Json) -> FoundOf<ElasticIp> {
    let (tags, owner) = found_tags(doc);
    let id = text(doc, "allocationId");
    Found {
        spec: Spec { tags },
        outputs: Outputs { allocation_id: id.clone(), public_ip: text(doc, "publicIp") },
        id,
        readiness: Readiness::Ready,
        owner,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cloud::ErrorSort;
    use crate::kind::conformance::{Ground, conforms};
    use crate::kind::{AnyKind, Erased};

    #[tokio::test(start_paused = true)]
    async fn lives() {
        let (first, second) = (json!({ "tags": { "Name": "a" } }), json!({ "tags": { "Name": "b" } }));
        conforms(&Ground::new(), &Erased(super::ElasticIp), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_sixth_is_one_too_many() {
        let ground = Ground::new();
        let kind = Erased(super::ElasticIp);
        for name in ["a", "b", "c", "d", "e"] {
            kind.create(&ground.cx(name), &json!({})).await.expect("one of five");
        }
        let error = kind.create(&ground.cx("f"), &json!({})).await.expect_err("refused");
        assert_eq!((error.sort, error.code.as_str()), (ErrorSort::Quota, "AddressLimitExceeded"));
    }
}
