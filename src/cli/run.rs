//! `Run`: what verbs begin with: the file read, its cloud reached, its state found. And the runtime they run on.

use super::args::{Global, OfStack};
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::file;
use super::home::Home;
use super::lock::Lock;
use super::reach::{Identity, reach, real};
use crate::clock::Clock;
use crate::cloud::{Access, Cloud, Gate, Settings};
use crate::compose::{compose, unknown_outputs};
use crate::graph::Graph;
use crate::kind::{AnyKind, Registry};
use crate::stack::Stack;
use crate::state::State;
use crate::state::store::{Lease, Store, StoreError};

/// What a verb runs with.
pub(super) struct Run {
    pub(super) stack: Stack,
    pub(super) graph: Graph,
    pub(super) identity: Identity,
    pub(super) registry: Registry,
    pub(super) store: Store,
    /// Which official files it took.
    pub(super) lock: Lock,
    settings: Settings,
    /// How many API calls it took to get here.
    pub(super) calls: u64,
    /// Whether it is the embedded cloud.
    pub(super) sandbox: bool,
}

impl Run {
    /// Reaches the cloud of a stack that was read and composed.
    pub(super) async fn begin(
        stack: Stack,
        graph: Graph,
        global: &Global,
        environment: &Environment,
        access: Access,
    ) -> Result<Self, Failure> {
        let home = Home::of(&stack, global.sandbox)?;
        let lock = Lock::read(&stack, global.sandbox, environment)?;
        let reached = reach(&stack, global.sandbox, environment, access).await?;
        let (cloud, sdk) = (&reached.identity.cloud, Some(&reached.settings.sdk));
        let store = home.store(&stack, cloud, sdk, environment)?;
        reached.settings.downloads.pin(&lock.pins.0);
        // Where nothing could be composed there are secrets none the less.
        let graph = Graph { secrets: stack.secrets.clone(), ..graph };
        Ok(Self {
            lock,
            stack,
            graph,
            identity: reached.identity,
            registry: Registry::builtin(),
            store,
            settings: reached.settings,
            calls: reached.calls,
            sandbox: reached.sandbox.is_some(),
        })
    }

    /// Clients that may send what `access` says, counted from zero.
    pub(super) fn cloud(&self, access: Access) -> Cloud {
        Cloud::new(Settings { access, ..self.settings.clone() })
    }

    /// Clients that may change something as long as the lease of the state holds.
    pub(super) fn cloud_under(&self, lease: Lease) -> Cloud {
        let gate = Gate::new(move || lease.holds());
        Cloud::new(Settings { access: Access::Write, gate, ..self.settings.clone() })
    }

    /// The clock that the cloud runs on too.
    pub(super) fn clock(&self) -> Clock {
        self.settings.clock
    }

    /// The state as it is; an empty one if nothing was ever made.
    pub(super) async fn state(&self) -> Result<State, Failure> {
        let state = self.store.read().await?;
        Ok(state.unwrap_or_else(|| State::new(&self.stack.head.name, &self.identity.cloud, &lineage())))
    }

    /// `account 111122223333, region us-west-2`.
    pub(super) fn whereabouts(&self) -> String {
        let sandbox = if self.sandbox { " of the embedded cloud" } else { "" };
        format!("account {}{sandbox}, region {}", self.identity.account, self.stack.head.region)
    }
}

/// Reads a stack file and composes it.
pub(super) fn composed(of: &OfStack, environment: &Environment) -> Result<(Stack, Graph), Failure> {
    let stack = file::read(of, environment, false)?;
    let outputs = |kind: &str| Registry::builtin().get(kind).and_then(AnyKind::outputs);
    let graph = compose(&stack).and_then(|graph| {
        let found = unknown_outputs(&stack, &graph, &outputs);
        if found.is_empty() { Ok(graph) } else { Err(found) }
    });
    match graph {
        Ok(graph) => Ok((stack, graph)),
        Err(found) => Err(Failure::of_file(&found, &stack.source)),
    }
}

/// The store of a stack's state, whatever cloud it is of; nothing is asked of that cloud.
pub(super) async fn store_of(
    stack: &Stack,
    home: &Home,
    environment: &Environment,
) -> Result<Store, Failure> {
    let settings = match home.needs_aws() {
        true => Some(real(&stack.head.region, environment, Access::Read).await?),
        false => None,
    };
    home.store(stack, "", settings.as_ref().map(|settings| &settings.sdk), environment)
}

/// What is kept, and the cloud that it is of.
pub(super) async fn read_any(store: &Store) -> Result<Option<State>, StoreError> {
    match store.read().await {
        Err(StoreError::OtherCloud { found, .. }) => store.of_cloud(&found).read().await,
        other => other,
    }
}

/// The recorded state, whatever cloud it is of; nothing is asked of any cloud.
pub(super) fn recorded(of: &OfStack, global: &Global, environment: &Environment) -> Result<State, Failure> {
    let stack = file::read(of, environment, true)?;
    let home = Home::of(&stack, global.sandbox)?;
    let name = &stack.head.name;
    let state = block_on(false, async {
        let store = store_of(&stack, &home, environment).await?;
        Ok::<_, Failure>(read_any(&store).await?)
    })??;
    state.ok_or_else(|| never_made(name, of, global.sandbox))
}

/// There is no state at all: of nothing there are no outputs, and from nothing there is no drift.
pub(super) fn never_made(name: &str, of: &OfStack, sandbox: bool) -> Failure {
    let command = if sandbox { " --sandbox" } else { "" };
    Failure::new(Exit::Failed, format!("nothing was made of the stack {name} yet"))
        .hint(format!("`stack up {}{command}` makes it", of.stack))
}

/// Runs a verb: in simulated time for the embedded cloud in process, in the world's otherwise.
pub(super) fn block_on<T>(simulated: bool, verb: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(simulated).build()?;
    Ok(runtime.block_on(verb))
}

/// A new state's mark, in the ownership tags of everything it makes: 16 hexadecimal digits.
pub(super) fn lineage() -> String {
    let mut bytes = [0; 8];
    // Where there is no randomness there is still a process, and its number is better than nothing.
    if getrandom::fill(&mut bytes).is_err() {
        bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who runs, for the lock and the journal.
pub(super) fn who(environment: &Environment) -> String {
    let user = environment.get("USER").or_else(|| environment.get("LOGNAME")).unwrap_or("somebody");
    let host = environment.get("HOSTNAME").map(str::to_owned).or_else(host);
    let host = host.map(|host| format!(" on {host}")).unwrap_or_default();
    format!("{user}{host}, process {}", std::process::id())
}

/// The name of this machine, where the system has it in a file: shells seldom export theirs.
fn host() -> Option<String> {
    let told = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .into_iter()
        .find_map(|path| std::fs::read_to_string(path).ok());
    told.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}
