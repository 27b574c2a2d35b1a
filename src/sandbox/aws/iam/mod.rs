//! IAM: roles, what they trust and what they may. One namespace for all regions of an account.
//!
//! A role's document holds what GetRole tells, without the trust policy: that is in `_trust`, as JSON; `_managed` is
//! the list of attached policies by ARN, `_inline` the other policies by name. Users and groups are not here.

mod attached;
mod document;
mod inline;
mod managed;
mod oidc;
mod policy;
mod profile;
mod role;
mod tags;

use serde_json::{Value as Json, json};

use super::wire::page;
use super::{Answer, Operation, Protocol, Refusal, Service};
use crate::sandbox::world::{ACCOUNT, GLOBAL, Here, Key, World};

/// The table of roles, by name.
pub const ROLE: &str = "iam/role";
/// The table of OpenID Connect providers, by ARN.
pub const OIDC: &str = "iam/oidc-provider";
/// The table of the customer's policies, by ARN.
pub const POLICY: &str = "iam/policy";
/// The table of instance profiles, by name.
pub const PROFILE: &str = "iam/instance-profile";

/// The service.
pub const SERVICE: Service = Service {
    scope: "iam",
    protocol: Protocol::Query { namespace: "https://iam.amazonaws.com/doc/2010-05-08/" },
    operations: &[
        Operation { name: "AddRoleToInstanceProfile", path: "", handle: profile::add_role },
        Operation { name: "AttachRolePolicy", path: "", handle: attached::attach },
        Operation { name: "CreateInstanceProfile", path: "", handle: profile::create },
        Operation { name: "CreateOpenIDConnectProvider", path: "", handle: oidc::create },
        Operation { name: "CreatePolicy", path: "", handle: policy::create },
        Operation { name: "CreatePolicyVersion", path: "", handle: policy::create_version },
        Operation { name: "CreateRole", path: "", handle: role::create },
        Operation { name: "DeleteInstanceProfile", path: "", handle: profile::delete },
        Operation { name: "DeleteOpenIDConnectProvider", path: "", handle: oidc::delete },
        Operation { name: "DeletePolicy", path: "", handle: policy::delete },
        Operation { name: "DeletePolicyVersion", path: "", handle: policy::delete_version },
        Operation { name: "DeleteRole", path: "", handle: role::delete },
        Operation { name: "DeleteRolePolicy", path: "", handle: inline::delete },
        Operation { name: "DetachRolePolicy", path: "", handle: attached::detach },
        Operation { name: "GetInstanceProfile", path: "", handle: profile::get },
        Operation { name: "GetPolicy", path: "", handle: policy::get },
        Operation { name: "GetRole", path: "", handle: role::get },
        Operation { name: "GetRolePolicy", path: "", handle: inline::get },
        Operation { name: "ListAttachedRolePolicies", path: "", handle: attached::list },
        Operation { name: "ListEntitiesForPolicy", path: "", handle: policy::entities },
        Operation { name: "ListInstanceProfiles", path: "", handle: profile::list },
        Operation { name: "ListOpenIDConnectProviderTags", path: "", handle: oidc::list_tags },
        Operation { name: "ListOpenIDConnectProviders", path: "", handle: oidc::list },
        Operation { name: "ListPolicies", path: "", handle: policy::list },
        Operation { name: "ListPolicyVersions", path: "", handle: policy::versions },
        Operation { name: "ListRolePolicies", path: "", handle: inline::list },
        Operation { name: "ListRoleTags", path: "", handle: tags::list },
        Operation { name: "ListRoles", path: "", handle: role::list },
        Operation { name: "PutRolePolicy", path: "", handle: inline::put },
        Operation { name: "RemoveRoleFromInstanceProfile", path: "", handle: profile::remove_role },
        Operation { name: "TagInstanceProfile", path: "", handle: tags::tag_profile },
        Operation { name: "TagPolicy", path: "", handle: tags::tag_policy },
        Operation { name: "TagRole", path: "", handle: tags::tag },
        Operation { name: "UntagInstanceProfile", path: "", handle: tags::untag_profile },
        Operation { name: "UntagPolicy", path: "", handle: tags::untag_policy },
        Operation { name: "UntagRole", path: "", handle: tags::untag },
        Operation { name: "UpdateAssumeRolePolicy", path: "", handle: role::update_trust },
        Operation { name: "UpdateRole", path: "", handle: role::update },
    ],
};

/// Puts in the role that the sandbox's own credentials are a session of.
pub fn furnish(world: &mut World) {
    let key =
        Key { account: ACCOUNT.into(), region: GLOBAL.into(), table: ROLE.into(), id: "Engineer".into() };
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "sts:AssumeRole" }],
    });
    let doc = json!({
        "Path": "/",
        "RoleName": "Engineer",
        "RoleId": "AROASANDBOXENGINEER00",
        "Arn": format!("arn:aws:iam::{ACCOUNT}:role/Engineer"),
        "CreateDate": world.timestamp(),
        "Description": "Whom the credentials of the sandbox belong to",
        "MaxSessionDuration": 3600,
        "Tags": [],
        "_trust": trust,
        "_managed": ["arn:aws:iam::aws:policy/AdministratorAccess"],
        "_inline": {},
    });
    world.put(key, doc);
}

/// The role of an ARN, if there is one.
pub fn role_of_arn<'a>(here: &'a Here<'_>, arn: &str) -> Option<&'a Json> {
    let name = arn.rsplit('/').next()?;
    here.get(ROLE, name).filter(|role| role["Arn"] == arn)
}

/// Whether a role lets a service principal do each of these actions: `ec2.amazonaws.com`, `sts:AssumeRole`.
pub fn trusts(role: &Json, service: &str, actions: &[&str]) -> bool {
    document::trusts(&role["_trust"], service, actions)
}

fn text<'a>(input: &'a Json, field: &str) -> Result<&'a str, Refusal> {
    input[field].as_str().filter(|text| !text.is_empty()).ok_or_else(|| {
        Refusal::bad(
            "ValidationError",
            format!("1 validation error detected: Value null at '{field}' failed to satisfy constraint: Member must not be null"),
        )
    })
}

/// The role that the input names, and its name.
fn role_asked<'i>(here: &Here<'_>, input: &'i Json) -> Result<(&'i str, Json), Refusal> {
    let name = text(input, "RoleName")?;
    let role = here.get(ROLE, name).cloned();
    role.map(|role| (name, role)).ok_or_else(|| {
        Refusal::new(404, "NoSuchEntity", format!("The role with name {name} cannot be found."))
    })
}

/// A page in IAM's words.
fn paged(input: &Json, field: &str, items: Vec<Json>) -> Answer {
    let most = super::wire::number(&input["MaxItems"]).and_then(|most| usize::try_from(most).ok());
    let (items, next) = page(items, input["Marker"].as_str(), most);
    Ok(json!({ field: items, "IsTruncated": next.is_some(), "Marker": next }))
}

#[cfg(test)]
mod tests {
    use crate::cloud::{ErrorSort, Named};
    use crate::kind::conformance::Ground;

    const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

    fn iam(ground: &Ground) -> aws_sdk_iam::Client {
        ground.cx("iam").clients().iam
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_with_policies_is_not_deleted() {
        let ground = Ground::new();
        let iam = iam(&ground);
        let arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy";
        iam.create_role().role_name("r").assume_role_policy_document(TRUST).send().await.expect("made");
        iam.attach_role_policy().role_name("r").policy_arn(arn).send().await.expect("attached");
        let error =
            iam.delete_role().role_name("r").send().await.named("IAM.DeleteRole").expect_err("refused");
        assert_eq!((error.sort, error.code.as_str()), (ErrorSort::InUse, "DeleteConflict"));
        iam.detach_role_policy().role_name("r").policy_arn(arn).send().await.expect("detached");
        iam.delete_role().role_name("r").send().await.expect("deleted");
        let error = iam.get_role().role_name("r").send().await.named("IAM.GetRole").expect_err("gone");
        assert_eq!(error.code, "NoSuchEntity");
    }

    #[tokio::test(start_paused = true)]
    async fn documents_come_back_encoded_and_wrong_ones_are_refused() {
        let ground = Ground::new();
        let iam = iam(&ground);
        let made =
            iam.create_role().role_name("r").assume_role_policy_document(TRUST).send().await.expect("made");
        let told = made.role().and_then(|role| role.assume_role_policy_document()).expect("told");
        assert!(told.starts_with("%7B%22"), "{told}");
        for wrong in ["{", "{}", r#"{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}"#] {
            let call = iam.create_role().role_name("w").assume_role_policy_document(wrong).send().await;
            let error = call.named("IAM.CreateRole").expect_err("refused");
            assert_eq!(error.code, "MalformedPolicyDocument", "{wrong}");
        }
        let call = iam
            .attach_role_policy()
            .role_name("r")
            .policy_arn("arn:aws:iam::aws:policy/Nonsense")
            .send()
            .await;
        assert_eq!(call.named("IAM.AttachRolePolicy").expect_err("refused").code, "NoSuchEntity");
    }

    const RIGHTS: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}"#;

    #[tokio::test(start_paused = true)]
    async fn a_policy_goes_when_it_is_detached_and_has_one_version() {
        let ground = Ground::new();
        let iam = iam(&ground);
        let tag = aws_sdk_iam::types::Tag::builder().key("a").value("b").build().expect("a tag");
        let made = iam.create_policy().policy_name("p").policy_document(RIGHTS).tags(tag).send().await;
        let arn = made.expect("made").policy().and_then(|p| p.arn()).expect("an ARN").to_owned();
        iam.create_role().role_name("r").assume_role_policy_document(TRUST).send().await.expect("made");
        iam.attach_role_policy().role_name("r").policy_arn(&arn).send().await.expect("attached");
        let call = iam.create_policy_version().policy_arn(&arn).policy_document(RIGHTS);
        call.set_as_default(true).send().await.expect("made");
        let told = iam.get_policy().policy_arn(&arn).send().await.expect("told");
        let told = told.policy().expect("told");
        let seen = (told.attachment_count(), told.default_version_id(), told.tags().len());
        assert_eq!(seen, (Some(1), Some("v2"), 1));
        let who = iam.list_entities_for_policy().policy_arn(&arn).send().await.expect("told");
        assert_eq!(who.policy_roles()[0].role_name(), Some("r"));
        let refused = async || iam.delete_policy().policy_arn(&arn).send().await.named("IAM.DeletePolicy");
        assert_eq!(refused().await.expect_err("it is attached").sort, ErrorSort::InUse);
        iam.detach_role_policy().role_name("r").policy_arn(&arn).send().await.expect("detached");
        assert!(refused().await.expect_err("it has versions").message.contains("more than one version"));
        let call = iam.delete_policy_version().policy_arn(&arn).version_id("v2").send().await;
        assert!(
            call.named("IAM.DeletePolicyVersion").expect_err("it is the default").message.contains("default")
        );
        iam.delete_policy_version().policy_arn(&arn).version_id("v1").send().await.expect("deleted");
        refused().await.expect("deleted");
        assert_eq!(refused().await.expect_err("it is gone").sort, ErrorSort::NotFound);
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_in_a_profile_is_not_deleted_nor_a_profile_with_a_role() {
        let ground = Ground::new();
        let iam = iam(&ground);
        iam.create_role().role_name("r").assume_role_policy_document(TRUST).send().await.expect("made");
        iam.create_instance_profile().instance_profile_name("i").send().await.expect("made");
        let add = async || {
            iam.add_role_to_instance_profile().instance_profile_name("i").role_name("r").send().await
        };
        add().await.expect("added");
        assert_eq!(add().await.named("IAM.AddRole").expect_err("it is full").code, "LimitExceeded");
        let told = iam.get_instance_profile().instance_profile_name("i").send().await.expect("told");
        let told = told.instance_profile().expect("told");
        assert_eq!(told.roles()[0].role_name(), "r");
        let role = async || iam.delete_role().role_name("r").send().await.named("IAM.DeleteRole");
        assert_eq!(role().await.expect_err("it is in one").sort, ErrorSort::InUse);
        let profile = async || {
            let call = iam.delete_instance_profile().instance_profile_name("i").send().await;
            call.named("IAM.DeleteInstanceProfile")
        };
        assert_eq!(profile().await.expect_err("it has one").sort, ErrorSort::InUse);
        let call = iam.remove_role_from_instance_profile().instance_profile_name("i").role_name("r");
        call.send().await.expect("removed");
        profile().await.expect("deleted");
        role().await.expect("deleted");
    }

    #[tokio::test(start_paused = true)]
    async fn tags_are_told_by_the_home_region_alone() {
        let ground = Ground::new();
        let tag = aws_sdk_iam::types::Tag::builder().key("a").value("b").build().expect("a tag");
        let call = iam(&ground).create_policy().policy_name("p").policy_document(RIGHTS).tags(tag);
        call.send().await.expect("made");
        let told = async |region: &str| {
            let place = crate::graph::Place { account: None, region: region.into() };
            let tagged = ground.cloud.clients(&place).tagged;
            tagged.of_types(&["iam:policy", "iam:instance-profile"]).await.expect("told")
        };
        let home = told(crate::cloud::home("us-west-2")).await;
        assert_eq!(home[0].0, "arn:aws:iam::111122223333:policy/p");
        assert_eq!(home[0].1["a"], "b");
        assert!(told("us-west-2").await.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn pages_are_honoured_and_the_engineer_is_there() {
        let ground = Ground::new();
        let iam = iam(&ground);
        iam.create_role().role_name("r").assume_role_policy_document(TRUST).send().await.expect("made");
        let first = iam.list_roles().max_items(1).send().await.expect("listed");
        assert_eq!((first.roles()[0].role_name(), first.is_truncated()), ("Engineer", true));
        let rest = iam.list_roles().marker(first.marker().expect("more")).send().await.expect("listed");
        assert_eq!((rest.roles()[0].role_name(), rest.is_truncated()), ("r", false));
    }
}
