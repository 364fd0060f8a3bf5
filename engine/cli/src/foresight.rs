//! Predicts a run: finds its inputs, and results that are already known.

use std::path::Path;
use std::sync::Arc;

use sunward_core::{
    Dataset, Digest, FailureKind, Gathered, Known, PlannedStage, RunId, RunSpec, TaskResult, Tasks,
    Times,
};
use sunward_data::Store;
use sunward_drive::{InputResolver, Listed, LocalResolver, ResolveRequest, Source, earlier_times};
use sunward_state::{Reader, Sqlite, SqliteReader, sqlite::DATABASE};

use crate::exit::wrong_input;
use crate::which;

/// Looks up inputs and results in the state. If nothing has run yet, it uses an empty state in a
/// temporary folder.
pub(crate) struct Foresight {
    /// The run whose inputs are looked up; 0 if it does not exist yet.
    run: RunId,
    spec: Arc<RunSpec>,
    reader: SqliteReader,
    resolver: Arc<LocalResolver>,
    /// The first error of a lookup.
    fault: Option<anyhow::Error>,
    /// The empty state, if there was no other. It is deleted with this value.
    scratch: Option<tempfile::TempDir>,
}

impl Foresight {
    /// Looks up in the state of a home. The home need not exist, and is not created.
    ///
    /// # Errors
    /// Fails if the state cannot be read.
    pub(crate) fn open(home: &Path, spec: Arc<RunSpec>) -> anyhow::Result<Self> {
        let scratch = if home.join(DATABASE).is_file() {
            None
        } else {
            let scratch = tempfile::tempdir()?;
            drop(Sqlite::open(scratch.path())?);
            Some(scratch)
        };
        let home = scratch.as_ref().map_or(home, tempfile::TempDir::path);
        which::end_leftovers(home);
        let reader = SqliteReader::open(home)?;
        let store = Store::open(home, None)?.for_preview();
        Ok(Self {
            run: RunId(0),
            spec,
            reader,
            resolver: Arc::new(LocalResolver::new(store)),
            fault: None,
            scratch,
        })
    }

    /// The same, with what the workflow's patterns matched a moment ago. Their folders are not listed
    /// again.
    pub(crate) fn knowing(self, listed: &Listed) -> Self {
        self.resolver.knows_listed((self.run, &self.spec), listed);
        self
    }

    /// Looks up for an existing run. The resolver records what is read now as what the run has
    /// read.
    ///
    /// # Errors
    /// Fails if the state cannot be read.
    pub(crate) fn of_run(
        home: &Path,
        run: RunId,
        spec: Arc<RunSpec>,
        resolver: &Arc<LocalResolver>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            run,
            spec,
            reader: SqliteReader::open(home)?,
            resolver: Arc::clone(resolver),
            fault: None,
            scratch: None,
        })
    }

    /// The state, if there was one.
    pub(crate) const fn reader(&self) -> Option<&SqliteReader> {
        match self.scratch {
            None => Some(&self.reader),
            Some(_) => None,
        }
    }

    /// How long the commands took in earlier runs.
    ///
    /// # Errors
    /// Fails if the state cannot be read.
    pub(crate) fn history(&self) -> anyhow::Result<Arc<Times>> {
        let times = match self.reader() {
            Some(reader) => earlier_times(reader, None, &self.spec)?,
            None => Times::default(),
        };
        Ok(Arc::new(times))
    }

    /// Checks that no lookup has failed.
    ///
    /// # Errors
    /// Returns the first error.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        self.fault.take().map_or(Ok(()), Err)
    }

    fn find(
        &self,
        stage: &PlannedStage,
        upstream: &Gathered,
    ) -> anyhow::Result<Option<(Vec<Dataset>, Tasks)>> {
        let Some(id) = self.spec.plan.find(&stage.stage.name) else {
            return Ok(None);
        };
        let mut sources = Vec::new();
        for input in stage.stage.inputs.values() {
            let mut given = Vec::new();
            for reference in input.sources(|stage| upstream.skipped.contains(stage)) {
                let written = match reference.port() {
                    None => None,
                    Some((stage, port)) => {
                        let port = (stage.to_owned(), port.to_owned());
                        let Some(known) = upstream.written.get(&port) else {
                            return Ok(None);
                        };
                        Some(known.clone())
                    }
                };
                let reference = reference.clone();
                given.push(Source { reference, written });
            }
            sources.push(given);
        }
        let request = ResolveRequest {
            run: self.run,
            stage: id,
            spec: Arc::clone(&self.spec),
            sources,
        };
        let resolution = self.resolver.resolve(&request, &self.reader)?;
        resolution.answer.map(Some).map_err(|failure| {
            let message = format!("stage {}: {}", stage.stage.name, failure.message);
            if failure.kind == FailureKind::Input {
                wrong_input(message)
            } else {
                anyhow::anyhow!(message)
            }
        })
    }
}

impl Known for Foresight {
    fn inputs(
        &mut self,
        stage: &PlannedStage,
        upstream: &Gathered,
    ) -> Option<(Vec<Dataset>, Tasks)> {
        match self.find(stage, upstream) {
            Ok(found) => found,
            Err(fault) => {
                self.fault.get_or_insert(fault);
                None
            }
        }
    }

    fn results(&mut self, keys: &[Digest]) -> Vec<Option<TaskResult>> {
        match self.reader.lookup_results(keys) {
            // A result whose parts are missing does not count: its task runs again.
            Ok(found) => found
                .into_iter()
                .map(|result| result.filter(|result| self.resolver.holds(result)))
                .collect(),
            Err(fault) => {
                self.fault.get_or_insert(fault.into());
                vec![None; keys.len()]
            }
        }
    }
}
