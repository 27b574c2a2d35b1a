//! Words that all views share: durations, counts, values in one line.

use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::change::{Action, Verb};
pub use crate::secret::SENSITIVE;
use crate::secret::is_mark;
use crate::value::{Piece, Value};

/// What is made.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// What is changed.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
/// What is deleted, and what failed.
pub const RED: Style = AnsiColor::Red.on_default();
/// What is replaced.
pub const MAGENTA: Style = AnsiColor::Magenta.on_default();
/// What stands back.
pub const DIM: Style = Style::new().dimmed();
/// What stands out.
pub const BOLD: Style = Style::new().bold();

/// In the place of a value that is not known yet.
pub const UNKNOWN: &str = "(known after apply)";

/// The colour of a verb.
pub fn style_of(verb: Verb) -> Style {
    match verb {
        Verb::Create => GREEN,
        Verb::Update => YELLOW,
        Verb::Replace | Verb::ReplaceCreateFirst => MAGENTA,
        Verb::Delete => RED,
        Verb::Forget | Verb::Move => DIM,
    }
}

/// The sign, the colour and the past tense of an action.
pub fn action_words(action: Action) -> (&'static str, Style, &'static str) {
    match action {
        Action::Create => ("+", GREEN, "created"),
        Action::Update => ("~", YELLOW, "changed"),
        Action::Delete => ("-", RED, "deleted"),
        Action::Forget => ("x", DIM, "forgotten"),
        Action::Move => (">", DIM, "moved"),
    }
}

/// What an action is called while it goes on.
pub fn action_now(action: Action) -> &'static str {
    match action {
        Action::Create => "creating",
        Action::Update => "changing",
        Action::Delete => "deleting",
        Action::Forget => "forgetting",
        Action::Move => "moving",
    }
}

/// `0.4s`, `9s`, `9m12s`, `1h02m`.
pub fn duration(took: Duration) -> String {
    let seconds = took.as_secs();
    match seconds {
        0 => format!("{:.1}s", took.as_secs_f64()),
        1..60 => format!("{seconds}s"),
        60..3600 if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// The time since the beginning of a run: `12:31`, `1:02:03`.
pub fn stamp(at: Duration) -> String {
    let seconds = at.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes:02}:{rest:02}") } else { format!("{hours}:{minutes:02}:{rest:02}") }
}

/// `1 resource`, `2 resources`.
pub fn count(number: usize, of: &str) -> String {
    if number == 1 { format!("1 {of}") } else { format!("{number} {of}s") }
}

/// A value in one line: texts without quotes where that is clear, the rest as JSON.
pub fn inline(value: &Value) -> String {
    match value {
        Value::String(text) if is_mark(text) => SENSITIVE.to_owned(),
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Unknown(pieces) => pieces.iter().map(piece).collect(),
        other => nested(other),
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

fn piece(piece: &Piece) -> &str {
    match piece {
        Piece::Text(text) if is_mark(text) => SENSITIVE,
        Piece::Text(text) => text,
        Piece::Ref(_) => UNKNOWN,
    }
}

fn nested(value: &Value) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if is_mark(text) => SENSITIVE.to_owned(),
        Value::String(text) => serde_json::Value::from(text.as_str()).to_string(),
        Value::List(items) => format!("[{}]", join(items.iter().map(nested).collect())),
        Value::Map(map) if map.is_empty() => "{}".to_owned(),
        Value::Map(map) => {
            format!(
                "{{ {} }}",
                join(map.iter().map(|(key, value)| format!("{key}: {}", nested(value))).collect())
            )
        }
        Value::Unknown(_) => inline(value),
    }
}

/// A text in at most so many columns, with `…` for what is cut off.
pub fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;

    #[test]
    fn durations_are_short() {
        let shown = [400, 9_000, 60_000, 552_000, 3_725_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(shown, ["0.4s", "9s", "1m", "9m12s", "1h02m"]);
        assert_eq!(stamp(Duration::from_secs(751)), "12:31");
        assert_eq!(stamp(Duration::from_secs(3_723)), "1:02:03");
    }

    #[test]
    fn values_are_one_line() {
        let unknown = Value::reference(&Address::new("cluster", "edge"), "arn");
        let map =
            Value::map([("a", Value::list([Value::from("x y"), unknown.clone()])), ("b", Value::from(true))]);
        assert_eq!(inline(&map), r#"{ a: ["x y", (known after apply)], b: true }"#);
        assert_eq!(inline(&Value::from("a\nb")), r#""a\nb""#);
        assert_eq!(inline(&Value::from("")), r#""""#);
        assert_eq!(inline(&unknown), UNKNOWN);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdefg", 6), "abcde…");
        assert_eq!(fit("äöüäöüä", 6), "äöüäö…");
    }
}
