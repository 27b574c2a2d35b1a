//! What is broken and still needed to take something down: it is put back first. A controller that is gone, its role,
//! its nodes, a class or a configuration: without it what it serves would be stuck on its finalizers for good.
//!
//! Deletion protection is lifted here too: its configuration is the only place where that can be done.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::decide::{Decided, Given};
use super::{Intent, Old, Refusal, Step};
use crate::address::Address;
use crate::change::{Action, Change, FieldChange, Reason, Verb};
use crate::diff;
use crate::graph::Sort;
use crate::live::{Readiness, Seen};
use crate::recipe::annotations::{ATTRIBUTES, unprotected};
use crate::secret::has_marks;
use crate::state::{Object, Record};
use crate::value::Value;

/// The attribute that keeps a load balancer from being deleted.
const PROTECTION: &str = "deletion_protection.enabled";

/// How many pods a controller has: one is enough for a teardown.
const REPLICAS: &str = "manifest.spec.replicas";

/// What is put back, or changed once more, before it goes.
#[derive(Clone, Debug)]
pub(super) struct Repair {
    creates: bool,
    reason: Reason,
    fields: Vec<FieldChange>,
    spec: Value,
    applied: Option<Json>,
    id: Option<String>,
}

impl Repair {
    /// Whether nothing can be done about it but to wait.
    fn is_down(&self) -> bool {
        matches!(self.reason, Reason::Down { .. })
    }

    /// The step that does it.
    pub(super) fn step(&self, address: &Address, record: &Record) -> Step {
        Step {
            address: address.clone(),
            kind: record.kind.clone(),
            place: record.place.clone(),
            action: if self.creates { Action::Create } else { Action::Update },
            reason: self.reason.clone(),
            spec: self.spec.clone(),
            applied: self.applied.clone(),
            id: self.id.clone(),
            old: if self.creates { Old::Gone } else { Old::None },
            resume: None,
            others: Vec::new(),
            edges: record.edges.clone(),
            needs: BTreeSet::new(),
            timeout: None,
            deposed: false,
            unseen: false,
            sweeps: false,
            forces: None,
            made: Vec::new(),
        }
    }

    /// What people are told of it.
    pub(super) fn change(&self, address: &Address, kind: &str, title: String) -> Change {
        Change {
            address: address.clone(),
            kind: kind.to_owned(),
            title,
            verb: if self.creates { Verb::Create } else { Verb::Update },
            reason: self.reason.clone(),
            fields: self.fields.clone(),
            notes: Vec::new(),
        }
    }
}

fn goes(verb: Verb) -> bool {
    matches!(verb, Verb::Delete | Verb::Replace | Verb::ReplaceCreateFirst)
}

/// Decides what is put back first.
pub(super) fn decide(given: &Given<'_>, decided: &mut Decided) {
    let mut repairs = BTreeMap::new();
    let mut refusals = Vec::new();
    let mut broken = BTreeSet::new();
    for (address, served) in needed(given, decided) {
        let Some(record) = given.state.records.get(&address) else { continue };
        let Some(repair) = repair(given, decided, &address, record, &served) else { continue };
        let decision = decided.by_address.get(&address);
        let mends = match decision.map(|decision| (decision.verb, &decision.reason)) {
            // It goes too, or would be forgotten: it is put back, and goes after what it serves.
            Some((verb, _)) if goes(verb) => true,
            Some((Verb::Forget, Reason::Gone)) => true,
            // It is made anew in what is made anew, which is too late for what it serves.
            Some((Verb::Create, _)) if lives_in_what_goes(decided, record) => true,
            // The plan puts it right anyway: that comes first then.
            Some((Verb::Create | Verb::Update, _)) => {
                decided.first.insert(address);
                continue;
            }
            _ => false,
        };
        // Should it be stuck without it, it is forced later.
        if mends && given.leave.no_repair && given.leave.force_finalizers {
            if repair.creates || repair.is_down() {
                decided.unserved.extend(served);
                broken.insert(address);
            }
            continue;
        }
        let unmakeable = undone(given, record).filter(|_| mends && repair.creates).cloned();
        if let Some(crds) = unmakeable {
            refusals.push(Refusal::Undone { address, crds, served: listed(&served) });
        } else if mends && given.leave.no_repair {
            let title = given.shapes.get(record.kind.as_str()).map_or("resource", |shape| shape.title);
            refusals.push(Refusal::Broken { address, title, served: listed(&served) });
        } else if mends && has_marks(&Json::from(&repair.spec)) {
            refusals.push(Refusal::Untold { address, served: listed(&served) });
        } else if mends {
            repairs.insert(address, repair);
        }
    }
    for address in repairs.keys() {
        if let Some(decision) = decided.by_address.get_mut(address)
            && decision.verb == Verb::Forget
        {
            (decision.verb, decision.id) = (Verb::Delete, None);
            decision.reason =
                if matches!(given.intent, Intent::Up { .. }) { Reason::LeftFile } else { Reason::Destroy };
        } else if let Some(decision) = decided.by_address.get_mut(address)
            && repairs[address].creates
        {
            decision.id = None;
        }
    }
    decided.refusals.extend(refusals);
    broken.extend(repairs.iter().filter(|(_, repair)| repair.creates).map(|(address, _)| address.clone()));
    decided.deaf = deaf(given, decided, &broken);
    for address in &decided.deaf {
        if let Some(decision) = decided.by_address.get_mut(address) {
            decision.notes.push("goes first: nobody answers for it, and it would block writes".to_owned());
        }
    }
    lift_protection(given, decided, &mut repairs);
    lift_own_protection(given, decided, &mut repairs);
    decided.repairs = repairs;
}

/// Webhooks that go, of a controller that is broken: until it is put back nobody answers for them, and what they are about
/// cannot be written; afterwards they would not trust its new certificate.
fn deaf(given: &Given<'_>, decided: &Decided, broken: &BTreeSet<Address>) -> BTreeSet<Address> {
    let records = &given.state.records;
    let of_broken = |record: &Record| {
        record.edges.iter().any(|edge| {
            let controller = records.get(&edge.to).filter(|record| kind_of(record) == Some("Deployment"));
            let mut parts = controller.into_iter().flat_map(|record| &record.edges);
            controller.is_some() && (broken.contains(&edge.to) || parts.any(|part| broken.contains(&part.to)))
        })
    };
    let goes = decided.by_address.iter().filter(|(_, decision)| decision.verb == Verb::Delete);
    let webhooks = goes.filter_map(|(address, _)| Some((address, records.get(address)?)));
    let webhooks = webhooks.filter(|(_, record)| {
        kind_of(record).is_some_and(|kind| kind.ends_with("WebhookConfiguration")) && of_broken(record)
    });
    webhooks.map(|(address, _)| address.clone()).collect()
}

fn lives_in_what_goes(decided: &Decided, record: &Record) -> bool {
    let mut outer = record.edges.iter().filter(|edge| edge.sort == Sort::Inside);
    outer.any(|edge| decided.by_address.get(&edge.to).is_some_and(|decision| goes(decision.verb)))
}

/// What keeps something alive that is there and goes, and what that needs in turn; each with what it is needed by.
fn needed(given: &Given<'_>, decided: &Decided) -> BTreeMap<Address, BTreeSet<Address>> {
    let mut needed: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
    for (address, _) in decided.by_address.iter().filter(|(_, decision)| goes(decision.verb)) {
        let is_there = matches!(given.live.found.get(address), Some(Seen::Found(_)));
        let edges = match (decided.guests.get(address), given.state.records.get(address)) {
            (Some(guest), _) => guest.edges(),
            (None, Some(record)) if is_there && is_served(given, record) => record.edges.as_slice(),
            _ => continue,
        };
        for edge in edges.iter().filter(|edge| edge.sort == Sort::KeepsAlive) {
            needed.entry(edge.to.clone()).or_default().insert(address.clone());
        }
    }
    // What runs a controller besides: its account, its Secret, the role of its nodes.
    let mut open: Vec<Address> = needed.keys().cloned().collect();
    while let Some(address) = open.pop() {
        let Some(record) = given.state.records.get(&address) else { continue };
        let served = needed.get(&address).cloned().unwrap_or_default();
        for edge in record.edges.iter().filter(|edge| !needed.contains_key(&edge.to)).collect::<Vec<_>>() {
            needed.insert(edge.to.clone(), served.clone());
            open.push(edge.to.clone());
        }
    }
    needed
}

/// Whether a controller has to act for it to go: Gateways, routes, what configures them, and whatever else it made
/// something of.
fn is_served(given: &Given<'_>, record: &Record) -> bool {
    let shape = given.shapes.get(record.kind.as_str());
    let spec = record.current.as_ref().map(|object| &object.applied);
    let leaves = shape.zip(spec).is_some_and(|(shape, spec)| shape.leaves_of(spec));
    (leaves && shape.is_some_and(|shape| shape.service == "kubernetes"))
        || matches!(kind_of(record), Some("LoadBalancerConfiguration" | "GatewayClass"))
}

/// The kind of an object.
fn kind_of(record: &Record) -> Option<&str> {
    record.current.as_ref()?.applied["manifest"]["kind"].as_str()
}

/// What it takes to put it back, if it is broken and worth it.
fn repair(
    given: &Given<'_>,
    decided: &Decided,
    address: &Address,
    record: &Record,
    served: &BTreeSet<Address>,
) -> Option<Repair> {
    let object = record.current.as_ref().filter(|_| record.open.is_none())?;
    let shape = given.shapes.get(record.kind.as_str())?;
    let watched: &[&str] = match record.kind.as_str() {
        "kube_object" => match kind_of(record)? {
            kind if kind.ends_with("WebhookConfiguration") => return None,
            "Deployment" | "GatewayClass" | "LoadBalancerConfiguration" | "ServiceAccount" => {
                &["manifest.spec"]
            }
            _ => &[],
        },
        "iam_role" => &["trust", "inline_policies", "managed_policies"],
        "eks_pod_identity" => &["role_arn"],
        // Nobody schedules pods where somebody took all nodes away.
        "eks_node_group" if has_no_nodes(given, address) => &["size"],
        "eks_node_group" | "webhook_certificate" | "eks_addon" => &[],
        _ => return None,
    };
    let reason = Reason::Repair { of: served.iter().cloned().collect() };
    let spec = Value::from(told(given, decided, address, object));
    let masked = given.mask.value(&spec);
    match given.live.found.get(address)? {
        Seen::Absent => {
            let fields = diff::by_opinion(shape, &masked, None, &Json::Null);
            Some(Repair { creates: true, reason, fields, spec, applied: None, id: None })
        }
        Seen::Found(found) if !matches!(found.readiness, Readiness::Leaving(_)) => {
            let live = given.masked_live(&found.spec, &spec, Some(&object.applied));
            let mut fields = diff::by_opinion(shape, &masked, Some(&object.applied), &live);
            let ignored =
                given.graph.resources.get(address).map(|resource| &resource.lifecycle.ignore_changes);
            fields.retain(|field| {
                diff::is_in(watched, &field.path)
                    && !ignored.is_some_and(|ignored| diff::is_in(ignored, &field.path))
                    && !field.fixed
            });
            let (id, applied) = (Some(found.id.clone()), Some(object.applied.clone()));
            let down = down(record, &found.readiness);
            if down.is_none() && kind_of(record) == Some("Deployment") && !is_at_rest(&found.spec) {
                fields.retain(|field| field.path != REPLICAS);
            }
            let reason = match down {
                Some(why) if fields.is_empty() => {
                    Reason::Down { why: why.to_owned(), of: served.iter().cloned().collect() }
                }
                None if fields.is_empty() => return None,
                _ => reason,
            };
            Some(Repair { creates: false, reason, fields, spec, applied, id })
        }
        Seen::Found(_) | Seen::Unreadable(_) | Seen::Denied(_) => None,
    }
}

/// The CRDs of an object, if they are being deleted: nothing of them can be made any more.
fn undone<'a>(given: &Given<'_>, record: &'a Record) -> Option<&'a Address> {
    let leaves = |to: &&Address| {
        given.state.records.get(to).is_some_and(|record| record.kind == "crd_release")
            && matches!(given.live.found.get(to),
                Some(Seen::Found(found)) if matches!(found.readiness, Readiness::Leaving(_)))
    };
    record.edges.iter().map(|edge| &edge.to).find(leaves)
}

/// Why a controller does not run, or has not taken a class on, though it is there.
fn down<'a>(record: &Record, readiness: &'a Readiness) -> Option<&'a str> {
    match readiness {
        Readiness::Pending(why) | Readiness::Broken(why)
            if matches!(kind_of(record), Some("Deployment" | "GatewayClass")) =>
        {
            Some(why)
        }
        _ => None,
    }
}

/// Whether somebody scaled it to nothing: then it is as ready as can be.
fn is_at_rest(spec: &Json) -> bool {
    spec["manifest"]["spec"]["replicas"] == 0
}

/// What was applied, with its sensitive values as far as the stack file says them again.
fn told(given: &Given<'_>, decided: &Decided, address: &Address, object: &Object) -> Json {
    let resource = given.graph.resources.get(address);
    let spec = resource.map_or(Value::Null, |resource| decided.resolve(&resource.spec));
    given.revealed(object.applied.clone(), &spec)
}

fn has_no_nodes(given: &Given<'_>, address: &Address) -> bool {
    matches!(given.live.found.get(address), Some(Seen::Found(found)) if found.spec["size"]["desired"] == 0)
}

/// Up to three addresses, and how many more.
fn listed(all: &BTreeSet<Address>) -> String {
    crate::change::some_of(all.iter())
}

/// A load balancer that is protected by its configuration goes once the configuration says otherwise.
fn lift_protection(given: &Given<'_>, decided: &mut Decided, repairs: &mut BTreeMap<Address, Repair>) {
    for (gateway, config) in configured(given, decided) {
        let Some(record) = given.state.records.get(&config) else { continue };
        let Some(lifted) = lifted(given, decided, (&config, record), repairs.get(&config), &gateway) else {
            continue;
        };
        let wanted = decided.by_address.get(&config);
        let stays = wanted.is_none_or(|decision| !goes(decision.verb));
        let says_so = wanted.and_then(|decision| decision.spec.clone().known().ok());
        match says_so {
            _ if !stays && has_marks(&Json::from(&lifted.spec)) => {
                decided.refusals.push(Refusal::Untold { address: config, served: gateway.to_string() });
            }
            _ if !stays => drop(repairs.insert(config, lifted)),
            // The file lifts it: that comes first.
            Some(spec) if !is_protected(&spec) => drop(decided.first.insert(config)),
            _ => decided.refusals.push(Refusal::Guarded(gateway)),
        }
    }
}

/// The same for an Ingress or a Service, which says so itself, in an annotation.
fn lift_own_protection(given: &Given<'_>, decided: &mut Decided, repairs: &mut BTreeMap<Address, Repair>) {
    let mut refusals = Vec::new();
    for (address, decision) in decided.by_address.iter().filter(|(_, decision)| goes(decision.verb)) {
        let Some(record) = given.state.records.get(address) else { continue };
        let (Some(object), Some(shape)) = (&record.current, given.shapes.get(record.kind.as_str())) else {
            continue;
        };
        let Some(Seen::Found(found)) = given.live.found.get(address) else { continue };
        let Some((note, value)) = protecting(&found.spec).or_else(|| protecting(&object.applied)) else {
            continue;
        };
        // What goes already takes no changes.
        if matches!(found.readiness, Readiness::Leaving(_)) {
            continue;
        }
        if decision.verb != Verb::Delete {
            refusals.push(Refusal::Guarded(address.clone()));
            continue;
        }
        let mut after = told(given, decided, address, object);
        after["manifest"]["metadata"]["annotations"][note] = Json::from(value);
        let spec = Value::from(after);
        let before = given.masked_live(&found.spec, &spec, Some(&object.applied));
        let fields = diff::by_opinion(shape, &given.mask.value(&spec), Some(&object.applied), &before);
        let reason = Reason::Unprotect { of: address.clone() };
        let (id, applied) = (Some(found.id.clone()), Some(object.applied.clone()));
        repairs.insert(address.clone(), Repair { creates: false, reason, fields, spec, applied, id });
    }
    decided.refusals.extend(refusals);
}

/// The annotation of an object that protects its load balancer, and what it says otherwise.
fn protecting(spec: &Json) -> Option<(&'static str, String)> {
    ATTRIBUTES.iter().find_map(|note| {
        let said = spec["manifest"]["metadata"]["annotations"][*note].as_str()?;
        Some((*note, unprotected(said)?))
    })
}

/// Gateways that are there and go, each with its configuration.
fn configured(given: &Given<'_>, decided: &Decided) -> Vec<(Address, Address)> {
    let going = decided.by_address.iter().filter(|(_, decision)| goes(decision.verb));
    let there = going.filter(|(address, _)| matches!(given.live.found.get(address), Some(Seen::Found(_))));
    let ours = there.filter_map(|(address, _)| Some((address, given.state.records.get(address)?)));
    let gateways = ours.filter(|(_, record)| record.kind == "gateway");
    let all = gateways.flat_map(|(address, record)| {
        let kept = record.edges.iter().filter(|edge| edge.sort == Sort::KeepsAlive);
        kept.map(move |edge| (address.clone(), edge.to.clone()))
    });
    let configures = |(_, config): &(Address, Address)| {
        given.state.records.get(config).and_then(kind_of) == Some("LoadBalancerConfiguration")
    };
    all.filter(configures).collect()
}

/// Whether a configuration protects its load balancers.
fn is_protected(spec: &Json) -> bool {
    let all = spec["manifest"]["spec"]["loadBalancerAttributes"].as_array();
    all.is_some_and(|all| all.iter().any(|one| one["key"] == PROTECTION && one["value"] == "true"))
}

fn lifted(
    given: &Given<'_>,
    decided: &Decided,
    (address, config): (&Address, &Record),
    repair: Option<&Repair>,
    of: &Address,
) -> Option<Repair> {
    let object = config.current.as_ref()?;
    let live = match given.live.found.get(address) {
        Some(Seen::Found(found)) => Some(found),
        _ => None,
    };
    let before = live.map_or(&object.applied, |found| &found.spec);
    let mut after = told(given, decided, address, object);
    let by_others = live.is_some_and(|found| found.outputs["protects"] == true);
    if !by_others && !is_protected(before) && !is_protected(&object.applied) {
        return None;
    }
    let attributes = &mut after["manifest"]["spec"]["loadBalancerAttributes"];
    let mut kept: Vec<Json> = attributes.as_array().cloned().unwrap_or_default();
    kept.retain(|one| one["key"] != PROTECTION);
    kept.push(json!({ "key": PROTECTION, "value": "false" }));
    *attributes = Json::Array(kept);
    let shape = given.shapes.get(config.kind.as_str())?;
    let spec = Value::from(after);
    let creates = repair.is_some_and(|repair| repair.creates);
    let before = given.masked_live(before, &spec, Some(&object.applied));
    let fields = diff::by_opinion(shape, &given.mask.value(&spec), Some(&object.applied), &before);
    let (id, applied) = (live.map(|found| found.id.clone()), Some(object.applied.clone()));
    Some(Repair {
        creates,
        reason: Reason::Unprotect { of: of.clone() },
        fields,
        spec,
        applied: applied.filter(|_| !creates),
        id: id.filter(|_| !creates),
    })
}
