//! How the fields of a change look: `path: before -> after`, and a few lines for what is created.

use std::io::{self, Write};

use similar::{ChangeTag, TextDiff};

use super::words::{DIM, GREEN, RED, SENSITIVE, fit, inline};
use crate::change::FieldChange;
use crate::value::Value;

/// Lines of a create that are shown without `--verbose`.
const FEW: usize = 8;
/// Lines of a text's difference that are shown without `--verbose`.
const SOME: usize = 24;
/// In the place of a value that is not there.
const NONE: &str = "(none)";
/// The columns before a field.
const INDENT: usize = 6;

/// How much is shown.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Columns of a line.
    pub width: usize,
    /// Whether everything is shown, however long.
    pub verbose: bool,
}

impl Measure {
    fn fit(self, text: &str, used: usize) -> String {
        if self.verbose { text.to_owned() } else { fit(text, self.width.saturating_sub(used).max(8)) }
    }
}

/// The fields of a thing that is created: what says most, unless everything is wanted.
pub fn write_new(out: &mut dyn Write, fields: &[FieldChange], measure: Measure) -> io::Result<()> {
    let mut leaves = Vec::new();
    for field in fields {
        if let Some(after) = &field.after {
            flatten(&field.path, after, field.sensitive, &mut leaves);
        }
    }
    let all = leaves.len();
    if !measure.verbose {
        leaves.retain(|(path, _)| {
            !path.split('.').any(|part| matches!(part, "tags" | "labels" | "annotations"))
        });
        // What is nearest to the top says most; the order is kept otherwise.
        leaves.sort_by_key(|(path, _)| path.matches('.').count());
        leaves.truncate(if all > FEW { FEW - 1 } else { FEW });
    }
    for (path, value) in &leaves {
        let line = measure.fit(&format!("{path}: {value}"), INDENT);
        writeln!(out, "{:INDENT$}{line}", "")?;
    }
    match all - leaves.len() {
        0 => Ok(()),
        more => writeln!(out, "{:INDENT$}{DIM}… and {more} more{DIM:#}", ""),
    }
}

/// Maps become dotted paths; all else is a leaf.
fn flatten(path: &str, value: &Value, sensitive: bool, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::Map(map) if !sensitive && !map.is_empty() => {
            for (key, value) in map {
                flatten(&format!("{path}.{key}"), value, false, leaves);
            }
        }
        Value::Null => {}
        _ => {
            let shown = if sensitive { SENSITIVE.to_owned() } else { inline(value) };
            leaves.push((path.to_owned(), shown));
        }
    }
}

/// One field that changes.
pub fn write_changed(out: &mut dyn Write, field: &FieldChange, measure: Measure) -> io::Result<()> {
    let forces = if field.fixed { "  (forces a replacement)" } else { "" };
    if !field.sensitive
        && let (Some(Value::String(before)), Some(Value::String(after))) = (&field.before, &field.after)
        && (before.contains('\n') || after.contains('\n'))
    {
        writeln!(out, "{:INDENT$}{}:{forces}", "", field.path)?;
        return write_text(out, before, after, measure);
    }
    let (before, after) = (side(field.before.as_ref(), field), side(field.after.as_ref(), field));
    let line = format!("{}: {before} -> {after}{forces}", field.path);
    if measure.verbose || INDENT + line.chars().count() <= measure.width {
        return writeln!(out, "{:INDENT$}{line}", "");
    }
    writeln!(out, "{:INDENT$}{}:{forces}", "", field.path)?;
    writeln!(out, "{:INDENT$}  {RED}-{RED:#} {}", "", measure.fit(&before, INDENT + 4))?;
    writeln!(out, "{:INDENT$}  {GREEN}+{GREEN:#} {}", "", measure.fit(&after, INDENT + 4))
}

fn side(value: Option<&Value>, field: &FieldChange) -> String {
    match value {
        None => NONE.to_owned(),
        Some(_) if field.sensitive => SENSITIVE.to_owned(),
        Some(value) => inline(value),
    }
}

/// Texts of several lines: the lines that differ, with one around them.
fn write_text(out: &mut dyn Write, before: &str, after: &str, measure: Measure) -> io::Result<()> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for group in diff.grouped_ops(1) {
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            lines.push((change.tag(), change.value().trim_end().to_owned()));
        }
    }
    let shown = if measure.verbose { lines.len() } else { SOME.min(lines.len()) };
    for (tag, line) in &lines[..shown] {
        let line = measure.fit(line, INDENT + 4);
        match tag {
            ChangeTag::Delete => writeln!(out, "{:INDENT$}  {RED}-{RED:#} {line}", "")?,
            ChangeTag::Insert => writeln!(out, "{:INDENT$}  {GREEN}+{GREEN:#} {line}", "")?,
            ChangeTag::Equal => writeln!(out, "{:INDENT$}    {line}", "")?,
        }
    }
    match lines.len() - shown {
        0 => Ok(()),
        more => writeln!(out, "{:INDENT$}  {DIM}… and {more} more lines{DIM:#}", ""),
    }
}
