//! A small stack with everything that can go wrong at its end: one cluster, both controllers, a Gateway of each.

use stack::change::Reason;
use stack::compose::compose;
use stack::graph::Graph;
use stack::plan::{Intent, Plan};
use stack::stack::{Variables, read};

use super::world::World;

/// The EKS name of its cluster.
pub const CLUSTER: &str = "end-edge";
/// The version of Gateways and routes.
pub const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";
/// The Deployment of the Lattice controller.
pub const LATTICE: [&str; 4] =
    ["apps/v1", "Deployment", "aws-application-networking-system", "gateway-api-controller"];
/// The Deployment of the AWS Load Balancer Controller.
pub const BALANCER: [&str; 4] = ["apps/v1", "Deployment", "kube-system", "aws-load-balancer-controller"];

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
    edge_with(edits, "")
}

/// The same with one more object beside its Service.
pub fn edge_with(edits: &[(&str, &str)], object: &str) -> Graph {
    let mut text = TEXT.to_owned();
    for (old, new) in edits {
        assert!(text.contains(old), "the stack does not hold {old}");
        text = text.replace(old, new);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("end.toml");
    std::fs::write(&path, text).expect("it is written");
    let hello = if object.is_empty() { HELLO.to_owned() } else { format!("{HELLO}---\n{object}") };
    std::fs::write(folder.path().join("hello.yaml"), hello).expect("it is written");
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

/// The intent to take everything down.
pub fn destroy() -> Intent {
    Intent::Destroy { targets: Vec::new() }
}

/// Whether an object is there.
pub async fn is_there(world: &World, kind: &str, name: &str) -> bool {
    let all = world.objects(CLUSTER).await.everywhere(GATEWAY_API, kind).await.expect("it is answered");
    all.iter().any(|object| object["metadata"]["name"] == name)
}

/// The addresses that a plan puts back first.
pub fn repaired(plan: &Plan) -> Vec<&str> {
    let is_it = |reason: &Reason| matches!(reason, Reason::Repair { .. });
    plan.changes.iter().filter(|change| is_it(&change.reason)).map(|change| change.address.as_str()).collect()
}

/// Destroys the stack and sees that nothing is left.
pub async fn goes(world: &mut World, stack: &Graph, expected: &[&str]) {
    let plan = world.plan(stack, &destroy()).await.expect("there is a plan");
    assert_eq!(repaired(&plan), expected);
    let outcome = world.carry_out(&plan).await;
    assert!(outcome.is_complete(), "{:#?}", outcome.failed);
    assert!(world.state().is_empty(), "{:#?}", world.state().records.keys());
    world.rest(3_700).await;
    assert_eq!(world.inventory(), World::new().inventory());
}
