//! CloudFront, as far as VPC origins go: what it fetches from in a VPC, and the interfaces that it puts there for that.
//!
//! A document is a `VpcOriginSummary` with the ids of its interfaces, in the region `global`. Distributions are not here.

use serde_json::{Value as Json, json};

use super::wire::{listed, number, page};
use super::{Answer, Operation, Protocol, Refusal, Service, ec2, elb};
use crate::sandbox::world::{Doc, Event, Here};

const ORIGIN: &str = "cloudfront/vpc-origin";
const INTERFACE: &str = "ec2/network-interface";
/// How long it takes to set one up or to take it down, in seconds.
const DEPLOYING: i64 = 300;

/// The service.
pub const SERVICE: Service = Service {
    scope: "cloudfront",
    protocol: Protocol::RestXml { namespace: "http://cloudfront.amazonaws.com/doc/2020-05-31/" },
    operations: &[
        op("CreateVpcOrigin", "POST /2020-05-31/vpc-origin", create),
        op("DeleteVpcOrigin", "DELETE /2020-05-31/vpc-origin/{Id}", delete),
        op("GetVpcOrigin", "GET /2020-05-31/vpc-origin/{Id}", get),
        op("ListVpcOrigins", "GET /2020-05-31/vpc-origin", list),
    ],
};

const fn op(name: &'static str, path: &'static str, handle: fn(&mut Here<'_>, &Json) -> Answer) -> Operation {
    Operation { name, path, handle }
}

fn text<'a>(json: &'a Json, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}

/// The load balancer of an ARN, and its region.
fn balancer(here: &mut Here<'_>, arn: &str) -> Option<(String, Doc)> {
    let region = arn.split(':').nth(3)?.to_owned();
    let doc = in_region(here, &region).get(elb::LOAD_BALANCER, arn).cloned()?;
    Some((region, doc))
}

fn in_region<'a>(here: &'a mut Here<'_>, region: &str) -> Here<'a> {
    Here {
        account: here.account.clone(),
        region: region.to_owned(),
        principal: here.principal.clone(),
        world: here.world,
    }
}

fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let config = &input["VpcOriginEndpointConfig"];
    let (name, arn) = (text(config, "Name"), text(config, "Arn"));
    let Some((region, balancer)) = balancer(here, arn) else {
        let words = format!("The specified origin endpoint {arn} does not exist.");
        return Err(Refusal::new(404, "EntityNotFound", words));
    };
    if balancer["Scheme"] != "internal" {
        let words = "The specified origin endpoint must be in a private subnet.";
        return Err(Refusal::bad("InvalidArgument", words));
    }
    let id = format!("vo_{}", here.world.draw("", 22));
    let mut interfaces = Vec::new();
    for zone in listed(&balancer["AvailabilityZones"]) {
        let (subnet, described) = (text(&zone, "SubnetId"), format!("CloudFront VPC origin {id}"));
        let mut there = in_region(here, &region);
        interfaces.push(ec2::make_interface(
            &mut there,
            subnet,
            &[],
            "interface",
            "amazon-cloudfront",
            &described,
        )?);
    }
    let now = here.world.timestamp();
    let doc = json!({
        "Id": id,
        "Name": name,
        "Status": "Deploying",
        "CreatedTime": now,
        "LastModifiedTime": now,
        "Arn": format!("arn:aws:cloudfront::{}:vpcorigin/{id}", here.account),
        "OriginEndpointArn": arn,
        "_interfaces": interfaces,
        "_region": region,
    });
    here.put(ORIGIN, &id, doc.clone());
    here.after(DEPLOYING, ORIGIN, &id, Event::Merge(json!({ "Status": "Deployed" })));
    Ok(told(&doc, 202))
}

/// As the calls for a single one tell it.
fn told(doc: &Doc, status: u16) -> Json {
    json!({
        "_status": status,
        "Id": doc["Id"],
        "Arn": doc["Arn"],
        "Status": doc["Status"],
        "CreatedTime": doc["CreatedTime"],
        "LastModifiedTime": doc["LastModifiedTime"],
        "VpcOriginEndpointConfig": { "Name": doc["Name"], "Arn": doc["OriginEndpointArn"] },
    })
}

fn found(here: &Here<'_>, input: &Json) -> Result<Doc, Refusal> {
    let id = text(input, "Id");
    let absent = || Refusal::new(404, "EntityNotFound", format!("The VPC origin {id} does not exist."));
    here.get(ORIGIN, id).cloned().ok_or_else(absent)
}

fn get(here: &mut Here<'_>, input: &Json) -> Answer {
    Ok(told(&found(here, input)?, 200))
}

/// Its interfaces go with it, which takes as long as setting it up.
fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let doc = found(here, input)?;
    if doc["Status"] != "Deployed" {
        let words = "The VPC origin is being deployed; try again once it is Deployed.";
        return Err(Refusal::new(409, "CannotDeleteEntityWhileInUse", words));
    }
    let mut doc = doc;
    doc["Status"] = json!("Deploying");
    here.put(ORIGIN, text(input, "Id"), doc.clone());
    here.after(DEPLOYING, ORIGIN, text(input, "Id"), Event::Remove);
    let mut there = in_region(here, text(&doc, "_region"));
    for interface in listed(&doc["_interfaces"]) {
        there.after(DEPLOYING, INTERFACE, interface.as_str().unwrap_or_default(), Event::Remove);
    }
    Ok(told(&doc, 202))
}

fn list(here: &mut Here<'_>, input: &Json) -> Answer {
    let most = number(&input["MaxItems"]).and_then(|most| usize::try_from(most).ok());
    let (items, next) = page(here.list(ORIGIN), input["Marker"].as_str(), most);
    Ok(json!({
        "Marker": text(input, "Marker"),
        "MaxItems": most.unwrap_or(100),
        "IsTruncated": next.is_some(),
        "NextMarker": next,
        "Quantity": items.len(),
        "Items": items,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::aws::elb::load_balancers;
    use crate::sandbox::world::{ACCOUNT, World};

    fn ask(here: &mut Here<'_>, name: &str, input: &Json) -> Answer {
        let operation = SERVICE.operations.iter().find(|one| one.name == name).expect("there is one");
        (operation.handle)(here, input)
    }

    #[test]
    fn an_origin_keeps_interfaces_in_the_subnets_of_its_load_balancer() {
        let mut world = World::new(0);
        ec2::furnish(&mut world);
        let mut here = Here {
            world: &mut world,
            account: ACCOUNT.into(),
            region: "us-west-2".into(),
            principal: String::new(),
        };
        let subnets: Vec<Json> =
            here.list("ec2/subnet").iter().take(2).map(|doc| doc["subnetId"].clone()).collect();
        let balancer = |here: &mut Here<'_>, name: &str, scheme: &str| {
            let input = json!({ "Name": name, "Scheme": scheme, "Subnets": subnets });
            load_balancers::create(here, &input).expect("it is made")["LoadBalancers"][0]["LoadBalancerArn"]
                .clone()
        };
        let (open, private) =
            (balancer(&mut here, "a", "internet-facing"), balancer(&mut here, "b", "internal"));
        let asked = |arn: &Json| json!({ "VpcOriginEndpointConfig": { "Name": "shop", "Arn": arn } });
        let mut there = in_region(&mut here, "us-east-1");
        assert_eq!(
            ask(&mut there, "CreateVpcOrigin", &asked(&open)).expect_err("it is open").code,
            "InvalidArgument"
        );
        let absent = asked(&json!("arn:aws:elasticloadbalancing:us-west-2:1:loadbalancer/app/c/1"));
        assert_eq!(
            ask(&mut there, "CreateVpcOrigin", &absent).expect_err("it is not there").code,
            "EntityNotFound"
        );
        let made = ask(&mut there, "CreateVpcOrigin", &asked(&private)).expect("it is made");
        let id = json!({ "Id": made["Id"] });
        assert_eq!(ask(&mut there, "GetVpcOrigin", &id).expect("it is there")["Status"], "Deploying");
        let listed = ask(&mut there, "ListVpcOrigins", &json!({})).expect("they are told");
        assert_eq!(listed["Items"][0]["OriginEndpointArn"], private);
        let kept = |world: &World| {
            let ours = |doc: &Json| text(doc, "description").starts_with("CloudFront");
            world.all().filter(|(key, doc)| key.table == INTERFACE && ours(doc)).count()
        };
        assert_eq!(kept(there.world), 2);
        let until = there.world.now() + 301_000;
        there.world.advance(until);
        ask(&mut there, "DeleteVpcOrigin", &id).expect("it is deployed");
        assert_eq!(kept(there.world), 2, "they go with it");
        let until = there.world.now() + 301_000;
        there.world.advance(until);
        assert_eq!(kept(there.world), 0);
        assert_eq!(ask(&mut there, "GetVpcOrigin", &id).expect_err("it is gone").code, "EntityNotFound");
    }
}
