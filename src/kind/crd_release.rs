//! The CRDs of one official release, applied server-side as they are.
//!
//! The release is downloaded when it is applied; which one it was, and its digest, is written on every CRD, so that a
//! look at the cluster is enough to know. It is found by its CRDs: one that is there without those marks was not made
//! by this program.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::manifest::{self, Live};
use super::{Found, FoundOf, Kind, Ownership, Readiness};
use crate::cloud::{CloudError, CloudResult, ClusterRef, Cx, ErrorSort, ObjectRef};
use crate::recipe::crd_files;
use crate::shape::{Shape, Timing};

/// The kind.
pub struct CrdRelease;

/// The marks of a release on its CRDs.
const RELEASE: &str = "stack/release";
const VERSION: &str = "stack/version";
const DIGEST: &str = "stack/digest";

/// A release as it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Where it is.
    pub cluster: ClusterRef,
    /// `gateway-api`, `aws-load-balancer-controller` or `aws-gateway-api-controller`.
    pub release: String,
    /// Such as `1.6.1`.
    pub version: String,
    /// The full names of the CRDs that it is there for.
    pub crds: Vec<String>,
}

/// What is known of a release that is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outputs {
    /// SHA-256 of what was downloaded, in hexadecimal digits.
    pub digest: String,
    /// The full names of its CRDs.
    pub crds: Vec<String>,
}

impl Kind for CrdRelease {
    const SHAPE: Shape = Shape {
        fixed: &["cluster", "release"],
        sets: &["crds"],
        timing: Timing::of(10, 2, 10),
        ..Shape::managed("crd_release", "CRDs", "kubernetes")
    };
    type Spec = Spec;
    type Outputs = Outputs;

    async fn find(&self, cx: &Cx, spec: &Spec, _: Option<&str>) -> CloudResult<Option<FoundOf<Self>>> {
        Ok(found(spec, &there(cx, spec).await?))
    }

    /// Applies the first CRD; `update` applies the others.
    async fn create(&self, cx: &Cx, spec: &Spec) -> CloudResult<String> {
        let release = download(cx, spec).await?;
        if let Some(first) = release.first() {
            manifest::apply(cx, first).await?;
        }
        Ok(spec.release.clone())
    }

    async fn update(&self, cx: &Cx, _: &str, _: &Spec, to: &Spec) -> CloudResult<()> {
        for crd in &download(cx, to).await? {
            manifest::apply(cx, crd).await?;
        }
        Ok(())
    }

    async fn delete(&self, cx: &Cx, _: &str, spec: &Spec) -> CloudResult<()> {
        for live in there(cx, spec).await? {
            manifest::delete(cx, &live.spec).await?;
        }
        Ok(())
    }
}

/// The CRDs of the release that are there, by one list.
async fn there(cx: &Cx, spec: &Spec) -> CloudResult<Vec<Live>> {
    let objects = match cx.objects(&spec.cluster).await {
        Ok(objects) => objects,
        Err(error) if matches!(error.sort, ErrorSort::NotFound | ErrorSort::NotYet) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let listed = objects.list(&reference("")).await?;
    let named = |live: &Json| live["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let mine = listed.into_iter().filter(|live| spec.crds.contains(&named(live)));
    Ok(mine
        .map(|mut live| {
            let name = named(&live);
            let wanted = json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": { "name": name },
            });
            live["apiVersion"] = wanted["apiVersion"].clone();
            live["kind"] = wanted["kind"].clone();
            let wanted = manifest::Spec { cluster: spec.cluster.clone(), manifest: wanted };
            manifest::told(&wanted, &reference(&name), live)
        })
        .collect())
}

fn reference(name: &str) -> ObjectRef {
    ObjectRef {
        api_version: "apiextensions.k8s.io/v1".to_owned(),
        kind: "CustomResourceDefinition".to_owned(),
        namespace: String::new(),
        name: name.to_owned(),
    }
}

fn mark<'a>(live: &'a Live, name: &str) -> Option<&'a str> {
    live.object["metadata"]["annotations"][name].as_str()
}

fn found(spec: &Spec, there: &[Live]) -> Option<FoundOf<CrdRelease>> {
    if there.is_empty() {
        return None;
    }
    let mut crds: Vec<String> =
        there.iter().filter_map(|live| live.object["metadata"]["name"].as_str().map(str::to_owned)).collect();
    crds.sort();
    // A release that is half of one version and half of another is told as the one that is not wanted.
    let versions: Vec<&str> = there.iter().map(|live| mark(live, VERSION).unwrap_or("unknown")).collect();
    let other = versions.iter().find(|version| **version != spec.version);
    let version = other.map_or_else(|| spec.version.clone(), |version| (*version).to_owned());
    let foreign = there.iter().find(|live| mark(live, RELEASE) != Some(&spec.release));
    let owner = foreign.map_or_else(|| there[0].owner.clone(), |_| Ownership::Untagged);
    let digest = there.iter().find_map(|live| mark(live, DIGEST)).unwrap_or_default().to_owned();
    Some(Found {
        id: spec.release.clone(),
        spec: Spec { version, crds: crds.clone(), ..spec.clone() },
        outputs: Outputs { digest, crds },
        readiness: readiness(there),
        owner,
    })
}

fn readiness(there: &[Live]) -> Readiness {
    if let Some(leaving) = there.iter().find_map(Live::leaving) {
        return leaving;
    }
    let established = |live: &&Live| live.condition("Established").is_some_and(|c| c["status"] == "True");
    match there.iter().filter(established).count() {
        all if all == there.len() => Readiness::Ready,
        some => Readiness::Pending(format!("{some} of {} CRDs are established", there.len())),
    }
}

/// Where the files of a release are.
fn addresses(spec: &Spec) -> CloudResult<Vec<String>> {
    crd_files(&spec.release, &spec.version)
        .ok_or_else(|| wrong(spec, format!("there is no release {}", spec.release)))
}

fn wrong(spec: &Spec, words: String) -> CloudError {
    CloudError::new(ErrorSort::Invalid, format!("release {} {}", spec.release, spec.version), words)
}

/// The CRDs of the release that are wanted, marked, by name.
async fn download(cx: &Cx, spec: &Spec) -> CloudResult<Vec<manifest::Spec>> {
    let mut digest = Sha256::new();
    let mut crds: BTreeMap<String, Json> = BTreeMap::new();
    for address in addresses(spec)? {
        let bytes = cx.cloud().download(&address).await?;
        digest.update(&bytes);
        let text = std::str::from_utf8(&bytes).map_err(|error| wrong(spec, format!("{address}: {error}")))?;
        for document in documents(text).map_err(|error| wrong(spec, format!("{address}: {error}")))? {
            let name = document["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            if document["kind"] == "CustomResourceDefinition" {
                crds.insert(name, document);
            }
        }
    }
    let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut wanted: Vec<&String> = spec.crds.iter().collect();
    wanted.sort();
    wanted
        .into_iter()
        .map(|name| {
            let mut crd =
                crds.remove(name).ok_or_else(|| wrong(spec, format!("the release has no CRD {name}")))?;
            if let Some(map) = crd.as_object_mut() {
                map.remove("status");
            }
            if let Some(metadata) = crd["metadata"].as_object_mut() {
                metadata.remove("creationTimestamp");
            }
            for (mark, value) in [(RELEASE, &spec.release), (VERSION, &spec.version), (DIGEST, &digest)] {
                crd["metadata"]["annotations"][mark] = Json::from(value.clone());
            }
            Ok(manifest::Spec { cluster: spec.cluster.clone(), manifest: crd })
        })
        .collect()
}

/// The documents of a YAML file.
fn documents(text: &str) -> Result<Vec<Json>, String> {
    let mut all = Vec::new();
    let text = format!("\n{text}");
    for part in text.split("\n---") {
        let lines = part.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        if lines.count() == 0 {
            continue;
        }
        let parsed = serde_json::from_str(part).or_else(|_| serde_saphyr::from_str(part));
        all.push(parsed.map_err(|error| error.to_string())?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::conformance::{Yard, conforms};
    use crate::kind::{AnyKind, Erased};

    fn spec(yard: &Yard, release: &str, version: &str, crds: &[&str]) -> Json {
        json!({ "cluster": yard.cluster, "release": release, "version": version, "crds": crds })
    }

    const GATEWAY_API: &[&str] =
        &["gateways.gateway.networking.k8s.io", "gatewayclasses.gateway.networking.k8s.io"];

    #[tokio::test(start_paused = true)]
    async fn conforms_to_its_contract() {
        let yard = Yard::new();
        let first = spec(&yard, "gateway-api", "1.6.0", GATEWAY_API);
        let second = spec(&yard, "gateway-api", "1.6.1", GATEWAY_API);
        conforms(&yard.ground, &Erased(CrdRelease), &first, &second).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_digest_is_that_of_what_was_downloaded() {
        let yard = Yard::new();
        let name = "targetgroupbindings.elbv2.k8s.aws";
        let spec = spec(&yard, "aws-load-balancer-controller", "3.5.0", &[name]);
        let made = yard.ground.make(&Erased(CrdRelease), "a", &spec).await;
        assert_eq!(made.outputs["digest"].as_str().map(str::len), Some(64));
        assert_eq!(made.outputs["crds"], json!([name]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_crd_that_the_release_does_not_have_is_an_error() {
        let yard = Yard::new();
        let spec = spec(&yard, "gateway-api", "1.6.1", &["nothing.example.com"]);
        let error =
            Erased(CrdRelease).create(&yard.ground.cx("a"), &spec).await.expect_err("it is not there");
        assert!(error.message.contains("nothing.example.com"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn crds_that_somebody_else_installed_are_theirs() {
        let yard = Yard::new();
        let wanted = spec(&yard, "gateway-api", "1.6.1", GATEWAY_API);
        yard.ground.make(&Erased(CrdRelease), "a", &wanted).await;
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}", GATEWAY_API[0]);
        let request = http::Request::patch(path)
            .header("content-type", "application/merge-patch+json")
            .body(br#"{"metadata": {"annotations": null}}"#.to_vec())
            .expect("a request");
        yard.objects().await.client().request::<Json>(request).await.expect("patched");
        let found = Erased(CrdRelease).find(&yard.ground.cx("a"), &wanted, None).await.expect("answered");
        assert_eq!(found.expect("there").owner, Ownership::Untagged);
    }

    #[test]
    fn documents_are_split_and_comments_are_none() {
        let text = "# head\n---\n# only words\n---\nkind: A\nspec:\n  text: |\n    a --- b\n---\n{\"kind\": \"B\"}\n";
        let kinds: Vec<Json> =
            documents(text).expect("parsed").iter().map(|json| json["kind"].clone()).collect();
        assert_eq!(kinds, ["A", "B"]);
    }
}
