//! `[clusters.*]`: EKS clusters with roles, add-ons and access entries; or clusters that exist.
//!
//! Their nodes are in `node_groups`.

use serde_json::{Value as Json, json};

use super::OWN_ACCESS;
use super::draft::Draft;
use super::node_groups;
use super::site::Site;
use super::spec::{managed_policy, partition, role_name, spec, table};
use crate::address::Address;
use crate::graph::Resource;
use crate::recipe;
use crate::stack::model::{Access, Cluster};
use crate::value::Value;

/// The add-ons every cluster gets, and whether they run on nodes as ordinary pods do: those come after the nodes.
const ADDONS: [(&str, bool); 4] =
    [("vpc-cni", false), ("kube-proxy", false), ("eks-pod-identity-agent", false), ("coredns", true)];

pub(super) fn compose(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (key, cluster) in &stack.clusters {
        let Some(site) = draft.site(key) else { continue };
        match (&cluster.existing, &site.cluster) {
            (None, Some(at)) => made(draft, &site, at, cluster),
            (Some(_), Some(at)) => {
                let lookup = spec(json!({ "name": site.name }));
                draft.add(Resource::new(at.clone(), "eks_cluster_lookup", &site.place, lookup));
            }
            (_, None) => {}
        }
    }
}

fn made(draft: &mut Draft<'_>, site: &Site, at: &Address, cluster: &Cluster) {
    let key = &site.key;
    let (Some(version), Some(network)) = (&cluster.version, &cluster.network) else {
        let message = format!("cluster `{key}` needs `version` and `network`");
        draft.fail(&format!("clusters.{key}"), message, "or `existing = { eks = … }` for one that exists");
        return;
    };
    let Some(vpc) = draft.vpc_of_network(network) else {
        draft.fail(&format!("clusters.{key}.network"), format!("there is no network `{network}`"), "");
        return;
    };
    role(draft, site, at, "role", "eks.amazonaws.com", "cluster", &["AmazonEKSClusterPolicy"]);
    let homes = draft.homes(network);
    let eks = json!({
        "name": site.name,
        "version": version,
        "role_arn": Value::reference(&at.part("role"), "arn"),
        "vpc_id": vpc.id,
        "subnet_ids": homes.ids,
        "public_endpoint": cluster.public_endpoint.unwrap_or(true),
        "private_endpoint": true,
        "tags": draft.tags(),
    });
    let mut made = Resource::new(at.clone(), "eks_cluster", &site.place, spec(eks));
    made = vpc.address.iter().chain(&homes.subnets).fold(made, Resource::inside);
    // Load balancers of the cluster need the way to the internet until the cluster is gone.
    made = homes.public_routes.iter().fold(made, Resource::uses);
    // The service network outlives every cluster whose VPC it holds: controllers look it up to their end.
    let joined = draft.stack.service_networks.iter().filter(|(_, network)| network.clusters.contains(key));
    made = joined.fold(made, |made, (name, _)| made.uses(&Address::new("service_network", name)));
    draft.add(made);
    accesses(draft, site, at, cluster);
    addons(draft, site, at, cluster);
    if !cluster.nodes.is_empty() {
        let policies =
            ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonEKS_CNI_Policy"];
        role(draft, site, at, "node-role", "ec2.amazonaws.com", "node", &policies);
        node_groups::compose(draft, site, at, cluster, &homes);
    }
}

fn role(
    draft: &mut Draft<'_>,
    site: &Site,
    at: &Address,
    part: &str,
    service: &str,
    suffix: &str,
    policies: &[&str],
) {
    let arns: Vec<String> = policies.iter().map(|name| managed_policy(&site.place.region, name)).collect();
    let role = json!({
        "name": role_name(&[&draft.stack.head.name, &site.key, suffix]),
        "trust": recipe::assume_role(service),
        "managed_policies": arns,
        "inline_policies": {},
        "tags": draft.tags(),
    });
    draft.add(Resource::new(at.part(part), "iam_role", &site.place, spec(role)));
}

fn accesses(draft: &mut Draft<'_>, site: &Site, at: &Address, cluster: &Cluster) {
    let caller = draft.caller(&site.place);
    let own = json!({
        "cluster": site.name,
        "principal_arn": Value::reference(&caller, "principal_arn"),
        "policies": [{ "policy_arn": access_policy(&site.place.region, "admin", true), "namespaces": [] }],
        "tags": draft.tags(),
    });
    draft.add(entry(site, at.part(OWN_ACCESS), at, own));
    for (name, access) in &cluster.access {
        let other = json!({
            "cluster": site.name,
            "principal_arn": access.principal_arn,
            "policies": [policy_of(&site.place.region, access)],
            "tags": draft.tags(),
        });
        draft.add(entry(site, at.part(&format!("access.{name}")), at, other));
    }
}

fn entry(site: &Site, address: Address, cluster: &Address, json: Json) -> Resource {
    Resource::new(address, "eks_access_entry", &site.place, spec(json)).inside(cluster)
}

fn policy_of(region: &str, access: &Access) -> Json {
    let arn = access_policy(region, &access.policy, access.namespaces.is_empty());
    json!({ "policy_arn": arn, "namespaces": access.namespaces })
}

/// The ARN of an access policy by its short name; an ARN stays what it is.
fn access_policy(region: &str, policy: &str, everywhere: bool) -> String {
    let name = match (policy, everywhere) {
        ("admin", true) => "AmazonEKSClusterAdminPolicy",
        ("admin", false) => "AmazonEKSAdminPolicy",
        ("edit", _) => "AmazonEKSEditPolicy",
        ("view", _) => "AmazonEKSViewPolicy",
        (arn, _) => return arn.to_owned(),
    };
    format!("arn:{}:eks::aws:cluster-access-policy/{name}", partition(region))
}

fn addons(draft: &mut Draft<'_>, site: &Site, at: &Address, cluster: &Cluster) {
    // What runs as ordinary pods would wait for ever on a cluster without nodes.
    let usual = ADDONS.iter().filter(|(_, pods)| !pods || !site.nodes.is_empty()).map(|(name, _)| *name);
    let own = cluster.addons.keys().map(String::as_str);
    let mut names: Vec<&str> = usual.collect();
    for name in own {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        let wish = cluster.addons.get(name).cloned().unwrap_or_default();
        let addon = json!({
            "cluster": site.name,
            "name": name,
            "version": wish.version,
            "configuration": wish.configuration.as_ref().map(table),
            "tags": draft.tags(),
        });
        let address = at.part(&format!("addon.{name}"));
        let mut addon = Resource::new(address, "eks_addon", &site.place, spec(addon)).inside(at);
        if !is_before_nodes(name) {
            addon = site.nodes.iter().fold(addon, Resource::uses);
        }
        draft.add(addon);
    }
}

/// Whether nodes need this add-on to become ready.
fn is_before_nodes(name: &str) -> bool {
    ADDONS.contains(&(name, false))
}

/// The add-ons that come before the nodes of a cluster.
pub(super) fn before_nodes(at: &Address) -> Vec<Address> {
    ADDONS.iter().filter(|(_, pods)| !pods).map(|(name, _)| at.part(&format!("addon.{name}"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::compose::testing::{addresses, graph, refers, spec};

    const NETWORK: &str = "[networks.n]\ncidr = \"10.0.0.0/16\"\n";

    #[test]
    fn a_cluster_without_nodes_gets_no_add_on_that_waits_for_them() {
        let made = graph(&format!("{NETWORK}[clusters.c]\nversion = \"1.35\"\nnetwork = \"n\""));
        let addons = addresses(&made, "cluster.c/addon.");
        assert_eq!(
            addons,
            [
                "cluster.c/addon.vpc-cni",
                "cluster.c/addon.kube-proxy",
                "cluster.c/addon.eks-pod-identity-agent"
            ]
        );
        assert!(addresses(&made, "cluster.c/node-role").is_empty());
    }

    #[test]
    fn versions_and_settings_of_add_ons_are_the_users() {
        let made = graph(&format!(
            "{NETWORK}[clusters.c]\nversion = \"1.35\"\nnetwork = \"n\"\n[clusters.c.addons.vpc-cni]\n\
             version = \"v1\"\nconfiguration = {{ env = {{ A = \"1\" }} }}\n[clusters.c.addons.metrics-server]"
        ));
        let cni = spec(&made, "cluster.c/addon.vpc-cni");
        assert_eq!((&cni["version"], &cni["configuration"]), (&json!("v1"), &json!({ "env": { "A": "1" } })));
        assert_eq!(addresses(&made, "cluster.c/addon.metrics-server").len(), 1);
    }

    #[test]
    fn the_one_who_runs_it_and_others_get_in() {
        let made = graph(&format!(
            "{NETWORK}[clusters.c]\nversion = \"1.35\"\nnetwork = \"n\"\n[clusters.c.access.dev]\n\
             principal_arn = \"arn:aws:iam::111122223333:role/dev\"\npolicy = \"edit\"\nnamespaces = [\"shop\"]"
        ));
        let own = spec(&made, "cluster.c/access.stack");
        assert!(refers(&own["principal_arn"], "caller.stack", "principal_arn"));
        let policy = "arn:aws:eks::aws:cluster-access-policy";
        assert_eq!(own["policies"][0]["policy_arn"], format!("{policy}/AmazonEKSClusterAdminPolicy"));
        let dev = spec(&made, "cluster.c/access.dev");
        assert_eq!(
            dev["policies"],
            json!([{ "policy_arn": format!("{policy}/AmazonEKSEditPolicy"), "namespaces": ["shop"] }])
        );
    }

    #[test]
    fn existing_clusters_are_looked_up_or_only_known_by_kubeconfig() {
        let made = graph(
            "[clusters.prod]\nexisting = { eks = \"prod-1\" }\n\
             [clusters.lab]\nexisting = { kubeconfig = \"~/.kube/config\", context = \"lab\" }\n\
             [manifests.m]\nclusters = [\"prod\", \"lab\"]\nfiles = [\"none.yaml\"]",
        );
        assert_eq!(addresses(&made, ""), ["cluster.prod"]);
        assert_eq!(spec(&made, "cluster.prod"), json!({ "name": "prod-1" }));
    }
}
