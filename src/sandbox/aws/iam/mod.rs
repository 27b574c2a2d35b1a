//! IAM: roles, what they trust and what they may. One namespace for all regions of an account.
//!
//! A role's document holds what GetRole tells, without the trust policy: that is in `_trust`, as JSON; `_managed` is
//! the list of attached policies by ARN, `_inline` the other policies by name. Users, groups and policies of the
//! customer are not here.

mod attached;
mod document;
mod inline;
mod managed;
mod oidc;
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

/// The service.
pub const SERVICE: Service = Service {
    scope: "iam",
    protocol: Protocol::Query { namespace: "https://iam.amazonaws.com/doc/2010-05-08/" },
    operations: &[
        Operation { name: "AttachRolePolicy", path: "", handle: attached::attach },
        Operation { name: "CreateOpenIDConnectProvider", path: "", handle: oidc::create },
        Operation { name: "CreateRole", path: "", handle: role::create },
        Operation { name: "DeleteOpenIDConnectProvider", path: "", handle: oidc::delete },
        Operation { name: "DeleteRole", path: "", handle: role::delete },
        Operation { name: "DeleteRolePolicy", path: "", handle: inline::delete },
        Operation { name: "DetachRolePolicy", path: "", handle: attached::detach },
        Operation { name: "GetPolicy", path: "", handle: attached::get_policy },
        Operation { name: "GetRole", path: "", handle: role::get },
        Operation { name: "GetRolePolicy", path: "", handle: inline::get },
        Operation { name: "ListAttachedRolePolicies", path: "", handle: attached::list },
        Operation { name: "ListOpenIDConnectProviderTags", path: "", handle: oidc::list_tags },
        Operation { name: "ListOpenIDConnectProviders", path: "", handle: oidc::list },
        Operation { name: "ListRolePolicies", path: "", handle: inline::list },
        Operation { name: "ListRoleTags", path: "", handle: tags::list },
        Operation { name: "ListRoles", path: "", handle: role::list },
        Operation { name: "PutRolePolicy", path: "", handle: inline::put },
        Operation { name: "TagRole", path: "", handle: tags::tag },
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
