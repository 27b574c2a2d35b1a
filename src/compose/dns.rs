//! `dns` of Gateways: zones, and records for the names that Gateways and routes answer to.
//!
//! Names of load balancers lead to the Gateway, names of Lattice routes to the route's own service.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::draft::Draft;
use super::networks::Vpc;
use super::spec::spec;
use super::{gateways, routes};
use crate::address::Address;
use crate::graph::{Place, Resource};
use crate::stack::model::{Class, Gateway};
use crate::value::Value;

/// A zone that a Gateway's section names.
struct Zone {
    at: Address,
    name: String,
    private: bool,
    place: Place,
}

impl Zone {
    fn holds(&self, hostname: &str) -> bool {
        let end = hostname.strip_suffix(&self.name);
        end.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

pub(super) fn compose(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    let mut zones: Vec<(&str, Zone)> = Vec::new();
    for (key, gateway) in &stack.gateways {
        for zone in zones_of(draft, key, gateway) {
            zones.push((key, zone));
        }
    }
    for post in draft.gateways.clone().iter().filter(|post| post.gateway.class != Class::Lattice) {
        balancer_records(draft, post, &zones);
    }
    for post in draft.routes.clone().iter().filter(|post| post.gateway.gateway.class == Class::Lattice) {
        route_records(draft, post, &zones);
    }
}

fn zones_of(draft: &mut Draft<'_>, key: &str, gateway: &Gateway) -> Vec<Zone> {
    let Some(dns) = &gateway.dns else { return Vec::new() };
    let first = draft.gateways.iter().find(|post| post.key == key);
    let Some(place) = first.map(|post| post.site.place.clone()) else { return Vec::new() };
    let at = Address::new("gateway", key);
    let mut zones = Vec::new();
    if let Some(name) = &dns.zone {
        let at = at.part("zone");
        draft.add(Resource::new(at.clone(), "zone_lookup", &place, spec(json!({ "name": name }))));
        zones.push(Zone { at, name: name.clone(), private: false, place: place.clone() });
    }
    if let Some(name) = &dns.private_zone {
        let part = if dns.zone.is_some() { "private-zone" } else { "zone" };
        let zone = Zone { at: at.part(part), name: name.clone(), private: true, place };
        if private_zone(draft, key, gateway, &zone, &at) {
            zones.push(zone);
        }
    }
    zones
}

/// Makes a zone that the VPCs of the Gateway's clusters, and of those that call its routes, see.
fn private_zone(draft: &mut Draft<'_>, key: &str, gateway: &Gateway, zone: &Zone, at: &Address) -> bool {
    let network = gateway.service_network.as_ref().and_then(|key| draft.stack.service_networks.get(key));
    let callers = network.into_iter().flat_map(|network| &network.clusters);
    let mut vpcs: Vec<Vpc> = Vec::new();
    for cluster in gateway.cluster.iter().chain(&gateway.clusters).chain(callers) {
        if let Some(vpc) = draft.vpc_of_cluster(cluster)
            && !vpcs.iter().any(|known| known.key == vpc.key)
        {
            vpcs.push(vpc);
        }
    }
    let Some((first, others)) = vpcs.split_first() else {
        let message = format!("no VPC is known that could see the zone `{}`", zone.name);
        draft.fail(&format!("gateways.{key}.dns"), message, "say `vpc_id` in the cluster's `existing`");
        return false;
    };
    let made = json!({
        "name": zone.name,
        "vpc_id": first.id,
        "vpc_region": first.place.region,
        "tags": draft.tags(),
    });
    let made = Resource::new(zone.at.clone(), "route53_zone", &zone.place, spec(made));
    draft.add(first.address.iter().fold(made, Resource::inside));
    for vpc in others {
        let json = json!({
            "zone_id": Value::reference(&zone.at, "zone_id"),
            "vpc_id": vpc.id,
            "vpc_region": vpc.place.region,
        });
        let address = at.part(&format!("zone-vpc.{}", vpc.key));
        let made = Resource::new(address, "route53_zone_association", &zone.place, spec(json));
        draft.add(vpc.address.iter().fold(made.inside(&zone.at), Resource::inside));
    }
    true
}

fn record(zone: &Zone, address: Address, hostname: &str, rest: Json) -> Resource {
    let mut json = rest;
    json["zone_id"] = json!(Value::reference(&zone.at, "zone_id"));
    json["name"] = hostname.into();
    let made = Resource::new(address, "route53_record", &zone.place, spec(json));
    if zone.private { made.inside(&zone.at) } else { made }
}

/// Alias records for the names of a load balancer: in its own zones, and in every private zone of the stack that
/// holds them, because within its VPCs a private zone hides the public one of the same name.
fn balancer_records(draft: &mut Draft<'_>, post: &gateways::Post<'_>, zones: &[(&str, Zone)]) {
    let listeners = post.gateway.listeners.iter().filter_map(|listener| listener.hostname.clone());
    let mut hostnames: BTreeSet<String> = listeners.collect();
    for route in draft.routes.iter().filter(|route| route.gateway.at == post.at) {
        hostnames.extend(route.route.hostnames.iter().cloned());
    }
    if post.gateway.dns.is_none() {
        return;
    }
    for hostname in hostnames {
        let fit =
            zones.iter().filter(|(key, zone)| (*key == post.key || zone.private) && zone.holds(&hostname));
        for (key, zone) in fit {
            let part = if *key == post.key {
                format!("record.{hostname}")
            } else {
                format!("record.{hostname}.{key}")
            };
            let alias = json!({
                "zone_id": Value::reference(&post.at, "zone_id"),
                "name": Value::reference(&post.at, "address"),
            });
            draft.add(record(zone, post.at.part(&part), &hostname, json!({ "type": "A", "alias": alias })));
        }
    }
}

fn route_records(draft: &mut Draft<'_>, post: &routes::Post<'_>, zones: &[(&str, Zone)]) {
    if let Some(second) = post.route.hostnames.get(1) {
        let message = format!("a Lattice route answers to one name only, not to `{second}` as well");
        draft.fail(&format!("routes.{}.hostnames", post.key), message, "write one route for each name");
        return;
    }
    let own = zones.iter().filter(|(key, _)| *key == post.gateway.key);
    for (_, zone) in own {
        for hostname in post.route.hostnames.iter().filter(|hostname| zone.holds(hostname)) {
            let name = Value::reference(&post.at, "domain_name");
            // A zone's own name can be no CNAME.
            let target = if *hostname == zone.name {
                let hosted = Value::reference(&post.at, "hosted_zone_id");
                json!({ "type": "A", "alias": { "zone_id": hosted, "name": name } })
            } else {
                json!({ "type": "CNAME", "ttl": 60, "values": [name] })
            };
            let part = format!("record.{hostname}");
            draft.add(record(zone, post.at.part(&part), hostname, target));
        }
    }
}
