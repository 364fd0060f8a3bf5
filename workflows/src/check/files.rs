//! Checks the files that a workflow names, and stages those that commands use.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::context::Context;
use super::draft::{Draft, DraftStage};
use super::{outside, program, shell_word};
use crate::bind::path;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::facts::FileFact;
use crate::model::{
    Action, Command, Form, Input, Output, OutputFormat, Param, ParamType, Reference, is_in_bucket,
    names_objects,
};
use crate::source::Span;
use crate::value::Value;
use crate::yaml::Node;

/// The suffixes of files that are read as tables.
pub const TABLE_SUFFIXES: &[&str] = &[
    "arrow", "feather", "ipc", "arrows", "parquet", "pq", "csv", "tsv", "tab", "smi", "smiles",
    "pdbqt", "sdf", "sd", "mol", "nc", "nc3", "nc4", "cdf",
];

/// Checks paths and adds the `./words` of commands to the staged files.
pub(super) fn check(draft: &mut Draft<'_>, context: &mut Context<'_>) {
    let mut readers: BTreeMap<&str, Vec<Reader<'_>>> = BTreeMap::new();
    for stage in draft.stages.values() {
        for source in &stage.sources {
            let reader = Reader {
                input: stage.stage.inputs.get(&source.port),
                table: needs_table(stage, &source.port),
            };
            match &source.reference {
                Reference::Path(path) => look(path, source.span, &reader, context),
                Reference::Param(name) => readers.entry(name).or_default().push(reader),
                Reference::Port {
                    stage: producer,
                    port,
                } => {
                    let produced = draft
                        .stages
                        .get(producer)
                        .and_then(|p| p.stage.outputs.get(port));
                    let blob = produced.is_some_and(|one| one.is_blob() && !may_be_table(one));
                    if blob && needs_table(stage, &source.port) {
                        let message = format!("`{producer}.{port}` is not a table");
                        context.report(
                            Diagnostic::error(codes::BLOB_AS_TABLE, source.span, message)
                                .expecting(
                                    "a table, also in a file with a suffix such as `ext: csv`, or \
                                     `as: file` to read it as it is",
                                ),
                        );
                    }
                }
                Reference::Url(url) => not_fetched(url, source.span, context),
                // `file_sets` looks at what it matches, and `row_files` at what the rows name.
                Reference::Pattern(_) | Reference::Item(_) => {}
            }
        }
        staged_files(stage, context);
    }
    for (name, param) in draft.workflow.all_params() {
        if context.given.contains(&name) {
            continue;
        }
        let span = draft.defaults.get(&name).copied().unwrap_or(param.span);
        let readers = readers.get(name.as_str()).map(Vec::as_slice);
        let readers = readers.unwrap_or_default();
        if let Some(why) = not_paths(param, readers) {
            let message = format!("the default of `{name}` does not fit: {why}");
            context.report(
                Diagnostic::error(codes::BAD_DEFAULT, span, message).expecting("a list of paths"),
            );
            continue;
        }
        default_exists(param, span, readers, context);
    }
    for stage in draft.stages.values_mut() {
        stage_local_words(stage, context);
        outside::check(stage, context);
        program::exists(stage, context);
    }
}

/// Settles the form of every command's input that states none: files and folders stay as they are.
pub(super) fn settle_forms(draft: &mut Draft<'_>, context: &Context<'_>) {
    let blobs: BTreeSet<(String, String)> = draft
        .stages
        .iter()
        .flat_map(|(name, stage)| {
            let outputs = stage.stage.outputs.iter();
            let blobs = outputs.filter(|(_, output)| output.is_blob());
            blobs.map(move |(port, _)| (name.clone(), port.clone()))
        })
        .collect();
    let params: BTreeMap<String, Param> = draft
        .workflow
        .all_params()
        .map(|(name, param)| (name, param.clone()))
        .collect();
    for stage in draft.stages.values_mut() {
        blobs_stay_blobs(stage, &blobs, &params, context);
    }
}

/// A reader of a file.
struct Reader<'a> {
    /// The input with its options; `None` if no input reads the file.
    input: Option<&'a Input>,
    /// Whether the file must be a table.
    table: bool,
}

/// Sets the form of a command's input to `file` if it states no form and none of its sources is a
/// table, and to `files` if one of them is a pattern. Such files are passed to the command unchanged.
fn blobs_stay_blobs(
    stage: &mut DraftStage<'_>,
    blobs: &BTreeSet<(String, String)>,
    params: &BTreeMap<String, Param>,
    context: &Context<'_>,
) {
    if !matches!(stage.stage.action, Action::Run(_)) {
        return;
    }
    for input in stage.stage.inputs.values_mut() {
        if input.form_is_stated {
            continue;
        }
        let file = |path: &str| {
            let fact = context.facts.of_input(path, input);
            matches!(fact, Some(FileFact::File | FileFact::Folder))
        };
        // Not asked about patterns and parameters of type files: they are `set`. A parameter that the
        // call gives is settled once it has its value.
        let blob = |reference: &Reference| match reference {
            Reference::Port { stage, port } => blobs.contains(&(stage.clone(), port.clone())),
            Reference::Path(path) => file(path),
            Reference::Param(name) => match params.get(name) {
                Some(Param {
                    kind: ParamType::Path,
                    default: Some(Value::String(path)),
                    ..
                }) => !context.given.contains(name) && file(path),
                _ => false,
            },
            // Nobody looks into a bucket before a plan or a run.
            Reference::Url(url) => is_in_bucket(url) && !has_table_suffix(url),
            Reference::Pattern(_) | Reference::Item(_) => false,
        };
        let set = |reference: &Reference| match reference {
            Reference::Pattern(_) | Reference::Item(_) => true,
            Reference::Param(name) => params
                .get(name)
                .is_some_and(|param| param.kind == ParamType::Files),
            Reference::Url(url) => names_objects(url),
            Reference::Port { .. } | Reference::Path(_) => false,
        };
        if input.from.iter().any(set) {
            input.form = Form::Files;
        } else if !input.from.is_empty() && input.from.iter().all(blob) {
            input.form = Form::File;
        }
    }
}

/// True if an input must be a table. A kernel always needs one. A command needs one unless it reads
/// bytes.
fn needs_table(stage: &DraftStage<'_>, port: &str) -> bool {
    let kernel = !matches!(stage.stage.action, Action::Run(_));
    let form = stage.stage.inputs.get(port).map(|input| input.form);
    // Arrow is also the form of an input that states none, and such an input may be any file. So
    // only the other table forms require rows.
    kernel || matches!(form, Some(Form::Parquet | Form::Csv | Form::Netcdf))
}

/// Whether an output of files may be tables, as far as the suffixes of their names show.
pub(super) fn may_be_table(output: &Output) -> bool {
    let name = match output.format {
        OutputFormat::Files => output.pattern(),
        OutputFormat::File => match (&output.name, &output.ext) {
            (Some(name), _) => name.source.as_str(),
            (None, Some(ext)) => ext.as_str(),
            (None, None) => return false,
        },
        OutputFormat::Dir => return false,
        OutputFormat::Arrow | OutputFormat::Parquet | OutputFormat::Csv | OutputFormat::Netcdf => {
            return true;
        }
    };
    has_table_suffix(name)
}

/// Whether a name, or what matches a pattern of names, may have the suffix of a table.
fn has_table_suffix(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let suffix = |name: &str| name.rsplit('.').next().map(str::to_owned);
    let last = match name.strip_suffix(".gz") {
        Some(unpacked) => suffix(unpacked),
        None => suffix(&name),
    };
    let last = last.unwrap_or_default();
    last.contains(['*', '?', ']', '}']) || TABLE_SUFFIXES.contains(&last.as_str())
}

fn look(path: &str, span: Span, reader: &Reader<'_>, context: &mut Context<'_>) {
    let fact = match reader.input {
        Some(input) => context.facts.of_input(path, input),
        None => context.facts.files.get(path),
    };
    let table = reader.table;
    let as_file = reader.input.is_some_and(|input| input.form == Form::File);
    let diagnostic = match fact {
        Some(FileFact::Missing) => missing(path, span, context),
        Some(FileFact::Unreadable(why)) if as_file => {
            let message = format!("{path} cannot be read: {why}");
            Diagnostic::error(codes::NOT_A_TABLE, span, message).expecting("a file or a folder")
        }
        Some(FileFact::Unreadable(why)) => no_table(span, format!("{path} cannot be read: {why}")),
        Some(FileFact::File) if table => no_table(span, format!("{path} is not a table")),
        Some(FileFact::Folder) if table => no_table(span, format!("{path} is a folder")),
        Some(FileFact::File | FileFact::Folder | FileFact::Table { .. }) | None => return,
    };
    context.report(diagnostic);
}

/// Refuses addresses other than `file://` and those in buckets, because nothing fetches them.
fn not_fetched(url: &str, span: Span, context: &mut Context<'_>) {
    let Some((scheme, _)) = url.split_once("://") else {
        return;
    };
    if scheme.eq_ignore_ascii_case("file") || is_in_bucket(url) {
        return;
    }
    let message = format!("{scheme} addresses are not fetched");
    context.report(
        Diagnostic::error(codes::BAD_SOURCE, span, message)
            .expecting("a file on this machine, such as ./data.csv, or a bucket, such as s3://bucket/data/")
            .suggesting(download(url)),
    );
}

/// How to get a file from an address that is not fetched.
#[must_use]
pub fn download(url: &str) -> String {
    let scheme = url
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    let with = match scheme.as_deref() {
        Some("http" | "https" | "ftp") => format!(", for example with `curl -LO {url}`"),
        Some("gs") => format!(", for example with `gcloud storage cp {url} .`"),
        _ => String::new(),
    };
    format!("download it first{with}")
}

/// The mistake of naming a file that does not exist.
pub(super) fn missing(path: &str, span: Span, context: &Context<'_>) -> Diagnostic {
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

/// Why the default of a list that inputs read is not a list of paths.
fn not_paths(param: &Param, readers: &[Reader<'_>]) -> Option<String> {
    match &param.default {
        Some(Value::List(list)) if !readers.is_empty() => {
            list.iter().find_map(|one| path(one).err())
        }
        _ => None,
    }
}

/// Checks that a default that names data exists, because every input that reads it needs it.
fn default_exists(param: &Param, span: Span, readers: &[Reader<'_>], context: &mut Context<'_>) {
    let alone = [Reader {
        input: None,
        table: true,
    }];
    let readers = match (readers, param.kind) {
        ([], ParamType::Table) => &alone,
        (readers, _) => readers,
    };
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
        // A command gets the path itself.
        let is_unread = param.kind == ParamType::Path && readers.is_empty();
        if is_unread && context.facts.files.get(path) == Some(&FileFact::Missing) {
            let diagnostic = missing(path, span, context);
            context.report(diagnostic);
        }
        for reader in readers {
            let reader = Reader {
                table: reader.table || param.kind == ParamType::Table,
                ..*reader
            };
            look(path, span, &reader, context);
        }
    }
}

/// Checks that `files:` and the source of `cuda:` are below the workflow's folder, because they
/// keep their path in the working folder.
fn staged_files(stage: &DraftStage<'_>, context: &mut Context<'_>) {
    let files = stage.node.get("files").map(Node::items).unwrap_or_default();
    let source = stage.node.get("cuda").and_then(|cuda| cuda.get("source"));
    let files = files.iter().map(|node| (node, "./plot.py"));
    for (node, example) in files.chain(source.map(|node| (node, "./my.cu"))) {
        let Some(path) = node.text() else { continue };
        let leaves = path.split('/').any(|step| step == "..");
        if path.starts_with('/') || leaves || path.is_empty() {
            let message = format!("`{path}` is outside the workflow's folder");
            context.report(
                Diagnostic::error(codes::LEAVES_FOLDER, node.span, message).expecting(format!(
                    "a file beside the workflow or in a folder below it, such as {example}"
                )),
            );
        } else if context.facts.files.get(&stage.stage.path(path)) == Some(&FileFact::Missing) {
            let diagnostic = missing(path, node.span, context);
            context.report(diagnostic);
        }
    }
}

fn stage_local_words(stage: &mut DraftStage<'_>, context: &Context<'_>) {
    let Action::Run(command) = &stage.stage.action else {
        return;
    };
    let mut words = match command {
        Command::Shell { script, .. } => local_words(&script.source),
        Command::Argv(words) => words.iter().flat_map(|w| local_words(&w.source)).collect(),
    };
    let setup = stage.stage.setup.as_deref();
    words.extend(setup.map(local_words).unwrap_or_default());
    let env = stage.stage.env.values();
    words.extend(env.flat_map(|value| local_words_of_value(&value.source)));
    let plain = |path: &str| path.trim_start_matches("./").to_owned();
    for word in words {
        let beside = context
            .facts
            .beside
            .iter()
            .any(|name| plain(name) == plain(&stage.stage.path(&word)));
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

/// As [`local_words`], in a value that no shell reads: all of it may be one path.
pub(crate) fn local_words_of_value(value: &str) -> Vec<String> {
    let mut words = local_words(value);
    let is_whole = value.starts_with("./") && !value.contains("${{");
    if is_whole && !words.iter().any(|word| word == value) {
        words.push(value.to_owned());
    }
    words
}

/// The distinct words such as `./plot.py` in a command, in the order written: as they are in a program
/// of any language, and as the shell reads them (`./a\ b`, `"./a b"`).
pub(crate) fn local_words(command: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    let separator = |c: char| c.is_whitespace() || "\"'`=;|&()<>{}$,".contains(c);
    let mut add = |word: &str| {
        let word = word.trim_end_matches(['/', ':', '.']);
        let inside = !word.split('/').any(|step| step == "..");
        if word.len() > 2 && word.starts_with("./") && inside && seen.insert(word.to_owned()) {
            words.push(word.to_owned());
        }
    };
    let mut at = 0;
    for word in command.split(separator) {
        if word.starts_with("./") {
            add(word);
            add(&shell_word::read(command, at));
        }
        let next = command[at + word.len()..].chars().next();
        at += word.len() + next.map_or(0, char::len_utf8);
    }
    words
}
