//! References as users write them, `${network.edge.vpc_id}`, to the resources that hold the outputs.

use std::collections::{BTreeMap, BTreeSet};

use super::certificates;
use super::draft::Draft;
use crate::address::Address;
use crate::graph::Graph;
use crate::stack::model::Nat;
use crate::stack::{Diagnostic, Stack};
use crate::value::{Piece, Reference, Value};

/// Settles the references of manifests and values, and gives the outputs with theirs settled.
pub(super) fn settle(draft: &mut Draft<'_>) -> BTreeMap<String, Value> {
    let known: BTreeSet<Address> = draft.resources.iter().map(|resource| resource.address.clone()).collect();
    let mut resources = std::mem::take(&mut draft.resources);
    for resource in &mut resources {
        let section = resource.address.section();
        if section == "manifest" || section == "value" {
            let path = format!("{section}s.{}", resource.address.name());
            resource.spec = settled(draft, &known, &resource.spec, &path);
        }
    }
    draft.resources = resources;
    let stack = draft.stack;
    let outputs = stack.outputs.iter();
    outputs
        .map(|(name, value)| (name.clone(), settled(draft, &known, value, &format!("outputs.{name}"))))
        .collect()
}

fn settled(draft: &mut Draft<'_>, known: &BTreeSet<Address>, value: &Value, path: &str) -> Value {
    match value {
        Value::List(items) => {
            Value::List(items.iter().map(|item| settled(draft, known, item, path)).collect())
        }
        Value::Map(map) => {
            let one = |(key, value): (&String, &Value)| (key.clone(), settled(draft, known, value, path));
            Value::Map(map.iter().map(one).collect())
        }
        Value::Unknown(pieces) => unknown(draft, known, pieces, path),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn unknown(draft: &mut Draft<'_>, known: &BTreeSet<Address>, pieces: &[Piece], path: &str) -> Value {
    if let [Piece::Ref(only)] = pieces {
        return target(draft, known, only, path);
    }
    let mut all = Vec::new();
    for piece in pieces {
        let Piece::Ref(reference) = piece else {
            all.push(piece.clone());
            continue;
        };
        match target(draft, known, reference, path) {
            Value::Unknown(inner) => all.extend(inner),
            Value::String(text) => all.push(Piece::Text(text)),
            _ => draft.fail(path, format!("`{reference}` is a list: it cannot stand within a text"), ""),
        }
    }
    // Texts that turned out to be known melt into one.
    Value::Unknown(all).resolve(&|_| None)
}

fn target(draft: &mut Draft<'_>, known: &BTreeSet<Address>, reference: &Reference, path: &str) -> Value {
    match found(draft, known, reference) {
        Ok(value) => value,
        Err((message, hint)) => {
            draft.fail(path, message, &hint);
            Value::Null
        }
    }
}

fn found(
    draft: &Draft<'_>,
    known: &BTreeSet<Address>,
    reference: &Reference,
) -> Result<Value, (String, String)> {
    let address = singular(&reference.address);
    let output = reference.output.as_str();
    let main = address.whole() == address && address.cluster().is_none();
    let special = match (address.section(), main) {
        ("certificate", true) if output == "arn" => certificates::arn(draft, address.name()),
        ("network", true) if !known.contains(&address) => network(draft, &address, output),
        ("controller", _) if address.whole() == address => {
            Some(Value::reference(&address.part("deployment"), output))
        }
        (_, _) => None,
    };
    let value = special.unwrap_or_else(|| Value::reference(&address, output));
    let missing =
        value.references().into_iter().find(|reference| !known.contains(&reference.address)).cloned();
    match missing {
        None => Ok(value),
        Some(_) => Err((format!("`{reference}` refers to nothing in this stack"), hint(known, &address))),
    }
}

/// References to what no kind of theirs gives.
pub(super) fn unknown_outputs(
    stack: &Stack,
    graph: &Graph,
    outputs: &dyn Fn(&str) -> Option<&'static [&'static str]>,
) -> Vec<Diagnostic> {
    let of_outputs = graph.outputs.iter().map(|(name, value)| (format!("outputs.{name}"), value));
    let users = graph.resources.values().filter(|one| matches!(one.address.section(), "manifest" | "value"));
    let of_users = users.map(|one| (format!("{}s.{}", one.address.section(), one.address.name()), &one.spec));
    let mut found = Vec::new();
    for (path, value) in of_outputs.chain(of_users) {
        for reference in value.references() {
            let Some(known) = graph.resources.get(&reference.address).and_then(|one| outputs(one.kind))
            else {
                continue;
            };
            let wanted = reference.output.split('.').next().unwrap_or_default();
            if known.contains(&wanted) {
                continue;
            }
            let message = format!("{} has no output `{wanted}`", reference.address);
            let near = known.iter().find(|known| strsim::jaro_winkler(known, wanted) > 0.85);
            let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
            let all: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
            let hint = match all.as_slice() {
                [] => "it has none".to_owned(),
                all => format!("{near}it has: {}", all.join(", ")),
            };
            let diagnostic = Diagnostic::new(message, stack.spans.of(&path)).hint(hint);
            if !found.contains(&diagnostic) {
                found.push(diagnostic);
            }
        }
    }
    found
}

/// What a network made here shows: it is many resources.
fn network(draft: &Draft<'_>, at: &Address, output: &str) -> Option<Value> {
    let network = draft.stack.networks.get(at.name())?;
    let subnets = |sort: &str| {
        let zones = 1..=network.zones.unwrap_or(3);
        Value::list(
            zones.map(|zone| Value::reference(&at.part(&format!("subnet.{sort}-{zone}")), "subnet_id")),
        )
    };
    Some(match output {
        "public_subnet_ids" => subnets("public"),
        "private_subnet_ids" => subnets("private"),
        "nat_addresses" => {
            let count = match network.nat.unwrap_or(Nat::One) {
                Nat::One => 1,
                Nat::PerZone => network.zones.unwrap_or(3),
                Nat::None => 0,
            };
            Value::list(
                (1..=count).map(|one| Value::reference(&at.part(&format!("address-{one}")), "public_ip")),
            )
        }
        _ => match output.strip_prefix("security_groups.") {
            Some(name) => Value::reference(&at.part(&format!("security-group.{name}")), "security_group_id"),
            None => Value::reference(&at.part("vpc"), output),
        },
    })
}

/// `values.release` means `value.release`: either way of writing is understood.
fn singular(address: &Address) -> Address {
    const SECTIONS: [&str; 9] = [
        "network",
        "cluster",
        "service_network",
        "controller",
        "certificate",
        "gateway",
        "route",
        "manifest",
        "value",
    ];
    let section = address.section();
    let one = section.strip_suffix('s').filter(|one| SECTIONS.contains(one));
    let rest = &address.as_str()[section.len()..];
    one.and_then(|one| Address::parse(&format!("{one}{rest}")).ok()).unwrap_or_else(|| address.clone())
}

/// What may have been meant.
fn hint(known: &BTreeSet<Address>, address: &Address) -> String {
    let covered: Vec<&str> = (known.iter())
        .filter(|other| address.covers(other) && other.cluster().is_some() && **other == other.whole())
        .map(Address::as_str)
        .collect();
    if !covered.is_empty() {
        return format!("say in which cluster: {}", covered.join(", "));
    }
    let near = |other: &&Address| strsim::jaro_winkler(other.as_str(), address.as_str()) > 0.9;
    known.iter().find(near).map_or_else(String::new, |other| format!("did you mean `{other}`?"))
}

#[cfg(test)]
mod tests {
    use crate::compose::testing::{at, graph, stack, wrong};
    use crate::value::{Piece, Value};

    const NETWORK: &str = "[networks.n]\ncidr = \"10.0.0.0/16\"\nzones = 2\nsecurity_groups.a = {}\n";

    #[test]
    fn a_network_shows_what_its_parts_hold() {
        let outputs = graph(&format!(
            "{NETWORK}[outputs]\nid = \"${{network.n.vpc_id}}\"\nsubnets = \"${{network.n.private_subnet_ids}}\"\n\
             group = \"${{network.n.security_groups.a}}\"\ntext = \"in ${{network.n.vpc_id}}\""
        ))
        .outputs;
        let vpc = Value::reference(&at("network.n/vpc"), "vpc_id");
        assert_eq!(outputs["id"], vpc);
        assert!(matches!(&outputs["subnets"], Value::List(ids) if ids.len() == 2));
        assert_eq!(
            outputs["group"],
            Value::reference(&at("network.n/security-group.a"), "security_group_id")
        );
        assert!(matches!(&outputs["text"], Value::Unknown(pieces) if pieces[0] == Piece::Text("in ".into())));
    }

    #[test]
    fn values_need_what_they_refer_to() {
        let made = graph(&format!("{NETWORK}[values.v]\ninput = \"${{network.n.vpc_id}}\""));
        let value = &made.resources[&at("value.v")];
        assert_eq!(value.all_edges()[0].to, at("network.n/vpc"));
    }

    #[test]
    fn a_gateway_in_several_clusters_must_be_named_with_one() {
        let mut shop = crate::compose::testing::example("shop.toml");
        let reference = Value::reference(&at("gateway.core"), "address");
        shop.outputs.insert("core".into(), reference);
        let found = wrong(&shop);
        assert_eq!(found.len(), 1);
        let hint = found[0].hint.clone().unwrap_or_default();
        assert!(hint.contains("gateway.core@apps-a"), "{hint}");
    }

    #[test]
    fn a_list_cannot_stand_within_a_text() {
        let found =
            wrong(&stack(&format!("{NETWORK}[outputs]\nx = \"a ${{network.n.private_subnet_ids}}\"")));
        assert!(found[0].message.contains("is a list"), "{found:?}");
    }
}
