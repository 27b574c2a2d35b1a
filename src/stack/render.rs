//! How diagnostics are drawn: the message, the place, the line with its underline, and what to do. Pure.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use super::diagnostic::Diagnostic;
use super::source::Source;

/// Draws diagnostics as text for people, one after the other, with an empty line between.
pub fn render(diagnostics: &[Diagnostic], source: &Source, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    diagnostics
        .iter()
        .map(|diagnostic| one(diagnostic, source, &renderer) + "\n")
        .collect::<Vec<_>>()
        .join("\n")
}

fn one(diagnostic: &Diagnostic, source: &Source, renderer: &Renderer) -> String {
    let path = source.path.display().to_string();
    let mut group =
        Group::with_title(Level::ERROR.primary_title(normalize_untrusted_str(&diagnostic.message)));
    group = match &diagnostic.span {
        None => group.element(Origin::path(path)),
        Some(span) => {
            let label = diagnostic.label.as_deref().map(normalize_untrusted_str);
            let main = AnnotationKind::Primary.span(clamp(span, &source.text)).label(label);
            let other = diagnostic.other.iter().map(|(span, label)| {
                AnnotationKind::Context.span(clamp(span, &source.text)).label(normalize_untrusted_str(label))
            });
            group.element(Snippet::source(&*source.text).path(path).annotation(main).annotations(other))
        }
    };
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(normalize_untrusted_str(hint)));
    }
    renderer.render(&[group])
}

/// A range that lies in the text, on the borders of characters.
fn clamp(span: &Range<usize>, text: &str) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.min(text.len()));
    start..end.max(start)
}
