//! The input resolver of one machine: files beside the workflow, and the store.

use std::path::Path;

use sunward_core::{
    Dataset, DatasetKind, Digest, Failure, FailureKind, FromTasks, PlannedStage, RunId, RunSpec,
    TaskResult, Tasks,
};
use sunward_data::{
    DataError, FileMemory, FileStamp, ResultIndex, SourceOptions, Store, task_names,
};
use sunward_files::spelling::{REMEDY, other_spelling};
use sunward_state::{Reader, StateError};
use sunward_workflows::{Form, Input, Reference, Scatter, Slicing, Stage, Value, is_in_bucket};

use crate::file_sets;
use crate::foreseen::Listed;
use crate::recall::{Recall, Recalled};
use crate::resolver::{InputResolver, Resolution, ResolveRequest, Source};
use crate::versions::Versions;
use crate::view::folder;

/// How many files are looked up in the records at once.
const LOOKED_UP: usize = 4096;

/// Reads local files into the store, gathers tasks' outputs, and counts rows and parts.
#[derive(Debug)]
pub struct LocalResolver {
    pub(crate) store: Store,
    /// Results that sites share; `None` if the store is local.
    index: Option<ResultIndex>,
    /// The versions of users' files that were read, so that a run reads one version of each.
    pub(crate) versions: Versions,
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

    /// Takes what the patterns of a run's workflow matched a moment ago as what they match.
    pub fn knows_listed(&self, (run, spec): (RunId, &RunSpec), listed: &Listed) {
        let folder = folder(&spec.path);
        for (pattern, found) in listed {
            if let Ok(found) = found {
                self.versions.know(run, Path::new(&folder), pattern, found);
            }
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
        let recall = Recall::new(memory);
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

/// Which of many files cannot be read, by its place, and why.
pub(crate) type Unread = Box<(usize, DataError)>;

/// A dataset with the name by which a user knows it; empty if there is none.
pub(crate) type Named = (String, Dataset);

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
    for (input, sources) in planned.stage.inputs.values().zip(&request.sources) {
        let [source] = sources.as_slice() else {
            return None;
        };
        let [dataset] = source.written.as_ref()?.datasets.as_slice() else {
            return None;
        };
        let is_gathered = dataset.kind != DatasetKind::Table
            && producer(&request.spec, &source.reference)
                .is_none_or(|(stage, _)| stage.is_scattered());
        let is_as_written = dataset.kind == DatasetKind::Table || input.form == Form::File;
        if is_gathered || !is_as_written || !input.columns.is_empty() || input.split.is_some() {
            return None;
        }
        inputs.push(dataset.clone());
    }
    let tasks = counted(planned, &inputs)?;
    Some((inputs, tasks))
}

/// The tasks of a stage, if counting is enough.
pub(crate) fn counted(planned: &PlannedStage, inputs: &[Dataset]) -> Option<Tasks> {
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
        for ((port, input), sources) in planned.stage.inputs.iter().zip(&request.sources) {
            if matches!(input.from.as_slice(), [Reference::Item(_)]) {
                // Its files follow from the rows of another input.
                inputs.push(Dataset::default());
                continue;
            }
            let dataset = self
                .input(
                    (request.run, &request.spec),
                    (&planned.stage, &reading(planned, port, input)),
                    (input, sources),
                    memory,
                )
                .map_err(|error| failure(&format!("input `{port}`"), &error))?;
            inputs.push(dataset);
        }
        let tasks = self.tasks(request, planned, &mut inputs, memory)?;
        file_sets::no_collisions(&planned.stage, &inputs, &tasks).map_err(refusal)?;
        self.versions
            .stand(request.run, &request.spec, &memory.paths())
            .map_err(|error| refusal(error.to_string()))?;
        Ok((inputs, tasks))
    }

    /// One input: the content of its sources, in order.
    fn input(
        &self,
        (run, spec): (RunId, &RunSpec),
        (stage, options): (&Stage, &SourceOptions),
        (input, sources): (&Input, &[Source]),
        memory: &Recall<'_>,
    ) -> Result<Dataset, DataError> {
        // Columns of a file are selected while it is read; those of a dataset afterwards.
        let all_files = sources.iter().all(|source| source.written.is_none());
        let options = SourceOptions {
            columns: if all_files {
                input.columns.clone()
            } else {
                Vec::new()
            },
            ..options.clone()
        };
        let (mut datasets, mut names) = (Vec::new(), Vec::new());
        for source in sources {
            let reference = &source.reference;
            let found = match &source.written {
                Some(written) => self.of_port(spec, reference, written, (input, &options))?,
                None => {
                    self.of_paths((run, spec), (stage, reference), (input, &options), memory)?
                }
            };
            for (name, dataset) in found {
                names.push(name);
                datasets.push(dataset);
            }
        }
        let joined = self.store.concat_named(&datasets, &names)?;
        if input.columns.is_empty() || all_files || joined.kind != DatasetKind::Table {
            return Ok(joined);
        }
        self.store.select(&joined, &input.columns)
    }

    /// What a source's stage wrote to its port, as the input needs it: files are read as tables, and
    /// a folder is its files.
    fn of_port(
        &self,
        spec: &RunSpec,
        source: &Reference,
        written: &FromTasks,
        (input, options): (&Input, &SourceOptions),
    ) -> Result<Vec<Named>, DataError> {
        let (stage, port) = producer(spec, source).ok_or_else(|| {
            DataError::NoSuch("the input does not name an output of a stage".to_owned())
        })?;
        let pieces = self
            .store
            .pieces(stage, port, &written.datasets, &written.items)?;
        let names = task_names(stage, pieces.len());
        let mut found = Vec::with_capacity(pieces.len());
        for (piece, name) in pieces.into_iter().zip(names) {
            match (piece.kind, input.form) {
                (DatasetKind::File | DatasetKind::Files, form) if form.is_table() => {
                    let unnamed = stage.unnamed_file(port);
                    found.extend(self.store.file_tables(&piece, &unnamed, options)?);
                }
                (DatasetKind::Dir, Form::Files) => {
                    let files = self.store.files_of_folder(&piece)?;
                    if files.parts.is_empty() && !input.optional {
                        return Err(DataError::NoSuch(format!(
                            "the folder {}.{port} has no files; write `optional: true` if it may have \
                             none",
                            stage.name
                        )));
                    }
                    found.push((String::new(), file_sets::with_columns(files, input)?));
                }
                (DatasetKind::File, Form::Files) => {
                    let one = file_sets::of_one(piece, stage.unnamed_file(port));
                    found.push((String::new(), file_sets::with_columns(one, input)?));
                }
                _ => found.push((name, file_sets::with_columns(piece, input)?)),
            }
        }
        Ok(found)
    }

    /// The files that a source names, each in the version that the run reads.
    fn of_paths(
        &self,
        (run, spec): (RunId, &RunSpec),
        (stage, source): (&Stage, &Reference),
        (input, options): (&Input, &SourceOptions),
        memory: &Recall<'_>,
    ) -> Result<Vec<Named>, DataError> {
        let reading = reading_key(input, options);
        let folder = folder(&spec.path);
        let folder = Path::new(&folder);
        let listed = |pattern: &str| self.versions.listed(run, folder, pattern);
        let named = file_sets::named_files(spec.into(), source, input, &listed)?;
        let named = match input.form {
            Form::Files => file_sets::with_contents(folder, named, &listed)?,
            _ => named.into_iter().map(|named| named.path).collect(),
        };
        let (mut paths, mut files) = (Vec::new(), Vec::new());
        for named in named.chunk_by(|one, next| is_in_bucket(one) == is_in_bucket(next)) {
            if named.first().is_some_and(|first| is_in_bucket(first)) {
                for address in named {
                    let read = self.of_bucket(run, address, input, memory)?;
                    paths.extend(read.objects.into_iter().map(|object| object.address));
                    files.extend(read.datasets);
                }
                continue;
            }
            let whole: Vec<String> = named.iter().map(|path| absolute(folder, path)).collect();
            let read = self.all_versions((run, spec), &whole, reading, (input, options), memory);
            files.extend(read.map_err(|unread| unread.1)?);
            paths.extend_from_slice(named);
        }
        let unnamed = |dataset| (String::new(), dataset);
        match input.form {
            Form::Files => Ok(vec![unnamed(file_sets::as_set(
                stage, &paths, &files, input,
            )?)]),
            Form::File if file_sets::is_set(spec.into(), source) => Ok(vec![unnamed(
                file_sets::as_set(stage, &paths, &files, input)?,
            )]),
            Form::File if is_list(spec, source) => {
                Ok(of_list(files).into_iter().map(unnamed).collect())
            }
            form if form.is_table() => self.as_tables(paths, files, options),
            _ => Ok(paths.into_iter().zip(files).collect()),
        }
    }

    /// Files in the versions that the run reads, in the same order. Their records are looked up
    /// together.
    ///
    /// # Errors
    /// Returns which file cannot be read, by its place, and why.
    pub(crate) fn all_versions(
        &self,
        (run, spec): (RunId, &RunSpec),
        paths: &[String],
        reading: Digest,
        (input, options): (&Input, &SourceOptions),
        memory: &Recall<'_>,
    ) -> Result<Vec<Dataset>, Unread> {
        let recorded_as = options.reading(input.form);
        let mut versions = Vec::with_capacity(paths.len());
        for paths in paths.chunks(LOOKED_UP) {
            let looked: Vec<_> = paths.iter().map(|path| memory.look(path)).collect();
            let stamps = looked.iter().filter_map(|one| one.stamp(recorded_as));
            let stamps: Vec<FileStamp> = stamps.collect();
            let mut known = memory.files.get_all(&stamps).into_iter();
            for mut one in looked {
                let stamp = one.stamp(recorded_as);
                let found = stamp.map(|stamp| (stamp, known.next().flatten()));
                if let Some((_, None)) = found {
                    // Files before it may have taken long to read.
                    memory.look_again(&mut one);
                }
                let records = Recalled {
                    files: &memory.files,
                    found,
                };
                let read = |seen: Option<FileStamp>| {
                    memory.looked_at(&one.key);
                    self.file((one.path, seen), input.form, options, &records)
                };
                let version = self
                    .versions
                    .once(run, spec, one.asked(reading), &self.store, read);
                versions.push(version.map_err(|why| Box::new((versions.len(), why)))?);
            }
        }
        Ok(versions)
    }

    fn file(
        &self,
        (path, seen): (&str, Option<FileStamp>),
        form: Form,
        options: &SourceOptions,
        records: &dyn FileMemory,
    ) -> Result<Dataset, DataError> {
        if seen.is_none() && !path.contains("://") && !Path::new(path).exists() {
            if let Some(other) = other_spelling(Path::new(path)) {
                return Err(DataError::NoSuch(format!(
                    "there is no file {} as it is written, but there is one in another spelling: {REMEDY}",
                    sunward_files::shown(&other)
                )));
            }
            return Err(DataError::NoSuch(format!(
                "there is no file {}; put it there, or name another one in the workflow or with \
                 `-p NAME=PATH`",
                sunward_files::shown(Path::new(path))
            )));
        }
        self.store.read_input(path, form, options, records, seen)
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

/// The digest of what distinguishes readings of one file, by which a run knows them.
pub(crate) fn reading_key(input: &Input, options: &SourceOptions) -> Digest {
    let SourceOptions { columns, keep, .. } = options;
    Digest::of(format!("{} {columns:?} {keep:?}", input.reading()).as_bytes())
}

/// A path as an absolute one. An address stays as it is.
pub(crate) fn absolute(folder: &Path, path: &str) -> String {
    match path.contains("://") {
        true => path.to_owned(),
        false => sunward_files::as_value(&folder.join(path)),
    }
}

pub(crate) fn failure(place: &str, error: &DataError) -> Failure {
    Failure {
        kind: error.blame().kind(FailureKind::Input),
        message: format!("{place}: {error}"),
        log_tail: String::new(),
        ran_on: None,
    }
}

pub(crate) const fn refusal(message: String) -> Failure {
    Failure {
        kind: FailureKind::Input,
        message,
        log_tail: String::new(),
        ran_on: None,
    }
}
