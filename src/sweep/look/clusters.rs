//! EKS: the clusters that a stack knew and that are still there, their node groups and pod identity associations.

use super::{Ground, Seen};
use crate::cloud::{Absent, CloudResult, Named};
use crate::sweep::sort::Sort;
use crate::sweep::thing::Thing;

const SORTS: [Sort; 3] = [Sort::Cluster, Sort::NodeGroup, Sort::PodIdentity];

pub(super) async fn read(ground: Ground<'_>) -> Vec<Seen> {
    let mut things = Vec::new();
    let here = ground.scope.clusters.iter().filter(|cluster| cluster.place == *ground.place);
    for cluster in here.filter(|cluster| !cluster.recorded && cluster.lives) {
        match of(ground, &cluster.name).await {
            Ok(some) => things.extend(some),
            Err(error) => return vec![Seen { sorts: SORTS.to_vec(), result: Err(error) }],
        }
    }
    vec![Seen { sorts: SORTS.to_vec(), result: Ok(things) }]
}

/// A cluster, and what is in it if it is left over.
async fn of(ground: Ground<'_>, name: &str) -> CloudResult<Vec<Thing>> {
    let eks = &ground.clients.eks;
    let answer = eks.describe_cluster().name(name).send().await.named("EKS.DescribeCluster").or_absent()?;
    let Some(found) = answer.as_ref().and_then(|answer| answer.cluster()) else { return Ok(Vec::new()) };
    let mut cluster = ground.thing(Sort::Cluster, name);
    cluster.tags = found.tags().cloned().unwrap_or_default().into_iter().collect();
    cluster.vpc = found.resources_vpc_config().and_then(|vpc| vpc.vpc_id()).map(str::to_owned);
    cluster.leaving = found.status().is_some_and(|status| status.as_str() == "DELETING");
    if !ground.is_left(&cluster) {
        return Ok(Vec::new());
    }
    let below = |sort: Sort, id: &str| {
        let thing = ground.thing(sort, &format!("{name}/{id}"));
        Thing { of: vec![name.to_owned()], ..thing }
    };
    let mut things = Vec::new();
    let mut pages = eks.list_nodegroups().cluster_name(name).into_paginator().items().send();
    while let Some(group) = pages.next().await {
        things.push(below(Sort::NodeGroup, &group.named("EKS.ListNodegroups")?));
    }
    let call = eks.list_pod_identity_associations().cluster_name(name);
    let mut pages = call.into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.named("EKS.ListPodIdentityAssociations")?;
        things.push(below(Sort::PodIdentity, one.association_id().unwrap_or_default()));
    }
    things.push(cluster);
    Ok(things)
}
