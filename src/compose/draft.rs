//! `Draft`: the resources composed so far, and what was wrong.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value as Json, json};

use super::entries::{self, Entries};
use super::{gateways, routes};
use crate::address::Address;
use crate::graph::{Place, Resource};
use crate::stack::{Diagnostic, Stack};

/// What all sections write into.
pub(super) struct Draft<'a> {
    /// What is composed.
    pub(super) stack: &'a Stack,
    /// Every object of every manifest, by cluster.
    pub(super) entries: Entries<'a>,
    /// Every Gateway object of `[gateways]`.
    pub(super) gateways: Rc<[gateways::Post<'a>]>,
    /// Every route object of `[routes]` whose Gateway can be told.
    pub(super) routes: Rc<[routes::Post<'a>]>,
    /// In the order of composition.
    pub(super) resources: Vec<Resource>,
    /// What is wrong, in the order in which it was found.
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'a> Draft<'a> {
    /// No resources yet, but all objects that sections name.
    pub(super) fn new(stack: &'a Stack) -> Self {
        let mut draft = Self {
            stack,
            entries: Entries::default(),
            gateways: Rc::default(),
            routes: Rc::default(),
            resources: Vec::new(),
            diagnostics: Vec::new(),
        };
        draft.entries = entries::read(&mut draft);
        draft.gateways = gateways::posts(&draft).into();
        draft.routes = routes::posts(&draft).into();
        draft
    }

    /// Adds a resource.
    pub(super) fn add(&mut self, resource: Resource) {
        self.resources.push(resource);
    }

    /// Adds a resource unless there is one of its address already: for what several sections share.
    pub(super) fn add_once(&mut self, resource: Resource) {
        if !self.has(&resource.address) {
            self.add(resource);
        }
    }

    /// Whether a resource was added.
    pub(super) fn has(&self, address: &Address) -> bool {
        self.resources.iter().any(|resource| resource.address == *address)
    }

    /// Notes what is wrong at a dotted path of the file, and what to do.
    pub(super) fn fail(&mut self, path: &str, message: impl Into<String>, hint: &str) {
        let diagnostic = Diagnostic::new(message, self.stack.spans.of(path));
        self.diagnostics.push(if hint.is_empty() { diagnostic } else { diagnostic.hint(hint) });
    }

    /// Where a section lives: what it says itself, else its account, else the stack.
    pub(super) fn place(&self, account: Option<&String>, region: Option<&String>) -> Place {
        let of_account =
            account.and_then(|name| self.stack.accounts.get(name)).and_then(|a| a.region.as_ref());
        let region = region.or(of_account).unwrap_or(&self.stack.head.region);
        Place { account: account.cloned(), region: region.clone() }
    }

    /// The tags of the stack.
    pub(super) fn tags(&self) -> Json {
        json!(self.stack.head.tags)
    }

    /// The tags of the stack, and the name under which consoles show it.
    pub(super) fn named(&self, name: &str) -> Json {
        self.named_with(name, &[])
    }

    /// The tags of the stack, a name, and more.
    pub(super) fn named_with(&self, name: &str, more: &[(&str, &str)]) -> Json {
        let mut tags: BTreeMap<&str, String> =
            BTreeMap::from([("Name", format!("{}-{name}", self.stack.head.name))]);
        tags.extend(self.stack.head.tags.iter().map(|(key, value)| (key.as_str(), value.clone())));
        tags.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
        json!(tags)
    }

    /// The look-up of who runs the stack in an account; made at its first use.
    pub(super) fn caller(&mut self, place: &Place) -> Address {
        let stack = Address::new("caller", "stack");
        let address = place
            .account
            .as_ref()
            .map_or_else(|| stack.clone(), |name| stack.part(&format!("account.{name}")));
        self.add_once(Resource::new(address.clone(), "caller_lookup", place, super::spec::spec(json!({}))));
        address
    }
}
