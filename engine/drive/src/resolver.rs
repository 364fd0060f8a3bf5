//! Slow questions: what a stage's inputs are, and into how many tasks it falls.

use std::sync::Arc;

use sunward_core::{Dataset, Digest, Failure, RunId, RunSpec, StageId, TaskResult, Tasks};
use sunward_state::{FileRecord, Reader, StateError};

/// What is to be found out about one stage.
#[derive(Clone, Debug)]
pub struct ResolveRequest {
    /// Run.
    pub run: RunId,
    /// Stage.
    pub stage: StageId,
    /// What the run is.
    pub spec: Arc<RunSpec>,
    /// For each input port in the stage's order, for each of its sources: the datasets of an upstream
    /// port in task order, or `None` for a source outside the run.
    pub upstream: Vec<Vec<Option<Vec<Dataset>>>>,
}

/// What was found out, and what is worth remembering of it.
#[derive(Debug)]
pub struct Resolution {
    /// Inputs by port and tasks, or why the stage cannot start.
    pub answer: Result<(Vec<Dataset>, Tasks), Failure>,
    /// What local files were found to hold.
    pub files: Vec<FileRecord>,
}

impl Resolution {
    /// The stage cannot start.
    #[must_use]
    pub const fn failed(failure: Failure) -> Self {
        Self {
            answer: Err(failure),
            files: Vec::new(),
        }
    }

    /// These inputs and tasks, and nothing to remember.
    #[must_use]
    pub const fn known(inputs: Vec<Dataset>, tasks: Tasks) -> Self {
        Self {
            answer: Ok((inputs, tasks)),
            files: Vec::new(),
        }
    }
}

/// Reads, converts and counts. Called from several threads at once.
pub trait InputResolver: Send + Sync {
    /// Answers at once, if that takes no reading of data: from plan, upstream and memory alone.
    ///
    /// # Errors
    /// When the memory cannot be read.
    fn glance(
        &self,
        request: &ResolveRequest,
        memory: &dyn Reader,
    ) -> Result<Option<Resolution>, StateError>;

    /// Answers, however long it takes.
    ///
    /// # Errors
    /// When the memory cannot be read.
    fn resolve(
        &self,
        request: &ResolveRequest,
        memory: &dyn Reader,
    ) -> Result<Resolution, StateError>;

    /// Whether a known result can still be had: its parts are in the store.
    fn holds(&self, result: &TaskResult) -> bool;

    /// Whether a known result is whole on this host, after it was brought here if it was not.
    fn brings(&self, _result: &TaskResult) -> bool {
        true
    }

    /// Whether the last engine on this store ended uncleanly, so that parts are read again before they
    /// are believed.
    fn is_suspect(&self) -> bool {
        false
    }

    /// The parts of a dataset that cannot be had: gone, cut or damaged.
    fn lacks(&self, _dataset: &Dataset) -> Vec<Digest> {
        Vec::new()
    }

    /// Results with these keys that other sites noted in the store that all share, each in its key's
    /// place. Nothing where no store is shared, or it does not answer: this is a hint.
    fn shared(&self, keys: &[Digest]) -> Vec<Option<TaskResult>> {
        vec![None; keys.len()]
    }

    /// Notes results for other sites, behind the caller's back.
    fn share(&self, _results: &[(Digest, TaskResult)]) {}
}

/// The answer to one request, on its way to the loop.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) run: RunId,
    pub(crate) stage: StageId,
    pub(crate) resolution: Result<Resolution, StateError>,
}
