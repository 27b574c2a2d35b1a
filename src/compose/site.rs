//! `Site`: a cluster as what lives in it sees it.

use serde_json::{Value as Json, json};

use super::draft::Draft;
use super::spec::{prune, short};
use crate::address::Address;
use crate::graph::{Place, Resource};
use crate::stack::model::{Cluster, Iam};
use crate::value::Value;

/// A cluster to put objects into.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// Its key in the stack file.
    pub(super) key: String,
    /// Its EKS name.
    pub(super) name: String,
    /// Where it lives.
    pub(super) place: Place,
    /// How a client is made for it.
    reference: Json,
    /// Its resource: none when all that is known is a kubeconfig.
    pub(super) cluster: Option<Address>,
    /// What lets this run in; only for clusters made here.
    pub(super) access: Option<Address>,
    /// Its node groups made here.
    pub(super) nodes: Vec<Address>,
    /// The add-ons made here that pods need to be of use.
    pub(super) addons: Vec<Address>,
    /// How its controllers get AWS credentials.
    pub(super) iam: Iam,
}

/// The EKS name of a cluster.
pub(super) fn eks_name(stack: &str, key: &str, cluster: &Cluster) -> String {
    let existing = cluster.existing.as_ref().and_then(|existing| existing.eks.clone());
    existing.or_else(|| cluster.name.clone()).unwrap_or_else(|| short(&format!("{stack}-{key}"), 100))
}

impl Draft<'_> {
    /// A cluster by its key.
    pub(super) fn site(&self, key: &str) -> Option<Site> {
        let cluster = self.stack.clusters.get(key)?;
        let at = Address::new("cluster", key);
        let place = self.place(cluster.account.as_ref(), cluster.region.as_ref());
        let name = eks_name(&self.stack.head.name, key, cluster);
        let made = cluster.existing.is_none();
        let kubeconfig = cluster.existing.as_ref().filter(|existing| existing.eks.is_none());
        let reference = match kubeconfig {
            Some(existing) => json!({ "kubeconfig": existing.kubeconfig, "context": existing.context }),
            None => json!({ "eks": name, "region": place.region, "account": place.account }),
        };
        let credentials = if kubeconfig.is_some() { Iam::None } else { Iam::PodIdentity };
        let has_nodes = made && !cluster.nodes.is_empty();
        let needed = ["coredns", "eks-pod-identity-agent"];
        Some(Site {
            key: key.to_owned(),
            name: kubeconfig.and_then(|existing| existing.context.clone()).unwrap_or(name),
            place,
            reference,
            cluster: kubeconfig.is_none().then(|| at.clone()),
            access: made.then(|| at.part(super::OWN_ACCESS)),
            nodes: cluster
                .nodes
                .keys()
                .filter(|_| made)
                .map(|nodes| at.part(&format!("nodes.{nodes}")))
                .collect(),
            addons: needed
                .iter()
                .filter(|_| has_nodes)
                .map(|addon| at.part(&format!("addon.{addon}")))
                .collect(),
            iam: cluster.existing.as_ref().and_then(|existing| existing.iam).unwrap_or(credentials),
        })
    }

    /// A cluster that a section names; what is wrong with the name is noted at `path`.
    pub(super) fn site_named(&mut self, key: &str, path: &str) -> Option<Site> {
        let site = self.site(key);
        if site.is_none() {
            let known: Vec<&str> = self.stack.clusters.keys().map(String::as_str).collect();
            let hint = format!("declared clusters: {}", known.join(", "));
            self.fail(path, format!("there is no cluster `{key}`"), &hint);
        }
        site
    }
}

impl Site {
    /// A resource of the Kubernetes API in this cluster.
    pub(super) fn resource(&self, address: Address, kind: &'static str, rest: Json) -> Resource {
        let mut spec = rest;
        spec["cluster"] = self.reference.clone();
        let mut resource = Resource::new(address, kind, &self.place, prune(spec.into()));
        if let Some(cluster) = &self.cluster {
            resource = resource.inside(cluster);
        }
        self.access.iter().fold(resource, Resource::uses)
    }

    /// An object in this cluster.
    pub(super) fn object(&self, address: Address, manifest: &Value) -> Resource {
        self.resource(address, "kube_object", json!({ "manifest": manifest }))
    }

    /// Adds what pods need: nodes to run on, and the add-ons that serve them.
    pub(super) fn runs_on_nodes(&self, resource: Resource) -> Resource {
        self.nodes.iter().chain(&self.addons).fold(resource, Resource::uses)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::compose::testing::{addresses, composed, resource, spec, stack};
    use crate::graph::Sort;

    #[test]
    fn objects_of_a_kubeconfig_cluster_are_inside_nothing() {
        let mut stack = stack(
            "[clusters.lab]\nexisting = { kubeconfig = \"~/.kube/config\", context = \"lab\" }\n\
             [manifests.m]\ncluster = \"lab\"\nfiles = [\"none.yaml\"]",
        );
        stack.manifests["m"].objects =
            vec![json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } })];
        let made = composed(&stack);
        assert_eq!(addresses(&made, ""), ["manifest.m/ConfigMap.a"]);
        assert!(resource(&made, "manifest.m/ConfigMap.a").all_edges().is_empty());
        let cluster = &spec(&made, "manifest.m/ConfigMap.a")["cluster"];
        assert_eq!(*cluster, json!({ "kubeconfig": "~/.kube/config", "context": "lab" }));
    }

    #[test]
    fn a_cluster_of_another_account_is_reached_there() {
        let mut stack = stack(
            "[accounts.partner]\nrole_arn = \"arn:aws:iam::444455556666:role/stack\"\nregion = \"us-east-1\"\n\
             [clusters.c]\nexisting = { eks = \"prod\" }\naccount = \"partner\"\n\
             [manifests.m]\nclusters = [\"c\"]\nfiles = [\"none.yaml\"]",
        );
        stack.manifests["m"].objects =
            vec![json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "a" } })];
        let made = composed(&stack);
        let object = resource(&made, "manifest.m@c/Namespace.a");
        assert_eq!(
            (object.place.account.as_deref(), object.place.region.as_str()),
            (Some("partner"), "us-east-1")
        );
        let cluster = &spec(&made, "manifest.m@c/Namespace.a")["cluster"];
        assert_eq!(*cluster, json!({ "eks": "prod", "region": "us-east-1", "account": "partner" }));
        let inside = object
            .all_edges()
            .iter()
            .any(|edge| edge.to.as_str() == "cluster.c" && edge.sort == Sort::Inside);
        assert!(inside);
    }
}
