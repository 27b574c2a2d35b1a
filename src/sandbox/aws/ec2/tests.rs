//! What EC2 refuses and what it works out, call by call.

use serde_json::{Value as Json, json};

use super::SERVICE;
use super::region::DEFAULT_VPC;
use crate::sandbox::aws::{Answer, furnish};
use crate::sandbox::world::{ACCOUNT, Here, World};

struct Region {
    world: World,
    name: &'static str,
}

impl Region {
    fn fresh() -> Self {
        let mut world = World::new(0);
        furnish(&mut world);
        Self { world, name: "us-west-2" }
    }

    fn call(&mut self, action: &str, input: Json) -> Answer {
        let operation = SERVICE.operations.iter().find(|operation| operation.name == action);
        let mut here = Here {
            world: &mut self.world,
            account: ACCOUNT.to_owned(),
            region: self.name.to_owned(),
            principal: String::new(),
        };
        (operation.expect("a known operation").handle)(&mut here, &input)
    }

    /// Calls and gives what is at a path of the answer.
    fn ask(&mut self, action: &str, input: Json, path: &str) -> Json {
        let answer = self.call(action, input).unwrap_or_else(|refusal| panic!("{action}: {refusal:?}"));
        answer.pointer(path).unwrap_or_else(|| panic!("{action}: no {path} in {answer:#}")).clone()
    }

    /// The code of a refusal.
    fn refused(&mut self, action: &str, input: Json) -> &'static str {
        match self.call(action, input) {
            Ok(answer) => panic!("{action} was not refused: {answer:#}"),
            Err(refusal) => refusal.code,
        }
    }

    fn pass(&mut self, seconds: i64) {
        let now = self.world.now();
        self.world.advance(now + seconds * 1000);
    }

    fn vpc(&mut self) -> Json {
        self.ask("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }), "/vpc/vpcId")
    }

    fn group(&mut self, vpc: &Json, name: &str) -> Json {
        let input = json!({ "VpcId": vpc, "GroupName": name, "GroupDescription": "test" });
        self.ask("CreateSecurityGroup", input, "/groupId")
    }
}

fn by(name: &str, value: &Json) -> Json {
    json!({ "Filter": [{ "Name": name, "Value": [value] }] })
}

#[test]
fn a_fresh_region_has_its_default_vpc_whichever_it_is() {
    let mut region = Region::fresh();
    let vpcs = region.ask("DescribeVpcs", json!({}), "/vpcSet");
    assert_eq!((vpcs[0]["vpcId"].as_str(), &vpcs[0]["isDefault"]), (Some(DEFAULT_VPC), &json!(true)));
    let subnets = region.ask("DescribeSubnets", by("vpc-id", &json!(DEFAULT_VPC)), "/subnetSet");
    assert_eq!(subnets.as_array().map(Vec::len), Some(3));
    assert_eq!(subnets[0]["availableIpAddressCount"], 4091);
    region.name = "ap-northeast-1";
    let vpcs = region.ask("DescribeVpcs", json!({}), "/vpcSet");
    assert_eq!(vpcs.as_array().map(Vec::len), Some(1));
    assert_ne!(vpcs[0]["vpcId"], DEFAULT_VPC);
    let zones = region.ask("DescribeAvailabilityZones", json!({}), "/availabilityZoneInfo");
    assert_eq!(zones[2]["zoneId"], "apne1-az3");
}

#[test]
fn a_vpc_goes_with_what_came_with_it_and_nothing_else() {
    let mut region = Region::fresh();
    let before: Vec<_> = region.world.all().map(|(key, _)| key.clone()).collect();
    let vpc = region.vpc();
    let group = region.group(&vpc, "web");
    assert_eq!(region.refused("DeleteVpc", json!({ "VpcId": vpc })), "DependencyViolation");
    region.ask("DeleteSecurityGroup", json!({ "GroupId": group }), "/return");
    let subnet = json!({ "VpcId": vpc, "CidrBlock": "10.0.0.0/24" });
    let subnet = region.ask("CreateSubnet", subnet, "/subnet/subnetId");
    assert_eq!(region.refused("DeleteVpc", json!({ "VpcId": vpc })), "DependencyViolation");
    region.ask("DeleteSubnet", json!({ "SubnetId": subnet }), "/return");
    let table = region.ask("CreateRouteTable", json!({ "VpcId": vpc }), "/routeTable/routeTableId");
    assert_eq!(region.refused("DeleteVpc", json!({ "VpcId": vpc })), "DependencyViolation");
    region.ask("DeleteRouteTable", json!({ "RouteTableId": table }), "/return");
    let gateway = region.ask("CreateInternetGateway", json!({}), "/internetGateway/internetGatewayId");
    let both = json!({ "InternetGatewayId": gateway, "VpcId": vpc });
    region.ask("AttachInternetGateway", both.clone(), "/return");
    assert_eq!(region.refused("DeleteVpc", json!({ "VpcId": vpc })), "DependencyViolation");
    let only = json!({ "InternetGatewayId": gateway });
    assert_eq!(region.refused("DeleteInternetGateway", only.clone()), "DependencyViolation");
    region.ask("DetachInternetGateway", both, "/return");
    region.ask("DeleteInternetGateway", only, "/return");
    region.ask("DeleteVpc", json!({ "VpcId": vpc }), "/return");
    assert_eq!(region.refused("DeleteVpc", json!({ "VpcId": vpc })), "InvalidVpcID.NotFound");
    let after: Vec<_> = region.world.all().map(|(key, _)| key.clone()).collect();
    assert_eq!(after, before);
}

#[test]
fn a_new_group_lets_everything_out_and_tells_its_rules() {
    let mut region = Region::fresh();
    let group = region.group(&json!(DEFAULT_VPC), "web");
    let ranges = json!([{ "CidrIp": "10.0.0.0/8", "Description": "inside" }, { "CidrIp": "172.16.0.0/12" }]);
    let permission = json!({ "IpProtocol": "tcp", "FromPort": "80", "ToPort": "81", "IpRanges": ranges });
    let input = json!({ "GroupId": group, "IpPermissions": [permission] });
    let rules = region.ask("AuthorizeSecurityGroupIngress", input.clone(), "/securityGroupRuleSet");
    assert_eq!(rules.as_array().map(Vec::len), Some(2), "one rule for each range");
    assert_eq!(region.refused("AuthorizeSecurityGroupIngress", input.clone()), "InvalidPermission.Duplicate");
    let told = region.ask("DescribeSecurityGroups", by("group-id", &group), "/securityGroupInfo/0");
    assert_eq!(
        told["ipPermissions"],
        json!([{
            "ipProtocol": "tcp", "fromPort": 80, "toPort": 81, "groups": [], "ipv6Ranges": [], "prefixListIds": [],
            "ipRanges": told["ipPermissions"][0]["ipRanges"],
        }])
    );
    assert_eq!(told["ipPermissionsEgress"][0]["ipRanges"], json!([{ "cidrIp": "0.0.0.0/0" }]));
    region.ask("RevokeSecurityGroupIngress", input.clone(), "/return");
    assert_eq!(region.refused("RevokeSecurityGroupIngress", input), "InvalidPermission.NotFound");
}

#[test]
fn a_prefix_list_counts_as_many_rules_as_it_may_have_entries() {
    let mut region = Region::fresh();
    let group = region.group(&json!(DEFAULT_VPC), "web");
    let lists = region.ask("DescribeManagedPrefixLists", json!({}), "/prefixListSet");
    let allow = |list: &Json, port: u16| {
        json!({ "GroupId": group, "IpPermissions": [{
            "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "PrefixListIds": [{ "PrefixListId": list }],
        }]})
    };
    for port in 1..=6 {
        region.ask("AuthorizeSecurityGroupIngress", allow(&lists[0]["prefixListId"], port), "/return");
    }
    let refused = region.refused("AuthorizeSecurityGroupIngress", allow(&lists[0]["prefixListId"], 7));
    assert_eq!(refused, "RulesPerSecurityGroupLimitExceeded");
    let unknown = region.refused("AuthorizeSecurityGroupIngress", allow(&json!("pl-0"), 7));
    assert_eq!(unknown, "InvalidPrefixListID.NotFound");
}

#[test]
fn what_a_rule_says_is_judged() {
    let mut region = Region::fresh();
    let group = region.group(&json!(DEFAULT_VPC), "web");
    let vpc = region.vpc();
    let elsewhere = region.group(&vpc, "elsewhere");
    for (permission, code) in [
        (
            json!({ "IpProtocol": "tcp", "FromPort": 1, "IpRanges": [{ "CidrIp": "::/0" }] }),
            "InvalidParameterValue",
        ),
        (json!({ "IpProtocol": "tcp", "FromPort": 2, "ToPort": 1 }), "MissingParameter"),
        (
            json!({ "IpProtocol": "tcp", "FromPort": 2, "ToPort": 1, "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }),
            "InvalidParameterValue",
        ),
        (
            json!({ "IpProtocol": "foo", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }),
            "InvalidPermission.Malformed",
        ),
        (json!({ "IpProtocol": "-1", "Groups": [{ "GroupId": elsewhere }] }), "InvalidGroup.NotFound"),
        (
            json!({ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0", "Description": "ü" }] }),
            "InvalidParameterValue",
        ),
    ] {
        let input = json!({ "GroupId": group, "IpPermissions": [permission] });
        assert_eq!(region.refused("AuthorizeSecurityGroupIngress", input.clone()), code, "{input}");
    }
}

#[test]
fn a_token_makes_one_and_only_with_the_same_parameters() {
    let mut region = Region::fresh();
    let vpc = region.vpc();
    let input = |vpc: &Json| json!({ "VpcId": vpc, "ClientToken": "t" });
    let one = region.ask("CreateRouteTable", input(&vpc), "/routeTable/routeTableId");
    assert_eq!(region.ask("CreateRouteTable", input(&vpc), "/routeTable/routeTableId"), one);
    assert_eq!(region.refused("CreateRouteTable", input(&json!(DEFAULT_VPC))), "IdempotentParameterMismatch");
}

#[test]
fn tags_are_kept_judged_and_told() {
    let mut region = Region::fresh();
    let tag = |key: &str, value: &str| json!({ "Key": key, "Value": value });
    let with = |kind: &str, tags: Json| json!({ "CidrBlock": "10.0.0.0/16", "TagSpecification": [{ "ResourceType": kind, "Tag": tags }] });
    assert_eq!(region.refused("CreateVpc", with("subnet", json!([]))), "InvalidParameterValue");
    assert_eq!(region.refused("CreateVpc", with("vpc", json!([tag("aws:a", "")]))), "InvalidParameterValue");
    let twice = json!([tag("a", "1"), tag("a", "2")]);
    assert_eq!(region.refused("CreateVpc", with("vpc", twice)), "InvalidParameterValue");
    let vpc = region.ask("CreateVpc", with("vpc", json!([tag("a", "1")])), "/vpc/vpcId");
    region.ask("CreateTags", json!({ "ResourceId": [vpc], "Tag": [tag("b", "2")] }), "/return");
    let other = json!({ "ResourceId": [vpc], "Tag": [tag("b", "other"), { "Key": "a" }] });
    region.ask("DeleteTags", other, "/return");
    let told = region.ask("DescribeTags", by("resource-id", &vpc), "/tagSet");
    assert_eq!(told, json!([{ "resourceId": vpc, "resourceType": "vpc", "key": "b", "value": "2" }]));
    let unknown = json!({ "ResourceId": [vpc, "vpc-0"], "Tag": [tag("c", "3")] });
    assert_eq!(region.refused("CreateTags", unknown), "InvalidVpcID.NotFound");
    assert_eq!(region.ask("DescribeVpcs", by("tag:b", &json!("2")), "/vpcSet/0/vpcId"), vpc);
    assert_eq!(region.ask("DescribeVpcs", by("tag-key", &json!("c")), "/vpcSet"), json!([]));
}

#[test]
fn pages_end() {
    let mut region = Region::fresh();
    let first = region.call("DescribeSubnets", json!({ "MaxResults": "2" })).expect("answered");
    assert_eq!(first["subnetSet"].as_array().map(Vec::len), Some(2));
    let next = json!({ "MaxResults": "2", "NextToken": first["nextToken"] });
    let second = region.call("DescribeSubnets", next).expect("answered");
    assert_eq!((second["subnetSet"].as_array().map(Vec::len), &second["nextToken"]), (Some(1), &Json::Null));
}

#[test]
fn a_route_to_what_is_gone_is_a_black_hole() {
    let mut region = Region::fresh();
    let address = region.ask("AllocateAddress", json!({}), "/allocationId");
    let subnet = region.ask("DescribeSubnets", json!({}), "/subnetSet/0/subnetId");
    let input = json!({ "SubnetId": subnet, "AllocationId": address });
    let nat = region.ask("CreateNatGateway", input.clone(), "/natGateway/natGatewayId");
    assert_eq!(region.refused("CreateNatGateway", input), "Resource.AlreadyAssociated");
    let table = region.ask("CreateRouteTable", json!({ "VpcId": DEFAULT_VPC }), "/routeTable/routeTableId");
    let route = json!({ "RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": nat });
    region.ask("CreateRoute", route.clone(), "/return");
    assert_eq!(region.refused("CreateRoute", route), "RouteAlreadyExists");
    let state = |region: &mut Region| {
        region.ask("DescribeRouteTables", by("route-table-id", &table), "/routeTableSet/0/routeSet/1/state")
    };
    region.pass(91);
    assert_eq!(state(&mut region), "active");
    region.ask("DeleteNatGateway", json!({ "NatGatewayId": nat }), "/natGatewayId");
    region.pass(31);
    assert_eq!(state(&mut region), "blackhole");
    assert_eq!(region.ask("DescribeNetworkInterfaces", json!({}), "/networkInterfaceSet"), json!([]));
    region.ask("ReleaseAddress", json!({ "AllocationId": address }), "/return");
}

#[test]
fn a_nat_gateway_deleted_while_pending_never_becomes_available() {
    let mut region = Region::fresh();
    let address = region.ask("AllocateAddress", json!({}), "/allocationId");
    let subnet = region.ask("DescribeSubnets", json!({}), "/subnetSet/0/subnetId");
    let input = json!({ "SubnetId": subnet, "AllocationId": address });
    let nat = region.ask("CreateNatGateway", input, "/natGateway/natGatewayId");
    region.pass(10);
    region.ask("DeleteNatGateway", json!({ "NatGatewayId": nat }), "/natGatewayId");
    region.pass(100);
    assert_eq!(region.ask("DescribeNatGateways", json!({}), "/natGatewaySet/0/state"), "deleted");
    assert_eq!(region.refused("DeleteNatGateway", json!({ "NatGatewayId": nat })), "NatGatewayNotFound");
}

#[test]
fn a_quota_can_be_raised() {
    let mut region = Region::fresh();
    for _ in 0..4 {
        region.vpc();
    }
    let another = json!({ "CidrBlock": "10.0.0.0/16" });
    assert_eq!(region.refused("CreateVpc", another.clone()), "VpcLimitExceeded");
    let mut here = super::here(&mut region.world, "us-west-2");
    here.put("ec2/quota", "vpcs", json!({ "value": 6 }));
    region.ask("CreateVpc", another.clone(), "/vpc/vpcId");
    assert_eq!(region.refused("CreateVpc", another), "VpcLimitExceeded");
}

#[test]
fn what_another_service_holds_stays() {
    let mut region = Region::fresh();
    let group = region.group(&json!(DEFAULT_VPC), "balancer");
    let subnet = region.ask("DescribeSubnets", json!({}), "/subnetSet/0/subnetId");
    let ids = (subnet.as_str().expect("an id").to_owned(), group.as_str().expect("an id").to_owned());
    let mut here = super::here(&mut region.world, "us-west-2");
    let made = super::make_interface(&mut here, &ids.0, &[ids.1], "interface", "amazon-elb", "ELB app/a/1");
    let interface = made.expect("made");
    assert_eq!(region.refused("DeleteSubnet", json!({ "SubnetId": subnet })), "DependencyViolation");
    assert_eq!(region.refused("DeleteSecurityGroup", json!({ "GroupId": group })), "DependencyViolation");
    let held = json!({ "NetworkInterfaceId": interface });
    assert_eq!(region.refused("DeleteNetworkInterface", held.clone()), "InvalidParameterValue");
    let found = region.ask("DescribeNetworkInterfaces", by("group-id", &group), "/networkInterfaceSet/0");
    assert_eq!(
        (&found["networkInterfaceId"], &found["description"]),
        (&json!(interface), &json!("ELB app/a/1"))
    );
    super::here(&mut region.world, "us-west-2").change("ec2/network-interface", &interface, |doc| {
        doc["status"] = json!("available");
    });
    region.ask("DeleteNetworkInterface", held, "/return");
    region.ask("DeleteSecurityGroup", json!({ "GroupId": group }), "/return");
    region.ask("DeleteSubnet", json!({ "SubnetId": subnet }), "/return");
}

#[test]
fn an_instance_shuts_down_with_its_interface_and_is_told_of_for_an_hour() {
    let mut region = Region::fresh();
    let vpc = region.vpc();
    let input = json!({ "VpcId": vpc, "CidrBlock": "10.0.0.0/24" });
    let subnet = region.ask("CreateSubnet", input, "/subnet/subnetId");
    let input =
        json!({ "LaunchTemplateName": "nodes", "LaunchTemplateData": { "InstanceType": "m5.large" } });
    let template = region.ask("CreateLaunchTemplate", input.clone(), "/launchTemplate/launchTemplateId");
    assert_eq!(
        region.refused("CreateLaunchTemplate", input),
        "InvalidLaunchTemplateName.AlreadyExistsException"
    );
    let tags =
        json!([{ "ResourceType": "instance", "Tag": [{ "Key": "eks:eks-cluster-name", "Value": "edge" }] }]);
    let input = json!({
        "LaunchTemplate": { "LaunchTemplateName": "nodes" }, "SubnetId": subnet, "MinCount": "2", "MaxCount": "2",
        "TagSpecification": tags,
    });
    let made = region.ask("RunInstances", input, "/instancesSet");
    let filter = json!([{ "Name": "tag:eks:eks-cluster-name", "Value": ["edge"] }]);
    let told = region.ask("DescribeInstances", json!({ "Filter": filter }), "/reservationSet");
    assert_eq!(told.as_array().map(Vec::len), Some(2));
    assert_eq!(region.refused("DeleteSubnet", json!({ "SubnetId": subnet })), "DependencyViolation");
    let ids = json!([made[0]["instanceId"], made[1]["instanceId"]]);
    let gone = region.ask("TerminateInstances", json!({ "InstanceId": ids }), "/instancesSet/0");
    let states = (&gone["previousState"]["name"], &gone["currentState"]["name"]);
    assert_eq!(states, (&json!("running"), &json!("shutting-down")));
    region.pass(100);
    let state = "/reservationSet/0/instancesSet/0/instanceState/name";
    assert_eq!(region.ask("DescribeInstances", json!({ "InstanceId": ids }), state), "terminated");
    region.ask("DeleteSubnet", json!({ "SubnetId": subnet }), "/return");
    region.pass(3_700);
    assert_eq!(
        region.refused("DescribeInstances", json!({ "InstanceId": ids })),
        "InvalidInstanceID.NotFound"
    );
    let by_id = json!({ "LaunchTemplateId": template });
    region.ask("DeleteLaunchTemplate", by_id.clone(), "/launchTemplate");
    assert_eq!(region.refused("DeleteLaunchTemplate", by_id), "InvalidLaunchTemplateId.NotFound");
}

#[test]
fn a_protected_instance_stays_and_none_of_the_call_goes() {
    let mut region = Region::fresh();
    let subnet = region.ask("DescribeSubnets", json!({}), "/subnetSet/0/subnetId");
    let input = json!({ "ImageId": "ami-1", "SubnetId": subnet });
    let free = region.ask("RunInstances", input, "/instancesSet/0/instanceId");
    let input = json!({ "ImageId": "ami-1", "SubnetId": subnet, "DisableApiTermination": "true" });
    let kept = region.ask("RunInstances", input, "/instancesSet/0/instanceId");
    assert_eq!(
        region.refused("TerminateInstances", json!({ "InstanceId": [free, kept] })),
        "OperationNotPermitted"
    );
    let told = region.ask("DescribeInstances", json!({}), "/reservationSet");
    let running = |one: &Json| one["instancesSet"][0]["instanceState"]["name"] == "running";
    assert!(told.as_array().is_some_and(|all| all.len() == 2 && all.iter().all(running)));
}

#[test]
fn an_endpoint_service_with_connections_is_told_as_unsuccessful() {
    let mut region = Region::fresh();
    let arn = "arn:aws:elasticloadbalancing:us-west-2:111122223333:loadbalancer/net/a/b";
    let input = json!({ "NetworkLoadBalancerArn": [arn] });
    assert_eq!(region.refused("CreateVpcEndpointServiceConfiguration", input.clone()), "InvalidParameter");
    let mut here = Here {
        world: &mut region.world,
        account: ACCOUNT.to_owned(),
        region: "us-west-2".to_owned(),
        principal: String::new(),
    };
    here.put("elb/load-balancer", arn, json!({ "LoadBalancerArn": arn }));
    let id = region.ask("CreateVpcEndpointServiceConfiguration", input, "/serviceConfiguration/serviceId");
    let connected = |region: &mut Region, count: u32| {
        let mut here = Here {
            world: &mut region.world,
            account: ACCOUNT.to_owned(),
            region: "us-west-2".to_owned(),
            principal: String::new(),
        };
        let id = id.as_str().expect("an id");
        here.change("ec2/vpc-endpoint-service", id, |doc| doc["_connections"] = json!(count));
    };
    connected(&mut region, 1);
    let delete = json!({ "ServiceId": [id] });
    let action = "DeleteVpcEndpointServiceConfigurations";
    let code = region.ask(action, delete.clone(), "/unsuccessful/0/error/code");
    assert_eq!(code, "ExistingVpcEndpointConnections");
    connected(&mut region, 0);
    assert_eq!(region.ask(action, delete.clone(), "/unsuccessful"), json!([]));
    let code = region.ask(action, delete, "/unsuccessful/0/error/code");
    assert_eq!(code, "InvalidVpcEndpointServiceId.NotFound");
}
