//! `Thing`: something that is there, with all by which it can be told whose it is.

use crate::cloud::Tags;
use crate::graph::Place;

use super::sort::Sort;

/// Something that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// What it is.
    pub sort: Sort,
    /// By which it is removed: an ARN, an id or a name.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// The account it is in, twelve digits.
    pub account: String,
    /// All its tags.
    pub tags: Tags,
    /// The VPC it is in.
    pub vpc: Option<String>,
    /// The ids of things it goes with or works with: a listener its load balancer, a rule its group and the one it lets
    /// in, a load balancer its groups, an endpoint service what it offers.
    pub of: Vec<String>,
    /// Whether it is on its way out.
    pub leaving: bool,
    /// Whether nothing holds it, where that is told.
    pub free: bool,
    /// Why nobody should simply take it away, where the cloud tells.
    pub held: Option<String>,
    /// Of a rule: whether it lets out.
    pub egress: bool,
    /// Of a rule: whether a controller made it.
    pub opened: bool,
}

impl Thing {
    /// A thing of which no more is known.
    pub fn new(sort: Sort, id: &str, place: &Place, account: &str) -> Self {
        Self {
            sort,
            id: id.to_owned(),
            name: id.to_owned(),
            place: place.clone(),
            account: account.to_owned(),
            tags: Tags::new(),
            vpc: None,
            of: Vec::new(),
            leaving: false,
            free: false,
            held: None,
            egress: false,
            opened: false,
        }
    }

    /// A tag of it.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key).map(String::as_str)
    }
}
