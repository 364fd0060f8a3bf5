//! The draft: the tree lowered to the model, with the places in the text that later checks need.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{Context, defaults, params, place, reference, stage};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::{Reference, Stage, Workflow};
use crate::source::Span;
use crate::yaml::{Data, Node};

/// A workflow whose references are not checked yet.
pub(super) struct Draft<'n> {
    /// The workflow without its stages.
    pub(super) workflow: Workflow,
    /// The stages in the order written.
    pub(super) stages: IndexMap<String, DraftStage<'n>>,
    /// Names of stages that could not be lowered.
    pub(super) broken: BTreeSet<String>,
    /// The places of the parameters' defaults.
    pub(super) defaults: BTreeMap<String, Span>,
    /// The workflow's outputs with their places.
    pub(super) outputs: Vec<(String, String, Span)>,
}

/// A stage with the places of its references.
pub(super) struct DraftStage<'n> {
    pub(super) stage: Stage,
    /// Its node in the tree, with defaults applied.
    pub(super) node: Cow<'n, Node>,
    /// False if its action is unknown. Then its outputs are unknown too.
    pub(super) known: bool,
    /// Every source of every input.
    pub(super) sources: Vec<Source>,
    /// Stages that it depends on without reading from them.
    pub(super) waits: Vec<(String, Span)>,
}

/// One source of one input.
pub(super) struct Source {
    pub(super) port: String,
    pub(super) reference: Reference,
    pub(super) span: Span,
}

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
    Draft {
        workflow,
        stages,
        broken,
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
