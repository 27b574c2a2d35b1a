//! `Logs`: a thin client of CloudWatch Logs: log groups listed. What is in them is not here.

use aws_types::SdkConfig;
use serde_json::json;

use super::CloudResult;
use super::awsjson::{AwsJson, Named};
use super::watchman::Watchman;

const NAME: Named = Named { service: "CloudWatch Logs", signing: "logs", target: "Logs_20140328" };

/// A client of one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Logs(AwsJson);

impl Logs {
    pub(super) fn new(sdk: &SdkConfig, watchman: &Watchman) -> Self {
        Self(AwsJson::new(&NAME, sdk, watchman))
    }

    /// The names of the log groups that begin with `prefix`.
    pub async fn groups(&self, prefix: &str) -> CloudResult<Vec<String>> {
        let input = json!({ "logGroupNamePrefix": prefix });
        let groups = self.0.pages("DescribeLogGroups", input, "logGroups", "nextToken").await?;
        Ok(groups.iter().filter_map(|group| group["logGroupName"].as_str().map(str::to_owned)).collect())
    }
}
