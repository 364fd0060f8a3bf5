//! Checks inputs that are datasets of files: patterns, `match:`, and what is scattered over them.

use std::collections::BTreeMap;

use super::context::Context;
use super::draft::{Draft, DraftStage, Source};
use super::file_columns::columns;
use super::location::item_columns;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::{
    FILE_COLUMNS, Form, OutputFormat, ParamType, Reference, Scatter, Slicing, enclosing,
    is_in_bucket, names_objects,
};
use crate::name_pattern::NamePattern;
use crate::names::one_of;
use crate::source::Span;
use crate::value::Value;
use crate::yaml::{Entry, Node};

/// Whether an input is a dataset of files: by `as: files`, or because all of its sources are and the
/// command gets them unchanged.
pub(super) fn is_files(stage: &DraftStage<'_>, port: &str, draft: &Draft<'_>) -> bool {
    let form = stage.stage.inputs.get(port).map(|input| input.form);
    match form {
        Some(Form::Files) => true,
        Some(Form::File) => {
            let mut sources = stage.sources.iter().filter(|s| s.port == port).peekable();
            sources.peek().is_some() && sources.all(|s| gives_files(&s.reference, draft))
        }
        _ => false,
    }
}

/// Whether a source is several files by what is written, even if there is one file or none.
pub(super) fn gives_files(reference: &Reference, draft: &Draft<'_>) -> bool {
    match reference {
        Reference::Pattern(_) | Reference::Item(_) => true,
        Reference::Param(name) => draft
            .workflow
            .params
            .get(name)
            .is_some_and(|param| param.kind == ParamType::Files),
        Reference::Port { stage, port } => draft.stages.get(stage).is_some_and(|producer| {
            let output = producer.stage.outputs.get(port);
            output.is_some_and(|output| output.is_several(producer.stage.is_scattered()))
        }),
        Reference::Url(url) => names_objects(url),
        Reference::Path(_) => false,
    }
}

/// Whether an input may be folders, which have no size.
pub(super) fn are_folders(stage: &DraftStage<'_>, port: &str) -> bool {
    let mut sources = stage.sources.iter().filter(|s| s.port == port);
    sources.any(|source| match &source.reference {
        Reference::Pattern(pattern) => pattern.ends_with('/'),
        Reference::Url(url) => !is_in_bucket(url),
        _ => true,
    })
}

/// Checks the patterns of every input, and that the names of the files fit `match:`.
pub(super) fn check(draft: &Draft<'_>, context: &mut Context<'_>) {
    for stage in draft.stages.values() {
        for (port, input) in &stage.stage.inputs {
            let sources: Vec<&Source> = stage.sources.iter().filter(|s| s.port == *port).collect();
            let split = split_of(stage, port, context);
            let mut known: BTreeMap<String, Span> = BTreeMap::new();
            for source in sources {
                let Some(files) = matched(source, draft, context) else {
                    continue;
                };
                match files {
                    Err(why) => report(source, why, context),
                    Ok(files) if files.is_empty() && !input.optional => {
                        nothing(source, draft, context);
                    }
                    Ok(files) => {
                        twice(source, &files, &mut known, context);
                        if let Some((pattern, span)) = &split {
                            splits(&files, pattern, *span, context);
                        }
                    }
                }
            }
        }
    }
}

fn report(source: &Source, why: String, context: &mut Context<'_>) {
    context.report(
        Diagnostic::error(codes::BAD_SOURCE, source.span, why)
            .expecting("a pattern such as ./data/*.nc; `[*]` is the character itself"),
    );
}

/// The files of a source that names patterns. `None` if it names none, or was not examined.
fn matched(
    source: &Source,
    draft: &Draft<'_>,
    context: &Context<'_>,
) -> Option<Result<Vec<String>, String>> {
    let of = |pattern: &str| context.facts.patterns.get(pattern).cloned();
    match &source.reference {
        Reference::Pattern(pattern) => of(pattern),
        Reference::Param(name) if !context.given.contains(name) => {
            let param = draft.workflow.param(name)?;
            let Some(Value::List(list)) = &param.default else {
                return None;
            };
            if param.kind != ParamType::Files {
                return None;
            }
            let mut all = Vec::new();
            for one in list {
                match of(&one.to_text()) {
                    Some(Ok(files)) => all.extend(files),
                    Some(Err(why)) => return Some(Err(why)),
                    None => all.push(one.to_text()),
                }
            }
            Some(Ok(all))
        }
        _ => None,
    }
}

/// Reports a pattern without a match.
fn nothing(source: &Source, draft: &Draft<'_>, context: &mut Context<'_>) {
    let pattern = match &source.reference {
        Reference::Pattern(pattern) => pattern.clone(),
        Reference::Param(name) => match draft.workflow.param(name).map(|p| &p.default) {
            Some(Some(Value::List(list))) => {
                let texts: Vec<String> = list.iter().map(Value::to_text).collect();
                texts.join(", ")
            }
            _ => name.clone(),
        },
        _ => return,
    };
    let message = format!("no file matches {pattern}");
    let hint = "correct the pattern, or write `optional: true` if there may be no file";
    // What a stage gives to a file that it uses is told where it is given.
    let given = match &source.reference {
        Reference::Param(name) if enclosing(name).is_some() => draft.defaults.get(name),
        _ => None,
    };
    let span = given.copied().unwrap_or(source.span);
    let diagnostic = Diagnostic::error(codes::FILE_MISSING, span, message)
        .expecting("at least one file; patterns are relative to the workflow's file")
        .suggesting(hint);
    context.report(diagnostic);
}

/// Reports a file that two sources of one input name.
fn twice(
    source: &Source,
    files: &[String],
    known: &mut BTreeMap<String, Span>,
    context: &mut Context<'_>,
) {
    for file in files {
        if known.insert(plain(file), source.span).is_some() {
            let message = format!("the input `{}` names {file} twice", source.port);
            context.report(
                Diagnostic::error(codes::BAD_SOURCE, source.span, message)
                    .expecting("sources that share no file"),
            );
            return;
        }
    }
}

fn plain(path: &str) -> String {
    path.trim_start_matches("./").to_owned()
}

/// The pattern of an input's `match:` with its place. A mistake in it is reported.
fn split_of(
    stage: &DraftStage<'_>,
    port: &str,
    context: &mut Context<'_>,
) -> Option<(NamePattern, Span)> {
    let node = stage.node.get("inputs")?.get(port)?.get("match")?;
    parsed(node, context).map(|pattern| (pattern, node.span))
}

/// The pattern of a `match:`. A mistake in it is reported.
pub(super) fn parsed(node: &Node, context: &mut Context<'_>) -> Option<NamePattern> {
    let written = node.text()?;
    let bad = |message: String| {
        Diagnostic::error(codes::BAD_MATCH, node.span, message)
            .expecting("a name with columns in braces, such as `{sample}_{lane}.fastq.gz`")
    };
    let pattern = match NamePattern::parse(written) {
        Ok(pattern) => pattern,
        Err(why) => {
            context.report(bad(format!("`{written}` does not split names: {why}")));
            return None;
        }
    };
    let reserved = pattern.columns().find(|one| FILE_COLUMNS.contains(one));
    if let Some(column) = reserved {
        let message = format!("every file has a column `{column}` already");
        context.report(bad(message).expecting("another name"));
        return None;
    }
    Some(pattern)
}

/// Reports the first file whose name `match:` does not split.
fn splits(files: &[String], pattern: &NamePattern, span: Span, context: &mut Context<'_>) {
    for file in files {
        let Err(why) = pattern.split(file) else {
            continue;
        };
        let message = why.told(pattern.source(), file);
        context.report(
            Diagnostic::error(codes::BAD_MATCH, span, message)
                .expecting("a pattern that splits every name in one way")
                .suggesting("narrow a column with an expression, such as `{lane:[0-9]+}`"),
        );
        return;
    }
}

/// Checks that options of files stand only where there are files.
pub(super) fn out_of_place(stage: &DraftStage<'_>, draft: &Draft<'_>, context: &mut Context<'_>) {
    let entries = stage
        .node
        .get("inputs")
        .map(Node::entries)
        .unwrap_or_default();
    for entry in entries {
        let sources = stage.sources.iter().filter(|s| s.port == entry.key);
        let several = sources
            .into_iter()
            .any(|s| gives_files(&s.reference, draft));
        tables_are_no_files(stage, entry, draft, context);
        for key in ["match", "optional"] {
            let Some(found) = entry.value.entry(key) else {
                continue;
            };
            if is_files(stage, &entry.key, draft) || (key == "optional" && several) {
                continue;
            }
            let message = format!(
                "`{key}` applies to files, and `{}` is not several files",
                entry.key
            );
            context.report(
                Diagnostic::error(codes::OUT_OF_PLACE, found.key_span, message)
                    .expecting("a pattern such as ./data/*.nc, or `as: files`"),
            );
        }
    }
}

/// Refuses `as: files` for tables.
fn tables_are_no_files(
    stage: &DraftStage<'_>,
    input: &Entry,
    draft: &Draft<'_>,
    context: &mut Context<'_>,
) {
    let stated = stage.stage.inputs.get(&input.key);
    if !stated.is_some_and(|input| input.form_is_stated && input.form == Form::Files) {
        return;
    }
    for source in stage.sources.iter().filter(|s| s.port == input.key) {
        let Reference::Port { stage: from, port } = &source.reference else {
            continue;
        };
        let producer = draft.stages.get(from).map(|producer| &producer.stage);
        let output = producer.and_then(|producer| producer.outputs.get(port));
        let (Some(producer), Some(output)) = (producer, output) else {
            continue;
        };
        let form = match output.format {
            OutputFormat::File | OutputFormat::Files | OutputFormat::Dir => continue,
            OutputFormat::Csv => "csv",
            OutputFormat::Parquet => "parquet",
            OutputFormat::Netcdf => "netcdf",
            OutputFormat::Arrow => "arrow",
        };
        let message = format!("`{from}.{port}` is a table, and `as: files` is for many files");
        let hint = match producer.is_scattered() {
            true => format!(
                "write `as: {form}` to read its rows, or `format: file` at the output to keep its files apart"
            ),
            false => format!(
                "write `as: {form}`, or `scatter: {{ over: {}, rows: 1000 }}` for many tasks",
                input.key
            ),
        };
        context.report(
            Diagnostic::error(codes::BAD_SOURCE, source.span, message)
                .expecting("an output of `format: file`, `files` or `dir`")
                .suggesting(hint),
        );
    }
}

/// Checks what a stage reads of `item`, if its tasks get files.
pub(super) fn item_fields(stage: &DraftStage<'_>, draft: &Draft<'_>, context: &mut Context<'_>) {
    let (what, known) = match &stage.stage.scatter {
        Scatter::Input { port, slicing } if is_files(stage, port, draft) => match slicing {
            Slicing::Row | Slicing::Parts => match columns(stage, port, draft) {
                Some(known) => (format!("a file of the input `{port}`"), known),
                None => return,
            },
            Slicing::By(column) => ("`item` under `by:`".to_owned(), vec![column.clone()]),
            Slicing::Rows(_) => (
                "a batch of files is not one file: it".to_owned(),
                Vec::new(),
            ),
        },
        Scatter::Zip { ports, by, .. } => {
            let known = ports.iter().chain(by).cloned().collect();
            ("`item` under `zip:`".to_owned(), known)
        }
        _ => return,
    };
    let names = || known.iter().map(String::as_str);
    for (column, span) in item_columns(stage, context.text) {
        if known.contains(&column) {
            continue;
        }
        let message = format!("{what} has no column `{column}`");
        let diagnostic = Diagnostic::error(codes::UNKNOWN_COLUMN, span, message);
        context.report(match known.is_empty() {
            true => diagnostic.expecting("`inputs.PORT.files`, the paths of all files of the task"),
            false => diagnostic
                .expecting(one_of(names()))
                .nearest(&column, names()),
        });
    }
}

/// Checks a column that a scatter names, if the columns of the input are known.
pub(super) fn column_exists(
    stage: &DraftStage<'_>,
    port: &str,
    (column, span): (&str, Span),
    draft: &Draft<'_>,
    context: &mut Context<'_>,
) {
    let Some(known) = columns(stage, port, draft) else {
        return;
    };
    if known.iter().any(|one| one == column) {
        return;
    }
    let names = || known.iter().map(String::as_str);
    let message = format!("the files of the input `{port}` have no column `{column}`");
    context.report(
        Diagnostic::error(codes::UNKNOWN_COLUMN, span, message)
            .expecting(one_of(names()))
            .nearest(column, names())
            .suggesting("add columns with `match:`, such as `match: \"{sample}_{lane}.fq\"`"),
    );
}
