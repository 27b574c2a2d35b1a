//! A stack up from nothing, changed, and down, recorded; and every kill there may be on the way.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use stack::address::Address;
use stack::graph::{Edge, Graph};
use stack::plan::Intent;
use stack::shape::Role;
use stack::stack::{Variables, read};

use super::recording::{Recorder, Recording, Sample};
use super::recovery::{Fault, How, Inventory, at_rest, inventory, killed, recovered, same, settled};
use crate::support::manifests::FILES;
use crate::support::world::{World, up};

/// How long what was just made is not seen, in milliseconds.
const UNSEEN: i64 = 4_000;
/// How late requests arrive, in milliseconds: one after the other.
const LATE: [i64; 4] = [1_000, 5_000, 20_000, 50_000];

/// One of so many points is judged by a whole plan too: that asks the cloud for everything.
const WHOLE: usize = 3;

/// One run, recorded.
pub struct Leg {
    name: &'static str,
    graph: Arc<Graph>,
    intent: Intent,
    recording: Recording,
    goal: Inventory,
}

/// A kill: in which leg, at which moment, how.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    leg: usize,
    moment: usize,
    how: How,
}

/// What is run after a kill.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    /// The same once more.
    Again,
    /// The same, which is killed too, and the same.
    AgainAndAgain,
    /// What was run before that.
    Back,
    /// The end of it all.
    Down,
}

/// The legs of a stack.
pub struct Campaign {
    name: &'static str,
    legs: Vec<Leg>,
}

/// The graph of a stack file beside the tests.
fn graph(name: &str) -> Graph {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in FILES {
        std::fs::write(folder.path().join(name), content).expect("a file is written");
    }
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/crash").join(format!("{name}.toml"));
    let path = folder.path().join("test.toml");
    std::fs::copy(from, &path).expect("the stack file is copied");
    let stack = read(&path, &Variables::default()).unwrap_or_else(|found| panic!("{name}: {found:#?}"));
    stack::compose::compose(&stack).unwrap_or_else(|found| panic!("{name}: {found:#?}"))
}

/// Does something in a simulated time of its own.
pub fn simulated<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(what)
}

impl Campaign {
    /// Records the stack of `file` from nothing, its change to `file-2`, and its end. What `before` makes is there
    /// already and stays.
    pub fn record(name: &'static str, before: Option<&str>, file: &str) -> Self {
        let stacks = [graph(file), graph(&format!("{file}-2"))];
        Self::record_of(name, before.map(graph), stacks, Sample::ALL)
    }

    /// The same of these two stacks; of their moments a sample.
    pub fn record_of(name: &'static str, before: Option<Graph>, stacks: [Graph; 2], sample: Sample) -> Self {
        simulated(async {
            let mut world = World::new();
            for quota in ["vpcs", "addresses", "internet-gateways"] {
                world.raise_quota(quota, 20);
            }
            for role in ["ops", "dev"] {
                world.somebodys_role(role);
            }
            if let Some(before) = before {
                recovered(&mut world, &before, &up()).await.expect("the ground is laid");
                world.forget_state();
            }
            world.sandbox.world().faults.unseen = UNSEEN;
            let [first, second] = stacks.map(Arc::new);
            let down = Intent::Destroy { targets: Vec::new() };
            let mut legs = Vec::new();
            for (name, graph, intent) in
                [("up", first, up()), ("change", second.clone(), up()), ("destroy", second, down)]
            {
                legs.push(Leg::record(&mut world, name, graph, intent, sample).await);
            }
            Self { name, legs }
        })
    }

    /// One of so many parts of all points.
    pub fn points_in(&self, part: usize, parts: usize) -> Vec<Point> {
        self.points().into_iter().skip(part).step_by(parts).collect()
    }

    fn points(&self) -> Vec<Point> {
        let of = |(leg, recorded): (usize, &Leg)| {
            let points = points_of(&recorded.recording).into_iter();
            points.map(move |(moment, how)| Point { leg, moment, how }).collect::<Vec<_>>()
        };
        self.legs.iter().enumerate().flat_map(of).collect()
    }

    /// Tries one of so many parts of all points and tells how many they were; everything that went wrong, at the end.
    #[track_caller]
    pub fn try_all(&self, then: Then, part: usize, parts: usize) {
        let mut wrong: Vec<Fault> = Vec::new();
        let points = self.points_in(part, parts);
        let watch = stack::clock::Stopwatch::start();
        for (number, point) in points.iter().enumerate() {
            if let Err(fault) = simulated(self.one(*point, then, number)) {
                wrong.push(format!("{}: {fault}", self.describe(*point)));
            }
        }
        let each = watch.elapsed().as_millis() / u128::try_from(points.len().max(1)).expect("few");
        tell(&format!(
            "crash: {} points of {} tried, then {then:?}: {each} ms each",
            points.len(),
            self.name
        ));
        assert!(wrong.is_empty(), "{} of {} went wrong:\n{}", wrong.len(), points.len(), wrong.join("\n\n"));
    }

    async fn one(&self, point: Point, then: Then, number: usize) -> Result<(), Fault> {
        let leg = &self.legs[point.leg];
        let mut world = killed(&leg.recording, &leg.recording.moments[point.moment], point.how);
        let to = match then {
            Then::Again => leg,
            Then::AgainAndAgain => {
                world = self.killed_again(leg, world, number).await;
                leg
            }
            Then::Back => &self.legs[point.leg.checked_sub(1).unwrap_or(2)],
            Then::Down => &self.legs[2],
        };
        let first = recovered(&mut world, &to.graph, &to.intent).await;
        match then {
            // A delete that arrives late takes what was to stay: that is said, and the run after that makes it anew.
            Then::Back if first.is_err() => recovered(&mut world, &to.graph, &to.intent).await?,
            _ => first?,
        }
        // What is late has arrived, and what is remembered for an hour is forgotten.
        world.rest(3_700).await;
        world.sandbox.let_late_ones_in();
        at_rest(&world)?;
        if number.is_multiple_of(WHOLE) {
            settled(&world, &to.graph, &to.intent).await?;
        }
        same(&inventory(&world), &to.goal)?;
        complete(&world, &to.graph)
    }

    /// The run after a kill is killed too: at some moment of its own.
    async fn killed_again(&self, leg: &Leg, mut world: World, number: usize) -> World {
        let recorder = Recorder::new(&world.sandbox, &world.folder(), Sample::ALL);
        let plan = world.plan(&leg.graph, &leg.intent).await.expect("there is a plan");
        world.carry_out_through(recorder.door(), &plan, &mut || recorder.wrote()).await;
        let recording = recorder.end();
        let points = points_of(&recording);
        let (moment, how) = points[number * 7919 % points.len()];
        killed(&recording, &recording.moments[moment], how)
    }

    fn describe(&self, point: Point) -> String {
        let leg = &self.legs[point.leg];
        let moment = &leg.recording.moments[point.moment];
        let call = moment.call.as_deref().unwrap_or("nothing");
        let end = match point.how {
            How::Cut { end, .. } => end,
            _ => moment.lines.1.last().copied().unwrap_or(moment.lines.0),
        };
        let before = &leg.recording.journal[..end];
        let last = before.strip_suffix(b"\n").unwrap_or(before);
        let last = last.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let last: String = String::from_utf8_lossy(last).chars().take(200).collect();
        format!("── {} {} {point:?}, before {call}, after {last}", self.name, leg.name)
    }
}

impl Leg {
    async fn record(
        world: &mut World,
        name: &'static str,
        graph: Arc<Graph>,
        intent: Intent,
        sample: Sample,
    ) -> Self {
        let recorder = Recorder::new(&world.sandbox, &world.folder(), sample);
        let plan = world.plan(&graph, &intent).await.expect("there is a plan");
        let outcome = world.carry_out_through(recorder.door(), &plan, &mut || recorder.wrote()).await;
        assert!(outcome.is_complete(), "{name}: {:#?}", outcome.failed);
        settled(world, &graph, &intent).await.expect("nothing is left to do");
        world.rest(3_700).await;
        Self { name, graph, intent, recording: recorder.end(), goal: inventory(world) }
    }
}

/// Every way to kill a run.
fn points_of(recording: &Recording) -> Vec<(usize, How)> {
    // Every other time a part of the next line is there too.
    let rest = |end: usize| recording.journal[end..].iter();
    let torn = |end: usize| rest(end).take_while(|byte| **byte != b'\n').count() / 2 * (end % 2);
    let mut points = Vec::new();
    for (number, moment) in recording.moments.iter().enumerate() {
        let mut hows: Vec<How> =
            moment.lines.1.iter().map(|end| How::Cut { end: *end, torn: torn(*end) }).collect();
        if moment.call.is_some() {
            if hows.is_empty() {
                hows.push(How::Lost);
            }
            let late = [0, 2].map(|more| How::Late(LATE[(number + more) % LATE.len()]));
            hows.push(How::Done);
            hows.extend(late);
        }
        points.extend(hows.into_iter().map(|how| (number, how)));
    }
    points
}

/// What is recorded needs what is recorded, or what is only looked up.
fn complete(world: &World, graph: &Graph) -> Result<(), Fault> {
    let state = world.state();
    let looked_up = |address: &Address| {
        let kind = graph.resources.get(address).and_then(|resource| world.registry.get(resource.kind));
        kind.is_some_and(|kind| kind.shape().role == Role::Lookup)
    };
    for (address, record) in &state.records {
        let missing = |edge: &&Edge| !state.records.contains_key(&edge.to) && !looked_up(&edge.to);
        if let Some(edge) = record.edges.iter().find(missing) {
            return Err(format!("{address} needs {}, which is not recorded", edge.to));
        }
    }
    Ok(())
}

/// Says it though tests that pass are not heard.
pub fn tell(what: &str) {
    // Who does not listen is not told.
    let _ = writeln!(std::io::stderr(), "{what}");
}
