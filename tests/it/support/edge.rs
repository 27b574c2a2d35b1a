//! A small stack with everything that can go wrong at its end: one cluster, both controllers, a Gateway of each.

use stack::compose::compose;
use stack::graph::Graph;
use stack::stack::{Variables, read};

use super::world::World;

/// The EKS name of its cluster.
pub const CLUSTER: &str = "end-edge";

const TEXT: &str = r#"
[stack]
name = "end"
region = "us-west-2"
[networks.main]
cidr = "10.0.0.0/16"
zones = 2
nat = "one"
[clusters.edge]
version = "1.35"
network = "main"
[clusters.edge.nodes.default]
instance_types = ["m7g.large"]
size = { min = 2, max = 3 }
[service_networks.core]
name = "core"
clusters = ["edge"]
[controllers.alb]
kind = "aws-load-balancer-controller"
version = "3.5.0"
clusters = ["edge"]
[controllers.lattice]
kind = "aws-gateway-api-controller"
version = "2.1.3"
clusters = ["edge"]
[gateways.web]
class = "alb"
cluster = "edge"
namespace = "web"
scheme = "internet-facing"
listeners = [{ name = "http", protocol = "HTTP", port = 80 }]
[routes.web]
gateway = "web"
rules = [{ path = "/", backends = [{ service = "hello", port = 80 }] }]
[gateways.core]
class = "lattice"
service_network = "core"
cluster = "edge"
namespace = "web"
listeners = [{ name = "http", protocol = "HTTP", port = 80 }]
[routes.cart]
gateway = "core"
rules = [{ path = "/", backends = [{ service = "hello", port = 80 }] }]
[manifests.hello]
cluster = "edge"
files = ["hello.yaml"]
namespace = "web"
"#;

const HELLO: &str = "apiVersion: v1
kind: Service
metadata:
  name: hello
spec:
  selector: { app: hello }
  ports:
    - { port: 80, targetPort: 8080 }
";

/// The stack with some of its text replaced; every replaced text must be there.
pub fn edge(edits: &[(&str, &str)]) -> Graph {
    let mut text = TEXT.to_owned();
    for (old, new) in edits {
        assert!(text.contains(old), "the stack does not hold {old}");
        text = text.replace(old, new);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("end.toml");
    std::fs::write(&path, text).expect("it is written");
    std::fs::write(folder.path().join("hello.yaml"), HELLO).expect("it is written");
    let stack = read(&path, &Variables::default()).unwrap_or_else(|found| panic!("{found:#?}"));
    compose(&stack).unwrap_or_else(|found| panic!("{found:#?}"))
}

/// A world in which the stack is up.
pub async fn raised(stack: &Graph) -> World {
    let mut world = World::new();
    world.secrets = stack.secrets.clone();
    let (_, outcome) = world.up(stack).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    world.events.clear();
    world
}
