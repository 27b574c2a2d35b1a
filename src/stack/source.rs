//! `Source` and `Spans`: the text of a stack file, and where each key stands in it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// The text a stack was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// As it is shown, and what relative paths start from.
    pub path: PathBuf,
    /// All of it.
    pub text: Arc<str>,
}

/// Where keys and values stand, by dotted path: `gateways.shop.listeners.0.port`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    values: BTreeMap<String, Range<usize>>,
    keys: BTreeMap<String, Range<usize>>,
}

impl Spans {
    /// Notes where a key and its value stand.
    pub fn insert(&mut self, path: &str, key: Range<usize>, value: Range<usize>) {
        self.keys.insert(path.to_owned(), key);
        self.values.insert(path.to_owned(), value);
    }

    /// The place of a value, or of the nearest thing around it that is known.
    pub fn of(&self, path: &str) -> Option<Range<usize>> {
        nearest(&self.values, path)
    }

    /// The place of a key, or of the nearest one around it that is known.
    pub fn key(&self, path: &str) -> Option<Range<usize>> {
        nearest(&self.keys, path)
    }
}

fn nearest(map: &BTreeMap<String, Range<usize>>, path: &str) -> Option<Range<usize>> {
    let mut at = path;
    loop {
        if let Some(span) = map.get(at) {
            return Some(span.clone());
        }
        at = at.rsplit_once('.')?.0;
    }
}
