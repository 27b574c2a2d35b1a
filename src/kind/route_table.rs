//! Route table: takes a client token. Its routes and the subnets that use it are parts of it.
//!
//! The local route, propagated routes and those to prefix lists are not ours and are not told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Found, FoundOf, Kind, Readiness};
use crate::cloud::ec2::{self, Ec2, Sort, found_tags, items, look, look_ids, retag, specification, text};
use crate::cloud::{Absent, CloudResult, Cx, ErrorSort};
use crate::shape::{Recovery, Shape};

const SORT: Sort = Sort {
    action: "DescribeRouteTables",
    set: "routeTableSet",
    filter: "route-table-id",
    id: "routeTableId",
};

/// The kind.
pub struct RouteTable;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The VPC it is of.
    pub vpc_id: String,
    /// Its routes beside the local one, one for each range.
    pub routes: Vec<Route>,
    /// The subnets that use it.
    pub subnet_ids: Vec<String>,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// One route; it has one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The range of where it leads.
    pub cidr: String,
    /// An internet gateway; in what is found, any other target too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<String>,
    /// A NAT gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat_gateway_id: Option<String>,
}

/// What EC2 gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub route_table_id: String,
}

impl Kind for RouteTable {
    const SHAPE: Shape = Shape {
        recovery: Recovery::Token,
        fixed: &["vpc_id"],
        sets: &["routes", "subnet_ids"],
        ..Shape::managed("route_table", "route table", "ec2")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, _: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        Ok(look(cx, &SORT, id).await?.first().map(found))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let params = json!({
            "VpcId": spec.vpc_id,
            "ClientToken": Some(cx.token()).filter(|token| !token.is_empty()),
            "TagSpecification": specification(cx, "route-table", &spec.tags),
        });
        let answer = cx.clients().ec2.call("CreateRouteTable", params).await?;
        ec2::made("CreateRouteTable", &answer, "routeTable/routeTableId")
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        let ec2 = cx.clients().ec2;
        reroute(&ec2, id, &from.routes, &to.routes).await?;
        leave(cx, id, &to.subnet_ids, &from.subnet_ids).await?;
        for subnet in to.subnet_ids.iter().filter(|subnet| !from.subnet_ids.contains(subnet)) {
            associate(cx, id, subnet).await?;
        }
        retag(cx, id, &from.tags, &to.tags).await
    }

    async fn delete(&self, cx: &Cx, id: &str, spec: &Spec) -> CloudResult<()> {
        leave(cx, id, &[], &spec.subnet_ids).await?;
        let params = json!({ "RouteTableId": id });
        cx.clients().ec2.call("DeleteRouteTable", params).await.or_absent().map(drop)
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

/// Removes, replaces and adds routes.
async fn reroute(ec2: &Ec2, id: &str, from: &[Route], to: &[Route]) -> CloudResult<()> {
    let of = |routes: &[Route], cidr: &str| routes.iter().find(|route| route.cidr == cidr).cloned();
    for gone in from.iter().filter(|route| of(to, &route.cidr).is_none()) {
        let params = json!({ "RouteTableId": id, "DestinationCidrBlock": gone.cidr });
        ec2.call("DeleteRoute", params).await.or_absent()?;
    }
    for route in to {
        let action = match of(from, &route.cidr) {
            Some(old) if old == *route => continue,
            Some(_) => "ReplaceRoute",
            None => "CreateRoute",
        };
        let params = json!({
            "RouteTableId": id,
            "DestinationCidrBlock": route.cidr,
            "GatewayId": route.gateway_id,
            "NatGatewayId": route.nat_gateway_id,
        });
        match ec2.call(action, params.clone()).await {
            // The doing of a call whose answer was lost, most likely; ours in any case.
            Err(error) if error.code == "RouteAlreadyExists" => ec2.call("ReplaceRoute", params).await?,
            answer => answer?,
        };
    }
    Ok(())
}

/// Frees the subnets that are not to be kept. The ids of associations are told by the table alone.
async fn leave(cx: &Cx, id: &str, keep: &[String], known: &[String]) -> CloudResult<()> {
    if !keep.is_empty() && known.iter().all(|subnet| keep.contains(subnet)) {
        return Ok(());
    }
    let ec2 = cx.clients().ec2;
    for table in look(cx, &SORT, Some(id)).await? {
        for one in associations(&table).filter(|one| !keep.contains(&text(one, "subnetId"))) {
            let params = json!({ "AssociationId": one["routeTableAssociationId"] });
            ec2.call("DisassociateRouteTable", params).await.or_absent()?;
        }
    }
    Ok(())
}

/// A subnet has one table; another one lets go of it first. It may be this one, after a call whose answer was lost.
async fn associate(cx: &Cx, id: &str, subnet: &str) -> CloudResult<()> {
    let params = json!({ "RouteTableId": id, "SubnetId": subnet });
    match cx.clients().ec2.call("AssociateRouteTable", params).await {
        Err(error) if error.code == "Resource.AlreadyAssociated" => {
            let tables = look(cx, &SORT, Some(id)).await?;
            let ours = tables.iter().flat_map(associations).any(|one| one["subnetId"] == *subnet);
            if ours { Ok(()) } else { Err(error.meaning(ErrorSort::InUse)) }
        }
        answer => answer.map(drop),
    }
}

/// The associations with subnets that are not on their way out.
fn associations(doc: &Json) -> impl Iterator<Item = &Json> {
    let gone = ["disassociating", "disassociated"];
    items(doc, "associationSet").filter(move |one| {
        let state = one["associationState"]["state"].as_str().unwrap_or_default();
        one["subnetId"].is_string() && !gone.contains(&state)
    })
}

fn found(doc: &Json) -> FoundOf<RouteTable> {
    let (tags, owner) = found_tags(doc);
    let id = text(doc, "routeTableId");
    let mut routes: Vec<Route> = items(doc, "routeSet").filter_map(route).collect();
    routes.sort_by(|one, other| one.cidr.cmp(&other.cidr));
    let mut subnet_ids: Vec<String> = associations(doc).map(|one| text(one, "subnetId")).collect();
    subnet_ids.sort();
    Found {
        spec: Spec { vpc_id: text(doc, "vpcId"), routes, subnet_ids, tags },
        outputs: Outputs { route_table_id: id.clone() },
        id,
        readiness: Readiness::Ready,
        owner,
    }
}

fn route(doc: &Json) -> Option<Route> {
    let field = |name: &str| doc[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let cidr = field("destinationCidrBlock")?;
    let target = ["gatewayId", "transitGatewayId", "vpcPeeringConnectionId", "networkInterfaceId"];
    let gateway_id = target.into_iter().find_map(field);
    let foreign = doc["origin"] == "EnableVgwRoutePropagation" || gateway_id.as_deref() == Some("local");
    (!foreign).then(|| Route { cidr, gateway_id, nat_gateway_id: field("natGatewayId") })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::cloud::ErrorSort;
    use crate::kind::conformance::{Ground, conforms};
    use crate::kind::{AnyKind, Erased, elastic_ip, nat_gateway, subnet};
    use crate::sandbox::{Effect, Fault};

    /// Operations whose first answer is lost.
    const LOST: &[&str] = &[
        "AssociateRouteTable",
        "CreateRoute",
        "CreateRouteTable",
        "DeleteRoute",
        "DeleteRouteTable",
        "DisassociateRouteTable",
        "ReplaceRoute",
    ];
    const VPC: &str = "vpc-0a1b2c3d4e5f60718";

    async fn subnet(ground: &Ground, cidr: &str) -> String {
        let spec = json!({ "vpc_id": VPC, "cidr": cidr, "zone": "us-west-2a", "public": false });
        ground.make(&Erased(subnet::Subnet), cidr, &spec).await.id
    }

    async fn gateway(ground: &Ground) -> String {
        let ec2 = ground.cx("any").clients().ec2;
        let all = ec2.pages("DescribeInternetGateways", json!({}), "internetGatewaySet").await;
        all.expect("answered")[0]["internetGatewayId"].as_str().expect("an id").to_owned()
    }

    fn spec(routes: Json, subnets: &[&str]) -> Json {
        json!({ "vpc_id": VPC, "routes": routes, "subnet_ids": subnets })
    }

    #[tokio::test(start_paused = true)]
    async fn lives_and_changes_routes_and_subnets_though_answers_are_lost() {
        let ground = Ground::new();
        let (one, two) = (subnet(&ground, "172.31.64.0/20").await, subnet(&ground, "172.31.80.0/20").await);
        let gateway = gateway(&ground).await;
        let address = ground.make(&Erased(elastic_ip::ElasticIp), "address", &json!({})).await.id;
        let nat = json!({ "subnet_id": one, "allocation_id": address });
        let nat = ground.make(&Erased(nat_gateway::NatGateway), "nat", &nat).await.id;
        let first = json!([
            { "cidr": "0.0.0.0/0", "gateway_id": gateway },
            { "cidr": "192.168.0.0/24", "gateway_id": gateway },
        ]);
        let second = json!([
            { "cidr": "0.0.0.0/0", "nat_gateway_id": nat },
            { "cidr": "192.168.1.0/24", "gateway_id": gateway },
        ]);
        let (first, second) = (spec(first, &[&one]), spec(second, &[&two]));
        for operation in LOST {
            let operation = format!("ec2.{operation}");
            let fault = Fault { operation, skip: 0, times: 1, effect: Effect::LostAfter };
            ground.sandbox.world().faults.list.push(fault);
        }
        conforms(&ground, &Erased(super::RouteTable), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_a_subnet_that_another_table_has() {
        let ground = Ground::new();
        let kind = Erased(super::RouteTable);
        let subnet = subnet(&ground, "172.31.64.0/20").await;
        ground.make(&kind, "first", &spec(json!([]), &[&subnet])).await;
        let cx = ground.cx("second-one");
        let id = kind.create(&cx, &spec(json!([]), &[])).await.expect("made");
        let wanted = spec(json!([]), &[&subnet]);
        let error = kind.update(&cx, &id, &spec(json!([]), &[]), &wanted).await.expect_err("taken");
        assert_eq!(error.sort, ErrorSort::InUse);
    }

    #[tokio::test(start_paused = true)]
    async fn a_foreign_gateway_is_refused() {
        let ground = Ground::new();
        let kind = Erased(super::RouteTable);
        let id = kind.create(&ground.cx("a"), &spec(json!([]), &[])).await.expect("made");
        let wanted = spec(json!([{ "cidr": "0.0.0.0/0", "gateway_id": "igw-0ff" }]), &[]);
        let error = kind.update(&ground.cx("a"), &id, &spec(json!([]), &[]), &wanted).await;
        assert_eq!(error.expect_err("refused").code, "InvalidGatewayID.NotFound");
    }
}
