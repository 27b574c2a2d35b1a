//! The file of a saved plan: a plan and what it was made from, as bytes, and back. Pure; where it lies is for `cli`.
//!
//! The first line is the head: the format, and the SHA-256 of all that follows. So a plan is known by its content, a
//! newer format is refused without being read, and a file that was cut or edited is not carried out. What follows is
//! encrypted if the state is: the head then names the variables of the environment that hold the key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::Plan;
use crate::graph::Graph;
use crate::stack::model::Encryption;
use crate::state::seal::{Seal, SealError};
use crate::state::{FORMAT, State};

/// A plan, and what it was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// What it was made from.
    pub origin: Origin,
    /// The plan itself.
    pub plan: Plan,
}

/// What a plan was made from: enough to read the stack file again as it was read then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The stack, as the command line named it.
    pub stack: String,
    /// Values of variables from the command line.
    pub vars: Vec<(String, String)>,
    /// Files of variables from the command line.
    pub var_files: Vec<PathBuf>,
    /// Values of variables from the environment.
    pub environment: BTreeMap<String, String>,
    /// Variables whose values are sensitive and not in the file: they are given again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
    /// The digest of the graph: see `digest`.
    pub digest: String,
}

/// Why bytes are no plan to carry out.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// Written by a newer program.
    #[error("its format is {found}; this version of stack reads up to {FORMAT}")]
    Newer {
        /// The format of the file.
        found: u32,
    },
    /// It begins as no saved plan does.
    #[error("it is JSON and no saved plan")]
    Other,
    /// Cut off or edited.
    #[error("it is damaged: it is not as `stack plan` wrote it")]
    Sum,
    /// Whole, and yet not understood.
    #[error("it is damaged")]
    Damaged(#[source] serde_json::Error),
    /// Encrypted, and not to be opened; or it cannot be encrypted.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// A plan that no run can carry out.
    #[error("it holds a plan that cannot be carried out: {0}")]
    Unsound(String),
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    stack_plan: u32,
    #[serde(default)]
    sha256: String,
    /// Of an encrypted plan: where its key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed_by: Option<Encryption>,
}

/// A plan as it is saved, encrypted as the state is, `by` the same. What is sensitive must be out of it already: see
/// `Plan::kept`.
///
/// # Errors
/// It cannot be encrypted.
pub fn write(saved: &Saved, seal: &Seal, by: Option<&Encryption>) -> Result<Vec<u8>, SavedError> {
    let mut body = serde_json::to_vec_pretty(saved).map_err(SavedError::Damaged)?;
    body.push(b'\n');
    let mut body = seal.sealing()?.beside(body);
    // For whom it is encrypted is for nobody else to know.
    let sealed_by = by.map(|by| Encryption { recipients: None, ..by.clone() });
    let head = Head { stack_plan: FORMAT, sha256: hex(&body), sealed_by };
    let mut bytes = serde_json::to_vec(&head).map_err(SavedError::Damaged)?;
    bytes.push(b'\n');
    bytes.append(&mut body);
    Ok(bytes)
}

/// Whether a file is meant to be a saved plan: it begins as JSON does, and no stack file begins so.
pub fn is_meant(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'{')
}

/// Where the key of an encrypted plan is; none if it is not encrypted.
///
/// # Errors
/// It is no saved plan, is newer, or is not whole.
pub fn sealed_by(bytes: &[u8]) -> Result<Option<Encryption>, SavedError> {
    Ok(parts(bytes)?.0.sealed_by)
}

/// Reads a plan of this format or an older one.
///
/// # Errors
/// It is no saved plan, is newer, is not whole, or cannot be opened.
pub fn read(bytes: &[u8], seal: &Seal) -> Result<Saved, SavedError> {
    let (_, body) = parts(bytes)?;
    let body = seal.opening().file(body)?;
    let saved: Saved = serde_json::from_slice(&body).map_err(SavedError::Damaged)?;
    check(&saved.plan)?;
    Ok(saved)
}

/// The head, and the body that it vouches for.
fn parts(bytes: &[u8]) -> Result<(Head, &[u8]), SavedError> {
    let (head, body) =
        bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1));
    let head: Head = serde_json::from_slice(head).map_err(|_| SavedError::Other)?;
    if head.stack_plan > FORMAT {
        return Err(SavedError::Newer { found: head.stack_plan });
    }
    if head.sha256 != hex(body) {
        return Err(SavedError::Sum);
    }
    Ok((head, body))
}

/// What holds of every plan, and what a run relies on.
fn check(plan: &Plan) -> Result<(), SavedError> {
    for (at, step) in plan.steps.iter().enumerate() {
        if step.needs.iter().any(|need| *need >= at) {
            let words = format!("step {at}, {}, waits for one that is not before it", step.address);
            return Err(SavedError::Unsound(words));
        }
    }
    Ok(())
}

/// What tells a graph from every other: a stack file that still gives the same one has not changed.
pub fn digest(graph: &Graph) -> String {
    let resource = |resource: &crate::graph::Resource| {
        let life = &resource.lifecycle;
        let timeouts: Vec<Option<u64>> =
            life.timeouts.iter().map(|limit| limit.map(|limit| limit.as_secs())).collect();
        json!([
            resource.address,
            resource.kind,
            resource.place,
            resource.spec,
            resource.all_edges(),
            [json!(life.prevent_destroy), json!(life.ignore_changes), json!(timeouts)],
        ])
    };
    let resources: Vec<Json> = graph.resources.values().map(resource).collect();
    hex(json!([resources, graph.outputs, graph.moved, graph.removed]).to_string().as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What became of the state since a plan was made from it, in words; nothing if it is the same.
pub fn stale(plan: &Plan, state: &State) -> Option<String> {
    let stack = &state.stack;
    if plan.stack != *stack {
        return Some(format!("it is for the stack {}, and this is the state of {stack}", plan.stack));
    }
    if plan.cloud != state.cloud {
        return Some(format!(
            "it is for {}, and the state of {stack} belongs to {}",
            plan.cloud, state.cloud
        ));
    }
    if plan.lineage != state.lineage {
        let words = "was made anew since: its lineage is";
        return Some(format!("the state of {stack} {words} {} and was {}", state.lineage, plan.lineage));
    }
    if (plan.serial, plan.seq) != (state.serial, state.seq) {
        let (then, now) = ((plan.serial, plan.seq), (state.serial, state.seq));
        let [then, now] = [then, now].map(|(serial, seq)| format!("serial {serial}, entry {seq}"));
        return Some(format!("the state of {stack} was changed since: it was at {then}, and is at {now}"));
    }
    None
}

/// The kinds that the steps of a plan are of.
pub fn kinds(plan: &Plan) -> BTreeSet<&str> {
    plan.steps.iter().map(|step| step.kind.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::Address;
    use crate::change::{Action, Change, FieldChange, Reason, Verb};
    use crate::graph::{Edge, Place, Sort};
    use crate::plan::{Intent, Old, Step};
    use crate::state::keys::Keys;
    use crate::value::Value;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            "[a-z]{1,4}".prop_map(|name| Value::reference(&Address::new("value", &name), "value.0")),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                proptest::collection::btree_map("[$a-z]{0,9}", inner, 0..4).prop_map(Value::Map),
            ]
        })
    }

    fn step(number: usize, spec: Value, needs: BTreeSet<usize>) -> Step {
        Step {
            address: Address::new("value", &format!("v{number}")).part("part"),
            kind: "value".into(),
            place: Place { account: Some("partner".into()), region: "us-west-2".into() },
            action: Action::Create,
            reason: Reason::Fixed { fields: vec!["a.b".into()] },
            spec,
            applied: Some(json!({ "a": 1.5 })),
            id: None,
            old: Old::Deposed,
            resume: None,
            others: Vec::new(),
            edges: vec![Edge { to: Address::new("value", "a"), sort: Sort::Inside }],
            needs,
            timeout: Some(std::time::Duration::from_secs(90)),
            deposed: false,
            unseen: false,
            sweeps: false,
            forces: None,
            made: Vec::new(),
        }
    }

    fn plan(values: Vec<Value>) -> Plan {
        let field = |value: &Value| FieldChange {
            path: "input".into(),
            before: None,
            // No difference ends in nothing: that is told by `None`.
            after: Some(value.clone()).filter(|value| *value != Value::Null),
            sensitive: true,
            fixed: false,
        };
        let change = |value: &Value| Change {
            address: Address::new("value", "a"),
            kind: "value".into(),
            title: "value".into(),
            verb: Verb::Create,
            reason: Reason::New,
            fields: vec![field(value)],
            notes: vec!["a note".into()],
        };
        Plan {
            format: FORMAT,
            stack: "s".into(),
            cloud: "sandbox".into(),
            lineage: "l".into(),
            serial: 3,
            seq: 7,
            intent: Intent::Up { targets: vec![Address::new("value", "a")], replace: Vec::new() },
            changes: values.iter().map(change).collect(),
            steps: values.iter().enumerate().map(|(at, v)| step(at, v.clone(), (0..at).collect())).collect(),
            unchanged: 2,
            moved: [(Address::new("value", "old"), Address::new("value", "a"))].into(),
            edges: BTreeMap::new(),
            outputs: values.into_iter().enumerate().map(|(at, v)| (format!("o{at}"), v)).collect(),
            notes: Vec::new(),
        }
    }

    fn saved(plan: Plan) -> Saved {
        let origin =
            Origin { stack: "s".into(), vars: vec![("a".into(), "b=c".into())], ..Origin::default() };
        Saved { origin, plan }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn b16_any_plan_survives_its_file(values in proptest::collection::vec(value(), 0..5)) {
            let saved = saved(plan(values));
            let bytes = write(&saved, &Seal::none(), None).expect("it is written");
            prop_assert!(is_meant(&bytes));
            prop_assert_eq!(read(&bytes, &Seal::none()).expect("it is read"), saved);
        }
    }

    #[test]
    fn b16_a_file_that_was_cut_or_edited_is_not_carried_out() {
        let bytes =
            write(&saved(plan(vec![Value::from("text")])), &Seal::none(), None).expect("it is written");
        let last = bytes.len() - 9;
        assert!(matches!(read(&bytes[..last], &Seal::none()), Err(SavedError::Sum)));
        let edited = String::from_utf8(bytes).expect("is text").replace("text", "next");
        assert!(matches!(read(edited.as_bytes(), &Seal::none()), Err(SavedError::Sum)));
        assert!(matches!(read(b"{\n", &Seal::none()), Err(SavedError::Other)));
        assert!(matches!(read(b"{\"name\":1}\n", &Seal::none()), Err(SavedError::Other)));
    }

    #[test]
    fn b16_a_newer_format_is_refused_and_not_misread() {
        let newer = b"{\"stack_plan\":99,\"new\":true}\n\x00binary";
        assert!(matches!(read(newer, &Seal::none()), Err(SavedError::Newer { found: 99 })));
    }

    #[test]
    fn b26_a_plan_is_encrypted_as_the_state_is_and_says_where_its_key_is() {
        let seal = |text: &str| Seal::by(Keys::Passphrase(text.to_owned().into()));
        let by = Encryption { passphrase_env: Some("PASS".into()), recipients: None, identity_env: None };
        let written = saved(plan(vec![Value::from("unmistakable")]));
        let bytes = write(&written, &seal("correct horse"), Some(&by)).expect("it is written");
        assert!(!String::from_utf8_lossy(&bytes).contains("unmistakable") && is_meant(&bytes));
        assert_eq!(sealed_by(&bytes).expect("it has a head"), Some(by));
        assert_eq!(read(&bytes, &seal("correct horse")).expect("it is read"), written);
        let wrong = read(&bytes, &seal("battery staple"));
        assert!(matches!(wrong, Err(SavedError::Sealed(SealError::Key(_)))), "{wrong:?}");
        assert!(matches!(read(&bytes, &Seal::none()), Err(SavedError::Sealed(SealError::NoKeys))));
        let plain = write(&written, &Seal::none(), None).expect("it is written");
        assert_eq!(sealed_by(&plain).expect("it has a head"), None);
    }

    #[test]
    fn b16_a_plan_whose_steps_wait_for_later_ones_is_refused() {
        let mut wrong = plan(vec![Value::from(1), Value::from(2)]);
        wrong.steps[0].needs = BTreeSet::from([1]);
        let bytes = write(&saved(wrong), &Seal::none(), None).expect("it is written");
        assert!(matches!(read(&bytes, &Seal::none()), Err(SavedError::Unsound(_))));
    }

    #[test]
    fn b15_whatever_changed_since_makes_a_plan_stale_and_is_named() {
        let plan = plan(Vec::new());
        let state = State { serial: 3, seq: 7, ..State::new("s", "sandbox", "l") };
        assert_eq!(stale(&plan, &state), None);
        let why = |state: State| stale(&plan, &state).expect("it is stale");
        assert!(why(State { stack: "other".into(), ..state.clone() }).contains("for the stack s"));
        assert!(why(State { cloud: "aws/1".into(), ..state.clone() }).contains("belongs to aws/1"));
        assert!(why(State { lineage: "m".into(), ..state.clone() }).contains("lineage"));
        assert!(why(State { serial: 4, ..state.clone() }).contains("is at serial 4, entry 7"));
        // A run that was killed left entries and no snapshot.
        assert!(
            why(State { seq: 9, ..state }).contains("was at serial 3, entry 7, and is at serial 3, entry 9")
        );
    }
}
