//! The recipes of the two Gateway API controllers, by version: pure data and what it makes.
//!
//! A recipe says which image runs, what it may do in AWS and in the cluster, which CRDs come first and which classes
//! it serves. What becomes a resource, and in which order, is in `compose`. A new version is one more small table.

pub mod annotations;
mod crds;
pub mod finalizers;
mod iam;
mod lattice;
mod lattice_rbac;
mod load_balancer;
mod load_balancer_iam;
mod load_balancer_rbac;
mod load_balancer_webhooks;
mod objects;
#[cfg(test)]
mod official;
pub mod pins;
mod rbac;

pub use crds::{Crds, crd_files, crds, release_of_group};
pub use iam::{Condition, Statement, assume_role, pod_identity_trust, policy};
pub use objects::{Object, Settings, Stage, object_key};
pub use rbac::Rule;

/// All that is known of one version of a controller.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// The name of its Deployment, and the value of its `app.kubernetes.io/name` label.
    pub name: &'static str,
    /// Its release, without a leading `v`.
    pub version: &'static str,
    /// The image of its container.
    pub image: &'static str,
    /// Where it runs.
    pub namespace: &'static str,
    /// Whom it runs as in the cluster.
    pub service_account: &'static str,
    /// CRD releases that must be there before it starts, as name and version.
    pub crds: &'static [(&'static str, &'static str)],
    /// What it may do in AWS.
    pub statements: &'static [Statement],
    /// What it may do in the cluster.
    pub rules: &'static [Rule],
    /// What it may do in its own namespace.
    pub own_rules: &'static [Rule],
    /// The classes that it serves.
    pub classes: &'static [GatewayClass],
    /// Its container.
    pub container: Container,
    /// How the API server reaches it.
    pub webhooks: Webhooks,
    /// The class of the Ingresses that it serves beside Gateways, and its controller name.
    pub ingress_class: Option<(&'static str, &'static str)>,
    /// The `loadBalancerClass` of the Services that it serves.
    pub service_class: Option<&'static str>,
}

/// One GatewayClass of a controller.
#[derive(Clone, Copy, Debug)]
pub struct GatewayClass {
    /// How stack files call it: `alb`.
    pub class: &'static str,
    /// The name of the object.
    pub name: &'static str,
    /// What the controller answers to.
    pub controller: &'static str,
}

/// How the one container of a controller runs.
#[derive(Clone, Copy, Debug)]
pub struct Container {
    /// Its name.
    pub name: &'static str,
    /// What is run; the image's own if empty.
    pub command: &'static [&'static str],
    /// Its arguments. `{cluster}`, `{region}`, `{vpc}` and `{account}` are filled in.
    pub args: &'static [&'static str],
    /// Its environment, filled in likewise.
    pub env: &'static [(&'static str, &'static str)],
    /// Its named ports.
    pub ports: &'static [(&'static str, u16)],
    /// The port of `/healthz` and `/readyz`.
    pub probe_port: u16,
    /// Where it expects its webhook certificate.
    pub certificate_path: &'static str,
    /// Its resources: requested CPU and memory, then the limits; none if left out.
    pub resources: Option<[[&'static str; 2]; 2]>,
    /// How important its pods are.
    pub priority_class: Option<&'static str>,
    /// Group of its volumes.
    pub fs_group: Option<u32>,
    /// Seconds between asking it to end and ending it.
    pub grace_seconds: u16,
}

/// The webhooks of a controller.
#[derive(Clone, Copy, Debug)]
pub struct Webhooks {
    /// The name of both webhook configurations.
    pub name: &'static str,
    /// The Service in front of the controller.
    pub service: &'static str,
    /// The Secret with its certificate.
    pub secret: &'static str,
    /// Those that change objects.
    pub mutating: &'static [Webhook],
    /// Those that only judge.
    pub validating: &'static [Webhook],
}

/// One webhook.
#[derive(Clone, Copy, Debug)]
pub struct Webhook {
    /// Its full name.
    pub name: &'static str,
    /// Where it is served.
    pub path: &'static str,
    /// Whether objects are refused when it does not answer.
    pub must_answer: bool,
    /// API group, version and plural of the objects.
    pub target: [&'static str; 3],
    /// Besides at creation, whether it is asked at updates.
    pub updates: bool,
    /// Which namespaces.
    pub namespaces: &'static [Selector],
    /// Which objects.
    pub objects: &'static [Selector],
}

/// One label expression: key, operator, values.
pub type Selector = (&'static str, &'static str, &'static [&'static str]);

impl Recipe {
    /// Whether pods of this controller run in a namespace that has to be made for it.
    pub fn makes_namespace(&self) -> bool {
        !self.namespace.starts_with("kube-")
    }

    /// The names that its webhook certificate must be valid for.
    pub fn webhook_names(&self) -> Vec<String> {
        let short = format!("{}.{}", self.webhooks.service, self.namespace);
        vec![short.clone(), format!("{short}.svc"), format!("{short}.svc.cluster.local")]
    }

    /// Whether it answers to this name in a GatewayClass, an IngressClass or the `loadBalancerClass` of a Service.
    pub fn answers_to(&self, controller: &str) -> bool {
        self.classes.iter().any(|class| class.controller == controller)
            || self.ingress_class.is_some_and(|(_, name)| name == controller)
            || self.service_class == Some(controller)
    }

    /// The class of a Gateway as stack files call it, if this controller serves it.
    pub fn class(&self, class: &str) -> Option<&'static GatewayClass> {
        self.classes.iter().find(|known| known.class == class)
    }
}

/// The recipe of the AWS Load Balancer Controller in this version, if it is known.
pub fn load_balancer_controller(version: &str) -> Option<&'static Recipe> {
    load_balancer::VERSIONS.iter().find(|recipe| recipe.version == version)
}

/// The recipe of the VPC Lattice Gateway API Controller in this version, if it is known.
pub fn lattice_controller(version: &str) -> Option<&'static Recipe> {
    lattice::VERSIONS.iter().find(|recipe| recipe.version == version)
}

/// The newest recipe of the controller that answers to this name in a class.
pub fn answering(controller: &str) -> Option<&'static Recipe> {
    load_balancer::VERSIONS.iter().chain(lattice::VERSIONS).find(|recipe| recipe.answers_to(controller))
}

/// Whether a Deployment of this name is one of the controllers.
pub fn is_controller(deployment: &str) -> bool {
    load_balancer::VERSIONS.iter().chain(lattice::VERSIONS).any(|recipe| recipe.name == deployment)
}

/// The versions there are recipes for: of the load balancer controller, then of the Lattice controller.
pub fn versions() -> [Vec<&'static str>; 2] {
    [load_balancer::VERSIONS, lattice::VERSIONS]
        .map(|known| known.iter().map(|recipe| recipe.version).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_versions_have_a_recipe() {
        assert!(load_balancer_controller("3.5.0").is_some());
        assert!(lattice_controller("2.1.3").is_some());
        assert!(load_balancer_controller("2.1.3").is_none());
        assert_eq!(versions(), [vec!["3.5.0"], vec!["2.1.3"]]);
    }

    #[test]
    fn every_recipe_names_crds_that_are_known() {
        for recipe in load_balancer::VERSIONS.iter().chain(lattice::VERSIONS) {
            for (release, version) in recipe.crds {
                assert!(crds(release, version).is_some(), "{release} {version}");
            }
        }
    }
}
