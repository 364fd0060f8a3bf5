//! Renders diagnostics for people: code, place, the marked source line, what was expected, and the
//! remedy.

use std::collections::BTreeMap;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{InFile, Lines, Sources, Span};

/// A diagnostic as `check --json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonDiagnostic {
    /// The code.
    pub code: String,
    /// `error` or `warning`.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The line of the first character after the place.
    pub end_line: usize,
    /// The column of the first character after the place.
    pub end_column: usize,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub expected: Option<String>,
    /// The most similar valid word, or another remedy.
    pub suggestion: Option<String>,
}

/// The diagnostics of one file as data.
#[must_use]
pub fn to_json(file: &str, text: &str, diagnostics: &[Diagnostic]) -> Vec<JsonDiagnostic> {
    to_json_in(&Sources::new(file, text), diagnostics)
}

/// The diagnostics of a workflow and of the files that it uses, as data.
#[must_use]
pub fn to_json_in(sources: &Sources, diagnostics: &[Diagnostic]) -> Vec<JsonDiagnostic> {
    let mut known = KnownLines::default();
    diagnostics
        .iter()
        .map(|diagnostic| {
            let file = sources.file(diagnostic.span);
            let lines = known.of(file);
            let span = file.within(diagnostic.span);
            let (line, column) = lines.line_column(span.start);
            let (end_line, end_column) = lines.line_column(span.end);
            JsonDiagnostic {
                code: diagnostic.code.0.to_owned(),
                severity: diagnostic.severity,
                file: file.name.to_owned(),
                line,
                column,
                end_line,
                end_column,
                message: diagnostic.message.clone(),
                expected: diagnostic.expected.clone(),
                suggestion: diagnostic.suggestion.clone(),
            }
        })
        .collect()
}

/// The diagnostics of one file as text, each with its source line.
#[must_use]
pub fn render_human(file: &str, text: &str, diagnostics: &[Diagnostic], color: bool) -> String {
    render_in(&Sources::new(file, text), diagnostics, color)
}

/// The diagnostics of a workflow and of the files that it uses, as text, each with its source line.
#[must_use]
pub fn render_in(sources: &Sources, diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut known = KnownLines::default();
    let mut out = String::new();
    for diagnostic in diagnostics {
        let file = sources.file(diagnostic.span);
        let span = file.within(diagnostic.span);
        let number = known.of(file).line_column(span.start).0;
        out.push_str(&one(file, span, diagnostic, number, &renderer));
        out.push_str("\n\n");
    }
    out
}

/// The lines of each file, found once.
#[derive(Default)]
struct KnownLines<'s>(BTreeMap<u32, Lines<'s>>);

impl<'s> KnownLines<'s> {
    fn of(&mut self, file: InFile<'s>) -> &Lines<'s> {
        let lines = self.0.entry(file.start);
        lines.or_insert_with(|| Lines::new(file.text))
    }
}

fn one(
    file: InFile<'_>,
    span: Span,
    diagnostic: &Diagnostic,
    number: usize,
    renderer: &Renderer,
) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let text = file.text;
    let (start, end, line) = window(text, span);
    let (from, _) = line;
    let source = printable(text.get(from..line.1).unwrap_or_default());
    let label = diagnostic
        .expected
        .as_deref()
        .map(|expected| format!("expected {expected}"));
    let annotation = AnnotationKind::Primary.span(start - from..end - from);
    let snippet = Snippet::source(source)
        .line_start(number)
        .path(file.name)
        .annotation(match &label {
            Some(label) => annotation.label(label.as_str()),
            None => annotation,
        });
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.0);
    let mut group: Group<'_> = title.element(snippet);
    if let Some(suggestion) = &diagnostic.suggestion {
        group = group.element(Level::HELP.message(suggestion.as_str()));
    }
    renderer.render(&[group])
}

/// The marked bytes and their line. Only that line is passed on, so that the cost depends on the
/// mistakes and not on the file's size.
fn window(text: &str, span: Span) -> (usize, usize, (usize, usize)) {
    let clamp = |at: u32| usize::try_from(at).map_or(text.len(), |at| at.min(text.len()));
    let mut start = clamp(span.start);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let mut end = clamp(span.end).clamp(start, line_end.max(start));
    while !text.is_char_boundary(end) {
        end += 1;
    }
    (start, end, (line_start, line_end))
}

/// Replaces control characters by blanks of their length, because a terminal could execute them.
fn printable(line: &str) -> String {
    line.chars()
        .map(|c| match c {
            '\t' => c.to_string(),
            c if c.is_control() => " ".repeat(c.len_utf8()),
            c => c.to_string(),
        })
        .collect()
}
