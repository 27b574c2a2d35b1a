//! `Erased`: the only place where a spec turns from JSON into a type and back, and where what clouds say in words has
//! its secrets hidden.

use std::future::Future;

use futures::future::{BoxFuture, FutureExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{Found, Kind};
use crate::cloud::{CloudError, CloudResult, Cx};
use crate::live::{Child, FoundAny, Hold, Leak, Trial};
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
    /// See `Kind::children`.
    fn children<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<Vec<Child>>>;
    /// See `Kind::outlive`.
    fn outlive<'a>(
        &'a self,
        cx: &'a Cx,
        spec: &'a Json,
        made: &'a [Child],
    ) -> BoxFuture<'a, CloudResult<Vec<String>>>;
    /// See `Kind::leaks`.
    fn leaks<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<Vec<Leak>>>;
    /// See `Kind::held`.
    fn held<'a>(
        &'a self,
        cx: &'a Cx,
        spec: &'a Json,
        id: &'a str,
        outputs: &'a Json,
    ) -> BoxFuture<'a, CloudResult<Vec<Hold>>>;
    /// See `Kind::release`.
    fn release<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<Vec<String>>>;
    /// See `Kind::warned`.
    fn warned<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<Option<String>>>;
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
        hiding(cx, async move {
            let spec = typed::<K, _>("spec", spec)?;
            let found = self.0.find(cx, &spec, id).await?;
            found.map(|found| erase::<K>(found, cx)).transpose()
        })
    }

    fn create<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<String>> {
        hiding(cx, async move { self.0.create(cx, &typed::<K, _>("spec", spec)?).await })
    }

    fn update<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a str,
        from: &'a Json,
        to: &'a Json,
    ) -> BoxFuture<'a, CloudResult<()>> {
        hiding(cx, async move {
            let (from, to) = (typed::<K, _>("spec", from)?, typed::<K, _>("spec", to)?);
            self.0.update(cx, id, &from, &to).await
        })
    }

    fn delete<'a>(&'a self, cx: &'a Cx, id: &'a str, spec: &'a Json) -> BoxFuture<'a, CloudResult<()>> {
        hiding(cx, async move { self.0.delete(cx, id, &typed::<K, _>("spec", spec)?).await })
    }

    fn remains<'a>(
        &'a self,
        cx: &'a Cx,
        spec: &'a Json,
        outputs: Option<&'a Json>,
    ) -> BoxFuture<'a, CloudResult<Vec<String>>> {
        hiding(cx, async move {
            let spec = typed::<K, _>("spec", spec)?;
            let outputs = outputs.map(|json| typed::<K, K::Outputs>("outputs", json)).transpose()?;
            let left = self.0.remains(cx, &spec, outputs.as_ref()).await?;
            Ok(left.iter().map(|what| cx.cloud().secrets().hide(what).into_owned()).collect())
        })
    }

    fn sweep<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<()>> {
        hiding(cx, async move { self.0.sweep(cx, &typed::<K, _>("spec", spec)?).await })
    }

    fn children<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<Vec<Child>>> {
        Box::pin(async move { self.0.children(cx, &typed::<K, _>("spec", spec)?).await })
    }

    fn outlive<'a>(
        &'a self,
        cx: &'a Cx,
        spec: &'a Json,
        made: &'a [Child],
    ) -> BoxFuture<'a, CloudResult<Vec<String>>> {
        Box::pin(async move { self.0.outlive(cx, &typed::<K, _>("spec", spec)?, made).await })
    }

    fn leaks<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<Vec<Leak>>> {
        hiding(cx, async move { self.0.leaks(cx, &typed::<K, _>("spec", spec)?).await })
    }

    fn held<'a>(
        &'a self,
        cx: &'a Cx,
        spec: &'a Json,
        id: &'a str,
        outputs: &'a Json,
    ) -> BoxFuture<'a, CloudResult<Vec<Hold>>> {
        Box::pin(async move { self.0.held(cx, &typed::<K, _>("spec", spec)?, id, outputs).await })
    }

    fn release<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<Vec<String>>> {
        Box::pin(async move { self.0.release(cx, &typed::<K, _>("spec", spec)?).await })
    }

    fn warned<'a>(&'a self, cx: &'a Cx, spec: &'a Json) -> BoxFuture<'a, CloudResult<Option<String>>> {
        hiding(cx, async move {
            let warned = self.0.warned(cx, &typed::<K, _>("spec", spec)?).await?;
            Ok(warned.map(|words| cx.cloud().secrets().hide(&words).into_owned()))
        })
    }

    fn try_out<'a>(&'a self, cx: &'a Cx, to: &'a Json) -> BoxFuture<'a, CloudResult<Trial>> {
        hiding(cx, async move {
            Ok(match self.0.try_out(cx, &typed::<K, _>("spec", to)?).await? {
                Trial::Becomes { before, after } => {
                    Trial::Becomes { before: json::<K>(&before)?, after: json::<K>(&after)? }
                }
                Trial::Fixed(fields) => Trial::Fixed(fields),
                Trial::Untried(why) => Trial::Untried(cx.cloud().secrets().hide(&why).into_owned()),
            })
        })
    }

    fn find_many<'a>(
        &'a self,
        cx: &'a [Cx],
        asked: &'a [(Json, String)],
    ) -> BoxFuture<'a, CloudResult<Option<Vec<Option<FoundAny>>>>> {
        let Some(first) = cx.first() else { return Box::pin(async { Ok(None) }) };
        hiding(first, async move {
            let asked = asked.iter().map(|(spec, id)| Ok((typed::<K, _>("spec", spec)?, id.clone())));
            let asked = asked.collect::<CloudResult<Vec<_>>>()?;
            let Some(found) = self.0.find_many(cx, &asked).await? else { return Ok(None) };
            let found = found.into_iter().map(|one| one.map(|one| erase::<K>(one, first)).transpose());
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

/// A call whose error repeats no secret.
fn hiding<'a, T: Send + 'a>(
    cx: &'a Cx,
    call: impl Future<Output = CloudResult<T>> + Send + 'a,
) -> BoxFuture<'a, CloudResult<T>> {
    Box::pin(call.map(|answer| answer.map_err(|error| error.hiding(cx.cloud().secrets()))))
}

fn erase<K: Kind>(found: Found<K::Spec, K::Outputs>, cx: &Cx) -> CloudResult<FoundAny> {
    Ok(FoundAny {
        id: found.id,
        spec: json::<K>(&found.spec)?,
        outputs: json::<K>(&found.outputs)?,
        readiness: found.readiness.in_words(|words| cx.cloud().secrets().hide(words).into_owned()),
        owner: found.owner,
    })
}
