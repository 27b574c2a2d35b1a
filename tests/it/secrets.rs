//! Canaries in every place that can hold a secret: nothing that is printed or kept repeats one, in any form.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::served::program;

/// In a sensitive variable, in the `stringData` and in the `data` of a Kubernetes Secret, in the default of a sensitive
/// variable, and in the environment for another stack.
const CANARIES: [&str; 5] = [
    "canary-variable-7Q",
    "canary-text-8W",
    "canary-data-9E",
    "canary-default-5R",
    "canary-of-another-stack-3T",
];

/// A key for tests only: for whom the state is encrypted, and who can read it.
const RECIPIENT: &str = "age1ecplwlve54swke36zj7kafrvr77twmdnv5mk77g0tavykvh7kshqyhscml";
const IDENTITY: &str = "AGE-SECRET-KEY-163TKU0KK7KQ96DUYVJC9DWVNC3JNYHL6UWW0LRDXE9RCDNQEPAGS9RNZTC";

const STACK: &str = r#"
[stack]
name = "safe"
region = "us-west-2"
tags = { owner = "${var.token}" }
[variables]
token = { sensitive = true }
pin = { default = "canary-default-5R", sensitive = true }
[networks.n]
cidr = "10.0.0.0/16"
zones = 2
[clusters.c]
version = "1.35"
network = "n"
[clusters.c.nodes.default]
instance_types = ["m7g.large"]
size = { min = 2, max = 2 }
[service_networks.s]
name = "safe-network"
auth = "iam"
clusters = ["c"]
[service_networks.s.policy]
Version = "2012-10-17"
Statement = [{ Effect = "Allow", Principal = "*", Action = "vpc-lattice-svcs:Invoke", Resource = "*", Condition = { StringEquals = { "vpc-lattice-svcs:RequestHeader/x" = "${var.token}" } } }]
[manifests.m]
cluster = "c"
files = ["secret.yaml"]
[values.v]
input = { password = "${var.token}", url = "db://me:${var.token}@host" }
[values.w]
input = "again ${values.v.value.password}"
[values.pin]
input = ["${var.pin}"]
[outputs]
password = "${values.w.value}"
"#;

/// A folder with the stack.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        place.write("stacks/safe.toml", STACK);
        place.secret(CANARIES[1]);
        place
    }

    /// The same with its state encrypted.
    fn encrypted() -> Self {
        let place = Self::new();
        let text = format!("{STACK}[state]\nencryption = {{ recipients = [\"{RECIPIENT}\"] }}\n");
        place.write("stacks/safe.toml", &text);
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        std::fs::write(path, text).expect("the file is written");
    }

    fn secret(&self, text: &str) {
        let data = STANDARD.encode(CANARIES[2]);
        let yaml = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{ name: keys, namespace: default }}\n\
             stringData: {{ text: {text} }}\ndata: {{ code: {data} }}\n"
        );
        self.write("stacks/secret.yaml", &yaml);
    }

    fn run(&self, token: &str, words: &str) -> Output {
        self.command(words).env("STACK_VAR_token", token).output().expect("it runs")
    }

    /// Without the sensitive variable.
    fn command(&self, words: &str) -> Command {
        let mut command = program(self.path());
        command.envs([("STACK_AGE_IDENTITY", IDENTITY), ("STACK_VAR_other", CANARIES[4])]);
        command.args(words.split_whitespace()).arg("--sandbox");
        command
    }

    /// Runs it, says how it ended, and sees to it that nothing printed or kept holds a canary.
    fn safe(&self, words: &str) -> (Option<i32>, String) {
        let output = self.run(CANARIES[0], words);
        let said = [&output.stdout[..], &output.stderr].concat();
        assert_silent(&said, words);
        self.assert_kept_safe();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    fn assert_kept_safe(&self) {
        let kept = self.kept();
        let is_any = kept.keys().any(|path| path.starts_with(self.path().join("state/sandbox/safe")));
        assert!(is_any || !self.path().join("state/sandbox/safe").exists(), "nothing was looked at");
        for (path, bytes) in kept {
            assert_silent(&bytes, &path.display().to_string());
        }
    }

    /// Every file but the stack file and what it reads. The content of the embedded cloud may hold secrets: it is the
    /// cloud.
    fn kept(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut open: Vec<PathBuf> = vec![self.path().to_owned()];
        let mut kept = BTreeMap::new();
        while let Some(path) = open.pop() {
            if path.ends_with("sandbox/cloud") || path == self.path().join("stacks") {
                continue;
            }
            if path.is_dir() {
                open.extend(std::fs::read_dir(path).expect("it reads").flatten().map(|entry| entry.path()));
            } else if let Ok(bytes) = std::fs::read(&path) {
                kept.insert(path, bytes);
            }
        }
        kept
    }

    /// The names of the files of the state and of saved plans that can be read without a key. The lock is for people.
    fn plain(&self) -> Vec<String> {
        let is_sealed = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let body =
                if text.starts_with("{\"stack_plan\"") { text.split_once('\n').unzip().1 } else { None };
            let body = body.unwrap_or(&text);
            let is_line = |line: &str| line.get(9..).is_some_and(|line| line.starts_with("sealed-1 "));
            body.starts_with("stack-sealed-1\n") || body.lines().all(is_line)
        };
        let kept =
            self.kept().into_iter().filter(|(path, bytes)| !path.ends_with("lock") && !is_sealed(bytes));
        kept.map(|(path, _)| path.display().to_string()).collect()
    }
}

fn assert_silent(bytes: &[u8], place: &str) {
    let text = String::from_utf8_lossy(bytes);
    for canary in CANARIES {
        for form in [canary.to_owned(), STANDARD.encode(canary)] {
            assert!(!text.contains(&form), "{place} holds {form}:\n{text}");
        }
    }
}

/// Everything that shows or keeps something, from up to destroy. True if what is kept is to be encrypted.
fn from_up_to_destroy(place: &Place, encrypted: bool) {
    for words in ["plan safe --verbose", "plan safe --json"] {
        let (code, said) = place.safe(words);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("(sensitive)") || said.contains("\"sensitive\":true"), "{said}");
    }
    let (code, said) = place.safe("up safe --yes --verbose");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("password = (sensitive)"), "{said}");
    for (words, expected) in [
        ("plan safe --exit-code", 0),
        ("up safe --yes --json", 0),
        ("drift safe", 0),
        ("drift safe --json", 0),
        ("state list safe --json", 0),
        ("state show safe value.v", 0),
        ("state show safe manifest.m", 0),
        ("state pull safe", 0),
        ("state check safe", 0),
        ("history safe --json", 0),
        ("history safe 1 --json", 0),
        ("history safe 1 --file", 0),
        ("sweep safe --check", 0),
        ("output safe", 0),
        ("output safe --json", 0),
        ("graph safe --parts", 0),
    ] {
        let (code, said) = place.safe(words);
        assert_eq!(code, Some(expected), "{words:?} {said}");
    }
    place.secret("another-text-that-is-new");
    let (code, said) = place.safe("plan safe --exit-code");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("manifest.stringData.text: (sensitive) -> (sensitive)"), "{said}");
    let (code, said) = place.safe("rehearse up safe --verbose");
    assert_eq!(code, Some(0), "{said}");
    let other = "not in the copy: the sensitive values of manifest.m/Secret.keys, which are others now";
    assert!(said.contains(other) && !said.contains("only in the c"), "{said}");
    let (code, said) = place.safe("rehearse destroy safe --json");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = place.safe("destroy safe --yes --verbose");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(place.plain().is_empty(), encrypted, "{:#?}", place.plain());
}

#[test]
fn b26_no_secret_is_printed_or_kept_from_up_to_destroy() {
    from_up_to_destroy(&Place::new(), false);
}

#[test]
fn b26_nor_where_the_state_is_encrypted_and_nothing_is_plain_there() {
    from_up_to_destroy(&Place::encrypted(), true);
}

#[test]
fn b26_a_saved_plan_holds_no_secret_and_is_given_them_again() {
    for place in [Place::new(), Place::encrypted()] {
        let mut planned = place.command("plan safe --var token=canary-variable-7Q -o up.plan");
        // What is given wins over the environment; neither is kept.
        let planned = planned.env("STACK_VAR_token", CANARIES[4]).output().expect("it runs");
        assert_eq!(planned.status.code(), Some(0), "{planned:?}");
        place.assert_kept_safe();
        assert_eq!(place.safe("plan up.plan --verbose").0, Some(0));
        let forgotten = place.command("up up.plan --yes").output().expect("it runs");
        let said = String::from_utf8_lossy(&forgotten.stderr).into_owned();
        assert_eq!(forgotten.status.code(), Some(2), "{said}");
        assert!(said.contains("put what was planned with into STACK_VAR_token"), "{said}");
        let other = place.run("another-token", "up up.plan --yes");
        let said = String::from_utf8_lossy(&other.stderr).into_owned();
        assert_eq!(other.status.code(), Some(6), "{said}");
        assert!(said.contains("or token has another value now"), "{said}");
        let (code, said) = place.safe("up up.plan --yes --verbose");
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = place.safe("plan safe --exit-code");
        assert_eq!(code, Some(0), "what was carried out is what was planned: {said}");
        assert_eq!(place.safe("plan safe --destroy -o down.plan").0, Some(0));
        assert_eq!(place.safe("destroy down.plan --yes").0, Some(0));
    }
}

#[test]
fn b26_an_output_is_told_by_name_and_only_while_the_file_says_it() {
    let place = Place::new();
    place.write(
        "stacks/safe.toml",
        "[stack]\nname = \"safe\"\nregion = \"us-west-2\"\n[variables]\ntoken = { sensitive = true }\n\
         [values.v]\ninput = \"${var.token}\"\n[values.w]\ninput = \"again ${values.v.value}\"\n\
         [outputs]\npassword = \"${values.w.value}\"\n",
    );
    assert_eq!(place.safe("up safe --yes").0, Some(0));
    let told = |token: &str, more: &str| {
        let output = place.run(token, &format!("output safe password {more}"));
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(told(CANARIES[0], ""), (Some(0), format!("again {}\n", CANARIES[0])));
    assert_eq!(told(CANARIES[0], "--json"), (Some(0), format!("\"again {}\"\n", CANARIES[0])));
    assert_eq!(told("another-token", ""), (Some(2), String::new()));
    let changed = place.run("another-token", "plan safe --exit-code");
    assert_eq!(changed.status.code(), Some(3), "a changed secret is a change");
}

#[test]
fn b26_what_is_kept_of_a_run_that_was_killed_holds_no_secret_and_the_next_goes_on() {
    for place in [Place::new(), Place::encrypted()] {
        killed_and_going_on(&place);
    }
}

fn killed_and_going_on(place: &Place) {
    let journal = place.path().join("state/sandbox/safe/journal.jsonl");
    let mut child = place.command("up safe --yes");
    child.env("STACK_VAR_token", CANARIES[0]);
    child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = child.spawn().expect("it starts");
    let begun = |length: u64| std::fs::metadata(&journal).is_ok_and(|file| file.len() > length);
    while !begun(20_000) && child.try_wait().expect("it is ours").is_none() {
        std::thread::yield_now();
    }
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
    place.assert_kept_safe();
    let (code, said) = place.safe("up safe --yes");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(place.safe("plan safe --exit-code").0, Some(0));
}

#[test]
fn b26_what_a_cloud_repeats_of_a_secret_is_hidden() {
    let place = Place::new();
    let bad = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{ name: keys, namespace: default }}\ndata: {{ code: {}!! }}\n",
        CANARIES[1]
    );
    place.write("stacks/secret.yaml", &bad);
    let (code, said) = place.safe("up safe --yes");
    assert!(code.is_some(), "{said}");
    let (code, said) = place.safe("destroy safe --yes");
    assert_eq!(code, Some(0), "{said}");
}
