//! Errors of the loop.

use sunward_core::{RunId, RunStatus};
use sunward_state::StateError;

/// Why a run cannot continue. What was acknowledged is durable, and the run can be resumed.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The journal cannot be written or read.
    #[error("{0}")]
    State(#[from] StateError),
    /// A thread could not be started.
    #[error(
        "cannot start a thread {purpose}: {source}. Close other programs or raise the limit on processes (`ulimit -u`)"
    )]
    Thread {
        /// The purpose of the thread.
        purpose: &'static str,
        /// The reason.
        source: std::io::Error,
    },
    /// The run cannot be continued.
    #[error("run {run} cannot continue: it {}. `sunward run` continues unfinished runs or starts a new one; `sunward retry` runs the failed tasks again", .status.map_or_else(|| "is not known".to_owned(), |status| format!("is {}", format!("{status:?}").to_lowercase())))]
    NotBegun {
        /// The run.
        run: RunId,
        /// Its status.
        status: Option<RunStatus>,
    },
    /// All workers are gone.
    #[error(
        "the worker stopped, so nothing can run. Finished tasks are kept; run the same command again to continue"
    )]
    NoWorker,
    /// A thread of the loop ended unexpectedly.
    #[error(
        "the {what} stopped unexpectedly. This is a bug in Sunward; please report it. Run the same command again to continue"
    )]
    Broken {
        /// The thread.
        what: &'static str,
    },
    /// The loop itself panicked.
    #[error(
        "run {run} failed unexpectedly: {said}. This is a bug in Sunward; please report it with this message. Finished tasks are kept; run the same command again to continue"
    )]
    Panicked {
        /// The run.
        run: RunId,
        /// The panic's message.
        said: String,
    },
    /// The core refused one of its own facts.
    #[error(
        "run {run} reached an impossible state: {why}. This is a bug in Sunward; please report it. `--fresh` starts a new run"
    )]
    Illegal {
        /// The run.
        run: RunId,
        /// The contradiction.
        why: String,
    },
}
