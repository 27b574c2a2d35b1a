//! Watches: a stream of what changed, until its time is over.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::unfold;
use http::Response;
use http_body::Frame;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use serde_json::{Value as Json, json};

use super::read::selected;
use super::request::Ask;
use crate::door::{Body, Lost};
use crate::sandbox::Sandbox;
use crate::sandbox::world::World;

/// Between two looks at what changed, in the time of the cloud.
const LOOK: Duration = Duration::from_millis(500);

/// What a watch has told so far, by namespace and name.
type Told = BTreeMap<(String, String), Json>;

struct Watch {
    sandbox: Sandbox,
    ask: Ask,
    told: Told,
    left: Duration,
    ready: VecDeque<Json>,
}

/// Answers a watch. Without a resource version, or with 0, it begins with all there is; else with what changed since.
pub(super) fn answer(sandbox: Sandbox, world: &World, ask: Ask) -> Response<Body> {
    let since: u64 = ask.query("resourceVersion").parse().unwrap_or(0);
    let left = Duration::from_secs(ask.query("timeoutSeconds").parse().unwrap_or(300));
    let known = |doc: &&Json| version(doc) <= since;
    let told = selected(world, &ask).iter().filter(known).map(|doc| (name(doc), doc.clone())).collect();
    let mut watch = Watch { sandbox, ask, told, left, ready: VecDeque::new() };
    watch.look(world);
    let stream = unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        let frame = Frame::data(Bytes::from(format!("{event}\n")));
        Some((Ok::<_, Lost>(frame), watch))
    });
    let mut response = Response::new(UnsyncBoxBody::new(StreamBody::new(stream)));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

fn version(doc: &Json) -> u64 {
    doc["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn name(doc: &Json) -> (String, String) {
    let text = |name: &str| doc["metadata"][name].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

impl Watch {
    /// The next event, or the end.
    async fn next(&mut self) -> Option<Json> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.left.is_zero() {
                return None;
            }
            let wait = LOOK.min(self.left);
            self.left -= wait;
            self.sandbox.clock().sleep(wait).await;
            let sandbox = self.sandbox.clone();
            self.look(&sandbox.world());
        }
    }

    /// Finds what changed since the last look.
    fn look(&mut self, world: &World) {
        let now: Told = selected(world, &self.ask).into_iter().map(|doc| (name(&doc), doc)).collect();
        for (name, doc) in &now {
            match self.told.get(name) {
                None => self.ready.push_back(json!({ "type": "ADDED", "object": doc })),
                Some(before) if before != doc => {
                    self.ready.push_back(json!({ "type": "MODIFIED", "object": doc }));
                }
                Some(_) => {}
            }
        }
        for (_, doc) in self.told.iter().filter(|(name, _)| !now.contains_key(*name)) {
            self.ready.push_back(json!({ "type": "DELETED", "object": doc }));
        }
        self.told = now;
    }
}
