//! `[networks.*.security_groups.*]`: security groups, and each of their rules as a resource of its own.

use serde_json::json;

use super::draft::Draft;
use super::networks::Plot;
use super::spec::spec;
use crate::address::Address;
use crate::graph::Resource;
use crate::stack::model::{Allow, SecurityGroup};
use crate::value::Value;

pub(super) fn compose(draft: &mut Draft<'_>, plot: &Plot<'_>, name: &str, group: &SecurityGroup) {
    let (key, part) = (plot.key, format!("security-group.{name}"));
    let full = format!("{}-{key}-{name}", draft.stack.head.name);
    let description = group.description.clone().unwrap_or_else(|| format!("{name} of {key}"));
    let made = json!({
        "vpc_id": plot.vpc().1,
        "name": full,
        "description": description,
        "tags": draft.named(&format!("{key}-{name}")),
    });
    draft.add(plot.inside(&part, "security_group", made));
    for (index, allow) in group.ingress.iter().enumerate() {
        let path = format!("networks.{key}.security_groups.{name}.ingress.{index}");
        match source(plot, allow) {
            Ok(source) => {
                let rule = rule(draft, plot.part(&part), allow, source);
                let at = plot.part(&part).part(&format!("rule-{}", index + 1));
                let rule = Resource::new(at, "security_group_rule", &plot.place, spec(rule));
                draft.add(rule.inside(&plot.part(&part)));
            }
            Err((message, hint)) => draft.fail(&path, message, hint),
        }
    }
}

/// Who may come in: a range, or the members of a group of the same network.
fn source(plot: &Plot<'_>, allow: &Allow) -> Result<(&'static str, Value), (String, &'static str)> {
    match (&allow.cidr, &allow.security_group) {
        (Some(cidr), None) => Ok(("cidr", cidr.to_string().into())),
        (None, Some(name)) if plot.network.security_groups.contains_key(name) => {
            let group = plot.part(&format!("security-group.{name}"));
            Ok(("source_security_group_id", Value::reference(&group, "security_group_id")))
        }
        (None, Some(id)) if id.starts_with("sg-") => Ok(("source_security_group_id", id.as_str().into())),
        (None, Some(name)) => {
            let message = format!("network `{}` has no security group `{name}`", plot.key);
            Err((message, "name one under `security_groups` of the same network"))
        }
        (None, None) | (Some(_), Some(_)) => Err((
            "a rule needs either `cidr` or `security_group`".to_owned(),
            "write two rules to allow both",
        )),
    }
}

fn rule(draft: &Draft<'_>, group: Address, allow: &Allow, source: (&str, Value)) -> serde_json::Value {
    let protocol = allow.protocol.as_deref().unwrap_or("tcp").to_ascii_lowercase();
    let ports: Option<(i32, i32)> = match (protocol.as_str(), allow.port) {
        ("all" | "-1", _) => None,
        (_, Some(port)) => Some((port.into(), port.into())),
        ("icmp" | "icmpv6", None) => Some((-1, -1)),
        (_, None) => Some((0, 65535)),
    };
    let mut rule = json!({
        "security_group_id": Value::reference(&group, "security_group_id"),
        "direction": "ingress",
        "protocol": if protocol == "all" { "-1" } else { &protocol },
        "from_port": ports.map(|(from, _)| from),
        "to_port": ports.map(|(_, to)| to),
        "tags": draft.tags(),
    });
    rule[source.0] = json!(source.1);
    rule
}

#[cfg(test)]
mod tests {
    use crate::compose::testing::{edge, graph, refers, spec};
    use crate::graph::Sort;

    #[test]
    fn security_groups_have_rules_of_their_own() {
        let made = graph(
            "[networks.n]\ncidr = \"10.0.0.0/16\"\n[networks.n.security_groups.a]\n\
             ingress = [{ port = 80, cidr = \"10.0.0.0/8\" }, { protocol = \"all\", security_group = \"a\" }]",
        );
        let first = spec(&made, "network.n/security-group.a/rule-1");
        assert_eq!(
            (&first["from_port"], &first["protocol"], &first["cidr"]),
            (&80.into(), &"tcp".into(), &"10.0.0.0/8".into())
        );
        let second = spec(&made, "network.n/security-group.a/rule-2");
        assert_eq!(second["protocol"], "-1");
        assert!(second.get("from_port").is_none());
        assert!(refers(
            &second["source_security_group_id"],
            "network.n/security-group.a",
            "security_group_id"
        ));
        let group = "network.n/security-group.a";
        assert!(edge(&made, "network.n/security-group.a/rule-1", group, Sort::Inside));
    }
}
