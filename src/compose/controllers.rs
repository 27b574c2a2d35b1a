//! `[controllers.*]`: from a recipe to one resource for each Kubernetes object and IAM part, in every cluster.
//!
//! CRDs come first, because controllers look for them once, at their start; webhook configurations come last.

use serde_json::json;

use super::draft::Draft;
use super::site::Site;
use super::spec::{partition, role_name, spec};
use crate::address::Address;
use crate::graph::Resource;
use crate::recipe::{self, Recipe, Settings, Stage};
use crate::stack::model::{Class, Controller, ControllerKind, Iam};
use crate::value::Value;

pub(super) fn compose(draft: &mut Draft<'_>) {
    let stack = draft.stack;
    for (key, controller) in &stack.controllers {
        let Some(recipe) = recipe_of(controller) else {
            unknown_version(draft, key, controller);
            continue;
        };
        for (index, cluster) in controller.clusters.iter().enumerate() {
            let path = format!("controllers.{key}.clusters.{index}");
            if let Some(site) = draft.site_named(cluster, &path) {
                crds(draft, &site, recipe);
                let post = Post { key, at: Address::new("controller", key).at(cluster), site, recipe };
                install(draft, &post, controller);
            }
        }
    }
}

fn recipe_of(controller: &Controller) -> Option<&'static Recipe> {
    match controller.kind {
        ControllerKind::LoadBalancer => recipe::load_balancer_controller(&controller.version),
        ControllerKind::Lattice => recipe::lattice_controller(&controller.version),
    }
}

fn unknown_version(draft: &mut Draft<'_>, key: &str, controller: &Controller) {
    let [load_balancer, lattice] = recipe::versions();
    let known = match controller.kind {
        ControllerKind::LoadBalancer => load_balancer,
        ControllerKind::Lattice => lattice,
    };
    let message = format!("version `{}` of this controller is not known", controller.version);
    draft.fail(&format!("controllers.{key}.version"), message, &format!("known: {}", known.join(", ")));
}

/// One controller in one cluster while it is composed.
struct Post<'a> {
    key: &'a str,
    at: Address,
    site: Site,
    recipe: &'static Recipe,
}

/// The address of a CRD release in a cluster.
fn crd_release(release: &str, cluster: &str) -> Address {
    Address::new("crds", release).at(cluster)
}

/// The CRD releases of a controller, unless another controller of the cluster brought them already.
fn crds(draft: &mut Draft<'_>, site: &Site, recipe: &Recipe) {
    for (release, version) in recipe.crds {
        let names = recipe::crds(release, version).map(|crds| crds.names);
        let json = json!({ "release": release, "version": version, "crds": names });
        draft.add_once(site.resource(crd_release(release, &site.key), "crd_release", json));
    }
}

fn install(draft: &mut Draft<'_>, post: &Post<'_>, controller: &Controller) {
    let (at, site, recipe) = (&post.at, &post.site, post.recipe);
    let namespace = at.part("namespace");
    if recipe.makes_namespace() {
        let manifest =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": recipe.namespace } });
        draft.add(site.object(namespace.clone(), &manifest.into()));
    }
    let housed =
        |resource: Resource| if recipe.makes_namespace() { resource.uses(&namespace) } else { resource };
    let certificate = at.part("webhook-certificate");
    let secret = json!({
        "namespace": recipe.namespace, "name": recipe.webhooks.secret, "dns_names": recipe.webhook_names(),
    });
    draft.add(housed(site.resource(certificate.clone(), "webhook_certificate", secret)));
    credentials(draft, post);
    let settings = settings(draft, post, controller, &certificate);
    let mut before: Vec<Address> = vec![certificate];
    before.extend(recipe.crds.iter().map(|(release, _)| crd_release(release, &site.key)));
    for object in recipe.objects(&settings) {
        let address = at.part(&part(&object.manifest));
        let made = housed(site.object(address.clone(), &object.manifest));
        draft.add(match object.stage {
            Stage::Before => made,
            Stage::Deployment => {
                let made = before.iter().fold(site.runs_on_nodes(made), Resource::uses);
                lifelines(post).iter().fold(made, Resource::kept_alive_by)
            }
            Stage::After => made.uses(&at.part("deployment")),
        });
        before.push(address);
    }
    classes(draft, post);
}

/// The part of an object: the one of each that everyone knows has a short name.
fn part(manifest: &Value) -> String {
    match manifest.get("kind").and_then(Value::as_str) {
        Some("Deployment") => "deployment".to_owned(),
        Some("ServiceAccount") => "service-account".to_owned(),
        _ => recipe::object_key(manifest),
    }
}

fn settings(
    draft: &mut Draft<'_>,
    post: &Post<'_>,
    controller: &Controller,
    certificate: &Address,
) -> Settings {
    let caller = draft.caller(&post.site.place);
    let vpc = draft.vpc_of_cluster(&post.site.key).map(|vpc| vpc.id);
    if vpc.is_none() {
        let path = format!("controllers.{}.clusters", post.key);
        let message = format!("the VPC of cluster `{}` is not known", post.site.key);
        draft.fail(&path, message, "say `vpc_id` in its `existing`");
    }
    Settings {
        cluster: post.site.name.clone(),
        region: post.site.place.region.clone(),
        vpc: vpc.unwrap_or_default(),
        account: Value::reference(&caller, "account"),
        replicas: controller.replicas.unwrap_or(2),
        ca_bundle: Value::reference(certificate, "ca_bundle"),
    }
}

/// The IAM role, and the association by which the pods get it.
fn credentials(draft: &mut Draft<'_>, post: &Post<'_>) {
    let (at, site, recipe) = (&post.at, &post.site, post.recipe);
    let Some(cluster) = site.cluster.as_ref().filter(|_| site.iam == Iam::PodIdentity) else { return };
    let policy = recipe::policy(recipe.statements, partition(&site.place.region));
    let role = json!({
        "name": role_name(&[&draft.stack.head.name, &site.key, post.key]),
        "trust": recipe::pod_identity_trust(),
        "managed_policies": [],
        "inline_policies": { "controller": policy },
        "tags": draft.tags(),
    });
    draft.add(Resource::new(at.part("role"), "iam_role", &site.place, spec(role)));
    let association = json!({
        "cluster": site.name,
        "namespace": recipe.namespace,
        "service_account": recipe.service_account,
        "role_arn": Value::reference(&at.part("role"), "arn"),
        "tags": draft.tags(),
    });
    let association =
        Resource::new(at.part("pod-identity"), "eks_pod_identity", &site.place, spec(association));
    draft.add(association.inside(cluster));
}

/// What must not go before the controller does: its nodes and what gives it credentials.
fn lifelines(post: &Post<'_>) -> Vec<Address> {
    let mut all = post.site.nodes.clone();
    if post.site.cluster.is_some() && post.site.iam == Iam::PodIdentity {
        all.extend([post.at.part("role"), post.at.part("pod-identity")]);
    }
    all
}

fn classes(draft: &mut Draft<'_>, post: &Post<'_>) {
    for class in post.recipe.classes {
        let manifest = json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": { "name": class.name },
            "spec": { "controllerName": class.controller },
        });
        let made = post.site.object(class_part(&post.at, class.class), &manifest.into());
        let made = made.uses(&crd_release("gateway-api", &post.site.key));
        draft.add(made.kept_alive_by(&post.at.part("deployment")));
    }
}

fn class_part(at: &Address, class: &str) -> Address {
    at.part(&format!("gateway-class.{class}"))
}

/// How stack files call a class.
fn word(class: Class) -> &'static str {
    match class {
        Class::Alb => "alb",
        Class::Nlb => "nlb",
        Class::Lattice => "lattice",
    }
}

/// The controller that serves a class.
pub(super) fn kind_of(class: Class) -> ControllerKind {
    match class {
        Class::Alb | Class::Nlb => ControllerKind::LoadBalancer,
        Class::Lattice => ControllerKind::Lattice,
    }
}

/// The name of a GatewayClass object. It is the same in all versions.
pub(super) fn class_name(class: Class) -> &'static str {
    match class {
        Class::Alb => "aws-alb-gateway-class",
        Class::Nlb => "aws-nlb-gateway-class",
        Class::Lattice => "amazon-vpc-lattice",
    }
}

impl<'a> Draft<'a> {
    /// The controllers of the stack in a cluster, with their recipes.
    fn controllers_in(
        &self,
        cluster: &str,
    ) -> impl Iterator<Item = (Address, &'a Controller, &'static Recipe)> {
        let stack = self.stack;
        let here = stack
            .controllers
            .iter()
            .filter(move |(_, controller)| controller.clusters.iter().any(|c| c == cluster));
        let cluster = cluster.to_owned();
        here.filter_map(move |(key, controller)| {
            Some((Address::new("controller", key).at(&cluster), controller, recipe_of(controller)?))
        })
    }

    /// The namespace that a controller of the stack makes in a cluster, by its name.
    pub(super) fn controller_namespace(&self, cluster: &str, name: &str) -> Option<Address> {
        let mut here = self.controllers_in(cluster).filter(|(_, _, recipe)| recipe.makes_namespace());
        here.find(|(_, _, recipe)| recipe.namespace == name).map(|(at, ..)| at.part("namespace"))
    }

    /// The CRD release of the stack in a cluster that defines the kinds of an API group.
    pub(super) fn crds_of_group(&self, cluster: &str, group: &str) -> Option<Address> {
        let release = recipe::release_of_group(group)?;
        let mut recipes = self.controllers_in(cluster).flat_map(|(_, _, recipe)| recipe.crds);
        recipes.any(|(name, _)| *name == release).then(|| crd_release(release, cluster))
    }

    /// What must be there as long as anything that a controller serves in a cluster: the controller, its lifelines,
    /// and the webhooks that it asks itself. Empty when the stack does not install it there.
    pub(super) fn pillars(&self, site: &Site, kind: ControllerKind) -> Vec<Address> {
        let here = self.controllers_in(&site.key).filter(|(_, controller, _)| controller.kind == kind);
        here.flat_map(|(at, _, recipe)| {
            let post = Post { key: "", at, site: site.clone(), recipe };
            let mut all = vec![post.at.part("deployment")];
            all.extend(lifelines(&post));
            if recipe.webhooks.mutating.iter().any(|webhook| webhook.target[0].contains('.')) {
                all.push(post.at.part(&format!("MutatingWebhookConfiguration.{}", recipe.webhooks.name)));
            }
            all
        })
        .collect()
    }

    /// The IngressClass objects in a cluster that the stack makes.
    pub(super) fn ingress_classes(&self, site: &Site) -> Vec<Address> {
        let here = self.controllers_in(&site.key);
        let made = here.filter_map(|(at, _, recipe)| {
            recipe.ingress_class.map(|(name, _)| at.part(&format!("IngressClass.{name}")))
        });
        made.collect()
    }

    /// The GatewayClass object of a class in a cluster, if the stack makes it.
    pub(super) fn class_address(&self, site: &Site, class: Class) -> Option<Address> {
        let word = word(class);
        let mut here = self.controllers_in(&site.key).filter(|(_, _, recipe)| recipe.class(word).is_some());
        here.next().map(|(at, ..)| class_part(&at, word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_are_those_of_the_recipes() {
        let recipes = [recipe::load_balancer_controller("3.5.0"), recipe::lattice_controller("2.1.3")];
        for class in [Class::Alb, Class::Nlb, Class::Lattice] {
            let found = recipes.iter().flatten().find_map(|recipe| recipe.class(word(class)));
            assert_eq!(found.map(|class| class.name), Some(class_name(class)));
        }
    }

    use crate::compose::testing::{addresses, at, composed, example, graph, needs, refers, spec, wrong};

    #[test]
    fn a_cluster_that_cares_for_credentials_itself_gets_no_role() {
        let made = graph(
            "[clusters.c]\nexisting = { eks = \"prod\", vpc_id = \"vpc-0abc\", iam = \"none\" }\n\
             [controllers.alb]\nkind = \"aws-load-balancer-controller\"\nversion = \"3.5.0\"\nclusters = [\"c\"]",
        );
        assert!(!addresses(&made, "controller.alb@c/").iter().any(|address| address.ends_with("/role")));
        let deployment = spec(&made, "controller.alb@c/deployment").to_string();
        assert!(deployment.contains("--aws-vpc-id=vpc-0abc") && deployment.contains("--cluster-name=prod"));
    }

    #[test]
    fn crds_come_before_the_controller_and_once_a_cluster() {
        let made = composed(&example("shop.toml"));
        assert_eq!(
            addresses(&made, "crds.")
                .into_iter()
                .filter(|address| address.ends_with("@edge"))
                .collect::<Vec<_>>(),
            [
                "crds.gateway-api@edge",
                "crds.aws-load-balancer-controller@edge",
                "crds.aws-gateway-api-controller@edge"
            ]
        );
        let needed = needs(&made, "controller.lattice@edge/deployment");
        assert!(needed.contains(&at("crds.gateway-api@edge")));
        assert!(needed.contains(&at("crds.aws-gateway-api-controller@edge")));
    }

    #[test]
    fn the_api_server_trusts_the_certificate_that_was_made() {
        let made = composed(&example("shop.toml"));
        let name = "controller.alb@edge/MutatingWebhookConfiguration.aws-load-balancer-webhook";
        let bundle = &spec(&made, name)["manifest"]["webhooks"][0]["clientConfig"]["caBundle"];
        assert!(refers(bundle, "controller.alb@edge/webhook-certificate", "ca_bundle"));
        let role = spec(&made, "controller.lattice@apps-b/role");
        assert_eq!(role["name"], "shop-apps-b-lattice");
    }

    #[test]
    fn one_controller_installed_twice_in_a_cluster_is_a_mistake() {
        let mut shop = example("shop.toml");
        let again = shop.controllers["lattice"].clone();
        shop.controllers.insert("again".into(), again);
        assert!(wrong(&shop).iter().any(|found| found.message.contains("would be the same thing")));
    }

    #[test]
    fn a_version_without_recipe_is_a_mistake() {
        let mut shop = example("shop.toml");
        shop.controllers["alb"].version = "9.9.9".into();
        let found = wrong(&shop);
        assert!(found.iter().any(|one| one.hint.as_deref() == Some("known: 3.5.0")), "{found:?}");
    }
}
