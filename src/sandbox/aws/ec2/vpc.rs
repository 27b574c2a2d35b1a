//! VPCs: each comes with a main route table and a default security group, which go with it.

use ipnet::Ipv4Net;
use serde_json::{Value as Json, json};

use super::super::wire::truth;
use super::super::{Answer, Refusal};
use super::describe::{Sort, as_it_is, describe as describe_any};
use super::{done, draw, gateway, group, interface, others, quota, route, rule, subnet, tags, want};
use crate::sandbox::world::{Doc, Event, Here};

pub(super) const SORT: Sort = Sort {
    table: "ec2/vpc",
    id: "vpcId",
    ids: "VpcId",
    set: "vpcSet",
    missing: ("InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
    filters: &[
        ("vpc-id", "vpcId"),
        ("cidr", "cidrBlock"),
        ("cidr-block-association.cidr-block", "cidrBlockAssociationSet/cidrBlock"),
        ("state", "state"),
        ("is-default", "isDefault"),
        ("isDefault", "isDefault"),
        ("owner-id", "ownerId"),
    ],
};

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &SORT, as_it_is)
}

pub(super) fn document(here: &mut Here<'_>, id: &str, cidr: &str, tags: Json) -> Doc {
    json!({
        "vpcId": id,
        "ownerId": here.account,
        "state": "pending",
        "cidrBlock": cidr,
        "cidrBlockAssociationSet": [{
            "associationId": id.replace("vpc-", "vpc-cidr-assoc-"),
            "cidrBlock": cidr,
            "cidrBlockState": { "state": "associated" },
        }],
        "dhcpOptionsId": super::region::known_id(here, "dopt", "default"),
        "instanceTenancy": "default",
        "isDefault": false,
        "tagSet": tags,
        "_enableDnsSupport": true,
        "_enableDnsHostnames": false,
    })
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let cidr = want(input, "CidrBlock")?;
    let invalid = || Refusal::bad("InvalidVpc.Range", format!("The CIDR '{cidr}' is invalid."));
    let net: Ipv4Net = cidr.parse().map_err(|_| invalid())?;
    if !(16..=28).contains(&net.prefix_len()) {
        return Err(invalid());
    }
    let tags = tags::asked(input, "vpc")?;
    if here.list(SORT.table).len() >= quota(here, "vpcs", super::VPCS) {
        return Err(Refusal::bad("VpcLimitExceeded", "The maximum number of VPCs has been reached."));
    }
    let id = draw(here, "vpc");
    let cidr = net.trunc().to_string();
    let doc = document(here, &id, &cidr, tags);
    here.put(SORT.table, &id, doc.clone());
    here.after(1, SORT.table, &id, Event::Merge(json!({ "state": "available" })));
    let (table, association) = (draw(here, "rtb"), draw(here, "rtbassoc"));
    route::put_main(here, &table, &association, &id, &cidr);
    let default_group = draw(here, "sg");
    group::put_default(here, &default_group, &id);
    Ok(json!({ "vpc": doc }))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = want(input, "VpcId")?;
    SORT.must(here, id)?;
    let of = |here: &Here<'_>, table| {
        here.list(table).into_iter().filter(|d| d["vpcId"] == id).collect::<Vec<_>>()
    };
    let tables = of(here, route::SORT.table);
    let groups = of(here, group::SORT.table);
    let attached = here.list(gateway::SORT.table).iter().any(|doc| gateway::attached_to(doc, id));
    if attached
        || !of(here, subnet::SORT.table).is_empty()
        || !of(here, interface::SORT.table).is_empty()
        || !of(here, others::ENDPOINT.table).is_empty()
        || tables.iter().any(|doc| !route::is_main(doc))
        || groups.iter().any(|doc| doc["groupName"] != "default")
    {
        let words = format!("The vpc '{id}' has dependencies and cannot be deleted.");
        return Err(Refusal::bad("DependencyViolation", words));
    }
    for table in tables {
        here.remove(route::SORT.table, table["routeTableId"].as_str().unwrap_or_default());
    }
    for doc in groups {
        let group_id = doc["groupId"].as_str().unwrap_or_default();
        rule::remove_all(here, group_id);
        here.remove(group::SORT.table, group_id);
    }
    here.remove(SORT.table, id);
    done()
}

/// The attributes that can be asked for and changed, one at a time, and where they are kept.
const ATTRIBUTES: &[(&str, &str, &str)] = &[
    ("EnableDnsSupport", "enableDnsSupport", "_enableDnsSupport"),
    ("EnableDnsHostnames", "enableDnsHostnames", "_enableDnsHostnames"),
];

pub(super) fn describe_attribute(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = SORT.must(here, want(input, "VpcId")?)?;
    let asked = want(input, "Attribute")?;
    let Some((_, name, kept)) = ATTRIBUTES.iter().find(|(_, name, _)| *name == asked) else {
        let words = format!("Value ({asked}) for parameter attribute is invalid. Unknown VPC attribute.");
        return Err(Refusal::bad("InvalidParameterValue", words));
    };
    Ok(json!({ "vpcId": doc["vpcId"], (*name): { "value": doc[*kept] } }))
}

pub(super) fn modify(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = want(input, "VpcId")?;
    let doc = SORT.must(here, id)?;
    let set = |(asked, _, kept): &(&str, &str, &'static str)| Some((*kept, truth(&input[*asked]["Value"])?));
    let set: Vec<_> = ATTRIBUTES.iter().filter_map(set).collect();
    let [(kept, value)] = set[..] else {
        let words = "Exactly one attribute must be specified";
        return Err(Refusal::bad("InvalidParameterCombination", words));
    };
    if kept == "_enableDnsHostnames" && value && doc["_enableDnsSupport"] == false {
        let words = "DNS hostnames need DNS support, which is not enabled";
        return Err(Refusal::bad("InvalidParameterCombination", words));
    }
    here.change(SORT.table, id, |doc| doc[kept] = json!(value));
    done()
}
