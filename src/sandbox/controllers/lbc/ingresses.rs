//! Ingresses: which of them share a load balancer, and what is done about each such group.
//!
//! An Ingress is of the group that its class or an annotation names, else it is a group of its own. One that is being
//! deleted, or that went to another group, keeps the finalizer of its group until the others stand without it.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::super::Wake;
use super::super::cluster::{
    CLASS_PARAMS, Cluster, INGRESS, INGRESS_CLASS, annotation, deleting, finalizers, held, id_of, name,
    namespace, text,
};
use super::super::process::Process;
use super::annotations::{Dialect, Notes};
use super::stack::{Options, Stack};
use super::{PROVISIONING, RETRY, deploy, ingress_model, security, status, teardown};
use crate::sandbox::world::Doc;

/// The name of the controller in an IngressClass.
const CONTROLLER: &str = "ingress.k8s.aws/alb";
/// The finalizer of an Ingress that is a group of its own.
const FINALIZER: &str = "ingress.k8s.aws/resources";
/// What the finalizer of a group with a name begins with.
const OF_GROUP: &str = "group.ingress.k8s.aws/";

/// Whether a finalizer of an Ingress is the controller's.
pub(super) fn is_finalizer(finalizer: &str) -> bool {
    finalizer == FINALIZER || finalizer.starts_with(OF_GROUP)
}

/// A group: its name alone, or namespace and name of its only Ingress.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    namespace: String,
    name: String,
}

impl Group {
    fn named(name: &str) -> Self {
        Self { namespace: String::new(), name: name.to_owned() }
    }

    fn of_its_own(ingress: &Doc) -> Self {
        Self { namespace: namespace(ingress).to_owned(), name: name(ingress).to_owned() }
    }

    fn finalizer(&self) -> String {
        match self.namespace.as_str() {
            "" => format!("{OF_GROUP}{}", self.name),
            _ => FINALIZER.to_owned(),
        }
    }

    /// Whether an Ingress carries the finalizer of this very group.
    fn holds(&self, ingress: &Doc) -> bool {
        held(ingress, &self.finalizer()) && (self.namespace.is_empty() || *self == Self::of_its_own(ingress))
    }
}

/// An Ingress of a group, and what the parameters of its class say.
pub(super) struct Member {
    pub ingress: Doc,
    pub params: Json,
}

/// Does the next step of every group.
pub(super) fn pass(cluster: &mut Cluster<'_>, process: &Process, options: &Options, wake: &mut Wake) {
    let all = cluster.objects(INGRESS);
    let mut groups = BTreeSet::new();
    for ingress in &all {
        groups.extend(finalizers(ingress).iter().filter_map(|one| match one.as_str() {
            FINALIZER => Some(Group::of_its_own(ingress)),
            other => other.strip_prefix(OF_GROUP).map(Group::named),
        }));
        groups.extend(membership(cluster, ingress).ok().flatten().map(|(group, _)| group));
    }
    for group in groups {
        if let Some(millis) = reconcile(cluster, process, options, &group, &all) {
            wake.within(millis);
        }
    }
}

/// The group of an Ingress and the parameters of its class; nothing if another controller serves it or if it goes.
fn membership(cluster: &Cluster<'_>, ingress: &Doc) -> Result<Option<(Group, Json)>, String> {
    if deleting(ingress) {
        return Ok(None);
    }
    let params = match annotation(ingress, "kubernetes.io/ingress.class") {
        Some("alb") => Json::Null,
        Some(_) => return Ok(None),
        None => {
            let Some(class) = class_of(cluster, ingress)? else { return Ok(None) };
            params_of(cluster, &class)?
        }
    };
    let notes = Notes::of(Dialect::Ingress, vec![ingress]);
    let named = params["group"]["name"].as_str().or(notes.text("group.name"));
    Ok(Some((named.map_or_else(|| Group::of_its_own(ingress), Group::named), params)))
}

/// The class of an Ingress, if it is the controller's.
fn class_of(cluster: &Cluster<'_>, ingress: &Doc) -> Result<Option<Doc>, String> {
    let is_default =
        |class: &&Doc| annotation(class, "ingressclass.kubernetes.io/is-default-class") == Some("true");
    let class = match ingress["spec"]["ingressClassName"].as_str() {
        Some(wanted) => {
            let absent = || format!("ingressclasses.networking.k8s.io \"{wanted}\" not found");
            Some(cluster.object(INGRESS_CLASS, "", wanted).ok_or_else(absent)?)
        }
        None => cluster.objects(INGRESS_CLASS).iter().find(is_default).cloned(),
    };
    Ok(class.filter(|class| class["spec"]["controller"] == CONTROLLER))
}

fn params_of(cluster: &Cluster<'_>, class: &Doc) -> Result<Json, String> {
    let reference = &class["spec"]["parameters"];
    if reference["kind"] != "IngressClassParams" {
        return Ok(Json::Null);
    }
    let wanted = text(reference, "name");
    let absent = || format!("ingressclassparams.elbv2.k8s.aws \"{wanted}\" not found");
    Ok(cluster.object(CLASS_PARAMS, "", wanted).ok_or_else(absent)?["spec"].clone())
}

/// Brings about what a group asks for, or takes it away. When to look again.
fn reconcile(
    cluster: &mut Cluster<'_>,
    process: &Process,
    options: &Options,
    group: &Group,
    all: &[Doc],
) -> Option<i64> {
    let (mut members, mut inactive) = (Vec::new(), Vec::new());
    for ingress in all {
        match membership(cluster, ingress) {
            Ok(Some((of, params))) if of == *group => {
                members.push(Member { ingress: ingress.clone(), params });
            }
            Ok(_) if group.holds(ingress) => inactive.push(ingress.clone()),
            Ok(_) => {}
            // Its class may only have been changed by mistake: the whole group waits for it.
            Err(_) if group.holds(ingress) => return Some(RETRY),
            Err(_) => {}
        }
    }
    members.sort_by_key(|member| {
        let notes = Notes::of(Dialect::Ingress, vec![&member.ingress]);
        let order = notes.text("group.order").and_then(|order| order.parse::<i64>().ok());
        (order.unwrap_or_default(), id_of(&member.ingress))
    });
    for member in &mut members {
        if let Some(ingress) = cluster.hold(INGRESS, &member.ingress, &group.finalizer()) {
            member.ingress = ingress;
        }
    }
    let stack = Stack::of_ingresses(options, &group.namespace, &group.name);
    let gone: Vec<String> = inactive.iter().map(|ingress| security::user(INGRESS, ingress)).collect();
    let protected = inactive.iter().find(|ingress| {
        deleting(ingress) && teardown::is_protected(&Notes::of(Dialect::Ingress, vec![ingress]).balancer())
    });
    let done = match protected {
        Some(ingress) => {
            let why = format!("deletion_protection is enabled, cannot delete the ingress: {}", name(ingress));
            Err(("FailedBuildModel", "build", why))
        }
        None if members.is_empty() => match teardown::teardown(cluster, process, &stack, &gone) {
            Ok(()) => Ok(None),
            Err(why) => Err(("FailedDeployModel", "deploy", why)),
        },
        None => bring_about(cluster, process, options, &stack, &members, &gone),
    };
    match done {
        Ok(again) => {
            for ingress in &inactive {
                cluster.release(INGRESS, ingress, &group.finalizer());
            }
            again
        }
        Err((reason, what, why)) => {
            // Only those that stay are told: one that goes alone waits in silence.
            for member in members.iter().filter(|_| !why.is_empty()) {
                status::warn(cluster, &member.ingress, reason, what, &why);
            }
            Some(RETRY)
        }
    }
}

/// Why a model was not brought about: a reason, what failed, and the words of an event.
type Failed = (&'static str, &'static str, String);

fn bring_about(
    cluster: &mut Cluster<'_>,
    process: &Process,
    options: &Options,
    stack: &Stack,
    members: &[Member],
    gone: &[String],
) -> Result<Option<i64>, Failed> {
    let model = ingress_model::build(cluster, stack, options, members)
        .map_err(|why| ("FailedBuildModel", "build", why))?;
    let users: Vec<String> = members.iter().map(|member| security::user(INGRESS, &member.ingress)).collect();
    let failed = |why: String| ("FailedDeployModel", "deploy", why);
    let balancer =
        deploy::deploy(cluster, process, stack, &users, &model).map_err(|refusal| failed(refusal.message))?;
    let ports: Json = model.listeners.iter().map(|one| json!({ "port": one.port, "protocol": "" })).collect();
    for member in members {
        status::balanced(cluster, INGRESS, &member.ingress, &balancer, &ports);
    }
    if deploy::owned(cluster, stack, "elb/target-group").len() > model.targets.len() {
        return Err(failed(String::new()));
    }
    if !gone.is_empty() {
        security::release_backend(cluster, process, gone).map_err(|refusal| failed(refusal.message))?;
    }
    Ok((balancer["State"]["Code"] != "active").then_some(PROVISIONING))
}
