//! Official files are pinned at their first use and checked ever after. The program as its users have it, against a
//! served sandbox.

use std::process::Output;

use crate::support::served::{Served, told};

const SPEED: u32 = 300;
/// Locks are beside the stack files here, as with a real cloud.
const BESIDE: (&str, &str) = ("STACK_LOCKS", "");
const GATEWAY_API: &str =
    "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.1/standard-install.yaml";

#[track_caller]
fn ended(code: i32, output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(code), "{}", told(output));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn official_files_are_pinned_by_an_up_and_refused_when_they_are_others() {
    let served = Served::start(SPEED);
    let lock = served.folder().join("stacks/minimal.lock");
    let (plan, _) = ended(0, &served.stack_with(&[BESIDE], &["plan", "minimal"]));
    assert!(plan.contains("gateway-api 1.6.1 is new: its digest goes into stacks/minimal.lock"), "{plan}");
    assert!(!lock.exists(), "a plan writes nothing");

    let zeros = "0".repeat(64);
    std::fs::write(&lock, format!("format = 1\n[files]\n\"{GATEWAY_API}\" = \"sha256:{zeros}\"\n"))
        .expect("is written");
    for words in [&["plan", "minimal"][..], &["up", "minimal", "--yes"]] {
        let (_, error) = ended(2, &served.stack_with(&[BESIDE], words));
        assert!(error.contains("is not the file that stacks/minimal.lock pins"), "{error}");
        assert!(error.contains(&zeros) && error.contains("take its line out"), "{error}");
    }
    assert!(!served.folder().join("state/minimal/state.json").exists(), "nothing was changed");
    std::fs::write(&lock, "format = 1\n<<<<<<< ours\n").expect("is written");
    let (_, error) = ended(2, &served.stack_with(&[BESIDE], &["up", "minimal", "--yes"]));
    assert!(error.starts_with("Error: stacks/minimal.lock is not right"), "{error}");
    std::fs::remove_file(&lock).expect("is removed");

    ended(0, &served.stack_with(&[BESIDE], &["up", "minimal", "--yes"]));
    let text = std::fs::read_to_string(&lock).expect("an up writes it");
    assert!(text.contains("Commit this file.") && text.contains(GATEWAY_API), "{text}");
    assert_eq!(text.matches("sha256:").count(), 2, "{text}");
    let (plan, _) = ended(0, &served.stack_with(&[BESIDE], &["plan", "minimal", "--exit-code"]));
    assert!(!plan.contains("is new"), "{plan}");
    ended(0, &served.stack_with(&[BESIDE], &["destroy", "minimal", "--yes"]));
    assert_eq!(std::fs::read_to_string(&lock).expect("it stays"), text);
}
