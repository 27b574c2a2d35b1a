//! `Classic`: a thin client of Classic Load Balancers, the older API on the host of Elastic Load Balancing.

use aws_types::SdkConfig;
use serde_json::{Value as Json, json};

use super::forms::{Forms, Named};
use super::tagged::tags;
use super::watchman::Watchman;
use super::{CloudResult, Tags};

const NAME: Named = Named {
    service: "Elastic Load Balancing",
    signing: "elasticloadbalancing",
    version: "2012-06-01",
    once: &[],
};

/// A client of one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Classic(Forms);

/// A load balancer, as far as anybody here asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balancer {
    /// Its name, by which it is told from all others of the account and region.
    pub name: String,
    /// The VPC it is in.
    pub vpc: Option<String>,
}

impl Classic {
    pub(super) fn new(sdk: &SdkConfig, watchman: &Watchman) -> Self {
        Self(Forms::new(&NAME, sdk, watchman))
    }

    /// All of them.
    pub async fn all(&self) -> CloudResult<Vec<Balancer>> {
        let (set, token) = ("LoadBalancerDescriptions", ("NextMarker", "Marker"));
        let told = self.0.pages("DescribeLoadBalancers", json!({ "PageSize": 400 }), set, token).await?;
        let text = |one: &Json, field: &str| one[field].as_str().map(str::to_owned);
        let balancer = |one: &Json| Balancer {
            name: text(one, "LoadBalancerName").unwrap_or_default(),
            vpc: text(one, "VPCId").filter(|vpc| !vpc.is_empty()),
        };
        Ok(told.iter().map(balancer).collect())
    }

    /// The tags of some, at most twenty, by name. One that is not there refuses them all.
    pub async fn tags_of(&self, names: &[&str]) -> CloudResult<Vec<(String, Tags)>> {
        let answer =
            self.0.call("DescribeTags", &json!({ "LoadBalancerNames": { "member": names } })).await?;
        let told = answer["TagDescriptions"].as_array().into_iter().flatten();
        let name = |one: &Json| one["LoadBalancerName"].as_str().unwrap_or_default().to_owned();
        Ok(told.map(|one| (name(one), tags(&one["Tags"]))).collect())
    }

    /// Deletes one; one that is not there is a success.
    pub async fn delete(&self, name: &str) -> CloudResult<()> {
        self.0.call("DeleteLoadBalancer", &json!({ "LoadBalancerName": name })).await.map(drop)
    }
}
