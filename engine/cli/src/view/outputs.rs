//! The outputs of a run: each output of the workflow as one path.

use std::path::Path;

use anyhow::Context as _;
use sunward_core::{Dataset, DatasetKind, RunState, StageEnd, StageId, StageView};
use sunward_data::{Store, Wanted};
use sunward_workflows::{Form, Output, OutputFormat};

use super::{Named, OutputView};
use crate::out_folder::{file_name, is_folder};

/// The reason why an output is empty.
const NO_TASK: &str = "empty: the stage had no tasks";

/// Where outputs are written, besides the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination<'a> {
    pub(crate) folder: &'a Path,
    /// The format of tables.
    pub(crate) form: Form,
}

/// The outputs of a run as they were handed over.
#[derive(Debug)]
pub(crate) struct HandedOver {
    /// All of them. One that could not be written has no path, and a note that says why.
    pub(crate) views: Named<OutputView>,
    /// The errors of those that could not be written. Each names its output.
    pub(crate) failures: Vec<anyhow::Error>,
}

/// The outputs whose stage succeeded. Writes each to the destination, else into the store. One that
/// cannot be written does not keep the others from being written.
pub(crate) fn of_run(
    run: &RunState,
    store: &Store,
    destination: Option<Destination<'_>>,
) -> HandedOver {
    let (mut views, mut failures) = (Vec::new(), Vec::new());
    for (name, stage, port) in run.outputs() {
        let Some(stage) = run.stage(stage) else {
            continue;
        };
        let view = match hand_over(run, store, destination, (name, &stage, port)) {
            Ok(view) => view,
            Err(error) => {
                let note = format!("not written: {error:#}");
                failures.push(error);
                Some(missing(note, None))
            }
        };
        views.extend(view.map(|view| (name.to_owned(), view)));
    }
    HandedOver {
        views: Named(views),
        failures,
    }
}

/// Writes one output to the destination, else into the store. `None` if its stage has not
/// succeeded.
fn hand_over(
    run: &RunState,
    store: &Store,
    destination: Option<Destination<'_>>,
    (name, stage, port): (&str, &StageView<'_>, &str),
) -> anyhow::Result<Option<OutputView>> {
    let Some(output) = stage.planned.stage.outputs.get(port) else {
        return Ok(None);
    };
    let dataset = match dataset(run, store, (name, stage, port))? {
        Given::Dataset(dataset) => dataset,
        Given::Nothing(why) => return Ok(Some(missing(why, Some(0)))),
        Given::NotYet => return Ok(None),
    };
    let path = match destination {
        Some(to) => {
            let path = to
                .folder
                .join(file_name(name, &stage.planned.stage, output, to.form));
            store
                .export(&dataset, &path, to.form, output.ext.as_deref())
                .with_context(|| format!("output {name} cannot be written"))?;
            path
        }
        None => {
            let wanted = Wanted {
                ext: suffix(run, stage.id, port),
                ..Wanted::default()
            };
            store
                .materialise(&dataset, &wanted)
                .with_context(|| format!("output {name} cannot be found in the store"))?
        }
    };
    let bytes = std::fs::metadata(&path)
        .ok()
        .filter(std::fs::Metadata::is_file)
        .map_or_else(|| store.content_bytes(&dataset), |meta| meta.len());
    Ok(Some(OutputView {
        path: Some(sunward_files::as_value(&path)),
        rows: (dataset.kind == DatasetKind::Table).then_some(dataset.rows),
        bytes,
        digest: dataset.content.to_hex(),
        note: None,
    }))
}

/// The outputs whose stage succeeded, without writing any file. A table in several parts and a
/// folder have no single path yet, but `sunward show` can read them.
pub(crate) fn known(run: &RunState, store: &Store) -> Named<OutputView> {
    let mut views = Vec::new();
    for (name, stage, port) in run.outputs() {
        let succeeded = run
            .stage(stage)
            .filter(|view| view.end() == Some(&StageEnd::Succeeded));
        let Some(stage) = succeeded else { continue };
        let Some(parts) = run.gathered(stage.id, port) else {
            continue;
        };
        let view = match parts.first() {
            None => missing(NO_TASK.to_owned(), Some(0)),
            Some(first) => known_one(store, &stage, port, (first.kind, &parts)),
        };
        views.push((name.to_owned(), view));
    }
    Named(views)
}

/// An output that its stage's tasks have written in these datasets, of one kind.
fn known_one(
    store: &Store,
    stage: &StageView<'_>,
    port: &str,
    (kind, written): (DatasetKind, &[Dataset]),
) -> OutputView {
    let stage = &stage.planned.stage;
    let output = stage.outputs.get(port);
    let is_folder = output.is_some_and(|output| is_folder(stage, output));
    let gathered;
    let only = match written {
        _ if kind != DatasetKind::Table && stage.is_scattered() => {
            let pieces = store.pieces(stage, port, written, &[]).unwrap_or_default();
            gathered = Dataset::folder_of(kind, &pieces);
            Some(&gathered)
        }
        [one] => Some(one),
        _ => None,
    };
    let path = only.and_then(|dataset| match dataset.parts.as_slice() {
        [part] if !is_folder => Some(sunward_files::as_value(&store.part_path(&part.digest))),
        _ => None,
    });
    let rows = written.iter().map(|dataset| dataset.rows).sum();
    OutputView {
        path,
        rows: (kind == DatasetKind::Table).then_some(rows),
        bytes: written
            .iter()
            .map(|dataset| store.content_bytes(dataset))
            .sum(),
        digest: only.map_or_else(String::new, |dataset| dataset.content.to_hex()),
        note: None,
    }
}

/// The output of a stage at a port.
enum Given {
    /// One dataset. It is empty if no task has an output.
    Dataset(Dataset),
    /// No task has an output, and for this reason there is no empty dataset.
    Nothing(String),
    /// The stage has not succeeded.
    NotYet,
}

/// The output of a stage at a port, as one dataset.
fn dataset(
    run: &RunState,
    store: &Store,
    (name, stage, port): (&str, &StageView<'_>, &str),
) -> anyhow::Result<Given> {
    if stage.end() != Some(&StageEnd::Succeeded) {
        return Ok(Given::NotYet);
    }
    let written = run.gathered(stage.id, port).unwrap_or_default();
    match store.gather(&stage.planned.stage, port, &written) {
        Ok(dataset) => Ok(Given::Dataset(dataset)),
        Err(error) if written.is_empty() && !error.is_infrastructure() => {
            Ok(Given::Nothing(error.to_string()))
        }
        Err(error) => Err(error).with_context(|| {
            let stage = stage.name();
            format!("output {name} cannot be gathered from the tasks of {stage}.{port}")
        }),
    }
}

/// An output without a path, for this reason.
fn missing(why: String, rows: Option<u64>) -> OutputView {
    OutputView {
        path: None,
        rows,
        bytes: 0,
        digest: String::new(),
        note: Some(why),
    }
}

/// The output that a stage declares at a port.
fn declared<'a>(run: &'a RunState, stage: StageId, port: &str) -> Option<&'a Output> {
    run.stage(stage)?.planned.stage.outputs.get(port)
}

/// The suffix of a port's files, if they are not tables.
pub(crate) fn suffix(run: &RunState, stage: StageId, port: &str) -> Option<String> {
    let output = declared(run, stage, port)?;
    match output.format {
        OutputFormat::File => output.ext.clone(),
        OutputFormat::Arrow
        | OutputFormat::Parquet
        | OutputFormat::Csv
        | OutputFormat::Netcdf
        | OutputFormat::Dir
        | OutputFormat::Files => None,
    }
}
