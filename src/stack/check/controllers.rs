//! `[controllers]`: versions known here, one of a kind in a cluster.

use std::collections::BTreeMap;

use super::super::model::ControllerKind;
use super::{Rules, indexed};

/// Checks all controllers.
pub(super) fn check(rules: &mut Rules<'_>) {
    let mut seen: BTreeMap<(ControllerKind, &str), String> = BTreeMap::new();
    for (name, controller) in &rules.stack.controllers {
        let path = format!("controllers.{name}");
        rules.one_of(
            &format!("{path}.version"),
            "a version known here",
            &controller.version,
            versions(controller.kind),
        );
        if controller.replicas == Some(0) {
            rules.value(&format!("{path}.replicas"), "a controller without pods does nothing", "1 at least");
        }
        if controller.clusters.is_empty() {
            rules.value(
                &format!("{path}.clusters"),
                format!("the controller `{name}` runs nowhere"),
                "name a cluster",
            );
        }
        for (i, cluster) in indexed(&controller.clusters) {
            let at = format!("{path}.clusters.{i}");
            if let Some(first) = seen.insert((controller.kind, cluster), at.clone()) {
                let message = format!("the cluster `{cluster}` gets this controller twice");
                rules.pair(&first, &at, message, "one of a kind in a cluster");
            }
        }
    }
}

fn versions(kind: ControllerKind) -> &'static [&'static str] {
    match kind {
        ControllerKind::LoadBalancer => &["3.5.0"],
        ControllerKind::Lattice => &["2.1.3"],
    }
}
