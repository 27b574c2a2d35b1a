//! What others gave: look-ups, put into the copy as they were found in the cloud.

use serde_json::Value as Json;

use super::Piece;
use crate::graph::Place;
use crate::live::{FoundAny, Seen};
use crate::sandbox::Sandbox;
use crate::sandbox::seed::{Cluster, Ground, Vpc};
use crate::sandbox::world::ACCOUNT;

/// Puts in all that was found.
pub(super) fn put(sandbox: &Sandbox, piece: &Piece<'_>) {
    for resource in piece.graph.resources.values() {
        let Some(Seen::Found(found)) = piece.live.found.get(&resource.address) else { continue };
        let ground = ground(piece, &resource.place);
        match resource.kind {
            "vpc_lookup" => sandbox.seed_vpc(&ground, &vpc(found)),
            "zone_lookup" => {
                sandbox.seed_zone(
                    &ground.account,
                    text(&found.outputs, "zone_id"),
                    text(&found.spec, "name"),
                );
            }
            "eks_cluster_lookup" => {
                let cluster = cluster(found);
                let subnets =
                    ["a", "b"].map(|zone| format!("{}-{zone}", cluster.vpc_id.replacen("vpc", "subnet", 1)));
                let vpc = Vpc {
                    id: cluster.vpc_id.clone(),
                    range: RANGE.into(),
                    private: subnets.into(),
                    ..Vpc::default()
                };
                sandbox.seed_vpc(&ground, &vpc);
                sandbox.seed_cluster(&ground, &cluster);
            }
            // Zones, prefix lists and the caller are of every cloud.
            _ => {}
        }
    }
}

/// The range of a VPC of which only the id is known.
const RANGE: &str = "10.0.0.0/16";

fn ground(piece: &Piece<'_>, place: &Place) -> Ground {
    let account = place.account.as_ref().and_then(|name| piece.accounts.get(name));
    Ground { account: account.map_or(ACCOUNT, String::as_str).to_owned(), region: place.region.clone() }
}

fn vpc(found: &FoundAny) -> Vpc {
    let list = |field: &str| -> Vec<String> {
        let ids = found.outputs[field].as_array().into_iter().flatten();
        ids.filter_map(|id| id.as_str().map(str::to_owned)).collect()
    };
    Vpc {
        id: text(&found.outputs, "vpc_id").to_owned(),
        range: text(&found.outputs, "cidr").to_owned(),
        public: list("public_subnet_ids"),
        private: list("private_subnet_ids"),
    }
}

fn cluster(found: &FoundAny) -> Cluster {
    let of = |field: &str| text(&found.outputs, field).to_owned();
    Cluster { name: of("name"), vpc_id: of("vpc_id"), security_group_id: of("cluster_security_group_id") }
}

fn text<'a>(json: &'a Json, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}
