//! What an observer is told while a run goes on.

use sunward_core::place::Placement;
use sunward_core::{Failure, Lease, RunId, RunStatus, StageId, TaskId, Timestamp};

/// One thing to show. Counts are to be read from the state; they are told of at most a few times a
/// second.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run has begun, or goes on.
    Began {
        /// Which.
        run: RunId,
    },
    /// Something changed since the last time.
    Progress,
    /// These attempts began to execute (not told of every task).
    Executing {
        /// Which tasks.
        tasks: &'a [TaskId],
    },
    /// Tasks were leased.
    Leased {
        /// Which.
        lease: &'a Lease,
    },
    /// A stage is ready and waits for the start that its placement says; told again when that moves.
    Deferred {
        /// Which.
        stage: StageId,
        /// Until when, in the clock's time.
        until: Timestamp,
        /// Where and when it goes, and why.
        placement: &'a Placement,
    },
    /// An attempt failed.
    Failed {
        /// Which task.
        task: TaskId,
        /// Why.
        failure: &'a Failure,
        /// When it is tried again, if it is.
        retry_at: Option<Timestamp>,
    },
    /// A stage cannot start.
    Unresolvable {
        /// Run.
        run: RunId,
        /// Stage.
        stage: StageId,
        /// Why.
        failure: &'a Failure,
    },
    /// Something a worker wants read.
    Notice {
        /// The line.
        line: &'a str,
    },
    /// Another process asked that the run be cancelled.
    CancelRequested {
        /// Which.
        run: RunId,
    },
    /// It is over.
    Ended {
        /// Which.
        run: RunId,
        /// How.
        status: RunStatus,
    },
}
