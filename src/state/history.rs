//! History: every run that wrote, how it began and how it ended. Data and bytes; where they are kept is in `store`.
//!
//! A run is two small files, each written once and never again: one before its first call, one at its end. A run
//! without the second is one whose end nobody saw. Stack files are kept by their digest, each text once.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::file::{self, FileError};
use crate::address::Address;
use crate::change::{Action, Verb};

/// How a run began.
///
/// A field that is not known is passed over, other than in a state: history is only shown, never written again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// The format of the file.
    pub format: u32,
    /// Of this run alone, as in the lock: 16 hexadecimal digits.
    pub id: String,
    /// In milliseconds since 1970.
    pub at: i64,
    /// User, host and process.
    pub who: String,
    /// Such as `up shop`.
    pub command: String,
    /// The version of the program.
    pub version: String,
    /// The last journal entry before it.
    pub seq: u64,
    /// The stack file, if the run was about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileRef>,
    /// What it was to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Wanted>,
}

/// A stack file as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Where it was read from.
    pub path: String,
    /// Of its text, in hexadecimal digits.
    pub sha256: String,
}

/// What was to happen to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// To which resource.
    pub address: Address,
    /// What.
    pub verb: Verb,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The format of the file.
    pub format: u32,
    /// In milliseconds since 1970.
    pub at: i64,
    /// How.
    pub ending: Ending,
    /// Why, if it did not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took, in the cloud's time.
    pub took_ms: u64,
    /// The last journal entry of it.
    pub seq: u64,
    /// Every step that it began or passed over, in the order of their ends.
    pub steps: Vec<Trodden>,
}

/// How a run ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All of it is done.
    Done,
    /// Some of it is done.
    Partly,
    /// Nothing of it is done.
    Failed,
    /// It was told to stop.
    Interrupted,
}

/// A step as it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trodden {
    /// Of which resource.
    pub address: Address,
    /// What it was to do.
    pub action: Action,
    /// How it ended.
    pub end: StepEnd,
    /// How long it took, in the cloud's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEnd {
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It was not begun, or has no end.
    Skipped,
}

/// A run, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Counted from the oldest, which is 1.
    pub number: usize,
    /// How it began.
    pub begun: Begun,
    /// How it ended; none: it still goes on, or nobody saw its end.
    pub ended: Option<Ended>,
}

impl Begun {
    /// The name under which it is kept: names in their order are the order of the runs.
    pub fn name(&self) -> String {
        format!("{:012}-{:014}-{}", self.seq, self.at.max(0), self.id)
    }
}

impl FileRef {
    /// Of a text that was read from `path`.
    pub fn of(path: String, text: &str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        Self { path, sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}

impl Ended {
    /// How many steps were done that do this.
    pub fn done(&self, action: Action) -> usize {
        self.steps.iter().filter(|step| step.end == StepEnd::Done && step.action == action).count()
    }

    /// How many steps ended so.
    pub fn count(&self, end: StepEnd) -> usize {
        self.steps.iter().filter(|step| step.end == end).count()
    }
}

/// As it is kept.
pub fn write(part: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(part).expect("history holds nothing that JSON cannot");
    bytes.push(b'\n');
    bytes
}

/// What was kept, by this version or an older one.
///
/// # Errors
/// It is damaged, or of a newer format.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FileError> {
    file::known_format(bytes)?;
    serde_json::from_slice(bytes).map_err(FileError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(seq: u64, at: i64, id: &str) -> Begun {
        let words = |text: &str| text.to_owned();
        let (who, command, version) = (words("ann"), words("up shop"), words("0.1.0"));
        Begun { format: 1, id: words(id), at, who, command, version, seq, file: None, changes: Vec::new() }
    }

    #[test]
    fn names_are_in_the_order_of_the_runs() {
        let names = [begun(9, 500, "f"), begun(10, 400, "e"), begun(10, 401, "a")].map(|run| run.name());
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(names, sorted);
    }

    #[test]
    fn a_field_of_a_newer_program_is_passed_over_and_a_newer_format_is_refused() {
        let mut json = serde_json::to_value(begun(1, 2, "a")).expect("is JSON");
        json["mood"] = "good".into();
        assert_eq!(read::<Begun>(json.to_string().as_bytes()).expect("reads"), begun(1, 2, "a"));
        json["format"] = 99.into();
        let refused = read::<Begun>(json.to_string().as_bytes());
        assert!(matches!(refused, Err(FileError::Newer { found: 99 })));
    }

    #[test]
    fn a_file_is_known_by_its_digest() {
        let of = FileRef::of("stacks/shop.toml".to_owned(), "abc");
        assert_eq!(of.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
