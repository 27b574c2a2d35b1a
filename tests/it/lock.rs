//! Official files are pinned at their first use and checked ever after; and clusters that are known by a kubeconfig.
//! The program as its users have it, against a served sandbox.

use std::process::Output;

use serde_json::json;

use crate::support::served::{Served, told};

const SPEED: u32 = 300;
/// Locks are beside the stack files here, as with a real cloud.
const BESIDE: (&str, &str) = ("STACK_LOCKS", "");
const GATEWAY_API: &str =
    "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.1/standard-install.yaml";

#[track_caller]
fn ended(code: i32, output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(code), "{}", told(output));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn official_files_are_pinned_by_an_up_and_refused_when_they_are_others() {
    let served = Served::start(SPEED);
    let lock = served.folder().join("stacks/minimal.lock");
    let (plan, _) = ended(0, &served.stack_with(&[BESIDE], &["plan", "minimal"]));
    assert!(plan.contains("gateway-api 1.6.1 is new: its digest goes into stacks/minimal.lock"), "{plan}");
    assert!(!lock.exists(), "a plan writes nothing");

    let zeros = "0".repeat(64);
    std::fs::write(&lock, format!("format = 1\n[files]\n\"{GATEWAY_API}\" = \"sha256:{zeros}\"\n"))
        .expect("is written");
    for words in [&["plan", "minimal"][..], &["up", "minimal", "--yes"]] {
        let (_, error) = ended(2, &served.stack_with(&[BESIDE], words));
        assert!(error.contains("is not the file that stacks/minimal.lock pins"), "{error}");
        assert!(error.contains(&zeros) && error.contains("take its line out"), "{error}");
    }
    assert!(!served.folder().join("state/minimal/state.json").exists(), "nothing was changed");
    std::fs::write(&lock, "format = 1\n<<<<<<< ours\n").expect("is written");
    let (_, error) = ended(2, &served.stack_with(&[BESIDE], &["up", "minimal", "--yes"]));
    assert!(error.starts_with("Error: stacks/minimal.lock is not right"), "{error}");
    std::fs::remove_file(&lock).expect("is removed");

    ended(0, &served.stack_with(&[BESIDE], &["up", "minimal", "--yes"]));
    let text = std::fs::read_to_string(&lock).expect("an up writes it");
    assert!(text.contains("Commit this file.") && text.contains(GATEWAY_API), "{text}");
    assert_eq!(text.matches("sha256:").count(), 2, "{text}");
    let (plan, _) = ended(0, &served.stack_with(&[BESIDE], &["plan", "minimal", "--exit-code"]));
    assert!(!plan.contains("is new"), "{plan}");
    ended(0, &served.stack_with(&[BESIDE], &["destroy", "minimal", "--yes"]));
    assert_eq!(std::fs::read_to_string(&lock).expect("it stays"), text);
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

/// Kubeconfigs that say who calls in other ways than the one that is served.
fn write_kubeconfigs(served: &Served) {
    let path = &served.environment["KUBECONFIG"];
    let config = std::fs::read_to_string(path).expect("it is there");
    let config: serde_json::Value = serde_json::from_str(&config).expect("it is JSON");
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
    let served = Served::start(SPEED);
    for (name, text) in [("host", HOST), ("guest", GUEST)] {
        std::fs::write(served.folder().join(format!("stacks/{name}.toml")), text).expect("is written");
    }
    ended(0, &served.stack(&["up", "host", "--yes"]));
    write_kubeconfigs(&served);
    let own = served.environment["KUBECONFIG"].trim_matches('\'').to_owned();
    let by = |verb: &[&str], kubeconfig: &str| {
        let variable = format!("kubeconfig={kubeconfig}");
        served.stack(&[verb, &["--var", &variable]].concat())
    };
    let (up, _) = ended(0, &by(&["up", "guest", "--yes"], &own));
    assert!(up.contains("manifest.hello/Deployment.hello"), "{up}");
    ended(0, &by(&["plan", "guest", "--exit-code"], &own));
    ended(0, &by(&["drift", "guest"], &own));

    // Whoever calls in another way still finds nothing to do but to take down what is by another kubeconfig.
    for other in ["exec", "file"] {
        ended(0, &by(&["destroy", "guest", "--yes"], &own));
        ended(0, &by(&["up", "guest", "--yes"], other));
        ended(0, &by(&["plan", "guest", "--exit-code"], other));
        ended(0, &by(&["destroy", "guest", "--yes"], other));
    }
    let (_, error) = ended(2, &by(&["plan", "guest"], "nowhere"));
    assert!(error.starts_with("Error: clusters.lab: nowhere cannot be used: "), "{error}");
    let (_, error) = ended(2, &by(&["up", "guest", "--yes", "--var", "context=other"], &own));
    assert!(error.contains("it has no context `other`; there is lab"), "{error}");
    std::fs::write(served.folder().join("broken"), "[not a kubeconfig").expect("is written");
    let (_, error) = ended(2, &by(&["plan", "guest"], "broken"));
    assert_eq!(error.lines().filter(|line| line.starts_with("Error:")).count(), 1, "{error}");
    ended(0, &served.stack(&["destroy", "host", "--yes"]));
}
