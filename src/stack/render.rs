//! How diagnostics are drawn: the message, the place, the line with its underline, and what to do. Pure.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};

use super::diagnostic::Diagnostic;
use super::source::Source;

/// A longer piece of the source is not drawn, only named by its line.
const LONGEST: usize = 16 * 1024;

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

fn one<'a>(diagnostic: &'a Diagnostic, source: &'a Source, renderer: &Renderer) -> String {
    let title = Level::ERROR.primary_title(normalize_untrusted_str(&diagnostic.message));
    let source = diagnostic.source.as_deref().unwrap_or(source);
    let mut group = place(diagnostic, source, Group::with_title(title));
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(normalize_untrusted_str(hint)));
    }
    renderer.render(&[group])
}

/// Adds the lines of the source with their underlines; the path alone for what has no place.
fn place<'a>(diagnostic: &'a Diagnostic, source: &'a Source, group: Group<'a>) -> Group<'a> {
    let path = source.path.display().to_string();
    let text = &*source.text;
    let Some(main) = diagnostic.span.as_ref().map(|span| clamp(span, text)) else {
        return group.element(Origin::path(path));
    };
    // Both places in one picture, unless they are far from each other.
    let other = diagnostic.other.as_deref().map(|(span, label)| (clamp(span, text), label));
    let other = other.filter(|(span, _)| lines(&join(&main, span), text).len() <= LONGEST);
    let shown = lines(&other.as_ref().map_or(main.clone(), |(span, _)| join(&main, span)), text);
    let line = text[..shown.start].bytes().filter(|byte| *byte == b'\n').count() + 1;
    if shown.len() > LONGEST {
        return group.element(Origin::path(path).line(line));
    }
    let annotation = |kind: AnnotationKind, span: &Range<usize>, label: Option<&String>| -> Annotation<'a> {
        let inside = span.start - shown.start..span.end - shown.start;
        kind.span(inside).label(label.map(|label| normalize_untrusted_str(label)))
    };
    let main = annotation(AnnotationKind::Primary, &main, diagnostic.label.as_ref());
    let other = other.map(|(span, label)| annotation(AnnotationKind::Context, &span, Some(label)));
    let snippet = Snippet::source(&text[shown.clone()]).path(path).line_start(line);
    group.element(snippet.annotation(main).annotations(other))
}

/// A range that lies in the text, on the borders of characters.
fn clamp(span: &Range<usize>, text: &str) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.min(text.len()));
    start..end.max(start)
}

fn join(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    a.start.min(b.start)..a.end.max(b.end)
}

/// The lines that a range is in.
fn lines(span: &Range<usize>, text: &str) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at);
    // A carriage return is not drawn, unless the range itself ends behind it.
    start..text[span.end..end].strip_suffix('\r').map_or(end, |_| end - 1)
}
