//! The rules between the entries of a stack file, and those that its types do not say. One file a subject.
//!
//! Every rule looks only at what could be read: an entry with mistakes of its own is left out and blames nobody else.
//! That names which other sections refer to are declared is checked by `decode`.

mod addresses;
mod certificates;
mod cidr;
mod clusters;
mod controllers;
mod gateways;
mod head;
mod hostname;
mod listeners;
mod manifests;
mod name;
mod networks;
mod routes;
mod service_networks;
mod values;

use super::decode::Cx;
use super::diagnostic::Diagnostic;
use super::model::{Cluster, Stack};
use super::names::Names;
use super::node::Node;
use super::sections::Read;
use super::suggest;

/// What the rules look at, and what they find.
struct Rules<'a> {
    stack: &'a Stack,
    names: &'a Names,
    found: Vec<Diagnostic>,
}

/// Checks all rules.
pub(super) fn all(read: &Read, root: &Node, cx: &mut Cx<'_>) {
    let mut rules = Rules { stack: &read.stack, names: cx.names, found: Vec::new() };
    if read.head {
        head::check(&mut rules);
    }
    head::places(&mut rules);
    name::check(root, &mut rules);
    networks::check(&mut rules);
    clusters::check(&mut rules);
    service_networks::check(&mut rules);
    controllers::check(&mut rules);
    certificates::check(&mut rules);
    gateways::check(&mut rules);
    routes::check(&mut rules);
    manifests::check(&mut rules);
    values::check(&mut rules);
    addresses::check(&mut rules);
    cx.found.append(&mut rules.found);
}

impl<'a> Rules<'a> {
    /// Reports a value.
    fn value(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.found.push(Diagnostic::new(message, self.stack.spans.of(path)).hint(hint));
    }

    /// Reports a key, or what is missing beside it.
    fn key(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.found.push(Diagnostic::new(message, self.stack.spans.key(path)).hint(hint));
    }

    /// Reports the second of two that exclude each other, and shows the first.
    fn pair(&mut self, first: &str, second: &str, message: impl Into<String>, hint: impl Into<String>) {
        let spans = &self.stack.spans;
        let diagnostic = Diagnostic::new(message, spans.of(second)).label("this one").hint(hint);
        self.found.push(diagnostic.other(spans.of(first), "and this one"));
    }

    /// Reports a word that is not among those allowed.
    fn one_of(&mut self, path: &str, what: &str, word: &str, allowed: &[&str]) {
        if !allowed.contains(&word) {
            self.value(path, format!("`{word}` is not {what}"), suggest::hint(word, allowed));
        }
    }

    /// Refuses keys that something else excludes: each with whether it is there.
    fn without(&mut self, path: &str, keys: &[(&str, bool)], because: &str, hint: &str) {
        for (key, _) in keys.iter().filter(|(_, there)| *there) {
            self.key(&format!("{path}.{key}"), format!("`{key}` does not go with {because}"), hint);
        }
    }

    /// The region and account key of something that names them or leaves them out.
    fn place(&self, account: Option<&'a str>, region: Option<&'a str>) -> (Option<&'a str>, &'a str) {
        let of_account = account.and_then(|account| self.stack.accounts.get(account)?.region.as_deref());
        (account, region.or(of_account).unwrap_or(&self.stack.head.region))
    }

    /// Where a cluster is.
    fn cluster_place(&self, cluster: &'a Cluster) -> (Option<&'a str>, &'a str) {
        self.place(cluster.account.as_deref(), cluster.region.as_deref())
    }

    /// What tells the VPC of a cluster from others, if the file says it.
    fn vpc(&self, cluster: &str) -> Option<String> {
        let cluster = self.stack.clusters.get(cluster)?;
        if let Some(network) = &cluster.network {
            let existing = self.stack.networks.get(network).and_then(|network| network.vpc_id.clone());
            return Some(existing.unwrap_or_else(|| format!("network {network}")));
        }
        cluster.existing.as_ref()?.vpc_id.clone()
    }
}

/// The place of each name in a list, for paths.
fn indexed(items: &[String]) -> impl Iterator<Item = (usize, &str)> {
    items.iter().map(String::as_str).enumerate()
}
