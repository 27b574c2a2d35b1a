//! The load balancer controller.

use serde_json::{Value as Json, json};

use super::super::cluster::{
    BALANCER_CONFIG, BINDING, CLASS, DEPLOYMENT, GATEWAY, HTTP_ROUTE, TCP_ROUTE, held, list,
};
use super::super::names;
use super::{CRDS, Setting, condition, parent_condition};

const CERTIFICATE: &str = "arn:aws:acm:us-west-2:111122223333:certificate/1";
const BALANCER: &str = "elb/load-balancer";
const GROUP: &str = "ec2/security-group";
const CONTROLLER: &str = "kube-system/aws-load-balancer-controller";

fn configure(setting: &mut Setting, spec: Json) {
    let metadata = json!({ "name": "config", "namespace": "shop" });
    setting.apply(BALANCER_CONFIG, json!({ "metadata": metadata, "spec": spec }));
}

fn config(scheme: &str) -> Json {
    json!({
        "scheme": scheme,
        "listenerConfigurations": [{ "protocolPort": "HTTPS:443", "defaultCertificate": CERTIFICATE }],
    })
}

/// The shop behind an ALB, as far as it is after `seconds`.
fn shop(seconds: i64) -> Setting {
    let mut setting = Setting::new();
    shop_in(&mut setting);
    setting.run(seconds);
    setting
}

fn shop_in(setting: &mut Setting) {
    let certificate = json!({ "CertificateArn": CERTIFICATE, "Status": "ISSUED" });
    setting.put("acm/certificate", CERTIFICATE, certificate);
    setting.class("alb", "gateway.k8s.aws/alb");
    configure(setting, config("internet-facing"));
    setting.service("shop-v1");
    setting.service("shop-v2");
    let listeners = json!([{ "name": "https", "protocol": "HTTPS", "port": 443 }]);
    setting.gateway("shop", "alb", listeners, Some("config"));
    setting.route("shop", "shop", &[("shop-v1", 9), ("shop-v2", 1)]);
}

fn tag<'a>(tags: &'a Json, key: &str) -> &'a str {
    let one = list(tags).iter().find(|one| one["Key"] == key || one["key"] == key);
    one.and_then(|one| one["Value"].as_str().or(one["value"].as_str())).unwrap_or_default()
}

#[test]
fn a_gateway_becomes_a_load_balancer_with_exact_names_and_tags() {
    let mut setting = shop(30);
    let gateway = setting.the(GATEWAY, "shop/shop");
    let uid = gateway["metadata"]["uid"].as_str().expect("it has one").to_owned();
    let pending = ("Unknown".into(), "Pending".into(), "Waiting for load balancer to be active.".into());
    assert_eq!(condition(&gateway, "Programmed"), pending);
    setting.run(240);

    let balancer = setting.only(BALANCER);
    let name = names::load_balancer("edge", "shop", "shop", &uid, "internet-facing");
    assert_eq!(balancer["LoadBalancerName"], name);
    assert_eq!(tag(&balancer["_tags"], "elbv2.k8s.aws/cluster"), "edge");
    assert_eq!(tag(&balancer["_tags"], "gateway.k8s.aws.alb/stack"), "shop/shop");
    assert_eq!(tag(&balancer["_tags"], "gateway.k8s.aws.alb/resource"), "LoadBalancer");
    assert_eq!(balancer["AvailabilityZones"][0]["SubnetId"], "subnet-1");

    let gateway = setting.the(GATEWAY, "shop/shop");
    let arn = balancer["LoadBalancerArn"].as_str().expect("it has one").to_owned();
    assert_eq!(condition(&gateway, "Programmed"), ("True".into(), "Programmed".into(), arn));
    assert_eq!(condition(&gateway, "Accepted").0, "True");
    assert_eq!(
        gateway["status"]["addresses"][0]["value"],
        balancer["DNSName"].as_str().expect("it has one").to_lowercase()
    );
    assert_eq!(gateway["status"]["listeners"][0]["attachedRoutes"], 1);
    assert!(held(&gateway, "gateway.k8s.aws/alb"));
    assert!(held(&setting.the(CLASS, "alb"), "gateway.k8s.aws/gatewayclass"));
    let held_config = setting.the(BALANCER_CONFIG, "shop/config");
    assert!(held(&held_config, "gateway.k8s.aws/loadbalancerconfigurations"));
    let route = setting.the(HTTP_ROUTE, "shop/shop");
    assert_eq!(parent_condition(&route, "Accepted").0, "True");
    assert_eq!(parent_condition(&route, "ResolvedRefs").0, "True");
    assert!(route["metadata"]["finalizers"].is_null());

    let listener = setting.only("elb/listener");
    assert_eq!(listener["Certificates"], json!([{ "CertificateArn": CERTIFICATE }]));
    assert_eq!(tag(&listener["_tags"], "gateway.k8s.aws.alb/resource"), "443");
    let rule = setting.only("elb/rule");
    assert_eq!(tag(&rule["_tags"], "gateway.k8s.aws.alb/resource"), "443:1");
    assert_eq!(rule["Conditions"][0]["HostHeaderConfig"]["Values"], json!(["shop.example.com"]));
    let weights = list(&rule["Actions"][0]["ForwardConfig"]["TargetGroups"]);
    assert_eq!((weights[0]["Weight"].clone(), weights[1]["Weight"].clone()), (json!(9), json!(1)));

    let groups = setting.list("elb/target-group");
    let resources: Vec<&str> =
        groups.iter().map(|group| tag(&group["_tags"], "gateway.k8s.aws.alb/resource")).collect();
    assert!(resources.contains(&"shop/shop:shop-shop:HTTPRoute-shop-shop-v1:8080"), "{resources:?}");
    assert_eq!(list(&groups[0]["_targets"]).len(), 1);
    let bindings: Vec<String> = groups
        .iter()
        .map(|group| format!("shop/{}", group["TargetGroupName"].as_str().expect("it has one")))
        .collect();
    let binding = setting.the(BINDING, &bindings[0]);
    assert_eq!(binding["metadata"]["labels"]["gateway.k8s.aws.alb/stack-name"], "shop");
    assert!(held(&binding, "elbv2.k8s.aws/resources"));
}

#[test]
fn security_groups_stand_in_front_and_behind() {
    let setting = shop(60);
    let groups = setting.list(GROUP);
    let named = |name: &str| {
        groups.iter().find(|group| group["groupName"] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    let gateway = setting.the(GATEWAY, "shop/shop");
    let uid = gateway["metadata"]["uid"].as_str().expect("it has one");
    let front = named(&names::frontend_group("edge", "shop", "shop", uid));
    assert_eq!(tag(&front["tagSet"], "gateway.k8s.aws.alb/resource"), "ManagedLBSecurityGroup");
    let back = named(&names::backend_group("edge"));
    assert_eq!(tag(&back["tagSet"], "elbv2.k8s.aws/resource"), "backend-sg");
    assert_eq!(tag(&back["tagSet"], "gateway.k8s.aws.alb/stack"), "");
    let rules = setting.list("ec2/security-group-rule");
    let node = rules.iter().find(|rule| rule["groupId"] == "sg-nodes").expect("the nodes are open");
    assert_eq!(node["referencedGroupInfo"]["groupId"], back["groupId"]);
    assert_eq!(node["description"], "elbv2.k8s.aws/targetGroupBinding=shared");
    assert_eq!(node["fromPort"], 8080);
    let open = rules.iter().find(|rule| rule["groupId"] == front["groupId"] && rule["isEgress"] == false);
    assert_eq!(open.expect("it is open")["cidrIpv4"], "0.0.0.0/0");
    let balancer = setting.only(BALANCER);
    assert_eq!(balancer["SecurityGroups"], json!([front["groupId"], back["groupId"]]));
}

#[test]
fn deleting_in_order_leaves_nothing() {
    let mut setting = Setting::new();
    let certificate = json!({ "CertificateArn": CERTIFICATE, "Status": "ISSUED" });
    setting.put("acm/certificate", CERTIFICATE, certificate);
    let before = setting.inventory();
    shop_in(&mut setting);
    setting.run(300);
    assert!(setting.inventory().len() > before.len() + 10);
    setting.delete(HTTP_ROUTE, "shop/shop");
    setting.delete(GATEWAY, "shop/shop");
    setting.run(20);
    assert!(setting.list(BALANCER).is_empty(), "the load balancer goes first");
    assert!(setting.object(GATEWAY, "shop/shop").is_some(), "its security group waits for the interfaces");
    setting.run(60);
    assert!(setting.object(GATEWAY, "shop/shop").is_none());
    setting.delete(BALANCER_CONFIG, "shop/config");
    setting.delete(CLASS, "alb");
    setting.run(60);
    assert!(setting.object(BALANCER_CONFIG, "shop/config").is_none());
    assert!(setting.object(CLASS, "alb").is_none());
    assert_eq!(setting.inventory(), before);
}

#[test]
fn a_settled_cluster_is_left_alone() {
    let mut setting = shop(600);
    let revision = setting.world.revision;
    super::super::reconcile(&mut setting.world, &Setting::cluster());
    setting.run(3_600);
    assert_eq!(setting.world.revision, revision);
}

#[test]
fn weights_change_the_rule_in_place_and_a_scheme_takes_another_load_balancer() {
    let mut setting = shop(300);
    let (rule, balancer) = (setting.only("elb/rule"), setting.only(BALANCER));
    setting.route("shop", "shop", &[("shop-v1", 1), ("shop-v2", 9)]);
    setting.run(10);
    let changed = setting.only("elb/rule");
    assert_eq!(changed["RuleArn"], rule["RuleArn"]);
    assert_eq!(changed["Actions"][0]["ForwardConfig"]["TargetGroups"][0]["Weight"], 1);
    setting.route("shop", "shop", &[("shop-v2", 1)]);
    setting.run(30);
    assert_eq!(setting.list("elb/target-group").len(), 1, "a target group without a backend goes");
    configure(&mut setting, config("internal"));
    setting.run(300);
    let other = setting.only(BALANCER);
    assert_ne!(other["LoadBalancerName"], balancer["LoadBalancerName"]);
    assert_eq!(other["AvailabilityZones"][0]["SubnetId"], "subnet-3");
    assert_eq!(
        condition(&setting.the(GATEWAY, "shop/shop"), "Programmed").2,
        other["LoadBalancerArn"].as_str().expect("it has one")
    );
}

#[test]
fn without_the_controller_nothing_is_taken_away() {
    let mut setting = shop(300);
    setting.delete(DEPLOYMENT, CONTROLLER);
    setting.run(10);
    setting.delete(GATEWAY, "shop/shop");
    setting.run(3_600);
    assert!(setting.object(GATEWAY, "shop/shop").is_some());
    assert_eq!(setting.list(BALANCER).len(), 1);
    setting.deploy("aws-load-balancer-controller", "kube-system", "2");
    setting.run(300);
    assert!(setting.object(GATEWAY, "shop/shop").is_none(), "the next controller goes on");
}

#[test]
fn without_its_role_the_controller_is_stuck() {
    let mut setting = shop(300);
    setting.world.remove(&Setting::key("iam/role", "aws-load-balancer-controller"));
    setting.delete(GATEWAY, "shop/shop");
    setting.run(600);
    assert!(setting.object(GATEWAY, "shop/shop").is_some());
    assert_eq!(setting.list(BALANCER).len(), 1);
}

#[test]
fn a_class_waits_for_its_gateways_and_a_missing_one_is_silence() {
    let mut setting = shop(300);
    setting.delete(CLASS, "alb");
    setting.run(60);
    assert!(setting.object(CLASS, "alb").is_some(), "its finalizer holds it");
    setting.world.remove(&Setting::key(&Setting::table(CLASS), "alb"));
    let told = setting.the(GATEWAY, "shop/shop")["status"].clone();
    setting.delete(GATEWAY, "shop/shop");
    setting.run(3_600);
    assert_eq!(setting.the(GATEWAY, "shop/shop")["status"], told, "nobody says a word");
    setting.class("alb", "gateway.k8s.aws/alb");
    setting.run(300);
    assert!(setting.object(GATEWAY, "shop/shop").is_none());
}

#[test]
fn a_missing_configuration_holds_a_gateway_until_it_is_back() {
    let mut setting = shop(300);
    setting.delete(BALANCER_CONFIG, "shop/config");
    setting.run(60);
    assert!(setting.object(BALANCER_CONFIG, "shop/config").is_some(), "its finalizer holds it");
    setting.world.remove(&Setting::key(&Setting::table(BALANCER_CONFIG), "shop/config"));
    setting.delete(GATEWAY, "shop/shop");
    setting.run(600);
    let message = condition(&setting.the(GATEWAY, "shop/shop"), "Accepted").2;
    assert!(message.contains("\"config\" not found"), "{message}");
    configure(&mut setting, config("internet-facing"));
    setting.run(300);
    assert!(setting.object(GATEWAY, "shop/shop").is_none());
}

#[test]
fn deletion_protection_holds_until_the_configuration_says_otherwise() {
    let mut setting = shop(300);
    let mut protected = config("internet-facing");
    protected["loadBalancerAttributes"] = json!([{ "key": "deletion_protection.enabled", "value": "true" }]);
    configure(&mut setting, protected);
    setting.run(10);
    assert_eq!(setting.only(BALANCER)["_attributes"]["deletion_protection.enabled"], "true");
    setting.delete(GATEWAY, "shop/shop");
    setting.run(600);
    assert_eq!(setting.list(BALANCER).len(), 1);
    let told = setting.list("kube/edge/core/events");
    assert!(told.iter().any(|event| {
        event["message"].as_str().is_some_and(|said| said.contains("deletion protection is enabled"))
    }));
    configure(&mut setting, config("internet-facing"));
    setting.run(120);
    assert!(setting.object(GATEWAY, "shop/shop").is_none());
}

#[test]
fn a_restart_during_the_last_deletion_leaks_the_shared_group() {
    let mut setting = shop(300);
    setting.delete(GATEWAY, "shop/shop");
    setting.run(5);
    setting.deploy("aws-load-balancer-controller", "kube-system", "2");
    setting.run(300);
    assert!(setting.object(GATEWAY, "shop/shop").is_none());
    let left: Vec<Json> = setting.list(GROUP).into_iter().map(|group| group["groupName"].clone()).collect();
    assert!(left.contains(&json!(names::backend_group("edge"))), "{left:?}");
}

#[test]
fn a_foreign_rule_keeps_the_security_group() {
    let mut setting = shop(300);
    let front = setting.only(BALANCER)["SecurityGroups"][0].clone();
    let rule =
        json!({ "groupId": "sg-other", "isEgress": false, "referencedGroupInfo": { "groupId": front } });
    setting.put("ec2/security-group-rule", "sgr-x", rule);
    setting.delete(GATEWAY, "shop/shop");
    setting.run(600);
    assert!(setting.object(GATEWAY, "shop/shop").is_some());
    setting.world.remove(&Setting::key("ec2/security-group-rule", "sgr-x"));
    setting.run(60);
    assert!(setting.object(GATEWAY, "shop/shop").is_none());
}

#[test]
fn crds_are_looked_for_once_at_start() {
    let mut setting = Setting::bare();
    setting.crds(&CRDS[..5]);
    setting.controllers();
    setting.run(60);
    setting.crds(CRDS);
    shop_in(&mut setting);
    setting.run(300);
    assert!(setting.list(BALANCER).is_empty(), "the controller is silently off");
    assert_eq!(condition(&setting.the(CLASS, "alb"), "Accepted").0, "");
    setting.deploy("aws-load-balancer-controller", "kube-system", "2");
    setting.run(300);
    assert_eq!(setting.list(BALANCER).len(), 1);
}

#[test]
fn a_route_that_does_not_fit_says_why() {
    let mut setting = shop(60);
    setting.route("lost", "shop", &[("nowhere", 1)]);
    let listeners =
        json!([{ "name": "https", "protocol": "HTTPS", "port": 443, "hostname": "ahop.example.com" }]);
    setting.gateway("shop", "alb", listeners, Some("config"));
    setting.run(10);
    let route = setting.the(HTTP_ROUTE, "shop/shop");
    assert_eq!(parent_condition(&route, "Accepted").1, "NoMatchingListenerHostname");
    let lost = setting.the(HTTP_ROUTE, "shop/lost");
    assert_eq!(parent_condition(&lost, "ResolvedRefs").1, "BackendNotFound");
    assert!(setting.list("elb/rule").is_empty());
}

#[test]
fn a_network_load_balancer_forwards_what_comes_in() {
    let mut setting = Setting::new();
    setting.class("nlb", "gateway.k8s.aws/nlb");
    setting.service("shop");
    setting.gateway("tcp", "nlb", json!([{ "name": "tcp", "protocol": "TCP", "port": 9000 }]), None);
    let spec = json!({
        "parentRefs": [{ "name": "tcp" }],
        "rules": [{ "backendRefs": [{ "name": "shop", "port": 80 }] }],
    });
    let metadata = json!({ "name": "tcp", "namespace": "shop" });
    setting.apply(TCP_ROUTE, json!({ "metadata": metadata, "spec": spec }));
    setting.run(300);
    let balancer = setting.only(BALANCER);
    assert_eq!((&balancer["Type"], &balancer["Scheme"]), (&json!("network"), &json!("internal")));
    assert_eq!(tag(&balancer["_tags"], "gateway.k8s.aws.nlb/stack"), "shop/tcp");
    let listener = setting.only("elb/listener");
    let group = setting.only("elb/target-group");
    assert_eq!(listener["DefaultActions"][0]["TargetGroupArn"], group["TargetGroupArn"]);
    assert_eq!(group["Protocol"], "TCP");
    assert_eq!(condition(&setting.the(GATEWAY, "shop/tcp"), "Programmed").0, "True");
}

#[test]
fn listeners_that_share_a_port_are_one_with_all_their_certificates() {
    let mut setting = Setting::new();
    for name in ["a.example.com", "b.example.com"] {
        let certificate =
            json!({ "CertificateArn": format!("arn:{name}"), "DomainName": name, "Status": "ISSUED" });
        setting.put("acm/certificate", &format!("arn:{name}"), certificate);
    }
    setting.class("alb", "gateway.k8s.aws/alb");
    setting.service("shop");
    let listener = |name: &str| json!({ "name": name, "protocol": "HTTPS", "port": 443, "hostname": format!("{name}.example.com") });
    setting.gateway("shop", "alb", json!([listener("a"), listener("b")]), None);
    setting.route("a", "shop", &[("shop", 1)]);
    setting.route("b", "shop", &[("shop", 1)]);
    setting.run(60);
    let one = setting.only("elb/listener");
    assert_eq!(one["Certificates"], json!([{ "CertificateArn": "arn:a.example.com" }]));
    assert_eq!(one["_more"], json!([{ "CertificateArn": "arn:b.example.com" }]));
    assert_eq!(setting.list("elb/rule").len(), 2);
}
