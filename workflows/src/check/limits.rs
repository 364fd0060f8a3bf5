//! Checks what tasks take of shared limits: each name has a limit, and no task asks for more than
//! that.

use std::collections::BTreeMap;

use super::context::Context;
use super::draft::Draft;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::names::one_of;
use crate::source::Span;
use crate::yaml::{Entry, Node};

/// Lowers a map of counts: `limits:` or `shared:`.
pub(super) fn counts(node: Option<&Node>) -> BTreeMap<String, u32> {
    let entries = node.map(Node::entries).unwrap_or_default();
    let count = |entry: &Entry| u32::try_from(entry.value.whole()?).ok();
    entries
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), count(entry)?)))
        .collect()
}

/// The names under `limits:` of a file, also of limits that are no numbers.
pub(super) fn names(root: &Node) -> Vec<String> {
    let entries = root.get("limits").map(Node::entries).unwrap_or_default();
    entries.iter().map(|entry| entry.key.clone()).collect()
}

/// Checks every stage.
pub(super) fn check(draft: &Draft<'_>, context: &mut Context<'_>) {
    let ours = &draft.workflow.limits;
    let settings = &context.facts.limits;
    let mut found = Vec::new();
    for stage in draft.stages.values() {
        let resources = stage.node.get("resources");
        let shared = resources.and_then(|resources| resources.get("shared"));
        for entry in shared.map(Node::entries).unwrap_or_default() {
            let name = entry.key.as_str();
            let limits = [ours.get(name), settings.get(name)];
            let Some(limit) = limits.into_iter().flatten().min() else {
                // What is wrong with its number is told there.
                if draft.limit_names.iter().any(|stated| stated == name) {
                    continue;
                }
                let known = ours.keys().chain(settings.keys()).map(String::as_str);
                found.push(unlimited(name, entry.key_span, known.collect()));
                continue;
            };
            let Some(asked) = stage.stage.resources.shared.get(name) else {
                continue;
            };
            if asked > limit {
                let by = match ours.get(name) == Some(limit) {
                    true => "the limit",
                    false => "the limit in your settings",
                };
                let message = format!("`{name}: {asked}` is more than {by}, which is {limit}");
                found.push(
                    Diagnostic::error(codes::OUT_OF_RANGE, entry.value.span, message)
                        .expecting(format!("at most {limit}")),
                );
            }
        }
    }
    found.into_iter().for_each(|one| context.report(one));
}

fn unlimited(name: &str, span: Span, known: Vec<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        codes::UNKNOWN_LIMIT,
        span,
        format!("there is no limit `{name}`"),
    );
    match known.is_empty() {
        true => diagnostic.expecting("a name under `limits:` of the workflow or of your settings"),
        false => diagnostic
            .expecting(one_of(known.iter().copied()))
            .nearest(name, known.iter().copied()),
    }
}
