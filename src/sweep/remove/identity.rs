//! IAM: what has to be taken apart before it can be deleted.

use crate::cloud::{Absent, Clients, CloudResult, Named};

/// Its role is taken out first.
pub(super) async fn instance_profile(clients: &Clients, name: &str) -> CloudResult<()> {
    let iam = &clients.iam;
    let answer = iam.get_instance_profile().instance_profile_name(name).send().await;
    let answer = answer.named("IAM.GetInstanceProfile")?;
    for role in answer.instance_profile().map(|profile| profile.roles()).unwrap_or_default() {
        let call = iam.remove_role_from_instance_profile().instance_profile_name(name);
        let call = call.role_name(role.role_name()).send().await;
        call.named("IAM.RemoveRoleFromInstanceProfile").or_absent()?;
    }
    let call = iam.delete_instance_profile().instance_profile_name(name).send().await;
    call.named("IAM.DeleteInstanceProfile").map(drop)
}

/// It is detached from all that has it, then its versions go; the default one goes with it.
pub(super) async fn policy(clients: &Clients, arn: &str) -> CloudResult<()> {
    detach(clients, arn).await?;
    let iam = &clients.iam;
    // All are read before the first goes: a page begins where the one before ended.
    let versions = iam.list_policy_versions().policy_arn(arn).into_paginator().items().send();
    let versions: Result<Vec<_>, _> = versions.collect().await;
    for version in versions.named("IAM.ListPolicyVersions")? {
        if !version.is_default_version() {
            let call = iam.delete_policy_version().policy_arn(arn);
            let call = call.version_id(version.version_id().unwrap_or_default()).send().await;
            call.named("IAM.DeletePolicyVersion").or_absent()?;
        }
    }
    iam.delete_policy().policy_arn(arn).send().await.named("IAM.DeletePolicy").map(drop)
}

async fn detach(clients: &Clients, arn: &str) -> CloudResult<()> {
    let iam = &clients.iam;
    let pages = iam.list_entities_for_policy().policy_arn(arn).into_paginator().send();
    let pages: Result<Vec<_>, _> = pages.collect().await;
    for page in pages.named("IAM.ListEntitiesForPolicy")? {
        for name in page.policy_roles().iter().filter_map(|role| role.role_name()) {
            let call = iam.detach_role_policy().policy_arn(arn).role_name(name).send().await;
            call.named("IAM.DetachRolePolicy").or_absent()?;
        }
        for name in page.policy_users().iter().filter_map(|user| user.user_name()) {
            let call = iam.detach_user_policy().policy_arn(arn).user_name(name).send().await;
            call.named("IAM.DetachUserPolicy").or_absent()?;
        }
        for name in page.policy_groups().iter().filter_map(|group| group.group_name()) {
            let call = iam.detach_group_policy().policy_arn(arn).group_name(name).send().await;
            call.named("IAM.DetachGroupPolicy").or_absent()?;
        }
    }
    Ok(())
}
