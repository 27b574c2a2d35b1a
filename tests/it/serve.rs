//! The program as its users have it: against a served sandbox that knows nothing of it, changed by clients of others.

use std::collections::HashMap;
use std::process::Output;

use aws_sdk_eks::types::{NodegroupScalingConfig, NodegroupStatus};
use kube::api::{Api, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::ApiResource;
use serde_json::{Value as Json, json};

use crate::support::served::{Served, objects, texts, told};

/// How much faster than the world: the waits of an hour in half a minute, which a debug build keeps up with.
const SPEED: u32 = 150;
/// What is changed by hand: addresses and fields.
const BY_HAND: [(&str, &str, &str); 3] = [
    ("cluster.edge/nodes.default", "size.max", "6 -> 9"),
    ("network.edge/security-group.lattice-clients", "tags.team", "commerce -> other"),
    ("route.cart", "manifest.spec.rules.0.backendRefs.0.weight", "9 -> 5"),
];

#[tokio::test]
async fn a_shop_goes_up_drifts_is_mended_and_goes_down_on_a_served_sandbox() {
    // Another one that is installed already does as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let served = Served::start(SPEED);
    let fresh = inventory(&served).await;

    ends(0, &served.stack(&["up", "shop", "--yes"]));
    assert_ne!(inventory(&served).await, fresh);
    ends(0, &served.stack(&["plan", "shop", "--exit-code"]));
    ends(0, &served.stack(&["drift", "shop"]));
    a_kubeconfig_opens_a_cluster(&served).await;

    change_by_hand(&served).await;
    let drifted = served.stack(&["drift", "shop"]);
    ends(4, &drifted);
    assert_eq!(
        shown(&drifted),
        BY_HAND.map(|(address, field, values)| format!("{address} {field}: {values}"))
    );
    let drifted = served.stack(&["drift", "shop", "--json"]);
    ends(4, &drifted);
    assert_eq!(fields_of("drift", &drifted), BY_HAND.map(|(address, field, _)| format!("{address} {field}")));

    let mended = served.stack(&["up", "shop", "--yes", "--json"]);
    ends(0, &mended);
    assert_eq!(fields_of("change", &mended), BY_HAND.map(|(address, field, _)| format!("{address} {field}")));
    assert_eq!(objects(&mended).last().expect("a line")["updated"], 3);
    ends(0, &served.stack(&["drift", "shop", "--json"]));

    let destroyed = served.stack(&["destroy", "shop", "--yes", "--json"]);
    ends(0, &destroyed);
    let last: Vec<Json> =
        objects(&destroyed).into_iter().rev().take(2).map(|line| line["type"].clone()).collect();
    assert_eq!(last, ["audit", "outcome"]);
    assert_eq!(inventory(&served).await, fresh);
    let code = served.end_by("INT").code();
    assert!(matches!(code, Some(0 | 130)), "{code:?}");
}

/// The exit code, and nothing but status on standard error: no error, no cause.
fn ends(code: i32, output: &Output) {
    assert_eq!(output.status.code(), Some(code), "{}", told(output));
    let status = String::from_utf8_lossy(&output.stderr);
    assert!(status.starts_with("Stack shop in account 111122223333"), "{status}");
    assert!(!status.contains("Error:"), "{status}");
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(!answer.contains("Stack shop in account"), "{answer}");
}

/// The changed fields that a drift shows, each with its address.
fn shown(drift: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&drift.stdout);
    let mut address = "";
    let mut shown = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("      ") {
            shown.push(format!("{address} {rest}"));
        } else if let Some(rest) = line.strip_prefix("  ") {
            address = rest.split_whitespace().nth(1).expect("a sign and an address");
        }
    }
    shown
}

/// The changed fields in JSON lines of a type, each with its address.
fn fields_of(sort: &str, output: &Output) -> Vec<String> {
    let mut told = Vec::new();
    for object in objects(output).iter().filter(|object| object["type"] == sort) {
        for field in object["fields"].as_array().expect("a list") {
            let text = |value: &Json| value.as_str().expect("a text").to_owned();
            told.push(format!("{} {}", text(&object["address"]), text(&field["path"])));
        }
    }
    told
}

async fn change_by_hand(served: &Served) {
    let sdk = served.sdk();
    let groups = served.ec2("Action=DescribeSecurityGroups&Filter.1.Name=group-name&Filter.1.Value.1=shop-edge-lattice-clients").await;
    let group = texts(&groups, "groupId")[0];
    served.ec2(&format!("Action=CreateTags&ResourceId.1={group}&Tag.1.Key=team&Tag.1.Value=other")).await;
    weigh_the_cart(&sdk).await;
    scale(&aws_sdk_eks::Client::new(&sdk)).await;
}

/// Waits for the end of the update: the next one needs a group that is active.
async fn scale(eks: &aws_sdk_eks::Client) {
    let size = NodegroupScalingConfig::builder().max_size(9).build();
    let update = eks.update_nodegroup_config().cluster_name("shop-edge").nodegroup_name("default");
    update.scaling_config(size).send().await.expect("is taken");
    loop {
        let look = eks.describe_nodegroup().cluster_name("shop-edge").nodegroup_name("default");
        let group = look.send().await.expect("is told").nodegroup.expect("is there");
        if group.status() == Some(&NodegroupStatus::Active) {
            return;
        }
    }
}

async fn weigh_the_cart(sdk: &aws_types::SdkConfig) {
    let look = aws_sdk_eks::Client::new(sdk).describe_cluster().name("shop-apps-a").send().await;
    let cluster = look.expect("is told").cluster.expect("is there");
    let mut config = kube::Config::new(cluster.endpoint().expect("an endpoint").parse().expect("a URL"));
    config.auth_info.token = Some("sandbox".to_owned().into());
    let client = kube::Client::try_from(config).expect("a client");
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute"));
    let routes: Api<DynamicObject> = Api::namespaced_with(client, "eks-gateway-demo", &kind);
    let mut rules = routes.get("cart").await.expect("is there").data["spec"]["rules"].clone();
    rules[0]["backendRefs"][0]["weight"] = json!(5);
    let patch = Patch::Merge(json!({ "spec": { "rules": rules } }));
    routes.patch("cart", &PatchParams::default(), &patch).await.expect("is taken");
}

/// With the exec plugin of the kubeconfig that is printed, which runs this very program.
async fn a_kubeconfig_opens_a_cluster(served: &Served) {
    let printed = served.stack(&["kubeconfig", "shop"]);
    let mut config = Kubeconfig::from_yaml(&String::from_utf8_lossy(&printed.stdout)).expect("a kubeconfig");
    assert_eq!(config.contexts.len(), 3);
    for user in &mut config.auth_infos {
        let exec = user.auth_info.as_mut().and_then(|user| user.exec.as_mut()).expect("an exec plugin");
        assert_eq!(exec.command.as_deref(), Some("stack"));
        exec.command = Some(env!("CARGO_BIN_EXE_stack").to_owned());
        let pair = |(name, value): (&String, &String)| {
            HashMap::from([("name".to_owned(), name.clone()), ("value".to_owned(), value.clone())])
        };
        exec.env = Some(served.environment.iter().map(pair).collect());
    }
    let options =
        KubeConfigOptions { context: Some("shop-apps-b".to_owned()), ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(config, &options).await.expect("is sound");
    // kubectl sends no credentials where there is no TLS.
    let bare = kube::Config::new(config.cluster_url.clone());
    for config in [config, bare] {
        lists_namespaces(config).await;
    }
}

async fn lists_namespaces(config: kube::Config) {
    let client = kube::Client::try_from(config).expect("a client");
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace"));
    let namespaces: Api<DynamicObject> = Api::all_with(client, &kind);
    let listed = namespaces.list(&ListParams::default()).await.expect("are listed");
    let names: Vec<&str> = listed.items.iter().filter_map(|one| one.metadata.name.as_deref()).collect();
    assert!(names.contains(&"eks-gateway-demo") && names.contains(&"kube-system"), "{names:?}");
}

/// Everything that costs money or blocks a delete, as the lists of the services tell it.
pub async fn inventory(served: &Served) -> Vec<String> {
    let sdk = served.sdk();
    let mut all = in_ec2(served).await;
    let mut note =
        |sort: &str, names: Vec<String>| all.extend(names.into_iter().map(|n| format!("{sort} {n}")));
    let eks = aws_sdk_eks::Client::new(&sdk).list_clusters().send().await.expect("listed");
    note("cluster", eks.clusters.unwrap_or_default());
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&sdk);
    let balancers =
        elb.describe_load_balancers().send().await.expect("listed").load_balancers.unwrap_or_default();
    note("load balancer", balancers.into_iter().filter_map(|one| one.load_balancer_name).collect());
    let groups = elb.describe_target_groups().send().await.expect("listed").target_groups.unwrap_or_default();
    note("target group", groups.into_iter().filter_map(|one| one.target_group_name).collect());
    let lattice = aws_sdk_vpclattice::Client::new(&sdk);
    let services = lattice.list_services().send().await.expect("listed").items.unwrap_or_default();
    note("Lattice service", services.into_iter().filter_map(|one| one.name).collect());
    let networks = lattice.list_service_networks().send().await.expect("listed").items;
    note("service network", networks.into_iter().filter_map(|one| one.name).collect());
    let groups = lattice.list_target_groups().send().await.expect("listed").items.unwrap_or_default();
    note("Lattice target group", groups.into_iter().filter_map(|one| one.name).collect());
    let roles = aws_sdk_iam::Client::new(&sdk).list_roles().send().await.expect("listed").roles;
    note("role", roles.into_iter().map(|one| one.role_name).collect());
    let acm = aws_sdk_acm::Client::new(&sdk);
    let certificates = acm.list_certificates().send().await.expect("listed");
    let certificates = certificates.certificate_summary_list.unwrap_or_default();
    note("certificate", certificates.into_iter().filter_map(|one| one.domain_name).collect());
    in_route53(&aws_sdk_route53::Client::new(&sdk), &mut note).await;
    all.sort();
    all
}

async fn in_ec2(served: &Served) -> Vec<String> {
    let mut all = Vec::new();
    // EC2 tells of a deleted NAT gateway for an hour: it is seen by its address and its network interface.
    for (action, element) in [
        ("DescribeVpcs", "vpcId"),
        ("DescribeSubnets", "subnetId"),
        ("DescribeSecurityGroups", "groupId"),
        ("DescribeInternetGateways", "internetGatewayId"),
        ("DescribeAddresses", "allocationId"),
        ("DescribeNetworkInterfaces", "networkInterfaceId"),
    ] {
        let told = served.ec2(&format!("Action={action}")).await;
        all.extend(texts(&told, element).iter().map(|id| format!("{element} {id}")));
    }
    all
}

async fn in_route53(route53: &aws_sdk_route53::Client, note: &mut impl FnMut(&str, Vec<String>)) {
    let zones = route53.list_hosted_zones().send().await.expect("listed").hosted_zones;
    for zone in zones {
        let records =
            route53.list_resource_record_sets().hosted_zone_id(&zone.id).send().await.expect("listed");
        let records = records.resource_record_sets.into_iter();
        note(
            &format!("record of {}", zone.id),
            records.map(|one| format!("{} {}", one.name, one.r#type)).collect(),
        );
        note("zone", vec![zone.id]);
    }
}
