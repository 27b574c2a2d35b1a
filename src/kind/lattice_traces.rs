//! What the Lattice controller made for a route, by its tags: for waiting until it is gone, and for taking it away when
//! no controller does. Not a kind.

use aws_sdk_vpclattice::types::Target;

use super::Child;
use super::manifest::Spec;
use crate::cloud::{Absent, Clients, CloudResult, ClusterRef, Named};

/// What its tags and annotations begin with.
const PREFIX: &str = "application-networking.k8s.aws/";

const SERVICE: &str = "Lattice service";
const GROUP: &str = "Lattice target group";

/// What is there of a route.
#[derive(Default)]
pub(super) struct Traces {
    /// Id and name of its service.
    service: Option<(String, String)>,
    /// ARNs and names of its target groups.
    groups: Vec<(String, String)>,
}

impl Traces {
    /// Each in words.
    pub(super) fn words(&self) -> Vec<String> {
        let service = self.service.iter().map(|(id, _)| format!("Lattice service {id}"));
        service.chain(self.groups.iter().map(|(_, name)| format!("Lattice target group {name}"))).collect()
    }

    /// Each by its sort.
    pub(super) fn children(&self) -> Vec<Child> {
        let child = |sort: &str, id: &String| Child { sort: sort.to_owned(), id: id.clone() };
        let service = self.service.iter().map(|(id, _)| child(SERVICE, id));
        service.chain(self.groups.iter().map(|(arn, _)| child(GROUP, arn))).collect()
    }
}

/// A target group, by its ARN.
pub(super) fn group(arn: String) -> Child {
    Child { sort: GROUP.to_owned(), id: arn }
}

/// Those of a route's children that are there still.
pub(super) async fn outlive(clients: &Clients, made: &[Child]) -> CloudResult<Vec<String>> {
    let mut there = Vec::new();
    for child in made {
        let is_there = match child.sort.as_str() {
            SERVICE => {
                let asked = clients.lattice.get_service().service_identifier(&child.id).send().await;
                asked.named("VPC Lattice.GetService").or_absent()?.is_some()
            }
            GROUP => {
                let asked =
                    clients.lattice.get_target_group().target_group_identifier(&child.id).send().await;
                asked.named("VPC Lattice.GetTargetGroup").or_absent()?.is_some()
            }
            _ => false,
        };
        if is_there {
            there.push(format!("{} {}", child.sort, child.id));
        }
    }
    Ok(there)
}

/// Looks for what was made for a route. The tags do not tell the region, but each region is asked for its own; a
/// cluster by kubeconfig does not tell how it is called in them.
pub(super) async fn find(clients: &Clients, spec: &Spec) -> CloudResult<Traces> {
    let ClusterRef::Eks { eks, .. } = &spec.cluster else { return Ok(Traces::default()) };
    Ok(Traces { service: service(clients, spec, eks).await?, groups: groups(clients, spec, eks).await? })
}

fn text<'a>(spec: &'a Spec, name: &str) -> &'a str {
    spec.manifest["metadata"][name].as_str().unwrap_or("default")
}

/// How the controller calls the service of a route.
fn service_name(spec: &Spec) -> String {
    let override_ = &spec.manifest["metadata"]["annotations"][format!("{PREFIX}service-name-override")];
    let cut = |name: &str, most: usize| {
        let cut: String = name.chars().take(most).collect();
        cut.trim_end_matches('-').to_owned()
    };
    let computed = || format!("{}-{}", cut(text(spec, "name"), 20), cut(text(spec, "namespace"), 18));
    override_.as_str().map_or_else(computed, str::to_owned)
}

async fn service(clients: &Clients, spec: &Spec, cluster: &str) -> CloudResult<Option<(String, String)>> {
    let wanted = service_name(spec);
    let mut pages = clients.lattice.list_services().into_paginator().items().send();
    while let Some(service) = pages.next().await {
        let service = service.named("VPC Lattice.ListServices")?;
        let (Some(id), Some(arn)) = (service.id(), service.arn()) else { continue };
        if service.name() != Some(wanted.as_str()) {
            continue;
        }
        // `<account>/<cluster>/<VPC>`.
        let owner = tag(clients, arn, "ManagedBy").await?;
        if owner.is_some_and(|owner| owner.split('/').nth(1) == Some(cluster)) {
            return Ok(Some((id.to_owned(), wanted)));
        }
    }
    Ok(None)
}

async fn tag(clients: &Clients, arn: &str, name: &str) -> CloudResult<Option<String>> {
    let answer = clients.lattice.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.named("VPC Lattice.ListTagsForResource").or_absent()?;
    let key = format!("{PREFIX}{name}");
    Ok(answer.and_then(|answer| answer.tags().and_then(|tags| tags.get(&key)).cloned()))
}

async fn groups(clients: &Clients, spec: &Spec, cluster: &str) -> CloudResult<Vec<(String, String)>> {
    let marks = [
        ("ClusterName", cluster.to_owned()),
        ("RouteName", text(spec, "name").to_owned()),
        ("RouteNamespace", text(spec, "namespace").to_owned()),
    ];
    groups_marked(clients, &marks).await
}

/// ARNs and names of the target groups that the controller gave all of these tags.
pub(super) async fn groups_marked(
    clients: &Clients,
    marks: &[(&str, String)],
) -> CloudResult<Vec<(String, String)>> {
    let mut left = Vec::new();
    let mut pages = clients.lattice.list_target_groups().into_paginator().items().send();
    while let Some(group) = pages.next().await {
        let group = group.named("VPC Lattice.ListTargetGroups")?;
        let Some(arn) = group.arn().filter(|_| group.name().is_some_and(|name| name.starts_with("k8s-")))
        else {
            continue;
        };
        let answer = clients.lattice.list_tags_for_resource().resource_arn(arn).send().await;
        let Some(answer) = answer.named("VPC Lattice.ListTagsForResource").or_absent()? else { continue };
        let tags = answer.tags();
        let has = |(name, value): &(&str, String)| {
            tags.and_then(|tags| tags.get(&format!("{PREFIX}{name}"))).is_some_and(|told| told == value)
        };
        if marks.iter().all(has) {
            left.push((arn.to_owned(), group.name().unwrap_or(arn).to_owned()));
        }
    }
    Ok(left)
}

/// Takes it away as far as that can be done now: associations, listeners, service, then targets and their groups.
pub(super) async fn sweep(clients: &Clients, traces: &Traces) -> CloudResult<()> {
    match &traces.service {
        Some((id, _)) => remove_service(clients, id).await,
        None => remove_groups(clients, &traces.groups).await,
    }
}

/// Takes target groups away: their targets first.
pub(super) async fn remove_groups(clients: &Clients, groups: &[(String, String)]) -> CloudResult<()> {
    for (arn, _) in groups {
        remove_group(clients, arn).await?;
    }
    Ok(())
}

async fn remove_service(clients: &Clients, id: &str) -> CloudResult<()> {
    let lattice = &clients.lattice;
    let listed =
        lattice.list_service_network_service_associations().service_identifier(id).into_paginator().items();
    let mut pages = listed.send();
    let mut associated = false;
    while let Some(one) = pages.next().await {
        associated = true;
        let one = one.named("VPC Lattice.ListServiceNetworkServiceAssociations")?;
        let asked = lattice
            .delete_service_network_service_association()
            .set_service_network_service_association_identifier(one.id().map(str::to_owned))
            .send()
            .await;
        asked.named("VPC Lattice.DeleteServiceNetworkServiceAssociation").or_absent()?;
    }
    if associated {
        return Ok(());
    }
    let mut pages = lattice.list_listeners().service_identifier(id).into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.named("VPC Lattice.ListListeners")?;
        let listener = one.id().map(str::to_owned);
        let asked = lattice.delete_listener().service_identifier(id).set_listener_identifier(listener);
        asked.send().await.named("VPC Lattice.DeleteListener").or_absent()?;
    }
    let asked = lattice.delete_service().service_identifier(id).send().await;
    asked.named("VPC Lattice.DeleteService").or_absent().map(drop)
}

async fn remove_group(clients: &Clients, arn: &str) -> CloudResult<()> {
    let lattice = &clients.lattice;
    let mut pages = lattice.list_targets().target_group_identifier(arn).into_paginator().items().send();
    let mut targets = Vec::new();
    while let Some(one) = pages.next().await {
        let one = one.named("VPC Lattice.ListTargets")?;
        let target = Target::builder().set_id(one.id().map(str::to_owned)).set_port(one.port()).build();
        targets.extend(target.ok());
    }
    if !targets.is_empty() {
        let asked = lattice.deregister_targets().target_group_identifier(arn).set_targets(Some(targets));
        return asked.send().await.named("VPC Lattice.DeregisterTargets").or_absent().map(drop);
    }
    let asked = lattice.delete_target_group().target_group_identifier(arn).send().await;
    asked.named("VPC Lattice.DeleteTargetGroup").or_absent().map(drop)
}
