//! CloudWatch Logs: log groups by name. What is written into them is not here.

use serde_json::{Value as Json, json};

use super::wire::{number, page};
use super::{Answer, Operation, Protocol, Refusal, Service};
use crate::sandbox::world::Here;

/// The table of log groups, by name.
pub const GROUP: &str = "logs/group";

/// The service.
pub const SERVICE: Service = Service {
    scope: "logs",
    protocol: Protocol::AwsJson,
    operations: &[
        Operation { name: "CreateLogGroup", path: "", handle: create },
        Operation { name: "DeleteLogGroup", path: "", handle: delete },
        Operation { name: "DescribeLogGroups", path: "", handle: describe },
    ],
};

/// The name of an input, as Logs takes it.
fn name(input: &Json) -> Result<&str, Refusal> {
    let name = input["logGroupName"].as_str().unwrap_or_default();
    let lawful = |c: char| c.is_ascii_alphanumeric() || "_-/.#".contains(c);
    if (1..=512).contains(&name.len()) && name.chars().all(lawful) {
        return Ok(name);
    }
    let words = format!("1 validation error detected: Value '{name}' at 'logGroupName' is not valid");
    Err(Refusal::bad("InvalidParameterException", words))
}

fn create(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = name(input)?;
    if here.get(GROUP, name).is_some() {
        let words = "The specified log group already exists";
        return Err(Refusal::bad("ResourceAlreadyExistsException", words));
    }
    let arn = format!("arn:aws:logs:{}:{}:log-group:{name}:*", here.region, here.account);
    let at = here.world.now();
    here.put(GROUP, name, json!({ "logGroupName": name, "arn": arn, "creationTime": at, "storedBytes": 0 }));
    Ok(json!({}))
}

fn delete(here: &mut Here<'_>, input: &Json) -> Answer {
    let name = name(input)?;
    match here.remove(GROUP, name) {
        Some(_) => Ok(json!({})),
        None => Err(Refusal::bad("ResourceNotFoundException", "The specified log group does not exist.")),
    }
}

/// By the beginning of their names; fifty a page at most.
fn describe(here: &mut Here<'_>, input: &Json) -> Answer {
    let prefix = input["logGroupNamePrefix"].as_str().unwrap_or_default();
    let mut groups = here.list(GROUP);
    groups.retain(|group| group["logGroupName"].as_str().is_some_and(|name| name.starts_with(prefix)));
    let most = number(&input["limit"]).and_then(|most| usize::try_from(most).ok()).unwrap_or(50);
    if most > 50 {
        let words = format!("1 validation error detected: Value '{most}' at 'limit' must be at most 50");
        return Err(Refusal::bad("InvalidParameterException", words));
    }
    let (groups, next) = page(groups, input["nextToken"].as_str(), Some(most));
    let mut answer = json!({ "logGroups": groups });
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{GROUP, create, delete};
    use crate::cloud::ErrorSort;
    use crate::kind::conformance::Ground;
    use crate::sandbox::world::{ACCOUNT, Here};

    #[tokio::test(start_paused = true)]
    async fn the_real_client_lists_by_prefix_and_page() {
        let ground = Ground::new();
        {
            let mut world = ground.sandbox.world();
            let mut here = Here {
                world: &mut world,
                account: ACCOUNT.into(),
                region: "us-west-2".into(),
                principal: String::new(),
            };
            for at in 0..60 {
                let name = format!("/aws/eks/edge-{at:02}/cluster");
                create(&mut here, &json!({ "logGroupName": name })).expect("it is made");
            }
            create(&mut here, &json!({ "logGroupName": "/other" })).expect("it is made");
            let twice = create(&mut here, &json!({ "logGroupName": "/other" })).expect_err("it is there");
            assert_eq!(twice.code, "ResourceAlreadyExistsException");
            delete(&mut here, &json!({ "logGroupName": "/aws/eks/edge-00/cluster" })).expect("it goes");
            assert!(here.get(GROUP, "/aws/eks/edge-00/cluster").is_none());
        }
        let logs = ground.cx("logs").clients().logs;
        assert_eq!(logs.groups("/aws/eks/").await.expect("they are told").len(), 59);
        assert_eq!(logs.groups("/aws/eks/edge-1").await.expect("they are told").len(), 10);
        assert_eq!(ground.cloud.calls().by_operation()["CloudWatch Logs.DescribeLogGroups"], 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_denied_call_is_told_as_denied() {
        use crate::sandbox::{Effect, Fault};
        let ground = Ground::new();
        let operation = "logs.DescribeLogGroups".to_owned();
        let fault = Fault { operation, skip: 0, times: u32::MAX, effect: Effect::Denied };
        ground.sandbox.world().faults.list.push(fault);
        let error = ground.cx("logs").clients().logs.groups("/").await.expect_err("it is refused");
        assert_eq!((error.sort, error.code.as_str()), (ErrorSort::Denied, "AccessDeniedException"));
    }
}
