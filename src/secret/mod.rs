//! `Secrets`: the texts that must never be told or kept. What stands in their place is in `mask`.
//!
//! A sensitive value is known by its text. Wherever the value of a sensitive variable turns up, alone or within
//! another text, in base64 or escaped as in JSON, the leaf that holds it is sensitive: so it stays one through
//! templates, specs, what the cloud gives back, values and outputs, and nothing has to carry a mark on its way.
//! `data` and `stringData` of a Kubernetes Secret are sensitive by their place.
//!
//! The rule, which does not depend on encryption: no sensitive value is ever in a plan, a saved plan, the state, the
//! journal, the history, an event, an error, or anything that is printed, except by `stack output NAME`, which asks
//! for one by name. State and plan files keep a mark in its place, from which only its equality can be told.

mod known;
mod mask;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

pub use known::Known;
pub use mask::{Mask, has_marks, is_mark, shown};

/// Shorter texts cannot be told apart from others by their text: a sensitive variable has at least so many characters.
pub const SHORTEST: usize = 6;

/// In the place of a value that must not be shown.
pub const SENSITIVE: &str = "(sensitive)";

/// The texts that must never be told or kept. Cheap to clone.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Texts>);

#[derive(Clone, Default)]
struct Texts {
    /// Whatever holds one of these is sensitive.
    values: Vec<String>,
    /// These are sensitive by their place: they only must not be repeated in words.
    echoes: Vec<String>,
}

impl Secrets {
    /// The values of sensitive variables.
    pub fn new<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Self {
        let values: Vec<T> = values.into_iter().collect();
        // A message may repeat a single line of several.
        let lines = values.iter().flat_map(|text| text.as_ref().lines());
        let lines: Vec<&str> = lines.filter(|line| line.trim().len() >= 2 * SHORTEST).collect();
        let echoes = forms(lines);
        Self(Arc::new(Texts { values: forms(values), echoes }))
    }

    /// With texts that are sensitive by their place, such as those in a Kubernetes Secret.
    #[must_use]
    pub fn and_in_place<T: AsRef<str>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        let echoes = &mut Arc::make_mut(&mut self.0).echoes;
        echoes.extend(forms(texts));
        longest_first(echoes);
        self
    }

    /// Whether a text is, or holds, the value of a sensitive variable.
    pub fn holds(&self, text: &str) -> bool {
        self.0.values.iter().any(|value| text.contains(value.as_str()))
    }

    /// Whether no variable is sensitive.
    pub fn is_empty(&self) -> bool {
        self.0.values.is_empty()
    }

    /// A text for people, with every secret in it hidden.
    pub fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for secret in self.0.values.iter().chain(&self.0.echoes) {
            if text.contains(secret.as_str()) {
                text = Cow::Owned(text.replace(secret.as_str(), SENSITIVE));
            }
        }
        text
    }
}

/// Secrets never show themselves.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.values.len() + self.0.echoes.len())
    }
}

/// Each text as it is, as it stands in JSON, and in base64; the longest first, so that none is cut.
fn forms<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut all = Vec::new();
    for text in texts {
        let text = text.as_ref();
        for one in [text, text.trim_end()] {
            let quoted = serde_json::Value::from(one).to_string();
            all.extend([one.to_owned(), quoted[1..quoted.len() - 1].to_owned()]);
            for code in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
                all.push(code.encode(one));
            }
        }
    }
    all.retain(|text| text.len() >= SHORTEST);
    longest_first(&mut all);
    all
}

fn longest_first(texts: &mut Vec<String>) {
    texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    texts.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b26_a_secret_is_hidden_in_every_form() {
        let secrets = Secrets::new(["hunter\"2\n"]).and_in_place(["in-a-secret"]);
        let said = "raw hunter\"2\n, json hunter\\\"2\\n, code aHVudGVyIjIK, place in-a-secret";
        assert_eq!(
            secrets.hide(said),
            "raw (sensitive), json (sensitive), code (sensitive), place (sensitive)"
        );
        assert!(secrets.holds("postgres://me:hunter\"2\n@db") && !secrets.holds("in-a-secret"));
        assert!(!format!("{secrets:?}").contains("hunter"));
    }

    #[test]
    fn what_holds_no_secret_is_left_alone() {
        assert!(matches!(Secrets::new(["hunter22"]).hide("hunter"), Cow::Borrowed("hunter")));
        assert!(Secrets::new([""]).is_empty() && !Secrets::default().holds(""));
    }
}
