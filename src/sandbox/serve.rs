//! The loopback door: the same handlers on a real socket, for other processes of this machine and nobody else.
//!
//! AWS clients are told apart by what they sign for, clusters by their path, `/clusters/<id>/…`. Time runs at the
//! clock's speed. What the environment of clients must hold is said in `cli`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Body as AxumBody;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

use super::Sandbox;
use super::kube::STATIC_TOKEN;
use crate::door::{Body, Door, full};

/// Before the host and path of a download.
pub const RELEASES: &str = "/releases/";
/// Larger bodies are refused.
const LARGEST: usize = 64 << 20;
/// Between two looks at what is due.
const TICK: Duration = Duration::from_millis(100);

/// A cloud with a socket, not yet open for calls.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    sandbox: Sandbox,
}

impl Server {
    /// Takes a port of 127.0.0.1; any free one for 0. From here on clusters tell endpoints on it.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn bind(sandbox: Sandbox, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let server = Self { listener, address, sandbox };
        server.sandbox.world().base_url = Some(server.base_url());
        Ok(server)
    }

    /// `http://127.0.0.1:4566`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Writes a kubeconfig with a context for each cluster there is now.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_kubeconfig(&self, path: &Path) -> io::Result<()> {
        replace(path, &kubeconfig(&self.sandbox, &self.base_url()))
    }

    /// Answers for ever, lets happen what is due, and keeps a kubeconfig with a context for each cluster.
    ///
    /// # Errors
    /// The socket, the log or the kubeconfig cannot be kept.
    pub async fn run(self, kubeconfig: &Path) -> io::Result<()> {
        let Self { listener, address, sandbox } = self;
        let base_url = format!("http://{address}");
        let door = sandbox.door_at_once();
        let answer = move |request| respond(door.clone(), address, request);
        let serving = axum::serve(listener, Router::new().fallback(answer));
        tokio::select! {
            ended = serving.into_future() => ended,
            ended = tick(&sandbox, &base_url, kubeconfig) => ended,
        }
    }
}

/// Lets happen what is due, and follows the clusters. Ends only with an error.
async fn tick(sandbox: &Sandbox, base_url: &str, path: &Path) -> io::Result<()> {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut written = None;
    let mut looked = None;
    loop {
        ticks.tick().await;
        sandbox.settle()?;
        let revision = sandbox.world().revision;
        if looked.replace(revision) == Some(revision) {
            continue;
        }
        let now = kubeconfig(sandbox, base_url);
        if written.as_ref() != Some(&now) {
            replace(path, &now)?;
            written = Some(now);
        }
    }
}

/// A kubeconfig with a context for each cluster, by its name; by name and region where two share one.
pub fn kubeconfig(sandbox: &Sandbox, base_url: &str) -> String {
    let world = sandbox.world();
    let clusters: Vec<_> = world.all().filter(|(key, _)| key.table == "eks/cluster").collect();
    let name = |key: &super::Key| {
        let alone = clusters.iter().filter(|(other, _)| other.id == key.id).count() == 1;
        if alone { key.id.clone() } else { format!("{}.{}.{}", key.id, key.region, key.account) }
    };
    let known =
        clusters.iter().filter_map(|(key, doc)| Some((name(key), doc["_id"].as_str()?.to_lowercase())));
    let known: Vec<_> = known.collect();
    let servers = known.iter().map(
        |(name, id)| json!({ "name": name, "cluster": { "server": format!("{base_url}/clusters/{id}") } }),
    );
    let contexts = known
        .iter()
        .map(|(name, _)| json!({ "name": name, "context": { "cluster": name, "user": "sandbox" } }));
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": servers.collect::<Vec<_>>(),
        "users": [{ "name": "sandbox", "user": { "token": STATIC_TOKEN } }],
        "contexts": contexts.collect::<Vec<_>>(),
        "current-context": known.first().map_or("", |(name, _)| name),
    });
    // JSON is YAML.
    format!("{config:#}\n")
}

/// Writes a file so that a reader sees all of the old or all of the new.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let fresh = tempfile::NamedTempFile::new_in(folder)?;
    std::fs::write(fresh.path(), text)?;
    fresh.persist(path).map(drop).map_err(|error| error.error)
}

async fn respond(door: Door, address: SocketAddr, request: Request<AxumBody>) -> Response<AxumBody> {
    let answer = match read(address, request).await {
        Ok(request) => door(request).await,
        Err(refused) => Ok(refused),
    };
    let answer = answer.unwrap_or_else(|lost| refuse(StatusCode::INTERNAL_SERVER_ERROR, &lost.to_string()));
    // A watch goes on for ever, so the body is passed on piece by piece.
    answer.map(|body| AxumBody::new(body.map_err(axum::Error::new)))
}

/// The request with all of its body and an absolute URI. A page of the web that talks to this port under a name of
/// its own is refused.
async fn read(
    address: SocketAddr,
    request: Request<AxumBody>,
) -> Result<Request<bytes::Bytes>, Response<Body>> {
    let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let ours = [address.to_string(), format!("localhost:{}", address.port())];
    if !ours.iter().any(|known| known == host) {
        return Err(refuse(StatusCode::FORBIDDEN, "the embedded cloud answers on 127.0.0.1 only"));
    }
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let absolute = match path.strip_prefix(RELEASES) {
        // What is behind here is asked for as at its own host.
        Some(rest) => format!("https://{rest}").parse::<Uri>(),
        None => format!("http://{address}{path}").parse(),
    };
    // kubectl keeps its credentials to itself where there is no TLS; whoever is on this machine may come in.
    if path.starts_with("/clusters/") && !parts.headers.contains_key(AUTHORIZATION) {
        let token = HeaderValue::try_from(format!("Bearer {STATIC_TOKEN}"));
        parts.headers.insert(AUTHORIZATION, token.expect("a word is a sound header"));
    }
    parts.uri = absolute.map_err(|error| refuse(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let body = axum::body::to_bytes(body, LARGEST).await;
    let body = body.map_err(|error| refuse(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string()))?;
    Ok(Request::from_parts(parts, body))
}

fn refuse(status: StatusCode, why: &str) -> Response<Body> {
    let mut response = Response::new(full(format!("{why}\n")));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::clock::Clock;
    use crate::sandbox::Key;
    use crate::sandbox::world::ACCOUNT;

    async fn ask(server: &str, request: &str) -> String {
        let mut socket = tokio::net::TcpStream::connect(server).await.expect("connects");
        socket.write_all(request.as_bytes()).await.expect("is sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("is answered");
        answer
    }

    #[tokio::test]
    async fn answers_aws_and_downloads_on_loopback_and_nobody_under_another_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kubeconfig");
        let server = Server::bind(Sandbox::fresh(Clock::system(1)), 0).await.expect("binds");
        let address = server.address.to_string();
        let running = tokio::spawn(async move { server.run(&path).await });
        let body = "Action=GetCallerIdentity&Version=2011-06-15";
        let request = |host: &str| {
            format!(
                "POST / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\nauthorization: \
                 AWS4-HMAC-SHA256 Credential=AKIASANDBOX/20260101/us-west-2/sts/aws4_request, \
                 SignedHeaders=host, Signature=0\r\n\r\n{body}",
                body.len()
            )
        };
        let answer = ask(&address, &request(&address)).await;
        assert!(answer.contains("<Account>111122223333</Account>"), "{answer}");
        let release = "github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.1/standard-install.yaml";
        let release =
            format!("GET /releases/{release} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        let downloaded = ask(&address, &release).await;
        assert!(downloaded.contains("CustomResourceDefinition"), "{downloaded}");
        let refused = ask(&address, &request("evil.example.com")).await;
        assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
        running.abort();
    }

    #[tokio::test]
    async fn the_kubeconfig_has_a_context_for_each_cluster() {
        let sandbox = Sandbox::fresh(Clock::system(1));
        let key = |region: &str, id: &str| Key {
            account: ACCOUNT.into(),
            region: region.into(),
            table: "eks/cluster".into(),
            id: id.into(),
        };
        for (region, name, id) in
            [("us-west-2", "edge", "A1"), ("us-east-1", "edge", "B2"), ("us-east-1", "apps", "C3")]
        {
            sandbox.world().put(key(region, name), json!({ "_id": id }));
        }
        let config = kubeconfig(&sandbox, "http://127.0.0.1:1");
        let config: serde_json::Value = serde_json::from_str(&config).expect("is JSON");
        let names: Vec<_> =
            config["contexts"].as_array().expect("a list").iter().map(|c| &c["name"]).collect();
        assert_eq!(names, ["apps", "edge.us-east-1.111122223333", "edge.us-west-2.111122223333"]);
        assert_eq!(config["clusters"][0]["cluster"]["server"], "http://127.0.0.1:1/clusters/c3");
    }
}
