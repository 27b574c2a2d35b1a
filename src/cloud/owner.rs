//! Whose a thing is: the tags that every taggable thing carries, and how they are told from the user's.

use std::collections::BTreeMap;

use crate::live::Ownership;

/// The tag that says whose state made a thing.
pub const LINEAGE: &str = "stack:lineage";
/// The tag that says which address a thing has in that state.
pub const ADDRESS: &str = "stack:address";
/// The tag that carries the token of a create that has no other place for it.
pub const TOKEN: &str = "stack:token";

/// Splits what the cloud tells into the user's tags and whose it is. Tags that AWS itself sets are left out.
pub fn split_tags(all: impl IntoIterator<Item = (String, String)>) -> (BTreeMap<String, String>, Ownership) {
    let (mut user, mut own) = (BTreeMap::new(), BTreeMap::new());
    for (key, value) in all {
        match key.as_str() {
            _ if key.starts_with("stack:") => own.insert(key, value),
            _ if key.starts_with("aws:") => None,
            _ => user.insert(key, value),
        };
    }
    let owner = match (own.remove(LINEAGE), own.remove(ADDRESS)) {
        (Some(lineage), Some(address)) => Ownership::Tagged { lineage, address },
        _ => Ownership::Untagged,
    };
    (user, owner)
}
