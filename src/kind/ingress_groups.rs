//! Ingresses that share a load balancer: which group one is of, and who else is. Not a kind.
//!
//! An Ingress of a group carries the finalizer of the group, whoever named it: an annotation or the parameters of its
//! class. Once it is gone itself only the annotation tells.

use serde_json::Value as Json;

use super::manifest::Spec;
use super::{balancing, manifest};
use crate::cloud::{Absent, Clients, CloudResult, Cx, ErrorSort, Named};
use crate::recipe::annotations::GROUP;

/// What the finalizer of a group begins with.
const FINALIZER: &str = "group.ingress.k8s.aws/";

/// The group of an Ingress.
pub(super) struct Group {
    /// How it is called in tags.
    pub name: String,
    /// Namespace and name of the Ingress itself.
    pub ingress: String,
    /// The others that need what they share, by the lineage of the state that made them.
    pub others: Vec<Option<String>>,
}

impl Group {
    /// Whether all others are of this state.
    pub fn all_ours(&self, cx: &Cx) -> bool {
        self.others.iter().all(|lineage| lineage.as_deref() == Some(cx.lineage()))
    }
}

/// The group of an Ingress, if it is in one.
pub(super) async fn of(cx: &Cx, spec: &Spec) -> CloudResult<Option<Group>> {
    let ingress = balancing::stack_of(spec);
    let named = spec.manifest["metadata"]["annotations"][GROUP].as_str();
    let all = ingresses(cx, spec).await?;
    let itself = all.iter().find(|one| called(one) == ingress);
    let held = itself.and_then(|one| finalizers(one).find_map(|one| one.strip_prefix(FINALIZER)));
    let Some(name) = held.or(named).map(str::to_owned) else { return Ok(None) };
    let others = others(&all, &name, &ingress).map(manifest::lineage).collect();
    Ok(Some(Group { name, ingress, others }))
}

/// Whether Ingresses beside this one need a load balancer that carries the name of their group.
pub(super) async fn is_needed(cx: &Cx, spec: &Spec, clients: &Clients, balancer: &str) -> CloudResult<bool> {
    let asked = clients.elb.describe_tags().resource_arns(balancer).send().await;
    let Some(answer) = asked.named("ELBv2.DescribeTags").or_absent()? else { return Ok(false) };
    let mut tags = answer.tag_descriptions().iter().flat_map(|one| one.tags());
    let Some(name) = tags.find(|tag| tag.key() == Some(balancing::INGRESS[0])).and_then(|tag| tag.value())
    else {
        return Ok(false);
    };
    let all = ingresses(cx, spec).await?;
    Ok(others(&all, name, &balancing::stack_of(spec)).next().is_some())
}

/// All Ingresses of the cluster. One that is gone has none.
async fn ingresses(cx: &Cx, spec: &Spec) -> CloudResult<Vec<Json>> {
    let answer =
        async { cx.objects(&spec.cluster).await?.everywhere("networking.k8s.io/v1", "Ingress").await };
    match answer.await {
        Err(error) if matches!(error.sort, ErrorSort::NotFound | ErrorSort::NotYet) => Ok(Vec::new()),
        answer => answer,
    }
}

/// Those of a group that stay, beside one.
fn others<'a>(all: &'a [Json], group: &'a str, beside: &'a str) -> impl Iterator<Item = &'a Json> {
    let stays = |one: &&Json| one["metadata"]["deletionTimestamp"].is_null();
    let is_in = move |one: &&Json| finalizers(one).any(|one| one.strip_prefix(FINALIZER) == Some(group));
    all.iter().filter(stays).filter(is_in).filter(move |one| called(one) != beside)
}

fn finalizers(object: &Json) -> impl Iterator<Item = &str> {
    object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Json::as_str)
}

fn called(object: &Json) -> String {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or("default");
    format!("{}/{}", text("namespace"), text("name"))
}
