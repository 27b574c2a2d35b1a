//! Which keys each section has, and how a whole `Stack` is read. The types are in `model`, the rules in `check`.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::decode::{Cx, Decode, Fields, record, words};
use super::diagnostic::Diagnostic;
use super::duration::Limit;
use super::model::*;
use super::node::{Content, Node};
use super::source::Source;
use super::suggest;
use crate::secret::Secrets;

record!(Head { need name, need region, may account, may tags });
record!(Account { need role_arn, may region });
record!(Network {
    may cidr, may zones, may nat, may vpc_id, may security_groups, may account in "accounts", may region,
});
words!(Nat { "one" => One, "per-zone" => PerZone, "none" => None });
record!(SecurityGroup { may description, may ingress });
record!(Allow { may protocol, may_port port, may cidr, may security_group });
record!(Cluster {
    may name, may version, may network in "networks", may existing, may nodes, may addons, may access,
    may public_endpoint, may account in "accounts", may region,
});
record!(Existing { may eks, may vpc_id, may kubeconfig, may context, may iam });
words!(Iam { "pod-identity" => PodIdentity, "none" => None });
record!(Nodes { need instance_types, need size, may capacity, may disk, may labels });
words!(Capacity { "on-demand" => OnDemand, "spot" => Spot });
record!(Size { need min, need max, may desired });
record!(Addon { may version, may configuration });
record!(Access { need principal_arn, need policy, may namespaces });
record!(ServiceNetwork {
    may name, may auth, may policy, may clusters in "clusters", may associations, may access_logs,
    may account in "accounts", may region,
});
words!(Auth { "none" => None, "iam" => Iam });
record!(Association { may security_groups });
record!(Controller { need kind, need version, need clusters in "clusters", may replicas });
words!(ControllerKind {
    "aws-load-balancer-controller" => LoadBalancer,
    "aws-gateway-api-controller" => Lattice,
});
record!(Certificate {
    may domain, may alternative_names, may zone, may arn, may account in "accounts", may region,
});
record!(Gateway {
    need class, may cluster in "clusters", may clusters in "clusters", may namespace, may scheme,
    may service_network in "service_networks", may listeners, may dns, may attributes,
});
words!(Class { "alb" => Alb, "nlb" => Nlb, "lattice" => Lattice });
words!(Scheme { "internet-facing" => InternetFacing, "internal" => Internal });
record!(Listener {
    need name, need protocol, need_port port, may hostname, may certificate in "certificates",
});
words!(Protocol { "HTTP" => Http, "HTTPS" => Https, "TLS" => Tls, "TCP" => Tcp, "UDP" => Udp });
record!(Dns { may zone, may private_zone });
record!(Route {
    need gateway in "gateways", may cluster in "clusters", may namespace, may listeners, may hostnames, need rules,
});
record!(Rule { may path, may method, may headers, need backends });
record!(Backend { need service, need_port port, may weight, may namespace });
record!(Manifests {
    may cluster in "clusters", may clusters in "clusters", need files, may namespace,
} besides objects);
record!(Input { need input });
record!(Rules { may prevent_destroy, may ignore_changes, may timeouts });
record!(Timeouts { may create, may update, may delete });
record!(Removed { need destroy });

/// `[state]`.
#[derive(Default)]
struct State {
    backend: Option<String>,
    region: Option<String>,
    endpoint: Option<String>,
    kms_key_id: Option<String>,
    lease: Option<Limit>,
    encryption: Option<Encryption>,
}
record!(State { may backend, may region, may endpoint, may kms_key_id, may lease, may encryption });
record!(Encryption { may passphrase_env, may recipients, may identity_env });

/// The top-level tables of a stack file.
const TOP: [&str; 17] = [
    "stack",
    "state",
    "variables",
    "accounts",
    "networks",
    "clusters",
    "service_networks",
    "controllers",
    "certificates",
    "gateways",
    "routes",
    "manifests",
    "values",
    "outputs",
    "lifecycle",
    "moved",
    "removed",
];

/// What could be read of a file.
pub(super) struct Read {
    /// The entries that are well typed. If `head` is false, its head is empty.
    pub(super) stack: Stack,
    /// Whether `[stack]` is well typed.
    pub(super) head: bool,
}

/// Reads all sections. Entries with mistakes are left out.
pub(super) fn read(root: &Node, source: Source, cx: &mut Cx<'_>) -> Read {
    for entry in root.entries().iter().filter(|entry| !TOP.contains(&entry.name.as_str())) {
        let hint = suggest::hint(&entry.name, &TOP);
        let message = format!("unknown section `{}`", entry.name);
        cx.found.push(Diagnostic::new(message, Some(entry.key.clone())).hint(hint));
    }
    let head = head(root, cx);
    let read = head.is_some();
    let empty = Head { name: String::new(), region: String::new(), account: None, tags: Default::default() };
    let state = root.entry("state").and_then(|entry| State::decode(&entry.node, cx)).unwrap_or_default();
    let stack = Stack {
        head: head.unwrap_or(empty),
        backend: state.backend,
        keeping: Keeping {
            region: state.region,
            endpoint: state.endpoint,
            kms_key_id: state.kms_key_id,
            lease: state.lease,
        },
        encryption: state.encryption,
        accounts: section(root, "accounts", cx),
        networks: section(root, "networks", cx),
        clusters: section(root, "clusters", cx),
        service_networks: section(root, "service_networks", cx),
        controllers: section(root, "controllers", cx),
        certificates: section(root, "certificates", cx),
        gateways: section(root, "gateways", cx),
        routes: section(root, "routes", cx),
        manifests: section(root, "manifests", cx),
        values: section(root, "values", cx),
        outputs: section(root, "outputs", cx),
        lifecycle: section(root, "lifecycle", cx),
        moved: section(root, "moved", cx),
        removed: section(root, "removed", cx),
        variables: BTreeMap::new(),
        secrets: Secrets::default(),
        source,
        spans: root.spans(),
    };
    Read { stack, head: read }
}

fn head(root: &Node, cx: &mut Cx<'_>) -> Option<Head> {
    if let Some(entry) = root.entry("stack") {
        return Head::decode(&entry.node, cx);
    }
    let message =
        if root.entries().is_empty() { "the file is empty" } else { "the section `[stack]` is missing" };
    let hint = "begin with `[stack]`, `name = \"…\"` and `region = \"…\"`";
    cx.found.push(Diagnostic::new(message, None).hint(hint));
    None
}

/// The well-typed entries of a section.
fn section<T: Decode>(root: &Node, name: &str, cx: &mut Cx<'_>) -> IndexMap<String, T> {
    let Some(entry) = root.entry(name) else {
        return IndexMap::new();
    };
    if !matches!(entry.node.content, Content::Table(_)) {
        cx.wrong(&entry.node, "a table");
    }
    let mut read = IndexMap::new();
    for entry in entry.node.entries() {
        read.extend(T::decode(&entry.node, cx).map(|value| (entry.name.clone(), value)));
    }
    read
}
