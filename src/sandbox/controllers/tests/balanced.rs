//! Ingresses and Services of the load balancer controller.

use serde_json::{Value as Json, json};

use super::super::cluster::{
    BINDING, CLASS_PARAMS, DEPLOYMENT, GATEWAY, INGRESS, INGRESS_CLASS, SERVICE, held, list,
};
use super::super::names;
use super::Setting;

const BALANCER: &str = "elb/load-balancer";
const TARGETS: &str = "elb/target-group";
const GROUP: &str = "ec2/security-group";
const CONTROLLER: &str = "kube-system/aws-load-balancer-controller";
const OWN: &str = "ingress.k8s.aws/resources";

fn tag<'a>(tags: &'a Json, key: &str) -> &'a str {
    let one = list(tags).iter().find(|one| one["Key"] == key || one["key"] == key);
    one.and_then(|one| one["Value"].as_str().or(one["value"].as_str())).unwrap_or_default()
}

/// A cluster with the class `alb` and a Service `web`.
fn ground() -> Setting {
    let mut setting = Setting::new();
    let class = json!({ "metadata": { "name": "alb" }, "spec": { "controller": "ingress.k8s.aws/alb" } });
    setting.apply(INGRESS_CLASS, class);
    setting.service("web");
    setting
}

/// An Ingress for everything, with annotations of the controller.
fn ingress(setting: &mut Setting, name: &str, notes: &[(&str, &str)]) {
    let notes: Json =
        notes.iter().map(|(key, value)| (format!("alb.ingress.kubernetes.io/{key}"), json!(value))).collect();
    let backend = json!({ "service": { "name": "web", "port": { "number": 80 } } });
    let paths = json!([{ "path": "/", "pathType": "Prefix", "backend": backend }]);
    let rules = json!([{ "host": format!("{name}.example.com"), "http": { "paths": paths } }]);
    let object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": { "name": name, "namespace": "shop", "annotations": notes },
        "spec": { "ingressClassName": "alb", "rules": rules },
    });
    // As the API server keeps them, annotations would stay otherwise.
    setting.world.change(&Setting::key(&Setting::table(INGRESS), &format!("shop/{name}")), |doc| {
        doc["metadata"]["annotations"] = object["metadata"]["annotations"].clone();
    });
    setting.apply(INGRESS, object);
}

/// A Service with a network load balancer.
fn service(setting: &mut Setting, notes: &[(&str, &str)]) {
    let notes: Json = notes
        .iter()
        .map(|(key, value)| (format!("service.beta.kubernetes.io/aws-load-balancer-{key}"), json!(value)))
        .collect();
    let object = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "tcp", "namespace": "shop", "annotations": notes },
        "spec": {
            "type": "LoadBalancer", "loadBalancerClass": "service.k8s.aws/nlb", "selector": { "app": "web" },
            "ports": [{ "port": 9000, "targetPort": 8080, "protocol": "TCP", "nodePort": 31_000 }],
        },
    });
    setting.apply(SERVICE, object);
}

fn warnings(setting: &Setting) -> String {
    setting.list("kube/edge/core/events").iter().map(|event| event["message"].to_string()).collect()
}

#[test]
fn an_ingress_becomes_a_load_balancer_with_exact_names_and_tags() {
    let mut setting = ground();
    ingress(&mut setting, "web", &[("scheme", "internet-facing")]);
    setting.run(300);
    let balancer = setting.only(BALANCER);
    let name = names::load_balancer("edge", "shop", "web", "shop/web", "internet-facing");
    assert_eq!((&balancer["LoadBalancerName"], &balancer["Type"]), (&json!(name), &json!("application")));
    assert_eq!(tag(&balancer["_tags"], "elbv2.k8s.aws/cluster"), "edge");
    assert_eq!(tag(&balancer["_tags"], "ingress.k8s.aws/stack"), "shop/web");
    assert_eq!(tag(&balancer["_tags"], "ingress.k8s.aws/resource"), "LoadBalancer");
    let front = setting.list(GROUP);
    let front = front.iter().find(|group| tag(&group["tagSet"], "ingress.k8s.aws/stack") == "shop/web");
    let front = front.expect("it stands in front");
    assert_eq!(front["groupName"], names::hashed("shop", "web", &["edge", "shop/web"]));
    assert_eq!(tag(&front["tagSet"], "ingress.k8s.aws/resource"), "ManagedLBSecurityGroup");

    let targets = setting.only(TARGETS);
    assert_eq!(tag(&targets["_tags"], "ingress.k8s.aws/resource"), "shop/web-web:80");
    let uid = setting.the(SERVICE, "shop/web")["metadata"]["uid"].as_str().expect("it has one").to_owned();
    let hash = ["edge", "shop/web", "shop", "web", &uid, "80", "8080", "ip", "HTTP", "HTTP1"];
    assert_eq!(targets["TargetGroupName"], names::hashed("shop", "web", &hash));
    assert_eq!((&targets["HealthyThresholdCount"], list(&targets["_targets"]).len()), (&json!(2), 1));
    let called = targets["TargetGroupName"].as_str().expect("it has one");
    let binding = setting.the(BINDING, &format!("shop/{called}"));
    assert_eq!(binding["metadata"]["labels"]["ingress.k8s.aws/stack-name"], "web");

    let object = setting.the(INGRESS, "shop/web");
    assert!(held(&object, OWN));
    let told = &object["status"]["loadBalancer"]["ingress"][0];
    assert_eq!(told["hostname"], balancer["DNSName"].as_str().expect("it has one").to_lowercase());
    assert_eq!(told["ports"][0]["port"], 80);
    let rule = setting.only("elb/rule");
    assert_eq!(rule["Conditions"][0]["HostHeaderConfig"]["Values"], json!(["web.example.com"]));
    assert_eq!(rule["Conditions"][1]["PathPatternConfig"]["Values"], json!(["/*"]));
    let revision = setting.world.revision;
    super::super::reconcile(&mut setting.world, &Setting::cluster());
    setting.run(3_600);
    assert_eq!(setting.world.revision, revision, "it is left alone");
}

#[test]
fn ingresses_and_services_leave_nothing_behind() {
    let mut setting = ground();
    let before = setting.inventory();
    ingress(&mut setting, "web", &[]);
    service(&mut setting, &[]);
    setting.run(300);
    assert_eq!(setting.list(BALANCER).len(), 2);
    setting.delete(INGRESS, "shop/web");
    setting.run(300);
    assert!(setting.object(INGRESS, "shop/web").is_none());
    assert_eq!(
        setting.list(GROUP).iter().filter(|one| one["groupName"] == names::backend_group("edge")).count(),
        1
    );
    setting.delete(SERVICE, "shop/tcp");
    setting.run(300);
    assert!(setting.object(SERVICE, "shop/tcp").is_none());
    assert_eq!(setting.inventory(), before);
}

#[test]
fn a_group_shares_a_load_balancer_until_its_last_ingress_goes() {
    let mut setting = ground();
    let before = setting.inventory();
    ingress(&mut setting, "one", &[("group.name", "front")]);
    ingress(&mut setting, "two", &[("group.name", "front")]);
    setting.run(300);
    let balancer = setting.only(BALANCER);
    assert_eq!(balancer["LoadBalancerName"], names::of_group("front", &["edge", "front", "internal"]));
    assert_eq!(tag(&balancer["_tags"], "ingress.k8s.aws/stack"), "front");
    assert_eq!((setting.list(TARGETS).len(), setting.list("elb/rule").len()), (2, 2));
    let finalizer = "group.ingress.k8s.aws/front";
    assert!(["shop/one", "shop/two"].iter().all(|one| held(&setting.the(INGRESS, one), finalizer)));
    let bindings = setting.list("kube/edge/elbv2.k8s.aws/targetgroupbindings");
    assert!(bindings.iter().all(|one| one["metadata"]["labels"]["ingress.k8s.aws/stack"] == "front"));
    setting.delete(INGRESS, "shop/one");
    setting.run(120);
    assert!(setting.object(INGRESS, "shop/one").is_none());
    assert_eq!((setting.list(BALANCER).len(), setting.list(TARGETS).len()), (1, 1));
    setting.delete(INGRESS, "shop/two");
    setting.run(120);
    assert!(setting.object(INGRESS, "shop/two").is_none());
    assert_eq!(setting.inventory(), before);
}

#[test]
fn an_ingress_goes_to_the_group_of_its_class() {
    let mut setting = ground();
    ingress(&mut setting, "web", &[]);
    // Somebody else needs the shared group: else the controller would try in vain to delete it.
    service(&mut setting, &[]);
    setting.run(300);
    let params = json!({ "metadata": { "name": "front" }, "spec": {
        "group": { "name": "front" }, "scheme": "internet-facing",
    } });
    setting.apply(CLASS_PARAMS, params);
    let reference = json!({ "apiGroup": "elbv2.k8s.aws", "kind": "IngressClassParams", "name": "front" });
    let class = json!({ "metadata": { "name": "alb" }, "spec": {
        "controller": "ingress.k8s.aws/alb", "parameters": reference,
    } });
    setting.apply(INGRESS_CLASS, class);
    setting.run(300);
    let all = setting.list(BALANCER);
    let of = |stack: &str| all.iter().find(|one| tag(&one["_tags"], "ingress.k8s.aws/stack") == stack);
    assert!(of("shop/web").is_none(), "it has moved");
    assert_eq!(of("front").expect("it is there")["Scheme"], "internet-facing");
    let object = setting.the(INGRESS, "shop/web");
    assert!(held(&object, "group.ingress.k8s.aws/front") && !held(&object, OWN));
}

#[test]
fn a_service_becomes_a_network_load_balancer() {
    let mut setting = ground();
    service(&mut setting, &[("scheme", "internet-facing")]);
    setting.run(300);
    let object = setting.the(SERVICE, "shop/tcp");
    let uid = object["metadata"]["uid"].as_str().expect("it has one").to_owned();
    let balancer = setting.only(BALANCER);
    let name = names::load_balancer("edge", "shop", "tcp", &uid, "internet-facing");
    assert_eq!((&balancer["LoadBalancerName"], &balancer["Type"]), (&json!(name), &json!("network")));
    assert_eq!(tag(&balancer["_tags"], "service.k8s.aws/stack"), "shop/tcp");
    let targets = setting.only(TARGETS);
    assert_eq!(tag(&targets["_tags"], "service.k8s.aws/resource"), "shop/tcp:9000");
    let hash = ["edge", &uid, "8080", "9000", "ip", "TCP", "TCP", "10"];
    assert_eq!(targets["TargetGroupName"], names::hashed("shop", "tcp", &hash));
    assert!(held(&object, "service.k8s.aws/resources"));
    let told = &object["status"]["loadBalancer"]["ingress"][0];
    assert_eq!(told["hostname"], balancer["DNSName"].as_str().expect("it has one").to_lowercase());
    let front = setting.list(GROUP);
    assert!(front.iter().any(|one| one["groupName"] == names::frontend_group("edge", "shop", "tcp", &uid)));
}

#[test]
fn without_the_controller_neither_goes() {
    let mut setting = ground();
    ingress(&mut setting, "web", &[]);
    service(&mut setting, &[]);
    setting.run(300);
    setting.delete(DEPLOYMENT, CONTROLLER);
    setting.run(10);
    setting.delete(INGRESS, "shop/web");
    setting.delete(SERVICE, "shop/tcp");
    setting.run(3_600);
    assert!(setting.object(INGRESS, "shop/web").is_some() && setting.object(SERVICE, "shop/tcp").is_some());
    assert_eq!(setting.list(BALANCER).len(), 2);
    setting.deploy("aws-load-balancer-controller", "kube-system", "2");
    setting.run(300);
    assert!(setting.object(INGRESS, "shop/web").is_none() && setting.object(SERVICE, "shop/tcp").is_none());
    assert!(setting.list(BALANCER).is_empty());
}

#[test]
fn a_class_that_is_gone_does_not_hold_what_goes() {
    let mut setting = ground();
    ingress(&mut setting, "web", &[]);
    setting.run(300);
    setting.delete(INGRESS_CLASS, "alb");
    setting.run(60);
    assert_eq!(setting.list(BALANCER).len(), 1, "it stays as it was");
    setting.delete(INGRESS, "shop/web");
    setting.run(300);
    assert!(setting.object(INGRESS, "shop/web").is_none());
}

#[test]
fn deletion_protection_holds_them_and_an_ingress_does_not_say_so() {
    let mut setting = ground();
    let protected = "deletion_protection.enabled=true";
    ingress(&mut setting, "web", &[("load-balancer-attributes", protected)]);
    service(&mut setting, &[("attributes", protected)]);
    setting.run(300);
    setting.delete(INGRESS, "shop/web");
    setting.run(300);
    assert_eq!(setting.list(BALANCER).len(), 2);
    assert_eq!(warnings(&setting), "");
    setting.delete(SERVICE, "shop/tcp");
    setting.run(300);
    assert_eq!(setting.list(BALANCER).len(), 2);
    assert!(warnings(&setting).contains("deletion_protection is enabled, cannot delete the service: tcp"));
    ingress(&mut setting, "web", &[]);
    setting.delete(INGRESS, "shop/web");
    setting.run(300);
    assert_eq!(setting.list(BALANCER).len(), 1);
}

#[test]
fn an_ingress_keeps_the_shared_group_from_going_with_the_last_gateway() {
    let mut setting = ground();
    setting.class("alb", "gateway.k8s.aws/alb");
    setting.gateway("shop", "alb", json!([{ "name": "http", "protocol": "HTTP", "port": 80 }]), None);
    ingress(&mut setting, "web", &[]);
    setting.run(300);
    // A new process knows nobody: what carries its finalizer counts all the same.
    setting.deploy("aws-load-balancer-controller", "kube-system", "2");
    setting.delete(GATEWAY, "shop/shop");
    setting.run(300);
    assert!(setting.object(GATEWAY, "shop/shop").is_none());
    let shared = |setting: &Setting| {
        setting.list(GROUP).iter().filter(|one| one["groupName"] == names::backend_group("edge")).count()
    };
    assert_eq!(shared(&setting), 1);
    setting.delete(INGRESS, "shop/web");
    setting.run(300);
    assert_eq!(shared(&setting), 0);
}

#[test]
fn what_cannot_be_built_is_told_in_events() {
    let mut setting = ground();
    ingress(&mut setting, "one", &[("group.name", "front"), ("scheme", "internal")]);
    ingress(&mut setting, "two", &[("group.name", "front"), ("scheme", "internet-facing")]);
    setting.run(60);
    assert!(setting.list(BALANCER).is_empty());
    let told = "Failed build model due to conflicting scheme: map[internal:{} internet-facing:{}]";
    assert!(warnings(&setting).contains(told), "{}", warnings(&setting));
    assert!(
        held(&setting.the(INGRESS, "shop/one"), "group.ingress.k8s.aws/front"),
        "it is held all the same"
    );
}
