//! Global Accelerator: accelerators with their tags, asked one at a time: an account has a handful.

use super::{Ground, each};
use crate::cloud::{CloudResult, accelerated};
use crate::graph::Place;
use crate::sweep::sort::Sort;
use crate::sweep::thing::Thing;

pub(super) async fn read(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    // A partition without the service has no accelerators.
    let Some(region) = accelerated(&ground.place.region) else { return Ok(Vec::new()) };
    let clients = ground.clients_in(region);
    let place = Place { region: region.to_owned(), ..ground.place.clone() };
    let thing = |arn: &str| Thing::new(Sort::Accelerator, arn, &place, ground.account);
    let all = clients.accelerators.all().await?.into_iter();
    let things = all.map(|one| Thing { name: one.name, ..thing(&one.arn) }).collect::<Vec<_>>();
    let accelerators = &clients.accelerators;
    each(things, |thing: Thing| async move {
        let tags = accelerators.tags_of(&thing.id).await?;
        Ok(Thing { tags, ..thing })
    })
    .await
}
