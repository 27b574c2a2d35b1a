//! Files of earlier formats load for ever: samples of each are under `tests/formats`. A sample is never changed; a new
//! format gets samples of its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use stack::address::Address;
use stack::change::Action;
use stack::plan::{Intent, saved};
use stack::secret::{Mask, Secrets};
use stack::state::State;
use stack::state::history::Ending;
use stack::state::journal::Entry;
use stack::state::keys::Keys;
use stack::state::seal::Seal;
use stack::state::store::Store;
use stack::state::trace::Traced;

use crate::support::world::copy;

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
async fn what_was_traced_in_format_1_loads() {
    let state = state_of("swept").await;
    assert!(state.is_empty());
    assert_eq!(state.traces.len(), 7);
    let issuer = Some("https://oidc.eks.us-west-2.amazonaws.com/id/A".to_owned());
    let (name, vpc) = ("shop-edge".to_owned(), Some("vpc-1".to_owned()));
    let cluster = Traced::Cluster { name, vpc, issuer };
    assert!(state.traces.iter().any(|trace| trace.what == cluster && trace.place.region == "us-west-2"));
}

#[tokio::test]
async fn what_a_controller_made_is_in_a_journal_of_format_1() {
    let state = state_of("served").await;
    let gateway = state.records[&address("gateway.web")].current.as_ref().expect("it exists");
    let sorts: Vec<&str> = gateway.made.iter().map(|child| child.sort.as_str()).collect();
    assert_eq!(sorts, ["ALB", "security group"]);
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

/// The key of the encrypted samples. For tests only.
fn sealed() -> Seal {
    let read = |name: &str| std::fs::read_to_string(samples().join(name)).expect("the sample reads");
    let recipient = read("sealed.recipient.txt").trim().to_owned();
    Seal::by(Keys::of_recipients(&[recipient], &read("sealed.identity.txt")).expect("they are keys"))
}

#[tokio::test]
async fn what_was_encrypted_in_format_1_opens() {
    let store = Store::open(&samples(), "sealed", "sandbox").keeping(sealed(), Secrets::default());
    let state = store.read().await.expect("the sample opens").expect("there is a state");
    let names: Vec<&str> = state.records.keys().map(Address::as_str).collect();
    assert_eq!(names, ["value.later", "value.release"], "from the snapshot, and from the journal");
    let applied = &state.records[&address("value.release")].current.as_ref().expect("it exists").applied;
    assert_eq!(applied["input"]["commit"], "abc123");
    let mark = applied["input"]["password"].as_str().expect("a text");
    assert_eq!(mark, Mask::new(&Secrets::default(), &state.lineage).mark(&json!("hunter22")));
    assert_eq!(store.runs(usize::MAX).await.expect("the sample opens").len(), 1);
    let passphrase = Seal::by(Keys::Passphrase("correct horse".to_owned().into()));
    let store = Store::open(&samples(), "passphrase", "sandbox").keeping(passphrase, Secrets::default());
    assert_eq!(store.read().await.expect("the sample opens").expect("there is a state").records.len(), 1);
}

#[test]
fn saved_plans_of_format_1_load() {
    let read = |name: &str| std::fs::read(samples().join("plans").join(name)).expect("the sample reads");
    let up = saved::read(&read("up.plan"), &Seal::none()).expect("the sample loads");
    assert_eq!((up.origin.stack.as_str(), up.plan.stack.as_str()), ("small", "small"));
    assert_eq!(up.origin.withheld, ["password"]);
    let told: Vec<String> =
        up.plan.changes.iter().map(|change| format!("{} {}", change.verb.sign(), change.address)).collect();
    assert_eq!(told, ["+ value.later", "~ value.release"]);
    let down = saved::read(&read("down.plan"), &Seal::none()).expect("the sample loads");
    assert!(matches!(down.plan.intent, Intent::Destroy { .. }) && down.plan.steps.len() == 1);
    let by = saved::sealed_by(&read("sealed.plan")).expect("it has a head").expect("it is encrypted");
    assert_eq!(by.identity_env(), "KEY");
    let plan = saved::read(&read("sealed.plan"), &sealed()).expect("the sample opens").plan;
    assert_eq!(plan.steps.len(), 1);
}

/// The name of an entry in the journal. Whoever adds one adds a sample of it, in a new format.
fn name_of(entry: &Entry) -> &'static str {
    match entry {
        Entry::Run { .. } => "run",
        Entry::Begun { .. } => "begun",
        Entry::Made { .. } => "made",
        Entry::Done { .. } => "done",
        Entry::Children { .. } => "children",
        Entry::Gone { .. } => "gone",
        Entry::Failed { .. } => "failed",
        Entry::Deposed { .. } => "deposed",
        Entry::Moved { .. } => "moved",
        Entry::Edges { .. } => "edges",
        Entry::Outputs { .. } => "outputs",
        Entry::Traces { .. } => "traces",
        Entry::Audited => "audited",
    }
}

#[test]
fn there_is_a_sample_of_every_entry() {
    let all = [
        "audited", "begun", "children", "deposed", "done", "edges", "failed", "gone", "made", "moved",
        "outputs", "run", "traces",
    ];
    let read = |stack: &str| {
        std::fs::read_to_string(samples().join(stack).join("journal.jsonl")).expect("the sample reads")
    };
    let text = read("shop") + &read("swept") + &read("served");
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let (_, json) = line.split_once(' ').expect("a line has a sum");
        let mut line: Json = serde_json::from_str(json).expect("is JSON");
        if line["entry"].is_null() {
            continue;
        }
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

/// The same of what the newer one encrypted, or saved as a plan: it is neither misread nor called damaged.
#[tokio::test]
async fn what_a_newer_program_encrypted_is_refused_and_stays() {
    for (file, old, new) in
        [("state.json", "stack-sealed-1", "stack-sealed-2"), ("journal.jsonl", "sealed-1 ", "sealed-2 ")]
    {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&samples(), folder.path());
        let path = folder.path().join("sealed").join(file);
        let text = std::fs::read_to_string(&path).expect("reads");
        assert!(text.contains(old), "{text}");
        let newer: String = match file {
            "state.json" => text.replacen(old, new, 1),
            _ => text.lines().map(|line| resummed(&line[9..].replacen(old, new, 1))).collect(),
        };
        std::fs::write(&path, &newer).expect("is written");
        for seal in [sealed(), Seal::none()] {
            let store = Store::open(folder.path(), "sealed", "sandbox").keeping(seal, Secrets::default());
            let error = store.read().await.expect_err("is refused");
            let why = std::error::Error::source(&error).expect("it says why").to_string();
            // Without keys the snapshot before the journal cannot be opened either.
            assert!(why.contains("newer version") || why.contains("no `encryption`"), "{why}");
        }
        assert_eq!(std::fs::read_to_string(&path).expect("reads"), newer);
    }
    let plan = std::fs::read_to_string(samples().join("plans/up.plan")).expect("reads");
    let newer = plan.replacen("\"stack_plan\":1", "\"stack_plan\":2", 1);
    let error = saved::read(newer.as_bytes(), &Seal::none()).expect_err("is refused");
    assert!(matches!(error, saved::SavedError::Newer { found: 2 }), "{error}");
}

/// A line of a journal with its sum.
fn resummed(kept: &str) -> String {
    format!("{:08x} {kept}\n", crc32fast::hash(kept.as_bytes()))
}

/// The same with the next format in its last line, or in its head.
fn newer(text: &str, file: &str) -> String {
    if file == "state.json" {
        return text.replacen("\"format\": 1", "\"format\": 2", 1);
    }
    let json = r#"{"format":2,"seq":99,"entry":{"mood":{}}}"#;
    text.to_owned() + &resummed(json)
}
