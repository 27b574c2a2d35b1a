//! `[routes.*]`: route objects of the kind that their Gateway's listeners take. Their DNS is in `dns`.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Value as Json, json};

use super::controllers::kind_of;
use super::draft::Draft;
use super::gateways;
use super::site::Site;
use crate::address::Address;
use crate::graph::Resource;
use crate::stack::model::{Class, Protocol, Route, Rule};

/// One route object.
#[derive(Clone, Debug)]
pub(super) struct Post<'a> {
    /// Its resource.
    pub(super) at: Address,
    /// The key of its section, and its name in the cluster.
    pub(super) key: &'a str,
    /// Its section.
    pub(super) route: &'a Route,
    /// The Gateway object it is attached to.
    pub(super) gateway: gateways::Post<'a>,
    /// The cluster it is in.
    pub(super) site: Site,
    /// Its namespace.
    pub(super) namespace: String,
}

/// All route objects of the stack's sections whose Gateway can be told.
pub(super) fn posts<'a>(draft: &Draft<'a>) -> Vec<Post<'a>> {
    let stack = draft.stack;
    let mut gateways: HashMap<&str, Vec<&gateways::Post<'a>>> = HashMap::new();
    for post in draft.gateways.iter() {
        gateways.entry(post.key).or_default().push(post);
    }
    let attached = |route: &Route| {
        let mut fit = gateways.get(route.gateway.as_str())?.clone();
        if let Some(cluster) = &route.cluster {
            fit.retain(|post| post.site.key == *cluster);
        }
        <[_; 1]>::try_from(fit).ok().map(|[only]| only.clone())
    };
    let made = |(key, route): (&'a String, &'a Route)| {
        let gateway = attached(route)?;
        Some(Post {
            at: Address::new("route", key),
            key,
            route,
            site: gateway.site.clone(),
            namespace: route.namespace.clone().unwrap_or_else(|| gateway.namespace.clone()),
            gateway,
        })
    };
    stack.routes.iter().filter_map(made).collect()
}

pub(super) fn compose(draft: &mut Draft<'_>) {
    let posts = draft.routes.clone();
    let attached: HashSet<&str> = posts.iter().map(|post| post.key).collect();
    let stack = draft.stack;
    for (key, route) in &stack.routes {
        if !attached.contains(key.as_str()) {
            detached(draft, key, route);
        }
    }
    for post in posts.iter() {
        let Some(kind) = kind(draft, post) else { continue };
        let manifest = manifest(post, kind);
        let made = post.site.resource(post.at.clone(), "route", json!({ "manifest": manifest }));
        draft.add(edges(draft, post, made));
        grants(draft, post, kind);
    }
}

/// Says why a route has no Gateway object.
fn detached(draft: &mut Draft<'_>, key: &str, route: &Route) {
    let path = format!("routes.{key}");
    let Some(gateway) = draft.stack.gateways.get(&route.gateway) else {
        let known: Vec<&str> = draft.stack.gateways.keys().map(String::as_str).collect();
        let hint = format!("declared Gateways: {}", known.join(", "));
        draft.fail(&format!("{path}.gateway"), format!("there is no Gateway `{}`", route.gateway), &hint);
        return;
    };
    let clusters: Vec<&str> = gateway.cluster.iter().chain(&gateway.clusters).map(String::as_str).collect();
    let hint = format!("Gateway `{}` is in: {}", route.gateway, clusters.join(", "));
    let message = match &route.cluster {
        Some(cluster) => format!("Gateway `{}` is not in cluster `{cluster}`", route.gateway),
        None => format!("route `{key}` must say in which cluster it is"),
    };
    draft.fail(&path, message, &hint);
}

/// The kind of route that the listeners it attaches to take.
fn kind(draft: &mut Draft<'_>, post: &Post<'_>) -> Option<&'static str> {
    let listeners = &post.gateway.gateway.listeners;
    let path = format!("routes.{}.listeners", post.key);
    for name in &post.route.listeners {
        if !listeners.iter().any(|listener| listener.name == *name) {
            let known: Vec<&str> = listeners.iter().map(|listener| listener.name.as_str()).collect();
            let hint = format!("its listeners: {}", known.join(", "));
            draft.fail(&path, format!("Gateway `{}` has no listener `{name}`", post.route.gateway), &hint);
            return None;
        }
    }
    let named = listeners
        .iter()
        .filter(|one| post.route.listeners.is_empty() || post.route.listeners.contains(&one.name));
    let kinds: BTreeSet<&'static str> = named.map(|listener| kind_for(listener.protocol)).collect();
    match kinds.iter().collect::<Vec<_>>().as_slice() {
        [] => Some("HTTPRoute"),
        [only] => Some(**only),
        _ => {
            let message = format!("route `{}` is attached to listeners of different protocols", post.key);
            draft.fail(&path, message, "name those it is for under `listeners`");
            None
        }
    }
}

fn kind_for(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http | Protocol::Https => "HTTPRoute",
        Protocol::Tls => "TLSRoute",
        Protocol::Tcp => "TCPRoute",
        Protocol::Udp => "UDPRoute",
    }
}

fn manifest(post: &Post<'_>, kind: &str) -> Json {
    let route = post.route;
    let parent = |section: Option<&String>| json!({ "name": post.gateway.name, "namespace": post.gateway.namespace, "sectionName": section });
    let parents: Vec<Json> = match route.listeners.as_slice() {
        [] => vec![parent(None)],
        some => some.iter().map(|name| parent(Some(name))).collect(),
    };
    let http = kind == "HTTPRoute";
    let named = matches!(kind, "HTTPRoute" | "TLSRoute") && !route.hostnames.is_empty();
    let rules: Vec<Json> = route.rules.iter().map(|one| rule(post, one, http)).collect();
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": { "name": post.key, "namespace": post.namespace },
        "spec": {
            "parentRefs": parents,
            "hostnames": named.then_some(&route.hostnames),
            "rules": rules,
        },
    })
}

fn rule(post: &Post<'_>, rule: &Rule, http: bool) -> Json {
    let headers: Vec<Json> = (rule.headers.iter())
        .map(|(name, value)| json!({ "type": "Exact", "name": name, "value": value }))
        .collect();
    let condition = json!({
        "path": { "type": "PathPrefix", "value": rule.path.as_deref().unwrap_or("/") },
        "method": rule.method,
        "headers": (!headers.is_empty()).then_some(headers),
    });
    let backends: Vec<Json> = (rule.backends.iter())
        .map(|backend| {
            json!({
                "kind": "Service",
                "name": backend.service,
                "namespace": backend.namespace.as_ref().filter(|namespace| **namespace != post.namespace),
                "port": backend.port,
                "weight": backend.weight.unwrap_or(1),
            })
        })
        .collect();
    json!({ "matches": http.then_some([condition]), "backendRefs": backends })
}

fn edges(draft: &Draft<'_>, post: &Post<'_>, made: Resource) -> Resource {
    let site = &post.site;
    // A Lattice Gateway does not go while it has routes, and no controller takes routes of an old one to a new one
    // of its name: a Gateway that is made anew takes its routes down first.
    let made = made.inside(&post.gateway.at);
    let mut needs: Vec<Address> = Vec::new();
    needs.extend(draft.namespace(&site.key, &post.namespace));
    needs.extend(draft.crds_of_group(&site.key, "gateway.networking.k8s.io"));
    for backend in post.route.rules.iter().flat_map(|rule| &rule.backends) {
        let namespace = backend.namespace.as_ref().unwrap_or(&post.namespace);
        needs.extend(draft.entries.named(&site.key, "Service", namespace, &backend.service).cloned());
    }
    let mut keepers = draft.pillars(site, kind_of(post.gateway.gateway.class));
    if post.gateway.gateway.class != Class::Lattice {
        keepers.extend(draft.entries.configurations(&site.key).iter().cloned());
    }
    let made = needs.iter().fold(made, Resource::uses);
    keepers.iter().fold(made, Resource::kept_alive_by)
}

/// Leave for the route to send traffic to Services of other namespaces.
fn grants(draft: &mut Draft<'_>, post: &Post<'_>, kind: &str) {
    let backends = post.route.rules.iter().flat_map(|rule| &rule.backends);
    let others: BTreeSet<&String> = backends
        .filter_map(|backend| backend.namespace.as_ref())
        .filter(|name| **name != post.namespace)
        .collect();
    for namespace in others {
        let manifest = json!({
            "apiVersion": "gateway.networking.k8s.io/v1beta1",
            "kind": "ReferenceGrant",
            "metadata": { "name": format!("{}-{}", post.namespace, post.key), "namespace": namespace },
            "spec": {
                "from": [{ "group": "gateway.networking.k8s.io", "kind": kind, "namespace": post.namespace }],
                "to": [{ "group": "", "kind": "Service" }],
            },
        });
        let address = post.at.part(&format!("grant.{namespace}"));
        let made = post.site.object(address, &manifest.into());
        let made = draft.namespace(&post.site.key, namespace).iter().fold(made, Resource::uses);
        let crds = draft.crds_of_group(&post.site.key, "gateway.networking.k8s.io");
        draft.add(crds.iter().fold(made, Resource::uses));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::compose::testing::{composed, edge, example, spec, wrong};
    use crate::graph::Sort;
    use crate::stack::Stack;
    use crate::stack::model::{Class, Protocol};

    fn shop(change: impl FnOnce(&mut Stack)) -> Stack {
        let mut shop = example("shop.toml");
        change(&mut shop);
        shop
    }

    #[test]
    fn a_route_to_another_namespace_gets_leave() {
        let stack = shop(|shop| shop.routes["shop"].rules[0].backends[0].namespace = Some("other".into()));
        let made = composed(&stack);
        let grant = &spec(&made, "route.shop/grant.other")["manifest"];
        assert_eq!(grant["metadata"]["namespace"], "other");
        assert_eq!(grant["spec"]["from"][0]["namespace"], "eks-gateway-demo");
        assert!(edge(&made, "route.shop/grant.other", "namespace.other@edge", Sort::Uses));
        let backend = &spec(&made, "route.shop")["manifest"]["spec"]["rules"][0]["backendRefs"][0];
        assert_eq!(backend["namespace"], "other");
    }

    #[test]
    fn a_gateway_admits_routes_of_other_namespaces_if_there_are_any() {
        let made = composed(&shop(|shop| shop.routes["shop"].namespace = Some("other".into())));
        let from = |gateway: &str| {
            let listeners = spec(&made, gateway)["manifest"]["spec"]["listeners"].clone();
            listeners[0]["allowedRoutes"]["namespaces"]["from"].clone()
        };
        assert_eq!([from("gateway.shop"), from("gateway.core@edge")], [json!("All"), json!("Same")]);
        assert!(edge(&made, "route.shop", "namespace.other@edge", Sort::Uses));
    }

    #[test]
    fn listeners_are_named_one_by_one() {
        let made =
            composed(&shop(|shop| shop.routes["cart"].listeners = vec!["http".into(), "https".into()]));
        let parents = &spec(&made, "route.cart")["manifest"]["spec"]["parentRefs"];
        assert_eq!([&parents[0]["sectionName"], &parents[1]["sectionName"]], ["http", "https"]);
    }

    #[test]
    fn the_kind_follows_the_protocol() {
        let made = composed(&shop(|shop| {
            let gateway = &mut shop.gateways["shop"];
            gateway.class = Class::Nlb;
            gateway.listeners[0].protocol = Protocol::Tcp;
            gateway.listeners[0].certificate = None;
            gateway.listeners[0].hostname = None;
        }));
        let route = &spec(&made, "route.shop")["manifest"];
        assert_eq!(route["kind"], "TCPRoute");
        assert!(route["spec"].get("hostnames").is_none());
        assert_eq!(
            route["spec"]["rules"],
            json!([{ "backendRefs": [
            { "kind": "Service", "name": "shop", "port": 80, "weight": 1 },
        ] }])
        );
        assert_eq!(
            spec(&made, "gateway.shop")["manifest"]["spec"]["gatewayClassName"],
            "aws-nlb-gateway-class"
        );
    }

    #[test]
    fn a_route_must_say_its_cluster_where_there_are_several() {
        let found = wrong(&shop(|shop| shop.routes["cart"].cluster = None));
        assert_eq!(found[0].message, "route `cart` must say in which cluster it is");
        assert_eq!(found[0].hint.as_deref(), Some("Gateway `core` is in: edge, apps-a, apps-b"));
    }
}
