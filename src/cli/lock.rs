//! The lock of a stack: which official files it took, beside its stack file. What is in it is in `recipe::pins`.
//!
//! A plan tells what is new; only an `up` that goes ahead writes it down. A file that is not the one that was pinned
//! ends the run before anything is changed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::{Exit, Failure};
use super::reach::{SANDBOX, STATE};
use crate::change::Action;
use crate::cloud::{Cloud, CloudError, OTHER_DIGEST, sha256};
use crate::plan::{Plan, Step};
use crate::recipe::crd_files;
use crate::recipe::pins::Pins;
use crate::stack::Stack;
use crate::value::Value;

/// Says in which folder locks are kept instead of beside the stack files.
pub(super) const LOCKS: &str = "STACK_LOCKS";

/// A lock file and what is in it.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    path: PathBuf,
    pub(super) pins: Pins,
    /// Whether people are told what is new.
    told: bool,
}

/// What is not pinned yet.
pub(super) type New = Pins;

impl Lock {
    /// Reads it; an empty one if there is none. Runs on the embedded cloud have one of their own.
    pub(super) fn read(stack: &Stack, sandbox: bool, environment: &Environment) -> Result<Self, Failure> {
        let path = place(stack, sandbox, environment);
        let pins = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Pins::default(),
            Err(error) => {
                return Err(
                    Failure::refused(format!("{} cannot be read", path.display())).because(error.to_string())
                );
            }
            Ok(text) => Pins::parse(&text).map_err(|wrong| {
                Failure::refused(format!("{} is not right", path.display()))
                    .because(wrong)
                    .hint("take it from the history of your repository, or delete it to pin the files anew")
            })?,
        };
        Ok(Self { path, pins, told: !sandbox })
    }

    /// Fetches the official files that a plan installs, and notes in it what is new. What cannot be fetched is only
    /// noted as well, unless the plan is to be carried out.
    pub(super) async fn judge(
        &self,
        cloud: &Cloud,
        plan: &mut Plan,
        carried_out: bool,
    ) -> Result<New, Failure> {
        let mut new = Pins::default();
        for (release, version) in releases(plan) {
            let mut fresh = false;
            for file in crd_files(&release, &version).unwrap_or_default() {
                match cloud.download(&file).await {
                    Ok(_) if self.pins.0.contains_key(&file) => {}
                    Ok(bytes) => {
                        fresh |= new.0.insert(file, sha256(&bytes)).is_none();
                    }
                    Err(error) if error.code == OTHER_DIGEST => return Err(self.other(&file, &error)),
                    Err(error) if carried_out => return Err(unfetched(&error)),
                    Err(error) => plan.notes.push(format!("{release} {version} cannot be had now: {error}")),
                }
            }
            if fresh && self.told {
                let path = self.path.display();
                plan.notes.push(format!("{release} {version} is new: its digest goes into {path}"));
            }
        }
        Ok(new)
    }

    /// Writes down what is new.
    pub(super) fn write(&self, new: New) -> Result<(), Failure> {
        if new.0.is_empty() {
            return Ok(());
        }
        let mut pins = self.pins.clone();
        pins.0.extend(new.0);
        let fail = |error: std::io::Error| {
            Failure::of(Exit::Failed, &error).because(format!("{} was to be written", self.path.display()))
        };
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(fail)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
        file.write_all(pins.text().as_bytes()).map_err(fail)?;
        readable(file.as_file()).map_err(fail)?;
        file.persist(&self.path).map(drop).map_err(|error| fail(error.error))
    }

    fn other(&self, file: &str, error: &CloudError) -> Failure {
        let path = self.path.display();
        Failure::refused(format!("{file} is not the file that {path} pins"))
            .because(error.message.clone())
            .hint(format!("find out why it changed; if it may, take its line out of {path} and run again"))
    }
}

fn unfetched(error: &CloudError) -> Failure {
    Failure::from(error.clone()).hint(
        "nothing was changed; without a network, set STACK_RELEASES_URL to file:///FOLDER, with the file at \
         FOLDER/HOST/PATH",
    )
}

/// A lock is for everybody, unlike a temporary file.
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.sync_all()
}

/// Where the lock of a stack is.
fn place(stack: &Stack, sandbox: bool, environment: &Environment) -> PathBuf {
    if sandbox {
        return Path::new(STATE).join(SANDBOX).join(format!("{}.lock", stack.head.name));
    }
    let beside = stack.source.path.with_extension("lock");
    match (environment.get(LOCKS), beside.file_name()) {
        (Some(folder), Some(name)) => Path::new(folder).join(name),
        _ => beside,
    }
}

/// The CRD releases that a plan installs or changes: name and version, each once.
fn releases(plan: &Plan) -> std::collections::BTreeSet<(String, String)> {
    let installs =
        |step: &&Step| step.kind == "crd_release" && matches!(step.action, Action::Create | Action::Update);
    let text = |spec: &Value, field: &str| spec.get(field)?.known().ok()?.as_str().map(str::to_owned);
    let named = |step: &Step| Some((text(&step.spec, "release")?, text(&step.spec, "version")?));
    plan.steps.iter().filter(installs).filter_map(named).collect()
}
