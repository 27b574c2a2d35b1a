//! `drift`: where the live cloud differs from what the last apply left there. Reads only.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::address::Address;
use crate::change::FieldChange;
use crate::diff;
use crate::live::{FoundAny, Live, Readiness, Seen};
use crate::secret::{Mask, Secrets, has_marks};
use crate::shape::{Role, Shape, Shapes};
use crate::state::{Object, State};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// How many resources were compared.
    pub checked: usize,
    /// What differs, by address.
    pub drifted: BTreeMap<Address, Drifted>,
    /// What could not be read, and why: neither drift nor its absence.
    pub unreadable: BTreeMap<Address, String>,
}

/// How one resource differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drifted {
    /// Its kind for people.
    pub title: &'static str,
    /// How.
    #[serde(flatten)]
    pub how: How,
}

/// How it differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum How {
    /// It is gone.
    Gone,
    /// These fields differ: `before` is what was left there, `after` is what is there now.
    Changed {
        /// Which.
        fields: Vec<FieldChange>,
    },
    /// It is there and no longer works.
    Broken {
        /// In the cloud's words.
        why: String,
    },
}

/// Compares what was recorded after the last apply with what is live. What has no end in the journal yet is not drift.
pub fn drift(state: &State, live: &Live, shapes: &Shapes, secrets: &Secrets) -> Report {
    let mask = Mask::new(secrets, &state.lineage);
    let mut report = Report::default();
    for (address, record) in &state.records {
        let Some(object) = record.current.as_ref().filter(|object| object.finished) else { continue };
        let Some(shape) = shapes.get(record.kind.as_str()).filter(|shape| shape.role == Role::Managed) else {
            continue;
        };
        match live.found.get(address) {
            None => {}
            Some(Seen::Unreadable(why) | Seen::Denied(why)) => {
                drop(report.unreadable.insert(address.clone(), why.clone()));
            }
            Some(Seen::Absent) => note(&mut report, address, shape, Some(How::Gone)),
            Some(Seen::Found(found)) => {
                note(&mut report, address, shape, compare(shape, object, found, &mask));
            }
        }
    }
    report
}

fn note(report: &mut Report, address: &Address, shape: &Shape, how: Option<How>) {
    report.checked += 1;
    if let Some(how) = how {
        report.drifted.insert(address.clone(), Drifted { title: shape.title, how });
    }
}

fn compare(shape: &Shape, object: &Object, found: &FoundAny, mask: &Mask<'_>) -> Option<How> {
    if let Readiness::Broken(why) | Readiness::Leaving(why) = &found.readiness {
        return Some(How::Broken { why: why.clone() });
    }
    if found.id != object.id {
        return Some(How::Gone);
    }
    // Secrets are compared by their marks: that one has changed can be told, and not what it is.
    let (seen, mut now) = (mask.masked(&object.seen), mask.masked(&found.spec));
    if has_marks(&seen) {
        mask.like(now.to_mut(), &seen);
    }
    let fields = diff::exactly(shape, &seen, &now);
    (!fields.is_empty()).then_some(How::Changed { fields })
}
