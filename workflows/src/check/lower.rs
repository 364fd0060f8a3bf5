//! Lowers the tree to the draft.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::context::Context;
use super::draft::Draft;
use super::file::{File, Trees};
use super::{defaults, limits, notify, params, place, reference, stage, used};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::{Place, Reference, Workflow};
use crate::source::Span;
use crate::yaml::{Data, Node};

/// Lowers the whole tree.
pub(super) fn lower<'n>(root: &'n Node, trees: &'n Trees, context: &mut Context<'_>) -> Draft<'n> {
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
    let params = root.get("params").map(Node::entries).unwrap_or_default();
    let defaults = params
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), entry.value.get("default")?.span)))
        .collect();
    let outputs = lower_outputs(root.get("outputs"), &mut workflow, context);
    let mut draft = Draft {
        workflow,
        stages: IndexMap::new(),
        broken: BTreeSet::new(),
        limit_names: limits::names(root),
        used: IndexMap::new(),
        defaults,
        outputs,
    };
    lower_stages(root, &File::root(context.facts), trees, &mut draft, context);
    draft
}

/// Lowers the stages of one file.
pub(super) fn lower_stages<'n>(
    root: &'n Node,
    file: &File<'_>,
    trees: &'n Trees,
    draft: &mut Draft<'n>,
    context: &mut Context<'_>,
) {
    let defaults = root.get("defaults");
    let written = root.get("stages");
    for entry in written.map(Node::entries).unwrap_or_default() {
        if entry.key == "params" {
            let message = "a stage cannot be named `params`: `params.x` names a parameter";
            context.report(Diagnostic::error(codes::BAD_NAME, entry.key_span, message));
        }
        if !matches!(entry.value.data, Data::Map(_)) {
            draft.broken.insert(file.name(&entry.key));
            continue;
        }
        if uses_a_file(&entry.value) {
            used::lower(entry, file, trees, draft, context);
            continue;
        }
        let node = defaults::apply(&entry.value, defaults);
        let mut stage = stage::lower(&entry.key, entry.key_span, node, file, context);
        if file.around.is_some() {
            stays_in_regions(&mut stage.stage.place, root);
        }
        draft.stages.insert(stage.stage.name.clone(), stage);
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
}

/// Whether a stage is a file of stages. One that also runs something is reported as a stage that does.
fn uses_a_file(stage: &Node) -> bool {
    let mut others = ["run", "kernel", "cuda"].into_iter();
    stage.get("uses").is_some() && others.all(|key| stage.get(key).is_none())
}

/// Restricts a stage to the regions that its file states for the whole run. The file's other wishes are
/// for runs of its own.
fn stays_in_regions(place: &mut Place, root: &Node) {
    let Some(of_file) = root.get("place").map(place::lower) else {
        return;
    };
    for (own, of_file) in [
        (&mut place.regions, of_file.regions),
        (&mut place.data_regions, of_file.data_regions),
    ] {
        if own.is_empty() {
            *own = of_file;
        }
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
            _ => context.report(used::not_an_output(text, entry)),
        }
    }
    outputs
}
