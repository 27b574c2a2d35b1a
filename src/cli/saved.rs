//! Saved plans: `stack plan -o FILE` writes one, `stack up FILE` and `stack destroy FILE` carry out exactly that.
//!
//! A plan is known by the content of its file, not by its name. What it looks like inside is in `plan::saved`.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::args::{Global, Leave, OfStack};
use super::destroy::what_is_protected;
use super::environment::Environment;
use super::error::{Exit, Failure};
use super::reach::SANDBOX;
use super::run::composed;
use super::sealing::seal;
use crate::address::Address;
use crate::graph::Graph;
use crate::kind::Registry;
use crate::plan::known::Told;
use crate::plan::saved::{self, Origin, Saved, SavedError};
use crate::plan::{Intent, Plan};
use crate::stack::Stack;
use crate::stack::model::Encryption;
use crate::state::State;
use crate::state::keys::KeyError;
use crate::state::seal::{Seal, SealError};

/// A larger file is not read: no plan is that large.
const LARGEST: u64 = 4 * 1024 * 1024 * 1024;

/// A saved plan and where it lies.
pub(super) struct Opened {
    path: PathBuf,
    saved: Saved,
}

/// What the command line says beside the name of a saved plan.
pub(super) struct Given<'a> {
    pub(super) of: &'a OfStack,
    pub(super) targets: &'a [Address],
    pub(super) replace: &'a [Address],
    pub(super) leave: Leave,
    pub(super) destroy: bool,
}

/// What a plan was made from, for its file.
///
/// Sensitive values are not in it: whoever carries the plan out gives them again. Nor is what the environment holds for
/// other stacks.
pub(super) fn origin(of: &OfStack, environment: &Environment, graph: &Graph, stack: &Stack) -> Origin {
    let is_open = |(name, value): &(&String, &String)| {
        stack.variables.get(*name) == Some(&false) && !stack.secrets.holds(value)
    };
    let given = of.vars.iter().map(|(name, value)| (name, value));
    let environment = environment.stack_variables();
    let is_given =
        |name: &String| environment.contains_key(name) || of.vars.iter().any(|(var, _)| var == name);
    let sensitive = stack.variables.iter().filter(|(name, sensitive)| **sensitive && is_given(name));
    Origin {
        stack: of.stack.clone(),
        vars: given.filter(is_open).map(owned).collect(),
        var_files: of.var_files.clone(),
        environment: environment.iter().filter(is_open).map(owned).collect(),
        withheld: sensitive.map(|(name, _)| name.clone()).collect(),
        digest: saved::digest(graph),
    }
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// Saves a plan, as `Plan::kept` gives it, encrypted if the state is. The file is for its owner only all the same.
pub(super) fn save(
    path: &Path,
    origin: Origin,
    plan: &Plan,
    (seal, by): (&Seal, Option<&Encryption>),
) -> Result<(), Failure> {
    let fail = |error: &dyn std::error::Error| {
        Failure::of(Exit::Failed, error).because(format!("the plan was to be saved as {}", path.display()))
    };
    let bytes =
        saved::write(&Saved { origin, plan: plan.clone() }, seal, by).map_err(|error| fail(&error))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| fail(&error))?;
    file.write_all(&bytes).map_err(|error| fail(&error))?;
    file.persist(path).map(drop).map_err(|error| fail(&error.error))
}

/// The saved plan that a word on the command line means, if it means one.
pub(super) fn open(word: &str, environment: &Environment) -> Result<Option<Opened>, Failure> {
    let path = PathBuf::from(word);
    let Some(mut file) = path.is_file().then(|| std::fs::File::open(&path).ok()).flatten() else {
        return Ok(None);
    };
    let mut bytes = vec![0; 64];
    let length = file.read(&mut bytes)?;
    bytes.truncate(length);
    if !saved::is_meant(&bytes) {
        return Ok(None);
    }
    file.take(LARGEST).read_to_end(&mut bytes)?;
    let unusable = |error: SavedError| {
        let hint = match &error {
            SavedError::Sealed(why) => unseal_plan(why),
            SavedError::Newer { .. } => {
                "nothing was changed; carry it out with the version that wrote it, or plan again"
            }
            _ => "nothing was changed; make it anew: `stack plan STACK -o FILE`",
        };
        let failure = Failure::of(Exit::Refused, &error);
        failure.because_of(format!("{} cannot be used", path.display())).hint(hint)
    };
    let by = saved::sealed_by(&bytes).map_err(unusable)?;
    let seal = seal(by.as_ref(), environment).map_err(|failure| {
        failure.because_of(format!("{} is encrypted, and cannot be opened", path.display()))
    })?;
    let saved = saved::read(&bytes, &seal).map_err(unusable)?;
    Ok(Some(Opened { path, saved }))
}

/// What to do about a plan that cannot be opened.
fn unseal_plan(error: &SealError) -> &'static str {
    match error {
        SealError::Key(KeyError::Wrong(_)) => {
            "nothing was changed; give the key that it was encrypted by, or plan again with the one of now"
        }
        SealError::Key(KeyError::NoIdentity) => {
            "nothing was changed; put the path of its file into STACK_AGE_IDENTITY, or what `identity_env` names"
        }
        SealError::Key(_) => "nothing was changed; look at `encryption` under [state] and its key",
        SealError::Newer => "nothing was changed; use that version, or plan again",
        SealError::NoKeys | SealError::Damaged => {
            "nothing was changed; make it anew: `stack plan STACK -o FILE`"
        }
    }
}

impl Opened {
    /// The plan.
    pub(super) fn plan(&self) -> &Plan {
        &self.saved.plan
    }

    /// Where it lies, as it was named.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The stack it is for, read as it was read then; refused if it is another one today, or if the plan is not for
    /// this verb or this cloud.
    pub(super) fn stack(
        &self,
        given: &Given<'_>,
        global: &Global,
        environment: &Environment,
        destroys: bool,
    ) -> Result<(Stack, Graph), Failure> {
        self.takes_no_options(given)?;
        self.fits(global, destroys)?;
        let origin = &self.saved.origin;
        let of = OfStack {
            stack: origin.stack.clone(),
            vars: origin.vars.clone(),
            var_files: origin.var_files.clone(),
        };
        let again = environment.stack_variables();
        let missing: Vec<&String> =
            origin.withheld.iter().filter(|name| !again.contains_key(name.as_str())).collect();
        if !missing.is_empty() {
            return Err(self.untold(&missing));
        }
        let again = again.iter().filter(|(name, _)| origin.withheld.contains(name));
        let environment =
            environment.with_variables(&origin.environment.iter().chain(again).map(owned).collect());
        let read = if destroys { what_is_protected(&of, &environment) } else { composed(&of, &environment) };
        let (stack, graph) = read.map_err(|wrong| {
            let why = format!("the stack {} cannot be read as it was then", origin.stack);
            Failure { drawn: wrong.drawn, ..self.stale(why).because(wrong.error) }
        })?;
        if saved::digest(&graph) != origin.digest {
            let file = stack.source.path.display();
            let secret = match origin.withheld.as_slice() {
                [] => String::new(),
                names => format!(", or {} has another value now", names.join(" or ")),
            };
            return Err(self.stale(format!("{file}, or what it reads, was changed since{secret}")));
        }
        Ok((stack, graph))
    }

    /// What would make it another plan is refused.
    pub(super) fn takes_no_options(&self, given: &Given<'_>) -> Result<(), Failure> {
        let options = [
            ("--var", !given.of.vars.is_empty()),
            ("--var-file", !given.of.var_files.is_empty()),
            ("--target", !given.targets.is_empty()),
            ("--replace", !given.replace.is_empty()),
            ("--include-foreign", given.leave.include_foreign),
            ("--no-repair", given.leave.no_repair),
            ("--destroy", given.destroy),
        ];
        let given: Vec<&str> = options.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
        let Some((last, others)) = given.split_last() else { return Ok(()) };
        let quoted =
            |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let (all, them) = match others {
            [] => (quoted(&[last]), "it"),
            others => (format!("{} and {}", quoted(others), quoted(&[last])), "them"),
        };
        let failure =
            Failure::refused(format!("{} is a saved plan: it is carried out as it is", self.name()));
        Err(failure.hint(format!("leave out {all}, or plan again with {them}")))
    }

    /// Sensitive values are not in the file, and nobody gave them.
    fn untold(&self, missing: &[&String]) -> Failure {
        let names: Vec<String> = missing.iter().map(|name| format!("STACK_VAR_{name}")).collect();
        let of = if missing.len() == 1 { "a sensitive value that is" } else { "sensitive values that are" };
        Failure::refused(format!("{} takes {of} not in its file", self.name()))
            .hint(format!("put what was planned with into {} in the environment", names.join(", ")))
    }

    fn fits(&self, global: &Global, destroys: bool) -> Result<(), Failure> {
        let (name, plan, sandbox) = (self.name(), self.plan(), self.sandbox());
        match (&plan.intent, destroys) {
            (Intent::Destroy { .. }, false) => {
                return Err(Failure::refused(format!("{name} is a plan to destroy"))
                    .hint(format!("`stack destroy {name}{sandbox}` carries it out")));
            }
            (Intent::Up { .. }, true) => {
                return Err(Failure::refused(format!("{name} is no plan to destroy"))
                    .hint(format!("`stack up {name}{sandbox}` carries it out")));
            }
            _ => {}
        }
        let registry = Registry::builtin();
        if let Some(kind) = saved::kinds(plan).into_iter().find(|kind| registry.get(kind).is_none()) {
            return Err(self.stale(format!("it makes a {kind}, which this version of stack does not know")));
        }
        match (plan.cloud == SANDBOX, global.sandbox) {
            (true, false) => Err(Failure::new(Exit::Conflict, format!("{name} is for the embedded cloud"))
                .hint("add `--sandbox`")),
            (false, true) => Err(Failure::new(
                Exit::Conflict,
                format!("{name} is for {}, and not for the embedded cloud", plan.cloud),
            )
            .hint("leave out `--sandbox`")),
            _ => Ok(()),
        }
    }

    /// The plan with its sensitive values, which are not in the file, as the stack file says them again.
    pub(super) fn told_again(&self, graph: &Graph, state: &State) -> Result<Plan, Failure> {
        self.plan().clone().told_again(&Told::of(graph, state)).map_err(|missing| {
            let names: Vec<&str> = missing.iter().map(Address::as_str).collect();
            self.stale(format!(
                "the stack file does not say the sensitive values of {} any more",
                names.join(", ")
            ))
        })
    }

    /// Refuses a plan that the state is no longer as it was.
    pub(super) fn is_fresh(&self, state: &State) -> Result<(), Failure> {
        saved::stale(self.plan(), state).map_or(Ok(()), |why| Err(self.stale(why)))
    }

    /// The option without which it is for another cloud.
    fn sandbox(&self) -> &'static str {
        if self.plan().cloud == SANDBOX { " --sandbox" } else { "" }
    }

    fn stale(&self, why: String) -> Failure {
        let destroy = if matches!(self.plan().intent, Intent::Destroy { .. }) { " --destroy" } else { "" };
        let (stack, sandbox) = (&self.saved.origin.stack, self.sandbox());
        let again = format!("stack plan {stack}{destroy}{sandbox} -o {}", self.name());
        Failure::new(Exit::Conflict, format!("the saved plan {} is stale", self.name()))
            .because(why)
            .hint(format!("nothing was changed; plan again: `{again}`"))
    }
}
