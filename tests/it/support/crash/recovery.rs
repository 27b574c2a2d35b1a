//! One kill and the runs after it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use stack::clock::Clock;
use stack::graph::Graph;
use stack::plan::Intent;
use stack::sandbox::Sandbox;

use super::recording::{Moment, Recording};
use crate::support::world::{World, told};

/// What a kill leaves of the requests that were on their way and of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The journal ends here, and so many bytes of its next line are there too. Requests are lost.
    Cut { end: usize, torn: usize },
    /// Requests are lost.
    Lost,
    /// Requests were carried out; nobody heard the answers.
    Done,
    /// Requests arrive so many milliseconds into the next run.
    Late(i64),
}

/// How a run after a kill went wrong.
pub type Fault = String;

/// What is there, by table, with ids left out and counted.
pub type Inventory = BTreeMap<String, usize>;

/// The world after a kill.
pub fn killed(recording: &Recording, moment: &Moment, how: How) -> World {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(moment.at.unsigned_abs());
    let sandbox = Sandbox::with(moment.cloud.clone(), Clock::starting_at(at, 1));
    for request in &moment.flying {
        match how {
            How::Done => drop(sandbox.answer(request)),
            How::Late(millis) => sandbox.hold_up(request.clone(), millis),
            How::Cut { .. } | How::Lost => {}
        }
    }
    let world = World::of(sandbox);
    let folder = world.folder();
    std::fs::create_dir_all(&folder).expect("the folder is made");
    if let Some(snapshot) = &recording.snapshot {
        std::fs::write(folder.join("state.json"), snapshot).expect("the snapshot is written");
    }
    let whole = moment.lines.1.last().copied().unwrap_or(moment.lines.0);
    let length = match how {
        How::Cut { end, torn } => end + torn,
        How::Lost | How::Done | How::Late(_) => whole,
    };
    std::fs::write(folder.join("journal.jsonl"), &recording.journal[..length])
        .expect("the journal is written");
    world
}

/// Runs until all is done, as the same command does again: one run must do.
pub async fn recovered(world: &mut World, graph: &Graph, intent: &Intent) -> Result<(), Fault> {
    let plan = world.plan(graph, intent).await.map_err(|refusals| format!("refused: {refusals:#?}"))?;
    let outcome = world.carry_out(&plan).await;
    if !outcome.is_complete() {
        let skipped: Vec<String> = outcome.skipped.iter().map(ToString::to_string).collect();
        return Err(format!("{:#?}\nfailed: {:#?}; skipped: {skipped:?}", told(&plan), outcome.failed));
    }
    world.state().check().map_err(|unsound| unsound.to_string())
}

/// Nothing that is recorded waits for another run.
pub fn at_rest(world: &World) -> Result<(), Fault> {
    let state = world.state();
    let waits = state.records.iter().find(|(_, record)| {
        let finished = record.current.as_ref().is_some_and(|object| object.finished);
        !finished || record.open.is_some() || !record.deposed.is_empty()
    });
    waits.map_or(Ok(()), |(address, record)| Err(format!("{address} is not at rest: {record:#?}")))
}

/// Nothing is left to do.
pub async fn settled(world: &World, graph: &Graph, intent: &Intent) -> Result<(), Fault> {
    let plan = world.plan(graph, intent).await.map_err(|refusals| format!("then refused: {refusals:#?}"))?;
    if plan.is_empty() {
        return Ok(());
    }
    Err(format!("then there is a plan: {:#?} {:?}", plan.changes, plan.edges))
}

/// The very same things are there: none twice, none too many, none missing.
pub fn same(found: &Inventory, goal: &Inventory) -> Result<(), Fault> {
    let names: std::collections::BTreeSet<&String> = found.keys().chain(goal.keys()).collect();
    let count = |all: &Inventory, name: &String| all.get(name).copied().unwrap_or(0);
    let differ = names.into_iter().filter(|name| count(found, name) != count(goal, name));
    let differ: Vec<String> =
        differ.map(|name| format!("{name}: {}, not {}", count(found, name), count(goal, name))).collect();
    if differ.is_empty() { Ok(()) } else { Err(format!("there is {differ:#?}")) }
}

/// What only tells of what was.
const HISTORY: &[&str] = &["eks/update", "core/events", "route53/change"];

/// What is there.
pub fn inventory(world: &World) -> Inventory {
    let mut all = Inventory::new();
    for line in world.inventory() {
        if !HISTORY.iter().any(|table| line.contains(table)) {
            *all.entry(without_numbers(&without_ids(&line))).or_default() += 1;
        }
    }
    all
}

/// A line without what depends on how often something was made: the number of a node group that was replaced, the
/// address of a node.
fn without_numbers(line: &str) -> String {
    let (start, end) = match line {
        _ if line.contains(" eks/node-group ") => {
            let name = line.trim_end_matches(|letter: char| letter.is_ascii_digit()).strip_suffix('-');
            (name.unwrap_or(line), "")
        }
        _ => line
            .split_once("/core/nodes ip-")
            .and_then(|(start, name)| Some((start, name.split_once('.')?.1)))
            .unwrap_or((line, "")),
    };
    if end.is_empty() { start.to_owned() } else { format!("{start}/core/nodes ip-#.{end}") }
}

/// A line without what the cloud made up: eight hexadecimal digits or more, and short ones that hang on such.
pub fn without_ids(line: &str) -> String {
    let mut text = String::new();
    let mut after_id = false;
    for piece in line.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let digits = word.strip_prefix('Z').unwrap_or(word);
        let hexadecimal = !digits.is_empty() && digits.chars().all(|letter| letter.is_ascii_hexdigit());
        let id = hexadecimal && (digits.len() >= 8 || (after_id && (4..=5).contains(&digits.len())));
        text.push_str(if id { "#" } else { word });
        text.push_str(&piece[word.len()..]);
        after_id = id && piece.ends_with('-');
    }
    text
}
