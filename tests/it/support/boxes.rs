//! A kind of things on a shelf, for tests of the engine: everything about it can be seen and made to fail.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stack::cloud::{CloudError, CloudResult, Cx, ErrorSort};
use stack::kind::{AnyKind, Erased, Found, FoundOf, Kind, Ownership, Readiness, Registry};
use stack::shape::{Recovery, Shape};

/// What a box should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Forces a replacement.
    pub shape: String,
    /// Changes in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Flows from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// What a box gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    pub id: String,
}

/// What is on the shelf of this thread.
#[derive(Default)]
pub struct Shelf {
    pub boxes: BTreeMap<String, (Spec, Ownership)>,
    /// What was done, as `create box.a`.
    pub log: Vec<String>,
    /// What fails: `create box.a`, and whether it happens all the same.
    pub fails: BTreeMap<String, (ErrorSort, bool)>,
    /// Whether updates are taken and not carried out.
    pub deaf: bool,
    next: u32,
}

thread_local! {
    static SHELF: RefCell<Shelf> = RefCell::default();
}

/// Looks at the shelf, or changes it.
pub fn shelf<T>(look: impl FnOnce(&mut Shelf) -> T) -> T {
    SHELF.with_borrow_mut(look)
}

/// The registry of boxes: `box` is deleted before it is made anew, `crate` after.
pub fn registry() -> Registry {
    const KINDS: &[&dyn AnyKind] = &[&Erased(Boxes::<false>), &Erased(Boxes::<true>)];
    Registry::of(KINDS)
}

struct Boxes<const CREATE_FIRST: bool>;

/// Notes a call; an error if it is to fail. `true`: it happens all the same.
fn call(verb: &str, cx: &Cx) -> (Option<CloudError>, bool) {
    shelf(|shelf| {
        let name = format!("{verb} {}", cx.address());
        shelf.log.push(name.clone());
        match shelf.fails.get(&name) {
            Some((sort, happens)) => (Some(CloudError::new(*sort, name, "the shelf says no")), *happens),
            None => (None, true),
        }
    })
}

impl<const CREATE_FIRST: bool> Kind for Boxes<CREATE_FIRST> {
    const SHAPE: Shape = Shape {
        fixed: &["shape"],
        recovery: Recovery::Tags,
        create_first: CREATE_FIRST,
        ..Shape::managed(if CREATE_FIRST { "crate" } else { "box" }, "box", "shelf")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, _: &Spec, id: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let ours = Ownership::Tagged { lineage: cx.lineage().into(), address: cx.address().to_string() };
        Ok(shelf(|shelf| {
            let found = match id {
                Some(id) => shelf.boxes.get_key_value(id),
                None => shelf.boxes.iter().find(|(_, (_, owner))| *owner == ours),
            };
            found.map(|(id, (spec, owner))| Found {
                id: id.clone(),
                spec: spec.clone(),
                outputs: Outputs { id: id.clone() },
                readiness: Readiness::Ready,
                owner: owner.clone(),
            })
        }))
    }

    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let (error, happens) = call("create", cx);
        let id = shelf(|shelf| {
            shelf.next += 1;
            let id = format!("{}-{}", cx.address().name(), shelf.next);
            if happens {
                let owner =
                    Ownership::Tagged { lineage: cx.lineage().into(), address: cx.address().to_string() };
                // Only what gives identity; the color is left to update.
                shelf.boxes.insert(id.clone(), (Spec { color: None, ..spec.clone() }, owner));
            }
            id
        });
        error.map_or(Ok(id), Err)
    }

    async fn update(&self, cx: &Cx, id: &str, _: &Spec, to: &Spec) -> CloudResult<()> {
        let (error, happens) = call("update", cx);
        shelf(|shelf| {
            if let Some((spec, owner)) = shelf.boxes.get_mut(id).filter(|_| happens && !shelf.deaf) {
                *spec = to.clone();
                *owner =
                    Ownership::Tagged { lineage: cx.lineage().into(), address: cx.address().to_string() };
            }
        });
        error.map_or(Ok(()), Err)
    }

    async fn delete(&self, cx: &Cx, id: &str, _: &Spec) -> CloudResult<()> {
        let (error, happens) = call("delete", cx);
        shelf(|shelf| happens.then(|| shelf.boxes.remove(id)));
        error.map_or(Ok(()), Err)
    }
}
