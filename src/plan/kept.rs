//! A plan as it is kept in a file: without what is sensitive; and back, as far as the stack file says it again.

use serde_json::Value as Json;

use super::Plan;
use super::known::Told;
use crate::address::Address;
use crate::change::Action;
use crate::secret::{Mask, Secrets, has_marks};
use crate::value::Value;

impl Plan {
    /// The same with marks in the place of what is sensitive.
    #[must_use]
    pub fn kept(&self, secrets: &Secrets) -> Self {
        let mask = Mask::new(secrets, &self.lineage);
        let mut kept = self.clone();
        for step in &mut kept.steps {
            step.spec = mask.value(&step.spec).into_owned();
            for json in step.applied.iter_mut().chain(step.resume.iter_mut().map(|open| &mut open.spec)) {
                mask.json(json);
            }
        }
        for value in kept.outputs.values_mut() {
            *value = mask.value(value).into_owned();
        }
        kept
    }

    /// A kept plan with values in the place of marks, or the resources of which the stack file does not say them.
    ///
    /// # Errors
    /// Something is to be made or changed with a value that is not known any more.
    pub fn told_again(mut self, told: &Told<'_>) -> Result<Self, Vec<Address>> {
        let mut missing = Vec::new();
        for step in &mut self.steps {
            let is_known = revealed(&mut step.spec, told);
            // What is deleted is found without its secrets.
            if !is_known && matches!(step.action, Action::Create | Action::Update) {
                missing.push(step.address.clone());
            }
            if let Some(open) = &mut step.resume {
                told.reveal(&mut open.spec);
            }
        }
        for value in self.outputs.values_mut() {
            revealed(value, told);
        }
        if missing.is_empty() { Ok(self) } else { Err(missing) }
    }
}

fn revealed(value: &mut Value, told: &Told<'_>) -> bool {
    let mut json = Json::from(&*value);
    if !has_marks(&json) {
        return true;
    }
    let all = told.reveal(&mut json);
    *value = Value::from(json);
    all
}
