//! `iam_role`: a role with all its policies.
//!
//! IAM gives documents back in other words than it got them: what means the same as wanted is told as wanted. The
//! name is unique in the account and there is no token. A role with policies is not deleted: they go first.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::Tag;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Found, Kind, Readiness};
use crate::cloud::{Absent, CloudError, CloudResult, Cx, Named, Tags, policy, split_tags, tag_changes};
use crate::shape::{Shape, Timing};

/// The kind.
pub struct IamRole;

/// What a role should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// At most 64 characters, unique in the account.
    pub name: String,
    /// Who may assume it.
    pub trust: Json,
    /// Attached policies by ARN; a set.
    #[serde(default)]
    pub managed_policies: Vec<String>,
    /// Policies of its own by name.
    #[serde(default)]
    pub inline_policies: BTreeMap<String, Json>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The user's tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What IAM gives a role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// `arn:aws:iam::…:role/…`.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// `AROA…`: another one when the role is made anew.
    pub unique_id: String,
}

impl Kind for IamRole {
    const SHAPE: Shape = Shape {
        fixed: &["name"],
        sets: &["managed_policies"],
        timing: Timing::QUICK,
        ..Shape::managed("iam_role", "IAM role", "iam")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(
        &self,
        cx: &Cx,
        spec: &Spec,
        id: Option<&str>,
    ) -> CloudResult<Option<Found<Spec, Outputs>>> {
        let name = id.unwrap_or(&spec.name);
        let call = cx.clients().iam.get_role().role_name(name).send().await.named("IAM.GetRole");
        let Some(role) = call.or_absent()?.and_then(|answer| answer.role) else { return Ok(None) };
        let trust = role.assume_role_policy_document().and_then(policy::read).unwrap_or_default();
        let all = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
        let (tags, owner) = split_tags(all);
        let found = Spec {
            name: role.role_name().to_owned(),
            trust: policy::told(Some(&spec.trust), trust),
            managed_policies: attached(cx, name).await?,
            inline_policies: inline(cx, name, &spec.inline_policies).await?,
            description: role.description().filter(|text| !text.is_empty()).map(str::to_owned),
            tags,
        };
        let outputs = Outputs {
            arn: role.arn().to_owned(),
            name: role.role_name().to_owned(),
            unique_id: role.role_id().to_owned(),
        };
        Ok(Some(Found { id: found.name.clone(), spec: found, outputs, readiness: Readiness::Ready, owner }))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let call = cx.clients().iam.create_role();
        call.role_name(&spec.name)
            .assume_role_policy_document(spec.trust.to_string())
            .set_description(spec.description.clone())
            .set_tags(Some(tags(&cx.tags(&spec.tags))?))
            .send()
            .await
            .named("IAM.CreateRole")?;
        Ok(spec.name.clone())
    }

    async fn update(&self, cx: &Cx, id: &str, from: &Spec, to: &Spec) -> CloudResult<()> {
        let iam = cx.clients().iam;
        if !policy::same(&from.trust, &to.trust) {
            let call = iam.update_assume_role_policy().role_name(id).policy_document(to.trust.to_string());
            call.send().await.named("IAM.UpdateAssumeRolePolicy")?;
        }
        if from.description != to.description {
            let text = to.description.clone().unwrap_or_default();
            iam.update_role().role_name(id).description(text).send().await.named("IAM.UpdateRole")?;
        }
        attach(cx, id, &from.managed_policies, &to.managed_policies).await?;
        write(cx, id, &from.inline_policies, &to.inline_policies).await?;
        retag(cx, id, &from.tags, &to.tags).await
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        let Some(arns) = attached(cx, id).await.or_absent()? else { return Ok(()) };
        attach(cx, id, &arns, &[]).await?;
        let Some(names) = inline_names(cx, id).await.or_absent()? else { return Ok(()) };
        let documents = names.into_iter().map(|name| (name, Json::Null)).collect();
        write(cx, id, &documents, &BTreeMap::new()).await?;
        let call = cx.clients().iam.delete_role().role_name(id).send().await.named("IAM.DeleteRole");
        call.or_absent().map(drop)
    }
}

async fn attached(cx: &Cx, name: &str) -> CloudResult<Vec<String>> {
    let call = cx.clients().iam.list_attached_role_policies().role_name(name).into_paginator().items().send();
    let all = call.collect::<Result<Vec<_>, _>>().await.named("IAM.ListAttachedRolePolicies")?;
    let mut arns: Vec<String> = all.into_iter().filter_map(|one| one.policy_arn).collect();
    arns.sort();
    Ok(arns)
}

async fn inline_names(cx: &Cx, name: &str) -> CloudResult<Vec<String>> {
    let call = cx.clients().iam.list_role_policies().role_name(name).into_paginator().items().send();
    call.collect::<Result<Vec<_>, _>>().await.named("IAM.ListRolePolicies")
}

async fn inline(cx: &Cx, name: &str, wanted: &BTreeMap<String, Json>) -> CloudResult<BTreeMap<String, Json>> {
    let mut documents = BTreeMap::new();
    for policy_name in inline_names(cx, name).await? {
        let call = cx.clients().iam.get_role_policy().role_name(name).policy_name(&policy_name);
        let Some(answer) = call.send().await.named("IAM.GetRolePolicy").or_absent()? else { continue };
        let told = policy::read(answer.policy_document()).unwrap_or_default();
        documents.insert(policy_name.clone(), policy::told(wanted.get(&policy_name), told));
    }
    Ok(documents)
}

/// Attaches before it detaches, so that rights that stay never fail in between.
async fn attach(cx: &Cx, name: &str, from: &[String], to: &[String]) -> CloudResult<()> {
    let (from, to): (BTreeSet<_>, BTreeSet<_>) = (from.iter().collect(), to.iter().collect());
    let iam = cx.clients().iam;
    for arn in to.difference(&from) {
        let call = iam.attach_role_policy().role_name(name).policy_arn(*arn);
        call.send().await.named("IAM.AttachRolePolicy")?;
    }
    for arn in from.difference(&to) {
        let call = iam.detach_role_policy().role_name(name).policy_arn(*arn);
        call.send().await.named("IAM.DetachRolePolicy").or_absent()?;
    }
    Ok(())
}

async fn write(
    cx: &Cx,
    name: &str,
    from: &BTreeMap<String, Json>,
    to: &BTreeMap<String, Json>,
) -> CloudResult<()> {
    let iam = cx.clients().iam;
    for (policy_name, document) in to {
        if !from.get(policy_name).is_some_and(|there| policy::same(there, document)) {
            let call = iam.put_role_policy().role_name(name).policy_name(policy_name);
            call.policy_document(document.to_string()).send().await.named("IAM.PutRolePolicy")?;
        }
    }
    for policy_name in from.keys().filter(|there| !to.contains_key(*there)) {
        let call = iam.delete_role_policy().role_name(name).policy_name(policy_name);
        call.send().await.named("IAM.DeleteRolePolicy").or_absent()?;
    }
    Ok(())
}

async fn retag(cx: &Cx, name: &str, from: &Tags, to: &Tags) -> CloudResult<()> {
    let iam = cx.clients().iam;
    let (set, gone) = tag_changes(from, to);
    if !gone.is_empty() {
        iam.untag_role().role_name(name).set_tag_keys(Some(gone)).send().await.named("IAM.UntagRole")?;
    }
    if !set.is_empty() {
        iam.tag_role().role_name(name).set_tags(Some(tags(&set)?)).send().await.named("IAM.TagRole")?;
    }
    Ok(())
}

fn tags(all: &Tags) -> CloudResult<Vec<Tag>> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    all.iter().map(tag).collect::<Result<_, _>>().map_err(|e| CloudError::broken_contract("iam_role", e))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::conformance::{Ground, conforms};
    use super::super::{AnyKind, Erased};
    use super::*;
    use crate::cloud::ErrorSort;

    const KIND: Erased<IamRole> = Erased(IamRole);

    fn role() -> Json {
        json!({
            "name": "shop-node",
            "trust": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["111122223333"]}, "Action": ["sts:TagSession", "sts:AssumeRole"]}]},
            "managed_policies": ["arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy", "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"],
            "inline_policies": {"one": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}},
            "description": "first",
            "tags": {"team": "commerce", "old": "1"},
        })
    }

    #[tokio::test(start_paused = true)]
    async fn it_conforms() {
        let ground = Ground::new();
        let second = json!({
            "name": "shop-node",
            "trust": {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}},
            "managed_policies": ["arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"],
            "inline_policies": {"two": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}},
            "tags": {"team": "shop"},
        });
        conforms(&ground, &KIND, &role(), &second).await;
        assert!(ground.sandbox.world().all().all(|(key, _)| key.id != "shop-node"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_means_the_same_is_told_as_wanted_and_the_rest_as_it_is() {
        let ground = Ground::new();
        let made = ground.make(&KIND, "r", &role()).await;
        assert_eq!(made.spec["trust"], role()["trust"]);
        let mut other = role();
        other["trust"]["Statement"][0]["Action"] = json!("sts:AssumeRole");
        let found = KIND.find(&ground.cx("r"), &other, None).await.expect("found").expect("there");
        assert_ne!(found.spec["trust"], other["trust"]);
        assert_eq!(
            found.spec["trust"]["Statement"][0]["Principal"]["AWS"],
            json!(["arn:aws:iam::111122223333:root"])
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_policy_that_is_not_there_is_refused() {
        let ground = Ground::new();
        let mut wrong = role();
        wrong["managed_policies"] = json!(["arn:aws:iam::aws:policy/Nonsense"]);
        let cx = ground.cx("r");
        KIND.create(&cx, &wrong).await.expect("the role itself is well");
        let found = KIND.find(&cx, &wrong, None).await.expect("found").expect("there");
        let error = KIND.update(&cx, "shop-node", &found.spec, &wrong).await.expect_err("refused");
        assert_eq!((error.sort, error.operation.as_str()), (ErrorSort::NotFound, "IAM.AttachRolePolicy"));
    }
}
