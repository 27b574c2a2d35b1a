//! `Failure`: the one way in which a verb fails: an exit code, what went wrong, why, and what to do. All hints are here.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use super::view::words::duration;
use crate::cloud::{CloudError, ErrorSort};
use crate::plan::Refusal;
use crate::sandbox::OpenError;
use crate::stack::{Diagnostic, Source};
use crate::state::file::FileError;
use crate::state::keys::KeyError;
use crate::state::seal::SealError;
use crate::state::store::{RefusalSort, StoreError};

/// The exit codes, as the table in the help tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; nothing to do for `plan --exit-code` and `drift`.
    Done = 0,
    /// Cloud, network or internal error; or the question was answered no.
    Failed = 1,
    /// Refused before anything changed: command line, stack file, or a rule.
    Refused = 2,
    /// `plan --exit-code`: the stack has changes to make.
    Changes = 3,
    /// `drift`: the live cloud differs from the recorded state.
    Drifted = 4,
    /// Some steps failed, others are done and saved.
    Partly = 5,
    /// The state is locked, belongs to another cloud, or a saved plan is stale.
    Conflict = 6,
    /// `destroy`, `sweep`: leftovers remain.
    Leftovers = 7,
    /// Interrupted; state saved.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a verb did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the process ends with.
    pub exit: Exit,
    /// Drawn before everything else: the mistakes of a file, at their places.
    pub drawn: String,
    /// What went wrong. Empty: there is nothing to say.
    pub error: String,
    /// Why, the nearest cause first.
    pub causes: Vec<String>,
    /// What to do.
    pub hints: Vec<String>,
}

const RED: Style = AnsiColor::Red.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default().bold();

impl Failure {
    /// A failure without cause and hint.
    pub fn new(exit: Exit, error: impl Into<String>) -> Self {
        Self { exit, drawn: String::new(), error: error.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// Refused before anything changed.
    pub fn refused(error: impl Into<String>) -> Self {
        Self::new(Exit::Refused, error)
    }

    /// An error with all its causes.
    pub fn of(exit: Exit, error: &dyn Error) -> Self {
        let mut failure = Self::new(exit, error.to_string());
        let mut next = error.source();
        while let Some(cause) = next {
            failure.causes.push(cause.to_string());
            next = cause.source();
        }
        failure
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds why.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Says what could not be done for this; what was the error is its first cause.
    #[must_use]
    pub fn because_of(mut self, error: impl Into<String>) -> Self {
        let cause = std::mem::replace(&mut self.error, error.into());
        self.causes.insert(0, cause);
        self
    }

    /// All that is wrong with a file.
    pub fn of_file(found: &[Diagnostic], source: &Source) -> Self {
        let drawn = crate::stack::render(found, source, true);
        let count =
            if found.len() == 1 { "a mistake".to_owned() } else { format!("{} mistakes", found.len()) };
        let mut places = found.iter().map(|one| one.source.as_deref().unwrap_or(source).path.as_path());
        let first = places.next().unwrap_or(&source.path);
        let path = if places.all(|path| path == first) { first } else { &source.path };
        Self { drawn, ..Self::refused(format!("{} has {count}", path.display())) }
    }

    /// What went wrong and why, in one line.
    pub fn in_a_line(&self) -> String {
        std::iter::once(&self.error).chain(&self.causes).map(String::as_str).collect::<Vec<_>>().join(": ")
    }

    /// Tells it, for people.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.drawn.is_empty() {
            writeln!(out, "{}", self.drawn)?;
        }
        if self.error.is_empty() {
            return Ok(());
        }
        writeln!(out, "{RED}Error:{RED:#} {}", self.error)?;
        if !self.causes.is_empty() {
            writeln!(out, "Caused by:")?;
        }
        for cause in &self.causes {
            writeln!(out, "  {}", cause.replace('\n', "\n  "))?;
        }
        for hint in &self.hints {
            writeln!(out, "{CYAN}Hint:{CYAN:#} {hint}")?;
        }
        Ok(())
    }
}

/// The disk, or what is written to or read from.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::of(Exit::Failed, &error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = |exit| Self::of(exit, &error);
        match &error {
            StoreError::Locked { holder, age, .. } => {
                let failure = failure(Exit::Conflict);
                let failure = match holder.command.as_str() {
                    "" => failure,
                    command => failure.because(format!("it runs `{command}`, for {}", duration(*age))),
                };
                let failure = match holder.id.as_str() {
                    "" => failure,
                    id => failure.because(format!("the id of its lock is {id}")),
                };
                failure.hint("`--lock-timeout 10m` waits for it; a run that was killed holds up nobody")
            }
            StoreError::OtherCloud { .. } => failure(Exit::Conflict)
                .hint("use the credentials of that account, or another `name` under [stack]; `--sandbox` has states of its own"),
            StoreError::Newer { .. } | StoreError::Snapshot { source: FileError::Newer { .. }, .. } => {
                failure(Exit::Failed).hint("nothing was changed; use the version that wrote it, or a newer one")
            }
            StoreError::Snapshot { .. }
            | StoreError::Line { .. }
            | StoreError::Headless { .. }
            | StoreError::History { .. }
            | StoreError::Unsound(_) => {
                failure(Exit::Failed)
                    .hint("nothing was changed; take the file from a backup")
                    .hint("`stack state push STACK FILE --force` takes what `stack state pull` printed before")
            }
            StoreError::Remote { source, .. } => of_store(failure(Exit::Failed), source.sort),
            StoreError::Moved { to, .. } => {
                let to = to.trim_end_matches(|c| c != '/').trim_end_matches('/');
                failure(Exit::Conflict)
                    .hint(format!("say so in the stack file: `backend = \"{to}\"` under [state]"))
            }
            StoreError::Gap { .. } => failure(Exit::Failed)
                .hint("nothing was changed; if somebody deleted objects, bring them back from a version of the bucket"),
            StoreError::Lost { .. } => failure(Exit::Conflict)
                .hint("this run stopped; the other one goes on from what it had begun, and what is kept is whole"),
            StoreError::OtherHolder { .. } => failure(Exit::Conflict)
                .hint("look whether that run still lives, then name its id"),
            StoreError::Sealed { source, .. } => {
                let failure = failure(Exit::Failed).hint(unseal(source));
                match source {
                    SealError::Key(KeyError::Wrong(_)) => failure.hint(
                        "if its key is to be another: `stack state rekey STACK`, with `--old-…` for the one so far",
                    ),
                    _ => failure,
                }
            }
            StoreError::Disk { source, .. } => match disk_hint(source.kind()) {
                Some(hint) => failure(Exit::Failed).hint(hint),
                None => failure(Exit::Failed),
            },
            StoreError::Broken => failure(Exit::Failed),
        }
    }
}

fn disk_hint(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Some("make room there, then run it again")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("make it writable for you, or name another folder by `backend` under [state]")
        }
        _ => None,
    }
}

/// What to do about an object store that did not do as asked.
fn of_store(mut failure: Failure, sort: RefusalSort) -> Failure {
    let (exit, hint) = match sort {
        RefusalSort::NoBucket => (
            Exit::Refused,
            "there is no bucket of that name for these credentials: make it, or correct `backend` under [state]",
        ),
        RefusalSort::Denied => (
            Exit::Refused,
            "the credentials need s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject below the prefix",
        ),
        RefusalSort::Unknown => {
            (Exit::Refused, "log in again, or look at AWS_PROFILE: the store does not know these credentials")
        }
        RefusalSort::WrongRegion => (Exit::Refused, "say the region of the bucket by `region` under [state]"),
        RefusalSort::Unable => {
            (Exit::Refused, "the store must know writes on condition (`If-None-Match: *`): it may be too old")
        }
        RefusalSort::Refused => (
            Exit::Refused,
            "look at `kms_key_id` under [state], and at the policies of the bucket and the key",
        ),
        RefusalSort::Absent => (Exit::Failed, "somebody deletes objects of this state"),
        RefusalSort::Passing => (Exit::Failed, "what is kept is whole; try again when the store answers"),
    };
    failure.exit = exit;
    failure.hint(hint)
}

/// What to do about what cannot be opened.
fn unseal(error: &SealError) -> &'static str {
    match error {
        SealError::NoKeys => "nothing was changed; put `encryption` back: `stack state rekey` takes it off",
        SealError::Key(KeyError::Wrong(_)) => {
            "nothing was changed; give the passphrase or identity that opens it"
        }
        SealError::Key(KeyError::NoIdentity) => {
            "nothing was changed; put the path of its file into STACK_AGE_IDENTITY, or what `identity_env` names"
        }
        SealError::Key(_) => "nothing was changed; look at `encryption` under [state] and its key",
        SealError::Newer => "nothing was changed; use that version, or a newer one",
        SealError::Damaged => "nothing was changed; take the file from a backup",
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match &error {
            OpenError::Held { .. } => Self::of(Exit::Conflict, &error)
                .hint("to use it from several programs at once, leave it to `stack sandbox serve` and drop `--sandbox`"),
            OpenError::Damaged { .. } => {
                Self::of(Exit::Failed, &error).hint("`stack sandbox reset` begins with a fresh one")
            }
            OpenError::Disk { .. } => Self::of(Exit::Failed, &error),
        }
    }
}

impl From<CloudError> for Failure {
    fn from(error: CloudError) -> Self {
        let failure = Self::new(Exit::Failed, error.to_string());
        match error.sort {
            ErrorSort::Denied => {
                failure.hint("the credentials may not do this: see the policies of their role")
            }
            ErrorSort::Unreachable => {
                failure.hint("is the network up, and AWS_ENDPOINT_URL right if it is set?")
            }
            ErrorSort::Quota => failure.hint("raise the quota in the Service Quotas console, or make less"),
            ErrorSort::Bug => failure.hint("this is a mistake in stack: please report it"),
            _ => failure,
        }
    }
}

/// Why there is no plan: all reasons at once.
/// So many reasons are told at most.
const MOST: usize = 10;

impl From<Vec<Refusal>> for Failure {
    fn from(refusals: Vec<Refusal>) -> Self {
        let unreadable = |refusal: &Refusal| {
            matches!(refusal, Refusal::Unreadable { .. } | Refusal::Unsearched { .. } | Refusal::Shut { .. })
        };
        let guest = |refusal: &Refusal| matches!(refusal, Refusal::Guest { .. });
        let exit = if refusals.iter().all(unreadable) { Exit::Failed } else { Exit::Refused };
        let mut failure = match refusals.as_slice() {
            all if all.iter().all(guest) => Self {
                causes: all.iter().map(ToString::to_string).collect(),
                ..Self::new(exit, guests(all.len()))
            },
            [only] => Self::new(exit, only.to_string()),
            all => Self {
                causes: all.iter().map(ToString::to_string).collect(),
                ..Self::new(exit, format!("there is no plan, for {} reasons", all.len()))
            },
        };
        // A cluster that cannot be reached is a reason for each object in it. Whose objects are in the way, all are told.
        let more = failure.causes.len().saturating_sub(MOST);
        if more > 1 && !refusals.iter().any(guest) {
            failure.causes.truncate(MOST);
            failure.causes.push(format!("and {more} more"));
        }
        for hint in refusals.iter().filter_map(hint_of) {
            if !failure.hints.iter().any(|known| *known == hint) {
                failure.hints.push(hint.into_owned());
            }
        }
        failure
    }
}

fn guests(count: usize) -> String {
    let what = if count == 1 { "an object".to_owned() } else { format!("{count} objects") };
    format!("{what} not made by this stack would be stuck without what this takes away")
}

fn hint_of(refusal: &Refusal) -> Option<Cow<'static, str>> {
    if let Refusal::Held { left_by: Some([cluster, region]), .. } = refusal {
        let sweep = format!(
            "`stack sweep --cluster {cluster} --region {region}` tells what that cluster left, `--yes` removes it"
        );
        return Some(sweep.into());
    }
    let hint = match refusal {
        Refusal::Foreign { .. } => Some("rename it in the stack file, or delete what exists"),
        Refusal::Guest { anothers: true, .. } => {
            Some("destroy the other stack first: what it made is its own to delete")
        }
        Refusal::Guest { anothers: false, .. } => Some(
            "delete what is listed yourself, or add `--include-foreign`: then it is deleted first, in order",
        ),
        Refusal::Guarded(_) => {
            Some("take `deletion_protection.enabled` out of its `attributes` if you mean it")
        }
        Refusal::Broken { .. } => {
            Some("leave `--no-repair` out: then it is put back first and goes in its turn")
        }
        Refusal::Undone { .. } => Some(
            "`--no-repair --force-finalizers` removes by its tags what was made of them in AWS, and lets them go",
        ),
        Refusal::Unsearched { .. } => Some(
            "the credentials must be able to list Gateways, routes, Ingresses and Services in that cluster",
        ),
        Refusal::Missing { .. } => {
            Some("what is only looked up must exist: check its name, region and account")
        }
        Refusal::Held { .. } => {
            Some("take it away first: neither this stack nor a controller of its clusters made it")
        }
        Refusal::Protected { .. } => Some("take `prevent_destroy` out of its [lifecycle] if you mean it"),
        Refusal::Untold { .. } => {
            Some("give the variables of the stack file the values that they had in the last `up`")
        }
        Refusal::KnownBySecret { .. } => {
            Some("use a variable that is not sensitive there: names are written down and shown")
        }
        Refusal::Unknown(_) => Some("`stack state list` and `stack graph` tell the addresses"),
        Refusal::Version(_) => {
            Some("Kubernetes goes up by one minor version at a time and never back: set `version` so")
        }
        Refusal::OutOfScope(_) => Some("name it as a target too"),
        Refusal::Move(_) => {
            Some("correct [moved] in the stack file; `stack state list` tells what is recorded")
        }
        Refusal::Shut { .. } => Some(
            "put the access of its cluster back first: `stack up STACK --target` with the address that is named",
        ),
        Refusal::Unreadable { .. } | Refusal::Cycle(_) => None,
    };
    hint.map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::store::Holder;

    fn told(failure: &Failure) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        failure.write(&mut out).expect("a vector takes all");
        String::from_utf8(out.into_inner()).expect("is UTF-8")
    }

    #[test]
    fn tells_error_causes_and_hints() {
        let error = StoreError::Disk {
            what: "cannot read",
            path: "state/shop/state.json".into(),
            source: io::Error::other("no luck"),
        };
        let failure = Failure::from(error).hint("try again");
        assert_eq!(
            told(&failure),
            "Error: cannot read state/shop/state.json\nCaused by:\n  no luck\nHint: try again\n"
        );
    }

    #[test]
    fn a_lock_and_another_cloud_are_conflicts() {
        let holder = Holder::new("ann, process 12", "up shop", 1_000);
        let id = format!("the id of its lock is {}", holder.id);
        let age = std::time::Duration::from_secs(200);
        let locked = StoreError::Locked { stack: "shop".into(), holder: Box::new(holder), age };
        let failure = Failure::from(locked);
        assert_eq!(
            (failure.exit, failure.error),
            (Exit::Conflict, "the state of shop is locked by ann, process 12".into())
        );
        assert_eq!(failure.causes, ["it runs `up shop`, for 3m20s".to_owned(), id]);
        let held = OpenError::Held { folder: "state".into(), holder: String::new() };
        let failure = Failure::from(held);
        assert_eq!(failure.exit, Exit::Conflict);
        assert!(failure.hints[0].contains("sandbox serve"));
    }

    #[test]
    fn refusals_are_told_together_with_each_hint_once() {
        let protected = |name: &str| Refusal::Protected {
            address: crate::address::Address::new("cluster", name),
            verb: "delete",
        };
        let failure = Failure::from(vec![protected("a"), protected("b")]);
        assert_eq!((failure.exit, failure.causes.len(), failure.hints.len()), (Exit::Refused, 2, 1));
    }
}
