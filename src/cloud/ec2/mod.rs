//! `Ec2`: a thin EC2 client on the SDK's own orchestrator: the same retries, timeouts, signing and watchman.
//!
//! The EC2 crate of the SDK costs minutes of build for some thirty calls. How requests and answers look is in `forms`.
//! What the kinds ask in common is in `look`.

mod look;

use aws_types::SdkConfig;
use serde_json::Value as Json;

use super::forms::{Forms, Named};
use super::watchman::Watchman;
use super::{CloudError, CloudResult, ErrorSort};

pub use look::{
    Sort, as_written, filter, found_tags, items, look, look_by, look_ids, look_many, retag, specification,
    text, truth,
};

/// Creates that take no client token: sent twice, they make two. They are tried again only after EC2 refused them as
/// too many; where no answer came, the one who called must look for what carries its tags.
const ONCE: &[&str] = &[
    "AllocateAddress",
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateInternetGateway",
    "CreateSecurityGroup",
    "CreateSubnet",
    "CreateVpc",
];

const NAME: Named = Named { service: "EC2", signing: "ec2", version: "2016-11-15", once: ONCE };

/// A client of one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ec2(Forms);

impl Ec2 {
    pub(super) fn new(sdk: &SdkConfig, watchman: &Watchman) -> Self {
        Self(Forms::new(&NAME, sdk, watchman))
    }

    /// Sends one call. `params` is nested JSON in the API's words, lists in the singular as the wire has them:
    /// `{"Filter": [{"Name": "vpc-id", "Value": ["vpc-1"]}]}`. The answer is the content of the response element;
    /// lists are arrays even when empty; numbers and truth values are texts.
    pub async fn call(&self, action: &'static str, params: Json) -> CloudResult<Json> {
        self.0.call(action, &params).await
    }

    /// Sends a call for each page and gives what the list `set` held on all of them.
    pub async fn pages(&self, action: &'static str, params: Json, set: &str) -> CloudResult<Vec<Json>> {
        self.0.pages(action, params, set, ("nextToken", "NextToken")).await
    }
}

/// The id that a create answered, at a path as in `vpc/vpcId`.
pub fn made(action: &'static str, answer: &Json, path: &str) -> CloudResult<String> {
    let id = answer.pointer(&format!("/{path}")).and_then(Json::as_str).filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| {
        CloudError::new(ErrorSort::Other, format!("EC2.{action}"), format!("the answer has no {path}"))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::SystemTime;

    use bytes::Bytes;
    use http::{Request, Response};
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::cloud::{Access, Cloud, Settings};
    use crate::door::{Door, full};
    use crate::graph::Place;

    const THROTTLED: &str = "<Response><Errors><Error><Code>RequestLimitExceeded</Code>\
        <Message>slow</Message></Error></Errors></Response>";

    type Seen = Arc<Mutex<Vec<Request<Bytes>>>>;

    /// A cloud that gives these answers one after the other, the last one for ever.
    fn cloud(answers: &'static [(u16, &'static str)], access: Access) -> (Cloud, Seen) {
        let seen = Seen::default();
        let log = seen.clone();
        let door: Door = Arc::new(move |request| {
            let mut log = log.lock().unwrap();
            let (status, body) = answers[log.len().min(answers.len() - 1)];
            log.push(request);
            Box::pin(async move { Ok(Response::builder().status(status).body(full(body)).unwrap()) })
        });
        let clock = Clock::starting_at(SystemTime::UNIX_EPOCH, 1);
        (Cloud::new(Settings::through(door, clock, "us-west-2", access)), seen)
    }

    fn ec2(cloud: &Cloud) -> Ec2 {
        cloud.clients(&Place { account: None, region: "us-west-2".into() }).ec2
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_a_signed_form_to_the_region() {
        let (cloud, seen) = cloud(&[(200, "<R><vpcSet/></R>")], Access::Read);
        let answer = ec2(&cloud).call("DescribeVpcs", json!({ "VpcId": ["vpc-1"] })).await;
        assert_eq!(answer, Ok(json!({ "vpcSet": [] })));
        let seen = seen.lock().unwrap();
        assert_eq!(seen[0].uri(), "https://ec2.us-west-2.amazonaws.com/");
        assert_eq!(seen[0].body(), "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-1");
        let signature = seen[0].headers()["authorization"].to_str().unwrap();
        assert!(signature.contains("/us-west-2/ec2/aws4_request"), "{signature}");
        assert_eq!(cloud.calls().by_operation()["EC2.DescribeVpcs"], 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_has_code_words_and_meaning() {
        let body = "<?xml version=\"1.0\"?><Response><Errors><Error><Code>InvalidVpcID.NotFound</Code>\
            <Message>The vpc ID 'vpc-1' does not exist</Message></Error></Errors><RequestID>r</RequestID></Response>";
        let (cloud, _) = cloud(Vec::leak(vec![(400, &*String::leak(body.to_owned()))]), Access::Write);
        let error = ec2(&cloud).call("DeleteVpc", json!({ "VpcId": "vpc-1" })).await.unwrap_err();
        assert_eq!((error.sort, error.code.as_str()), (ErrorSort::NotFound, "InvalidVpcID.NotFound"));
        assert_eq!(error.message, "The vpc ID 'vpc-1' does not exist");
        assert_eq!(cloud.calls().total(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_and_broken_servers_are_tried_again() {
        let (cloud, _) =
            cloud(&[(503, THROTTLED), (500, ""), (200, "<R><return>true</return></R>")], Access::Write);
        let answer = ec2(&cloud).call("DeleteVpc", json!({ "VpcId": "vpc-1" })).await;
        assert_eq!(answer, Ok(json!({ "return": "true" })));
        assert_eq!(cloud.calls().total(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_without_token_is_not_sent_again_unless_it_was_refused() {
        let (cloud, _) = cloud(&[(503, THROTTLED), (500, ""), (200, "<R/>")], Access::Write);
        let error = ec2(&cloud).call("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" })).await.unwrap_err();
        assert_eq!(error.sort, ErrorSort::Unreachable);
        assert_eq!(cloud.calls().total(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn pages_are_followed() {
        let pages = &[
            (200, "<R><vpcSet><item><vpcId>a</vpcId></item></vpcSet><nextToken>t</nextToken></R>"),
            (200, "<R><vpcSet><item><vpcId>b</vpcId></item></vpcSet></R>"),
        ];
        let (cloud, seen) = cloud(pages, Access::Read);
        let all = ec2(&cloud).pages("DescribeVpcs", json!({}), "vpcSet").await.unwrap();
        assert_eq!(all, [json!({ "vpcId": "a" }), json!({ "vpcId": "b" })]);
        assert!(seen.lock().unwrap()[1].body().ends_with(b"NextToken=t"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_cannot_write() {
        let (cloud, seen) = cloud(&[(200, "<R/>")], Access::Read);
        let error = ec2(&cloud).call("DeleteVpc", json!({ "VpcId": "vpc-1" })).await.unwrap_err();
        assert_eq!(error.sort, ErrorSort::Bug);
        assert!(seen.lock().unwrap().is_empty());
    }

    #[test]
    fn china_has_its_own_domain_and_a_set_endpoint_wins() {
        use crate::cloud::thin;
        let at = |region: &'static str| SdkConfig::builder().region(aws_types::region::Region::new(region));
        let endpoint = |sdk: &SdkConfig| thin::endpoint("EC2", "ec2", sdk);
        assert_eq!(endpoint(&at("cn-north-1").build()), "https://ec2.cn-north-1.amazonaws.com.cn");
        assert_eq!(
            endpoint(&at("eu-west-1").endpoint_url("http://127.0.0.1:1").build()),
            "http://127.0.0.1:1"
        );
    }
}
