//! IAM: roles and OpenID Connect providers. Lists of roles tell no tags, so only those are asked whose names this stack
//! gave or would give.

use super::{Ground, each};
use crate::cloud::{CloudResult, Named};
use crate::sweep::sort::Sort;
use crate::sweep::thing::Thing;

pub(super) async fn roles(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    let scope = ground.scope;
    if scope.lineage.is_none() {
        return Ok(Vec::new());
    }
    let mut things = Vec::new();
    let prefix = format!("{}-", scope.stack);
    let mut pages = ground.clients.iam.list_roles().into_paginator().items().send();
    while let Some(role) = pages.next().await {
        let role = role.named("IAM.ListRoles")?;
        let traced = (ground.place.account.clone(), role.role_name().to_owned());
        if role.role_name().starts_with(&prefix) || scope.roles.contains(&traced) {
            things.push(ground.thing(Sort::Role, role.role_name()));
        }
    }
    each(things, |thing| async move {
        let call = ground.clients.iam.list_role_tags().role_name(&thing.id);
        let mut pages = call.into_paginator().items().send();
        let mut thing = thing;
        while let Some(tag) = pages.next().await {
            let tag = tag.named("IAM.ListRoleTags")?;
            thing.tags.insert(tag.key().to_owned(), tag.value().to_owned());
        }
        Ok(thing)
    })
    .await
}

/// Only those of EKS are asked for their tags.
pub(super) async fn providers(ground: Ground<'_>) -> CloudResult<Vec<Thing>> {
    let answer = ground.clients.iam.list_open_id_connect_providers().send().await;
    let answer = answer.named("IAM.ListOpenIDConnectProviders")?;
    let arns = answer.open_id_connect_provider_list().iter().filter_map(|one| one.arn());
    let of_eks = arns.filter(|arn| arn.contains(":oidc-provider/oidc.eks."));
    let things = of_eks.map(|arn| ground.thing(Sort::OidcProvider, arn)).collect();
    each(things, |thing: Thing| async move {
        let call = ground.clients.iam.list_open_id_connect_provider_tags();
        let call = call.open_id_connect_provider_arn(&thing.id);
        let mut pages = call.into_paginator().items().send();
        let mut thing = thing;
        while let Some(tag) = pages.next().await {
            let tag = tag.named("IAM.ListOpenIDConnectProviderTags")?;
            thing.tags.insert(tag.key().to_owned(), tag.value().to_owned());
        }
        Ok(thing)
    })
    .await
}
