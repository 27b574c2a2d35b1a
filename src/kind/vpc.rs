//! VPC: no client token, so found again by its tags. Its DNS attributes are read and set one at a time.
//!
//! It comes with a main route table and a default security group, which go with it.

use std::collections::BTreeMap;

use futures::future::{try_join, try_join_all};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Found, FoundOf, Hold, Kind, Readiness, strangers};
use crate::cloud::ec2::{
    self, Sort, as_written, filter, found_tags, look, look_by, look_ids, retag, specification, text, truth,
};
use crate::cloud::{Absent, CloudResult, Cx};
use crate::shape::{Recovery, Shape};

const SORT: Sort = Sort { action: "DescribeVpcs", set: "vpcSet", filter: "vpc-id", id: "vpcId" };
const GROUPS: Sort =
    Sort { action: "DescribeSecurityGroups", set: "securityGroupInfo", filter: "group-id", id: "groupId" };

/// The kind.
pub struct Vpc;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its range: `10.0.0.0/16`.
    pub cidr: String,
    /// Whether what is in it gets DNS names. Needs `dns_support`.
    pub dns_hostnames: bool,
    /// Whether names are resolved in it.
    pub dns_support: bool,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What EC2 gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub vpc_id: String,
    /// Its range.
    pub cidr: String,
    /// The group that comes with it.
    pub default_security_group_id: String,
}

impl Kind for Vpc {
    const SHAPE: Shape =
        Shape { recovery: Recovery::Tags, fixed: &["cidr"], ..Shape::managed("vpc", "VPC", "ec2") };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        match look(cx, &SORT, id).await?.first() {
            Some(doc) => found(cx, spec, doc).await,
            None => Ok(None),
        }
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let params =
            json!({ "CidrBlock": spec.cidr, "TagSpecification": specification(cx, "vpc", &spec.tags) });
        let answer = cx.clients().ec2.call("CreateVpc", params).await?;
        ec2::made("CreateVpc", &answer, "vpc/vpcId")
    }

    /// Hostnames need support: it is switched on before and off after them.
    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        if to.dns_support && !from.dns_support {
            set(cx, id, "EnableDnsSupport", true).await?;
        }
        if to.dns_hostnames != from.dns_hostnames {
            set(cx, id, "EnableDnsHostnames", to.dns_hostnames).await?;
        }
        if !to.dns_support && from.dns_support {
            set(cx, id, "EnableDnsSupport", false).await?;
        }
        retag(cx, id, &from.tags, &to.tags).await
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        cx.clients().ec2.call("DeleteVpc", json!({ "VpcId": id })).await.or_absent().map(drop)
    }

    async fn held(&self, cx: &Cx, _: &Spec, id: &str, _: &Json) -> CloudResult<Vec<Hold>> {
        strangers::within(cx, id).await
    }

    async fn find_many(
        &self,
        cx: &[Cx],
        asked: &[(Spec, String)],
    ) -> CloudResult<Option<Vec<Option<FoundOf<Self>>>>> {
        let Some(cx) = cx.first() else { return Ok(Some(Vec::new())) };
        let ids: Vec<&str> = asked.iter().map(|(_, id)| id.as_str()).collect();
        let docs = look_ids(cx, &SORT, &ids).await?;
        let found = asked.iter().zip(docs).map(|((spec, _), doc)| async move {
            match doc {
                Some(doc) => found(cx, spec, &doc).await,
                None => Ok(None),
            }
        });
        try_join_all(found).await.map(Some)
    }
}

async fn set(cx: &Cx, id: &str, attribute: &str, value: bool) -> CloudResult<()> {
    let params = json!({ "VpcId": id, (attribute): { "Value": value } });
    cx.clients().ec2.call("ModifyVpcAttribute", params).await.map(drop)
}

/// `None` if it goes away while it is looked at.
async fn found(cx: &Cx, spec: &Spec, doc: &Json) -> CloudResult<Option<FoundOf<Vpc>>> {
    let id = text(doc, "vpcId");
    let attributes =
        try_join(attribute(cx, &id, "enableDnsHostnames"), attribute(cx, &id, "enableDnsSupport"));
    let groups = look_by(cx, &GROUPS, vec![filter("vpc-id", [&*id]), filter("group-name", ["default"])]);
    let Some(((dns_hostnames, dns_support), groups)) = try_join(attributes, groups).await.or_absent()? else {
        return Ok(None);
    };
    let (tags, owner) = found_tags(doc);
    let cidr = text(doc, "cidrBlock");
    let default_group = groups.first().map(|group| text(group, "groupId")).unwrap_or_default();
    Ok(Some(Found {
        spec: Spec { cidr: as_written(&spec.cidr, &cidr), dns_hostnames, dns_support, tags },
        readiness: readiness(&id, &text(doc, "state")),
        outputs: Outputs { vpc_id: id.clone(), cidr, default_security_group_id: default_group },
        id,
        owner,
    }))
}

async fn attribute(cx: &Cx, id: &str, name: &str) -> CloudResult<bool> {
    let params = json!({ "VpcId": id, "Attribute": name });
    let answer = cx.clients().ec2.call("DescribeVpcAttribute", params).await?;
    Ok(truth(&answer[name], "value"))
}

fn readiness(id: &str, state: &str) -> Readiness {
    if state == "available" { Readiness::Ready } else { Readiness::Pending(format!("VPC {id} is {state}")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cloud::ErrorSort;
    use crate::kind::conformance::{Ground, conforms};
    use crate::kind::{AnyKind, Erased};
    use crate::sandbox::{Effect, Fault};

    #[tokio::test(start_paused = true)]
    async fn lives() {
        let first = json!({
            "cidr": "10.0.0.0/16", "dns_hostnames": true, "dns_support": true,
            "tags": { "Name": "shop-edge", "team": "commerce" },
        });
        let second = json!({
            "cidr": "10.0.0.0/16", "dns_hostnames": false, "dns_support": false, "tags": { "Name": "other" },
        });
        conforms(&Ground::new(), &Erased(super::Vpc), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn tags_leave_and_the_token_is_hidden() {
        let ground = Ground::new();
        let kind = Erased(super::Vpc);
        let spec = |tags| json!({ "cidr": "10.0.0.9/16", "dns_hostnames": false, "dns_support": true, "tags": tags });
        let (old, new) = (spec(json!({ "a": "1", "b": "2" })), spec(json!({ "b": "3" })));
        let made = ground.make(&kind, "vpc", &old).await;
        assert_eq!(made.spec, old, "as the file writes it, and no tag of ours");
        assert_eq!(made.outputs["cidr"], "10.0.0.0/16");
        let cx = ground.cx("vpc");
        kind.update(&cx, &made.id, &made.spec, &new).await.expect("updated");
        let found = kind.find_many(&[cx], &[(new.clone(), made.id), (new.clone(), "vpc-0".into())]).await;
        let found = found.expect("answered").expect("there is a call for that");
        assert_eq!(found[0].as_ref().map(|found| &found.spec), Some(&new));
        assert_eq!(found[1], None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_whose_answer_was_lost_is_found_by_its_tags() {
        let ground = Ground::new();
        let kind = Erased(super::Vpc);
        let spec = json!({ "cidr": "10.0.0.0/16", "dns_hostnames": false, "dns_support": true });
        let lost = Effect::LostAfter;
        let fault = Fault { operation: "ec2.CreateVpc".into(), skip: 0, times: 1, effect: lost };
        ground.sandbox.world().faults.list.push(fault);
        let error = kind.create(&ground.cx("vpc"), &spec).await.expect_err("no answer");
        assert_eq!(error.sort, ErrorSort::Unreachable);
        assert_eq!(
            ground.cloud.calls().by_operation()["EC2.CreateVpc"],
            1,
            "not sent again: it would make two"
        );
        assert!(kind.find(&ground.cx("vpc"), &spec, None).await.expect("answered").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_sixth_is_one_too_many() {
        let ground = Ground::new();
        let kind = Erased(super::Vpc);
        let spec = json!({ "cidr": "10.0.0.0/16", "dns_hostnames": false, "dns_support": true });
        for name in ["a", "b", "c", "d"] {
            ground.make(&kind, name, &spec).await;
        }
        let error = kind.create(&ground.cx("e"), &spec).await.expect_err("the default VPC counts too");
        assert_eq!(error.sort, ErrorSort::Quota);
    }
}
