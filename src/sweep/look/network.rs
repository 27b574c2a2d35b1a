//! EC2: networks and all that is in them. One list a sort and region.

use serde_json::{Value as Json, json};

use super::Ground;
use crate::cloud::CloudResult;
use crate::cloud::ec2::{items, text};
use crate::sweep::sort::Sort;
use crate::sweep::thing::Thing;

/// How one sort of thing is listed.
pub(super) struct Row {
    pub(super) sort: Sort,
    action: &'static str,
    set: &'static str,
    id: &'static str,
    /// Where its VPC is told, as a JSON pointer.
    vpc: &'static str,
    /// The largest page; none where there are no pages.
    most: Option<u32>,
}

const fn row(sort: Sort, action: &'static str, set: &'static str, id: &'static str) -> Row {
    Row { sort, action, set, id, vpc: "/vpcId", most: Some(1000) }
}

/// All sorts.
pub(super) const SORTS: &[Row] = &[
    row(Sort::Vpc, "DescribeVpcs", "vpcSet", "vpcId"),
    row(Sort::Subnet, "DescribeSubnets", "subnetSet", "subnetId"),
    Row { most: Some(100), ..row(Sort::RouteTable, "DescribeRouteTables", "routeTableSet", "routeTableId") },
    Row {
        vpc: "/attachmentSet/0/vpcId",
        ..row(Sort::InternetGateway, "DescribeInternetGateways", "internetGatewaySet", "internetGatewayId")
    },
    row(Sort::NatGateway, "DescribeNatGateways", "natGatewaySet", "natGatewayId"),
    Row { most: None, ..row(Sort::ElasticIp, "DescribeAddresses", "addressesSet", "allocationId") },
    row(Sort::VpcEndpoint, "DescribeVpcEndpoints", "vpcEndpointSet", "vpcEndpointId"),
    row(Sort::NetworkInterface, "DescribeNetworkInterfaces", "networkInterfaceSet", "networkInterfaceId"),
    row(Sort::SecurityGroup, "DescribeSecurityGroups", "securityGroupInfo", "groupId"),
    row(Sort::SecurityGroupRule, "DescribeSecurityGroupRules", "securityGroupRuleSet", "securityGroupRuleId"),
    row(Sort::Volume, "DescribeVolumes", "volumeSet", "volumeId"),
];

pub(super) async fn read(ground: Ground<'_>, row: &Row) -> CloudResult<Vec<Thing>> {
    let params = row.most.map_or_else(|| json!({}), |most| json!({ "MaxResults": most }));
    let docs = ground.clients.ec2.pages(row.action, params, row.set).await?;
    Ok(docs.iter().filter(|doc| is_there(row.sort, doc)).map(|doc| thing(ground, row, doc)).collect())
}

/// Whether it is something of its own: what every VPC has goes with it, and what is gone is told for a while.
fn is_there(sort: Sort, doc: &Json) -> bool {
    match sort {
        Sort::RouteTable => !items(doc, "associationSet").any(|one| one["main"] == "true"),
        Sort::SecurityGroup => doc["groupName"] != "default",
        Sort::NatGateway | Sort::VpcEndpoint => doc["state"] != "deleted",
        _ => true,
    }
}

fn thing(ground: Ground<'_>, row: &Row, doc: &Json) -> Thing {
    let id = text(doc, row.id);
    let mut thing = ground.thing(row.sort, &id);
    let tags = items(doc, "tagSet");
    thing.tags = tags.map(|tag| (text(tag, "key"), text(tag, "value"))).collect();
    thing.vpc = doc.pointer(row.vpc).and_then(Json::as_str).map(str::to_owned);
    thing.leaving = doc["state"] == "deleting";
    thing.free = doc["status"] == "available";
    let name = match row.sort {
        Sort::SecurityGroup => text(doc, "groupName"),
        Sort::NetworkInterface | Sort::SecurityGroupRule => text(doc, "description"),
        Sort::ElasticIp => text(doc, "publicIp"),
        _ => thing.tag("Name").unwrap_or_default().to_owned(),
    };
    if !name.is_empty() {
        thing.name = format!("{id} ({name})");
    }
    if row.sort == Sort::SecurityGroupRule {
        let other = doc["referencedGroupInfo"]["groupId"].as_str();
        thing.of = [doc["groupId"].as_str(), other].into_iter().flatten().map(str::to_owned).collect();
        thing.egress = doc["isEgress"] == "true";
    }
    thing
}
