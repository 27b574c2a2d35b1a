//! `[lifecycle."address"]`: rules for a resource, or for all that a shorter address covers.

use super::draft::Draft;
use crate::address::Address;
use crate::graph::Resource;
use crate::stack::model::Rules;

/// Applies the rules to the resources; what is said of a longer address wins.
pub(super) fn apply(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    let mut rules = Vec::new();
    for (text, rule) in &stack.lifecycle {
        let path = format!("lifecycle.{text}");
        match Address::parse(text) {
            Err(error) => draft.fail(&path, error.to_string(), ""),
            Ok(address) if !draft.resources.iter().any(|resource| address.covers(&resource.address)) => {
                draft.fail(
                    &path,
                    format!("there is no `{address}` in this stack"),
                    "rules name what the stack holds",
                );
            }
            Ok(address) => rules.push((address, rule)),
        }
    }
    rules.sort_by_key(|(address, _)| address.as_str().len());
    for (address, rule) in rules {
        let covered = draft.resources.iter_mut().filter(|resource| address.covers(&resource.address));
        covered.for_each(|resource| give(resource, &address, rule));
    }
}

fn give(resource: &mut Resource, address: &Address, rules: &Rules) {
    let ignored: Vec<String> =
        rules.ignore_changes.iter().filter_map(|field| field_of(resource, address, field)).collect();
    let life = &mut resource.lifecycle;
    life.prevent_destroy |= rules.prevent_destroy;
    for field in ignored {
        if !life.ignore_changes.contains(&field) {
            life.ignore_changes.push(field);
        }
    }
    let timeouts = [rules.timeouts.create, rules.timeouts.update, rules.timeouts.delete];
    for (slot, limit) in life.timeouts.iter_mut().zip(timeouts) {
        *slot = limit.map(|limit| limit.0).or(*slot);
    }
}

/// The field of a resource that is meant: `nodes.default.size` of `cluster.edge` is `size` of its part
/// `nodes.default`; a field said of the whole is one of every part that has it.
fn field_of(resource: &Resource, address: &Address, field: &str) -> Option<String> {
    let suffix = resource.address.as_str().strip_prefix(address.as_str()).unwrap_or_default();
    let part = suffix.split('/').skip(1).collect::<Vec<_>>().join(".");
    if !part.is_empty()
        && let Some(inner) = field.strip_prefix(&part).and_then(|rest| rest.strip_prefix('.'))
    {
        return Some(inner.to_owned());
    }
    let first = field.split('.').next().unwrap_or_default();
    resource.spec.get(first).map(|_| field.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::compose::testing::{composed, resource, stack, wrong};

    const CLUSTER: &str = r#"
        [networks.n]
        cidr = "10.0.0.0/16"
        [clusters.c]
        version = "1.35"
        network = "n"
        nodes.default = { instance_types = ["m7g.large"], size = { min = 1, max = 2 } }
    "#;

    #[test]
    fn a_shorter_address_means_all_its_parts() {
        let made = composed(&stack(&format!(
            "{CLUSTER}[lifecycle.\"cluster.c\"]\nprevent_destroy = true\n\
             ignore_changes = [\"nodes.default.size\", \"version\"]\ntimeouts = {{ create = \"40m\" }}\n\
             [lifecycle.\"cluster.c/nodes.default\"]\ntimeouts = {{ create = \"20m\" }}"
        )));
        let life = |address: &str| resource(&made, address).lifecycle.clone();
        assert!(life("cluster.c/role").prevent_destroy);
        assert!(!life("network.n/vpc").prevent_destroy);
        assert_eq!(life("cluster.c").ignore_changes, ["version"]);
        assert_eq!(life("cluster.c/nodes.default").ignore_changes, ["size", "version"]);
        assert!(life("cluster.c/role").ignore_changes.is_empty());
        assert_eq!(life("cluster.c").timeouts[0], Some(Duration::from_secs(2400)));
        assert_eq!(life("cluster.c/nodes.default").timeouts, [Some(Duration::from_secs(1200)), None, None]);
    }

    #[test]
    fn rules_for_nothing_are_a_mistake() {
        let found =
            wrong(&stack(&format!("{CLUSTER}[lifecycle.\"cluster.c/nodes.spare\"]\nprevent_destroy = true")));
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("cluster.c/nodes.spare"), "{found:?}");
        assert!(found[0].span.is_some());
    }
}
