//! VPC Lattice. It tells tags one thing at a time, so only what may be of interest is asked: of target groups those
//! with the name that its controller gives, for nothing else here makes any.

use std::sync::Arc;

use super::{Ground, Seen, each};
use crate::cloud::{CloudResult, Named, lattice_tags};
use crate::sweep::sort::Sort;
use crate::sweep::thing::Thing;

/// How the names of the controller's target groups begin.
const CONTROLLER: &str = "k8s-";

/// Service networks, and what is associated with each of them.
pub(super) async fn networks(ground: Ground<'_>) -> Vec<Seen> {
    let about = [Sort::LatticeVpcAssociation, Sort::LatticeServiceAssociation, Sort::LatticeLogs];
    let networks = match service_networks(ground).await {
        Ok(networks) => networks,
        Err(error) => {
            let sorts = [&[Sort::LatticeNetwork], about.as_slice()].concat();
            return vec![Seen { sorts, result: Err(error) }];
        }
    };
    let left: Vec<Thing> = networks.iter().filter(|network| ground.is_left(network)).cloned().collect();
    let (vpcs, services, logs) = futures::join!(
        vpc_associations(ground, &networks),
        service_associations(ground, &networks),
        subscriptions(ground, &left),
    );
    let seen = |sort: Sort, result| Seen { sorts: vec![sort], result };
    vec![
        seen(about[0], vpcs),
        seen(about[1], services),
        seen(about[2], logs),
        seen(Sort::LatticeNetwork, Ok(networks)),
    ]
}

async fn service_networks(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    let mut pages = ground.clients.lattice.list_service_networks().into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.named("VPC Lattice.ListServiceNetworks")?;
        things.push((named(ground, Sort::LatticeNetwork, one.id(), one.name()), arn(one.arn())));
    }
    tagged(ground, things).await
}

/// Asked by network: with none of them there is none.
async fn vpc_associations(ground: Ground<'_>, networks: &[Thing]) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    for network in networks {
        let call = ground.clients.lattice.list_service_network_vpc_associations();
        let mut pages = call.service_network_identifier(&network.id).into_paginator().items().send();
        while let Some(one) = pages.next().await {
            let one = one.named("VPC Lattice.ListServiceNetworkVpcAssociations")?;
            let vpc = one.vpc_id().map(str::to_owned);
            let name = format!("{} with {}", network.name, one.vpc_id().unwrap_or_default());
            let mut thing = named(ground, Sort::LatticeVpcAssociation, one.id(), Some(&name));
            thing.leaving = one.status().is_some_and(|status| is_going(status.as_str()));
            thing.of = vec![network.id.clone()];
            things.push((Thing { vpc, ..thing }, arn(one.arn())));
        }
    }
    tagged(ground, things).await
}

async fn service_associations(ground: Ground<'_>, networks: &[Thing]) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    for network in networks {
        let call = ground.clients.lattice.list_service_network_service_associations();
        let mut pages = call.service_network_identifier(&network.id).into_paginator().items().send();
        while let Some(one) = pages.next().await {
            let one = one.named("VPC Lattice.ListServiceNetworkServiceAssociations")?;
            let name = format!("{} with {}", network.name, one.service_name().unwrap_or_default());
            let mut thing = named(ground, Sort::LatticeServiceAssociation, one.id(), Some(&name));
            thing.leaving = one.status().is_some_and(|status| is_going(status.as_str()));
            thing.of = vec![one.service_id().unwrap_or_default().to_owned(), network.id.clone()];
            things.push((thing, arn(one.arn())));
        }
    }
    tagged(ground, things).await
}

/// Services, and the listeners and subscriptions of those that are left over.
pub(super) async fn services(ground: Ground<'_>) -> Vec<Seen> {
    let services = match all_services(ground).await {
        Ok(services) => services,
        Err(error) => {
            let sorts = vec![Sort::LatticeService, Sort::LatticeListener, Sort::LatticeLogs];
            return vec![Seen { sorts, result: Err(error) }];
        }
    };
    let left: Vec<Thing> = services.iter().filter(|service| ground.is_left(service)).cloned().collect();
    let (listeners, logs) = futures::join!(listeners(ground, &left), subscriptions(ground, &left));
    let seen = |sort: Sort, result| Seen { sorts: vec![sort], result };
    vec![
        seen(Sort::LatticeListener, listeners),
        seen(Sort::LatticeLogs, logs),
        seen(Sort::LatticeService, Ok(services)),
    ]
}

async fn all_services(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    let mut pages = ground.clients.lattice.list_services().into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.named("VPC Lattice.ListServices")?;
        let mut thing = named(ground, Sort::LatticeService, one.id(), one.name());
        thing.leaving = one.status().is_some_and(|status| is_going(status.as_str()));
        things.push((thing, arn(one.arn())));
    }
    tagged(ground, things).await
}

async fn listeners(ground: Ground<'_>, services: &[Thing]) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    for service in services {
        let call = ground.clients.lattice.list_listeners().service_identifier(&service.id);
        let mut pages = call.into_paginator().items().send();
        while let Some(one) = pages.next().await {
            let one = one.named("VPC Lattice.ListListeners")?;
            let thing = named(ground, Sort::LatticeListener, one.id(), one.name());
            things.push(Thing { of: vec![service.id.clone()], ..thing });
        }
    }
    Ok(things)
}

async fn subscriptions(ground: Ground<'_>, of: &[Thing]) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    for carrier in of {
        let call = ground.clients.lattice.list_access_log_subscriptions().resource_identifier(&carrier.id);
        let mut pages = call.into_paginator().items().send();
        while let Some(one) = pages.next().await {
            let one = one.named("VPC Lattice.ListAccessLogSubscriptions")?;
            let name = format!("{} to {}", carrier.name, one.destination_arn());
            let thing = named(ground, Sort::LatticeLogs, Some(one.id()), Some(&name));
            things.push(Thing { of: vec![carrier.id.clone()], ..thing });
        }
    }
    Ok(things)
}

pub(super) async fn target_groups(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    let mut pages = ground.clients.lattice.list_target_groups().into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.named("VPC Lattice.ListTargetGroups")?;
        if !one.name().is_some_and(|name| name.starts_with(CONTROLLER)) {
            continue;
        }
        let mut thing = named(ground, Sort::LatticeTargetGroup, one.id(), one.name());
        thing.vpc = one.vpc_identifier().map(str::to_owned);
        thing.leaving = one.status().is_some_and(|status| is_going(status.as_str()));
        things.push((thing, arn(one.arn())));
    }
    tagged(ground, things).await
}

fn named(ground: Ground<'_>, sort: Sort, id: Option<&str>, name: Option<&str>) -> Thing {
    let mut thing = ground.thing(sort, id.unwrap_or_default());
    if let Some(name) = name {
        thing.name = format!("{} ({name})", thing.id);
    }
    thing
}

fn arn(arn: Option<&str>) -> String {
    arn.unwrap_or_default().to_owned()
}

fn is_going(status: &str) -> bool {
    status == "DELETE_IN_PROGRESS"
}

/// Puts their tags in.
async fn tagged(ground: Ground<'_>, things: Vec<(Thing, String)>) -> CloudResult<Vec<Thing>> {
    let clients = Arc::new(ground.clients.clone());
    each(things, |(thing, arn)| {
        let clients = clients.clone();
        async move {
            let tags = lattice_tags(&clients, &arn).await?;
            Ok(Thing { tags, ..thing })
        }
    })
    .await
}
