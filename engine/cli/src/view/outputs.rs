//! The outputs of a run: each output of the workflow as one path.

use std::path::Path;

use anyhow::Context as _;
use sunward_core::{Dataset, DatasetKind, RunState, StageEnd, StageId};
use sunward_data::{Store, Wanted};
use sunward_workflows::{Form, Output, OutputFormat};

use super::{Named, OutputView};
use crate::out_folder::file_name;

/// The reason why an output is empty.
const NO_TASK: &str = "empty: the stage had no tasks";

/// Where outputs are written, besides the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Destination<'a> {
    pub(crate) folder: &'a Path,
    /// The format of tables.
    pub(crate) form: Form,
}

/// The outputs whose stage succeeded. Writes each to the destination, else into the store.
///
/// # Errors
/// Fails if a part is missing, or a file cannot be written.
pub(crate) fn of_run(
    run: &RunState,
    store: &Store,
    destination: Option<Destination<'_>>,
) -> anyhow::Result<Named<OutputView>> {
    let mut views = Vec::new();
    for (name, stage, port) in run.outputs() {
        let Some(output) = declared(run, stage, port) else {
            continue;
        };
        let dataset = match dataset(run, store, stage, port)? {
            Given::Dataset(dataset) => dataset,
            Given::Nothing(why) => {
                views.push((name.to_owned(), empty(why)));
                continue;
            }
            Given::NotYet => continue,
        };
        let path = match destination {
            Some(to) => {
                let several = dataset.kind == DatasetKind::File && dataset.parts.len() > 1;
                let path = to.folder.join(if several {
                    name.to_owned()
                } else {
                    file_name(name, output, to.form)
                });
                store
                    .export(&dataset, &path, to.form, output.ext.as_deref())
                    .with_context(|| format!("output {name} cannot be written"))?;
                path
            }
            None => {
                let wanted = Wanted {
                    ext: suffix(run, stage, port),
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
        views.push((
            name.to_owned(),
            OutputView {
                path: Some(sunward_files::as_value(&path)),
                rows: (dataset.kind == DatasetKind::Table).then_some(dataset.rows),
                bytes,
                digest: dataset.content.to_hex(),
                note: None,
            },
        ));
    }
    Ok(Named(views))
}

/// The outputs whose stage succeeded, without writing any file. An output in several parts has no
/// single path yet, but `sunward show` can read it.
pub(crate) fn known(run: &RunState, store: &Store) -> Named<OutputView> {
    let mut views = Vec::new();
    for (name, stage, port) in run.outputs() {
        let succeeded = run
            .stage(stage)
            .is_some_and(|view| view.end() == Some(&StageEnd::Succeeded));
        let Some(parts) = run.gathered(stage, port).filter(|_| succeeded) else {
            continue;
        };
        if parts.is_empty() {
            views.push((name.to_owned(), empty(NO_TASK.to_owned())));
            continue;
        }
        let only = match parts.as_slice() {
            [one] => Some(one),
            _ => None,
        };
        let path = only
            .and_then(|dataset| dataset.parts.first().filter(|_| dataset.parts.len() == 1))
            .map(|part| sunward_files::as_value(&store.part_path(&part.digest)));
        let is_table = parts.iter().all(|part| part.kind == DatasetKind::Table);
        views.push((
            name.to_owned(),
            OutputView {
                path,
                rows: is_table.then(|| parts.iter().map(|dataset| dataset.rows).sum()),
                bytes: parts
                    .iter()
                    .map(|dataset| store.content_bytes(dataset))
                    .sum(),
                digest: only.map_or_else(String::new, |dataset| dataset.content.to_hex()),
                note: None,
            },
        ));
    }
    Named(views)
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
fn dataset(run: &RunState, store: &Store, stage: StageId, port: &str) -> anyhow::Result<Given> {
    let Some(view) = run.stage(stage) else {
        return Ok(Given::NotYet);
    };
    let output = view.planned.stage.outputs.get(port);
    let (Some(output), Some(StageEnd::Succeeded)) = (output, view.end()) else {
        return Ok(Given::NotYet);
    };
    let parts = run.gathered(stage, port).unwrap_or_default();
    Ok(match parts.as_slice() {
        [] => match store.nothing(output) {
            Ok(dataset) => Given::Dataset(dataset),
            Err(error) if error.is_infrastructure() => return Err(error.into()),
            Err(error) => Given::Nothing(error.to_string()),
        },
        [one] => Given::Dataset(one.clone()),
        many => Given::Dataset(
            store
                .concat(many)
                .with_context(|| format!("the output {}.{port} cannot be gathered", view.name()))?,
        ),
    })
}

/// An output that has not even an empty file.
fn empty(why: String) -> OutputView {
    OutputView {
        path: None,
        rows: Some(0),
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
        | OutputFormat::Dir => None,
    }
}
