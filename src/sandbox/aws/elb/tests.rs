//! The service through the real client, in simulated time.

use std::time::{Duration, SystemTime};

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, Certificate, LoadBalancerSchemeEnum, ProtocolEnum, Tag, TargetDescription,
};
use serde_json::json;

use crate::clock::Clock;
use crate::cloud::{Access, Cloud, CloudError, Named, Settings};
use crate::graph::Place;
use crate::sandbox::Sandbox;
use crate::sandbox::world::{ACCOUNT, Here};

/// A sandbox with a VPC of two subnets, a security group and an issued certificate.
fn setting() -> (Sandbox, Client) {
    let sandbox = Sandbox::fresh(Clock::starting_at(SystemTime::UNIX_EPOCH, 1));
    let mut world = sandbox.world();
    let mut here = Here {
        world: &mut world,
        account: ACCOUNT.into(),
        region: "us-west-2".into(),
        principal: String::new(),
    };
    for (id, zone) in [("subnet-a", "us-west-2a"), ("subnet-b", "us-west-2b")] {
        let subnet = json!({ "subnetId": id, "vpcId": "vpc-1", "availabilityZone": zone });
        here.put("ec2/subnet", id, subnet);
    }
    here.put("ec2/security-group", "sg-1", json!({ "groupId": "sg-1", "groupName": "web" }));
    here.put("acm/certificate", "arn:issued", json!({ "Status": "ISSUED" }));
    here.put("acm/certificate", "arn:pending", json!({ "Status": "PENDING_VALIDATION" }));
    drop(world);
    let cloud = Cloud::new(Settings::through(sandbox.door(), sandbox.clock(), "us-west-2", Access::Write));
    let client = cloud.clients(&Place { account: None, region: "us-west-2".into() }).elb.clone();
    (sandbox, client)
}

async fn balancer(client: &Client) -> String {
    let made = client
        .create_load_balancer()
        .name("web")
        .subnets("subnet-a")
        .subnets("subnet-b")
        .security_groups("sg-1")
        .scheme(LoadBalancerSchemeEnum::InternetFacing)
        .tags(Tag::builder().key("a").value("b").build())
        .send()
        .await
        .expect("it is made");
    made.load_balancers()[0].load_balancer_arn().expect("it has one").to_owned()
}

fn interfaces(sandbox: &Sandbox) -> usize {
    sandbox.world().table(ACCOUNT, "us-west-2", "ec2/network-interface").count()
}

fn code<T>(result: Result<T, CloudError>) -> String {
    result.err().map(|error| error.code).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_is_active_after_a_while_and_its_interfaces_outlive_it() {
    let (sandbox, client) = setting();
    let arn = balancer(&client).await;
    let state = async || {
        let told =
            client.describe_load_balancers().load_balancer_arns(&arn).send().await.expect("it is told");
        let one = told.load_balancers()[0].clone();
        assert_eq!(one.canonical_hosted_zone_id(), Some("Z1H1FL5HABSF5"));
        assert!(one.dns_name().expect("it has one").ends_with(".us-west-2.elb.amazonaws.com"));
        one.state().and_then(|state| state.code()).expect("it has one").as_str().to_owned()
    };
    assert_eq!(state().await, "provisioning");
    tokio::time::sleep(Duration::from_secs(151)).await;
    assert_eq!(state().await, "active");
    assert_eq!(interfaces(&sandbox), 2);
    client.delete_load_balancer().load_balancer_arn(&arn).send().await.expect("it is deleted");
    let gone = client.describe_load_balancers().load_balancer_arns(&arn).send().await.named("x");
    assert_eq!(code(gone), "LoadBalancerNotFound");
    assert_eq!(interfaces(&sandbox), 2);
    tokio::time::sleep(Duration::from_secs(41)).await;
    assert_eq!(interfaces(&sandbox), 0);
}

#[tokio::test(start_paused = true)]
async fn names_are_taken_once_and_protection_protects() {
    let (_, client) = setting();
    let arn = balancer(&client).await;
    assert_eq!(balancer(&client).await, arn);
    let other = client
        .create_load_balancer()
        .name("web")
        .subnets("subnet-a")
        .subnets("subnet-b")
        .scheme(LoadBalancerSchemeEnum::Internal)
        .send()
        .await
        .named("x");
    assert_eq!(code(other), "DuplicateLoadBalancerName");
    let attribute = aws_sdk_elasticloadbalancingv2::types::LoadBalancerAttribute::builder()
        .key("deletion_protection.enabled")
        .value("true")
        .build();
    let call = client.modify_load_balancer_attributes().load_balancer_arn(&arn).attributes(attribute);
    call.send().await.expect("it is changed");
    let kept = client.delete_load_balancer().load_balancer_arn(&arn).send().await.named("x");
    assert_eq!(code(kept), "OperationNotPermitted");
}

#[tokio::test(start_paused = true)]
async fn a_target_group_in_use_stays_and_a_certificate_must_be_issued() {
    let (_, client) = setting();
    let arn = balancer(&client).await;
    let group = client
        .create_target_group()
        .name("web")
        .protocol(ProtocolEnum::Http)
        .port(8080)
        .vpc_id("vpc-1")
        .send()
        .await
        .expect("it is made");
    let group = group.target_groups()[0].target_group_arn().expect("it has one").to_owned();
    let listener = |certificate: &str| {
        client
            .create_listener()
            .load_balancer_arn(&arn)
            .port(443)
            .protocol(ProtocolEnum::Https)
            .certificates(Certificate::builder().certificate_arn(certificate).build())
            .default_actions(
                Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(&group).build(),
            )
            .send()
    };
    assert_eq!(code(listener("arn:none").await.named("x")), "CertificateNotFound");
    assert_eq!(code(listener("arn:pending").await.named("x")), "UnsupportedCertificate");
    let made = listener("arn:issued").await.expect("it is made");
    assert_eq!(made.listeners()[0].port(), Some(443));
    let kept = client.delete_target_group().target_group_arn(&group).send().await.named("x");
    assert_eq!(code(kept), "ResourceInUse");

    let target = TargetDescription::builder().id("10.0.0.9").port(8080).build();
    client.register_targets().target_group_arn(&group).targets(target).send().await.expect("it is in");
    tokio::time::sleep(Duration::from_secs(31)).await;
    let health = client.describe_target_health().target_group_arn(&group).send().await.expect("it is told");
    let state = health.target_health_descriptions()[0].target_health().and_then(|health| health.state());
    assert_eq!(state.map(|state| state.as_str()), Some("healthy"));

    client.delete_load_balancer().load_balancer_arn(&arn).send().await.expect("it is deleted");
    client.delete_target_group().target_group_arn(&group).send().await.expect("it is free now");
}

#[tokio::test(start_paused = true)]
async fn tags_are_told_for_twenty_and_pages_are_kept() {
    let (_, client) = setting();
    let arn = balancer(&client).await;
    client
        .add_tags()
        .resource_arns(&arn)
        .tags(Tag::builder().key("c").value("d").build())
        .send()
        .await
        .expect("it is tagged");
    client.remove_tags().resource_arns(&arn).tag_keys("a").send().await.expect("it is untagged");
    let told = client.describe_tags().resource_arns(&arn).send().await.expect("it is told");
    let tags = told.tag_descriptions()[0].tags();
    assert_eq!((tags.len(), tags[0].key()), (1, Some("c")));
    let many = client.describe_tags().set_resource_arns(Some(vec![arn.clone(); 21])).send().await.named("x");
    assert_eq!(code(many), "ValidationError");
    for number in 0..3 {
        let call = client.create_target_group().name(format!("g{number}")).port(80).vpc_id("vpc-1");
        call.protocol(ProtocolEnum::Http).send().await.expect("it is made");
    }
    let first = client.describe_target_groups().page_size(2).send().await.expect("it is told");
    assert_eq!(first.target_groups().len(), 2);
    let rest = client.describe_target_groups().marker(first.next_marker().expect("there is more"));
    assert_eq!(rest.send().await.expect("it is told").target_groups().len(), 1);
}
