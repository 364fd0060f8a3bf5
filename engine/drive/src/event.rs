//! Events for an observer of a run.

use sunward_core::place::Placement;
use sunward_core::{Failure, Lease, RunId, RunStatus, StageId, TaskId, Timestamp};

/// An event to show. Counts are read from the state, and reported at most a few times a second.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run starts or continues.
    Began {
        /// The run.
        run: RunId,
    },
    /// Something changed since the last event.
    Progress,
    /// Attempts started to execute. Not every task is reported.
    Executing {
        /// The tasks.
        tasks: &'a [TaskId],
    },
    /// Tasks were leased.
    Leased {
        /// The lease.
        lease: &'a Lease,
    },
    /// A stage is ready and waits for the start that its placement names. It is reported again if
    /// the start moves.
    Deferred {
        /// The stage.
        stage: StageId,
        /// The start, in the clock's time.
        until: Timestamp,
        /// Where and when the stage runs, and why.
        placement: &'a Placement,
    },
    /// An attempt failed.
    Failed {
        /// The task.
        task: TaskId,
        /// The reason.
        failure: &'a Failure,
        /// When the task is tried again, if it is.
        retry_at: Option<Timestamp>,
    },
    /// A stage cannot start.
    Unresolvable {
        /// The run.
        run: RunId,
        /// The stage.
        stage: StageId,
        /// The reason.
        failure: &'a Failure,
    },
    /// A worker's message to the user.
    Notice {
        /// The line.
        line: &'a str,
    },
    /// Another process requested that the run be cancelled.
    CancelRequested {
        /// The run.
        run: RunId,
    },
    /// The run ended.
    Ended {
        /// The run.
        run: RunId,
        /// Its status.
        status: RunStatus,
    },
}
