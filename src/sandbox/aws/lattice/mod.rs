//! VPC Lattice: service networks, services, listeners, rules, target groups and what ties them together.
//!
//! Documents are what the `Get` operations answer; `_tags` holds the tags, `_policy` the auth policy, `_targets` the
//! targets of a group. Whoever acts inside of the cloud, as the simulated controllers do, uses `call`.

mod listener;
mod logs;
mod network;
mod service;
mod target_group;
mod thing;
mod vpc_association;

use serde_json::Value as Json;

use super::{Answer, Operation, Protocol, Refusal, Service};
use crate::sandbox::world::Here;

pub use service::HOSTED_ZONE;
pub use target_group::{DRAINED, drained};

/// The service.
pub const SERVICE: Service =
    Service { scope: "vpc-lattice", protocol: Protocol::RestJson { epoch: false }, operations: OPERATIONS };

/// Does an operation by its name, with the input of the API: for those who act inside of the cloud.
pub fn call(here: &mut Here<'_>, name: &str, input: &Json) -> Answer {
    let operation = OPERATIONS.iter().find(|operation| operation.name == name);
    let operation = operation
        .ok_or_else(|| Refusal::new(404, "UnknownOperationException", format!("no operation {name}")))?;
    (operation.handle)(here, input)
}

const fn op(name: &'static str, path: &'static str, handle: fn(&mut Here<'_>, &Json) -> Answer) -> Operation {
    Operation { name, path, handle }
}

const OPERATIONS: &[Operation] = &[
    op("CreateServiceNetwork", "POST /servicenetworks", network::create),
    op("GetServiceNetwork", "GET /servicenetworks/{serviceNetworkIdentifier}", network::get),
    op("ListServiceNetworks", "GET /servicenetworks", network::list),
    op("UpdateServiceNetwork", "PATCH /servicenetworks/{serviceNetworkIdentifier}", network::update),
    op("DeleteServiceNetwork", "DELETE /servicenetworks/{serviceNetworkIdentifier}", network::delete),
    op("CreateServiceNetworkVpcAssociation", "POST /servicenetworkvpcassociations", vpc_association::create),
    op(
        "GetServiceNetworkVpcAssociation",
        "GET /servicenetworkvpcassociations/{serviceNetworkVpcAssociationIdentifier}",
        vpc_association::get,
    ),
    op("ListServiceNetworkVpcAssociations", "GET /servicenetworkvpcassociations", vpc_association::list),
    op(
        "UpdateServiceNetworkVpcAssociation",
        "PATCH /servicenetworkvpcassociations/{serviceNetworkVpcAssociationIdentifier}",
        vpc_association::update,
    ),
    op(
        "DeleteServiceNetworkVpcAssociation",
        "DELETE /servicenetworkvpcassociations/{serviceNetworkVpcAssociationIdentifier}",
        vpc_association::delete,
    ),
    op("CreateService", "POST /services", service::create),
    op("GetService", "GET /services/{serviceIdentifier}", service::get),
    op("ListServices", "GET /services", service::list),
    op("UpdateService", "PATCH /services/{serviceIdentifier}", service::update),
    op("DeleteService", "DELETE /services/{serviceIdentifier}", service::delete),
    op(
        "CreateServiceNetworkServiceAssociation",
        "POST /servicenetworkserviceassociations",
        service::associate,
    ),
    op(
        "GetServiceNetworkServiceAssociation",
        "GET /servicenetworkserviceassociations/{serviceNetworkServiceAssociationIdentifier}",
        service::get_association,
    ),
    op(
        "ListServiceNetworkResourceAssociations",
        "GET /servicenetworkresourceassociations",
        network::list_resources,
    ),
    op(
        "ListServiceNetworkVpcEndpointAssociations",
        "GET /servicenetworkvpcendpointassociations",
        network::list_endpoints,
    ),
    op(
        "ListServiceNetworkServiceAssociations",
        "GET /servicenetworkserviceassociations",
        service::list_associations,
    ),
    op(
        "DeleteServiceNetworkServiceAssociation",
        "DELETE /servicenetworkserviceassociations/{serviceNetworkServiceAssociationIdentifier}",
        service::dissociate,
    ),
    op("CreateListener", "POST /services/{serviceIdentifier}/listeners", listener::create),
    op("GetListener", "GET /services/{serviceIdentifier}/listeners/{listenerIdentifier}", listener::get),
    op("ListListeners", "GET /services/{serviceIdentifier}/listeners", listener::list),
    op(
        "UpdateListener",
        "PATCH /services/{serviceIdentifier}/listeners/{listenerIdentifier}",
        listener::update,
    ),
    op(
        "DeleteListener",
        "DELETE /services/{serviceIdentifier}/listeners/{listenerIdentifier}",
        listener::delete,
    ),
    op(
        "CreateRule",
        "POST /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules",
        listener::create_rule,
    ),
    op(
        "GetRule",
        "GET /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules/{ruleIdentifier}",
        listener::get_rule,
    ),
    op(
        "ListRules",
        "GET /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules",
        listener::list_rules,
    ),
    op(
        "UpdateRule",
        "PATCH /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules/{ruleIdentifier}",
        listener::update_rule,
    ),
    op(
        "BatchUpdateRule",
        "PATCH /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules",
        listener::batch_update_rule,
    ),
    op(
        "DeleteRule",
        "DELETE /services/{serviceIdentifier}/listeners/{listenerIdentifier}/rules/{ruleIdentifier}",
        listener::delete_rule,
    ),
    op("CreateTargetGroup", "POST /targetgroups", target_group::create),
    op("GetTargetGroup", "GET /targetgroups/{targetGroupIdentifier}", target_group::get),
    op("ListTargetGroups", "GET /targetgroups", target_group::list),
    op("UpdateTargetGroup", "PATCH /targetgroups/{targetGroupIdentifier}", target_group::update),
    op("DeleteTargetGroup", "DELETE /targetgroups/{targetGroupIdentifier}", target_group::delete),
    op(
        "RegisterTargets",
        "POST /targetgroups/{targetGroupIdentifier}/registertargets",
        target_group::register,
    ),
    op(
        "DeregisterTargets",
        "POST /targetgroups/{targetGroupIdentifier}/deregistertargets",
        target_group::deregister,
    ),
    op("ListTargets", "POST /targetgroups/{targetGroupIdentifier}/listtargets", target_group::list_targets),
    op("PutAuthPolicy", "PUT /authpolicy/{resourceIdentifier}", logs::put_policy),
    op("GetAuthPolicy", "GET /authpolicy/{resourceIdentifier}", logs::get_policy),
    op("DeleteAuthPolicy", "DELETE /authpolicy/{resourceIdentifier}", logs::delete_policy),
    op("CreateAccessLogSubscription", "POST /accesslogsubscriptions", logs::subscribe),
    op(
        "GetAccessLogSubscription",
        "GET /accesslogsubscriptions/{accessLogSubscriptionIdentifier}",
        logs::get_logs,
    ),
    op("ListAccessLogSubscriptions", "GET /accesslogsubscriptions", logs::list_logs),
    op(
        "UpdateAccessLogSubscription",
        "PATCH /accesslogsubscriptions/{accessLogSubscriptionIdentifier}",
        logs::update_logs,
    ),
    op(
        "DeleteAccessLogSubscription",
        "DELETE /accesslogsubscriptions/{accessLogSubscriptionIdentifier}",
        logs::unsubscribe,
    ),
    op("TagResource", "POST /tags/{resourceArn}", logs::tag),
    op("UntagResource", "DELETE /tags/{resourceArn}", logs::untag),
    op("ListTagsForResource", "GET /tags/{resourceArn}", logs::list_tags),
];

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_sdk_vpclattice::Client;
    use aws_sdk_vpclattice::types::{
        FixedResponseAction, ForwardAction, HttpMatch, ListenerProtocol, PathMatch, PathMatchType,
        RuleAction, RuleMatch, RuleUpdate, Target, TargetGroupConfig, TargetGroupProtocol, TargetGroupType,
        WeightedTargetGroup,
    };
    use serde_json::json;

    use crate::clock::Clock;
    use crate::cloud::{Access, Cloud, CloudError, Named, Settings};
    use crate::graph::Place;
    use crate::sandbox::{Here, Sandbox};

    fn client() -> (Sandbox, Client) {
        let sandbox = Sandbox::fresh(Clock::starting_at(SystemTime::UNIX_EPOCH, 1));
        {
            let mut world = sandbox.world();
            let mut here = Here {
                world: &mut world,
                account: "111122223333".into(),
                region: "us-west-2".into(),
                principal: String::new(),
            };
            here.put("ec2/vpc", "vpc-1", json!({"vpcId": "vpc-1"}));
        }
        let settings = Settings::through(sandbox.door(), sandbox.clock(), "us-west-2", Access::Write);
        let place = Place { account: None, region: "us-west-2".into() };
        let client = Cloud::new(settings).clients(&place).lattice;
        (sandbox, client)
    }

    async fn pass(sandbox: &Sandbox, seconds: u64) {
        sandbox.clock().sleep(Duration::from_secs(seconds)).await;
    }

    async fn target_group(client: &Client, sandbox: &Sandbox) -> String {
        let config = TargetGroupConfig::builder().protocol(TargetGroupProtocol::Http).port(8080);
        let call = client.create_target_group().name("cart").r#type(TargetGroupType::Ip);
        let made = call.config(config.vpc_identifier("vpc-1").build()).send().await.expect("it is made");
        pass(sandbox, 6).await;
        made.arn.expect("an ARN")
    }

    async fn service(client: &Client, sandbox: &Sandbox) -> String {
        let call = client.create_service().name("cart-shop").custom_domain_name("cart.api.example.com");
        let made = call.send().await.expect("it is made");
        let domain = made.dns_entry.and_then(|entry| entry.domain_name).expect("a domain");
        let id = made.id.expect("an id");
        assert!(domain.starts_with(&format!("cart-shop-{}", id.trim_start_matches("svc-"))), "{domain}");
        assert!(domain.ends_with(".vpc-lattice-svcs.us-west-2.on.aws"), "{domain}");
        assert_eq!(made.status.expect("a status").as_str(), "CREATE_IN_PROGRESS");
        pass(sandbox, 6).await;
        id
    }

    fn forward(group: &str) -> RuleAction {
        let group = WeightedTargetGroup::builder().target_group_identifier(group).weight(9).build();
        let action = ForwardAction::builder().target_groups(group.expect("it is whole")).build();
        RuleAction::Forward(action.expect("it is whole"))
    }

    fn refused<T: std::fmt::Debug>(answer: Result<T, CloudError>, code: &str) {
        assert_eq!(answer.expect_err("it is refused").code, code);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_goes_in_order_only() {
        let (sandbox, client) = client();
        let group = target_group(&client, &sandbox).await;
        let service = service(&client, &sandbox).await;
        let network = client.create_service_network().name("core").send().await.expect("a network");
        let network = network.id.expect("an id");
        let call = client
            .create_listener()
            .service_identifier(&service)
            .name("http")
            .default_action(forward(&group));
        let listener = call.protocol(ListenerProtocol::Http).send().await.expect("a listener");
        assert_eq!(listener.port, Some(80));
        let call = client.create_service_network_service_association().service_identifier(&service);
        let association = call.service_network_identifier(&network).send().await.expect("an association");
        pass(&sandbox, 21).await;

        let target = Target::builder().id("10.0.0.7").build().expect("it is whole");
        let call = client.register_targets().target_group_identifier(&group).targets(target.clone());
        call.send().await.expect("it is registered");
        let status = async || {
            let answer = client.list_targets().target_group_identifier(&group).send().await.expect("targets");
            answer.items().first().and_then(|item| item.status().map(|status| status.as_str().to_owned()))
        };
        assert_eq!(status().await.as_deref(), Some("INITIAL"));
        pass(&sandbox, 21).await;
        assert_eq!(status().await.as_deref(), Some("HEALTHY"));

        let delete_service =
            async || client.delete_service().service_identifier(&service).send().await.named("");
        let delete_group =
            async || client.delete_target_group().target_group_identifier(&group).send().await.named("");
        refused(delete_service().await, "ConflictException");
        refused(delete_group().await, "ConflictException");
        refused(
            client.delete_service_network().service_network_identifier(&network).send().await.named(""),
            "ConflictException",
        );
        let call = client.delete_service_network_service_association();
        let call = call.service_network_service_association_identifier(association.id.expect("an id"));
        call.send().await.expect("it goes");
        refused(delete_service().await, "ConflictException");
        pass(&sandbox, 21).await;
        delete_service().await.expect("it goes");
        refused(delete_group().await, "ConflictException");
        let call = client.deregister_targets().target_group_identifier(&group).targets(target);
        call.send().await.expect("it is deregistered");
        assert_eq!(status().await.as_deref(), Some("DRAINING"));
        pass(&sandbox, 31).await;
        delete_group().await.expect("it goes");
        client.delete_service_network().service_network_identifier(&network).send().await.expect("it goes");
        pass(&sandbox, 60).await;
        let left = sandbox.world().all().filter(|(key, _)| key.table.starts_with("lattice/")).count();
        assert_eq!(left, 0, "listeners and rules go with their service");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_good_for_one_request() {
        let (_, client) = client();
        let create = async |name: &str, token: &str| {
            let call = client.create_service_network().name(name).client_token(token);
            call.send().await.named("").map(|made| made.id)
        };
        let first = create("core", "token-1").await.expect("it is made");
        assert_eq!(create("core", "token-1").await.expect("it is the same"), first);
        refused(create("other", "token-1").await, "ConflictException");
        refused(create("core", "token-2").await, "ConflictException");
        refused(create("Bad_Name", "token-3").await, "ValidationException");
    }

    #[tokio::test(start_paused = true)]
    async fn lists_come_in_pages_and_tags_by_arn() {
        let (_, client) = client();
        let mut arns = Vec::new();
        for name in ["core", "edge", "other"] {
            let made = client.create_service_network().name(name).tags("a", "1").send().await;
            arns.push(made.expect("it is made").arn.expect("an ARN"));
        }
        let first = client.list_service_networks().max_results(2).send().await.expect("a page");
        assert_eq!(first.items().len(), 2);
        let call = client.list_service_networks().max_results(2).set_next_token(first.next_token);
        let second = call.send().await.expect("a page");
        assert_eq!((second.items().len(), second.next_token), (1, None));

        client.tag_resource().resource_arn(&arns[0]).tags("b", "2").send().await.expect("a tag");
        client
            .untag_resource()
            .resource_arn(&arns[0])
            .tag_keys("a")
            .tag_keys("c")
            .send()
            .await
            .expect("gone");
        let tags = client.list_tags_for_resource().resource_arn(&arns[0]).send().await.expect("tags");
        assert_eq!(tags.tags, Some([("b".to_owned(), "2".to_owned())].into()));
        let wrong = arns[0].replace("us-west-2", "us-east-1");
        let answer = client.list_tags_for_resource().resource_arn(wrong).send().await.named("");
        refused(answer, "ResourceNotFoundException");
    }

    #[tokio::test(start_paused = true)]
    async fn rules_have_one_priority_each_and_change_places_together() {
        let (sandbox, client) = client();
        let service = service(&client, &sandbox).await;
        let missing = FixedResponseAction::builder().status_code(404).build().expect("it is whole");
        let action = RuleAction::FixedResponse(missing);
        let call =
            client.create_listener().service_identifier(&service).name("http").default_action(action.clone());
        let listener =
            call.protocol(ListenerProtocol::Http).send().await.expect("a listener").id.expect("an id");
        let path = PathMatch::builder().r#match(PathMatchType::Prefix("/a".into())).build();
        let wanted = RuleMatch::HttpMatch(HttpMatch::builder().path_match(path).build());
        let create = async |name: &str, priority: i32| {
            let call = client.create_rule().service_identifier(&service).listener_identifier(&listener);
            let call = call.name(name).priority(priority).action(action.clone()).r#match(wanted.clone());
            call.send().await.named("").map(|made| made.id.expect("an id"))
        };
        let one = create("one", 1).await.expect("a rule");
        let two = create("two", 2).await.expect("a rule");
        refused(create("three", 2).await, "ConflictException");
        refused(create("one", 3).await, "ConflictException");

        let swap = |id: &str, priority: i32| {
            RuleUpdate::builder().rule_identifier(id).priority(priority).build().expect("it is whole")
        };
        let call = client.batch_update_rule().service_identifier(&service).listener_identifier(&listener);
        let done = call.rules(swap(&one, 2)).rules(swap(&two, 1)).send().await.expect("they change places");
        assert_eq!(done.successful().len(), 2);
        let call = client.get_rule().service_identifier(&service).listener_identifier(&listener);
        let rule = call.rule_identifier(&one).send().await.expect("the rule");
        assert_eq!((rule.priority, rule.r#match), (Some(2), Some(wanted)));
        let call = client.list_rules().service_identifier(&service).listener_identifier(&listener);
        let rules = call.send().await.expect("rules");
        assert_eq!(rules.items().iter().filter(|rule| rule.is_default() == Some(true)).count(), 1);
        assert_eq!(rules.items().len(), 3);
    }
}
