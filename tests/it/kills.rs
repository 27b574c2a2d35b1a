//! The real program, killed at moments of chance and by signals, against a sandbox that is served by another process.
//!
//! As many kills as `KILLS`; the moments come from a seed that is told. `cargo test kills::many -- --ignored` kills
//! a thousand times.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use stack::clock::Stopwatch;

use crate::serve::inventory;
use crate::support::crash::recovery::without_ids;
use crate::support::served::{Served, program, send, told};

/// How much faster than the world.
const SPEED: u32 = 150;
/// In a run of all tests.
const KILLS: u32 = 100;
const SEED: u64 = 20_261_127;
const UP: &[&str] = &["up", "small", "--yes"];
const DOWN: &[&str] = &["destroy", "small", "--yes"];

fn served() -> Served {
    // Another one that is installed already does as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let served = Served::start(SPEED);
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/crash/small.toml");
    std::fs::copy(from, served.folder().join("stacks/small.toml")).expect("the stack is copied");
    served
}

fn start(served: &Served, words: &[&str]) -> Child {
    start_with(served, &[], words)
}

fn start_with(served: &Served, variables: &[(&str, &str)], words: &[&str]) -> Child {
    let mut program = program(served.folder());
    program.env_clear().env("HOME", "/nowhere").envs(&served.environment).envs(variables.iter().copied());
    program.args(words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs")
}

/// What is there, without the ids.
async fn there(served: &Served) -> Vec<String> {
    let mut all: Vec<String> = inventory(served).await.iter().map(|line| without_ids(line)).collect();
    all.sort();
    all
}

fn succeeds(served: &Served, words: &[&str]) {
    let output = served.stack(words);
    assert_eq!(output.status.code(), Some(0), "{words:?}: {}", told(&output));
}

/// The next of a well-mixed sequence, from 0 to below 1.
fn chance(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 40) as f64 / f64::from(1u32 << 24)
}

/// Runs it and kills it after a while; whether it had not ended by itself.
async fn killed(served: &Served, words: &[&str], after: Duration) -> bool {
    let mut child = start(served, words);
    tokio::time::sleep(after).await;
    let ended = child.try_wait().expect("it can be asked");
    if let Some(status) = ended {
        assert_eq!(status.code(), Some(0), "{words:?} ended by itself");
        return false;
    }
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    true
}

async fn kill(times: u32) {
    let served = served();
    let fresh = there(&served).await;
    // How long a whole run takes on this machine, today.
    let mut whole = [Duration::ZERO; 2];
    let watch = Stopwatch::start();
    succeeds(&served, UP);
    whole[0] = watch.elapsed();
    let goal = there(&served).await;
    succeeds(&served, DOWN);
    whole[1] = watch.elapsed() - whole[0];
    assert_eq!(there(&served).await, fresh);
    let (mut chances, mut kills, mut ways) = (SEED, 0, 0_usize);
    while kills < times || ways % 2 == 1 {
        let (words, longest, expected) = [(UP, whole[0], &goal), (DOWN, whole[1], &fresh)][ways % 2];
        for _ in 0..5 {
            let after = longest.mul_f64(chance(&mut chances));
            if !killed(&served, words, after).await {
                break;
            }
            kills += 1;
        }
        succeeds(&served, words);
        assert_eq!(&there(&served).await, expected, "after {kills} kills, seed {SEED}, {words:?}");
        if words == UP {
            succeeds(&served, &["plan", "small", "--exit-code"]);
        }
        ways += 1;
    }
    let _ = writeln!(std::io::stderr(), "kills: {kills} in {ways} runs, seed {SEED}");
}

#[tokio::test]
async fn b32_killed_again_and_again_nothing_is_twice_and_nothing_is_left() {
    kill(KILLS).await;
}

#[tokio::test]
#[ignore = "takes its time"]
async fn many_kills() {
    kill(1_000).await;
}

/// Lets a run go on until it has made something.
fn until_something_is_made(run: &mut Child) {
    let said = BufReader::new(run.stderr.take().expect("is piped"));
    let mut lines = said.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("created (")), "it ended without having made anything");
    // Whoever speaks to nobody would die of it.
    std::thread::spawn(move || lines.for_each(drop));
}

/// A run that was told to stop has kept what it knows and given the lock back, and the next one goes on.
fn stopped_well(served: &Served, status: ExitStatus) {
    assert_eq!(status.code(), Some(130), "{status}");
    let folder = served.folder().join("state/small");
    let journal = std::fs::read(folder.join("journal.jsonl")).expect("the journal reads");
    assert!(journal.is_empty(), "the snapshot was written");
    let state = std::fs::read_to_string(folder.join("state.json")).expect("the state reads");
    assert!(state.contains("network.edge/vpc"), "{state}");
    succeeds(served, UP);
    succeeds(served, DOWN);
}

#[tokio::test]
async fn b27_an_interrupt_and_a_termination_stop_a_run_in_good_order() {
    let served = served();
    let fresh = there(&served).await;
    for signal in ["INT", "TERM"] {
        let mut run = start(&served, UP);
        until_something_is_made(&mut run);
        send(signal, &run);
        let status = run.wait().expect("it ends");
        stopped_well(&served, status);
        assert_eq!(there(&served).await, fresh);
    }
}

/// How a run ended, if it ends within so many milliseconds.
async fn ended_within(run: &mut Child, millis: u128) -> Option<ExitStatus> {
    let watch = Stopwatch::start();
    loop {
        let status = run.try_wait().expect("it can be asked");
        if status.is_some() || watch.elapsed().as_millis() >= millis {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// SIGINT, 7.5 s, SIGTERM, 2.5 s, SIGKILL, while the cloud answers nobody: the run has ended before it is killed.
#[tokio::test]
async fn b27_what_ci_systems_do_to_a_run_loses_nothing() {
    let served = served();
    let fresh = there(&served).await;
    let mut run = start_with(&served, &[("STACK_SPEED", "1")], UP);
    until_something_is_made(&mut run);
    served.signal("STOP");
    let mut status = None;
    for (signal, then) in [("INT", 7_500), ("TERM", 2_500), ("KILL", 10_000)] {
        if status.is_none() {
            send(signal, &run);
            status = ended_within(&mut run, then).await;
        }
    }
    served.signal("CONT");
    stopped_well(&served, status.expect("it ends"));
    assert_eq!(there(&served).await, fresh);
}

#[tokio::test]
async fn b27_a_second_signal_stops_a_run_that_still_waits_for_answers() {
    let served = served();
    let fresh = there(&served).await;
    let mut run = start(&served, UP);
    until_something_is_made(&mut run);
    served.signal("STOP");
    send("INT", &run);
    send("TERM", &run);
    let status = run.wait().expect("it ends");
    served.signal("CONT");
    stopped_well(&served, status);
    assert_eq!(there(&served).await, fresh);
}

#[tokio::test]
async fn b27_b32_a_run_that_is_killed_while_it_stops_is_gone_on_with() {
    let served = served();
    let fresh = there(&served).await;
    let mut run = start(&served, UP);
    until_something_is_made(&mut run);
    served.signal("STOP");
    for signal in ["INT", "KILL"] {
        send(signal, &run);
    }
    assert_eq!(run.wait().expect("it ends").code(), None);
    served.signal("CONT");
    let next = served.stack(UP);
    assert_eq!(next.status.code(), Some(0), "{}", told(&next));
    assert!(told(&next).contains("found "), "{}", told(&next));
    succeeds(&served, DOWN);
    assert_eq!(there(&served).await, fresh);
}
