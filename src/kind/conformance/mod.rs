//! The harness every kind passes: create, find equals spec, create again, update, find, delete, find nothing,
//! delete again. Against the embedded cloud, through the real clients, in simulated time.

mod controlled;

use std::time::{Duration, SystemTime};

use serde_json::{Value as Json, json};

use super::{AnyKind, FoundAny, Ownership, Readiness};
use crate::address::Address;
use crate::clock::Clock;
use crate::cloud::{Access, Cloud, Cx, ErrorSort, Objects, Settings};
use crate::graph::Place;
use crate::sandbox::world::{ACCOUNT, Key};
use crate::sandbox::{Sandbox, kube};
use crate::shape::Recovery;

/// A fresh sandbox and a way to it.
pub(crate) struct Ground {
    pub(crate) sandbox: Sandbox,
    pub(crate) cloud: Cloud,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let sandbox = Sandbox::fresh(Clock::starting_at(at, 1));
        let settings = Settings::through(sandbox.door(), sandbox.clock(), "us-west-2", Access::Write);
        Self { sandbox, cloud: Cloud::new(settings) }
    }

    /// Another way to it.
    pub(crate) fn with_access(&self, access: Access) -> Cloud {
        Cloud::new(Settings::through(self.sandbox.door(), self.sandbox.clock(), "us-west-2", access))
    }

    /// What a kind gets for a resource of this name.
    pub(crate) fn cx(&self, name: &str) -> Cx {
        let place = Place { account: None, region: "us-west-2".into() };
        self.cloud.cx(&place, "lineage", &Address::new("test", name), &format!("{:032x}", name.len()))
    }

    /// Makes one of a kind and waits until it is ready and as wanted.
    pub(crate) async fn make(&self, kind: &dyn AnyKind, name: &str, spec: &Json) -> FoundAny {
        let cx = self.cx(name);
        let id = create(kind, &cx, spec).await;
        settle(kind, &cx, &id, spec).await
    }
}

/// A fresh sandbox with a cluster `edge` that has two nodes and lets the sandbox's engineer in.
pub(crate) struct Yard {
    pub(crate) ground: Ground,
    /// The key of the cluster in `eks/cluster`.
    pub(crate) key: Key,
    /// The cluster by a kubeconfig file.
    pub(crate) cluster: Json,
    _file: tempfile::NamedTempFile,
}

impl Yard {
    const ID: &str = "0123456789abcdef0123456789abcdef";
    const ENTRY: &str = "edge/arn:aws:iam::111122223333:role/Engineer";

    pub(crate) fn new() -> Self {
        let ground = Ground::new();
        let key = Self::row("eks/cluster", "edge");
        let endpoint = format!("https://{}.gr7.us-west-2.eks.amazonaws.com", Self::ID.to_uppercase());
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "edge",
            "clusters": [{ "name": "edge", "cluster": { "server": endpoint } }],
            "users": [{ "name": "edge", "user": { "token": "sandbox" } }],
            "contexts": [{ "name": "edge", "context": { "cluster": "edge", "user": "edge" } }],
        });
        std::io::Write::write_all(&mut file, config.to_string().as_bytes()).expect("it is written");
        let cluster = json!({ "kubeconfig": file.path().to_str().expect("a path of text") });
        {
            let mut world = ground.sandbox.world();
            let doc = json!({ "name": "edge", "_id": Self::ID, "status": "ACTIVE", "endpoint": endpoint, "version": "1.35" });
            world.put(key.clone(), doc);
            let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
            let entry =
                json!({ "_policies": [{ "policyArn": policy, "accessScope": { "type": "cluster" } }] });
            world.put(Self::row("eks/access-entry", Self::ENTRY), entry);
            kube::furnish(&mut world, &key);
            for n in 1..=2 {
                let name = format!("ip-10-0-{n}-7.us-west-2.compute.internal");
                kube::join_node(&mut world, &key, &name, "us-west-2a", &json!({}));
            }
        }
        Self { ground, key, cluster, _file: file }
    }

    fn row(table: &str, id: &str) -> Key {
        Key { account: ACCOUNT.into(), region: "us-west-2".into(), table: table.into(), id: id.into() }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("https://{}.gr7.us-west-2.eks.amazonaws.com", Self::ID.to_uppercase())
    }

    /// Takes the engineer's access entry away.
    pub(crate) fn forbid(&self) {
        self.ground.sandbox.world().remove(&Self::row("eks/access-entry", Self::ENTRY));
    }

    /// The objects of the cluster.
    pub(crate) async fn objects(&self) -> Objects {
        let cluster = serde_json::from_value(self.cluster.clone()).expect("a cluster");
        self.ground.cloud.objects(&cluster).await.expect("the cluster is reached")
    }
}

/// Takes a kind through its whole life, from `first` to `second` in place.
pub(crate) async fn conforms(ground: &Ground, kind: &dyn AnyKind, first: &Json, second: &Json) {
    let cx = ground.cx("conforms");
    let name = kind.shape().kind;
    assert_eq!(
        kind.find(&cx, first, None).await.expect("find before create"),
        None,
        "{name} is there already"
    );
    let id = create(kind, &cx, first).await;
    let made = settle(kind, &cx, &id, first).await;
    assert_eq!(made.id, id, "{name}: find gives another id than create");
    let again = kind.find(&cx, first, None).await.expect("find without id").expect("found without its id");
    assert_eq!(again.id, id, "{name}: found without id is another one");
    let told = kind.outputs().unwrap_or_default();
    let given = made.outputs.as_object().map(|outputs| outputs.keys().cloned().collect::<Vec<_>>());
    for output in given.unwrap_or_default() {
        assert!(told.contains(&output.as_str()), "{name} gives `{output}` and does not tell so: {told:?}");
    }
    match &made.owner {
        Ownership::Tagged { lineage, address } => {
            assert_eq!((lineage.as_str(), address.as_str()), ("lineage", "test.conforms"));
        }
        Ownership::Untaggable => {}
        Ownership::Untagged => panic!("{name} does not carry the ownership tags"),
    }
    // What takes neither token nor name is looked for by its tags before it is created again: not sent twice.
    if kind.shape().recovery != Recovery::Tags {
        creates_once(kind, &cx, &id, first).await;
    }
    settle(kind, &cx, &id, second).await;
    delete(kind, &cx, &id, second).await;
    kind.delete(&cx, &id, second).await.expect("deleting what is gone is success");
}

async fn creates_once(kind: &dyn AnyKind, cx: &Cx, id: &str, spec: &Json) {
    let name = kind.shape().kind;
    match kind.create(cx, spec).await {
        Ok(second) => assert_eq!(second, id, "{name}: creating again with the same token made another one"),
        Err(error) => assert_eq!(error.sort, ErrorSort::Exists, "{name}: creating again: {error}"),
    }
}

async fn create(kind: &dyn AnyKind, cx: &Cx, spec: &Json) -> String {
    for _ in 0..60 {
        match kind.create(cx, spec).await {
            Ok(id) => return id,
            Err(error) if error.sort == ErrorSort::NotYet => {
                cx.cloud().clock().sleep(kind.shape().timing.poll).await;
            }
            Err(error) => panic!("creating {}: {error}", kind.shape().kind),
        }
    }
    panic!("{} was never created", kind.shape().kind)
}

/// Updates until `find` says what is wanted, and waits until it is ready.
async fn settle(kind: &dyn AnyKind, cx: &Cx, id: &str, wanted: &Json) -> FoundAny {
    let name = kind.shape().kind;
    let mut updates = 0;
    for _ in 0..400 {
        let found = kind.find(cx, wanted, Some(id)).await.unwrap_or_else(|e| panic!("finding {name}: {e}"));
        let found = found.unwrap_or_else(|| panic!("{name} {id} was made and is not found"));
        match &found.readiness {
            Readiness::Ready if holds(&found.spec, wanted) => return found,
            Readiness::Ready | Readiness::Pending(_)
                if !holds(&found.spec, wanted) && (updates == 0 || found.readiness == Readiness::Ready) =>
            {
                updates += 1;
                assert!(
                    updates < 40,
                    "{name}: update does not converge:\n{:#}\nwanted\n{wanted:#}",
                    found.spec
                );
                match kind.update(cx, id, &found.spec, wanted).await {
                    Err(error) if !matches!(error.sort, ErrorSort::InUse | ErrorSort::NotYet) => {
                        panic!("updating {name}: {error}")
                    }
                    _ => {}
                }
            }
            Readiness::Ready | Readiness::Pending(_) => {}
            Readiness::Broken(why) | Readiness::Leaving(why) => panic!("{name} is not well: {why}"),
        }
        cx.cloud().clock().sleep(kind.shape().timing.poll).await;
    }
    panic!("{name} {id} never became ready")
}

async fn delete(kind: &dyn AnyKind, cx: &Cx, id: &str, spec: &Json) {
    let name = kind.shape().kind;
    for _ in 0..400 {
        match kind.delete(cx, id, spec).await {
            Ok(()) => {}
            Err(error) if matches!(error.sort, ErrorSort::InUse | ErrorSort::NotYet) => {}
            Err(error) => panic!("deleting {name}: {error}"),
        }
        match kind.find(cx, spec, Some(id)).await.unwrap_or_else(|e| panic!("finding {name}: {e}")) {
            None => return,
            Some(_) => cx.cloud().clock().sleep(kind.shape().timing.poll).await,
        }
    }
    panic!("{name} {id} is never gone")
}

/// Whether everything wanted is so; lists of plain texts in any order.
fn holds(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::Object(found), Json::Object(wanted)) => {
            wanted.iter().all(|(key, value)| found.get(key).is_some_and(|f| holds(f, value)))
        }
        (Json::Array(found), Json::Array(wanted)) => {
            found.len() == wanted.len() && wanted.iter().all(|w| found.iter().any(|f| holds(f, w)))
        }
        _ => found == wanted,
    }
}
