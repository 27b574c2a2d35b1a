//! `[networks.*]`: VPCs with subnets over zones and ways out, or a VPC that exists. Their security groups are in
//! `security_groups`.

use ipnet::Ipv4Net;
use serde_json::json;

use super::draft::Draft;
use super::security_groups;
use super::spec::spec;
use crate::address::Address;
use crate::graph::{Place, Resource};
use crate::stack::model::{Cluster, Nat, Network, Scheme};
use crate::value::Value;

/// A VPC as other sections see it.
#[derive(Clone, Debug)]
pub(super) struct Vpc {
    /// How addresses call it: the name of its network, or of the first cluster in it.
    pub(super) key: String,
    /// Its id.
    pub(super) id: Value,
    /// Its resource, if the stack knows one.
    pub(super) address: Option<Address>,
    /// Where it lives.
    pub(super) place: Place,
}

/// A VPC is cut into sixteen blocks: the first half for public subnets, the other for private ones. So the subnets
/// of a zone stay what they are when zones are added. Only a small VPC is cut into fewer.
const BLOCK_BITS: u8 = 4;
const MOST_ZONES: u8 = 8;
/// AWS takes no subnet smaller than this.
const LEAST_SUBNET: u8 = 28;

pub(super) fn compose(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (key, network) in &stack.networks {
        let place = draft.place(network.account.as_ref(), network.region.as_ref());
        let plot = Plot { key, network, place, at: Address::new("network", key) };
        match (network.cidr, &network.vpc_id) {
            (Some(cidr), None) => made(draft, &plot, cidr),
            (None, Some(vpc_id)) => {
                let lookup = spec(json!({ "vpc_id": vpc_id }));
                draft.add(Resource::new(plot.at.clone(), "vpc_lookup", &plot.place, lookup));
            }
            (None, None) | (Some(_), Some(_)) => {
                let message = format!("network `{key}` needs either `cidr` or `vpc_id`");
                draft.fail(
                    &format!("networks.{key}"),
                    message,
                    "`cidr` makes a VPC, `vpc_id` uses one that exists",
                );
            }
        }
        for (name, group) in &network.security_groups {
            security_groups::compose(draft, &plot, name, group);
        }
    }
}

/// One network while it is composed.
pub(super) struct Plot<'a> {
    /// Its key.
    pub(super) key: &'a str,
    /// Its section.
    pub(super) network: &'a Network,
    /// Where it lives.
    pub(super) place: Place,
    at: Address,
}

impl Plot<'_> {
    /// A part of the network.
    pub(super) fn part(&self, part: &str) -> Address {
        self.at.part(part)
    }

    /// The resource of its VPC, and the id.
    pub(super) fn vpc(&self) -> (Address, Value) {
        vpc_of(&self.at, self.network)
    }

    /// A resource that exists within the VPC.
    pub(super) fn inside(&self, part: &str, kind: &'static str, json: serde_json::Value) -> Resource {
        Resource::new(self.part(part), kind, &self.place, spec(json)).inside(&self.vpc().0)
    }
}

fn vpc_of(at: &Address, network: &Network) -> (Address, Value) {
    match &network.vpc_id {
        Some(id) => (at.clone(), id.as_str().into()),
        None => (at.part("vpc"), Value::reference(&at.part("vpc"), "vpc_id")),
    }
}

/// Over how many zones a network made here spreads.
fn zones(network: &Network) -> u8 {
    network.zones.unwrap_or(3).min(MOST_ZONES)
}

fn made(draft: &mut Draft<'_>, plot: &Plot<'_>, cidr: Ipv4Net) {
    let count = plot.network.zones.unwrap_or(3);
    if count == 0 || count > MOST_ZONES {
        let message = format!("a network cannot spread over {count} zones");
        draft.fail(&format!("networks.{}.zones", plot.key), message, "1 to 8, and most regions have 3");
        return;
    }
    let bits = BLOCK_BITS.min(LEAST_SUBNET.saturating_sub(cidr.prefix_len()));
    if cidr.prefix_len() < 16 || 1 << bits < 2 * count {
        let message = format!("`{cidr}` cannot be cut into {} subnets", 2 * count);
        draft.fail(
            &format!("networks.{}.cidr", plot.key),
            message,
            "a VPC is a /16 to a /28, a subnet a /28 at least",
        );
        return;
    }
    let vpc = json!({
        "cidr": cidr, "dns_hostnames": true, "dns_support": true, "tags": draft.named(plot.key),
    });
    draft.add(Resource::new(plot.part("vpc"), "vpc", &plot.place, spec(vpc)));
    draft.add(Resource::new(
        plot.part("zones"),
        "zones_lookup",
        &plot.place,
        spec(json!({ "count": count })),
    ));
    let gateway = json!({ "vpc_id": plot.vpc().1, "tags": draft.named(plot.key) });
    draft.add(plot.inside("internet-gateway", "internet_gateway", gateway));
    subnets(draft, plot, cidr, bits);
    ways_out(draft, plot);
}

fn subnets(draft: &mut Draft<'_>, plot: &Plot<'_>, cidr: Ipv4Net, bits: u8) {
    let blocks: Vec<Ipv4Net> = cidr.subnets(cidr.prefix_len() + bits).into_iter().flatten().collect();
    for (sort, first, role) in [("public", 0, "elb"), ("private", blocks.len() / 2, "internal-elb")] {
        for zone in 0..usize::from(zones(plot.network)) {
            let name = format!("{sort}-{}", zone + 1);
            let role = format!("kubernetes.io/role/{role}");
            let subnet = json!({
                "vpc_id": plot.vpc().1,
                "cidr": blocks[first + zone],
                "zone": Value::reference(&plot.part("zones"), &format!("names.{zone}")),
                "public": sort == "public",
                "tags": draft.named_with(&format!("{}-{name}", plot.key), &[(&role, "1")]),
            });
            draft.add(plot.inside(&format!("subnet.{name}"), "subnet", subnet));
        }
    }
}

/// Route tables, and NAT gateways with their addresses.
fn ways_out(draft: &mut Draft<'_>, plot: &Plot<'_>) {
    let gateway = plot.part("internet-gateway");
    let count = zones(plot.network);
    let subnet =
        |sort: &str, zone: u8| Value::reference(&plot.part(&format!("subnet.{sort}-{zone}")), "subnet_id");
    let nats = match plot.network.nat.unwrap_or(Nat::One) {
        Nat::One => 1,
        Nat::PerZone => count,
        Nat::None => 0,
    };
    for zone in 1..=nats {
        let address = plot.part(&format!("address-{zone}"));
        let tags = draft.named(&format!("{}-nat-{zone}", plot.key));
        // An address of a VPC is usable, and can be given back, only while the internet gateway is attached.
        draft.add(
            Resource::new(address.clone(), "elastic_ip", &plot.place, spec(json!({ "tags": tags })))
                .uses(&gateway),
        );
        let nat = json!({
            "subnet_id": subnet("public", zone),
            "allocation_id": Value::reference(&address, "allocation_id"),
            "tags": tags,
        });
        let nat = plot.inside(&format!("nat-{zone}"), "nat_gateway", nat);
        draft.add(nat.inside(&plot.part(&format!("subnet.public-{zone}"))).uses(&gateway));
    }
    let table = |draft: &Draft<'_>, name: &str, routes: serde_json::Value, subnets: Vec<Value>| {
        let tags = draft.named(&format!("{}-{name}", plot.key));
        let table = json!({ "vpc_id": plot.vpc().1, "routes": routes, "subnet_ids": subnets, "tags": tags });
        plot.inside(&format!("routes.{name}"), "route_table", table)
    };
    let out =
        json!([{ "cidr": "0.0.0.0/0", "gateway_id": Value::reference(&gateway, "internet_gateway_id") }]);
    draft.add(table(draft, "public", out, (1..=count).map(|zone| subnet("public", zone)).collect()));
    for zone in 1..=count {
        let nat = plot.part(&format!("nat-{}", zone.min(nats)));
        let out = json!({ "cidr": "0.0.0.0/0", "nat_gateway_id": Value::reference(&nat, "nat_gateway_id") });
        let routes = if nats == 0 { json!([]) } else { json!([out]) };
        draft.add(table(draft, &format!("private-{zone}"), routes, vec![subnet("private", zone)]));
    }
}

impl Draft<'_> {
    /// The VPC of a network.
    pub(super) fn vpc_of_network(&self, key: &str) -> Option<Vpc> {
        // Two sections may name the same existing VPC: the first stands for it.
        let given = self.stack.networks.get(key)?.vpc_id.as_ref();
        let first =
            given.and_then(|id| self.stack.networks.iter().find(|(_, n)| n.vpc_id.as_ref() == Some(id)));
        let (key, network) = first.or_else(|| self.stack.networks.get_key_value(key))?;
        let (address, id) = vpc_of(&Address::new("network", key), network);
        let place = self.place(network.account.as_ref(), network.region.as_ref());
        Some(Vpc { key: key.clone(), id, address: Some(address), place })
    }

    /// The VPC of a cluster's nodes, if it is known.
    pub(super) fn vpc_of_cluster(&self, key: &str) -> Option<Vpc> {
        let cluster = self.stack.clusters.get(key)?;
        let Some(existing) = &cluster.existing else {
            return self.vpc_of_network(cluster.network.as_ref()?);
        };
        let place = self.place(cluster.account.as_ref(), cluster.region.as_ref());
        if let Some(id) = &existing.vpc_id {
            if let Some((network, _)) =
                self.stack.networks.iter().find(|(_, n)| n.vpc_id.as_ref() == Some(id))
            {
                return self.vpc_of_network(network);
            }
            let same =
                |cluster: &Cluster| cluster.existing.as_ref().is_some_and(|e| e.vpc_id.as_ref() == Some(id));
            let first = self.stack.clusters.iter().find(|(_, cluster)| same(cluster));
            let key = first.map_or(key, |(key, _)| key.as_str()).to_owned();
            return Some(Vpc { key, id: id.as_str().into(), address: None, place });
        }
        existing.eks.as_ref()?;
        let id = Value::reference(&Address::new("cluster", key), "vpc_id");
        Some(Vpc { key: key.to_owned(), id, address: None, place })
    }

    /// The subnets in which a cluster of a network lives, and what else of the network it needs to be of use:
    /// private ones, or public ones where private ones have no way out.
    pub(super) fn homes(&self, key: &str) -> Homes {
        let at = Address::new("network", key);
        let Some(network) = self.stack.networks.get(key) else { return Homes::default() };
        if network.vpc_id.is_some() {
            return Homes { ids: Value::reference(&at, "subnet_ids"), ..Homes::default() };
        }
        let sort = if network.nat == Some(Nat::None) { "public" } else { "private" };
        let zones = 1..=zones(network);
        let subnets: Vec<Address> =
            zones.clone().map(|zone| at.part(&format!("subnet.{sort}-{zone}"))).collect();
        let routes = match sort {
            "private" => zones.map(|zone| at.part(&format!("routes.private-{zone}"))).collect(),
            _ => Vec::new(),
        };
        Homes {
            ids: Value::list(subnets.iter().map(|subnet| Value::reference(subnet, "subnet_id"))),
            subnets,
            public_routes: Some(at.part("routes.public")),
            routes,
        }
    }
}

impl Draft<'_> {
    /// The ids of the subnets for the load balancers of a cluster, if its network is made here: left to themselves
    /// they would spread into every subnet with the tag, one that is about to go too, and keep it from going.
    pub(super) fn landings(&self, cluster: &str, scheme: Scheme) -> Option<Vec<Value>> {
        let vpc = self.vpc_of_cluster(cluster)?;
        let network = self.stack.networks.get(&vpc.key).filter(|network| network.vpc_id.is_none())?;
        let sort = if scheme == Scheme::InternetFacing { "public" } else { "private" };
        let subnet = |zone| Address::new("network", &vpc.key).part(&format!("subnet.{sort}-{zone}"));
        Some((1..=zones(network)).map(|zone| Value::reference(&subnet(zone), "subnet_id")).collect())
    }
}

/// Where a cluster lives in its network.
#[derive(Clone, Debug, Default)]
pub(super) struct Homes {
    /// The ids of its subnets.
    pub(super) ids: Value,
    /// The subnets made here.
    pub(super) subnets: Vec<Address>,
    /// The route table of the public subnets, if made here: load balancers need it.
    pub(super) public_routes: Option<Address>,
    /// The route tables of the private subnets, if made here: nodes need them.
    pub(super) routes: Vec<Address>,
}

#[cfg(test)]
mod tests {
    use crate::compose::testing::{addresses, graph, refers, spec, stack, wrong};

    #[test]
    fn subnets_keep_their_ranges_when_zones_are_added() {
        let two = graph("[networks.n]\ncidr = \"10.0.0.0/16\"\nzones = 2");
        let three = graph("[networks.n]\ncidr = \"10.0.0.0/16\"\nzones = 3");
        for (subnet, range) in [("public-2", "10.0.16.0/20"), ("private-1", "10.0.128.0/20")] {
            let address = format!("network.n/subnet.{subnet}");
            assert_eq!(spec(&two, &address)["cidr"], range);
            assert_eq!(spec(&three, &address)["cidr"], range);
        }
        assert!(refers(&spec(&three, "network.n/subnet.private-3")["zone"], "network.n/zones", "names.2"));
    }

    #[test]
    fn subnets_carry_the_tags_by_which_controllers_find_them() {
        let made = graph("[networks.n]\ncidr = \"10.0.0.0/16\"");
        let tags = |subnet: &str| spec(&made, &format!("network.n/subnet.{subnet}"))["tags"].clone();
        assert_eq!(tags("public-1")["kubernetes.io/role/elb"], "1");
        assert_eq!(tags("private-1")["kubernetes.io/role/internal-elb"], "1");
        assert_eq!(tags("private-1")["Name"], "t-n-private-1");
        assert_eq!(spec(&made, "network.n/subnet.public-1")["public"], true);
    }

    #[test]
    fn nat_is_one_or_one_a_zone_or_none() {
        let with = |nat: &str| graph(&format!("[networks.n]\ncidr = \"10.0.0.0/16\"\nnat = \"{nat}\""));
        assert_eq!(addresses(&with("one"), "network.n/nat-"), ["network.n/nat-1"]);
        assert_eq!(addresses(&with("per-zone"), "network.n/nat-").len(), 3);
        let none = with("none");
        assert!(addresses(&none, "network.n/nat-").is_empty());
        assert_eq!(spec(&none, "network.n/routes.private-1")["routes"], serde_json::json!([]));
        let route =
            |nat: &str| spec(&with(nat), "network.n/routes.private-2")["routes"][0]["nat_gateway_id"].clone();
        assert!(refers(&route("one"), "network.n/nat-1", "nat_gateway_id"));
        assert!(refers(&route("per-zone"), "network.n/nat-2", "nat_gateway_id"));
    }

    #[test]
    fn a_small_vpc_is_cut_into_fewer_blocks() {
        let made = graph("[networks.n]\ncidr = \"10.0.0.0/25\"\nzones = 3");
        assert_eq!(spec(&made, "network.n/subnet.private-3")["cidr"], "10.0.0.96/28");
        let mut small = stack("[networks.n]\ncidr = \"10.0.0.0/25\"\nzones = 3");
        small.networks["n"].zones = Some(5);
        assert!(wrong(&small)[0].message.contains("cannot be cut into 10 subnets"));
    }

    #[test]
    fn a_vpc_that_exists_is_only_looked_up() {
        let made = graph("[networks.old]\nvpc_id = \"vpc-0abc\"");
        assert_eq!(addresses(&made, ""), ["network.old"]);
        assert_eq!(spec(&made, "network.old"), serde_json::json!({ "vpc_id": "vpc-0abc" }));
    }
}
