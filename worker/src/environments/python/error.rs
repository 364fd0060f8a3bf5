//! Why a Python environment could not be resolved or built.

use std::path::{Path, PathBuf};

use sunward_core::FailureKind;
use sunward_data::{io_blame, io_remedy};

use crate::environments::cache::LockError;

/// The reason why a Python environment could not be resolved or built.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// There is no interpreter, or not the requested one.
    #[error("{0}")]
    NoPython(String),
    /// The lock file cannot be read or written.
    #[error("the lock file {path}: {problem}")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// The index lacks a requested package.
    #[error(
        "{tool} cannot resolve {requirements}: {said}; correct `packages` or the file of `requirements`, or check that the index has them for this Python"
    )]
    Unresolvable {
        /// pip or uv.
        tool: &'static str,
        /// The requirements.
        requirements: String,
        /// The end of the tool's output.
        said: String,
    },
    /// The index cannot be reached.
    #[error(
        "the package index could not be reached while {what}: {said}; try again when the network is back"
    )]
    Registry {
        /// What was attempted.
        what: String,
        /// The end of the tool's output.
        said: String,
    },
    /// A package differs from the lock file.
    #[error(
        "a package is not what the lock file says it is: {said}; delete its entry in the lock file so that it is resolved again, if you trust the index"
    )]
    OtherBytes {
        /// The end of the tool's output.
        said: String,
    },
    /// `SUNWARD_INSTALLER` names a program that cannot be used.
    #[error("{0}")]
    NoInstaller(String),
    /// pip, uv or venv failed in another way.
    #[error("{what} failed: {said}; correct that and run again")]
    Tool {
        /// What was run.
        what: String,
        /// The end of its output.
        said: String,
    },
    /// A file operation of the environment failed.
    #[error("could not {what} {path}: {source}{}", io_remedy(source))]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The run was cancelled meanwhile.
    #[error("it was stopped before it finished")]
    Cancelled,
}

impl PythonError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }

    /// The kind of failure. A tool that fails for another reason than the network will fail again.
    /// If a package has other bytes than the lock file says, the user must decide what to do.
    pub(in crate::environments) fn kind(&self) -> FailureKind {
        match self {
            Self::NoPython(_)
            | Self::NoInstaller(_)
            | Self::Unresolvable { .. }
            | Self::Lock { .. }
            | Self::OtherBytes { .. } => FailureKind::Input,
            Self::Registry { .. } => FailureKind::Infrastructure,
            Self::Tool { .. } => FailureKind::Permanent,
            Self::Io { source, .. } => io_blame(source).kind(FailureKind::Infrastructure),
            Self::Cancelled => FailureKind::Cancelled,
        }
    }
}

impl From<LockError> for PythonError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Stopped => Self::Cancelled,
            LockError::Io { what, path, source } => Self::Io { what, path, source },
        }
    }
}
