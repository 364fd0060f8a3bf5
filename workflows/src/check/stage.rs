//! Lowers one stage to the model.

use std::borrow::Cow;
use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::context::Context;
use super::draft::{DraftStage, Source};
use super::file::File;
use super::reference::parse_reference;
use super::{conda, cuda, environment, place, python, scatter, settings};
use crate::codes;
use crate::column::{ColumnSpec, ColumnType};
use crate::diagnostic::Diagnostic;
use crate::model::{
    Action, Command, CsvOptions, Form, Gpus, GridRows, Input, Output, OutputFormat, Stage, Template,
};
use crate::names::is_name;
use crate::script::{default_shell, strict};
use crate::source::Span;
use crate::syntax::{STAGE, misspells};
use crate::value::Value;
use crate::yaml::{Data, Entry, Node};

/// Keys that are valid for kernels only.
const OF_KERNELS: &[&str] = &["with", "tolerate_rejects"];

/// Keys that are valid for commands only.
const OF_COMMANDS: &[&str] = &[
    "shell",
    "outputs",
    "env",
    "secrets",
    "files",
    "python",
    "conda",
    "container",
    "modules",
    "setup",
    "checkpoint",
];

/// Lowers one stage.
pub(super) fn lower<'n>(
    name: &str,
    span: Span,
    node: Cow<'n, Node>,
    file: &File<'_>,
    context: &mut Context<'_>,
) -> DraftStage<'n> {
    let (action, known) = action(&node, span, context);
    out_of_place(&node, &action, context);
    let (inputs, sources) = inputs(&node, file, context);
    let outputs = match &action {
        Action::Run(_) => outputs(&node, context.text),
        Action::Kernel { name, .. } => kernel_outputs(name, span, context),
        Action::Cuda(cuda) => cuda::outputs(cuda, span),
    };
    clashes(node.get("inputs"), context);
    clashes(node.get("outputs"), context);
    let mut waits = waits(&node, file);
    waits.extend(file.waits.iter().cloned());
    let text = context.text;
    let templates = |key: &str| {
        let entries = node.get(key).map(Node::entries).unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| Some((entry.key.clone(), template(&entry.value, text)?)))
            .collect()
    };
    let resources = node
        .get("resources")
        .map(|node| settings::resources(node, context));
    let mut resources = resources.unwrap_or_default();
    let mut files = place::words(&node, "files");
    if let Action::Cuda(cuda) = &action {
        // A `cuda` stage needs a device, so leaving out `gpus` does not mean 0.
        if node
            .get("resources")
            .and_then(|node| node.get("gpus"))
            .is_none()
        {
            resources.gpus = Gpus::Count(1);
        }
        files.push(cuda.source.clone());
    }
    let with = node.get("with").map(Node::entries).unwrap_or_default();
    let stage = Stage {
        name: file.name(name),
        folder: file.folder.to_owned(),
        scatter: scatter::lower(&node),
        repeat: node.get("repeat").map(|times| times.value().plain()),
        inputs,
        outputs,
        with: with
            .iter()
            .map(|e| (e.key.clone(), e.value.value().plain()))
            .collect(),
        needs: waits.iter().map(|(stage, _)| stage.clone()).collect(),
        condition: condition(&node),
        outer_conditions: file.conditions.clone(),
        env: templates("env"),
        secrets: place::words(&node, "secrets"),
        files,
        python: python::lower(&node, file, context),
        conda: conda::lower(&node, file, context),
        container: environment::container(&node, file, context),
        modules: environment::modules(&node, context),
        setup: environment::setup(&node, context),
        resources,
        retry: node.get("retry").map(settings::retry).unwrap_or_default(),
        timeout_ms: place::duration(&node, "timeout"),
        checkpoint: node.get("checkpoint").and_then(Node::flag).unwrap_or(false),
        tolerate: settings::count(&node, "tolerate").unwrap_or(0),
        tolerate_rejects: node.get("tolerate_rejects").and_then(settings::rejects),
        max_parallel: settings::count(&node, "max_parallel"),
        cache: node
            .get("cache")
            .map(|cache| settings::cache(cache, text))
            .unwrap_or_default(),
        place: node.get("place").map(place::lower).unwrap_or_default(),
        expect: node.get("expect").map(settings::expect).unwrap_or_default(),
        action,
        span,
    };
    DraftStage {
        stage,
        node,
        known,
        sources,
        waits,
    }
}

/// The stage's action, and whether it is known.
fn action(node: &Node, span: Span, context: &mut Context<'_>) -> (Action, bool) {
    let present: Vec<&Entry> = node
        .entries()
        .iter()
        .filter(|entry| STAGE.exactly_one.contains(&entry.key.as_str()))
        .collect();
    match present.as_slice() {
        [] if misspells(node, &STAGE, STAGE.exactly_one) => {}
        [] => context.report(
            Diagnostic::error(codes::NOT_ONE_ACTION, span, "the stage has no action")
                .expecting("exactly one of `run`, `kernel`, `cuda` and `uses`"),
        ),
        [_] => {}
        [first, rest @ ..] => {
            for entry in rest {
                let message = format!("the stage has `{}` and `{}`", first.key, entry.key);
                context.report(
                    Diagnostic::error(codes::NOT_ONE_ACTION, entry.key_span, message)
                        .expecting("exactly one of `run`, `kernel`, `cuda` and `uses`"),
                );
            }
        }
    }
    if let Some(name) = node.get("kernel").and_then(Node::text) {
        let version = context
            .catalog
            .kernels
            .get(name)
            .map(|kernel| kernel.version);
        let name = name.to_owned();
        let known = version.is_some() && present.len() == 1;
        return (
            Action::Kernel {
                name,
                version: version.unwrap_or(0),
            },
            known,
        );
    }
    if let Some(own) = node.get("cuda") {
        let known = present.len() == 1;
        return (Action::Cuda(cuda::lower(own, context)), known);
    }
    let command = node.get("run").and_then(|run| command(node, run, context));
    let known = command.is_some();
    (
        Action::Run(command.unwrap_or(Command::Argv(Vec::new()))),
        known,
    )
}

fn command(node: &Node, run: &Node, context: &mut Context<'_>) -> Option<Command> {
    let empty = match &run.data {
        Data::Scalar(_) => run.text().is_some_and(|text| text.trim().is_empty()),
        Data::List(items) => items.is_empty(),
        Data::Map(_) => false,
    };
    if empty {
        let diagnostic = Diagnostic::error(codes::WRONG_TYPE, run.span, "`run` is empty");
        context.report(diagnostic.expecting("a command"));
        return None;
    }
    let text = context.text;
    match &run.data {
        Data::Scalar(_) => Some(Command::Shell {
            shell: shell(&place::words(node, "shell")),
            script: Template {
                source: run.text()?.to_owned(),
                span: run.span,
            },
        }),
        Data::List(items) => {
            let words = items.iter().filter_map(|item| template(item, text));
            Some(Command::Argv(words.collect()))
        }
        Data::Map(_) => None,
    }
}

/// The shell's argv. A single word gets the flags of a strict shell; several words are used
/// unchanged.
fn shell(words: &[String]) -> Vec<String> {
    match words {
        [] => default_shell(),
        [line] => {
            let mut argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            if let [program] = argv.as_slice() {
                argv = strict(program);
            }
            argv
        }
        argv => argv.to_vec(),
    }
}

fn out_of_place(node: &Node, action: &Action, context: &mut Context<'_>) {
    let (what, keys) = match action {
        Action::Kernel { .. } => ("a kernel", OF_COMMANDS.to_vec()),
        Action::Cuda(_) => ("a CUDA kernel", [OF_COMMANDS, OF_KERNELS].concat()),
        Action::Run(Command::Argv(_)) if node.get("run").is_some() => (
            "a command without a shell",
            [&["shell"][..], OF_KERNELS].concat(),
        ),
        Action::Run(_) => ("a command", OF_KERNELS.to_vec()),
    };
    for key in keys {
        if let Some(entry) = node.entry(key) {
            let message = format!("`{key}` does not apply to {what}");
            let diagnostic = Diagnostic::error(codes::OUT_OF_PLACE, entry.key_span, message);
            context.report(match key {
                "outputs" => diagnostic.expecting("the kernel's own outputs"),
                "with" if matches!(action, Action::Cuda(_)) => {
                    diagnostic.expecting("`{ value: …, type: … }` among `args`")
                }
                "with" => diagnostic.expecting("`env`, or the value in `run` itself"),
                "tolerate_rejects" => diagnostic
                    .expecting("`tolerate_rejects` only in a `kernel` stage; `tolerate` is for tasks that fail"),
                _ => diagnostic,
            });
        }
    }
}

fn inputs(
    node: &Node,
    file: &File<'_>,
    context: &mut Context<'_>,
) -> (IndexMap<String, Input>, Vec<Source>) {
    let mut inputs = IndexMap::new();
    let mut sources = Vec::new();
    for entry in node.get("inputs").map(Node::entries).unwrap_or_default() {
        let from = input_sources(&entry.value);
        let mut references = Vec::new();
        let items = from.map(Node::items).unwrap_or_default();
        if items.is_empty() && from.is_some() {
            let message = format!("the input `{}` has no source", entry.key);
            context.report(no_source(entry.value.span, message));
        }
        for item in items {
            let Some(text) = item.text() else { continue };
            match parse_reference(text) {
                Ok(reference) => {
                    let reference = file.reference(reference);
                    references.push(reference.clone());
                    let port = entry.key.clone();
                    sources.push(Source {
                        port,
                        reference,
                        span: item.span,
                    });
                }
                Err(hint) => {
                    let message = format!("`{text}` is not a source of data");
                    context.report(no_source(item.span, message).suggesting(hint));
                }
            }
        }
        let input = Input {
            from: references,
            first: is_first(&entry.value),
            ..input_options(entry)
        };
        inputs.insert(entry.key.clone(), input);
    }
    (inputs, sources)
}

/// The node of an input's sources: the value of `from`, or of its `first`, or else the input itself.
pub(crate) fn input_sources(input: &Node) -> Option<&Node> {
    match input.data {
        Data::Map(_) => {
            let from = input.get("from")?;
            from.get("first").or(Some(from))
        }
        Data::Scalar(_) | Data::List(_) => Some(input),
    }
}

/// Whether an input reads the first of its sources that is there.
pub(super) fn is_first(input: &Node) -> bool {
    input
        .get("from")
        .is_some_and(|from| from.get("first").is_some())
}

/// An input's options, without its sources.
pub(crate) fn input_options(entry: &Entry) -> Input {
    let word = |key: &str| entry.value.get(key).and_then(Node::text);
    Input {
        from: Vec::new(),
        first: false,
        form: match word("as") {
            Some("parquet") => Form::Parquet,
            Some("csv") => Form::Csv,
            Some("netcdf") => Form::Netcdf,
            Some("file") => Form::File,
            Some("files") => Form::Files,
            _ => Form::Arrow,
        },
        form_is_stated: word("as").is_some(),
        split: word("match").map(str::to_owned),
        optional: entry.value.get("optional").and_then(Node::flag) == Some(true),
        columns: place::words(&entry.value, "columns"),
        variable: word("variable").map(str::to_owned),
        rows: match word("rows") {
            Some("cell") => GridRows::Cell,
            _ => GridRows::Time,
        },
        csv: csv_options(&entry.value),
        schema: columns(&entry.value),
        span: entry.key_span,
    }
}

pub(super) fn no_source(span: Span, message: String) -> Diagnostic {
    Diagnostic::error(codes::BAD_SOURCE, span, message).expecting(
        "stage.port, params.name, a path or pattern that begins with ./, ../ or /, or a file:// URL",
    )
}

fn outputs(node: &Node, text: &str) -> IndexMap<String, Output> {
    let entries = node.get("outputs").map(Node::entries).unwrap_or_default();
    let output = |entry: &Entry| {
        let word = |key: &str| entry.value.get(key).and_then(Node::text);
        let schema = columns(&entry.value);
        Output {
            format: match word("format") {
                Some("parquet") => OutputFormat::Parquet,
                Some("csv") => OutputFormat::Csv,
                Some("netcdf") => OutputFormat::Netcdf,
                Some("file") => OutputFormat::File,
                Some("dir") => OutputFormat::Dir,
                Some("files") => OutputFormat::Files,
                _ => OutputFormat::Arrow,
            },
            schema,
            ext: word("ext").map(|ext| ext.trim_start_matches('.').to_owned()),
            name: entry
                .value
                .get("name")
                .and_then(|name| template(name, text)),
            glob: word("glob").map(str::to_owned),
            split: word("match").map(str::to_owned),
            optional: entry.value.get("optional").and_then(Node::flag) == Some(true),
            span: entry.key_span,
        }
    };
    entries
        .iter()
        .map(|entry| (entry.key.clone(), output(entry)))
        .collect()
}

/// The columns that a port's `schema:` declares.
fn columns(port: &Node) -> Option<Vec<ColumnSpec>> {
    let schema = port.get("schema")?;
    Some(schema.entries().iter().filter_map(column).collect())
}

/// An input's options for text tables.
fn csv_options(input: &Node) -> CsvOptions {
    // A tab may be written as `"\t"`, which YAML reads as a tab, or as `'\t'`.
    let only = |key: &str| match input.get(key)?.text()? {
        "\\t" => Some('\t'),
        text => text.chars().next(),
    };
    CsvOptions {
        delimiter: only("delimiter"),
        comment: only("comment"),
        null: scalars(input, "null"),
        decimal: only("decimal"),
    }
}

/// The words of a list, or the single word in place of a list, as they were written.
fn scalars(node: &Node, key: &str) -> Vec<String> {
    let items = node.get(key).map(Node::items).unwrap_or_default();
    let scalars = items.iter().filter_map(Node::scalar);
    scalars.map(Value::to_text).collect()
}

fn column(entry: &Entry) -> Option<ColumnSpec> {
    let column_type = ColumnType::parse(entry.value.text()?).ok()?;
    Some(ColumnSpec::new(entry.key.clone(), column_type.0))
}

/// A kernel's outputs, from the catalog.
fn kernel_outputs(name: &str, span: Span, context: &Context<'_>) -> IndexMap<String, Output> {
    let kernel = context.catalog.kernels.get(name);
    let ports = kernel
        .map(|kernel| kernel.outputs.as_slice())
        .unwrap_or_default();
    let output = |columns: &[ColumnSpec]| Output {
        format: OutputFormat::Arrow,
        schema: (!columns.is_empty()).then(|| columns.to_vec()),
        span,
        ..Output::default()
    };
    ports
        .iter()
        .map(|port| (port.name.clone(), output(&port.columns)))
        .collect()
}

/// Refuses ports that differ only in case, because they become variables in upper case.
fn clashes(ports: Option<&Node>, context: &mut Context<'_>) {
    let entries = ports.map(Node::entries).unwrap_or_default();
    let mut earlier: BTreeMap<String, &str> = BTreeMap::new();
    for entry in entries {
        let first = *earlier
            .entry(entry.key.to_ascii_lowercase())
            .or_insert(entry.key.as_str());
        if first != entry.key {
            let message = format!(
                "the ports `{first}` and `{}` differ only in case",
                entry.key
            );
            context.report(
                Diagnostic::error(codes::PORTS_CLASH, entry.key_span, message)
                    .expecting("names that differ in more than case, because ports become variables in upper case"),
            );
        }
    }
}

pub(super) fn waits(node: &Node, file: &File<'_>) -> Vec<(String, Span)> {
    let needs = node.get("needs").or_else(|| node.get("depends_on"));
    let items = needs.map(Node::items).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| Some((item.text()?, item.span)))
        .filter(|(name, _)| is_name(name))
        .map(|(name, span)| (file.name(name), span))
        .collect()
}

pub(super) fn condition(node: &Node) -> Option<Template> {
    let condition = node.get("if")?;
    let source = match condition.flag() {
        Some(true) => return None,
        Some(false) => "${{ false }}".to_owned(),
        None => condition.text()?.to_owned(),
    };
    Some(Template {
        source,
        span: condition.span,
    })
}

fn template(node: &Node, text: &str) -> Option<Template> {
    let source = node.written(text)?;
    Some(Template {
        source,
        span: node.span,
    })
}
