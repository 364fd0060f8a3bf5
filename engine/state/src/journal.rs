//! The interface of every journal: one writer, any number of readers.

use std::path::Path;

use sunward_core::{Dataset, Digest, Fact, RunId, RunStatus, State, TaskResult, Timestamp};

use crate::error::StateError;
use crate::fold::Folding;
use crate::group::{FileStamp, Group, Position};

/// A selection of facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The facts of all runs that are not archived, and of workers.
    Live,
    /// The facts of one run, archived or not, and of engines and workers in between. While it is in
    /// progress, also of those after its last one.
    Run(RunId),
}

/// One row of the listing of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The run's id.
    pub run: RunId,
    /// The absolute path of the workflow's file.
    pub path: String,
    /// The workflow's name.
    pub workflow: String,
    /// The digest of its params' values: see [`crate::digest_params`].
    pub params: Digest,
    /// The run's status. An unfinished run whose engine was killed still has `Running`.
    pub status: RunStatus,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When it last ended or stopped.
    pub ended: Option<Timestamp>,
}

/// Another process's request to cancel a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelRequest {
    /// The run.
    pub run: RunId,
    /// When the request was written.
    pub at: Timestamp,
}

/// Reads a state, also while an engine writes to it.
pub trait Reader: Send {
    /// The state's path, for messages.
    fn place(&self) -> &Path;

    /// Passes the facts of a scope to `each`, oldest first. Facts appended meanwhile are not
    /// included.
    ///
    /// # Errors
    ///
    /// Fails if the journal cannot be read or is damaged.
    fn replay(&self, scope: Scope, each: &mut dyn FnMut(Fact)) -> Result<(), StateError>;

    /// The state of all runs that are not archived, and of workers: the newest snapshot with the
    /// groups after it.
    ///
    /// # Errors
    ///
    /// Fails if the journal cannot be read, is damaged, or contradicts itself.
    fn fold(&self) -> Result<State, StateError>;

    /// The state of one run, archived or not; empty if there is no such run. Of workers it holds
    /// only that they existed.
    ///
    /// # Errors
    ///
    /// Fails if the journal cannot be read, is damaged, or contradicts itself.
    fn load_run(&self, run: RunId) -> Result<State, StateError> {
        let mut folded = Folding::default();
        self.replay(Scope::Run(run), &mut |fact| folded.apply_alone(&fact))?;
        folded.finish(self.place())
    }

    /// The position of the newest group.
    ///
    /// # Errors
    ///
    /// Fails if the journal cannot be read.
    fn newest_position(&self) -> Result<Position, StateError>;

    /// All runs, oldest first.
    ///
    /// # Errors
    ///
    /// Fails if the listing cannot be read.
    fn runs(&self) -> Result<Vec<RunRow>, StateError>;

    /// One run, if it exists.
    ///
    /// # Errors
    ///
    /// Fails if the listing cannot be read.
    fn run(&self, run: RunId) -> Result<Option<RunRow>, StateError>;

    /// The run that was submitted last.
    ///
    /// # Errors
    ///
    /// Fails if the listing cannot be read.
    fn newest_run(&self) -> Result<Option<RunRow>, StateError>;

    /// The unfinished runs of this file and these params, newest first: interrupted, held, or
    /// listed as running without an engine.
    ///
    /// # Errors
    ///
    /// Fails if the listing cannot be read.
    fn unfinished(&self, path: &str, params: Digest) -> Result<Vec<RunRow>, StateError>;

    /// The id of the next run.
    ///
    /// # Errors
    ///
    /// Fails if the listing cannot be read.
    fn next_run_id(&self) -> Result<RunId, StateError>;

    /// The results of these keys, in the same order.
    ///
    /// # Errors
    ///
    /// Fails if the results cannot be read or are damaged.
    fn lookup_results(&self, keys: &[Digest]) -> Result<Vec<Option<TaskResult>>, StateError>;

    /// Passes every result to `each`, with its key and the day of its last use.
    ///
    /// # Errors
    ///
    /// Fails if the results cannot be read or are damaged.
    fn each_result(
        &self,
        each: &mut dyn FnMut(Digest, TaskResult, Timestamp),
    ) -> Result<(), StateError>;

    /// The contents of these files, read in these ways, in the same order: of each that is recorded and
    /// unchanged.
    ///
    /// # Errors
    ///
    /// Fails if the records cannot be read.
    fn recall_files(
        &self,
        asked: &[(FileStamp, Digest)],
    ) -> Result<Vec<Option<Dataset>>, StateError>;

    /// The content of this file, if it is recorded and the file is unchanged.
    ///
    /// # Errors
    ///
    /// Fails if the record cannot be read.
    fn recall_file(
        &self,
        stamp: &FileStamp,
        reading: Digest,
    ) -> Result<Option<Dataset>, StateError> {
        Ok(self.recall_files(&[(*stamp, reading)])?.pop().flatten())
    }

    /// How many records of results and files were damaged and therefore not used, in this reader and
    /// all that were opened with it.
    fn ignored_records(&self) -> u64;

    /// Requests to cancel that no engine has taken yet.
    ///
    /// # Errors
    ///
    /// Fails if the requests cannot be read.
    fn cancel_requests(&self) -> Result<Vec<CancelRequest>, StateError>;
}

/// Opens another reader of a state.
pub type OpenReader = dyn Fn() -> Result<Box<dyn Reader>, StateError> + Send + Sync;

/// Writes a state. There is one writer at a time.
pub trait Journal: Reader {
    /// Writes a group. On success, the group and everything before it are durable. On failure,
    /// nothing of the group is there.
    ///
    /// # Errors
    ///
    /// Fails if the group cannot be written.
    fn append(&mut self, group: &Group) -> Result<Position, StateError>;

    /// Another reader of the same state, for another thread.
    ///
    /// # Errors
    ///
    /// Fails if the state cannot be opened again.
    fn reader(&self) -> Result<Box<dyn Reader>, StateError>;

    /// A function that opens readers of this state on any thread.
    fn opener(&self) -> Box<OpenReader>;

    /// Writes the state after the newest group, so that folding begins there.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written.
    fn snapshot(&mut self, state: &State) -> Result<(), StateError>;

    /// Moves a finished run's facts to the archive in compact form. `Scope::Run` still finds them;
    /// `Scope::Live` does not.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written.
    fn archive(&mut self, run: RunId) -> Result<(), StateError>;

    /// Removes results, for example because their parts were deleted.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written.
    fn forget_results(&mut self, keys: &[Digest]) -> Result<(), StateError>;

    /// Removes all records of files.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written.
    fn forget_memory(&mut self) -> Result<(), StateError>;

    /// Takes the requests to cancel, which removes them.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be read or removed.
    fn take_cancel_requests(&mut self) -> Result<Vec<CancelRequest>, StateError>;
}
