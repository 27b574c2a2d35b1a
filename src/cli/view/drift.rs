//! How drift looks.

use std::io::{self, Write};

use super::fields::{self, Measure};
use super::words::{BOLD, RED, YELLOW, count};
use crate::drift::{Drifted, How, Report};

/// Writes what differs, what could not be read, and a line that counts.
pub fn write(out: &mut dyn Write, report: &Report, calls: u64, measure: Measure) -> io::Result<()> {
    for (address, drifted) in &report.drifted {
        let Drifted { title, how } = drifted;
        match how {
            How::Gone => writeln!(out, "{RED}  -{RED:#} {BOLD}{address}{BOLD:#}  {title}: gone")?,
            How::Broken { why } => {
                writeln!(out, "{RED}  !{RED:#} {BOLD}{address}{BOLD:#}  {title}: does not work: {why}")?;
            }
            How::Changed { fields } => {
                writeln!(out, "{YELLOW}  ~{YELLOW:#} {BOLD}{address}{BOLD:#}  {title}: changed")?;
                for field in fields {
                    fields::write_changed(out, field, measure)?;
                }
            }
        }
        writeln!(out)?;
    }
    for (address, why) in &report.unreadable {
        writeln!(out, "{RED}  ?{RED:#} {BOLD}{address}{BOLD:#}  could not be read: {why}\n")?;
    }
    writeln!(out, "{BOLD}{}{BOLD:#}", last_line(report, calls))
}

fn last_line(report: &Report, calls: u64) -> String {
    let all = count(report.checked, "resource");
    let mut line = match report.drifted.len() {
        0 => format!("No drift: {all} compared, none differs."),
        1 => format!("Drift: 1 of {all} differs."),
        more => format!("Drift: {more} of {all} differ."),
    };
    if !report.unreadable.is_empty() {
        line.push_str(&format!(" {} could not be read.", report.unreadable.len()));
    }
    line + &format!(" {calls} API call{}.", if calls == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::field;
    use super::*;
    use crate::address::Address;
    use crate::value::Value;

    #[test]
    fn each_way_to_differ_is_told_apart() {
        let mut report = Report { checked: 112, ..Report::default() };
        let fields = vec![field("rules.0.weight", Some(Value::from(9)), Some(Value::from(5)))];
        report.drifted.insert(
            Address::new("route", "cart"),
            Drifted { title: "HTTPRoute", how: How::Changed { fields } },
        );
        report
            .drifted
            .insert(Address::new("cluster", "edge"), Drifted { title: "EKS cluster", how: How::Gone });
        report
            .unreadable
            .insert(Address::new("network", "edge"), "EC2.DescribeVpcs: AccessDenied".to_owned());
        let mut out = anstream::StripStream::new(Vec::new());
        write(&mut out, &report, 30, Measure { width: 80, verbose: false }).expect("a vector takes all");
        insta::assert_snapshot!(String::from_utf8(out.into_inner()).expect("is UTF-8"), @r"
          - cluster.edge  EKS cluster: gone

          ~ route.cart  HTTPRoute: changed
              rules.0.weight: 9 -> 5

          ? network.edge  could not be read: EC2.DescribeVpcs: AccessDenied

        Drift: 2 of 112 resources differ. 1 could not be read. 30 API calls.
        ");
    }
}
