//! How a plan looks: a block a change, and a line that counts them.

use std::io::{self, Write};

use super::fields::{self, Measure};
use super::words::{BOLD, DIM, style_of};
use crate::change::{Change, Reason, Verb};
use crate::plan::Plan;

/// More new resources than this are shown a line each, without their fields.
const MANY: usize = 20;
/// The columns for addresses in such lines; longer ones push the rest to the right.
const WIDE: usize = 52;

/// Writes a plan. `calls` is how many API calls it took to make it.
pub fn write(out: &mut dyn Write, plan: &Plan, calls: u64, measure: Measure) -> io::Result<()> {
    write_moves(out, plan)?;
    let short = !measure.verbose && plan.changes.iter().filter(|change| is_plain(change)).count() > MANY;
    if short {
        write_plain(out, plan)?;
    }
    for change in plan.changes.iter().filter(|change| !short || !is_plain(change)) {
        write_change(out, change, measure)?;
    }
    for note in &plan.notes {
        writeln!(out, "{DIM}note:{DIM:#} {note}")?;
    }
    if !plan.notes.is_empty() {
        writeln!(out)?;
    }
    writeln!(out, "{BOLD}{}{BOLD:#}", last_line(plan, calls))
}

/// Whether a change needs no more than a line where there are many: the file says all about what is new in it.
fn is_plain(change: &Change) -> bool {
    change.verb == Verb::Create && change.reason == Reason::New && change.notes.is_empty()
}

/// What is new, a line each, section by section.
fn write_plain(out: &mut dyn Write, plan: &Plan) -> io::Result<()> {
    let plain: Vec<&Change> = plan.changes.iter().filter(|change| is_plain(change)).collect();
    let widest = plain.iter().map(|change| change.address.as_str().len()).max().unwrap_or_default();
    let width = widest.min(WIDE);
    let (style, sign) = (style_of(Verb::Create), Verb::Create.sign());
    let mut before = None;
    for change in &plain {
        let section = (change.address.section(), change.address.name());
        if before.is_some_and(|before| before != section) {
            writeln!(out)?;
        }
        before = Some(section);
        let (address, title) = (&change.address, &change.title);
        writeln!(out, "{style}{sign:>3}{style:#} {BOLD}{address:width$}{BOLD:#}  {title}")?;
    }
    let few = "new in the stack file, a line each; `--verbose` shows every field";
    writeln!(out, "\n      {DIM}{few}{DIM:#}\n")
}

/// A move is no change: a line each.
fn write_moves(out: &mut dyn Write, plan: &Plan) -> io::Result<()> {
    for (old, new) in &plan.moved {
        writeln!(out, "{DIM}  >{DIM:#} {BOLD}{new}{BOLD:#}  {DIM}moved from {old}{DIM:#}")?;
    }
    if plan.moved.is_empty() { Ok(()) } else { writeln!(out) }
}

fn write_change(out: &mut dyn Write, change: &Change, measure: Measure) -> io::Result<()> {
    let style = style_of(change.verb);
    let sign = change.verb.sign();
    writeln!(out, "{style}{sign:>3}{style:#} {BOLD}{}{BOLD:#}  {}", change.address, change.title)?;
    writeln!(out, "      {DIM}{}{DIM:#}", change.reason)?;
    match change.verb {
        Verb::Create => fields::write_new(out, &change.fields, measure)?,
        Verb::Update | Verb::Replace | Verb::ReplaceCreateFirst => {
            for field in &change.fields {
                fields::write_changed(out, field, measure)?;
            }
        }
        Verb::Delete | Verb::Forget | Verb::Move => {}
    }
    for note in &change.notes {
        writeln!(out, "      {DIM}note:{DIM:#} {note}")?;
    }
    writeln!(out)
}

/// How many changes there are of each sort, in the words of the last line.
pub fn counts(plan: &Plan) -> [(usize, &'static str); 5] {
    let of = |verbs: &[Verb]| plan.changes.iter().filter(|change| verbs.contains(&change.verb)).count();
    [
        (of(&[Verb::Create]), "to create"),
        (of(&[Verb::Update]), "to change"),
        (of(&[Verb::Replace, Verb::ReplaceCreateFirst]), "to replace"),
        (of(&[Verb::Delete]), "to delete"),
        (of(&[Verb::Forget]), "to forget"),
    ]
}

fn last_line(plan: &Plan, calls: u64) -> String {
    let calls = format!("{calls} API call{}.", if calls == 1 { "" } else { "s" });
    let counts = counts(plan).into_iter().filter(|(count, _)| *count > 0);
    let moved = Some((plan.moved.len(), "to move")).filter(|(count, _)| *count > 0);
    let counts = moved.into_iter().chain(counts);
    let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
    match (counts.is_empty(), plan.is_empty()) {
        (false, _) => format!("Plan: {}; {} unchanged. {calls}", counts.join(", "), plan.unchanged),
        (true, true) => format!("Nothing to do; {} unchanged. {calls}", plan.unchanged),
        // What an earlier run left open is looked up, though nothing differs.
        (true, false) => {
            format!("Plan: {} steps to finish; {} unchanged. {calls}", plan.steps.len(), plan.unchanged)
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::address::Address;
    use crate::change::FieldChange;
    use crate::plan::Intent;
    use crate::value::Value;

    pub(in crate::cli) fn field(path: &str, before: Option<Value>, after: Option<Value>) -> FieldChange {
        FieldChange { path: path.to_owned(), before, after, sensitive: false, fixed: false }
    }

    fn change(address: &str, title: &str, verb: Verb, reason: Reason, fields: Vec<FieldChange>) -> Change {
        Change {
            address: Address::parse(address).expect("an address"),
            kind: "kind".to_owned(),
            title: title.to_owned(),
            verb,
            reason,
            fields,
            notes: Vec::new(),
        }
    }

    fn plan(changes: Vec<Change>) -> Plan {
        Plan {
            format: 1,
            stack: "shop".to_owned(),
            cloud: "sandbox".to_owned(),
            lineage: "l".to_owned(),
            serial: 1,
            seq: 1,
            intent: Intent::Up { targets: Vec::new(), replace: Vec::new() },
            changes,
            steps: Vec::new(),
            unchanged: 40,
            moved: BTreeMap::new(),
            edges: BTreeMap::new(),
            outputs: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    fn shown(plan: &Plan, verbose: bool) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        write(&mut out, plan, 57, Measure { width: 80, verbose }).expect("a vector takes all");
        String::from_utf8(out.into_inner()).expect("is UTF-8")
    }

    fn sample() -> Plan {
        let arn = Value::reference(&Address::new("cluster", "edge").part("role"), "arn");
        let text = |text: &str| Some(Value::from(text));
        let secret = FieldChange { sensitive: true, ..field("password", text("old"), text("new")) };
        let fixed = FieldChange { fixed: true, ..field("cidr", text("10.0.0.0/16"), text("10.1.0.0/16")) };
        plan(vec![
            change(
                "cluster.edge",
                "EKS cluster",
                Verb::Create,
                Reason::New,
                vec![
                    field("name", None, text("shop-edge")),
                    field("role_arn", None, Some(arn)),
                    field(
                        "subnet_ids",
                        None,
                        Some(Value::list([Value::from("subnet-1"), Value::from("subnet-2")])),
                    ),
                    field("tags", None, Some(Value::map([("team", Value::from("commerce"))]))),
                ],
            ),
            change(
                "cluster.edge/nodes.default",
                "node group",
                Verb::Update,
                Reason::Differs,
                vec![
                    field("size.max", Some(Value::from(6)), Some(Value::from(8))),
                    field("labels.a", text("x"), None),
                    secret,
                ],
            ),
            change(
                "network.edge/vpc",
                "VPC",
                Verb::Replace,
                Reason::Fixed { fields: vec!["cidr".into()] },
                vec![fixed],
            ),
            change("route.cart", "HTTPRoute", Verb::Delete, Reason::LeftFile, vec![]),
        ])
    }

    #[test]
    fn a_plan_is_a_block_a_change_and_a_count() {
        insta::assert_snapshot!(shown(&sample(), false), @r#"
          + cluster.edge  EKS cluster
              new in the stack file
              name: shop-edge
              role_arn: (known after apply)
              subnet_ids: ["subnet-1", "subnet-2"]
              … and 1 more

          ~ cluster.edge/nodes.default  node group
              differs from the stack file
              size.max: 6 -> 8
              labels.a: x -> (none)
              password: (sensitive) -> (sensitive)

        -/+ network.edge/vpc  VPC
              cidr cannot change in place
              cidr: 10.0.0.0/16 -> 10.1.0.0/16  (forces a replacement)

          - route.cart  HTTPRoute
              no longer in the stack file

        Plan: 1 to create, 1 to change, 1 to replace, 1 to delete; 40 unchanged. 57 API calls.
        "#);
    }

    #[test]
    fn colours_are_only_colours() {
        let mut out = Vec::new();
        write(&mut out, &sample(), 57, Measure { width: 80, verbose: false }).expect("a vector takes all");
        let coloured = String::from_utf8(out).expect("is UTF-8");
        assert!(coloured.contains("\u{1b}[32m  +\u{1b}[0m"), "{coloured}");
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), shown(&sample(), false));
    }

    #[test]
    fn a_long_manifest_is_eight_lines_unless_all_is_wanted() {
        let ports = (0..20).map(|n| (format!("port-{n:02}"), Value::from(n)));
        let manifest = Value::map([
            ("kind", Value::from("Service")),
            (
                "metadata",
                Value::map([
                    ("name", Value::from("shop")),
                    ("labels", Value::map([("a", Value::from("b"))])),
                ]),
            ),
            ("spec", Value::map([("ports", Value::map(ports))])),
        ]);
        let fields = vec![field("manifest", None, Some(manifest))];
        let plan = plan(vec![change("manifest.shop", "Service", Verb::Create, Reason::New, fields)]);
        insta::assert_snapshot!(shown(&plan, false), @r"
          + manifest.shop  Service
              new in the stack file
              manifest.kind: Service
              manifest.metadata.name: shop
              manifest.spec.ports.port-00: 0
              manifest.spec.ports.port-01: 1
              manifest.spec.ports.port-02: 2
              manifest.spec.ports.port-03: 3
              manifest.spec.ports.port-04: 4
              … and 16 more

        Plan: 1 to create; 40 unchanged. 57 API calls.
        ");
        assert!(shown(&plan, true).contains("manifest.spec.ports.port-19: 19"));
    }

    #[test]
    fn long_values_and_texts_of_lines_fit_the_width() {
        let long = |c: &str| Some(Value::from(c.repeat(100)));
        let text = |middle: &str| Some(Value::from(format!("one\ntwo\n{middle}\nfour\nfive\n")));
        let fields = vec![field("arn", long("a"), long("b")), field("policy", text("three"), text("drei"))];
        let plan = plan(vec![change("value.a", "value", Verb::Update, Reason::Differs, fields)]);
        insta::assert_snapshot!(shown(&plan, false), @r"
          ~ value.a  value
              differs from the stack file
              arn:
                - aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…
                + bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…
              policy:
                  two
                - three
                + drei
                  four

        Plan: 1 to change; 40 unchanged. 57 API calls.
        ");
        assert!(shown(&plan, false).lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn many_new_ones_are_a_line_each_and_the_rest_stays_whole() {
        let new = |number: usize| {
            let (section, number) = (["a", "b"][number % 2], number / 2);
            let fields = vec![field("input", None, Some(Value::from(1)))];
            change(&format!("value.{section}/p{number:02}"), "value", Verb::Create, Reason::New, fields)
        };
        let mut changes: Vec<Change> = (0..22).map(new).collect();
        changes.push(change("value.c", "value", Verb::Create, Reason::Gone, vec![]));
        changes.push(change("value.d", "value", Verb::Delete, Reason::LeftFile, vec![]));
        changes.sort_by(|a, b| a.address.cmp(&b.address));
        let plan = plan(changes);
        let text = shown(&plan, false);
        assert!(!text.contains("input"), "{text}");
        insta::assert_snapshot!(text.split_once("p09").expect("there are many").1, @r"
          value
          + value.a/p10  value

          + value.b/p00  value
          + value.b/p01  value
          + value.b/p02  value
          + value.b/p03  value
          + value.b/p04  value
          + value.b/p05  value
          + value.b/p06  value
          + value.b/p07  value
          + value.b/p08  value
          + value.b/p09  value
          + value.b/p10  value

              new in the stack file, a line each; `--verbose` shows every field

          + value.c  value
              was deleted outside of stack

          - value.d  value
              no longer in the stack file

        Plan: 23 to create, 1 to delete; 40 unchanged. 57 API calls.
        ");
        assert_eq!(shown(&plan, true).matches("input: 1").count(), 22);
    }

    #[test]
    fn a_move_is_a_line_and_no_change() {
        let address = |text: &str| Address::parse(text).expect("an address");
        let mut plan = plan(Vec::new());
        plan.moved.insert(address("gateway.core"), address("gateway.core@edge"));
        insta::assert_snapshot!(shown(&plan, false), @r"
          > gateway.core@edge  moved from gateway.core

        Plan: 1 to move; 40 unchanged. 57 API calls.
        ");
    }

    #[test]
    fn nothing_to_do_is_said() {
        assert_eq!(shown(&plan(Vec::new()), false), "Nothing to do; 40 unchanged. 57 API calls.\n");
    }
}
