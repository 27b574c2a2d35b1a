//! IAM: roles, OpenID Connect providers, policies of the customer and instance profiles.
//!
//! Lists tell no tags. Of roles only those are asked whose names this stack gave or would give; policies and profiles
//! are found by the service that tells of tags, and then asked themselves, for that one lags behind.

use super::{Ground, Seen, each};
use crate::cloud::{CloudResult, Named, Tags, home};
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

/// Policies and instance profiles.
pub(super) async fn tagged(ground: Ground<'_>) -> Vec<Seen> {
    let clients = ground.clients_in(home(&ground.place.region));
    let found = match clients.tagged.of_types(&["iam:policy", "iam:instance-profile"]).await {
        Ok(found) => found,
        Err(error) => {
            return vec![Seen { sorts: vec![Sort::Policy, Sort::InstanceProfile], result: Err(error) }];
        }
    };
    let of = |sort: Sort, what: &str| -> Vec<Thing> {
        let told =
            found.iter().filter(|(arn, _)| arn.split(':').nth(5).is_some_and(|id| id.starts_with(what)));
        let things = told.map(|(arn, tags)| Thing { tags: tags.clone(), ..ground.thing(sort, arn) });
        things.filter(|thing| ground.is_left(thing)).collect()
    };
    let (policies, profiles) = futures::join!(
        policies(ground, of(Sort::Policy, "policy/")),
        profiles(ground, of(Sort::InstanceProfile, "instance-profile/"))
    );
    vec![
        Seen { sorts: vec![Sort::Policy], result: policies },
        Seen { sorts: vec![Sort::InstanceProfile], result: profiles },
    ]
}

async fn policies(ground: Ground<'_>, things: Vec<Thing>) -> CloudResult<Vec<Thing>> {
    each(things, |mut thing: Thing| async move {
        let answer = ground.clients.iam.get_policy().policy_arn(&thing.id).send().await;
        let answer = answer.named("IAM.GetPolicy")?;
        let policy = answer.policy();
        thing.tags = tags(policy.map(|policy| policy.tags()).unwrap_or_default());
        thing.name = policy.and_then(|policy| policy.policy_name()).unwrap_or(&thing.id).to_owned();
        thing.free = policy.and_then(|policy| policy.attachment_count()) == Some(0);
        if policy.and_then(|policy| policy.permissions_boundary_usage_count()).unwrap_or(0) > 0 {
            thing.held = Some("it is somebody's permissions boundary".to_owned());
        }
        Ok(thing)
    })
    .await
}

async fn profiles(ground: Ground<'_>, things: Vec<Thing>) -> CloudResult<Vec<Thing>> {
    each(things, |mut thing: Thing| async move {
        let name = thing.id.rsplit('/').next().unwrap_or_default().to_owned();
        let answer = ground.clients.iam.get_instance_profile().instance_profile_name(&name).send().await;
        let answer = answer.named("IAM.GetInstanceProfile")?;
        let profile = answer.instance_profile();
        thing.tags = tags(profile.map(|profile| profile.tags()).unwrap_or_default());
        thing.free = profile.is_some_and(|profile| profile.roles().is_empty());
        thing.id = name.clone();
        thing.name = name;
        Ok(thing)
    })
    .await
}

fn tags(told: &[aws_sdk_iam::types::Tag]) -> Tags {
    told.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}
