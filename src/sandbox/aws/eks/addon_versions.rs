//! The add-ons there are, with their versions. Each runs on every Kubernetes version that is known here.

use serde_json::{Value as Json, json};

use super::check;
use crate::sandbox::aws::Answer;
use crate::sandbox::world::Here;

/// One add-on that EKS offers.
pub(super) struct Offer {
    /// `vpc-cni`.
    pub(super) name: &'static str,
    /// The default first.
    pub(super) versions: &'static [&'static str],
    /// Whether it is a Deployment, which is not well without nodes.
    pub(super) needs_nodes: bool,
}

const OFFERS: &[Offer] = &[
    Offer {
        name: "vpc-cni",
        versions: &["v1.21.1-eksbuild.1", "v1.20.4-eksbuild.1", "v1.19.6-eksbuild.1"],
        needs_nodes: false,
    },
    Offer {
        name: "kube-proxy",
        versions: &["v1.35.0-eksbuild.2", "v1.34.1-eksbuild.2", "v1.33.5-eksbuild.2"],
        needs_nodes: false,
    },
    Offer {
        name: "coredns",
        versions: &["v1.12.4-eksbuild.1", "v1.12.3-eksbuild.1", "v1.11.4-eksbuild.24"],
        needs_nodes: true,
    },
    Offer {
        name: "eks-pod-identity-agent",
        versions: &["v1.3.10-eksbuild.1", "v1.3.9-eksbuild.3", "v1.3.8-eksbuild.2"],
        needs_nodes: false,
    },
    Offer {
        name: "aws-ebs-csi-driver",
        versions: &["v1.53.0-eksbuild.1", "v1.52.1-eksbuild.1"],
        needs_nodes: true,
    },
    Offer {
        name: "aws-efs-csi-driver",
        versions: &["v2.1.14-eksbuild.1", "v2.1.13-eksbuild.1"],
        needs_nodes: true,
    },
    Offer {
        name: "eks-node-monitoring-agent",
        versions: &["v1.4.2-eksbuild.1", "v1.4.1-eksbuild.1"],
        needs_nodes: false,
    },
    Offer {
        name: "metrics-server",
        versions: &["v0.8.0-eksbuild.5", "v0.8.0-eksbuild.3"],
        needs_nodes: true,
    },
    Offer {
        name: "snapshot-controller",
        versions: &["v8.3.0-eksbuild.1", "v8.2.0-eksbuild.1"],
        needs_nodes: true,
    },
];

/// The add-on of a name.
pub(super) fn find(name: &str) -> Option<&'static Offer> {
    OFFERS.iter().find(|offer| offer.name == name)
}

pub(super) fn describe(_: &mut Here<'_>, input: &Json) -> Answer {
    let only = input["addonName"].as_str();
    let told = OFFERS.iter().filter(|offer| only.is_none_or(|name| name == offer.name)).map(|offer| {
        let versions = offer.versions.iter().enumerate().map(|(at, version)| {
            let fits = |cluster: &&'static str| json!({ "clusterVersion": cluster, "platformVersions": ["*"], "defaultVersion": at == 0 });
            let fits: Vec<Json> = check::VERSIONS.iter().map(fits).collect();
            json!({ "addonVersion": version, "architecture": ["amd64", "arm64"], "compatibilities": fits })
        });
        json!({
            "addonName": offer.name, "type": "networking", "publisher": "eks", "owner": "aws",
            "addonVersions": versions.collect::<Vec<_>>(),
        })
    });
    check::paged(input, "addons", told.collect())
}
