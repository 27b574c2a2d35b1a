//! `Diagnostic`: one thing that is wrong with a stack file, as data. How it is drawn is in `render`.

use std::ops::Range;

use super::source::Source;

/// One mistake: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, as a sentence without a period.
    pub message: String,
    /// Bytes of the source that are underlined; none for what has no place in the text.
    pub span: Option<Range<usize>>,
    /// Says something right at the underlined place.
    pub label: Option<String>,
    /// Another place that belongs to it, and what is there: the first of two equal keys.
    pub other: Option<Box<(Range<usize>, String)>>,
    /// What to do: what is allowed, "did you mean".
    pub hint: Option<String>,
    /// The file it is in, where that is not the stack file but a file of variables.
    pub source: Option<Box<Source>>,
}

impl Diagnostic {
    /// A mistake at a place, if its place is known.
    pub fn new(message: impl Into<String>, span: Option<Range<usize>>) -> Self {
        Self { message: message.into(), span, label: None, other: None, hint: None, source: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a word at the underlined place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds another place, if it is known, and what is there.
    #[must_use]
    pub fn other(mut self, span: Option<Range<usize>>, label: impl Into<String>) -> Self {
        self.other = span.map(|span| Box::new((span, label.into())));
        self
    }
}
