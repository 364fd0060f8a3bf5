//! Why a run could not be driven on.

use sunward_core::{RunId, RunStatus};
use sunward_state::StateError;

/// Why a run could not be driven on. What was acknowledged is durable; the run can be resumed.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The journal cannot be written or read.
    #[error("{0}")]
    State(#[from] StateError),
    /// A thread could not be started.
    #[error(
        "cannot start a thread {purpose}: {source}. Close other programs or raise the limit of processes (`ulimit -u`)"
    )]
    Thread {
        /// What it was for.
        purpose: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The run is not one that can go on.
    #[error("run {run} cannot go on: it {}. `sunward run` continues unfinished runs or starts a new one, `sunward retry` runs again what failed", .status.map_or_else(|| "is not known".to_owned(), |status| format!("is {}", format!("{status:?}").to_lowercase())))]
    NotBegun {
        /// Which.
        run: RunId,
        /// How it stands.
        status: Option<RunStatus>,
    },
    /// All workers are gone.
    #[error(
        "the worker stopped, so nothing can run any more. Finished tasks are kept: running the same command again goes on where it stopped"
    )]
    NoWorker,
    /// A thread of the loop ended before its time.
    #[error(
        "the {what} stopped unexpectedly. This is a mistake in sunward; please report it. Running the same command again goes on where it stopped"
    )]
    Broken {
        /// Which.
        what: &'static str,
    },
    /// The loop itself panicked.
    #[error(
        "driving run {run} failed unexpectedly: {said}. This is a bug in Sunward; please report it with this message. Finished tasks are kept: running the same command again goes on where it stopped"
    )]
    Panicked {
        /// Which run.
        run: RunId,
        /// What the panic said.
        said: String,
    },
    /// The brain refused one of its own facts.
    #[error(
        "run {run} has come into a state that cannot be: {why}. This is a mistake in sunward; please report it. `--fresh` starts a new run"
    )]
    Illegal {
        /// Run.
        run: RunId,
        /// What does not follow.
        why: String,
    },
}
