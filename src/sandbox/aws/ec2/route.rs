//! Route tables: routes and associations are parts of them. A route whose target is gone is a black hole.

use serde_json::{Value as Json, json};

use super::super::wire::listed;
use super::super::{Answer, Refusal};
use super::describe::{Sort, describe as describe_any};
use super::{by_token, done, draw, gateway, nat, region, subnet, tags, vpc, want};
use crate::sandbox::world::{Doc, Here};

pub(super) const SORT: Sort = Sort {
    table: "ec2/route-table",
    id: "routeTableId",
    ids: "RouteTableId",
    set: "routeTableSet",
    missing: ("InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist"),
    filters: &[
        ("route-table-id", "routeTableId"),
        ("vpc-id", "vpcId"),
        ("owner-id", "ownerId"),
        ("association.route-table-association-id", "associationSet/routeTableAssociationId"),
        ("association.route-table-id", "associationSet/routeTableId"),
        ("association.subnet-id", "associationSet/subnetId"),
        ("association.main", "associationSet/main"),
        ("route.destination-cidr-block", "routeSet/destinationCidrBlock"),
        ("route.gateway-id", "routeSet/gatewayId"),
        ("route.nat-gateway-id", "routeSet/natGatewayId"),
        ("route.origin", "routeSet/origin"),
        ("route.state", "routeSet/state"),
    ],
};

pub(super) fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    describe_any(here, input, &SORT, |here, doc| {
        let vpc_id = doc["vpcId"].as_str().unwrap_or_default().to_owned();
        for route in doc["routeSet"].as_array_mut().into_iter().flatten() {
            route["state"] = json!(if leads(here, &vpc_id, route) { "active" } else { "blackhole" });
        }
    })
}

/// Whether the target of a route is there.
fn leads(here: &Here<'_>, vpc_id: &str, route: &Json) -> bool {
    if let Some(id) = route["natGatewayId"].as_str() {
        return here
            .get(nat::SORT.table, id)
            .is_some_and(|doc| doc["state"] == "available" || doc["state"] == "pending");
    }
    match route["gatewayId"].as_str() {
        Some(id) if id.starts_with("igw-") => {
            here.get(gateway::SORT.table, id).is_some_and(|doc| gateway::attached_to(doc, vpc_id))
        }
        _ => true,
    }
}

/// Whether it is the main one of its VPC.
pub(super) fn is_main(doc: &Doc) -> bool {
    associations(doc).iter().any(|one| one["main"] == true)
}

fn associations(doc: &Doc) -> &[Json] {
    doc["associationSet"].as_array().map_or(&[], Vec::as_slice)
}

fn document(here: &Here<'_>, id: &str, vpc_id: &str, cidr: &Json, tags: Json) -> Doc {
    json!({
        "routeTableId": id,
        "vpcId": vpc_id,
        "ownerId": here.account,
        "routeSet": [{
            "destinationCidrBlock": cidr,
            "gatewayId": "local",
            "state": "active",
            "origin": "CreateRouteTable",
        }],
        "associationSet": [],
        "propagatingVgwSet": [],
        "tagSet": tags,
    })
}

fn association(id: &str, table: &str, subnet: Option<&str>) -> Json {
    let mut one = json!({
        "routeTableAssociationId": id,
        "routeTableId": table,
        "main": subnet.is_none(),
        "associationState": { "state": "associated" },
    });
    if let Some(subnet) = subnet {
        one["subnetId"] = json!(subnet);
    }
    one
}

/// Puts in the main table of a VPC.
pub(super) fn put_main(here: &mut Here<'_>, id: &str, association_id: &str, vpc_id: &str, cidr: &str) {
    let mut doc = document(here, id, vpc_id, &json!(cidr), json!([]));
    doc["associationSet"] = json!([association(association_id, id, None)]);
    here.put(SORT.table, id, doc);
}

/// Puts in a table of subnets that leads nowhere else.
pub(super) fn put_closed(here: &mut Here<'_>, id: &str, vpc_id: &str, cidr: &str, subnets: &[String]) {
    let mut doc = document(here, id, vpc_id, &json!(cidr), json!([]));
    let one = |subnet: &String| association(&region::known_id(here, "rtbassoc", subnet), id, Some(subnet));
    doc["associationSet"] = subnets.iter().map(one).collect();
    here.put(SORT.table, id, doc);
}

pub(super) fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    if let Some(made) = by_token(here, SORT.table, input)? {
        return Ok(json!({ "clientToken": input["ClientToken"], "routeTable": made }));
    }
    let vpc_id = want(input, "VpcId")?;
    let vpc = vpc::SORT.must(here, vpc_id)?;
    let tags = tags::asked(input, "route-table")?;
    let id = draw(here, "rtb");
    let mut doc = document(here, &id, vpc_id, &vpc["cidrBlock"], tags);
    doc["_token"] = input["ClientToken"].clone();
    doc["_request"] = input.clone();
    here.put(SORT.table, &id, doc.clone());
    Ok(json!({ "clientToken": input["ClientToken"], "routeTable": doc }))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = want(input, "RouteTableId")?;
    if !associations(&SORT.must(here, id)?).is_empty() {
        let words = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
        return Err(Refusal::bad("DependencyViolation", words));
    }
    here.remove(SORT.table, id);
    done()
}

/// The route that an input asks for, in a table.
fn asked_route(here: &Here<'_>, input: &Json) -> Result<(Doc, Json), Refusal> {
    let table = SORT.must(here, want(input, "RouteTableId")?)?;
    let cidr = destination(input)?;
    let mut route = json!({ "destinationCidrBlock": cidr, "state": "active", "origin": "CreateRoute" });
    if let Some(id) = input["NatGatewayId"].as_str() {
        let unknown = || {
            Refusal::bad("InvalidNatGatewayID.NotFound", format!("The natGateway ID '{id}' does not exist"))
        };
        here.get(nat::SORT.table, id).filter(|doc| doc["state"] != "deleted").ok_or_else(unknown)?;
        route["natGatewayId"] = json!(id);
        return Ok((table, route));
    }
    let id = want(input, "GatewayId")?;
    let unknown =
        || Refusal::bad("InvalidGatewayID.NotFound", format!("The gateway ID '{id}' does not exist"));
    let found = here.get(gateway::SORT.table, id).ok_or_else(unknown)?;
    if !gateway::attached_to(found, table["vpcId"].as_str().unwrap_or_default()) {
        let words = format!(
            "route table {} and network gateway {id} belong to different networks",
            table["routeTableId"].as_str().unwrap_or_default()
        );
        return Err(Refusal::bad("InvalidParameterValue", words));
    }
    route["gatewayId"] = json!(id);
    Ok((table, route))
}

fn destination(input: &Json) -> Result<String, Refusal> {
    let cidr = want(input, "DestinationCidrBlock")?;
    let malformed = || {
        let words = format!(
            "Value ({cidr}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."
        );
        Refusal::bad("InvalidParameterValue", words)
    };
    let net: ipnet::Ipv4Net = cidr.parse().map_err(|_| malformed())?;
    Ok(net.trunc().to_string())
}

/// Where the route to a destination is in a table.
fn place(table: &Doc, cidr: &str) -> Option<usize> {
    table["routeSet"].as_array()?.iter().position(|route| route["destinationCidrBlock"] == cidr)
}

fn no_route(input: &Json, cidr: &str) -> Refusal {
    let table = input["RouteTableId"].as_str().unwrap_or_default();
    let words = format!("no route with destination-cidr-block {cidr} in route table {table}");
    Refusal::bad("InvalidRoute.NotFound", words)
}

fn save(here: &mut Here<'_>, table: Doc) {
    let id = table["routeTableId"].as_str().unwrap_or_default().to_owned();
    here.put(SORT.table, &id, table);
}

pub(super) fn create_route(here: &mut Here<'_>, input: &Json) -> Answer {
    let (mut table, route) = asked_route(here, input)?;
    let cidr = route["destinationCidrBlock"].as_str().unwrap_or_default();
    if place(&table, cidr).is_some() {
        let words = format!("The route identified by {cidr} already exists.");
        return Err(Refusal::bad("RouteAlreadyExists", words));
    }
    if let Some(routes) = table["routeSet"].as_array_mut() {
        routes.push(route);
    }
    save(here, table);
    done()
}

pub(super) fn replace_route(here: &mut Here<'_>, input: &Json) -> Answer {
    let (mut table, route) = asked_route(here, input)?;
    let cidr = route["destinationCidrBlock"].as_str().unwrap_or_default();
    let at = place(&table, cidr).ok_or_else(|| no_route(input, cidr))?;
    table["routeSet"][at] = route;
    save(here, table);
    done()
}

pub(super) fn delete_route(here: &mut Here<'_>, input: &Json) -> Answer {
    let mut table = SORT.must(here, want(input, "RouteTableId")?)?;
    let cidr = destination(input)?;
    let at = place(&table, &cidr).ok_or_else(|| no_route(input, &cidr))?;
    if table["routeSet"][at]["gatewayId"] == "local" {
        let words = format!("cannot remove local route {cidr} in route table");
        return Err(Refusal::bad("InvalidParameterValue", words));
    }
    if let Some(routes) = table["routeSet"].as_array_mut() {
        routes.remove(at);
    }
    save(here, table);
    done()
}

pub(super) fn associate(here: &mut Here<'_>, input: &Json) -> Answer {
    let (id, subnet_id) = (want(input, "RouteTableId")?, want(input, "SubnetId")?);
    let table = SORT.must(here, id)?;
    let subnet = subnet::SORT.must(here, subnet_id)?;
    same_network(&table, &subnet)?;
    let taken = |doc: &Doc| associations(doc).iter().any(|one| one["subnetId"] == subnet_id);
    if here.list(SORT.table).iter().any(taken) {
        let words =
            format!("The specified association for route table {id} conflicts with an existing association");
        return Err(Refusal::bad("Resource.AlreadyAssociated", words));
    }
    let association_id = draw(here, "rtbassoc");
    add(here, id, association(&association_id, id, Some(subnet_id)));
    Ok(associated("associationId", &association_id))
}

fn associated(field: &str, id: &str) -> Json {
    json!({ (field): id, "associationState": { "state": "associated" } })
}

fn same_network(table: &Doc, subnet: &Doc) -> Result<(), Refusal> {
    if table["vpcId"] == subnet["vpcId"] {
        return Ok(());
    }
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let (table, subnet) = (text(&table["routeTableId"]), text(&subnet["subnetId"]));
    let words = format!("Route table {table} and subnet {subnet} belong to different networks");
    Err(Refusal::bad("InvalidParameterValue", words))
}

fn add(here: &mut Here<'_>, id: &str, one: Json) {
    here.change(SORT.table, id, |doc| {
        if let Some(all) = doc["associationSet"].as_array_mut() {
            all.push(one);
        }
    });
}

/// The table and the association of this id.
fn held(here: &Here<'_>, id: &str) -> Result<(Doc, Json), Refusal> {
    let unknown =
        || Refusal::bad("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist"));
    let tables = here.list(SORT.table).into_iter();
    let mut pairs = tables.flat_map(|doc| {
        let all = listed(&doc["associationSet"]);
        all.into_iter().map(move |one| (doc.clone(), one))
    });
    pairs.find(|(_, one)| one["routeTableAssociationId"] == id).ok_or_else(unknown)
}

fn take(here: &mut Here<'_>, mut table: Doc, id: &str) {
    if let Some(all) = table["associationSet"].as_array_mut() {
        all.retain(|one| one["routeTableAssociationId"] != id);
    }
    save(here, table);
}

pub(super) fn disassociate(here: &mut Here<'_>, input: &Json) -> Answer {
    let id = want(input, "AssociationId")?;
    let (table, one) = held(here, id)?;
    if one["main"] == true {
        let words = format!("cannot disassociate the main route table association {id}");
        return Err(Refusal::bad("InvalidParameterValue", words));
    }
    take(here, table, id);
    done()
}

pub(super) fn replace_association(here: &mut Here<'_>, input: &Json) -> Answer {
    let (id, to) = (want(input, "AssociationId")?, want(input, "RouteTableId")?);
    let (from, one) = held(here, id)?;
    let table = SORT.must(here, to)?;
    if table["vpcId"] != from["vpcId"] {
        let words = format!("Route tables of association {id} belong to different networks");
        return Err(Refusal::bad("InvalidParameterValue", words));
    }
    take(here, from, id);
    let new = draw(here, "rtbassoc");
    add(here, to, association(&new, to, one["subnetId"].as_str()));
    Ok(associated("newAssociationId", &new))
}

/// A subnet is gone, and its association with it.
pub(super) fn forget_subnet(here: &mut Here<'_>, subnet_id: &str) {
    for table in here.list(SORT.table) {
        let of = associations(&table).iter().find(|one| one["subnetId"] == subnet_id);
        if let Some(id) = of.and_then(|one| one["routeTableAssociationId"].as_str()).map(str::to_owned) {
            take(here, table, &id);
        }
    }
}
