//! Why an attempt gave no result, before it is written as a [`Failure`].

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sunward_core::{Failure, FailureKind};

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

    pub(crate) fn cancelled() -> Self {
        Self::new(FailureKind::Cancelled, "it was cancelled")
    }

    /// That the worker's own file work failed: `what` as in `create the folder`.
    pub(crate) fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "; the disk is full: free some space (`sunward cache prune`) and run again"
            }
            io::ErrorKind::PermissionDenied => "; see who may write there",
            _ => "",
        };
        Self::infrastructure(format!(
            "could not {what} {}: {error}{advice}",
            path.display()
        ))
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
