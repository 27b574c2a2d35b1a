//! `Tagged`: a thin client of Resource Groups Tagging: what of some types carries tags in a region, with all its tags.
//!
//! What it tells lags behind the services by minutes, and it tells of what once had tags too: who wants to be sure asks
//! the service of each thing.

use aws_types::SdkConfig;
use serde_json::{Value as Json, json};

use super::awsjson::{AwsJson, Named};
use super::watchman::Watchman;
use super::{CloudResult, Tags};

const NAME: Named = Named {
    service: "Resource Groups Tagging API",
    signing: "tagging",
    target: "ResourceGroupsTaggingAPI_20170126",
};

/// A client of one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tagged(AwsJson);

impl Tagged {
    pub(super) fn new(sdk: &SdkConfig, watchman: &Watchman) -> Self {
        Self(AwsJson::new(&NAME, sdk, watchman))
    }

    /// The ARNs and tags of everything of these types, `iam:policy`. Several filters would have to fit all at once, so
    /// there are none by tag.
    pub async fn of_types(&self, types: &[&str]) -> CloudResult<Vec<(String, Tags)>> {
        let input = json!({ "ResourceTypeFilters": types, "ResourcesPerPage": 100 });
        let (list, token) = ("ResourceTagMappingList", "PaginationToken");
        let found = self.0.pages("GetResources", input, list, token).await?;
        Ok(found.iter().map(|one| (text(one, "ResourceARN"), tags(&one["Tags"]))).collect())
    }
}

fn text(json: &Json, field: &str) -> String {
    json[field].as_str().unwrap_or_default().to_owned()
}

/// `[{Key, Value}]` as tags.
pub(super) fn tags(list: &Json) -> Tags {
    let list = list.as_array().into_iter().flatten();
    list.map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}
