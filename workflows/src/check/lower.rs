//! Lowers the tree to the draft.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::context::Context;
use super::draft::Draft;
use super::{defaults, limits, notify, params, place, reference, stage};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::{Reference, Workflow};
use crate::source::Span;
use crate::yaml::{Data, Node};

/// Lowers the whole tree.
pub(super) fn lower<'n>(root: &'n Node, context: &mut Context<'_>) -> Draft<'n> {
    let text = |key: &str| {
        root.get(key)
            .and_then(Node::text)
            .unwrap_or_default()
            .to_owned()
    };
    let mut workflow = Workflow {
        name: text("name"),
        description: text("description"),
        params: params::lower(root.get("params"), context),
        place: root.get("place").map(place::lower).unwrap_or_default(),
        budget: root
            .get("budget")
            .map(place::lower_budget)
            .unwrap_or_default(),
        limits: limits::counts(root.get("limits")),
        notify: notify::lower(root.get("notify"), context),
        ..Workflow::default()
    };
    let defaults = root.get("defaults");
    let mut stages = IndexMap::new();
    let mut broken = BTreeSet::new();
    let written = root.get("stages");
    for entry in written.map(Node::entries).unwrap_or_default() {
        if entry.key == "params" {
            let message = "a stage cannot be named `params`: `params.x` names a parameter";
            context.report(Diagnostic::error(codes::BAD_NAME, entry.key_span, message));
        }
        if !matches!(entry.value.data, Data::Map(_)) {
            broken.insert(entry.key.clone());
            continue;
        }
        let node = defaults::apply(&entry.value, defaults);
        let draft = stage::lower(&entry.key, entry.key_span, node, context);
        stages.insert(entry.key.clone(), draft);
    }
    if let Some(node) = written
        && node.entries().is_empty()
        && matches!(node.data, Data::Map(_))
    {
        context.report(
            Diagnostic::error(codes::MISSING_KEY, node.span, "there is no stage")
                .expecting("at least one stage"),
        );
    }
    let params = root.get("params").map(Node::entries).unwrap_or_default();
    let defaults = params
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), entry.value.get("default")?.span)))
        .collect();
    let outputs = lower_outputs(root.get("outputs"), &mut workflow, context);
    let limit_names = root.get("limits").map(Node::entries);
    let limit_names = limit_names.unwrap_or_default().iter();
    Draft {
        workflow,
        stages,
        broken,
        limit_names: limit_names.map(|entry| entry.key.clone()).collect(),
        defaults,
        outputs,
    }
}

fn lower_outputs(
    node: Option<&Node>,
    workflow: &mut Workflow,
    context: &mut Context<'_>,
) -> Vec<(String, String, Span)> {
    let mut outputs = Vec::new();
    for entry in node.map(Node::entries).unwrap_or_default() {
        let Some(text) = entry.value.text() else {
            continue;
        };
        let span = entry.value.span;
        match reference::parse_reference(text) {
            Ok(Reference::Port { stage, port }) => {
                outputs.push((stage.clone(), port.clone(), span));
                let reference = Reference::Port { stage, port };
                workflow.outputs.insert(entry.key.clone(), reference);
            }
            _ => context.report(
                Diagnostic::error(
                    codes::BAD_SOURCE,
                    span,
                    format!("`{text}` is not an output of a stage"),
                )
                .expecting("stage.port"),
            ),
        }
    }
    outputs
}
