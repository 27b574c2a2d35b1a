//! `[gateways.*]`: Gateway objects, what configures them, and what keeps them alive. Their DNS is in `dns`.

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::controllers::{class_name, kind_of};
use super::draft::Draft;
use super::site::Site;
use super::{certificates, service_networks};
use crate::address::Address;
use crate::graph::Resource;
use crate::stack::model::{Class, Gateway, Listener, Protocol, Scheme};
use crate::value::Value;

/// One Gateway object.
#[derive(Clone, Debug)]
pub(super) struct Post<'a> {
    /// Its resource.
    pub(super) at: Address,
    /// The key of its section.
    pub(super) key: &'a str,
    /// Its section.
    pub(super) gateway: &'a Gateway,
    /// The cluster it is in.
    pub(super) site: Site,
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name in the cluster.
    pub(super) name: String,
}

/// All Gateway objects of the stack's sections.
pub(super) fn posts<'a>(draft: &Draft<'a>) -> Vec<Post<'a>> {
    let stack = draft.stack;
    let mut all = Vec::new();
    for (key, gateway) in &stack.gateways {
        for cluster in gateway.cluster.iter().chain(&gateway.clusters) {
            let Some(site) = draft.site(cluster) else { continue };
            let at = Address::new("gateway", key);
            all.push(Post {
                at: if gateway.cluster.is_some() { at } else { at.at(cluster) },
                key,
                gateway,
                site,
                namespace: gateway.namespace.clone().unwrap_or_else(|| "default".to_owned()),
                name: name(draft, key, gateway),
            });
        }
    }
    all
}

/// The Lattice controller finds the service network by the Gateway's name.
fn name(draft: &Draft<'_>, key: &str, gateway: &Gateway) -> String {
    let network = gateway.service_network.as_ref().filter(|_| gateway.class == Class::Lattice);
    let found = network.and_then(|network| draft.stack.service_networks.get_key_value(network));
    found.map_or(key, |(key, network)| service_networks::lattice_name(key, network)).to_owned()
}

pub(super) fn compose(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (key, gateway) in &stack.gateways {
        let path = format!("gateways.{key}");
        for cluster in gateway.cluster.iter().chain(&gateway.clusters) {
            draft.site_named(cluster, &path);
        }
        if gateway.cluster.is_none() && gateway.clusters.is_empty() {
            draft.fail(&path, format!("Gateway `{key}` needs a cluster"), "say `cluster = \"…\"`");
        }
        for listener in gateway.listeners.iter().filter_map(|listener| listener.certificate.as_ref()) {
            if !draft.stack.certificates.contains_key(listener) {
                draft.fail(&format!("{path}.listeners"), format!("there is no certificate `{listener}`"), "");
            }
        }
    }
    for post in draft.gateways.clone().iter() {
        match post.gateway.class {
            Class::Alb | Class::Nlb => load_balancer(draft, post),
            Class::Lattice => lattice(draft, post),
        }
    }
}

/// An object beside the Gateway that only its controller understands.
fn configuration(draft: &Draft<'_>, post: &Post<'_>, part: &str, kind: &str, spec: Json) -> Resource {
    let manifest = json!({
        "apiVersion": "gateway.k8s.aws/v1",
        "kind": kind,
        "metadata": { "name": post.name, "namespace": post.namespace },
        "spec": spec,
    });
    let made = post.site.object(post.at.part(part), &manifest.into());
    let made = draft.namespace(&post.site.key, &post.namespace).iter().fold(made, Resource::uses);
    let made = draft.crds_of_group(&post.site.key, "gateway.k8s.aws").iter().fold(made, Resource::uses);
    draft.pillars(&post.site, kind_of(post.gateway.class)).iter().fold(made, Resource::kept_alive_by)
}

fn load_balancer(draft: &mut Draft<'_>, post: &Post<'_>) {
    let targets = json!({ "defaultConfiguration": { "targetType": "ip" } });
    let targets = configuration(draft, post, "targets", "TargetGroupConfiguration", targets);
    draft.add(targets);

    let gateway = post.gateway;
    let attributes = gateway.attributes.iter().map(|(key, value)| json!({ "key": key, "value": value }));
    let listeners = listener_configurations(draft, gateway);
    let tags = &draft.stack.head.tags;
    let named = |id: Value| json!({ "identifier": id });
    let subnets = draft.landings(&post.site.key, scheme(gateway));
    let spec = json!({
        "scheme": scheme_name(gateway),
        "loadBalancerSubnets": subnets.map(|ids| ids.into_iter().map(named).collect::<Vec<_>>()),
        "listenerConfigurations": (!listeners.is_empty()).then_some(listeners),
        "loadBalancerAttributes": (!gateway.attributes.is_empty()).then(|| attributes.collect::<Vec<_>>()),
        "defaultTargetGroupConfiguration": { "name": post.name },
        "tags": (!tags.is_empty()).then_some(tags),
    });
    let made = configuration(draft, post, "configuration", "LoadBalancerConfiguration", spec);
    draft.add(made.kept_alive_by(&post.at.part("targets")));

    let parameters =
        json!({ "group": "gateway.k8s.aws", "kind": "LoadBalancerConfiguration", "name": post.name });
    let made = object(draft, post, Some(json!({ "parametersRef": parameters })));
    let made = made.kept_alive_by(&post.at.part("configuration")).kept_alive_by(&post.at.part("targets"));
    let made = draft.entries.configurations(&post.site.key).iter().fold(made, Resource::kept_alive_by);
    draft.add(made);
}

fn scheme(gateway: &Gateway) -> Scheme {
    gateway.scheme.unwrap_or(Scheme::Internal)
}

fn scheme_name(gateway: &Gateway) -> &'static str {
    match scheme(gateway) {
        Scheme::InternetFacing => "internet-facing",
        Scheme::Internal => "internal",
    }
}

/// The certificates of a load balancer by protocol and port: the first is the default, the others go by name.
fn listener_configurations(draft: &Draft<'_>, gateway: &Gateway) -> Vec<Json> {
    let mut ports: IndexMap<String, Vec<Value>> = IndexMap::new();
    for listener in &gateway.listeners {
        let certificate = listener.certificate.as_ref().and_then(|key| certificates::arn(draft, key));
        if let Some(arn) = certificate {
            let arns = ports.entry(format!("{}:{}", protocol(listener.protocol), listener.port)).or_default();
            if !arns.contains(&arn) {
                arns.push(arn);
            }
        }
    }
    let one = |(port, arns): (String, Vec<Value>)| {
        let others = (arns.len() > 1).then(|| &arns[1..]);
        json!({ "protocolPort": port, "defaultCertificate": arns[0], "certificates": others })
    };
    ports.into_iter().map(one).collect()
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "HTTP",
        Protocol::Https => "HTTPS",
        Protocol::Tls => "TLS",
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

fn lattice(draft: &mut Draft<'_>, post: &Post<'_>) {
    let Some(network) = post.gateway.service_network.as_ref() else {
        let path = format!("gateways.{}", post.key);
        draft.fail(&path, "a Lattice Gateway needs `service_network`", "a key of `[service_networks]`");
        return;
    };
    if !draft.stack.service_networks.contains_key(network) {
        let path = format!("gateways.{}.service_network", post.key);
        draft.fail(&path, format!("there is no service network `{network}`"), "");
        return;
    }
    let made = object(draft, post, None);
    let made = service_networks::ways_into(draft, network, &post.site).iter().fold(made, Resource::uses);
    draft.add(ground(draft, &post.site, network).iter().fold(made, Resource::kept_alive_by));
}

/// What of a service network the Lattice Gateways of a cluster stand on.
fn ground(draft: &Draft<'_>, site: &Site, network: &str) -> Vec<Address> {
    let Some(found) = draft.stack.service_networks.get(network) else { return Vec::new() };
    let mut all = vec![Address::new("service_network", network)];
    if found.clusters.contains(&site.key) {
        let vpc = draft.vpc_of_cluster(&site.key);
        all.extend(vpc.map(|vpc| service_networks::association(network, &vpc.key)));
    }
    all
}

/// What a Gateway of a manifest stands on, by the name of its class.
pub(super) fn footing(draft: &Draft<'_>, site: &Site, class: Option<&str>) -> Vec<Address> {
    let classes = [Class::Alb, Class::Nlb, Class::Lattice];
    let Some(class) = classes.into_iter().find(|known| Some(class_name(*known)) == class) else {
        return Vec::new();
    };
    let mut all: Vec<Address> = draft.class_address(site, class).into_iter().collect();
    if class == Class::Lattice {
        let joined =
            draft.stack.service_networks.iter().filter(|(_, network)| network.clusters.contains(&site.key));
        all.extend(joined.flat_map(|(key, _)| ground(draft, site, key)));
    }
    all
}

/// The Gateway object with the edges that all of them have.
fn object(draft: &Draft<'_>, post: &Post<'_>, infrastructure: Option<Json>) -> Resource {
    let everywhere =
        draft.routes.iter().any(|route| route.gateway.at == post.at && route.namespace != post.namespace);
    let from = if everywhere { "All" } else { "Same" };
    let listeners: Vec<Json> =
        post.gateway.listeners.iter().map(|one| listener(draft, post.gateway.class, one, from)).collect();
    // With another scheme it is another load balancer: the Gateway itself must tell it.
    let annotations = infrastructure.is_some().then(|| json!({ "stack/scheme": scheme_name(post.gateway) }));
    let manifest = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": { "name": post.name, "namespace": post.namespace, "annotations": annotations },
        "spec": {
            "gatewayClassName": class_name(post.gateway.class),
            "infrastructure": infrastructure,
            "listeners": listeners,
        },
    });
    let (site, class) = (&post.site, post.gateway.class);
    let made = site.resource(post.at.clone(), "gateway", json!({ "manifest": manifest }));
    let made = draft.namespace(&site.key, &post.namespace).iter().fold(made, Resource::uses);
    let made = draft.crds_of_group(&site.key, "gateway.networking.k8s.io").iter().fold(made, Resource::uses);
    let made = draft.class_address(site, class).iter().fold(made, Resource::kept_alive_by);
    draft.pillars(site, kind_of(class)).iter().fold(made, Resource::kept_alive_by)
}

fn listener(draft: &Draft<'_>, class: Class, listener: &Listener, from: &str) -> Json {
    json!({
        "name": listener.name,
        "protocol": protocol(listener.protocol),
        "port": listener.port,
        "hostname": listener.hostname,
        "tls": tls(draft, class, listener),
        "allowedRoutes": { "namespaces": { "from": from } },
    })
}

/// Lattice takes its certificate from the listener; the load balancers from their configuration.
fn tls(draft: &Draft<'_>, class: Class, listener: &Listener) -> Option<Json> {
    let arn = listener.certificate.as_ref().and_then(|key| certificates::arn(draft, key));
    match (class, listener.protocol, arn) {
        (Class::Lattice, Protocol::Https, Some(arn)) => Some(json!({
            "mode": "Terminate",
            // The API asks for a reference; the controller reads the option and never this.
            "certificateRefs": [{ "name": "unused" }],
            "options": { "application-networking.k8s.aws/certificate-arn": arn },
        })),
        (Class::Nlb, Protocol::Tls, Some(_)) => {
            Some(json!({ "mode": "Terminate", "certificateRefs": [{ "name": "unused" }] }))
        }
        (_, Protocol::Tls, _) => Some(json!({ "mode": "Passthrough" })),
        (_, _, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::compose::testing::{addresses, composed, example, refers, spec};
    use crate::stack::model::{Listener, Protocol, Stack};

    #[test]
    fn a_load_balancer_is_told_the_subnets_of_a_network_made_here() {
        let subnets = |stack: &Stack| {
            let configuration = spec(&composed(stack), "gateway.shop/configuration");
            configuration["manifest"]["spec"]["loadBalancerSubnets"].clone()
        };
        let mut shop = example("shop.toml");
        let told = subnets(&shop);
        assert_eq!(told.as_array().map(Vec::len), Some(3));
        assert!(refers(&told[2]["identifier"], "network.edge/subnet.public-3", "subnet_id"));
        let edge = &mut shop.networks["edge"];
        (edge.vpc_id, edge.cidr, edge.zones) = (Some("vpc-1".into()), None, None);
        assert!(subnets(&shop).is_null());
    }

    #[test]
    fn more_certificates_on_one_port_go_by_name() {
        let mut shop = example("shop.toml");
        let gateway = &mut shop.gateways["shop"];
        gateway.listeners.push(Listener {
            name: "other".into(),
            protocol: Protocol::Https,
            port: 443,
            hostname: Some("other.api.example.com".into()),
            certificate: Some("internal".into()),
        });
        gateway.attributes.insert("idle_timeout.timeout_seconds".into(), "120".into());
        let configuration = spec(&composed(&shop), "gateway.shop/configuration")["manifest"]["spec"].clone();
        let listeners = &configuration["listenerConfigurations"];
        assert_eq!(listeners.as_array().map(Vec::len), Some(1));
        assert!(refers(&listeners[0]["certificates"][0], "certificate.internal/issued", "arn"));
        assert_eq!(
            configuration["loadBalancerAttributes"],
            json!([{ "key": "idle_timeout.timeout_seconds", "value": "120" }])
        );
    }

    #[test]
    fn a_new_cluster_adds_and_changes_nothing_else() {
        let before = composed(&example("shop.toml"));
        let mut shop = example("shop.toml");
        let (network, mut cluster) = (shop.networks["apps-b"].clone(), shop.clusters["apps-b"].clone());
        shop.networks.insert("apps-c".into(), network);
        cluster.network = Some("apps-c".into());
        shop.clusters.insert("apps-c".into(), cluster);
        shop.service_networks["core"].clusters.push("apps-c".into());
        shop.controllers["lattice"].clusters.push("apps-c".into());
        shop.gateways["core"].clusters.push("apps-c".into());
        let after = composed(&shop);
        for (address, resource) in &before.resources {
            assert_eq!(after.resources.get(address), Some(resource), "{address}");
        }
        assert_eq!(addresses(&after, "gateway.core@apps-c"), ["gateway.core@apps-c"]);
        assert_eq!(addresses(&after, "gateway.core/zone-vpc.apps-c").len(), 1);
    }
}
