//! CRD releases: which CRDs a release holds, and where its official files are. Fetching them is not here.

/// One release of CRDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crds {
    /// The name of the release: `gateway-api`.
    pub release: &'static str,
    /// Its version, without a leading `v`.
    pub version: &'static str,
    /// The full names of its CRDs, sorted.
    pub names: &'static [&'static str],
}

const KNOWN: &[Crds] = &[
    Crds {
        release: "gateway-api",
        version: "1.6.1",
        names: &[
            "backendtlspolicies.gateway.networking.k8s.io",
            "gatewayclasses.gateway.networking.k8s.io",
            "gateways.gateway.networking.k8s.io",
            "grpcroutes.gateway.networking.k8s.io",
            "httproutes.gateway.networking.k8s.io",
            "listenersets.gateway.networking.k8s.io",
            "referencegrants.gateway.networking.k8s.io",
            "tcproutes.gateway.networking.k8s.io",
            "tlsroutes.gateway.networking.k8s.io",
            "udproutes.gateway.networking.k8s.io",
        ],
    },
    Crds {
        release: "aws-load-balancer-controller",
        version: "3.5.0",
        names: &[
            "albtargetcontrolconfigs.elbv2.k8s.aws",
            "globalaccelerators.aga.k8s.aws",
            "ingressclassparams.elbv2.k8s.aws",
            "listenerruleconfigurations.gateway.k8s.aws",
            "loadbalancerconfigurations.gateway.k8s.aws",
            "targetgroupbindings.elbv2.k8s.aws",
            "targetgroupconfigurations.gateway.k8s.aws",
        ],
    },
    Crds {
        release: "aws-gateway-api-controller",
        version: "2.1.3",
        names: &[
            "accesslogpolicies.application-networking.k8s.aws",
            "iamauthpolicies.application-networking.k8s.aws",
            "serviceexports.application-networking.k8s.aws",
            "serviceimports.application-networking.k8s.aws",
            "servicenetworks.application-networking.k8s.aws",
            "targetgrouppolicies.application-networking.k8s.aws",
            "vpcassociationpolicies.application-networking.k8s.aws",
        ],
    },
];

/// A release of CRDs, if it is known.
pub fn crds(release: &str, version: &str) -> Option<&'static Crds> {
    KNOWN.iter().find(|known| known.release == release && known.version == version)
}

/// The addresses of the official files of a release, in the order in which they are applied.
pub fn crd_files(release: &str, version: &str) -> Option<Vec<String>> {
    let raw = "https://raw.githubusercontent.com";
    Some(match release {
        "gateway-api" => vec![format!(
            "https://github.com/kubernetes-sigs/gateway-api/releases/download/v{version}/standard-install.yaml"
        )],
        "aws-load-balancer-controller" => {
            let base = format!("{raw}/kubernetes-sigs/aws-load-balancer-controller/v{version}");
            vec![
                format!("{base}/helm/aws-load-balancer-controller/crds/crds.yaml"),
                format!("{base}/config/crd/gateway/gateway-crds.yaml"),
            ]
        }
        "aws-gateway-api-controller" => vec![format!(
            "{raw}/aws/aws-application-networking-k8s/v{version}/files/controller-installation/deploy-v{version}.yaml"
        )],
        _ => return None,
    })
}

/// The release that defines the kinds of an API group: `gateway-api` for `gateway.networking.k8s.io`.
pub fn release_of_group(group: &str) -> Option<&'static str> {
    let defines = |known: &&Crds| {
        known.names.iter().any(|name| name.split_once('.').is_some_and(|(_, of)| of == group))
    };
    KNOWN.iter().find(defines).map(|known| known.release)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::recipe::official;

    #[test]
    fn a_group_leads_to_its_release() {
        assert_eq!(release_of_group("gateway.networking.k8s.io"), Some("gateway-api"));
        assert_eq!(release_of_group("gateway.k8s.aws"), Some("aws-load-balancer-controller"));
        assert_eq!(release_of_group("application-networking.k8s.aws"), Some("aws-gateway-api-controller"));
        assert_eq!(release_of_group("networking.k8s.io"), None);
    }

    #[test]
    fn the_names_are_those_of_the_official_files() {
        let files: [(&str, &str, &[&str]); 3] = [
            ("gateway-api", "1.6.1", &["gateway-api"]),
            (
                "aws-load-balancer-controller",
                "3.5.0",
                &["aws-load-balancer-controller/crds.yaml", "aws-load-balancer-controller/gateway-crds.yaml"],
            ),
            ("aws-gateway-api-controller", "2.1.3", &["aws-gateway-controller/deploy.yaml"]),
        ];
        for (release, version, paths) in files {
            let Some(objects) = official::objects(paths) else { return };
            let named: BTreeSet<String> = objects
                .iter()
                .filter(|object| object["kind"] == "CustomResourceDefinition")
                .map(|object| object["metadata"]["name"].as_str().unwrap_or_default().to_owned())
                .collect();
            let ours = crds(release, version).expect("known");
            assert_eq!(named, ours.names.iter().map(|name| (*name).to_owned()).collect(), "{release}");
        }
    }
}
