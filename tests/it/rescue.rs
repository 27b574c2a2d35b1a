//! What happens when the state cannot be kept: nothing more is begun, a rescue file holds all of it, and it is pushed
//! back as the message says. And what files of a state look like to others.

#![cfg(unix)]

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use stack::state::State;
use stack::state::store::Store;

use crate::support::served::{program, told};

/// How many values there are.
const VALUES: usize = 200;
/// How long a file may become, in blocks of 512 bytes: less than the journal of all values, more than their state.
const BLOCKS: usize = 160;

fn stack_in(folder: &Path) {
    let mut text = "[stack]\nname = \"many\"\nregion = \"us-west-2\"\n".to_owned();
    for number in 0..VALUES {
        writeln!(text, "[values.v{number}]\ninput = {number}").expect("a text takes all");
    }
    std::fs::create_dir_all(folder.join("stacks")).expect("the folder is made");
    std::fs::write(folder.join("stacks/many.toml"), text).expect("the stack is written");
}

/// Runs this program where no file may grow beyond a limit: a write beyond it fails as on a full disk.
fn with_little_room(folder: &Path, words: &str) -> Output {
    let binary = env!("CARGO_BIN_EXE_stack");
    let script = format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec '{binary}' {words}");
    let inner = program(folder);
    let mut shell = std::process::Command::new("sh");
    shell
        .current_dir(folder)
        .env_clear()
        .envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
    shell.args(["-c", &script]).output().expect("the shell runs")
}

fn run(folder: &Path, words: &str) -> Output {
    program(folder).args(words.split(' ')).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn state(folder: &Path) -> State {
    let store = Store::open(&folder.join("state/sandbox"), "many", "sandbox");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("there is a runtime");
    runtime.block_on(store.read()).expect("the state reads").expect("there is a state")
}

#[test]
fn b28_what_a_full_disk_did_not_take_is_rescued_and_pushed_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    stack_in(folder);
    let failed = with_little_room(folder, "up many --sandbox --yes -q");
    let said = text(&failed.stderr);
    assert_eq!(failed.status.code(), Some(1), "{}", told(&failed));
    assert!(said.contains("cannot write"), "{said}");
    let rescued = folder.join("state/sandbox/many.rescue.json");
    let mode = std::fs::metadata(&rescued).expect("there is a rescue file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let held: State =
        serde_json::from_slice(&std::fs::read(&rescued).expect("it reads")).expect("it is a state");
    let kept = state(folder);
    assert!(held.records.len() < VALUES, "everything was done");
    assert!(held.seq > kept.seq, "the rescue file holds no more than the journal");

    let push = said.split('`').find(|part| part.starts_with("stack state push ")).expect("it is told");
    let words = push.strip_prefix("stack ").expect("it is a command of ours");
    let pushed = run(folder, words);
    assert_eq!(pushed.status.code(), Some(0), "{}", told(&pushed));
    assert_eq!(state(folder).records, held.records);
    // The older one does not come back.
    let again = run(folder, words);
    assert_eq!(again.status.code(), Some(6), "{}", told(&again));

    let rest = run(folder, "up many --sandbox --yes -q");
    assert_eq!(rest.status.code(), Some(0), "{}", told(&rest));
    let finished = held.records.values().filter(|record| record.open.is_none()).count();
    assert!(finished > 0, "nothing was finished before");
    assert_eq!(state(folder).records.len(), VALUES);
    for (address, record) in held.records.iter().filter(|(_, record)| record.open.is_none()) {
        assert_eq!(state(folder).records[address].current, record.current, "{address} was made twice");
    }
    let history = text(&run(folder, "history many --sandbox").stdout);
    let endings = ["done", "done", "partly done"];
    let told: Vec<&str> =
        history.lines().step_by(2).filter_map(|line| line.get(28..39).map(str::trim)).collect();
    assert_eq!(told, endings, "{history}");
}

#[test]
fn files_of_a_state_are_for_their_owner_only() {
    let folder = tempfile::tempdir().expect("a folder");
    stack_in(folder.path());
    let up = run(folder.path(), "up many --sandbox --yes -q");
    assert_eq!(up.status.code(), Some(0), "{}", told(&up));
    let mut open = vec![folder.path().join("state/sandbox/many")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("the folder reads").flatten();
            open.extend(entries.map(|entry| entry.path()));
        } else {
            files.push(path);
        }
    }
    for name in ["state.json", "journal.jsonl", "lock", ".begun.json", ".ended.json", ".toml"] {
        assert!(files.iter().any(|file| file.to_string_lossy().ends_with(name)), "there is no {name}");
    }
    for file in files {
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}
