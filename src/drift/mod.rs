//! `drift`: where the live cloud differs from what the last apply left there. Reads only.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::address::Address;
use crate::change::FieldChange;

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
