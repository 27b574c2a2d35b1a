//! Security groups. Their rules are documents of their own: see `rule`; what a group tells of them is worked out.

use serde_json::{Value as Json, json};

use super::super::wire::listed;
use super::super::{Answer, Refusal};
use super::describe::{Sort, describe as describe_any};
use super::{done, draw, interface, rule, tags, vpc, want};
use crate::sandbox::world::{Doc, Here};

pub(super) const SORT: Sort = Sort {
    table: "ec2/security-group",
    id: "groupId",
    ids: "GroupId",
    set: "securityGroupInfo",
    missing: ("InvalidGroup.NotFound", "The security group '{}' does not exist"),
    filters: &[
        ("group-id", "groupId"),
        ("group-name", "groupName"),
        ("vpc-id", "vpcId"),
        ("description", "groupDescription"),
        ("owner-id", "ownerId"),
        ("ip-permission.cidr", "ipPermissions/ipRanges/cidrIp"),
        ("ip-permission.from-port", "ipPermissions/fromPort"),
        ("ip-permission.to-port", "ipPermissions/toPort"),
        ("ip-permission.protocol", "ipPermissions/ipProtocol"),
        ("ip-permission.group-id", "ipPermissions/groups/groupId"),
        ("egress.ip-permission.group-id", "ipPermissionsEgress/groups/groupId"),
        ("ip-permission.prefix-list-id", "ipPermissions/prefixListIds/prefixListId"),
    ],
};

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &SORT, |here, doc| {
        let rules = rule::of_group(here, doc["groupId"].as_str().unwrap_or_default());
        let (egress, ingress): (Vec<_>, Vec<_>) =
            rules.into_iter().partition(|rule| rule["isEgress"] == true);
        doc["ipPermissions"] = rule::permissions(&ingress);
        doc["ipPermissionsEgress"] = rule::permissions(&egress);
    })
}

/// The characters that names and descriptions may have.
pub(super) fn is_plain(text: &str) -> bool {
    text.len() <= 255
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c))
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = want(input, "GroupName")?;
    let description = want(input, "GroupDescription")?;
    let vpc_id = want(input, "VpcId")?;
    vpc::SORT.must(here, vpc_id)?;
    if name == "default" {
        let words = "Cannot use reserved security group name: default";
        return Err(Refusal::bad("InvalidParameterValue", words));
    }
    for (parameter, text) in [("groupName", name), ("groupDescription", description)] {
        if !is_plain(text) || (parameter == "groupName" && name.starts_with("sg-")) {
            let words = format!("Value ({text}) for parameter {parameter} is invalid.");
            return Err(Refusal::bad("InvalidParameterValue", words));
        }
    }
    let tags = tags::asked(input, "security-group")?;
    let id = make(here, vpc_id, name, description, tags)?;
    Ok(json!({
        "return": true,
        "groupId": id,
        "securityGroupArn": arn(here, &id),
        "tagSet": SORT.must(here, &id)?["tagSet"],
    }))
}

fn arn(here: &Here<'_>, id: &str) -> String {
    format!("arn:aws:ec2:{}:{}:security-group/{id}", here.region, here.account)
}

/// Makes a group: everything may go out. `tags` is `[{key, value}]`. Gives its id; refuses a name that another group
/// of the VPC has.
pub fn make(
    here: &mut Here<'_>,
    vpc_id: &str,
    name: &str,
    description: &str,
    tags: Json,
) -> Result<String, Refusal> {
    let same = |doc: &Doc| doc["vpcId"] == vpc_id && doc["groupName"] == name;
    if here.list(SORT.table).iter().any(same) {
        let words = format!("The security group '{name}' already exists for VPC '{vpc_id}'");
        return Err(Refusal::bad("InvalidGroup.Duplicate", words));
    }
    let id = draw(here, "sg");
    put(here, &id, vpc_id, name, description, tags);
    Ok(id)
}

fn put(here: &mut Here<'_>, id: &str, vpc_id: &str, name: &str, description: &str, tags: Json) {
    let doc = json!({
        "groupId": id,
        "groupName": name,
        "groupDescription": description,
        "vpcId": vpc_id,
        "ownerId": here.account,
        "securityGroupArn": arn(here, id),
        "tagSet": tags,
    });
    here.put(SORT.table, id, doc);
    rule::put(
        here,
        id,
        true,
        json!({ "ipProtocol": "-1", "fromPort": -1, "toPort": -1, "cidrIpv4": "0.0.0.0/0" }),
    );
}

/// Puts in the default group of a VPC: it takes everything from itself.
pub(super) fn put_default(here: &mut Here<'_>, id: &str, vpc_id: &str) {
    put(here, id, vpc_id, "default", "default VPC security group", json!([]));
    let itself = json!({ "groupId": id, "userId": here.account });
    let terms = json!({ "ipProtocol": "-1", "fromPort": -1, "toPort": -1, "referencedGroupInfo": itself });
    rule::put(here, id, false, terms);
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = want(input, "GroupId")?;
    let doc = SORT.must(here, id)?;
    if doc["groupName"] == "default" {
        let words = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(Refusal::bad("CannotDelete", words));
    }
    if in_use(here, id) {
        let words = format!("resource {id} has a dependent object");
        return Err(Refusal::bad("DependencyViolation", words));
    }
    rule::remove_all(here, id);
    here.remove(SORT.table, id);
    done()
}

/// Whether interfaces, rules of other groups, load balancers or Lattice associations have it.
fn in_use(here: &Here<'_>, id: &str) -> bool {
    let names = |list: &Json| listed(list).iter().any(|one| one == id || one["groupId"] == id);
    let referred = |doc: &Doc| doc["groupId"] != id && doc["referencedGroupInfo"]["groupId"] == id;
    here.list(interface::SORT.table).iter().any(|doc| names(&doc["groupSet"]))
        || here.list(rule::SORT.table).iter().any(referred)
        || here.list("elb/load-balancer").iter().any(|doc| names(&doc["SecurityGroups"]))
        || here.list("elb-classic/load-balancer").iter().any(|doc| names(&doc["SecurityGroups"]))
        || here.list("lattice/vpc-association").iter().any(|doc| names(&doc["securityGroupIds"]))
}
