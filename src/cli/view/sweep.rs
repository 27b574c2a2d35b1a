//! How leftovers look: each with why it is one and how it is removed, and a line that counts.

use std::io::{self, Write};

use serde_json::json;

use super::json::line;
use super::words::{BOLD, DIM, RED, YELLOW, count};
use crate::sweep::remove::Step;
use crate::sweep::{Leftover, Report, Sort, Unread, Whose, command};

/// Writes what is left, what could not be read, and the line that counts.
pub fn write(out: &mut dyn Write, report: &Report, calls: u64) -> io::Result<()> {
    for one in &report.leftovers {
        leftover(out, one)?;
        writeln!(out, "      {DIM}{}{DIM:#}\n", command(&one.thing))?;
    }
    for Unread { sorts, region, why } in &report.unread {
        let place = region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
        writeln!(out, "{YELLOW}  ?{YELLOW:#} {BOLD}{}{BOLD:#}{place} could not be read", titles(sorts))?;
        writeln!(out, "      {why}\n")?;
    }
    writeln!(out, "{BOLD}{}{BOLD:#}", last_line(report, calls))
}

/// Writes one leftover without the command that removes it.
pub fn leftover(out: &mut dyn Write, one: &Leftover) -> io::Result<()> {
    let thing = &one.thing;
    let region = if thing.sort.is_global() { "" } else { thing.place.region.as_str() };
    writeln!(
        out,
        "{RED}  -{RED:#} {BOLD}{} {}{BOLD:#}  {DIM}{region}{DIM:#}",
        thing.sort.title(),
        thing.name
    )?;
    let going = if thing.leaving { "; it is being deleted" } else { "" };
    writeln!(out, "      {}{going}\n      {}", whose(&one.whose), one.why)
}

/// Writes what became of one.
pub fn step(out: &mut dyn Write, one: &Leftover, step: &Step) -> io::Result<()> {
    let what = format!("{} {}", one.thing.sort.title(), one.thing.name);
    match step {
        Step::Removed => writeln!(out, "{RED}  -{RED:#} {what} removed"),
        Step::Failed(error) => writeln!(out, "{RED}  !{RED:#} {what} could not be removed\n      {error}"),
    }
}

/// The same as a line.
pub fn json_step(out: &mut dyn Write, one: &Leftover, step: &Step) -> io::Result<()> {
    let thing = &one.thing;
    let error = match step {
        Step::Removed => None,
        Step::Failed(error) => Some(error),
    };
    let kind = if error.is_none() { "removed" } else { "not_removed" };
    line(
        out,
        &json!({ "type": kind, "kind": thing.sort, "id": thing.id, "name": thing.name, "error": error }),
    )
}

fn whose(whose: &Whose) -> String {
    match whose {
        Whose::Tag { .. } | Whose::State => "of this stack".to_owned(),
        Whose::Controller { cluster } => format!("of a controller of {cluster}"),
        Whose::Cluster { cluster } => format!("of {cluster}"),
        Whose::Vpc { .. } => "in a VPC of this stack".to_owned(),
        Whose::With { .. } => "with another leftover".to_owned(),
    }
}

fn titles(sorts: &[Sort]) -> String {
    if sorts.len() == Sort::ALL.len() {
        return "all of the account".to_owned();
    }
    let titles: Vec<String> = sorts.iter().map(|sort| format!("{}s", sort.title())).collect();
    titles.join(", ")
}

fn last_line(report: &Report, calls: u64) -> String {
    let unread: std::collections::BTreeSet<Sort> =
        report.unread.iter().flat_map(|unread| unread.sorts.iter().copied()).collect();
    let found = count(report.leftovers.len(), "leftover");
    let (what, known) = match (report.leftovers.len(), unread.len()) {
        (0, 0) => ("verified", ""),
        (0, _) => ("not verified", " seen"),
        _ => ("leftovers remain", ""),
    };
    let mut line = format!(
        "{what}: {found}{known} in {}, {}",
        count(report.sorts, "kind"),
        count(report.regions.len(), "region")
    );
    if report.accounts.len() > 1 {
        line.push_str(&format!(", {}", count(report.accounts.len(), "account")));
    }
    if !unread.is_empty() {
        line.push_str(&format!("; {} could not be read", count(unread.len(), "kind")));
    }
    line + &format!(". {}.", count(usize::try_from(calls).unwrap_or(usize::MAX), "API call"))
}

/// A line for each leftover and for what could not be read, and one that counts.
pub fn json(out: &mut dyn Write, report: &Report, calls: u64) -> io::Result<()> {
    for one in &report.leftovers {
        let thing = &one.thing;
        let region = (!thing.sort.is_global()).then_some(&thing.place.region);
        line(
            out,
            &json!({
                "type": "leftover", "kind": thing.sort, "id": thing.id, "name": thing.name, "region": region,
                "account": thing.account, "whose": one.whose, "because": one.why, "leaving": thing.leaving,
                "command": command(thing),
            }),
        )?;
    }
    for Unread { sorts, region, why } in &report.unread {
        line(out, &json!({ "type": "unread", "kinds": sorts, "region": region, "because": why }))?;
    }
    line(
        out,
        &json!({
            "type": "audit", "clean": report.is_clean(), "leftovers": report.leftovers.len(),
            "unread": report.unread.len(), "kinds": report.sorts, "regions": report.regions,
            "accounts": report.accounts, "api_calls": calls,
        }),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::graph::Place;
    use crate::sweep::Thing;

    fn report() -> Report {
        let place = Place { account: None, region: "us-west-2".into() };
        let group = Thing::new(Sort::SecurityGroup, "sg-1", &place, "111122223333");
        let group = Thing { name: "sg-1 (k8s-traffic-shopedge-0576ba0689)".into(), ..group };
        let whose = Whose::Controller { cluster: "shop-edge".into() };
        let why = "its tag elbv2.k8s.aws/cluster names shop-edge, which is gone".to_owned();
        Report {
            leftovers: vec![Leftover { thing: group, whose, why }],
            unread: vec![Unread {
                sorts: vec![Sort::Volume],
                region: Some("us-west-2".into()),
                why: "EC2.DescribeVolumes: UnauthorizedOperation: no".into(),
            }],
            gone: BTreeSet::new(),
            sorts: 30,
            regions: BTreeSet::from(["us-west-2".to_owned()]),
            accounts: BTreeSet::from(["111122223333".to_owned()]),
        }
    }

    fn told(report: &Report) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        write(&mut out, report, 40).expect("a vector takes all");
        String::from_utf8(out.into_inner()).expect("is UTF-8")
    }

    #[test]
    fn each_leftover_has_a_reason_and_a_command() {
        insta::assert_snapshot!(told(&report()), @r"
          - security group sg-1 (k8s-traffic-shopedge-0576ba0689)  us-west-2
              of a controller of shop-edge
              its tag elbv2.k8s.aws/cluster names shop-edge, which is gone
              aws ec2 delete-security-group --group-id sg-1 --region us-west-2

          ? volumes in us-west-2 could not be read
              EC2.DescribeVolumes: UnauthorizedOperation: no

        leftovers remain: 1 leftover in 30 kinds, 1 region; 1 kind could not be read. 40 API calls.
        ");
    }

    #[test]
    fn what_could_not_be_read_is_never_clean() {
        let mut report = Report { leftovers: Vec::new(), ..report() };
        assert!(told(&report).ends_with(
            "not verified: 0 leftovers seen in 30 kinds, 1 region; 1 kind could not be read. 40 API calls.\n"
        ));
        assert!(!report.is_clean());
        report.unread.clear();
        assert_eq!(told(&report), "verified: 0 leftovers in 30 kinds, 1 region. 40 API calls.\n");
    }
}
