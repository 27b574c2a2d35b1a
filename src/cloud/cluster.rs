//! `ClusterRef`: which cluster an object is in. Known at plan time; how to reach it is in `kube`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::graph::Place;

/// Which cluster an object is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum ClusterRef {
    /// An EKS cluster, by its name in an account and region.
    Eks {
        /// The name of the cluster.
        eks: String,
        /// Such as `us-west-2`.
        region: String,
        /// A name under `[accounts]`; none for the run's own account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
    },
    /// Any cluster, by a context of a kubeconfig file.
    Kubeconfig {
        /// The path of the file.
        kubeconfig: String,
        /// The context; none for the current one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
    },
}

impl ClusterRef {
    /// Account and region of an EKS cluster.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Eks { region, account, .. } => {
                Some(Place { account: account.clone(), region: region.clone() })
            }
            Self::Kubeconfig { .. } => None,
        }
    }
}

impl fmt::Display for ClusterRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eks { eks, region, .. } => write!(f, "cluster {eks} in {region}"),
            Self::Kubeconfig { kubeconfig, context: None } => write!(f, "the cluster of {kubeconfig}"),
            Self::Kubeconfig { kubeconfig, context: Some(context) } => {
                write!(f, "the cluster {context} of {kubeconfig}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_both_forms_and_nothing_else() {
        let eks: ClusterRef =
            serde_json::from_value(json!({"eks": "a", "region": "us-west-2"})).expect("EKS");
        assert_eq!(eks.place().map(|place| place.region), Some("us-west-2".into()));
        let file: ClusterRef = serde_json::from_value(json!({"kubeconfig": "k"})).expect("kubeconfig");
        assert_eq!(file.place(), None);
        assert!(serde_json::from_value::<ClusterRef>(json!({"kubeconfig": "k", "other": 1})).is_err());
    }
}
