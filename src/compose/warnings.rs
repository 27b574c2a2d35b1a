//! What may be wrong and may be right: told with the plan, and never refused.
//!
//! Only for clusters that are made here: what is in one that exists is not known before it is asked.

use std::collections::BTreeSet;

use super::draft::Draft;

/// API groups that a cluster of EKS serves from its beginning, those of the VPC CNI included.
const SERVED: &[&str] = &[
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "crd.k8s.amazonaws.com",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.aws",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
    "vpcresources.k8s.aws",
];

/// All that may be wrong, in the order of the file.
pub(super) fn all(draft: &Draft<'_>) -> Vec<String> {
    let mut found = unserved(draft);
    found.extend(unmade(draft));
    found
}

fn is_made(draft: &Draft<'_>, cluster: &str) -> bool {
    draft.stack.clusters.get(cluster).is_some_and(|cluster| cluster.existing.is_none())
}

/// Objects of a group of which neither the cluster nor anything in the stack has a definition.
fn unserved(draft: &Draft<'_>) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for entry in draft.entries.all.iter() {
        let (cluster, group) = (entry.cluster.as_str(), entry.group.as_str());
        let known = SERVED.contains(&group)
            || !draft.entries.definitions(cluster, group).is_empty()
            || draft.crds_of_group(cluster, group).is_some();
        if !known && is_made(draft, cluster) && told.insert((cluster, group, entry.kind.as_str())) {
            found.push(format!(
                "{} is a {} of {group}, and nothing in this stack defines it in cluster `{cluster}`: \
                 the object is waited for until its CRD is there",
                entry.address, entry.kind
            ));
        }
    }
    found
}

/// Services that routes send traffic to and that no manifest makes.
fn unmade(draft: &Draft<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for post in draft.routes.iter().filter(|post| is_made(draft, &post.site.key)) {
        let backends = post.route.rules.iter().flat_map(|rule| &rule.backends);
        let services: BTreeSet<(&str, &str)> = backends
            .map(|one| (one.namespace.as_deref().unwrap_or(&post.namespace), one.service.as_str()))
            .collect();
        for (namespace, service) in services {
            if draft.entries.named(&post.site.key, "Service", namespace, service).is_none() {
                found.push(format!(
                    "{} sends traffic to the Service {namespace}/{service}, and no manifest of this stack \
                     makes it in cluster `{}`",
                    post.at, post.site.key
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::compose::testing::{composed, example};

    #[test]
    fn what_nothing_in_the_stack_makes_is_told_and_not_refused() {
        assert_eq!(composed(&example("shop.toml")).notes, Vec::<String>::new());
        let mut shop = example("shop.toml");
        shop.routes["cart"].rules[0].backends[0].service = "cart-v9".into();
        let thing = json!({ "apiVersion": "a.io/v1", "kind": "Thing", "metadata": { "name": "t" } });
        shop.manifests["shop"].objects.push(thing);
        let notes = composed(&shop).notes;
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("manifest.shop/Thing.t is a Thing of a.io"), "{notes:?}");
        assert!(
            notes[1].contains("route.cart sends traffic to the Service eks-gateway-demo/cart-v9"),
            "{notes:?}"
        );
    }

    #[test]
    fn of_a_cluster_that_exists_nothing_is_said() {
        let mut shop = example("shop.toml");
        shop.routes["cart"].rules[0].backends[0].service = "cart-v9".into();
        let cluster = &mut shop.clusters["apps-a"];
        let existing = "[stack]\nname = \"s\"\nregion = \"us-west-2\"\n\
                        [clusters.a]\nexisting = { eks = \"a\", vpc_id = \"vpc-0abc\" }\n";
        *cluster = crate::compose::testing::stack(existing).clusters["a"].clone();
        assert_eq!(composed(&shop).notes, Vec::<String>::new());
    }
}
