//! `[moved]` and `[removed]`: addresses that are no longer in the file, and what becomes of what was made there.
//!
//! That whole sections are declared, or are not, is checked by `stack`; their clusters and parts are known only here.

use std::collections::BTreeMap;

use super::draft::Draft;
use crate::address::Address;

/// Old addresses to new ones.
pub(super) fn moved(draft: &mut Draft<'_>) -> BTreeMap<Address, Address> {
    let stack = draft.stack;
    let mut moved = BTreeMap::new();
    for (old, new) in &stack.moved {
        let path = format!("moved.{old}");
        let (Some(from), Some(to)) = (parsed(draft, &path, old), parsed(draft, &path, new)) else { continue };
        let stays = |address: &Address| from.covers(address) && !to.covers(address);
        if !is_section(&from) && draft.resources.iter().any(|resource| stays(&resource.address)) {
            let hint = "rename it where it is declared, or take this move out";
            draft.fail(&path, format!("`{from}` is moved and is still in the file"), hint);
        }
        let ends = !stack.moved.contains_key(new) && !stack.removed.contains_key(new);
        if ends && !is_section(&to) && !declares(draft, &to) {
            let hint = "a move ends in what is in the file; `stack graph --parts` tells its addresses";
            draft.fail(&path, format!("there is no `{to}` in this stack"), hint);
        }
        moved.insert(from, to);
    }
    moved
}

/// What left the file, and whether the thing itself is deleted.
pub(super) fn removed(draft: &mut Draft<'_>) -> BTreeMap<Address, bool> {
    let stack = draft.stack;
    let mut removed = BTreeMap::new();
    for (text, rule) in &stack.removed {
        let path = format!("removed.{text}");
        let Some(address) = parsed(draft, &path, text) else { continue };
        if !is_section(&address) && declares(draft, &address) {
            let hint = "take it out where it is declared, or take this entry out";
            draft.fail(&path, format!("`{address}` is to be removed and is still in the file"), hint);
        }
        removed.insert(address, rule.destroy);
    }
    removed
}

fn parsed(draft: &mut Draft<'_>, path: &str, text: &str) -> Option<Address> {
    match Address::parse(text) {
        Ok(address) => Some(address),
        Err(error) => {
            draft.fail(path, error.to_string(), "");
            None
        }
    }
}

fn is_section(address: &Address) -> bool {
    *address == address.whole() && address.cluster().is_none()
}

fn declares(draft: &Draft<'_>, address: &Address) -> bool {
    draft.resources.iter().any(|resource| address.covers(&resource.address))
}

#[cfg(test)]
mod tests {
    use crate::compose::testing::{at, graph, stack, wrong};

    const NETWORK: &str = "[networks.n]\ncidr = \"10.0.0.0/16\"\nzones = 2\nsecurity_groups.a = {}\n";

    #[test]
    fn b19_parts_are_moved_to_what_is_in_the_file() {
        let made = graph(&format!(
            "{NETWORK}[moved]\n\"network.n/security-group.b\" = \"network.n/security-group.a\""
        ));
        assert_eq!(made.moved[&at("network.n/security-group.b")], at("network.n/security-group.a"));
        let found = wrong(&stack(&format!(
            "{NETWORK}[moved]\n\"network.n/security-group.a\" = \"network.n/security-group.b\""
        )));
        let messages: Vec<&str> = found.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "`network.n/security-group.a` is moved and is still in the file",
                "there is no `network.n/security-group.b` in this stack"
            ]
        );
        assert!(found.iter().all(|one| one.span.is_some()));
    }

    #[test]
    fn b20_a_part_that_is_still_in_the_file_cannot_be_removed() {
        let removed = |part: &str| {
            stack(&format!("{NETWORK}[removed]\n\"network.n/security-group.{part}\" = {{ destroy = false }}"))
        };
        assert!(wrong(&removed("a"))[0].message.contains("is still in the file"));
        assert!(wrong(&removed("b")).is_empty());
    }
}
