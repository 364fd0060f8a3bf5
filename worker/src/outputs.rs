//! Outputs of tasks: where commands write them, and how they become datasets.
//!
//! A command writes into its own task folder. Only after it has succeeded is each output read,
//! checked and moved into the store, where it appears whole or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sunward_core::{Blame, Dataset, FailureKind, FileRows, Rejects, TaskResult, split_names};
use sunward_data::{DataError, Store};
use sunward_kernels::{Outputs, Table};
use sunward_workflows::{Output, OutputFormat, Stage};

use crate::fault::Fault;

/// Outputs by port, in the stage's order.
pub(crate) type OutputPaths = Vec<(String, PathBuf)>;

/// The names of outputs with `name:`, by port.
pub(crate) type OutputNames = BTreeMap<String, String>;

/// The path of each output, in the stage's order. `names` has the names that `name:` gives, by port;
/// such an output is in a folder of its own, so that no two collide.
pub(crate) fn paths(stage: &Stage, names: &OutputNames, folder: &Path) -> OutputPaths {
    let path = |port: &String, output: &Output| match names.get(port) {
        Some(name) => folder.join(port).join(name),
        None => folder.join(file_name(port, output)),
    };
    stage
        .outputs
        .iter()
        .map(|(port, output)| (port.clone(), path(port, output)))
        .collect()
}

fn file_name(port: &str, output: &Output) -> String {
    match (output.format, &output.ext) {
        (OutputFormat::Arrow, _) => format!("{port}.arrow"),
        (OutputFormat::Parquet, _) => format!("{port}.parquet"),
        (OutputFormat::Csv, _) => format!("{port}.csv"),
        (OutputFormat::Netcdf, _) => format!("{port}.nc"),
        (OutputFormat::File, Some(ext)) => format!("{port}.{ext}"),
        (OutputFormat::File, None) | (OutputFormat::Dir | OutputFormat::Files, _) => {
            port.to_owned()
        }
    }
}

/// Checks what a command wrote and moves it into the store.
pub(crate) fn adopt(
    store: &Store,
    stage: &Stage,
    paths: &OutputPaths,
) -> Result<TaskResult, Fault> {
    let mut ports = Vec::with_capacity(paths.len());
    for ((port, path), output) in paths.iter().zip(stage.outputs.values()) {
        ports.push(match (output.format, &output.name) {
            (OutputFormat::Files, _) => of_files(store, port, path, output)?,
            (_, Some(_)) => named(adopt_one(store, port, path, output)?, path),
            (_, None) => adopt_one(store, port, path, output)?,
        });
    }
    Ok(TaskResult::of_cpu(ports))
}

/// A file or folder with its name, which counts for its readers.
fn named(dataset: Dataset, path: &Path) -> Dataset {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let files = FileRows {
        names: name.into_iter().collect(),
        folders: vec![String::new()],
        ..FileRows::default()
    };
    let several = Dataset::of_files(dataset.kind, dataset.parts.clone(), files);
    several.files_at(&[0], true).unwrap_or(dataset)
}

/// The files in a folder that match the output's pattern, with the columns in their names. With
/// `name:`, they are in a folder of that name.
fn of_files(store: &Store, port: &str, path: &Path, output: &Output) -> Result<Dataset, Fault> {
    let dataset = store
        .adopt_matching(path, output.pattern())
        .map_err(|error| refused(port, path, output, &error))?;
    let mut files = dataset.files.unwrap_or_default();
    if dataset.parts.is_empty() && !output.optional {
        return Err(Fault::output(format!(
            "output {port}: no file in its folder matches `{}`{}; write files to ${{{{ outputs.{port} }}}} before the command exits, correct `glob:`, or write `optional: true` if there may be none",
            output.pattern(),
            listed(path),
        )));
    }
    if let Some(split) = &output.split {
        let refused = |why: String| Fault::output(format!("output {port}: {why}"));
        let paths: Vec<String> = files.paths();
        files.columns = split_names(split, &paths).map_err(refused)?;
    }
    if output.name.is_some() {
        let name = path.file_name().map(|name| name.to_string_lossy());
        for folder in &mut files.folders {
            let steps = name.as_deref().into_iter().chain([folder.as_str()]);
            let steps: Vec<&str> = steps.filter(|step| !step.is_empty()).collect();
            *folder = steps.join("/");
        }
    }
    Ok(Dataset::of_files(dataset.kind, dataset.parts, files))
}

fn adopt_one(store: &Store, port: &str, path: &Path, output: &Output) -> Result<Dataset, Fault> {
    if path.symlink_metadata().is_err() {
        return Err(Fault::output(format!(
            "the command exited with code 0 but did not create its output {port}, {}; write it before the command exits, to the path ${{{{ outputs.{port} }}}} or $SUNWARD_OUTPUT_{}{}",
            expected(output),
            port.to_uppercase(),
            neighbors(path),
        )));
    }
    store
        .adopt(path, output.format, output.schema.as_deref())
        .map_err(|error| refused(port, path, output, &error))
}

/// The other files beside a missing output. Often one of them is the output under another name.
fn neighbors(path: &Path) -> String {
    let found = path.parent().map(entries).unwrap_or_default();
    if found.is_empty() {
        String::new()
    } else {
        format!(" (found beside it: {found})")
    }
}

/// What is in the folder of an output of files.
fn listed(folder: &Path) -> String {
    let found = entries(folder);
    if found.is_empty() {
        ", which is empty".to_owned()
    } else {
        format!(" (found there: {found})")
    }
}

/// Some names of what is in a folder.
fn entries(folder: &Path) -> String {
    let names: Vec<String> = folder
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
        .take(5)
        .map(|entry| sunward_files::shown(Path::new(&entry.file_name())))
        .collect();
    names.join(", ")
}

fn expected(output: &Output) -> &'static str {
    match output.format {
        OutputFormat::Arrow => "an Arrow IPC file",
        OutputFormat::Parquet => "a Parquet file",
        OutputFormat::Csv => "a CSV file with a header",
        OutputFormat::Netcdf => "a NetCDF file with one variable of data",
        OutputFormat::File => "a file",
        OutputFormat::Dir => "a folder",
        OutputFormat::Files => "a folder of files",
    }
}

fn refused(port: &str, place: &Path, output: &Output, error: &DataError) -> Fault {
    // An unreadable output is the command's fault.
    if let DataError::Io { what, path, .. } = error
        && matches!(*what, "read" | "open" | "list" | "set permissions of")
        && path.starts_with(place)
        && error.blame() == Blame::Permanent
    {
        return Fault::output(format!("output {port} cannot be read: {error}"));
    }
    let message = if error.is_infrastructure() {
        format!("output {port} could not be kept: {error}")
    } else {
        format!(
            "output {port} is declared as {}, but cannot be read as one: {error}",
            expected(output)
        )
    };
    Fault::data(FailureKind::Output, message, error)
}

/// A kernel's outputs, in the stage's order of ports.
pub(crate) fn in_order(stage: &Stage, mut outputs: Outputs) -> Result<Vec<(&str, Table)>, Fault> {
    let mut ports = Vec::with_capacity(stage.outputs.len());
    for port in stage.outputs.keys() {
        let table = outputs.take(port).ok_or_else(|| {
            Fault::output(format!(
                "the kernel gave no output {port}; this is a bug in the kernel; please report it"
            ))
        })?;
        ports.push((port.as_str(), table));
    }
    Ok(ports)
}

/// Stores a kernel's outputs.
pub(crate) fn store_tables(
    store: &Store,
    stage: &Stage,
    outputs: Outputs,
    rejects: Vec<Rejects>,
) -> Result<TaskResult, Fault> {
    let mut ports = Vec::with_capacity(stage.outputs.len());
    for (port, table) in in_order(stage, outputs)? {
        let dataset = store.write_table(table.schema, &table.batches);
        ports.push(dataset.map_err(|error| no_table(port, &error))?);
    }
    Ok(TaskResult {
        rejects,
        ..TaskResult::of_cpu(ports)
    })
}

/// Stores the outputs of a kernel in another process: the files `PORT.arrow` of a folder.
pub(crate) fn adopt_tables(
    store: &Store,
    stage: &Stage,
    folder: &Path,
    rejects: Vec<Rejects>,
) -> Result<TaskResult, Fault> {
    let mut ports = Vec::with_capacity(stage.outputs.len());
    for port in stage.outputs.keys() {
        let dataset = store.adopt(&table_file(folder, port), OutputFormat::Arrow, None);
        ports.push(dataset.map_err(|error| no_table(port, &error))?);
    }
    Ok(TaskResult {
        rejects,
        ..TaskResult::of_cpu(ports)
    })
}

/// The path where another process leaves the table of a port.
pub(crate) fn table_file(folder: &Path, port: &str) -> PathBuf {
    folder.join(format!("{port}.arrow"))
}

fn no_table(port: &str, error: &DataError) -> Fault {
    let message = match error.is_infrastructure() {
        true => format!("output {port} could not be kept: {error}"),
        false => format!("output {port} is not a table: {error}"),
    };
    Fault::data(FailureKind::Output, message, error)
}
