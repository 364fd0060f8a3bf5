//! Checks outputs that are files: their names, and what `format: files` takes of a folder.

use super::context::Context;
use super::draft::DraftStage;
use super::file_sets::parsed;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::model::{Output, OutputFormat};
use crate::yaml::{Entry, Node};

/// The keys of `format: files`.
const OF_FILES: [&str; 3] = ["glob", "match", "optional"];

/// Checks the outputs of a stage that are files, and that the keys of files stand only there.
pub(super) fn check(stage: &DraftStage<'_>, context: &mut Context<'_>) {
    let entries = stage.node.get("outputs").map(Node::entries);
    for entry in entries.unwrap_or_default() {
        let Some(output) = stage.stage.outputs.get(&entry.key) else {
            continue;
        };
        name(entry, output, context);
        if output.format == OutputFormat::Files {
            of_files(entry, context);
            continue;
        }
        for found in OF_FILES.iter().filter_map(|key| entry.value.entry(key)) {
            let message = format!("`{}` applies to `format: files`", found.key);
            context.report(
                Diagnostic::error(codes::OUT_OF_PLACE, found.key_span, message)
                    .expecting("an output such as { format: files, glob: \"*.csv\" }"),
            );
        }
    }
}

fn name(entry: &Entry, output: &Output, context: &mut Context<'_>) {
    let Some(name) = entry.value.entry("name") else {
        return;
    };
    let wrong = match name.value.text() {
        _ if !output.is_blob() => Some((
            "`name` applies to files and folders".to_owned(),
            "`format: file`, `dir` or `files`",
        )),
        _ if output.format != OutputFormat::Files && entry.value.get("ext").is_some() => Some((
            "`name` and `ext` cannot be used together".to_owned(),
            "the suffix as part of `name`",
        )),
        Some(text) if text.contains('/') && !text.contains("${{") => Some((
            format!("`{text}` is a path, not a name"),
            "a name without slashes",
        )),
        Some("" | "." | "..") => Some(("this is not a name of a file".to_owned(), "a name")),
        _ => None,
    };
    if let Some((message, expected)) = wrong {
        context.report(
            Diagnostic::error(codes::OUT_OF_PLACE, name.key_span, message).expecting(expected),
        );
    }
}

/// Checks the pattern of an output of files, and how it splits names.
fn of_files(entry: &Entry, context: &mut Context<'_>) {
    if let Some(ext) = entry.value.entry("ext") {
        let message = "`ext` is the suffix of one file, and this output is many".to_owned();
        context.report(
            Diagnostic::error(codes::OUT_OF_PLACE, ext.key_span, message)
                .expecting("the suffix in `glob`, such as glob: \"*.csv\""),
        );
    }
    if let Some(split) = entry.value.get("match") {
        parsed(split, context);
    }
    let Some(glob) = entry.value.get("glob") else {
        return;
    };
    let Some(text) = glob.text() else { return };
    if let Some(why) = unusable(text, context) {
        context.report(
            Diagnostic::error(codes::BAD_SOURCE, glob.span, why).expecting(
                "a pattern of files in the output's folder, such as \"*.csv\" or \"**/*.csv\"",
            ),
        );
    }
}

/// Why a pattern does not name files in the folder of an output.
fn unusable(glob: &str, context: &Context<'_>) -> Option<String> {
    let shown = |why: &str| Some(format!("`{glob}` {why}"));
    match glob {
        "" => Some("an empty pattern matches nothing".to_owned()),
        _ if glob.contains("${{") => shown("is computed, and a pattern of outputs is not"),
        _ if glob.starts_with('/') => shown("begins with a slash, and is relative to the folder"),
        _ if glob.split('/').any(|step| step == "..") => shown("leaves the output's folder"),
        _ if glob.ends_with('/') => shown("matches folders, and the output is files"),
        _ => context.facts.globs.get(glob).cloned(),
    }
}
