//! What a run finds of an earlier one that did not end, in words: a line for each step that has no end.
//!
//! Nothing is decided here: the plan has decided, and this tells it.

use crate::address::Address;
use crate::change::Action;
use crate::kind::Registry;
use crate::plan::{Plan, Step};
use crate::shape::Recovery;
use crate::state::{Open, Record, State};

/// What was found, and what is done about it, by address.
pub(super) fn recovered(plan: &Plan, state: &State, registry: Registry) -> Vec<(Address, String)> {
    let open =
        state.records.iter().filter_map(|(address, record)| Some((address, record, record.open.as_ref()?)));
    open.map(|(address, record, open)| {
        let steps: Vec<&Step> =
            plan.steps.iter().filter(|step| step.address == *address && !step.deposed).collect();
        let by = registry.get(&record.kind).map(|kind| kind.shape().recovery);
        (address.clone(), format!("{}; {}", began(open, record), goes_on(&steps, record, by)))
    })
    .collect()
}

fn began(open: &Open, record: &Record) -> String {
    let begun = |what| format!("an earlier run began to {what} it");
    match (open.action, &record.current) {
        (Action::Create, Some(object)) if !object.finished => {
            "an earlier run created it and did not finish".to_owned()
        }
        (Action::Create, _) => begun("create"),
        (Action::Update, _) => begun("change"),
        (Action::Delete, _) => begun("delete"),
        (Action::Forget, _) => begun("forget"),
        (Action::Move, _) => begun("move"),
    }
}

fn goes_on(steps: &[&Step], record: &Record, by: Option<Recovery>) -> &'static str {
    let is = |action| steps.iter().find(|step| step.action == action);
    match (is(Action::Delete), is(Action::Create), is(Action::Update)) {
        (Some(_), Some(_), _) => "it is made anew",
        (Some(step), None, _) if step.id.is_none() => "looking for it, to delete it",
        (Some(_), None, _) => "deleting it",
        (None, Some(step), _) if step.resume.is_some() => match by {
            Some(Recovery::Token) => "sending the call again with its token",
            Some(Recovery::Tags) => "looking for what carries its tags, then creating it",
            Some(Recovery::Name) | None => "creating it, unless it is there",
        },
        (None, Some(_), _) => "it is gone, creating it",
        (None, None, Some(_)) if record.current.is_none() => "it is there, going on with it",
        (None, None, Some(_)) => "polling on",
        (None, None, None) if steps.is_empty() => "this run leaves it alone",
        (None, None, None) => "it is gone",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::*;
    use crate::change::Reason;
    use crate::graph::Place;
    use crate::plan::{Intent, Old};
    use crate::state::Object;
    use crate::value::Value;

    fn open(action: Action) -> Open {
        Open { seq: 1, action, token: "0".repeat(32), spec: json!({}), edges: Vec::new(), at: 0 }
    }

    fn object() -> Object {
        Object {
            id: "a".into(),
            applied: json!({}),
            seen: json!({}),
            outputs: json!({}),
            finished: false,
            made: Vec::new(),
        }
    }

    fn step(action: Action, id: Option<&str>, resume: Option<Open>) -> Step {
        Step {
            address: Address::new("cluster", "edge"),
            kind: "eks_cluster".into(),
            place: Place::default(),
            action,
            reason: Reason::Unfinished,
            spec: Value::Null,
            applied: None,
            id: id.map(str::to_owned),
            old: Old::None,
            resume,
            others: Vec::new(),
            edges: Vec::new(),
            needs: BTreeSet::new(),
            timeout: None,
            deposed: false,
            unseen: false,
            sweeps: false,
            forces: None,
            made: Vec::new(),
        }
    }

    fn told(kind: &str, action: Action, current: Option<Object>, steps: Vec<Step>) -> String {
        let mut state = State::new("shop", "sandbox", "lineage");
        let record = Record {
            kind: kind.to_owned(),
            place: Place::default(),
            edges: Vec::new(),
            current,
            deposed: Vec::new(),
            open: Some(open(action)),
        };
        state.records.insert(Address::new("cluster", "edge"), record);
        let plan = Plan {
            format: 1,
            stack: "shop".into(),
            cloud: "sandbox".into(),
            lineage: "lineage".into(),
            serial: 1,
            seq: 1,
            intent: Intent::Destroy { targets: Vec::new() },
            changes: Vec::new(),
            steps,
            unchanged: 0,
            moved: BTreeMap::new(),
            edges: BTreeMap::new(),
            outputs: BTreeMap::new(),
            notes: Vec::new(),
        };
        let mut all = recovered(&plan, &state, Registry::builtin());
        all.remove(0).1
    }

    #[test]
    fn each_way_to_go_on_has_its_words() {
        let create = |resume| step(Action::Create, None, resume);
        let begun = || Some(open(Action::Create));
        assert_eq!(
            told("eks_cluster", Action::Create, Some(object()), vec![step(Action::Update, Some("a"), None)]),
            "an earlier run created it and did not finish; polling on"
        );
        assert_eq!(
            told("eks_cluster", Action::Create, None, vec![create(begun())]),
            "an earlier run began to create it; sending the call again with its token"
        );
        assert_eq!(
            told("iam_role", Action::Create, None, vec![create(begun())]),
            "an earlier run began to create it; creating it, unless it is there"
        );
        assert_eq!(
            told("vpc", Action::Create, None, vec![create(begun())]),
            "an earlier run began to create it; looking for what carries its tags, then creating it"
        );
        assert_eq!(
            told("vpc", Action::Delete, Some(object()), vec![step(Action::Delete, Some("a"), None)]),
            "an earlier run began to delete it; deleting it"
        );
        assert_eq!(
            told("vpc", Action::Delete, Some(object()), vec![step(Action::Forget, None, None)]),
            "an earlier run began to delete it; it is gone"
        );
        assert_eq!(
            told("vpc", Action::Update, Some(object()), Vec::new()),
            "an earlier run began to change it; this run leaves it alone"
        );
    }
}
