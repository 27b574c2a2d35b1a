//! What a run costs for each step: CPU time and bytes written, at 1,000, 10,000 and 100,000 values. `cargo bench`.
//!
//! The cost must not grow with the stack: the sizes differ by 20% at most, or the bench fails. The first size that is
//! given on the command line is the smallest: `cargo bench -- 1000 10000` leaves the large one out. How it compares
//! with Terraform is for `terraform.sh` beside.
#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

#[path = "../it/support/world.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod world;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use stack::clock::Stopwatch;
use stack::compose::compose;
use stack::graph::Graph;
use stack::stack::{Source, Variables};
use world::World;

/// Without others on the command line.
const SIZES: &[usize] = &[1_000, 10_000, 100_000];
/// By how much the sizes may differ.
const MAY_DIFFER: f64 = 0.20;
/// A size is measured until so many values went through.
const ENOUGH: usize = 100_000;

/// What one size cost, for each value.
#[derive(Clone, Copy, Default)]
struct Cost {
    read: f64,
    up: f64,
    unchanged: f64,
    bytes: f64,
}

fn main() -> ExitCode {
    let given: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let sizes = if given.is_empty() { SIZES } else { given.as_slice() };
    // What the first run of a process pays is not of a step.
    measure(100);
    println!("CPU time in microseconds for each value, and bytes written in an up:\n");
    println!("{:>10}  {:>8}  {:>8}  {:>8}  {:>8}", "values", "read", "up", "plan", "bytes");
    let costs: Vec<Cost> = sizes.iter().map(|size| tell(*size)).collect();
    println!();
    let grow = [
        grows("read", costs.iter().map(|cost| cost.read)),
        grows("up", costs.iter().map(|cost| cost.up)),
        grows("plan", costs.iter().map(|cost| cost.unchanged)),
        grows("bytes", costs.iter().map(|cost| cost.bytes)),
    ];
    ExitCode::from(u8::from(grow.contains(&true)))
}

fn tell(size: usize) -> Cost {
    let cost = mean(size);
    let Cost { read, up, unchanged, bytes } = cost;
    println!("{size:>10}  {read:>8.2}  {up:>8.2}  {unchanged:>8.2}  {bytes:>8.1}");
    cost
}

/// Whether the largest size costs more than it may; a smaller one may pay more for what is done once.
fn grows(name: &str, costs: impl Iterator<Item = f64>) -> bool {
    let costs: Vec<f64> = costs.collect();
    let (Some(first), Some(last)) = (costs.first(), costs.last()) else { return false };
    let by = last / first - 1.0;
    let verdict = if by > MAY_DIFFER { "GROWS" } else { "does not grow" };
    println!("{name:>10}  {verdict}: {:+.0}% from the smallest to the largest", by * 100.0);
    by > MAY_DIFFER
}

fn mean(size: usize) -> Cost {
    let times = (ENOUGH / size).clamp(1, 20);
    let mut sum = Cost::default();
    for _ in 0..times {
        let one = measure(size);
        sum.read += one.read;
        sum.up += one.up;
        sum.unchanged += one.unchanged;
        sum.bytes += one.bytes;
    }
    let times = times as f64;
    Cost {
        read: sum.read / times,
        up: sum.up / times,
        unchanged: sum.unchanged / times,
        bytes: sum.bytes / times,
    }
}

/// Reads a stack of so many values, makes them, and plans again.
fn measure(size: usize) -> Cost {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("there is a runtime").block_on(async {
        let text = stack_of(size);
        let mut world = World::new();
        let clock = Stopwatch::start();
        let (began, written_before) = (spent(clock), written());
        let graph = read(&text);
        let composed = spent(clock);
        let (_, outcome) = world.up(&graph).await;
        let made = spent(clock);
        assert_eq!(outcome.created, size);
        let bytes = written() - written_before;
        world.events.clear();
        let before = spent(clock);
        let plan = world.plan(&graph, &world::up()).await.expect("there is a plan");
        let planned = spent(clock);
        assert!(plan.is_empty());
        let each = |time: Duration| time.as_secs_f64() * 1e6 / size as f64;
        Cost {
            read: each(composed - began),
            up: each(made - composed),
            unchanged: each(planned - before),
            bytes: bytes as f64 / size as f64,
        }
    })
}

fn read(text: &str) -> Graph {
    let source = Source { path: "many.toml".into(), text: text.into() };
    let stack = stack::stack::parse(source, &Variables::default()).expect("the file is right");
    compose(&stack).expect("it composes")
}

fn stack_of(size: usize) -> String {
    let mut text = "[stack]\nname = \"many\"\nregion = \"us-west-2\"\n".to_owned();
    for number in 0..size {
        // Names of one length: what a value costs does not depend on how its number is written.
        writeln!(text, "[values.v{number:06}]\ninput = \"{number:06}\"").expect("a text takes all");
    }
    text
}

/// How many bytes this process has written, where the system counts them.
fn written() -> u64 {
    let told = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let count = told.lines().find_map(|line| line.strip_prefix("wchar: "));
    count.and_then(|count| count.parse().ok()).unwrap_or_default()
}

/// The CPU time of this thread, on which all is done; where the system does not tell it, what a clock shows.
fn spent(clock: Stopwatch) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds.map_or_else(|| clock.elapsed(), Duration::from_nanos)
}
