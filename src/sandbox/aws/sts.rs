//! STS: who the caller is, and roles to assume. Every caller with any credentials is let in.

use serde_json::{Value as Json, json};

use super::{Answer, Operation, Protocol, Refusal, Service};
use crate::sandbox::world::{Here, timestamp};

/// The service.
pub const SERVICE: Service = Service {
    scope: "sts",
    protocol: Protocol::Query { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" },
    operations: &[
        Operation { name: "GetCallerIdentity", path: "", handle: get_caller_identity },
        Operation { name: "AssumeRole", path: "", handle: assume_role },
    ],
};

fn get_caller_identity(here: &mut Here<'_>, _: &Json) -> Answer {
    Ok(json!({ "Arn": here.principal, "UserId": "AIDASANDBOX", "Account": here.account }))
}

/// The access key of a session carries the account, which is how later calls are known to come from there.
fn assume_role(here: &mut Here<'_>, input: &Json) -> Answer {
    let arn = input["RoleArn"].as_str().unwrap_or_default();
    let session = input["RoleSessionName"].as_str().unwrap_or("session");
    let (Some(account), Some(role)) = (arn.split(':').nth(4), arn.rsplit('/').next()) else {
        return Err(Refusal::bad("ValidationError", format!("{arn} is invalid")));
    };
    Ok(json!({
        "Credentials": {
            "AccessKeyId": format!("ASIA{account}"),
            "SecretAccessKey": "sandbox",
            "SessionToken": format!("{account}/{role}/{session}"),
            "Expiration": timestamp(here.world.now() + 3_600_000),
        },
        "AssumedRoleUser": {
            "AssumedRoleId": format!("AROASANDBOX:{session}"),
            "Arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{session}"),
        },
    }))
}
