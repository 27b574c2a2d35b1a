//! `value`: something kept in the state for others to refer to. There is no cloud behind it.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Found, FoundOf, Kind, Ownership, Readiness};
use crate::cloud::{CloudResult, Cx};
use crate::shape::{Role, Shape};

pub(super) struct Value;

/// What it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    /// Anything.
    input: Json,
}

/// What others refer to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outputs {
    /// Given once.
    id: String,
    /// The input.
    value: Json,
}

impl Kind for Value {
    const SHAPE: Shape = Shape { role: Role::Local, ..Shape::managed("value", "value", "state") };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, _: &Cx, spec: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        Ok(id.map(|id| Found {
            id: id.to_owned(),
            outputs: Outputs { id: id.to_owned(), value: spec.input.clone() },
            spec: spec.clone(),
            readiness: Readiness::Ready,
            owner: Ownership::Untaggable,
        }))
    }

    async fn create(&self, cx: &Cx, _: &Spec) -> CloudResult<String> {
        Ok(cx.token().to_owned())
    }

    async fn update(&self, _: &Cx, _: &str, _: &Spec, _: &Spec) -> CloudResult<()> {
        Ok(())
    }

    async fn delete(&self, _: &Cx, _: &str, _: &Spec) -> CloudResult<()> {
        Ok(())
    }
}
