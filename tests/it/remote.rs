//! The program with its state in a bucket: a served sandbox's S3, runs beside each other, runs that stand still.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use stack::state::journal::Entry;
use stack::state::store::{Holder, Store, StoreError};

use crate::support::served::{Served, program, send, texts, told};

/// A network in the public zone of a fresh sandbox: its NAT gateway takes a while.
const STACK: &str = r#"
[stack]
name = "small"
region = "us-west-2"
[state]
backend = "s3://stack-state/team"
lease = "4s"
[networks.main]
cidr = "10.0.0.0/16"
zones = 2
nat = "one"
[values.a]
input = 1
[outputs]
a = "${values.a.value}"
"#;

fn served(speed: u32) -> Served {
    let served = Served::start(speed);
    write(&served, STACK);
    served
}

fn write(served: &Served, stack: &str) {
    std::fs::write(served.folder().join("stacks/small.toml"), stack).expect("the stack is written");
}

fn ends(code: i32, output: &Output) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", told(output));
    told(output)
}

fn child(served: &Served, words: &[&str]) -> Child {
    let mut program = program(served.folder());
    program.env_clear().env("HOME", "/nowhere").envs(&served.environment).args(words);
    program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// Waits until a run has said this on standard error. What it said, and where it goes on.
async fn heard(run: &mut Child, word: &'static str) -> (BufReader<ChildStderr>, String) {
    let mut status = BufReader::new(run.stderr.take().expect("is piped"));
    let listens = move || {
        let mut said = String::new();
        while !said.contains(word) {
            assert!(status.read_line(&mut said).expect("it speaks") > 0, "it ended: {said}");
        }
        (status, said)
    };
    tokio::task::spawn_blocking(listens).await.expect("it is heard")
}

fn objects(served: &Served) -> Arc<dyn ObjectStore> {
    let store = AmazonS3Builder::new()
        .with_bucket_name("stack-state")
        .with_region("us-west-2")
        .with_endpoint(&served.environment["AWS_ENDPOINT_URL"])
        .with_allow_http(true)
        .with_access_key_id("AKIASANDBOX")
        .with_secret_access_key("sandbox")
        .build();
    Arc::new(store.expect("a store"))
}

/// The state as another run of this machine would reach it.
fn store(served: &Served) -> Store {
    let lease = Duration::from_secs(4);
    Store::remote(objects(served), "s3://stack-state/team", "team", lease, "small", "aws/111122223333")
}

/// The VPCs and NAT gateways that there are.
async fn made(served: &Served) -> (usize, usize) {
    let vpcs = served.ec2("Action=DescribeVpcs").await;
    let gateways = served.ec2("Action=DescribeNatGateways&Filter.1.Name=state&Filter.1.Value.1=available&Filter.1.Value.2=pending").await;
    (texts(&vpcs, "vpcId").len(), texts(&gateways, "natGatewayId").len())
}

/// On threads of its own: a heart beats while this waits for the program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_goes_up_and_down_with_its_state_in_a_bucket() {
    let served = served(400);
    ends(0, &served.stack(&["up", "small", "--yes"]));
    assert!(!Path::new(&served.folder().join("state/small")).exists(), "nothing is kept in a folder");
    ends(0, &served.stack(&["plan", "small", "--exit-code"]));
    ends(0, &served.stack(&["drift", "small"]));
    let output = served.stack(&["output", "small", "a"]);
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(0), b"1\n".as_slice()),
        "{}",
        told(&output)
    );

    let held = store(&served).lock(&Holder::new("bob on elsewhere, process 7", "up small", 0), "x").await;
    let turned_away = ends(6, &served.stack(&["destroy", "small", "--yes"]));
    assert!(
        turned_away.contains("the state of small is locked by bob on elsewhere, process 7"),
        "{turned_away}"
    );
    held.expect("locks").release().await;

    ends(0, &served.stack(&["destroy", "small", "--yes"]));
    assert_eq!(made(&served).await, (1, 0), "only the default VPC is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b29_a_lock_is_waited_for_taken_over_or_taken_away() {
    let served = served(400);
    write(&served, &STACK.replace("[networks.main]\ncidr = \"10.0.0.0/16\"\nzones = 2\nnat = \"one\"\n", ""));
    let lock = async |who: &str| {
        let holder = Holder::new(who, "up small", 0);
        let locked = store(&served).lock(&holder, "x").await.expect("locks");
        (holder, locked)
    };
    // Dropped without a word, as by `kill -9`.
    let (_, dead) = lock("ann").await;
    drop(dead);
    let up = ends(0, &served.stack(&["up", "small", "--yes"]));
    assert!(up.contains("ann"), "{up}");

    let (holder, mut alive) = lock("bob").await;
    let mut waits = child(&served, &["up", "small", "--yes", "--lock-timeout", "5m"]);
    let (mut status, mut waited) = heard(&mut waits, "Waiting for bob").await;
    alive.release().await;
    status.read_to_string(&mut waited).expect("it speaks");
    ends(0, &waits.wait_with_output().expect("it ends"));
    assert!(waited.contains(&holder.id), "{waited}");

    let (holder, mut alive) = lock("carl").await;
    let other = ends(6, &served.stack(&["unlock", "small", "0000000000000000"]));
    assert!(other.contains(&holder.id) && other.contains("carl"), "{other}");
    ends(0, &served.stack(&["unlock", "small", &holder.id]));
    ends(0, &served.stack(&["up", "small", "--yes"]));
    alive.append(&[Entry::Outputs { outputs: BTreeMap::new() }]).expect("is legal");
    assert!(matches!(alive.flush().await, Err(StoreError::Lost { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_moves_into_a_bucket_and_back_with_its_history() {
    let served = served(400);
    let local = "[stack]\nname = \"small\"\nregion = \"us-west-2\"\n[values.a]\ninput = 1\n";
    let remote = format!("{local}[state]\nbackend = \"s3://stack-state/team\"\n");
    write(&served, local);
    ends(0, &served.stack(&["up", "small", "--yes"]));
    let listed = served.stack(&["state", "list", "small", "--json"]).stdout;
    let moved = ends(0, &served.stack(&["state", "migrate", "small", "--to", "s3://stack-state/team"]));
    assert!(moved.contains("is in s3://stack-state/team now: 1 resource, 1 run."), "{moved}");
    let refused = ends(6, &served.stack(&["up", "small", "--yes"]));
    assert!(refused.contains("`backend = \"s3://stack-state/team\"` under [state]"), "{refused}");

    write(&served, &remote);
    assert_eq!(served.stack(&["state", "list", "small", "--json"]).stdout, listed);
    let history = ends(0, &served.stack(&["history", "small"]));
    assert!(history.contains("up small"), "{history}");
    ends(0, &served.stack(&["plan", "small", "--exit-code"]));
    ends(0, &served.stack(&["up", "small", "--yes", "--replace", "value.a"]));
    ends(0, &served.stack(&["state", "migrate", "small", "--to", "state"]));
    write(&served, local);
    ends(0, &served.stack(&["plan", "small", "--exit-code"]));
    ends(0, &served.stack(&["destroy", "small", "--yes"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b34_a_run_that_is_stopped_past_its_lease_changes_neither_state_nor_cloud() {
    let served = served(40);
    let sleeper = child(&served, &["up", "small", "--yes"]);
    // Until the gateway is on its way: what comes after it is not begun yet.
    while made(&served).await != (2, 1) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    send("STOP", &sleeper);
    let second = ends(0, &served.stack(&["up", "small", "--yes"]));
    assert!(second.contains("Done"), "{second}");
    let tables = async || {
        let answer = served.ec2("Action=DescribeRouteTables").await;
        answer.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
    };
    let before = tables().await;
    send("CONT", &sleeper);
    let late = ends(6, &sleeper.wait_with_output().expect("it ends"));
    assert!(late.contains("was taken over"), "{late}");
    assert_eq!(tables().await, before);
    assert_eq!(made(&served).await, (2, 1));
    ends(0, &served.stack(&["plan", "small", "--exit-code"]));
    ends(0, &served.stack(&["destroy", "small", "--yes"]));
    assert_eq!(made(&served).await, (1, 0));
}

#[test]
fn what_is_wrong_with_a_bucket_is_said_in_a_line() {
    let served = served(400);
    let with = |from: &str, to: &str| {
        write(&served, &STACK.replace(from, to));
        ends(2, &served.stack(&["plan", "small"]))
    };
    let told = with("s3://stack-state/team", "s3://no-such-bucket/team");
    assert!(told.contains("there is no bucket"), "{told}");
    let told = with("lease = \"4s\"", "region = \"eu-west-1\"");
    assert!(told.contains("region"), "{told}");
}
