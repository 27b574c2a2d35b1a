//! A managed prefix list by name, such as `com.amazonaws.us-west-2.vpc-lattice`.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Found, FoundOf, Kind, Ownership, Readiness};
use crate::cloud::ec2::{Sort, look_many, text};
use crate::cloud::{CloudError, CloudResult, Cx};
use crate::shape::Shape;

const SORT: Sort = Sort {
    action: "DescribeManagedPrefixLists",
    set: "prefixListSet",
    filter: "prefix-list-name",
    id: "prefixListId",
};

/// The kind.
pub struct PrefixListLookup;

/// What is looked up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name.
    pub name: String,
}

/// What is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// Its id.
    pub prefix_list_id: String,
}

impl Kind for PrefixListLookup {
    const SHAPE: Shape = Shape::lookup("prefix_list_lookup", "prefix list", "ec2");
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        let docs = look_many(cx, &SORT, SORT.filter, [&*spec.name]).await?;
        Ok(found(spec, &docs))
    }

    async fn create(&self, _: &Cx, _: &Spec) -> CloudResult<String> {
        Err(CloudError::broken_contract(Self::SHAPE.kind, "it is only looked up"))
    }

    async fn update(&self, _: &Cx, _: &str, _: &Spec, _: &Spec) -> CloudResult<()> {
        Err(CloudError::broken_contract(Self::SHAPE.kind, "it is only looked up"))
    }

    async fn delete(&self, _: &Cx, _: &str, _: &Spec) -> CloudResult<()> {
        Err(CloudError::broken_contract(Self::SHAPE.kind, "it is only looked up"))
    }

    async fn find_many(
        &self,
        cx: &[Cx],
        asked: &[(Spec, String)],
    ) -> CloudResult<Option<Vec<Option<FoundOf<Self>>>>> {
        let Some(cx) = cx.first() else { return Ok(Some(Vec::new())) };
        let names = asked.iter().map(|(spec, _)| spec.name.as_str());
        let docs = look_many(cx, &SORT, SORT.filter, names).await?;
        Ok(Some(asked.iter().map(|(spec, _)| found(spec, &docs)).collect()))
    }
}

fn found(spec: &Spec, docs: &[Json]) -> Option<FoundOf<PrefixListLookup>> {
    let doc = docs.iter().find(|doc| doc["prefixListName"] == *spec.name)?;
    let id = text(doc, "prefixListId");
    Some(Found {
        spec: spec.clone(),
        outputs: Outputs { prefix_list_id: id.clone() },
        id,
        readiness: Readiness::Ready,
        owner: Ownership::Untaggable,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::kind::conformance::Ground;
    use crate::kind::{AnyKind, Erased};

    #[tokio::test(start_paused = true)]
    async fn many_with_one_call() {
        let ground = Ground::new();
        let asked =
            ["com.amazonaws.us-west-2.vpc-lattice", "com.amazonaws.us-west-2.ipv6.vpc-lattice", "none"];
        let asked = asked.map(|name| (json!({ "name": name }), String::new()));
        let cx = ground.cx("lists");
        let found = Erased(super::PrefixListLookup).find_many(&[cx], &asked).await;
        let found = found.expect("answered").expect("there is a call for that");
        let ids: Vec<_> = found.iter().map(|one| one.as_ref().map(|one| one.id.clone())).collect();
        assert!(ids[0].is_some() && ids[1].is_some() && ids[0] != ids[1] && ids[2].is_none(), "{ids:?}");
        assert_eq!(ground.cloud.calls().total(), 1);
    }
}
