//! Security group rules: each has an id, one direction, one range of ports and one other side.

use serde_json::{Value as Json, json};

use super::super::wire::{listed, number};
use super::super::{Answer, Refusal};
use super::describe::{Sort, as_it_is, describe as describe_any};
use super::{done, draw, group, quota, region, tags, want};
use crate::sandbox::world::{Doc, Here, merge};

pub(super) const SORT: Sort = Sort {
    table: "ec2/security-group-rule",
    id: "securityGroupRuleId",
    ids: "SecurityGroupRuleId",
    set: "securityGroupRuleSet",
    missing: ("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '{}' does not exist"),
    filters: &[("group-id", "groupId"), ("security-group-rule-id", "securityGroupRuleId")],
};

/// The fields that say who the other side is; a rule has one of them.
const SIDES: &[&str] = &["cidrIpv4", "cidrIpv6", "prefixListId", "referencedGroupInfo"];

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &SORT, as_it_is)
}

/// The rules of a group.
pub(super) fn of_group(here: &Here<'_>, group_id: &str) -> Vec<Doc> {
    here.list(SORT.table).into_iter().filter(|doc| doc["groupId"] == group_id).collect()
}

/// Removes the rules of a group.
pub(super) fn remove_all(here: &mut Here<'_>, group_id: &str) {
    for doc in of_group(here, group_id) {
        here.remove(SORT.table, doc["securityGroupRuleId"].as_str().unwrap_or_default());
    }
}

/// Writes a rule with these terms: protocol, ports, other side, description.
pub fn put(here: &mut Here<'_>, group_id: &str, egress: bool, terms: Json) -> Doc {
    let id = draw(here, "sgr");
    let mut doc = json!({
        "securityGroupRuleId": id,
        "securityGroupRuleArn":
            format!("arn:aws:ec2:{}:{}:security-group-rule/{id}", here.region, here.account),
        "groupId": group_id,
        "groupOwnerId": here.account,
        "isEgress": egress,
        "tagSet": [],
    });
    merge(&mut doc, &terms);
    here.put(SORT.table, &id, doc.clone());
    doc
}

/// Rules as the permissions that a group tells: one for each protocol and range of ports.
pub(super) fn permissions(rules: &[Doc]) -> Json {
    let mut all: Vec<(Json, Json)> = Vec::new();
    for rule in rules {
        let key = json!([rule["ipProtocol"], rule["fromPort"], rule["toPort"]]);
        let at = all.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            let mut permission = json!({ "ipProtocol": rule["ipProtocol"] });
            if rule["ipProtocol"] != "-1" {
                permission["fromPort"] = rule["fromPort"].clone();
                permission["toPort"] = rule["toPort"].clone();
            }
            for list in ["groups", "ipRanges", "ipv6Ranges", "prefixListIds"] {
                permission[list] = json!([]);
            }
            all.push((key, permission));
            all.len() - 1
        });
        let (list, mut side) = told_side(rule);
        if rule["description"].is_string() {
            side["description"] = rule["description"].clone();
        }
        if let Some(sides) = all[at].1[list].as_array_mut() {
            sides.push(side);
        }
    }
    all.into_iter().map(|(_, permission)| permission).collect()
}

fn told_side(rule: &Doc) -> (&'static str, Json) {
    if rule["cidrIpv4"].is_string() {
        ("ipRanges", json!({ "cidrIp": rule["cidrIpv4"] }))
    } else if rule["cidrIpv6"].is_string() {
        ("ipv6Ranges", json!({ "cidrIpv6": rule["cidrIpv6"] }))
    } else if rule["prefixListId"].is_string() {
        ("prefixListIds", json!({ "prefixListId": rule["prefixListId"] }))
    } else {
        ("groups", rule["referencedGroupInfo"].clone())
    }
}

pub(super) fn authorize_ingress(here: &mut Here<'_>, input: &Json) -> Answer {
    authorize(here, input, false)
}

pub(super) fn authorize_egress(here: &mut Here<'_>, input: &Json) -> Answer {
    authorize(here, input, true)
}

/// Makes all rules of a call, or none.
fn authorize(here: &mut Here<'_>, input: &Json, egress: bool) -> Answer {
    let group_id = want(input, "GroupId")?;
    let group = group::SORT.must(here, group_id)?;
    let tags = tags::asked(input, "security-group-rule")?;
    let asked = asked(here, &group, input)?;
    if asked.is_empty() {
        return Err(Refusal::bad("MissingParameter", "The request must contain the parameter ipPermissions"));
    }
    for (at, terms) in asked.iter().enumerate() {
        if twin(here, group_id, egress, terms).is_some()
            || asked[..at].iter().any(|other| equal(other, terms))
        {
            return Err(duplicate(terms));
        }
    }
    room(here, group_id, egress, &asked)?;
    let mut made = Vec::new();
    for mut terms in asked {
        terms["tagSet"] = tags.clone();
        made.push(put(here, group_id, egress, terms));
    }
    Ok(json!({ "return": true, "securityGroupRuleSet": made }))
}

fn duplicate(terms: &Json) -> Refusal {
    let (_, side) = told_side(terms);
    let words = format!("the specified rule \"peer: {side}, {}\" already exists", terms["ipProtocol"]);
    Refusal::bad("InvalidPermission.Duplicate", words)
}

/// Refuses more rules than a group takes in one direction.
fn room(here: &Here<'_>, group_id: &str, egress: bool, new: &[Json]) -> Result<(), Refusal> {
    let weight = |terms: &Json| {
        let list = terms["prefixListId"].as_str().and_then(|id| here.get(region::PREFIX_LISTS.table, id));
        list.and_then(|list| list["maxEntries"].as_u64()).unwrap_or(1)
    };
    let old = of_group(here, group_id).into_iter().filter(|rule| rule["isEgress"] == egress);
    let total: u64 = old.map(|rule| weight(&rule)).sum::<u64>() + new.iter().map(weight).sum::<u64>();
    if usize::try_from(total).is_ok_and(|total| total <= quota(here, "rules", super::RULES)) {
        return Ok(());
    }
    let words = "The maximum number of rules per security group has been reached.";
    Err(Refusal::bad("RulesPerSecurityGroupLimitExceeded", words))
}

fn equal(one: &Json, other: &Json) -> bool {
    ["ipProtocol", "fromPort", "toPort"].iter().chain(SIDES).all(|field| {
        let id = |doc: &Json| doc[*field].get("groupId").unwrap_or(&doc[*field]).clone();
        id(one) == id(other)
    })
}

/// The rule of a group that says the same.
fn twin(here: &Here<'_>, group_id: &str, egress: bool, terms: &Json) -> Option<Doc> {
    let same = |rule: &Doc| rule["isEgress"] == egress && equal(rule, terms);
    of_group(here, group_id).into_iter().find(same)
}

/// The terms of all rules in `IpPermissions`.
fn asked(here: &Here<'_>, group: &Doc, input: &Json) -> Result<Vec<Json>, Refusal> {
    let mut all = Vec::new();
    for permission in listed(&input["IpPermissions"]) {
        let before = all.len();
        for (list, from, to) in [
            ("IpRanges", "CidrIp", "CidrIpv4"),
            ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
            ("PrefixListIds", "PrefixListId", "PrefixListId"),
            ("Groups", "GroupId", "ReferencedGroupId"),
        ] {
            for side in listed(&permission[list]) {
                let mut flat = permission.clone();
                flat[to] = side[from].clone();
                flat["Description"] = side["Description"].clone();
                all.push(terms(here, group, &flat)?);
            }
        }
        if all.len() == before {
            let words = "The request must contain a range, a prefix list or a group";
            return Err(Refusal::bad("MissingParameter", words));
        }
    }
    Ok(all)
}

/// The terms of one rule, as they are kept, from `{IpProtocol, FromPort, ToPort, CidrIpv4 …, Description}`.
fn terms(here: &Here<'_>, group: &Doc, flat: &Json) -> Result<Json, Refusal> {
    let (protocol, from, to) = ports(flat)?;
    let mut terms = json!({ "ipProtocol": protocol, "fromPort": from, "toPort": to });
    if let Some(cidr) = flat["CidrIpv4"].as_str() {
        let net: ipnet::Ipv4Net = cidr.parse().map_err(|_| malformed(cidr))?;
        terms["cidrIpv4"] = json!(net.trunc().to_string());
    } else if let Some(cidr) = flat["CidrIpv6"].as_str() {
        let net: ipnet::Ipv6Net = cidr.parse().map_err(|_| malformed(cidr))?;
        terms["cidrIpv6"] = json!(net.trunc().to_string());
    } else if let Some(id) = flat["PrefixListId"].as_str() {
        region::PREFIX_LISTS.must(here, id)?;
        terms["prefixListId"] = json!(id);
    } else if let Some(id) = flat["ReferencedGroupId"].as_str() {
        if group::SORT.must(here, id)?["vpcId"] != group["vpcId"] {
            let words = "You have specified two resources that belong to different networks.";
            return Err(Refusal::bad("InvalidGroup.NotFound", words));
        }
        terms["referencedGroupInfo"] = json!({ "groupId": id, "userId": here.account });
    }
    if let Some(description) = flat["Description"].as_str().filter(|text| !text.is_empty()) {
        if !group::is_plain(description) {
            let words = "Invalid rule description. Valid descriptions are strings less than 256 characters from \
                         the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*";
            return Err(Refusal::bad("InvalidParameterValue", words));
        }
        terms["description"] = json!(description);
    }
    Ok(terms)
}

fn malformed(cidr: &str) -> Refusal {
    Refusal::bad("InvalidParameterValue", format!("CIDR block {cidr} is malformed"))
}

fn ports(flat: &Json) -> Result<(String, i64, i64), Refusal> {
    let protocol = match flat["IpProtocol"].as_str().unwrap_or_default() {
        "" => {
            return Err(Refusal::bad(
                "MissingParameter",
                "The request must contain the parameter ipProtocol",
            ));
        }
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        "all" => "-1",
        other => other,
    };
    if !matches!(protocol, "tcp" | "udp" | "icmp" | "icmpv6" | "-1") && protocol.parse::<u8>().is_err() {
        let words = format!("Invalid value '{protocol}' for IP protocol. Unknown protocol.");
        return Err(Refusal::bad("InvalidPermission.Malformed", words));
    }
    if !matches!(protocol, "tcp" | "udp") {
        let port = |name: &str| number(&flat[name]).filter(|_| protocol.starts_with("icmp")).unwrap_or(-1);
        return Ok((protocol.to_owned(), port("FromPort"), port("ToPort")));
    }
    let (Some(from), Some(to)) = (number(&flat["FromPort"]), number(&flat["ToPort"])) else {
        let words =
            format!("Invalid value 'Must specify both from and to ports with {protocol}.' for portRange.");
        return Err(Refusal::bad("InvalidParameterValue", words));
    };
    if !(0..=65535).contains(&from) || !(from..=65535).contains(&to) {
        let words = format!("Invalid value '{from}-{to}' for portRange.");
        return Err(Refusal::bad("InvalidParameterValue", words));
    }
    Ok((protocol.to_owned(), from, to))
}

pub(super) fn revoke_ingress(here: &mut Here<'_>, input: &Json) -> Answer {
    revoke(here, input, false)
}

pub(super) fn revoke_egress(here: &mut Here<'_>, input: &Json) -> Answer {
    revoke(here, input, true)
}

/// By rule ids, or by permissions that say the same.
fn revoke(here: &mut Here<'_>, input: &Json, egress: bool) -> Answer {
    let group_id = want(input, "GroupId")?;
    let group = group::SORT.must(here, group_id)?;
    let mut gone = Vec::new();
    for id in listed(&input["SecurityGroupRuleId"]) {
        let id = id.as_str().unwrap_or_default();
        let rule = SORT.must(here, id)?;
        if rule["groupId"] != group_id || rule["isEgress"] != egress {
            return Err(Refusal::bad(SORT.missing.0, SORT.missing.1.replace("{}", id)));
        }
        gone.push(rule);
    }
    for terms in asked(here, &group, input)? {
        let absent = || {
            let words = "The specified rule does not exist in this security group.";
            Refusal::bad("InvalidPermission.NotFound", words)
        };
        gone.push(twin(here, group_id, egress, &terms).ok_or_else(absent)?);
    }
    for rule in &gone {
        here.remove(SORT.table, rule["securityGroupRuleId"].as_str().unwrap_or_default());
    }
    Ok(json!({ "return": true, "revokedSecurityGroupRuleSet": gone }))
}

/// Replaces all terms of rules; a description that is left out is gone.
pub(super) fn modify(here: &mut Here<'_>, input: &Json) -> Answer {
    let group_id = want(input, "GroupId")?;
    let group = group::SORT.must(here, group_id)?;
    for update in listed(&input["SecurityGroupRule"]) {
        let id = want(&update, "SecurityGroupRuleId")?;
        let rule = SORT.must(here, id)?;
        if rule["groupId"] != group_id {
            return Err(Refusal::bad(SORT.missing.0, SORT.missing.1.replace("{}", id)));
        }
        let terms = terms(here, &group, &update["SecurityGroupRule"])?;
        let other = twin(here, group_id, rule["isEgress"] == true, &terms);
        if other.is_some_and(|other| other["securityGroupRuleId"] != id) {
            return Err(duplicate(&terms));
        }
        here.change(SORT.table, id, |doc| {
            if let Some(map) = doc.as_object_mut() {
                SIDES.iter().chain(&["description"]).for_each(|field| drop(map.remove(*field)));
            }
            merge(doc, &terms);
        });
    }
    done()
}
