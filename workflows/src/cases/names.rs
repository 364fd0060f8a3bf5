//! The names in tests: parameters, outputs and stages of the workflow.

use super::{expectation, outputs};
use crate::codes;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{OutputFormat, Reference, Workflow};
use crate::names::one_of;
use crate::source::Span;
use crate::yaml::{Entry, Node};

/// Reports names that the workflow does not have.
pub(super) fn check(test: &Entry, workflow: &Workflow, found: &mut Vec<Diagnostic>) {
    let params = test.value.get("params").map(Node::entries);
    for param in params.unwrap_or_default() {
        if workflow.param(&param.key).is_none() {
            let known = workflow.params.keys().map(String::as_str).collect();
            let place = (codes::UNKNOWN_PARAM, param.key_span);
            found.push(unknown("parameter", &param.key, place, known));
        }
    }
    let known_outputs: Vec<&str> = workflow.outputs.keys().map(String::as_str).collect();
    for output in outputs(test) {
        if !workflow.outputs.contains_key(&output.key) {
            let place = (codes::UNKNOWN_PORT, output.key_span);
            found.push(unknown("output", &output.key, place, known_outputs.clone()));
        } else if let Some(text) = output.value.entry("text")
            && is_folder(workflow, &output.key)
        {
            let message = format!("`{}` is a folder, which has no text", output.key);
            found.push(
                Diagnostic::error(codes::BAD_EXPECTATION, text.key_span, message)
                    .expecting("`equals` or `snapshot` with a folder"),
            );
        }
    }
    let known_stages = || {
        let stages = workflow.stages.keys().chain(workflow.uses.keys());
        stages.map(String::as_str)
    };
    let ran = expectation(test, "ran").map(|ran| ran.value.entries());
    for stage in ran.unwrap_or_default() {
        if workflow.stages_named(&stage.key).is_empty() {
            let place = (codes::UNKNOWN_STAGE, stage.key_span);
            found.push(unknown(
                "stage",
                &stage.key,
                place,
                known_stages().collect(),
            ));
        }
    }
    let skipped = expectation(test, "skipped").map(|skipped| skipped.value.items());
    for item in skipped.unwrap_or_default() {
        let Some(name) = item.text() else { continue };
        if !workflow.outputs.contains_key(name) && workflow.stages_named(name).is_empty() {
            let known = known_outputs.iter().copied().chain(known_stages());
            let place = (codes::UNKNOWN_STAGE, item.span);
            found.push(unknown("output or stage", name, place, known.collect()));
        }
    }
}

fn unknown(what: &str, name: &str, (code, span): (Code, Span), known: Vec<&str>) -> Diagnostic {
    let message = format!("the workflow has no {what} {}", crate::quoted(name));
    let told = Diagnostic::error(code, span, message);
    let told = match known.is_empty() {
        true => told,
        false => told.expecting(one_of(known.iter().copied())),
    };
    told.nearest(name, known)
}

/// Whether an output is a folder: one that a task writes, or the files of the tasks of a scatter.
fn is_folder(workflow: &Workflow, output: &str) -> bool {
    format_of(workflow, output).is_some_and(|(format, scattered)| match format {
        OutputFormat::File => scattered,
        format => !is_table_format(format),
    })
}

/// Whether an output is a table.
pub(super) fn is_table(workflow: &Workflow, output: &str) -> bool {
    format_of(workflow, output).is_some_and(|(format, _)| is_table_format(format))
}

const fn is_table_format(format: OutputFormat) -> bool {
    match format {
        OutputFormat::Dir | OutputFormat::Files | OutputFormat::File => false,
        OutputFormat::Arrow | OutputFormat::Parquet | OutputFormat::Csv | OutputFormat::Netcdf => {
            true
        }
    }
}

/// The format of an output, and whether its stage has several tasks.
fn format_of(workflow: &Workflow, output: &str) -> Option<(OutputFormat, bool)> {
    let Reference::Port { stage, port } = workflow.outputs.get(output)? else {
        return None;
    };
    let stage = workflow.stages.get(stage)?;
    let format = stage.outputs.get(port)?.format;
    Some((format, stage.is_scattered()))
}
