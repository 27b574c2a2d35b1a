//! The Lattice controller.

use serde_json::{Value as Json, json};

use super::super::cluster::{CLASS, DEPLOYMENT, GATEWAY, HTTP_ROUTE, Sort, annotation, held, list};
use super::{CRDS, Setting, condition, parent_condition};
use crate::sandbox::aws::lattice::call;
use crate::sandbox::world::{ACCOUNT, Here};

const NAME: &str = "application-networking.k8s.aws/gateway-api-controller";
const DEPLOYED: &str = "aws-application-networking-system/gateway-api-controller";

fn aws(setting: &mut Setting, operation: &str, input: &Json) -> Json {
    let mut here = Here {
        world: &mut setting.world,
        account: ACCOUNT.into(),
        region: super::REGION.into(),
        principal: String::new(),
    };
    call(&mut here, operation, input).unwrap_or_else(|refusal| panic!("{operation}: {refusal:?}"))
}

fn listeners() -> Json {
    json!([
        { "name": "http", "protocol": "HTTP", "port": 80 },
        { "name": "https", "protocol": "HTTPS", "port": 443 },
    ])
}

/// The cart behind Lattice, settled.
fn cart() -> Setting {
    let mut setting = Setting::new();
    aws(&mut setting, "CreateServiceNetwork", &json!({ "name": "core" }));
    cart_in(&mut setting);
    setting.run(300);
    setting
}

fn cart_in(setting: &mut Setting) {
    setting.class("amazon-vpc-lattice", NAME);
    setting.service("cart-v1");
    setting.service("cart-v2");
    setting.gateway("core", "amazon-vpc-lattice", listeners(), None);
    setting.route("cart", "core", &[("cart-v1", 9), ("cart-v2", 1)]);
}

#[test]
fn a_route_becomes_a_service_with_exact_names_and_tags() {
    let setting = cart();
    let network = setting.only("lattice/service-network");
    let gateway = setting.the(GATEWAY, "shop/core");
    let message = format!("aws-service-network-arn: {}", network["arn"].as_str().expect("it has one"));
    assert_eq!(condition(&gateway, "Programmed"), ("True".into(), "Programmed".into(), message));
    assert!(held(&gateway, "gateway.k8s.aws/resources"));
    let class = setting.the(CLASS, "amazon-vpc-lattice");
    assert_eq!(condition(&class, "Accepted").0, "True");
    assert!(class["metadata"]["finalizers"].is_null());

    let service = setting.only("lattice/service");
    assert_eq!(service["name"], "cart-shop");
    assert_eq!(service["customDomainName"], "cart.example.com");
    let prefix = "application-networking.k8s.aws";
    let tags = &service["_tags"];
    assert_eq!(tags[format!("{prefix}/ManagedBy")], format!("{ACCOUNT}/edge/vpc-1"));
    assert_eq!(tags[format!("{prefix}/RouteName")], "cart");
    assert_eq!(tags[format!("{prefix}/RouteNamespace")], "shop");
    assert_eq!(tags[format!("{prefix}/RouteType")], "http");
    assert_eq!(setting.only("lattice/service-association")["status"], "ACTIVE");
    let mut names: Vec<Json> =
        setting.list("lattice/listener").into_iter().map(|one| one["name"].clone()).collect();
    names.sort_by_key(Json::to_string);
    assert_eq!(names, [json!("cart-shop-443-https"), json!("cart-shop-80-http")]);
    let rules = setting.list("lattice/rule");
    let rule = rules.iter().find(|rule| rule["isDefault"] == false).expect("it has one");
    let weights = list(&rule["action"]["forward"]["targetGroups"]);
    assert_eq!((weights[0]["weight"].clone(), weights[1]["weight"].clone()), (json!(9), json!(1)));
    assert!(rule["name"].as_str().is_some_and(|name| name.starts_with("k8s-") && name.ends_with("-rule-1")));

    let groups = setting.list("lattice/target-group");
    assert_eq!(groups.len(), 2);
    let first = groups.iter().find(|group| group["_tags"][format!("{prefix}/ServiceName")] == "cart-v1");
    let first = first.expect("it is there");
    assert!(first["name"].as_str().is_some_and(|name| name.starts_with("k8s-shop-cart-v1-")));
    assert_eq!(first["_tags"][format!("{prefix}/SourceTypeKey")], "HTTPRoute");
    assert_eq!(list(&first["_targets"]).len(), 1);

    let route = setting.the(HTTP_ROUTE, "shop/cart");
    assert!(held(&route, "httproute.k8s.aws/resources"));
    let domain = annotation(&route, &format!("{prefix}/lattice-assigned-domain-name"));
    assert_eq!(domain, service["dnsEntry"]["domainName"].as_str());
    assert_eq!(annotation(&route, &format!("{prefix}/lattice-service-arn")), service["arn"].as_str());
    assert_eq!(parent_condition(&route, "Accepted").0, "True");
    assert_eq!(gateway["status"]["addresses"][0]["value"].as_str(), domain);
}

#[test]
fn deleting_in_order_leaves_nothing() {
    let mut setting = Setting::new();
    aws(&mut setting, "CreateServiceNetwork", &json!({ "name": "core" }));
    let before = setting.inventory();
    cart_in(&mut setting);
    setting.run(300);
    assert!(setting.inventory().len() > before.len() + 5);
    setting.delete(HTTP_ROUTE, "shop/cart");
    setting.run(180);
    assert!(setting.object(HTTP_ROUTE, "shop/cart").is_none());
    setting.delete(GATEWAY, "shop/core");
    setting.run(60);
    assert!(setting.object(GATEWAY, "shop/core").is_none());
    setting.delete(CLASS, "amazon-vpc-lattice");
    setting.run(60);
    assert_eq!(setting.inventory(), before);
}

#[test]
fn a_settled_cluster_is_left_alone() {
    let mut setting = cart();
    let revision = setting.world.revision;
    super::super::reconcile(&mut setting.world, &Setting::cluster());
    setting.run(3_600);
    assert_eq!(setting.world.revision, revision);
}

#[test]
fn a_gateway_without_its_network_is_not_tried_again() {
    let mut setting = Setting::new();
    cart_in(&mut setting);
    setting.run(60);
    let said = condition(&setting.the(GATEWAY, "shop/core"), "Programmed");
    let expected = ("False".into(), "Pending".into(), "VPC Lattice Service Network not found".into());
    assert_eq!(said, expected);
    aws(&mut setting, "CreateServiceNetwork", &json!({ "name": "core" }));
    setting.service("other");
    setting.run(3_600);
    assert_eq!(condition(&setting.the(GATEWAY, "shop/core"), "Programmed").0, "False");
    let mut more = listeners();
    more[0]["port"] = json!(8080);
    setting.gateway("core", "amazon-vpc-lattice", more, None);
    setting.run(10);
    assert_eq!(condition(&setting.the(GATEWAY, "shop/core"), "Programmed").0, "True");
}

#[test]
fn a_gateway_deleted_before_its_routes_comes_back_to_it_ever_more_rarely() {
    let mut setting = cart();
    setting.delete(GATEWAY, "shop/core");
    setting.run(700);
    assert!(setting.object(GATEWAY, "shop/core").is_some());
    setting.delete(HTTP_ROUTE, "shop/cart");
    setting.run(120);
    assert!(setting.object(HTTP_ROUTE, "shop/cart").is_none());
    assert!(setting.object(GATEWAY, "shop/core").is_some(), "it does not see that the route is gone");
    setting.run(1_000);
    assert!(setting.object(GATEWAY, "shop/core").is_none());
}

#[test]
fn without_class_or_gateway_a_route_never_goes() {
    let mut setting = cart();
    setting.delete(CLASS, "amazon-vpc-lattice");
    assert!(setting.object(CLASS, "amazon-vpc-lattice").is_none(), "nothing holds it");
    setting.delete(HTTP_ROUTE, "shop/cart");
    setting.delete(GATEWAY, "shop/core");
    setting.run(7_200);
    assert!(setting.object(HTTP_ROUTE, "shop/cart").is_some());
    assert!(setting.object(GATEWAY, "shop/core").is_some());
    assert_eq!(setting.list("lattice/service").len(), 1);
    setting.class("amazon-vpc-lattice", NAME);
    setting.run(3_600);
    assert!(setting.object(HTTP_ROUTE, "shop/cart").is_none());
    assert!(setting.object(GATEWAY, "shop/core").is_none());
    assert!(setting.list("lattice/service").is_empty());
}

#[test]
fn without_the_controller_everything_stays() {
    let mut setting = cart();
    setting.delete(DEPLOYMENT, DEPLOYED);
    setting.run(5);
    setting.delete(HTTP_ROUTE, "shop/cart");
    setting.run(3_600);
    assert!(setting.object(HTTP_ROUTE, "shop/cart").is_some());
    assert_eq!(setting.list("lattice/target-group").len(), 2);
    assert_eq!(setting.list("lattice/service-association").len(), 1);
}

#[test]
fn a_cluster_deleted_first_leaves_all_of_it() {
    let mut setting = cart();
    crate::sandbox::kube::dissolve(&mut setting.world, &Setting::cluster());
    setting.world.remove(&Setting::cluster());
    setting.run(3_600);
    assert_eq!(setting.list("lattice/service").len(), 1);
    assert_eq!(setting.list("lattice/service-association").len(), 1);
    assert!(!setting.world.all().any(|(key, _)| key.table.starts_with("kube/")));
}

#[test]
fn it_does_not_start_without_its_crds() {
    let mut setting = Setting::bare();
    setting.crds(&CRDS[..4]);
    setting.controllers();
    setting.run(60);
    setting.class("amazon-vpc-lattice", NAME);
    setting.run(60);
    assert_eq!(condition(&setting.the(CLASS, "amazon-vpc-lattice"), "Accepted").0, "");
    assert_eq!(condition(&setting.the(DEPLOYMENT, DEPLOYED), "Available").0, "False");
    setting.crds(CRDS);
    setting.run(120);
    assert_eq!(condition(&setting.the(CLASS, "amazon-vpc-lattice"), "Accepted").0, "True");
}

#[test]
fn weights_change_the_rule_in_place() {
    let mut setting = cart();
    let the_rule = |setting: &Setting| {
        let all = setting.list("lattice/rule");
        all.into_iter().find(|rule| rule["isDefault"] == false).expect("it has one")
    };
    let before = the_rule(&setting);
    setting.route("cart", "core", &[("cart-v1", 1), ("cart-v2", 9)]);
    setting.run(30);
    let after = the_rule(&setting);
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["action"]["forward"]["targetGroups"][0]["weight"], 1);
    setting.route("cart", "core", &[("cart-v2", 1)]);
    setting.run(120);
    assert_eq!(setting.list("lattice/target-group").len(), 1);
}

#[test]
fn a_certificate_is_named_by_the_listener_or_waited_for() {
    let mut setting = Setting::new();
    aws(&mut setting, "CreateServiceNetwork", &json!({ "name": "core" }));
    let mut all = listeners();
    all[1]["tls"] = json!({ "mode": "Terminate" });
    setting.class("amazon-vpc-lattice", NAME);
    setting.service("cart");
    setting.gateway("core", "amazon-vpc-lattice", all.clone(), None);
    setting.route("cart", "core", &[("cart", 1)]);
    setting.run(60);
    let said = parent_condition(&setting.the(HTTP_ROUTE, "shop/cart"), "Accepted");
    assert_eq!((said.0.as_str(), said.1.as_str()), ("False", "CertificateNotFound"));
    setting.put("acm/certificate", "arn:own", json!({ "CertificateArn": "arn:own", "Status": "ISSUED" }));
    all[1]["tls"]["options"] = json!({ "application-networking.k8s.aws/certificate-arn": "arn:own" });
    setting.gateway("core", "amazon-vpc-lattice", all, None);
    setting.run(300);
    assert_eq!(setting.only("lattice/service")["certificateArn"], "arn:own");
    assert_eq!(parent_condition(&setting.the(HTTP_ROUTE, "shop/cart"), "Accepted").0, "True");
}

#[test]
fn a_name_that_another_route_has_is_a_conflict() {
    let mut setting = cart();
    let tags = json!({ "application-networking.k8s.aws/ManagedBy": "1/other/vpc-9" });
    aws(&mut setting, "CreateService", &json!({ "name": "pay-shop", "tags": tags }));
    setting.route("pay", "core", &[("cart-v1", 1)]);
    setting.run(60);
    let said = parent_condition(&setting.the(HTTP_ROUTE, "shop/pay"), "Accepted");
    assert_eq!((said.0.as_str(), said.1.as_str()), ("False", "Conflicted"));
}

#[test]
fn an_export_stays_while_a_route_sends_to_it() {
    let mut setting = Setting::new();
    aws(&mut setting, "CreateServiceNetwork", &json!({ "name": "core" }));
    setting.class("amazon-vpc-lattice", NAME);
    setting.service("inventory");
    setting.gateway("core", "amazon-vpc-lattice", listeners(), None);
    let group = "application-networking.k8s.aws";
    let (export, import) = (Sort(group, "serviceexports"), Sort(group, "serviceimports"));
    let annotations = json!({ "application-networking.k8s.aws/federation": "amazon-vpc-lattice" });
    let metadata = json!({ "name": "inventory", "namespace": "shop" });
    let mut exported = json!({ "metadata": metadata });
    exported["metadata"]["annotations"] = annotations;
    setting.apply(export, exported);
    setting.apply(import, json!({ "metadata": metadata, "spec": { "type": "ClusterSetIP", "ports": [] } }));
    setting.run(60);
    let made = setting.only("lattice/target-group");
    assert_eq!(made["_tags"]["application-networking.k8s.aws/SourceTypeKey"], "ServiceExport");
    setting.route("inventory", "core", &[("inventory", 1)]);
    let mut route = setting.the(HTTP_ROUTE, "shop/inventory");
    route["spec"]["rules"][0]["backendRefs"] = json!([{ "kind": "ServiceImport", "name": "inventory" }]);
    setting.apply(HTTP_ROUTE, route);
    setting.run(120);
    let rules = setting.list("lattice/rule");
    let rule = rules.iter().find(|rule| rule["isDefault"] == false).expect("it has one");
    assert_eq!(rule["action"]["forward"]["targetGroups"][0]["targetGroupIdentifier"], made["id"]);
    setting.delete(export, "shop/inventory");
    setting.run(600);
    assert!(setting.object(export, "shop/inventory").is_some(), "the route sends to it");
    setting.delete(HTTP_ROUTE, "shop/inventory");
    setting.run(300);
    assert!(setting.object(export, "shop/inventory").is_none());
    assert!(setting.list("lattice/target-group").is_empty());
}

#[test]
fn a_vpc_policy_goes_only_while_its_network_is_there() {
    let policy = Sort("application-networking.k8s.aws", "vpcassociationpolicies");
    let mut setting = cart();
    let target = json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "core" });
    let metadata = json!({ "name": "vpc", "namespace": "shop" });
    let object = json!({ "metadata": metadata, "spec": { "targetRef": target } });
    setting.apply(policy, object.clone());
    setting.run(120);
    assert_eq!(setting.only("lattice/vpc-association")["status"], "ACTIVE");
    assert_eq!(condition(&setting.the(policy, "shop/vpc"), "Accepted").0, "True");
    setting.delete(policy, "shop/vpc");
    setting.run(300);
    assert!(setting.object(policy, "shop/vpc").is_none());
    assert!(setting.list("lattice/vpc-association").is_empty());

    setting.apply(policy, object);
    setting.run(120);
    let network = setting.only("lattice/service-network");
    let id = network["id"].as_str().expect("it has one").to_owned();
    let association = setting.only("lattice/vpc-association")["id"].as_str().map(str::to_owned);
    setting.world.remove(&Setting::key("lattice/vpc-association", &association.expect("it has one")));
    setting.world.remove(&Setting::key("lattice/service-network", &id));
    setting.delete(policy, "shop/vpc");
    setting.run(3_600);
    assert!(setting.object(policy, "shop/vpc").is_some(), "its finalizer stays for ever");
}

/// The names of the service networks that services are in.
fn networks(setting: &Setting) -> Vec<Json> {
    let all = setting.list("lattice/service-association");
    all.iter().map(|one| json!([one["serviceNetworkName"], one["status"]])).collect()
}

#[test]
fn a_route_that_moves_to_another_gateway_leaves_the_first_free_to_go() {
    let mut setting = cart();
    aws(&mut setting, "CreateServiceNetwork", &json!({ "name": "renamed" }));
    setting.gateway("renamed", "amazon-vpc-lattice", listeners(), None);
    setting.run(60);
    setting.route("cart", "renamed", &[("cart-v1", 9), ("cart-v2", 1)]);
    setting.run(120);
    assert_eq!(networks(&setting), [json!(["renamed", "ACTIVE"])]);
    setting.delete(GATEWAY, "shop/core");
    setting.run(60);
    assert!(setting.object(GATEWAY, "shop/core").is_none());
    assert_eq!(setting.list("lattice/service").len(), 1);
}

#[test]
fn a_gateway_that_was_deleted_too_early_goes_once_its_routes_have_moved() {
    let mut setting = cart();
    setting.delete(GATEWAY, "shop/core");
    setting.run(400);
    assert!(held(&setting.the(GATEWAY, "shop/core"), "gateway.k8s.aws/resources"), "a route names it");
    aws(&mut setting, "CreateServiceNetwork", &json!({ "name": "renamed" }));
    setting.gateway("renamed", "amazon-vpc-lattice", listeners(), None);
    setting.route("cart", "renamed", &[("cart-v1", 9), ("cart-v2", 1)]);
    setting.run(1_100);
    assert!(setting.object(GATEWAY, "shop/core").is_none());
    assert_eq!(networks(&setting), [json!(["renamed", "ACTIVE"])]);
}

#[test]
fn a_gateway_that_was_deleted_too_early_and_made_again_under_its_name_serves_its_routes() {
    let mut setting = cart();
    setting.delete(GATEWAY, "shop/core");
    setting.run(30);
    setting.route("cart", "nowhere", &[("cart-v1", 9)]);
    setting.run(1_100);
    assert!(setting.object(GATEWAY, "shop/core").is_none());
    setting.gateway("core", "amazon-vpc-lattice", listeners(), None);
    setting.route("cart", "core", &[("cart-v1", 5), ("cart-v2", 5)]);
    setting.run(300);
    assert_eq!(condition(&setting.the(GATEWAY, "shop/core"), "Programmed").0, "True");
    assert_eq!(parent_condition(&setting.the(HTTP_ROUTE, "shop/cart"), "Accepted").0, "True");
    let rules = setting.list("lattice/rule");
    let rule = rules.iter().find(|rule| rule["isDefault"] == false).expect("it has one");
    assert_eq!(rule["action"]["forward"]["targetGroups"][0]["weight"], 5);
    setting.delete(HTTP_ROUTE, "shop/cart");
    setting.run(300);
    setting.delete(GATEWAY, "shop/core");
    setting.run(60);
    assert!(setting.object(GATEWAY, "shop/core").is_none(), "the second one is not taken for the first");
}
