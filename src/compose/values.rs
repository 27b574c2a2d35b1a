//! `[values.*]`: values that live in the state alone.

use super::draft::Draft;
use crate::address::Address;
use crate::graph::Resource;
use crate::value::Value;

pub(super) fn compose(draft: &mut Draft<'_>) {
    let place = draft.place(None, None);
    let stack = draft.stack;
    for (key, value) in &stack.values {
        let spec = Value::Map([("input".to_owned(), value.input.clone())].into());
        draft.add(Resource::new(Address::new("value", key), "value", &place, spec));
    }
}
