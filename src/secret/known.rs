//! `Known`: from marks back to values, as far as the stack file says them again.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::mask::{Mask, has_marks};
use crate::value::Value;

/// The values of marks.
#[derive(Default)]
pub struct Known(BTreeMap<String, Json>);

impl Known {
    /// Takes every leaf of a value, and what stands between the references of its templates.
    pub fn learn(&mut self, mask: &Mask<'_>, value: &Value) {
        self.leaves(mask, &Json::from(value));
    }

    fn leaves(&mut self, mask: &Mask<'_>, json: &Json) {
        match json {
            Json::Object(map) => map.values().for_each(|value| self.leaves(mask, value)),
            Json::Array(items) => items.iter().for_each(|item| self.leaves(mask, item)),
            Json::Null => {}
            leaf => drop(self.0.insert(mask.mark(leaf), leaf.clone())),
        }
    }

    /// Puts values in the place of their marks. True if no mark is left.
    pub fn reveal(&self, json: &mut Json) -> bool {
        self.put(json);
        !has_marks(json)
    }

    fn put(&self, json: &mut Json) {
        match json {
            Json::String(text) => {
                if let Some(value) = self.0.get(text.as_str()) {
                    *json = value.clone();
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.put(item)),
            Json::Object(map) => map.values_mut().for_each(|value| self.put(value)),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secret::Secrets;

    #[test]
    fn what_the_file_says_again_is_known_again() {
        let secrets = Secrets::new(["hunter22"]);
        let mask = Mask::new(&secrets, "a");
        let plain = json!({"input": {"password": "hunter22", "size": 3}});
        let mut kept = plain.clone();
        assert!(mask.json(&mut kept) && kept != plain);
        let mut known = Known::default();
        assert!(!known.reveal(&mut kept.clone()));
        known.learn(&mask, &Value::from(plain.clone()));
        assert!(known.reveal(&mut kept));
        assert_eq!(kept, plain);
    }
}
