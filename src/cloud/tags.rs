//! Tags of things: what changes between two sets, and the tags of VPC Lattice, which go by ARN.

use std::collections::BTreeMap;

use super::{Absent, Clients, CloudResult, Named};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// What is to be set and which keys are to go, to come from one set of tags to another.
pub fn tag_changes(from: &Tags, to: &Tags) -> (Tags, Vec<String>) {
    let set = to.iter().filter(|(key, value)| from.get(*key) != Some(value));
    let gone = from.keys().filter(|key| !to.contains_key(*key));
    (set.map(|(key, value)| (key.clone(), value.clone())).collect(), gone.cloned().collect())
}

/// The tags of a thing of VPC Lattice; none if it is gone.
pub async fn lattice_tags(clients: &Clients, arn: &str) -> CloudResult<Tags> {
    let answer = clients.lattice.list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.named("VPC Lattice.ListTagsForResource").or_absent()?;
    Ok(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect())
}

/// Brings the tags of a thing of VPC Lattice from one set to another.
pub async fn retag_lattice(clients: &Clients, arn: &str, from: &Tags, to: &Tags) -> CloudResult<()> {
    let (set, gone) = tag_changes(from, to);
    if !set.is_empty() {
        let call = clients.lattice.tag_resource().resource_arn(arn).set_tags(Some(set.into_iter().collect()));
        call.send().await.named("VPC Lattice.TagResource")?;
    }
    if !gone.is_empty() {
        let call = clients.lattice.untag_resource().resource_arn(arn).set_tag_keys(Some(gone));
        call.send().await.named("VPC Lattice.UntagResource")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_changes() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let (set, gone) = tag_changes(&tags(&[("a", "1"), ("b", "1")]), &tags(&[("a", "2"), ("c", "1")]));
        assert_eq!(set, tags(&[("a", "2"), ("c", "1")]));
        assert_eq!(gone, ["b"]);
    }
}
