//! A stack, its state and a sandbox, in simulated time: what `up` and `destroy` do, without the command line.

use std::path::Path;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use serde_json::json;
use stack::change::Verb;
use stack::clock::Clock;
use stack::cloud::{Access, Cloud, ObjectRef, Objects, Settings};
use stack::door::Door;
use stack::execute::event::{Event, Outcome};
use stack::execute::{Cancel, Options, execute};
use stack::graph::Graph;
use stack::kind::Registry;
use stack::live::Live;
use stack::observe::{observe, observe_for};
use stack::plan::{Intent, Leave, Plan, Refusal, plan_with};
use stack::sandbox::Sandbox;
use stack::sandbox::world::{ACCOUNT, GLOBAL, Key};
use stack::secret::Secrets;
use stack::state::State;
use stack::state::seal::Seal;
use stack::state::store::{Holder, Store};
use tokio::sync::watch;

/// A sandbox and the folder of a state.
pub struct World {
    pub sandbox: Sandbox,
    pub registry: Registry,
    pub events: Vec<Event>,
    /// What its runs must never tell or keep.
    pub secrets: Secrets,
    folder: tempfile::TempDir,
}

impl World {
    /// A fresh one. Within a runtime of paused time.
    pub fn new() -> Self {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        Self::of(Sandbox::fresh(Clock::starting_at(at, 1)))
    }

    /// This sandbox, and an empty folder.
    pub fn of(sandbox: Sandbox) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the state");
        let (registry, secrets) = (Registry::builtin(), Secrets::default());
        Self { sandbox, registry, events: Vec::new(), secrets, folder }
    }

    /// Where its state is.
    pub fn folder(&self) -> std::path::PathBuf {
        self.folder.path().join("test")
    }

    /// What was made is nobody's from now on.
    pub fn forget_state(&self) {
        std::fs::remove_dir_all(self.folder()).expect("the state is removed");
    }

    /// Another one with the same content and state, which goes its own way from here.
    pub fn fork(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the state");
        copy(self.folder.path(), folder.path());
        Self {
            sandbox: self.sandbox.fork(),
            registry: self.registry,
            events: Vec::new(),
            secrets: self.secrets.clone(),
            folder,
        }
    }

    /// A new way to the cloud, as each run has one.
    pub fn cloud(&self, access: Access) -> Cloud {
        self.cloud_through(self.sandbox.door(), access)
    }

    fn cloud_through(&self, door: Door, access: Access) -> Cloud {
        let settings = Settings::through(door, self.sandbox.clock(), "us-west-2", access);
        Cloud::new(Settings { secrets: self.secrets.clone(), ..settings })
    }

    /// Everything in the sandbox, by table and id.
    pub fn inventory(&self) -> Vec<String> {
        self.sandbox
            .world()
            .all()
            .map(|(key, _)| format!("{} {} {}", key.region, key.table, key.id))
            .collect()
    }

    /// Raises a quota of EC2.
    pub fn raise_quota(&self, name: &str, value: u64) {
        self.put("us-west-2", "ec2/quota", name, serde_json::json!({ "value": value }));
    }

    /// Makes an IAM role that somebody else has.
    pub fn somebodys_role(&self, name: &str) {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        let role = serde_json::json!({ "RoleName": name, "Arn": arn, "Path": "/" });
        self.put(GLOBAL, "iam/role", name, role);
    }

    fn put(&self, region: &str, table: &str, id: &str, content: serde_json::Value) {
        let [account, region, table, id] = [ACCOUNT, region, table, id].map(str::to_owned);
        self.sandbox.world().put(Key { account, region, table, id }, content);
    }

    /// Puts something into a table of `us-west-2`, or of a service that is in no region.
    pub fn plant(&self, table: &str, id: &str, content: serde_json::Value) {
        self.put(region_of(table), table, id, content);
    }

    /// Takes it out again.
    pub fn uproot(&self, table: &str, id: &str) {
        let [account, region, table, id] = [ACCOUNT, region_of(table), table, id].map(str::to_owned);
        self.sandbox.world().remove(&Key { account, region, table, id }).expect("it is there");
    }

    /// The first document of a table that fits.
    pub fn one(&self, table: &str, fits: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let world = self.sandbox.world();
        let found = world.all().find(|(key, doc)| key.table == table && fits(doc));
        found.map(|(_, doc)| doc.clone()).expect("there is one")
    }

    /// The objects of a cluster of the stack, in `us-west-2`.
    pub async fn objects(&self, cluster: &str) -> Objects {
        let reference = json!({ "eks": cluster, "region": "us-west-2" });
        let reference = serde_json::from_value(reference).expect("a cluster");
        self.cloud(Access::Write).objects(&reference).await.expect("the cluster is reached")
    }

    /// Deletes an object of a cluster as somebody else does, and takes its finalizers off if that is `forced`.
    pub async fn somebody_deletes(&self, cluster: &str, object: [&str; 4], forced: bool) {
        let [api_version, kind, namespace, name] = object.map(str::to_owned);
        let object = ObjectRef { api_version, kind, namespace, name };
        let objects = self.objects(cluster).await;
        objects.delete(&object, None).await.expect("it is asked for");
        if forced && objects.get(&object).await.expect("it is answered").is_some() {
            let object = [&object.api_version, &object.kind, &object.namespace, &object.name];
            self.somebody_strips(cluster, object.map(String::as_str)).await.expect("it is patched");
        }
    }

    /// Takes the finalizers off an object as somebody else does; what is said against it, if that is refused.
    pub async fn somebody_strips(&self, cluster: &str, object: [&str; 4]) -> Result<(), String> {
        let [api_version, kind, namespace, name] = object;
        let none = json!({ "metadata": { "finalizers": [] } });
        let plural = format!("{}s", kind.to_lowercase());
        let path = format!("/apis/{api_version}/namespaces/{namespace}/{plural}/{name}?fieldManager=kubectl");
        let request = http::Request::patch(path)
            .header("content-type", "application/merge-patch+json")
            .body(none.to_string().into_bytes())
            .expect("a request");
        let objects = self.objects(cluster).await;
        let answer = objects.client().request::<serde_json::Value>(request).await;
        answer.map(drop).map_err(|error| error.to_string())
    }

    /// Takes something out of the cloud, as if it had never been.
    pub fn lose(&self, region: &str, table: &str, is_it: impl Fn(&serde_json::Value) -> bool) {
        let mut world = self.sandbox.world();
        let of = |key: &Key| key.region == region && key.table == table;
        let keys: Vec<Key> =
            world.all().filter(|(key, doc)| of(key) && is_it(doc)).map(|(key, _)| key.clone()).collect();
        assert!(!keys.is_empty(), "there is such a thing in {table}");
        keys.iter().for_each(|key| drop(world.remove(key)));
    }

    /// Applies an object as somebody else does.
    pub async fn somebody_applies(&self, cluster: &str, manager: &str, manifest: &serde_json::Value) {
        let objects = self.objects(cluster).await;
        let text = |field: &str| manifest[field].as_str().unwrap_or_default();
        let metadata = &manifest["metadata"];
        let (version, plural) = (text("apiVersion"), format!("{}s", text("kind").to_lowercase()));
        let plural = plural.replace("gatewayclasss", "gatewayclasses").replace("ingresss", "ingresses");
        let root = if version.contains('/') { "apis" } else { "api" };
        let within = metadata["namespace"].as_str().map(|name| format!("/namespaces/{name}"));
        let name = metadata["name"].as_str().expect("it has a name");
        let path =
            format!("/{root}/{version}{}/{plural}/{name}?fieldManager={manager}", within.unwrap_or_default());
        let request = http::Request::patch(path)
            .header("content-type", "application/apply-patch+yaml")
            .body(manifest.to_string().into_bytes())
            .expect("a request");
        objects.client().request::<serde_json::Value>(request).await.expect("it is applied");
    }

    /// The addresses of the steps done, in their order.
    pub fn done(&self) -> Vec<String> {
        let done = self.events.iter().filter_map(|event| match event {
            Event::StepDone { address, .. } => Some(address.to_string()),
            _ => None,
        });
        done.collect()
    }

    /// Lets the cloud's time pass, in seconds: what is only remembered for an hour is forgotten then.
    pub async fn rest(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    pub fn store(&self) -> Store {
        Store::open(self.folder.path(), "test", "sandbox").keeping(Seal::none(), self.secrets.clone())
    }

    pub fn state(&self) -> State {
        // A folder does not make anybody wait.
        let read = self.store().read().now_or_never().expect("it does not wait");
        read.expect("the state reads").unwrap_or_else(|| State::new("test", "sandbox", "lineage"))
    }

    pub async fn live(&self, graph: Option<&Graph>) -> Live {
        observe(&self.cloud(Access::Plan), self.registry, graph, &self.state()).await
    }

    /// What would be done.
    pub async fn plan(&self, graph: &Graph, intent: &Intent) -> Result<Plan, Vec<Refusal>> {
        self.plan_with(graph, intent, Leave::default()).await
    }

    /// What would be done with leave to do more.
    pub async fn plan_with(
        &self,
        graph: &Graph,
        intent: &Intent,
        leave: Leave,
    ) -> Result<Plan, Vec<Refusal>> {
        let (cloud, state) = (self.cloud(Access::Plan), self.state());
        let live = observe_for(&cloud, self.registry, Some(graph), &state, intent).await;
        plan_with(graph, &state, &live, &self.registry.shapes(), intent, leave)
    }

    /// Plans and carries out.
    pub async fn run(&mut self, graph: &Graph, intent: &Intent) -> (Plan, Outcome) {
        let plan = self.plan(graph, intent).await.expect("there is a plan");
        let outcome = self.carry_out(&plan).await;
        (plan, outcome)
    }

    pub async fn carry_out(&mut self, plan: &Plan) -> Outcome {
        let (_keep, cancel) = watch::channel(Cancel::No);
        self.carry_out_with(plan, cancel).await
    }

    /// Carries out and is told to stop after a while.
    pub async fn carry_out_until(&mut self, plan: &Plan, stop: Duration) -> Outcome {
        let (tell, cancel) = watch::channel(Cancel::No);
        let stop = async {
            tokio::time::sleep(stop).await;
            tell.send(Cancel::Stop).expect("the run listens");
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = self.carry_out_with(plan, cancel) => outcome,
            () = stop => unreachable!("it never ends"),
        }
    }

    async fn carry_out_with(&mut self, plan: &Plan, cancel: watch::Receiver<Cancel>) -> Outcome {
        let cloud = self.cloud(Access::Write);
        self.carry_out_by(&cloud, plan, cancel, &mut || {}).await
    }

    /// Carries out through another door, and says whenever it may have written to its journal.
    pub async fn carry_out_through(&mut self, door: Door, plan: &Plan, wrote: &mut dyn FnMut()) -> Outcome {
        let (_keep, cancel) = watch::channel(Cancel::No);
        let cloud = self.cloud_through(door, Access::Write);
        self.carry_out_by(&cloud, plan, cancel, wrote).await
    }

    async fn carry_out_by(
        &mut self,
        cloud: &Cloud,
        plan: &Plan,
        cancel: watch::Receiver<Cancel>,
        wrote: &mut dyn FnMut(),
    ) -> Outcome {
        let holder = Holder::new("tests", "test", 0);
        let mut locked = self.store().lock(&holder, &plan.lineage).await.expect("the state locks");
        stack::sweep::remember(&mut locked, plan).await.expect("the journal is written");
        let options = Options { parallel: None, cancel, who: "tests".into(), command: "test".into() };
        let events = &mut self.events;
        let mut heard = |event| {
            events.push(event);
            wrote();
        };
        execute(cloud, self.registry, &mut locked, plan, options, &mut heard)
            .await
            .expect("the state is kept")
    }

    pub async fn up(&mut self, graph: &Graph) -> (Plan, Outcome) {
        self.run(graph, &up()).await
    }

    pub async fn destroy(&mut self, graph: &Graph) -> (Plan, Outcome) {
        self.run(graph, &Intent::Destroy { targets: Vec::new() }).await
    }
}

/// Where a table is.
fn region_of(table: &str) -> &'static str {
    if table.starts_with("cloudfront/") { GLOBAL } else { "us-west-2" }
}

/// Everything, as it should be.
pub fn up() -> Intent {
    Intent::Up { targets: Vec::new(), replace: Vec::new() }
}

/// The changes of a plan, as `~ address`.
pub fn told(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(|change| format!("{} {}", change.verb.sign(), change.address)).collect()
}

/// The addresses of a verb.
pub fn with(plan: &Plan, verb: Verb) -> Vec<String> {
    plan.changes.iter().filter(|c| c.verb == verb).map(|c| c.address.to_string()).collect()
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder is made");
    for entry in std::fs::read_dir(from).expect("the folder reads").flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).expect("is copied");
        }
    }
}
