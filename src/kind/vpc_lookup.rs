//! A VPC that exists, and which of its subnets are public: those whose route table, or else the main one of the VPC,
//! has a route to an internet gateway.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Found, FoundOf, Kind, Ownership, Readiness};
use crate::cloud::ec2::{Sort, filter, items, look_by, text};
use crate::cloud::{CloudError, CloudResult, Cx};
use crate::shape::Shape;

const VPCS: Sort = Sort { action: "DescribeVpcs", set: "vpcSet", filter: "vpc-id", id: "vpcId" };
const SUBNETS: Sort =
    Sort { action: "DescribeSubnets", set: "subnetSet", filter: "subnet-id", id: "subnetId" };
const TABLES: Sort = Sort {
    action: "DescribeRouteTables",
    set: "routeTableSet",
    filter: "route-table-id",
    id: "routeTableId",
};

/// The kind.
pub struct VpcLookup;

/// What is looked up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its id.
    pub vpc_id: String,
}

/// What is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub vpc_id: String,
    /// Its range.
    pub cidr: String,
    /// Subnets with a route to an internet gateway, sorted.
    pub public_subnet_ids: Vec<String>,
    /// The other subnets, sorted.
    pub private_subnet_ids: Vec<String>,
    /// Where clusters and nodes go: the private subnets, or the public ones where there are no others.
    pub subnet_ids: Vec<String>,
}

impl Kind for VpcLookup {
    const SHAPE: Shape = Shape::lookup("vpc_lookup", "existing VPC", "ec2");
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let by = || vec![filter("vpc-id", [&*spec.vpc_id])];
        let (vpcs, subnets, tables) = futures::try_join!(
            look_by(cx, &VPCS, by()),
            look_by(cx, &SUBNETS, by()),
            look_by(cx, &TABLES, by()),
        )?;
        Ok(vpcs.first().map(|vpc| Found {
            id: spec.vpc_id.clone(),
            spec: spec.clone(),
            outputs: outputs(spec, vpc, &subnets, &tables),
            readiness: Readiness::Ready,
            owner: Ownership::Untaggable,
        }))
    }

    async fn create(&self, _: &Cx, _: &Spec) -> CloudResult<String> {
        Err(CloudError::broken_contract(Self::SHAPE.kind, "it is only looked up"))
    }

    async fn update(&self, _: &Cx, _: &str, _: &Spec, _: &Spec) -> CloudResult<()> {
        Err(CloudError::broken_contract(Self::SHAPE.kind, "it is only looked up"))
    }

    async fn delete(&self, _: &Cx, _: &str, _: &Spec) -> CloudResult<()> {
        Err(CloudError::broken_contract(Self::SHAPE.kind, "it is only looked up"))
    }
}

fn outputs(spec: &Spec, vpc: &Json, subnets: &[Json], tables: &[Json]) -> Outputs {
    let mut ids: Vec<String> = subnets.iter().map(|subnet| text(subnet, "subnetId")).collect();
    ids.sort();
    let (public_subnet_ids, private_subnet_ids): (Vec<_>, Vec<_>) =
        ids.into_iter().partition(|id| is_public(id, tables));
    let homes = if private_subnet_ids.is_empty() { &public_subnet_ids } else { &private_subnet_ids };
    Outputs {
        subnet_ids: homes.clone(),
        vpc_id: spec.vpc_id.clone(),
        cidr: text(vpc, "cidrBlock"),
        public_subnet_ids,
        private_subnet_ids,
    }
}

fn is_public(subnet_id: &str, tables: &[Json]) -> bool {
    let with = |field: &'static str, value: &str| {
        let value = value.to_owned();
        tables.iter().find(move |table| items(table, "associationSet").any(|one| one[field] == *value))
    };
    let table = with("subnetId", subnet_id).or_else(|| with("main", "true"));
    table.is_some_and(|table| {
        items(table, "routeSet").any(|route| text(route, "gatewayId").starts_with("igw-"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::kind::conformance::Ground;
    use crate::kind::{AnyKind, Erased, subnet};

    #[tokio::test(start_paused = true)]
    async fn tells_public_from_private_subnets() {
        let ground = Ground::new();
        let vpc = "vpc-0a1b2c3d4e5f60718";
        let spec = json!({ "vpc_id": vpc, "cidr": "172.31.64.0/20", "zone": "us-west-2a", "public": false });
        let subnet = ground.make(&Erased(subnet::Subnet), "subnet", &spec).await;
        let table = json!({ "vpc_id": vpc, "routes": [], "subnet_ids": [subnet.id] });
        ground.make(&Erased(crate::kind::route_table::RouteTable), "table", &table).await;
        let kind = Erased(super::VpcLookup);
        let found = kind.find(&ground.cx("vpc"), &json!({ "vpc_id": vpc }), None).await;
        let outputs = found.expect("answered").expect("there").outputs;
        assert_eq!(outputs["cidr"], "172.31.0.0/16");
        assert_eq!(outputs["private_subnet_ids"], json!([subnet.id]));
        assert_eq!(outputs["subnet_ids"], json!([subnet.id]));
        assert_eq!(outputs["public_subnet_ids"].as_array().map(Vec::len), Some(3));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_one_is_absent() {
        let ground = Ground::new();
        let spec = json!({ "vpc_id": "vpc-0ff" });
        assert_eq!(Erased(super::VpcLookup).find(&ground.cx("vpc"), &spec, None).await, Ok(None));
    }
}
