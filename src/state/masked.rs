//! What is sensitive never gets into a state: entries are masked before they are folded in and kept.

use serde_json::Value as Json;

use super::journal::Entry;
use super::{Object, State};
use crate::secret::Mask;

/// The entry with marks in the place of what is sensitive.
pub fn entry(mask: &Mask<'_>, entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    match &mut entry {
        Entry::Run { who, command, .. } => [who, command].into_iter().for_each(|text| hide(mask, text)),
        Entry::Begun { spec, .. } => {
            mask.json(spec);
        }
        Entry::Done { object, .. } => {
            of_object(mask, object);
        }
        Entry::Failed { error, .. } => hide(mask, error),
        Entry::Outputs { outputs } => {
            each(mask, outputs.values_mut());
        }
        Entry::Traces { .. }
        | Entry::Audited
        | Entry::Made { .. }
        | Entry::Children { .. }
        | Entry::Moved { .. }
        | Entry::Gone { .. }
        | Entry::Deposed { .. }
        | Entry::Edges { .. } => {}
    }
    entry
}

/// Marks what is sensitive in a state that was kept before it was known to be. True if there was any.
pub fn state(mask: &Mask<'_>, state: &mut State) -> bool {
    let mut any = each(mask, state.outputs.values_mut());
    for record in state.records.values_mut() {
        for object in record.current.iter_mut().chain(&mut record.deposed) {
            any |= of_object(mask, object);
        }
        any |= each(mask, record.open.iter_mut().map(|open| &mut open.spec));
    }
    any
}

fn of_object(mask: &Mask<'_>, object: &mut Object) -> bool {
    let any = each(mask, [&mut object.applied, &mut object.seen, &mut object.outputs]);
    // What others put in the place of a secret is one too.
    mask.like(&mut object.seen, &object.applied);
    any
}

fn each<'j>(mask: &Mask<'_>, all: impl IntoIterator<Item = &'j mut Json>) -> bool {
    all.into_iter().filter_map(|json| mask.json(json).then_some(())).count() > 0
}

fn hide(mask: &Mask<'_>, text: &mut String) {
    *text = mask.secrets().hide(text).into_owned();
}
