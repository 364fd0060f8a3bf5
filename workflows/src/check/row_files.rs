//! Checks sources such as `${{ item.fastq }}`: files that the rows of the scattered table name.

use super::context::Context;
use super::draft::{Draft, DraftStage, Source};
use super::file_sets;
use super::reference::is_path;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::expr::CompiledTemplate;
use crate::model::{Action, Reference, Scatter, Slicing};

/// Reports every such source that stands where no row gives it a value, or with options that do not
/// apply.
pub(super) fn check(draft: &Draft<'_>, context: &mut Context<'_>) {
    for stage in draft.stages.values() {
        for source in &stage.sources {
            if source.reference.of_row().is_some() {
                let found = misplaced(stage, source, draft);
                let found = found.or_else(|| option(stage, source));
                if let Some(diagnostic) = found.or_else(|| sheets(stage, source)) {
                    context.report(diagnostic);
                }
            }
        }
    }
}

/// Whether all sources of an input are files that rows name.
pub(super) fn are_of_rows(stage: &DraftStage<'_>, port: &str) -> bool {
    let mut sources = stage.sources.iter().filter(|s| s.port == port).peekable();
    sources.peek().is_some() && sources.all(|source| source.reference.of_row().is_some())
}

fn misplaced(stage: &DraftStage<'_>, source: &Source, draft: &Draft<'_>) -> Option<Diagnostic> {
    let bad = |message: &str| Diagnostic::error(codes::BAD_SOURCE, source.span, message);
    let table = "`scatter: { over: PORT }`, where PORT is an input that is a table";
    match &stage.stage.scatter {
        _ if !matches!(stage.stage.action, Action::Run(_)) => Some(
            bad("files that rows name are inputs of commands only").expecting("a stage with `run`"),
        ),
        // The expression itself is reported.
        Scatter::One => None,
        Scatter::Input { port, .. } if are_of_rows(stage, port) => Some(
            bad(&format!(
                "the rows that name this file are those of `{port}`, which rows name as well"
            ))
            .expecting(table),
        ),
        Scatter::Input { port, .. } if file_sets::is_files(stage, port, draft) => Some(
            bad(&format!(
                "`{port}` is a dataset of files, and only the rows of a table name files"
            ))
            .expecting(table)
            .suggesting("pair two datasets of files with `scatter: { zip: [a, b], by: COLUMN }`"),
        ),
        Scatter::Input {
            slicing: Slicing::Parts,
            ..
        } => Some(
            bad("files that rows name cannot be divided by parts")
                .expecting("no `parts`, `rows: N`, or `by: COLUMN`"),
        ),
        Scatter::Input { .. } => None,
        Scatter::Items(_) | Scatter::Range(_) | Scatter::Matrix(_) | Scatter::Zip { .. } => Some(
            bad("only the rows of a table name files, and this stage is not scattered over one")
                .expecting(table),
        ),
    }
}

fn option(stage: &DraftStage<'_>, source: &Source) -> Option<Diagnostic> {
    let of_port = stage.sources.iter().filter(|s| s.port == source.port);
    if of_port.count() > 1 {
        let message = "a file that a row names is the only source of its input";
        return Some(
            Diagnostic::error(codes::BAD_SOURCE, source.span, message)
                .expecting("an input of its own for each, such as `r1` and `r2`"),
        );
    }
    let text = source.reference.of_row()?;
    if !is_path(text) && !text.starts_with("${{") {
        let message = format!("`{text}` is not a source of data");
        return Some(
            Diagnostic::error(codes::BAD_SOURCE, source.span, message)
                .expecting("a path that begins with ./, ../, / or `${{`")
                .suggesting(format!("if it is a path, write `./{text}`")),
        );
    }
    let node = stage.node.get("inputs")?.get(&source.port)?;
    let taken = ["from", "as", "optional"];
    let bad = |span, message: String| {
        Diagnostic::error(codes::OUT_OF_PLACE, span, message).expecting("`from` and `optional`")
    };
    let other = node
        .entries()
        .iter()
        .find(|entry| !taken.contains(&entry.key.as_str()));
    if let Some(entry) = other {
        let message = format!("`{}` does not apply to a file that a row names", entry.key);
        return Some(bad(entry.key_span, message));
    }
    let form = node.entry("as")?;
    let is_table = !matches!(form.value.text(), Some("file" | "files"));
    is_table.then(|| {
        let message = "a command gets a file that a row names as it is".to_owned();
        bad(form.value.span, message)
    })
}

/// Reports several sheets of which it is not clear to which folder a cell is relative.
fn sheets(stage: &DraftStage<'_>, source: &Source) -> Option<Diagnostic> {
    let template = CompiledTemplate::new(source.reference.of_row()?).ok()?;
    let Scatter::Input { port, .. } = &stage.stage.scatter else {
        return None;
    };
    let mut folders: Vec<&str> = Vec::new();
    for sheet in stage.sources.iter().filter(|sheet| sheet.port == *port) {
        if let Reference::Path(path) = &sheet.reference {
            folders.push(path.rsplit_once('/').map_or(".", |(folder, _)| folder));
        }
    }
    folders.dedup();
    let [first, second, ..] = folders[..] else {
        return None;
    };
    let message = format!(
        "the tables of `{port}` are in {first} and in {second}, so that it is not clear to which folder a path \
         in them is relative"
    );
    template.begins_with_item().then(|| {
        Diagnostic::error(codes::BAD_SOURCE, source.span, message)
            .expecting("tables in one folder, or a path such as `./data/${{ item.file }}`")
    })
}
