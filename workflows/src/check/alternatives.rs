//! Checks the alternatives of `first`: each of them can be read.

use std::collections::BTreeSet;

use super::context::Context;
use super::draft::{Draft, DraftStage};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::Reference;

/// Warns of alternatives that are never read, because one before them is always there. `order` has
/// the stages in topological order.
pub(super) fn check(draft: &Draft<'_>, order: &[usize], context: &mut Context<'_>) {
    let mut skippable = BTreeSet::new();
    for (name, stage) in order.iter().filter_map(|at| draft.stages.get_index(*at)) {
        if can_be_skipped(stage, &skippable) {
            skippable.insert(name.as_str());
        }
    }
    for stage in draft.stages.values() {
        for (port, input) in &stage.stage.inputs {
            if !input.first {
                continue;
            }
            let sources: Vec<_> = stage.sources.iter().filter(|s| s.port == *port).collect();
            for pair in sources.windows(2) {
                let [before, after] = pair else { continue };
                let Some(reason) = always_there(&before.reference, &skippable, draft) else {
                    continue;
                };
                let span = after.span;
                let range = span.start as usize..span.end as usize;
                let text = context.text.get(range).unwrap_or("it");
                context.report(
                    Diagnostic::warning(
                        codes::NEVER_READ,
                        span,
                        format!("`{text}` is never read: {reason}"),
                    )
                    .expecting(
                        "alternatives whose stages may be skipped, and then what is always there",
                    )
                    .suggesting("remove it, or put it first"),
                );
                break;
            }
        }
    }
}

/// Whether a condition can skip a stage: its own, or one of a stage before it.
fn can_be_skipped(stage: &DraftStage<'_>, skippable: &BTreeSet<&str>) -> bool {
    let may = |source: &Reference| {
        let port = source.port();
        port.is_some_and(|(stage, _)| skippable.contains(stage))
    };
    let mut inputs = stage.stage.inputs.values();
    let starves = inputs.any(|input| match input.first {
        true => input.from.iter().all(may),
        false => input.from.iter().any(may),
    });
    let mut needs = stage.stage.needs.iter();
    starves
        || stage.stage.conditions().next().is_some()
        || needs.any(|one| skippable.contains(one.as_str()))
}

/// Why an alternative is always there, if it is.
fn always_there(
    source: &Reference,
    skippable: &BTreeSet<&str>,
    draft: &Draft<'_>,
) -> Option<String> {
    match source {
        Reference::Port { stage, .. }
            if skippable.contains(stage.as_str()) || !draft.stages.contains_key(stage) =>
        {
            None
        }
        Reference::Port { stage, .. } => Some(format!("`{stage}` is never skipped")),
        Reference::Param(_)
        | Reference::Path(_)
        | Reference::Pattern(_)
        | Reference::Url(_)
        | Reference::Item(_) => Some("the source before it is always there".to_owned()),
    }
}
