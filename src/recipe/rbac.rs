//! Rules of Kubernetes roles as data.

use serde_json::{Value as Json, json};

/// One rule of a role: what may be done to which resources.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// API groups; the empty text is the core group.
    pub groups: &'static [&'static str],
    /// Plurals, with `/status` or `/finalizers` where that is meant.
    pub resources: &'static [&'static str],
    /// Only objects of these names; all if empty.
    pub names: &'static [&'static str],
    /// What may be done.
    pub verbs: &'static [&'static str],
}

impl Rule {
    /// A rule about all objects of some kinds.
    pub(super) const fn new(
        groups: &'static [&'static str],
        resources: &'static [&'static str],
        verbs: &'static [&'static str],
    ) -> Self {
        Self { groups, resources, names: &[], verbs }
    }

    /// As it stands in a Role.
    pub(super) fn json(&self) -> Json {
        let mut rule = json!({ "apiGroups": self.groups, "resources": self.resources, "verbs": self.verbs });
        if !self.names.is_empty() {
            rule["resourceNames"] = self.names.iter().copied().collect();
        }
        rule
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::recipe::{Recipe, lattice_controller, load_balancer_controller, official};

    /// Every (group, resource, verb) that some rules allow.
    fn allowed(rules: &[Json]) -> BTreeSet<[String; 3]> {
        let texts = |value: &Json| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .map(|text| text.as_str().unwrap_or_default().to_owned())
                .collect()
        };
        let mut all = BTreeSet::new();
        for rule in rules {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for verb in texts(&rule["verbs"]) {
                        all.insert([group.clone(), resource.clone(), verb]);
                    }
                }
            }
        }
        all
    }

    fn ours(recipe: &Recipe) -> BTreeSet<[String; 3]> {
        allowed(&recipe.rules.iter().map(Rule::json).collect::<Vec<_>>())
    }

    #[test]
    fn the_cluster_roles_are_the_official_ones() {
        let recipes = [
            (load_balancer_controller("3.5.0"), "aws-load-balancer-controller/rbac-role.yaml"),
            (lattice_controller("2.1.3"), "aws-gateway-controller/deploy.yaml"),
        ];
        for (recipe, file) in recipes {
            let Some(objects) = official::objects(&[file]) else { return };
            let role = objects.iter().find(|object| object["kind"] == "ClusterRole").expect("there is one");
            let theirs = allowed(role["rules"].as_array().expect("rules"));
            assert_eq!(ours(recipe.expect("known")), theirs, "{file}");
        }
    }
}
