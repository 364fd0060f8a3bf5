//! Why an attempt gave no result, before it is written as a [`Failure`].

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sunward_core::{Failure, FailureKind};
use sunward_data::{DataError, io_blame, io_remedy};

use crate::batch::Batch;

/// A failure without its task's name and log.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Fault {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Input, message)
    }

    pub(crate) fn output(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Output, message)
    }

    pub(crate) fn infrastructure(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Infrastructure, message)
    }

    /// No waiting mends it; the message says what does.
    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Permanent, message)
    }

    /// That data could not be read or kept: whose that is, the error knows. `mine` where it is the
    /// user's.
    pub(crate) fn data(mine: FailureKind, message: impl Into<String>, error: &DataError) -> Self {
        Self::new(error.blame().kind(mine), message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(FailureKind::Cancelled, "it was cancelled")
    }

    /// That the worker's own file work failed: `what` as in `create the folder`.
    pub(crate) fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        let kind = io_blame(error).kind(FailureKind::Infrastructure);
        let remedy = io_remedy(error);
        Self::new(
            kind,
            format!("could not {what} {}: {error}{remedy}", path.display()),
        )
    }

    /// As the coordinator gets it: with the task's name, and the end of its log.
    pub(crate) fn into_failure(self, batch: &Batch, index: u32, log_tail: String) -> Failure {
        Failure {
            kind: self.kind,
            message: format!("{}: {}", batch.title(index), self.message),
            log_tail,
            ran_on: None,
        }
    }
}
