//! Who uses things of Lattice that are to go: what is associated with a service network, and which services forward to
//! the target groups of an exported Service. Not a kind.

use futures::future::{join_all, try_join4};

use super::manifest::Spec;
use super::{Effect, Hold};
use crate::cloud::{Absent, Clients, CloudResult, ClusterRef, Named};

/// What the tags of the Lattice controller begin with.
const PREFIX: &str = "application-networking.k8s.aws/";

/// Everything that is associated with a service network, in this account or another.
pub(super) async fn of_network(clients: &Clients, network: &str) -> CloudResult<Vec<Hold>> {
    let all = try_join4(
        vpcs(clients, network),
        services(clients, network),
        resources(clients, network),
        endpoints(clients, network),
    );
    let (vpcs, services, resources, endpoints) = all.await?;
    Ok([vpcs, services, resources, endpoints].into_iter().flatten().collect())
}

fn keeps(what: String, of: Vec<String>) -> Hold {
    Hold { what, of, effect: Effect::Keeps }
}

fn text(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}

async fn vpcs(clients: &Clients, network: &str) -> CloudResult<Vec<Hold>> {
    let asked = clients.lattice.list_service_network_vpc_associations().service_network_identifier(network);
    let mut pages = asked.into_paginator().items().send();
    let mut holds = Vec::new();
    while let Some(one) = pages.next().await {
        let one = one.named("VPC Lattice.ListServiceNetworkVpcAssociations")?;
        let (id, vpc) = (text(one.id()), text(one.vpc_id()));
        let mut of = vec![id.clone()];
        of.extend(maker(clients, one.arn()).await?.map(|maker| maker.to_string()));
        holds.push(keeps(format!("{vpc}, by {id}"), of));
    }
    Ok(holds)
}

async fn services(clients: &Clients, network: &str) -> CloudResult<Vec<Hold>> {
    let asked =
        clients.lattice.list_service_network_service_associations().service_network_identifier(network);
    let mut pages = asked.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(one) = pages.next().await {
        found.push(one.named("VPC Lattice.ListServiceNetworkServiceAssociations")?);
    }
    let holds = found.iter().map(|one| async move {
        let (id, service, arn) = (text(one.id()), text(one.service_id()), text(one.service_arn()));
        let what = format!("Lattice service {service} ({}), by {id}", one.service_name().unwrap_or_default());
        let mut of = vec![id, service, arn];
        of.extend(maker(clients, one.service_arn()).await?.map(|maker| maker.to_string()));
        Ok(keeps(what, of))
    });
    join_all(holds).await.into_iter().collect()
}

async fn resources(clients: &Clients, network: &str) -> CloudResult<Vec<Hold>> {
    let asked =
        clients.lattice.list_service_network_resource_associations().service_network_identifier(network);
    let mut pages = asked.into_paginator().items().send();
    let mut holds = Vec::new();
    while let Some(one) = pages.next().await {
        let one = one.named("VPC Lattice.ListServiceNetworkResourceAssociations")?;
        let (id, resource) = (text(one.id()), text(one.resource_configuration_id()));
        holds.push(keeps(format!("resource configuration {resource}, by {id}"), vec![id, resource]));
    }
    Ok(holds)
}

async fn endpoints(clients: &Clients, network: &str) -> CloudResult<Vec<Hold>> {
    let asked =
        clients.lattice.list_service_network_vpc_endpoint_associations().service_network_identifier(network);
    let mut pages = asked.into_paginator().items().send();
    let mut holds = Vec::new();
    while let Some(one) = pages.next().await {
        let one = one.named("VPC Lattice.ListServiceNetworkVpcEndpointAssociations")?;
        let (id, vpc) = (text(one.vpc_endpoint_id()), text(one.vpc_id()));
        holds.push(keeps(format!("VPC endpoint {id} in {vpc}"), vec![id]));
    }
    Ok(holds)
}

/// The cluster whose controller made something, as the state knows it too: `<cluster>/<VPC>`.
struct Maker {
    cluster: String,
    vpc: String,
}

impl std::fmt::Display for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.cluster, self.vpc)
    }
}

/// The cluster whose controller made something, by its tags. What goes in between was nobody's.
async fn maker(clients: &Clients, arn: Option<&str>) -> CloudResult<Option<Maker>> {
    let Some(arn) = arn else { return Ok(None) };
    let asked = clients.lattice.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = asked.named("VPC Lattice.ListTagsForResource").or_absent()?;
    let tags = answer.and_then(|answer| answer.tags);
    let manager = tags.and_then(|tags| tags.get(&format!("{PREFIX}ManagedBy")).cloned()).unwrap_or_default();
    // `<account>/<cluster>/<VPC>`.
    let mut parts = manager.split('/').skip(1).map(str::to_owned);
    Ok(parts.next().zip(parts.next()).map(|(cluster, vpc)| Maker { cluster, vpc }))
}

/// The services of other clusters that forward to the target groups of an exported Service.
pub(super) async fn of_export(clients: &Clients, spec: &Spec) -> CloudResult<Vec<Hold>> {
    let mut holds = Vec::new();
    for (group, name) in exported(clients, spec).await? {
        let asked = clients.lattice.get_target_group().target_group_identifier(&group).send().await;
        let Some(group) = asked.named("VPC Lattice.GetTargetGroup").or_absent()? else { continue };
        for arn in group.service_arns() {
            let id = arn.rsplit('/').next().unwrap_or(arn);
            let mut of = vec![arn.clone(), id.to_owned()];
            let maker = maker(clients, Some(arn)).await?;
            let whose =
                maker.as_ref().map(|maker| format!(" of cluster {}", maker.cluster)).unwrap_or_default();
            of.extend(maker.map(|maker| maker.to_string()));
            let what = format!("Lattice service {id}{whose} forwards to its target group {name}");
            holds.push(Hold { what, of, effect: Effect::Blocks });
        }
    }
    Ok(holds)
}

/// ARNs and names of the target groups of an exported Service.
pub(super) async fn exported(clients: &Clients, spec: &Spec) -> CloudResult<Vec<(String, String)>> {
    let ClusterRef::Eks { eks, .. } = &spec.cluster else { return Ok(Vec::new()) };
    let metadata = |name: &str| spec.manifest["metadata"][name].as_str().unwrap_or("default").to_owned();
    let marks = [
        ("ClusterName", eks.clone()),
        ("ServiceName", metadata("name")),
        ("ServiceNamespace", metadata("namespace")),
        ("SourceTypeKey", "ServiceExport".to_owned()),
    ];
    super::lattice_traces::groups_marked(clients, &marks).await
}
