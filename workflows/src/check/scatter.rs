//! Lowers `scatter:` and `matrix:`, and refuses what cannot be scattered.

use indexmap::IndexMap;

use super::context::Context;
use super::draft::{Draft, DraftStage};
use super::file_sets;
use super::files::may_be_table;
use crate::codes;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{CompiledTemplate, has_expression};
use crate::facts::FileFact;
use crate::model::{Form, Input, Param, ParamType, Reference, Scatter, Slicing};
use crate::source::Span;
use crate::syntax::{SCATTER, misspells};
use crate::value::Value;
use crate::yaml::{Data, Entry, Node};

/// What a computed value must be.
#[derive(Clone, Copy)]
struct Wanted {
    kind: ParamType,
    /// The smallest number.
    min: i64,
    /// The code of a param that has another type.
    other_type: Code,
    /// The code of a param whose number is too small.
    too_small: Code,
}

const LIST: Wanted = Wanted {
    kind: ParamType::List,
    min: 0,
    other_type: codes::BAD_SCATTER,
    too_small: codes::BAD_SCATTER,
};
const RANGE: Wanted = Wanted {
    kind: ParamType::Int,
    ..LIST
};
const REPEATS: Wanted = Wanted {
    min: 1,
    other_type: codes::WRONG_TYPE,
    too_small: codes::OUT_OF_RANGE,
    ..RANGE
};

/// Lowers `scatter:` or `matrix:`; [`check`] reports what does not fit.
pub(super) fn lower(node: &Node) -> Scatter {
    if let Some(matrix) = node.get("matrix") {
        let axes = matrix.entries().iter();
        let axes: IndexMap<_, _> = axes.map(|e| (e.key.clone(), e.value.value())).collect();
        return Scatter::Matrix(axes);
    }
    let Some(scatter) = node.get("scatter") else {
        return Scatter::One;
    };
    if let Some(zip) = scatter.get("zip") {
        let ports = zip.items().iter().filter_map(Node::text);
        return Scatter::Zip {
            ports: ports.map(str::to_owned).collect(),
            by: scatter.get("by").and_then(Node::text).map(str::to_owned),
            share: scatter.get("share").and_then(Node::text).map(str::to_owned),
        };
    }
    if let Some(range) = scatter.get("range") {
        return Scatter::Range(range.value());
    }
    let over = scatter.get("over").unwrap_or(scatter);
    if let Some(range) = over.get("range") {
        return Scatter::Range(range.value());
    }
    match (&over.data, over.text()) {
        (Data::List(_), _) => Scatter::Items(over.value()),
        (_, Some(text)) if has_expression(text) => Scatter::Items(over.value()),
        (_, Some(port)) => Scatter::Input {
            port: port.to_owned(),
            slicing: slicing(scatter),
        },
        _ => Scatter::One,
    }
}

fn slicing(scatter: &Node) -> Slicing {
    if let Some(column) = scatter.get("by").and_then(Node::text) {
        return Slicing::By(column.to_owned());
    }
    let rows = scatter.get("rows").and_then(Node::whole);
    match rows.and_then(|rows| u64::try_from(rows).ok()) {
        Some(rows) => Slicing::Rows(rows),
        None if scatter.get("parts").and_then(Node::flag) == Some(true) => Slicing::Parts,
        None => Slicing::Row,
    }
}

/// Checks every stage's scatter.
pub(super) fn check(draft: &Draft<'_>, context: &mut Context<'_>) {
    for stage in draft.stages.values() {
        let node = &stage.node;
        let params = draft.workflow.params_of(&stage.stage.name);
        if let (Some(scatter), Some(_)) = (node.entry("scatter"), node.entry("matrix")) {
            let message = "`scatter` and `matrix` cannot be used together";
            context.report(
                Diagnostic::error(codes::SCATTER_AND_MATRIX, scatter.key_span, message)
                    .expecting("only one of them")
                    .suggesting("make the scatter one more axis of the matrix"),
            );
        }
        if let Some(matrix) = node.get("matrix") {
            check_matrix(matrix, params, context);
        }
        if let Some(scatter) = node.get("scatter") {
            check_scatter(scatter, stage, draft, context);
        }
        if let Some(repeat) = node.get("repeat") {
            computed(repeat, REPEATS, params, context);
        }
    }
}

fn check_matrix(matrix: &Node, params: &IndexMap<String, Param>, context: &mut Context<'_>) {
    if matrix.entries().is_empty() && matches!(matrix.data, Data::Map(_)) {
        let diagnostic = Diagnostic::error(codes::BAD_SCATTER, matrix.span, "an empty matrix");
        context.report(diagnostic.expecting("at least one axis, such as `a: [1, 2]`"));
    }
    for axis in matrix.entries() {
        computed(&axis.value, LIST, params, context);
    }
}

fn check_scatter(
    scatter: &Node,
    stage: &DraftStage<'_>,
    draft: &Draft<'_>,
    context: &mut Context<'_>,
) {
    let is_map = matches!(scatter.data, Data::Map(_));
    let params = draft.workflow.params_of(&stage.stage.name);
    if let Some(zip) = scatter.entry("zip") {
        check_zip(scatter, zip, stage, draft, context);
        return;
    }
    if let Some(entry) = scatter.entry("share") {
        let message = "`share` is for inputs under `zip`".to_owned();
        context.report(
            Diagnostic::error(codes::BAD_SLICING, entry.key_span, message)
                .expecting("`zip: [A, B]` and `by: COLUMN` beside it"),
        );
    }
    let over = if is_map {
        scatter.get("over")
    } else {
        Some(scatter)
    };
    let range = scatter
        .get("range")
        .or_else(|| over.and_then(|over| over.get("range")));
    if is_map && over.is_none() && range.is_none() {
        if !misspells(scatter, &SCATTER, &["over", "range", "zip"]) {
            context.report(unscattered(
                scatter.span,
                "`scatter` does not say what to scatter over",
            ));
        }
        return;
    }
    if let (true, Some(over), Some(_)) = (is_map, over, scatter.get("range")) {
        context.report(unscattered(
            over.span,
            "`over` and `range` cannot be used together",
        ));
    }
    if let Some(range) = range {
        computed(range, RANGE, params, context);
    }
    let port = over
        .and_then(Node::text)
        .filter(|text| !has_expression(text));
    slices(scatter, port.is_some(), context);
    match (over, port) {
        (Some(over), Some(port)) => check_port(over, port, stage, draft, context),
        (Some(over), None) if over.text().is_some() => {
            computed(over, LIST, params, context);
        }
        _ => {}
    }
}

/// Checks `zip:`: inputs that are datasets of files, and how they are paired.
fn check_zip(
    scatter: &Node,
    zip: &Entry,
    stage: &DraftStage<'_>,
    draft: &Draft<'_>,
    context: &mut Context<'_>,
) {
    for key in ["over", "range", "rows", "parts"] {
        if let Some(entry) = scatter.entry(key) {
            let message = format!("`zip` and `{key}` cannot be used together");
            context.report(
                Diagnostic::error(codes::BAD_SLICING, entry.key_span, message)
                    .expecting("only one of them"),
            );
        }
    }
    if zip.value.items().len() < 2 {
        context.report(
            unscattered(
                zip.value.span,
                "`zip` pairs the files of two inputs or more",
            )
            .expecting("the names of inputs, such as [reads, references]"),
        );
    }
    let by = scatter.get("by");
    check_share(scatter, zip, context);
    let mut seen: Vec<&str> = Vec::new();
    for node in zip.value.items() {
        let Some(port) = node.text() else { continue };
        if seen.contains(&port) {
            context.report(unscattered(node.span, format!("`{port}` is named twice")));
            continue;
        }
        seen.push(port);
        if !stage.stage.inputs.contains_key(port) {
            let known = || stage.stage.inputs.keys().map(String::as_str);
            let message = format!("`{port}` is not one of the stage's inputs");
            context.report(unscattered(node.span, message).nearest(port, known()));
        } else if !file_sets::is_files(stage, port, draft) {
            let message = format!("the input `{port}` is not a dataset of files");
            context.report(unscattered(node.span, message).expecting(
                "files: a pattern such as ./data/*.nc, or the files of a scattered stage",
            ));
        } else if let Some((by, column)) = by.and_then(|by| Some((by, by.text()?))) {
            file_sets::column_exists(stage, port, (column, by.span), draft, context);
        }
    }
}

/// Checks `share:`: one of the paired inputs, whose files are found by value.
fn check_share(scatter: &Node, zip: &Entry, context: &mut Context<'_>) {
    let Some(entry) = scatter.entry("share") else {
        return;
    };
    let bad = |span, message: String| Diagnostic::error(codes::BAD_SLICING, span, message);
    if scatter.get("by").is_none() {
        let message = "`share` is for files that are paired by value".to_owned();
        context.report(bad(entry.key_span, message).expecting("`by:` and a column beside it"));
    }
    let ports = || zip.value.items().iter().filter_map(Node::text);
    if let Some(port) = entry.value.text()
        && !ports().any(|known| known == port)
    {
        let message = format!("`{port}` is not one of the inputs under `zip`");
        context.report(bad(entry.value.span, message).nearest(port, ports()));
    }
}

/// Checks that at most one of `rows`, `parts` and `by` is given, and only for an input.
fn slices(scatter: &Node, cuts_input: bool, context: &mut Context<'_>) {
    let ways = ["rows", "parts", "by"].map(|key| scatter.entry(key));
    let mut given = ways.into_iter().flatten();
    if let (Some(first), Some(second)) = (given.next(), given.next()) {
        let message = format!(
            "`{}` and `{}` cannot be used together",
            first.key, second.key
        );
        context.report(
            Diagnostic::error(codes::BAD_SLICING, second.key_span, message)
                .expecting("only one of them"),
        );
    }
    for entry in ways.into_iter().flatten() {
        if !cuts_input {
            let message = format!("`{}` cuts an input, not a list or a range", entry.key);
            context.report(
                Diagnostic::error(codes::BAD_SLICING, entry.key_span, message)
                    .expecting("the name of one of the stage's inputs under `over`"),
            );
        }
    }
}

fn check_port(
    over: &Node,
    port: &str,
    stage: &DraftStage<'_>,
    draft: &Draft<'_>,
    context: &mut Context<'_>,
) {
    let Some(input) = stage.stage.inputs.get(port) else {
        let known = || stage.stage.inputs.keys().map(String::as_str);
        let message = format!("`{port}` is not one of the stage's inputs");
        let diagnostic = unscattered(over.span, message);
        context.report(match port.strip_prefix("params.") {
            Some(name)
                if draft
                    .workflow
                    .params_of(&stage.stage.name)
                    .contains_key(name) =>
            {
                diagnostic.suggesting(format!("write `${{{{ params.{name} }}}}`"))
            }
            _ => diagnostic.nearest(port, known()),
        });
        return;
    };
    if file_sets::is_files(stage, port, draft) {
        if let Some((by, column)) = stage
            .node
            .get("scatter")
            .and_then(|scatter| scatter.get("by"))
            .and_then(|by| Some((by, by.text()?)))
        {
            file_sets::column_exists(stage, port, (column, by.span), draft, context);
        }
        return;
    }
    if input.form == Form::File {
        let message = format!("the input `{port}` is read as a file, which has no rows");
        let hint = "`as: files` gives one task for each file of a folder or a list";
        context.report(unscattered(over.span, message).suggesting(hint));
    }
    for source in stage.sources.iter().filter(|source| source.port == port) {
        if let Some(why) = no_table(&source.reference, input, draft, context) {
            let message = format!("the input `{port}` cannot be scattered: {why}");
            context.report(unscattered(over.span, message));
        }
    }
}

/// The reason why a source has no rows, if that is known.
fn no_table(
    reference: &Reference,
    input: &Input,
    draft: &Draft<'_>,
    context: &Context<'_>,
) -> Option<String> {
    match reference {
        Reference::Port { stage, port } => {
            let output = draft.stages.get(stage)?.stage.outputs.get(port)?;
            let is_bytes = !input.form.is_table() || !may_be_table(output);
            (output.is_blob() && is_bytes).then(|| format!("`{stage}.{port}` is not a table"))
        }
        Reference::Path(path) => no_rows(path, input, context),
        Reference::Param(name) => no_rows(draft.default_path(name, context)?, input, context),
        Reference::Url(_) | Reference::Pattern(_) | Reference::Item(_) => None,
    }
}

fn no_rows(path: &str, input: &Input, context: &Context<'_>) -> Option<String> {
    match context.facts.of_input(path, input)? {
        FileFact::File => Some(format!("{path} is not a table")),
        FileFact::Folder => Some(format!("{path} is a folder")),
        FileFact::Missing | FileFact::Table { .. } | FileFact::Unreadable(_) => None,
    }
}

/// Checks a computed value: exactly one expression, of a fitting type if that is known.
fn computed(
    node: &Node,
    wanted: Wanted,
    params: &IndexMap<String, Param>,
    context: &mut Context<'_>,
) {
    let Some(text) = node.text() else { return };
    let expected = wanted.kind.expected();
    let Ok(template) = CompiledTemplate::new(text) else {
        return;
    };
    let Some(only) = template.single() else {
        let message =
            format!("`{text}` is neither {expected} nor a single expression that gives one");
        context.report(
            Diagnostic::error(codes::NOT_ONE_EXPRESSION, node.span, message)
                .expecting(format!("{expected}, or `${{{{ … }}}}`")),
        );
        return;
    };
    let Some([root, name]) = only.as_name() else {
        return;
    };
    let Some(param) = params.get(name).filter(|_| root == "params") else {
        return;
    };
    if param.kind != wanted.kind {
        let message = format!("`params.{name}` has type {}", param.kind.name());
        let diagnostic = Diagnostic::error(wanted.other_type, node.span, message);
        context.report(diagnostic.expecting(expected));
    } else if let Some(Value::Int(number)) = &param.default
        && *number < wanted.min
    {
        let min = wanted.min;
        let message = format!("`params.{name}` is {number}, which is below {min}");
        context.report(
            Diagnostic::error(wanted.too_small, node.span, message)
                .expecting(format!("{min} or more")),
        );
    }
}

fn unscattered(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::BAD_SCATTER, span, message).expecting(
        "a list, { range: N }, or the name of an input that is a table or a dataset of files",
    )
}
