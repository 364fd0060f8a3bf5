//! Why an attempt gave no result, before it becomes a [`Failure`].

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sunward_core::FailureKind;
use sunward_data::{DataError, io_blame, io_remedy};

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

    /// Waiting does not help; the message names the remedy.
    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Permanent, message)
    }

    /// Data could not be read or stored. The error knows whose fault that is; `mine` is the kind if
    /// it is the user's.
    pub(crate) fn data(mine: FailureKind, message: impl Into<String>, error: &DataError) -> Self {
        Self::new(error.blame().kind(mine), message)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(FailureKind::Cancelled, "it was stopped before it finished")
    }

    /// The worker's own file operation failed. `what` is for example `create the folder`.
    pub(crate) fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        let kind = io_blame(error).kind(FailureKind::Infrastructure);
        let remedy = io_remedy(error);
        Self::new(
            kind,
            format!(
                "could not {what} {}: {error}{remedy}",
                sunward_files::shown(path)
            ),
        )
    }
}
