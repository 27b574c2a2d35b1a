//! Random stack files: valid by construction, small mostly, and different in some places from one another.
//!
//! Every gene decides one thing, always the same; 0 is the plainest choice. Few genes changed are few things changed,
//! and a failure shrinks towards an empty file.
//! Left out: networks with `nat = "none"` below a cluster, whose nodes would never reach their API server;
//! changes of what Kubernetes never changes, such as the selector of a Deployment in `[manifests]`, which fail and say
//! so; other Kubernetes versions, since EKS takes none back; `cluster = "x"` in place of `clusters = ["x"]`, which gives the same object another address and is refused unless
//! `[moved]` says so; `prevent_destroy`, which refuses on purpose; several accounts and regions; clusters that exist.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::manifests::{OTHER_POLICY, POLICY, rule, shape_of};

/// So many genes make a file.
pub const GENES: usize = 220;
/// The zone that a fresh sandbox has.
const ZONE: &str = "api.example.com";

/// What decides a file.
pub fn genes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0u8..60, GENES)
}

/// A few genes to set otherwise.
pub fn changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
    proptest::collection::vec((0..GENES, 0u8..60), 0..30)
}

/// The genes with some of them changed.
pub fn changed(genes: &[u8], changes: &[(usize, u8)]) -> Vec<u8> {
    let mut all = genes.to_vec();
    for (at, gene) in changes {
        all[*at] = *gene;
    }
    all
}

/// Reads genes in their order. Every section reads the same number of them, whether it is there or not.
struct Genes<'a>(std::slice::Iter<'a, u8>);

impl Genes<'_> {
    fn next(&mut self) -> usize {
        usize::from(*self.0.next().expect("there are genes enough"))
    }

    /// One of `count`.
    fn of(&mut self, count: usize) -> usize {
        self.next() % count
    }

    /// Whether something is there, in so many of a hundred cases.
    fn there(&mut self, percent: usize) -> bool {
        self.next() * 100 >= 60 * (100 - percent) && percent > 0
    }

    fn pick<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        choices[self.of(choices.len())]
    }
}

struct Network {
    name: &'static str,
    existing: bool,
    groups: Vec<&'static str>,
}

struct Cluster {
    name: &'static str,
    network: usize,
    /// Whether it is in a VPC that was not made for load balancers: all its subnets are public.
    existing: bool,
}

/// A Gateway, as its routes see it.
struct Gateway {
    name: &'static str,
    class: &'static str,
    clusters: Vec<&'static str>,
    namespace: &'static str,
    listeners: Vec<&'static str>,
}

/// Builds the text.
struct Writer<'a> {
    genes: Genes<'a>,
    text: String,
    outputs: Vec<(String, String)>,
}

/// The text of the stack file that these genes make.
pub fn text(genes: &[u8]) -> String {
    let mut writer = Writer { genes: Genes(genes.iter()), text: String::new(), outputs: Vec::new() };
    writer.head();
    let mut sketches = [writer.network_sketch("east", 1), writer.network_sketch("west", 2)];
    let mut clusters: Vec<Cluster> = Vec::new();
    let mut cluster_texts = String::new();
    for name in ["one", "two"] {
        let (there, at, text) = writer.cluster_sketch(name);
        let present: Vec<usize> = (0..2).filter(|at| sketches[*at].is_some()).collect();
        if there && !present.is_empty() {
            let network = present[at % present.len()];
            let (known, _) = sketches[network].as_mut().expect("it is present");
            cluster_texts.push_str(&text.replace("NETWORK", known.name));
            clusters.push(Cluster { name, network, existing: known.existing });
        }
    }
    for (at, sketch) in sketches.iter().enumerate() {
        let Some((_, text)) = sketch else { continue };
        let used = clusters.iter().any(|cluster| cluster.network == at);
        let text = if used { text.replace("nat = \"none\"", "nat = \"one\"") } else { text.clone() };
        writer.text.push_str(&text);
    }
    writer.text.push_str(&cluster_texts);
    let networks: Vec<Option<Network>> =
        sketches.into_iter().map(|sketch| sketch.map(|(network, _)| network)).collect();
    for (network, name) in networks.iter().zip(["east", "west"]) {
        if network.is_some() {
            writer.outputs.push((format!("vpc-{name}"), format!("${{network.{name}.vpc_id}}")));
        }
    }
    let members = writer.service_networks(&clusters, &networks);
    let alb = writer.controller("alb", "aws-load-balancer-controller", "3.5.0", &clusters);
    let lattice = writer.controller("lattice", "aws-gateway-api-controller", "2.1.3", &clusters);
    let certificates = [writer.certificate("shop"), writer.certificate("wild")];
    let known: Vec<&str> = ["shop", "wild"]
        .into_iter()
        .zip(&certificates)
        .filter(|(_, there)| **there)
        .map(|(n, _)| n)
        .collect();
    let mut gateways = Vec::new();
    gateways.extend(writer.web(&alb, &certificates, &clusters));
    gateways.extend(writer.mesh(&members, &lattice, &known));
    writer.routes(&gateways);
    writer.values();
    writer.more_manifests(&clusters);
    writer.outputs();
    writer.text
}

impl Writer<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn head(&mut self) {
        self.line("[stack]\nname = \"test\"\nregion = \"us-west-2\"");
        let tags = self.genes.pick(&[
            "",
            "",
            "",
            "tags = { team = \"a\" }",
            "tags = { team = \"b\", cost = \"1\" }",
        ]);
        self.line(tags);
    }

    fn network_sketch(&mut self, name: &'static str, number: u8) -> Option<(Network, String)> {
        let there = self.genes.there(70);
        let existing = self.genes.there(20) && number == 1;
        let zones = self.genes.pick(&["2", "2", "3"]);
        let nat = self.genes.pick(&["one", "none", "per-zone"]);
        let cidr = self.genes.pick(&["10.0.0.0/16", "10.0.0.0/16", "10.7.0.0/18"]);
        let mut text = format!("[networks.{name}]\n");
        if existing {
            text.push_str("vpc_id = \"vpc-0a1b2c3d4e5f60718\"\n");
        } else {
            let _ = writeln!(text, "cidr = \"{cidr}\"\nzones = {zones}\nnat = \"{nat}\"");
        }
        let mut groups = Vec::new();
        for (group, other) in [("clients", "tls"), ("tls", "clients")] {
            let there = self.genes.there(30);
            let description = self.genes.pick(&["", "", "", "description = \"Another\"\n"]);
            let ingress = [self.genes.of(5), self.genes.of(5)];
            if there {
                groups.push((group, other, description, ingress));
            }
        }
        let names: Vec<&'static str> = groups.iter().map(|(name, ..)| *name).collect();
        for (group, other, description, ingress) in groups {
            let rules: Vec<&str> =
                ingress.iter().filter_map(|one| rule(*one, names.contains(&other))).collect();
            let mut rules: Vec<String> = rules.iter().map(|rule| rule.replace("OTHER", other)).collect();
            rules.dedup();
            let _ = writeln!(
                text,
                "[networks.{name}.security_groups.{group}]\n{description}ingress = [{}]",
                rules.join(", ")
            );
        }
        there.then_some((Network { name, existing, groups: names }, text))
    }

    fn cluster_sketch(&mut self, name: &str) -> (bool, usize, String) {
        let there = self.genes.there(if name == "one" { 40 } else { 20 });
        let network = self.genes.next();
        let version = self.genes.pick(&["1.35"]);
        let called = self.genes.pick(&["", "", "", "", "", "name = \"another\"\n"]);
        let called = called.replace("another", &format!("another-{name}"));
        let mut text = format!("[clusters.{name}]\nversion = \"{version}\"\nnetwork = \"NETWORK\"\n{called}");
        for (group, percent) in [("default", 100), ("more", 20)] {
            let there = self.genes.there(percent) || percent == 100;
            let types = self.genes.pick(&["\"m7g.large\"", "\"t3.large\"", "\"m7g.large\", \"m6g.large\""]);
            let min = 1 + self.genes.of(2);
            let max = min + self.genes.of(3);
            let desired = self.genes.pick(&["", "", ", desired = MIN"]).replace("MIN", &min.to_string());
            let capacity = self.genes.pick(&["", "", "capacity = \"spot\"\n", "capacity = \"on-demand\"\n"]);
            let disk = self.genes.pick(&["", "", "disk = 30\n"]);
            let labels = self.genes.pick(&[
                "",
                "",
                "labels = { role = \"x\" }\n",
                "labels = { a = \"b\", role = \"y\" }\n",
            ]);
            if there {
                let _ = writeln!(
                    text,
                    "[clusters.{name}.nodes.{group}]\ninstance_types = [{types}]\n\
                     size = {{ min = {min}, max = {max}{desired} }}\n{capacity}{disk}{labels}"
                );
            }
        }
        let access = self.genes.there(25);
        let policy = self.genes.pick(&["admin", "edit", "view"]);
        let namespaces = self.genes.pick(&["", "namespaces = [\"a\"]", "namespaces = [\"a\", \"b\"]"]);
        let who = self.genes.pick(&["role/ops", "role/dev"]);
        if access {
            let _ = writeln!(
                text,
                "[clusters.{name}.access.ops]\nprincipal_arn = \"arn:aws:iam::111122223333:{who}\"\n\
                 policy = \"{policy}\"\n{namespaces}"
            );
        }
        let addon = self.genes.pick(&[
            "",
            "",
            "",
            "version = \"v1.12.4-eksbuild.1\"",
            "configuration = { replicaCount = 3 }",
        ]);
        if !addon.is_empty() {
            let _ = writeln!(text, "[clusters.{name}.addons.coredns]\n{addon}");
        }
        (there, network, text)
    }

    /// Which clusters are in which service network.
    fn service_networks(
        &mut self,
        clusters: &[Cluster],
        networks: &[Option<Network>],
    ) -> Vec<(&'static str, Vec<&'static str>)> {
        let mut taken: Vec<usize> = Vec::new();
        let mut all = Vec::new();
        for name in ["core", "side"] {
            let there = self.genes.there(if name == "core" { 65 } else { 20 });
            let called = self
                .genes
                .pick(&["", "", "", "name = \"called\"\n"])
                .replace("called", &format!("{name}-called"));
            let auth = self.genes.pick(&["", "", "auth = \"none\"\n", POLICY, OTHER_POLICY]);
            let chosen = self.genes.of(6);
            let groups = [self.genes.of(3), self.genes.of(3)];
            let logs = self.genes.pick(&["", "", "", "a", "b", "ab"]);
            if !there {
                continue;
            }
            let mut inside = Vec::new();
            let mut associations = String::new();
            let mut here: Vec<usize> = Vec::new();
            for (at, cluster) in clusters.iter().enumerate() {
                let left_out = (chosen == 1 && at == 0) || (chosen == 2 && at == 1) || chosen == 3;
                if left_out || taken.contains(&cluster.network) {
                    continue;
                }
                inside.push(cluster.name);
                let known = networks[cluster.network].as_ref().expect("a cluster has its network");
                if groups[at] > 0 && !known.groups.is_empty() && !here.contains(&cluster.network) {
                    let group = known.groups[groups[at] % known.groups.len()];
                    let _ = writeln!(
                        associations,
                        "[service_networks.{name}.associations.{}]\nsecurity_groups = [\"{group}\"]",
                        cluster.name
                    );
                }
                here.push(cluster.network);
            }
            taken.extend(here);
            let arns: Vec<String> = logs
                .chars()
                .map(|log| match log {
                    'a' => "\"arn:aws:logs:us-west-2:111122223333:log-group:mesh\"".to_owned(),
                    _ => "\"arn:aws:s3:::mesh-logs\"".to_owned(),
                })
                .collect();
            let logs = if arns.is_empty() {
                String::new()
            } else {
                format!("access_logs = [{}]\n", arns.join(", "))
            };
            let list = quoted(&inside);
            self.line(&format!(
                "[service_networks.{name}]\n{called}{auth}clusters = [{list}]\n{logs}{associations}"
            ));
            self.outputs.push((format!("sn-{name}"), format!("${{service_network.{name}.arn}}")));
            all.push((name, inside));
        }
        all
    }

    fn controller(
        &mut self,
        name: &str,
        kind: &str,
        version: &str,
        clusters: &[Cluster],
    ) -> Vec<&'static str> {
        let there = self.genes.there(65);
        let chosen = self.genes.of(4);
        let replicas = self.genes.pick(&["", "", "replicas = 1\n", "replicas = 3\n"]);
        let left_out = |at: usize| (chosen == 1 && at == 0) || (chosen == 2 && at == 1);
        let mut inside: Vec<&'static str> = Vec::new();
        if there {
            let kept = clusters.iter().enumerate().filter(|(at, _)| !left_out(*at));
            inside.extend(kept.map(|(_, cluster)| cluster.name));
        }
        if !inside.is_empty() {
            let list = quoted(&inside);
            self.line(&format!(
                "[controllers.{name}]\nkind = \"{kind}\"\nversion = \"{version}\"\nclusters = [{list}]\n{replicas}"
            ));
        }
        inside
    }

    fn certificate(&mut self, name: &str) -> bool {
        let there = self.genes.there(40);
        let domain = if name == "shop" {
            self.genes.pick(&["shop.api.example.com", "shop.api.example.com", "*.api.example.com"])
        } else {
            self.genes.pick(&["*.api.example.com", "api.example.com", "shop.api.example.com"])
        };
        let more =
            self.genes.pick(&["", "", "*.api.example.com", "api.example.com", "x.shop.api.example.com"]);
        let names = if more.is_empty() || more == domain {
            String::new()
        } else {
            format!("alternative_names = [\"{more}\"]\n")
        };
        if there {
            self.line(&format!("[certificates.{name}]\ndomain = \"{domain}\"\nzone = \"{ZONE}\"\n{names}"));
        }
        there
    }

    /// A load balancer.
    fn web(
        &mut self,
        clusters: &[&'static str],
        certificates: &[bool; 2],
        all: &[Cluster],
    ) -> Option<Gateway> {
        let there = self.genes.there(65);
        let class = self.genes.pick(&["alb", "alb", "nlb"]);
        let at = self.genes.next();
        let namespace = self.genes.pick(&["default", "shop"]);
        let scheme = self.genes.pick(&["internet-facing", "internal"]);
        let kinds = self.genes.of(4);
        let certificate = self.genes.of(2);
        let host = self.genes.of(3);
        let attribute = self.genes.pick(&["", "", "", "60", "120"]);
        let dns = self.genes.there(40);
        if !there || clusters.is_empty() {
            return None;
        }
        let cluster = clusters[at % clusters.len()];
        let public = all.iter().any(|known| known.name == cluster && known.existing);
        let scheme = if public { "internet-facing" } else { scheme };
        let mut listeners = Vec::new();
        let mut shown = Vec::new();
        if class == "nlb" {
            listeners.push("tcp");
            shown.push("{ name = \"tcp\", protocol = \"TCP\", port = 80 }".to_owned());
        } else {
            // Either certificate may be for any of the names: a hostname would ask for the right one.
            let have = certificates.iter().any(|there| *there);
            if kinds != 1 || !have {
                listeners.push("http");
                let host = if host == 1 { ", hostname = \"*.api.example.com\"" } else { "" };
                let port = if kinds == 3 { 8080 } else { 80 };
                shown.push(format!("{{ name = \"http\", protocol = \"HTTP\", port = {port}{host} }}"));
            }
            if kinds != 0 && have {
                listeners.push("https");
                let key =
                    ["shop", "wild"][if certificates[certificate] { certificate } else { 1 - certificate }];
                shown.push(format!(
                    "{{ name = \"https\", protocol = \"HTTPS\", port = 443, certificate = \"{key}\" }}"
                ));
            }
        }
        let mut text = format!(
            "[gateways.web]\nclass = \"{class}\"\ncluster = \"{cluster}\"\nnamespace = \"{namespace}\"\nscheme = \"{scheme}\"\nlisteners = [{}]\n",
            shown.join(", ")
        );
        if !attribute.is_empty() && class == "alb" {
            let _ = writeln!(text, "attributes = {{ \"idle_timeout.timeout_seconds\" = \"{attribute}\" }}");
        }
        if dns {
            let _ = writeln!(text, "dns = {{ zone = \"{ZONE}\" }}");
        }
        self.line(&text);
        self.outputs.push(("web".into(), "${gateway.web.address}".into()));
        Some(Gateway { name: "web", class, clusters: vec![cluster], namespace, listeners })
    }

    /// A Gateway of a service network.
    fn mesh(
        &mut self,
        members: &[(&'static str, Vec<&'static str>)],
        controllers: &[&'static str],
        certificates: &[&str],
    ) -> Option<Gateway> {
        let there = self.genes.there(75);
        let at = self.genes.next();
        let several = self.genes.of(3);
        let namespace = self.genes.pick(&["default", "shop", "mesh"]);
        let kinds = self.genes.of(4);
        let certificate = self.genes.next();
        let dns = self.genes.pick(&["", "", "api.example.com", "mesh.internal"]);
        let usable: Vec<(&str, Vec<&'static str>)> = members
            .iter()
            .map(|(name, inside)| {
                (*name, inside.iter().copied().filter(|cluster| controllers.contains(cluster)).collect())
            })
            .filter(|(_, inside): &(&str, Vec<&str>)| !inside.is_empty())
            .collect();
        if !there || usable.is_empty() {
            return None;
        }
        let (network, mut clusters) = usable[at % usable.len()].clone();
        if several == 1 {
            clusters.truncate(1);
        }
        let mut listeners = Vec::new();
        let mut shown = Vec::new();
        if kinds != 1 {
            listeners.push("http");
            let port = if kinds == 3 { 8080 } else { 80 };
            shown.push(format!("{{ name = \"http\", protocol = \"HTTP\", port = {port} }}"));
        }
        if kinds == 1 || kinds == 2 {
            listeners.push("https");
            let key = match certificates.len() {
                0 => String::new(),
                count => match certificate % (count + 1) {
                    0 => String::new(),
                    n => format!(", certificate = \"{}\"", certificates[n - 1]),
                },
            };
            shown.push(format!("{{ name = \"https\", protocol = \"HTTPS\", port = 443{key} }}"));
        }
        let place = format!("clusters = [{}]", quoted(&clusters));
        let dns =
            if dns.is_empty() { String::new() } else { format!("dns = {{ private_zone = \"{dns}\" }}\n") };
        self.line(&format!(
            "[gateways.mesh]\nclass = \"lattice\"\nservice_network = \"{network}\"\n{place}\nnamespace = \"{namespace}\"\nlisteners = [{}]\n{dns}",
            shown.join(", ")
        ));
        Some(Gateway { name: "mesh", class: "lattice", clusters, namespace, listeners })
    }

    fn routes(&mut self, gateways: &[Gateway]) {
        // The Services behind the routes, by cluster and namespace.
        let mut behind: Vec<(&str, &str)> = Vec::new();
        let mut tcp = false;
        for name in ["a", "b", "c"] {
            let there = self.genes.there(55);
            let (at, cluster) = (self.genes.next(), self.genes.next());
            let one_listener = self.genes.there(25);
            let host = self.genes.of(3);
            let own = self.genes.pick(&["", "", "", "apps"]);
            let shape = self.genes.of(6);
            let weight = self.genes.pick(&["", ", weight = 1", ", weight = 5"]);
            let Some(gateway) = gateways.get(at % gateways.len().max(1)).filter(|_| there) else { continue };
            // A listener of an NLB takes one route.
            if gateway.class == "nlb" && std::mem::replace(&mut tcp, true) {
                continue;
            }
            let cluster = gateway.clusters[cluster % gateway.clusters.len()];
            let namespace = if own.is_empty() { gateway.namespace } else { own };
            let mut text =
                format!("[routes.{name}]\ngateway = \"{}\"\ncluster = \"{cluster}\"\n", gateway.name);
            if !own.is_empty() {
                let _ = writeln!(text, "namespace = \"{own}\"");
            }
            if one_listener {
                let _ = writeln!(text, "listeners = [\"{}\"]", gateway.listeners[0]);
            }
            if host > 0 && gateway.class != "nlb" {
                let _ = writeln!(text, "hostnames = [\"{name}{host}.{ZONE}\"]");
            }
            let shape = if gateway.class == "nlb" { 0 } else { shape };
            let _ = writeln!(text, "rules = [{}]", shape_of(shape).replace("WEIGHT", weight));
            self.line(&text);
            if gateway.name == "mesh" {
                self.outputs.push((format!("route-{name}"), format!("${{route.{name}.domain_name}}")));
            }
            if !behind.contains(&(cluster, namespace)) {
                behind.push((cluster, namespace));
            }
        }
        for (cluster, namespace) in behind {
            self.line(&format!(
                "[manifests.{cluster}-{namespace}]\ncluster = \"{cluster}\"\nfiles = [\"services.yaml\"]\nnamespace = \"{namespace}\"\n"
            ));
        }
    }

    fn values(&mut self) {
        let there = self.genes.there(40);
        let commit = self.genes.pick(&["abc", "def"]);
        let linked = self.genes.there(40);
        let to = self.genes.of(4);
        if there {
            self.line(&format!("[values.release]\ninput = {{ commit = \"{commit}\" }}\n"));
            self.outputs.push(("release".into(), "${value.release.id}".into()));
        }
        let known: Vec<String> = self.outputs.iter().map(|(_, reference)| reference.clone()).collect();
        if linked && !known.is_empty() {
            let reference = &known[to % known.len()];
            self.line(&format!(
                "[values.link]\ninput = {{ to = \"{reference}\", text = \"is {reference}\" }}\n"
            ));
        }
    }

    fn more_manifests(&mut self, clusters: &[Cluster]) {
        let there = self.genes.there(45);
        let at = self.genes.next();
        let files = self.genes.pick(&[
            "\"config.yaml\"",
            "\"config-2.yaml\"",
            "\"crd.yaml\", \"custom.yaml\"",
            "\"config.yaml\", \"crd.yaml\", \"custom.yaml\", \"work.yaml\"",
            "\"work.yaml\"",
            "\"work-2.yaml\"",
        ]);
        let namespace = self.genes.pick(&["", "namespace = \"extra\"\n", "namespace = \"shop\"\n"]);
        if there && !clusters.is_empty() {
            let all: Vec<&str> = clusters.iter().map(|cluster| cluster.name).collect();
            let place = match at % 3 {
                0 => format!("clusters = [\"{}\"]", all[0]),
                1 => format!("clusters = [\"{}\"]", all[all.len() - 1]),
                _ => format!("clusters = [{}]", quoted(&all)),
            };
            self.line(&format!("[manifests.extra]\n{place}\nfiles = [{files}]\n{namespace}"));
        }
    }

    fn outputs(&mut self) {
        self.line("[outputs]");
        for (name, reference) in std::mem::take(&mut self.outputs) {
            self.line(&format!("{name} = \"{reference}\""));
        }
    }
}

fn quoted(names: &[&str]) -> String {
    let all: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    all.join(", ")
}
