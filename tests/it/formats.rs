//! Files of earlier formats load for ever: samples of each are under `tests/formats`. A sample is never changed; a new
//! format gets samples of its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use stack::address::Address;
use stack::change::Action;
use stack::state::State;
use stack::state::history::Ending;
use stack::state::journal::Entry;
use stack::state::store::Store;

use crate::support::served::copy;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/v1")
}

fn address(text: &str) -> Address {
    Address::parse(text).expect("is an address")
}

async fn state_of(stack: &str) -> State {
    let store = Store::open(&samples(), stack, "sandbox");
    store.read().await.expect("the sample reads").expect("there is a state")
}

#[tokio::test]
async fn a_snapshot_and_a_journal_of_format_1_load() {
    let state = state_of("shop").await;
    assert_eq!((state.format, state.serial, state.lineage.as_str()), (1, 3, "0123456789abcdef"));
    let names: Vec<&str> = state.records.keys().map(Address::as_str).collect();
    assert_eq!(names, ["cluster.edge", "network.edge", "value.release"]);

    let cluster = &state.records[&address("cluster.edge")];
    let current = cluster.current.as_ref().expect("it exists");
    assert_eq!((current.id.as_str(), current.finished), ("arn:new", false));
    assert_eq!(cluster.deposed[0].id, "arn:old");
    let open = cluster.open.as_ref().expect("it has no end");
    assert_eq!((open.action, open.token.len()), (Action::Create, 32));
    assert_eq!(cluster.edges[0].to, address("network.edge"));

    let network = state.records[&address("network.edge")].current.as_ref().expect("it exists");
    assert_eq!((network.id.as_str(), &network.applied), ("vpc-1", &json!({ "cidr": "10.0.0.0/16" })));
    assert_eq!(network.outputs, json!({ "id": "vpc-1" }));
    assert_eq!(state.outputs["url"], json!("https://shop.example.com"));
}

#[tokio::test]
async fn a_journal_of_format_1_without_snapshot_loads() {
    let state = state_of("young").await;
    assert_eq!((state.serial, state.seq, state.records.len()), (0, 4, 1));
}

#[tokio::test]
async fn history_of_format_1_loads() {
    let store = Store::open(&samples(), "shop", "sandbox");
    let runs = store.runs(usize::MAX).await.expect("the sample reads");
    let endings: Vec<_> = runs.iter().map(|run| run.ended.as_ref().map(|ended| ended.ending)).collect();
    assert_eq!(endings, [None, Some(Ending::Partly)]);
    let first = &runs[1];
    assert_eq!((first.number, first.begun.command.as_str(), first.begun.changes.len()), (1, "up shop", 2));
    let file = first.begun.file.as_ref().expect("there was a file");
    let text = store.stack_file(&file.sha256).await.expect("the sample reads").expect("there is a file");
    assert!(text.contains("[stack]"), "{text}");
}

/// The name of an entry in the journal. Whoever adds one adds a sample of it, in a new format.
fn name_of(entry: &Entry) -> &'static str {
    match entry {
        Entry::Run { .. } => "run",
        Entry::Begun { .. } => "begun",
        Entry::Made { .. } => "made",
        Entry::Done { .. } => "done",
        Entry::Gone { .. } => "gone",
        Entry::Failed { .. } => "failed",
        Entry::Deposed { .. } => "deposed",
        Entry::Moved { .. } => "moved",
        Entry::Edges { .. } => "edges",
        Entry::Outputs { .. } => "outputs",
    }
}

#[test]
fn there_is_a_sample_of_every_entry() {
    let all = ["begun", "deposed", "done", "edges", "failed", "gone", "made", "moved", "outputs", "run"];
    let text = std::fs::read_to_string(samples().join("shop/journal.jsonl")).expect("the sample reads");
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let (_, json) = line.split_once(' ').expect("a line has a sum");
        let mut line: Json = serde_json::from_str(json).expect("is JSON");
        let entry: Entry = serde_json::from_value(line["entry"].take()).expect("is an entry");
        found.insert(name_of(&entry));
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), all);
}

/// Two programs of different versions: what the newer one wrote is refused by the older one, and stays as it is.
#[tokio::test]
async fn what_a_newer_program_wrote_is_refused_and_stays() {
    for file in ["state.json", "journal.jsonl"] {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&samples(), folder.path());
        let path = folder.path().join("shop").join(file);
        let newer = newer(&std::fs::read_to_string(&path).expect("reads"), file);
        std::fs::write(&path, &newer).expect("is written");
        let store = Store::open(folder.path(), "shop", "sandbox");
        let error = store.read().await.expect_err("is refused");
        let told = format!(
            "{error}: {}",
            std::error::Error::source(&error).map_or_else(String::new, ToString::to_string)
        );
        assert!(told.contains("newer version") || told.contains("its format is 2"), "{told}");
        assert_eq!(std::fs::read_to_string(&path).expect("reads"), newer);
    }
}

/// The same with the next format in its last line, or in its head.
fn newer(text: &str, file: &str) -> String {
    if file == "state.json" {
        return text.replacen("\"format\": 1", "\"format\": 2", 1);
    }
    let json = r#"{"format":2,"seq":99,"entry":{"mood":{}}}"#;
    format!("{text}{:08x} {json}\n", crc32fast::hash(json.as_bytes()))
}
#[tokio::test]
async fn zz_generate() {
    use stack::graph::{Edge, Place, Sort};
    use stack::state::Object;
    use stack::state::history::*;
    use stack::state::store::Holder;
    let root = samples();
    let place = || Place { account: None, region: "us-west-2".into() };
    let obj = |id: &str, applied: Json| Object {
        id: id.into(),
        applied: applied.clone(),
        seen: applied,
        outputs: json!({"id": id}),
        finished: true,
    };
    let begun = |a: &str, kind: &str, action, edges: Vec<Edge>, spec: Json, n: u8| Entry::Begun {
        address: address(a),
        kind: kind.into(),
        place: place(),
        edges,
        action,
        token: format!("{n:02x}").repeat(16),
        spec,
        at: 1790000000000,
    };
    let holder = Holder::new("ann on laptop, process 7", "up shop", 1790000000000);
    let store = Store::open(&root, "shop", "sandbox");
    let mut locked = store.lock(&holder, "0123456789abcdef").await.expect("x");
    let inside = || vec![Edge { to: address("network.edge"), sort: Sort::Inside }];
    let run = || Entry::Run {
        at: 1790000000000,
        who: "ann on laptop, process 7".into(),
        command: "up shop".into(),
    };
    let net = json!({"cidr": "10.0.0.0/16"});
    let clu = json!({"name": "edge", "version": "1.35"});
    let begun_run = Begun {
        format: 1,
        id: "00112233445566aa".into(),
        at: 1790000000000,
        who: "ann on laptop, process 7".into(),
        command: "up shop".into(),
        version: "0.1.0".into(),
        seq: 0,
        file: Some(FileRef::of("stacks/shop.toml".into(), "[stack]\nname = \"shop\"\n")),
        changes: vec![
            Wanted { address: address("cluster.edge"), verb: stack::change::Verb::Create },
            Wanted { address: address("network.edge"), verb: stack::change::Verb::Create },
        ],
    };
    locked.begin_history(&begun_run, Some("[stack]\nname = \"shop\"\n")).await.expect("x");
    locked
        .append(&[
            run(),
            begun("network.edge", "vpc", Action::Create, vec![], net.clone(), 1),
            Entry::Made { address: address("network.edge"), id: "vpc-1".into() },
            Entry::Done { address: address("network.edge"), object: obj("vpc-1", net) },
            begun("cluster.edge", "eks_cluster", Action::Create, inside(), clu.clone(), 2),
            Entry::Made { address: address("cluster.edge"), id: "arn:old".into() },
            Entry::Done { address: address("cluster.edge"), object: obj("arn:old", clu.clone()) },
        ])
        .expect("x");
    locked.snapshot().await.expect("x");
    locked.snapshot().await.expect("x");
    locked.snapshot().await.expect("x");
    locked
        .end_history(
            &begun_run,
            &Ended {
                format: 1,
                at: 1790000600000,
                ending: Ending::Partly,
                error: None,
                took_ms: 600000,
                seq: 7,
                steps: vec![
                    Trodden {
                        address: address("network.edge"),
                        action: Action::Create,
                        end: StepEnd::Done,
                        took_ms: Some(2000),
                        error: None,
                    },
                    Trodden {
                        address: address("cluster.edge"),
                        action: Action::Create,
                        end: StepEnd::Failed,
                        took_ms: Some(598000),
                        error: Some("EKS.CreateCluster: no".into()),
                    },
                    Trodden {
                        address: address("gateway.shop"),
                        action: Action::Create,
                        end: StepEnd::Skipped,
                        took_ms: None,
                        error: None,
                    },
                ],
            },
        )
        .await
        .expect("x");
    let second = Begun { id: "00112233445566bb".into(), at: 1790001000000, seq: 7, ..begun_run };
    locked.begin_history(&second, None).await.expect("x");
    locked
        .append(&[
            run(),
            Entry::Deposed { address: address("cluster.edge") },
            begun("cluster.edge", "eks_cluster", Action::Create, inside(), clu, 3),
            Entry::Made { address: address("cluster.edge"), id: "arn:new".into() },
            begun("value.note", "value", Action::Create, vec![], json!({"input": 1}), 4),
            Entry::Failed { address: address("value.note"), error: "no".into() },
            begun("value.old", "value", Action::Create, vec![], json!({"input": 1}), 5),
            Entry::Made { address: address("value.old"), id: "5".into() },
            Entry::Done { address: address("value.old"), object: obj("5", json!({"input": 1})) },
            Entry::Moved { from: address("value.old"), to: address("value.release") },
            begun("value.gone", "value", Action::Create, vec![], json!({"input": 1}), 6),
            Entry::Gone { address: address("value.gone"), deposed: None },
            Entry::Edges {
                address: address("value.release"),
                edges: vec![Edge { to: address("network.edge"), sort: Sort::Uses }],
            },
            Entry::Outputs { outputs: [("url".to_owned(), json!("https://shop.example.com"))].into() },
        ])
        .expect("x");
    locked.flush().await.expect("x");
    drop(locked);
    let store = Store::open(&root, "young", "sandbox");
    let mut locked = store.lock(&holder, "0123456789abcdef").await.expect("x");
    locked
        .append(&[
            run(),
            begun("network.edge", "vpc", Action::Create, vec![], json!({}), 1),
            Entry::Made { address: address("network.edge"), id: "vpc-1".into() },
            Entry::Done { address: address("network.edge"), object: obj("vpc-1", json!({})) },
        ])
        .expect("x");
    locked.flush().await.expect("x");
    drop(locked);
    for s in ["shop", "young"] {
        std::fs::remove_file(root.join(s).join("lock")).expect("x");
    }
}
