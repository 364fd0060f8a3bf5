//! What every journal can do: one writer, any number of readers.

use std::path::Path;

use sunward_core::{Dataset, Digest, Fact, RunId, RunStatus, State, TaskResult, Timestamp};

use crate::error::StateError;
use crate::fold::Folding;
use crate::group::{FileStamp, Group, Position};

/// Which facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of all runs that are not archived, and of the workers.
    Live,
    /// Those of one run, archived or not, and those of engines and workers in between.
    Run(RunId),
}

/// One line of the listing of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub run: RunId,
    /// Absolute path of the workflow's file.
    pub path: String,
    /// The workflow's name.
    pub workflow: String,
    /// Digest of its params' values: see [`crate::digest_params`].
    pub params: Digest,
    /// How it stands. An unfinished run whose engine was killed still says `Running`.
    pub status: RunStatus,
    /// When it was submitted.
    pub submitted: Timestamp,
    /// When it ended or stopped last.
    pub ended: Option<Timestamp>,
}

/// A wish of another process that a run be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelRequest {
    /// Which run.
    pub run: RunId,
    /// When it was written.
    pub at: Timestamp,
}

/// Looks at a state, also while an engine writes to it.
pub trait Reader: Send {
    /// Where the state is, for messages.
    fn place(&self) -> &Path;

    /// Hands the facts of a scope to `each`, oldest first. What is appended meanwhile is not seen.
    ///
    /// # Errors
    /// When the journal cannot be read or is damaged.
    fn replay(&self, scope: Scope, each: &mut dyn FnMut(Fact)) -> Result<(), StateError>;

    /// All that is true of runs that are not archived and of workers: the newest snapshot, and the
    /// groups after it.
    ///
    /// # Errors
    /// When the journal cannot be read, is damaged, or its facts do not follow from one another.
    fn fold(&self) -> Result<State, StateError>;

    /// All that is true of one run, archived or not; empty when there is no such run. Of workers it
    /// tells only that they were there.
    ///
    /// # Errors
    /// When the journal cannot be read, is damaged, or its facts do not follow from one another.
    fn load_run(&self, run: RunId) -> Result<State, StateError> {
        let mut folded = Folding::default();
        self.replay(Scope::Run(run), &mut |fact| folded.apply_alone(&fact))?;
        folded.finish(self.place())
    }

    /// The position of the newest group.
    ///
    /// # Errors
    /// When the journal cannot be read.
    fn newest_position(&self) -> Result<Position, StateError>;

    /// All runs, oldest first.
    ///
    /// # Errors
    /// When the listing cannot be read.
    fn runs(&self) -> Result<Vec<RunRow>, StateError>;

    /// One run, or `None`.
    ///
    /// # Errors
    /// When the listing cannot be read.
    fn run(&self, run: RunId) -> Result<Option<RunRow>, StateError>;

    /// The run that was submitted last.
    ///
    /// # Errors
    /// When the listing cannot be read.
    fn newest_run(&self) -> Result<Option<RunRow>, StateError>;

    /// The unfinished runs of this file and these params (running by name though their engine is
    /// gone, interrupted, or held), newest first.
    ///
    /// # Errors
    /// When the listing cannot be read.
    fn unfinished(&self, path: &str, params: Digest) -> Result<Vec<RunRow>, StateError>;

    /// The id that the next run gets.
    ///
    /// # Errors
    /// When the listing cannot be read.
    fn next_run_id(&self) -> Result<RunId, StateError>;

    /// The results with these keys, each in the place of its key.
    ///
    /// # Errors
    /// When the results cannot be read or are damaged.
    fn lookup_results(&self, keys: &[Digest]) -> Result<Vec<Option<TaskResult>>, StateError>;

    /// Hands every result to `each`, with its key and the time of its last use (to the day).
    ///
    /// # Errors
    /// When the results cannot be read or are damaged.
    fn each_result(
        &self,
        each: &mut dyn FnMut(Digest, TaskResult, Timestamp),
    ) -> Result<(), StateError>;

    /// What this file was found to hold, if it is unchanged since.
    ///
    /// # Errors
    /// When the memory cannot be read.
    fn recall_file(
        &self,
        stamp: &FileStamp,
        reading: Digest,
    ) -> Result<Option<Dataset>, StateError>;

    /// Requests to cancel that no engine has taken yet.
    ///
    /// # Errors
    /// When the requests cannot be read.
    fn cancel_requests(&self) -> Result<Vec<CancelRequest>, StateError>;
}

/// Opens one more reader of a state.
pub type OpenReader = dyn Fn() -> Result<Box<dyn Reader>, StateError> + Send + Sync;

/// Writes a state. There is one writer at a time.
pub trait Journal: Reader {
    /// Writes a group. When this returns, the group is durable, and so is all before it; when it
    /// fails, nothing of the group is there.
    ///
    /// # Errors
    /// When it cannot be written.
    fn append(&mut self, group: &Group) -> Result<Position, StateError>;

    /// Another reader on the same state, for another thread.
    ///
    /// # Errors
    /// When the state cannot be opened once more.
    fn reader(&self) -> Result<Box<dyn Reader>, StateError>;

    /// Opens eyes on the same state wherever it is taken.
    fn opener(&self) -> Box<OpenReader>;

    /// Writes the state as it was after the newest group, so that folding begins there.
    ///
    /// # Errors
    /// When it cannot be written.
    fn snapshot(&mut self, state: &State) -> Result<(), StateError>;

    /// Moves a finished run's facts out of the live journal into compact form. `Scope::Run` finds
    /// them there; `Scope::Live` sees them no more.
    ///
    /// # Errors
    /// When it cannot be written.
    fn archive(&mut self, run: RunId) -> Result<(), StateError>;

    /// Forgets results, as when their parts were deleted.
    ///
    /// # Errors
    /// When it cannot be written.
    fn forget_results(&mut self, keys: &[Digest]) -> Result<(), StateError>;

    /// Forgets what was remembered of files.
    ///
    /// # Errors
    /// When it cannot be written.
    fn forget_memory(&mut self) -> Result<(), StateError>;

    /// Takes the requests to cancel: they are gone afterwards.
    ///
    /// # Errors
    /// When they cannot be read or removed.
    fn take_cancel_requests(&mut self) -> Result<Vec<CancelRequest>, StateError>;
}
