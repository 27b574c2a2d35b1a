//! ACM: certificates with their tags. Only those that nothing is issued to or uses could be anybody's; all are asked.

use aws_sdk_acm::types::{Filters, KeyAlgorithm};

use super::{Ground, each};
use crate::cloud::{CloudResult, Named};
use crate::sweep::sort::Sort;
use crate::sweep::thing::Thing;

pub(super) async fn read(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    let mut things = Vec::new();
    // Without a filter only RSA with 2048 bits is listed.
    let keys = [
        KeyAlgorithm::Rsa1024,
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::Rsa3072,
        KeyAlgorithm::Rsa4096,
        KeyAlgorithm::EcPrime256v1,
        KeyAlgorithm::EcSecp384r1,
        KeyAlgorithm::EcSecp521r1,
    ];
    let filters = Filters::builder().set_key_types(Some(keys.to_vec())).build();
    let call = ground.clients.acm.list_certificates().includes(filters);
    let mut pages = call.into_paginator().items().send();
    while let Some(one) = pages.next().await {
        let one = one.named("ACM.ListCertificates")?;
        let mut thing = ground.thing(Sort::Certificate, one.certificate_arn().unwrap_or_default());
        thing.name = one.domain_name().unwrap_or_default().to_owned();
        things.push(thing);
    }
    each(things, |thing| async move {
        let call = ground.clients.acm.list_tags_for_certificate().certificate_arn(&thing.id);
        let answer = call.send().await.named("ACM.ListTagsForCertificate")?;
        let tags = answer.tags().iter();
        let tags = tags.map(|tag| (tag.key().to_owned(), tag.value().unwrap_or_default().to_owned()));
        Ok(Thing { tags: tags.collect(), ..thing })
    })
    .await
}
