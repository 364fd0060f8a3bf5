//! Slow questions: the inputs of a stage, and its tasks.

use std::sync::Arc;

use sunward_core::{
    Dataset, Digest, Failure, FromTasks, RunId, RunSpec, StageId, TaskResult, Tasks,
};
use sunward_state::{FileRecord, Reader, StateError};
use sunward_workflows::Reference;

/// The question about one stage.
#[derive(Clone, Debug)]
pub struct ResolveRequest {
    /// The run.
    pub run: RunId,
    /// The stage.
    pub stage: StageId,
    /// The run's spec.
    pub spec: Arc<RunSpec>,
    /// For each input port in the stage's order, the sources that it reads: of a `first`, the chosen
    /// one.
    pub sources: Vec<Vec<Source>>,
}

/// One source of an input.
#[derive(Clone, Debug)]
pub struct Source {
    /// The source, as the workflow names it.
    pub reference: Reference,
    /// What the tasks of a stage wrote to an upstream port, or `None` for a source outside the run.
    pub written: Option<FromTasks>,
}

/// The answer, and what is worth remembering.
#[derive(Debug)]
pub struct Resolution {
    /// The inputs by port and the tasks, or why the stage cannot start.
    pub answer: Result<(Vec<Dataset>, Tasks), Failure>,
    /// Contents of local files that were read.
    pub files: Vec<FileRecord>,
}

impl Resolution {
    /// The answer that the stage cannot start.
    #[must_use]
    pub const fn failed(failure: Failure) -> Self {
        Self {
            answer: Err(failure),
            files: Vec::new(),
        }
    }

    /// An answer with these inputs and tasks, and nothing to remember.
    #[must_use]
    pub const fn known(inputs: Vec<Dataset>, tasks: Tasks) -> Self {
        Self {
            answer: Ok((inputs, tasks)),
            files: Vec::new(),
        }
    }
}

/// Reads, converts and counts. It is called from several threads at once.
pub trait InputResolver: Send + Sync {
    /// Answers at once, if that needs no reading of data.
    ///
    /// # Errors
    ///
    /// Fails if the records of files cannot be read.
    fn glance(
        &self,
        request: &ResolveRequest,
        memory: &dyn Reader,
    ) -> Result<Option<Resolution>, StateError>;

    /// Answers, however long it takes.
    ///
    /// # Errors
    ///
    /// Fails if the records of files cannot be read.
    fn resolve(
        &self,
        request: &ResolveRequest,
        memory: &dyn Reader,
    ) -> Result<Resolution, StateError>;

    /// Whether the parts of a known result are in the store.
    fn holds(&self, result: &TaskResult) -> bool;

    /// Whether a known result is whole on this host, after it was brought here if it was not.
    fn brings(&self, _result: &TaskResult) -> bool {
        true
    }

    /// Whether the last engine on this store ended uncleanly, so that parts are read again before
    /// they are believed.
    fn is_suspect(&self) -> bool {
        false
    }

    /// The parts of a dataset that are missing, truncated or damaged.
    fn lacks(&self, _dataset: &Dataset) -> Vec<Digest> {
        Vec::new()
    }

    /// The results that other sites noted for these keys in the shared store, in the same order. It
    /// is only a hint: without a shared store, or if it does not answer, all are `None`.
    fn shared(&self, keys: &[Digest]) -> Vec<Option<TaskResult>> {
        vec![None; keys.len()]
    }

    /// Notes results for other sites in the background.
    fn share(&self, _results: &[(Digest, TaskResult)]) {}
}

/// The answer to one request, on its way to the loop.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) run: RunId,
    pub(crate) stage: StageId,
    pub(crate) resolution: Result<Resolution, StateError>,
}
