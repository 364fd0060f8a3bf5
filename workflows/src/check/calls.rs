//! Checks the names of filters and tests, because the engine looks them up only when they run.

use super::context::Context;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::expr::{FILTERS, test_names};
use crate::names::one_of;
use crate::source::Span;

/// Reports every unknown filter and test of an expression.
pub(super) fn check(source: &str, span: Span, context: &mut Context<'_>) {
    let mut quote = None;
    let mut before = ' ';
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let from = rest;
        rest = &rest[c.len_utf8()..];
        match (quote, c) {
            (Some(_), '\\') => {
                let mut after = rest.chars();
                after.next();
                rest = after.as_str();
            }
            (Some(open), _) if open == c => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '|') => {
                known("filter", word(rest.trim_start()), FILTERS, span, context);
            }
            (None, 'i') if !is_part(before) && word(from) == "is" => {
                let mut name = rest[1..].trim_start();
                if word(name) == "not" {
                    name = name[3..].trim_start();
                }
                known("test", word(name), &test_names(), span, context);
            }
            _ => {}
        }
        before = c;
    }
}

/// Reports a name that is not known.
fn known(what: &str, name: &str, known: &[&str], span: Span, context: &mut Context<'_>) {
    if !name.is_empty() && !known.contains(&name) {
        let message = format!("there is no {what} `{name}`");
        let words = known.iter().copied();
        let words = words.filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
        context.report(
            Diagnostic::error(codes::UNKNOWN_FILTER, span, message)
                .expecting(one_of(words.clone()))
                .nearest(name, words),
        );
    }
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.')
}

/// The word at the start of a text.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}
