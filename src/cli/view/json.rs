//! The same facts as JSON lines, for programs. The first line tells the version; later minor versions only add.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::plan::counts;
use crate::change::{Change, FieldChange};
use crate::drift::{How, Report};
use crate::execute::event::{Event, Outcome};
use crate::plan::Plan;
use crate::secret::shown;
use crate::value::Value;

/// The version of the lines.
const VERSION: &str = "1.0";

/// Writes one object as a line, its type first.
pub fn line(out: &mut dyn Write, object: &Json) -> io::Result<()> {
    let Json::Object(fields) = object else { return writeln!(out, "{object}") };
    write!(out, "{{\"type\":{}", object["type"])?;
    for (key, value) in fields.iter().filter(|(key, _)| *key != "type") {
        write!(out, ",{}:{value}", Json::from(key.as_str()))?;
    }
    writeln!(out, "}}")
}

/// The first line.
pub fn version(out: &mut dyn Write) -> io::Result<()> {
    line(out, &json!({ "type": "version", "format": VERSION, "stack": env!("CARGO_PKG_VERSION") }))
}

/// A line for each change, and one that counts them.
pub fn plan(out: &mut dyn Write, plan: &Plan, calls: u64) -> io::Result<()> {
    for (from, to) in &plan.moved {
        line(out, &json!({ "type": "move", "from": from, "to": to }))?;
    }
    for change in &plan.changes {
        line(out, &of_change(change))?;
    }
    let [create, update, replace, delete, forget] = counts(plan).map(|(count, _)| count);
    line(
        out,
        &json!({
            "type": "plan",
            "stack": plan.stack,
            "cloud": plan.cloud,
            "create": create,
            "update": update,
            "replace": replace,
            "delete": delete,
            "forget": forget,
            "move": plan.moved.len(),
            "unchanged": plan.unchanged,
            "steps": plan.steps.len(),
            "notes": plan.notes,
            "api_calls": calls,
        }),
    )
}

fn of_change(change: &Change) -> Json {
    json!({
        "type": "change",
        "address": change.address,
        "kind": change.kind,
        "title": change.title,
        "verb": change.verb,
        "reason": change.reason,
        "because": change.reason.to_string(),
        "fields": change.fields.iter().map(of_field).collect::<Vec<_>>(),
        "notes": change.notes,
    })
}

/// Sensitive values are left out; unknown ones are told by `unknown`.
fn of_field(field: &FieldChange) -> Json {
    let mut told =
        json!({ "path": field.path, "forces_replacement": field.fixed, "sensitive": field.sensitive });
    if field.sensitive {
        return told;
    }
    if let Some(before) = &field.before {
        told["before"] = shown(&json!(before));
    }
    match &field.after {
        Some(after) if after.references().is_empty() => told["after"] = shown(&json!(after)),
        Some(after) => told["unknown"] = json!(references(after)),
        None => {}
    }
    told
}

fn references(value: &Value) -> Vec<String> {
    value.references().iter().map(|reference| format!("{}.{}", reference.address, reference.output)).collect()
}

/// A line for what happened.
pub fn event(out: &mut dyn Write, event: &Event, at: Duration) -> io::Result<()> {
    let mut told = match event {
        Event::RunStarted { steps } => json!({ "type": "run_started", "steps": steps }),
        Event::Recovered { address, what } => {
            json!({ "type": "recovered", "address": address, "what": what })
        }
        Event::StepStarted { step, address, title, action, usual } => json!({
            "type": "step_started", "step": step, "address": address, "title": title, "action": action,
            "usual_ms": millis(*usual),
        }),
        Event::StepWaited { step, address, what, elapsed } => json!({
            "type": "step_waited", "step": step, "address": address, "what": what, "elapsed_ms": millis(*elapsed),
        }),
        Event::StepForced { step, address, what } => json!({
            "type": "step_forced", "step": step, "address": address, "what": what,
        }),
        Event::StepDone { step, address, action, took } => json!({
            "type": "step_done", "step": step, "address": address, "action": action, "took_ms": millis(*took),
        }),
        Event::StepFailed { step, address, action, error, took } => json!({
            "type": "step_failed", "step": step, "address": address, "action": action, "error": error,
            "took_ms": millis(*took),
        }),
        Event::StepSkipped { step, address, action, because } => json!({
            "type": "step_skipped", "step": step, "address": address, "action": action, "because": because,
        }),
    };
    told["at_ms"] = millis(at);
    line(out, &told)
}

/// The last line of a run.
pub fn outcome(out: &mut dyn Write, outcome: &Outcome, outputs: &Json, simulated: bool) -> io::Result<()> {
    let forced = outcome.forced.iter().map(|(address, what)| json!({ "address": address, "what": what }));
    let failed = outcome.failed.iter().map(|(address, error)| json!({ "address": address, "error": error }));
    line(
        out,
        &json!({
            "type": "outcome",
            "created": outcome.created,
            "updated": outcome.updated,
            "deleted": outcome.deleted,
            "forgotten": outcome.forgotten,
            "moved": outcome.moved,
            "failed": failed.collect::<Vec<_>>(),
            "forced": forced.collect::<Vec<_>>(),
            "skipped": outcome.skipped,
            "interrupted": outcome.interrupted,
            "took_ms": millis(outcome.took),
            "simulated": simulated,
            "outputs": outputs,
        }),
    )
}

/// A line for each resource that differs or could not be read, and one that counts them.
pub fn drift(out: &mut dyn Write, report: &Report, calls: u64) -> io::Result<()> {
    for (address, drifted) in &report.drifted {
        let mut told = json!({ "type": "drift", "address": address, "title": drifted.title });
        match &drifted.how {
            How::Gone => told["how"] = json!("gone"),
            How::Broken { why } => {
                told["how"] = json!("broken");
                told["why"] = json!(why);
            }
            How::Changed { fields } => {
                told["how"] = json!("changed");
                told["fields"] = fields.iter().map(of_field).collect();
            }
        }
        line(out, &told)?;
    }
    for (address, why) in &report.unreadable {
        line(out, &json!({ "type": "unreadable", "address": address, "why": why }))?;
    }
    line(
        out,
        &json!({
            "type": "drift_summary",
            "checked": report.checked,
            "drifted": report.drifted.len(),
            "unreadable": report.unreadable.len(),
            "api_calls": calls,
        }),
    )
}

fn millis(duration: Duration) -> Json {
    Json::from(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::field;
    use super::*;
    use crate::address::Address;

    #[test]
    fn sensitive_values_are_not_told_and_unknown_ones_are_named() {
        let text = |text: &str| Some(Value::from(text));
        let secret = FieldChange { sensitive: true, ..field("password", text("old"), text("new")) };
        assert!(!of_field(&secret).to_string().contains("old"));
        let arn = Value::reference(&Address::new("cluster", "edge"), "arn");
        let told = of_field(&field("role", None, Some(arn)));
        assert_eq!(told["unknown"], json!(["cluster.edge.arn"]));
        assert!(told.get("after").is_none());
    }

    #[test]
    fn every_line_is_an_object_with_a_type() {
        let mut out = Vec::new();
        version(&mut out).expect("a vector takes all");
        event(&mut out, &Event::RunStarted { steps: 2 }, Duration::from_secs(1)).expect("a vector takes all");
        outcome(&mut out, &Outcome::default(), &json!({}), true).expect("a vector takes all");
        let text = String::from_utf8(out).expect("is UTF-8");
        let types: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str::<Json>(line).expect("is JSON")["type"].to_string())
            .collect();
        assert_eq!(types, [r#""version""#, r#""run_started""#, r#""outcome""#]);
    }
}
