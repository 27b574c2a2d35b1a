//! EC2: networks and all that is in them, and what nodes are made of. One list a sort and region.

use serde_json::{Value as Json, json};

use super::Ground;
use crate::cloud::CloudResult;
use crate::cloud::ec2::{items, text};
use crate::sweep::judge::OPENED;
use crate::sweep::sort::{AUTO_SCALING, Sort};
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
    /// The list in each item in which the things are, if the items are not the things.
    within: Option<&'static str>,
    /// Whether things that EKS keeps are told only to those who ask for them.
    hidden: bool,
}

const fn row(sort: Sort, action: &'static str, set: &'static str, id: &'static str) -> Row {
    Row { sort, action, set, id, vpc: "/vpcId", most: Some(1000), within: None, hidden: false }
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
    Row {
        within: Some("instancesSet"),
        hidden: true,
        ..row(Sort::Instance, "DescribeInstances", "reservationSet", "instanceId")
    },
    Row {
        most: Some(200),
        hidden: true,
        ..row(Sort::LaunchTemplate, "DescribeLaunchTemplates", "launchTemplates", "launchTemplateId")
    },
    row(
        Sort::EndpointService,
        "DescribeVpcEndpointServiceConfigurations",
        "serviceConfigurationSet",
        "serviceId",
    ),
    row(Sort::Volume, "DescribeVolumes", "volumeSet", "volumeId"),
];

pub(super) async fn read(ground: Ground<'_>, row: &Row) -> CloudResult<Vec<Thing>> {
    let hidden = row.hidden.then_some(true);
    let params = json!({ "MaxResults": row.most, "IncludeManagedResources": hidden });
    let docs = ground.clients.ec2.pages(row.action, params, row.set).await?;
    let docs = docs.iter().flat_map(|doc| match row.within {
        Some(list) => items(doc, list).collect(),
        None => vec![doc],
    });
    Ok(docs.filter(|doc| is_there(row.sort, doc)).map(|doc| thing(ground, row, doc)).collect())
}

/// Whether it is something of its own: what every VPC has goes with it, and what is gone is told for a while.
fn is_there(sort: Sort, doc: &Json) -> bool {
    match sort {
        Sort::RouteTable => !items(doc, "associationSet").any(|one| one["main"] == "true"),
        Sort::SecurityGroup => doc["groupName"] != "default",
        Sort::NatGateway | Sort::VpcEndpoint => doc["state"] != "deleted",
        Sort::Instance => doc["instanceState"]["name"] != "terminated",
        Sort::EndpointService => doc["serviceState"] != "Deleted",
        _ => true,
    }
}

fn thing(ground: Ground<'_>, row: &Row, doc: &Json) -> Thing {
    let id = text(doc, row.id);
    let mut thing = ground.thing(row.sort, &id);
    let tags = items(doc, "tagSet");
    thing.tags = tags.map(|tag| (text(tag, "key"), text(tag, "value"))).collect();
    thing.vpc = doc.pointer(row.vpc).and_then(Json::as_str).map(str::to_owned);
    thing.leaving = match row.sort {
        Sort::Instance => doc["instanceState"]["name"] == "shutting-down",
        Sort::EndpointService => doc["serviceState"] == "Deleting",
        _ => doc["state"] == "deleting",
    };
    thing.free = doc["status"] == "available";
    let name = match row.sort {
        Sort::SecurityGroup => text(doc, "groupName"),
        Sort::NetworkInterface | Sort::SecurityGroupRule => text(doc, "description"),
        Sort::ElasticIp => text(doc, "publicIp"),
        Sort::LaunchTemplate => text(doc, "launchTemplateName"),
        _ => thing.tag("Name").unwrap_or_default().to_owned(),
    };
    if !name.is_empty() {
        thing.name = format!("{id} ({name})");
    }
    if row.sort == Sort::EndpointService {
        let sets = ["networkLoadBalancerArnSet", "gatewayLoadBalancerArnSet"];
        let arns = sets.iter().flat_map(|set| items(doc, set)).filter_map(Json::as_str);
        thing.of = arns.map(str::to_owned).collect();
    }
    if let Some(group) = thing.tag(AUTO_SCALING) {
        thing.held = Some(format!("the Auto Scaling group {group} would start another one"));
    }
    if row.sort == Sort::SecurityGroupRule {
        let other = doc["referencedGroupInfo"]["groupId"].as_str();
        thing.of = [doc["groupId"].as_str(), other].into_iter().flatten().map(str::to_owned).collect();
        thing.egress = doc["isEgress"] == "true";
        thing.opened = doc["description"] == OPENED;
    }
    thing
}
