//! What a plan is made from, and how it looks at sensitive values: by marks.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::moves::Moves;
use super::scope::Scope;
use super::{Intent, Leave, Refusal};
use crate::address::Address;
use crate::graph::{Graph, Resource};
use crate::live::Live;
use crate::secret::{Known, Mask, has_marks};
use crate::shape::{Shape, Shapes};
use crate::state::State;
use crate::value::{Value, walk};

/// What a plan is made from.
pub(super) struct Given<'a> {
    pub(super) graph: &'a Graph,
    pub(super) state: &'a State,
    pub(super) live: &'a Live,
    pub(super) shapes: &'a Shapes,
    pub(super) intent: &'a Intent,
    pub(super) scope: &'a Scope,
    pub(super) leave: Leave,
    /// What is recorded elsewhere than where the file speaks of it.
    pub(super) protected: &'a Moves,
    /// Fields are told and compared by marks where they are sensitive.
    pub(super) mask: &'a Mask<'a>,
}

impl Given<'_> {
    /// What is live, with marks wherever the file or the state has some.
    pub(super) fn masked_live<'f>(
        &self,
        live: &'f Json,
        spec: &Value,
        applied: Option<&Json>,
    ) -> Cow<'f, Json> {
        let wanted = self.mask.value(spec);
        let applied = applied.filter(|applied| has_marks(applied));
        if matches!(wanted, Cow::Borrowed(_)) && applied.is_none() {
            return Cow::Borrowed(live);
        }
        let mut live = live.clone();
        self.mask.json(&mut live);
        self.mask.like(&mut live, &Json::from(&*wanted));
        applied.into_iter().for_each(|applied| self.mask.like(&mut live, applied));
        Cow::Owned(live)
    }

    /// What would be, with marks wherever the file has some.
    pub(super) fn like_the_file<'v>(&self, after: &'v Value, spec: &Value) -> Cow<'v, Value> {
        let Cow::Owned(wanted) = self.mask.value(spec) else { return Cow::Borrowed(after) };
        let mut json = Json::from(after);
        self.mask.like(&mut json, &Json::from(&wanted));
        Cow::Owned(Value::from(json))
    }

    /// What is recorded, with the values of the marks that `spec` says again.
    pub(super) fn revealed(&self, mut recorded: Json, spec: &Value) -> Json {
        if has_marks(&recorded) {
            let mut known = Known::default();
            known.learn(self.mask, spec);
            known.reveal(&mut recorded);
        }
        recorded
    }

    /// Whether a resource is in scope.
    pub(super) fn may_touch(&self, address: &Address) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.contains(address))
    }

    /// What a thing is known by is written down and shown: no secret can be in it.
    pub(super) fn known_by_a_secret(&self, resource: &Resource, shape: &Shape, spec: &Value) -> Vec<Refusal> {
        let Cow::Owned(masked) = self.mask.value(spec) else { return Vec::new() };
        let masked = Json::from(&masked);
        let fields = shape.fixed.iter().filter(|field| walk(&masked, field).is_some_and(has_marks));
        let refusal = |field: &&str| Refusal::KnownBySecret {
            address: resource.address.clone(),
            field: (*field).to_owned(),
        };
        fields.map(refusal).collect()
    }
}
