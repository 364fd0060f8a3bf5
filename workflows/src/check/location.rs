//! Where expressions are in the text of a workflow.

use super::draft::DraftStage;
use crate::expr::{CompiledTemplate, has_expression};
use crate::source::Span;
use crate::yaml::{Data, Node};

/// The column of every `item.column` that a stage reads, with its place.
pub(super) fn item_columns(stage: &DraftStage<'_>, text: &str) -> Vec<(String, Span)> {
    columns_in(stage, text, &["run", "env", "with", "outputs", "inputs"])
}

/// The column of every `item.column` in the sources of a stage, with its place.
pub(super) fn columns_of_sources(stage: &DraftStage<'_>, text: &str) -> Vec<(String, Span)> {
    columns_in(stage, text, &["inputs"])
}

fn columns_in(stage: &DraftStage<'_>, text: &str, keys: &[&str]) -> Vec<(String, Span)> {
    let mut columns = Vec::new();
    for key in keys {
        if let Some(node) = stage.node.get(key) {
            collect_item_columns(node, text, &mut columns);
        }
    }
    columns
}

fn collect_item_columns(node: &Node, text: &str, columns: &mut Vec<(String, Span)>) {
    match &node.data {
        Data::Scalar(_) => {
            let source = node.text().filter(|text| has_expression(text));
            let template = source.and_then(|source| CompiledTemplate::new(source).ok());
            for expression in template.iter().flat_map(CompiledTemplate::expressions) {
                for name in expression.names() {
                    if let [root, column, ..] = name.as_slice()
                        && root == "item"
                    {
                        columns.push((column.clone(), locate(text, node, &expression.source)));
                    }
                }
            }
        }
        Data::List(items) => items
            .iter()
            .for_each(|n| collect_item_columns(n, text, columns)),
        Data::Map(entries) => {
            for entry in entries {
                collect_item_columns(&entry.value, text, columns);
            }
        }
    }
}

/// The place of a word in a node if it can be found, or else the node's place.
pub(super) fn locate_word(text: &str, node: &Node, word: &str) -> Span {
    let (start, within) = source(text, node);
    let part = |c: char| c.is_alphanumeric() || "/._-~$*".contains(c);
    let whole = |at: &usize| {
        let before = within[..*at].chars().next_back();
        let after = within[at + word.len()..].trim_start_matches(['/', ':', '.']);
        !before.is_some_and(part) && !after.starts_with(|c: char| c.is_alphanumeric())
    };
    let mut places = within.match_indices(word).map(|(at, _)| at);
    let exact = places.clone().find(whole);
    match exact.or_else(|| places.next()) {
        Some(at) => span_at(start + at, word.len(), node),
        None => node.span,
    }
}

/// The text of a node as it is written in the file, and where it starts.
fn source<'t>(text: &'t str, node: &Node) -> (usize, &'t str) {
    let bounds = |at: u32| usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    let (start, end) = (bounds(node.span.start), bounds(node.end));
    (start, text.get(start..end.max(start)).unwrap_or_default())
}

fn span_at(start: usize, length: usize, node: &Node) -> Span {
    let start = u32::try_from(start).unwrap_or(node.span.start);
    let length = u32::try_from(length).unwrap_or_default();
    Span {
        start,
        end: start.saturating_add(length),
    }
}

/// The expression's own place in a node if it can be found, or else the node's place.
pub(super) fn locate(text: &str, node: &Node, expression: &str) -> Span {
    let (start, within) = source(text, node);
    let first = expression.lines().next().unwrap_or_default();
    let whole = |at: &usize| {
        let before = within[..*at].trim_end();
        let after = within[at + first.len()..].trim_start();
        before.ends_with("${{") && (after.starts_with("}}") || first.len() < expression.len())
    };
    let mut places = within.match_indices(first).map(|(at, _)| at);
    let exact = places.clone().find(whole);
    match exact.or_else(|| places.next()) {
        Some(at) if !first.is_empty() => span_at(start + at, first.len(), node),
        _ => node.span,
    }
}
