//! Checks that references between stages exist and that they form no cycle.

use petgraph::graph::{DiGraph, NodeIndex};

use super::context::Context;
use super::draft::{Draft, DraftStage};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::expr::{CompiledTemplate, Uses};
use crate::model::{
    Action, Command, Param, ParamType, Reference, Stage, Template, enclosing, full_name, own_name,
};
use crate::order::{Cycles, topological_order};
use crate::source::Span;

/// Checks all references. Returns the stages in topological order, if there is one.
pub(super) fn check(draft: &mut Draft<'_>, context: &mut Context<'_>) -> Option<Vec<usize>> {
    statuses_are_waited_for(draft);
    for stage in draft.stages.values() {
        for source in &stage.sources {
            match &source.reference {
                Reference::Port { stage, port } => {
                    port_exists(stage, port, source.span, draft, context)
                }
                Reference::Param(name) => param_exists(name, source.span, draft, context),
                Reference::Path(_)
                | Reference::Pattern(_)
                | Reference::Url(_)
                | Reference::Item(_) => {}
            }
        }
        for (name, span) in &stage.waits {
            if !is_stage(draft, name) {
                context.report(unknown_stage(name, *span, draft));
            }
        }
    }
    for (name, span) in draft.used.values().flat_map(|used| &used.stage.waits) {
        if !is_stage(draft, name) {
            context.report(unknown_stage(name, *span, draft));
        }
    }
    for (stage, port, span) in &draft.outputs {
        port_exists(stage, port, *span, draft, context);
    }
    order(draft, context)
}

/// Makes a stage depend on every stage whose status it reads.
fn statuses_are_waited_for(draft: &mut Draft<'_>) {
    let read: Vec<Vec<(String, Span)>> = draft
        .stages
        .values()
        .map(|stage| statuses(stage, draft))
        .collect();
    for (stage, read) in draft.stages.values_mut().zip(read) {
        for (name, span) in read {
            if !stage.stage.needs.contains(&name) {
                stage.stage.needs.push(name.clone());
                stage.waits.push((name, span));
            }
        }
    }
}

/// The stages whose status a stage reads, also in the conditions of the files around it.
fn statuses(stage: &DraftStage<'_>, draft: &Draft<'_>) -> Vec<(String, Span)> {
    let around = enclosing(&stage.stage.name);
    let own = templates(&stage.stage);
    let own = own.into_iter().map(|template| (around, template));
    let outer = stage.stage.outer_conditions.iter();
    let outer = outer.map(|outer| (enclosing(&outer.stage), outer.condition.clone()));
    let mut read = Vec::new();
    for (around, template) in own.chain(outer) {
        let uses = CompiledTemplate::new(&template.source).map(|t| t.uses());
        let Uses { statuses, .. } = uses.unwrap_or_default();
        for name in statuses {
            let stages = draft.stages_of(&full_name(around, &name));
            read.extend(stages.into_iter().map(|name| (name, template.span)));
        }
    }
    read
}

/// Every template of a stage that has an expression, except in `with` and `scatter`.
fn templates(stage: &Stage) -> Vec<Template> {
    let mut all: Vec<&Template> = stage.condition.iter().chain(stage.env.values()).collect();
    match &stage.action {
        Action::Run(Command::Shell { script, .. }) => all.push(script),
        Action::Run(Command::Argv(words)) => all.extend(words),
        Action::Kernel { .. } => {}
        Action::Cuda(cuda) => all.extend(cuda.values()),
    }
    all.retain(|template| template.source.contains("stages"));
    all.into_iter().cloned().collect()
}

fn is_stage(draft: &Draft<'_>, name: &str) -> bool {
    draft.stages.contains_key(name) || draft.used.contains_key(name) || draft.broken.contains(name)
}

fn unknown_stage(name: &str, span: Span, draft: &Draft<'_>) -> Diagnostic {
    let known = || draft.siblings(enclosing(name));
    let name = own_name(name);
    Diagnostic::error(
        codes::UNKNOWN_STAGE,
        span,
        format!("there is no stage `{name}`"),
    )
    .expecting(crate::names::one_of(known()))
    .nearest(name, known())
}

fn port_exists(name: &str, port: &str, span: Span, draft: &Draft<'_>, context: &mut Context<'_>) {
    let Some(stage) = draft.stages.get(name) else {
        if !is_stage(draft, name) {
            let mut diagnostic = unknown_stage(name, span, draft);
            if diagnostic.suggestion.is_none() {
                diagnostic = diagnostic.suggesting(format!(
                    "if it is a file, write `./{}.{port}`",
                    own_name(name)
                ));
            }
            context.report(diagnostic);
        }
        return;
    };
    if !stage.known || stage.stage.outputs.contains_key(port) {
        return;
    }
    let known = || stage.stage.outputs.keys().map(String::as_str);
    let name = own_name(name);
    let message = format!("the stage `{name}` has no output `{port}`");
    let diagnostic = Diagnostic::error(codes::UNKNOWN_PORT, span, message);
    context.report(if stage.stage.outputs.is_empty() {
        let hint = match &stage.stage.action {
            Action::Run(_) => format!("declare it: `outputs: {{ {port}: {{}} }}` in `{name}`"),
            Action::Kernel { name, .. } => format!("the kernel `{name}` has no outputs"),
            Action::Cuda(_) => {
                format!("let an argument make it: `{{ out: {port}.column, type: … }}` in `{name}`")
            }
        };
        diagnostic.suggesting(hint)
    } else {
        diagnostic
            .expecting(crate::names::one_of(known()))
            .nearest(port, known())
    });
}

fn param_exists(name: &str, span: Span, draft: &Draft<'_>, context: &mut Context<'_>) {
    let params = draft.workflow.params_of(name);
    let name = own_name(name);
    match params.get(name) {
        None => {
            let known = || params.keys().map(String::as_str);
            context.report(
                Diagnostic::error(
                    codes::UNKNOWN_PARAM,
                    span,
                    format!("there is no parameter `{name}`"),
                )
                .expecting(crate::names::one_of(known()))
                .nearest(name, known()),
            );
        }
        Some(Param {
            kind: ParamType::Path | ParamType::Table | ParamType::Files | ParamType::List,
            ..
        }) => {}
        Some(param) => {
            let message = format!(
                "`params.{name}` cannot be an input: its type is {}",
                param.kind.name()
            );
            context.report(
                Diagnostic::error(codes::NOT_A_DATA_PARAM, span, message)
                    .expecting("a parameter of type path, table, files or list"),
            );
        }
    }
}

/// The stages that this one depends on, with the place of each dependency.
fn edges(stage: &DraftStage<'_>, draft: &Draft<'_>) -> Vec<(usize, Span)> {
    let index = |name: &str| draft.stages.get_index_of(name);
    let sources = stage
        .sources
        .iter()
        .filter_map(|source| Some((index(source.reference.port()?.0)?, source.span)));
    let waits = stage.waits.iter();
    let waits = waits.filter_map(|(name, span)| Some((index(name)?, *span)));
    sources.chain(waits).collect()
}

/// Orders the stages. Reports every cycle.
fn order(draft: &Draft<'_>, context: &mut Context<'_>) -> Option<Vec<usize>> {
    let mut graph: DiGraph<&str, Span> = DiGraph::new();
    for name in draft.stages.keys() {
        graph.add_node(name);
    }
    for (at, stage) in draft.stages.values().enumerate() {
        // A cycle is searched along the edge that was added last: here the one written first.
        for (needed, span) in edges(stage, draft).into_iter().rev() {
            graph.add_edge(NodeIndex::new(needed), NodeIndex::new(at), span);
        }
    }
    match topological_order(&graph) {
        Ok(order) => Some(order),
        Err(Cycles { cycles, .. }) => {
            for cycle in cycles {
                let cycle: Vec<_> = cycle.into_iter().map(NodeIndex::new).collect();
                context.report(describe(&cycle, &graph));
            }
            None
        }
    }
}

fn describe(cycle: &[NodeIndex], graph: &DiGraph<&str, Span>) -> Diagnostic {
    let first = cycle.first().copied().unwrap_or_default();
    let second = cycle.get(1).copied().unwrap_or(first);
    let edge = graph.find_edge(second, first);
    let span = edge.and_then(|edge| graph.edge_weight(edge).copied());
    let around = cycle.iter().chain([&first]);
    let words: Vec<String> = around.map(|node| format!("`{}`", graph[*node])).collect();
    let message = if cycle.len() < 2 {
        format!("the stage {} depends on itself", words[0])
    } else {
        format!("these stages depend on each other: {}", words.join(" -> "))
    };
    Diagnostic::error(codes::CYCLE, span.unwrap_or_default(), message)
        .expecting("every stage to start before the stages that need it")
        .suggesting("remove one of these references to break the cycle")
}
