//! The tasks of a stage that divides its inputs, as the resolver of one machine finds them.

use std::path::Path;
use std::sync::Arc;

use sunward_core::{Dataset, DatasetKind, Failure, PlannedStage, Tasks, staged::row_file};
use sunward_data::{Grouped, NamedFile, SourceOptions};
use sunward_workflows::{Action, Scatter, Slicing, Stage, Value, is_path};

use crate::file_sets;
use crate::local::{LocalResolver, absolute, counted, failure, reading_key, refusal};
use crate::path_key::key;
use crate::recall::Recall;
use crate::resolver::{ResolveRequest, Source};
use crate::row_files::{self, RowPaths, Rows};
use crate::view::{folder, folder_of};

/// The most rows of a table that is scattered by row. Each row becomes a value in the journal and
/// in memory. Larger tables are scattered with `rows: N`.
const ROW_TASKS: u64 = 100_000;

/// The most rows of a table that is scattered by slices, and whose rows name files.
const ROWS_WITH_FILES: u64 = 1_000_000;

impl LocalResolver {
    /// The rows for a command. A cell that names a file gets the digest of its content, so that a
    /// change of the file changes the task's key.
    fn named(
        &self,
        request: &ResolveRequest,
        planned: &PlannedStage,
        mut rows: Vec<Value>,
        memory: &Recall<'_>,
    ) -> Result<Vec<Value>, Failure> {
        if !matches!(planned.stage.action, Action::Run(_)) {
            return Ok(rows);
        }
        let folder = folder_of(&request.spec.path, &planned.stage);
        let folder = Path::new(&folder);
        let kept = [folder, self.store.root()];
        for row in &mut rows {
            let Value::Map(cells) = row else { continue };
            for (column, cell) in cells {
                let Value::String(text) = cell else { continue };
                if !planned.reads.item.reads(column) || !is_path(text) {
                    continue;
                }
                let path = folder.join(&*text);
                let found = self
                    .versions
                    .named(request.run, &request.spec, &path, || {
                        memory.looked_at(&key(&path));
                        NamedFile::at(&path, &kept, &memory.files)
                    })
                    .map_err(|error| {
                        refusal(format!("column `{column}`: {text} cannot be read: {error}"))
                    })?;
                if let NamedFile::Digest(digest) = found {
                    *cell = row_file(text, &digest);
                }
            }
        }
        Ok(rows)
    }

    /// The files that the rows of a table name, as the dataset of an input, and the place of each row's
    /// file in it.
    fn of_rows(
        &self,
        request: &ResolveRequest,
        (stage, port): (&Stage, &str),
        rows: &[Value],
        memory: &Recall<'_>,
    ) -> Result<(Dataset, Vec<Option<u32>>), Failure> {
        let refused = |why: String| refusal(format!("input `{port}`: {why}"));
        let params = Arc::new(request.spec.params.clone());
        let paths = RowPaths::of(stage, port, &params).map_err(&refused)?;
        let (Some(paths), Some(input)) = (paths, stage.inputs.get(port)) else {
            return Err(refused("no rows name its files".to_owned()));
        };
        let folder = folder(&request.spec.path);
        let folder = Path::new(&folder);
        let options = SourceOptions::of(input);
        let reading = reading_key(input, &options);
        let (mut named, mut places) = (Vec::new(), Vec::new());
        for (row, item) in rows.iter().enumerate() {
            let Some(path) = paths.path(row, item).map_err(&refused)? else {
                places.push(None);
                continue;
            };
            places.push(u32::try_from(named.len()).ok());
            named.push(path);
        }
        let whole: Vec<String> = named.iter().map(|path| absolute(folder, path)).collect();
        let run = (request.run, &*request.spec);
        let files = self.all_versions(run, &whole, reading, (input, &options), memory);
        let files = files.map_err(|unread| {
            let (at, error) = *unread;
            let row = places
                .iter()
                .position(|place| *place == u32::try_from(at).ok());
            let row = row.unwrap_or_default();
            match named.get(at).zip(whole.get(at)) {
                Some((path, whole)) if !path.contains("://") && !Path::new(whole).exists() => {
                    refused(paths.missing(folder, row, path))
                }
                _ => failure(&format!("input `{port}`: {}", paths.place(row)), &error),
            }
        })?;
        let set = file_sets::as_set(stage, &named, &files, input);
        let set = set.map_err(|error| failure(&format!("input `{port}`"), &error))?;
        Ok((set, places))
    }

    /// These tasks, each with the files that its rows name. Their datasets become inputs.
    fn with_files_of_rows(
        &self,
        request: &ResolveRequest,
        (planned, tasks): (&PlannedStage, Tasks),
        (rows, of_task): (&[Value], &Rows<'_>),
        inputs: &mut [Dataset],
        memory: &Recall<'_>,
    ) -> Result<Tasks, Failure> {
        let stage = &planned.stage;
        let mut ports = Vec::new();
        for (port, _) in stage.row_files() {
            let (files, places) = self.of_rows(request, (stage, port), rows, memory)?;
            let optional = stage.inputs.get(port).is_some_and(|input| input.optional);
            let grouped = row_files::groups(of_task, port, (&places, optional));
            ports.push(grouped);
            let at = stage.inputs.get_index_of(port);
            if let Some(input) = at.and_then(|at| inputs.get_mut(at)) {
                *input = files;
            }
        }
        let count = tasks.count();
        Ok(tasks.beside(row_files::beside(count, ports)))
    }

    /// The tasks of a stage. The files that rows name, and a table sorted into groups, become inputs.
    pub(crate) fn tasks(
        &self,
        request: &ResolveRequest,
        planned: &PlannedStage,
        inputs: &mut [Dataset],
        memory: &Recall<'_>,
    ) -> Result<Tasks, Failure> {
        if let Some(tasks) = counted(planned, inputs) {
            return Ok(tasks);
        }
        let of_port = |port: &str| inputs.get(planned.stage.inputs.get_index_of(port)?);
        if let Scatter::Zip {
            ports, by: None, ..
        } = &planned.stage.scatter
        {
            has_all_rows(planned, ports, &request.sources).map_err(refusal)?;
        }
        if let Some(groups) = file_sets::groups(&planned.stage.scatter, of_port) {
            return groups.map(Tasks::Files).map_err(refusal);
        }
        let Scatter::Input { port, slicing } = &planned.stage.scatter else {
            return Err(refusal("how the stage scatters is not known".to_owned()));
        };
        let at = planned.stage.inputs.get_index_of(port);
        let (Some(at), Some(dataset)) = (at, of_port(port).cloned()) else {
            return Err(refusal(format!(
                "it scatters over `{port}`, which is not one of its inputs"
            )));
        };
        if dataset.kind != DatasetKind::Table {
            return Err(refusal(format!(
                "it scatters over rows of `{port}`, which is not a table; `parts: true` scatters over \
                 files"
            )));
        }
        let names_files = planned.stage.row_files().next().is_some();
        let items = |limit| {
            let items = self.store.items(&dataset, limit);
            items.map_err(|error| failure(&format!("scatter over `{port}`"), &error))
        };
        if let Slicing::Rows(rows_per_task) = slicing {
            let tasks = self.slices(port, *rows_per_task, &dataset)?;
            if !names_files || tasks.too_many().is_some() {
                return Ok(tasks);
            }
            let rows = items(ROWS_WITH_FILES)?;
            let (tasks, rows) = ((planned, tasks), (&*rows, &Rows::Sliced(slicing)));
            return self.with_files_of_rows(request, tasks, rows, inputs, memory);
        }
        if let Slicing::By(column) = slicing {
            let grouped = self.store.grouped(&dataset, column);
            let grouped =
                grouped.map_err(|error| failure(&format!("scatter over `{port}`"), &error))?;
            let rows = match names_files {
                true => items(ROWS_WITH_FILES)?,
                false => Vec::new(),
            };
            if let Some(input) = inputs.get_mut(at) {
                *input = grouped.table.clone();
            }
            let lists = Rows::Listed(&grouped.rows);
            let tasks = (planned, in_groups(port, column, &grouped));
            return self.with_files_of_rows(request, tasks, (&rows, &lists), inputs, memory);
        }
        let rows = items(ROW_TASKS)?;
        if !names_files {
            return self.named(request, planned, rows, memory).map(Tasks::Items);
        }
        let tasks = self.named(request, planned, rows.clone(), memory)?;
        let tasks = (planned, Tasks::Items(tasks));
        let rows = (&*rows, &Rows::Sliced(slicing));
        self.with_files_of_rows(request, tasks, rows, inputs, memory)
    }

    /// One task for each slice of a table.
    fn slices(&self, port: &str, rows_per_task: u64, dataset: &Dataset) -> Result<Tasks, Failure> {
        let slices = |digests| Tasks::Rows {
            port: port.to_owned(),
            rows_per_task,
            rows: dataset.rows,
            digests,
        };
        // Too many slices are refused by the core. They are not digested.
        if slices(Vec::new()).too_many().is_some() {
            return Ok(slices(Vec::new()));
        }
        let digests = self.store.slice_digests(dataset, rows_per_task);
        digests
            .map(slices)
            .map_err(|error| failure(&format!("scatter over `{port}`"), &error))
    }
}

/// One task for each group of a table.
fn in_groups(port: &str, column: &str, grouped: &Grouped) -> Tasks {
    let mut end = 0;
    let ends = grouped.rows.iter().map(|rows| {
        end += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        end
    });
    Tasks::Groups {
        port: port.to_owned(),
        column: column.to_owned(),
        values: grouped.values.clone(),
        ends: ends.collect(),
        digests: grouped.digests.clone(),
    }
}

/// Whether files can be paired by position: each task of the stages before has written one. A failed
/// task that its stage tolerates leaves a gap, after which the others would pair wrongly.
fn has_all_rows(
    planned: &PlannedStage,
    ports: &[String],
    sources: &[Vec<Source>],
) -> Result<(), String> {
    for (port, sources) in planned.stage.inputs.keys().zip(sources) {
        let written = sources.iter().filter_map(|source| source.written.as_ref());
        let failed: u32 = written.map(|written| written.failed).sum();
        if failed > 0 && ports.contains(port) {
            return Err(format!(
                "`zip` pairs files by position, and {failed} of the tasks that write `{port}` failed, which \
                 leaves gaps; pair them by a column instead, with `by:`, or run the failed tasks again with \
                 `sunward retry`"
            ));
        }
    }
    Ok(())
}
