//! The input resolver of one machine: files beside the workflow, and the store.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sunward_core::{
    Dataset, DatasetKind, Digest, Failure, FailureKind, FileRows, FromTasks, PlannedStage, RunId,
    RunSpec, TaskResult, Tasks, staged::row_file,
};
use sunward_data::{DataError, NamedFile, ResultIndex, SourceOptions, Store};
use sunward_files::pattern::{escaped, expand};
use sunward_state::{Reader, StateError};
use sunward_workflows::{Action, Form, Input, Reference, Scatter, Slicing, Stage, Value, is_path};

use crate::file_sets;
use crate::recall::FileRecall;
use crate::resolver::{InputResolver, Resolution, ResolveRequest};
use crate::row_files::{self, RowPaths};
use crate::versions::Versions;
use crate::view::folder;

/// The most rows of a table that is scattered by row. Each row becomes a value in the journal and
/// in memory. Larger tables are scattered with `rows: N`.
const ROW_TASKS: u64 = 100_000;

/// The most rows of a table that is scattered by slices, and whose rows name files.
const ROWS_WITH_FILES: u64 = 1_000_000;

/// Reads local files into the store, gathers tasks' outputs, and counts rows and parts.
#[derive(Debug)]
pub struct LocalResolver {
    store: Store,
    /// Results that sites share; `None` if the store is local.
    index: Option<ResultIndex>,
    /// The versions of users' files that were read, so that a run reads one version of each.
    versions: Versions,
}

impl LocalResolver {
    /// A resolver on this store. If the store has a remote, results are shared there by key.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let index = ResultIndex::open(&store)
            .inspect_err(|error| tracing::warn!(%error, "results are not shared"))
            .ok();
        Self {
            store,
            index,
            versions: Versions::default(),
        }
    }
}

impl Drop for LocalResolver {
    /// Writes the results noted for other sites before the engine ends.
    fn drop(&mut self) {
        if let Some(index) = self.index.take() {
            index.flush();
        }
    }
}

impl InputResolver for LocalResolver {
    fn shared(&self, keys: &[Digest]) -> Vec<Option<TaskResult>> {
        let known = self.index.as_ref().map(|index| index.get(keys));
        match known {
            Some(Ok(known)) => known,
            Some(Err(error)) => {
                tracing::warn!(%error, "the shared results do not answer");
                vec![None; keys.len()]
            }
            None => vec![None; keys.len()],
        }
    }

    fn share(&self, results: &[(Digest, TaskResult)]) {
        if let Some(index) = &self.index {
            for (key, result) in results {
                index.put(*key, result);
            }
        }
    }

    fn glance(
        &self,
        request: &ResolveRequest,
        _memory: &dyn Reader,
    ) -> Result<Option<Resolution>, StateError> {
        Ok(plain(request).map(|(inputs, tasks)| Resolution::known(inputs, tasks)))
    }

    fn resolve(
        &self,
        request: &ResolveRequest,
        memory: &dyn Reader,
    ) -> Result<Resolution, StateError> {
        let recall = Recall {
            files: FileRecall::new(memory),
            paths: RefCell::default(),
        };
        let answer = self.find(request, &recall);
        let files = recall.files.finish()?;
        Ok(Resolution { answer, files })
    }

    fn is_suspect(&self) -> bool {
        self.store.is_suspect()
    }

    fn lacks(&self, dataset: &Dataset) -> Vec<Digest> {
        self.store.lacks(dataset)
    }

    fn brings(&self, result: &TaskResult) -> bool {
        let mut ports = result.ports.iter();
        ports.all(|dataset| match self.store.fetch_whole(dataset) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "a known result cannot be fetched; it is computed again");
                false
            }
        })
    }

    fn holds(&self, result: &TaskResult) -> bool {
        // If the store fails, nothing counts as held: the task runs and reports the store's error.
        result
            .ports
            .iter()
            .all(|dataset| self.store.is_available(dataset).unwrap_or(false))
    }
}

/// The stage and the port that a source names.
fn producer<'s>(spec: &'s RunSpec, source: &'s Reference) -> Option<(&'s Stage, &'s str)> {
    let (stage, port) = source.port()?;
    Some((spec.workflow.stages.get(stage)?, port))
}

/// Whether a source is a parameter that lists paths.
fn is_list(spec: &RunSpec, source: &Reference) -> bool {
    match source {
        Reference::Param(name) => matches!(spec.params.get(name), Some(Value::List(_))),
        Reference::Port { .. }
        | Reference::Path(_)
        | Reference::Pattern(_)
        | Reference::Url(_)
        | Reference::Item(_) => false,
    }
}

/// The files or folders that a list names, as one folder, whatever their number. Files and folders
/// in one list stay apart, so that joining them is refused.
fn of_list(files: Vec<Dataset>) -> Vec<Dataset> {
    let kind = files.first().map_or(DatasetKind::File, |first| first.kind);
    if files.iter().any(|file| file.kind != kind) {
        return files;
    }
    vec![Dataset::folder_of(kind, &files)]
}

/// Resolves a stage that needs no reading: every input is one dataset as it was given, and the
/// tasks do not depend on the content of rows. Otherwise returns `None`.
fn plain(request: &ResolveRequest) -> Option<(Vec<Dataset>, Tasks)> {
    let planned = request.spec.plan.stage(request.stage)?;
    let mut inputs = Vec::with_capacity(planned.stage.inputs.len());
    for (input, sources) in planned.stage.inputs.values().zip(&request.upstream) {
        let ([source], [Some(datasets)]) = (input.from.as_slice(), sources.as_slice()) else {
            return None;
        };
        let [dataset] = datasets.datasets.as_slice() else {
            return None;
        };
        let is_gathered = dataset.kind != DatasetKind::Table
            && producer(&request.spec, source).is_none_or(|(stage, _)| stage.is_scattered());
        if is_gathered || !input.columns.is_empty() {
            return None;
        }
        inputs.push(dataset.clone());
    }
    let tasks = counted(planned, &inputs)?;
    Some((inputs, tasks))
}

/// The tasks of a stage, if counting is enough.
fn counted(planned: &PlannedStage, inputs: &[Dataset]) -> Option<Tasks> {
    if let Some(tasks) = &planned.tasks {
        return Some(tasks.clone());
    }
    let Scatter::Input { port, slicing } = &planned.stage.scatter else {
        return None;
    };
    let dataset = inputs.get(planned.stage.inputs.get_index_of(port)?)?;
    match slicing {
        _ if dataset.files.is_some() => None,
        Slicing::Parts => Some(Tasks::Parts {
            port: port.clone(),
            count: u32::try_from(filled_parts(dataset)).ok()?,
        }),
        Slicing::Rows(_) | Slicing::Row | Slicing::By(_) => None,
    }
}

/// The parts with rows. A table without rows still has one part, which holds its schema, and no
/// task for it.
fn filled_parts(dataset: &Dataset) -> usize {
    if dataset.kind == DatasetKind::Table && dataset.rows == 0 {
        return 0;
    }
    dataset.parts.len()
}

impl LocalResolver {
    fn find(
        &self,
        request: &ResolveRequest,
        memory: &Recall<'_>,
    ) -> Result<(Vec<Dataset>, Tasks), Failure> {
        let Some(planned) = request.spec.plan.stage(request.stage) else {
            return Err(refusal("the stage is not in the run's plan".to_owned()));
        };
        let mut inputs = Vec::with_capacity(planned.stage.inputs.len());
        for ((port, input), upstream) in planned.stage.inputs.iter().zip(&request.upstream) {
            if matches!(input.from.as_slice(), [Reference::Item(_)]) {
                // Its files follow from the rows of another input.
                inputs.push(Dataset::default());
                continue;
            }
            let dataset = self
                .input(
                    (request.run, &request.spec),
                    &reading(planned, port, input),
                    (input, upstream),
                    memory,
                )
                .map_err(|error| failure(&format!("input '{port}'"), &error))?;
            inputs.push(dataset);
        }
        let tasks = self.tasks(request, planned, &mut inputs, memory)?;
        let paths = memory.paths.borrow();
        self.versions
            .stand(request.run, &request.spec, &paths)
            .map_err(|error| refusal(error.to_string()))?;
        Ok((inputs, tasks))
    }

    /// One input: the content of its sources, in order.
    fn input(
        &self,
        (run, spec): (RunId, &RunSpec),
        options: &SourceOptions,
        (input, upstream): (&Input, &[Option<FromTasks>]),
        memory: &Recall<'_>,
    ) -> Result<Dataset, DataError> {
        // Columns of a file are selected while it is read; those of a dataset afterwards.
        let all_files = upstream.iter().all(Option::is_none);
        let options = SourceOptions {
            columns: if all_files {
                input.columns.clone()
            } else {
                Vec::new()
            },
            ..options.clone()
        };
        let mut datasets = Vec::new();
        for (source, upstream) in input.from.iter().zip(upstream) {
            datasets.extend(match upstream {
                Some(written) => self.of_port(spec, source, written)?,
                None => self.of_paths((run, spec), source, (input, &options), memory)?,
            });
        }
        let joined = self.store.concat(&datasets)?;
        if let Some(path) = joined.files.as_ref().and_then(FileRows::collision) {
            return Err(DataError::NoSuch(format!(
                "two files would be {path} in its folder; name each file once, and give those of one name \
                 to separate inputs"
            )));
        }
        if input.columns.is_empty() || all_files || joined.kind != DatasetKind::Table {
            return Ok(joined);
        }
        self.store.select(&joined, &input.columns)
    }

    /// What a source's stage wrote to its port.
    fn of_port(
        &self,
        spec: &RunSpec,
        source: &Reference,
        written: &FromTasks,
    ) -> Result<Vec<Dataset>, DataError> {
        let (stage, port) = producer(spec, source).ok_or_else(|| {
            DataError::NoSuch("the input does not name an output of a stage".to_owned())
        })?;
        self.store
            .pieces(stage, port, &written.datasets, &written.items)
    }

    /// The files that a source names, each in the version that the run reads.
    fn of_paths(
        &self,
        (run, spec): (RunId, &RunSpec),
        source: &Reference,
        (input, options): (&Input, &SourceOptions),
        memory: &Recall<'_>,
    ) -> Result<Vec<Dataset>, DataError> {
        let reading = format!(
            "{} {:?} {:?}",
            input.reading(),
            options.columns,
            options.keep
        );
        let folder = folder(&spec.path);
        let folder = Path::new(&folder);
        let mut named = file_sets::named_files(spec, folder, source, input)?;
        if input.form == Form::Files {
            named = with_contents(folder, named)?;
        }
        let mut files = Vec::new();
        for path in &named {
            let path = absolute(folder, path);
            files.push(self.version((run, spec), &path, &reading, (input, options), memory)?);
        }
        match input.form {
            Form::Files => Ok(vec![file_sets::as_set(&named, &files, input)?]),
            Form::File if file_sets::is_set(spec, source) => {
                Ok(vec![file_sets::as_set(&named, &files, input)?])
            }
            Form::File if is_list(spec, source) => Ok(of_list(files)),
            _ => Ok(files),
        }
    }

    /// A file in the version that the run reads.
    fn version(
        &self,
        (run, spec): (RunId, &RunSpec),
        path: &str,
        reading: &str,
        (input, options): (&Input, &SourceOptions),
        memory: &Recall<'_>,
    ) -> Result<Dataset, DataError> {
        let read = || {
            memory.looked_at(Path::new(path));
            self.file(path, input.form, options, memory)
        };
        self.versions
            .once(run, spec, path, reading, &self.store, read)
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
        let refused = |why: String| refusal(format!("input '{port}': {why}"));
        let params = Arc::new(request.spec.params.clone());
        let paths = RowPaths::of(stage, port, &params).map_err(&refused)?;
        let (Some(paths), Some(input)) = (paths, stage.inputs.get(port)) else {
            return Err(refused("no rows name its files".to_owned()));
        };
        let folder = folder(&request.spec.path);
        let folder = Path::new(&folder);
        let options = SourceOptions::of(input);
        let reading = format!(
            "{} {:?} {:?}",
            input.reading(),
            options.columns,
            options.keep
        );
        let (mut named, mut files, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (row, item) in rows.iter().enumerate() {
            let Some(path) = paths.path(row, item).map_err(&refused)? else {
                places.push(None);
                continue;
            };
            let whole = absolute(folder, &path);
            let run = (request.run, &*request.spec);
            let file = self.version(run, &whole, &reading, (input, &options), memory);
            files.push(file.map_err(|error| {
                match !path.contains("://") && !Path::new(&whole).exists() {
                    true => refused(paths.missing(folder, row, &path)),
                    false => failure(&format!("input '{port}': {}", paths.place(row)), &error),
                }
            })?);
            places.push(u32::try_from(named.len()).ok());
            named.push(path);
        }
        let set = file_sets::as_set(&named, &files, input);
        let set = set.map_err(|error| failure(&format!("input '{port}'"), &error))?;
        Ok((set, places))
    }

    /// These tasks, each with the files that its rows name. Their datasets become inputs.
    fn with_files_of_rows(
        &self,
        request: &ResolveRequest,
        (planned, tasks): (&PlannedStage, Tasks),
        (rows, slicing): (&[Value], &Slicing),
        inputs: &mut [Dataset],
        memory: &Recall<'_>,
    ) -> Result<Tasks, Failure> {
        let stage = &planned.stage;
        let mut ports = Vec::new();
        for (port, _) in stage.row_files() {
            let (files, places) = self.of_rows(request, (stage, port), rows, memory)?;
            let optional = stage.inputs.get(port).is_some_and(|input| input.optional);
            let grouped = row_files::groups(slicing, port, (&places, optional));
            row_files::distinct(&grouped, &files)
                .map_err(|why| refusal(format!("input '{port}': {why}")))?;
            ports.push(grouped);
            let at = stage.inputs.get_index_of(port);
            if let Some(input) = at.and_then(|at| inputs.get_mut(at)) {
                *input = files;
            }
        }
        let count = tasks.count();
        Ok(tasks.beside(row_files::beside(count, ports)))
    }

    fn file(
        &self,
        path: &str,
        form: Form,
        options: &SourceOptions,
        memory: &Recall<'_>,
    ) -> Result<Dataset, DataError> {
        if !path.contains("://") && !Path::new(path).exists() {
            return Err(DataError::NoSuch(format!(
                "there is no file {}; put it there, or name another one in the workflow or with \
                 `-p NAME=PATH`",
                sunward_files::shown(Path::new(path))
            )));
        }
        self.store.read_input(path, form, options, &memory.files)
    }

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
        let folder = folder(&request.spec.path);
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
                        memory.looked_at(&path);
                        NamedFile::at(&path, &kept, &memory.files)
                    })
                    .map_err(|error| {
                        refusal(format!("column '{column}': {text} cannot be read: {error}"))
                    })?;
                if let NamedFile::Digest(digest) = found {
                    *cell = row_file(text, &digest);
                }
            }
        }
        Ok(rows)
    }

    fn tasks(
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
        if let Some(groups) = file_sets::groups(&planned.stage.scatter, of_port) {
            return groups.map(Tasks::Files).map_err(refusal);
        }
        let Scatter::Input { port, slicing } = &planned.stage.scatter else {
            return Err(refusal("how the stage scatters is not known".to_owned()));
        };
        let dataset = of_port(port).cloned().ok_or_else(|| {
            refusal(format!(
                "it scatters over '{port}', which is not one of its inputs"
            ))
        })?;
        if dataset.kind != DatasetKind::Table {
            return Err(refusal(format!(
                "it scatters over rows of '{port}', which is not a table; `parts: true` scatters over \
                 files"
            )));
        }
        let names_files = planned.stage.row_files().next().is_some();
        let items = |limit| {
            let items = self.store.items(&dataset, limit);
            items.map_err(|error| failure(&format!("scatter over '{port}'"), &error))
        };
        if let Slicing::Rows(rows_per_task) = slicing {
            let tasks = self.slices(port, *rows_per_task, &dataset)?;
            if !names_files || tasks.too_many().is_some() {
                return Ok(tasks);
            }
            let rows = items(ROWS_WITH_FILES)?;
            let tasks = (planned, tasks);
            return self.with_files_of_rows(request, tasks, (&rows, slicing), inputs, memory);
        }
        let rows = items(ROW_TASKS)?;
        if !names_files {
            return self.named(request, planned, rows, memory).map(Tasks::Items);
        }
        let tasks = self.named(request, planned, rows.clone(), memory)?;
        let tasks = (planned, Tasks::Items(tasks));
        self.with_files_of_rows(request, tasks, (&rows, slicing), inputs, memory)
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
            .map_err(|error| failure(&format!("scatter over '{port}'"), &error))
    }
}

/// How the files of a stage's input are read. If each task gets one row, or rows name files, the
/// original text of the cells is kept.
fn reading(planned: &PlannedStage, port: &str, input: &Input) -> SourceOptions {
    let mut options = SourceOptions::of(input);
    let names_files = planned.stage.row_files().next().is_some();
    let by_row = matches!(
        &planned.stage.scatter,
        Scatter::Input { port: over, slicing } if over == port && (*slicing == Slicing::Row || names_files)
    );
    if by_row && !options.keep.contains(&Form::Csv) {
        options.keep.push(Form::Csv);
    }
    options
}

/// A path as an absolute one. An address stays as it is.
fn absolute(folder: &Path, path: &str) -> String {
    match path.contains("://") {
        true => path.to_owned(),
        false => sunward_files::as_value(&folder.join(path)),
    }
}

/// The same paths, with the files in a folder in place of the folder. A path that ends with a slash
/// stays a folder.
fn with_contents(folder: &Path, paths: Vec<String>) -> Result<Vec<String>, DataError> {
    let mut all = Vec::with_capacity(paths.len());
    for path in paths {
        if path.ends_with('/') || !folder.join(&path).is_dir() {
            all.push(path);
            continue;
        }
        let pattern = format!("{}/*", escaped(&path));
        let found = expand(folder, &pattern);
        all.extend(found.map_err(|error| DataError::NoSuch(format!("{path}: {error}")))?);
    }
    Ok(all)
}

fn failure(place: &str, error: &DataError) -> Failure {
    Failure {
        kind: error.blame().kind(FailureKind::Input),
        message: format!("{place}: {error}"),
        log_tail: String::new(),
        ran_on: None,
    }
}

const fn refusal(message: String) -> Failure {
    Failure {
        kind: FailureKind::Input,
        message,
        log_tail: String::new(),
        ran_on: None,
    }
}

/// What one resolution looks up, and which files it reads.
struct Recall<'a> {
    files: FileRecall<'a>,
    /// Paths that this resolution has read.
    paths: RefCell<BTreeSet<PathBuf>>,
}

impl Recall<'_> {
    fn looked_at(&self, path: &Path) {
        self.paths.borrow_mut().insert(path.into());
    }
}
