//! Elastic Load Balancing: load balancers, the classic ones too, and target groups with their tags, twenty a call, and
//! the listeners of what is left over.

use aws_sdk_elasticloadbalancingv2::types::TagDescription;

use super::{Ground, Seen};
use crate::cloud::classic::Balancer;
use crate::cloud::{Absent, CloudResult, ErrorSort, Named};
use crate::sweep::sort::Sort;
use crate::sweep::thing::Thing;

/// The most that are asked for their tags at once.
const MOST: usize = 20;

pub(super) async fn target_groups(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    let mut pages = ground.clients.elb.describe_target_groups().into_paginator().items().send();
    while let Some(group) = pages.next().await {
        let group = group.named("ELBv2.DescribeTargetGroups")?;
        let mut thing = ground.thing(Sort::TargetGroup, group.target_group_arn().unwrap_or_default());
        thing.name = group.target_group_name().unwrap_or_default().to_owned();
        thing.vpc = group.vpc_id().map(str::to_owned);
        thing.of = group.load_balancer_arns().to_vec();
        things.push(thing);
    }
    tagged(ground, things).await
}

pub(super) async fn load_balancers(ground: Ground<'_>) -> Vec<Seen> {
    match balancers(ground).await {
        Ok(things) => {
            let left: Vec<&Thing> = things.iter().filter(|thing| ground.is_left(thing)).collect();
            let listeners = listeners(ground, &left).await;
            vec![
                Seen { sorts: vec![Sort::Listener], result: listeners },
                Seen { sorts: vec![Sort::LoadBalancer], result: Ok(things) },
            ]
        }
        Err(error) => vec![Seen { sorts: vec![Sort::LoadBalancer, Sort::Listener], result: Err(error) }],
    }
}

async fn balancers(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    let mut pages = ground.clients.elb.describe_load_balancers().into_paginator().items().send();
    while let Some(balancer) = pages.next().await {
        let balancer = balancer.named("ELBv2.DescribeLoadBalancers")?;
        let mut thing = ground.thing(Sort::LoadBalancer, balancer.load_balancer_arn().unwrap_or_default());
        thing.name = balancer.load_balancer_name().unwrap_or_default().to_owned();
        thing.vpc = balancer.vpc_id().map(str::to_owned);
        thing.of = balancer.security_groups().to_vec();
        things.push(thing);
    }
    tagged(ground, things).await
}

async fn listeners(ground: Ground<'_>, of: &[&Thing]) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    for balancer in of {
        let call = ground.clients.elb.describe_listeners().load_balancer_arn(&balancer.id);
        let mut pages = call.into_paginator().items().send();
        while let Some(listener) = pages.next().await {
            let Some(listener) = listener.named("ELBv2.DescribeListeners").or_absent()? else { break };
            let mut thing = ground.thing(Sort::Listener, listener.listener_arn().unwrap_or_default());
            thing.name = format!("{} port {}", balancer.name, listener.port().unwrap_or_default());
            thing.of = vec![balancer.id.clone()];
            things.push(thing);
        }
    }
    Ok(things)
}

pub(super) async fn classic(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    let all = ground.clients.classic.all().await?.into_iter();
    let thing = |one: Balancer| Thing { vpc: one.vpc, ..ground.thing(Sort::ClassicLoadBalancer, &one.name) };
    tagged(ground, all.map(thing).collect()).await
}

/// Puts their tags in. Those that went since they were listed are left out.
async fn tagged(ground: Ground<'_>, things: Vec<Thing>) -> CloudResult<Vec<Thing>> {
    let mut all = Vec::new();
    for some in things.chunks(MOST) {
        match tags_of(ground, some.to_vec()).await {
            Ok(tagged) => all.extend(tagged),
            // One that is gone refuses them all.
            Err(error) if error.sort == ErrorSort::NotFound => {
                for one in some {
                    all.extend(tags_of(ground, vec![one.clone()]).await.or_absent()?.into_iter().flatten());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

async fn tags_of(ground: Ground<'_>, mut things: Vec<Thing>) -> CloudResult<Vec<Thing>> {
    let told = if things.iter().any(|thing| thing.sort == Sort::ClassicLoadBalancer) {
        let names: Vec<&str> = things.iter().map(|thing| thing.id.as_str()).collect();
        ground.clients.classic.tags_of(&names).await?
    } else {
        let arns = things.iter().map(|thing| thing.id.clone()).collect();
        let call = ground.clients.elb.describe_tags().set_resource_arns(Some(arns));
        let answer = call.send().await.named("ELBv2.DescribeTags")?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let tags = |told: &TagDescription| {
            told.tags().iter().map(|tag| (text(tag.key()), text(tag.value()))).collect()
        };
        answer.tag_descriptions().iter().map(|told| (text(told.resource_arn()), tags(told))).collect()
    };
    for (id, tags) in told {
        if let Some(thing) = things.iter_mut().find(|thing| thing.id == id) {
            thing.tags = tags;
        }
    }
    Ok(things)
}
