//! Checks columns along the edges: what a producer writes must fit what its reader needs.

use std::collections::HashMap;

use super::columns::Known;
use super::context::Context;
use super::cuda;
use super::draft::{Draft, DraftStage, Source};
use super::location::{columns_of_sources, item_columns};
use crate::catalog::PortSpec;
use crate::codes;
use crate::column::ColumnType;
use crate::diagnostic::Diagnostic;
use crate::facts::FileFact;
use crate::model::{Action, GridRows, Input, Reference, Scatter, Slicing};
use crate::names::one_of;
use crate::yaml::Node;

/// Columns by stage and port.
type Ports = HashMap<(String, String), Known>;

/// Follows columns through the graph, producers first.
pub(super) fn check(draft: &Draft<'_>, order: &[usize], context: &mut Context<'_>) {
    let mut ports = Ports::new();
    for index in order {
        let Some((name, stage)) = draft.stages.get_index(*index) else {
            continue;
        };
        let mut inputs: HashMap<&str, Known> = HashMap::new();
        for source in &stage.sources {
            let Some(input) = stage.stage.inputs.get(&source.port) else {
                continue;
            };
            let found = source_columns(source, input, draft, &ports, context);
            let Some(known) = declared(found, source, input, stage, context) else {
                continue;
            };
            let Some(known) = read(known, source, input, stage, context) else {
                continue;
            };
            if let Some(spec) = kernel_port(stage, &source.port, context) {
                needs(spec, &known, source, context);
            }
            if matches!(stage.stage.action, Action::Cuda(_)) {
                cuda::columns(stage, &source.port, &known, context);
            }
            inputs.entry(&source.port).or_insert(known);
        }
        row_columns(stage, &inputs, context);
        outputs(name, stage, &inputs, &mut ports, context);
    }
}

/// Checks `item.column` where rows give it a value: each task gets one row, or files that rows name.
fn row_columns(stage: &DraftStage<'_>, inputs: &HashMap<&str, Known>, context: &mut Context<'_>) {
    let Scatter::Input { port, slicing } = &stage.stage.scatter else {
        return;
    };
    let Some(known) = inputs.get(port.as_str()).filter(|known| !known.open) else {
        return;
    };
    if let Slicing::By(column) = slicing {
        grouped(stage, (port, column), known, context);
    }
    let read = match slicing {
        Slicing::Row => item_columns(stage, context.text),
        Slicing::Rows(_) | Slicing::By(_) | Slicing::Parts => {
            columns_of_sources(stage, context.text)
        }
    };
    let names = || known.columns.iter().map(|column| column.name.as_str());
    for (column, span) in read {
        if known.find(&column).is_some() {
            continue;
        }
        let message = format!("a row of the input `{port}` has no column `{column}`");
        let found = Diagnostic::error(codes::UNKNOWN_COLUMN, span, message)
            .expecting(one_of(names()))
            .nearest(&column, names());
        let headless = names().any(is_no_header) && found.suggestion.is_none();
        context.report(match headless {
            true => found.suggesting(
                "the first line of a table gives the names of its columns; add such a line if it has none",
            ),
            false => found,
        });
    }
}

/// Checks the column of `by:`, which is all that `item` has.
fn grouped(
    stage: &DraftStage<'_>,
    (port, column): (&str, &str),
    known: &Known,
    context: &mut Context<'_>,
) {
    let names = || known.columns.iter().map(|column| column.name.as_str());
    let by = stage
        .node
        .get("scatter")
        .and_then(|scatter| scatter.get("by"));
    if let (None, Some(by)) = (known.find(column), by) {
        let message = format!("the input `{port}` has no column `{column}`");
        context.report(
            Diagnostic::error(codes::UNKNOWN_COLUMN, by.span, message)
                .expecting(one_of(names()))
                .nearest(column, names()),
        );
    }
    let sources = columns_of_sources(stage, context.text);
    for (read, span) in item_columns(stage, context.text) {
        if read != column && !sources.contains(&(read.clone(), span)) {
            let message = format!("`item` under `by:` has no column `{read}`");
            context.report(
                Diagnostic::error(codes::UNKNOWN_COLUMN, span, message).expecting(format!(
                    "`item.{column}`, or the rows of the group in `inputs.{port}`"
                )),
            );
        }
    }
}

/// Whether a column's name looks like a cell: a number or a path. The table then has no header.
fn is_no_header(name: &str) -> bool {
    name.parse::<f64>().is_ok() || name.contains('/')
}

fn kernel_port<'c>(
    stage: &DraftStage<'_>,
    port: &str,
    context: &Context<'c>,
) -> Option<&'c PortSpec> {
    let Action::Kernel { name, .. } = &stage.stage.action else {
        return None;
    };
    let kernel = context.catalog.kernels.get(name)?;
    kernel.inputs.iter().find(|spec| spec.name == port)
}

fn source_columns(
    source: &Source,
    input: &Input,
    draft: &Draft<'_>,
    ports: &Ports,
    context: &Context<'_>,
) -> Option<Known> {
    let path = match &source.reference {
        Reference::Port { stage, port } => {
            return ports.get(&(stage.clone(), port.clone())).cloned();
        }
        Reference::Path(path) => path,
        Reference::Param(name) => draft.default_path(name, context)?,
        Reference::Url(_) | Reference::Pattern(_) | Reference::Item(_) => return None,
    };
    let reading = (path.to_owned(), input.reading());
    let other = input.variable.is_some() || input.rows == GridRows::Cell;
    if other && !context.facts.readings.contains_key(&reading) {
        // The known columns belong to another variable or another slice of the gridded data.
        return None;
    }
    match context.facts.of_input(path, input)? {
        FileFact::Table { columns, .. } => Some(Known {
            columns: columns.clone(),
            open: false,
        }),
        FileFact::Missing | FileFact::Folder | FileFact::File | FileFact::Unreadable(_) => None,
    }
}

/// Applies the types of the input's own `schema:` to the columns. Text can be read as most types.
/// If the source already has types, each must fit.
fn declared(
    found: Option<Known>,
    source: &Source,
    input: &Input,
    stage: &DraftStage<'_>,
    context: &mut Context<'_>,
) -> Option<Known> {
    let Some(schema) = &input.schema else {
        return found;
    };
    let node = stage.node.get("inputs");
    let node = node.and_then(|inputs| inputs.get(&source.port)?.get("schema"));
    let place = |name: &str| {
        let entry = node.and_then(|node| node.entry(name));
        entry.map_or(source.span, |entry| entry.key_span)
    };
    let Some(mut known) = found else {
        // If the file does not exist yet, only these columns are certain.
        let columns = schema.clone();
        return Some(Known {
            columns,
            open: true,
        });
    };
    for column in schema {
        let (open, at) = (known.open, known.position(&column.name));
        match at.and_then(|at| known.columns.get_mut(at)) {
            Some(found) if may_become(&column.column_type, &found.column_type, source) => {
                found.column_type = column.column_type.clone();
            }
            Some(found) => {
                let message = format!(
                    "column `{}` is {}, not {}",
                    column.name, found.column_type.0, column.column_type.0
                );
                let diagnostic =
                    Diagnostic::error(codes::SCHEMA_MISMATCH, place(&column.name), message);
                context.report(diagnostic.expecting(found.column_type.0.clone()));
            }
            None if open => known.columns.push(column.clone()),
            None => {
                let names = || known.columns.iter().map(|column| column.name.as_str());
                let message = format!("the source has no column `{}`", column.name);
                let diagnostic =
                    Diagnostic::error(codes::UNKNOWN_COLUMN, place(&column.name), message)
                        .expecting(one_of(names()))
                        .nearest(&column.name, names());
                context.report(diagnostic);
                // The mistake is reported here. The column is added, so that it is not reported
                // again as missing.
                known.columns.push(column.clone());
            }
        }
    }
    Some(known)
}

/// True if a column of one type may be read as another.
fn may_become(wanted: &ColumnType, found: &ColumnType, source: &Source) -> bool {
    let is_text = match &source.reference {
        // The cells of a text table are parsed as the declared type.
        Reference::Path(path) => is_text_table(path),
        Reference::Pattern(pattern) => is_text_table(pattern),
        Reference::Param(_) | Reference::Url(_) => true,
        Reference::Port { .. } | Reference::Item(_) => false,
    };
    is_text || wanted.overlaps(found)
}

fn is_text_table(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let path = path.strip_suffix(".gz").unwrap_or(&path);
    [".csv", ".tsv", ".tab"]
        .iter()
        .any(|suffix| path.ends_with(suffix))
}

/// The columns that `columns:` selects.
fn read(
    known: Known,
    source: &Source,
    input: &Input,
    stage: &DraftStage<'_>,
    context: &mut Context<'_>,
) -> Option<Known> {
    if input.columns.is_empty() {
        return Some(known);
    }
    let node = stage
        .node
        .get("inputs")
        .and_then(|inputs| inputs.get(&source.port));
    let places = node.and_then(|node| node.get("columns")).map(Node::items);
    let mut columns = Vec::new();
    let mut open = known.open;
    for (index, name) in input.columns.iter().enumerate() {
        match known.find(name) {
            Some(column) => columns.push(column.clone()),
            None if known.open => {}
            None => {
                // The mistake is reported here; the missing column is not reported again.
                open = true;
                let place = places.and_then(|places| places.get(index));
                let span = place.map_or(source.span, |node| node.span);
                let names = || known.columns.iter().map(|column| column.name.as_str());
                context.report(
                    Diagnostic::error(
                        codes::UNKNOWN_COLUMN,
                        span,
                        format!("the source has no column `{name}`"),
                    )
                    .expecting(one_of(names()))
                    .nearest(name, names()),
                );
            }
        }
    }
    Some(Known { columns, open })
}

/// Checks that a kernel finds the columns that it needs.
fn needs(spec: &PortSpec, known: &Known, source: &Source, context: &mut Context<'_>) {
    let mut problems = Vec::new();
    for wanted in &spec.columns {
        match known.find(&wanted.name) {
            Some(found) => {
                if !wanted.column_type.overlaps(&found.column_type) {
                    problems.push(format!(
                        "column `{}` is {}, not {}",
                        wanted.name, found.column_type.0, wanted.column_type.0
                    ));
                }
            }
            None if known.open => {}
            None => problems.push(format!("column `{}` is missing", wanted.name)),
        }
    }
    if problems.is_empty() {
        return;
    }
    let wanted: Vec<String> = spec
        .columns
        .iter()
        .map(|column| format!("{}: {}", column.name, column.column_type.0))
        .collect();
    let message = format!(
        "the data does not fit the input `{}`: {}",
        spec.name,
        problems.join("; ")
    );
    let found: Vec<&str> = known
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    context.report(
        Diagnostic::error(codes::SCHEMA_MISMATCH, source.span, message)
            .expecting(wanted.join(", "))
            .suggesting(format!("the data has the columns {}", found.join(", "))),
    );
}

/// Records the columns that a stage writes.
fn outputs(
    name: &str,
    stage: &DraftStage<'_>,
    inputs: &HashMap<&str, Known>,
    ports: &mut Ports,
    context: &Context<'_>,
) {
    match &stage.stage.action {
        Action::Run(_) | Action::Cuda(_) => {
            for (port, output) in &stage.stage.outputs {
                if let Some(schema) = &output.schema {
                    let known = Known {
                        columns: schema.clone(),
                        open: false,
                    };
                    ports.insert((name.to_owned(), port.clone()), known);
                }
            }
        }
        Action::Kernel { name: kernel, .. } => {
            let Some(kernel) = context.catalog.kernels.get(kernel) else {
                return;
            };
            for port in &kernel.outputs {
                if port.columns.is_empty() && port.like.is_none() {
                    continue;
                }
                let mut known = Known {
                    columns: port.columns.clone(),
                    open: port.open,
                };
                if let Some(like) = &port.like {
                    match inputs.get(like.as_str()) {
                        Some(input) => {
                            known.open |= input.open;
                            for column in &input.columns {
                                if known.find(&column.name).is_none() {
                                    known.columns.push(column.clone());
                                }
                            }
                        }
                        None => known.open = true,
                    }
                }
                ports.insert((name.to_owned(), port.name.clone()), known);
            }
        }
    }
}
