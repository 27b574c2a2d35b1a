//! Clusters that are known by a kubeconfig: whoever calls, and all that a stack may have in them. The program as its
//! users have it, against a served sandbox.

use std::process::Output;

use serde_json::{Value as Json, json};

use crate::support::mutual::Mutual;
use crate::support::served::{Served, told};

const SPEED: u32 = 300;

#[track_caller]
fn ended(code: i32, output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(code), "{}", told(output));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

const HOST: &str = r#"
[stack]
name = "host"
region = "us-west-2"
[networks.main]
vpc_id = "vpc-0a1b2c3d4e5f60718"
[clusters.lab]
name = "lab"
version = "1.35"
network = "main"
[clusters.lab.nodes.default]
instance_types = ["t4g.medium"]
size = { min = 2, max = 3 }
"#;

const GUEST: &str = r#"
[stack]
name = "guest"
region = "us-west-2"
[variables]
kubeconfig = {}
context = { default = "lab" }
[clusters.lab]
existing = { kubeconfig = "${var.kubeconfig}", context = "${var.context}", vpc_id = "vpc-0a1b2c3d4e5f60718", iam = "none" }
[manifests.hello]
cluster = "lab"
files = ["apps/hello.yaml"]
namespace = "hello"
"#;

/// The rest of what a stack may have in a cluster.
const MORE: &str = r#"
[service_networks.mesh]
clusters = ["lab"]
[controllers.lattice]
kind = "aws-gateway-api-controller"
version = "2.1.3"
clusters = ["lab"]
[controllers.lbc]
kind = "aws-load-balancer-controller"
version = "3.5.0"
clusters = ["lab"]
[gateways.web]
class = "alb"
cluster = "lab"
namespace = "hello"
scheme = "internet-facing"
listeners = [{ name = "http", protocol = "HTTP", port = 80 }]
[gateways.mesh]
class = "lattice"
service_network = "mesh"
cluster = "lab"
namespace = "hello"
listeners = [{ name = "http", protocol = "HTTP", port = 80 }]
[routes.web]
gateway = "web"
cluster = "lab"
namespace = "hello"
rules = [{ backends = [{ service = "hello", port = 80 }] }]
[routes.mesh]
gateway = "mesh"
cluster = "lab"
namespace = "hello"
rules = [{ backends = [{ service = "hello", port = 80 }] }]
[outputs]
web = "${gateway.web.address}"
mesh = "${route.mesh.domain_name}"
"#;

/// A served sandbox in which the cluster `lab` is, made by a stack that the guest knows nothing of.
fn hosted() -> Served {
    let served = Served::start(SPEED);
    let more = format!("{GUEST}{MORE}");
    for (name, text) in [("host", HOST), ("guest", GUEST), ("full", &more)] {
        std::fs::write(served.folder().join(format!("stacks/{name}.toml")), text).expect("is written");
    }
    ended(0, &served.stack(&["up", "host", "--yes"]));
    served
}

/// Runs a verb on a stack with a kubeconfig.
fn by(served: &Served, verb: &[&str], kubeconfig: &str) -> Output {
    let variable = format!("kubeconfig={kubeconfig}");
    served.stack(&[verb, &["--var", &variable]].concat())
}

/// The kubeconfig that is served.
fn own(served: &Served) -> String {
    served.environment["KUBECONFIG"].trim_matches('\'').to_owned()
}

/// The same in another file.
fn copy_of(served: &Served, name: &str) -> String {
    let copy = served.folder().join(name);
    std::fs::copy(own(served), &copy).expect("it is copied");
    copy.display().to_string()
}

fn config_of(served: &Served) -> Json {
    let config = std::fs::read_to_string(own(served)).expect("it is there");
    serde_json::from_str(&config).expect("it is JSON")
}

/// Kubeconfigs that say who calls in other ways than the one that is served.
fn write_kubeconfigs(served: &Served) {
    let config = config_of(served);
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": { "token": config["users"][0]["user"]["token"] },
    });
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "interactiveMode": "Never",
        "args": ["-c", format!("echo '{credential}'")],
    });
    let token_file = served.folder().join("token");
    let token = config["users"][0]["user"]["token"].as_str().expect("a text");
    std::fs::write(&token_file, token).expect("is written");
    for (name, user) in [("exec", json!({ "exec": exec })), ("file", json!({ "tokenFile": token_file }))] {
        let mut other = config.clone();
        other["users"][0]["user"] = user;
        std::fs::write(served.folder().join(name), other.to_string()).expect("is written");
    }
}

#[test]
fn a_cluster_that_is_known_by_a_kubeconfig_takes_a_stack() {
    let served = hosted();
    write_kubeconfigs(&served);
    let own = own(&served);
    let (up, _) = ended(0, &by(&served, &["up", "guest", "--yes"], &own));
    assert!(up.contains("manifest.hello/Deployment.hello"), "{up}");
    ended(0, &by(&served, &["plan", "guest", "--exit-code"], &own));
    ended(0, &by(&served, &["drift", "guest"], &own));

    // Whoever calls in another way still finds nothing to do but to take down what is by another kubeconfig.
    for other in ["exec", "file"] {
        ended(0, &by(&served, &["destroy", "guest", "--yes"], &own));
        ended(0, &by(&served, &["up", "guest", "--yes"], other));
        ended(0, &by(&served, &["plan", "guest", "--exit-code"], other));
        ended(0, &by(&served, &["destroy", "guest", "--yes"], other));
    }
    let (_, error) = ended(2, &by(&served, &["plan", "guest"], "nowhere"));
    assert!(error.starts_with("Error: clusters.lab: nowhere cannot be used: "), "{error}");
    let (_, error) = ended(2, &by(&served, &["up", "guest", "--yes", "--var", "context=other"], &own));
    assert!(error.contains("it has no context `other`; there is lab"), "{error}");
    std::fs::write(served.folder().join("broken"), "[not a kubeconfig").expect("is written");
    let (_, error) = ended(2, &by(&served, &["plan", "guest"], "broken"));
    assert_eq!(error.lines().filter(|line| line.starts_with("Error:")).count(), 1, "{error}");
    ended(0, &served.stack(&["destroy", "host", "--yes"]));
}

/// A kubeconfig is only a way: another one to the same cluster changes nothing in it.
#[test]
fn another_kubeconfig_of_the_same_cluster_makes_nothing_anew() {
    let served = hosted();
    let copy = copy_of(&served, "moved");
    ended(0, &by(&served, &["up", "guest", "--yes"], &own(&served)));
    let moved = copy.as_str();
    let (plan, _) = ended(0, &by(&served, &["plan", "guest"], moved));
    assert!(plan.contains("is reached by another kubeconfig"), "{plan}");
    assert!(plan.contains("3 to change; 0 unchanged"), "{plan}");
    let (up, _) = ended(0, &by(&served, &["up", "guest", "--yes"], moved));
    assert!(up.contains("3 changed"), "{up}");
    let (plan, _) = ended(0, &by(&served, &["plan", "guest"], moved));
    assert!(plan.contains("Nothing to do; 3 unchanged"), "{plan}");
    // The first one may go now.
    std::fs::remove_file(&copy).expect("it goes");
    let last = copy_of(&served, "last");
    ended(0, &by(&served, &["up", "guest", "--yes"], &last));
    ended(0, &by(&served, &["destroy", "guest", "--yes"], &last));
}

#[test]
fn a_client_certificate_opens_a_cluster() {
    let served = hosted();
    let config = config_of(&served);
    let text = |json: &Json| json.as_str().expect("a text").to_owned();
    let server = text(&config["clusters"][0]["cluster"]["server"]);
    let mutual = Mutual::before(&server, &text(&config["users"][0]["user"]["token"]));
    let user = json!({
        "client-certificate-data": mutual.client_certificate, "client-key-data": mutual.client_key,
    });
    for (name, user) in [("certified", user), ("bare", json!({}))] {
        let mut other = config.clone();
        other["clusters"][0]["cluster"]["server"] = json!(mutual.server(&server));
        other["clusters"][0]["cluster"]["certificate-authority-data"] = json!(mutual.authority);
        other["users"][0]["user"] = user;
        std::fs::write(served.folder().join(name), other.to_string()).expect("is written");
    }
    ended(0, &by(&served, &["up", "guest", "--yes"], "certified"));
    ended(0, &by(&served, &["plan", "guest", "--exit-code"], "certified"));
    ended(0, &by(&served, &["destroy", "guest", "--yes"], "certified"));
    let refused = by(&served, &["up", "guest", "--yes"], "bare");
    let (_, error) = ended(1, &refused);
    assert!(error.contains("GET Namespace/hello: "), "{error}");
}

/// Rights for both controllers, which with `iam = "none"` is for somebody else to give.
async fn let_controllers_act(served: &Served) {
    let (iam, eks) = (aws_sdk_iam::Client::new(&served.sdk()), aws_sdk_eks::Client::new(&served.sdk()));
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "pods.eks.amazonaws.com" },
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }]});
    let made = iam.create_role().role_name("lab").assume_role_policy_document(trust.to_string()).send().await;
    let arn = made.expect("a role").role().expect("it is told").arn().to_owned();
    let all = "arn:aws:iam::aws:policy/AdministratorAccess";
    iam.attach_role_policy().role_name("lab").policy_arn(all).send().await.expect("is attached");
    for (namespace, account) in [
        ("aws-application-networking-system", "gateway-api-controller"),
        ("kube-system", "aws-load-balancer-controller"),
    ] {
        let request = eks.create_pod_identity_association().cluster_name("lab").namespace(namespace);
        request.service_account(account).role_arn(&arn).send().await.expect("is associated");
    }
}

#[tokio::test]
async fn gateways_and_routes_live_in_a_cluster_that_is_known_by_a_kubeconfig() {
    let served = hosted();
    let_controllers_act(&served).await;
    let own = own(&served);
    let (up, _) = ended(0, &by(&served, &["up", "full", "--yes"], &own));
    assert!(up.contains(".us-west-2.elb.amazonaws.com"), "{up}");
    assert!(up.contains(".vpc-lattice-svcs.us-west-2.on.aws"), "{up}");
    ended(0, &by(&served, &["plan", "full", "--exit-code"], &own));
    ended(0, &by(&served, &["drift", "full"], &own));
    let (down, _) = ended(0, &by(&served, &["destroy", "full", "--yes"], &own));
    assert!(down.contains("verified: 0 leftovers"), "{down}");
}
