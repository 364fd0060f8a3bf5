//! Why an environment could not be resolved or made ready.

use std::path::Path;

use sunward_core::FailureKind;
use sunward_data::{io_blame, io_remedy};

use super::cache::LockError;
use super::python::PythonError;
use super::runner::NoOutcome;
use crate::fault::Fault;

/// Why an environment could not be resolved or made ready, with the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct EnvironmentError {
    kind: FailureKind,
    message: String,
}

impl EnvironmentError {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// What the workflow or the machine asks for cannot be had until somebody changes something.
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Input, message)
    }

    pub(crate) fn io<'p>(
        what: &'p str,
        path: &'p Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<'p> {
        move |error| {
            Self::new(
                io_blame(&error).kind(FailureKind::Infrastructure),
                format!(
                    "could not {what} {}: {error}{}",
                    sunward_files::shown(path),
                    io_remedy(&error)
                ),
            )
        }
    }

    /// The lock file cannot be read or written.
    pub(crate) fn of_lock(error: PythonError) -> Self {
        Self::input(error.to_string())
    }

    /// The tool at `path` gave no outcome.
    pub(crate) fn of_tool(path: &Path) -> impl FnOnce(NoOutcome) -> Self {
        move |error| match error {
            NoOutcome::Stopped => LockError::Stopped.into(),
            NoOutcome::Io(error) => Self::io("run", path)(error),
        }
    }

    /// Whether the user must change something, rather than wait.
    #[must_use]
    pub fn is_the_users(&self) -> bool {
        self.kind == FailureKind::Input
    }
}

impl From<PythonError> for EnvironmentError {
    fn from(error: PythonError) -> Self {
        Self::new(error.kind(), format!("its Python environment: {error}"))
    }
}

impl From<LockError> for EnvironmentError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Stopped => {
                Self::new(FailureKind::Cancelled, "it was stopped before it finished")
            }
            LockError::Io { what, path, source } => Self::io(what, &path)(source),
        }
    }
}

impl From<EnvironmentError> for Fault {
    fn from(error: EnvironmentError) -> Self {
        Self::new(error.kind, error.message)
    }
}
