//! Files that a workflow names: they exist, and those that commands use are staged.

use std::collections::BTreeSet;

use super::Context;
use super::draft::{Draft, DraftStage};
use super::reference::is_path;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::facts::FileFact;
use crate::model::{Action, Command, Form, Output, OutputFormat, Param, ParamType, Reference};
use crate::source::Span;
use crate::value::Value;
use crate::yaml::Node;

/// Checks paths and adds `./words` of commands to the staged files.
pub(super) fn check(draft: &mut Draft<'_>, context: &mut Context<'_>) {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for stage in draft.stages.values() {
        for source in &stage.sources {
            match &source.reference {
                Reference::Path(path) => {
                    let table = needs_table(stage, &source.port);
                    look(path, source.span, table, context);
                }
                Reference::Param(name) => {
                    used.insert(name);
                }
                Reference::Port {
                    stage: producer,
                    port,
                } => {
                    let produced = draft
                        .stages
                        .get(producer)
                        .and_then(|p| p.stage.outputs.get(port));
                    let blob = produced.is_some_and(is_blob);
                    if blob && needs_table(stage, &source.port) {
                        let message = format!("`{producer}.{port}` is no table");
                        context.report(
                            Diagnostic::error(codes::BLOB_AS_TABLE, source.span, message)
                                .expecting("a table, or `as: file` to read it as it is"),
                        );
                    }
                }
                Reference::Url(_) => {}
            }
        }
        staged_files(stage, context);
    }
    for (name, param) in &draft.workflow.params {
        if context.facts.given.contains(name) {
            continue;
        }
        let span = draft.defaults.get(name).copied().unwrap_or(param.span);
        default_exists(param, span, used.contains(name.as_str()), context);
    }
    let blobs: BTreeSet<(String, String)> = draft
        .stages
        .iter()
        .flat_map(|(name, stage)| {
            let outputs = stage.stage.outputs.iter();
            let blobs = outputs.filter(|(_, output)| is_blob(output));
            blobs.map(move |(port, _)| (name.clone(), port.clone()))
        })
        .collect();
    for stage in draft.stages.values_mut() {
        stage_local_words(stage, context);
        blobs_stay_blobs(stage, &blobs, context);
    }
}

fn is_blob(output: &Output) -> bool {
    matches!(output.format, OutputFormat::File | OutputFormat::Dir)
}

/// A command that does not say how it wants an input gets a file that is no table as it is.
fn blobs_stay_blobs(
    stage: &mut DraftStage<'_>,
    blobs: &BTreeSet<(String, String)>,
    context: &Context<'_>,
) {
    if !matches!(stage.stage.action, Action::Run(_)) {
        return;
    }
    let ports = stage
        .node
        .get("inputs")
        .map(Node::entries)
        .unwrap_or_default();
    for entry in ports.iter().filter(|entry| entry.value.get("as").is_none()) {
        let Some(input) = stage.stage.inputs.get_mut(&entry.key) else {
            continue;
        };
        let blob = |reference: &Reference| match reference {
            Reference::Port { stage, port } => blobs.contains(&(stage.clone(), port.clone())),
            Reference::Path(path) => matches!(
                context.facts.files.get(path),
                Some(FileFact::File | FileFact::Folder)
            ),
            Reference::Param(_) | Reference::Url(_) => false,
        };
        if !input.from.is_empty() && input.from.iter().all(blob) {
            input.form = Form::File;
        }
    }
}

/// Whether an input must be a table: a kernel's always, a command's unless it reads bytes.
fn needs_table(stage: &DraftStage<'_>, port: &str) -> bool {
    let kernel = !matches!(stage.stage.action, Action::Run(_));
    let form = stage.stage.inputs.get(port).map(|input| input.form);
    // A command that says nothing is given a blob as it is; only a named table form asks for rows.
    kernel || matches!(form, Some(Form::Parquet | Form::Csv))
}

fn look(path: &str, span: Span, table: bool, context: &mut Context<'_>) {
    let diagnostic = match context.facts.files.get(path) {
        Some(FileFact::Missing) => missing(path, span, context),
        Some(FileFact::Unreadable(why)) => no_table(span, format!("{path} cannot be read: {why}")),
        Some(FileFact::File) if table => no_table(span, format!("{path} is no table")),
        Some(FileFact::Folder) if table => no_table(span, format!("{path} is a folder")),
        Some(FileFact::File | FileFact::Folder | FileFact::Table { .. }) | None => return,
    };
    context.report(diagnostic);
}

fn missing(path: &str, span: Span, context: &Context<'_>) -> Diagnostic {
    let message = format!("{path} does not exist");
    let diagnostic = Diagnostic::error(codes::FILE_MISSING, span, message)
        .expecting("a file; paths are relative to the workflow's file");
    let beside = context
        .facts
        .beside
        .iter()
        .map(|name| name.trim_start_matches("./"));
    match crate::names::nearest(path.trim_start_matches("./"), beside) {
        Some(near) if near != path.trim_start_matches("./") => {
            diagnostic.suggesting(format!("did you mean `./{near}`?"))
        }
        _ => diagnostic,
    }
}

fn no_table(span: Span, message: String) -> Diagnostic {
    Diagnostic::error(codes::NOT_A_TABLE, span, message)
        .expecting("a table: Arrow, Parquet, CSV, NetCDF, .smi, .pdbqt or .sdf")
}

/// Where the data lies that a param names when nobody gives it another value.
pub(super) fn default_path<'d>(
    name: &str,
    draft: &'d Draft<'_>,
    context: &Context<'_>,
) -> Option<&'d str> {
    match &draft.workflow.params.get(name)?.default {
        Some(Value::String(path)) if !context.facts.given.contains(name) => Some(path),
        _ => None,
    }
}

/// A default that is data must be there: a table always, a path where an input reads it.
fn default_exists(param: &Param, span: Span, used: bool, context: &mut Context<'_>) {
    let table = param.kind == ParamType::Table;
    if !(table || used) {
        return;
    }
    let paths: Vec<&str> = match &param.default {
        Some(Value::String(path)) => vec![path],
        Some(Value::List(items)) => items
            .iter()
            .filter_map(|item| match item {
                Value::String(path) => Some(path.as_str()),
                _ => None,
            })
            .collect(),
        _ => return,
    };
    for path in paths {
        look(path, span, table, context);
    }
}

/// `files:` and the source of `cuda:` lie below the workflow's folder, since they keep their path in
/// the working folder.
fn staged_files(stage: &DraftStage<'_>, context: &mut Context<'_>) {
    let files = stage.node.get("files").map(Node::items).unwrap_or_default();
    let source = stage.node.get("cuda").and_then(|cuda| cuda.get("source"));
    let files = files.iter().map(|node| (node, "./plot.py"));
    for (node, example) in files.chain(source.map(|node| (node, "./my.cu"))) {
        let Some(path) = node.text() else { continue };
        let leaves = path.split('/').any(|step| step == "..");
        if path.starts_with('/') || leaves || path.is_empty() {
            let message = format!("`{path}` does not lie below the workflow's folder");
            context.report(
                Diagnostic::error(codes::LEAVES_FOLDER, node.span, message)
                    .expecting(format!("a file beside the workflow or below, as {example}")),
            );
        } else if context.facts.files.get(path) == Some(&FileFact::Missing) {
            let diagnostic = missing(path, node.span, context);
            context.report(diagnostic);
        }
    }
}

fn stage_local_words(stage: &mut DraftStage<'_>, context: &Context<'_>) {
    let Action::Run(command) = &stage.stage.action else {
        return;
    };
    let words = match command {
        Command::Shell { script, .. } => local_words(&script.source),
        Command::Argv(words) => words.iter().flat_map(|w| local_words(&w.source)).collect(),
    };
    let plain = |path: &str| path.trim_start_matches("./").to_owned();
    for word in words {
        let beside = context
            .facts
            .beside
            .iter()
            .any(|name| plain(name) == plain(&word));
        let listed = stage
            .stage
            .files
            .iter()
            .any(|file| plain(file) == plain(&word));
        if beside && !listed {
            stage.stage.files.push(word);
        }
    }
}

/// Words such as `./plot.py` in a command, in the order written.
pub(crate) fn local_words(command: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let separator = |c: char| c.is_whitespace() || "\"'`=;|&()<>{}$,".contains(c);
    for word in command.split(separator) {
        let word = word.trim_end_matches(['/', ':', '.']);
        let inside = !word.split('/').any(|step| step == "..");
        if is_path(word) && word.len() > 2 && word.starts_with("./") && inside {
            let word = word.to_owned();
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words
}
