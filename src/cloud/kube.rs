//! The way to clusters: one client a cluster and run, made by one DescribeCluster or from a kubeconfig file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Uri;
use http_body_util::BodyExt;
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::sync::OnceCell;

use super::line::{Caller, Line, Wire};
use super::{Cloud, CloudError, CloudResult, ClusterRef, Cx, ErrorSort, Named, Objects};
use crate::graph::Place;

/// How long it is taken for granted that a cluster is not there.
const FAILURE: Duration = Duration::from_secs(3);
/// How often a download is sent elsewhere at most.
const REDIRECTS: usize = 5;

impl Cx {
    /// The client of a cluster; made at first use. `NotFound` if there is no such cluster, `NotYet` while it is
    /// being created.
    pub async fn kube(&self, cluster: &ClusterRef) -> CloudResult<kube::Client> {
        self.objects(cluster).await.map(|objects| objects.client().clone())
    }

    /// The objects of a cluster, as kinds read and write them. Fails as `kube` does.
    pub async fn objects(&self, cluster: &ClusterRef) -> CloudResult<Objects> {
        self.cloud().objects(cluster).await
    }
}

impl Cloud {
    /// See `Cx::objects`.
    pub async fn objects(&self, cluster: &ClusterRef) -> CloudResult<Objects> {
        let cell: Arc<OnceCell<Objects>> = {
            let mut clusters = self.0.clusters.lock().unwrap_or_else(PoisonError::into_inner);
            clusters.entry(cluster.clone()).or_default().clone()
        };
        cell.get_or_try_init(|| self.reach(cluster)).await.cloned()
    }

    /// Connects, unless that failed just now: a plan asks for every object of a cluster that is not there yet.
    async fn reach(&self, cluster: &ClusterRef) -> CloudResult<Objects> {
        let now = self.clock().elapsed();
        let held = |failed: &BTreeMap<ClusterRef, (Duration, CloudError)>| failed.get(cluster).cloned();
        let before = held(&self.0.unreached.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some((at, error)) = before
            && now < at + FAILURE
        {
            return Err(error);
        }
        let reached = self.connect(cluster).await;
        if let Err(error) = &reached
            && matches!(error.sort, ErrorSort::NotFound | ErrorSort::NotYet)
        {
            let mut failed = self.0.unreached.lock().unwrap_or_else(PoisonError::into_inner);
            failed.insert(cluster.clone(), (self.clock().elapsed(), error.clone()));
        }
        reached
    }

    /// Whether a kubeconfig file can be used, as far as the file says. Nothing is sent.
    pub async fn check_kubeconfig(&self, path: &str, context: Option<&str>) -> CloudResult<()> {
        let (config, _) = self.read_kubeconfig(path, context.map(str::to_owned)).await?;
        // Credentials of clients are read here, though not used.
        if self.door().is_none() { network(config).map(drop) } else { Ok(()) }
    }

    /// Forgets how a cluster was reached: for one that is made again under its name.
    pub fn forget(&self, cluster: &ClusterRef) {
        self.0.clusters.lock().unwrap_or_else(PoisonError::into_inner).remove(cluster);
    }

    async fn connect(&self, cluster: &ClusterRef) -> CloudResult<Objects> {
        let (config, caller) = match cluster {
            ClusterRef::Eks { eks, region, account } => {
                let place = Place { account: account.clone(), region: region.clone() };
                let config = self.describe(&place, eks).await?;
                (config, Caller::Eks(place, eks.clone()))
            }
            ClusterRef::Kubeconfig { kubeconfig, context } => {
                self.read_kubeconfig(kubeconfig, context.clone()).await?
            }
        };
        self.wired(cluster, config, caller)
    }

    /// Puts the line to a cluster together.
    fn wired(&self, cluster: &ClusterRef, config: kube::Config, caller: Caller) -> CloudResult<Objects> {
        let wire = match self.door() {
            Some(door) => Wire::Door(door.clone(), config.cluster_url.clone()),
            None => Wire::Network(network(config)?),
        };
        let caller = match (caller, &wire) {
            (Caller::Fixed(_), Wire::Network(_)) => Caller::Wire,
            (caller, _) => caller,
        };
        let line =
            Line { cloud: self.clone(), cluster: cluster.clone(), wire, caller, token: Mutex::default() };
        let line = Arc::new(line);
        let service = tower::service_fn(move |request| {
            let line = line.clone();
            async move { line.send(request).await }
        });
        Ok(Objects::new(kube::Client::new(service, "default"), cluster.clone()))
    }

    async fn describe(&self, place: &Place, name: &str) -> CloudResult<kube::Config> {
        let operation = "EKS.DescribeCluster";
        let answer = self.clients(place).eks.describe_cluster().name(name).send().await.named(operation)?;
        let missing = |what: &str| {
            let words = format!("cluster {name} has no {what} yet");
            CloudError::new(ErrorSort::NotYet, operation, words)
        };
        let cluster = answer.cluster().ok_or_else(|| missing("description"))?;
        let endpoint = cluster.endpoint().ok_or_else(|| missing("endpoint"))?;
        let authority = cluster.certificate_authority().and_then(|authority| authority.data());
        let url: Uri = endpoint.parse().map_err(|_| missing("endpoint that can be read"))?;
        let secure = url.scheme_str() != Some("http");
        let mut config = kube::Config::new(url);
        if let Some(authority) = authority.filter(|_| secure) {
            let pem = STANDARD.decode(authority).map_err(|error| broken(name, &error))?;
            config.root_cert = Some(certificates(&pem));
        }
        Ok(config)
    }

    /// Reads a kubeconfig file: what is wrong with it is told on one line.
    async fn read_kubeconfig(
        &self,
        path: &str,
        context: Option<String>,
    ) -> CloudResult<(kube::Config, Caller)> {
        let operation = format!("reading {path}");
        let fail = |words: String| CloudError::new(ErrorSort::Invalid, operation.clone(), words);
        let at = match (path.strip_prefix("~/"), &self.0.settings.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        };
        let file = Kubeconfig::read_from(at).map_err(|error| fail(innermost(&error)))?;
        let names: Vec<&str> = file.contexts.iter().map(|context| context.name.as_str()).collect();
        let wanted = context.as_deref().or(file.current_context.as_deref()).unwrap_or_default();
        if !names.contains(&wanted) {
            let which = if wanted.is_empty() {
                "no current context".to_owned()
            } else {
                format!("no context `{wanted}`")
            };
            let known = if names.is_empty() { "none at all".to_owned() } else { names.join(", ") };
            return Err(fail(format!("it has {which}; there is {known}")));
        }
        let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(file, &options).await;
        let config = config.map_err(|error| fail(innermost(&error)))?;
        let token = config.auth_info.token.as_ref().map(|token| {
            use secrecy::ExposeSecret;
            token.expose_secret().to_owned()
        });
        Ok((config, token.map_or(Caller::Wire, Caller::Fixed)))
    }

    /// Fetches a file over HTTPS or from the mirror, following redirects.
    pub(super) async fn fetched(&self, url: &str) -> CloudResult<Bytes> {
        let operation = format!("GET {url}");
        let fail = |sort: ErrorSort, words: String| CloudError::new(sort, operation.clone(), words);
        let mut at = self.downloads().mirrored(url);
        for _ in 0..=REDIRECTS {
            let uri: Uri = at.parse().map_err(|_| fail(ErrorSort::Invalid, format!("{at} is no address")))?;
            self.calls().sent(&format!("Download.{}", uri.host().unwrap_or_default()));
            let response =
                self.fetch(&uri).await.map_err(|lost| fail(ErrorSort::Unreachable, lost.to_string()))?;
            let status = response.status();
            let elsewhere =
                response.headers().get(http::header::LOCATION).and_then(|value| value.to_str().ok());
            match (status.is_redirection(), elsewhere) {
                (true, Some(elsewhere)) => at = self.downloads().mirrored(elsewhere),
                _ if status.is_success() => {
                    let body = response.into_body().collect().await;
                    return body
                        .map(http_body_util::Collected::to_bytes)
                        .map_err(|lost| fail(ErrorSort::Unreachable, lost.to_string()));
                }
                _ if status == http::StatusCode::NOT_FOUND => {
                    return Err(fail(ErrorSort::NotFound, "there is no such file".to_owned()));
                }
                _ => return Err(fail(ErrorSort::Unreachable, format!("answered with {status}"))),
            }
        }
        Err(fail(ErrorSort::Other, "redirected too often".to_owned()))
    }

    async fn fetch(&self, uri: &Uri) -> Result<http::Response<crate::door::Body>, crate::door::Lost> {
        let request = http::Request::get(uri).header(http::header::USER_AGENT, "stack");
        if let Some(door) = self.door() {
            return door(request.body(Bytes::new())?).await;
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let base = Uri::builder().scheme(uri.scheme_str().unwrap_or("https"));
        let base =
            base.authority(uri.authority().map_or("", |authority| authority.as_str())).path_and_query("/");
        let client = network(kube::Config::new(base.build()?))?;
        let response =
            client.send(http::Request::get(path).header("user-agent", "stack").body(Body::empty())?).await?;
        Ok(response.map(|body| http_body_util::combinators::UnsyncBoxBody::new(body.map_err(Into::into))))
    }
}

/// kube's own stack: TLS, connections, and the credentials of kubeconfig files. Trying again is the line's.
fn network(mut config: kube::Config) -> CloudResult<kube::Client> {
    config.default_retry = false;
    let url = config.cluster_url.to_string();
    let builder = ClientBuilder::try_from(config).map_err(|error| broken(&url, &error))?;
    Ok(builder.build())
}

fn broken(cluster: &str, error: &dyn std::fmt::Display) -> CloudError {
    CloudError::new(ErrorSort::Invalid, format!("connecting to {cluster}"), error.to_string())
}

/// The first cause of an error, on one line.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The certificates of a PEM text, each as DER.
fn certificates(pem: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(pem);
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let bodies = blocks.filter_map(|block| block.split("-----END CERTIFICATE-----").next());
    bodies.filter_map(|body| STANDARD.decode(body.split_whitespace().collect::<String>()).ok()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloud::{Access, ObjectRef};
    use crate::kind::conformance::Yard;

    fn eks() -> ClusterRef {
        ClusterRef::Eks { eks: "edge".into(), region: "us-west-2".into(), account: None }
    }

    fn namespace() -> ObjectRef {
        ObjectRef {
            api_version: "v1".into(),
            kind: "Namespace".into(),
            namespace: String::new(),
            name: "default".into(),
        }
    }

    fn by_token(yard: &Yard, cloud: &Cloud) -> Objects {
        let place = eks().place().expect("it has a place");
        let config = kube::Config::new(yard.endpoint().parse().expect("an address"));
        cloud.wired(&eks(), config, Caller::Eks(place, "edge".into())).expect("it is wired")
    }

    #[tokio::test(start_paused = true)]
    async fn a_signed_token_with_an_access_entry_opens_the_cluster() {
        let yard = Yard::new();
        let objects = by_token(&yard, &yard.ground.cloud);
        let found = objects.get(&namespace()).await.expect("it is answered").expect("it is there");
        assert_eq!(found["status"]["phase"], "Active");
        assert_eq!(yard.ground.cloud.calls().by_operation()["Kubernetes.GET namespaces"], 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_eks_cluster_is_described_once_and_found_again_when_it_is_another() {
        let yard = Yard::new();
        let cloud = &yard.ground.cloud;
        for _ in 0..3 {
            let objects = cloud.objects(&eks()).await.expect("it is reached");
            objects.get(&namespace()).await.expect("it is answered");
        }
        assert_eq!(cloud.calls().by_operation()["EKS.DescribeCluster"], 1);
        yard.ground.sandbox.world().change(&yard.key, |cluster| {
            cluster["_id"] = json!("ffff");
            cluster["endpoint"] = json!("https://FFFF.gr7.us-west-2.eks.amazonaws.com");
        });
        let error =
            cloud.objects(&eks()).await.expect("held").get(&namespace()).await.expect_err("it is gone");
        assert_eq!(error.sort, ErrorSort::Unreachable, "{error}");
        cloud.objects(&eks()).await.expect("it is reached").get(&namespace()).await.expect("it is answered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_is_not_there_is_asked_for_once_in_a_while() {
        let yard = Yard::new();
        let cloud = &yard.ground.cloud;
        let other = ClusterRef::Eks { eks: "other".into(), region: "us-west-2".into(), account: None };
        for _ in 0..5 {
            let error = cloud.objects(&other).await.map(drop).expect_err("it is not there");
            assert_eq!(error.sort, ErrorSort::NotFound);
        }
        assert_eq!(cloud.calls().by_operation()["EKS.DescribeCluster"], 1);
        cloud.clock().sleep(FAILURE).await;
        cloud.objects(&other).await.map(drop).expect_err("it is not there");
        assert_eq!(cloud.calls().by_operation()["EKS.DescribeCluster"], 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_for_another_cluster_does_not_open_this_one() {
        let yard = Yard::new();
        let place = eks().place().expect("it has a place");
        let config = kube::Config::new(yard.endpoint().parse().expect("an address"));
        let objects =
            yard.ground.cloud.wired(&eks(), config, Caller::Eks(place, "other".into())).expect("wired");
        let error = objects.get(&namespace()).await.expect_err("it is refused");
        assert_eq!((error.sort, error.code.as_str()), (ErrorSort::Denied, "Unauthorized"));
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_access_entry_the_cluster_stays_closed() {
        let yard = Yard::new();
        yard.forbid();
        let objects = by_token(&yard, &yard.ground.cloud);
        let error = objects.get(&namespace()).await.expect_err("it is refused");
        assert_eq!(error.sort, ErrorSort::Denied, "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_made_again_before_it_is_too_old() {
        let yard = Yard::new();
        let objects = by_token(&yard, &yard.ground.cloud);
        for _ in 0..4 {
            objects.get(&namespace()).await.expect("it is let in");
            yard.ground.cloud.clock().sleep(std::time::Duration::from_secs(600)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_asked_for_again_and_a_reader_cannot_write() {
        let yard = Yard::new();
        let fault = crate::sandbox::Fault {
            operation: "kubernetes.GET".into(),
            skip: 0,
            times: 2,
            effect: crate::sandbox::Effect::LostAfter,
        };
        yard.ground.sandbox.world().faults.list.push(fault);
        let reader = yard.ground.with_access(Access::Read);
        let objects = by_token(&yard, &reader);
        objects.get(&namespace()).await.expect("the third attempt is answered");
        assert_eq!(reader.calls().total(), 3);
        let wanted = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}});
        let error = objects.apply(&wanted, false).await.expect_err("it is stopped");
        assert_eq!(error.sort, ErrorSort::Bug, "{error}");
        let error = by_token(&yard, &yard.ground.with_access(Access::Plan)).apply(&wanted, true).await;
        error.expect("a plan may try");
    }
}
