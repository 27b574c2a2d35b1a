//! Security group rule: no client token, but EC2 refuses a second rule that says the same.
//!
//! Found by id, by tags, or else by what it says; description and tags are all that changes in place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Found, FoundOf, Kind, Readiness};
use crate::cloud::ec2::{
    Sort, as_written, filter, found_tags, look, look_by, look_ids, made, retag, specification, text, truth,
};
use crate::cloud::{Absent, CloudResult, Cx};
use crate::shape::{Recovery, Shape};

const SORT: Sort = Sort {
    action: "DescribeSecurityGroupRules",
    set: "securityGroupRuleSet",
    filter: "security-group-rule-id",
    id: "securityGroupRuleId",
};

/// The kind.
pub struct SecurityGroupRule;

/// Which way it lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// In.
    Ingress,
    /// Out.
    Egress,
}

/// What it should be. One of the four other sides is given.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The group it is of.
    pub security_group_id: String,
    /// Which way it lets pass.
    pub direction: Direction,
    /// `tcp`, `udp`, or `-1` for everything.
    pub protocol: String,
    /// The first port; none for `-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_port: Option<u16>,
    /// The last port; the first if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_port: Option<u16>,
    /// The other side as a range, IPv4 or IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// The other side as a prefix list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_list_id: Option<String>,
    /// The other side as a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_security_group_id: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What EC2 gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub rule_id: String,
}

impl Kind for SecurityGroupRule {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Tags,
        fixed: &[
            "security_group_id",
            "direction",
            "protocol",
            "from_port",
            "to_port",
            "cidr",
            "prefix_list_id",
            "source_security_group_id",
        ],
        ..Shape::managed("security_group_rule", "security group rule", "ec2")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let mut docs = look(cx, &SORT, id).await?;
        if id.is_none() {
            docs.retain(|doc| doc["groupId"] == *spec.security_group_id);
            if docs.is_empty() {
                docs = look_by(cx, &SORT, vec![filter("group-id", [&*spec.security_group_id])]).await?;
                docs.retain(|doc| says_the_same(spec, &found(spec, doc).spec));
            }
        }
        Ok(docs.first().map(|doc| found(spec, doc)))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let action = match spec.direction {
            Direction::Ingress => "AuthorizeSecurityGroupIngress",
            Direction::Egress => "AuthorizeSecurityGroupEgress",
        };
        let params = json!({
            "GroupId": spec.security_group_id,
            "IpPermissions": [permission(spec)],
            "TagSpecification": specification(cx, "security-group-rule", &spec.tags),
        });
        let answer = cx.clients().ec2.call(action, params).await?;
        made(action, &answer, "securityGroupRuleSet/0/securityGroupRuleId")
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        if to.description.is_some() && from.description != to.description
            || from.description.is_some() && to.description.is_none()
        {
            let rule = json!({ "SecurityGroupRuleId": id, "SecurityGroupRule": request(to) });
            let params = json!({ "GroupId": to.security_group_id, "SecurityGroupRule": [rule] });
            cx.clients().ec2.call("ModifySecurityGroupRules", params).await?;
        }
        retag(cx, id, &from.tags, &to.tags).await
    }

    async fn delete(&self, cx: &Cx, id: &str, spec: &Spec) -> CloudResult<()> {
        let action = match spec.direction {
            Direction::Ingress => "RevokeSecurityGroupIngress",
            Direction::Egress => "RevokeSecurityGroupEgress",
        };
        let params = json!({ "GroupId": spec.security_group_id, "SecurityGroupRuleId": [id] });
        cx.clients().ec2.call(action, params).await.or_absent().map(drop)
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

fn ports(spec: &Spec) -> (Option<u16>, Option<u16>) {
    (spec.from_port, spec.to_port.or(spec.from_port))
}

/// The ranges of IPv4 and IPv6 apart, as EC2 has them.
fn ranges(spec: &Spec) -> (Option<&str>, Option<&str>) {
    match spec.cidr.as_deref() {
        Some(cidr) if cidr.contains(':') => (None, Some(cidr)),
        cidr => (cidr, None),
    }
}

/// As a create wants it.
fn permission(spec: &Spec) -> Json {
    let side = |field: &str, value: Option<&str>| {
        value.map(|value| json!([{ (field): value, "Description": spec.description }]))
    };
    let ((from, to), (v4, v6)) = (ports(spec), ranges(spec));
    json!({
        "IpProtocol": spec.protocol,
        "FromPort": from,
        "ToPort": to,
        "IpRanges": side("CidrIp", v4),
        "Ipv6Ranges": side("CidrIpv6", v6),
        "PrefixListIds": side("PrefixListId", spec.prefix_list_id.as_deref()),
        "Groups": side("GroupId", spec.source_security_group_id.as_deref()),
    })
}

/// As a change wants it: the whole rule.
fn request(spec: &Spec) -> Json {
    let ((from, to), (v4, v6)) = (ports(spec), ranges(spec));
    json!({
        "IpProtocol": spec.protocol,
        "FromPort": from.map_or(-1, i32::from),
        "ToPort": to.map_or(-1, i32::from),
        "CidrIpv4": v4,
        "CidrIpv6": v6,
        "PrefixListId": spec.prefix_list_id,
        "ReferencedGroupId": spec.source_security_group_id,
        "Description": spec.description,
    })
}

fn says_the_same(one: &Spec, other: &Spec) -> bool {
    one.direction == other.direction
        && one.protocol == other.protocol
        && ports(one) == ports(other)
        && one.cidr == other.cidr
        && one.prefix_list_id == other.prefix_list_id
        && one.source_security_group_id == other.source_security_group_id
}

fn found(spec: &Spec, doc: &Json) -> FoundOf<SecurityGroupRule> {
    let (tags, owner) = found_tags(doc);
    let id = text(doc, "securityGroupRuleId");
    let field = |name: &str| doc[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let cidr = field("cidrIpv4").or_else(|| field("cidrIpv6"));
    let wanted = spec.cidr.as_deref().unwrap_or_default();
    Found {
        spec: Spec {
            security_group_id: text(doc, "groupId"),
            direction: if truth(doc, "isEgress") { Direction::Egress } else { Direction::Ingress },
            protocol: text(doc, "ipProtocol"),
            from_port: text(doc, "fromPort").parse().ok(),
            to_port: text(doc, "toPort").parse().ok(),
            cidr: cidr.map(|cidr| as_written(wanted, &cidr)),
            prefix_list_id: field("prefixListId"),
            source_security_group_id: doc["referencedGroupInfo"]["groupId"].as_str().map(str::to_owned),
            description: field("description"),
            tags,
        },
        outputs: Outputs { rule_id: id.clone() },
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
    use crate::kind::{AnyKind, Erased, Ownership, security_group};

    async fn group(ground: &Ground, name: &str) -> String {
        let spec = json!({ "vpc_id": "vpc-0a1b2c3d4e5f60718", "name": name, "description": "test" });
        ground.make(&Erased(security_group::SecurityGroup), name, &spec).await.id
    }

    fn rule(group: &str, more: Json) -> Json {
        let mut spec = json!({ "security_group_id": group, "direction": "ingress", "protocol": "tcp" });
        if let (Json::Object(spec), Json::Object(more)) = (&mut spec, more) {
            spec.extend(more);
        }
        spec
    }

    #[tokio::test(start_paused = true)]
    async fn lives() {
        let ground = Ground::new();
        let group = group(&ground, "web").await;
        let side = |description: &str, tag: &str| {
            json!({
                "from_port": 443, "to_port": 443, "cidr": "10.1.2.3/16", "description": description,
                "tags": { "a": tag },
            })
        };
        let (first, second) = (rule(&group, side("web", "1")), rule(&group, side("other", "2")));
        conforms(&ground, &Erased(super::SecurityGroupRule), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn every_other_side_is_told_as_it_was_asked_for() {
        let ground = Ground::new();
        let (one, other) = (group(&ground, "one").await, group(&ground, "the-other").await);
        let ec2 = ground.cx("any").clients().ec2;
        let lists =
            ec2.pages("DescribeManagedPrefixLists", json!({}), "prefixListSet").await.expect("answered");
        let sides = [
            json!({ "from_port": 80, "to_port": 90, "cidr": "::/0" }),
            json!({ "protocol": "-1", "prefix_list_id": lists[0]["prefixListId"] }),
            json!({ "protocol": "udp", "from_port": 53, "to_port": 53, "source_security_group_id": other }),
            json!({ "direction": "egress", "from_port": 1, "to_port": 1, "cidr": "10.0.0.0/8" }),
        ];
        for (at, side) in sides.into_iter().enumerate() {
            let mut spec = rule(&one, side);
            spec["tags"] = json!({});
            let made = ground.make(&Erased(super::SecurityGroupRule), &"x".repeat(at + 9), &spec).await;
            assert_eq!(made.spec, spec);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_the_same_is_found_and_is_not_ours() {
        let ground = Ground::new();
        let kind = Erased(super::SecurityGroupRule);
        let group = group(&ground, "web").await;
        let spec = rule(&group, json!({ "from_port": 443, "to_port": 443, "cidr": "10.0.0.0/8" }));
        let cx = ground.cx("ours");
        let foreign = json!({ "GroupId": group, "IpPermissions": [{
            "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{ "CidrIp": "10.0.0.0/8" }],
        }]});
        cx.clients().ec2.call("AuthorizeSecurityGroupIngress", foreign).await.expect("made by hand");
        let found = kind.find(&cx, &spec, None).await.expect("answered").expect("seen");
        assert_eq!(found.owner, Ownership::Untagged);
        assert_eq!(kind.create(&cx, &spec).await.expect_err("refused").sort, ErrorSort::Exists);
    }

    #[tokio::test(start_paused = true)]
    async fn a_description_can_go() {
        let ground = Ground::new();
        let kind = Erased(super::SecurityGroupRule);
        let group = group(&ground, "web").await;
        let old = rule(&group, json!({ "protocol": "-1", "cidr": "10.0.0.0/8", "description": "a" }));
        let made = ground.make(&kind, "rule", &old).await;
        let new = rule(&group, json!({ "protocol": "-1", "cidr": "10.0.0.0/8" }));
        kind.update(&ground.cx("rule"), &made.id, &made.spec, &new).await.expect("updated");
        let found = kind.find(&ground.cx("rule"), &new, Some(&made.id)).await.expect("answered");
        assert_eq!(found.expect("there").spec.get("description"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_a_rule_of_another_names_stays() {
        let ground = Ground::new();
        let (one, other) = (group(&ground, "one").await, group(&ground, "the-other").await);
        let groups = Erased(security_group::SecurityGroup);
        let spec = rule(&one, json!({ "protocol": "-1", "source_security_group_id": other }));
        let kind = Erased(super::SecurityGroupRule);
        let made = ground.make(&kind, "rule", &spec).await;
        let any = json!({ "vpc_id": "", "name": "", "description": "" });
        let error = groups.delete(&ground.cx("a"), &other, &any).await.expect_err("named");
        assert_eq!(error.sort, ErrorSort::InUse);
        kind.delete(&ground.cx("rule"), &made.id, &spec).await.expect("revoked");
        groups.delete(&ground.cx("a"), &other, &any).await.expect("free");
    }
}
