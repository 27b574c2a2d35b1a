//! Security group: no client token, but its name is unique in the VPC. Its rules are of a kind of their own.
//!
//! A new group lets everything out; that rule stays.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Found, FoundOf, Hold, Kind, Readiness, strangers};
use crate::cloud::ec2::{
    self, Sort, filter, found_tags, look, look_by, look_ids, retag, specification, text,
};
use crate::cloud::{Absent, CloudResult, Cx, ErrorSort};
use crate::shape::{Recovery, Shape};

const SORT: Sort =
    Sort { action: "DescribeSecurityGroups", set: "securityGroupInfo", filter: "group-id", id: "groupId" };

/// The kind.
pub struct SecurityGroup;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The VPC it is of.
    pub vpc_id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What EC2 gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub security_group_id: String,
}

impl Kind for SecurityGroup {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Tags,
        fixed: &["vpc_id", "name", "description"],
        ..Shape::managed("security_group", "security group", "ec2")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    /// By name too, so that a foreign group in the way is seen before the create is refused.
    async fn find(&self, cx: &Cx, spec: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let mut docs = look(cx, &SORT, id).await?;
        if docs.is_empty() && id.is_none() {
            let by = vec![filter("vpc-id", [&*spec.vpc_id]), filter("group-name", [&*spec.name])];
            docs = look_by(cx, &SORT, by).await?;
        }
        Ok(docs.first().map(found))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let params = json!({
            "VpcId": spec.vpc_id,
            "GroupName": spec.name,
            "GroupDescription": spec.description,
            "TagSpecification": specification(cx, "security-group", &spec.tags),
        });
        let answer = cx.clients().ec2.call("CreateSecurityGroup", params).await?;
        ec2::made("CreateSecurityGroup", &answer, "groupId")
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        retag(cx, id, &from.tags, &to.tags).await
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        let params = json!({ "GroupId": id });
        let asked = cx.clients().ec2.call("DeleteSecurityGroup", params).await.or_absent();
        if asked.as_ref().is_err_and(|error| error.sort == ErrorSort::InUse) {
            strangers::close(&cx.clients(), id).await?;
        }
        let Err(mut error) = asked else { return Ok(()) };
        // What is in the way is named, so that nobody waits for nothing.
        let holds = strangers::rules_naming(&cx.clients(), id).await.unwrap_or_default();
        for hold in holds {
            error.message.push_str(&format!("; {}", hold.what));
        }
        Err(error)
    }

    async fn held(&self, cx: &Cx, _: &Spec, id: &str, _: &Json) -> CloudResult<Vec<Hold>> {
        strangers::rules_naming(&cx.clients(), id).await
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

fn found(doc: &Json) -> FoundOf<SecurityGroup> {
    let (tags, owner) = found_tags(doc);
    let id = text(doc, "groupId");
    Found {
        spec: Spec {
            vpc_id: text(doc, "vpcId"),
            name: text(doc, "groupName"),
            description: text(doc, "groupDescription"),
            tags,
        },
        outputs: Outputs { security_group_id: id.clone() },
        id,
        readiness: Readiness::Ready,
        owner,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::cloud::ErrorSort;
    use crate::kind::conformance::{Ground, conforms};
    use crate::kind::{AnyKind, Erased, Ownership};

    fn spec(name: &str) -> Json {
        json!({
            "vpc_id": "vpc-0a1b2c3d4e5f60718", "name": name, "description": "made for a test",
            "tags": { "Name": name },
        })
    }

    #[tokio::test(start_paused = true)]
    async fn lives() {
        let mut second = spec("web");
        second["tags"] = json!({ "Name": "other" });
        conforms(&Ground::new(), &Erased(super::SecurityGroup), &spec("web"), &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_foreign_one_of_the_same_name_is_seen_and_in_the_way() {
        let ground = Ground::new();
        let kind = Erased(super::SecurityGroup);
        let cx = ground.cx("ours");
        let foreign =
            json!({ "VpcId": "vpc-0a1b2c3d4e5f60718", "GroupName": "web", "GroupDescription": "theirs" });
        cx.clients().ec2.call("CreateSecurityGroup", foreign).await.expect("made by hand");
        let found = kind.find(&cx, &spec("web"), None).await.expect("answered").expect("seen");
        assert_eq!(found.owner, Ownership::Untagged);
        assert_eq!(kind.create(&cx, &spec("web")).await.expect_err("refused").sort, ErrorSort::Exists);
    }
}
