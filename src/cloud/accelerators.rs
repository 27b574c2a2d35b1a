//! `Accelerators`: a thin client of Global Accelerator: standard accelerators listed, and all that takes one down.
//!
//! It answers in one region of the partition for all: see `accelerated`. Other partitions do not have it.

use aws_types::SdkConfig;
use serde_json::{Value as Json, json};

use super::awsjson::{AwsJson, Named};
use super::tagged::tags;
use super::watchman::Watchman;
use super::{CloudResult, ErrorSort, Tags};

const NAME: Named = Named {
    service: "Global Accelerator",
    signing: "globalaccelerator",
    target: "GlobalAccelerator_V20180706",
};

/// The codes that say: not while something else is there, or under way.
const WAITING: &[&str] = &[
    "AcceleratorNotDisabledException",
    "AssociatedEndpointGroupFoundException",
    "AssociatedListenerFoundException",
    "TransactionInProgressException",
];

/// A client of one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Accelerators(AwsJson);

/// An accelerator, as far as anybody here asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accelerator {
    /// Its ARN.
    pub arn: String,
    /// What people call it.
    pub name: String,
    /// Whether it takes traffic.
    pub enabled: bool,
    /// Whether its last change has arrived everywhere.
    pub deployed: bool,
}

impl Accelerators {
    pub(super) fn new(sdk: &SdkConfig, watchman: &Watchman) -> Self {
        Self(AwsJson::new(&NAME, sdk, watchman))
    }

    /// All of them.
    pub async fn all(&self) -> CloudResult<Vec<Accelerator>> {
        Ok(self.list("ListAccelerators", json!({}), "Accelerators").await?.iter().map(accelerator).collect())
    }

    /// The tags of one.
    pub async fn tags_of(&self, arn: &str) -> CloudResult<Tags> {
        let answer = self.call("ListTagsForResource", &json!({ "ResourceArn": arn })).await?;
        Ok(tags(&answer["Tags"]))
    }

    /// One of them.
    pub async fn get(&self, arn: &str) -> CloudResult<Accelerator> {
        let answer = self.call("DescribeAccelerator", &json!({ "AcceleratorArn": arn })).await?;
        Ok(accelerator(&answer["Accelerator"]))
    }

    /// Lets one take no more traffic. That takes some minutes to arrive.
    pub async fn disable(&self, arn: &str) -> CloudResult<()> {
        let input = json!({ "AcceleratorArn": arn, "Enabled": false });
        self.call("UpdateAccelerator", &input).await.map(drop)
    }

    /// The ARNs of the listeners of an accelerator.
    pub async fn listeners(&self, accelerator: &str) -> CloudResult<Vec<String>> {
        let input = json!({ "AcceleratorArn": accelerator });
        Ok(arns(&self.list("ListListeners", input, "Listeners").await?, "ListenerArn"))
    }

    /// The ARNs of the endpoint groups of a listener.
    pub async fn endpoint_groups(&self, listener: &str) -> CloudResult<Vec<String>> {
        let input = json!({ "ListenerArn": listener });
        Ok(arns(&self.list("ListEndpointGroups", input, "EndpointGroups").await?, "EndpointGroupArn"))
    }

    /// Deletes an endpoint group.
    pub async fn delete_endpoint_group(&self, arn: &str) -> CloudResult<()> {
        self.call("DeleteEndpointGroup", &json!({ "EndpointGroupArn": arn })).await.map(drop)
    }

    /// Deletes a listener that has no endpoint group.
    pub async fn delete_listener(&self, arn: &str) -> CloudResult<()> {
        self.call("DeleteListener", &json!({ "ListenerArn": arn })).await.map(drop)
    }

    /// Deletes an accelerator that takes no traffic and has no listener. Its addresses are lost with it.
    pub async fn delete(&self, arn: &str) -> CloudResult<()> {
        self.call("DeleteAccelerator", &json!({ "AcceleratorArn": arn })).await.map(drop)
    }

    async fn call(&self, action: &'static str, input: &Json) -> CloudResult<Json> {
        self.0.call(action, input).await.map_err(|error| {
            let waits = WAITING.contains(&error.code.as_str());
            if waits { error.meaning(ErrorSort::InUse) } else { error }
        })
    }

    async fn list(&self, action: &'static str, input: Json, field: &str) -> CloudResult<Vec<Json>> {
        self.0.pages(action, input, field, "NextToken").await
    }
}

fn accelerator(told: &Json) -> Accelerator {
    let text = |field: &str| told[field].as_str().unwrap_or_default().to_owned();
    Accelerator {
        arn: text("AcceleratorArn"),
        name: text("Name"),
        enabled: told["Enabled"] == true,
        deployed: told["Status"] == "DEPLOYED",
    }
}

fn arns(told: &[Json], field: &str) -> Vec<String> {
    told.iter().filter_map(|one| one[field].as_str().map(str::to_owned)).collect()
}
