//! `caller_lookup`: whose credentials the run has.
//!
//! STS names a session of a role without the role's path; access entries want the role's ARN with it. Who may not
//! ask IAM gets the ARN without a path, which is right for roles at the root.

use serde::{Deserialize, Serialize};

use super::{Found, Kind, Ownership, Readiness};
use crate::cloud::{CloudError, CloudResult, Cx, ErrorSort, Named};
use crate::shape::Shape;

/// The kind.
pub struct CallerLookup;

/// There is nothing to say of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {}

/// Who calls.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Twelve digits.
    pub account: String,
    /// As STS tells it: of the session, where it is one.
    pub arn: String,
    /// Of the role or user itself.
    pub principal_arn: String,
}

impl Kind for CallerLookup {
    const SHAPE: Shape = Shape::lookup("caller_lookup", "caller identity", "sts");
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, _: &Spec, _: Option<&str>) -> CloudResult<Option<Found<Spec, Outputs>>> {
        let call = cx.clients().sts.get_caller_identity().send().await;
        let caller = call.named("STS.GetCallerIdentity")?;
        let arn = caller.arn().unwrap_or_default().to_owned();
        let outputs = Outputs {
            account: caller.account().unwrap_or_default().to_owned(),
            principal_arn: principal(cx, &arn).await?,
            arn,
        };
        let id = outputs.arn.clone();
        let (readiness, owner) = (Readiness::Ready, Ownership::Untaggable);
        Ok(Some(Found { id, spec: Spec {}, outputs, readiness, owner }))
    }

    async fn create(&self, _: &Cx, _: &Spec) -> CloudResult<String> {
        Err(only_looked_up())
    }

    async fn update(&self, _: &Cx, _: &str, _: &Spec, _: &Spec) -> CloudResult<()> {
        Err(only_looked_up())
    }

    async fn delete(&self, _: &Cx, _: &str, _: &Spec) -> CloudResult<()> {
        Err(only_looked_up())
    }
}

fn only_looked_up() -> CloudError {
    CloudError::broken_contract("caller_lookup", "it is only looked up")
}

async fn principal(cx: &Cx, arn: &str) -> CloudResult<String> {
    let Some(role) = Session::of(arn) else { return Ok(arn.to_owned()) };
    let call = cx.clients().iam.get_role().role_name(role.name).send().await.named("IAM.GetRole");
    match call {
        Ok(answer) => Ok(answer.role.map_or_else(|| role.without_path(), |role| role.arn)),
        Err(error) if matches!(error.sort, ErrorSort::Denied | ErrorSort::NotFound) => {
            Ok(role.without_path())
        }
        Err(error) => Err(error),
    }
}

/// The parts of `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
struct Session<'a> {
    partition: &'a str,
    account: &'a str,
    name: &'a str,
}

impl<'a> Session<'a> {
    fn of(arn: &'a str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, "sts", _, account, rest] = parts[..] else { return None };
        let name = rest.strip_prefix("assumed-role/")?.split('/').next()?;
        Some(Self { partition, account, name })
    }

    fn without_path(&self) -> String {
        format!("arn:{}:iam::{}:role/{}", self.partition, self.account, self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::conformance::Ground;
    use super::super::{AnyKind, Erased};
    use super::*;
    use crate::sandbox::aws::iam::ROLE;
    use crate::sandbox::world::{ACCOUNT, GLOBAL, Key};

    async fn looked_up(ground: &Ground) -> serde_json::Value {
        let found = Erased(CallerLookup).find(&ground.cx("caller"), &json!({}), None).await;
        found.expect("answered").expect("there").outputs
    }

    #[tokio::test(start_paused = true)]
    async fn the_role_is_told_with_its_path_where_iam_tells_it() {
        let ground = Ground::new();
        let told = looked_up(&ground).await;
        assert_eq!(told["arn"], "arn:aws:sts::111122223333:assumed-role/Engineer/sandbox");
        assert_eq!(told["principal_arn"], "arn:aws:iam::111122223333:role/Engineer");
        let key =
            Key { account: ACCOUNT.into(), region: GLOBAL.into(), table: ROLE.into(), id: "Engineer".into() };
        let arn = "arn:aws:iam::111122223333:role/teams/Engineer";
        ground.sandbox.world().change(&key, |role| role["Arn"] = json!(arn));
        assert_eq!(looked_up(&ground).await["principal_arn"], arn);
        ground.sandbox.world().remove(&key);
        assert_eq!(looked_up(&ground).await["principal_arn"], "arn:aws:iam::111122223333:role/Engineer");
    }

    #[test]
    fn only_sessions_are_resolved() {
        assert!(Session::of("arn:aws:iam::111122223333:user/a").is_none());
        assert!(Session::of("arn:aws:sts::111122223333:federated-user/a").is_none());
    }
}
