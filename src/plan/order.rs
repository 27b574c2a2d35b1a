//! In which order things happen: steps, and which of them come before which.
//!
//! What is new comes after what it needs (edges of the file); what is old goes before what it needed (edges of the
//! state, so that the order holds when a section is gone from the file).

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{Decided, Decision, Given};
use super::lost;
use super::{Old, Refusal, Step};
use crate::address::Address;
use crate::change::{Action, Change, Reason, Verb};
use crate::graph::{Edge, Graph, Resource, Sort, cycles};
use crate::live::Seen;
use crate::secret::has_marks;
use crate::shape::Shape;
use crate::state::{Object, Open, Record};
use crate::value::Value;

/// How many are named of those that go without something.
const SHOWN: usize = 3;

/// One end of a resource: what it was, or what it becomes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// What it is once more before it goes.
    Repaired(Address),
    Old(Address),
    New(Address),
    /// An object of an earlier, unfinished replacement.
    Deposed(Address, String),
}

/// The steps in an order in which they may happen one after the other, and the changes for people.
pub(super) fn order(given: &Given<'_>, decided: &Decided) -> Result<(Vec<Step>, Vec<Change>), Vec<Refusal>> {
    let mut steps = BTreeMap::new();
    for (address, decision) in &decided.by_address {
        add_steps(given, decided, &mut steps, address, decision);
    }
    for (address, repair) in &decided.repairs {
        let record = given.state.records.get(address);
        steps.extend(record.map(|record| (End::Repaired(address.clone()), repair.step(address, record))));
    }
    add_deposed(given, &mut steps);
    let (needs, sorted) = best(given, decided, &steps)?;
    let number: BTreeMap<&End, usize> = sorted.iter().enumerate().map(|(at, end)| (end, at)).collect();
    let numbered = |end: &End| needs[end].iter().map(|need| number[need]).collect();
    let ordered = sorted.iter().map(|end| Step { needs: numbered(end), ..steps[end].clone() }).collect();
    Ok((ordered, changes(given, decided, &steps)))
}

/// Which wishes the order fulfils beside what must be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wishes {
    /// None.
    None,
    /// Who used what goes for good turns away from it first.
    TurnAway,
    /// And what goes for good goes before what it needed changes.
    GoFirst,
}

/// The order that fulfils most wishes: some contradict each other.
fn best(
    given: &Given<'_>,
    decided: &Decided,
    steps: &BTreeMap<End, Step>,
) -> Result<(Needs, Vec<End>), Vec<Refusal>> {
    for wishes in [Wishes::GoFirst, Wishes::TurnAway] {
        let needs = needs(given, decided, steps, wishes);
        if let Ok(sorted) = sort(&needs) {
            return Ok((needs, sorted));
        }
    }
    let needs = needs(given, decided, steps, Wishes::None);
    let sorted = sort(&needs)?;
    Ok((needs, sorted))
}

fn add_steps(
    given: &Given<'_>,
    decided: &Decided,
    steps: &mut BTreeMap<End, Step>,
    address: &Address,
    decision: &Decision,
) {
    if let Some(guest) = decided.guests.get(address) {
        steps.insert(End::Old(address.clone()), guest.step(address, decision));
        return;
    }
    let record = given.state.records.get(address);
    let (is_old, is_new) = match decision.verb {
        Verb::Create | Verb::Update | Verb::Move => (false, true),
        Verb::Replace | Verb::ReplaceCreateFirst => (true, true),
        Verb::Delete | Verb::Forget => (true, false),
    };
    if is_old && let Some(record) = record {
        let action = if decision.verb == Verb::Forget { Action::Forget } else { Action::Delete };
        let deposed = decision.verb == Verb::ReplaceCreateFirst;
        let mut step = old_step(address, record, record.current.as_ref(), action, decision);
        (step.id, step.deposed) = (decision.id.clone(), deposed);
        step.sweeps = decided.sweeps.contains(address);
        // A delete that an earlier run sent may arrive after what is made anew under the same name.
        if decision.verb == Verb::Replace {
            let sent = record.open.as_ref().filter(|open| open.action == Action::Delete);
            step.resume = step.resume.or_else(|| sent.cloned());
        }
        step.timeout = given.graph.resources.get(address).and_then(|resource| resource.lifecycle.timeouts[2]);
        steps.insert(End::Old(address.clone()), step);
    }
    if is_new && let Some(resource) = given.graph.resources.get(address) {
        let action = match decision.verb {
            Verb::Update => Action::Update,
            Verb::Move => Action::Move,
            _ => Action::Create,
        };
        let creates = action == Action::Create;
        let has_current = record.is_some_and(|record| record.current.is_some());
        let old = match decision.verb {
            Verb::Create if has_current => Old::Gone,
            Verb::ReplaceCreateFirst => Old::Deposed,
            _ => Old::None,
        };
        // The state does not hold what is sensitive: the file says it again, or it is not known any more.
        let told =
            |open: &Open| Open { spec: given.revealed(open.spec.clone(), &decision.spec), ..open.clone() };
        let open = record.and_then(|record| record.open.as_ref()).map(told);
        let nothing = record.is_none_or(|record| record.current.is_none());
        let resume = open.filter(|open| match decision.verb {
            Verb::Create => nothing && open.action == Action::Create,
            // What was sent for another goal may arrive after what this run sends.
            Verb::Update => {
                open.action == Action::Delete || decision.spec.known().is_ok_and(|spec| spec != open.spec)
            }
            _ => false,
        });
        let timeouts = resource.lifecycle.timeouts;
        let applied = record.and_then(|record| record.current.as_ref()).map(|object| object.applied.clone());
        steps.insert(
            End::New(address.clone()),
            Step {
                address: address.clone(),
                kind: resource.kind.to_owned(),
                place: resource.place.clone(),
                action,
                reason: decision.reason.clone(),
                spec: decision.spec.clone(),
                applied: applied.filter(|_| !creates),
                id: decision.id.clone().filter(|_| !creates),
                old,
                resume,
                others: others(record),
                edges: resource.all_edges(),
                needs: BTreeSet::new(),
                timeout: if creates { timeouts[0] } else { timeouts[1] },
                deposed: false,
                unseen: creates && matches!(given.live.found.get(address), Some(Seen::Denied(_))),
                sweeps: false,
                forces: None,
                made: Vec::new(),
            },
        );
    }
}

fn old_step(
    address: &Address,
    record: &Record,
    object: Option<&Object>,
    action: Action,
    decision: &Decision,
) -> Step {
    let open = record.open.as_ref();
    let was = object.map(|object| &object.applied).or(open.map(|open| &open.spec));
    Step {
        address: address.clone(),
        kind: record.kind.clone(),
        place: record.place.clone(),
        action,
        reason: decision.reason.clone(),
        spec: was.map_or_else(|| decision.spec.clone(), |spec| Value::from(spec.clone())),
        applied: None,
        id: object.map(|object| object.id.clone()),
        old: Old::None,
        // What is not finished may not be seen yet.
        resume: open.cloned().filter(|_| object.is_none_or(|object| !object.finished)),
        others: if object.is_none() { others(Some(record)) } else { Vec::new() },
        edges: record.edges.clone(),
        needs: BTreeSet::new(),
        timeout: None,
        deposed: false,
        unseen: false,
        sweeps: false,
        forces: None,
        made: object.map(|object| object.made.clone()).unwrap_or_default(),
    }
}

fn others(record: Option<&Record>) -> Vec<String> {
    record.into_iter().flat_map(|record| &record.deposed).map(|object| object.id.clone()).collect()
}

/// Objects that earlier replacements left are deleted by any run that may touch their resource.
fn add_deposed(given: &Given<'_>, steps: &mut BTreeMap<End, Step>) {
    for (address, record) in given.state.records.iter().filter(|(address, _)| given.may_touch(address)) {
        for object in &record.deposed {
            let spec = Value::from(object.applied.clone());
            let (verb, fields, notes) = (Verb::Delete, Vec::new(), Vec::new());
            let fallback = Decision { verb, reason: Reason::Deposed, fields, spec, id: None, notes };
            let mut step = old_step(address, record, Some(object), Action::Delete, &fallback);
            step.deposed = true;
            steps.insert(End::Deposed(address.clone(), object.id.clone()), step);
        }
    }
}

type Needs = BTreeMap<End, BTreeSet<End>>;

/// Which ends come before which.
fn needs(given: &Given<'_>, decided: &Decided, steps: &BTreeMap<End, Step>, wishes: Wishes) -> Needs {
    let mut needs: Needs = steps.keys().map(|end| (end.clone(), BTreeSet::new())).collect();
    let mut before = |first: &End, then: &End| {
        if first != then
            && steps.contains_key(first)
            && let Some(set) = needs.get_mut(then)
        {
            set.insert(first.clone());
        }
    };
    for (address, decision) in &decided.by_address {
        let (old, new) = (End::Old(address.clone()), End::New(address.clone()));
        match decision.verb {
            Verb::ReplaceCreateFirst => before(&new, &old),
            Verb::Replace => before(&old, &new),
            Verb::Create | Verb::Update | Verb::Delete | Verb::Forget | Verb::Move => {}
        }
        for edge in edges_of(given.graph, address) {
            before(&End::New(edge.to.clone()), &new);
        }
        if wishes >= Wishes::TurnAway && decision.verb == Verb::Update {
            for edge in given.state.records.get(address).into_iter().flat_map(|record| &record.edges) {
                if decided.by_address.get(&edge.to).is_some_and(|other| other.verb == Verb::Delete) {
                    before(&new, &End::Old(edge.to.clone()));
                }
            }
        }
        // Who used the old one turns to the new one before the old one goes.
        for outlived in outlived(given, decided, address) {
            before(&new, &End::Old(outlived));
        }
    }
    for (end, step) in steps {
        match end {
            End::New(_) => continue,
            End::Repaired(address) => {
                step.edges.iter().for_each(|edge| before(&End::Repaired(edge.to.clone()), end));
                decided.deaf.iter().for_each(|webhook| before(&End::Old(webhook.clone()), end));
                before(end, &End::Old(address.clone()));
                continue;
            }
            End::Old(address) if step.sweeps => {
                // Nothing of the cluster may make it again: it comes after the cluster, and before what that stood on.
                for edge in lost::around(given, address) {
                    match edge {
                        lost::Around::Inner(to) => before(&End::Old(to), end),
                        lost::Around::Outer(to) => before(end, &End::Old(to)),
                    }
                }
                continue;
            }
            End::Old(cluster) if step.kind == "eks_cluster" && step.action == Action::Delete => {
                lost::stood_on(given, cluster).into_iter().for_each(|to| before(end, &End::Old(to)));
            }
            End::Old(_) | End::Deposed(..) => {}
        }
        // The old one of two outlives the update of what both need.
        let outlives =
            decided.by_address.get(&step.address).is_some_and(|d| d.verb == Verb::ReplaceCreateFirst);
        for edge in step.edges.iter().filter(|edge| !decided.deaf.contains(&edge.to)) {
            if !decided.deaf.contains(&step.address) {
                before(&End::Repaired(edge.to.clone()), end);
            }
            before(end, &End::Old(edge.to.clone()));
            if wishes >= Wishes::TurnAway && decided.first.contains(&edge.to) {
                before(&End::New(edge.to.clone()), end);
                continue;
            }
            for object in given.state.records.get(&edge.to).into_iter().flat_map(|record| &record.deposed) {
                before(end, &End::Deposed(edge.to.clone(), object.id.clone()));
            }
            if !outlives
                && wishes == Wishes::GoFirst
                && decided.by_address.get(&edge.to).is_some_and(|decision| decision.verb == Verb::Update)
            {
                before(end, &End::New(edge.to.clone()));
            }
        }
        if let End::Deposed(address, _) = end {
            // One after the other: a record has one step at a time.
            before(&End::Old(address.clone()), end);
            before(&End::New(address.clone()), end);
            for user in users(given.graph, address) {
                before(&End::New(user.clone()), end);
            }
        }
    }
    needs
}

/// What is there twice for a while and used by this resource, also through what is replaced in between.
fn outlived(given: &Given<'_>, decided: &Decided, user: &Address) -> BTreeSet<Address> {
    let (mut found, mut through) = (BTreeSet::new(), BTreeSet::new());
    let mut open = vec![user.clone()];
    while let Some(address) = open.pop() {
        for edge in edges_of(given.graph, &address) {
            match decided.by_address.get(&edge.to).map(|decision| decision.verb) {
                Some(Verb::ReplaceCreateFirst) => drop(found.insert(edge.to)),
                Some(Verb::Replace) if through.insert(edge.to.clone()) => open.push(edge.to),
                _ => {}
            }
        }
    }
    found
}

fn edges_of(graph: &Graph, address: &Address) -> Vec<Edge> {
    graph.resources.get(address).map(Resource::all_edges).unwrap_or_default()
}

fn users<'a>(graph: &'a Graph, of: &'a Address) -> impl Iterator<Item = &'a Address> {
    let uses = move |edges: Vec<Edge>| edges.iter().any(|edge| edge.to == *of);
    graph
        .resources
        .values()
        .filter(move |resource| uses(resource.all_edges()))
        .map(|resource| &resource.address)
}

/// Each after all it needs, the rest in the order of addresses.
fn sort(needs: &Needs) -> Result<Vec<End>, Vec<Refusal>> {
    let mut missing: BTreeMap<&End, usize> = needs.iter().map(|(end, set)| (end, set.len())).collect();
    let mut unlocks: BTreeMap<&End, Vec<&End>> = BTreeMap::new();
    for (end, set) in needs {
        for need in set {
            unlocks.entry(need).or_default().push(end);
        }
    }
    let mut ready: BTreeSet<&End> =
        missing.iter().filter(|(_, count)| **count == 0).map(|(end, _)| *end).collect();
    let mut sorted = Vec::with_capacity(needs.len());
    while let Some(end) = ready.pop_first() {
        sorted.push(end.clone());
        for next in unlocks.get(end).into_iter().flatten() {
            let count = missing.get_mut(next).expect("every end has a count");
            *count -= 1;
            if *count == 0 {
                ready.insert(next);
            }
        }
    }
    if sorted.len() == needs.len() { Ok(sorted) } else { Err(cycle(needs)) }
}

fn cycle(needs: &Needs) -> Vec<Refusal> {
    let name = |end: &End| match end {
        End::New(address) => address.clone(),
        End::Old(address) | End::Deposed(address, _) => address.part("(old)"),
        End::Repaired(address) => address.part("(repaired)"),
    };
    let edge = |end: &End| Edge { to: name(end), sort: Sort::Uses };
    let nodes = needs.iter().map(|(end, set)| (name(end), set.iter().map(edge).collect()));
    cycles(nodes).into_iter().map(Refusal::Cycle).collect()
}

/// What people should know of a change: who goes without it for a while.
fn notes(given: &Given<'_>, decided: &Decided, address: &Address, decision: &Decision) -> Vec<String> {
    let mut notes = decision.notes.clone();
    if decision.verb != Verb::Replace {
        return notes;
    }
    let stays =
        |user: &Address| decided.by_address.get(user).is_none_or(|decision| decision.verb == Verb::Update);
    let kept = |resource: &&Resource| {
        let mut edges = resource.edges.iter();
        edges.any(|edge| edge.to == *address && edge.sort == Sort::KeepsAlive) && stays(&resource.address)
    };
    let kept: Vec<&str> =
        given.graph.resources.values().filter(kept).map(|resource| resource.address.as_str()).collect();
    let (shown, rest) = kept.split_at(kept.len().min(SHOWN));
    match (shown, rest.len()) {
        ([], _) => {}
        (shown, 0) => notes.push(format!("until it is back, nothing looks after {}", shown.join(", "))),
        (shown, more) => {
            let shown = shown.join(", ");
            notes.push(format!("until it is back, nothing looks after {shown} and {more} more"));
        }
    }
    notes
}

fn changes(given: &Given<'_>, decided: &Decided, steps: &BTreeMap<End, Step>) -> Vec<Change> {
    let title =
        |kind: &str| given.shapes.get(kind).map_or_else(|| kind.to_owned(), |s: &Shape| s.title.to_owned());
    let kind_of = |address: &Address| {
        let declared = given.graph.resources.get(address).map(|resource| resource.kind.to_owned());
        let guest = decided.guests.get(address).map(|guest| guest.kind.to_owned());
        guest
            .or(declared)
            .or_else(|| given.state.records.get(address).map(|record| record.kind.clone()))
            .unwrap_or_default()
    };
    let mut changes: Vec<Change> = Vec::new();
    // A move is no change.
    let all = decided.by_address.iter().filter(|(_, decision)| decision.verb != Verb::Move);
    for (address, decision) in all {
        let kind = kind_of(address);
        changes.push(Change {
            address: address.clone(),
            title: title(&kind),
            kind,
            verb: decision.verb,
            reason: decision.reason.clone(),
            fields: decision.fields.clone(),
            notes: notes(given, decided, address, decision),
        });
    }
    for (address, repair) in &decided.repairs {
        let kind = kind_of(address);
        changes.push(repair.change(address, &kind, title(&kind)));
    }
    for (end, step) in steps {
        if let (End::New(address), Some(open)) = (end, &step.resume)
            && has_marks(&open.spec)
            && let Some(change) = changes.iter_mut().find(|change| change.address == *address)
        {
            change
                .notes
                .push("an earlier run began it with a sensitive value that is not known any more".to_owned());
        }
        if let End::Deposed(address, id) = end {
            changes.push(Change {
                address: address.clone(),
                kind: step.kind.clone(),
                title: title(&step.kind),
                verb: Verb::Delete,
                reason: Reason::Deposed,
                fields: Vec::new(),
                notes: vec![format!("the earlier {id}")],
            });
        }
    }
    // What is done to one address twice is told in the order in which it is done.
    let first = |change: &Change| !matches!(change.reason, Reason::Repair { .. } | Reason::Unprotect { .. });
    changes.sort_by(|a, b| a.address.cmp(&b.address).then(first(a).cmp(&first(b))));
    changes
}
