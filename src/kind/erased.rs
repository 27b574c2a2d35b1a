//! `Erased`: the only place where a spec turns from JSON into a type and back.

use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{Found, Kind};
use crate::cloud::{CloudError, CloudResult, Cx};
use crate::live::{FoundAny, Trial};
use crate::shape::Shape;

/// A kind without its types: what the engine sees. The calls are those of `Kind`.
pub trait AnyKind: Send + Sync {
    /// What pure code knows of it.
    fn shape(&self) -> &'static Shape;
    /// Says what is wrong with a spec, if anything.
    fn check(&self, spec: &Json) -> Result<(), String>;
    /// The names of what it gives to others; none if nobody can tell.
    fn outputs(&self) -> Option<&'static [&'static str]>;
    /// See `Kind::find`.
    fn find<'a>(
        &'a self,
        cx: &'a Cx,
        spec: &'a Json,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, CloudResult<Option<FoundAny>>>;
    /// See `Kind::create`.
    fn create<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<String>>;
    /// See `Kind::update`.
    fn update<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a str,
        from: &'a Json,
        to: &'a Json,
    ) -> BoxFuture<'a, CloudResult<()>>;
    /// See `Kind::delete`.
    fn delete<'a>(&'a self, cx: &'a Cx, id: &'a str, spec: &'a Json) -> BoxFuture<'a, CloudResult<()>>;
    /// See `Kind::remains`.
    fn remains<'a>(
        &'a self,
        cx: &'a Cx,
        spec: &'a Json,
        outputs: Option<&'a Json>,
    ) -> BoxFuture<'a, CloudResult<Vec<String>>>;
    /// See `Kind::sweep`.
    fn sweep<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<()>>;
    /// See `Kind::try_out`.
    fn try_out<'a>(&'a self, cx: &'a Cx, to: &'a Json) -> BoxFuture<'a, CloudResult<Trial>>;
    /// See `Kind::find_many`.
    fn find_many<'a>(
        &'a self,
        cx: &'a [Cx],
        asked: &'a [(Json, String)],
    ) -> BoxFuture<'a, CloudResult<Option<Vec<Option<FoundAny>>>>>;
}

/// A typed kind as an `AnyKind`.
pub struct Erased<K>(pub K);

impl<K: Kind> AnyKind for Erased<K> {
    fn shape(&self) -> &'static Shape {
        &K::SHAPE
    }

    fn check(&self, spec: &Json) -> Result<(), String> {
        typed::<K, K::Spec>("spec", spec).map(drop).map_err(|error| error.message)
    }

    fn outputs(&self) -> Option<&'static [&'static str]> {
        super::fields::of::<K::Outputs>()
    }

    fn find<'a>(
        &'a self,
        cx: &'a Cx,
        spec: &'a Json,
        id: Option<&'a str>,
    ) -> BoxFuture<'a, CloudResult<Option<FoundAny>>> {
        Box::pin(async move {
            let spec = typed::<K, _>("spec", spec)?;
            let found = self.0.find(cx, &spec, id).await?;
            found.map(erase::<K>).transpose()
        })
    }

    fn create<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<String>> {
        Box::pin(async move { self.0.create(cx, &typed::<K, _>("spec", spec)?).await })
    }

    fn update<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a str,
        from: &'a Json,
        to: &'a Json,
    ) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move {
            let (from, to) = (typed::<K, _>("spec", from)?, typed::<K, _>("spec", to)?);
            self.0.update(cx, id, &from, &to).await
        })
    }

    fn delete<'a>(&'a self, cx: &'a Cx, id: &'a str, spec: &'a Json) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move { self.0.delete(cx, id, &typed::<K, _>("spec", spec)?).await })
    }

    fn remains<'a>(
        &'a self,
        cx: &'a Cx,
        spec: &'a Json,
        outputs: Option<&'a Json>,
    ) -> BoxFuture<'a, CloudResult<Vec<String>>> {
        Box::pin(async move {
            let spec = typed::<K, _>("spec", spec)?;
            let outputs = outputs.map(|json| typed::<K, K::Outputs>("outputs", json)).transpose()?;
            self.0.remains(cx, &spec, outputs.as_ref()).await
        })
    }

    fn sweep<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<()>> {
        Box::pin(async move { self.0.sweep(cx, &typed::<K, _>("spec", spec)?).await })
    }

    fn try_out<'a>(&'a self, cx: &'a Cx, to: &'a Json) -> BoxFuture<'a, CloudResult<Trial>> {
        Box::pin(async move {
            Ok(match self.0.try_out(cx, &typed::<K, _>("spec", to)?).await? {
                Trial::Becomes { before, after } => {
                    Trial::Becomes { before: json::<K>(&before)?, after: json::<K>(&after)? }
                }
                Trial::Fixed(fields) => Trial::Fixed(fields),
                Trial::Untried(why) => Trial::Untried(why),
            })
        })
    }

    fn find_many<'a>(
        &'a self,
        cx: &'a [Cx],
        asked: &'a [(Json, String)],
    ) -> BoxFuture<'a, CloudResult<Option<Vec<Option<FoundAny>>>>> {
        Box::pin(async move {
            let asked = asked.iter().map(|(spec, id)| Ok((typed::<K, _>("spec", spec)?, id.clone())));
            let asked = asked.collect::<CloudResult<Vec<_>>>()?;
            let Some(found) = self.0.find_many(cx, &asked).await? else { return Ok(None) };
            let found = found.into_iter().map(|one| one.map(erase::<K>).transpose());
            found.collect::<CloudResult<Vec<_>>>().map(Some)
        })
    }
}

fn typed<K: Kind, T: DeserializeOwned>(what: &str, json: &Json) -> CloudResult<T> {
    T::deserialize(json).map_err(|error| {
        CloudError::broken_contract(K::SHAPE.kind, format!("its {what} cannot be read: {error}"))
    })
}

fn json<K: Kind>(typed: &impl Serialize) -> CloudResult<Json> {
    serde_json::to_value(typed).map_err(|error| CloudError::broken_contract(K::SHAPE.kind, error.to_string()))
}

fn erase<K: Kind>(found: Found<K::Spec, K::Outputs>) -> CloudResult<FoundAny> {
    Ok(FoundAny {
        id: found.id,
        spec: json::<K>(&found.spec)?,
        outputs: json::<K>(&found.outputs)?,
        readiness: found.readiness,
        owner: found.owner,
    })
}
