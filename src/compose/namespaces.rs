//! Namespaces that sections use and nothing else of the stack makes: one object each, in every cluster.

use std::collections::BTreeSet;

use serde_json::json;

use super::draft::Draft;
use crate::address::Address;

pub(super) fn compose(draft: &mut Draft<'_>) {
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for post in draft.gateways.iter() {
        used.insert((post.site.key.clone(), post.namespace.clone()));
    }
    for post in draft.routes.iter() {
        let backends = post.route.rules.iter().flat_map(|rule| &rule.backends);
        let others = backends.filter_map(|backend| backend.namespace.clone());
        used.extend(others.map(|namespace| (post.site.key.clone(), namespace)));
        used.insert((post.site.key.clone(), post.namespace.clone()));
    }
    for entry in draft.entries.all.iter() {
        used.extend(entry.namespace.clone().map(|namespace| (entry.cluster.clone(), namespace)));
    }
    for (cluster, name) in used {
        let address = own_address(&cluster, &name);
        if draft.namespace(&cluster, &name).as_ref() != Some(&address) {
            continue;
        }
        if let Some(site) = draft.site(&cluster) {
            let manifest = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            draft.add(site.object(address, &manifest.into()));
        }
    }
}

fn own_address(cluster: &str, name: &str) -> Address {
    Address::new("namespace", name).at(cluster)
}

impl Draft<'_> {
    /// The resource that makes a namespace in a cluster; none for those that every cluster has.
    pub(super) fn namespace(&self, cluster: &str, name: &str) -> Option<Address> {
        if name == "default" || name.starts_with("kube-") {
            return None;
        }
        let entry = self.entries.named(cluster, "Namespace", "", name).cloned();
        let made = entry.or_else(|| self.controller_namespace(cluster, name));
        Some(made.unwrap_or_else(|| own_address(cluster, name)))
    }
}
