//! Rules.
use super::decode::Cx;
use super::node::Node;
use super::sections::Read;
pub(super) fn all(_read: &Read, _root: &Node, _cx: &mut Cx<'_>) {}
