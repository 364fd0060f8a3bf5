//! `cuda:` stages: the user's own kernel and the binding of its arguments.

use indexmap::IndexMap;

use super::columns::Known;
use super::context::Context;
use super::draft::DraftStage;
use crate::codes;
use crate::column::{ColumnSpec, ColumnType};
use crate::diagnostic::Diagnostic;
use crate::model::{Action, Cuda, CudaArg, Output, OutputFormat, Template};
use crate::names::one_of;
use crate::source::Span;
use crate::yaml::Node;

/// The threads of a block if `block` is absent.
const BLOCK: u32 = 256;
/// Types that a value or the number of rows can have.
const SCALARS: &[&str] = &["int32", "uint32", "int64", "uint64", "float32", "float64"];

/// Lowers the value of `cuda`.
pub(super) fn lower(node: &Node, context: &mut Context<'_>) -> Cuda {
    let word = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
    let args = node.get("args").map(Node::items).unwrap_or_default();
    let block = node.get("block").and_then(Node::whole);
    Cuda {
        source: word("source").to_owned(),
        entry: word("entry").to_owned(),
        args: args
            .iter()
            .filter_map(|arg| argument(arg, context))
            .collect(),
        block: block
            .and_then(|block| u32::try_from(block).ok())
            .unwrap_or(BLOCK),
    }
}

fn argument(node: &Node, context: &mut Context<'_>) -> Option<CudaArg> {
    let kinds = ["in", "out", "value", "rows"];
    if kinds.iter().filter(|key| node.get(key).is_some()).count() != 1 {
        context.report(
            Diagnostic::error(
                codes::WRONG_TYPE,
                node.span,
                "the argument does not say what it is",
            )
            .expecting("exactly one of `in`, `out`, `value` and `rows`"),
        );
        return None;
    }
    let kind = |key: &str| node.get(key).and_then(Node::text);
    let parsed = |text: &str| ColumnType::parse(text).ok();
    if let Some(port) = node.get("in") {
        let (port, column) = port_column(port, context)?;
        return Some(CudaArg::In { port, column });
    }
    if let Some(rows) = node.get("rows") {
        let column_type = parsed(rows.text()?)?;
        scalar(&column_type, rows.span, context);
        return Some(CudaArg::Rows { column_type });
    }
    let Some(column_type) = kind("type").and_then(parsed) else {
        if node.get("type").is_none() {
            let message = "the argument has no `type`";
            context.report(
                Diagnostic::error(codes::MISSING_KEY, node.span, message)
                    .expecting("`type`, for example `type: float32`, beside `out` or `value`"),
            );
        }
        return None;
    };
    let span = node.get("type").map_or(node.span, |node| node.span);
    if let Some(port) = node.get("out") {
        let (port, column) = port_column(port, context)?;
        if column_type.row_bytes().is_none() {
            let message = format!("{} has no fixed number of bytes per row", column_type.0);
            context.report(
                Diagnostic::error(codes::WRONG_TYPE, span, message)
                    .expecting("numbers, fixed_size_binary[N], or a tensor with its dimensions"),
            );
        }
        return Some(CudaArg::Out {
            port,
            column,
            column_type,
        });
    }
    let value = node.get("value")?;
    scalar(&column_type, span, context);
    Some(CudaArg::Value {
        value: Template {
            source: value.written(context.text)?,
            span: value.span,
        },
        column_type,
    })
}

fn scalar(column_type: &ColumnType, span: Span, context: &mut Context<'_>) {
    if !SCALARS.contains(&column_type.0.as_str()) {
        let message = format!("a kernel cannot take a single {}", column_type.0);
        context.report(
            Diagnostic::error(codes::WRONG_TYPE, span, message)
                .expecting(one_of(SCALARS.iter().copied())),
        );
    }
}

/// Splits `x.col` into port and column.
fn port_column(node: &Node, context: &mut Context<'_>) -> Option<(String, String)> {
    let text = node.text()?;
    match text.split_once('.') {
        Some((port, column)) if !port.is_empty() && !column.is_empty() => {
            Some((port.to_owned(), column.to_owned()))
        }
        _ => {
            let message = format!("`{text}` does not name a column");
            context.report(
                Diagnostic::error(codes::WRONG_TYPE, node.span, message)
                    .expecting("a port and its column, such as x.value"),
            );
            None
        }
    }
}

/// The outputs that the arguments define: ports and columns in the order of the arguments.
pub(super) fn outputs(cuda: &Cuda, span: Span) -> IndexMap<String, Output> {
    let mut outputs: IndexMap<String, Output> = IndexMap::new();
    for arg in &cuda.args {
        let CudaArg::Out {
            port,
            column,
            column_type,
        } = arg
        else {
            continue;
        };
        let output = outputs.entry(port.clone()).or_insert_with(|| Output {
            format: OutputFormat::Arrow,
            schema: Some(Vec::new()),
            span,
            ..Output::default()
        });
        let columns = output.schema.get_or_insert_default();
        columns.push(ColumnSpec::new(column.clone(), column_type.0.clone()));
    }
    outputs
}

/// Checks the stage as a whole: a kernel's name, an input to take rows from, an output, existing
/// ports, and no column twice.
pub(super) fn check(stage: &DraftStage<'_>, context: &mut Context<'_>) {
    let (Action::Cuda(cuda), Some(node)) = (&stage.stage.action, stage.node.get("cuda")) else {
        return;
    };
    let place = |key: &str| node.get(key).map_or(node.span, |node| node.span);
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let entry = &cuda.entry;
    if node.get("entry").is_some()
        && (!entry.chars().all(named) || entry.starts_with(|c: char| c.is_ascii_digit()))
    {
        let message = format!("`{entry}` is not a valid function name");
        context.report(
            Diagnostic::error(codes::WRONG_TYPE, place("entry"), message)
                .expecting("the kernel's name, as in `extern \"C\" __global__ void name(…)`"),
        );
    }
    if node.get("args").is_none() {
        return;
    }
    if !cuda
        .args
        .iter()
        .any(|arg| matches!(arg, CudaArg::In { .. }))
    {
        let message = "no argument is a column, so the number of rows is not known";
        context.report(
            Diagnostic::error(codes::MISSING_KEY, place("args"), message)
                .expecting("at least one `{ in: port.column }`"),
        );
    }
    if !cuda
        .args
        .iter()
        .any(|arg| matches!(arg, CudaArg::Out { .. }))
    {
        context.report(
            Diagnostic::error(
                codes::MISSING_KEY,
                place("args"),
                "the kernel has no output",
            )
            .expecting("at least one `{ out: port.column, type: … }`"),
        );
    }
    let items = node.get("args").map(Node::items).unwrap_or_default();
    let mut seen = Vec::new();
    for item in items {
        let Some((key, text)) = ["in", "out"]
            .into_iter()
            .find_map(|key| Some((key, item.get(key)?.text()?)))
        else {
            continue;
        };
        let span = item.get(key).map_or(item.span, |node| node.span);
        let port = text.split_once('.').map_or(text, |(port, _)| port);
        if key == "in" && !stage.stage.inputs.contains_key(port) {
            let known = || stage.stage.inputs.keys().map(String::as_str);
            context.report(
                Diagnostic::error(
                    codes::UNKNOWN_PORT,
                    span,
                    format!("there is no input `{port}`"),
                )
                .expecting(one_of(known()))
                .nearest(port, known()),
            );
        }
        if key == "out" && seen.contains(&text) {
            let message = format!("`{text}` is given twice");
            context.report(
                Diagnostic::error(codes::WRONG_TYPE, span, message)
                    .expecting("a column of its own for each `out`"),
            );
        }
        if key == "out" {
            seen.push(text);
        }
    }
}

/// Checks that bound columns exist and have a possible type.
pub(super) fn columns(
    stage: &DraftStage<'_>,
    port: &str,
    known: &Known,
    context: &mut Context<'_>,
) {
    let items = stage
        .node
        .get("cuda")
        .and_then(|node| node.get("args"))
        .map(Node::items);
    for item in items.unwrap_or_default() {
        let Some(bound) = item.get("in") else {
            continue;
        };
        let Some((of, column)) = bound.text().and_then(|text| text.split_once('.')) else {
            continue;
        };
        if of != port {
            continue;
        }
        let names = || known.columns.iter().map(|column| column.name.as_str());
        match known.find(column) {
            None if known.open => {}
            None => context.report(
                Diagnostic::error(
                    codes::UNKNOWN_COLUMN,
                    bound.span,
                    format!("the input `{port}` has no column `{column}`"),
                )
                .expecting(one_of(names()))
                .nearest(column, names()),
            ),
            Some(found) if found.column_type.row_bytes().is_none() => {
                let message = format!(
                    "column `{column}` is {}, which has no fixed number of bytes per row",
                    found.column_type.0
                );
                context.report(
                    Diagnostic::error(codes::SCHEMA_MISMATCH, bound.span, message)
                        .expecting("numbers, fixed_size_binary, or a tensor"),
                );
            }
            Some(_) => {}
        }
    }
}
