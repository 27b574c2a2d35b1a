//! What happens in a run, moment by moment: the cloud as it was, how far the journal was, which requests were on
//! their way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use stack::door::Door;
use stack::sandbox::Sandbox;
use stack::sandbox::world::World;

/// How long a request travels to the cloud.
const TRAVEL: Duration = Duration::from_millis(20);

/// An instant of a run.
pub struct Moment {
    /// In milliseconds since 1970.
    pub at: i64,
    /// The cloud then.
    pub cloud: World,
    /// How long the journal was at the moment before, and the ends of the lines that came since.
    pub lines: (usize, Vec<usize>),
    /// The call that is about to be carried out; none if the run only wrote to its journal.
    pub call: Option<String>,
    /// What had left the run and was not carried out.
    pub flying: Vec<Request<Bytes>>,
}

/// Which moments are kept: each world of a big stack is big.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// One of so many.
    pub every: usize,
    /// The first of them.
    pub from: usize,
}

impl Sample {
    /// Each moment.
    pub const ALL: Self = Self { every: 1, from: 0 };
}

/// A run as it happened.
#[derive(Default)]
pub struct Recording {
    /// The snapshot it began with.
    pub snapshot: Option<Vec<u8>>,
    /// All of the journal.
    pub journal: Vec<u8>,
    /// In their order.
    pub moments: Vec<Moment>,
}

/// Listens to a run.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Tape>>);

struct Tape {
    sandbox: Sandbox,
    path: PathBuf,
    recording: Recording,
    flying: BTreeMap<u64, Request<Bytes>>,
    sent: u64,
    sample: Sample,
    /// Moments so far, those that are not kept too.
    moments: usize,
}

impl Recorder {
    /// Begins, before the run does. `folder` is that of its state.
    pub fn new(sandbox: &Sandbox, folder: &Path, sample: Sample) -> Self {
        let snapshot = std::fs::read(folder.join("state.json")).ok();
        let path = folder.join("journal.jsonl");
        // What was whole before stays whole: this run is not killed in it.
        let mut journal = std::fs::read(&path).unwrap_or_default();
        journal.truncate(journal.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        let recording = Recording { snapshot, journal, ..Recording::default() };
        let (sandbox, flying) = (sandbox.clone(), BTreeMap::new());
        Self(Arc::new(Mutex::new(Tape { sandbox, path, recording, flying, sent: 0, sample, moments: 0 })))
    }

    fn with<T>(&self, what: impl FnOnce(&mut Tape) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The way to the sandbox on which all is heard.
    pub fn door(&self) -> Door {
        let recorder = self.clone();
        Arc::new(move |request| {
            let recorder = recorder.clone();
            Box::pin(async move {
                let reads = *request.method() == http::Method::GET;
                let number = recorder.with(|tape| tape.left(&request));
                tokio::time::sleep(TRAVEL).await;
                let answer = recorder.with(|tape| tape.arrived(number, &request, reads));
                tokio::time::sleep(TRAVEL).await;
                answer
            })
        })
    }

    /// The run may have written to its journal.
    pub fn wrote(&self) {
        self.with(|tape| tape.note(None));
    }

    /// What was heard.
    pub fn end(self) -> Recording {
        self.with(|tape| std::mem::take(&mut tape.recording))
    }
}

impl Tape {
    fn left(&mut self, request: &Request<Bytes>) -> u64 {
        self.sent += 1;
        self.flying.insert(self.sent, request.clone());
        self.sent
    }

    fn arrived(
        &mut self,
        number: u64,
        request: &Request<Bytes>,
        reads: bool,
    ) -> Result<http::Response<stack::door::Body>, stack::door::Lost> {
        if reads {
            self.flying.remove(&number);
            return self.sandbox.answer(request);
        }
        let before = self.sandbox.world().clone();
        let answer = self.sandbox.answer(request);
        if self.sandbox.world().revision != before.revision {
            self.note(Some((label(request), before)));
        }
        self.sandbox.settle().expect("it has no log");
        self.flying.remove(&number);
        answer
    }

    /// Nothing was written, and nothing is about to be done: no moment of its own.
    fn note(&mut self, call: Option<(String, World)>) {
        let known = self.recording.journal.len();
        let now = std::fs::read(&self.path).unwrap_or_default();
        // At its end the run empties the journal.
        let more = now.get(known..).unwrap_or_default();
        if more.is_empty() && call.is_none() {
            return;
        }
        let ends = more.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let lines = (known, ends.map(|(at, _)| known + at + 1).collect());
        self.recording.journal.extend_from_slice(more);
        self.moments += 1;
        if self.moments % self.sample.every != self.sample.from {
            return;
        }
        let (call, cloud) = match call {
            Some((call, before)) => (Some(call), before),
            None => (None, self.sandbox.world().clone()),
        };
        let flying = self.flying.values().cloned().collect();
        self.recording.moments.push(Moment { at: cloud.now(), cloud, lines, call, flying });
    }
}

/// `ec2 CreateVpc`, `PATCH /api/v1/namespaces/a`.
fn label(request: &Request<Bytes>) -> String {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    let body = String::from_utf8_lossy(request.body());
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    let host = request.uri().host().unwrap_or_default().split('.').next().unwrap_or_default();
    match target.or(action) {
        Some(action) => format!("{host} {action}"),
        None => format!("{} {host} {}", request.method(), request.uri().path()),
    }
}
