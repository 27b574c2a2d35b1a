//! Route 53: hosted zones with their tags, ten a call, and the records that this stack made in zones of others.

use aws_sdk_route53::types::{RrType, TagResourceType};

use super::Ground;
use crate::cloud::{Absent, CloudResult, Named};
use crate::sweep::sort::Sort;
use crate::sweep::thing::Thing;

/// The most zones that are asked for their tags at once.
const MOST: usize = 10;

pub(super) async fn zones(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    if ground.scope.lineage.is_none() {
        return Ok(Vec::new());
    }
    let route53 = &ground.clients.route53;
    let mut things = Vec::new();
    let mut pages = route53.list_hosted_zones().into_paginator().send();
    while let Some(page) = pages.next().await {
        for zone in page.named("Route 53.ListHostedZones")?.hosted_zones() {
            let mut thing = ground.thing(Sort::HostedZone, zone.id().trim_start_matches("/hostedzone/"));
            thing.name = format!("{} ({})", thing.id, zone.name().trim_end_matches('.'));
            things.push(thing);
        }
    }
    for some in things.chunks_mut(MOST) {
        let ids = some.iter().map(|thing| thing.id.clone()).collect();
        let call = route53.list_tags_for_resources().resource_type(TagResourceType::Hostedzone);
        let answer = call.set_resource_ids(Some(ids)).send().await.named("Route 53.ListTagsForResources")?;
        for told in answer.resource_tag_sets() {
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            if let Some(thing) = some.iter_mut().find(|thing| Some(thing.id.as_str()) == told.resource_id()) {
                thing.tags = told.tags().iter().map(|tag| (text(tag.key()), text(tag.value()))).collect();
            }
        }
    }
    Ok(things)
}

/// The records that the state remembers, each looked for by its name. With its zone a record is gone too.
pub(super) async fn records(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    let here = ground.scope.records.iter().filter(|(place, _)| place.account == ground.place.account);
    for (_, [zone, name, sort]) in here {
        let call = ground.clients.route53.list_resource_record_sets().hosted_zone_id(zone);
        let call = call.start_record_name(name).start_record_type(RrType::from(sort.as_str())).max_items(1);
        let answer = call.send().await.named("Route 53.ListResourceRecordSets").or_absent()?;
        let sets = answer.as_ref().map(|answer| answer.resource_record_sets()).unwrap_or_default();
        let is = |told: &str| told.replace("\\052", "*").trim_end_matches('.').eq_ignore_ascii_case(name);
        if sets.iter().any(|set| is(set.name()) && set.r#type().as_str() == sort) {
            let thing = ground.thing(Sort::Record, &format!("{zone}/{name}/{sort}"));
            things.push(Thing { name: name.clone(), of: vec![zone.clone()], ..thing });
        }
    }
    Ok(things)
}
